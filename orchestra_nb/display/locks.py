"""How resources show themselves: how much there is, who holds it, who waits, and who waits in a circle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from orchestra_nb.display import frames, html
from orchestra_nb.display.wording import clean, count, duration, short
from orchestra_nb.presentation import Bundle, presents
from orchestra_nb.resources.circles import DeadlockResult, in_words
from orchestra_nb.resources.manager import ResourceManager
from orchestra_nb.resources.statistics import ResourceStats, ResourceUse

if TYPE_CHECKING:
    import pandas as pd

_HEADINGS = ("resource", "used", "held by", "waiting", "granted", "wait p50 / p99", "utilisation")
_MOST_NAMES = 5


@presents(ResourceStats)
class StatsPresenter:
    """Shows a snapshot of all resources."""

    def bundle(self, value: ResourceStats) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        head = _headline(value)
        rows = [_row(use) for use in value.resources.values()]
        lines = [head, *("  " + "  ".join(row) for row in rows)]
        return {"text/plain": "\n".join(lines), "text/html": html.paragraph(head) + html.table(_HEADINGS, rows)}

    def frame(self, value: ResourceStats) -> pd.DataFrame:
        """Make the frame of resources."""
        return frames.resources(value)


@presents(ResourceManager)
class ManagerPresenter:
    """Shows a manager as it is now."""

    def bundle(self, value: ResourceManager) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        return StatsPresenter().bundle(value.get_resource_stats())

    def frame(self, value: ResourceManager) -> pd.DataFrame:
        """Make the frame of resources."""
        return frames.resources(value.get_resource_stats())


@presents(DeadlockResult)
class DeadlockPresenter:
    """Shows circles of waits."""

    def bundle(self, value: DeadlockResult) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        lines = [clean(in_words(circle)) for circle in value.circles] or ["no deadlock"]
        if value.victim is not None:
            lines.append(f"{clean(value.victim)} would give way first")
        return {"text/plain": "\n".join(lines), "text/html": "".join(map(html.paragraph, lines))}

    def frame(self, value: DeadlockResult) -> pd.DataFrame:
        """Make the frame of waits."""
        return frames.deadlocks(value)


def _headline(stats: ResourceStats) -> str:
    waiting = sum(bool(owner.waits) for owner in stats.owners.values())
    many = count(len(stats.resources), "resource"), count(waiting, "owner"), count(stats.deadlocks, "deadlock")
    return "{}, {} waiting, {} so far".format(*many)


def _row(use: ResourceUse) -> tuple[str, ...]:
    per = "" if use.period is None else f" in {duration(use.period)}"
    return (
        clean(use.resource),
        f"{use.used:g} of {use.capacity:g}{per}",
        _names(use.holders),
        _names(use.waiting),
        f"{use.granted:,}",
        f"{duration(use.wait_p50)} / {duration(use.wait_p99)}",
        f"{use.utilisation:.0%}" if use.kind == "held" else "",
    )


def _names(amounts: Mapping[str, float]) -> str:
    shown = [short(name) + (f" {amount:g}" if amount != 1 else "") for name, amount in amounts.items()]
    more = len(shown) - _MOST_NAMES
    return ", ".join(shown[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "") or "nobody"
