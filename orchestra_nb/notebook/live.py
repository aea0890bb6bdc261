"""A run in progress, in one display that is updated in place, and in the end replaced by the static result.

**What stands there.** First a line, a bar and the picture as plain text and HTML, which every tool can store. Where the
front end is live (it sends the id of its cell, as JupyterLab, Notebook and VS Code do, and nbclient, nbval and
papermill do not), a run that is not over in a moment gets the dashboard in its place
(:mod:`~orchestra_nb.display.live.dashboard`), drawn by the page over that HTML. In the end there is the static result,
and the model is closed: a notebook holds no widget, whenever it is saved, and a kernel keeps none. Where nobody has
drawn the dashboard after some seconds, the HTML goes on to be drawn.

**Without a dashboard** this draws what the run's tracker says: on the calling thread, when the scheduler has nothing
better for it to do, at most four times a second, and so seldom that it costs 2 % of the time at most. Where nothing has
happened, the time that is left is drawn anew once a second, more seldom in a long run; in a shell without front end,
where each version would be one more line, it is not. Every such version has the same MIME types, and stands between two
markers by which test tools know a dashboard: what it shows while it runs differs from run to run.

Failure: a front end that is gone, or a display that cannot be drawn, never reaches the run. Rejected: the dashboard as
the first version (test tools, and whoever only stores outputs, would store nothing), a widget that stays (JupyterLab
shows "Error displaying widget" when such a notebook is opened again).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from orchestra_nb.display import html
from orchestra_nb.display.graphs import picture_html
from orchestra_nb.display.progress import line_and_bar
from orchestra_nb.display.todo_list import todo_list
from orchestra_nb.graph.dag import DAG
from orchestra_nb.notebook.attended import AttendedDashboard
from orchestra_nb.notebook.unharmed import unharmed
from orchestra_nb.presentation import Bundle
from orchestra_nb.progress.tracker import ProgressTracker
from orchestra_nb.progress.turns import rest_after

if TYPE_CHECKING:
    from orchestra_nb.display.dashboard import Snapshot
    from orchestra_nb.notebook.attended import Place, Watched

_BEGIN, _END = "<!--orchestra-->", "<!--/orchestra-->"
_PERIOD = 0.25
"""Seconds between two updates."""
_TICK, _SHARE = 1.0, 0.01
"""Seconds between two updates while nothing happens, and that as a share of the time so far: a night is long."""
_PATIENCE = 5.0
"""Seconds that a front end may take to draw a dashboard before it is taken for one that does not."""
_MEANWHILE = "This was saved while the run went on; %orchestrate status shows how it ended."
_LARGE = 30_000
"""Characters of HTML beyond which the picture of the graph is shown only before and after the run."""


class Live:
    """The display of one run.

    Parameters
    ----------
    shell
        Whose publisher to use.
    dag
        What runs.
    tracker
        Follows the run.
    clock
        Seconds, monotonic.
    watched
        What the dashboard shows and steers; ``None``: there is none, whatever the front end can do.
    """

    def __init__(
        self,
        shell: Any,
        dag: DAG,
        tracker: ProgressTracker,
        clock: Callable[[], float] = time.monotonic,
        watched: Watched | None = None,
    ) -> None:
        self._watched = watched
        self._publisher = shell.display_pub  # a cell under %%capture puts another in its place
        self._ticks = getattr(shell, "kernel", None) is not None
        self._tracker = tracker
        self._clock = clock
        self._id = uuid.uuid4().hex
        self._due = self._tick = 0.0
        self._shown: object = None
        self._picture = ""
        with unharmed("the picture of the graph"):
            self._picture = picture_html(dag)  # without the edges: what is unfolded would close at each update
        self._place: Place | None = None
        self._drawn_by = 0.0
        self._static: Bundle = {}
        with unharmed("the beginning of the run"):
            self._draw(update=False)
        if len(self._picture) > _LARGE:
            self._picture = ""
        self._dashboard: AttendedDashboard | None = None
        if watched is not None:
            with unharmed("the dashboard"):
                self._dashboard = AttendedDashboard.where_it_can_be(shell, watched, self._appear)

    def idle(self) -> None:
        """Hear clicks; draw, if it is time, there is something new to see, and nobody else does."""
        if self._dashboard is not None:
            self._dashboard.attend()
            if self._place is None or self._dashboard.drawn or self._clock() < self._drawn_by:
                return
        if self._clock() >= self._due:
            self._draw(update=True)

    def finish(self, bundle: Mapping[str, Any]) -> None:
        """Replace the display by the result; nothing is left that is live."""
        self._end(bundle)

    def snapshot(self) -> Snapshot | None:
        """What is known of the run now, for whoever shows its result; ``None`` where nobody watches it."""
        return None if self._watched is None else self._watched.snapshot()

    def close(self) -> None:
        """Leave nothing that is live, also when there is no result; twice is fine."""
        if self._dashboard is not None:
            self._end(self._static)

    def _end(self, bundle: Mapping[str, Any]) -> None:
        dashboard, self._dashboard = self._dashboard, None
        if dashboard is not None:
            dashboard.silence()  # first, or it might come after what is to stay
        with unharmed("the end of the run"):
            self._publish(bundle, update=True)
        if dashboard is not None:
            with unharmed("the end of the dashboard"):
                dashboard.close()  # last, or the front end would say that there is none

    def _appear(self, place: Place) -> None:
        self._place, self._drawn_by = place, self._clock() + _PATIENCE
        self._publish(placed(self._static, place), update=True)

    def _draw(self, update: bool) -> None:
        began = self._clock()
        report = self._tracker.report()
        stats = report.stats
        news = stats.counts, stats.active
        if news != self._shown or (self._ticks and began >= self._tick):
            line, bar = line_and_bar(stats)
            todos = todo_list(report.todos) if report.by_phase else ""
            self._static = {"text/plain": line, "text/html": bar + todos + self._picture}
            self._publish(self._static if self._place is None else placed(self._static, self._place), update)
            self._shown, self._tick = news, began + max(_TICK, _SHARE * stats.elapsed)
        ended = self._clock()
        self._due = ended + rest_after(ended - began, _PERIOD)

    def _marked(self, bundle: Mapping[str, Any]) -> Bundle:
        """The bundle between the markers, where there is a notebook that stores it: a terminal would only show them."""
        return marked(bundle) if self._ticks else dict(bundle)

    def _publish(self, bundle: Mapping[str, Any], update: bool) -> None:
        shown = self._marked(bundle)
        self._publisher.publish(data=shown, metadata={}, transient={"display_id": self._id}, update=update)


def placed(bundle: Mapping[str, Any], place: Place) -> Bundle:
    """The bundle as the place of a dashboard, with a word for those who find it as it was saved meanwhile."""
    word = html.paragraph(_MEANWHILE, "font-style:italic")
    return {**bundle, "text/html": place(f"{bundle['text/html']}{word}")}


def marked(bundle: Mapping[str, Any]) -> Bundle:
    """The bundle's texts between the markers.

    Examples
    --------
    >>> marked({"text/html": "<p>"})
    {'text/html': '<!--orchestra--><p><!--/orchestra-->'}
    """
    return {mime: f"{_BEGIN}{content}{_END}" for mime, content in bundle.items()}
