"""The nouns of the cache: what is offered to it, what it keeps, what became of it, and who waits to bring more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Copier = Callable[[Any], Any]


class Offer(NamedTuple):
    """A value as it can be kept: nobody else holds it, or it cannot change.

    Parameters
    ----------
    value
        The value.
    bytes
        What it weighs.
    copier
        Makes what may be given away; ``None`` when the value itself may be.
    digest
        Equal for equal contents; ``None`` where that cannot be said.
    seconds
        What it took to compute.
    promoted
        Whether it comes from a store below.
    """

    value: Any
    bytes: int
    copier: Copier | None = None
    digest: str | None = None
    seconds: float = 0.0
    promoted: bool = False


class Change(NamedTuple):
    """Something that became of a key."""

    kind: Literal["set", "promoted", "evicted", "expired", "invalidated", "refused", "stale"]
    key: str
    bytes: int = 0


@dataclass(slots=True)
class Content:
    """A value that is stored once; ``entries`` counts the keys that have it."""

    value: Any
    bytes: int
    copier: Copier | None
    digest: str | None
    entries: int = 0


@dataclass(slots=True, eq=False)
class Entry:
    """A key's value: ``uses`` and ``used`` are written at each hit, the rest never changes."""

    key: str
    value: Any
    copier: Copier | None
    expires: float
    content: Content
    seconds: float
    first: int
    """What ``uses`` began with: a key that is set again keeps its fame."""
    uses: int
    used: int
    age: float

    @property
    def hits(self) -> int:
        """Hits of this value."""
        return self.uses - self.first


@dataclass(slots=True, weakref_slot=True)
class Watch:
    """How often a key has changed while somebody looked; it lives as long as its tickets."""

    changes: int = 0


@dataclass(frozen=True, slots=True)
class Ticket:
    """Says whether a key has changed since."""

    watch: Watch = field(default_factory=Watch)
    changes: int = 0

    @property
    def stale(self) -> bool:
        """Whether the key has changed."""
        return self.watch.changes != self.changes
