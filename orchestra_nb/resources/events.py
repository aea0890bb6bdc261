"""What happens to locks, as frozen facts: published after the table is settled, and outside of its lock.

``at`` is in seconds since the manager was made. A grant that did not have to wait has ``waited`` 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from orchestra_nb.events import Event


@dataclass(frozen=True, slots=True)
class ResourceRegistered(Event):
    """There is a new resource."""

    name: ClassVar[str] = "resource:registered"
    resource: str
    capacity: float


@dataclass(frozen=True, slots=True)
class LockEvent(Event):
    """Something about one request: whose it is, and what it is for."""

    owner: str
    resources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LockQueued(LockEvent):
    """There was no room, and the owner waits."""

    name: ClassVar[str] = "resource:lock-queued"
    priority: float


@dataclass(frozen=True, slots=True)
class LockAged(LockEvent):
    """It was overtaken so often that what it waits for is reserved from now on."""

    name: ClassVar[str] = "resource:lock-aged"


@dataclass(frozen=True, slots=True)
class LockGranted(LockEvent):
    """The owner holds it from now on; ``token`` is its lock id and fencing token."""

    name: ClassVar[str] = "resource:lock-granted"
    token: int
    waited: float


@dataclass(frozen=True, slots=True)
class LockReleased(LockEvent):
    """It was given back after ``held`` seconds."""

    name: ClassVar[str] = "resource:lock-released"
    token: int
    held: float


@dataclass(frozen=True, slots=True)
class LeaseEnded(LockEvent):
    """It was taken back, because its lease had expired."""

    name: ClassVar[str] = "resource:lease-expired"
    token: int


@dataclass(frozen=True, slots=True)
class LockRevoked(LockEvent):
    """It was taken back, because its owner is the victim of a deadlock and no ``with`` block gives it back."""

    name: ClassVar[str] = "resource:lock-revoked"
    token: int


@dataclass(frozen=True, slots=True)
class WaitEnded(LockEvent):
    """The owner waits no more and holds nothing of it: the time is up, it was cancelled, or it was refused."""

    name: ClassVar[str] = "resource:wait-ended"
    reason: str
    waited: float


@dataclass(frozen=True, slots=True)
class DeadlockFound(Event):
    """Owners wait in a circle; the victim gives way, unless the manager only reports."""

    name: ClassVar[str] = "resource:deadlock"
    circle: tuple[tuple[str, str, str], ...]
    victim: str
    resolved: bool
