"""What an agent cannot do without, for :meth:`.Plan.pass_over`.

A definition's inputs are optional unless they are ``required``, and a value that the caller gave is there whoever is
passed over. What a condition reads is never required: it decides about values that are not there. The node of a dynamic
phase requires what its agents are made from.
"""

from __future__ import annotations

from collections.abc import Container

from orchestra_nb.definitions.command import Agent
from orchestra_nb.definitions.expansion import expands
from orchestra_nb.definitions.templates import read_by
from orchestra_nb.model import Node
from orchestra_nb.planning.passing import NeedsValue, needs_value


def needs_of(given: Container[str] = ()) -> NeedsValue:
    """Make the predicate that a plan of agents, functions or cells is given.

    Parameters
    ----------
    given
        The keys that the caller put into the context, inputs of the definition among them.

    Examples
    --------
    >>> from orchestra_nb.definitions.loading import load_command
    >>> inputs = [{"key": "plan", "required": True}, "notes"]
    >>> agents = [{"id": "think", "outputs": ["plan", "notes"]}, {"id": "act", "context": {"inputs": inputs}}]
    >>> nodes = load_command({"phases": [{"name": "All", "agents": agents}]}).dag.nodes
    >>> [needs_of()(nodes["think"], nodes["act"], name) for name in ("plan", "notes")]
    [True, False]
    >>> needs_of({"plan"})(nodes["think"], nodes["act"], "plan")
    False
    """

    def needs(source: Node, target: Node, name: str) -> bool:
        agent = target.metadata.get("agent")
        if not isinstance(agent, Agent):
            return needs_value(source, target, name)
        if name in given:
            return False
        if expands(target):
            return name in _sources(target)
        return name in source.writes and any(item.required and item.key == name for item in agent.inputs)

    return needs


def _sources(node: Node) -> set[str]:
    """The values and results that the agents of a dynamic phase are made from."""
    everything = ("context", "results", "agents")
    return {path[1] if path[0] in everything and path[1:] else path[0] for path in read_by(node.metadata["dynamic"])}
