"""The records between the driver, which decides, and the scheduler, which acts.

Every decision is a frozen value, so that a simulation can read what a run would do without threads or executors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from orchestra_nb.events import Event
from orchestra_nb.model import Node, NodeId
from orchestra_nb.running.seams import Lane

Stopped = Literal["", "interrupted", "timeout", "stuck"]


@dataclass(frozen=True, slots=True)
class Terms:
    """What the driver is to keep to.

    Parameters
    ----------
    jobs
        Slots, one or more; with one, everything runs in the main lane.
    backend
        Name of the run's backend, for the program.
    processes
        Whether there is a process lane.
    keep_going
        As in the plan: whether a failure lets the rest run.
    timeout
        Seconds for the whole run.
    urgency
        The smallest goes first among the nodes that wait for the main lane.
    """

    jobs: int
    backend: str = "threading"
    processes: bool = False
    keep_going: bool = False
    timeout: float | None = None
    urgency: Callable[[NodeId], Any] = field(default=lambda node: 0)


@dataclass(slots=True)
class Attempt:
    """One try at a node's body, known by its token."""

    token: int
    node: Node
    lane: Lane
    reason: str
    number: int
    started: float
    expired: bool = False


@dataclass(frozen=True, slots=True)
class Launch:
    """Start this attempt in its lane."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Abandon:
    """Nobody waits for this attempt any more; stop it where that is possible."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Interrupt the main thread, which is in this attempt's body."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Restart:
    """Kill the process lane's workers; launches for it that follow need new ones."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Publish this event."""

    event: Event


Decision = Launch | Abandon | Interrupt | Restart | Tell
