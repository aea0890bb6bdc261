"""How far a run is: a bar, percent, how many nodes are in which state, the time so far and the time that is left.

When the run is over, the line says how it ended; with its result at hand, in the words of the result.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

from orchestra_nb.display import html
from orchestra_nb.display.dashboard.looks import bar, colour
from orchestra_nb.display.dashboard.panel import Panel
from orchestra_nb.display.dashboard.sheet import Column, Sheet
from orchestra_nb.display.dashboard.snapshot import Snapshot
from orchestra_nb.display.headline import headline
from orchestra_nb.display.picture.legend import states_legend
from orchestra_nb.display.wording import clean, count, duration, short
from orchestra_nb.progress.terminal import left
from orchestra_nb.replay.fold import STATES

_HOW = ("not begun", "running", "paused", "silent", "done", "failed", "stopped")
_COLUMNS = (
    *(Column("run"), Column("how", _HOW), Column("percent", "number"), Column("nodes", "count")),
    *(Column("ended", "count"), *(Column(state, "count") for state in STATES)),
    *(Column(name, "seconds") for name in ("elapsed", "eta_low", "eta_expected", "eta_high", "silent")),
    *(Column("levels", "count"), Column("levels_done", "count"), Column("jobs", "optional count"), Column("backend")),
    *(Column("lower_bound", "number"), Column("speedup", "number")),
)
_LONGEST = 500


def progress_panel(snapshot: Snapshot) -> Panel:
    """Make the panel."""
    sheet = cache(lambda: Sheet(_COLUMNS, (_row(snapshot),)))
    return Panel("progress", "Progress", lambda _: _html(snapshot), lambda: sheet().frame())


def how(snapshot: Snapshot) -> str:
    """Say in one word how a run stands."""
    state = snapshot.state
    if snapshot.result is not None and snapshot.result.stopped:
        return "stopped"
    if state.over:
        return "done" if state.success else "failed"
    if snapshot.paused or state.paused:
        return "paused"
    if state.stalled is not None:
        return "silent"
    return "running" if state.jobs is not None or state.count else "not begun"


def line(snapshot: Snapshot) -> str:
    """Say how far a run is, in one line.

    Examples
    --------
    >>> from orchestra_nb.graph.dag import DAG
    >>> from orchestra_nb.model import Node, NodeId
    >>> from orchestra_nb.replay.following import Following
    >>> line(Snapshot(Following(DAG([Node(NodeId("load"))])).state(0.0), paused=True))
    '◫ paused: 0 %, 0 of 1 node ended, 0 s so far, 1.1 s left (0.0 s to 2.4 s)'
    """
    if snapshot.result is not None:
        return short(headline(snapshot.result), _LONGEST)
    stats, word = snapshot.state.stats, how(snapshot)
    ended = f"{stats.counts.done:,} of {count(stats.total, 'node')} ended"
    took = f"in {duration(stats.elapsed)}" if stats.over else f"{duration(stats.elapsed)} so far"
    parts = [f"{math.floor(stats.percent)} %", ended, took, left(stats.eta)]
    return f"{_mark(word)} {_told(snapshot, word)}: {', '.join(filter(None, parts))}"


def _told(snapshot: Snapshot, word: str) -> str:
    stalled = snapshot.state.stalled
    return f"nothing has happened for {duration(stalled.silent)}" if word == "silent" and stalled else word


def _mark(word: str) -> str:
    return {"running": "▶", "paused": "◫", "silent": "!", "done": "✓", "failed": "✗"}.get(word, "■")


def _html(snapshot: Snapshot) -> str:
    word = how(snapshot)
    edge = {"done": "done", "failed": "failed", "stopped": "cancelled", "running": "running"}.get(word, "resting")
    style = f"font-weight:bold;border-left:4px solid {colour(edge)};padding-left:8px;overflow-wrap:break-word"
    percent = snapshot.state.stats.percent
    whole = bar(percent / 100, edge, "width:100%;max-width:640px;height:12px;margin:4px 0")
    return html.paragraph(line(snapshot), style) + whole + states_legend(snapshot.state.states.values())


def _counts(snapshot: Snapshot) -> list[tuple[str, int]]:
    found = Counter(snapshot.state.states.values())
    return [(state, found[state]) for state in STATES]  # type: ignore[index]


def _row(snapshot: Snapshot) -> tuple[Any, ...]:
    return tuple(_values(snapshot))


def _values(snapshot: Snapshot) -> Iterator[Any]:
    state, result = snapshot.state, snapshot.result
    stats = state.stats
    yield from (clean(state.run), how(snapshot), stats.percent, stats.total, stats.counts.done)
    yield from (number for _, number in _counts(snapshot))
    yield result.total_time if result is not None else stats.elapsed
    yield from (stats.eta.low, stats.eta.expected, stats.eta.high)
    yield None if state.stalled is None else state.stalled.silent
    yield from (len(state.dag.table.levels), state.levels_done, state.jobs, state.backend)
    yield from (None, None) if result is None else (result.lower_bound, result.speedup)
