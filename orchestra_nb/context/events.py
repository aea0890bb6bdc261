"""What happens in a cache, as facts: ``cache:hit``, ``cache:evicted`` and so on.

Each is published outside of every lock, by the thread whose call made it happen, and not even made when nobody listens.
So two threads' events may arrive in either order, and a subscriber may use the cache. ``at`` is in seconds since the
cache was made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from orchestra_nb.events import Event


@dataclass(frozen=True, slots=True)
class CacheEvent(Event):
    """Something that became of one key."""

    name: ClassVar[str] = "cache:event"
    key: str


@dataclass(frozen=True, slots=True)
class CacheHit(CacheEvent):
    """Memory had the value."""

    name: ClassVar[str] = "cache:hit"


@dataclass(frozen=True, slots=True)
class CacheMiss(CacheEvent):
    """Memory did not have a value."""

    name: ClassVar[str] = "cache:miss"


@dataclass(frozen=True, slots=True)
class CacheSet(CacheEvent):
    """A value came in that weighs so many bytes."""

    name: ClassVar[str] = "cache:set"
    bytes: int


@dataclass(frozen=True, slots=True)
class CacheEvicted(CacheEvent):
    """A value went for want of room; the store on disk, if there is one, still has it."""

    name: ClassVar[str] = "cache:evicted"
    bytes: int


@dataclass(frozen=True, slots=True)
class CacheExpired(CacheEvent):
    """A value's time was up."""

    name: ClassVar[str] = "cache:expired"
    bytes: int


@dataclass(frozen=True, slots=True)
class CacheInvalidated(CacheEvent):
    """Somebody said that a value is not true any more."""

    name: ClassVar[str] = "cache:invalidated"
    bytes: int


@dataclass(frozen=True, slots=True)
class CacheRefused(CacheEvent):
    """A value is not kept in memory, and why."""

    name: ClassVar[str] = "cache:refused"
    reason: str


@dataclass(frozen=True, slots=True)
class CachePromoted(CacheEvent):
    """The store on disk had what memory had not."""

    name: ClassVar[str] = "cache:promoted"
    bytes: int


@dataclass(frozen=True, slots=True)
class CacheComputed(CacheEvent):
    """A missing value was computed in so many seconds."""

    name: ClassVar[str] = "cache:computed"
    seconds: float


@dataclass(frozen=True, slots=True)
class CacheFailed(CacheEvent):
    """The function that should have computed a value raised, or the store on disk did."""

    name: ClassVar[str] = "cache:failed"
    reason: str


@dataclass(frozen=True, slots=True)
class CacheExported(Event):
    """So many values were written, and these keys were left out because their values need pickle."""

    name: ClassVar[str] = "cache:exported"
    entries: int
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CacheImported(Event):
    """So many values were read."""

    name: ClassVar[str] = "cache:imported"
    entries: int
