"""Functions as the bodies of nodes.

Policy: a parameter that names a node receives that node's value, one that names a context key receives that; what is
left must have a default. A node comes before a context key of the same name. Failure: every node that could not be
called is named, all at once, before anything ran. Coroutine functions run on the process's background loop
(:mod:`.loop`) while their worker waits. Values are kept in a :class:`.Store` until the run is over, because its result
offers them all.

A node of several parts (:attr:`.Node.parts`) makes its calls one after another in one worker, and every part's value
is kept under the part's name. Parts are as far from each other as nodes are: in another process each has inputs of its
own, and what one hands to the next is a copy. A part that fails fails the node, which names it.
"""

from __future__ import annotations

import asyncio
import inspect
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
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
class _Earlier:
    """Stands in a call for the value of an earlier part of the same node."""

    part: NodeId


@dataclass(frozen=True, slots=True)
class PartsTask:
    """The calls of a node's parts, one after another. Pickles if they do.

    Parameters
    ----------
    calls
        Each part with its call.
    away
        Whether this is another process, where what a part hands on is a copy.
    """

    calls: tuple[tuple[NodeId, FunctionTask], ...]
    away: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        import cloudpickle

        return _sent, tuple(cloudpickle.dumps(call) for call in self.calls)

    def __call__(self) -> Reply:
        """Make the calls; the reply's value has that of each part by its id."""
        began = perf_counter()
        made: dict[str, Any] = {}
        packed: dict[str, bytes] = {}
        for part, call in self.calls:
            try:
                reply = _filled(call, made, packed)()
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                reply = replies.failure(error, perf_counter() - began)
                return replace(reply, evalue=f"in its part {part!r}: {reply.evalue}")
            if reply.status != "done":
                return reply
            made[part] = reply.value
            if self.away and part != self.calls[-1][0]:
                try:
                    packed[part] = _packed(reply.value)
                except Exception as error:
                    return Reply("refused", reason=f"the value of its part {part!r} cannot be copied: {error}")
        return Reply("done", value=made, seconds=perf_counter() - began, worker=replies.worker_name())


def _sent(*calls: bytes) -> PartsTask:
    """Unpack the calls apart from each other, so that they share no inputs."""
    return PartsTask(tuple(pickle.loads(call) for call in calls), away=True)


def _packed(value: Any) -> bytes:
    import cloudpickle

    return bytes(cloudpickle.dumps(value))


def _filled(call: FunctionTask, made: Mapping[str, Any], packed: Mapping[str, bytes]) -> FunctionTask:
    """Put the values of earlier parts in their places."""

    def value(given: Any) -> Any:
        if not isinstance(given, _Earlier):
            return given
        return pickle.loads(packed[given.part]) if given.part in packed else made[given.part]

    return replace(
        call,
        args=tuple(value(given) for given in call.args),
        kwargs={name: value(given) for name, given in call.kwargs.items()},
    )


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
        self._home = {part.id: node.id for node in dag.nodes.values() for part in node.parts or (node,)}
        self._merged = frozenset(node.id for node in dag.nodes.values() if node.parts)
        issues: list[Issue] = []
        self._inputs = {
            part.id: self._bind(dag, part, issues) for node in dag.nodes.values() for part in node.parts or (node,)
        }
        if issues:
            raise DefinitionError(issues)

    def task(self, node: Node, lane: Lane) -> Task:
        """Bind the inputs of the call, or of the calls of its parts."""
        running: list[Cancel] | None = None
        if lane != "process":
            running = self._running[node.id] = []
        if node.parts:
            return PartsTask(tuple((part.id, self._call(part, running)) for part in node.parts))
        return self._call(node, running)

    def commit(self, node: Node, reply: Reply) -> Any:
        """Keep the value, or the values of the parts, for those that name this node."""
        self._running.pop(node.id, None)
        for name, value in reply.value.items() if node.parts else ((node.id, reply.value),):
            self._store.put(name, value)
        return reply.value

    def lane(self, node: Node, backend: str) -> tuple[Lane, str]:
        """Say thread, or process when the backend (the node's own, else the run's) means one and nothing forbids it."""
        name = backend if node.backend == "inherit" else node.backend
        if name in _IN_PROCESS:
            return "thread", ""
        against = node.verdicts.get(name, "")
        return ("thread", against) if against else ("process", "")

    def results(self, outcomes: Mapping[NodeId, Outcome]) -> Mapping[str, Any]:
        """Give the values of the nodes that have one, by node id; of a node of several parts, those of the parts."""
        values: dict[str, Any] = {}
        for name, outcome in outcomes.items():
            if outcome.ok:
                values |= outcome.value if name in self._merged else {name: outcome.value}
        return values

    def cancel(self, node: Node) -> None:
        """Cancel the node's coroutine, if it runs one here."""
        for cancel in self._running.get(node.id, ()):
            cancel()

    def _call(self, part: Node, running: list[Cancel] | None) -> FunctionTask:
        assert part.fn is not None  # checked at birth
        inputs = self._inputs[part.id]
        args = tuple([self._value(part, *source) for source in inputs.positional])
        return FunctionTask(part.fn, args, {source[0]: self._value(part, *source) for source in inputs.named}, running)

    def _value(self, part: Node, name: str, of_node: bool) -> Any:
        if not of_node:
            return self._context[name]
        return _Earlier(NodeId(name)) if self._home[NodeId(name)] == self._home[part.id] else self._store.get(name)

    def _bind(self, dag: DAG, node: Node, issues: list[Issue]) -> _Inputs:
        if node.fn is None:
            hint = "give it fn=, or run the DAG with the program that its nodes are made for"
            issues.append(
                Issue("no-function", f"node {node.id!r} has no function to call", (node.id,), suggestion=hint)
            )
            return _Inputs((), ())
        positional: list[tuple[str, bool]] = []
        named: list[tuple[str, bool]] = []
        before: frozenset[str] | None = None
        for parameter in _parameters(node.fn):
            name = parameter.name
            of_node = name in self._home and name != node.id
            if of_node:
                before = self._before(dag, node) if before is None else before
                if name not in before:
                    issues.append(_unordered(node.id, name))
            elif name not in self._context:
                if parameter.default is parameter.empty:
                    issues.append(_unfilled(node.id, name, [*self._home, *self._context]))
                continue
            (positional if parameter.kind is parameter.POSITIONAL_ONLY else named).append((name, of_node))
        return _Inputs(tuple(positional), tuple(named))

    def _before(self, dag: DAG, part: Node) -> frozenset[str]:
        """Name what has ended when a node, or a part of one, begins."""
        home = dag.nodes[self._home[part.id]]
        names = [own.id for name in dag.ancestors(home.id) for own in dag.nodes[name].parts or (dag.nodes[name],)]
        parts = [own.id for own in home.parts]
        return frozenset(names + parts[: parts.index(part.id)] if parts else names)


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
