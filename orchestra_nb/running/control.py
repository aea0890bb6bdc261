"""What somebody may do to a run that goes on, from any thread: all that buttons, magics and other people's code need.

Each request is a message to the run, and returns at once; what came of it is told by the run's events and by the
properties, a moment later. None of them raises, whatever the run is doing or has done: whoever presses a button cannot
know what has happened since it was drawn. Rejected: a future for each request (the event says the same to everybody).
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class RunControl(Protocol):
    """A run that can be held, let go on, and stopped: :class:`.ParallelScheduler`, :class:`.Pipeline` and others.

    Examples
    --------
    >>> from orchestra_nb.running.scheduler import ParallelScheduler
    >>> isinstance(ParallelScheduler(), RunControl)
    True
    """

    def pause(self, reason: str = ...) -> None:
        """Begin nothing any more; what runs goes on to its end. Harmless when it is paused or over."""

    def unpause(self) -> None:
        """Go on. Harmless when it is not paused."""

    def cancel(self, reason: str = ...) -> None:
        """Stop: nothing begins any more, what runs is ended where that is possible. Harmless when it is over."""

    @property
    def paused(self) -> bool:
        """Whether nothing begins, because somebody asked for it."""

    @property
    def over(self) -> bool:
        """Whether it has ended; not before it has begun."""
