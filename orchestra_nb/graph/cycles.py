"""Cycles, each in its shortest form.

Policy: a reader who made a cycle wants the shortest one there is, and of several independent mistakes, all. So the
shortest cycle is found, broken at an edge that goes back in the document (every cycle has one, and it is usually the
mistake), and the search goes on: dropping that edge from each cycle named here leaves a DAG.

The search: nodes that lie on no cycle are peeled off. Every cycle passes through a *gate*: the end of an edge that goes
back in the document, or in a depth-first walk, whichever are fewer. A breadth-first search from a gate finds the
shortest cycle through it, and never goes deeper than the best so far. Breaking an edge only makes cycles longer, so
what is known of a gate stays a lower bound and few searches are repeated. Rejected: a search from every node
(quadratic for one wrong edge in a large graph); listing all elementary cycles (exponentially many); Tarjan's components
(they name sets, not ways around).
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from itertools import pairwise

from orchestra_nb.graph.paths import Adjacency

_Core = dict[int, list[int]]

MOST = 100
"""How many cycles are named in one pass; a graph with more is one mistake repeated."""


def cycles(succs: Adjacency, most: int = MOST) -> list[list[int]]:
    """Name the cycles of a graph, shortest first.

    Parameters
    ----------
    succs
        For each node, the positions of those that need it.
    most
        Stop after this many.

    Returns
    -------
    list of list of int
        The way around each cycle; begins with its first node in the document, which is repeated at the end.

    Examples
    --------
    >>> cycles([[1], [2, 0], [0]])
    [[0, 1, 0], [0, 1, 2, 0]]
    """
    core = _peel({i: list(dict.fromkeys(following)) for i, following in enumerate(succs)})
    bounds = [(1, gate) for gate in _gates(core)]
    heapify(bounds)
    found: list[list[int]] = []
    while len(found) < most and (path := _shortest(core, bounds)):
        found.append(path)
        source, target = next((s, t) for s, t in pairwise(path) if s >= t)
        core[source].remove(target)
    return found


def _shortest(core: _Core, bounds: list[tuple[int, int]]) -> list[int]:
    """Find the shortest cycle, given for each gate a length that no cycle through it is below; none: empty."""
    best: list[int] = []
    while bounds and (not best or bounds[0][0] < len(best)):
        _, gate = heappop(bounds)
        path = _around(core, gate, len(best))
        if path:
            if best:
                heappush(bounds, (len(best), best[0]))
            best = path
        elif best:
            heappush(bounds, (len(best), gate))
    if not best:
        return []
    heappush(bounds, (len(best), best[0]))
    first = best.index(min(best))
    return [*best[first:], *best[: first + 1]]


def _peel(core: _Core) -> _Core:
    """Leave out every node that cannot be on a cycle: nothing leads to it, or nothing leads on."""
    inward = _reversed(_without_sources(core))
    return _reversed(_without_sources(inward))


def _reversed(core: _Core) -> _Core:
    back: _Core = {i: [] for i in core}
    for i in sorted(core):
        for j in core[i]:
            back[j].append(i)
    return back


def _without_sources(core: _Core) -> _Core:
    waiting = dict.fromkeys(core, 0)
    for following in core.values():
        for j in following:
            waiting[j] += 1
    loose = [i for i, count in waiting.items() if not count]
    while loose:
        i = loose.pop()
        del waiting[i]
        for j in core[i]:
            waiting[j] -= 1
            if not waiting[j]:
                loose.append(j)
    return {i: core[i] for i in waiting}


def _gates(core: _Core) -> set[int]:
    """Find nodes such that every cycle passes through one of them."""
    back = {j for i, following in core.items() for j in following if j <= i}
    closing = _closing(core)
    return min(back, closing, key=len)


def _closing(core: _Core) -> set[int]:
    """Find the ends of the edges that close a cycle in a depth-first walk: every cycle has one of them."""
    on_path: set[int] = set()
    seen: set[int] = set()
    ends: set[int] = set()
    for root in sorted(core):
        if root in seen:
            continue
        seen.add(root)
        on_path.add(root)
        walk = [(root, iter(core[root]))]
        while walk:
            i, following = walk[-1]
            for j in following:
                if j in on_path:
                    ends.add(j)
                elif j not in seen:
                    seen.add(j)
                    on_path.add(j)
                    walk.append((j, iter(core[j])))
                    break
            else:
                walk.pop()
                on_path.discard(i)
    return ends


def _around(core: _Core, start: int, below: int) -> list[int]:
    """Find the shortest way from ``start`` to itself, not closed; none if it has ``below`` nodes (0: no limit)."""
    came_from = {start: -1}
    ring, steps = [start], 1
    while ring and (not below or steps < below):
        following = []
        for i in ring:
            for j in core[i]:
                if j == start:
                    return _way_back(came_from, i)
                if j not in came_from:
                    came_from[j] = i
                    following.append(j)
        ring = following
        steps += 1
    return []


def _way_back(came_from: dict[int, int], last: int) -> list[int]:
    path = []
    while last != -1:
        path.append(last)
        last = came_from[last]
    return path[::-1]
