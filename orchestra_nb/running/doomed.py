"""Runs of daemon threads when their process ends: stopped, so that nobody waits for what their workers are doing.

Python does not wait for daemon threads, but libraries that have begun processes (loky) wait for those, and so for the
bodies that run there, an hour if need be. A run that is attended by a daemon thread (a handle's, a run that is awaited)
therefore looks whether its process ends, and then cancels itself, which ends its processes. The main thread waits a
moment for it before the interpreter goes on: what is written (a log, a journal) is then whole, and nobody clears away a
folder that another is clearing away. A run in the main thread has ended by then, and one in a thread for which Python
waits goes on to its end, as that thread does.

That the process ends is only to be seen in :mod:`threading`'s private parts; where a Python has other ones, all is as
if this module was not there. Rejected: :mod:`atexit` (comes after those libraries have waited); threads that are no
daemons (a script whose author has forgotten a run would never end).
"""

from __future__ import annotations

import threading
import time
from typing import Protocol
from weakref import WeakSet

_PATIENCE = 3.0
"""Seconds that the end of the process waits for runs to stop."""
_POLL = 0.01


class _Run(Protocol):
    @property
    def ended(self) -> bool:
        """Whether it is over."""


_runs: WeakSet[_Run] = WeakSet()
_registering = threading.Lock()
_registered = False


def doomed(thread: threading.Thread) -> bool:
    """Say whether the process ends, and does not wait for a thread.

    Examples
    --------
    >>> doomed(threading.current_thread())
    False
    """
    return thread.daemon and bool(getattr(threading, "_SHUTTING_DOWN", False))


def awaited_at_exit(run: _Run, thread: threading.Thread) -> None:
    """Have the end of the process wait a moment for a run, if it would not wait for its thread."""
    global _registered
    if not thread.daemon:
        return
    _runs.add(run)
    with _registering:
        register = getattr(threading, "_register_atexit", None)
        if not _registered and register is not None and not getattr(threading, "_SHUTTING_DOWN", False):
            register(_wait)
            _registered = True


def _wait() -> None:
    until = time.monotonic() + _PATIENCE
    while any(not run.ended for run in tuple(_runs)) and time.monotonic() < until:
        time.sleep(_POLL)
