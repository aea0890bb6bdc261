"""Writes docs/frames.md from the tables of columns: ``.venv/bin/python tools/frames_page.py``, after one has changed.

``tests/display/test_tables.py`` sees that it was done.
"""

from __future__ import annotations

from pathlib import Path

from orchestra_nb.display.columns import Column, Table
from orchestra_nb.display.tables import TABLES

PAGE = Path(__file__).parents[1] / "docs" / "frames.md"
_HEAD = """# Frames

Everything that a view of `orchestra_nb` shows is a number in a pandas frame, and so is at hand for a plot, a test or a
report. This page is made from the tables that the frames are made from (`tools/frames_page.py`), and a test compares
them with what the frames really have.

One row is one thing. An empty frame has the same columns, of the same dtypes, as a full one. The same on pandas 2.2 and
pandas 3:

| kind | dtype | missing |
| --- | --- | --- |
| text | `string` (of Python strings) | never: empty |
| category | `category` with all its values, also those that no row has; a value nobody knows comes after them | `NaN` |
| seconds, number | `float64` | `NaN` |
| count | `int64`; where it can be missing, `Int64` | `<NA>` |
| flag | `bool` | never |
| moment | `datetime64[us, UTC]` | `NaT` |

Times in seconds are of the monotonic clock, from the beginning of their run; beside them stand moments of the wall
clock, which are that run's beginning and so many seconds. Categories are compared with words: `frame.status ==
"failed"`. Group by one with `observed=True`, or the values that no row has come too.
"""


def page() -> str:
    """Make the whole page."""
    return "\n".join([_HEAD, *map(_section, TABLES.values())])


def _section(table: Table) -> str:
    lines = [f"## `{table.found}`", "", f"One row per {table.row}.", ""]
    lines += ["| column | dtype | unit | what it says |", "| --- | --- | --- | --- |"]
    lines += [_line(name, column) for name, column in table.columns.items()]
    more = ["", f"And {table.more}"] if table.more else []
    return "\n".join([*lines, *more, ""])


def _line(name: str, column: Column) -> str:
    words = ", ".join(f"`{value}`" for value in column.values)
    order = " <" if column.ordered else ""
    values = f": {words.replace(',', order)}" if column.ordered else f": {words}" if words else ""
    return f"| `{name}` | `{column.dtype}` | {column.unit} | {column.about}{values} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
