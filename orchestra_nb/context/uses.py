"""Which entries were used: noted once for each, and written together with whatever is written next.

All are noted anew after a minute, and after so much was written that order matters: a use is then never older than a
twentieth of the store.
"""

from __future__ import annotations

MINUTE = 60.0


class Uses:
    """Entries that were used, by their ids.

    Parameters
    ----------
    step
        Bytes after whose writing all are noted anew.

    Examples
    --------
    >>> uses = Uses(step=100)
    >>> uses.note(7, now=0.0), uses.note(7, now=1.0), uses.take(), uses.note(7, now=2.0), uses.take()
    (False, False, [7], False, [])
    >>> uses.note(8, now=3.0), uses.note(8, now=61.0)
    (False, True)
    >>> uses.wrote(100), uses.note(8, now=62.0), uses.take()
    (None, False, [8])
    """

    def __init__(self, step: int) -> None:
        self._step = step
        self._written = 0
        self._noted: set[int] = set()
        self._unwritten: set[int] = set()
        self._until = 0.0
        self._asked = 0

    def is_noted(self, ident: int) -> bool:
        """Whether noting it once more can wait; now and then it is said that it cannot, so that time is looked at."""
        self._asked += 1  # how many exactly does not matter
        return ident in self._noted and self._asked & 63 != 0

    def note(self, ident: int, now: float) -> bool:
        """Note a use; says whether those of the last minute should be written now.

        Parameters
        ----------
        ident
            The entry's.
        now
            Seconds on a clock that does not go back.
        """
        over = now >= self._until
        if over:
            due = bool(self._unwritten)
            self._noted, self._until = set(), now + MINUTE
        if ident not in self._noted:
            self._noted.add(ident)
            self._unwritten.add(ident)
        return over and due

    def wrote(self, size: int) -> None:
        """Note that so many bytes were written."""
        self._written += size  # a thread that comes in between makes it a little too small
        if self._written >= self._step:
            self._written, self._noted = 0, set()

    def take(self) -> list[int]:
        """Give what is to be written, once."""
        taken, self._unwritten = self._unwritten, set()
        return list(taken.copy())  # a thread may still hold the old set, and add to it
