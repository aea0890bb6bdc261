"""How the result of a run shows itself: the static twin of its dashboard, and the same in plain text.

Policy: the first line answers "did it work, and how long did it take"; then what went wrong, in the words of the error;
the rest is evidence. Plain text is what headless tools and diffs show. Who has followed the run knows more than its
result does (locks, circuits, the cache), and gives its own snapshot.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestra_nb.display import frames, text
from orchestra_nb.display.dashboard.snapshot import Snapshot
from orchestra_nb.display.dashboard.twin import dashboard_html
from orchestra_nb.display.faults import faults_of_run
from orchestra_nb.display.gantt.chart import Gantt, gantt_of
from orchestra_nb.display.headline import headline
from orchestra_nb.display.replays import events_frame
from orchestra_nb.presentation import Bundle, presents
from orchestra_nb.replay.happened import happened
from orchestra_nb.running.result import RunResult

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RunPresenter", "closing_lines", "headline", "run_bundle", "run_text"]

_MOST_LINES = 200
"""Lines of nodes in plain text, and of what went wrong; the frame has all of them."""


@presents(RunResult)
class RunPresenter:
    """Shows the result of a run."""

    def bundle(self, value: RunResult) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        return run_bundle(value)

    def frame(self, value: RunResult) -> pd.DataFrame:
        """Make the frame of outcomes."""
        return frames.outcomes(value.outcomes, value.dag, value.started_at)

    def levels(self, value: RunResult) -> pd.DataFrame:
        """Make the frame of levels."""
        return frames.run_levels(value.outcomes, value.dag, value.started_at)

    def events(self, value: RunResult) -> pd.DataFrame:
        """Make the frame of what happened."""
        return events_frame(happened(value), value.started_at)

    def gantt(self, value: RunResult, *, plan: bool) -> Gantt:
        """Make the Gantt chart."""
        return gantt_of(value, headline(value), plan=plan)


def run_bundle(result: RunResult, snapshot: Snapshot | None = None) -> Bundle:
    """Make ``text/plain`` and ``text/html`` of a run that is over.

    Parameters
    ----------
    result
        What it came to.
    snapshot
        What was known of it at its end, where somebody has followed it.
    """
    known = Snapshot.of(result) if snapshot is None else replace(snapshot, result=result)
    return {"text/plain": run_text(result), "text/html": dashboard_html(known)}


def closing_lines(result: RunResult) -> list[str]:
    """Say how a run went, what went wrong, and its critical path."""
    return [*filter(None, (headline(result), *faults_of_run(result))), text.critical_path_text(result.measured)]


def run_text(result: RunResult) -> str:
    """Describe a run in plain text: the headline, each node, what went wrong, and the critical path."""
    first, *faults, path = closing_lines(result)
    others = [*text.some(faults, _MOST_LINES), path]
    return "\n".join(filter(None, [first, text.outcomes_text(result.outcomes, _MOST_LINES), *others]))
