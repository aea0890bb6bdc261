"""Versions of names while cells run: code that uses the right slot, and a namespace that ends as a linear run's would.

Which slot a cell uses is decided beforehand (:mod:`orchestra_nb.cells.versions`). A slot is a key of the user's own
namespace that no code can spell, because it has a space in it; so functions, tracebacks and the display find everything
else where it always was, and a slot costs nothing but its name.

A version may go as soon as nobody will read it and a later one has really been written; what is left when names are
settled is bound to the plain name. That happens before each cell that looks at everything, and when the run ends,
however it ends: a version that was never written (an empty loop, a cell that failed) leaves the one before it.
"""

from __future__ import annotations

import ast
import gc
import re
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import CodeType, FunctionType
from typing import Any

from orchestra_nb.cells.fixed_names import split_at
from orchestra_nb.cells.occurrences import occurrences
from orchestra_nb.cells.versions import Slots
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Edge, Evidence, Node, NodeId

_SLOT = re.compile(r"'(\w+) @[^']*'")


def slots_of_node(node: Node) -> Slots:
    """The slots that the analysis gave a cell."""
    given = node.metadata.get("slots", {})
    return Slots(given.get("before", {}), given.get("after", {}))


def renamed(tree: ast.Module, slots: Slots) -> ast.Module:
    """Let a cell's code use slots; the tree itself is changed, and returned.

    Examples
    --------
    >>> tree = ast.parse("df = [row for row in df if row > low]; print(df)")
    >>> slots = Slots({"df": "df @cell-1"}, {"df": "df @cell-3"})
    >>> print(ast.unparse(renamed(tree, slots)))
    df @cell-3 = [row for row in df @cell-1 if row > low]
    print(df @cell-3)
    """
    places = [p for p in occurrences(tree) if not p.later and (p.name in slots.before or p.name in slots.after)]
    ends = {
        name: split_at(tree, name, places)
        for name in {place.name for place in places}
        if slots.before.get(name) != slots.after.get(name)
    }
    for place in places:
        end = ends.get(place.name)
        old = end is not None and (place.statement < end or (place.statement == end and place.mode == "load"))
        slot = (slots.before if old else slots.after).get(place.name)
        if slot is not None:
            setattr(place.node, place.field, slot)
    return tree


def without_slots(text: str) -> str:
    """A message as it would be in a linear run.

    Examples
    --------
    >>> without_slots("name 'df @cell-3' is not defined")
    "name 'df' is not defined"
    """
    return _SLOT.sub(r"'\1'", text)


@dataclass(slots=True)
class _Version:
    """One slot of a name: who has still to be done with it."""

    slot: str
    waiting: set[NodeId] = field(default_factory=set)


class Versions:
    """The slots of a run, from the first cell to the settled namespace.

    Parameters
    ----------
    dag
        What runs.
    namespace
        The user's.

    Examples
    --------
    >>> from orchestra_nb.cells.cell import Cell
    >>> from orchestra_nb.cells.inference import cell_dag
    >>> dag = cell_dag([Cell(1, "i = 1"), Cell(2, "print(i)"), Cell(3, "i = 2")])
    >>> namespace = {"i @cell-3": 2, "i @cell-1": 1}
    >>> versions = Versions(dag, namespace)
    >>> versions.ended("cell-3"), versions.ended("cell-1"), sorted(namespace)
    (None, None, ['i @cell-1', 'i @cell-3'])
    >>> versions.ended("cell-2"), versions.settle(), namespace
    (None, None, {'i': 2})
    """

    def __init__(self, dag: DAG, namespace: dict[str, Any]) -> None:
        self._namespace = namespace
        self._of: dict[str, list[_Version]] = defaultdict(list)
        self._by_slot: dict[str, _Version] = {}
        self._names: dict[NodeId, tuple[str, ...]] = {}
        for node in dag.nodes.values():
            slots = slots_of_node(node)
            self._names[node.id] = tuple(dict.fromkeys((*slots.before, *slots.after)))
            for name, slot in (*slots.before.items(), *slots.after.items()):
                version = self._by_slot.get(slot)
                if version is None:
                    version = self._by_slot[slot] = _Version(slot)
                    self._of[name].append(version)
                version.waiting.add(node.id)
                if slots.after.get(name) == slot and name in node.writes:  # the order is that of the last definitions
                    self._of[name].remove(version)
                    self._of[name].append(version)

    def ended(self, node: NodeId | str) -> None:
        """A node has ended: versions that nobody needs any more go."""
        for name in self._names.get(NodeId(node), ()):
            for version in self._of[name]:
                version.waiting.discard(NodeId(node))
            self._drop(name)

    def settle(self) -> None:
        """Bind each name to its last version that was written, and let the others go."""
        for name, versions in self._of.items():
            written = [version.slot for version in versions if version.slot in self._namespace]
            for position, slot in enumerate(reversed(written)):
                value = self._namespace.pop(slot)
                if position == 0:
                    self._namespace[name] = value

    def _drop(self, name: str) -> None:
        later = False
        for version in reversed(self._of[name]):
            if later and not version.waiting:
                self._namespace.pop(version.slot, None)
            later = later or version.slot in self._namespace


def in_part(dag: DAG, known: Iterable[str], kept: Container[str] | None = None) -> DAG:
    """A graph, or a part of it, where names have a meaning of which the analysis knew nothing.

    A cell that reads a version which no cell of this run makes, or which may be the one from before, finds what the
    namespace has, under the plain name. So such a name is one variable in this run, and its uses keep their order.

    Parameters
    ----------
    dag
        The whole graph.
    known
        Names that the namespace has already.
    kept
        Ids of the nodes that are to run; all by default.

    Examples
    --------
    >>> from orchestra_nb.cells.cell import Cell
    >>> from orchestra_nb.cells.inference import cell_dag
    >>> dag = cell_dag([Cell(1, "df = 1"), Cell(2, "print(df)"), Cell(3, "df = 2")])
    >>> [(edge.source, edge.target) for edge in in_part(dag, (), {"cell-2", "cell-3"}).edges]
    [('cell-2', 'cell-3')]
    """
    nodes = [node for node in dag.nodes.values() if kept is None or node.id in kept]
    missing = {
        slot
        for node in dag.nodes.values()
        if kept is not None and node.id not in kept
        for name, slot in slots_of_node(node).after.items()
        if name in node.writes
    }
    plain = {
        name
        for node in nodes
        for name, slot in slots_of_node(node).before.items()
        if name in node.reads and slot in missing
    }
    plain |= {name for node in nodes for name in slots_of_node(node).after}.intersection(known)
    if len(nodes) == len(dag.nodes) and not plain:
        return dag
    names = {node.id for node in nodes}
    after = {node.id: tuple(before for before in node.after if before in names) for node in nodes}
    edges = [edge for edge in dag.edges if edge.source in names and edge.target in names]
    parts = [replace(_with_plain(node, plain), after=after[node.id]) for node in nodes]
    return DAG(parts, [*edges, *_in_order(nodes, plain)], dag.metadata)


def _with_plain(node: Node, plain: Container[str]) -> Node:
    slots = slots_of_node(node)
    if not slots:
        return node
    told = {
        when: {name: slot for name, slot in given.items() if name not in plain}
        for when, given in (("before", slots.before), ("after", slots.after))
    }
    return replace(node, metadata={**node.metadata, "slots": told})


def _in_order(nodes: Sequence[Node], names: Iterable[str]) -> Iterator[Edge]:
    for name in names:
        for number, later in enumerate(nodes):
            for earlier in nodes[:number]:
                uses = (name in earlier.reads, name in earlier.writes, name in later.reads, name in later.writes)
                if (uses[1] and (uses[2] or uses[3])) or (uses[0] and uses[3]):
                    why = Evidence(name, None, None, "the cell that made this version of it is not run")
                    yield Edge(earlier.id, later.id, "order", "possible", (why,))


def names_that_functions_read(namespace: dict[str, Any]) -> frozenset[str]:
    r"""The names that functions with this namespace as their globals look up, wherever such functions are kept.

    Examples
    --------
    >>> space = {}
    >>> exec("class A:\n    def of(self):\n        return [low for _ in range(3)]", space)
    >>> "low" in names_that_functions_read(space)
    True
    """
    codes = [f.__code__ for f in gc.get_referrers(namespace) if isinstance(f, FunctionType)]
    found: set[str] = set()
    while codes:
        code = codes.pop()
        found.update(code.co_names)
        codes += [part for part in code.co_consts if isinstance(part, CodeType)]
    return frozenset(found)
