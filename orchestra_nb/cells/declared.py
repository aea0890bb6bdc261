"""What can be wrong with the settings of cells before anyone looks at their code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestra_nb.cells.cell import Cell
from orchestra_nb.errors import Issue, nearest
from orchestra_nb.graph.validation import check
from orchestra_nb.model import Node, NodeId
from orchestra_nb.running.joblib_seam import known_backends


def declared_faults(cells: Sequence[Cell], names_known: bool = True) -> list[Issue]:
    """Find every error in names, ``after`` and ``backend``.

    Parameters
    ----------
    cells
        In document order.
    names_known
        ``False`` where a faulty setting was left out: it may have been the name that others wait for, so nobody is
        called unknown.

    Examples
    --------
    >>> from orchestra_nb.cells.settings import NodeSettings
    >>> print(*declared_faults([Cell(1, "x = 1"), Cell(2, "x", NodeSettings(after=("cel-1",)))]))
    cell 2: 'cell-2' comes after 'cel-1', which does not exist; did you mean 'cell-1'?
    """
    nodes = [
        Node(cell.id, after=tuple(map(NodeId, cell.settings.after)), index=number) for number, cell in enumerate(cells)
    ]
    faults = check(nodes, place=lambda node, setting: cells[node.index].where(setting))
    found = [i for i in faults if i.severity == "error" and (names_known or i.code != "unknown-node")]
    return [*found, *unknown_backends(cells)]


def unknown_backends(cells: Iterable[Cell]) -> list[Issue]:
    """Find the cells that ask for a joblib backend which nobody has registered.

    Examples
    --------
    >>> from orchestra_nb.cells.settings import NodeSettings
    >>> print(*unknown_backends([Cell(1, "x = 1", NodeSettings(backend="lokky"))]))
    cell 1: 'cell-1' asks for the backend 'lokky', which joblib does not know; did you mean 'loky'?
    """
    known = ["inherit", *known_backends()]
    return [
        Issue(
            "unknown-backend",
            f"{cell.id!r} asks for the backend {cell.settings.backend!r}, which joblib does not know",
            (cell.id,),
            cell.where("backend"),
            nearest(cell.settings.backend, known),
        )
        for cell in cells
        if cell.settings.backend not in known
    ]
