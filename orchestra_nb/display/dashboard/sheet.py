"""A table and the frame behind it, from the same rows.

Policy: a row holds plain values; a column says what they are, and how they are said. So no number can be in the HTML
that is not in the frame. Numbers stand to the right, with digits of one width (which JupyterLab leaves to the font in
a notebook that is not trusted, as it does with ``overflow-wrap:anywhere``; ``word-break`` stays). Long texts are cut in
the table and whole in the frame. Failure: none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestra_nb.display import columns, html
from orchestra_nb.display.columns import Kind, framed
from orchestra_nb.display.wording import duration, short

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = "font-variant-numeric:tabular-nums"
"""Style of what holds numbers that stand one below the other."""
_LEFT = "text-align:left;vertical-align:top;padding:2px 10px"
_RIGHT = "text-align:right;vertical-align:top;padding:2px 10px;white-space:nowrap"
_UNBROKEN = re.compile(r"\S{25}")
"""A word that is so long that it may be broken; others never are."""
_ROW = "border-bottom:1px solid rgba(128,128,128,0.3)"
_TABLE = f"border-collapse:collapse;font-size:90%;{NUMBERS}"
_NUMERIC = ("count", "optional count", "seconds", "number")
_LONGEST = 160


def whole(number: float) -> str:
    """Say a count."""
    return f"{number:,.0f}"


def share(number: float) -> str:
    """Say a share from 0 to 1 as percent, rounded down, so that 100 % is all.

    Examples
    --------
    >>> share(0.999), share(1.0)
    ('99 %', '100 %')
    """
    return f"{math.floor(100 * number + 1e-9)} %"


def unless_none(number: float) -> str:
    """Say a count, if there is anything to count."""
    return whole(number) if number else ""


def again(attempts: float) -> str:
    """Say the number of an attempt; that there was only one goes without saying."""
    return whole(attempts) if attempts > 1 else ""


def seconds(number: float) -> str:
    """Say a duration."""
    return duration(number)


def words(value: object) -> str:
    """Say a text, cut when it is long."""
    return short(value, _LONGEST)


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Parameters
    ----------
    name
        In the frame.
    kind
        What it holds (:mod:`~orchestra_nb.display.columns`); several words are the values of a category.
    heading
        In the table; ``None``: it is in the frame only.
    say
        Says a value; a missing one is said by nothing.
    markup
        Says a value as HTML instead.
    narrow
        Whether its texts stay on one line.
    """

    name: str
    kind: Kind | tuple[str, ...] = "text"
    heading: str | None = None
    say: Callable[[Any], str] = words
    markup: Callable[[Any], str] | None = None
    narrow: bool = False

    def cell(self, value: Any) -> str:
        """Make the table's cell of a value."""
        inner = self.said(value)
        return f'<td style="{self._style(inner)}">{inner}</td>'

    def said(self, value: Any) -> str:
        """Say a value, as HTML."""
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return ""
        return self.markup(value) if self.markup else html.text(self.say(value))

    def typed(self) -> columns.Column:
        """Say what it is in a frame."""
        if isinstance(self.kind, tuple):
            return columns.category(self.heading or self.name, self.kind)
        return columns.Column(self.heading or self.name, self.kind)

    def head(self) -> str:
        """Make its heading."""
        return f'<th style="{self._style("")}">{html.text(self.heading)}</th>'

    def _style(self, inner: str) -> str:
        if self.kind in _NUMERIC and not self.markup:
            return _RIGHT
        if self.narrow:
            return f"{_LEFT};white-space:nowrap"
        return f"{_LEFT};word-break:break-all" if _UNBROKEN.search(inner) else _LEFT


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows of plain values under columns.

    Examples
    --------
    >>> sheet = Sheet((Column("node", heading="node"), Column("seconds", "seconds", "took", seconds)), (("load", 1.5),))
    >>> sheet.frame().dtypes.astype(str).to_list(), "1.5 s</td>" in sheet.html()
    (['string', 'float64'], True)
    """

    columns: tuple[Column, ...]
    rows: Sequence[tuple[Any, ...]]

    def html(self, most: int = html.MOST_ROWS) -> str:
        """Make the table without columns that say nothing in any row, and say how many rows it leaves out."""
        rows = self.rows[:most]
        headed = [(i, column) for i, column in enumerate(self.columns) if column.heading is not None]
        shown = [(i, column) for i, column in headed if not rows or any(column.said(row[i]) for row in rows)]
        head = "".join(column.head() for _, column in shown)
        body = "".join(f'<tr style="{_ROW}">{"".join(column.cell(row[i]) for i, column in shown)}</tr>' for row in rows)
        table = f'<div style="overflow-x:auto"><table style="{_TABLE}"><thead><tr style="{_ROW}">{head}</tr></thead>'
        return f"{table}<tbody>{body}</tbody></table></div>{left_out(len(self.rows) - most)}"

    def frame(self) -> pd.DataFrame:
        """Make the frame, with typed columns."""
        return framed({column.name: column.typed() for column in self.columns}, self.rows)


def left_out(number: int) -> str:
    """Say how many are not shown; nothing when all are."""
    return html.paragraph(f"and {number:,} more; the frame has all of them") if number > 0 else ""
