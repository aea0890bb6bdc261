"""What is wrong with nodes and edges: all of it, in one pass, over tables that are passed in.

Policy: one pure function that the DAG, ``validate`` and the reading of notebooks share, so that the same fault has the
same words everywhere. Order: errors by document, then cycles, then
warnings. Failure: faults are values; nothing raises. A name that is used
twice stands for its first bearer in the search for cycles, so that one fault does not hide another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from orchestra_nb.errors import Issue, nearest
from orchestra_nb.graph.cycles import MOST, cycles
from orchestra_nb.graph.paths import reachable
from orchestra_nb.graph.table import Table, build
from orchestra_nb.graph.undoing import undo_faults
from orchestra_nb.model import Edge, Node, NodeId
from orchestra_nb.presentation import Presented

Place = Callable[[Node, str], str]
"""Where in the user's text one setting of a node stands, such as ``"cell 3, line 1"``."""

FAULT = "fault"
"""The key of a node's metadata under which stands what makes it fail whenever it runs: an :class:`.Issue`."""

_UNKNOWN_COST = 1.0
"""What a node costs when nobody knows: no ground for a warning."""


@dataclass(frozen=True, slots=True)
class ValidationResult(Presented):
    """Everything that was found wrong with a graph.

    Parameters
    ----------
    issues
        All faults: errors in document order, then cycles, then warnings.

    Examples
    --------
    >>> from orchestra_nb import DAGBuilder
    >>> result = DAGBuilder().validate([Node("a", after=["b"]), Node("b", after=["a", "c"])])
    >>> for issue in result.issues:
    ...     print(f"{issue.severity} {issue.code}: {issue}")
    error unknown-node: 'b' comes after 'c', which does not exist; known: a
    error cycle: nodes wait for each other: a → b → a ...
    """

    issues: tuple[Issue, ...] = ()

    @property
    def errors(self) -> tuple[Issue, ...]:
        """Faults that stop a run before it starts.

        Examples
        --------
        >>> result = ValidationResult((Issue("cycle", "a → b → a"), Issue("dead-end", "no use", severity="warning")))
        >>> [issue.code for issue in result.errors]
        ['cycle']
        """
        return tuple(issue for issue in self.issues if issue.severity == "error")

    @property
    def warnings(self) -> tuple[Issue, ...]:
        """Faults that do not.

        Examples
        --------
        >>> from orchestra_nb import DAGBuilder
        >>> result = DAGBuilder().validate([Node("load", cost=60, timeout=10)])
        >>> [issue.code for issue in result.warnings]
        ['timeout-below-cost']
        """
        return tuple(issue for issue in self.issues if issue.severity == "warning")

    @property
    def valid(self) -> bool:
        """Whether a run could start.

        Examples
        --------
        >>> from orchestra_nb import DAGBuilder
        >>> DAGBuilder().validate([Node("load"), Node("plot", after=["load"])]).valid
        True
        """
        return not self.errors


def place_of(node: Node, setting: str) -> str:
    """Say where a node stands: ``"cell 3"`` for a cell; nothing for a function, whose name says it."""
    return f"cell {node.index + 1}" if node.kind == "cell" else ""


def check(
    nodes: Iterable[Node], edges: Iterable[Edge] = (), *, place: Place = place_of, most_cycles: int = MOST
) -> tuple[Issue, ...]:
    """Find every fault of a graph.

    Parameters
    ----------
    nodes
        In document order; they may share names and wait for what does not exist.
    edges
        Beside those that ``after`` declares.
    place
        Says where a node's setting stands in the user's text.
    most_cycles
        Name at most this many cycles.

    Returns
    -------
    tuple of Issue
        With the codes ``"duplicate-name"``, ``"unknown-node"``, ``"timeout-below-cost"`` and ``"cycle"``, and those of
        :mod:`.undoing`.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> for issue in check([Node("load"), Node("train", after=("laod", "train"))]):
    ...     print(issue.code, "|", issue)
    unknown-node | 'train' comes after 'laod', which does not exist; did you mean 'load'?
    cycle | 'train' waits for itself: train → train; drop it from its own 'after'
    """
    nodes, edges = tuple(nodes), tuple(edges)
    if build(nodes, edges) is not None:
        return (*placed(undo_faults(nodes, edges), nodes, place), *cautions(nodes, place=place))
    index: dict[str, int] = {}
    for i, node in enumerate(nodes):
        index.setdefault(node.id, i)
    issues = []
    for i, node in enumerate(nodes):
        first = index[node.id]
        if first != i:
            issues.append(_duplicate(nodes[first], node, place))
        issues += [_unknown(node, name, index, place) for name in node.after if name not in index]
    issues += _loose_ends(edges, index)
    issues += _cycles(nodes, edges, index, place, most_cycles)
    issues += placed(undo_faults(nodes, edges), nodes, place)
    return (*issues, *cautions(nodes, place=place))


def placed(found: Iterable[Issue], nodes: Iterable[Node], place: Place) -> list[Issue]:
    """Say of faults of compensations where in the user's text they stand."""
    found = list(found)
    by_id = {node.id: node for node in nodes} if found else {}
    setting = {"undo-needed": "after"}
    return [
        replace(issue, path=place(by_id[NodeId(issue.nodes[0])], setting.get(issue.code, "undo"))) for issue in found
    ]


def cautions(nodes: Iterable[Node], *, place: Place = place_of) -> tuple[Issue, ...]:
    """Find what is odd about nodes and yet no fault of the graph: all that a DAG can still have."""
    return tuple(
        _hasty(node, node.timeout, place)
        for node in nodes
        if node.timeout is not None and node.timeout < node.cost and node.cost != _UNKNOWN_COST
    )


def faults_of(nodes: Iterable[Node]) -> tuple[Issue, ...]:
    """List the faults that nodes carry, of a graph that was made in spite of them.

    Examples
    --------
    >>> broken = Issue("syntax-error", "this is not Python", path="cell 2, line 1")
    >>> print(*faults_of([Node("cell-1"), Node("cell-2", metadata={FAULT: broken})]))
    cell 2, line 1: this is not Python
    """
    return tuple([node.metadata[FAULT] for node in nodes if FAULT in node.metadata])


def strays(table: Table, roots: Sequence[str], targets: Sequence[str]) -> list[Issue]:
    """Find the nodes that no root leads to and those that lead to no target, where roots or targets were named.

    Parameters
    ----------
    table
        A graph that is one.
    roots, targets
        Ids. Empty: nothing was named, and nothing is out of reach.
    """
    found = []
    for named, adjacency, code, told in (
        (roots, table.succs, "unreachable", "is reached from none of the roots"),
        (targets, table.preds, "dead-end", "is needed by none of the targets"),
    ):
        if not named:
            continue
        known = [table.index[NodeId(name)] for name in named if NodeId(name) in table.index]
        for name in named:
            if NodeId(name) not in table.index:
                message = f"no node is named {name!r}"
                found.append(Issue("unknown-node", message, suggestion=nearest(name, table.ids)))
        near = reachable(known, adjacency).union(known)
        found += [
            Issue(
                code,
                f"{name!r} {told} ({', '.join(named)})",
                nodes=(name,),
                suggestion="name it too, or take it away",
                severity="warning",
            )
            for i, name in enumerate(table.ids)
            if i not in near
        ]
    return found


def _duplicate(first: Node, node: Node, place: Place) -> Issue:
    places = [place(n, "name") for n in (first, node)]
    where = f" ({places[0]} and {places[1]})" if all(places) else ""
    return Issue(
        "duplicate-name",
        f"two nodes are named {node.id!r}{where}",
        nodes=(node.id,),
        path=places[1],
        suggestion="give one of them another name",
    )


def _unknown(node: Node, name: str, index: dict[str, int], place: Place) -> Issue:
    return Issue(
        "unknown-node",
        f"{node.id!r} comes after {name!r}, which does not exist",
        nodes=(node.id,),
        path=place(node, "after"),
        suggestion=nearest(name, index.keys() - {node.id}),
    )


def _hasty(node: Node, timeout: float, place: Place) -> Issue:
    return Issue(
        "timeout-below-cost",
        f"{node.id!r} is expected to take {node.cost:g} s and would be stopped after {timeout:g} s",
        nodes=(node.id,),
        path=place(node, "timeout"),
        suggestion="raise its timeout",
        severity="warning",
    )


def _loose_ends(edges: Sequence[Edge], index: dict[str, int]) -> list[Issue]:
    return [
        Issue(
            "unknown-node",
            f"the edge {edge.source!r} → {edge.target!r} names {name!r}, which does not exist",
            nodes=tuple(end for end in (edge.source, edge.target) if end in index),
            suggestion=nearest(name, index),
        )
        for edge in edges
        for name in dict.fromkeys((edge.source, edge.target))
        if name not in index
    ]


def _cycles(
    nodes: Sequence[Node], edges: Sequence[Edge], index: dict[str, int], place: Place, most: int
) -> list[Issue]:
    succs: list[list[int]] = [[] for _ in nodes]
    for i, node in enumerate(nodes):
        first = index[node.id]
        for name in node.after:
            # a second node of a name that comes after the first does not wait for itself
            if name in index and (i == first or index[name] != first):
                succs[index[name]].append(first)
    inferred: dict[tuple[str, str], Edge] = {}
    for edge in edges:
        if edge.source in index and edge.target in index:
            succs[index[edge.source]].append(index[edge.target])
            inferred.setdefault((edge.source, edge.target), edge)
    return [_cycle([nodes[i] for i in path], inferred, place) for path in cycles(succs, most)]


def _cycle(path: Sequence[Node], inferred: Mapping[tuple[str, str], Edge], place: Place) -> Issue:
    """Name a cycle, what each of its steps rests on, and the ``after`` that could be dropped."""
    names = tuple([node.id for node in path])
    shown = " → ".join(names)
    asked = [(before, node) for before, node in pairwise(path) if before.id in node.after]
    asked.sort(key=lambda step: step[1].index)
    where = place(asked[0][1] if asked else path[0], "after")
    if len(path) == 2:
        message, hint = f"{names[0]!r} waits for itself: {shown}", "drop it from its own 'after'"
        return Issue("cycle", message, nodes=names, path=where, suggestion=hint)
    steps = []
    for before, node in pairwise(path):
        if before.id in node.after:
            given = place(node, "after")
            steps.append(f"{node.id} is after {before.id}" + (f" ({given})" if given else ""))
        elif (before.id, node.id) in inferred:
            edge = inferred[before.id, node.id]
            shared = ", ".join(dict.fromkeys(item.variable for item in edge.evidence))
            steps.append(f"{node.id} needs {before.id}" + (f" for {shared}" if shared else ""))
    hint = "; or ".join(f"drop {before.id!r} from the 'after' of {node.id!r}" for before, node in asked)
    message = f"nodes wait for each other: {shown} ({'; '.join(steps)})"
    return Issue("cycle", message, nodes=names, path=where, suggestion=hint or "drop one of these edges")
