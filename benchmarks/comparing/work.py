"""Work to be done in some order: what each task needs, and how long it takes.

Tasks are numbers, and need only smaller ones, so that any loop over them is a valid order. A task takes its time as a
sleep, so that more workers than cores can be compared; one that takes no time does nothing at all. Only the order is
handed on, no values: not everyone beside us passes values by name.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from orchestra_nb import Node
from orchestra_nb.model import NodeId


@dataclass(frozen=True)
class Work:
    """Tasks with their needs and their seconds."""

    name: str
    needs: list[list[int]]
    seconds: list[float]

    def __len__(self) -> int:
        return len(self.needs)

    @cached_property
    def users(self) -> list[list[int]]:
        """Who needs each task."""
        found: list[list[int]] = [[] for _ in self.needs]
        for task, before in enumerate(self.needs):
            for needed in before:
                found[needed].append(task)
        return found

    @cached_property
    def calls(self) -> list[Callable[..., None]]:
        """What each task does; what it needs may be passed and is not looked at."""
        return [sleeper(seconds) if seconds else nothing for seconds in self.seconds]

    @cached_property
    def levels(self) -> list[list[int]]:
        """Tasks by the length of the longest way to them."""
        depth = [0] * len(self)
        for task, before in enumerate(self.needs):
            depth[task] = 1 + max((depth[needed] for needed in before), default=-1)
        found: list[list[int]] = [[] for _ in range(max(depth) + 1)]
        for task, at in enumerate(depth):
            found[at].append(task)
        return found

    @cached_property
    def by_rank(self) -> list[int]:
        """Tasks by their upward rank: first what the longest remaining way hangs on."""
        ranks = list(self.seconds)
        for task in reversed(range(len(self))):
            ranks[task] += max((ranks[user] for user in self.users[task]), default=0.0)
        return sorted(range(len(self)), key=lambda task: -ranks[task])

    def nodes(self) -> list[Node]:
        """Give what a user gives us."""
        names = [NodeId(f"n{task}") for task in range(len(self))]
        return [
            Node(name, fn=call, after=tuple([names[needed] for needed in before]), cost=seconds, index=task)
            for task, (name, call, before, seconds) in enumerate(
                zip(names, self.calls, self.needs, self.seconds, strict=True)
            )
        ]


def nothing(*_: object) -> None:
    """Do nothing."""


def sleeper(seconds: float) -> Callable[..., None]:
    """Make a body that takes so long."""

    def sleep(*_: object) -> None:
        time.sleep(seconds)

    return sleep


def chain(size: int) -> Work:
    """Each task needs the one before."""
    return Work("chain", [[task - 1] if task else [] for task in range(size)], [0.0] * size)


def fan_out(size: int) -> Work:
    """One task, all that need it, and one that needs them all."""
    middle = list(range(1, size - 1))
    return Work("fan-out", [[], *([0] for _ in middle), middle], [0.0] * size)


def layered(size: int, seed: int = 0, seconds: float = 0.0) -> Work:
    """As many layers as a layer has tasks; each task needs two or three of the layer before."""
    draw = random.Random(seed)
    width = max(1, round(size**0.5))
    needs: list[list[int]] = []
    for task in range(size):
        first = task - task % width
        above = range(max(0, first - width), first)
        needs.append(sorted(draw.sample(above, min(len(above), draw.choice((2, 3))))))
    return Work("layered", needs, [seconds] * size)


FAMILIES: dict[str, Callable[[int], Work]] = {"chain": chain, "fan-out": fan_out, "layered": layered}
"""Kinds of graphs, by name."""
