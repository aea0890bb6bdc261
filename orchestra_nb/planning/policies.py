"""Which of the ready nodes goes first.

A policy is a function from a DAG to one key per node: the smallest key goes first, ties go by document order, and
``Node.priority`` comes before any policy. Keys are worked out once, before the run, so that a policy costs nothing
while it lasts. A new policy is one function here and one name in :data:`POLICIES` and in :data:`.config.Policy`; a
caller may also pass a function of their own. Failure: an unknown name is a :class:`.ConfigError`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from orchestra_nb.errors import ConfigError, nearest
from orchestra_nb.graph.dag import DAG

Policy = Callable[[DAG], Mapping[str, float]]


def critical_path(dag: DAG) -> Mapping[str, float]:
    """Highest upward rank first: what the longest remaining way hangs on."""
    return {name: -rank for name, rank in dag.upward_rank.items()}


def fifo(dag: DAG) -> Mapping[str, float]:
    """By document order."""
    return dict.fromkeys(dag.nodes, 0.0)


def longest_first(dag: DAG) -> Mapping[str, float]:
    """Most expensive node first."""
    return {name: -node.cost for name, node in dag.nodes.items()}


def shortest_first(dag: DAG) -> Mapping[str, float]:
    """Cheapest node first."""
    return {name: node.cost for name, node in dag.nodes.items()}


def shuffled(seed: int) -> Policy:
    """Make a policy of chance, the same for the same seed."""

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
}
"""For each name, how to make the policy from a seed."""


def policy_of(policy: str | Policy, seed: int = 0) -> Policy:
    """Return the policy of a name, or the function itself.

    Raises
    ------
    ConfigError
        No policy has that name.
    """
    if callable(policy):
        return policy
    if policy not in POLICIES:
        raise ConfigError(f"policy={policy!r} is unknown; {nearest(str(policy), POLICIES)}")
    return POLICIES[policy](seed)
