"""How far each level is: how many of its nodes have ended, how many failed, and how long it has taken.

A level takes from the first start of one of its nodes to the last end, or until now. Of many levels those are shown
that are not done, after the last few that are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from orchestra_nb.display.dashboard.looks import bar
from orchestra_nb.display.dashboard.panel import Panel
from orchestra_nb.display.dashboard.sheet import Column, Sheet, left_out, seconds, unless_none, whole
from orchestra_nb.display.dashboard.snapshot import Snapshot
from orchestra_nb.replay.fold import State
from orchestra_nb.replay.state import ReplayState

_LIVE: tuple[State, ...] = ("waiting", "queued", "running", "resting")
_COLUMNS = (
    Column("level", "count", "level", whole),
    Column("share", "number", "", markup=lambda pair: bar(*pair)),
    Column("ended", "count", "ended", whole),
    Column("nodes", "count", "of", whole),
    Column("running", "count", "running", unless_none),
    Column("failed", "count", "failed", unless_none),
    Column("skipped", "count", "skipped", unless_none),
    Column("seconds", "seconds", "took", seconds),
    Column("work", "seconds"),
)
_BEFORE = 3


def levels_panel(snapshot: Snapshot) -> Panel:
    """Make the panel."""
    sheet = cache(lambda: Sheet(_COLUMNS, tuple(_rows(snapshot.state))))
    says = bool(snapshot.state.dag.table.levels)
    return Panel("levels", "Levels", lambda most: _html(sheet(), most), lambda: sheet().frame(), says)


def _rows(state: ReplayState) -> Iterator[tuple[Any, ...]]:
    table = state.dag.table
    states, outcomes = list(state.states.values()), state.outcomes
    running: dict[int, list[float]] = {}
    for each in state.active:
        if each.state == "running":
            running.setdefault(each.level, []).append(each.since)
    for number, members in enumerate(table.levels):
        counts = Counter(states[i] for i in members)
        live = sum(counts[each] for each in _LIVE)
        ended = len(members) - live
        found = [outcome for i in members if (outcome := outcomes.get(table.ids[i])) is not None]
        starts = [outcome.started for outcome in found if outcome.started is not None]
        busy = running.get(number, [])
        ends = [state.at] if busy else [outcome.ended for outcome in found if outcome.ended is not None]
        begins = [*starts, *busy]
        took = max(0.0, max(ends) - min(begins)) if begins and ends else None
        work = sum(outcome.seconds for outcome in found) if starts else None
        bad, skipped = counts["failed"] + counts["cancelled"], counts["skipped"]
        yield (number, ended / len(members), ended, len(members), counts["running"], bad, skipped, took, work)


def _html(sheet: Sheet, most: int) -> str:
    rows = [_barred(row) for row in _window(sheet.rows, most)]
    return Sheet(sheet.columns, rows).html(most) + left_out(len(sheet.rows) - len(rows))


def _barred(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """The row with the colour of its bar: that of what went wrong, if anything did."""
    ended, _, _, failed, skipped = row[2:7]
    state = "failed" if failed else "skipped" if 0 < ended == skipped else "done"
    return (row[0], (row[1], state), *row[2:])


def _window(rows: Sequence[tuple[Any, ...]], most: int) -> Sequence[tuple[Any, ...]]:
    """At most so many levels, from a few before the first that is not done."""
    first = next((i for i, row in enumerate(rows) if row[2] < row[3]), len(rows))
    begin = max(0, min(first - _BEFORE, len(rows) - most))
    return rows[begin : begin + most]
