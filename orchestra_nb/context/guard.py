"""A lock that no interrupt can leave taken, that a fork renews, and that refuses to be entered twice.

Policy: whatever must not be disturbed is a function, and :class:`Guard` calls it while it holds its lock. The statement
``with lock: return work()`` stands on one line, because CPython may raise ``KeyboardInterrupt`` between two lines: on
two, an interrupt before the second visit of the first line leaves the lock taken for ever (gh-74174). What was half
done is mended by its owner, not here: see :mod:`.table`.

Entered twice by one thread: a finaliser or a signal handler runs in the middle of the work and uses the same cache. It
would wait for itself for ever, or, with a lock that lets it in, see half a state. It is told so instead.

Fork: the child has only the thread that forked. Locks that others held are made anew there, and owners are told.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from orchestra_nb.errors import CacheError

_P = ParamSpec("_P")
_T = TypeVar("_T")


def _nothing() -> None:
    return None


class Guard:
    """Calls functions one at a time.

    Parameters
    ----------
    after_fork
        Called in a forked child, where only the thread that forked goes on.

    Examples
    --------
    >>> guard = Guard()
    >>> guard(max, 1, 2)
    2
    >>> guard(guard, print)
    Traceback (most recent call last):
    orchestra_nb.errors.CacheError: a finaliser or signal handler used a cache in the middle of its work; ...
    """

    def __init__(self, after_fork: Callable[[], object] = _nothing) -> None:
        self._after_fork = after_fork
        self._renew()
        _guards.add(self)

    def __call__(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call it while nobody else is in here.

        Raises
        ------
        CacheError
            This thread is in here already.
        """
        if self._is_mine():
            raise CacheError(
                "a finaliser or signal handler used a cache in the middle of its work; let it only take note, and use "
                "the cache later"
            )
        with self._lock: return work(*args, **kwargs)  # fmt: skip  # noqa: E701

    def forked(self) -> None:
        """Begin anew in a child."""
        self._renew()
        self._after_fork()

    def _renew(self) -> None:
        self._lock = threading.RLock()
        self._is_mine: Callable[[], bool] = self._lock._is_owned  # type: ignore[attr-defined]  # as Condition asks it


_guards: weakref.WeakSet[Guard] = weakref.WeakSet()


def _forked() -> None:
    for guard in list(_guards):
        guard.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
