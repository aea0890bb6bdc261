"""How recovery shows itself: what was tried again, which circuits are open, and what was taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestra_nb.display import frames, html
from orchestra_nb.display.circuits import BreakerStatsPresenter
from orchestra_nb.display.wording import clean, count
from orchestra_nb.presentation import Bundle, presents
from orchestra_nb.recovery.manager import RecoveryManager
from orchestra_nb.recovery.statistics import RecoveryStats

if TYPE_CHECKING:
    import pandas as pd

_HEADINGS = ("action", "calls", "attempts", "succeeded", "failed")


@presents(RecoveryStats)
class RecoveryStatsPresenter:
    """Shows a snapshot: actions, circuits, sagas."""

    def bundle(self, value: RecoveryStats) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        head = count(len(value.actions), "action")
        numbers = ("calls", "attempts", "succeeded", "failed")
        rows = [
            (clean(each.action), *(f"{getattr(each, number):,}" for number in numbers))
            for each in value.actions.values()
        ]
        circuits = BreakerStatsPresenter().bundle(value.circuits)
        sagas = (
            f"{count(value.sagas, 'saga')}, {value.failed_sagas} failed; {count(value.compensations, 'step')} undone, "
            f"{value.failed_compensations} could not be"
        )
        lines = [head, *("  " + "  ".join(row) for row in rows), circuits["text/plain"], sagas]
        table = html.paragraph(head) + html.table(_HEADINGS, rows)
        return {"text/plain": "\n".join(lines), "text/html": table + circuits["text/html"] + html.paragraph(sagas)}

    def frame(self, value: RecoveryStats) -> pd.DataFrame:
        """Make the frame of actions; that of the circuits is ``.circuits.frame``."""
        return frames.actions(value)


@presents(RecoveryManager)
class RecoveryPresenter:
    """Shows a manager as it is now."""

    def bundle(self, value: RecoveryManager) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        return RecoveryStatsPresenter().bundle(value.get_recovery_stats())

    def frame(self, value: RecoveryManager) -> pd.DataFrame:
        """Make the frame of actions."""
        return frames.actions(value.get_recovery_stats())
