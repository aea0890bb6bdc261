"""Worker processes end with the process that they work for.

A kernel that is killed cannot end its workers, and one that is in a body does not notice: it would work on for nobody,
for as long as the body takes. So a thread in each worker looks once a second whether the worker still has the parent
that made it; when not, it ends the worker with all that it has started. Loky's workers get it when they begin, others
with their first task.

Only direct children are tied so: the workers of a cluster have somebody else to look after them. Nothing is done where
a process keeps the number of a parent that is gone (Windows).

Rejected: ``PR_SET_PDEATHSIG`` of Linux, which comes when the *thread* ends that made the process, and workers outlive
the thread of a run; a pipe that breaks, for which joblib's backends have no place.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
_PERIOD = 1.0
"""Seconds between two looks."""
_watched: set[int] = set()
"""This process, once it has a watcher; a forked child finds its parent's number here, and not its own."""


def tie(parent: int) -> None:
    """In a worker that ``parent`` has made: see to it that it ends with its parent."""
    me = os.getpid()
    if me not in _watched and os.name == "posix":
        _watched.add(me)
        threading.Thread(target=_watch, args=(parent,), name="orchestra-parent", daemon=True).start()


def tied(parent: int, call: Callable[..., T], *args: Any) -> T:
    """In a worker, whoever made it: make a call, and if it was ``parent``, end with it.

    Parameters
    ----------
    parent
        The process that sends the task.
    call, args
        What to do.

    Examples
    --------
    >>> tied(0, pow, 2, 3)
    8
    """
    if os.getppid() == parent:
        tie(parent)
    return call(*args)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PERIOD)
    _end()


def _end() -> None:
    """End this process and all below it, at once: nobody is left who waits for anything."""
    from orchestra_nb.running import joblib_seam as seam

    seam.end_tree(_Myself())


class _Myself:
    """Stands for this process, in the shape of one that somebody has started."""

    def __init__(self) -> None:
        self.pid = os.getpid()

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def join(self) -> None:
        """There is nobody to wait."""
