"""Who paints the panels of labs, and how each lab shows itself: as a story, and as a frame of its events."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from orchestra_nb.display.columns import framed
from orchestra_nb.display.labs import allocation, circuit, storm, tables
from orchestra_nb.display.steps import Painted, StoryPresenter, painted
from orchestra_nb.labs.allocation import Allocation
from orchestra_nb.labs.breaker import BreakerLab, CircuitChart
from orchestra_nb.labs.deadlock import DeadlockLab
from orchestra_nb.labs.lock_moments import chain
from orchestra_nb.labs.lock_script import by_owner
from orchestra_nb.labs.retry import RetryLab, StormChart
from orchestra_nb.presentation import presents

if TYPE_CHECKING:
    import pandas as pd


@painted.register
def _of_allocation(panel: Allocation) -> Painted:
    return Painted(partial(allocation.allocation_svg, panel), allocation.said(panel), lines=allocation.lines(panel))


@painted.register
def _of_circuit(panel: CircuitChart) -> Painted:
    lines = circuit.lines(panel.stays, panel.until)
    return Painted(partial(circuit.circuit_svg, panel), circuit.said(panel), lines=lines)


@painted.register
def _of_storm(panel: StormChart) -> Painted:
    return Painted(partial(storm.storm_svg, panel), storm.said(panel), lines=storm.lines(panel))


@presents(DeadlockLab)
class DeadlockLabPresenter(StoryPresenter):
    """Shows a deadlock lab."""

    def frame(self, value: DeadlockLab) -> pd.DataFrame:
        """Make the frame of events."""
        rows = [
            (
                *(each.at, each.owner, each.kind, "; ".join(each.told)),
                by_owner((hold.owner, hold.resource, hold.amount) for hold in each.holds),
                by_owner((lack.owner, lack.resource, lack.need) for lack in each.lacks),
                ", ".join(step.owner for step in each.order),
                *(", ".join(each.stuck), chain(each.circle), each.victim),
            )
            for each in value.moments
        ]
        return framed(tables.DEADLOCK_LAB.columns, rows)


@presents(BreakerLab)
class BreakerLabPresenter(StoryPresenter):
    """Shows a breaker lab."""

    def frame(self, value: BreakerLab) -> pd.DataFrame:
        """Make the frame of events."""
        counts = ("state", "failures_in_a_row", "retry_after", "succeeded", "failed", "late", "rejected", "opened")
        rows = [
            (each.at, each.call, each.what, *(getattr(each.stats, name) for name in counts), "; ".join(each.told))
            for each in value.moments
        ]
        return framed(tables.BREAKER_LAB.columns, rows)


@presents(RetryLab)
class RetryLabPresenter(StoryPresenter):
    """Shows a retry lab."""

    def frame(self, value: RetryLab) -> pd.DataFrame:
        """Make the frame of attempts, of all that is compared."""
        rows = [
            (each.name, one.client, one.number, one.at, one.result, one.rest, one.gave_up)
            for each in value.storms
            for one in each.attempts
        ]
        return framed(tables.RETRY_LAB.columns, rows)
