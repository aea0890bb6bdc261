"""The core of a circuit breaker: asked before a call, told after it. Pure: no clock, no threads, no events.

The pattern is Nygard's ("Release It!", 2007, the chapter on stability patterns): a service that fails is left alone for
a while, so that callers fail at once instead of waiting for a timeout each, and so that it can recover from them.

Policy
    *Closed*: every call goes through. It opens after ``threshold`` failures in a row, or when the share of failures
    among the calls that ended within a sliding ``window`` reaches ``rate`` (of at least ``minimum`` calls).
    *Open*: no call goes through until ``rest`` seconds have passed.
    *Half-open*: exactly ``probes`` calls go through, however many ask. When all of them have succeeded it closes; the
    first that fails opens it again, for a rest that may grow. What opens it and what closes it are different things
    (hysteresis, as in a Schmitt trigger), so that a service on the edge does not make it flutter.

Order
    Nothing happens by itself: the end of a rest is noticed by the next :meth:`Breaker.ask`. Whoever calls gives the
    time, which never goes back, and calls the methods one at a time.
    A stay in one state is a *phase*, and its number is the generation. A call belongs to the phase that let it through,
    and what it reports counts in that phase only. So a slow call from before the opening neither closes the circuit
    when it succeeds at last, nor opens it again when it fails at last; the same goes for calls from before a reset.
    Each ticket is good for one report.
    Only ends of calls are counted, in the order of their reports. Calls that are under way count nothing: a caller that
    wants to bound those takes a resource.

Failure
    A probe whose caller is cancelled or interrupted reports that it was *abandoned*: it says nothing about the service,
    and its place is free at once. One that reports nothing at all, because its thread was killed or its interrupt came
    between two lines, would keep its place, and the circuit would refuse calls for ever. So a place is a lease (Gray
    and Cheriton, 1989): after ``lease`` seconds it is free for somebody else. That is no failure of the service, of
    which nothing is known. A probe that reports after its lease, but within its phase, is heard all the same: otherwise
    a service whose every call takes longer than the lease could never close its circuit. So at most ``probes`` leases
    run at a time, and only a probe that outlived its lease may still be under way beside them.
    A change of state is one assignment, of a new phase, and a report changes one value of its phase. So an interrupt
    between two lines leaves a breaker that is whole, in the state before or in the one after.

Rejected
    *Probing with one thread at a time under a lock* (pybreaker): it makes calls wait for one another, in the closed
    state too. *No account of probes at all* (circuitbreaker, aiobreaker, purgatory): when the rest is over, everybody
    who waits is let through at once, onto a service that has just come back. *The wall clock*: it is set back and forth
    by others. *A share of calls let through in half-open, growing* (as load balancers do): with the few calls of a
    notebook, one probe says as much. *Closing at the first success of several probes*: then asking for several would
    mean nothing. *A window in slices, as a ring of counters*: a bounded memory, but the share jumps when a slice
    leaves; one small entry for each call of the last minute is cheap for work that is worth a circuit breaker.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

from orchestra_nb.config import BreakerPolicy

State = Literal["closed", "open", "half-open"]
Result = Literal["success", "failure", "abandoned"]


class Phase:
    """One stay in a state, with all that is counted in it."""

    __slots__ = (
        "calls", "failures", "generation", "last_failure", "leases", "openings", "since", "state", "successes", "until",
    )  # fmt: skip

    def __init__(self, state: State, generation: int, since: float, last_failure: str = "", openings: int = 0) -> None:
        self.state: State = state
        self.generation = generation
        self.since = since
        self.until = since
        self.last_failure = last_failure
        self.openings = openings
        """How often it has opened without having closed in between."""
        self.failures = 0
        """In a row, up to now."""
        self.successes = 0
        self.leases: dict[Ticket, float] = {}
        """Probes that are under way, and until when their places are theirs; the first to end comes first."""
        self.calls: deque[tuple[float, int, int]] = deque()
        """When each call ended, and how many had failed in this phase before and after it."""

    @property
    def failed(self) -> int:
        """How many of the calls within the window failed."""
        return self.calls[-1][2] - self.calls[0][1] if self.calls else 0


class Ticket:
    """Leave to make one call, good for one report."""

    __slots__ = ("phase", "reported")

    def __init__(self, phase: Phase) -> None:
        self.phase = phase
        self.reported = False

    @property
    def probe(self) -> bool:
        """Whether the call finds out if the service is back."""
        return self.phase.state == "half-open"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The call is not to be made.

    Parameters
    ----------
    state
        ``"open"``, or ``"half-open"`` with all probes under way.
    until
        When it is worth asking again, at the latest: the end of the rest, or of the first probe's lease.
    last_failure
        What opened the circuit, in words.
    """

    state: State
    until: float
    last_failure: str


class Breaker:
    """One circuit: closed, open or half-open.

    Parameters
    ----------
    policy
        What opens and closes it.
    now
        The time, in seconds, as in every method.

    Examples
    --------
    >>> breaker = Breaker(BreakerPolicy(threshold=1, rest=30.0), 0.0)
    >>> breaker.report(breaker.ask(1.0), "failure", 2.0, "ConnectionError: refused")
    True
    >>> breaker.ask(3.0)
    Refusal(state='open', until=32.0, last_failure='ConnectionError: refused')
    >>> probe = breaker.ask(32.0)
    >>> breaker.phase.state, breaker.report(probe, "success", 33.0), breaker.phase.state
    ('half-open', True, 'closed')
    """

    __slots__ = ("phase", "policy")

    def __init__(self, policy: BreakerPolicy, now: float) -> None:
        self.policy = policy
        self.phase = Phase("closed", 0, now)

    def ask(self, now: float) -> Ticket | Refusal:
        """Ask for leave to make a call; what is granted is to be reported once, when the call has ended."""
        self.pass_time(now)
        phase = self.phase
        if phase.state == "closed":
            return Ticket(phase)
        if phase.state == "half-open":
            if len(phase.leases) + phase.successes < self.policy.probes:
                ticket = Ticket(phase)
                phase.leases[ticket] = now + (self.policy.lease or self.policy.rest)
                return ticket
            return Refusal("half-open", next(iter(phase.leases.values())), phase.last_failure)
        return Refusal("open", phase.until, phase.last_failure)

    def report(self, ticket: Ticket, result: Result, now: float, reason: str = "") -> bool:
        """Say how a call ended.

        Parameters
        ----------
        ticket
            What :meth:`ask` gave for it.
        result
            ``"abandoned"``: it was cancelled or interrupted, which says nothing about the service.
        now
            The time.
        reason
            Of a failure, in words.

        Returns
        -------
        bool
            ``False``: it came too late to count, from a call of another phase, or a second time.
        """
        phase = self.phase
        if ticket.reported or ticket.phase is not phase:
            return False
        ticket.reported = True
        if phase.state == "half-open":
            self._probed(ticket, result, now, reason)
        elif result != "abandoned":
            self._counted(result == "failure", now, reason)
        return True

    def reset(self, now: float) -> None:
        """Close it and forget all failures; calls that are under way do not count any more."""
        self.phase = Phase("closed", self.phase.generation + 1, now)

    def pass_time(self, now: float) -> None:
        """Notice that a rest, a lease, or the time of a call in the window is over."""
        phase = self.phase
        if phase.state == "closed":
            self._forget(now)
        elif phase.state == "open" and now >= phase.until:
            self.phase = Phase("half-open", phase.generation + 1, now, phase.last_failure, phase.openings)
        elif phase.state == "half-open":
            while phase.leases:
                first = next(iter(phase.leases))
                if phase.leases[first] > now:
                    break
                del phase.leases[first]

    def _counted(self, failed: bool, now: float, reason: str) -> None:
        """Count the end of a call of the closed circuit."""
        phase, policy = self.phase, self.policy
        if failed:
            phase.last_failure = reason
            phase.failures += 1
        else:
            phase.failures = 0
        if policy.rate is not None:
            before = phase.calls[-1][2] if phase.calls else 0
            phase.calls.append((now, before, before + failed))
            self._forget(now)
        if policy.threshold is not None and phase.failures >= policy.threshold:
            self._open(now)
        elif policy.rate is not None and len(phase.calls) >= policy.minimum:
            share = phase.failed / len(phase.calls)
            if share >= policy.rate:
                self._open(now)

    def _probed(self, ticket: Ticket, result: Result, now: float, reason: str) -> None:
        """Judge the end of a probe."""
        phase = self.phase
        if result == "failure":
            phase.last_failure = reason
            self._open(now)
        elif result == "success" and phase.successes + 1 >= self.policy.probes:
            self.phase = Phase("closed", phase.generation + 1, now, phase.last_failure)
        else:
            phase.leases.pop(ticket, None)
            phase.successes += result == "success"

    def _open(self, now: float) -> None:
        before = self.phase
        phase = Phase("open", before.generation + 1, now, before.last_failure, before.openings + 1)
        phase.until = now + self.policy.rest_after(phase.openings)
        self.phase = phase

    def _forget(self, now: float) -> None:
        """Drop the calls that ended before the window."""
        calls = self.phase.calls
        while calls and calls[0][0] + self.policy.window <= now:
            calls.popleft()
