"""Of what use the cache is: what was asked for and found, by key and by node, what went, and how full it is.

Where no cache is at hand, what the run has told of one is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache as kept
from typing import Any

from orchestra_nb.context.metrics import CacheMetrics
from orchestra_nb.display import html
from orchestra_nb.display.dashboard.panel import Panel
from orchestra_nb.display.dashboard.sheet import Column, Sheet, seconds, share, whole
from orchestra_nb.display.dashboard.snapshot import Snapshot
from orchestra_nb.display.wording import size

_UNITS = {"": whole, "bytes": size, "share": share, "seconds": seconds}
_COLUMNS = (
    Column("about", ("keys", "nodes", "reasons")),
    Column("measure"),
    Column("value", "number"),
    Column("unit", tuple(_UNITS)),
)
_COUNTED = (
    *(("hits", "cache:hit"), ("misses", "cache:miss"), ("sets", "cache:set"), ("evictions", "cache:evicted")),
    *(("expirations", "cache:expired"), ("invalidations", "cache:invalidated"), ("refusals", "cache:refused")),
)
_SHOWN = (Column("measure", heading="measure"), Column("value", "number", "", lambda pair: _UNITS[pair[1]](pair[0])))
_TITLES = {"keys": "values by key", "nodes": "results of nodes", "reasons": "why nodes were looked up in vain"}
Row = tuple[str, str, float, str]


def cache_panel(snapshot: Snapshot) -> Panel:
    """Make the panel."""
    rows = kept(lambda: tuple(_rows(snapshot)))
    says = any(row[2] for row in rows())
    return Panel("cache", "Cache", lambda most: _html(rows(), most), lambda: Sheet(_COLUMNS, rows()).frame(), says)


def _rows(snapshot: Snapshot) -> Iterator[Row]:
    counts, cached = snapshot.state.counts, snapshot.cache
    if cached is not None:
        yield from _of_keys(cached)
    else:
        told = [("keys", name, float(counts[event]), "") for name, event in _COUNTED if event in counts]
        yield from told
    yield from _of_nodes(snapshot)
    for reason, number in sorted(snapshot.state.misses.items(), key=lambda pair: (-pair[1], pair[0])):
        yield "reasons", reason, float(number), ""


def _of_keys(cached: CacheMetrics) -> Iterator[Row]:
    asked: Any = cached
    by_node = getattr(asked, "node_hits", 0), getattr(asked, "node_misses", 0)  # an engine counts both together
    hits, misses = cached.hits - by_node[0], cached.misses - by_node[1]
    yield "keys", "hits", float(hits), ""
    yield "keys", "misses", float(misses), ""
    yield "keys", "hit rate", hits / (hits + misses) if hits + misses else 0.0, "share"
    for name in ("sets", "evictions", "expirations", "entries"):
        yield "keys", name, float(getattr(cached, name)), ""
    yield "keys", "bytes", float(cached.bytes), "bytes"
    yield "keys", "bytes at most", float(cached.max_bytes), "bytes"
    yield "keys", "time saved", cached.seconds_saved, "seconds"


def _of_nodes(snapshot: Snapshot) -> Iterator[Row]:
    asked: Any = snapshot.cache
    counts = snapshot.state.counts
    cached = sum(outcome.status == "cached" for outcome in snapshot.state.outcomes.values())
    found = max(cached, counts.get("cache:node-hit", 0), getattr(asked, "node_hits", 0))
    missed = max(counts.get("cache:node-missed", 0), getattr(asked, "node_misses", 0))
    if found or missed:
        yield "nodes", "found", float(found), ""
        yield "nodes", "looked up in vain", float(missed), ""
        yield "nodes", "hit rate", found / (found + missed), "share"


def _html(rows: tuple[Row, ...], most: int) -> str:
    parts = []
    for about, title in _TITLES.items():
        mine = [(measure, (value, unit)) for kind, measure, value, unit in rows if kind == about]
        if mine:
            parts += [html.paragraph(title, "font-weight:bold"), Sheet(_SHOWN, mine).html(most)]
    return "".join(parts)
