"""Circles of waits as data and in words.

A circle may be long: its words tell the first waits and how many are left out, the data has all of them.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple

from orchestra_nb.errors import DeadlockError
from orchestra_nb.presentation import Presented


class Wait(NamedTuple):
    """One edge of a circle: an owner waits for a resource that another one holds."""

    owner: str
    resource: str
    holder: str


Circle = tuple[Wait, ...]
_MOST_TOLD = 20
"""Waits of a circle that its words tell."""


@dataclass(frozen=True, slots=True)
class DeadlockResult(Presented):
    """What a search for deadlocks found; true when there is one.

    Parameters
    ----------
    circles
        The circles, the oldest first; each is resolved by one victim.
    victim
        Who would give way in the first one.

    Examples
    --------
    >>> circle = (Wait("anna", "gpu", "ben"), Wait("ben", "db", "anna"))
    >>> bool(DeadlockResult((circle,), victim="ben")), bool(DeadlockResult())
    (True, False)
    """

    circles: tuple[Circle, ...] = ()
    victim: str | None = None

    def __bool__(self) -> bool:
        return bool(self.circles)

    @property
    def deadlocked(self) -> bool:
        """Whether anybody waits in a circle.

        Examples
        --------
        >>> circle = (Wait("anna", "gpu", "ben"), Wait("ben", "db", "anna"))
        >>> DeadlockResult((circle,), victim="ben").deadlocked
        True
        """
        return bool(self.circles)

    @property
    def cycle(self) -> tuple[str, ...]:
        """The owners around the first circle; the first is repeated at the end.

        Examples
        --------
        >>> circle = (Wait("anna", "gpu", "ben"), Wait("ben", "db", "anna"))
        >>> DeadlockResult((circle,), victim="ben").cycle
        ('anna', 'ben', 'anna')
        """
        owners = tuple(wait.owner for wait in self.circles[0]) if self.circles else ()
        return owners + owners[:1]

    @property
    def resources(self) -> tuple[str, ...]:
        """What they wait for, in the same order.

        Examples
        --------
        >>> circle = (Wait("anna", "gpu", "ben"), Wait("ben", "db", "anna"))
        >>> DeadlockResult((circle,), victim="ben").resources
        ('gpu', 'db')
        """
        return tuple(wait.resource for wait in self.circles[0]) if self.circles else ()


def in_words(circle: Circle) -> str:
    """Say a circle.

    Examples
    --------
    >>> in_words((Wait("clean", "db", "load"), Wait("load", "gpu", "clean")))
    'clean waits for db held by load; load waits for gpu held by clean'
    """
    told = [f"{owner} waits for {resource} held by {holder}" for owner, resource, holder in circle[:_MOST_TOLD]]
    left = len(circle) - len(told)
    return "; ".join(told) + (f"; and so on, {left:,} more" if left else "")


def error_of(circle: Circle, victim: Hashable) -> DeadlockError:
    """Make the error that the victim gets."""
    hint = f"{victim} gives way: let go of everything and begin again, or take locks in one order, or all at once"
    return DeadlockError(f"{in_words(circle)}; {hint}", circle, str(victim))
