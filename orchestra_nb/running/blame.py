"""Whose task a dead worker had: what a worker notes when it begins, held against who is dead.

Each task that goes to a process has a *mark*, a small file in the run's folder into which the worker writes its process
id before it begins. When a pool breaks, the processes that ended before it killed the others are the dead; the task
whose mark names one of them is the culprit, the others are innocent. That is asked in the callback by which the pool
tells of its end, because afterwards all of its processes are dead. Where there is no mark, or nobody is known to be
dead, it cannot be told, and says so. A mark costs a worker some 20 µs. Rejected: to guess from exit codes (a process
that the system killed for its memory has that of one which its pool killed).
"""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress


def blamed(mark: str | None, dead: Collection[int], others: int) -> bool | None:
    """Say whether a task's own worker died.

    Parameters
    ----------
    mark
        The file that its worker wrote, if there can be one.
    dead
        Process ids of the workers that ended by themselves.
    others
        How many other tasks were with the pool.

    Returns
    -------
    bool or None
        ``None``: it cannot be told.

    Examples
    --------
    >>> blamed(None, (), 0), blamed(None, (17,), 3)
    (True, None)
    """
    if not others:
        return True
    if mark is None or not dead:
        return None
    return noted(mark) in dead  # one that has not begun has no mark yet, and is innocent


def noted(mark: str) -> int:
    """Read the process id in a mark; 0 when the task has not begun."""
    with suppress(OSError, ValueError), open(mark, encoding="ascii") as file:
        return int(file.read() or 0)
    return 0


def erase(mark: str | None) -> None:
    """Remove a mark; one that is not there is fine."""
    if mark is not None:
        with suppress(OSError):
            os.unlink(mark)
