"""What would make a run shorter, and how short it can be, on plain index lists.

Two questions beyond the paths of :mod:`.paths`. *What does a faster node save?* No more than the longest way around it
leaves: :func:`margins` finds, for all critical nodes in one sweep, how much shorter the longest way is that avoids each
one. In topological order, a way avoids a node exactly when one of its steps jumps over the node's place, and the
longest way with that step is known from the ranks; so each place needs the longest step over it, which painting the
steps from the longest down gives in O((V + E) log E). *How long does a run take at least?* The critical path, the work
shared evenly, and, where work crowds, the bound of Fernández and Bussell: :func:`overload`.

Order and failure: none; numbers in, numbers out. Rejected: one longest-path pass per node for the gains (quadratic);
all intervals of the bound on large graphs (cubic), since any subset of intervals bounds as soundly, if less tightly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestra_nb.graph.paths import Adjacency

_EFFORT = 200_000
"""Node visits that one bound may cost: all intervals up to some hundred nodes, a sample beyond."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a run can take with so many workers, by expected costs; seconds.

    Parameters
    ----------
    workers
        How many nodes may run at once.
    work
        All nodes, one after another.
    span
        The critical path.
    lower
        No schedule is shorter.
    upper
        No schedule is longer that never leaves a worker idle while a node is ready (Graham 1966), whatever the policy.

    Examples
    --------
    >>> from orchestra_nb import DAG, Node
    >>> bounds = DAG([Node("load"), Node("fit", after=["load"], cost=4), Node("plot", after=["load"])]).bounds(2)
    >>> bounds.work, bounds.span, bounds.lower, bounds.upper
    (6.0, 5.0, 5.0, 5.5)
    """

    workers: int
    work: float
    span: float
    lower: float
    upper: float


def margins(
    levels: Adjacency, succs: Adjacency, starts: Sequence[float], ranks: Sequence[float], among: Sequence[int]
) -> list[float]:
    """Say how much shorter the longest way is that avoids each of some nodes.

    Parameters
    ----------
    levels, succs
        The graph.
    starts, ranks
        Earliest starts and upward ranks.
    among
        The nodes to ask about.

    Returns
    -------
    list of float
        Seconds, in the order of ``among``; the whole when every way passes.

    Examples
    --------
    Of the ways 0 → 1 → 3 (7 s) and 0 → 2 → 3 (4 s), node 1 saves at most three seconds:

    >>> margins([[0], [1, 2], [3]], [[1, 2], [3], [3], []], [0, 1, 1, 6], [7, 6, 3, 1], [0, 1])
    [7.0, 3.0]
    """
    total = float(max(ranks, default=0.0))
    place = {i: n for n, i in enumerate(i for level in levels for i in level)}
    asked = sorted(range(len(among)), key=lambda k: place[among[k]])
    before = _counts([place[among[k]] for k in asked], len(place))
    around = [0.0] * len(asked)
    beyond = list(range(len(asked) + 1))  # for each asked node, the first from here on that no step has covered
    for length, first, last in sorted(_steps(place, succs, starts, ranks, before), reverse=True):
        n = _next(beyond, first)
        while n < last:
            around[n] = length
            beyond[n] = n + 1
            n = _next(beyond, n)
    found = [0.0] * len(asked)
    for n, k in enumerate(asked):
        found[k] = total - around[n]
    return found


def _counts(places: Sequence[int], size: int) -> list[int]:
    """For each place, how many of the given ascending ones are before it."""
    counts = [0] * (size + 1)
    for n in places:
        counts[n + 1] = 1
    for n in range(size):
        counts[n + 1] += counts[n]
    return counts


def _steps(
    place: dict[int, int], succs: Adjacency, starts: Sequence[float], ranks: Sequence[float], before: Sequence[int]
) -> Iterator[tuple[float, int, int]]:
    """Yield each step that jumps over asked nodes: its longest way, and the first and last (not included) of them.

    A way begins with a step from before the first node and ends with one behind the last.
    """
    size = before[-1]
    needed = [False] * len(place)
    for i, n in place.items():
        first = before[n + 1]
        following = succs[i]
        if not following:
            if first < size:
                yield starts[i] + ranks[i], first, size
            continue
        end = starts[i] + ranks[i] - max([ranks[j] for j in following])
        for j in following:
            needed[j] = True
            if first < (last := before[place[j]]):
                yield end + ranks[j], first, last
    for i, waits in enumerate(needed):
        if not waits and before[place[i]]:
            yield ranks[i], 0, before[place[i]]


def _next(beyond: list[int], n: int) -> int:
    while beyond[n] != n:
        beyond[n] = beyond[beyond[n]]
        n = beyond[n]
    return n


def overload(starts: Sequence[float], latest: Sequence[float], costs: Sequence[float], workers: int) -> float:
    """Say how many seconds beyond the critical path crowded work forces on so many workers at least.

    Within the time from ``t1`` to ``t2`` a node must do all that cannot lie outside, even if it moves between its
    earliest and its latest place; what exceeds ``workers * (t2 - t1)`` makes the whole longer (Fernández and Bussell,
    Bounds on the number of processors and time for multiprocessor optimal schedules, 1973). Ends are swept for each
    begin; begins are sampled when there are many.

    Examples
    --------
    One second, then ten nodes of a second each, then one second, on two workers: seven seconds and not six.

    >>> ones = [1.0] * 12
    >>> places = [0.0, *[1.0] * 10, 2.0]
    >>> overload(places, places, ones, 2)
    4.0
    """
    begins = sorted({*starts, *latest})
    most = max(1, _EFFORT // max(1, len(costs)))
    if len(begins) > most:
        begins = [begins[n * len(begins) // most] for n in range(most)]
    return max((_excess(begin, starts, latest, costs, workers) for begin in begins), default=0.0)


def _excess(
    begin: float, starts: Sequence[float], latest: Sequence[float], costs: Sequence[float], workers: int
) -> float:
    """Find the worst interval with this begin: forced work grows along one ramp per node, up to all it must do."""
    bends = []
    for start, late, cost in zip(starts, latest, costs, strict=True):
        forced = min(cost, start + cost - begin)
        if forced > 0:
            ramp = max(late, begin)
            bends += [(ramp, 1), (ramp + forced, -1)]
    bends.sort()
    most = work = 0.0
    slope, here = 0, begin
    for time, bend in bends:
        work += slope * (time - here)
        here = time
        slope += bend
        most = max(most, work / workers - (time - begin))
    return most
