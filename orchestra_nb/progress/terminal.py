"""A run's progress as a line: through rich on a terminal, plain elsewhere. Pure: a snapshot in, something to show out.

Percent are rounded down, so that a line never says 100 % before the run has ended. Names are cleaned and never parsed
as markup. Where the terminal is narrow, names and the bar are cut before numbers are, and nothing is ever broken into
lines. Rejected: rich's own ``Progress``, which has a clock and an estimate (the linear one) of its own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestra_nb.progress.eta import Estimate
from orchestra_nb.progress.stats import ProgressStats
from orchestra_nb.wording import clean, duration, short

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

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
    return f"{_about(eta.expected)} left ({_about(eta.low)} to {_about(eta.high)})"


def plain_line(stats: ProgressStats) -> str:
    """Say how far a run is, in one line without colours.

    Examples
    --------
    >>> from orchestra_nb.progress.stats import Counts
    >>> plain_line(ProgressStats("today", 50.0, Counts(in_progress=1, completed=1), 3.0, active=("fit",)))
    'today: 50 %, 1 of 2, 3.0 s so far; running: fit'
    """
    name = f"{clean(stats.name)}: " if stats.name else ""
    took = f"in {duration(stats.elapsed)}" if stats.over else f"{duration(stats.elapsed)} so far"
    parts = [f"{math.floor(stats.percent)} %", _counted(stats), took, left(stats.eta)]
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

    bad = stats.counts.failed or stats.counts.cancelled
    style = "red" if bad else "green" if stats.over else "blue"
    bar = ProgressBar(total=100.0, completed=stats.percent, width=_WIDTH, complete_style=style, finished_style=style)
    numbers = [f"{math.floor(stats.percent)} %", _counted(stats), left(stats.eta)]
    row: list[tuple[RenderableType, bool]] = [
        (_unbroken(short(stats.name), "bold"), True),
        (bar, True),
        *[(_unbroken(number), False) for number in numbers if number],
        (_unbroken(_running(stats)), True),
    ]
    grid = Table.grid(padding=(0, 1))
    shown = [(cell, shrinks) for cell, shrinks in row if cell]
    for _, shrinks in shown:
        grid.add_column(no_wrap=not shrinks)
    grid.add_row(*[cell for cell, _ in shown])
    return grid


def _unbroken(text: str, style: str = "") -> Text:
    """Make a text that is cut rather than broken into lines: a display of several lines would jump."""
    from rich.text import Text

    return Text(text, style, no_wrap=True, overflow="ellipsis")


def _about(seconds: float) -> str:
    """Say a duration that is not measured: in tenths of seconds at best."""
    return f"{seconds:.1f} s" if seconds < 59.95 else duration(seconds)


def _counted(stats: ProgressStats) -> str:
    counts = stats.counts
    ends = (("failed", counts.failed), ("cancelled", counts.cancelled), ("skipped", counts.skipped))
    bad = ", ".join(f"{number:,} {how}" for how, number in ends if number)
    return f"{counts.done:,} of {counts.total:,}" + (f" ({bad})" if bad else "")


def _running(stats: ProgressStats) -> str:
    more = len(stats.active) - _MOST_NAMES
    return ", ".join(map(short, stats.active[:_MOST_NAMES])) + (f" and {more:,} more" if more > 0 else "")
