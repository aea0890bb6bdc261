"""A run's progress as a line: through rich on a terminal, plain elsewhere. Pure: a snapshot in, something to show out.

Percent are rounded down, so that a line never says 100 % before the run has ended. Names are cleaned and never parsed
as markup. Rejected: rich's own ``Progress``, which has a clock and an estimate (the linear one) of its own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestra_nb.progress.eta import Estimate
from orchestra_nb.progress.stats import ProgressStats
from orchestra_nb.wording import clean, duration, short

if TYPE_CHECKING:
    from rich.console import RenderableType

_MOST_NAMES = 3
_WIDTH = 24


def left(eta: Estimate) -> str:
    """Say how long something will still take.

    Examples
    --------
    >>> left(Estimate(8.0, 10.0, 14.0)), left(Estimate(0.0, 0.0, 0.0))
    ('10.0 s left (8.0 s to 14.0 s)', '')
    """
    if eta.expected <= 0:
        return ""
    return f"{duration(eta.expected)} left ({duration(eta.low)} to {duration(eta.high)})"


def plain_line(stats: ProgressStats) -> str:
    """Say how far a run is, in one line without colours.

    Examples
    --------
    >>> from orchestra_nb.progress.stats import Counts
    >>> plain_line(ProgressStats("today", 50.0, Counts(in_progress=1, completed=1), 3.0, active=("fit",)))
    'today: 50 %, 1 of 2, 3.0 s so far; running: fit'
    """
    name = f"{clean(stats.name)}: " if stats.name else ""
    parts = [f"{math.floor(stats.percent)} %", _counted(stats), f"{duration(stats.elapsed)} so far", left(stats.eta)]
    running = _running(stats)
    return name + ", ".join(part for part in parts if part) + (f"; running: {running}" if running else "")


def renderable(stats: ProgressStats) -> RenderableType:
    """Make what a rich console or a live display shows: a bar, the numbers, and who runs.

    Examples
    --------
    >>> from rich.console import Console
    >>> from orchestra_nb.progress.stats import Counts
    >>> console = Console(width=100, no_color=True)
    >>> with console.capture() as captured:
    ...     console.print(renderable(ProgressStats("", 50.0, Counts(in_progress=1, completed=1), 3.0)))
    >>> "50 %" in captured.get(), "1 of 2" in captured.get()
    (True, True)
    """
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    bad = stats.counts.failed or stats.counts.cancelled
    style = "red" if bad else "green" if stats.over else "blue"
    bar = ProgressBar(total=100.0, completed=stats.percent, width=_WIDTH, complete_style=style, finished_style=style)
    said = [f"{math.floor(stats.percent)} %", _counted(stats), left(stats.eta), _running(stats)]
    grid = Table.grid(padding=(0, 1))
    grid.add_row(
        *([Text(short(stats.name), "bold")] if stats.name else []), bar, *[Text(text) for text in said if text]
    )
    return grid


def _counted(stats: ProgressStats) -> str:
    counts = stats.counts
    ends = (("failed", counts.failed), ("cancelled", counts.cancelled), ("skipped", counts.skipped))
    bad = ", ".join(f"{number:,} {how}" for how, number in ends if number)
    return f"{counts.done:,} of {counts.total:,}" + (f" ({bad})" if bad else "")


def _running(stats: ProgressStats) -> str:
    more = len(stats.active) - _MOST_NAMES
    return ", ".join(map(short, stats.active[:_MOST_NAMES])) + (f" and {more:,} more" if more > 0 else "")
