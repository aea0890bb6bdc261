"""The schedule that a run by these settings is expected to have: what plans and dashboards show before anything ran.

The settings of a run are those of its simulation, but for what would make a plan of unknown costs a picture of nothing:
a node takes at most its timeout (a cost that nobody knows counts as a second, and is no reason to expect a failure),
and the run's own timeout is left out. Of a resource that the settings do not name there is as much as any one node
asks for: it may be registered where the run will find it.
"""

from __future__ import annotations

from orchestra_nb.config import RunConfig
from orchestra_nb.graph.dag import DAG
from orchestra_nb.resources.claims import wants_of
from orchestra_nb.simulation.schedule import Schedule
from orchestra_nb.simulation.simulator import simulate


def expected(dag: DAG, config: RunConfig, jobs: int) -> Schedule:
    """Work out the schedule of a run.

    Parameters
    ----------
    dag
        What is to run.
    config
        Its settings.
    jobs
        How many nodes may run at once, as these settings mean it here.

    Raises
    ------
    DefinitionError
        A node uses more of a resource than the settings say there is, or its retries or circuit cannot be meant.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> dag = DAG([Node("a", uses=["gpu:2"], timeout=0.5), Node("b", uses=["gpu:2"])])
    >>> expected(dag, RunConfig(), jobs=4).makespan
    1.5
    """
    nodes = dag.nodes.values()
    resources = dict(config.resources)
    for node in nodes:
        for name, amount in wants_of(node.uses):
            if name not in config.resources and amount > 1:
                resources[name] = max(int(resources.get(name, 1)), amount)
    capped = any(node.timeout is not None and node.timeout < node.cost for node in nodes)
    return simulate(
        dag,
        jobs,
        config.policy,
        config.schedule,
        config.seed,
        resources=resources,
        durations={node.id: min(node.cost, node.timeout or node.cost) for node in nodes} if capped else None,
        keep_going=config.keep_going,
        async_jobs=config.async_jobs,
    )
