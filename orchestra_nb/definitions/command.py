"""The nouns of a command definition: phases of agents, as they are after every spelling was settled.

Durations are seconds here, whatever the file said. Everything that was not understood is in ``metadata``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from orchestra_nb.definitions.condition import Condition
from orchestra_nb.errors import Issue

if TYPE_CHECKING:
    import pandas as pd

    from orchestra_nb.graph.dag import DAG
    from orchestra_nb.presentation import Bundle


@dataclass(frozen=True, slots=True)
class ContextInput:
    """A value that an agent takes from the context.

    Parameters
    ----------
    key
        Its name there.
    required
        Whether the agent cannot do without.
    path
        Where the definition says so.
    """

    key: str
    required: bool = False
    path: str = ""


@dataclass(frozen=True, slots=True)
class ContextOutput:
    """A value that an agent puts into the context; ``ttl`` is how long it holds, in seconds."""

    key: str
    ttl: float | None = None
    path: str = ""


@dataclass(frozen=True, slots=True)
class LockRequest:
    """A resource that an agent holds while it works; ``timeout`` (seconds) is how long it may wait for it."""

    resource: str
    amount: int = 1
    priority: int | None = None
    timeout: float | None = None
    path: str = ""


@dataclass(frozen=True, slots=True)
class ResourceSpec:
    """A resource that the definition declares; ``capacity`` is how many may hold it at once.

    Examples
    --------
    >>> ResourceSpec("gpu", type="custom", capacity=2).capacity
    2
    """

    id: str
    type: str = "custom"
    capacity: int = 1
    path: str = ""


@dataclass(frozen=True, slots=True)
class Dynamic:
    """Agents that are made while running: one per item of the value at ``source``, shaped by ``mapping``."""

    source: str
    mapping: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Agent:
    """One unit of work.

    Parameters
    ----------
    id
        Unique in the definition.
    type
        Which executor does it.
    task
        What it is told to do.
    input
        What it is given beside the context.
    dependencies
        Ids of agents or phases that must end first.
    inputs, outputs
        Context keys that it takes and puts.
    cost, timeout
        Seconds, where the definition says.
    retry
        As a node's ``retry`` setting; ``None`` when nothing is said.
    breaker
        As a node's ``breaker`` setting: the name of a circuit, or that with its threshold and rest.
    cache
        As a node's ``cache`` setting: whether, or for how many seconds, a result may be taken from an earlier run.
    condition
        Unless it holds, the agent is skipped.
    undo
        Id of the agent that compensates this one.
    compensation
        All that is said about compensating.
    metadata
        What was not understood.
    path
        Where it stands: ``"phases[0].agents[1]"``.

    Examples
    --------
    >>> from orchestra_nb import load_command
    >>> judge = {"id": "judge", "type": "reviewer", "task": "Weigh the findings.", "timeout": 60_000}
    >>> agent = next(load_command({"phases": [{"name": "Review", "agents": [judge]}]}).agents)
    >>> agent.type, agent.task, agent.timeout, agent.path
    ('reviewer', 'Weigh the findings.', 60.0, 'phases[0].agents[0]')
    """

    id: str
    type: str = ""
    task: str = ""
    input: Mapping[str, Any] = field(default_factory=dict)
    dependencies: tuple[str, ...] = ()
    inputs: tuple[ContextInput, ...] = ()
    outputs: tuple[ContextOutput, ...] = ()
    priority: int = 0
    locks: tuple[LockRequest, ...] = ()
    cost: float | None = None
    timeout: float | None = None
    retry: Mapping[str, Any] | None = None
    breaker: str | Mapping[str, Any] | None = None
    cache: bool | float = False
    condition: Condition | None = None
    undo: str | None = None
    compensation: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    path: str = ""


@dataclass(frozen=True, slots=True)
class Phase:
    """Agents that belong together.

    Parameters
    ----------
    id, name
        The id is made from the name where none is given.
    parallel
        Whether its agents may run side by side. If not, they run in order, after the phase before; where some of them
        declare dependencies, these go by them, and the others after the phase before.
    max_concurrent
        How many of its agents may run at once.
    condition
        Unless it holds, all its agents are skipped.
    dynamic
        Agents that are made while running.

    Examples
    --------
    >>> from orchestra_nb import load_command
    >>> phases = [{"name": "Look at it", "parallel": True, "agents": [{"id": "lint"}, {"id": "types"}]}]
    >>> phase = load_command({"phases": phases}).phases[0]
    >>> phase.id, phase.parallel, [agent.id for agent in phase.agents]
    ('look-at-it', True, ['lint', 'types'])
    """

    id: str
    name: str
    parallel: bool = False
    max_concurrent: int | None = None
    condition: Condition | None = None
    agents: tuple[Agent, ...] = ()
    dynamic: Dynamic | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    path: str = ""


@dataclass(frozen=True, repr=False)
class CommandDefinition:
    """A command: what to run, in phases.

    Parameters
    ----------
    required, optional
        The caller's inputs: names, and names with their defaults.
    shared
        Context keys that are there from the start.
    resources
        What agents may lock.
    saga
        Whether a failure undoes what was done. ``None``: nothing is said, and what agents say holds; ``False``: it does
        not, whatever they say.
    metadata
        What was not understood, by key.
    warnings
        What was noticed and stops nothing.

    Examples
    --------
    >>> from orchestra_nb.definitions.loading import load_command
    >>> command = load_command({"name": "/hello", "phases": [{"name": "Greet", "agents": [{"id": "greet"}]}]})
    >>> [agent.id for agent in command.agents], command.dag.levels
    (['greet'], (('greet',),))
    """

    name: str = ""
    version: str = ""
    description: str = ""
    phases: tuple[Phase, ...] = ()
    required: tuple[str, ...] = ()
    optional: Mapping[str, Any] = field(default_factory=dict)
    shared: tuple[str, ...] = ()
    resources: tuple[ResourceSpec, ...] = ()
    saga: bool | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[Issue, ...] = ()

    def __repr__(self) -> str:
        agents, phases = sum(1 for _ in self.agents), len(self.phases)
        return f"<CommandDefinition {self.name!r}: {phases} phases, {agents} agents, {len(self.warnings)} warnings>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Bundle:
        """Show the graph."""
        return self.dag._repr_mimebundle_(include, exclude)

    @property
    def frame(self) -> pd.DataFrame:
        """A row per agent; see :attr:`.DAG.frame`.

        Examples
        --------
        >>> from orchestra_nb import load_command
        >>> agents = [{"id": "read"}, {"id": "judge", "dependencies": ["read"]}]
        >>> load_command({"phases": [{"name": "Review", "agents": agents}]}).frame[["id", "level", "kind", "after"]]
              id  level   kind after
        0   read      0  agent
        1  judge      1  agent  read
        """
        return self.dag.frame

    @property
    def agents(self) -> Iterator[Agent]:
        """All agents, phase by phase.

        Examples
        --------
        >>> from orchestra_nb import load_command
        >>> read, judge = {"name": "Read", "agents": [{"id": "a"}]}, {"name": "Judge", "agents": [{"id": "b"}]}
        >>> [agent.id for agent in load_command({"phases": [read, judge]}).agents]
        ['a', 'b']
        """
        return (agent for phase in self.phases for agent in phase.agents)

    @cached_property
    def dag(self) -> DAG:
        """What needs what.

        Raises
        ------
        DefinitionError
            The agents do not form a DAG; every reason.

        Examples
        --------
        >>> from orchestra_nb import load_command
        >>> read, judge = {"name": "Read", "agents": [{"id": "a"}]}, {"name": "Judge", "agents": [{"id": "b"}]}
        >>> load_command({"phases": [read, judge]}).dag.levels
        (('a',), ('b',))
        """
        from orchestra_nb.definitions.wiring import dag_of

        return dag_of(self)
