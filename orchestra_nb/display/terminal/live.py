"""A run on a terminal: a view that is drawn anew while the run goes on, and gone when it is over.

rich draws it from a thread of its own, four times a second, which ends with the context; whichever way the context is
left, the view is erased and the cursor shown. What is printed meanwhile stands above it. What a view costs to make
counts: where the graph is large, it is made less often (:func:`.rest_after`). Failure: none of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from orchestra_nb.display.terminal.run_view import RunView
from orchestra_nb.progress.tracker import ProgressTracker
from orchestra_nb.progress.turns import rest_after

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_PER_SECOND = 4.0


class Newest:
    """The view of a tracker as it is now, or as it was a moment ago.

    Parameters
    ----------
    tracker
        Follows the run.
    clock
        Seconds, monotonic.
    """

    def __init__(self, tracker: ProgressTracker, clock: Callable[[], float] = monotonic) -> None:
        self._tracker = tracker
        self._clock = clock
        self._due = clock()
        self._view: RenderableType = ""

    def __call__(self) -> RenderableType:
        """Give the view."""
        began = self._clock()
        if began >= self._due:
            self._view = RunView.of(self._tracker.report())
            ended = self._clock()
            self._due = ended + rest_after(ended - began, 0.0)
        return self._view


@contextmanager
def live_run(tracker: ProgressTracker, console: Console | None = None) -> Iterator[None]:
    """Show how far a run is, for the time of the context.

    Parameters
    ----------
    tracker
        Follows the run.
    console
        Where; standard error when not given.
    """
    from rich.console import Console
    from rich.live import Live

    there = console if console is not None else Console(stderr=True)
    newest = Newest(tracker)
    with Live(console=there, transient=True, refresh_per_second=_PER_SECOND, get_renderable=newest) as live:
        live.refresh()  # at once, and not when its thread first wakes
        yield
