"""Several snapshots as one: each as it shows itself, one below the other, and their numbers in one tidy frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from orchestra_nb.display import html, tables
from orchestra_nb.display.columns import framed
from orchestra_nb.presentation import Bundle, Presented

if TYPE_CHECKING:
    import pandas as pd


def overview(parts: Mapping[str, Presented]) -> Bundle:
    """Show snapshots by name.

    Examples
    --------
    >>> from orchestra_nb.context.metrics import CacheMetrics
    >>> print(overview({"cache": CacheMetrics()})["text/plain"].partition(";")[0])
    cache: 0% of 0 questions answered, 0 s saved
    """
    bundles = {name: part._repr_mimebundle_() for name, part in parts.items()}
    plain = "\n".join(str(bundle["text/plain"]) for bundle in bundles.values())
    whole = "".join(html.details(name, bundle["text/html"], shown=True) for name, bundle in bundles.items())
    return {"text/plain": plain, "text/html": whole}


def overview_frame(parts: Mapping[str, Presented]) -> pd.DataFrame:
    """Put their numbers below one another: those of their frames, by what the first column names, and their own.

    Examples
    --------
    >>> from orchestra_nb.context.metrics import CacheMetrics
    >>> overview_frame({"cache": CacheMetrics(hits=2)}).query("measure == 'hits'").value.item()
    2.0
    """
    rows: list[_Number] = []
    for name, part in parts.items():
        frame = part.frame
        rows += _numbers(name, frame)
        rows += [(name, "", own, value) for own, value in _own(part).items() if own not in frame.columns]
    return framed(tables.ENGINE.columns, rows)


def panels_frame(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Put the numbers of the panels of a dashboard below one another: panel, item, measure, value.

    Examples
    --------
    >>> import pandas as pd
    >>> panels_frame({"running": pd.DataFrame({"node": ["fit"], "seconds": [2.5]})}).values.tolist()
    [['running', 'fit', 'seconds', 2.5]]
    """
    rows = [row for name, frame in frames.items() for row in _numbers(name, frame)]
    return framed(tables.DASHBOARD.columns, rows)


_Number = tuple[str, str, str, float]


def _numbers(name: str, frame: pd.DataFrame) -> Iterator[_Number]:
    """The numbers of a frame, each with what its row is about."""
    import pandas as pd

    numbers = [column for column in frame.columns if pd.api.types.is_numeric_dtype(frame[column])]
    named = [column for column in frame.columns[:1] if column not in numbers]
    about = frame[named[0]].astype(str) if named else [""] * len(frame)
    for column in numbers:
        for item, value in zip(about, frame[column], strict=True):
            if not pd.isna(value):
                yield name, str(item), str(column), float(value)


def _own(part: Presented) -> dict[str, float]:
    """The numbers among the fields of a snapshot."""
    shown: Any = part
    found = [(each.name, getattr(part, each.name)) for each in fields(shown)] if is_dataclass(shown) else []
    return {
        name: float(value) for name, value in found if isinstance(value, int | float) and not isinstance(value, bool)
    }
