"""From whatever describes a graph to the graph.

Policy: every form is brought to nodes and value edges by one function, :func:`gather`; building raises at the first
kind of fault, validating lists all of them. A parameter of a node's function that names another node is an edge of kind
``value``: the name is the wiring. Failure: an item that is no node is a :class:`.DefinitionError` that names its place.
An object with a ``.dag`` (a notebook, a command that was loaded) brings its own; a path, or a mapping that speaks of
phases, is a command definition (:mod:`.loading`). New forms are added in :func:`gather` and nowhere else.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from orchestra_nb.definitions.command import CommandDefinition
from orchestra_nb.definitions.condition import parse_condition
from orchestra_nb.definitions.loading import examine, faults, load_command
from orchestra_nb.definitions.mappings import node_from
from orchestra_nb.definitions.names import camel_case
from orchestra_nb.errors import ConditionError, CycleError, DefinitionError, GraphError, Issue, MissingDependencyError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.optimising import optimise
from orchestra_nb.graph.signature import parameters
from orchestra_nb.graph.task import node_of
from orchestra_nb.graph.undoing import compensators, told_undo, undo_faults
from orchestra_nb.graph.validation import ValidationResult, cautions, check, strays
from orchestra_nb.model import Edge, Evidence, Node, NodeId

if TYPE_CHECKING:
    from orchestra_nb.resources.manager import ResourceManager

_COMMAND_KEYS = {
    "phases",
    "version",
    "description",
    "saga",
    "sagaCompensation",
    "resourceLocking",
    "resourceManagement",
}
_GRAPHS = (".stg", ".graphml", ".dot", ".gv")


@dataclass(frozen=True, slots=True)
class Gathered:
    """A definition as nodes and edges, which may be faulty, and what could not be understood."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...] = ()
    issues: tuple[Issue, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


class DAGBuilder:
    """Builds, checks and tidies graphs.

    Examples
    --------
    >>> def load(): return [1, 2]
    >>> def total(load): return sum(load)
    >>> dag = DAGBuilder().build_dag([load, total])
    >>> print(dag.edges[0])
    load → total  [value] parameter 'load' of total
    """

    def build_dag(self, definition: Any) -> DAG:
        """Make the DAG of a definition.

        Parameters
        ----------
        definition
            An iterable of nodes, functions (with ``@task`` or without) and mappings of a node's settings; a mapping of
            ids to these; a command definition, as :func:`.load_command` takes or gives it; an object with a ``dag`` (a
            notebook); or a DAG, which is returned as it is.

        Raises
        ------
        DefinitionError
            Something in it is no node, ``undo`` names nobody, or the command is faulty; every fault.
        GraphError
            The nodes form no DAG; see :class:`.DAG`.

        Examples
        --------
        Nodes, functions, and settings as mappings:

        >>> def load(path): return [1, 2]
        >>> def total(load): return sum(load)
        >>> DAGBuilder().build_dag([load, {"id": "notify", "after": ["load"]}, total]).levels
        (('load',), ('notify', 'total'))

        A command definition:

        >>> command = {"phases": [{"name": "Read", "agents": [{"id": "count", "type": "reader"}]}]}
        >>> DAGBuilder().build_dag(command).levels
        (('count',),)
        >>> DAGBuilder().build_dag([load, 42])
        Traceback (most recent call last):
        orchestra_nb.errors.DefinitionError: item 2: 42 is neither a node nor a function; give Node objects, functions
        or @task functions; read a notebook with Notebook.read
        """
        if isinstance(definition, DAG):
            return definition
        if isinstance(own := getattr(definition, "dag", None), DAG):
            return own
        if _is_command(definition):
            return load_command(definition).dag
        found = gather(definition)
        if found.issues:
            raise DefinitionError(found.issues)
        if unknown := [issue for issue in undo_faults(found.nodes) if issue.code == "unknown-undo"]:
            raise DefinitionError(unknown)
        return DAG(found.nodes, found.edges, found.metadata)

    def validate(
        self,
        definition: Any,
        *,
        roots: str | Iterable[str] = (),
        targets: str | Iterable[str] = (),
        locks: ResourceManager | None = None,
    ) -> ValidationResult:
        """Find every fault of a DAG or a definition at once; nothing raises.

        Parameters
        ----------
        definition
            As for :meth:`build_dag`.
        roots, targets
            Where they are named, nodes that no root leads to (``"unreachable"``) and nodes that no target needs
            (``"dead-end"``) are warnings.
        locks
            The manager whose locks the nodes take while they run: orders in which it saw them taken, and that could end
            in a deadlock, are warnings (``"lock-order"``). What a node declares in ``uses`` has no order.

        Examples
        --------
        >>> result = DAGBuilder().validate([Node("a", after=["b"]), Node("b", after=["a", "c"])])
        >>> [issue.code for issue in result.errors], result.valid
        (['unknown-node', 'cycle'], False)
        >>> print(*DAGBuilder().validate([Node("a"), Node("b", after=["a"]), Node("c")], targets="b").warnings)
        'c' is needed by none of the targets (b); name it too, or take it away
        """
        try:
            dag, issues = self._examined(definition)
        except DefinitionError as error:
            return ValidationResult(error.issues)
        except GraphError as error:
            return ValidationResult((_issue(error),))
        if dag is not None:
            ends = [(named,) if isinstance(named, str) else tuple(named) for named in (roots, targets)]
            issues = (*issues, *strays(dag.table, *ends), *(locks.predict({}) if locks is not None else ()))
        return ValidationResult(issues)

    def _examined(self, definition: Any) -> tuple[DAG | None, tuple[Issue, ...]]:
        """The graph, where there is one, and what is wrong with it."""
        if _is_command(definition):
            command, found = examine(definition)
            sound = not any(issue.severity == "error" for issue in found)
            return command.dag if sound else None, found
        dag = definition if isinstance(definition, DAG) else getattr(definition, "dag", None)
        if isinstance(dag, DAG):
            origin = dag.metadata.get("definition")
            if isinstance(origin, CommandDefinition):
                return dag, tuple(faults(origin))
            return dag, (*undo_faults(dag.nodes.values(), dag.given), *cautions(dag.nodes.values()))
        gathered = gather(definition)
        issues = (*gathered.issues, *check(gathered.nodes, gathered.edges))
        sound = not any(issue.severity == "error" for issue in issues)
        return DAG(gathered.nodes, gathered.edges) if sound else None, issues

    def optimize(self, dag: DAG, *, targets: str | Iterable[str] = (), merge_below: float | None = None) -> DAG:
        """Make a smaller graph with the same results; ``.metadata["optimizations"]`` says what was changed and why.

        Order that other needs imply already is dropped always: only edges that carry nothing but order (kinds
        ``declared`` and ``order``), never one along which a value, a change, a file or hidden state flows. The other
        changes are made on request, and only where the schedule by expected costs gets no longer for any number of
        workers; :mod:`.optimising` says how that is known.

        Parameters
        ----------
        dag
            The graph.
        targets
            If any are named, nodes that none of them needs are dropped.
        merge_below
            Chains of nodes that together take less than so many seconds become one node each (:attr:`.Node.parts`);
            every part keeps its value under its own name, and targets stay nodes.

        Raises
        ------
        MissingDependencyError
            A target is not in the graph.
        ConfigError
            The threshold is not above zero.

        Examples
        --------
        >>> dag = DAG([Node("a"), Node("b", after=["a"]), Node("c", after=["a", "b"]), Node("d", after=["a"])])
        >>> for note in DAGBuilder().optimize(dag, targets=["c"]).metadata["optimizations"]:
        ...     print(note)
        dropped d: no target needs it
        dropped a → c (declared): 'c' waits for 'b', which waits for 'a'

        >>> def load(): return [1, 2]
        >>> def total(load): return sum(load)
        >>> small = DAGBuilder().optimize(DAGBuilder().build_dag([load, total]), merge_below=3)
        >>> small.levels, *small.metadata["optimizations"]
        ((('load+total',),), 'merged load → total into load+total: 2 s together, below 3 s')
        """
        return optimise(dag, targets, merge_below)


def gather(definition: Any) -> Gathered:
    """Bring a definition to nodes and value edges, without judging the graph."""
    if isinstance(definition, Mapping):
        items = [(f"key {key!r}", key, item) for key, item in definition.items()]
    elif isinstance(definition, Iterable) and not isinstance(definition, str | bytes):
        items = [(f"item {number}", None, item) for number, item in enumerate(definition, 1)]
    else:
        return Gathered((), issues=(_misfit("", definition),))
    nodes, issues = [], []
    for place, key, item in items:
        if isinstance(item, Mapping) and (key is None or isinstance(key, str)):
            made = node_from(item, key, place)
            if isinstance(made, list):
                issues += made
                continue
            item = made
        node = node_of(item)
        if node is None or not (key is None or (isinstance(key, str) and key)):
            issues.append(_misfit(place, item if node is None else key))
        else:
            nodes.append(node if key in (None, node.id) else replace(node, id=NodeId(key)))
    nodes = _undone_by_nodes(nodes)
    return Gathered(tuple(nodes), _values(nodes), tuple(issues))


def _undone_by_nodes(nodes: list[Node]) -> list[Node]:
    """Where a compensation is given as a function that is a node of the graph under its own name, it is that node."""
    known = {node.id: node.fn for node in nodes}
    found = []
    for node in nodes:
        made = node_of(node.undo) if callable(node.undo) else None
        own = made is not None and made.id != node.id and made.fn is not None and known.get(made.id) is made.fn
        found.append(replace(node, undo=made.id) if made is not None and own else node)
    return found


def _is_command(definition: object) -> TypeGuard[str | os.PathLike[str] | Mapping[str, Any]]:
    """Whether this is a path, or a mapping that speaks of phases rather than of nodes."""
    if isinstance(definition, str | os.PathLike):
        if Path(definition).suffix == ".ipynb":
            hint = "read it with Notebook.read"
            raise DefinitionError([Issue("not-a-definition", "is a notebook", path=str(definition), suggestion=hint)])
        if Path(definition).suffix.lower() in _GRAPHS:
            hint = "read it with taskgraphs.read_graph, whose nodes have no bodies"
            raise DefinitionError([Issue("not-a-definition", "is a task graph", path=str(definition), suggestion=hint)])
        return True
    if not isinstance(definition, Mapping) or not definition.keys() & _COMMAND_KEYS:
        return False
    return "phases" in definition or not any(node_of(item) is not None for item in definition.values())


def _values(nodes: Iterable[Node]) -> tuple[Edge, ...]:
    """Edges for the parameters, conditions and compensations that name another node; one's own is the context's."""
    nodes = tuple(nodes)
    names = {node.id for node in nodes}
    spoken = {camel_case(name): name for name in names}
    read = tuple(
        Edge(maker, node.id, "value", evidence=(Evidence(name, reason=f"its condition reads {name}"),))
        for node in nodes
        for name in _names_of_condition(node)
        if (maker := NodeId(name) if name in names else spoken.get(name)) is not None and maker != node.id
    )
    aside = compensators(nodes)  # which are not compensated themselves
    undone = tuple(
        Edge(node.id, NodeId(node.undo), "order", evidence=(Evidence(node.id, reason=told_undo(node.undo, node.id)),))
        for node in nodes
        if isinstance(node.undo, str) and node.undo in names and node.undo != node.id not in aside
    )
    passed = tuple(
        Edge(
            NodeId(name),
            node.id,
            "value",
            evidence=(Evidence(name, reason=f"parameter {name!r} of {node.id}"),),
        )
        for node in nodes
        if node.fn is not None
        for name, _, _ in parameters(node.fn)
        if name in names and name != node.id
    )
    return (*read, *undone, *passed)


def _names_of_condition(node: Node) -> tuple[str, ...]:
    """The names that a node's condition reads; one that cannot be read is the run's to name."""
    if node.when is None or node.fn is None:
        return ()
    try:
        return parse_condition(node.when).names
    except ConditionError:
        return ()


def _misfit(place: str, item: object) -> Issue:
    return Issue(
        "not-a-node",
        f"{item!r} is neither a node nor a function",
        path=place,
        suggestion="give Node objects, functions or @task functions; read a notebook with Notebook.read",
    )


def _issue(error: GraphError) -> Issue:
    if isinstance(error, CycleError):
        return Issue("cycle", str(error), nodes=error.path)
    code = "unknown-node" if isinstance(error, MissingDependencyError) else "duplicate-name"
    return Issue(code, str(error))
