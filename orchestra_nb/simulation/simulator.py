"""How long a run would take, and who would do what when, without running anything.

Policy: a plain graph is scheduled by the plan machine alone (:mod:`.plain`), anything else by the driver of a real run
under a virtual clock (:mod:`.world`); the two are the same where both apply. Durations are what the user says, what
history knows, or drawn by chance with a seed (:mod:`.durations`). Deterministic: equal questions have equal answers, in
any process.

Bounds: what no schedule can beat is said of what ran, with the attempts as long as they were: the longest way, the work
shared by all workers as fast as they are, and for each resource what it lets through. What waits on the event loop
takes no worker.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Unpack

from orchestra_nb.config import Capacity
from orchestra_nb.config import Schedule as ScheduleName
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.paths import critical_path, upward_ranks
from orchestra_nb.model import NodeId, Outcome
from orchestra_nb.planning.policies import Policy
from orchestra_nb.simulation.case import Case, Terms, Workers, case_of
from orchestra_nb.simulation.holders import Holders
from orchestra_nb.simulation.plain import plain_slots
from orchestra_nb.simulation.schedule import ResourceUse, Schedule, Slot
from orchestra_nb.simulation.world import World

_ONCE = Capacity(1)


def simulate(
    dag: DAG,
    workers: Workers = 2,
    policy: str | Policy = "critical-path",
    schedule: ScheduleName = "eager",
    seed: int = 0,
    **terms: Unpack[Terms],
) -> Schedule:
    """Work out a schedule without running anything.

    Parameters
    ----------
    dag
        What needs what, and how long it takes.
    workers
        How many nodes may run at once; or the speed of each worker, such as ``[1.0, 1.0, 0.5]``: a node takes its
        duration over the speed, and the fastest free worker takes the most urgent node.
    policy, schedule, seed
        As in :class:`.RunConfig`; the policy may also be a function. The seed is that of all that is drawn.
    **terms
        ``resources``: how much there is of what nodes use, as in :class:`.RunConfig`: ``{"db": 1, "api": "60/min"}``.

        ``durations``: what nodes take, in seconds: a mapping of all nodes; ``"learned"``, what earlier runs took; or
        :class:`.LogNormal`, :class:`.Uniform`, :class:`.Gamma` or :class:`.Empirical`. ``None``: ``Node.cost``. What
        is expected, by which policies decide, stays ``Node.cost`` (except with ``"learned"``).

        ``failures``: how likely an attempt fails, from 0 to 1: a mapping of nodes, or one number for all.

        ``keep_going``, ``timeout``, ``async_jobs``: as in :class:`.RunConfig`.

    Raises
    ------
    ConfigError
        No workers, an unknown policy or schedule, durations that are missing or cannot be: all faults at once.
    DefinitionError
        A node uses more of a resource than there is, or its retries or its circuit cannot be meant.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> dag = DAG([Node("a", cost=2), Node("b", cost=1), Node("c", cost=1)])
    >>> simulate(dag, workers=2).makespan, simulate(dag, workers=2).utilization
    (2.0, 1.0)
    >>> simulate(dag, workers=[1.0, 0.5]).makespan
    3.0
    >>> simulate(DAG([Node(f"call {n}", uses=["api"]) for n in range(3)]), 3, resources={"api": "1/min"}).makespan
    121.0
    """
    return run_case(case_of(dag, workers, policy, schedule, seed, **terms))


def run_case(case: Case) -> Schedule:
    """Answer a question that was checked.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> run_case(case_of(DAG([Node("a", cost=3)]), 1)).makespan
    3.0
    """
    if case.is_plain:
        rows = plain_slots(case)
        end = max((row.end for row in rows), default=0.0)
        return _schedule(case, rows, end)
    return run_world(World(case))


def run_world(world: World) -> Schedule:
    """Let a world happen, and put its schedule together."""
    world.run()
    return schedule_of(world)


def schedule_of(world: World) -> Schedule:
    """Put the schedule of a world together in which everything has happened."""
    driver, case = world.driver, world.case
    ended = (driver.outcomes[node.id] for node in case.dag.nodes.values())
    found = _schedule(case, world.slots(), world.now, world.holders)
    return replace(found, outcomes=tuple(_in_words(each) for each in ended if not each.ok), stopped=driver.stopped)


def _in_words(outcome: Outcome) -> Outcome:
    """Put what an error says in its place: errors are equal to nothing, and equal questions have equal answers."""
    return replace(outcome, error=None, reason=outcome.reason or str(outcome.error or ""))


def _schedule(case: Case, rows: list[Slot], end: float, holders: Holders | None = None) -> Schedule:
    dag = case.dag
    if case.schedule == "levels":
        rows = _with_barriers(dag, rows)
    taken = _taken(case, rows)
    as_expected = all(taken[node.id] == node.cost for node in dag.nodes.values())
    span, path = (dag.critical_time, dag.critical_path) if as_expected else _longest(dag, taken)
    busy = (
        dag.total_time if as_expected and not case.speeds and not case.on_loop else math.fsum(_on_workers(case, rows))
    )
    work = (
        math.fsum(row.seconds * _speed(case, row) for row in rows if row.worker < case.workers) if case.speeds else busy
    )
    uses = () if holders is None else tuple(_uses(case.capacities, holders, end))
    return Schedule(
        tuple(rows),
        case.workers,
        end,
        max(span / _fastest(case), work / (math.fsum(case.speeds) or case.workers), *map(_least, uses)),
        min(busy / (end * case.workers), 1.0) if end else 0.0,
        path,
        policy=case.policy if isinstance(case.policy, str) else getattr(case.policy, "__name__", "function"),
        schedule=case.schedule,
        speeds=case.speeds,
        resources=uses,
        dag=dag if as_expected else dag.with_costs(taken),
    )


def _taken(case: Case, rows: Iterable[Slot]) -> dict[str, float]:
    """What each node took of a worker of speed one: all its attempts together; nothing where it never ran."""
    taken = dict.fromkeys(map(str, case.dag.nodes), 0.0)
    for row in rows:
        whole = row.attempt == 1 and row.status == "done"
        taken[row.node] += case.seconds[row.node] if whole else row.seconds * _speed(case, row)
    return taken


def _longest(dag: DAG, taken: Mapping[str, float]) -> tuple[float, tuple[NodeId, ...]]:
    """Find the longest way by what nodes took, and how long it is; what took nothing is left out."""
    table = dag.table
    costs = [taken[name] for name in table.ids]
    ranks = upward_ranks(table.levels, table.succs, costs)
    path = critical_path(ranks, table.preds, table.succs)
    return max(ranks, default=0.0), tuple(table.ids[i] for i in path if costs[i])


def _fastest(case: Case) -> float:
    """Speed of the fastest worker; a coroutine is as fast as ever."""
    return max([*case.speeds, *([1.0] if case.on_loop or not case.speeds else [])])


def _speed(case: Case, row: Slot) -> float:
    return case.speeds[row.worker] if case.speeds and row.worker < case.workers else 1.0


def _on_workers(case: Case, rows: Iterable[Slot]) -> list[float]:
    return [row.seconds for row in rows if row.worker < case.workers]


def _uses(capacities: Mapping[str, Capacity], holders: Holders, end: float) -> Iterable[ResourceUse]:
    for name, taken in holders.taken.items():
        amount, period = (capacity := capacities.get(name, _ONCE)).amount, capacity.period
        busy = holders.busy.get(name, 0.0)
        if period is None:
            share = busy / (amount * end) if end else 0.0
        else:  # as much as may begin until the end, which is a whole window's at least
            share = taken / (amount * (1 if period == math.inf else math.floor(end / period) + 1))
        yield ResourceUse(name, amount, period, taken, busy, min(share, 1.0))


def _least(use: ResourceUse) -> float:
    """Say in what time at least a resource lets through what was taken of it, in seconds."""
    if use.period is None:
        return use.busy / use.amount
    return 0.0 if use.period == math.inf else (math.ceil(use.taken / use.amount) - 1) * use.period


def _with_barriers(dag: DAG, rows: list[Slot]) -> list[Slot]:
    """Say of each first attempt when its needs were met, where its level opened later."""
    ended: dict[NodeId, float] = {}
    for row in rows:
        ended[row.node] = max(row.end, ended.get(row.node, 0.0))
    found = []
    for row in rows:
        if row.attempt == 1 and row.queued:
            met = max((ended.get(name, 0.0) for name in dag.predecessors(row.node)), default=0.0)
            row = replace(row, met=met) if met < row.queued else row
        found.append(row)
    return found
