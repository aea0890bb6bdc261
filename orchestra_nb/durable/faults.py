"""The points at which a process may die, each with a name: what tests loop over.

``fault("commit.after-sync")`` does nothing, unless somebody has put an action there with :func:`acting`. All points are
in :data:`POINTS`; a name that is not is an error at once, where somebody listens. So a new point is covered by every
test that loops over them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

POINTS = (
    *("run.after-folder", "run.after-lock", "run.before-name", "run.after-name"),
    *("node.before-body", "node.after-body"),
    *("value.before-file", "value.after-file", "value.after-link"),
    *("commit.before-write", "commit.amid-write", "commit.after-write", "commit.after-sync", "commit.after-event"),
    *("resume.after-lock", "resume.after-read", "resume.after-epoch"),
    *("end.before-close", "end.after-close"),
    *("prune.before-journal", "prune.after-journal", "prune.before-folder"),
    *("state.after-file", "state.after-name"),
)
"""Where a process may die; a word for what it is at, and where in it."""
_act: Callable[[str], object] | None = None


def fault(point: str) -> None:
    """Pass a point; nothing happens unless a test wants it.

    Parameters
    ----------
    point
        One of :data:`POINTS`.
    """
    if _act is not None:
        _act(point)


@contextmanager
def acting(action: Callable[[str], object]) -> Iterator[None]:
    """Have something done at each point that this process passes, on any thread.

    Parameters
    ----------
    action
        Called with the point's name. It may raise, or end the process.

    Examples
    --------
    >>> seen = []
    >>> with acting(seen.append):
    ...     fault("commit.after-sync")
    >>> fault("commit.after-write"), seen
    (None, ['commit.after-sync'])
    """
    global _act

    def known(point: str) -> None:
        if point not in POINTS:
            raise LookupError(f"{point!r} is no point of POINTS")
        action(point)

    before, _act = _act, known
    try:
        yield
    finally:
        _act = before
