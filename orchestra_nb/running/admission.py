"""What is looked for before a node may run: amounts that are never there, settings that cannot be meant.

Nodes of the graph are looked at before anything runs; those that join a run later, when they join.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orchestra_nb.config import Capacity, RunConfig, read_capacity
from orchestra_nb.definitions.command import CommandDefinition
from orchestra_nb.definitions.wiring import phase_use
from orchestra_nb.errors import ConfigError, Issue
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.undoing import undo_faults
from orchestra_nb.model import Node
from orchestra_nb.resources.claims import impossible
from orchestra_nb.running.backends import unknown_backend
from orchestra_nb.running.circuits import faults_of_circuits
from orchestra_nb.running.decisions import retry_policy


def capacities_of(config: RunConfig, dag: DAG) -> dict[str, Capacity]:
    """Say how much there is of what nodes use: what the run's settings say goes before what a command says.

    Examples
    --------
    >>> capacities_of(RunConfig(resources={"gpu": 2}), DAG([]))
    {'gpu': Capacity(amount=2, period=None)}
    """
    found: dict[str, Capacity] = {}
    command = dag.metadata.get("definition")
    if isinstance(command, CommandDefinition):
        found |= {resource.id: Capacity(resource.capacity) for resource in command.resources}
        limits = {phase_use(phase.id): phase.max_concurrent for phase in command.phases}
        found |= {name: Capacity(limit) for name, limit in limits.items() if limit is not None}
    return found | {name: read_capacity(name, given) for name, given in config.resources.items()}


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


def faults_of_new(config: RunConfig, dag: DAG, nodes: Iterable[Node]) -> list[Issue]:
    """The same of nodes that join the run of a graph, whose backends were not settled with its own."""
    nodes = list(nodes)
    unknown = [(node, told) for node in nodes if (told := unknown_backend(node.backend))]
    found = [Issue("unknown-backend", f"node {node.id!r}: {told}", (node.id,)) for node, told in unknown]
    return found + faults(nodes, capacities_of(config, dag))


def faults_of_undo(dag: DAG) -> list[Issue]:
    """What could only go wrong when it is too late: compensations that cannot be meant."""
    return [issue for issue in undo_faults(dag.nodes.values(), dag.given) if issue.severity == "error"]
