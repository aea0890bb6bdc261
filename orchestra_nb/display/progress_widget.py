"""Progress in a notebook: a widget that is a sink, so that whoever shows it sees a run go on.

It is served in the background like any sink (:mod:`orchestra_nb.progress.delivery`), so that a front end which is slow
or gone holds up nothing. What the saved notebook shows where there are no widgets is the last line, as plain text. The
line is a ``Label``, whose text is never HTML. ipywidgets is loaded when the first one is made.
"""

from __future__ import annotations

from typing import Any

from orchestra_nb.presentation import Bundle
from orchestra_nb.progress.sinks import Report
from orchestra_nb.progress.terminal import plain_line


class ProgressWidget:
    """A bar and a line that follow a run.

    Examples
    --------
    >>> from orchestra_nb import DAG, Node, ProgressTracker
    >>> widget = ProgressWidget()
    >>> tracker = ProgressTracker([widget])
    >>> tracker.initialize(DAG([Node("load")]), "today")
    >>> tracker.complete()
    True
    >>> widget.percent
    100.0
    """

    def __init__(self) -> None:
        import ipywidgets

        self._bar = ipywidgets.FloatProgress(min=0.0, max=100.0)
        self._label = ipywidgets.Label()
        self._box = ipywidgets.HBox([self._bar, self._label])
        self._line = ""

    def __call__(self, report: Report) -> None:
        """Show one state."""
        stats = report.stats
        self._line = plain_line(stats)
        bad = stats.counts.failed or stats.counts.cancelled
        self._bar.bar_style = "danger" if bad else "success" if stats.over else ""
        self._bar.value = stats.percent
        self._label.value = self._line

    @property
    def percent(self) -> float:
        """What the bar shows."""
        return float(self._bar.value)

    def _repr_mimebundle_(self, **asked: Any) -> Bundle:
        """Show the widget; where there are none, the line."""
        shown: Bundle = self._box._repr_mimebundle_(**asked)
        return {**shown, "text/plain": self._line or "progress"}
