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
class NodeQueued(Event):
    """All that a node needs has ended: from now on it waits for its resources and for a worker."""

    name: ClassVar[str] = "execution:node-queued"
    node: NodeId


@dataclass(frozen=True, slots=True)
class NodeRetrying(Event):
    """An attempt failed, and another will begin after ``delay`` seconds, during which no worker is held."""

    name: ClassVar[str] = "execution:node-retrying"
    node: NodeId
    attempt: int
    delay: float
    reason: str


@dataclass(frozen=True, slots=True)
class GraphGrown(Event):
    """A node returned new nodes, and they have joined the run."""

    name: ClassVar[str] = "execution:graph-grown"
    node: NodeId
    nodes: tuple[NodeId, ...]


@dataclass(frozen=True, slots=True)
class Stalled(Event):
    """Nothing has happened for a long time: who is running, and who waits for what."""

    name: ClassVar[str] = "execution:stalled"
    silent: float
    running: tuple[NodeId, ...]
    waiting: tuple[tuple[NodeId, str], ...]


@dataclass(frozen=True, slots=True)
class NodeEnded(Event):
    """A node reached its one terminal state."""

    name: ClassVar[str] = "execution:node-ended"
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class CacheHit(Event):
    """A node has its result from an earlier run."""

    name: ClassVar[str] = "cache:node-hit"
    node: NodeId


@dataclass(frozen=True, slots=True)
class CacheMissed(Event):
    """A node was looked up and has to run: why."""

    name: ClassVar[str] = "cache:node-missed"
    node: NodeId
    reason: str


@dataclass(frozen=True, slots=True)
class CheckpointFailed(Event):
    """What a run reaches from now on, or the value of one node, is not on the disk: why. Told once for each kind."""

    name: ClassVar[str] = "recovery:checkpoint-failed"
    reason: str


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
        self.heard = False
        """Whether anybody listens; a plain attribute, because a run asks for each node."""

    def on(self, pattern: str, subscriber: Subscriber) -> Callable[[], None]:
        """Call ``subscriber(event)`` for each event whose name matches the glob; returns what undoes it."""
        entry = (pattern, subscriber)
        with self._lock:
            self._subscribers = (*self._subscribers, entry)
            self.heard = True

        def undo() -> None:
            self._dropped(entry)

        return undo

    def publish(self, event: Event) -> None:
        """Deliver one event; never raises for a subscriber's sake."""
        for entry in self._subscribers:
            pattern, subscriber = entry
            if not fnmatchcase(event.name, pattern):
                continue
            try:
                subscriber(event)
            except BaseException:  # also one that means to end its thread: that is the run's, or a worker's
                if self._dropped(entry):  # once, though several threads may find it at the same time
                    _log.exception("an event subscriber raised and was dropped: %r", subscriber)

    def _dropped(self, entry: tuple[str, Subscriber]) -> bool:
        """Take a subscriber off; ``False`` when somebody else has."""
        with self._lock:
            before = self._subscribers
            self._subscribers = tuple(e for e in before if e is not entry)
            self.heard = bool(self._subscribers)
            return len(self._subscribers) < len(before)
