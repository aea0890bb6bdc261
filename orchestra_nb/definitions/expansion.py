"""From a value to agents: what a dynamic phase becomes when it is its turn.

A phase with ``dynamicAgents {source, mapping}`` is one node until then (:mod:`.wiring`). Its items are the elements of
the list, or the values of the mapping, that ``source`` stands for; each becomes the agent that ``mapping`` says
(:mod:`.templates`), or, where nothing is said, is an agent itself: an id, or a mapping with one. An agent that the
mapping gives no id is called after its phase, with a number from 1.

Policy: the agents are put into the phase and the whole definition is wired again, so that what they depend on, take
from the context and read in conditions means what it would mean, had they been there from the start. What earlier
phases became is read off the DAG, so there is no state beside it. The phase's own condition was decided before.

Failure: every fault at once, as :class:`.DefinitionError`, with the path of the mapping's text, or with that of the
agent: ``phases[3].dynamicAgents.agents[0]`` is the first that was made. What is only odd is not told: the same template
would say it for every item.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from orchestra_nb.definitions.agents import read_agents
from orchestra_nb.definitions.command import Agent, CommandDefinition, Dynamic, Phase
from orchestra_nb.definitions.condition_values import UNDEFINED, all_text, mapping_of
from orchestra_nb.definitions.fields import Fields, shown
from orchestra_nb.definitions.loading import faults
from orchestra_nb.definitions.schema import check_plain
from orchestra_nb.definitions.templates import plain, source_of, template_of
from orchestra_nb.definitions.wiring import wire
from orchestra_nb.errors import ConditionError, DefinitionError, Issue
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Expand, Node

_MOST = 10_000
"""Agents that one phase may become."""


def expands(node: Node) -> bool:
    """Whether a node stands for a phase whose agents are still to be made."""
    return isinstance(node.metadata.get("dynamic"), Dynamic)


def expansion(dag: DAG, node: Node, values: Mapping[str, Any]) -> Expand:
    """Make the nodes of a dynamic phase.

    Parameters
    ----------
    dag
        The graph of the run so far, which began as that of a definition.
    node
        The phase's node: one that :func:`expands`.
    values
        What a condition of the phase would be given: a value for each word that it may begin with.

    Returns
    -------
    Expand
        The agents with their edges; its value is the list of their ids.

    Raises
    ------
    DefinitionError
        The source is no list, a hole of the mapping stays empty, what was made is no agent or does not fit the
        definition; every fault.

    Examples
    --------
    >>> from orchestra_nb.definitions.loading import load_command
    >>> dynamic = {"source": "context.packages", "mapping": {"id": "pack-${item}"}}
    >>> scan = {"id": "scan", "outputs": ["packages"]}
    >>> phases = [{"name": "Scan", "agents": [scan]}, {"name": "Pack", "parallel": True, "dynamicAgents": dynamic}]
    >>> dag = load_command({"phases": phases}).dag
    >>> found = expansion(dag, dag.nodes["pack"], {"context": {"packages": ["core", "web"]}})
    >>> found.value
    ['pack-core', 'pack-web']
    """
    command = dag.metadata["definition"]
    phase = next(phase for phase in command.phases if phase.path == node.metadata["agent"].path)
    agents = agents_of(phase, values)
    whole = _whole(dag, command, phase, agents, values)
    made = {agent.id for agent in agents}
    inside = f"{phase.path}.dynamicAgents"
    own = [issue for issue in faults(whole) if issue.path.startswith(inside) or not made.isdisjoint(issue.nodes)]
    _raise_errors(own)
    wired = wire(whole)
    known = made.union(dag.nodes)
    edges = [
        edge for edge in wired.edges if edge.target in made and edge.source in (made if edge.kind == "order" else known)
    ]
    return Expand([new for new in wired.nodes if new.id in made], [agent.id for agent in agents], edges)


def agents_of(phase: Phase, values: Mapping[str, Any]) -> tuple[Agent, ...]:
    """Make the agents of a dynamic phase, without looking at the rest of the definition.

    Raises
    ------
    DefinitionError
        As for :func:`expansion`.

    Examples
    --------
    >>> phase = Phase("pack", "Pack", dynamic=Dynamic("context.packages", {"type": "packer"}), path="phases[1]")
    >>> [agent.id for agent in agents_of(phase, {"context": {"packages": ["core", "web"]}})]
    ['pack-1', 'pack-2']
    >>> agents_of(phase, {"context": {}})
    Traceback (most recent call last):
    orchestra_nb.errors.DefinitionError: phases[1].dynamicAgents.source: 'context.packages' is not there; let an agent \
before it put it out, or write 'context.packages ?? []'
    """
    dynamic, path = phase.dynamic, f"{phase.path}.dynamicAgents"
    assert dynamic is not None
    template = template_of(dynamic, f"{path}.mapping")
    issues = [*template.issues]
    given = []
    for index, (key, item) in enumerate(_items(dynamic, f"{path}.source", values, issues)):
        if not dynamic.mapping:
            given.append(item)
            continue
        scope = {**values, "item": item, "index": index, "key": key}
        agent = template.filled(scope, f"{dynamic.source}[{key!r}]", issues)
        given.append({"id": f"{phase.id}-{index + 1}", **agent})
    check_plain(given, path, issues)
    _raise_errors(issues)
    agents = read_agents(Fields({"agents": given}, path, issues))
    _raise_errors(issues)
    return agents


def _items(dynamic: Dynamic, path: str, values: Mapping[str, Any], issues: list[Issue]) -> Iterator[tuple[Any, Any]]:
    """The items with their keys: numbers, or the keys of a mapping."""
    try:
        found = source_of(dynamic).value(dict(values))
    except ConditionError as error:
        issues.append(Issue("bad-source", f"{dynamic.source!r}: {error}", path=path))
        return
    members = mapping_of(found)
    if found is None or found is UNDEFINED:
        hint = f"let an agent before it put it out, or write '{dynamic.source} ?? []'"
        issues.append(Issue("bad-source", f"{dynamic.source!r} is not there", path=path, suggestion=hint))
    elif isinstance(found, list | tuple) and len(found) <= _MOST:
        yield from enumerate(found)
    elif members is not None and all_text(members) and len(members) <= _MOST:
        yield from members.items()
    else:
        told = f"{dynamic.source!r} is {shown(plain(found))}, expected a list of {_MOST:,} items at most"
        issues.append(Issue("bad-source", told, path=path, suggestion="put one there"))


def _whole(
    dag: DAG, command: CommandDefinition, phase: Phase, agents: tuple[Agent, ...], values: Mapping[str, Any]
) -> CommandDefinition:
    """The definition as it would be, had the agents that were made so far been written in it."""
    made: defaultdict[str, list[Agent]] = defaultdict(list)
    for node in dag.nodes.values():
        if isinstance(agent := node.metadata.get("agent"), Agent) and not expands(node):
            made[node.metadata["phase"]].append(agent)
    made[phase.id] = [*agents]
    phases = tuple(
        replace(one, agents=tuple(made[one.id]), condition=None)
        if one.dynamic is not None and not one.agents and made[one.id]
        else one
        for one in command.phases
    )
    there = mapping_of(values.get("context")) or {}
    names = [name for name in (*values, *there) if isinstance(name, str)]
    return replace(command, phases=phases, shared=(*command.shared, *names))


def _raise_errors(issues: list[Issue]) -> None:
    errors = [issue for issue in issues if issue.severity == "error"]
    if errors:
        raise DefinitionError(errors)
