"""What is looked for before a node may run: amounts that are never there, settings that cannot be meant.

Nodes of the graph are looked at before anything runs; those that join a run later, when they join.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

from orchestra_nb.config import Capacity, RunConfig, read_capacity
from orchestra_nb.definitions.command import CommandDefinition
from orchestra_nb.definitions.wiring import phase_use
from orchestra_nb.errors import ConfigError, Issue
from orchestra_nb.events import EventBus
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.undoing import undo_faults
from orchestra_nb.model import Node
from orchestra_nb.resources.claims import Claims, impossible, wants_of
from orchestra_nb.resources.manager import ResourceManager
from orchestra_nb.running.backends import unknown_backend
from orchestra_nb.running.circuits import faults_of_circuits
from orchestra_nb.running.decisions import retry_policy


def capacities_of(config: RunConfig, dag: DAG, shared: ResourceManager | None = None) -> dict[str, Capacity]:
    """Say how much there is of what nodes use: what the run's settings say goes before what a command says.

    What is registered with a manager that the run shares goes before both.

    Raises
    ------
    ConfigError
        The run's settings contradict what is registered.

    Examples
    --------
    >>> capacities_of(RunConfig(resources={"gpu": 2}), DAG([]))
    {'gpu': Capacity(amount=2, period=None)}
    """
    found: dict[str, Capacity] = {}
    command = dag.metadata.get("definition")
    if isinstance(command, CommandDefinition):
        found |= {resource.id: Capacity(resource.capacity) for resource in command.resources}
        found |= _limits(dag)
    asked = {name: read_capacity(name, given) for name, given in config.resources.items()}
    there = {} if shared is None else shared.registered()
    for name, given in config.resources.items():
        if there.get(name, asked[name]) != asked[name]:
            told = f"resources: {name!r} is registered, and not as {given!r}"
            raise ConfigError(f"{told}; leave it out, or register it so before")
    return found | asked | dict(there)


def resources_of(config: RunConfig, dag: DAG, bus: EventBus) -> ResourceManager | None:
    """Make the resources of one run, for whoever wants to look at them while it goes on; ``None`` where none are used.

    Parameters
    ----------
    config, dag
        What runs, and how much there is of what it uses.
    bus
        Where they tell who holds and who waits.
    """
    if not any(node.uses for node in dag.nodes.values()):
        return None
    made = ResourceManager(bus=bus)
    said = {name: read_capacity(name, given) for name, given in config.resources.items()}
    made.joined({name: capacity for name, capacity in said.items() if capacity.period != math.inf})
    return made


def claims_of(capacities: Mapping[str, Capacity], dag: DAG, shared: ResourceManager | None) -> Claims:
    """Make the claims of a run: on what is its own, or on what it shares with whoever else uses a manager.

    The limits of phases and the budgets of a run are its own in any case.

    Raises
    ------
    ResourceError
        Something that is shared is in use, and there is not so much of it as the run says.
    """
    if shared is None:
        return Claims(capacities)
    there, limits = shared.registered(), _limits(dag)
    own = {
        name: capacity
        for name, capacity in capacities.items()
        if name in limits or (capacity.period == math.inf and name not in there)
    }
    used = {name for node in dag.nodes.values() for name, _ in wants_of(node.uses)}
    names = [name for name in dict.fromkeys([*capacities, *sorted(used)]) if name not in own]
    return shared.joined({name: capacities.get(name) for name in names}, own)


def _limits(dag: DAG) -> dict[str, Capacity]:
    """How many agents of a phase may run at once, by what each of them uses of it."""
    command = dag.metadata.get("definition")
    phases = command.phases if isinstance(command, CommandDefinition) else ()
    return {phase_use(each.id): Capacity(each.max_concurrent) for each in phases if each.max_concurrent is not None}


def faults(nodes: Iterable[Node], capacities: Mapping[str, Capacity]) -> list[Issue]:
    """What could only go wrong later: amounts that are never there, policies that cannot be meant."""
    nodes = list(nodes)
    issues = [*impossible(nodes, capacities), *faults_of_circuits(nodes)]
    for node in nodes:
        if node.retry == 1:
            continue
        try:
            retry_policy(node)
        except ConfigError as error:
            issues.append(Issue("bad-retry", f"node {node.id!r}: retry: {error}", (node.id,)))
    return issues


def faults_of_new(capacities: Callable[[], Mapping[str, Capacity]], nodes: Iterable[Node]) -> list[Issue]:
    """The same of nodes that join the run of a graph, whose backends were not settled with its own."""
    nodes = list(nodes)
    unknown = [(node, told) for node in nodes if (told := unknown_backend(node.backend))]
    found = [Issue("unknown-backend", f"node {node.id!r}: {told}", (node.id,)) for node, told in unknown]
    return found + faults(nodes, capacities())


def faults_of_undo(dag: DAG) -> list[Issue]:
    """What could only go wrong when it is too late: compensations that cannot be meant."""
    return [issue for issue in undo_faults(dag.nodes.values(), dag.given) if issue.severity == "error"]
