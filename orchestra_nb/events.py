"""What happens in a run, as frozen facts; the bus that carries them is :mod:`.bus`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from orchestra_nb.bus import Event as Event
from orchestra_nb.bus import EventBus as EventBus
from orchestra_nb.bus import EventsLost as EventsLost
from orchestra_nb.bus import Subscriber as Subscriber
from orchestra_nb.bus import Subscription as Subscription
from orchestra_nb.model import NodeId, Outcome


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
class RunPaused(Event):
    """Nothing begins from now on, because somebody wants it so; what runs goes on."""

    name: ClassVar[str] = "execution:run-paused"
    reason: str


@dataclass(frozen=True, slots=True)
class RunUnpaused(Event):
    """The pause is over after so many ``seconds``: the run goes on, is stopped, or has nothing left to do."""

    name: ClassVar[str] = "execution:run-unpaused"
    seconds: float


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


@dataclass(frozen=True, slots=True)
class ProgressUpdated(Event):
    """So far is what is ``tracked`` under that name: percent, counts of nodes, and the seconds left, as an interval."""

    name: ClassVar[str] = "progress:updated"
    tracked: str
    percent: float
    done: int
    failed: int
    total: int
    eta_low: float
    eta: float
    eta_high: float
    over: bool
