"""Functions as the bodies of nodes.

Policy: a parameter that names a node receives that node's value, one that names a context key receives that; what is
left must have a default. A node comes before a context key of the same name. Failure: every node that could not be
called is named, all at once, before anything ran. Coroutine functions run on the process's background loop
(:mod:`.loop`) while their worker waits. Values are kept in a :class:`.Store` until the run is over, because its result
offers them all.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from orchestra_nb.errors import DefinitionError, Issue
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, NodeId, Outcome
from orchestra_nb.running import replies
from orchestra_nb.running.loop import LOOP, Cancel
from orchestra_nb.running.seams import Lane, Reply, Store, Task
from orchestra_nb.running.store import MemoryStore

_IN_PROCESS = ("threading", "sequential", "async")


@dataclass(frozen=True, slots=True)
class FunctionTask:
    """One call with its inputs bound. Pickles if they do.

    Parameters
    ----------
    fn, args, kwargs
        The call.
    running
        Where to leave what cancels a coroutine; ``None`` in another process.
    """

    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    running: list[Cancel] | None = None

    def __call__(self) -> Reply:
        """Make the call, and wait for it when it is a coroutine."""
        began = perf_counter()
        value = self.fn(*self.args, **self.kwargs)
        if inspect.iscoroutine(value):
            try:
                value = LOOP.run(value, self.running)
            except asyncio.CancelledError:
                return replies.cancelled("its coroutine was cancelled", perf_counter() - began)
        return Reply("done", value=value, seconds=perf_counter() - began, worker=replies.worker_name())


@dataclass(frozen=True, slots=True)
class _Inputs:
    """The parameters to fill: name, and whether a node's value fills it or the context."""

    positional: tuple[tuple[str, bool], ...]
    named: tuple[tuple[str, bool], ...]


class FunctionProgram:
    """The program of a DAG whose nodes are functions.

    Parameters
    ----------
    dag
        Every node has an ``fn``.
    context
        Values for parameters that name no node.
    store
        Where node values are kept.

    Raises
    ------
    DefinitionError
        A node has no function, or its function has a parameter that nothing fills.

    Examples
    --------
    >>> dag = DAG([Node("load", fn=lambda rows: list(range(rows))), Node("total", fn=sum, after=["load"])])
    >>> FunctionProgram(dag, {"rows": 3})
    Traceback (most recent call last):
    orchestra_nb.errors.DefinitionError: node 'total': nothing fills its parameter 'iterable'; known: load, rows
    """

    def __init__(self, dag: DAG, context: Mapping[str, Any] | None = None, store: Store | None = None) -> None:
        self._context = dict(context or {})
        self._store: Store = store if store is not None else MemoryStore()
        self._running: dict[NodeId, list[Cancel]] = {}
        issues: list[Issue] = []
        self._inputs = {node.id: self._bind(dag, node, issues) for node in dag.nodes.values()}
        if issues:
            raise DefinitionError(issues)

    def task(self, node: Node, lane: Lane) -> Task:
        """Bind the inputs of the call."""
        assert node.fn is not None  # checked at birth
        inputs = self._inputs[node.id]
        running: list[Cancel] | None = None
        if lane != "process":
            running = self._running[node.id] = []
        args = tuple([self._value(*source) for source in inputs.positional])
        return FunctionTask(node.fn, args, {source[0]: self._value(*source) for source in inputs.named}, running)

    def commit(self, node: Node, reply: Reply) -> Any:
        """Keep the value for those that name this node."""
        self._running.pop(node.id, None)
        self._store.put(node.id, reply.value)
        return reply.value

    def lane(self, node: Node, backend: str) -> tuple[Lane, str]:
        """Say thread, or process when the backend (the node's own, else the run's) means one and nothing forbids it."""
        name = backend if node.backend == "inherit" else node.backend
        if name in _IN_PROCESS:
            return "thread", ""
        against = node.verdicts.get(name, "")
        return ("thread", against) if against else ("process", "")

    def results(self, outcomes: Mapping[NodeId, Outcome]) -> Mapping[str, Any]:
        """Give the values of the nodes that have one, by node id."""
        return {name: outcome.value for name, outcome in outcomes.items() if outcome.ok}

    def cancel(self, node: Node) -> None:
        """Cancel the node's coroutine, if it runs one here."""
        for cancel in self._running.get(node.id, ()):
            cancel()

    def _value(self, name: str, of_node: bool) -> Any:
        return self._store.get(name) if of_node else self._context[name]

    def _bind(self, dag: DAG, node: Node, issues: list[Issue]) -> _Inputs:
        if node.fn is None:
            hint = "give it fn=, or run the DAG with the program that its nodes are made for"
            issues.append(
                Issue("no-function", f"node {node.id!r} has no function to call", (node.id,), suggestion=hint)
            )
            return _Inputs((), ())
        positional: list[tuple[str, bool]] = []
        named: list[tuple[str, bool]] = []
        ancestors: frozenset[str] | None = None
        for parameter in _parameters(node.fn):
            name = parameter.name
            of_node = name in dag.nodes and name != node.id
            if of_node:
                ancestors = frozenset(dag.ancestors(node.id)) if ancestors is None else ancestors
                if name not in ancestors:
                    issues.append(_unordered(node.id, name))
            elif name not in self._context:
                if parameter.default is parameter.empty:
                    issues.append(_unfilled(node.id, name, [*dag.nodes, *self._context]))
                continue
            (positional if parameter.kind is parameter.POSITIONAL_ONLY else named).append((name, of_node))
        return _Inputs(tuple(positional), tuple(named))


def _parameters(fn: Callable[..., Any]) -> list[inspect.Parameter]:
    """Those that can be filled by name; a callable without a signature has none."""
    try:
        parameters = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def _unfilled(node: str, name: str, known: list[str]) -> Issue:
    from orchestra_nb.errors import nearest

    hint = nearest(name, [word for word in known if word != node])
    return Issue("unfilled-parameter", f"node {node!r}: nothing fills its parameter {name!r}", (node,), suggestion=hint)


def _unordered(node: str, name: str) -> Issue:
    return Issue(
        "unordered-parameter",
        f"node {node!r}: its parameter {name!r} names a node that need not have ended",
        (node, name),
        suggestion=f"add {name!r} to its 'after'",
    )
