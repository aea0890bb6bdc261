"""The retry lab: many clients whose calls fail at the same moment come again, all at once or spread out by jitter.

Without jitter they stay a herd: each wave of retries falls onto the service within the same instant, and what it cannot
take comes back as the next wave. Jitter spreads the waves (Brooker, "Exponential Backoff And Jitter", 2015). The same
clients, with the same luck, are shown with no jitter, half, all of it and what was asked for; and, where a breaker is
given, behind that (:mod:`.storm`). A frame is one step of time in which somebody calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from orchestra_nb.errors import ConfigError
from orchestra_nb.knobs import between, whole_seed
from orchestra_nb.labs.storm import Attempt, Crowd, Result, Storm, storm
from orchestra_nb.labs.story import Choice, Control, Frame, Rows, Slider, Story, Told, Value
from orchestra_nb.policies import BreakerPolicy, RetryPolicy
from orchestra_nb.wording import count, duration

MOST_CLIENTS = 200
MOST_ATTEMPTS = 20
_MOST_FRAMES = 60
_STEPS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 120.0, 300.0, 600.0, 3600.0)
_PLAIN = RetryPolicy(attempts=8, initial_delay=1.0, multiplier=2.0, max_delay=20.0, jitter=0.5)
_BREAKER = BreakerPolicy(threshold=5, rest=2.0)
_WITH = ("without", "with")


@dataclass(frozen=True, slots=True)
class StormChart:
    """A panel: how many calls reach the service in each step of time, one row for each storm.

    Parameters
    ----------
    title
        Its heading.
    storms
        What is compared.
    chosen
        The name of the one that was asked for.
    width
        Of a step, in seconds.
    until
        Seconds: what comes later is not drawn; ``None`` for all of it.

    Examples
    --------
    >>> StormChart("Load", (), "jitter 0.5", 1.0).until is None
    True
    """

    title: str
    storms: tuple[Storm, ...]
    chosen: str
    width: float
    until: float | None = None

    @property
    def end(self) -> float:
        """The last moment of the axis, in seconds.

        Examples
        --------
        >>> StormChart("Load", (), "jitter 0.5", 1.0).end
        1.0
        """
        return max((each.end for each in self.storms), default=0.0) + self.width


@dataclass(frozen=True, slots=True)
class RetryLab(Told):
    """When each client called again, and how it went, with more and with less jitter.

    Parameters
    ----------
    policy
        Of the retries.
    crowd
        Who calls, and whom.
    breaker
        Of the breaker that the clients share; ``None``: there is none.
    storms
        What is compared: from no jitter to all of it, and behind the breaker.
    chosen
        The name of the storm that was asked for.

    Examples
    --------
    >>> lab = retry_lab(clients=20, outage=3.0)
    >>> [each.name for each in lab.storms], lab.storm.name
    (['jitter 0', 'jitter 0.5', 'jitter 1'], 'jitter 0.5')
    """

    policy: RetryPolicy
    crowd: Crowd
    breaker: BreakerPolicy | None
    storms: tuple[Storm, ...]
    chosen: str

    @property
    def storm(self) -> Storm:
        """What was asked for.

        Examples
        --------
        >>> retry_lab(clients=3, outage=0).storm.succeeded
        (0.0, 0.0, 0.0)
        """
        return next(each for each in self.storms if each.name == self.chosen)

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every attempt of it, in order.

        Examples
        --------
        >>> retry_lab(clients=3, outage=0).attempts[0].result
        'ok'
        """
        return self.storm.attempts

    @property
    def width(self) -> float:
        """How long a step of time is, in seconds: as short as gives no more than some sixty.

        Examples
        --------
        >>> retry_lab(clients=3, outage=0).width
        0.25
        """
        end = max(each.end for each in self.storms)
        return next((step for step in _STEPS if end / step <= _MOST_FRAMES), max(end / _MOST_FRAMES, _STEPS[-1]))

    @property
    def story(self) -> Story:
        """What there is to walk through.

        Examples
        --------
        >>> story = retry_lab(clients=10, outage=2.0).story
        >>> story.changed("jitter", 1).frames[0].told[:2]
        ('12 calls: 12 found it down', 'the next ones after 23 ms to 1.2 s')
        """
        step, storms = self.width, self.storms
        busy = sorted({int(attempt.at / step) for each in storms for attempt in each.attempts})
        frames = tuple(self._frame(number, step) for number in busy)
        chart = StormChart("Calls that reach the service", storms, self.chosen, step)
        overview = (chart, self._comparison())
        title = f"Retry lab: {count(self.crowd.clients, 'client')} fail at the same moment, and try again"
        return Story(title, frames, self._summary(), overview, self._controls(), self._retold)

    def _summary(self) -> tuple[str, ...]:
        found = []
        for each in self.storms:
            middle, answered = each.median, len(each.succeeded)
            how = f"half of {answered} answered by {duration(middle)}" if middle is not None else "nobody was answered"
            gave_up = f", {each.gave_up} gave up" if each.gave_up else ""
            calls = f"{count(each.reached, 'call')} reached the service, up to {each.peak} retries at once"
            found.append(f"{each.name}: {calls}; {how}{gave_up}")
        if self.crowd.retry_after is not None:
            floor = f"the service asks for {duration(self.crowd.retry_after)}, which no rest is shorter than"
            found.append(f"{floor}: where the policy rests less, those who are told the same come back together")
        return tuple(found)

    def _comparison(self) -> Rows:
        rows = tuple(
            (
                each.name,
                *(len(each.attempts), each.reached, each.peak, each.turned_away, len(each.succeeded), each.gave_up),
                *("" if each.median is None else duration(each.median), duration(max(each.succeeded, default=0.0))),
            )
            for each in self.storms
        )
        headings = (
            "",
            "attempts",
            "reached it",
            "retries at once",
            "turned away",
            "answered",
            "gave up",
            "half by",
            "last at",
        )
        return Rows("More and less jitter", headings, rows)

    def _frame(self, number: int, step: float) -> Frame:
        start, end = number * step, (number + 1) * step
        now = [attempt for attempt in self.attempts if int(attempt.at / step) == number]
        past = [attempt for attempt in self.attempts if int(attempt.at / step) <= number]
        answered, gave_up = sum(a.result == "ok" for a in past), sum(a.gave_up for a in past)
        facts = {
            each.name: str(sum(int(attempt.at / step) == number for attempt in each.attempts)) for each in self.storms
        }
        facts |= {"answered": str(answered), "gave up": str(gave_up)}
        rows = (
            *(("answered", answered), ("gave up", gave_up)),
            ("rest until they try again", self.crowd.clients - answered - gave_up),
        )
        panels = (
            StormChart("Calls that reach the service", self.storms, self.chosen, step, end),
            Rows(f"Clients with {self.chosen}", ("clients that", "how many"), rows),
        )
        others = [f"{name}: {count(int(facts[name]), 'call')}" for name in self._other_names(facts)]
        told = _told(now) or [f"nobody calls with {self.chosen}"]
        return Frame(f"{start:g} to {end:g} s", (*told, *others), panels, facts)

    def _other_names(self, facts: Mapping[str, str]) -> list[str]:
        """Which of the other storms have calls in a step."""
        names = [each.name for each in self.storms if each.name != self.chosen]
        return [name for name in names if facts[name] != "0"]

    def _controls(self) -> tuple[Control, ...]:
        policy, crowd = self.policy, self.crowd
        return (
            Slider("jitter", "Jitter", policy.jitter, 0, 1, 0.1),
            Slider("multiplier", "Multiplier", policy.multiplier, 1, max(4.0, policy.multiplier), 0.25),
            Slider("clients", "Clients", crowd.clients, 1, max(100, crowd.clients)),
            Slider("outage", "Length of the outage", crowd.outage, 0, max(30.0, crowd.outage), 0.5, "s"),
            Choice("breaker", "A breaker", _WITH[self.breaker is not None], _WITH),
        )

    def _retold(self, values: Mapping[str, Value]) -> Story:
        jitter, multiplier = float(values["jitter"]), float(values["multiplier"])
        breaker = (self.breaker or _BREAKER) if values["breaker"] == "with" else None
        return retry_lab(
            replace(self.policy, jitter=jitter, multiplier=multiplier),
            clients=int(values["clients"]),
            outage=float(values["outage"]),
            capacity=self.crowd.capacity,
            retry_after=self.crowd.retry_after,
            breaker=breaker,
            seed=self.crowd.seed,
        ).story


def retry_lab(
    policy: RetryPolicy = _PLAIN,
    *,
    clients: int = 20,
    outage: float = 5.0,
    capacity: int = 5,
    retry_after: float | None = None,
    breaker: BreakerPolicy | bool | None = None,
    seed: int = 0,
) -> RetryLab:
    """Watch clients whose calls fail at the same moment come again, with more and with less jitter.

    Parameters
    ----------
    policy
        Of the retries; at most 20 attempts.
    clients
        How many; all make their first call at 0 s.
    outage
        Seconds from then on in which the service is down.
    capacity
        Calls that it takes in any second when it is up; it refuses the others.
    retry_after
        Seconds for which it asks to be left alone, with each refusal (``Retry-After``); ``None``: it does not say.
    breaker
        A circuit breaker that all clients share, or ``True`` for one that opens after five failures and rests for two
        seconds.
    seed
        Of all chances.

    Returns
    -------
    RetryLab
        It shows itself step by step; ``.frame`` has a row for each attempt, ``.storms`` all that is compared.

    Raises
    ------
    ConfigError
        A number that cannot be meant.

    Examples
    --------
    >>> lab = retry_lab(clients=20, outage=5.0)
    >>> [storm.peak for storm in lab.storms]
    [20, 6, 4]
    """
    if not isinstance(policy, RetryPolicy):
        raise ConfigError(f"policy={policy!r} must be a RetryPolicy, such as RetryPolicy(attempts=8, jitter=0.5)")
    between("attempts", policy.attempts, 1, MOST_ATTEMPTS)
    for knob, value, most in (("clients", clients, MOST_CLIENTS), ("capacity", capacity, 1_000_000)):
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise ConfigError(f"{knob}={value!r} must be a whole number from 1 to {most:,}")
    between("outage", outage, 0, 1e6)
    if retry_after is not None:
        between("retry_after", retry_after, 0, 1e6)
    if breaker is not None and not isinstance(breaker, bool | BreakerPolicy):
        raise ConfigError(f"breaker={breaker!r} must be a BreakerPolicy, True or None")
    whole_seed(seed)
    shared = breaker if isinstance(breaker, BreakerPolicy) else _BREAKER if breaker else None
    crowd = Crowd(clients, float(outage), capacity, retry_after, seed)
    jitters = sorted({0.0, 0.5, 1.0, float(policy.jitter)})
    storms = [storm(replace(policy, jitter=jitter), crowd, f"jitter {jitter:g}") for jitter in jitters]
    chosen = f"jitter {policy.jitter:g}"
    if shared is not None:
        chosen += " and a breaker"
        storms.append(storm(policy, crowd, chosen, shared))
    return RetryLab(policy, crowd, shared, tuple(storms), chosen)


def _told(now: Sequence[Attempt]) -> list[str]:
    """Say what happened in one step of time."""
    results = Counter(attempt.result for attempt in now)
    hows: Mapping[Result, str] = {
        "ok": "answered",
        "down": "found it down",
        "overloaded": "turned away, too many at once",
        "refused": "refused by the breaker",
    }
    parts = [f"{results[result]} {how}" for result, how in hows.items() if result in results]
    told = [f"{count(len(now), 'call')}: {', '.join(parts)}"] if now else []
    rests = [attempt.rest for attempt in now if attempt.rest is not None]
    if rests:
        low, high = duration(min(rests)), duration(max(rests))
        told.append(f"the next one after {low}" if low == high else f"the next ones after {low} to {high}")
    gone = sum(attempt.gave_up for attempt in now)
    return [*told, *([f"{count(gone, 'client')} gave up: no attempt is left"] if gone else [])]
