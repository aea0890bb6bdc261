"""Functions as the bodies of nodes.

Policy: a parameter that names a node receives that node's value, one that names a context key receives that; what is
left must have a default (:mod:`.binding`). Failure: every node that could not be called is named, all at once, before
anything ran. Coroutine functions run on the process's background loop
(:mod:`.loop`) while their worker waits.

Values are kept in a :class:`.Store`: until the run is over, because its result offers them all, or, when the user names
the results that are wanted, each until its last reader has ended, however that was. A value that was left where it was
made (:class:`.Kept`) goes to processes as a reference. A node of this process gets the live object and may change it;
from the end of the first one on, that object is the value, and processes get copies of it as it then is. A process that
is not ordered after such a node may see the value as it was before. A node of several
parts (:attr:`.Node.parts`) makes their calls in one worker: :mod:`.parts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, cast

from orchestra_nb.definitions.names import ROOTS, camel_case
from orchestra_nb.errors import DefinitionError, Issue
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, NodeId, Outcome
from orchestra_nb.running.binding import NO_INPUTS, Inputs, Order, bound, unknown, unordered
from orchestra_nb.running.conditions import Conditions
from orchestra_nb.running.coroutine_call import awaited, is_coroutine_function
from orchestra_nb.running.frames import clear
from orchestra_nb.running.function_task import FunctionTask
from orchestra_nb.running.keeping import Keeper
from orchestra_nb.running.loop import Cancel
from orchestra_nb.running.parcels import Several
from orchestra_nb.running.parts import Earlier, PartsTask
from orchestra_nb.running.readers import Readers, Released, is_released, wanted_of
from orchestra_nb.running.recall import Recall
from orchestra_nb.running.seams import Faults, Lane, Reply, Store, Task, is_kept, no_faults
from orchestra_nb.running.store import MemoryStore, Values

_IN_PROCESS = ("threading", "sequential", "async")
_ON_LOOP = ("inherit", "async")


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
    results
        Nodes, or parts of nodes, whose values are wanted; all others go when their last reader has ended, and their
        outcomes hold a :class:`.Released`. ``None``: all are wanted.
    faults
        Finds what else is wrong with nodes that join while the DAG runs.
    recall
        Has the results of earlier runs, for nodes that say ``cache``.

    Raises
    ------
    DefinitionError
        A node has no function, or its function has a parameter that nothing fills, or there is no such result.
    ConfigError
        ``results`` is one text.

    Examples
    --------
    >>> dag = DAG([Node("load", fn=lambda rows: list(range(rows))), Node("total", fn=sum, after=["load"])])
    >>> FunctionProgram(dag, {"rows": 3})
    Traceback (most recent call last):
    orchestra_nb.errors.DefinitionError: node 'total': nothing fills its parameter 'iterable'; known: load, rows
    """

    commits_anywhere = True

    def __init__(
        self,
        dag: DAG,
        context: Mapping[str, Any] | None = None,
        store: Store | None = None,
        *,
        results: Iterable[str] | None = None,
        faults: Faults = no_faults,
        recall: Recall | None = None,
    ) -> None:
        self._faults = faults
        self._keeper = Keeper(recall) if recall is not None else None
        self._context = dict(context or {})
        self._running: dict[NodeId, list[Cancel]] = {}
        self._lanes: dict[NodeId, Lane] = {}
        self._home: dict[NodeId, NodeId] = {}
        self._merged: dict[str, tuple[str, ...]] = {}
        self._coroutines: frozenset[NodeId] = frozenset()
        self._inputs: dict[NodeId, Inputs] = {}
        self._conditions = Conditions((), [])
        issues: list[Issue] = []
        parts: dict[str, tuple[str, ...]] = {
            node.id: tuple(part.id for part in node.parts or (node,)) for node in dag.nodes.values()
        }
        merged: dict[str, tuple[str, ...]] = {node.id: parts[node.id] for node in dag.nodes.values() if node.parts}
        names = [name for each in parts.values() for name in each]
        wanted = None if results is None else wanted_of(results, names, merged, issues)
        self._readers = Readers({}, {}, wanted)
        self._values = Values(store if store is not None else MemoryStore(), self._readers)
        self._learn(dag, issues)

    def grow(self, dag: DAG) -> None:
        """Get to know the nodes of a graph that are new.

        Raises
        ------
        DefinitionError
            A node has no function, or its function has a parameter that nothing fills; nothing changed.
        """
        self._learn(dag, self._faults(node for node in dag.nodes.values() if node.id not in self._readers))

    def _learn(self, dag: DAG, issues: list[Issue]) -> None:
        new = [node for node in dag.nodes.values() if node.id not in self._readers]
        before = self._home
        self._home = before | {part.id: node.id for node in new for part in node.parts or (node,)}
        order = Order(dag, self._home)
        own = [part for node in new for part in node.parts or (node,)]
        inputs = {part.id: bound(part, self._home, order, self._context, issues) for part in own}
        conditions = Conditions(dag.nodes.values(), issues)
        self._spoken = {camel_case(name): name for name in self._home} if conditions else {}
        reads = {str(node.id): self._reads(node, inputs) for node in new}
        if conditions:
            for node in new:
                self._check_condition(node, order, conditions, issues)
            reads = {name: values | self._asked(name, conditions) for name, values in reads.items()}
        issues += self._readers.gone(reads)
        if issues:
            self._home = before
            raise DefinitionError(issues)
        self._inputs |= inputs
        self._conditions = conditions
        self._merged |= {node.id: tuple(part.id for part in node.parts) for node in new if node.parts}
        self._coroutines |= {node.id for node in new if is_coroutine_function(node.fn)}
        self._readers.add(reads, {node.id: self._merged.get(node.id, (node.id,)) for node in new})

    def _check_condition(self, node: Node, order: Order, conditions: Conditions, issues: list[Issue]) -> None:
        """Find the names that a node's condition cannot read, or would read too early."""
        for name in conditions.names(node.id):
            called = self._called(name)
            if called and not order.ended(called, node.id):
                issues.append(unordered(node.id, called, "condition"))
            elif not called and name not in self._context and name not in ROOTS:
                issues.append(unknown(node.id, name, [*self._home, *self._context]))

    def condition(self, node: Node) -> str:
        """Say which condition was false; empty when the node is to run."""
        return self._conditions.false(node.id, self._named)

    def _named(self, name: str) -> Any:
        """Look up what a condition calls by a name: a node's value, a context value, or the whole context."""
        own = self._called(name)
        if own:
            if own not in self._values:
                return None  # its maker was passed over
            value = self._values.get(own)
            return value.fetch() if is_kept(value) else value
        if name in self._context or name not in ROOTS:
            return self._context[name]
        return self._context

    def _called(self, name: str) -> str:
        return name if name in self._home else self._spoken.get(name, "")

    def _asked(self, node: str, conditions: Conditions) -> set[str]:
        """Name the values that a node's condition reads."""
        return {called for name in conditions.names(node) if (called := self._called(name))}

    def task(self, node: Node, lane: Lane) -> Task:
        """Bind the inputs of the call, or of the calls of its parts."""
        self._lanes[node.id] = lane
        running: list[Cancel] | None = None
        if lane not in ("process", "async"):
            running = self._running[node.id] = []
        if node.parts:
            return PartsTask(tuple((part.id, self._call(part, running)) for part in node.parts))
        call = self._call(node, running)
        if node.cache and self._keeper is not None:
            if self._keeper.keeps(node):
                return self._keeper.task(node, lane, call, self._by_position(node))
            if self._keeper.against(node):
                return self._keeper.unkept(node, lane, call)
        return cast(Task, partial(awaited, call)) if lane == "async" else call

    def look(self, node: Node) -> Task | None:
        """Make what looks for an earlier result of a node that says ``cache``, unless none is kept."""
        if self._keeper is None or node.fn is None or self._keeper.against(node):
            return None
        return self._keeper.look(node, self._call(node, None), self._by_position(node))

    def _by_position(self, part: Node) -> tuple[str, ...]:
        """Name the parameters that are filled by position."""
        return tuple([source[0] for source in self._inputs[part.id].positional if self._is_there(part, *source)])

    def commit(self, node: Node, reply: Reply) -> Any:
        """Keep the value, or the values of the parts, for those that name this node; returns what the outcome shows."""
        self._running.pop(node.id, None)
        if not node.parts:
            return self._values.keep(node.id, reply.value)
        made = reply.value.fetch() if is_kept(reply.value) else reply.value
        return Several({name: self._values.keep(name, value) for name, value in made.items()})

    def ended(self, node: Node, outcome: Outcome) -> None:
        """Take note that a node will not read any more, and let go what nobody reads.

        What is to go is not kept by the variables of a failure's traceback either: its lines stay, its frames are
        emptied.
        """
        cause = None if outcome.error is None else outcome.error.__cause__
        if cause is not None and self._values.lean:
            clear(cause)
        if node.cache and self._keeper is not None:
            self._keeper.ended(node)
        self._values.ended(node.id, self._lanes.pop(node.id, "process") != "process")

    def restore(self, node: Node, value: Any) -> Any:
        """Take over the value of an earlier run, which may have been let go there."""
        shown = self.commit(node, Reply("done", value=value))
        return value if is_released(value) else shown

    def lane(self, node: Node, backend: str) -> tuple[Lane, str]:
        """Say thread, or process when the backend (the node's own, else the run's) means one and nothing forbids it.

        Coroutine functions are awaited on the loop, unless the node itself asks for a process.
        """
        if node.id in self._coroutines and node.backend in _ON_LOOP:
            return "async", ""
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
        return {name: value for name, value in values.items() if type(value) is not Released}

    def cancel(self, node: Node) -> None:
        """Cancel the node's coroutine, if it runs one here."""
        for cancel in self._running.get(node.id, ()):
            cancel()

    def _call(self, part: Node, running: list[Cancel] | None) -> FunctionTask:
        assert part.fn is not None  # checked at birth
        inputs = self._inputs[part.id]
        if inputs is NO_INPUTS:
            return FunctionTask(part.fn, (), {}, running)
        args = tuple([self._value(part, *source) for source in inputs.positional if self._is_there(part, *source)])
        kwargs = {source[0]: self._value(part, *source) for source in inputs.named if self._is_there(part, *source)}
        far = self._values.kept and any(is_kept(value) for value in (*args, *kwargs.values()))
        return FunctionTask(part.fn, args, kwargs, running, far)

    def _is_there(self, part: Node, name: str, of_node: bool) -> bool:
        """Whether a parameter has a value to be filled with; its default counts where the maker was passed over."""
        home = self._home
        return not of_node or name in self._values or home[NodeId(name)] == home[part.id]

    def _value(self, part: Node, name: str, of_node: bool) -> Any:
        if not of_node:
            return self._context[name]
        return Earlier(NodeId(name)) if self._home[NodeId(name)] == self._home[part.id] else self._values.get(name)

    def _reads(self, node: Node, inputs: Mapping[NodeId, Inputs]) -> set[str]:
        """Name the values of other nodes that a node reads."""
        if not node.parts and inputs[node.id] is NO_INPUTS:
            return set()
        own = [inputs[part.id] for part in node.parts or (node,)]
        names = {name for each in own for name, of_node in (*each.positional, *each.named) if of_node}
        return {name for name in names if self._home[NodeId(name)] != node.id}
