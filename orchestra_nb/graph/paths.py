"""Levels, ranks, the critical path and slack, on plain index lists.

Policy: every function takes adjacency as lists of integers (the positions of nodes in document order) and answers in
the same terms; names come back in :mod:`.dag`. Order: ties are settled by document order, so equal graphs give equal
answers in every process; ways whose lengths differ by no more than rounding are equally long. Failure: none here; a
cycle shows as nodes that :func:`layers` does not return.

The hot loops are :func:`layers` and :func:`upward_ranks`: one pass over nodes and edges each, local variables only,
no objects made per edge. Rejected: networkx, which hashes a node per step and is four to eight times slower; recursion,
which a chain of ten thousand nodes would break; ``graphlib``, which gives an order but neither ranks nor levels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

Adjacency = Sequence[Sequence[int]]

ROUNDING = 1e-9
"""Share of the critical time below which a difference is rounding: costs are added up in different orders."""


def layers(preds: Adjacency, succs: Adjacency) -> list[list[int]]:
    """Topological generations: a node's layer is the length of the longest way to it.

    Returns
    -------
    list of list of int
        Each layer in document order. Nodes on a cycle, and what needs them, are missing.

    Examples
    --------
    >>> layers([[], [0], [0], [1, 2]], [[1, 2], [3], [3], []])
    [[0], [1, 2], [3]]
    """
    waiting = [len(p) for p in preds]
    layer = [i for i, count in enumerate(waiting) if not count]
    found = []
    while layer:
        found.append(layer)
        following: list[int] = []
        for i in layer:
            for j in succs[i]:
                waiting[j] -= 1
                if not waiting[j]:
                    following.append(j)
        following.sort()
        layer = following
    return found


def upward_ranks(levels: Adjacency, succs: Adjacency, costs: Sequence[float]) -> list[float]:
    """Time from a node's start to the end of everything that needs it, in seconds.

    Examples
    --------
    >>> upward_ranks([[0], [1, 2]], [[1, 2], [], []], [1.0, 5.0, 2.0])
    [6.0, 5.0, 2.0]
    """
    ranks = list(costs)
    for level in reversed(levels):
        for i in level:
            longest = 0.0
            for j in succs[i]:
                rank = ranks[j]
                if rank > longest:
                    longest = rank
            ranks[i] += longest
    return ranks


def earliest_starts(levels: Adjacency, preds: Adjacency, costs: Sequence[float]) -> list[float]:
    """Say when each node could start if there were a worker for everyone, in seconds."""
    ends = list(costs)
    starts = [0.0] * len(costs)
    for level in levels:
        for i in level:
            start = 0.0
            for j in preds[i]:
                end = ends[j]
                if end > start:
                    start = end
            starts[i] = start
            ends[i] += start
    return starts


def critical_path(ranks: Sequence[float], preds: Adjacency, succs: Adjacency) -> list[int]:
    """Find the longest way by cost; of equally long ones, the one that comes first in the document.

    Examples
    --------
    >>> critical_path([6.0, 5.0, 2.0], [[], [0], [0]], [[1, 2], [], []])
    [0, 1]
    """
    path: list[int] = []
    here: Sequence[int] = [i for i, before in enumerate(preds) if not before]
    spare = max(ranks, default=0.0) * ROUNDING
    while here:
        i, spare = next(_longest(here, ranks, spare))
        path.append(i)
        here = succs[i]
    return path


def critical_paths(ranks: Sequence[float], preds: Adjacency, succs: Adjacency) -> Iterator[list[int]]:
    """Yield every longest way by cost, from a node that needs nothing to one that nothing needs, in document order.

    The time to the next way is at most linear in the graph; the number of ways can be exponential.

    Examples
    --------
    >>> list(critical_paths([2.0, 1.0, 1.0], [[], [0], [0]], [[1, 2], [], []]))
    [[0, 1], [0, 2]]
    """
    sources = [i for i, before in enumerate(preds) if not before]
    walk = [_longest(sources, ranks, max(ranks, default=0.0) * ROUNDING)]
    path: list[int] = []
    while walk:
        step = next(walk[-1], None)
        if step is None:
            walk.pop()
            del path[-1:]
            continue
        i, spare = step
        path.append(i)
        if succs[i]:
            walk.append(_longest(succs[i], ranks, spare))
        else:
            yield path.copy()
            path.pop()


def _longest(candidates: Sequence[int], ranks: Sequence[float], spare: float) -> Iterator[tuple[int, float]]:
    """Yield the candidates that a longest way goes on with, and what is left of the time that rounding may cost."""
    best = max([ranks[i] for i in candidates], default=0.0)
    for i in candidates:
        if best - ranks[i] <= spare or ranks[i] == best:
            yield i, max(0.0, spare - (best - ranks[i]))


def slacks(ranks: Sequence[float], starts: Sequence[float]) -> list[float]:
    """How many seconds each node can be late without making the whole later.

    The two passes add costs in different orders, so that a node on the critical path may come out a rounding error
    away from zero; those are exactly zero here.

    Examples
    --------
    >>> slacks([6.0, 5.0, 2.0], [0.0, 1.0, 1.0])
    [0.0, 0.0, 3.0]
    """
    total = max(ranks, default=0.0)
    least = total * ROUNDING
    spare = [total - (start + rank) for start, rank in zip(starts, ranks, strict=True)]
    return [value if value > least else 0.0 for value in spare]


def reachable(starts: Iterable[int], adjacency: Adjacency) -> set[int]:
    """Find everything that can be reached along one step or more.

    Examples
    --------
    >>> sorted(reachable([0], [[1], [2], [], [2]]))
    [1, 2]
    """
    found: set[int] = set()
    waiting = list(starts)
    while waiting:
        for j in adjacency[waiting.pop()]:
            if j not in found:
                found.add(j)
                waiting.append(j)
    return found


def shortest_way(source: int, target: int, succs: Adjacency) -> list[int]:
    """Find a way with the fewest steps; of several, the first in document order. Empty: there is none.

    Examples
    --------
    >>> shortest_way(0, 3, [[1, 2], [2], [3], []])
    [0, 2, 3]
    """
    before: dict[int, int] = {}
    layer = [source]
    while layer and target not in before:
        following = []
        for i in layer:
            for j in succs[i]:
                if j not in before:
                    before[j] = i
                    following.append(j)
        layer = following
    if target not in before:
        return []
    way = [target]
    while way[-1] != source:
        way.append(before[way[-1]])
    return way[::-1]
