"""Who is told of a run's progress when: a machine without clock, threads and I/O. Times are passed in, in seconds.

A sink is *due* when there is news that it has not been given, its pause after a failure is over, and the last round is
long enough ago. Each failure in a row makes the pause longer (twice as long, up to a minute); a success ends it. At the
last call everybody who lacks the newest state is served once more, whatever their pause, and nobody after that, until
there is news again. States are numbered, and only the newest counts. Failure: none.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestra_nb.config import SinkPolicy
from orchestra_nb.progress.sinks import Sink
from orchestra_nb.progress.stats import SinkStats

_SHARE = 50.0
"""How many times as long as a state took to make, the next one waits at least."""


def rest_after(seconds: float, period: float) -> float:
    """Say how many seconds to rest after a state that took so many to make or draw, so that it costs 2 % at most.

    Examples
    --------
    >>> rest_after(0.001, period=0.25), rest_after(0.04, period=0.25)
    (0.25, 2.0)
    """
    return max(period, _SHARE * seconds)


@dataclass
class Turn:
    """One sink, and what it has had."""

    sink: Sink
    has: int = 0
    tried: int = 0
    delivered: int = 0
    failures: int = 0
    in_a_row: int = 0
    rests_until: float = 0.0
    error: str = ""


class Turns:
    """Who is served when. Times are passed in, in seconds.

    Parameters
    ----------
    policy
        How often, and how patiently.

    Examples
    --------
    >>> turns = Turns(SinkPolicy(period=1.0))
    >>> turns.add(print)
    >>> turns.news()
    >>> [turn.sink is print for turn in turns.due(0.0)], turns.wake(0.0)
    ([True], 0.0)
    """

    def __init__(self, policy: SinkPolicy) -> None:
        self.policy = policy
        self.all: list[Turn] = []
        self.newest = 0
        self._last_call = False
        self._next_round = float("-inf")

    def add(self, sink: Sink) -> None:
        """Serve one more."""
        self.all.append(Turn(sink))

    def remove(self, sink: Sink) -> None:
        """Serve it no longer."""
        self.all = [turn for turn in self.all if turn.sink is not sink]

    def news(self) -> None:
        """Take note that there is a newer state."""
        self.newest += 1
        self._last_call = False

    def last_call(self) -> None:
        """Serve whoever lacks the newest state now, once."""
        self._last_call = True
        for turn in self.all:
            if turn.has < self.newest:
                turn.tried = turn.has

    def due(self, now: float) -> list[Turn]:
        """Say who is to be served now."""
        lacking = [turn for turn in self.all if turn.has < self.newest]
        if self._last_call:
            return [turn for turn in lacking if turn.tried < self.newest]
        if now < self._next_round:
            return []
        return [turn for turn in lacking if now >= turn.rests_until]

    def wake(self, now: float) -> float | None:
        """Say in how many seconds somebody is due; ``None``: when there is news."""
        if self.due(now):
            return 0.0
        if self._last_call:
            return None
        times = [max(turn.rests_until, self._next_round) for turn in self.all if turn.has < self.newest]
        return max(0.0, min(times) - now) if times else None

    def served(self, turn: Turn, state: int, now: float, error: BaseException | None = None) -> None:
        """Take note of how it went.

        Parameters
        ----------
        turn
            Who.
        state
            The number of the state that it was given.
        now
            When that was over.
        error
            What it raised.
        """
        turn.tried = max(turn.tried, state)
        if error is None:
            turn.has, turn.in_a_row, turn.rests_until = max(turn.has, state), 0, 0.0
            turn.delivered += 1
            return
        turn.failures += 1
        pause = min(self.policy.longest_pause, self.policy.first_pause * 2.0 ** min(turn.in_a_row, 60))
        turn.in_a_row += 1
        turn.rests_until = now + pause
        turn.error = _in_words(error)

    def round_ended(self, now: float, making: float) -> None:
        """Take note that a round is over, and how many seconds it took to make its state."""
        self._next_round = now + rest_after(making, self.policy.period)

    @property
    def settled(self) -> bool:
        """Whether everybody has been given the newest state, whether they took it or not."""
        return all(turn.tried >= self.newest or turn.has >= self.newest for turn in self.all)

    @property
    def satisfied(self) -> bool:
        """Whether everybody has the newest state."""
        return all(turn.has >= self.newest for turn in self.all)

    @property
    def idle(self) -> bool:
        """Whether nobody will be due without news."""
        return self.satisfied or self.over

    @property
    def over(self) -> bool:
        """Whether everybody has had what was the last state: nobody is tried again."""
        return self._last_call and self.settled

    def stats(self) -> tuple[SinkStats, ...]:
        """What everybody has had."""
        return tuple(SinkStats(name_of(t.sink), t.delivered, t.failures, t.error) for t in self.all)


def name_of(sink: Sink) -> str:
    """Say what a sink calls itself, whatever that does."""
    try:
        return repr(sink)
    except Exception:
        return f"<{type(sink).__name__}>"


def _in_words(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return type(error).__name__
