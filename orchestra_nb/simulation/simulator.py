"""How long a run would take, and who would do what when: the plan machine with a virtual clock.

Policy: workers take the most urgent ready node as soon as they are free, and the lowest free worker takes it first; no
worker idles while a node is ready (list scheduling, so at most 2 - 1/m of the optimum). Nothing here knows what a node
does: durations are ``Node.cost`` in seconds. Order: among ends at one moment, the order of starts. Deterministic.
"""

from __future__ import annotations

from heapq import heappop, heappush

from orchestra_nb.config import Schedule as ScheduleName
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.undoing import compensators
from orchestra_nb.model import NodeId
from orchestra_nb.planning.plan import Plan
from orchestra_nb.planning.policies import Policy
from orchestra_nb.simulation.schedule import Schedule, Slot


def simulate(
    dag: DAG,
    workers: int,
    policy: str | Policy = "critical-path",
    schedule: ScheduleName = "eager",
    seed: int = 0,
) -> Schedule:
    """Work out a schedule without running anything.

    Parameters
    ----------
    dag
        What needs what, and how long it takes.
    workers
        How many nodes may run at once.
    policy, schedule, seed
        As in :class:`.RunConfig`; the policy may also be a function.

    Raises
    ------
    ConfigError
        No workers, or an unknown policy or schedule.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> dag = DAG([Node("a", cost=2), Node("b", cost=1), Node("c", cost=1)])
    >>> simulate(dag, workers=2).makespan, simulate(dag, workers=2).utilization
    (2.0, 1.0)
    """
    bound = dag.lower_bound(workers)
    plan = Plan(dag, policy=policy, schedule=schedule, seed=seed)
    aside = compensators(dag.nodes.values())  # who runs only after a failure takes no time
    costs = {name: 0.0 if name in aside else node.cost for name, node in dag.nodes.items()}
    free = list(range(workers)) if workers <= len(costs) else list(range(len(costs)))
    rows: list[Slot] = []
    ends: list[tuple[float, int]] = []
    now = 0.0
    while not plan.done:
        for name in plan.ready(len(free)) if free else ():
            plan.start(name)
            slot = Slot(NodeId(name), heappop(free), now, now + costs[name])
            heappush(ends, (slot.end, len(rows)))
            rows.append(slot)
        now = ends[0][0]
        while ends and ends[0][0] == now:
            slot = rows[heappop(ends)[1]]
            plan.finish(slot.node)
            heappush(free, slot.worker)
    busy = dag.total_time / (now * workers) if now else 0.0
    return Schedule(tuple(rows), workers, now, bound, min(busy, 1.0), dag.critical_path)
