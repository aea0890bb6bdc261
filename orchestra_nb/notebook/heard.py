"""What a session hears of a run beside what its outcomes tell: retries, pauses, locks, circuits, the cache.

When a node was queued, began and ended stands in its outcome, so nobody has to listen to that: this costs a run of ten
thousand plain nodes nothing. The newest facts are kept, up to :data:`MOST`; older ones go.

**Time.** Facts of a run say when they were, since it began. Locks, circuits and caches have clocks of their own, which
began at other times; what they tell is noted as it is heard, in step, and so by the run's own clock.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from orchestra_nb.events import Event, EventBus, GraphGrown, NodeRetrying, Stalled
from orchestra_nb.graph.events import DagBuilt
from orchestra_nb.recovery.breakers import Breakers

MOST = 10_000
"""Facts that are kept of one run."""
_OF_OTHERS = ("resource:*", "recovery:*", "cache:*")
_OF_RUNS = (NodeRetrying.name, GraphGrown.name, Stalled.name, "execution:run-*paused", "execution:checkpoint-*")
_RUNS_OWN = "cache:node-"


class Heard:
    """Listens to one run.

    Parameters
    ----------
    bus
        Of the run.
    circuits
        Of the session; what they tell is told again on the run's bus.
    clock
        Seconds, monotonic.

    Examples
    --------
    >>> bus = EventBus()
    >>> heard = Heard(bus)
    >>> bus.publish(NodeRetrying(2.0, "load", 1, 0.5, "OSError: no"))
    >>> [event.name for event in heard.facts]
    ['execution:node-retrying']
    """

    def __init__(
        self, bus: EventBus, circuits: Breakers | None = None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._bus, self._clock = bus, clock
        self._began: float | None = None
        self._facts: deque[Event] = deque(maxlen=MOST)
        bus.on(DagBuilt.name, self._begin, inline=True)
        for pattern in _OF_RUNS:
            bus.on(pattern, self._facts.append, inline=True)
        for pattern in _OF_OTHERS:
            bus.on(pattern, self._hear, inline=True)
        self._deaf = circuits.on("*", self._tell_again) if circuits is not None else None

    @property
    def facts(self) -> tuple[Event, ...]:
        """What was heard, by time."""
        return tuple(sorted(self._facts.copy(), key=lambda event: event.at))

    def close(self) -> None:
        """Hear no more of circuits, which outlive the run."""
        if self._deaf is not None:
            self._deaf()

    def _begin(self, _: Event) -> None:
        self._began = self._clock()

    def _hear(self, event: Event) -> None:
        own = event.name.startswith(_RUNS_OWN)
        self._facts.append(event if own else replace(event, at=self._now()))

    def _tell_again(self, event: Event) -> None:
        self._bus.publish(replace(event, at=self._now()))

    def _now(self) -> float:
        """Seconds since the run began; 0 while it is being made ready."""
        return 0.0 if self._began is None else self._clock() - self._began
