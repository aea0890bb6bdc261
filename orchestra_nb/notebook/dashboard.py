"""The dashboard as a value: shown as the last line of a cell, it is live there while the run goes on.

Where the front end is live (:func:`.is_live`) the cell first shows the static twin, then the live dashboard in its
place, and when the run is over the twin again, of its end. So it is left in the saved notebook. Elsewhere the cell
shows the twin of the moment. Buttons work as :mod:`.clicks` says; the kernel's interrupt always stops a run.

A dashboard follows the runs of its bus from the moment at which it was made: what happened before is not known to it,
but for the result of a run that is over.
One that is shown looks four times a second until a run has ended, or until :meth:`Dashboard.close`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from orchestra_nb.bus import EventBus
from orchestra_nb.config import RunConfig
from orchestra_nb.display.dashboard import Snapshot
from orchestra_nb.display.live.front_end import is_live
from orchestra_nb.display.live.watching import Watching
from orchestra_nb.graph.dag import DAG
from orchestra_nb.notebook.attended import AttendedDashboard, Place, Watched
from orchestra_nb.notebook.kept_frames import KeptFrames
from orchestra_nb.notebook.live import marked, placed
from orchestra_nb.presentation import Bundle, Presented, presenter_of
from orchestra_nb.running.control import RunControl
from orchestra_nb.running.result import RunResult

if TYPE_CHECKING:
    import pandas as pd


class Dashboard(Presented):
    """Shows the run that goes on, or the one that ended last.

    Parameters
    ----------
    watching
        Follows the runs.
    last_result
        Gives the result of the run that ended last.

    Examples
    --------
    >>> from orchestra_nb import Node, Pipeline, RunConfig
    >>> pipeline = Pipeline([Node("load", fn=lambda: 42)], config=RunConfig(jobs=2, history=False))
    >>> dashboard = pipeline.dashboard()
    >>> _ = pipeline.run()
    >>> dashboard.snapshot.state.stats.percent
    100.0
    """

    def __init__(self, watching: Watching, last_result: Callable[[], RunResult | None]) -> None:
        self._watching = watching
        self._last_result = last_result
        self._live: AttendedDashboard | None = None

    @property
    def snapshot(self) -> Snapshot:
        """What is known now."""
        result, known = self._last_result(), self._watching.snapshot()
        if known.state.over:
            self._watching.result = result
            return self._watching.snapshot()
        if result is not None and not known.state.count:
            return Snapshot.of(result)
        return known

    @property
    def frame(self) -> pd.DataFrame:
        """The numbers of all panels, as a tidy frame: panel, item, measure, value."""
        return presenter_of(snapshot := self.snapshot).frame(snapshot)

    def attend(self) -> None:
        """Hear what was clicked meanwhile; for whoever waits for the run on the main thread."""
        if self._live is not None:
            self._live.attend()

    def close(self) -> None:
        """Leave what is shown as it is, and look no more; twice is fine."""
        if self._live is not None:
            self._live.close()
            self._live = None

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        return presenter_of(snapshot := self.snapshot).bundle(snapshot)

    def _ipython_display_(self) -> None:
        from IPython.core.getipython import get_ipython

        shell: Any = get_ipython()
        publisher, where = shell.display_pub, {"display_id": uuid.uuid4().hex}

        def show(bundle: Mapping[str, Any], update: bool = True) -> None:
            publisher.publish(data=marked(bundle), metadata={}, transient=where, update=update)

        show(self._repr_mimebundle_(), update=False)
        if is_live(shell) and not self.snapshot.state.over:
            self.close()
            frames, nodes = KeptFrames(shell.user_ns), self._watching.nodes
            watched = Watched(lambda: self.snapshot, self._watching.control, frames, nodes)

            def over() -> None:
                show(self._repr_mimebundle_())
                self.close()

            def appear(place: Place) -> None:
                show(placed(self._repr_mimebundle_(), place))

            self._live = AttendedDashboard(shell.kernel, watched, appear, over)


class Runs(RunControl, Protocol):
    """Whoever runs one graph after another, and knows the result of the last: schedulers, engines."""

    @property
    def last_result(self) -> RunResult | None:
        """The result of the last run."""


def dashboard_of(runs: Runs, config: RunConfig, bus: EventBus, dag: DAG | None = None, **asked: Any) -> Dashboard:
    """Make a dashboard that follows the runs of a bus from now on.

    Parameters
    ----------
    runs
        Who runs them.
    config
        How.
    bus
        Where they are told.
    dag
        What is going to run, if that is known.
    asked
        Who is asked for circuits, resources and the cache; see :class:`.Watching`.
    """
    watching = Watching(runs, config, dag, **asked)
    watching.attach(bus)
    return Dashboard(watching, lambda: runs.last_result)
