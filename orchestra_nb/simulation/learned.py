"""What the history of real runs says of durations: the one place of the simulator that reads anything.

The history is that of the user's own runs (:mod:`orchestra_nb.running.history`); where there is none, nothing is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestra_nb.config import RunConfig
from orchestra_nb.graph.dag import DAG
from orchestra_nb.running.history import open_history


def learned_costs(dag: DAG) -> DAG:
    """Make the same graph with what earlier runs took as the costs that nobody has given.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> learned_costs(DAG([Node("load", cost=2.5)])).nodes["load"].cost
    2.5
    """
    return open_history(RunConfig()).costed(dag)


def learned_durations(dag: DAG) -> Mapping[str, Sequence[float]]:
    """Tell what nodes took in their last runs, in seconds; a node of which nothing is known is not there.

    Examples
    --------
    >>> learned_durations(DAG([]))
    {}
    """
    return {name: seconds for name, seconds in open_history(RunConfig()).durations(dag).items() if seconds}
