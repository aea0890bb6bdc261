"""Frozen snapshots of circuits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestra_nb.presentation import Presented
from orchestra_nb.recovery.breaker import State


@dataclass(frozen=True, slots=True)
class CircuitStats:
    """One circuit at one moment.

    Parameters
    ----------
    circuit
        Its name.
    state
        ``"closed"``, ``"open"`` or ``"half-open"``.
    since
        When it got into this state, in seconds since the breakers were made.
    retry_after
        Seconds until the rest of an open circuit is over; else 0.
    failures_in_a_row
        Of a closed circuit, up to now.
    failure_rate
        Share of failed calls within the policy's window, from 0 to 1; 0 where the policy has no ``rate``.
    probes
        How many probes are under way.
    last_failure
        In words; empty when nothing failed since it was made or reset.
    succeeded, failed, abandoned, late, rejected
        How many calls ended so. An abandoned one was cancelled or interrupted; a late one began before the circuit
        changed its state, and does not count.
    opened
        How often it has opened.
    """

    circuit: str
    state: State
    since: float
    retry_after: float
    failures_in_a_row: int
    failure_rate: float
    probes: int
    last_failure: str
    succeeded: int
    failed: int
    abandoned: int
    late: int
    rejected: int
    opened: int


@dataclass(frozen=True, slots=True)
class BreakerStats(Presented):
    """All circuits at one moment, ``at`` seconds after the breakers were made."""

    at: float
    circuits: Mapping[str, CircuitStats]

    def __getitem__(self, circuit: str) -> CircuitStats:
        return self.circuits[circuit]


@dataclass(frozen=True, slots=True)
class ActionStats:
    """What became of the calls of one action.

    Parameters
    ----------
    action
        Its name.
    calls
        How often it was asked for; those under way are counted.
    attempts
        How often it was called for that.
    succeeded, failed
        How many calls ended so, after all their attempts; the rest is under way, or was cancelled or interrupted.
    """

    action: str
    calls: int = 0
    attempts: int = 0
    succeeded: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class RecoveryStats(Presented):
    """All that was recovered from, ``at`` seconds after the manager was made.

    Parameters
    ----------
    actions
        Calls with retries, by action.
    circuits
        All circuits.
    sagas, failed_sagas
        How many have ended, and how many of these failed.
    compensations, failed_compensations
        How many steps were undone, and how many need a person.

    Examples
    --------
    >>> from orchestra_nb import RecoveryManager
    >>> manager = RecoveryManager(sleep=lambda seconds: None)
    >>> answers = iter(["not a number", "42"])
    >>> _ = manager.run_with_retry("load", lambda: int(next(answers)))
    >>> manager.get_recovery_stats().actions["load"]
    ActionStats(action='load', calls=1, attempts=2, succeeded=1, failed=0)
    """

    at: float
    actions: Mapping[str, ActionStats]
    circuits: BreakerStats
    sagas: int = 0
    failed_sagas: int = 0
    compensations: int = 0
    failed_compensations: int = 0
