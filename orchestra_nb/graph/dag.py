"""The DAG: nodes, edges, and what follows from them.

Policy: immutable and checked at birth, so that whoever holds one need not ask; what is expensive is worked out on first
use and kept. Order: nodes by document position (``Node.index``, then as given); every answer follows that order.
Failure: a faulty graph raises :class:`.MissingDependencyError`, :class:`.CycleError` (the shortest cycle) or
:class:`.GraphError` (one name twice) and lists every fault of that kind; :meth:`.DAGBuilder.validate` lists them all.

What follows from shape and costs is in :mod:`.analysed`, which this inherits. Edges of ``after`` become :class:`.Edge`
objects only when someone looks at them: the algorithms work on the index lists of :mod:`.table`. Pictures and frames
are made by the display through :class:`.Presented`. Rejected: networkx as the store (slow, mutable), a node class with
parent pointers (neither shareable nor picklable in one piece).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, cast

from orchestra_nb.errors import CycleError, GraphError, MissingDependencyError
from orchestra_nb.graph import paths
from orchestra_nb.graph.analysed import Analysed
from orchestra_nb.graph.fingerprint import fingerprint
from orchestra_nb.graph.table import Table, build
from orchestra_nb.graph.undoing import compensators
from orchestra_nb.graph.validation import check
from orchestra_nb.model import Edge, Evidence, Node, NodeId
from orchestra_nb.presentation import presenter_of

if TYPE_CHECKING:
    import graphviz
    import networkx as nx


class _Drawing(Protocol):
    def source(self, value: DAG) -> graphviz.Source: ...


class DAG(Analysed):
    """What needs what.

    Parameters
    ----------
    nodes
        Unique ids. Each id in a node's ``after`` becomes a declared edge unless ``edges`` joins the two already.
    edges
        With kind and evidence, as inference found them.
    metadata
        Kept and not interpreted.

    Raises
    ------
    MissingDependencyError
        A node or an edge names a node that does not exist.
    CycleError
        Nodes wait for each other; ``.path`` is the shortest cycle.
    GraphError
        Two nodes have one name.

    Examples
    --------
    >>> dag = DAG([Node("load", cost=2), Node("plot", after=["load"]), Node("train", after=["load"], cost=5)])
    >>> dag.levels
    (('load',), ('plot', 'train'))
    >>> dag.critical_path, dag.critical_time, dag.slack["plot"]
    (('load', 'train'), 7.0, 4.0)
    """

    metadata: Mapping[str, Any]

    def __init__(
        self, nodes: Iterable[Node], edges: Iterable[Edge] = (), metadata: Mapping[str, Any] | None = None
    ) -> None:
        ordered = _in_document_order(nodes)
        given = tuple(edges)
        table = build(ordered, given)
        if table is None:
            raise _fault(ordered, given)
        self._fill(ordered, given, table, metadata or {})

    def _fill(
        self, nodes: tuple[Node, ...], given: tuple[Edge, ...], table: Table, metadata: Mapping[str, Any]
    ) -> None:
        self.__dict__.update(_all=nodes, given=given, table=table, metadata=MappingProxyType(dict(metadata)))

    given: tuple[Edge, ...]
    """The edges that the graph was made with; ``after`` declares the others."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a DAG does not change; make another one to set {name!r}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a DAG does not change; make another one without {name!r}")

    def __reduce__(self) -> tuple[Any, ...]:
        return (DAG, (self._all, self.given, dict(self.metadata)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DAG):
            return NotImplemented
        return self is other or (self._all == other._all and self.edges == other.edges)

    def __hash__(self) -> int:
        return hash(self.table.ids)

    def __len__(self) -> int:
        return len(self.table.ids)

    def __repr__(self) -> str:
        return f"<DAG: {len(self._all)} nodes, {sum(map(len, self.table.preds))} needs, {len(self.levels)} levels>"

    _costed: tuple[DAG, Mapping[str, float]] | None = None
    """For a graph with other costs: whose nodes, and the costs."""

    @cached_property
    def _all(self) -> tuple[Node, ...]:
        assert self._costed is not None  # any other graph was born with its nodes
        origin, costs = self._costed
        return tuple([replace(n, cost=costs[n.id]) if n.id in costs else n for n in origin._all])

    @cached_property
    def nodes(self) -> Mapping[str, Node]:
        """The nodes by id, in document order.

        Examples
        --------
        >>> dag = DAG([Node("load", cost=2), Node("plot", after=["load"])])
        >>> list(dag.nodes), dag.nodes["load"].cost
        (['load', 'plot'], 2)
        """
        return MappingProxyType(dict(zip(self.table.ids, self._all, strict=True)))

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """All edges, in document order of their sources, then of their targets; a pair may have several.

        Examples
        --------
        >>> for edge in DAG([Node("load"), Node("plot", after=["load"])]).edges:
        ...     print(edge)
        load → plot  [declared] 'plot' is to come after 'load'
        """
        declared = [
            Edge(source, target, evidence=(Evidence(source, reason=f"{target!r} is to come after {source!r}"),))
            for source, target in self._declared()
        ]
        index = self.table.index
        return tuple(sorted([*self.given, *declared], key=lambda edge: (index[edge.source], index[edge.target])))

    def _declared(self) -> Iterator[tuple[NodeId, NodeId]]:
        joined = {(edge.source, edge.target) for edge in self.given}
        for node in self._all:
            for name in dict.fromkeys(node.after):
                if (name, node.id) not in joined:
                    yield name, node.id

    @cached_property
    def hash(self) -> str:
        """Content hash, the same in every process. Costs that were measured later (:meth:`with_costs`) do not count.

        Examples
        --------
        >>> dag = DAG([Node("load"), Node("plot", after=["load"])])
        >>> dag.hash == DAG([Node("load"), Node("plot", after=["load"])]).hash == dag.with_costs({"load": 9}).hash
        True
        >>> dag.hash == DAG([Node("load"), Node("plot")]).hash
        False
        """
        if self._costed is not None:
            return self._costed[0].hash
        rows = [(edge.source, edge.target, edge.kind, edge.certainty) for edge in self.given]
        rows += [(source, target, "declared", "certain") for source, target in self._declared()]
        return fingerprint(self._all, sorted(rows))

    def predecessors(self, node: str) -> tuple[NodeId, ...]:
        """Name what a node needs directly, in document order.

        Examples
        --------
        >>> DAG([Node("load"), Node("clean", after=["load"]), Node("plot", after=["clean"])]).predecessors("plot")
        ('clean',)
        """
        return self._named(self.table.preds[self._position(node)])

    def successors(self, node: str) -> tuple[NodeId, ...]:
        """Name what needs a node directly, in document order.

        Examples
        --------
        >>> DAG([Node("load"), Node("clean", after=["load"]), Node("plot", after=["clean"])]).successors("load")
        ('clean',)
        """
        return self._named(self.table.succs[self._position(node)])

    @cached_property
    def depths(self) -> tuple[int, ...]:
        """In which level each node is, by position in the document.

        Examples
        --------
        >>> DAG([Node("load"), Node("clean", after=["load"]), Node("other"), Node("plot", after=["clean"])]).depths
        (0, 1, 0, 2)
        """
        found = [0] * len(self)
        for number, members in enumerate(self.table.levels):
            for i in members:
                found[i] = number
        return tuple(found)

    def ancestors(self, node: str) -> tuple[NodeId, ...]:
        """Name all that must end before a node starts, in document order.

        Examples
        --------
        >>> DAG([Node("load"), Node("clean", after=["load"]), Node("plot", after=["clean"])]).ancestors("plot")
        ('load', 'clean')
        """
        return self._named(sorted(paths.reachable([self._position(node)], self.table.preds)))

    def descendants(self, node: str) -> tuple[NodeId, ...]:
        """Name all that waits for a node, in document order.

        Examples
        --------
        >>> DAG([Node("load"), Node("clean", after=["load"]), Node("plot", after=["clean"])]).descendants("load")
        ('clean', 'plot')
        """
        return self._named(sorted(paths.reachable([self._position(node)], self.table.succs)))

    def way(self, source: str, target: str) -> tuple[NodeId, ...]:
        """Name a shortest chain of nodes along which ``target`` waits for ``source``; empty when it does not.

        Raises
        ------
        MissingDependencyError
            There is no node of that name.

        Examples
        --------
        >>> dag = DAG([Node("load"), Node("clean", after=["load"]), Node("plot", after=["clean"]), Node("other")])
        >>> dag.way("load", "plot"), dag.way("load", "other")
        (('load', 'clean', 'plot'), ())
        """
        return self._named(paths.shortest_way(self._position(source), self._position(target), self.table.succs))

    def subgraph(self, targets: Iterable[str]) -> DAG:
        """Keep the targets, everything that they need, and what compensates any of it.

        What compensates waits for nothing that is not kept.

        Raises
        ------
        MissingDependencyError
            A target is not in the graph.

        Examples
        --------
        >>> dag = DAG([Node("load"), Node("plot", after=["load"]), Node("train", after=["load"])])
        >>> list(dag.subgraph(["plot"]).nodes)
        ['load', 'plot']
        """
        names = self.needed_for(targets)
        more = _compensating(self._all, names)
        nodes = [node for node in self._all if node.id in names]
        nodes += [replace(node, after=tuple(name for name in node.after if name in names)) for node in more]
        names |= {node.id for node in more}
        edges = [edge for edge in self.given if edge.source in names and edge.target in names]
        return DAG(nodes, edges, self.metadata)

    def needed_for(self, targets: Iterable[str]) -> set[NodeId]:
        """Name the targets and all that must end before them.

        Raises
        ------
        MissingDependencyError
            A target is not in the graph.

        Examples
        --------
        >>> dag = DAG([Node("load"), Node("plot", after=["load"]), Node("train", after=["load"])])
        >>> sorted(dag.needed_for("plot"))
        ['load', 'plot']
        >>> dag.needed_for("plto")
        Traceback (most recent call last):
        orchestra_nb.errors.MissingDependencyError: no node is named 'plto'; did you mean 'plot'?
        """
        asked = [targets] if isinstance(targets, str) else list(targets)
        unknown = [name for name in asked if name not in self.table.index]
        if unknown:
            raise MissingDependencyError("\n".join(self._nobody(name) for name in unknown))
        wanted = [self._position(name) for name in asked]
        kept = paths.reachable(wanted, self.table.preds).union(wanted)
        return {self.table.ids[i] for i in kept}

    def with_costs(self, costs: Mapping[str, float]) -> DAG:
        """Make the same graph with other expected durations (seconds), and the same hash.

        A history may know more than one graph: names that are not in this one are passed over. Nodes and hash are
        worked out when somebody looks at them: every run ends with this, and few are looked at.

        Examples
        --------
        >>> dag = DAG([Node("load"), Node("plot", after=["load"])])
        >>> measured = dag.with_costs({"load": 4.5, "of another graph": 1.0})
        >>> measured.critical_time, dag.critical_time
        (5.5, 2.0)
        """
        other = DAG.__new__(DAG)
        other.__dict__.update(given=self.given, table=self.table, metadata=self.metadata, _costed=(self, dict(costs)))
        return other

    @property
    def origin(self) -> DAG:
        """The graph that :meth:`with_costs` was asked of, with the costs expected then; else the graph itself.

        Examples
        --------
        >>> dag = DAG([Node("load", cost=2)])
        >>> dag.with_costs({"load": 3.5}).origin is dag, dag.origin is dag
        (True, True)
        """
        return self if self._costed is None else self._costed[0]

    def to_networkx(self) -> nx.DiGraph[str]:
        """Copy to a networkx graph; edges carry ``kinds``, ``certainty`` and ``evidence``, nodes their costs.

        Examples
        --------
        >>> graph = DAG([Node("load"), Node("plot", after=["load"])]).to_networkx()
        >>> list(graph.edges), graph.edges["load", "plot"]["kinds"], graph.nodes["plot"]["level"]
        ([('load', 'plot')], ('declared',), 1)
        """
        import networkx as nx

        graph: nx.DiGraph[str] = nx.DiGraph()
        for level, names in enumerate(self.levels):
            for name in names:
                node = self.nodes[name]
                graph.add_node(name, cost=node.cost, level=level, kind=node.kind, phase=node.phase)
        for edge in self.edges:
            known = graph.get_edge_data(edge.source, edge.target, {})
            certain = "certain" in (edge.certainty, known.get("certainty"))
            graph.add_edge(
                edge.source,
                edge.target,
                kinds=(*known.get("kinds", ()), edge.kind),
                certainty="certain" if certain else "possible",
                evidence=(*known.get("evidence", ()), *map(str, edge.evidence)),
            )
        return graph

    def to_graphviz(self) -> graphviz.Source:
        """Draw the picture as DOT text in a ``graphviz.Source``.

        Examples
        --------
        >>> dot = DAG([Node("load"), Node("plot", after=["load"])]).to_graphviz()
        >>> dot.source.splitlines()[0]
        'digraph {'
        """
        return cast(_Drawing, presenter_of(self)).source(self)


def _compensating(nodes: Iterable[Node], names: Container[str]) -> list[Node]:
    """Who compensates some of these nodes, and is none of them."""
    nodes = tuple(nodes)
    aside = compensators(nodes)
    return [node for node in nodes if node.id not in names and any(who in names for who in aside.get(node.id, ()))]


def _in_document_order(nodes: Iterable[Node]) -> tuple[Node, ...]:
    given = tuple(nodes)
    odd: list[object] = [item for item in given if type(item) is not Node]
    if not all(isinstance(item, Node) for item in odd):
        raise GraphError(f"a DAG is made of Node objects; give {odd[0]!r} to DAGBuilder().build_dag")
    return tuple(sorted(given, key=attrgetter("index")))


def _fault(nodes: tuple[Node, ...], edges: tuple[Edge, ...]) -> GraphError:
    """Make the error for a graph that is none: one kind at a time, all of that kind."""
    issues = check(nodes, edges, most_cycles=1)
    for code, error in (("duplicate-name", GraphError), ("unknown-node", MissingDependencyError)):
        lines = [str(issue) for issue in issues if issue.code == code]
        if lines:
            return error("\n".join(lines))
    return CycleError(next(issue.nodes for issue in issues if issue.code == "cycle"))
