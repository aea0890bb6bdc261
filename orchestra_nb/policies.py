"""What follows on a failure, as frozen records: another attempt, a rest for a service, a pause for a listener."""

from __future__ import annotations

from dataclasses import dataclass

from orchestra_nb.errors import ConfigError
from orchestra_nb.knobs import between, class_names, positive, whole


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a failed node is begun again, and how long it rests before.

    Exponential backoff with full or partial jitter (Brooker, "Exponential Backoff And Jitter", 2015): the rest after
    attempt *n* is ``initial_delay * multiplier ** (n - 1)``, at most ``max_delay``, of which the share ``jitter`` is
    drawn by chance.

    Parameters
    ----------
    attempts
        In all: the first one counts.
    initial_delay, max_delay
        Seconds.
    multiplier
        By which each rest is longer than the one before.
    jitter
        Share of the rest that chance may take off, from 0 to 1.
    on
        Class names of the exceptions that are worth another attempt, their subclasses too, or words and numbers such as
        ``"rate_limit"`` and ``"503"`` (:mod:`.error_words`); ``None``: any.
    keep_locks
        Whether a node keeps the resources that it uses while it rests, so that nobody gets between its attempts. It
        has no worker meanwhile either way.

    Examples
    --------
    >>> policy = RetryPolicy(attempts=4, initial_delay=1, multiplier=2, jitter=0.5)
    >>> policy.delay(1, 0.0), policy.delay(3, 0.0), policy.delay(3, 1.0)
    (1.0, 4.0, 2.0)
    """

    attempts: int = 1
    initial_delay: float = 0.5
    max_delay: float = 60.0
    multiplier: float = 2.0
    jitter: float = 0.5
    on: tuple[str, ...] | str | None = None
    keep_locks: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.keep_locks, bool):
            raise ConfigError(f"keep_locks={self.keep_locks!r} must be True or False")
        if isinstance(self.attempts, bool) or not isinstance(self.attempts, int) or self.attempts < 1:
            raise ConfigError(f"attempts={self.attempts!r} must be a whole number from 1: the first attempt counts")
        for knob, least, most in (("initial_delay", 0, 1e9), ("max_delay", 0, 1e9), ("multiplier", 1, 1e9)):
            between(knob, getattr(self, knob), least, most)
        between("jitter", self.jitter, 0, 1)
        object.__setattr__(self, "on", class_names(self.on))

    def delay(self, attempt: int, chance: float) -> float:
        """Say how long to rest after a failed attempt, in seconds.

        Parameters
        ----------
        attempt
            Its number, from 1.
        chance
            A draw from 0 to 1.

        Examples
        --------
        The rest grows, chance takes a share of it off, and it ends at ``max_delay``:

        >>> policy = RetryPolicy(attempts=9, initial_delay=1, multiplier=2, max_delay=10, jitter=0.5)
        >>> [policy.delay(attempt, chance=0.0) for attempt in (1, 2, 3, 8)], policy.delay(2, chance=1.0)
        ([1.0, 2.0, 4.0, 10.0], 1.0)
        """
        try:
            rest = min(self.max_delay, self.initial_delay * self.multiplier ** (attempt - 1))
        except OverflowError:
            rest = self.max_delay
        return rest * (1.0 - self.jitter * chance)


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a circuit breaker opens, how long it rests, and what it takes to close it again.

    Parameters
    ----------
    threshold
        Failures in a row that open it; ``None``: they are not counted.
    rest
        Seconds that it stays open before it lets a probe through.
    rate
        Share of the calls within ``window`` that have to fail to open it, above 0 and up to 1; ``None``: it is not
        looked at.
    window
        Seconds over which the share is taken.
    minimum
        How many calls must have ended within ``window`` before their share says anything.
    probes
        How many calls are let through after the rest; all of them must succeed to close it.
    lease
        Seconds after which a probe that said nothing has lost its place to another; ``None``: as many as ``rest``.
    multiplier
        By which each rest is longer than the one before while probes keep failing.
    max_rest
        Seconds that a rest grows to at most.
    on
        Class names of the exceptions that are failures, their subclasses too; ``None``: any.

    Raises
    ------
    ConfigError
        A value that cannot be meant, or nothing that would ever open it.

    Examples
    --------
    >>> policy = BreakerPolicy(threshold=3, rest=10, multiplier=2, max_rest=60)
    >>> [policy.rest_after(times) for times in (1, 2, 3, 4)]
    [10.0, 20.0, 40.0, 60.0]
    >>> BreakerPolicy(threshold=0)
    Traceback (most recent call last):
    orchestra_nb.errors.ConfigError: threshold=0 must be a whole number from 1
    """

    threshold: int | None = 5
    rest: float = 30.0
    rate: float | None = None
    window: float = 60.0
    minimum: int = 10
    probes: int = 1
    lease: float | None = None
    multiplier: float = 1.0
    max_rest: float = 600.0
    on: tuple[str, ...] | str | None = None

    def __post_init__(self) -> None:
        if self.threshold is None and self.rate is None:
            raise ConfigError("threshold=None and rate=None: nothing would open the circuit; give one of them")
        for knob in ("threshold", "minimum", "probes"):
            value = getattr(self, knob)
            if knob == "threshold" and value is None:
                continue
            whole(knob, value)
        for knob in ("rest", "window", "max_rest"):
            if getattr(self, knob) is None:
                raise ConfigError(f"{knob}=None must be a positive, finite number")
            positive(knob, getattr(self, knob))
        positive("lease", self.lease)
        if self.rate is not None:
            positive("rate", self.rate)
            between("rate", self.rate, 0, 1)
        between("multiplier", self.multiplier, 1, 1e9)
        object.__setattr__(self, "on", class_names(self.on))

    def rest_after(self, openings: int) -> float:
        """Say how long it rests, in seconds, when it has opened so often without having closed in between.

        Examples
        --------
        >>> [BreakerPolicy(rest=10, multiplier=3, max_rest=60).rest_after(openings) for openings in (1, 2, 3)]
        [10.0, 30.0, 60.0]
        """
        try:
            rest = self.rest * self.multiplier ** (openings - 1)
        except OverflowError:
            rest = self.max_rest
        return float(min(rest, max(self.rest, self.max_rest)))


@dataclass(frozen=True, slots=True)
class SinkPolicy:
    """How often those who want to know a run's progress are told, and what follows when one of them fails.

    Parameters
    ----------
    period
        Least seconds between two states.
    first_pause, longest_pause
        Seconds after a failure, and after many in a row: each pause is twice as long as the one before.
    patience
        Seconds that the end of a run waits for the last state to be taken.

    Raises
    ------
    ConfigError
        A number that is not positive.

    Examples
    --------
    >>> from orchestra_nb import ProgressTracker
    >>> patient = ProgressTracker(policy=SinkPolicy(period=2.0, patience=30.0))
    >>> SinkPolicy(period=0)
    Traceback (most recent call last):
    orchestra_nb.errors.ConfigError: period=0 must be a positive, finite number
    """

    period: float = 0.25
    first_pause: float = 1.0
    longest_pause: float = 60.0
    patience: float = 5.0

    def __post_init__(self) -> None:
        for knob in ("period", "first_pause", "longest_pause", "patience"):
            positive(knob, getattr(self, knob))
