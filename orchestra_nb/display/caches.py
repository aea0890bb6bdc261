"""How a cache and its counts show themselves.

Policy: the first line answers "is it of any use, and how full is it"; the rest is one row for each key, those first
that were asked for most.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestra_nb.context.manager import ContextManager
from orchestra_nb.context.metrics import CacheMetrics, KeyMetrics
from orchestra_nb.display import frames, html
from orchestra_nb.display.wording import clean, count, duration, short
from orchestra_nb.presentation import Bundle, presents

if TYPE_CHECKING:
    import pandas as pd

_HEADINGS = ("key", "bytes", "time left", "hits", "misses", "hit rate", "saved")
_MOST_LINES = 20


@presents(CacheMetrics)
class CacheMetricsPresenter:
    """Shows the counts of a cache."""

    def bundle(self, value: CacheMetrics) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        line = headline(value)
        return {"text/plain": line, "text/html": html.paragraph(line)}

    def frame(self, value: CacheMetrics) -> pd.DataFrame:
        """Make the frame of one row."""
        return frames.cache(value)


@presents(ContextManager)
class CachePresenter:
    """Shows a cache with its keys."""

    def bundle(self, value: ContextManager) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        keys = sorted(value.get_key_metrics(), key=lambda each: (not each.cached, -each.hits, each.key))
        line = headline(value.get_metrics())
        rows = [key_row(each) for each in keys]
        lines = ["  " + "  ".join(filter(None, row)) for row in rows[:_MOST_LINES]]
        more = [f"  … and {len(rows) - _MOST_LINES:,} more"] if len(rows) > _MOST_LINES else []
        table = html.details(count(len(rows), "key"), html.table(_HEADINGS, rows), shown=len(rows) <= 40)
        return {"text/plain": "\n".join([line, *lines, *more]), "text/html": html.paragraph(line) + table}

    def frame(self, value: ContextManager) -> pd.DataFrame:
        """Make the frame of keys."""
        return frames.cache_keys(value.get_key_metrics())


def headline(counted: CacheMetrics) -> str:
    """Say how a cache does, in one line.

    Examples
    --------
    >>> headline(CacheMetrics(hits=3, misses=1, entries=2, bytes=500, max_bytes=1000, seconds_saved=2.5))
    'cache: 75% of 4 questions answered, 2.5 s saved; 2 entries, 500 of 1,000 bytes, 0 evicted, 0 expired'
    """
    asked = count(counted.hits + counted.misses, "question")
    room = f"{counted.bytes:,} of {counted.max_bytes:,} bytes"
    return (
        f"cache: {counted.hit_rate:.0%} of {asked} answered, {duration(counted.seconds_saved)} saved; "
        f"{counted.entries:,} {'entry' if counted.entries == 1 else 'entries'}, {room}, "
        f"{counted.evictions:,} evicted, {counted.expirations:,} expired"
    )


def key_row(counted: KeyMetrics) -> tuple[str, ...]:
    """Describe one key: its name, what its value weighs, how long it lives, and how it did."""
    size = f"{counted.bytes:,}" if counted.cached else "gone"
    left = duration(counted.ttl) if counted.ttl is not None else ""
    rate = f"{counted.hit_rate:.0%}"
    return (
        *(short(clean(counted.key), 60), size, left, f"{counted.hits:,}", f"{counted.misses:,}", rate),
        duration(counted.seconds_saved),
    )
