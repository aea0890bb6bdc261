"""Raising an exception in another thread, as CPython lets one do it, and where that must not be done.

``PyThreadState_SetAsyncExc`` marks a thread; the exception comes up when that thread next looks. The thread is named by
a *cell*, a C integer that is read within the very call that marks: so whoever puts 0 there knows that nothing can be
marked afterwards. (The call keeps the interpreter's lock, and begins no Python code between the two.)

**The flag.** Before Python 3.13 one flag for all threads says that some thread is marked. While it is up, every thread
is slower, and one that is traced goes round in circles where it begins a function; and it stays up for as long as the
marked thread sits in C code. So whoever marks takes the flag down by being hit as well. Nothing is lost by that: a
thread puts it up for its own exception whenever it gets the interpreter's lock, which the marked one has yet to get.
A mark cannot be taken back either: setting no exception puts the flag up for good.

**Delicate places.** The code of a tracer (coverage, a debugger) takes locks by hand, and one that was hit there would
stay locked. And a thread that is starting another: before Python 3.12 the new one goes by the identity of its parent
until it runs, would be hit in its place, and its parent would wait without end to hear that it has started. One looks
where the thread is, and marks it right after; it cannot have moved unless another thread got the lock in between.

On other interpreters, and where CPython runs without its global lock, nothing is ever raised.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from types import FrameType
from typing import Any, Protocol

_TRACERS = frozenset({"coverage", "_pydevd_bundle", "pydevd"})
"""Packages of trace functions."""
_DEPTH = 5
"""Frames from the innermost: a thread's start waits, and what waits calls."""
_ONE_FLAG = sys.version_info < (3, 13)
_TWICE = (1, 2)
"""A loop over it turns once, and that is where an exception comes up."""


class Cell(Protocol):
    """Names a thread by its identity, or none by 0."""

    value: int


class _Plain:
    """A cell where nothing can be raised."""

    __slots__ = ("value",)

    def __init__(self, value: int = 0) -> None:
        self.value = value


class _Nudge(BaseException):
    """What a thread that marks another is hit with."""


@cache
def _interpreter() -> tuple[Callable[[int], Cell], Callable[[Cell, type[BaseException]], object]] | None:
    """How to make a cell, and how to mark; ``None`` where that is impossible."""
    if sys.implementation.name != "cpython" or not getattr(sys, "_is_gil_enabled", lambda: True)():
        return None
    with suppress(ImportError, AttributeError):  # built without ctypes
        import ctypes

        prototype = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_ulong, ctypes.py_object)
        mark: Any = prototype(("PyThreadState_SetAsyncExc", ctypes.pythonapi))
        return ctypes.c_ulong, mark
    return None


def new_cell() -> Cell:
    """Make a cell that names no thread."""
    found = _interpreter()
    return _Plain() if found is None else found[0](0)


def throw(cell: Cell, exception: type[BaseException]) -> None:
    """Let a thread raise an exception as soon as it looks.

    Parameters
    ----------
    cell
        Names the thread; nothing happens when it names none.
    exception
        What it raises.

    Examples
    --------
    >>> cell = new_cell()
    >>> throw(cell, KeyError)
    >>> cell.value = threading.get_ident()
    >>> try:
    ...     throw(cell, KeyError)
    ... except KeyError:
    ...     print("raised here")
    raised here
    """
    found = _interpreter()
    if found is None:
        return
    make, mark = found
    own = make(threading.get_ident())
    mark(cell, exception)
    if _ONE_FLAG:  # nothing between the two marks that begins a function: there a traced thread would hang
        try:
            mark(own, _Nudge)
            for _ in _TWICE:
                pass
        except _Nudge:
            pass


def delicate(frame: FrameType | None) -> bool:
    """Whether a thread that is here must not be hit."""
    if frame is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] in _TRACERS:
        return True
    newborn = starting(frame)
    return newborn is not None and newborn.ident is None


def starting(frame: FrameType | None) -> threading.Thread | None:
    """The thread that a thread which is here is starting."""
    for _ in range(_DEPTH):
        if frame is None:
            break
        if frame.f_code.co_name == "start" and frame.f_globals.get("__name__") == "threading":
            newborn = frame.f_locals.get("self")
            return newborn if isinstance(newborn, threading.Thread) else None
        frame = frame.f_back
    return None
