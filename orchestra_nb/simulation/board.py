"""Where there is room: gaps between what workers already do, and what is left of resources. A machine without clock.

Policy: whoever is placed later may go into a gap that an earlier one left, if all of it fits and what it holds is free
throughout (the insertion of Topcuoglu, Hariri and Wu 2002; serial schedule generation with resources, Kolisch 1996).
Numbers are of any kind that adds and compares: seconds in :mod:`.heft`, whole ticks in :mod:`.optimum`. Half-open: who
ends at a moment makes room for who begins at it. What takes no time needs its worker and its resources at that moment
all the same, and nobody is placed across it later. Order: among workers that would end a node at the same time, the
lowest. Failure: none; whoever asks for more of a resource than there is, is refused before (:func:`.held_by`).

A gap is found by bisection; a resource remembers a step for each begin and end of who holds it.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from orchestra_nb.graph.paths import Adjacency
from orchestra_nb.resources.claims import Wants


class Place(NamedTuple):
    """Where a node stands: its worker, its begin and its end.

    Examples
    --------
    >>> Place(0, 1.0, 2.5).end
    2.5
    """

    worker: int
    start: float
    end: float


class Board:
    """Workers and resources, and what is taken of them.

    Parameters
    ----------
    workers
        How many.
    capacities
        How much of each resource may be held at once.

    Examples
    --------
    >>> board = Board(1, {"db": 1})
    >>> board.take(Place(0, 0, 2)), board.take(Place(0, 5, 9))
    (None, None)
    >>> board.earliest(0, 1, 3), board.earliest(0, 1, 4)
    (2, 9)
    """

    def __init__(self, workers: int, capacities: Mapping[str, int] | None = None) -> None:
        self._begins: list[list[float]] = [[0] for _ in range(workers)]
        self._ends: list[list[float]] = [[math.inf] for _ in range(workers)]
        self._held = {name: _Held(capacity) for name, capacity in (capacities or {}).items()}

    def earliest(self, worker: int, ready: float, seconds: float, wants: Wants = ()) -> float:
        """Find the first moment from ``ready`` on at which a worker and all that is wanted are free for so long.

        Examples
        --------
        >>> board = Board(2, {"db": 1})
        >>> board.take(Place(0, 0, 4), (("db", 1),))
        >>> board.earliest(1, 1, 2), board.earliest(1, 1, 2, (("db", 1),))
        (1, 4)
        """
        while True:
            start = self._gap(worker, ready, seconds)
            ready = start
            for name, amount in wants:
                ready = self._held[name].earliest(ready, seconds, amount)
            if ready == start:
                return start

    def _gap(self, worker: int, ready: float, seconds: float) -> float:
        begins, ends = self._begins[worker], self._ends[worker]
        at = bisect_left(ends, ready + seconds)  # the first gap that does not end too early
        while True:
            start = max(begins[at], ready)
            if start + seconds <= ends[at]:
                return start
            at += 1

    def take(self, place: Place, wants: Wants = ()) -> None:
        """Fill a place that was found free.

        Examples
        --------
        >>> board = Board(1)
        >>> board.take(Place(0, 0, 2))
        >>> board.earliest(0, 0, 1)
        2
        """
        worker, start, end = place
        begins, ends = self._begins[worker], self._ends[worker]
        at = bisect_right(begins, start) - 1
        left, right = begins[at], ends[at]
        if end > start or left < start < right:
            parts = [(a, b) for a, b in ((left, start), (end, right)) if b > a]
            begins[at : at + 1] = [a for a, _ in parts]
            ends[at : at + 1] = [b for _, b in parts]
        for name, amount in wants:
            self._held[name].take(start, end, amount)


class _Held:
    """How much of one resource is held, moment by moment: a step function, and moments of those that take no time."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._times: list[float] = [0]
        self._used = [0]
        self._moments: list[tuple[float, int]] = []

    def earliest(self, ready: float, seconds: float, amount: int) -> float:
        free = self._capacity - amount
        times, used = self._times, self._used
        start = ready
        at = max(bisect_right(times, start) - 1, 0)
        while at < len(times) and (times[at] < start + seconds or times[at] <= start):
            if used[at] > free:
                start = times[at + 1]  # nobody holds anything after the last step
            at += 1
        for moment, wanted in self._moments:
            if start < moment < start + seconds and self._at(moment) + wanted > free:
                return self.earliest(moment, seconds, amount)
        return start

    def take(self, start: float, end: float, amount: int) -> None:
        if end <= start:
            insort(self._moments, (start, amount))
            return
        first, last = self._step(start), self._step(end)
        for at in range(first, last):
            self._used[at] += amount

    def _at(self, moment: float) -> int:
        return self._used[max(bisect_right(self._times, moment) - 1, 0)]

    def _step(self, at: float) -> int:
        place = bisect_left(self._times, at)
        if place == len(self._times) or self._times[place] != at:
            self._times.insert(place, at)
            self._used.insert(place, self._used[place - 1])
        return place


class Task(NamedTuple):
    """What is known of a node before it is placed.

    Parameters
    ----------
    times
        What it takes on each worker; infinite where it must not run.
    wants
        What it holds meanwhile.

    Examples
    --------
    >>> Task((2.0, 4.0), (("db", 1),)).wants
    (('db', 1),)
    """

    times: Sequence[float]
    wants: Wants = ()


def placed(
    order: Sequence[int],
    tasks: Sequence[Task],
    preds: Adjacency,
    board: Board,
    delays: Mapping[tuple[int, int], float] | None = None,
) -> dict[int, Place]:
    """Place nodes one after another, each where it ends first.

    Parameters
    ----------
    order
        Positions of the nodes, each after all that it needs.
    tasks
        What is known of each, by position.
    preds
        What each needs.
    board
        Where they are placed.
    delays
        For a pair of nodes, what a value travels between different workers.

    Examples
    --------
    >>> tasks = [Task((2, 4)), Task((2, 4)), Task((6, 3))]
    >>> placed([0, 1, 2], tasks, [[], [], [0, 1]], Board(2))[2]
    Place(worker=1, start=4, end=7)
    """
    found: dict[int, Place] = {}
    for i in order:
        needs = [(found[p], delays.get((p, i), 0.0) if delays else 0) for p in preds[i] if p in found]
        best: Place | None = None
        for worker, seconds in enumerate(tasks[i].times):
            if seconds == math.inf:
                continue
            ready = max((p.end if p.worker == worker else p.end + delay for p, delay in needs), default=0)
            start = board.earliest(worker, ready, seconds, tasks[i].wants)
            if best is None or start + seconds < best.end:
                best = Place(worker, start, start + seconds)
        assert best is not None  # every node may run on some worker
        board.take(best, tasks[i].wants)
        found[i] = best
    return found
