"""Asking bodies again and again to stop, until they are over: one shared thread, which lives only while it has some.

Every 50 ms for the first second after a stop, then every second. Whoever brings a body has asked it once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from queue import Empty
from time import monotonic
from typing import Protocol

from orchestra_nb.running.mailbox import Mailbox

FIRST = 0.05
"""Seconds between two pokes, for the first second."""
LATER = 1.0
"""Seconds between two pokes after that; also how long a body may clean up before it is poked again."""


class Body(Protocol):
    """What is asked."""

    over: bool

    def ask(self) -> None:
        """Ask it to stop; may take a moment."""


class Poker:
    """The thread that asks again, started when there is something to do."""

    def __init__(self) -> None:
        self._asked: Mailbox[Body] = Mailbox()
        self._serving = threading.Lock()
        self._pid = os.getpid()

    def watch(self, body: Body) -> None:
        """Poke again and again, until the body is over."""
        if self._pid != os.getpid():  # a forked child has no thread of its parent's
            self.__init__()  # type: ignore[misc]
        self._asked.put(body)
        self._begin()

    def _begin(self) -> None:
        if self._serving.acquire(blocking=False):
            try:
                threading.Thread(target=self._serve, name="orchestra-stop", daemon=True).start()
            except RuntimeError:  # no more threads, or the interpreter is going down: the first poke has to do
                self._serving.release()

    def _serve(self) -> None:
        watched: list[tuple[Body, float]] = []
        try:
            while watched or not self._asked.empty():
                self._take(watched, _rest([since for _, since in watched], monotonic()))
                watched = [(body, since) for body, since in watched if not body.over]
                for body, _ in watched:
                    body.ask()
        finally:
            self._serving.release()
            if not self._asked.empty():  # it came after the last look
                self._begin()

    def _take(self, watched: list[tuple[Body, float]], rest: float) -> None:
        """Wait; a body that is new meanwhile was poked by whoever brought it."""
        until = monotonic() + rest
        with suppress(Empty):
            while True:
                watched.append((self._asked.get(timeout=max(0.0, until - monotonic())), monotonic()))
                until = min(until, monotonic() + FIRST)


def _rest(since: Sequence[float], now: float) -> float:
    """Seconds until the next poke.

    Examples
    --------
    >>> _rest([0.0, 9.5], 10.0), _rest([0.0], 10.0)
    (0.05, 1.0)
    """
    return FIRST if not since or now < max(since) + 1.0 else LATER
