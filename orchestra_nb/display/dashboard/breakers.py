"""Which circuits are open, until when, and what failed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from orchestra_nb.display import html
from orchestra_nb.display.dashboard.looks import colour
from orchestra_nb.display.dashboard.panel import Panel
from orchestra_nb.display.dashboard.sheet import Column, Sheet, seconds, unless_none
from orchestra_nb.display.dashboard.snapshot import Snapshot

_STATES = ("closed", "open", "half-open")
_EDGES = {"closed": "done", "open": "failed", "half-open": "cancelled"}


def _state(word: str) -> str:
    edge = colour(_EDGES[word])
    return f'<div style="border-left:4px solid {edge};padding-left:6px">{html.text(word)}</div>'


_COLUMNS = (
    Column("circuit", heading="circuit"),
    Column("state", _STATES, "state", markup=_state, narrow=True),
    Column("retry_after", "seconds", "tried again in", seconds),
    Column("failures_in_a_row", "optional count", "failures in a row", unless_none),
    Column("succeeded", "optional count"),
    Column("failed", "optional count", "failed", unless_none),
    Column("rejected", "optional count", "rejected", unless_none),
    Column("opened", "optional count"),
    Column("last_failure", heading="last failure"),
)


def breakers_panel(snapshot: Snapshot) -> Panel:
    """Make the panel; of circuits that only the run's events tell, no more than their state is known."""
    sheet = cache(lambda: Sheet(_COLUMNS, tuple(_rows(snapshot))))
    says = bool(snapshot.state.circuits) or (snapshot.breakers is not None and bool(snapshot.breakers.circuits))
    return Panel("breakers", "Circuits", lambda most: sheet().html(most), lambda: sheet().frame(), says)


def _rows(snapshot: Snapshot) -> Iterator[tuple[Any, ...]]:
    known = {} if snapshot.breakers is None else snapshot.breakers.circuits
    for each in sorted(known.values(), key=lambda each: each.state == "closed"):
        rest = each.retry_after if each.state == "open" else None
        counts = (each.failures_in_a_row, each.succeeded, each.failed, each.rejected, each.opened)
        yield (each.circuit, each.state, rest, *counts, each.last_failure)
    for circuit, state in snapshot.state.circuits.items():
        if circuit not in known:
            yield (circuit, state, None, None, None, None, None, None, "")
