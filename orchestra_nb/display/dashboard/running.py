"""Who runs now and for how long, who rests until when, and who is queued and waits for what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from orchestra_nb.display.dashboard.looks import names, state_cell
from orchestra_nb.display.dashboard.panel import Panel
from orchestra_nb.display.dashboard.sheet import Column, Sheet, again, seconds, whole
from orchestra_nb.display.dashboard.snapshot import Snapshot

_STATES = ("running", "resting", "queued")
_COLUMNS = (
    Column("node", heading="node"),
    Column("state", _STATES, "state", markup=state_cell, narrow=True),
    Column("seconds", "seconds", "for", seconds),
    Column("rests", "seconds", "rests for another", seconds),
    Column("worker", heading="worker"),
    Column("attempts", "count", "attempt", again),
    Column("level", "count", "level", whole),
    Column("phase", heading="phase"),
    Column("waits_for", heading="waits for"),
)


def running_panel(snapshot: Snapshot) -> Panel:
    """Make the panel."""
    sheet = cache(lambda: Sheet(_COLUMNS, tuple(_rows(snapshot))))
    says = bool(snapshot.state.active)
    return Panel("running", "Now", lambda most: sheet().html(most), lambda: sheet().frame(), says)


def _rows(snapshot: Snapshot) -> Iterator[tuple[Any, ...]]:
    state, wanted = snapshot.state, _wanted(snapshot)
    for each in state.active:
        resting, queued = each.state == "resting", each.state == "queued"
        for_seconds, rests = (None, each.since - state.at) if resting else (state.at - each.since, None)
        waits_for = wanted.get(each.node, "a worker") if queued else ""
        told = (each.worker, each.attempts, each.level, each.phase, waits_for)
        yield (str(each.node), each.state, for_seconds, rests, *told)


def _wanted(snapshot: Snapshot) -> Mapping[str, str]:
    """What nodes wait for, beside a worker."""
    found = {owner: names(resources) for owner, resources in snapshot.state.lock_waits}
    if snapshot.resources is not None:
        found |= {name: names(use.waits) for name, use in snapshot.resources.owners.items() if use.waits}
    return found
