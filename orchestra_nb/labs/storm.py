"""Clients who all fail at the same moment, and when each of them calls again, under a virtual clock. Pure.

How long a client rests is what :meth:`orchestra_nb.recovery.retrying.Retries.rest_after` says: the policy's delay with
its jitter, and ``Retry-After`` as a floor. A service that is back takes ``capacity`` calls in any second and refuses
the others, as services do; a call that fails does so at once. With a breaker all clients share one, and a refusal of
it counts as an attempt, as where the retries are around the breaker.

**Fair comparison.** Each client draws its chances from its own seed, so two policies that differ in one number are
compared with the same luck (common random numbers). What happens at one moment happens in the order of the clients.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from math import ceil
from random import Random
from statistics import median
from typing import Literal

from orchestra_nb.errors import CircuitOpenError, RateLimited, ServiceUnreachable
from orchestra_nb.policies import BreakerPolicy, RetryPolicy
from orchestra_nb.recovery.breaker import Breaker, Refusal, Ticket
from orchestra_nb.recovery.retrying import Retries, Surroundings
from orchestra_nb.resources.rates import Window

Result = Literal["ok", "down", "overloaded", "refused"]
RESULTS: tuple[Result, ...] = ("ok", "down", "overloaded", "refused")


@dataclass(frozen=True, slots=True)
class Crowd:
    """Who calls, and whom.

    Parameters
    ----------
    clients
        How many; all make their first call at 0 s.
    outage
        Seconds from then on in which the service is down.
    capacity
        Calls that it takes in any second when it is up.
    retry_after
        Seconds for which it asks to be left alone, with each refusal; ``None``: it does not say.
    seed
        Of all chances.

    Examples
    --------
    >>> Crowd(20, 5.0, 4, None, 0).clients
    20
    """

    clients: int
    outage: float
    capacity: int
    retry_after: float | None
    seed: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of one client.

    Parameters
    ----------
    client, number
        Whose, and which of its attempts; both from 1.
    at
        Seconds.
    result
        ``"ok"``; the service is ``"down"`` or ``"overloaded"``; or the breaker ``"refused"`` it.
    rest
        Seconds until the client's next attempt; ``None``: there is none.

    Examples
    --------
    >>> Attempt(1, 8, 30.0, "down", None).gave_up
    True
    """

    client: int
    number: int
    at: float
    result: Result
    rest: float | None

    @property
    def gave_up(self) -> bool:
        """Whether it was the last one, and failed.

        Examples
        --------
        >>> Attempt(1, 1, 0.0, "ok", None).gave_up
        False
        """
        return self.rest is None and self.result != "ok"


@dataclass(frozen=True, slots=True)
class Storm:
    """All attempts of all clients.

    Parameters
    ----------
    name
        What is special about it, as ``"jitter 0.5"``.
    policy
        Of the retries.
    crowd
        Who calls, and whom.
    attempts
        In the order in which they were made.
    breaker
        The policy of the breaker that the clients share; ``None``: there is none.

    Examples
    --------
    >>> policy = RetryPolicy(attempts=6, initial_delay=1.0, jitter=0.0)
    >>> storm(policy, Crowd(10, 2.0, 5, None, 0), "jitter 0").peak
    10
    """

    name: str
    policy: RetryPolicy
    crowd: Crowd
    attempts: tuple[Attempt, ...]
    breaker: BreakerPolicy | None = None

    @property
    def end(self) -> float:
        """When the last attempt was made, in seconds.

        Examples
        --------
        >>> storm(RetryPolicy(), Crowd(3, 2.0, 5, None, 0), "one attempt").end
        0.0
        """
        return self.attempts[-1].at

    @property
    def reached(self) -> int:
        """How many attempts reached the service.

        Examples
        --------
        >>> storm(RetryPolicy(), Crowd(3, 2.0, 5, None, 0), "one attempt").reached
        3
        """
        return sum(attempt.result != "refused" for attempt in self.attempts)

    @property
    def succeeded(self) -> tuple[float, ...]:
        """When each client was answered that ever was, in order, in seconds.

        Examples
        --------
        >>> storm(RetryPolicy(), Crowd(3, 0.0, 2, None, 0), "no outage").succeeded
        (0.0, 0.0)
        """
        return tuple(attempt.at for attempt in self.attempts if attempt.result == "ok")

    @property
    def gave_up(self) -> int:
        """How many clients had no attempt left.

        Examples
        --------
        >>> storm(RetryPolicy(), Crowd(3, 0.0, 2, None, 0), "no outage").gave_up
        1
        """
        return sum(attempt.gave_up for attempt in self.attempts)

    @property
    def median(self) -> float | None:
        """When half of those who were answered had been, in seconds; ``None`` where nobody was.

        Examples
        --------
        >>> storm(RetryPolicy(), Crowd(3, 1.0, 2, None, 0), "one attempt").median is None
        True
        """
        return median(self.succeeded) if self.succeeded else None

    @property
    def peak(self) -> int:
        """The most attempts that reached the service within a tenth of a second; first attempts are not counted.

        Examples
        --------
        >>> storm(RetryPolicy(attempts=2, jitter=0.0), Crowd(3, 1.0, 2, None, 0), "a herd of three").peak
        3
        """
        again = (attempt for attempt in self.attempts if attempt.number > 1 and attempt.result != "refused")
        return max(Counter(int(attempt.at * 10) for attempt in again).values(), default=0)

    @property
    def turned_away(self) -> int:
        """How many attempts were too many for the service when it was up.

        Examples
        --------
        >>> storm(RetryPolicy(), Crowd(3, 0.0, 2, None, 0), "no outage").turned_away
        1
        """
        return sum(attempt.result == "overloaded" for attempt in self.attempts)

    def load(self, width: float, until: float | None = None) -> list[Counter[Result]]:
        """Count attempts in bins of time.

        Parameters
        ----------
        width
            Of a bin, in seconds.
        until
            Seconds: later ones are not counted.

        Returns
        -------
        list of Counter
            For each bin how many attempts ended in which way; those that a breaker refused are not among them.

        Examples
        --------
        >>> storm(RetryPolicy(), Crowd(3, 1.0, 2, None, 0), "one attempt").load(1.0)
        [Counter({'down': 3})]
        """
        bins: list[Counter[Result]] = [Counter() for _ in range(int(self.end / width) + 1)]
        for attempt in self.attempts:
            if attempt.result != "refused" and (until is None or attempt.at < until):
                bins[int(attempt.at / width)][attempt.result] += 1
        return bins


def storm(policy: RetryPolicy, crowd: Crowd, name: str, breaker: BreakerPolicy | None = None) -> Storm:
    """Let all clients call until each was answered or has given up.

    Parameters
    ----------
    policy
        Of the retries.
    crowd
        Who calls, and whom.
    name
        What is special about it.
    breaker
        Of the breaker that the clients share; ``None``: there is none.

    Examples
    --------
    >>> policy = RetryPolicy(attempts=4, initial_delay=1.0, jitter=0.0)
    >>> [attempt.at for attempt in storm(policy, Crowd(1, 2.0, 5, None, 0), "alone").attempts]
    [0.0, 1.0, 3.0]
    """
    run = _Run(policy, crowd, breaker)
    return Storm(name, policy, crowd, tuple(run.attempts()), breaker)


class _Run:
    """The clients on their way."""

    def __init__(self, policy: RetryPolicy, crowd: Crowd, breaker: BreakerPolicy | None) -> None:
        self.crowd = crowd
        self.policy = policy
        self.client = 1
        chances = {client: Random(f"{crowd.seed} {client}") for client in range(1, crowd.clients + 1)}
        around = Surroundings(clock=lambda: 0.0, wall=lambda: 0.0, chance=lambda: chances[self.client].random())
        self.retries = Retries(policy, surroundings=around)
        self.window = Window(crowd.capacity, 1.0)
        self.breaker = None if breaker is None else Breaker(breaker, 0.0)

    def attempts(self) -> Iterable[Attempt]:
        """Give all attempts, in order."""
        todo = [(0.0, client, 1) for client in range(1, self.crowd.clients + 1)]
        heapify(todo)
        while todo:
            now, self.client, number = heappop(todo)
            result, error = self._call(now)
            rest = None
            if error is not None and number < self.policy.attempts and self.retries.worth_another(error):
                rest = self.retries.rest_after(number, error)
                heappush(todo, (now + rest, self.client, number + 1))
            yield Attempt(self.client, number, now, result, rest)

    def _call(self, now: float) -> tuple[Result, Exception | None]:
        """Make one call, through the breaker where there is one."""
        if self.breaker is None:
            return self._served(now)
        answer = self.breaker.ask(now)
        if isinstance(answer, Refusal):
            rest = max(0.0, answer.until - now) if answer.state == "open" else 0.0
            return "refused", CircuitOpenError(
                "the circuit is open", "service", answer.last_failure, answer.until, rest
            )
        return self._reported(answer, now)

    def _reported(self, ticket: Ticket, now: float) -> tuple[Result, Exception | None]:
        assert self.breaker is not None
        result, error = self._served(now)
        self.breaker.report(ticket, "success" if error is None else "failure", now, str(error or ""))
        return result, error

    def _served(self, now: float) -> tuple[Result, Exception | None]:
        after = self.crowd.retry_after
        headers = {} if after is None else {"Retry-After": str(ceil(after))}
        if now < self.crowd.outage:
            return "down", ServiceUnreachable("503", 503, headers)
        if self.window.used(now) + 1 > self.crowd.capacity:
            return "overloaded", RateLimited("429", 429, headers)
        self.window.add(now, 1)
        return "ok", None
