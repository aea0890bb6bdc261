"""Which lane of a Gantt chart a node stands in, and what the lane is called. Pure.

Order: lanes of one kind stand together, threads before processes before the event loop, and those of a kind in the
order of their first use. A thread or a process does one thing at a time, but a node's end is when the run has heard of
it, and its worker may have begun the next one some microseconds before: such an end is cut, so that this does not make
a second lane. What overlaps by more is packed: each node, in the order of the starts, takes the lowest lane that is
free by then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from heapq import heappop, heappush
from itertools import pairwise

from orchestra_nb.display.wording import short
from orchestra_nb.model import NodeId

UNDOING = "undo"
"""The lane of what compensates others, after the end of a run."""
HEARING = 0.005
"""Seconds that the end of a node may be heard of after its worker has begun the next."""

_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("main", re.compile("main|MainThread")),
    ("thread", re.compile("thread|Thread.*")),
    ("process", re.compile(r"process( \d+)?")),
    ("dask worker", re.compile("dask worker.*", re.DOTALL)),
    ("worker", re.compile("")),
    ("event loop", re.compile("async|event loop")),
    (UNDOING, re.compile(UNDOING)),
)
_ORDER = {"main": 0, "thread": 1, "process": 2, "dask worker": 3, "worker": 4, "event loop": 6, UNDOING: 7}
_NAMED = 5
"""Where lanes stand that are called by the names of their workers."""
_ALONE = frozenset(("main", "event loop", UNDOING))
"""Kinds of which there usually is one: only the second lane has a number."""
_SHARED = frozenset(("event loop", "worker", UNDOING))
"""Kinds whose one name stands for several nodes at once."""
_LABEL = 18


@dataclass(frozen=True, slots=True)
class Placed:
    """When a node was at work, and where: the name of its worker."""

    node: NodeId
    start: float
    end: float
    worker: str


Laid = tuple[tuple[str, ...], Mapping[NodeId, tuple[int, float]]]
"""What the lanes are called, and the lane and the end of each node."""


@lru_cache(maxsize=256)
def kind_of(worker: str) -> str:
    """Say what a worker is, by the name that the run knows.

    Examples
    --------
    >>> kind_of("Thread-3 (worker)"), kind_of("async"), kind_of("process 4711"), kind_of("reviewer")
    ('thread', 'event loop', 'process', 'reviewer')
    """
    known = (kind for kind, names in _KINDS if names.fullmatch(worker))
    return next(known, None) or short(worker, _LABEL)


def packed(spans: Sequence[tuple[float, float]]) -> list[int]:
    """Give each span the lowest lane that is free at its start; the spans are in the order of their starts.

    Examples
    --------
    >>> packed([(0, 3), (0, 1), (1, 2), (2, 4), (3, 5)])
    [0, 1, 1, 1, 0]
    """
    found, free, busy = [], list[int](), list[tuple[float, int]]()
    for start, end in spans:
        while busy and busy[0][0] <= start:
            heappush(free, heappop(busy)[1])
        lane = heappop(free) if free else len(busy)
        heappush(busy, (end, lane))
        found.append(lane)
    return found


def lanes_of_workers(placed: Iterable[Placed]) -> Laid:
    """Lay nodes into lanes by the names of their workers.

    Examples
    --------
    >>> a, b, c = (Placed(NodeId(n), s, s + 2.0, w) for n, s, w in (("a", 0.0, "T"), ("b", 1.0, "T"), ("c", 2.0, "U")))
    >>> lanes_of_workers([a, b, c])
    (('T 1', 'T 2', 'U 1'), {'a': (0, 2.0), 'b': (1, 3.0), 'c': (2, 4.0)})
    """
    groups: dict[str, list[Placed]] = {}
    for each in sorted(placed, key=lambda each: (each.start, each.end)):
        groups.setdefault(each.worker, []).append(each)
    rows: list[tuple[str, str, int, Placed]] = []
    for worker, members in groups.items():
        kind = kind_of(worker)
        cut = members if kind in _SHARED else _cut(members)
        lanes = packed([(each.start, each.end) for each in cut])
        rows += [(kind, worker, lane, each) for lane, each in zip(lanes, cut, strict=True)]
    places: dict[str, dict[tuple[str, int], int]] = {}
    for kind, worker, lane, _ in rows:
        known = places.setdefault(kind, {})
        known.setdefault((worker, lane), len(known) + 1)
    numbered = [(each, kind, places[kind][worker, lane]) for kind, worker, lane, each in rows]
    names, position = _called((kind, place) for _, kind, place in numbered)
    return names, {each.node: (position[kind, place], each.end) for each, kind, place in numbered}


def lanes_of_places(places: Iterable[tuple[NodeId, str, int]]) -> tuple[tuple[str, ...], Mapping[NodeId, int]]:
    """Lay nodes into lanes by the places that they were given: which lane, and which number in it.

    Examples
    --------
    >>> lanes_of_places([(NodeId("a"), "async", 1), (NodeId("b"), "thread", 2), (NodeId("c"), "thread", 1)])
    (('thread 1', 'thread 2', 'event loop'), {'a': 2, 'b': 1, 'c': 0})
    """
    given = [(node, kind_of(lane), place) for node, lane, place in places]
    names, position = _called((kind, place) for _, kind, place in given)
    return names, {node: position[kind, place] for node, kind, place in given}


def _cut(members: Sequence[Placed]) -> list[Placed]:
    """Cut ends that were heard of late."""
    found = list(members)
    for i, (one, other) in enumerate(pairwise(members)):
        if one.start < other.start < one.end <= other.start + HEARING:
            found[i] = replace(one, end=other.start)
    return found


def _called(used: Iterable[tuple[str, int]]) -> tuple[tuple[str, ...], dict[tuple[str, int], int]]:
    """Order the lanes, and name them."""
    found = dict.fromkeys(used)
    first = {kind: number for number, kind in enumerate(dict.fromkeys(kind for kind, _ in found))}
    ordered = sorted(found, key=lambda lane: (_ORDER.get(lane[0], _NAMED), first[lane[0]], lane[1]))
    names = tuple(kind if kind in _ALONE and place == 1 else f"{kind} {place}" for kind, place in ordered)
    return names, {lane: number for number, lane in enumerate(ordered)}
