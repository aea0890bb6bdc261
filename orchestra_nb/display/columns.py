"""What stands in the columns of a frame, and how rows become one: the same kinds of column on pandas 2.2 and on 3.

**Kinds.** A *text* is pandas' ``string`` type, never missing (empty where there is nothing to say); it is stored as
Python strings, because Arrow refuses half a surrogate pair, which a file's name may have, and because the plain ``str``
of pandas 3 is not there in 2.2. A *category* has all its values, also those that no row has; a value that nobody knows
(of a newer log) comes after them, and is not lost. *Seconds*, numbers and shares are ``float64``, missing as NaN. A
*count* is ``int64``; where it can be missing, ``Int64``. A *flag* is ``bool``. A *moment* is a time of the wall clock,
in UTC, to the microsecond; missing (NaT) where the time is, or where nobody says when the run began.

**One table of columns** for each frame (:mod:`.tables`) says name, kind and meaning once; dtypes come from it, those of
an empty frame too, and what ``docs/frames.md`` says. Failure: a row that is too short or too long raises
``ValueError``, for that is a fault of this package; whatever text a row has, is taken.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from orchestra_nb.display.wording import clean

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["text", "category", "seconds", "number", "count", "optional count", "flag", "moment"]
_DTYPES: Mapping[Kind, str] = {
    "text": "string",
    "category": "category",
    "seconds": "float64",
    "number": "float64",
    "count": "int64",
    "optional count": "Int64",
    "flag": "bool",
    "moment": "datetime64[us, UTC]",
}
_FAR = 2.0**53 / 1e6
"""Seconds from 1970 that a float can tell to the microsecond."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it means and of which kind it is.

    Parameters
    ----------
    about
        What it says, in words.
    kind
        See this module.
    unit
        Of a number.
    values
        Of a category, in order.
    ordered
        Whether a later value of the category is more than an earlier one.

    Examples
    --------
    >>> Column("how it ended", "category", values=("done", "failed")).dtype
    'category'
    """

    about: str
    kind: Kind = "text"
    unit: str = ""
    values: tuple[str, ...] = ()
    ordered: bool = False

    @property
    def dtype(self) -> str:
        """The name of its dtype."""
        return _DTYPES[self.kind]


@dataclass(frozen=True, slots=True)
class Table:
    """One frame: where it is found, what a row is, and its columns in their order.

    Parameters
    ----------
    found
        The expression that gives it.
    row
        What one row is.
    columns
        By name.
    more
        What may stand behind these columns; empty when nothing does.
    """

    found: str
    row: str
    columns: Mapping[str, Column]
    more: str = ""


def text(about: str) -> Column:
    """A column of texts."""
    return Column(about)


def category(about: str, values: Iterable[str], *, ordered: bool = False) -> Column:
    """A column of words, all of which are known."""
    return Column(about, "category", values=tuple(values), ordered=ordered)


def seconds(about: str) -> Column:
    """A column of times in seconds."""
    return Column(about, "seconds", "s")


def number(about: str, unit: str = "") -> Column:
    """A column of numbers."""
    return Column(about, "number", unit)


def count(about: str, unit: str = "", *, optional: bool = False) -> Column:
    """A column of whole numbers."""
    return Column(about, "optional count" if optional else "count", unit)


def flag(about: str) -> Column:
    """A column of truths."""
    return Column(about, "flag")


def moment(about: str) -> Column:
    """A column of times of the wall clock."""
    return Column(about, "moment", "UTC")


def framed(columns: Mapping[str, Column], rows: Iterable[Sequence[Any]]) -> pd.DataFrame:
    """Make a frame of rows.

    Parameters
    ----------
    columns
        In the order of the rows.
    rows
        A moment stands as seconds since 1970 (see :func:`epoch_of`) or ``None``, anything else as what it is.

    Raises
    ------
    ValueError
        A row has more values than there are columns, or fewer.

    Examples
    --------
    >>> columns = {"node": text("its name"), "began": moment("when it began")}
    >>> framed(columns, [("load", epoch_of("2026-05-01T12:00:00+00:00"))]).to_dict("list")
    {'node': ['load'], 'began': [Timestamp('2026-05-01 12:00:00+0000', tz='UTC')]}
    """
    import pandas as pd

    given = [tuple(row) for row in rows]
    if any(len(row) != len(columns) for row in given):
        raise ValueError(f"a row of a frame needs {len(columns)} values, one for each of {', '.join(columns)}")
    across: Iterable[Sequence[Any]] = zip(*given, strict=True) if given else ((),) * len(columns)
    made = {name: _array(column, values) for (name, column), values in zip(columns.items(), across, strict=True)}
    return pd.DataFrame(made, columns=list(columns))


def epoch_of(told: str) -> float | None:
    """Read a time in ISO 8601 as seconds since 1970; ``None`` for what is none.

    Examples
    --------
    >>> epoch_of("2026-05-01T12:00:00.250+00:00"), epoch_of(""), epoch_of("soon")
    (1777636800.25, None, None)
    """
    try:
        found = datetime.fromisoformat(told)
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def after(began: float | None, offset: float | None) -> float | None:
    """The moment so many seconds after another; ``None`` where one of them is not known.

    Examples
    --------
    >>> after(1777636800.0, 2.5), after(None, 2.5), after(1777636800.0, None)
    (1777636802.5, None, None)
    """
    return None if began is None or offset is None else began + offset


def _array(column: Column, values: Sequence[Any]) -> Any:
    """Make the values of one column."""
    import numpy as np
    import pandas as pd

    if column.kind == "text":
        told: Any = np.array(["" if value is None else str(value) for value in values], dtype=object)
        return pd.array(told, dtype=pd.StringDtype("python"))
    if column.kind == "category":
        known = dict.fromkeys(column.values)
        # cleaned, because pandas takes the hash of a category's values, and finds none of half a surrogate pair
        words = [value if value is None or value in known else clean(value) for value in values]
        others = sorted({word for word in words if word is not None and word not in known})
        every = pd.Index([*column.values, *others], dtype=pd.StringDtype("python"))
        return pd.Categorical(words, categories=every, ordered=column.ordered)
    if column.kind == "moment":
        return _moments(values)
    if column.kind == "optional count":
        return pd.array(list(values), dtype="Int64")
    return np.array(values, dtype=column.dtype)


def _moments(values: Sequence[float | None]) -> Any:
    import numpy as np
    import pandas as pd

    told = [value if value is not None and math.isfinite(value) and abs(value) < _FAR else None for value in values]
    ticks = np.array([np.iinfo(np.int64).min if value is None else round(value * 1e6) for value in told], dtype="int64")
    naive = pd.Series(ticks.view("datetime64[us]"))  # the least integer is "not a time"
    return naive.dt.tz_localize("UTC").array
