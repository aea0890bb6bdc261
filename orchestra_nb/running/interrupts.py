"""Interrupts that Python would lose arrive all the same.

The user's interrupt is noted by a signal handler in C, and Python raises ``KeyboardInterrupt`` when the main thread
next looks. Between the two it can be lost, and the body that was to be stopped goes on:

* **The main thread does not look.** It has looked for the last time and is about to wait in the system; on its way it
  hands the interpreter's lock to another thread and is not scheduled again for a while. What comes in that while is
  noted, and then the wait begins. It is no rare moment: a body that says something wakes the thread that sends it, and
  whoever reads that may press the button. Remedy: the note also writes into a socket (``signal.set_wakeup_fd``), and
  who listens there sends the main thread a few harmless signals (``SIGURG``, which the system ignores unless somebody
  listens): a wait that is disturbed looks. One that was raised already is not raised twice.
* **It is raised where nobody hears it**: in a destructor, or in anything else that the garbage collector calls. Python
  reports it as "Exception ignored in ..." and forgets it. What sets the collector off is a body that imports or
  allocates, and what it finds is the garbage of the cells before. Remedy: ``sys.unraisablehook`` is fronted, and the
  interrupt is sent again after a pause, until it is heard; at the latest it is raised when the block ends.

Both hold for the main thread, while a run lasts, and only as far as nobody else has taken the socket or the signal.
The hook may be called at any allocation, whatever locks the main thread holds: it takes none.

Rejected: a handler of our own for the interrupt (bodies may want theirs, and it cannot tell whether what it raised was
heard); sending it again in any case (the second one would be raised in the body's own clearing up).
"""

from __future__ import annotations

import _thread
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_PAUSES = (0.01, 0.1, 0.5)
"""Seconds after an interrupt at which the main thread is made to look."""
_LOST = b"\0"
"""Stands beside the numbers of signals: an interrupt was raised where nobody heard it."""
_POSIX = hasattr(signal, "pthread_kill")
"""Elsewhere, every wait looks."""


class _Block:
    """One block that keeps its interrupts; in the place of ``sys.unraisablehook``."""

    def __init__(self, bell: socket.socket) -> None:
        self.real = sys.unraisablehook
        self.lost = False
        self.over = False
        self._bell = bell

    def __call__(self, unraisable: UnraisableHookArgs) -> None:
        mine = issubclass(unraisable.exc_type, KeyboardInterrupt) and not self.over
        if mine and threading.get_ident() == threading.main_thread().ident:
            self.lost = True
            self._bell.send(_LOST)
        else:
            self.real(unraisable)

    def remind(self) -> None:
        """Interrupt the main thread anew, or only make it look."""
        if self.lost:
            self.lost = False
            interrupt_main_thread()
        elif _POSIX and signal.getsignal(signal.SIGURG) is _look:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGURG)


class _Listener:
    """The thread that hears of interrupts: one for the process, started by the first block."""

    def __init__(self) -> None:
        self.blocks: list[_Block] = []
        """Those that the main thread is in, the innermost last."""
        self._bell: socket.socket | None = None
        self._pid = 0

    def bell(self) -> socket.socket:
        """What rings when something is written to it."""
        if self._bell is None or self._pid != os.getpid():
            ear, bell = socket.socketpair()
            bell.setblocking(False)
            threading.Thread(target=self._listen, args=(ear,), name="orchestra-interrupts", daemon=True).start()
            self._bell, self._pid = bell, os.getpid()
        return self._bell

    def _listen(self, ear: socket.socket) -> None:
        due: list[float] = []
        while True:
            ear.settimeout(max(1e-3, due[0] - monotonic()) if due else None)
            try:
                said = ear.recv(512)
            except TimeoutError:
                due.pop(0)
                if blocks := self.blocks[:]:
                    # what was lost in an outer block just before an inner one began is lost in that one, too
                    next((block for block in blocks if block.lost), blocks[-1]).remind()
                continue
            if signal.SIGINT in said or _LOST in said:
                now = monotonic()
                due = [now + pause for pause in _PAUSES]


_listener = _Listener()


def _look(signum: int, frame: object) -> None:
    """Do nothing: that a signal came is what makes the main thread look."""


@contextmanager
def interrupts_kept() -> Iterator[None]:
    """Let no interrupt of the main thread be lost while the block runs.

    Raises
    ------
    KeyboardInterrupt
        At the end of the block, if one is still to come.

    Examples
    --------
    >>> with interrupts_kept():
    ...     print("an interrupt in here is raised in here")
    an interrupt in here is raised in here
    """
    if threading.current_thread() is not threading.main_thread():  # interrupts are raised elsewhere
        yield
        return
    bell = _listener.bell()
    block = _Block(bell)
    before: Any = None
    try:
        _listener.blocks.append(block)
        sys.unraisablehook = block
        before = _take_signals(bell.fileno())
        yield
    finally:
        block.over = True
        if block in _listener.blocks:
            _listener.blocks.remove(block)
        if sys.unraisablehook is block:  # else somebody put theirs there, which stays
            sys.unraisablehook = block.real
        if before is not None:
            _return_signals(bell.fileno(), *before)
    if block.lost:
        raise KeyboardInterrupt


def _take_signals(bell: int) -> tuple[int, Any] | None:
    """Listen to signals, if nobody else does; returns what was there."""
    if not _POSIX:
        return None
    handler = signal.getsignal(signal.SIGURG)
    if handler is not signal.SIG_DFL and handler is not _look:
        return None
    fd = signal.set_wakeup_fd(bell, warn_on_full_buffer=False)
    if fd not in (-1, bell):
        signal.set_wakeup_fd(fd)
        return None
    signal.signal(signal.SIGURG, _look)
    return fd, handler


def _return_signals(bell: int, fd: int, handler: Any) -> None:
    if signal.getsignal(signal.SIGURG) is _look:
        signal.signal(signal.SIGURG, handler)
    now = signal.set_wakeup_fd(fd)
    if now != bell:  # a body's own, which stays
        signal.set_wakeup_fd(now)


def interrupt_main_thread() -> None:
    """Do as the user's interrupt does, if it does anything: also to a main thread that is blocked in the system."""
    if not callable(signal.getsignal(signal.SIGINT)):
        return
    if _POSIX:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        _thread.interrupt_main()
