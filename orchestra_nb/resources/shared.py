"""A resource from which other processes take, too: those of this machine (:mod:`.machine`) or of a cluster.

Whether they have left something is known only by trying. The table of this process decides who tries; a try takes all
or none and comes back at once, and while a request waits, the table tries again after 2 ms, later 50 ms. That is done
last of all that a request asks for, so nothing else is held meanwhile.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Protocol

from orchestra_nb.resources.pools import Pool, Scope, Type
from orchestra_nb.resources.requests import Request

_SHORTEST, _LONGEST = 0.002, 0.05
"""Seconds between two tries."""


class Slots(Protocol):
    """Places of a resource that other processes take from too."""

    def take(self, amount: int, least: int) -> int | None:
        """Take so many now, all or none, without waiting.

        Returns
        -------
        int or None
            A fencing token from ``least``, above all that any process was given; ``None``: there were too few.
        """

    def keep(self, amount: int) -> None:
        """Give all but so many back."""


class SharedPool(Pool):
    """A resource that other processes take from, too: those of this machine, or of a cluster.

    Whether they have left something is known only by trying. What was refused is tried again after a pause.
    """

    plain = False

    def __init__(self, name: str, type: Type, capacity: float, now: float, slots: Slots, scope: Scope) -> None:
        super().__init__(name, type, capacity, now, scope)
        self.slots = slots
        self._again = -math.inf
        self._pause = _SHORTEST

    def free(self, now: float) -> float:
        """What this process could take, as far as it knows: nothing, for who waits already, until it may try again."""
        return 0 if now < self._again and self.queue.wanted else self.capacity - self.taken

    def short(self, now: float) -> float:
        """What other processes hold, they give back some time; only what is held here counts."""
        return self.capacity - self.taken

    def opens(self, amount: float, now: float) -> float | None:
        """When to try again, where this process itself holds little enough."""
        return max(now, self._again) if self.taken + amount <= self.capacity else None

    def seize(self, amount: float, now: float, least: int) -> int | None:
        """Try to get so much from the other processes."""
        token = self.slots.take(int(amount), least)
        self.retrying = token is None
        if token is None:
            self._again = now + self._pause
            self._pause = min(_LONGEST, self._pause * 1.5)
        else:
            self._again, self._pause = -math.inf, _SHORTEST
        return token

    def unseize(self) -> None:
        """Give the slots back that are not taken here."""
        self.slots.keep(int(self.taken))

    def give(self, request: Request, now: float) -> None:
        """Take back what a request held, and let the other processes have it."""
        super().give(request, now)
        self.unseize()

    def recount(self, held: Iterable[tuple[float, Request]]) -> None:
        """Add up anew."""
        super().recount(held)
        self.unseize()
