"""A run's progress as a line: through rich on a terminal, plain elsewhere. Pure: a snapshot in, something to show out.

Percent are rounded down, so that a line never says 100 % before the run has ended. Names are cleaned and never parsed
as markup. Where the terminal is narrow, the run's name goes first, then the bar; nodes' names are cut, and nothing is
ever broken into lines. Rejected: rich's own ``Progress``, which has a clock and a (linear) estimate of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from orchestra_nb.progress.eta import Estimate
from orchestra_nb.progress.stats import ProgressStats
from orchestra_nb.wording import clean, duration, short

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.progress_bar import ProgressBar

_MOST_NAMES = 3
_WIDTH = 24
"""Of the bar, in columns."""
_WIDE, _NARROW = 100, 60
"""Columns of a terminal from which on the run is named, and from which on there is a bar."""


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
    >>> plain_line(ProgressStats("", 50.0, Counts(pending=1, completed=1), 3.0, Estimate(1.0, 2.0, 3.0), paused=True))
    '50 %, 1 of 2, 3.0 s so far, paused, 2.0 s left (1.0 s to 3.0 s)'
    """
    name = f"{clean(stats.name)}: " if stats.name else ""
    took = f"in {duration(stats.elapsed)}" if stats.over else f"{duration(stats.elapsed)} so far"
    parts = [f"{math.floor(stats.percent)} %", _counted(stats), took, "paused" if stats.paused else "", left(stats.eta)]
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
    return _Line(stats)


class _Line:
    """One line, whatever the width: what can be spared goes first, and parts keep their places from state to state."""

    def __init__(self, stats: ProgressStats) -> None:
        self._stats = stats

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        from rich.table import Table
        from rich.text import Text

        stats, width = self._stats, options.max_width
        done = _counted(stats).rjust(2 * len(f"{stats.counts.total:,}") + len(" of "))
        time_left = ", ".join(filter(None, ("paused" if stats.paused else "", left(stats.eta))))
        cells: list[RenderableType] = [f"{math.floor(stats.percent):>3} %", done, time_left, _running(stats)]
        if width >= _NARROW:
            cells.insert(0, _bar(stats, _WIDTH if width >= _WIDE else _WIDTH // 2))
        if width >= _WIDE and stats.name:
            cells.insert(0, Text(short(stats.name), "bold"))
        grid = Table.grid(padding=(0, 1))
        shown = [Text(cell) if isinstance(cell, str) else cell for cell in cells if cell]
        for cell in shown:
            if isinstance(cell, Text):
                cell.no_wrap, cell.overflow = True, "ellipsis"
            grid.add_column(no_wrap=cell is not shown[-1])
        grid.add_row(*shown)
        yield grid


def _bar(stats: ProgressStats, width: int) -> ProgressBar:
    from rich.progress_bar import ProgressBar

    bad = stats.counts.failed or stats.counts.cancelled
    style = "red" if bad else "green" if stats.over else "blue"
    return ProgressBar(total=100.0, completed=stats.percent, width=width, complete_style=style, finished_style=style)


def _about(seconds: float) -> str:
    """Say a duration that is not measured: in tenths of seconds at best, in minutes where it is hours."""
    if seconds < 3599.5:
        return f"{seconds:.1f} s" if seconds < 59.95 else duration(seconds)
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min"


def _counted(stats: ProgressStats) -> str:
    counts = stats.counts
    ends = (("failed", counts.failed), ("cancelled", counts.cancelled), ("skipped", counts.skipped))
    bad = ", ".join(f"{number:,} {how}" for how, number in ends if number)
    return f"{counts.done:,} of {counts.total:,}" + (f" ({bad})" if bad else "")


def _running(stats: ProgressStats) -> str:
    more = len(stats.active) - _MOST_NAMES
    return ", ".join(map(short, stats.active[:_MOST_NAMES])) + (f" and {more:,} more" if more > 0 else "")
