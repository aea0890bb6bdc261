"""What happens while calls fail and are tried again, as frozen facts.

Each is published outside of every lock, by the thread whose call made it happen, and not even made when nobody
listens; so two threads' events may arrive in either order, and a subscriber may make calls of its own. ``at`` is in
seconds: of a circuit since its breakers were made, of a retry since the first attempt began.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from orchestra_nb.events import Event


@dataclass(frozen=True, slots=True)
class CircuitEvent(Event):
    """Something that became of one circuit."""

    name: ClassVar[str] = "recovery:circuit-event"
    circuit: str


@dataclass(frozen=True, slots=True)
class CircuitOpened(CircuitEvent):
    """So much has failed that no call is made for ``rest`` seconds; ``reason`` is the last failure."""

    name: ClassVar[str] = "recovery:circuit-opened"
    rest: float
    reason: str


@dataclass(frozen=True, slots=True)
class CircuitHalfOpen(CircuitEvent):
    """The rest is over, and so many calls are let through to see how it is."""

    name: ClassVar[str] = "recovery:circuit-half-open"
    probes: int


@dataclass(frozen=True, slots=True)
class CircuitClosed(CircuitEvent):
    """Calls go through again: the probes have succeeded, or somebody has ``reset`` it."""

    name: ClassVar[str] = "recovery:circuit-closed"
    reset: bool = False


@dataclass(frozen=True, slots=True)
class CircuitRejected(CircuitEvent):
    """A call was not made; another may be in ``retry_after`` seconds."""

    name: ClassVar[str] = "recovery:circuit-rejected"
    retry_after: float


@dataclass(frozen=True, slots=True)
class CallRetrying(Event):
    """An attempt failed, and another will begin after ``delay`` seconds.

    ``call`` is what its caller named it, ``attempt`` the number of the one that failed, from 1.
    """

    name: ClassVar[str] = "recovery:retrying"
    call: str
    attempt: int
    delay: float
    reason: str
