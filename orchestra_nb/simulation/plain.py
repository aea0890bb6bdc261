"""A plain graph in virtual time: list scheduling on the plan machine alone.

Where nodes wait for nothing but what they need and a worker, and nothing is ever stopped, the driver of a run
(:mod:`.world`) decides what list scheduling decides: the most urgent ready node goes first, and no worker idles while a
node is ready (Graham 1966, so at most 2 - 1/m of the optimum). This does the same in half the time, which is what a
graph of 100,000 nodes, or a thousand simulations, is about; a law in the tests holds the two to each other, slot for
slot. Order: all that ends at one moment has ended before anything begins; of free workers the fastest is taken, of
equally fast ones the first.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from orchestra_nb.model import NodeId
from orchestra_nb.planning.plan import Plan
from orchestra_nb.running.seams import Lane
from orchestra_nb.simulation.case import Case
from orchestra_nb.simulation.schedule import Slot, placed


def plain_slots(case: Case) -> list[Slot]:
    """Say who runs what when, by start.

    Examples
    --------
    >>> from orchestra_nb.graph.dag import DAG
    >>> from orchestra_nb.model import Node
    >>> from orchestra_nb.simulation.case import case_of
    >>> [(slot.node, slot.worker, slot.start) for slot in plain_slots(case_of(DAG([Node("a"), Node("b")]), [0.5, 1.0]))]
    [('a', 1, 0.0), ('b', 0, 0.0)]
    """
    plan = Plan(case.dag, policy=case.policy, schedule=case.schedule, seed=case.seed)
    seconds, speeds = case.seconds, case.speeds
    lane: Lane = "main" if case.workers == 1 else "thread"
    free = free_workers(case)
    waiting: list[tuple[int, NodeId, float]] = []
    rows: list[Slot] = []
    ends: list[tuple[float, int, tuple[float, int]]] = []
    now = 0.0
    while True:
        for name in plan.take():
            heappush(waiting, (plan.rank(name), name, now))
        while free and waiting:
            _, name, queued = heappop(waiting)
            worker = heappop(free)
            end = now + (seconds[name] / speeds[worker[1]] if speeds else seconds[name])
            heappush(ends, (end, len(rows), worker))
            rows.append(placed(name, worker[1], now, end, queued, lane))
        if not ends:
            return rows
        now = ends[0][0]
        while ends and ends[0][0] == now:
            _, row, worker = heappop(ends)
            plan.finish(rows[row].node)
            heappush(free, worker)


def free_workers(case: Case) -> list[tuple[float, int]]:
    """Give all workers as a heap: the fastest first, of equally fast ones the first.

    No more of them than there are nodes, where all are equal: others would never have anything to do.

    Examples
    --------
    >>> from orchestra_nb.graph.dag import DAG
    >>> free_workers(Case(DAG([]), 3, (1.0, 2.0, 1.0)))
    [(-2.0, 1), (-1.0, 0), (-1.0, 2)]
    """
    if not case.speeds:
        return [(-1.0, number) for number in range(min(case.workers, len(case.dag)))]
    free = [(-speed, number) for number, speed in enumerate(case.speeds)]
    heapify(free)
    return free
