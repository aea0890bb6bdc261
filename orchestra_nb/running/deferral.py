"""Interrupts of the calling thread, put off while it decides.

A run of functions lets the calling thread decide what follows from its own bodies; a ``KeyboardInterrupt`` in the
middle of that would tear a decision in two. So for the time of the run a handler of our own stands before the one that
was there: between :meth:`Deferral.begin` and :meth:`Deferral.end` it only takes note, and the real handler hears of it
at the end. A body that installs a handler of its own is left alone: then the calling thread does not decide, and hands
over to the keeper instead. Only the main thread receives signals; on any other there is nothing to put off.

Rejected: blocking the signal (``pthread_sigmask`` is a system call per node, and Windows has none).
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

_getsignal: Callable[[int], Any] = getattr(sys.modules.get("_signal"), "getsignal", signal.getsignal)
"""Without the enumeration that the standard library makes of its answer: it is asked once for each node."""
_SIGINT = int(signal.SIGINT)


class Deferral:
    """Stands before the handler of SIGINT, from :meth:`install` to :meth:`undo`."""

    def __init__(self) -> None:
        self.over = False
        """Whether its run has ended, as any thread may say."""
        self._real: Any = None
        self._installed = False
        self._deciding = False
        self._pending: tuple[int, FrameType | None] | None = None
        self._main = threading.current_thread() is threading.main_thread()
        self._handler = self._handle

    def install(self) -> None:
        """Stand before the handler that is there, if there is one."""
        real: Any = signal.getsignal(signal.SIGINT) if self._main else None
        while isinstance(stale := getattr(real, "__self__", None), Deferral) and stale.over:
            real = stale._real  # two interrupts in a row kept that run from taking it off
        if callable(real) and real is not self._handler:
            self._real = real
            self._installed = True  # first: an interrupt after the next line must find what to undo
            signal.signal(signal.SIGINT, self._handler)

    def begin(self) -> bool:
        """Put interrupts off from now on; ``False`` where they cannot be, and the caller must not decide."""
        if self._main:
            if not self._installed or _getsignal(_SIGINT) is not self._handler:
                return False
            self._deciding = True
        return True

    def end(self) -> None:
        """Let interrupts through again, one that was put off at once."""
        self._deciding = False
        if self._pending is not None:
            (number, frame), self._pending = self._pending, None
            self._real(number, frame)

    def undo(self) -> None:
        """Put the real handler back, unless somebody has installed another meanwhile; may be called again."""
        self._deciding = True  # our own handler holds its peace while it is taken off
        if self._installed and _getsignal(_SIGINT) is self._handler:
            signal.signal(signal.SIGINT, self._real)
        self._installed = False
        self.end()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._deciding:
            self._pending = (number, frame)
        else:
            self._real(number, frame)
