"""The breaker lab: a service goes down and comes back, and a circuit breaker keeps callers from waiting for it.

What is seen is what :mod:`orchestra_nb.recovery.breaker` does, event by event (:mod:`.circuit_course`), and below it
the same calls without a breaker. The comparison is honest about the price: calls that were refused although the
service was back already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, cast

from orchestra_nb.errors import ConfigError
from orchestra_nb.knobs import between, positive, whole_seed
from orchestra_nb.labs.circuit_course import (
    CircuitCourse,
    CircuitMoment,
    Service,
    ServiceCall,
    Stay,
    Windows,
    arrivals,
    with_breaker,
    without_breaker,
)
from orchestra_nb.labs.outage_cost import Cost, cost_of
from orchestra_nb.labs.story import Control, Frame, Rows, Slider, Story, Told, Value
from orchestra_nb.policies import BreakerPolicy
from orchestra_nb.wording import count, duration

MOST_CALLS = 500
"""More calls are no story."""


@dataclass(frozen=True, slots=True)
class CircuitChart:
    """A panel: the states of the circuit as a band, and each call as a mark, as far as they have come.

    Parameters
    ----------
    title
        Its heading.
    stays, calls
        With the breaker.
    others
        The same calls without it.
    outages
        When the service is down.
    end
        The last moment of the axis, in seconds.
    until
        Seconds: what begins later is not drawn; ``None`` for all of it.

    Examples
    --------
    >>> CircuitChart("Circuit", (), (), (), ((5.0, 20.0),), 40.0).until is None
    True
    """

    title: str
    stays: tuple[Stay, ...]
    calls: tuple[ServiceCall, ...]
    others: tuple[ServiceCall, ...]
    outages: Windows
    end: float
    until: float | None = None


@dataclass(frozen=True, slots=True)
class BreakerLab(Told):
    """What became of calls through a circuit breaker, event by event, and of the same calls without one.

    Parameters
    ----------
    policy
        Of the breaker.
    service
        How the service behaves.
    times
        When each call begins, in seconds.
    course
        What happened.
    others
        The calls without a breaker.
    rate, seconds, seed
        How the times were made; a rate of 0 where they were given.

    Examples
    --------
    >>> lab = breaker_lab(threshold=3, rest=5, outage=(5, 20))
    >>> [stay.state for stay in lab.course.stays][:4]
    ['closed', 'open', 'half-open', 'open']
    """

    policy: BreakerPolicy
    service: Service
    times: tuple[float, ...]
    course: CircuitCourse
    others: tuple[ServiceCall, ...]
    rate: float
    seconds: float
    seed: int

    @property
    def moments(self) -> tuple[CircuitMoment, ...]:
        """What happened, in order.

        Examples
        --------
        >>> breaker_lab().moments[0].told
        ('call 1 goes through',)
        """
        return self.course.moments

    @property
    def with_breaker(self) -> Cost:
        """What the outage cost.

        Examples
        --------
        >>> breaker_lab(outage=()).with_breaker.refused
        0
        """
        return cost_of(self.course.calls, self.service)

    @property
    def without_breaker(self) -> Cost:
        """What it would have cost with nothing between callers and service.

        Examples
        --------
        >>> breaker_lab().without_breaker.refused
        0
        """
        return cost_of(self.others, self.service)

    @property
    def story(self) -> Story:
        """What there is to walk through.

        Examples
        --------
        >>> story = breaker_lab().story
        >>> story.changed("rest", 20).title == story.title
        True
        """
        frames = tuple(self._frame(moment) for moment in self.moments)
        title = "Breaker lab: a service that is down for a while, behind a circuit breaker"
        overview = (self._chart(None), self._comparison())
        return Story(title, frames, self._summary(), overview, self._controls(), self._retold)

    def _summary(self) -> tuple[str, ...]:
        mine, others = self.with_breaker, self.without_breaker
        spared = others.reached - mine.reached
        return (
            f"with the breaker {count(mine.reached, 'call')} hit the broken service, without it {others.reached}: "
            f"{count(spared, 'failure')} never reached it",
            f"callers waited {duration(mine.lost)} for failures, and not {duration(others.lost)}",
            f"the price: {count(mine.in_vain, 'call')} refused although the service was up again",
        )

    def _chart(self, until: float | None) -> CircuitChart:
        end = max([self.seconds, *(call.ended for call in self.course.calls), *(each.ended for each in self.others)])
        about = (self.course.stays, self.course.calls, self.others, self.service.outages, end, until)
        return CircuitChart("The circuit, and the calls", *about)

    def _comparison(self) -> Rows:
        rows = tuple(
            (name, cost.reached, duration(cost.lost), cost.refused, cost.in_vain, cost.succeeded)
            for name, cost in (("with", self.with_breaker), ("without", self.without_breaker))
        )
        headings = ("breaker", "hit the broken service", "waited for failures", "refused", "in vain", "answered")
        return Rows("With and without the breaker", headings, rows)

    def _frame(self, moment: CircuitMoment) -> Frame:
        stats = moment.stats
        rows = (
            ("state", stats.state + (f", for {duration(stats.retry_after)} more" if stats.retry_after > 0 else "")),
            ("failures in a row", f"{stats.failures_in_a_row} of {self.policy.threshold}"),
            ("probes under way", stats.probes),
            ("succeeded / failed / late", f"{stats.succeeded} / {stats.failed} / {stats.late}"),
            ("refused", stats.rejected),
            ("opened", stats.opened),
        )
        facts = {
            "state": stats.state,
            "in a row": str(stats.failures_in_a_row),
            "succeeded": str(stats.succeeded),
            "failed": str(stats.failed),
            "refused": str(stats.rejected),
        }
        panels = (self._chart(moment.at), Rows("The breaker's counts", ("what", "how much"), rows))
        return Frame(f"{moment.at:.1f} s", moment.told, panels, facts)

    def _controls(self) -> tuple[Control, ...]:
        policy = self.policy
        threshold = policy.threshold or 1
        found: list[Control] = [
            Slider("threshold", "Failures in a row that open it", threshold, 1, max(10, threshold)),
            Slider("rest", "Rest", policy.rest, min(1.0, policy.rest), max(30.0, policy.rest), 0.5, "s"),
        ]
        if len(self.service.outages) == 1:
            ((start, end),) = self.service.outages
            long, most = end - start, max(self.seconds - start, end - start)
            found.append(Slider("outage", "Length of the outage", long, min(1.0, long), most, 0.5, "s"))
        return tuple(found)

    def _retold(self, values: Mapping[str, Value]) -> Story:
        outages = self.service.outages
        if "outage" in values:
            outages = ((outages[0][0], outages[0][0] + float(values["outage"])),)
        return breaker_lab(
            self.rate or self.times,
            threshold=int(values["threshold"]),
            rest=float(values["rest"]),
            outage=outages,
            seconds=self.seconds,
            answer=self.service.answer,
            patience=self.service.patience,
            probes=self.policy.probes,
            multiplier=self.policy.multiplier,
            seed=self.seed,
        ).story


def breaker_lab(
    calls: float | Sequence[float] = 1.0,
    *,
    threshold: int = 3,
    rest: float = 5.0,
    outage: Sequence[float] | Sequence[Sequence[float]] = (5.0, 20.0),
    seconds: float = 30.0,
    answer: float = 0.2,
    patience: float = 2.0,
    probes: int = 1,
    multiplier: float = 1.0,
    seed: int = 0,
) -> BreakerLab:
    """Watch a circuit breaker while a service is down and comes back, event by event.

    Parameters
    ----------
    calls
        How many a second; or the seconds at which each one begins.
    threshold, rest, probes, multiplier
        Of the :class:`.BreakerPolicy`.
    outage
        When the service is down, in seconds: from and to, or several such pairs; ``()`` for never.
    seconds
        How long calls come.
    answer, patience
        Seconds that an answer takes, and until a caller knows that there is none.
    seed
        Of where in its interval each call begins.

    Returns
    -------
    BreakerLab
        It shows itself step by step; ``.frame`` has a row for each event.

    Raises
    ------
    ConfigError
        A number that cannot be meant.

    Examples
    --------
    >>> lab = breaker_lab(2.0, threshold=3, rest=5, outage=(5, 20))
    >>> lab.with_breaker.reached, lab.without_breaker.reached
    (7, 30)
    """
    for knob, value in (("seconds", seconds), ("answer", answer), ("patience", patience)):
        between(knob, value, 1e-6, 1e9)
    whole_seed(seed)
    policy = BreakerPolicy(threshold=threshold, rest=rest, probes=probes, multiplier=multiplier)
    between("threshold", threshold, 1, 1e9)
    between("probes", probes, 1, 1e9)
    if isinstance(calls, int | float):
        positive("calls", calls)
        between("calls * seconds", calls * seconds, 1, MOST_CALLS)
        times, rate = arrivals(calls, seconds, seed), float(calls)
    else:
        times, rate = _times(calls), 0.0
    service = Service(_windows(outage), float(answer), float(patience))
    course, others = with_breaker(times, service, policy), without_breaker(times, service)
    return BreakerLab(policy, service, times, course, others, rate, float(seconds), seed)


def _times(calls: Sequence[float]) -> tuple[float, ...]:
    given = tuple(calls) if isinstance(calls, Iterable) else ()
    times = tuple(sorted(given)) if all(map(_is_time, given)) else ()
    if not 1 <= len(times) <= MOST_CALLS:
        raise ConfigError(
            f"calls={calls!r} must be calls per second, or from 1 to {MOST_CALLS} times in seconds from 0"
        )
    return tuple(map(float, times))


def _windows(outage: Sequence[Any]) -> Windows:
    given: Any = outage if isinstance(outage, Sequence) else (outage,)
    pairs = (given,) if len(given) == 2 and all(map(_is_time, given)) else given
    for pair in pairs:
        is_pair = isinstance(pair, Sequence) and len(pair) == 2 and all(map(_is_time, pair))
        if not is_pair or pair[0] >= pair[1]:
            raise ConfigError(f"outage={outage!r} must be seconds from and to, such as (5, 20), or several such pairs")
    return cast("Windows", tuple((float(start), float(end)) for start, end in pairs))


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and value >= 0
