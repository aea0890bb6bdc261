"""What stands behind the Gantt chart of a run: the schedule that the simulator makes of the very times measured. Pure.

Policy: the plan says how the same nodes, each as long as it was, would have lain had nothing waited for anything but
its needs and a worker. What of the run stands right of it was lost to locks, to the machine, or to an order that was
not the best. Expected costs were rejected: mostly nobody gave any, and a second for each node that takes a millisecond
is a picture of nothing. So there is no plan while a run goes on. What awaited on the event loop takes no worker, as in
the run. Locks, rates and times that are up are left out on purpose, though the simulator knows them: with them the plan
would lie where the run lies, and would not show any more what they cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from orchestra_nb.display.gantt.lanes import kind_of
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.undoing import compensators
from orchestra_nb.model import Outcome
from orchestra_nb.simulation.case import case_of
from orchestra_nb.simulation.schedule import Schedule
from orchestra_nb.simulation.simulator import run_case


def planned(dag: DAG, outcomes: Mapping[str, Outcome], jobs: int) -> Schedule | None:
    """Simulate a run that has ended.

    Parameters
    ----------
    dag
        Its graph.
    outcomes
        How its nodes ended.
    jobs
        How many might run at once.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> ended = {"a": Outcome("a", "done", started=0.5, ended=2.0), "b": Outcome("b", "done", started=2.0, ended=3.0)}
    >>> planned(DAG([Node("a"), Node("b")]), ended, jobs=2).makespan
    1.5
    """
    aside = compensators(dag.nodes.values())
    began = {name: o for name, o in outcomes.items() if o.started is not None and o.node not in aside}
    if not began or jobs < 1:
        return None
    seconds = {name: began[name].seconds if name in began else 0.0 for name in dag.nodes}
    case = case_of(_unhindered(dag).with_costs(seconds), jobs)
    on_loop = frozenset(name for name, outcome in began.items() if kind_of(outcome.worker) == "event loop")
    whole = run_case(replace(case, on_loop=on_loop if jobs > 1 else frozenset()))
    return replace(whole, rows=tuple(slot for slot in whole.rows if slot.node in began))


def _unhindered(dag: DAG) -> DAG:
    """Make the graph without what nodes wait for beside their needs and a worker, and without what cuts them short."""
    if not any(node.uses or node.timeout is not None for node in dag.nodes.values()):
        return dag
    return DAG([replace(node, uses=(), timeout=None) for node in dag.nodes.values()], dag.given)
