"""How much may begin in a time: a sliding window.

Not a token bucket: a bucket lets twice the amount through within one window, which is what services refuse. Nothing is
given back; time is what makes room. Order of time: ``now`` never goes back. Cost: one entry for each grant that is
still within the window, and O(1) amortised for a question.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple


class Begun(NamedTuple):
    """So much began at ``at``, in seconds."""

    at: float
    amount: float


class Window:
    """What began within the last ``period`` seconds.

    Parameters
    ----------
    amount
        How much may begin in any ``period``.
    period
        Seconds.

    Examples
    --------
    >>> window = Window(2, 60.0)
    >>> _ = window.add(0.0, 1), window.add(10.0, 1)
    >>> window.used(59.0), window.opens(1, 59.0), window.used(60.0)
    (2, 60.0, 1)
    """

    def __init__(self, amount: float, period: float) -> None:
        self.amount = amount
        self.period = period
        self._begun: deque[Begun] = deque()
        self._used: float = 0

    def used(self, now: float) -> float:
        """How much of it is used up."""
        begun = self._begun
        while begun and begun[0].at + self.period <= now:
            self._used -= begun.popleft().amount
        if not begun:
            self._used = 0  # sums of floats do not come back to nothing by themselves
        return self._used

    def add(self, now: float, amount: float) -> Begun:
        """Take note that so much begins; returns what takes it back."""
        entry = Begun(now, amount)
        self._begun.append(entry)
        self._used += amount
        return entry

    def take_back(self, entry: Begun) -> None:
        """It did not begin after all; one that is too old is fine."""
        for place, known in enumerate(self._begun):
            if known is entry:
                del self._begun[place]
                self._used -= entry.amount
                return

    def opens(self, amount: float, now: float) -> float | None:
        """Say when there is room for so much; ``None``: never."""
        used = self.used(now)
        if used + amount <= self.amount:
            return now
        for at, begun in self._begun:
            used -= begun
            if used + amount <= self.amount:
                return at + self.period
        return None

    def recount(self) -> None:
        """Add up anew, after an interrupt between two steps."""
        self._used = sum(entry.amount for entry in self._begun)
