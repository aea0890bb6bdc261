"""The cells that a session has declared, in document order.

Document order is that of the notebook file, as far as the front end sends cell ids and the file knows them all, else
that of the first declaration. Declaring a name again replaces it and keeps its place; so does declaring the same
Jupyter cell under another name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestra_nb.cells.cell import Cell
from orchestra_nb.notebook.location import cell_order
from orchestra_nb.presentation import Bundle


@dataclass(slots=True)
class Declaration:
    """One Jupyter cell that was declared as a node.

    Parameters
    ----------
    cell
        The node.
    parent
        The request that declared it; ``None`` without a kernel.
    shown
        What its declaration displayed.
    """

    cell: Cell
    parent: Mapping[str, Any] | None = None
    shown: Bundle | None = None


class Declarations:
    """All of them, in order.

    Examples
    --------
    >>> declared = Declarations()
    >>> declared.add(Declaration(Cell(1, "x = 1")))
    >>> declared.add(Declaration(Cell(1, "x = 2")))
    >>> [item.cell.source for item in declared.in_order(None)]
    ['x = 2']
    """

    def __init__(self) -> None:
        self._items: list[Declaration] = []

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: Declaration) -> None:
        """Declare a cell, or declare it anew."""
        for place, known in enumerate(self._items):
            same_cell = bool(item.cell.cell_id) and known.cell.cell_id == item.cell.cell_id
            if same_cell or known.cell.id == item.cell.id:
                self._items[place] = item
                self._items[place + 1 :] = [k for k in self._items[place + 1 :] if k.cell.id != item.cell.id]
                return
        self._items.append(item)

    def place_of(self, cell_id: str) -> int:
        """Position from 1 of the declaration that a Jupyter cell made; the next free one when it made none."""
        for number, item in enumerate(self._items, 1):
            if cell_id and item.cell.cell_id == cell_id:
                return number
        return len(self._items) + 1

    def in_order(self, path: Path | None) -> list[Declaration]:
        """In document order.

        Parameters
        ----------
        path
            The notebook's file, if it is known.
        """
        places = cell_order(path) if path is not None else {}
        if all(item.cell.cell_id in places for item in self._items):
            return sorted(self._items, key=lambda item: places[item.cell.cell_id])
        return list(self._items)

    def clear(self) -> None:
        """Forget them all."""
        self._items.clear()
