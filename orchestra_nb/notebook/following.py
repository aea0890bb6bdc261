"""The progress of a run of cells: the tracker that follows it, and how it hears of a run in another process.

Here it listens on the run's bus. What a kernel of its own tells comes as mappings, which become the same events again.
What nodes are expected to take is what the history knows, or else their cost. Todos stand beneath phases where there
are any.

Failure: a tracker that cannot follow what it is told is left behind, which is logged once, and the run goes on: a
kernel may have another version of this library.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from orchestra_nb.config import RunConfig
from orchestra_nb.errors import EventLogError, ProgressError
from orchestra_nb.events import EventBus
from orchestra_nb.graph.dag import DAG
from orchestra_nb.notebook.records import event_from
from orchestra_nb.progress.sinks import Sink
from orchestra_nb.progress.tracker import ProgressTracker
from orchestra_nb.running.history import open_history

_log = logging.getLogger("orchestra_nb.progress")
Listener = Callable[[Mapping[str, Any]], object]


def tracker_of(dag: DAG, config: RunConfig, name: str = "", sinks: Iterable[Sink] = ()) -> ProgressTracker:
    """Make the tracker of a run that is about to begin; how many may run at once is a guess until the run says it.

    Parameters
    ----------
    dag, config
        What runs, and how.
    name
        Of the run, for those who are told.
    sinks
        Whom to tell.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> tracker_of(DAG([Node("load", phase="Get")]), RunConfig(jobs=2), "a.ipynb")
    <ProgressTracker 'a.ipynb': 0 % of 1 nodes>
    """
    phases = any(node.phase is not None for node in dag.nodes.values())
    tracker = ProgressTracker(sinks, history=open_history(config), by_phase=phases)
    asked = config.jobs if config.jobs is not None else -1
    tracker.initialize(dag, name, asked if asked > 0 else os.cpu_count() or 1)
    return tracker


@contextmanager
def attached(tracker: ProgressTracker, bus: EventBus) -> Iterator[None]:
    """Have a tracker follow the run of a bus; when the context ends, so has the run, and nobody listens any more."""
    deaf = tracker.attach(bus)
    try:
        yield
    finally:
        deaf()
        tracker.complete()


@contextmanager
def followed(tracker: ProgressTracker, tell: Listener | None = None) -> Iterator[Listener]:
    """Have a tracker follow a run in another process; when the context ends, so has the run.

    Parameters
    ----------
    tracker
        Has been initialized with what runs.
    tell
        Called with each event too.

    Yields
    ------
    callable
        Takes each event of the run, as a mapping.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> tracker = tracker_of(DAG([Node("load"), Node("fit")]), RunConfig())
    >>> with followed(tracker) as listen:
    ...     listen({"name": "execution:node-started", "at": 0.0, "node": "load", "lane": "thread"})
    ...     tracker.get_stats().active
    ('load',)
    >>> tracker.get_stats().percent
    100.0
    """
    follows = True

    def listen(record: Mapping[str, Any]) -> None:
        nonlocal follows
        if follows:
            try:
                tracker.hear(event_from(record))
            except (EventLogError, ProgressError, KeyError):
                follows = False
                _log.exception("progress could not be followed: %r", record.get("name"))
        if tell is not None:
            tell(record)

    try:
        yield listen
    finally:
        tracker.complete()
