"""How a simulated schedule shows itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestra_nb.display import frames, html, text
from orchestra_nb.display.wording import duration
from orchestra_nb.planning.simulator import Schedule
from orchestra_nb.presentation import Bundle, presents

if TYPE_CHECKING:
    import pandas as pd


@presents(Schedule)
class SchedulePresenter:
    """Shows who would do what when."""

    def bundle(self, value: Schedule) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        plain = text.schedule_text(value)
        rows = [(s.node, s.worker, duration(s.start), duration(s.end), duration(s.end - s.start)) for s in value.rows]
        head = html.paragraph(plain.split("\n", 1)[0])
        return {"text/plain": plain, "text/html": head + html.table(("node", "worker", "start", "end", "time"), rows)}

    def frame(self, value: Schedule) -> pd.DataFrame:
        """Make the frame of slots."""
        return frames.schedule(value)
