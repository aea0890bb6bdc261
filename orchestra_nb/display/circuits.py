"""How circuit breakers show themselves: which are open, for how long, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestra_nb.display import frames, html
from orchestra_nb.display.wording import clean, count, duration, short
from orchestra_nb.presentation import Bundle, presents
from orchestra_nb.recovery.breakers import Breakers
from orchestra_nb.recovery.statistics import BreakerStats, CircuitStats

if TYPE_CHECKING:
    import pandas as pd

_HEADINGS = ("circuit", "state", "succeeded", "failed", "rejected", "opened", "last failure")


@presents(BreakerStats)
class BreakerStatsPresenter:
    """Shows a snapshot of all circuits."""

    def bundle(self, value: BreakerStats) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        closed = sum(each.state == "closed" for each in value.circuits.values())
        head = f"{count(len(value.circuits), 'circuit')}, {len(value.circuits) - closed} not closed"
        rows = [_row(each) for each in value.circuits.values()]
        lines = [head, *("  " + "  ".join(row) for row in rows)]
        return {"text/plain": "\n".join(lines), "text/html": html.paragraph(head) + html.table(_HEADINGS, rows)}

    def frame(self, value: BreakerStats) -> pd.DataFrame:
        """Make the frame of circuits."""
        return frames.circuits(value)


@presents(Breakers)
class BreakersPresenter:
    """Shows circuits as they are now."""

    def bundle(self, value: Breakers) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        return BreakerStatsPresenter().bundle(value.statistics())

    def frame(self, value: Breakers) -> pd.DataFrame:
        """Make the frame of circuits."""
        return frames.circuits(value.statistics())


def _row(each: CircuitStats) -> tuple[str, ...]:
    state = f"open for {duration(each.retry_after)} more" if each.state == "open" else each.state
    counts = (each.succeeded, each.failed, each.rejected, each.opened)
    return (clean(each.circuit), state, *(f"{number:,}" for number in counts), short(each.last_failure))
