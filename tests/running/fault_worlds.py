"""Random DAGs that something befalls while they run, and what must be true after they went on.

Each node's body says in a file when it begins and ends, so that what ran twice can be told in whatever process it ran.
What is to happen stands in another file, which whoever does it takes away first: so it happens once.

As a program, ``python -m tests.running.fault_worlds SEED FOLDER`` is the process that is killed.
"""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import random
import signal
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from orchestra_nb.config import RunConfig
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node
from orchestra_nb.running.scheduler import ParallelScheduler

KINDS = ("exception", "timeout", "worker dies", "process dies", "disk is full")
_MOST = 1_000_003
_BIG = 70_000
"""Bytes that do not stand in a journal's own lines."""


@dataclass(frozen=True)
class World:
    """What a seed stands for.

    Parameters
    ----------
    seed
        Everything follows from it.
    folder
        Where its processes leave what they did, and their checkpoints.
    """

    seed: int
    folder: Path

    @cached_property
    def chance(self) -> random.Random:
        return random.Random(self.seed)

    @property
    def kind(self) -> str:
        return KINDS[self.seed % len(KINDS)]

    @cached_property
    def needs(self) -> dict[str, tuple[str, ...]]:
        """The nodes, each with those whose values it takes."""
        chance, found = random.Random(f"needs {self.seed}"), {}
        for number in range(chance.randint(6, 40)):
            before = [f"n{k}" for k in range(max(0, number - 8), number)]
            found[f"n{number}"] = tuple(chance.sample(before, min(len(before), chance.choice((0, 1, 1, 2, 3)))))
        return found

    @cached_property
    def victim(self) -> tuple[str, str]:
        """Whom it befalls, and whether at its beginning or its end."""
        chance = random.Random(f"victim {self.seed}")
        return chance.choice(list(self.needs)), chance.choice(("begin", "end"))

    @cached_property
    def undoable(self) -> frozenset[str]:
        chance = random.Random(f"undo {self.seed}")
        return frozenset(name for name in self.needs if chance.random() < 0.3)

    @cached_property
    def using(self) -> frozenset[str]:
        """Who holds the one database while it runs."""
        chance = random.Random(f"uses {self.seed}")
        return frozenset(name for name in self.needs if chance.random() < 0.3)

    def salt(self, name: str) -> int:
        return random.Random(f"{self.seed} {name}").randrange(_MOST)

    def size(self, name: str) -> int:
        return _BIG if self.salt(name) % 5 == 0 else self.salt(name) % 50

    @cached_property
    def expected(self) -> dict[str, dict]:
        """What an undisturbed run gives."""
        values: dict[str, dict] = {}
        for name, needed in self.needs.items():
            values[name] = made(self.salt(name), self.size(name), [values[need] for need in needed])
        return values

    # Its graph.

    def dag(self) -> DAG:
        """The graph, of functions in a module of its own."""
        path = self.folder / f"world_{self.seed}.py"
        if not path.exists():
            path.write_text("from tests.running.fault_worlds import act, undo\n" + "".join(map(self._text, self.needs)))
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return DAG([self._node(name, vars(module)) for name in self.needs])

    def _text(self, name: str) -> str:
        given = ", ".join(self.needs[name])
        told = f"{str(self.folder)!r}, {name!r}"
        act = f"def {name}({given}):\n    return act({told}, {self.salt(name)}, {self.size(name)}, [{given}])\n\n"
        return act + (f"def undo_{name}({name}):\n    undo({told}, {name})\n\n" if name in self.undoable else "")

    def _node(self, name: str, made: dict) -> Node:
        befallen = name == self.victim[0]
        return Node(
            name,
            fn=made[name],
            after=self.needs[name],
            uses=("database",) if name in self.using else (),
            undo=made.get(f"undo_{name}"),
            timeout=0.1 if befallen and self.kind == "timeout" else None,
            backend="loky" if befallen and self.kind == "worker dies" else "inherit",
        )

    # What is done with it.

    def arrange(self) -> None:
        """Have it happen in the next run."""
        (self.folder / "fault").write_text(json.dumps([self.kind, *self.victim]))

    def scheduler(self) -> ParallelScheduler:
        config = RunConfig(
            jobs=3, history=False, cache=str(self.folder / "cache"), checkpoint="fast", undo=self.seed % 2 == 0
        )
        return ParallelScheduler(config)

    @property
    def said(self) -> list[list[str]]:
        """What the bodies said, in order: what, of whom."""
        path = self.folder / "said"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def made(salt: int, size: int, values: list[dict]) -> dict:
    """What a body makes of the values that it is given."""
    number = (salt + sum((k + 2) * value["number"] for k, value in enumerate(values))) % _MOST
    return {"number": number, "bytes": number.to_bytes(4, "big") * (size // 4)}


def act(folder: str, name: str, salt: int, size: int, values: list[dict]) -> dict:
    """Do what a node does; whatever is to befall it does."""
    say(folder, "begin", name)
    befall(folder, name, "begin")
    value = made(salt, size, values)
    say(folder, "end", name)
    befall(folder, name, "end")
    return value


def undo(folder: str, name: str, value: dict) -> None:
    """Take it back."""
    say(folder, "undo", f"{name} {value['number']}")


def say(folder: str, what: str, name: str) -> None:
    """Add a line, in one step, whoever else does."""
    file = os.open(os.path.join(folder, "said"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(file, f"{what} {name}\n".encode())
    finally:
        os.close(file)


def befall(folder: str, name: str, moment: str) -> None:
    """Do what is to happen here, once."""
    path = os.path.join(folder, "fault")
    try:
        with open(path, encoding="utf-8") as file:
            kind, whom, when = json.load(file)
    except FileNotFoundError:
        return
    if (whom, when) != (name, moment):
        return
    os.unlink(path)
    if kind == "exception":
        raise OSError(errno.EREMOTEIO, "storm")
    if kind == "timeout":
        while True:
            time.sleep(0.001)
    if kind == "worker dies":
        os._exit(9)
    if kind == "process dies":
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    world = World(int(sys.argv[1]), Path(sys.argv[2]))
    world.scheduler().execute(world.dag())
