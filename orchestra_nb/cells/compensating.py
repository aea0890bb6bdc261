"""Cells that compensate others: named by a setting ``undo``, and run only when the run has failed.

A run that succeeds never sees what they bind and change. So they are interpreted after all other cells, wherever they
stand, and nothing waits for them; when their turn comes, every name has its last value, as at the end of the document.
They run in this process, because what they undo was done here.

``undo`` may also name a function that a cell, or the session, defines. It is called with what its parameters name:
variables of the notebook, ``result`` (what the compensated cell has bound, by name) and ``context`` (all variables).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TypeVar

from orchestra_nb.cells.cell import Cell
from orchestra_nb.errors import Issue, nearest
from orchestra_nb.graph.undoing import told_undo
from orchestra_nb.model import Edge, Evidence, Node, NodeId

T = TypeVar("T")
_HERE = "it undoes what was done in this process"


def in_order(cells: Sequence[Cell]) -> tuple[list[int], int]:
    """Say in which order cells are interpreted: the positions, those that compensate last; and how many do not.

    Examples
    --------
    >>> from orchestra_nb.cells.settings import NodeSettings
    >>> in_order([Cell(1, "", NodeSettings(undo="cell-2")), Cell(2, ""), Cell(3, "")])
    ([0, 2, 1], 2)
    """
    aside = {cell.settings.undo for cell in cells if cell.settings.undo not in (None, cell.id)}
    first = [number for number, cell in enumerate(cells) if cell.id not in aside]
    last = [number for number, cell in enumerate(cells) if cell.id in aside]
    return [*first, *last], len(first)


def set_aside(node: Node) -> Node:
    """Keep a node that compensates in this process."""
    where = {**node.verdicts, "loky": node.verdicts.get("loky") or _HERE}
    return replace(node, verdicts=MappingProxyType(where))


def in_place(
    order: Sequence[int], nodes: Sequence[Node], effects: Sequence[T]
) -> tuple[tuple[Node, ...], tuple[T, ...]]:
    """Put what was found about cells in another order back to where they stand."""
    if list(order) == sorted(order):
        return tuple(nodes), tuple(effects)
    back = sorted(range(len(order)), key=order.__getitem__)
    return tuple(replace(nodes[at], index=number) for number, at in enumerate(back)), tuple(effects[at] for at in back)


def undo_edges(cells: Sequence[Cell], aside: Collection[str]) -> Iterator[Edge]:
    """From each cell to the one that compensates it."""
    for cell in cells:
        undo = cell.settings.undo
        if undo is not None and undo in aside and undo != cell.id not in aside:
            yield Edge(
                NodeId(cell.id), NodeId(undo), "order", evidence=(Evidence(cell.id, reason=told_undo(undo, cell.id)),)
            )


def unknown_undo(cells: Sequence[Cell], nodes: Sequence[Node], namespace: Mapping[str, object]) -> Iterator[Issue]:
    """Find the cells whose compensation is neither a cell nor a name that could be a function.

    Where a cell may bind anything (a magic, ``exec``), nobody can say, and the run will.
    """
    if any(node.metadata.get("keeps_place") for node in nodes):
        return
    ids = {cell.id for cell in cells}
    bound = {name for node in nodes for name in node.writes}
    for cell in cells:
        undo = cell.settings.undo
        if undo is not None and undo not in ids and undo not in bound and undo not in namespace:
            told = f"{cell.id!r} is compensated by {undo!r}, which is neither a cell nor a function that a cell defines"
            hint = nearest(undo, [*(ids - {cell.id}), *bound])
            yield Issue("unknown-undo", told, (cell.id,), cell.where("undo"), hint)
