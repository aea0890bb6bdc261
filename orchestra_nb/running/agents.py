"""Agents as the bodies of nodes: an executor does their work, and this says what each is given and what it made.

An agent executor is any callable ``(node, context) -> value``, sync or async (async ones run together on the event
loop). The context it gets is read-only and holds what the run was given, what the agent's inputs name, and the results
of the agents that it waits for, by id. Its value is the agent's result, reachable by the agent's id (also in
camelCase); a declared output is the entry of that key when the value is a mapping that has it, else the value itself.
Where several agents make one key, the last to end before the reader counts.

A dynamic phase is a node whose body makes the phase's agents of a value in the context (:class:`.Expand`). Failure: a
graph of agents without an executor is an error before anything ran.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from time import perf_counter
from types import MappingProxyType
from typing import Any, cast

from orchestra_nb.definitions.command import CommandDefinition
from orchestra_nb.definitions.expansion import expands, expansion
from orchestra_nb.definitions.names import ROOTS, camel_case
from orchestra_nb.definitions.requirements import needs_of
from orchestra_nb.errors import DefinitionError, Issue, NodeError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, NodeId, Outcome
from orchestra_nb.planning.passing import NeedsValue
from orchestra_nb.running import replies
from orchestra_nb.running.agent_task import AgentExecutor, AgentTask
from orchestra_nb.running.conditions import Conditions
from orchestra_nb.running.coroutine_call import is_coroutine_function
from orchestra_nb.running.keeping import Keeper
from orchestra_nb.running.loop import Cancel
from orchestra_nb.running.parcels import at_home
from orchestra_nb.running.recall import Recall
from orchestra_nb.running.seams import Faults, Lane, Reply, Task, no_faults

_IN_PROCESS = ("threading", "sequential", "async")


class AgentProgram:
    """The program of a graph of agents.

    Parameters
    ----------
    dag
        Its nodes are agents.
    executor
        Does their work.
    context
        What the run is given.
    faults
        Finds what else is wrong with agents that join while the graph runs.
    recall
        Has the results of earlier runs, for agents that say ``cache``. What an agent does follows from the world; to
        say it is to accept that.

    Raises
    ------
    DefinitionError
        A node is no agent, or a condition cannot be read.

    Examples
    --------
    >>> dag = DAG([Node("scan", kind="agent", writes=["files"]), Node("read", kind="agent", reads=["files"])])
    >>> program = AgentProgram(dag, lambda node, context: {"files": ["a.py"]}, {"depth": 2})
    >>> program.commit(dag.nodes["scan"], program.task(dag.nodes["scan"], "thread")())
    {'files': ['a.py']}
    >>> dict(program.context_of(dag.nodes["read"]))
    {'depth': 2, 'files': ['a.py']}
    """

    commits_anywhere = True

    def __init__(
        self,
        dag: DAG,
        executor: AgentExecutor,
        context: Mapping[str, Any] | None = None,
        faults: Faults = no_faults,
        recall: Recall | None = None,
    ) -> None:
        self._faults = faults
        self._keeper = Keeper(recall) if recall is not None else None
        self._executor = executor
        self._on_loop = is_coroutine_function(executor)
        command = dag.metadata.get("definition")
        defaults = dict(command.optional) if isinstance(command, CommandDefinition) else {}
        self._context = {**defaults, **(context or {})}
        self._made: dict[str, Any] = {}
        self._results: dict[str, Any] = {}
        self._running: dict[str, list[Cancel]] = {}
        self._conditions = Conditions((), [])
        self._dag = dag
        self._learn(dag, [])

    def grow(self, dag: DAG) -> None:
        """Get to know the agents of a graph.

        Raises
        ------
        DefinitionError
            A node is no agent, or a condition cannot be read; nothing changed.
        """
        self._learn(dag, self._faults(node for node in dag.nodes.values() if node.id not in self._dag.nodes))

    def _learn(self, dag: DAG, issues: list[Issue]) -> None:
        issues += [
            Issue("not-an-agent", f"node {node.id!r} is no agent", (node.id,), suggestion="run functions apart from it")
            for node in dag.nodes.values()
            if node.kind != "agent"
        ]
        conditions = Conditions(dag.nodes.values(), issues)
        issues += self._missing(dag)
        if issues:
            raise DefinitionError(issues)
        self._dag = dag
        self._keys = {key for node in dag.nodes.values() for key in node.writes}
        self._conditions = conditions
        self._spoken = {camel_case(name): name for name in dag.nodes}

    def _missing(self, dag: DAG) -> list[Issue]:
        command = dag.metadata.get("definition")
        if not isinstance(command, CommandDefinition):
            return []
        return [
            Issue(
                "missing-input",
                f"the command needs {name!r}",
                path="inputs.required",
                suggestion=f"context={{{name!r}: …}}",
            )
            for name in command.required
            if name not in self._context
        ]

    @property
    def needs_value(self) -> NeedsValue:
        """Which values an agent cannot do without."""
        return needs_of(self._context)

    def context_of(self, node: Node) -> Mapping[str, Any]:
        """Give what an agent may see."""
        seen = dict(self._context)
        seen.update((name, self._results[name]) for name in self._dag.predecessors(node.id) if name in self._results)
        seen.update((key, self._made[key]) for key in node.reads if key in self._made)
        return MappingProxyType(seen)

    def task(self, node: Node, lane: Lane) -> Task:
        """Bind the agent's context."""
        if expands(node):
            return partial(make_agents, self._dag, node, self._words())
        running = None if lane == "process" else self._running.setdefault(node.id, [])
        call = AgentTask(self._executor, node, self.context_of(node), running)
        if node.cache and self._keeper is not None and self._keeper.keeps(node):
            return self._keeper.task(node, lane, call, ())
        return cast(Task, call.awaited) if lane == "async" else call

    def look(self, node: Node) -> Task | None:
        """Make what looks for an earlier result of an agent that says ``cache``."""
        if self._keeper is None or expands(node):
            return None
        return self._keeper.look(node, AgentTask(self._executor, node, self.context_of(node)), ())

    def ended(self, node: Node, outcome: Outcome) -> None:
        """Take note that an agent will not work again."""
        if node.cache and self._keeper is not None:
            self._keeper.ended(node)

    def commit(self, node: Node, reply: Reply) -> Any:
        """Keep the result, and what the agent's outputs name of it.

        Raises
        ------
        NodeError
            It has several outputs, and the result is no mapping that has them all.
        """
        self._running.pop(node.id, None)
        value = at_home(reply.value)
        made = value if isinstance(value, Mapping) else {}
        lacking = [key for key in node.writes if key not in made]
        if lacking and len(node.writes) > 1:
            gave = f"a mapping with {', '.join(map(str, made)) or 'nothing'}" if made else type(value).__name__
            raise NodeError(f"agent {node.id!r} was to give {', '.join(node.writes)}, and gave {gave}", node.id)
        self._results[node.id] = value
        for key in node.writes:
            self._made[key] = made.get(key, value)
        return value

    def cancel(self, node: Node) -> None:
        """Cancel the coroutine that an agent's executor returned, if a thread waits for it here."""
        for cancel in tuple(self._running.get(node.id, ())):
            cancel()

    def restore(self, node: Node, value: Any) -> Any:
        """Take over the result of an earlier run."""
        return self.commit(node, Reply("done", value=value))

    def lane(self, node: Node, backend: str) -> tuple[Lane, str]:
        """Say where an agent works: on the loop when its executor is async, else as the backend means it."""
        if expands(node):
            return "thread", ""
        if self._on_loop and node.backend in ("inherit", "async"):
            return "async", ""
        name = backend if node.backend == "inherit" else node.backend
        return ("thread" if name in _IN_PROCESS else "process"), ""

    def condition(self, node: Node) -> str:
        """Say which condition was false; empty when the agent is to work."""
        return self._conditions.false(node.id, self._named)

    def results(self, outcomes: Mapping[NodeId, Outcome]) -> Mapping[str, Any]:
        """Give the results by agent."""
        return {name: self._results[name] for name, outcome in outcomes.items() if outcome.ok and name in self._results}

    def _named(self, name: str) -> Any:
        if name in self._made:
            return self._made[name]
        if name in self._context:
            return self._context[name]
        if name in self._keys:
            return None  # whoever makes it was passed over
        agent = name if name in self._dag.nodes else self._spoken.get(name, "")
        return self._results.get(agent) if agent else self._everything()[name]

    def _everything(self) -> dict[str, Any]:
        """What the words that stand for everything of a kind mean."""
        seen = {**self._context, **self._made}
        results = {**self._results, **{camel_case(name): value for name, value in self._results.items()}}
        return {word: results if word in ("results", "agents") else seen for word in ROOTS}

    def _words(self) -> dict[str, Any]:
        """All words that a text of the definition may begin with."""
        everything = self._everything()
        return {**everything, **everything["results"], **everything["context"]}


def make_agents(dag: DAG, node: Node, values: Mapping[str, Any]) -> Reply:
    """Do what a dynamic phase does: make its agents of the values that there are."""
    began = perf_counter()
    grown = expansion(dag, node, values)
    return Reply("done", value=grown, seconds=perf_counter() - began, worker=replies.worker_name())


def agents_of(dag: DAG) -> tuple[NodeId, ...]:
    """Name the nodes that only an executor can run."""
    return tuple(node.id for node in dag.nodes.values() if node.kind == "agent" and node.fn is None)
