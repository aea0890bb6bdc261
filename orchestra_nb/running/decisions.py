"""The records between the driver, which decides, and the scheduler, which acts.

Every decision is a value, so that a simulation can read what a run would do without threads or executors. The two that
occur once per node are the records that exist anyway: an :class:`Attempt` means "start it", an :class:`.Outcome` "this
node has ended". What an observer is told about them is made from them only when somebody listens.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from orchestra_nb.config import RetryPolicy
from orchestra_nb.errors import ConfigError, nearest
from orchestra_nb.events import Event
from orchestra_nb.model import Node, NodeId, Outcome
from orchestra_nb.recovery.breakers import Leave
from orchestra_nb.resources.claims import Claims
from orchestra_nb.running.seams import Lane, Task

if TYPE_CHECKING:
    from orchestra_nb.running.circuits import Circuits

Stopped = Literal["", "interrupted", "cancelled", "timeout", "stuck"]


def retry_policy(node: Node) -> RetryPolicy:
    """Read what a node says about being tried again.

    Raises
    ------
    ConfigError
        It cannot be meant.

    Examples
    --------
    >>> retry_policy(Node("a", retry=3)).attempts
    3
    >>> retry_policy(Node("a", retry={"attempts": 2, "initial_delay": 1.0})).initial_delay
    1.0
    """
    given = node.retry
    if isinstance(given, RetryPolicy):
        return given
    if isinstance(given, Mapping):
        known = tuple(RetryPolicy.__dataclass_fields__)
        for key in given:
            if key not in known:
                raise ConfigError(f"there is no setting {key!r}; {nearest(str(key), known)}")
        return RetryPolicy(**{"attempts": 3, **{key: value for key, value in given.items() if value is not None}})
    return RetryPolicy(attempts=given)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the driver is to keep to.

    Parameters
    ----------
    jobs
        Slots, one or more; with one, everything runs in the main lane, but for coroutines where nobody asked for that.
    backend
        Name of the run's backend, for the program.
    serial
        Whether coroutines too run in turn, in the main lane: one job was asked for.
    processes
        Whether there is a process lane.
    together
        Whether tasks in processes end together, so that ending one takes the others with it.
    keep_going
        As in the plan: whether a failure lets the rest run.
    timeout
        Seconds for the whole run.
    async_jobs
        How many nodes of the async lane may run at once; ``None``: any number.
    claims
        The resources of the run.
    known
        Outcomes of nodes that need not run, such as those of a checkpoint; asked for each when it could begin.
    retry
        The policy of a node.
    circuits
        Who is asked before a node begins that has a circuit; ``None``: nobody, and it begins.
    chance
        Draws from 0 to 1, for jitter.
    wall
        Seconds since the epoch, for services that name the date until which they want to be left alone.
    grace
        Seconds that a body which was asked to stop has for it before it is named as still running.
    patience
        Seconds of silence after which the run says whom it waits for.
    heard
        Whether anybody listens; what nobody hears is not said.
    """

    jobs: int
    backend: str = "threading"
    serial: bool = True
    processes: bool = False
    together: bool = True
    keep_going: bool = False
    timeout: float | None = None
    async_jobs: int | None = None
    claims: Claims = field(default_factory=Claims)
    known: Mapping[NodeId, Outcome] = field(default_factory=lambda: MappingProxyType({}))
    retry: Callable[[Node], RetryPolicy] = retry_policy
    circuits: Circuits | None = None
    chance: Callable[[], float] = field(default_factory=lambda: random.Random(0).random)
    wall: Callable[[], float] = time.time
    grace: float = 0.5
    patience: float = 30.0
    heard: Callable[[], bool] = lambda: True


Ending = Literal["", "timeout", "stop"]


@dataclass(slots=True)
class Attempt:
    """One try at a node's body, known by its token. As a decision: start it in its lane.

    Parameters
    ----------
    reason
        Why it runs elsewhere than was asked for.
    queued
        When all that the node needs had ended; this and all other times in seconds since the run began.
    number
        How often the body has been begun, this time included.
    tries
        How many of these count for the node's retry policy, this one included.
    alone
        Whether nothing else may be in a process meanwhile: it may be what kills workers.
    look
        What looks for the result of an earlier run, in place of the body: no try at that, and it needs no resource.
    ending
        Why it has been asked to stop, if it has.
    why
        The same in words.
    due
        When its time is up: that of its node, or later that for stopping.
    leave
        That of its node's circuit, until it is told how the attempt ended.
    refused
        Whether the circuit gave none, so that the body was not begun.
    """

    token: int
    node: Node
    lane: Lane
    reason: str = ""
    queued: float = 0.0
    number: int = 1
    tries: int = 1
    alone: bool = False
    lock_wait: float = 0.0
    started: float = 0.0
    ending: Ending = ""
    why: str = ""
    due: float | None = None
    look: Task | None = None
    leave: Leave | None = None
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Abandon:
    """Stop this attempt where that is possible; nobody wants its result any more."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Interrupt the main thread, which is in this attempt's body."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Restart:
    """Kill the process lane's workers; launches for it that follow need new ones."""


Decision = Attempt | Outcome | Abandon | Interrupt | Restart | Event
