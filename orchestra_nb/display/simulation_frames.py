"""The frames of simulations; what their columns are is declared in :mod:`.simulation_tables`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from orchestra_nb.display import simulation_tables as tables
from orchestra_nb.display.columns import framed
from orchestra_nb.simulation.many import Distribution
from orchestra_nb.simulation.schedule import Schedule
from orchestra_nb.simulation.waits import Gap, Wait
from orchestra_nb.simulation.what_if import WhatIf

if TYPE_CHECKING:
    import pandas as pd


def schedule(planned: Schedule) -> pd.DataFrame:
    """One row per attempt of a simulated schedule, by start."""
    path = frozenset(planned.critical_path)
    rows = [
        (
            *(s.node, s.worker, s.start, s.end, s.seconds, s.start if s.queued is None else s.queued, s.lock_wait),
            *(s.waited_for, ", ".join(s.held_by), s.attempt, s.status, s.reason, s.lane, s.node in path),
        )
        for s in planned.rows
    ]
    return framed(tables.SCHEDULE.columns, rows)


def waits(found: Iterable[Wait]) -> pd.DataFrame:
    """One row per wait."""
    rows = [(w.node, w.kind, w.start, w.end, w.seconds, w.resource, ", ".join(w.held_by), w.attempt) for w in found]
    return framed(tables.WAITS.columns, rows)


def gaps(found: Iterable[Gap]) -> pd.DataFrame:
    """One row per time in which a worker was idle."""
    rows = [(gap.worker, gap.start, gap.end, gap.seconds, gap.why, gap.node, gap.resource) for gap in found]
    return framed(tables.GAPS.columns, rows)


def many(found: Distribution) -> pd.DataFrame:
    """One row per simulated run."""
    return framed(tables.MANY.columns, [tuple(run) for run in found.runs])


def criticality(found: Distribution) -> pd.DataFrame:
    """One row per node."""
    rows = [(name, share, found.seconds[name]) for name, share in found.criticality.items()]
    return framed(tables.CRITICALITY.columns, rows)


def what_if(found: WhatIf) -> pd.DataFrame:
    """One row per node that ran as it was, or would."""
    both = found.before, found.after
    spans = [_spans(each) for each in both]
    paths = [frozenset(each.critical_path) for each in both]
    rows: list[tuple[Any, ...]] = []
    for name in dict.fromkeys(name for each in spans for name in each):
        (took, began, ended), (takes, begins, ends) = (each.get(name, (0.0, math.nan, math.nan)) for each in spans)
        rows.append((name, took, takes, began, begins, ended, ends, *(name in path for path in paths)))
    return framed(tables.WHAT_IF.columns, rows)


def _spans(one: Schedule) -> dict[str, tuple[float, float, float]]:
    """What each node took, when its first attempt began and its last one ended."""
    found: dict[str, tuple[float, float, float]] = {}
    for row in one.rows:
        took, began, _ = found.get(row.node, (0.0, row.start, 0.0))
        found[row.node] = took + row.seconds, began, row.end
    return found
