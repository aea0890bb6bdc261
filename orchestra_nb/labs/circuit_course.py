"""Calls of a service that is down for a while, through the real circuit breaker and without one, under a virtual clock.

A call that begins while the service is down fails, and its caller has waited ``patience`` seconds for that; any other
is answered after ``answer`` seconds. Calls do not wait for one another. The breaker is
:class:`orchestra_nb.recovery.breaker.Breaker`, asked when a call begins and told when it has ended; what ends and what
begins at the same moment is taken in this order. Without a breaker the same calls all go through. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import pairwise
from random import Random
from typing import Literal

from orchestra_nb.policies import BreakerPolicy
from orchestra_nb.recovery.breaker import Breaker, Refusal, State, Ticket
from orchestra_nb.recovery.statistics import CircuitStats
from orchestra_nb.wording import duration

Result = Literal["under way", "ok", "failed", "refused"]
Windows = tuple[tuple[float, float], ...]
_DOWN = "TimeoutError: no answer"


@dataclass(frozen=True, slots=True)
class Service:
    """How a service behaves.

    Parameters
    ----------
    outages
        When it is down, in seconds: from, to.
    answer
        Seconds that an answer takes.
    patience
        Seconds until a caller knows that there is none.

    Examples
    --------
    >>> service = Service(((5.0, 20.0),), 0.2, 2.0)
    >>> service.is_down(5.0), service.is_down(20.0)
    (True, False)
    """

    outages: Windows
    answer: float
    patience: float

    def is_down(self, at: float) -> bool:
        """Whether a call that begins at this moment fails.

        Examples
        --------
        >>> Service(((5.0, 20.0),), 0.2, 2.0).is_down(4.9)
        False
        """
        return any(start <= at < end for start, end in self.outages)


@dataclass(frozen=True, slots=True)
class ServiceCall:
    """One call.

    Parameters
    ----------
    number
        From 1.
    began, ended
        Seconds; a call that is refused ends at once.
    result
        ``"ok"``, ``"failed"``, or ``"refused"`` by the breaker, so that it never reached the service.
    probe
        Whether it was let through a half-open circuit to find out.
    counted
        Whether its end counted; one that comes after the circuit has changed its state does not.

    Examples
    --------
    >>> ServiceCall(1, 0.5, 0.7, "ok").counted
    True
    """

    number: int
    began: float
    ended: float
    result: Result
    probe: bool = False
    counted: bool = True


@dataclass(frozen=True, slots=True)
class CircuitMoment:
    """What stands after one event.

    Parameters
    ----------
    at
        Seconds.
    call
        The number of the call that began or ended.
    what
        Which of it: ``"begins"``, ``"probes"``, ``"is refused"``, ``"succeeds"`` or ``"fails"``.
    told
        The same in words, a sentence each.
    stats
        The circuit, with its counts.

    Examples
    --------
    >>> course = with_breaker((1.0,), Service((), 0.2, 2.0), BreakerPolicy())
    >>> [(moment.what, moment.stats.succeeded) for moment in course.moments]
    [('begins', 0), ('succeeds', 1)]
    """

    at: float
    call: int
    what: str
    told: tuple[str, ...]
    stats: CircuitStats


@dataclass(frozen=True, slots=True)
class Stay:
    """The circuit was in one state from ``start`` to ``end``, in seconds.

    Examples
    --------
    >>> Stay("open", 9.0, 14.0).state
    'open'
    """

    state: State
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class CircuitCourse:
    """All that happened: the moments, the calls, and the states of the circuit.

    Examples
    --------
    >>> course = with_breaker((1.0,), Service((), 0.2, 2.0), BreakerPolicy())
    >>> course.stays
    (Stay(state='closed', start=0.0, end=1.2),)
    """

    moments: tuple[CircuitMoment, ...]
    calls: tuple[ServiceCall, ...]
    stays: tuple[Stay, ...]


def arrivals(rate: float, seconds: float, seed: int) -> tuple[float, ...]:
    """Spread calls over a time: as many as the rate says, each somewhere in its own interval.

    Parameters
    ----------
    rate
        Calls per second.
    seconds
        How long they come.
    seed
        Of where in its interval each one stands.

    Examples
    --------
    >>> len(arrivals(2.0, 10.0, 0)), arrivals(2.0, 10.0, 0) == arrivals(2.0, 10.0, 0)
    (20, True)
    """
    chance = Random(seed)
    return tuple(round((number + chance.random()) / rate, 3) for number in range(int(rate * seconds)))


def with_breaker(times: Sequence[float], service: Service, policy: BreakerPolicy) -> CircuitCourse:
    """Make the calls through a circuit breaker.

    Examples
    --------
    >>> policy = BreakerPolicy(threshold=1, rest=10.0)
    >>> [call.result for call in with_breaker((1.0, 4.0, 9.0), Service(((0.0, 5.0),), 0.1, 2.0), policy).calls]
    ['failed', 'refused', 'refused']
    """
    return _Run(times, service, policy).play()


def without_breaker(times: Sequence[float], service: Service) -> tuple[ServiceCall, ...]:
    """Make the same calls with nothing between them and the service.

    Examples
    --------
    >>> without_breaker((1.0,), Service((), 0.2, 2.0))[0].ended
    1.2
    """
    return tuple(_call(number, at, service) for number, at in enumerate(times, 1))


def _call(number: int, at: float, service: Service, *, probe: bool = False) -> ServiceCall:
    down = service.is_down(at)
    ends = round(at + (service.patience if down else service.answer), 6)
    return ServiceCall(number, at, ends, "failed" if down else "ok", probe)


class _Run:
    """The calls on their way."""

    def __init__(self, times: Sequence[float], service: Service, policy: BreakerPolicy) -> None:
        self.service = service
        self.breaker = Breaker(policy, 0.0)
        self.todo: list[tuple[float, int, int, Ticket | None, ServiceCall | None]] = [
            (at, 1, number, None, None) for number, at in enumerate(times, 1)
        ]
        heapify(self.todo)
        self.calls: dict[int, ServiceCall] = {}
        self.moments: list[CircuitMoment] = []
        self.changes: list[tuple[State, float]] = [("closed", 0.0)]
        self.counts = {"success": 0, "failure": 0, "late": 0, "rejected": 0, "opened": 0}

    def play(self) -> CircuitCourse:
        now = 0.0
        while self.todo:
            now, _, number, ticket, call = heappop(self.todo)
            if ticket is None or call is None:
                self._ask(number, now)
            else:
                self._report(ticket, call, now)
        ends = [(self.changes[-1][0], max(now, self.changes[-1][1]))]
        stays = tuple(Stay(state, start, end) for (state, start), (_, end) in pairwise([*self.changes, *ends]))
        return CircuitCourse(tuple(self.moments), tuple(self.calls[number] for number in sorted(self.calls)), stays)

    def _ask(self, number: int, now: float) -> None:
        before = self.breaker.phase
        answer = self.breaker.ask(now)
        half_opened = self._changed(before.generation, now)
        told = [f"the rest is over: the circuit is half-open, and lets {self.breaker.policy.probes} through"]
        told = told if half_opened else []
        if isinstance(answer, Refusal):
            self.counts["rejected"] += 1
            self.calls[number] = ServiceCall(number, now, now, "refused")
            until = "a probe is under way" if answer.state == "half-open" else f"open until {answer.until:.1f} s"
            self._note(number, now, "is refused", [*told, f"call {number} is refused at once: {until}"])
            return
        call = _call(number, now, self.service, probe=answer.probe)
        self.calls[number] = call
        heappush(self.todo, (call.ended, 0, number, answer, call))
        what = "is let through as a probe" if answer.probe else "goes through"
        self._note(number, now, "probes" if answer.probe else "begins", [*told, f"call {number} {what}"])

    def _report(self, ticket: Ticket, call: ServiceCall, now: float) -> None:
        before, good = self.breaker.phase, call.result == "ok"
        counted = self.breaker.report(ticket, "success" if good else "failure", now, "" if good else _DOWN)
        self.counts[("success" if good else "failure") if counted else "late"] += 1
        if not counted:
            self.calls[call.number] = ServiceCall(call.number, call.began, call.ended, call.result, call.probe, False)
        who = f"the probe (call {call.number})" if call.probe else f"call {call.number}"
        how = "succeeds" if good else f"fails, after {duration(call.ended - call.began)}"
        told = [f"{who} {how}" + ("" if counted else ", too late to count")]
        if self._changed(before.generation, now):
            phase = self.breaker.phase
            rest = f"the circuit opens, and rests until {phase.until:.1f} s"
            told.append(rest if phase.state == "open" else "the circuit closes: calls go through again")
            self.counts["opened"] += phase.state == "open"
        elif counted and not good:
            told.append(f"{self.breaker.phase.failures} in a row; it opens at {self.breaker.policy.threshold}")
        self._note(call.number, now, "succeeds" if good else "fails", told)

    def _changed(self, generation: int, now: float) -> bool:
        phase = self.breaker.phase
        if phase.generation == generation:
            return False
        self.changes.append((phase.state, now))
        return True

    def _note(self, number: int, now: float, what: str, told: Sequence[str]) -> None:
        phase, counts = self.breaker.phase, self.counts
        stats = CircuitStats(
            circuit="service",
            state=phase.state,
            since=phase.since,
            retry_after=phase.until - now if phase.state == "open" else 0.0,
            failures_in_a_row=phase.failures,
            failure_rate=phase.failed / len(phase.calls) if phase.calls else 0.0,
            probes=len(phase.leases),
            last_failure=phase.last_failure,
            succeeded=counts["success"],
            failed=counts["failure"],
            abandoned=0,
            late=counts["late"],
            rejected=counts["rejected"],
            opened=counts["opened"],
        )
        self.moments.append(CircuitMoment(now, number, what, tuple(told), stats))
