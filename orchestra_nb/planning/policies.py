"""Which of the ready nodes goes first.

A policy is a function from a DAG to one key per node: the smallest key goes first, ties go by document order, and
``Node.priority`` comes before any policy. Keys are worked out once, before the run, so that a policy costs nothing
while it lasts. Each is one pass over the graph. They have names in the literature:

====================  ==================================================================================================
``critical-path``     HLFET, highest level first with estimated times (Adam, Chandy and Dickson, A comparison of list
                      schedules for parallel processing systems, 1974): the static upward rank. By latest start (MCP: Wu
                      and Gajski 1990) it is the same order
``highest-level``     HLFNET, the same with no estimated times: Hu's levels (Parallel sequencing and assembly line
                      problems, 1961), optimal for trees of equal nodes
``most-successors``   MISF, most immediate successors first: what CP/MISF breaks ties by (Kasahara and Narita, Practical
                      multiprocessor scheduling algorithms, 1984)
``smallest-slack``    MINSLK, by the slack without regard to workers (Davis and Patterson, A comparison of heuristic and
                      optimum solutions in resource-constrained project scheduling, 1975)
``longest-first``     LPT, longest processing time (Graham, Bounds on multiprocessing timing anomalies, 1969)
``shortest-first``    SPT, shortest processing time
``fifo``              in document order
``random``            the measure of all others
====================  ==================================================================================================

``levels`` is no policy but a schedule: any policy may be held to a barrier after each level. A new policy is one
function here and one name in :data:`POLICIES` and in :data:`.config.Policy`; a caller may also pass a function of their
own. Failure: an unknown name is a :class:`.ConfigError`. Rejected: keys that change while a run lasts (dynamic levels:
they cost in the run's hot loop, and could not be shown before it).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from orchestra_nb.errors import ConfigError, nearest
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.paths import upward_ranks
from orchestra_nb.graph.undoing import compensators

Policy = Callable[[DAG], Mapping[str, float]]


def critical_path(dag: DAG) -> Mapping[str, float]:
    """Highest upward rank first: what the longest remaining way hangs on.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> critical_path(DAG([Node("load", cost=2), Node("fit", after=["load"], cost=5)]))
    {'load': -7.0, 'fit': -5.0}
    """
    return {name: -rank for name, rank in dag.upward_rank.items()}


def highest_level(dag: DAG) -> Mapping[str, float]:
    """Most nodes on the longest remaining way first, whatever they take.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> highest_level(DAG([Node("load", cost=2), Node("fit", after=["load"], cost=5)]))
    {'load': -2.0, 'fit': -1.0}
    """
    table, aside = dag.table, compensators(dag.nodes.values())
    ones = [0.0 if name in aside else 1.0 for name in table.ids]
    ranks = upward_ranks(table.levels, table.succs, ones)
    return {name: -rank for name, rank in zip(table.ids, ranks, strict=True)}


def most_successors(dag: DAG) -> Mapping[str, float]:
    """Most nodes that wait for it directly first.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> most_successors(DAG([Node("load"), Node("fit", after=["load"]), Node("plot", after=["load"])]))
    {'load': -2.0, 'fit': 0.0, 'plot': 0.0}
    """
    table = dag.table
    return {name: 0.0 - len(near) for name, near in zip(table.ids, table.succs, strict=True)}


def smallest_slack(dag: DAG) -> Mapping[str, float]:
    """Least time that it may be late, with a worker for everyone, first.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> smallest_slack(DAG([Node("load", cost=2), Node("fit", cost=5)]))
    {'load': 3.0, 'fit': 0.0}
    """
    return dict(dag.slack)


def fifo(dag: DAG) -> Mapping[str, float]:
    """By document order.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> fifo(DAG([Node("load"), Node("fit")]))
    {'load': 0.0, 'fit': 0.0}
    """
    return dict.fromkeys(dag.nodes, 0.0)


def longest_first(dag: DAG) -> Mapping[str, float]:
    """Most expensive node first.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> longest_first(DAG([Node("load", cost=2), Node("fit", cost=5)]))
    {'load': -2, 'fit': -5}
    """
    return {name: -node.cost for name, node in dag.nodes.items()}


def shortest_first(dag: DAG) -> Mapping[str, float]:
    """Cheapest node first.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> shortest_first(DAG([Node("load", cost=2), Node("fit", cost=5)]))
    {'load': 2, 'fit': 5}
    """
    return {name: node.cost for name, node in dag.nodes.items()}


def shuffled(seed: int) -> Policy:
    """Make a policy of chance, the same for the same seed.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> dag = DAG([Node("load"), Node("fit")])
    >>> shuffled(1)(dag) == shuffled(1)(dag), shuffled(1)(dag) == shuffled(2)(dag)
    (True, False)
    """

    def keys(dag: DAG) -> Mapping[str, float]:
        draw = random.Random(seed)
        return {name: draw.random() for name in dag.nodes}

    return keys


POLICIES: Mapping[str, Callable[[int], Policy]] = {
    "critical-path": lambda seed: critical_path,
    "fifo": lambda seed: fifo,
    "longest-first": lambda seed: longest_first,
    "shortest-first": lambda seed: shortest_first,
    "random": shuffled,
    "highest-level": lambda seed: highest_level,
    "most-successors": lambda seed: most_successors,
    "smallest-slack": lambda seed: smallest_slack,
}
"""For each name, how to make the policy from a seed."""


def policy_of(policy: str | Policy, seed: int = 0) -> Policy:
    """Return the policy of a name, or the function itself.

    Raises
    ------
    ConfigError
        No policy has that name.

    Examples
    --------
    >>> policy_of("fifo") is fifo
    True
    >>> policy_of("lifo")
    Traceback (most recent call last):
    orchestra_nb.errors.ConfigError: policy='lifo' is unknown; did you mean 'fifo'?
    """
    if callable(policy):
        return policy
    if not isinstance(policy, str) or policy not in POLICIES:
        raise ConfigError(f"policy={policy!r} is unknown; {nearest(str(policy), POLICIES)}")
    return POLICIES[policy](seed)
