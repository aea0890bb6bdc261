"""From agents to nodes and edges: who waits for whom, and why.

An agent waits for

- what its ``dependencies`` name: agents, or all agents of a phase (kind ``declared``);
- the makers of the context values that it takes, and of the results that its condition reads (kind ``value``); so does
  a phase whose agents are made while running, for what they are made from. Where
  several make a value, those before it in the document count, as they would if everything ran in order; where none
  does, those after it;
- the phase before (kind ``order``), if its own phase is not parallel and it declares no dependencies itself, unless an
  agent of an earlier phase depends on it; where none of its phase does, its agents also follow one another. Who
  compensates another (``undo``) waits for that one, and stands outside of this order.

A phase whose agents are made while running is one node until then. Everything is said with its path, so that a fault
names the place in the definition.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import cast

from orchestra_nb.definitions.command import Agent, CommandDefinition, Dynamic, Phase
from orchestra_nb.definitions.condition import parse_condition
from orchestra_nb.definitions.names import Names
from orchestra_nb.definitions.templates import read_by
from orchestra_nb.errors import ConditionError, DefinitionError, Issue
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.undoing import told_undo
from orchestra_nb.graph.validation import check
from orchestra_nb.model import Edge, EdgeKind, Evidence, Node, NodeId


@dataclass(slots=True)
class Wired:
    """The nodes and edges of a definition, and what was found wrong while wiring them."""

    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    paths: dict[int, str] = field(default_factory=dict)
    """Where each node stands, by its index."""

    def place(self, node: Node, setting: str) -> str:
        """Say where a setting of a node stands in the definition."""
        key = {"after": "dependencies", "name": "id", "undo": "compensation"}.get(setting, setting)
        return f"{self.paths[node.index]}.{key}"


def dag_of(command: CommandDefinition) -> DAG:
    """Make the DAG of a definition.

    Raises
    ------
    DefinitionError
        The agents do not form one; every reason, with its path.
    """
    wired = wire(command)
    issues = [*wired.issues, *check(wired.nodes, wired.edges, place=wired.place)]
    errors = [issue for issue in issues if issue.severity == "error"]
    if errors:
        raise DefinitionError(errors)
    metadata = {"name": command.name, "version": command.version, "description": command.description}
    return DAG(wired.nodes, wired.edges, {**metadata, "definition": command})


def wire(command: CommandDefinition) -> Wired:
    """Find the nodes and edges of a definition.

    Examples
    --------
    >>> from orchestra_nb.definitions.schema import read_definition
    >>> first = {"id": "scan", "outputs": ["files"]}
    >>> second = {"id": "read", "context": {"inputs": ["files"]}}
    >>> command, _ = read_definition({"phases": [{"parallel": True, "agents": [first, second]}]})
    >>> print(*wire(command).edges)
    scan → read  [value] passes files
    """
    wired = Wired()
    names = Names(command)
    for phase in command.phases:
        for agent in phase.agents or _placeholder(phase):
            _add(wired, phase, agent, names)
    wired.edges += _phase_order(command.phases, names.aside)
    wired.edges = _joined(wired.edges)
    return wired


def _joined(edges: Iterable[Edge]) -> list[Edge]:
    """One edge for each pair and kind, with all the evidence."""
    found: dict[tuple[str, str, str], dict[Evidence, None]] = {}
    for edge in edges:
        found.setdefault((edge.source, edge.target, edge.kind), {}).update(dict.fromkeys(edge.evidence))
    return [
        Edge(NodeId(source), NodeId(target), cast(EdgeKind, kind), evidence=tuple(evidence))
        for (source, target, kind), evidence in found.items()
    ]


def _placeholder(phase: Phase) -> tuple[Agent, ...]:
    """One node in place of the agents that are not there yet."""
    return (Agent(phase.id, "expand", path=phase.path),) if phase.dynamic is not None else ()


def _add(wired: Wired, phase: Phase, agent: Agent, names: Names) -> None:
    index = len(wired.nodes)
    wired.paths[index] = agent.path
    after = []
    for number, name in enumerate(agent.dependencies):
        found = names.dependency(name)
        if name not in names.agents:  # a phase: all of it that runs
            found = tuple(other for other in found if other not in names.aside)
        if found:
            after += [other for other in found if other != agent.id or found == (agent.id,)]
        else:
            told = f"{agent.id!r} depends on {name!r}, which does not exist"
            path = f"{agent.path}.dependencies[{number}]"
            wired.issues.append(Issue("unknown-node", told, (agent.id,), path, names.nearest_agent(name, agent.id)))
    when = _when(wired, phase, agent)
    wired.nodes.append(_node(index, phase, agent, tuple(dict.fromkeys(map(NodeId, after))), when))
    wired.edges += _values(agent, index, names)
    if agent.undo is not None and agent.undo in names.agents and agent.undo != agent.id not in names.aside:
        wired.edges.append(_edge(agent.id, agent.undo, "order", agent.id, told_undo(agent.undo, agent.id)))
    wired.edges += _read_by_conditions(phase, agent, index, names)
    if phase.dynamic is not None and not phase.agents:
        wired.edges += _read_by_template(phase.dynamic, agent, index, names)


def _when(wired: Wired, phase: Phase, agent: Agent) -> str | None:
    """The condition of a phase and that of an agent as one."""
    given = [condition.source for condition in (phase.condition, agent.condition) if condition is not None]
    if len(given) < 2:
        return given[0] if given else None
    both = " && ".join(f"({text})" for text in given)
    try:
        parse_condition(both)
    except ConditionError as error:
        told = f"the condition of {agent.id!r} together with that of its phase: {error}"
        hint = "shorten one of them"
        wired.issues.append(Issue("bad-condition", told, (agent.id,), f"{agent.path}.conditional.condition", hint))
    return both


def _node(index: int, phase: Phase, agent: Agent, after: tuple[NodeId, ...], when: str | None) -> Node:
    uses = [lock.resource if lock.amount == 1 else f"{lock.resource}:{lock.amount}" for lock in agent.locks]
    if phase.max_concurrent is not None:
        uses.append(phase_use(phase.id))
    return Node(
        NodeId(agent.id),
        after=after,
        cost=1.0 if agent.cost is None else agent.cost,
        reads=tuple(dict.fromkeys(item.key for item in agent.inputs)),
        writes=tuple(dict.fromkeys(item.key for item in agent.outputs)),
        uses=tuple(uses),
        priority=agent.priority,
        timeout=agent.timeout,
        retry=1 if agent.retry is None else agent.retry,
        breaker=agent.breaker,
        cache=_life(agent),
        when=when,
        undo=agent.undo,
        phase=phase.name,
        kind="agent",
        index=index,
        metadata={"agent": agent, "phase": phase.id, "dynamic": None if phase.agents else phase.dynamic},
    )


def _life(agent: Agent) -> bool | float:
    """Say whether, or how long, an agent's result may be kept: no longer than any of its outputs holds."""
    given = [] if agent.cache is True else [agent.cache]
    held = [output.ttl for output in agent.outputs if output.ttl is not None]
    return min([*given, *held], default=True) if agent.cache else False


def phase_use(phase: str) -> str:
    """Name the resource of which each agent of a phase with a limit uses one.

    Examples
    --------
    >>> phase_use("3")
    'phase 3'
    """
    return f"phase {phase}"


def _values(agent: Agent, index: int, names: Names) -> Iterator[Edge]:
    for item in agent.inputs:
        for maker in names.makers_before(item.key, index):
            if maker != agent.id:
                yield _edge(maker, agent.id, "value", item.key, f"passes {item.key}")


def _read_by_conditions(phase: Phase, agent: Agent, index: int, names: Names) -> Iterator[Edge]:
    for condition in (phase.condition, agent.condition):
        for maker, read in _sources(condition.paths if condition is not None else (), index, names):
            if maker != agent.id:
                yield _edge(maker, agent.id, "value", read, f"its condition reads {read}")


def _read_by_template(dynamic: Dynamic, agent: Agent, index: int, names: Names) -> Iterator[Edge]:
    for maker, read in _sources(read_by(dynamic), index, names):
        if maker != agent.id:
            yield _edge(maker, agent.id, "value", read, f"its agents are made from {read}")


def _sources(paths: Iterable[tuple[str, ...]], index: int, names: Names) -> Iterator[tuple[str, str]]:
    for path in paths:
        for name in names.read_by(path):
            owner = names.agent_of(name)
            for maker in (owner,) if owner is not None else names.makers_before(name, index):
                yield maker, name


def _phase_order(phases: Iterable[Phase], aside: Container[str]) -> Iterator[Edge]:
    """Order between phases, for those that say nothing else; who compensates others stands beside it."""
    before: Phase | None = None
    needed: set[str] = set()
    for phase in phases:
        agents = [agent.id for agent in phase.agents or _placeholder(phase) if agent.id not in aside]
        if not agents:
            continue
        if not phase.parallel and not any(agent.dependencies for agent in phase.agents):
            if before is not None:
                told = f"phase {phase.name!r} comes after {before.name!r}"
                for last in _last(before, aside):
                    yield _edge(last, agents[0], "order", phase.name, told)
            for one, two in pairwise(agents):
                yield _edge(one, two, "order", phase.name, f"the agents of phase {phase.name!r} follow one another")
        elif not phase.parallel and before is not None:
            free = {agent.id for agent in phase.agents if not agent.dependencies} - needed
            for last, name in product(_last(before, aside), [name for name in agents if name in free]):
                yield _edge(last, name, "order", phase.name, f"phase {phase.name!r} comes after {before.name!r}")
        needed.update(name for agent in phase.agents for name in agent.dependencies)
        before = phase


def _last(phase: Phase, aside: Container[str]) -> list[str]:
    """The agents of a phase for which no other of its agents waits by its own word."""
    agents = [agent.id for agent in phase.agents or _placeholder(phase) if agent.id not in aside]
    if not phase.parallel and not any(agent.dependencies for agent in phase.agents):
        return agents[-1:]
    needed = {name for agent in phase.agents for name in agent.dependencies}
    return [name for name in agents if name not in needed] or agents


def _edge(source: str, target: str, kind: EdgeKind, variable: str, reason: str) -> Edge:
    return Edge(NodeId(source), NodeId(target), kind, evidence=(Evidence(variable, reason=reason),))
