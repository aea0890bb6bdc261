"""Waiting for listeners, and how long that is worth: at the end of a run, and at the end of the interpreter.

Nobody waits in a circle: a thread that serves a listener does not wait for itself, nor for another that waits as well.
Nobody waits twice for one that is late. At the end of the interpreter what was said last gets a second; after that
every listener's thread is ended wherever it is, and one that is just writing to the terminal could bring the end down.
"""

from __future__ import annotations

import atexit
from collections.abc import Iterable
from math import inf
from threading import get_ident
from time import monotonic
from typing import Any

from orchestra_nb.listening import Listener, Mark, served, serves_one

_POLL = 0.05
"""Seconds between two looks of one who waits: an interrupt comes so late where waits cannot be interrupted."""
_FAREWELL = 1.0
"""Seconds that the end of the interpreter waits for what was said last."""
_settling: set[int] = set()
"""Threads that wait for listeners."""


def settled(listeners: Iterable[Listener[Any]], wait: float, patience: float) -> bool:
    """Wait until all listeners have heard what they have been given so far; whether they have.

    Parameters
    ----------
    listeners
        Whom to wait for.
    wait
        Seconds, at most, for all of them.
    patience
        Who is behind after a wait so long is late, and said to be; one that was in the same call for most of it is
        dropped.
    """
    here = get_ident()
    awaited = [each for each in listeners if each.ident != here]
    if not awaited:
        return True
    marks = [(each, each.mark()) for each in awaited if not each.late]
    end, circular, nested = monotonic() + wait, serves_one(), here in _settling
    _settling.add(here)
    try:
        heard = [_waited(each, mark, end, circular) for each, mark in marks]
    finally:
        if not nested:
            _settling.discard(here)
    if wait >= patience:
        for each, mark in marks:
            if not mark.is_set() and each.ident not in _settling:
                _say_late(each, wait)
    return all(heard) and len(marks) == len(awaited)


def _waited(listener: Listener[Any], mark: Mark, end: float, circular: bool) -> bool:
    """Wait until a listener has come to a mark."""
    while not mark.is_set():
        left = end - monotonic()
        if left <= 0 or (circular and listener.ident in _settling):
            return False
        mark.wait(min(left, _POLL))
    return listener.left or not listener.closed


def _say_late(listener: Listener[Any], wait: float) -> None:
    """Of a listener that was waited for in vain, and so long: drop it if it sleeps."""
    since = listener.since
    if since is not None and monotonic() - since > wait / 2:
        listener.warn("has not come back from a call and was dropped", over=True)
        listener.close()
    else:
        listener.late = True
        listener.warn("is behind: it hears the rest later, and no run waits for it until it has caught up")


@atexit.register
def _farewell() -> None:
    """Let what was said last be heard."""
    last = served()
    settled(last, _FAREWELL, inf)
    for listener in last:
        listener.close()
