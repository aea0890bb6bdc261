"""Who holds what, who waits for what, and how long that takes; with the wait-for graph when somebody waits.

The frame has a row for each resource, for each wait (who, for what, held by whom), and for each wait of the last circle
that was found. Where no resources are at hand, what the run has told of its locks is all that is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from orchestra_nb.display import html
from orchestra_nb.display.dashboard.looks import names
from orchestra_nb.display.dashboard.panel import Panel
from orchestra_nb.display.dashboard.sheet import Column, Sheet, left_out, seconds, share, unless_none
from orchestra_nb.display.dashboard.snapshot import Snapshot
from orchestra_nb.display.dashboard.waits import Wait, waits_svg
from orchestra_nb.display.wording import short

_KINDS = ("resource", "held", "wait", "circle")
_MOST_WAITS = 20


def _amount(number: float) -> str:
    return f"{number:g}"


def _waited(number: float) -> str:
    """Say a wait that is over; who waits now stands below, and a zero would seem to speak of them."""
    return seconds(number) if number else ""


_COLUMNS = (
    Column("kind", _KINDS),
    Column("resource", heading="resource"),
    Column("owner"),
    Column("used", "number", "used", _amount),
    Column("capacity", "number", "of", _amount),
    Column("period", "seconds", "in", seconds),
    Column("holders", heading="held by"),
    Column("waiting", "optional count", "waiting", unless_none),
    Column("granted", "optional count"),
    Column("timed_out", "optional count", "timed out", unless_none),
    Column("wait_p50", "seconds"),
    Column("wait_max", "seconds", "longest wait", _waited),
    Column("utilisation", "number", "in use", share),
    Column("deadlocks", "optional count"),
)
_HELD = (Column("owner", heading="owner"), Column("resource", heading="holds"))


def locks_panel(snapshot: Snapshot) -> Panel:
    """Make the panel."""
    sheet = cache(lambda: Sheet(_COLUMNS, tuple(_rows(snapshot))))
    known = snapshot.resources is not None and bool(snapshot.resources.resources)
    says = known or bool(snapshot.state.locks or snapshot.state.lock_waits or snapshot.state.deadlock)
    return Panel("locks", "Locks", lambda most: _html(snapshot, sheet(), most), lambda: sheet().frame(), says)


def waits_of(snapshot: Snapshot) -> tuple[Wait, ...]:
    """Say who waits for what, and who holds that."""
    stats, found = snapshot.resources, []
    if stats is not None:
        for name, use in stats.owners.items():
            for resource in use.waits:
                holders = stats.resources[resource].holders if resource in stats.resources else {}
                found.append(Wait(name, resource, tuple(holders)))
        return tuple(found)
    holding = _held(snapshot)
    for owner, resources in snapshot.state.lock_waits:
        found += [Wait(owner, resource, holding.get(resource, ())) for resource in resources]
    return tuple(found)


def _held(snapshot: Snapshot) -> Mapping[str, tuple[str, ...]]:
    """Who holds each resource, as far as events tell."""
    found: dict[str, tuple[str, ...]] = {}
    for owner, resources in snapshot.state.locks:
        for resource in resources:
            found[resource] = (*found.get(resource, ()), owner)
    return found


def _rows(snapshot: Snapshot) -> Iterator[tuple[Any, ...]]:
    stats, none = snapshot.resources, (None,) * 7
    if stats is not None:
        for use in stats.resources.values():
            counts = (len(use.waiting), use.granted, use.timed_out, use.wait_p50, use.wait_max)
            used = use.utilisation if use.kind == "held" else None
            held = (use.used, use.capacity, use.period, names(_worded(use.holders)))
            yield ("resource", use.resource, "", *held, *counts, used, stats.deadlocks)
    else:
        for resource, owners in _held(snapshot).items():
            yield ("held", resource, "", *(None,) * 3, names(owners), *none)
    for wait in waits_of(snapshot):
        yield ("wait", wait.resource, wait.owner, *(None,) * 3, names(wait.holders), *none)
    if snapshot.state.deadlock is not None:
        for owner, resource, holder in snapshot.state.deadlock.circle:
            yield ("circle", resource, owner, *(None,) * 3, holder, *none)


def _worded(amounts: Mapping[str, float]) -> Iterator[str]:
    return (owner if amount == 1 else f"{owner} ({amount:g})" for owner, amount in amounts.items())


def _html(snapshot: Snapshot, sheet: Sheet, most: int) -> str:
    waits, parts = waits_of(snapshot), []
    resources = [row for row in sheet.rows if row[0] == "resource"]
    if resources:
        parts.append(Sheet(_COLUMNS, resources).html(most))
    held = [(row[5], row[1]) for row in sheet.rows if row[0] == "held"]
    if held:
        parts.append(Sheet(_HELD, held).html(most))
    parts += _deadlock(snapshot)
    if waits:
        lines = [_line(wait) for wait in waits[:_MOST_WAITS]]
        circle = snapshot.state.deadlock.circle if snapshot.state.deadlock is not None else ()
        parts.append(html.picture(waits_svg(waits, circle), "; ".join(lines)))
        parts += [html.paragraph(line) for line in lines]
        parts.append(left_out(len(waits) - _MOST_WAITS))
    return "".join(parts)


def _line(wait: Wait) -> str:
    held = f", held by {names(wait.holders)}" if wait.holders else ""
    return f"{short(wait.owner, 80)} waits for {short(wait.resource, 80)}{short(held, 200)}"


def _deadlock(snapshot: Snapshot) -> list[str]:
    """The last circle in words, and who gave way."""
    found, stats = snapshot.state.deadlock, snapshot.resources
    if found is None:
        many = 0 if stats is None else stats.deadlocks
        return [html.paragraph(f"deadlocks so far: {many:,}")] if many else []
    told = "; ".join(f"{short(o, 60)} waits for {short(r, 60)}, held by {short(h, 60)}" for o, r, h in found.circle[:8])
    more = f"; and {len(found.circle) - 8:,} more" if len(found.circle) > 8 else ""
    victim = f"{short(found.victim, 60)} {'gave way' if found.resolved else 'would have to give way'}"
    return [html.paragraph(f"deadlock: {told}{more} · {victim}", "font-weight:bold")]
