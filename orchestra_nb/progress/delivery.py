"""Delivery of progress to sinks: one thread in the background, only the newest state, and patience with what fails.

:class:`.Turns` decides who is served when. :class:`Delivery` is the shell: a daemon thread that begins with the first
news, ends with the last state of a run, and else some seconds after the last news. States are made *there*, from a
copy, so the run's thread pays for a flag. A state that takes long to make is made less often: at most a fiftieth of the
time goes into that. A sink that fails is tried again until it succeeds or the run ends.

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
from queue import Empty
from time import monotonic

from orchestra_nb.config import SinkPolicy
from orchestra_nb.progress.sinks import Report, Sink
from orchestra_nb.progress.stats import SinkStats
from orchestra_nb.progress.turns import Turn, Turns, name_of
from orchestra_nb.running.mailbox import Mailbox

_log = logging.getLogger("orchestra_nb.progress")
_LINGER = 5.0
"""Seconds that the thread waits for more news."""


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
            if not self._ended(over=True):
                with suppress(Empty):
                    self._bell.get(timeout=_LINGER if wake is None else wake)
                    continue
                if not self._ended():
                    continue
            return

    def _ended(self, *, over: bool = False) -> bool:
        """Give up the thread if nobody needs it, or only if there was a last state; new news begin another."""
        with self._lock:
            if not (self._turns.over if over else self._turns.idle):
                return False
            self._thread = None
            return True

    def _round(self, due: list[Turn], state: int) -> None:
        began = self._clock()
        report, fault = self._made()
        making = self._clock() - began
        for turn in due:
            error = fault if report is None else _raised(turn.sink, report)
            if error is not None and not turn.failures:  # before it counts: whoever has waited for it finds it logged
                _log.warning("a progress sink raised, and is tried again later: %s", name_of(turn.sink), exc_info=error)
            with self._lock:
                self._turns.served(turn, state, self._clock(), error)
                self._changed.notify_all()
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
