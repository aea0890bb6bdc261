"""What is wrong with a definition beyond its graph: values nobody makes, locks nobody can get, words nobody knows.

Policy: what cannot be meant is an error; what may be settled elsewhere (a resource that code registers, a value that
the caller puts into the context) is a warning. Every fault has the path of the place that should change.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping

from orchestra_nb.definitions.command import Agent, CommandDefinition, Phase
from orchestra_nb.definitions.condition import Condition
from orchestra_nb.definitions.names import ROOTS, Names
from orchestra_nb.definitions.templates import ITEM_WORDS, source_of, template_of
from orchestra_nb.errors import ConditionError, Issue, nearest


def check_definition(command: CommandDefinition, after: Mapping[str, set[str]] | None) -> list[Issue]:
    """Find every such fault.

    Parameters
    ----------
    command
        As it was read.
    after
        For each agent, all that end before it starts; ``None`` where the agents form no DAG.

    Examples
    --------
    >>> from orchestra_nb.definitions.schema import read_definition
    >>> agent = {"id": "a", "context": {"inputs": [{"key": "plan", "required": True}]}}
    >>> command, _ = read_definition({"phases": [{"agents": [agent]}]})
    >>> print(*check_definition(command, {}))
    phases[0].agents[0].context.inputs[0]: 'a' needs the value 'plan', which nobody makes; list it under 'inputs', or \
let an agent before it put it out
    """
    names = Names(command)
    found: list[Issue] = []
    for phase in command.phases:
        place, whose = f"{phase.path}.conditional.condition", f"the condition of the phase {phase.name!r}"
        found += _condition(phase.condition, whose, place, (), names)
        found += _dynamic(phase, names)
        for agent in phase.agents:
            found += _inputs(agent, names)
            found += _locks(agent, command)
            place, whose = f"{agent.path}.conditional.condition", f"the condition of {agent.id!r}"
            found += _condition(agent.condition, whose, place, (agent.id,), names)
    if after is not None:
        found += _outputs(command, names, after)
    return [*found, *_phases(command), *_resources(command)]


def _inputs(agent: Agent, names: Names) -> Iterator[Issue]:
    for item in agent.inputs:
        if item.key in names.given or any(maker != agent.id for maker in names.makers(item.key)):
            continue
        told = f"{agent.id!r} {'needs' if item.required else 'takes'} the value {item.key!r}, which nobody makes"
        close = nearest(item.key, [*names.keys, *names.given])
        hint = close if close.startswith("did") else "list it under 'inputs', or let an agent before it put it out"
        severity = "error" if item.required else "warning"
        yield Issue("unproduced-input", told, (agent.id,), item.path or agent.path, hint, severity)  # type: ignore[arg-type]


def _outputs(command: CommandDefinition, names: Names, after: Mapping[str, set[str]]) -> Iterator[Issue]:
    """Values with two makers: an error where either may come last."""
    agents = {agent.id: agent for agent in command.agents}
    sometimes = {agent.id for phase in command.phases for agent in phase.agents if phase.condition or agent.condition}
    for key in names.keys:
        makers = list(dict.fromkeys(names.makers(key)))
        for number, later in enumerate(makers[1:], 1):
            rivals = [m for m in makers[:number] if m not in after.get(later, ()) and later not in after.get(m, ())]
            surely = [m for m in rivals if m not in sometimes and later not in sometimes]
            first = (surely or rivals or makers)[0]
            told = f"{first!r} and {later!r} both make the value {key!r}"
            told += ", and either may come last" if rivals else ""
            path = next((item.path for item in agents[later].outputs if item.key == key), "") or agents[later].path
            hint = f"give one another key, or let {later!r} depend on {first!r}" if rivals else "the later one counts"
            severity = "error" if surely else "warning"
            yield Issue("duplicate-output", told, (first, later), path, hint, severity)  # type: ignore[arg-type]


def _locks(agent: Agent, command: CommandDefinition) -> Iterator[Issue]:
    known = {resource.id: resource for resource in command.resources}
    for lock in agent.locks:
        path = lock.path or agent.path
        if lock.resource not in known:
            told = f"{agent.id!r} locks {lock.resource!r}, which nobody registered"
            hint = nearest(lock.resource, known)
            if known and hint.startswith("did"):
                yield Issue("unknown-resource", told, (agent.id,), path, hint)
            else:
                hint = "declare it under 'resourceLocking', or register it before the run"
                yield Issue("unknown-resource", told, (agent.id,), path, hint, "warning")
        elif lock.amount > known[lock.resource].capacity:
            capacity = known[lock.resource].capacity
            told = f"{agent.id!r} asks for {lock.amount} of {lock.resource!r}, which has {capacity}"
            hint = f"it can never be granted: ask for {capacity} at most, or raise 'maxConcurrent'"
            yield Issue("above-capacity", told, (agent.id,), path, hint)


def _condition(
    condition: Condition | None, whose: str, place: str, nodes: tuple[str, ...], names: Names, but: Container[str] = ()
) -> Iterator[Issue]:
    """Words in a condition, or another expression, that stand for nothing."""
    if condition is None:
        return
    known = [*names.agents, *names.keys, *names.given]
    for read in dict.fromkeys(path for path in condition.paths if path[0] not in but):
        head, rest = read[0], read[1:]
        if head == "inputs" and rest and names.given and rest[0] not in names.given:
            told = f"{whose} reads the input {rest[0]!r}, which is not declared"
            yield Issue("unknown-name", told, nodes, place, nearest(rest[0], names.given), "warning")
        elif head == "context" and rest and rest[0] not in known:
            told = f"{whose} reads {rest[0]!r} from the context, where nobody puts it"
            yield Issue("unknown-name", told, nodes, place, nearest(rest[0], known), "warning")
        elif head not in ROOTS and head not in known and names.agent_of(head) is None:
            told = f"{whose} reads {head!r}, which is no agent, no context value and no input"
            yield Issue("unknown-name", told, nodes, place, nearest(head, [*known, *ROOTS[:2]]))


def _dynamic(phase: Phase, names: Names) -> Iterator[Issue]:
    """Whether the agents of a dynamic phase can be made at all: every expression can be read, and knows its words."""
    if phase.dynamic is None or not phase.dynamic.source:
        return
    path = f"{phase.path}.dynamicAgents"
    if phase.agents:
        told = f"the phase {phase.name!r} has agents of its own, so 'dynamicAgents' makes none"
        yield Issue("not-understood", told, path=path, suggestion="give them a phase of their own", severity="warning")
        return
    try:
        yield from _condition(source_of(phase.dynamic), "the source", f"{path}.source", (phase.id,), names)
    except ConditionError as error:
        yield Issue("bad-source", str(error), path=f"{path}.source")
    template = template_of(phase.dynamic, f"{path}.mapping")
    yield from template.issues
    for place, expression in template.expressions:
        yield from _condition(expression, "the mapping", place, (phase.id,), names, ITEM_WORDS)


def _phases(command: CommandDefinition) -> Iterator[Issue]:
    seen: dict[str, Phase] = {}
    agents = {agent.id for agent in command.agents}
    for number, phase in enumerate(command.phases):
        first = seen.setdefault(phase.id, phase)
        if first is not phase:
            told = f"two phases are called {phase.id!r} ({first.path} and {phase.path})"
            yield Issue("duplicate-phase", told, path=phase.path, suggestion="rename one", severity="warning")
        if phase.dynamic is not None and not phase.agents and phase.id in agents:
            told = f"the phase {phase.name!r} has the id of an agent, {phase.id!r}"
            yield Issue("duplicate-name", told, (phase.id,), phase.path, "give one of them another id")
        loose = phase.parallel and number and phase.agents
        if loose and not any(agent.dependencies or agent.inputs or agent.condition for agent in phase.agents):
            before = command.phases[number - 1].name
            told = f"the phase {phase.name!r} is parallel and depends on nothing: it starts beside {before!r}"
            hint = "give its agents 'dependencies' if they are to wait"
            yield Issue("starts-at-once", told, path=phase.path, suggestion=hint, severity="warning")


def _resources(command: CommandDefinition) -> Iterator[Issue]:
    seen: dict[str, str] = {}
    for resource in command.resources:
        first = seen.setdefault(resource.id, resource.path)
        if first != resource.path:
            told = f"the resource {resource.id!r} is declared twice ({first} and {resource.path})"
            yield Issue("duplicate-resource", told, path=resource.path, suggestion="keep one", severity="warning")
