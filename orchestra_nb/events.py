"""What happens in a run, as frozen facts, and the bus that carries them.

Observers get one fact each and cannot hurt the run: one that raises is dropped and logged once. Publishing happens on
the driver's thread, in the order in which things happened. Event names are namespaced as ``execution:node-started``; a
subscriber gives a glob such as ``"execution:*"``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from threading import Lock
from typing import ClassVar

from orchestra_nb.model import NodeId, Outcome

_log = logging.getLogger("orchestra_nb.events")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened ``at`` seconds after the run began."""

    name: ClassVar[str] = "event"
    at: float


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """The first node may start now."""

    name: ClassVar[str] = "execution:run-started"
    total: int
    jobs: int
    backend: str


@dataclass(frozen=True, slots=True)
class NodeStarted(Event):
    """A node was handed to a worker."""

    name: ClassVar[str] = "execution:node-started"
    node: NodeId
    lane: str


@dataclass(frozen=True, slots=True)
class NodeEnded(Event):
    """A node reached its one terminal state."""

    name: ClassVar[str] = "execution:node-ended"
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class LevelEnded(Event):
    """Every node of a level has ended."""

    name: ClassVar[str] = "execution:level-ended"
    level: int


@dataclass(frozen=True, slots=True)
class RunEnded(Event):
    """Every node has an outcome."""

    name: ClassVar[str] = "execution:run-ended"
    success: bool


Subscriber = Callable[[Event], object]


class EventBus:
    """Delivers events to whoever asked for their kind.

    Examples
    --------
    >>> bus, seen = EventBus(), []
    >>> stop = bus.on("execution:*", seen.append)
    >>> bus.publish(RunEnded(at=1.0, success=True))
    >>> stop()
    >>> bus.publish(RunEnded(at=2.0, success=True))
    >>> [event.at for event in seen]
    [1.0]
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._subscribers: tuple[tuple[str, Subscriber], ...] = ()

    def on(self, pattern: str, subscriber: Subscriber) -> Callable[[], None]:
        """Call ``subscriber(event)`` for each event whose name matches the glob; returns what undoes it."""
        entry = (pattern, subscriber)
        with self._lock:
            self._subscribers = (*self._subscribers, entry)

        def undo() -> None:
            with self._lock:
                self._subscribers = tuple(e for e in self._subscribers if e is not entry)

        return undo

    def publish(self, event: Event) -> None:
        """Deliver one event; never raises for a subscriber's sake."""
        for entry in self._subscribers:
            pattern, subscriber = entry
            if not fnmatchcase(event.name, pattern):
                continue
            try:
                subscriber(event)
            except Exception:
                _log.exception("an event subscriber raised and was dropped: %r", subscriber)
                with self._lock:
                    self._subscribers = tuple(e for e in self._subscribers if e is not entry)
