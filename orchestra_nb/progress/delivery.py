"""Delivery of progress to sinks: one thread in the background, only the newest state, and patience with what fails.

:class:`Turns` decides who is served when: a machine without clock and threads. A sink is *due* when there is news
that it has not been given, its pause after a failure is over, and the last round is long enough ago. Each failure in
a row makes the pause longer (twice as long, up to a minute); a success ends it. At the last call everybody who lacks
the newest state is served once more, whatever their pause, and nobody after that.

:class:`Delivery` is the shell: a daemon thread that begins with the first news and ends when everything has been
delivered and the run is over, or after some seconds without news. States are made *there*, from a copy, so the run's
thread pays for a flag. A state that takes long to make is made less often: at most a fiftieth of the time.

Failure: a sink that raises, whatever it raises (also ``KeyboardInterrupt`` and ``SystemExit``, which are then not the
user's), is logged once, counted, and tried again later. One that hangs holds up the other sinks, because there is one
thread; it never holds up the run, and :meth:`Delivery.flush` waits only as long as it is told. Where no thread can be
begun, nothing is delivered, and that is logged once. Rejected: a thread per sink (sinks are few and small; who knows
that one is slow can hand on to a thread of their own), a queue of states (an old state is worth nothing).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty
from time import monotonic

from orchestra_nb.config import SinkPolicy
from orchestra_nb.progress.sinks import Report, Sink
from orchestra_nb.progress.stats import SinkStats
from orchestra_nb.running.mailbox import Mailbox

_log = logging.getLogger("orchestra_nb.progress")
_LINGER = 5.0
"""Seconds that the thread waits for more news."""
_SHARE = 50.0
"""How many times as long as a state took to make, the next one waits at least."""


@dataclass
class _Turn:
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
        self.all: list[_Turn] = []
        self.newest = 0
        self._last_call = False
        self._next_round = float("-inf")

    def add(self, sink: Sink) -> None:
        """Serve one more."""
        self.all.append(_Turn(sink))

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

    def due(self, now: float) -> list[_Turn]:
        """Say who is to be served now."""
        lacking = [turn for turn in self.all if turn.has < self.newest]
        if self._last_call:
            untried = [turn for turn in lacking if turn.tried < self.newest]
            if untried:
                return untried
        if now < self._next_round:
            return []
        return [turn for turn in lacking if now >= turn.rests_until]

    def wake(self, now: float) -> float | None:
        """Say in how many seconds somebody is due; ``None``: when there is news."""
        if self.due(now):
            return 0.0
        times = [max(turn.rests_until, self._next_round) for turn in self.all if turn.has < self.newest]
        return max(0.0, min(times) - now) if times else None

    def served(self, turn: _Turn, state: int, now: float, error: BaseException | None = None) -> bool:
        """Take note of how it went; whether this is its first failure.

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
            return False
        turn.failures += 1
        pause = min(self.policy.longest_pause, self.policy.first_pause * 2.0 ** min(turn.in_a_row, 60))
        turn.in_a_row += 1
        turn.rests_until = now + pause
        turn.error = _in_words(error)
        return turn.failures == 1

    def round_ended(self, now: float, making: float) -> None:
        """Take note that a round is over, and how many seconds it took to make its state."""
        self._next_round = now + max(self.policy.period, _SHARE * making)

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
        """Whether nobody will be due without news: after the last call, nobody is tried again."""
        return self.satisfied or (self._last_call and self.settled)

    def stats(self) -> tuple[SinkStats, ...]:
        """What everybody has had."""
        return tuple(SinkStats(_name_of(t.sink), t.delivered, t.failures, t.error) for t in self.all)


class Delivery:
    """The thread that serves the sinks.

    Parameters
    ----------
    make
        Makes the newest state; called on the thread.
    policy
        How often, and how patiently.
    clock
        Seconds, monotonic.
    """

    def __init__(self, make: Callable[[], Report], policy: SinkPolicy, clock: Callable[[], float] = monotonic) -> None:
        self._make = make
        self._clock = clock
        self._turns = Turns(policy)
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._bell: Mailbox[None] = Mailbox()
        self._thread: threading.Thread | None = None
        self._told = False

    def add(self, sink: Sink) -> None:
        """Serve one more, from now on."""
        with self._lock:
            self._turns.add(sink)
        self.news()

    def remove(self, sink: Sink) -> None:
        """Serve it no longer; it may be in the middle of its last state."""
        with self._lock:
            self._turns.remove(sink)
            self._changed.notify_all()

    def news(self, *, last: bool = False) -> None:
        """There is a newer state, or the last one; returns at once."""
        with self._lock:
            self._turns.news()
            if last:
                self._turns.last_call()
            self._begin()
        self._ring()

    def flush(self, timeout: float) -> bool:
        """Have the newest state delivered, and wait for that so many seconds at most.

        Returns
        -------
        bool
            Whether every sink has taken it. ``False`` at once for a sink that asks: it cannot wait for itself.
        """
        if threading.current_thread() is self._thread:
            return False
        with self._lock:
            self._turns.last_call()
            self._begin()
        self._ring()
        with self._changed:
            self._changed.wait_for(lambda: self._turns.settled, max(0.0, timeout))
            return self._turns.satisfied

    def stats(self) -> tuple[SinkStats, ...]:
        """What the sinks have had."""
        with self._lock:
            return self._turns.stats()

    def _ring(self) -> None:
        if self._bell.empty():
            self._bell.put(None)

    def _begin(self) -> None:
        """Begin the thread, if it is needed and not there."""
        if self._turns.satisfied or (self._thread is not None and self._thread.is_alive()):
            return
        self._thread = threading.Thread(target=self._work, name="orchestra-progress", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # no more threads, or the interpreter is about to end
            self._thread = None
            if not self._told:
                self._told = True
                _log.exception("progress is not delivered: no thread could be begun for it")

    def _work(self) -> None:
        while True:
            with self._lock:
                now, state = self._clock(), self._turns.newest
                due, wake = self._turns.due(now), self._turns.wake(now)
            if due:
                self._round(due, state)
                continue
            with suppress(Empty):
                self._bell.get(timeout=_LINGER if wake is None else wake)
                continue
            with self._lock:
                if self._turns.idle:
                    self._thread = None
                    return

    def _round(self, due: list[_Turn], state: int) -> None:
        began = self._clock()
        report, fault = self._made()
        making = self._clock() - began
        for turn in due:
            error = fault if report is None else _raised(turn.sink, report)
            with self._lock:
                first = self._turns.served(turn, state, self._clock(), error)
                self._changed.notify_all()
            if first:
                _log.warning(
                    "a progress sink raised, and is tried again later: %s", _name_of(turn.sink), exc_info=error
                )
        with self._lock:
            self._turns.round_ended(self._clock(), making)

    def _made(self) -> tuple[Report | None, BaseException | None]:
        try:
            return self._make(), None
        except BaseException as error:
            return None, error


def _raised(sink: Sink, report: Report) -> BaseException | None:
    """Serve a sink; what it raises is its own business, also where it means to end the thread."""
    try:
        sink(report)
    except BaseException as error:
        return error
    return None


def _name_of(sink: Sink) -> str:
    try:
        return repr(sink)
    except Exception:
        return f"<{type(sink).__name__}>"


def _in_words(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return type(error).__name__
