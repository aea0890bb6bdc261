"""A DAG with more nodes: what an :class:`.Expand` adds to the graph of a run.

Policy: the old graph stays as it is, position by position, and the new nodes come behind it in the document. Beside
what the new nodes declare, four kinds of edges make the whole mean what it would have meant, had it been known from the
start:

* a parameter of a new node's function that names a node is an edge of kind ``value``, as everywhere;
* new nodes that need none of the other new ones come after the node that made them (kind ``order``), so that they lie
  below it in levels, ranks and pictures, and are not run if it fails after all;
* whatever waits for that node directly and has not started waits for the new nodes that nothing new needs: who comes
  after a dynamic phase sees all of its agents (kind ``order``);
* and where it reads what a new node writes, the edge is one of kind ``value``.

Nobody is made to wait for a new node that only compensates others.

So a new node that comes after something that waits for its maker waits for itself: that is a fault. Nodes that existed
gain no edge otherwise; a name that they resolved before the growth stays resolved as it was.

Failure: every fault at once, as one :class:`.DefinitionError`, before anything has changed; the DAG that is returned is
a new one. Rejected: changing the DAG in place (whoever holds it would see a run half grown), inserting the new nodes
behind their maker (positions would move under the plan and under everyone who holds one).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from orchestra_nb.errors import DefinitionError, GraphError, Issue, nearest
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.signature import parameters
from orchestra_nb.graph.task import node_of
from orchestra_nb.graph.undoing import compensators, undo_faults
from orchestra_nb.graph.validation import check
from orchestra_nb.model import Edge, EdgeKind, Evidence, Node, NodeId


def grown(dag: DAG, by: str, nodes: Iterable[Any], edges: Iterable[Edge] = (), *, settled: Container[str] = ()) -> DAG:
    """Make the DAG that a run goes on with when one of its nodes has returned others.

    Parameters
    ----------
    dag
        The graph so far.
    by
        The node that returned them.
    nodes, edges
        As in :class:`.Expand`. Positions in the document (``Node.index``) are given anew, behind all others.
    settled
        Nodes that have started or ended, and cannot be made to wait any more.

    Returns
    -------
    DAG
        With the old nodes at their old positions; the same one when nothing is added.

    Raises
    ------
    DefinitionError
        A name that is taken or does not exist, nodes that wait for each other, something that is no node; every fault.
    MissingDependencyError
        The DAG has no node of the name ``by``.

    Examples
    --------
    >>> dag = DAG([Node("split"), Node("join", after=["split"])])
    >>> grown(dag, "split", [Node("part-1"), Node("part-2"), Node("check", after=["part-1"])]).levels
    (('split',), ('part-1', 'part-2'), ('check',), ('join',))
    >>> grown(dag, "split", [Node("part", after=["splt"]), Node("join")])
    Traceback (most recent call last):
    orchestra_nb.errors.DefinitionError: 'part' comes after 'splt', which does not exist; did you mean 'split'?
    two nodes are named 'join'; give one of them another name
    """
    waiting = [name for name in dag.successors(by) if name not in settled]
    issues: list[Issue] = []
    old = tuple(dag.nodes.values())
    new = _numbered(nodes, by, old, issues)
    names = Counter(node.id for node in (*old, *new))
    sound = [node for node in new if names[node.id] == 1]  # a name that is taken would bring cycles that are none
    ends = {node.id for node in sound}
    given = [edge for edge in edges if _fits(edge, ends, by, issues)]
    if not new and not issues:
        return dag
    given += _values(sound, names)
    issues += _too_late(new, dag, settled)
    given += _bounds(dag, by, waiting, sound, given)
    if not issues:
        try:
            bigger = DAG((*old, *new), (*dag.given, *given), dag.metadata)
            if not any(issue.severity == "error" for issue in undo_faults(bigger.nodes.values(), bigger.given)):
                return bigger
        except GraphError:
            pass
    found = check((*old, *new), (*dag.given, *given))
    raise DefinitionError([*issues, *(issue for issue in found if issue.severity == "error")])


def _numbered(items: Iterable[Any], by: str, old: Sequence[Node], issues: list[Issue]) -> list[Node]:
    """The nodes among what was returned, each at its place behind all others."""
    last = max((node.index for node in old), default=-1)
    found = []
    for number, item in enumerate(items, 1):
        node = node_of(item)
        if node is None:
            told, hint = f"{item!r} is neither a node nor a function", "give Node objects or @task functions"
            issues.append(Issue("not-a-node", told, (by,), f"node {number} that {by!r} returned", hint))
        else:
            found.append(replace(node, index=last + number))
    return found


def _fits(edge: Any, new: Collection[str], by: str, issues: list[Issue]) -> bool:
    """Whether an edge that was returned is one, and ends at a new node; if not, that is a fault."""
    if not isinstance(edge, Edge):
        issues.append(Issue("not-an-edge", f"{edge!r} is no edge", (by,), f"what {by!r} returned", "give Edge objects"))
        return False
    if edge.target not in new:
        told = f"the edge {edge.source!r} → {edge.target!r} that {by!r} returned ends at no new node"
        issues.append(Issue("foreign-edge", told, (by,), suggestion=nearest(edge.target, new)))
    return edge.target in new


def _too_late(new: Iterable[Node], dag: DAG, settled: Container[str]) -> Iterator[Issue]:
    """New nodes that are to be compensated by what does not stand aside for that any more."""
    aside = compensators(dag.nodes.values())
    for node in new:
        if isinstance(node.undo, str) and node.undo in dag.nodes and node.undo in settled and node.undo not in aside:
            told = f"{node.id!r} is to be compensated by {node.undo!r}, which has begun already"
            yield Issue("undo-needed", told, (node.id,), suggestion="compensate it with a node of its own")


def _values(new: Iterable[Node], names: Container[str]) -> Iterator[Edge]:
    for node in new:
        for name, _, _ in parameters(node.fn) if node.fn is not None else ():
            if name in names and name != node.id:
                yield _edge(name, node.id, "value", {name: f"parameter {name!r} of {node.id}"})


def _bounds(dag: DAG, by: str, waiting: Iterable[str], new: Sequence[Node], given: Sequence[Edge]) -> Iterator[Edge]:
    """What holds the new nodes between the one that made them and those that wait for it."""
    names = {node.id for node in new}
    needs: dict[str, set[str]] = {node.id: set(node.after) for node in new}
    for edge in given:
        needs[edge.target].add(edge.source)
    needed = set(chain.from_iterable(needs.values()))
    for node in new:
        if names.isdisjoint(needs[node.id]) and by not in needs[node.id]:
            yield _edge(by, node.id, "order", {by: f"{by!r} made {node.id!r}"})
    aside = compensators((*dag.nodes.values(), *new))  # for which nobody waits
    running = [node for node in new if node.id not in aside]
    for name in waiting:
        for node in running:
            passed = [key for key in dag.nodes[name].reads if key in node.writes]
            if passed:
                yield _edge(node.id, name, "value", {key: f"passes {key}" for key in passed})
            elif node.id not in needed:
                yield _edge(node.id, name, "order", {by: f"{name!r} waits for all that {by!r} made"})


def _edge(source: str, target: str, kind: EdgeKind, reasons: Mapping[str, str]) -> Edge:
    evidence = tuple(Evidence(variable, reason=reason) for variable, reason in reasons.items())
    return Edge(NodeId(source), NodeId(target), kind, evidence=evidence)
