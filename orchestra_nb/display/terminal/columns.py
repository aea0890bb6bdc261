"""Rows set in columns for the width that there is: what can be spared goes first, then what is long is cut.

Pure: texts and a width in, lines out. A column that may go says in which order; one that may be cut says to how few
cells; the widest is cut first, so that none has much while another has little. What must stay and does not fit runs
on: a terminal of ten columns is nobody's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

_GAP = 2


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Parameters
    ----------
    heading
        Above it.
    cells
        One for each row.
    right
        Whether its cells line up at their right: numbers.
    least
        To how many cells of the terminal it may be cut; ``None``: not at all.
    spare
        Columns with higher numbers are left out first where there is no room; 0: never.
    """

    heading: str
    cells: Sequence[Text]
    right: bool = False
    least: int | None = None
    spare: int = 0

    @property
    def width(self) -> int:
        """Of its widest cell."""
        from rich.cells import cell_len

        return max((cell_len(self.heading), *(cell.cell_len for cell in self.cells)))

    @property
    def empty(self) -> bool:
        """Whether nothing stands in it."""
        return not any(cell.plain for cell in self.cells)


def lines(columns: Sequence[Column], width: int) -> Iterator[Text]:
    """Set columns side by side: the headings, then a line for each row.

    Examples
    --------
    >>> from rich.text import Text
    >>> node = Column("node", [Text("load"), Text("a-rather-long-name")], least=8)
    >>> time = Column("seconds", [Text("1.5"), Text("12.0")], right=True)
    >>> for line in lines([node, time], 20):
    ...     print(line.plain)
    node         seconds
    load             1.5
    a-rather-l…     12.0
    """
    from rich.text import Text

    widths = fitted([column for column in columns if not column.empty], width)
    yield _line([(Text(column.heading, "dim"), column, size) for column, size in widths])
    for row in zip(*(column.cells for column, _ in widths), strict=True):
        yield _line([(cell, column, size) for cell, (column, size) in zip(row, widths, strict=True)])


def fitted(columns: Sequence[Column], width: int) -> list[tuple[Column, int]]:
    """Say which columns are shown, and how wide each is."""
    shown = list(columns)
    least = {id(column): column.width if column.least is None else min(column.least, column.width) for column in shown}
    while _whole([least[id(column)] for column in shown]) > width and any(column.spare for column in shown):
        shown.remove(max(shown, key=lambda column: column.spare))
    sizes = [column.width for column in shown]
    while _whole(sizes) > width:
        longer = [place for place, column in enumerate(shown) if sizes[place] > least[id(column)]]
        if not longer:
            break
        sizes[max(longer, key=lambda place: sizes[place])] -= 1
    return list(zip(shown, sizes, strict=True))


def _whole(sizes: Sequence[int]) -> int:
    return sum(sizes) + _GAP * (len(sizes) - 1)


def _line(cells: Sequence[tuple[Text, Column, int]]) -> Text:
    from rich.text import Text

    line = Text(no_wrap=True)
    for place, (cell, column, size) in enumerate(cells):
        cut = cell.copy()
        cut.truncate(size, overflow="ellipsis")
        room = " " * (size - cut.cell_len)
        line.append(" " * _GAP if place else "").append(room if column.right else "").append_text(cut)
        line.append("" if column.right else room)
    line.rstrip()
    return line
