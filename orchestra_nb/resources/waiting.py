"""How one request waits: a thread in a lock of its own, a task in a future of its own loop.

Whoever is told is told alone, so a release wakes exactly those that were granted. Being told means to look again, and
is never wrong: the answer is in the request, not in the call. Both kinds are told from any thread, and under the lock
of the front, so only one thread tells at a time.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio


class Signal(Protocol):
    """Whoever waits can be told to look."""

    def tell(self) -> bool:
        """Tell; ``False`` when nobody can be told any more."""


class ThreadSignal:
    """A thread that waits.

    Examples
    --------
    >>> signal = ThreadSignal()
    >>> signal.tell(), signal.tell()
    (True, True)
    >>> signal.wait(None)
    >>> signal.wait(0.0)
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def tell(self) -> bool:
        """Tell; more than once is fine."""
        if self._lock.locked():
            self._lock.release()
        return True

    def wait(self, timeout: float | None) -> None:
        """Wait until told, or for so many seconds; an interrupt of the main thread ends it."""
        if timeout is None:
            self._lock.acquire()
        else:
            self._lock.acquire(timeout=min(max(timeout, 0.0), threading.TIMEOUT_MAX))


class TaskSignal:
    """A task that waits, in the loop that makes this."""

    def __init__(self) -> None:
        import asyncio

        self._loop = asyncio.get_running_loop()
        self._running = asyncio._get_running_loop
        self._future: asyncio.Future[None] | None = None
        self._told = False

    def tell(self) -> bool:
        """Tell, from any thread; ``False`` when the loop is closed."""
        if self._running() is self._loop:  # no need to wake it
            self._wake()
            return True
        try:
            self._loop.call_soon_threadsafe(self._wake)
        except RuntimeError:
            return False
        return True

    async def wait(self, timeout: float | None) -> None:
        """Wait until told, or for so many seconds."""
        if not self._told:
            self._future = future = self._loop.create_future()
            timer = None if timeout is None else self._loop.call_later(max(timeout, 0.0), self._wake)
            try:
                await future
            finally:
                if timer is not None:
                    timer.cancel()
        self._told = False

    def _wake(self) -> None:
        self._told = True
        if self._future is not None and not self._future.done():
            self._future.set_result(None)
