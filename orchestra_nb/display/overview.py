"""Several snapshots as one: each as it shows itself, one below the other, and their numbers in one tidy frame."""

from __future__ import annotations

from collections.abc import Mapping
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
    import pandas as pd

    rows: list[tuple[str, str, str, float]] = []
    for name, part in parts.items():
        frame = part.frame
        numbers = [column for column in frame.columns if pd.api.types.is_numeric_dtype(frame[column])]
        named = [column for column in frame.columns[:1] if column not in numbers]
        for _, row in frame.iterrows():
            item = str(row[named[0]]) if named else ""
            rows += [(name, item, str(column), float(row[column])) for column in numbers]
        rows += [(name, "", own, value) for own, value in _own(part).items() if own not in numbers]
    return framed(tables.ENGINE.columns, rows)


def _own(part: Presented) -> dict[str, float]:
    """The numbers among the fields of a snapshot."""
    shown: Any = part
    found = [(each.name, getattr(part, each.name)) for each in fields(shown)] if is_dataclass(shown) else []
    return {
        name: float(value) for name, value in found if isinstance(value, int | float) and not isinstance(value, bool)
    }
