"""HEFT and CPOP: a worker and a place for each node before anything runs, on workers that differ.

Policy: Topcuoglu, Hariri and Wu, Performance-effective and low-complexity task scheduling for heterogeneous computing,
IEEE TPDS 13 (2002). *HEFT* (section 4.2): nodes by falling upward rank, which counts what they take on average and what
values travel; each goes where it ends first, into a gap between others where it fits. *CPOP* (section 4.3): of what is
ready, the node first on whose way most hangs, before and behind; nodes of the critical path all on the one worker that
does that path fastest. What nodes use is held meanwhile, which the paper does not know: a gap counts only where there
is enough left of it. Neither looks at ``Node.priority``. On equal workers without communication, HEFT is list
scheduling by upward rank that also looks back into gaps.

Order: equal ranks by level, then by document position; equal ends by the lowest worker. Deterministic. Failure: what
cannot be meant is a :class:`.ConfigError` with every fault. Cost: nodes times workers, and a bisection among the gaps.
A run does not follow such a schedule: its workers take what is ready (:mod:`orchestra_nb.planning.policies`), because
durations are never quite what was expected.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from heapq import heapify, heappop, heappush

from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.paths import ROUNDING
from orchestra_nb.simulation.board import Board, Place, Task, placed
from orchestra_nb.simulation.machines import Communication, Machines, Speeds, delays_of, held_by, machines_of
from orchestra_nb.simulation.schedule import Schedule, Slot

Delays = Mapping[tuple[int, int], float]


def heft(
    dag: DAG,
    speeds: Speeds,
    *,
    communication: Communication | None = None,
    resources: Mapping[str, int | str] | None = None,
) -> Schedule:
    """Work out a schedule by heterogeneous earliest finish time.

    Parameters
    ----------
    dag
        What needs what; ``Node.cost`` is what a node takes on a worker of speed 1, in seconds.
    speeds
        How fast each worker is, or how many equal ones there are; or for each worker's name what each node takes there,
        in seconds, as in the paper.
    communication
        For ``(source, target)``, the seconds that a value travels where the two run on different workers; pairs that
        are not named take none.
    resources
        How much there is of what nodes use, as in :class:`.RunConfig`; what is not named is there once. Rates and
        budgets are refused.

    Raises
    ------
    ConfigError
        Workers, times, pairs or resources that cannot be meant.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> dag = DAG([Node("load", cost=2), Node("fit", after=["load"], cost=6), Node("plot", after=["load"], cost=2)])
    >>> plan = heft(dag, [2.0, 1.0])
    >>> plan.makespan, [(slot.node, slot.worker, slot.start, slot.end) for slot in plan.rows]
    (4.0, [('load', 0, 0.0, 1.0), ('plot', 1, 1.0, 3.0), ('fit', 0, 1.0, 4.0)])
    """
    machines, delays = machines_of(dag, speeds), delays_of(dag, communication)
    ranks = _upward(dag, machines.means(), delays)
    taking = [i for i in _topological(dag) if machines.times[i]]
    order = sorted(taking, key=lambda i: -ranks[i])  # stable, and nobody's rank is above that of whom it needs
    held, wants = held_by(dag, resources)
    tasks = [Task(times, want) for times, want in zip(machines.times, wants, strict=True)]
    board = Board(max(map(len, machines.times), default=0), held)
    return schedule_of(dag, machines, placed(order, tasks, dag.table.preds, board, delays), "heft", held)


def cpop(
    dag: DAG,
    speeds: Speeds,
    *,
    communication: Communication | None = None,
    resources: Mapping[str, int | str] | None = None,
) -> Schedule:
    """Work out a schedule by critical path on a processor.

    Parameters
    ----------
    dag, speeds, communication, resources
        As in :func:`heft`.

    Raises
    ------
    ConfigError
        Workers, times, pairs or resources that cannot be meant.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> dag = DAG([Node("load", cost=2), Node("fit", after=["load"], cost=6), Node("plot", after=["load"], cost=2)])
    >>> [(slot.node, slot.worker) for slot in cpop(dag, [1.0, 2.0]).rows]
    [('load', 1), ('plot', 0), ('fit', 1)]
    """
    machines, delays = machines_of(dag, speeds), delays_of(dag, communication)
    means = machines.means()
    up, down = _upward(dag, means, delays), _downward(dag, means, delays)
    priority = [a + b for a, b in zip(up, down, strict=True)]
    path = _critical(dag, machines, priority)
    held, wants = held_by(dag, resources)
    width = max(map(len, machines.times), default=0)
    chosen = min(range(width), key=lambda w: math.fsum(machines.times[i][w] for i in path)) if path else 0
    tasks = [
        Task(tuple(t if i not in path or w == chosen else math.inf for w, t in enumerate(times)), want)
        for i, (times, want) in enumerate(zip(machines.times, wants, strict=True))
    ]
    order = [i for i in _ready_first(dag, priority) if machines.times[i]]
    return schedule_of(dag, machines, placed(order, tasks, dag.table.preds, Board(width, held), delays), "cpop", held)


def schedule_of(
    dag: DAG, machines: Machines, places: Mapping[int, Place], policy: str, held: Mapping[str, int] | None = None
) -> Schedule:
    """Make a schedule of places.

    Parameters
    ----------
    dag, machines
        What was placed, and on whom.
    places
        By document position.
    policy
        What the schedule is called by.
    held
        How much there is of each resource.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> dag = DAG([Node("load", cost=2.0)])
    >>> schedule_of(dag, machines_of(dag, 1), {0: Place(0, 0.0, 2.0)}, "mine").makespan
    2.0
    """
    ids = dag.table.ids
    slots = [Slot(ids[i], p.worker, float(p.start), float(p.end)) for i, p in places.items()]
    rows = tuple(sorted(slots, key=lambda slot: (slot.start, slot.end, slot.worker)))
    makespan = max((slot.end for slot in rows), default=0.0)
    busy = math.fsum(slot.end - slot.start for slot in rows)
    bound = machines.lower_bound(dag, held)
    means: dict[str, float] = dict(zip(ids, machines.means(), strict=True))
    taken: dict[str, float] = {slot.node: slot.end - slot.start for slot in rows}
    return Schedule(
        rows=rows,
        workers=machines.count,
        makespan=makespan,
        lower_bound=makespan if makespan < bound <= makespan * (1 + ROUNDING) else bound,
        utilization=min(busy / (makespan * machines.count), 1.0) if makespan else 0.0,
        critical_path=dag.with_costs(means).critical_path,
        policy=policy,
        speeds=machines.speeds,
        dag=dag.with_costs(means | taken),
    )


def _topological(dag: DAG) -> list[int]:
    return [i for level in dag.table.levels for i in level]


def _upward(dag: DAG, means: Sequence[float], delays: Delays) -> list[float]:
    ranks = [0.0] * len(means)
    for i in reversed(_topological(dag)):
        behind = (delays.get((i, j), 0.0) + ranks[j] for j in dag.table.succs[i])
        ranks[i] = means[i] + max(behind, default=0.0)
    return ranks


def _downward(dag: DAG, means: Sequence[float], delays: Delays) -> list[float]:
    ranks = [0.0] * len(means)
    for i in _topological(dag):
        before = (ranks[p] + means[p] + delays.get((p, i), 0.0) for p in dag.table.preds[i])
        ranks[i] = max(before, default=0.0)
    return ranks


def _critical(dag: DAG, machines: Machines, priority: Sequence[float]) -> frozenset[int]:
    """One way through the nodes on which most hangs, from the first of them on."""
    least = max(priority, default=0.0) * (1 - ROUNDING)
    near: Sequence[int] = [i for i in _topological(dag) if machines.times[i] and not dag.table.preds[i]]
    path: list[int] = []
    while found := [i for i in near if machines.times[i] and priority[i] >= least]:
        path.append(found[0])
        near = dag.table.succs[found[0]]
    return frozenset(path)


def _ready_first(dag: DAG, priority: Sequence[float]) -> Iterator[int]:
    """Of all whose needs were taken, the one with the highest priority next."""
    left = [len(near) for near in dag.table.preds]
    heap = [(-priority[i], i) for i, needs in enumerate(left) if not needs]
    heapify(heap)
    while heap:
        _, i = heappop(heap)
        yield i
        for j in dag.table.succs[i]:
            left[j] -= 1
            if not left[j]:
                heappush(heap, (-priority[j], j))
