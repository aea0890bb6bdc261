"""What happened in a run of which only the result is left: what it implies, and what was heard beside it."""

from __future__ import annotations

from orchestra_nb.bus import Event
from orchestra_nb.replay.of_result import events_of
from orchestra_nb.running.result import RunResult


def happened(result: RunResult) -> tuple[Event, ...]:
    """Give the events of a run, by time.

    Examples
    --------
    >>> from orchestra_nb.events import NodeRetrying
    >>> from orchestra_nb.graph.dag import DAG
    >>> retried = NodeRetrying(0.5, "load", 1, 0.1, "OSError: no")
    >>> result = RunResult({}, {}, DAG([]), 1, "threading", 2.0, "r", "", heard=(retried,))
    >>> [(event.at, event.name) for event in happened(result)]
    [(0.0, 'execution:run-started'), (0.5, 'execution:node-retrying'), (2.0, 'execution:run-ended')]
    """
    return tuple(sorted((*events_of(result), *result.heard), key=lambda event: event.at))
