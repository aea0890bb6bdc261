"""Progress as facts: ``progress:updated``, for whoever wants to hear of it where everything else is told.

A tracker's sink that publishes. It is served as often as any sink and not for each event of a run, in the background;
so these come late, and the last one when the run has ended. Nothing follows from them that the run's own events do not
tell.
"""

from __future__ import annotations

from orchestra_nb.events import EventBus, ProgressUpdated
from orchestra_nb.progress.sinks import Report


class EventSink:
    """Publishes each state of a tracker.

    Parameters
    ----------
    bus
        Where.

    Examples
    --------
    >>> from orchestra_nb import DAG, EventBus, Node, ProgressTracker
    >>> bus, seen = EventBus(), []
    >>> stop = bus.on("progress:*", seen.append)
    >>> tracker = ProgressTracker([EventSink(bus)])
    >>> tracker.initialize(DAG([Node("load")]), "today")
    >>> tracker.complete(), bus.settle(), seen[-1].percent
    (True, True, 100.0)
    """

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus

    def __call__(self, report: Report) -> None:
        """Publish one state."""
        stats = report.stats
        eta, counts = stats.eta, stats.counts
        told = (stats.percent, counts.done, counts.failed, counts.total, eta.low, eta.expected, eta.high, stats.over)
        self._bus.publish(ProgressUpdated(stats.elapsed, stats.name, *told))

    def __repr__(self) -> str:
        return "EventSink()"
