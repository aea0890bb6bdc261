"""One thread for all caches of the process, which lets go what has expired when nobody asks.

Policy: a cache tells when it should be looked at next (:meth:`Sweeper.arm`) and keeps at most one such moment; the
thread begins with the first one, sleeps until the earliest, calls the cache's ``sweep``, and ends when there is nothing
to wait for. It holds caches weakly: one that nobody uses any more is forgotten, and its moment with it.

A cache may run on a clock that a test drives. So a moment is asked for in seconds from now, and only ``sweep`` decides,
on the cache's own clock, what is due; it returns when to come again. A clock that stands still is looked at again after
as long as it says there is to wait, and never more often than every :data:`_LEAST` seconds.

Order: what is put in before the thread looks for the last time is seen by it, because it ends only under the lock under
which others ask whether it runs. Failure: where no thread can be started, values go at the next use of their cache. A
``sweep`` that raises is logged, and its cache is not looked at until it asks again. A forked child has no such thread,
and begins one when one of its caches asks.

Rejected: a timer for each entry; ``threading.Condition`` and ``queue`` with a timeout, whose waits may outlast it
(see :mod:`orchestra_nb.running.mailbox`): the bell is a plain lock that is taken while nothing is new.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections import deque
from contextlib import suppress
from typing import Protocol

from orchestra_nb.context.guard import Guard

_LEAST = 0.01
_LONGEST = 3600.0
_log = logging.getLogger("orchestra_nb.context")


class Swept(Protocol):
    """What has something that expires."""

    def sweep(self) -> float | None:
        """Let go what is due; returns the seconds until the next, or ``None``."""


class Sweeper:
    """The thread, while there is one."""

    def __init__(self) -> None:
        self._guard = Guard(after_fork=self._begin_anew)
        self._begin_anew()

    @property
    def runs(self) -> bool:
        """Whether there is a thread."""
        return self._runs

    def arm(self, cache: Swept, seconds: float | None) -> None:
        """Look at a cache after so many seconds, instead of when was said before; ``None``: not at all."""
        due = None if seconds is None else time.monotonic() + max(seconds, _LEAST)
        reference = weakref.ref(cache, self._forget)
        hash(reference)  # remembered from now on, also when the cache is gone
        self._news.append((reference, due))
        self._ring()
        if due is not None:
            self._guard(self._start)

    def _begin_anew(self) -> None:
        self._news: deque[tuple[weakref.ref[Swept], float | None]] = deque()
        self._bell = threading.Lock()
        self._bell.acquire()
        self._runs = False
        self.thread: threading.Thread | None = None
        """The last one that was begun."""

    def _forget(self, gone: weakref.ref[Swept]) -> None:
        self._news.append((gone, None))
        self._ring()

    def _ring(self) -> None:
        with suppress(RuntimeError):  # it rings already
            self._bell.release()

    def _start(self) -> None:
        if self._runs:
            return
        try:
            thread = threading.Thread(target=self._run, name="orchestra-sweeper", daemon=True)
            thread.start()
        except RuntimeError:  # the interpreter is ending, or there are too many
            return
        self.thread = thread
        self._runs = True

    def _run(self) -> None:
        moments: dict[weakref.ref[Swept], float] = {}
        while True:
            self._read(moments)
            if not moments and self._guard(self._ends):
                return
            now = time.monotonic()
            for cache in [each for each, due in moments.items() if due <= now]:
                del moments[cache]
                seconds = _sweep(cache)
                if seconds is not None:
                    moments[cache] = time.monotonic() + max(seconds, _LEAST)
            if moments and not self._news:
                wait = min(moments.values()) - time.monotonic()
                self._bell.acquire(timeout=min(max(wait, 0.0), _LONGEST))

    def _read(self, moments: dict[weakref.ref[Swept], float]) -> None:
        while self._news:
            cache, due = self._news.popleft()
            if due is None:
                moments.pop(cache, None)
            else:
                moments[cache] = due

    def _ends(self) -> bool:
        if self._news:
            return False
        self._runs = False
        return True


def _sweep(reference: weakref.ref[Swept]) -> float | None:
    cache = reference()
    if cache is None:
        return None
    try:
        return cache.sweep()
    except Exception:
        _log.exception("a cache could not be swept; what has expired goes when it is used next")
        return None


SWEEPER = Sweeper()
