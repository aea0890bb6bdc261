"""What a cache counts: in all, and for each key.

Policy: the counts of a key outlive its value, so that one sees what was evicted and asked for again; but only the last
:data:`MOST_GONE` keys that have no value are remembered, because anybody can ask for ever new keys.

A hit is counted by the tick that it takes (:mod:`.table`): an ``itertools.count`` loses none, however many threads
there are. The hits of one key are an integer in its entry, which CPython with its global lock also adds to whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from orchestra_nb.presentation import Presented

MOST_GONE = 10_000
"""Keys without a value whose counts are remembered."""


@dataclass(frozen=True, slots=True)
class CacheMetrics(Presented):
    """How a cache did, at one moment; it does not change afterwards.

    Parameters
    ----------
    hits, misses
        Questions that found a value in memory, and those that did not.
    sets, evictions, expirations, invalidations, refusals
        Values that came in; that went for want of room, because their time was up, because somebody said so; and that
        were not kept because they are too large or cannot be copied.
    promotions
        Misses that the store on disk could answer.
    computations, joined
        Functions that were called for a missing key, and askers that waited for one instead of calling theirs.
    entries, bytes, max_bytes
        Keys with a value, what they weigh together, and what they may.
    deduplicated
        Bytes that equal values would weigh more if each key had its own.
    seconds_saved
        What computing would have taken where a hit answered.

    Examples
    --------
    >>> CacheMetrics(hits=3, misses=1).hit_rate
    0.75
    """

    hits: int = 0
    misses: int = 0
    sets: int = 0
    evictions: int = 0
    expirations: int = 0
    invalidations: int = 0
    refusals: int = 0
    promotions: int = 0
    computations: int = 0
    joined: int = 0
    entries: int = 0
    bytes: int = 0
    max_bytes: int = 0
    deduplicated: int = 0
    seconds_saved: float = 0.0

    @property
    def hit_rate(self) -> float:
        """Share of questions that memory answered, from 0 to 1; 0 when there were none.

        Examples
        --------
        >>> CacheMetrics(hits=1, misses=3).hit_rate, CacheMetrics().hit_rate
        (0.25, 0.0)
        """
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0


@dataclass(frozen=True, slots=True)
class KeyMetrics:
    """How one key did; ``bytes`` counts what it shares with others, ``ttl`` is the seconds it has left.

    Examples
    --------
    >>> from orchestra_nb import ContextManager
    >>> cache = ContextManager()
    >>> cache.set("answer", 42)
    >>> _ = cache.get("answer")
    >>> found = cache.get_key_metrics()[0]
    >>> found.key, found.cached, found.sets, found.hits
    ('answer', True, 1, 1)
    """

    key: str
    cached: bool
    bytes: int
    ttl: float | None
    hits: int
    misses: int
    sets: int
    evictions: int
    expirations: int
    invalidations: int
    refusals: int
    promotions: int
    computations: int
    joined: int
    seconds_saved: float

    @property
    def hit_rate(self) -> float:
        """Share of questions that memory answered, from 0 to 1.

        Examples
        --------
        >>> from orchestra_nb import ContextManager
        >>> cache = ContextManager()
        >>> _ = cache.get("answer")
        >>> cache.set("answer", 42)
        >>> _ = cache.get("answer")
        >>> cache.get_key_metrics()[0].hit_rate
        0.5
        """
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0


@dataclass(slots=True)
class Tally:
    """Counts that go up: of one key, or of all."""

    hits: int = 0
    misses: int = 0
    sets: int = 0
    evictions: int = 0
    expirations: int = 0
    invalidations: int = 0
    refusals: int = 0
    promotions: int = 0
    computations: int = 0
    joined: int = 0
    seconds_saved: float = 0.0


class Tallies:
    """The counts of keys, those of living ones and the last of the others.

    Examples
    --------
    >>> tallies = Tallies(most_gone=1)
    >>> for key in "ab":
    ...     tallies.of(key).misses += 1
    ...     tallies.gone(key)
    >>> [key for key, _ in tallies]
    ['b']
    """

    def __init__(self, most_gone: int = MOST_GONE) -> None:
        self._most_gone = most_gone
        self._all: dict[str, Tally] = {}
        self._gone: dict[str, None] = {}

    def __iter__(self) -> Iterator[tuple[str, Tally]]:
        return iter(self._all.items())

    def of(self, key: str) -> Tally:
        """Give the counts of a key, to be added to."""
        found = self._all.get(key)
        if found is None:
            found = self._all[key] = Tally()
        return found

    def living(self, key: str) -> Tally:
        """Give the counts of a key that has a value from now on."""
        self._gone.pop(key, None)
        return self.of(key)

    def gone(self, key: str) -> None:
        """Take note that a key has no value; the one that has been without for the longest may be forgotten."""
        self._gone.pop(key, None)
        self._gone[key] = None
        if len(self._gone) > self._most_gone:
            oldest = next(iter(self._gone))
            del self._gone[oldest]
            self._all.pop(oldest, None)

    def renew(self, living: frozenset[str] | set[str]) -> None:
        """Mend what an interrupt may have left: say which keys have a value."""
        self._gone = {key: None for key in self._all if key not in living}
        for key in list(self._gone)[: max(0, len(self._gone) - self._most_gone)]:
            self._gone.pop(key)
            self._all.pop(key)
