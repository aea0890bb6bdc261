"""How progress shows itself: a bar, how much is done, and when it will be over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestra_nb.display import frames, html
from orchestra_nb.presentation import Bundle, presents
from orchestra_nb.progress.stats import PhaseStats, ProgressStats
from orchestra_nb.progress.terminal import plain_line
from orchestra_nb.progress.tracker import ProgressTracker

if TYPE_CHECKING:
    import pandas as pd

_HEADINGS = ("phase", "ended", "in progress", "failed")


@presents(ProgressStats)
class ProgressStatsPresenter:
    """Shows a snapshot of a run's progress."""

    def bundle(self, value: ProgressStats) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        line, bar = line_and_bar(value)
        phases = html.table(_HEADINGS, map(_row, value.phases)) if len(value.phases) > 1 else ""
        return {"text/plain": line, "text/html": bar + phases}

    def frame(self, value: ProgressStats) -> pd.DataFrame:
        """Make the frame of one row."""
        return frames.progress(value)


@presents(ProgressTracker)
class TrackerPresenter:
    """Shows a run's progress as it is now."""

    def bundle(self, value: ProgressTracker) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        return ProgressStatsPresenter().bundle(value.get_stats())

    def frame(self, value: ProgressTracker) -> pd.DataFrame:
        """Make the frame of one row."""
        return frames.progress(value.get_stats())


def line_and_bar(stats: ProgressStats) -> tuple[str, str]:
    """Say how far a run is: in plain text, and as HTML with a bar."""
    line = plain_line(stats)
    return line, f'<progress max="100" value="{stats.percent:.1f}"></progress>{html.paragraph(line)}'


def _row(phase: PhaseStats) -> tuple[str, ...]:
    counts = phase.counts
    ended = f"{counts.done:,} of {counts.total:,}"
    return phase.phase or "(none)", ended, f"{counts.in_progress:,}", f"{counts.failed:,}"
