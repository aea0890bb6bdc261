"""What goes first when there is no room: three policies as ranks, and a queue in the order of ranks that rise unseen.

A policy is a function from an entry to its rank; the smallest goes first. Ties go to what was not used for longer.

* ``"lru"``: the tick of the last use. Ticks are numbers that never come twice, so the order is exact.
* ``"lfu"``: uses plus the age of the cache when the entry was last used. That age is the rank of the last victim, so
  what was popular once is overtaken by what is used now: LFU with dynamic ageing (Arlitt, Cherkasova, Dilley, Friedrich
  and Jin, "Evaluating content management techniques for Web proxy caches", 2000, section 4: LFU-DA). Plain LFU would
  keep an old favourite for ever.
* ``"ttl"``: when the entry expires; what never expires goes last.

Heart: :class:`Order`. A hit must cost next to nothing and take no lock, so it moves nothing: it only writes a new tick
and count into its entry. The heap keeps the rank that an entry had when it was looked at last. Ranks only rise, so what
stands in the heap is a lower bound; when the first one's rank has risen it is put back where it belongs now, and the
first whose rank is still true is the least of all. The victims are exactly those of a cache that keeps the order at
each hit; the work is O(log n) for each *eviction* and each entry that was used since it was last looked at, and none
for a hit. When much of the heap has risen, it is built anew in one go, which is O(n): the first eviction after each of
200,000 entries was used took 0.6 s, once, while hits went on.

Rejected: an ``OrderedDict`` (each hit takes a lock to move its key); buffers of touched keys that are drained later, as
Caffeine has them (draining costs several times what writing a tick does, and a full buffer makes it inexact); lists by
count as in the O(1) LFU (ageing moves all of them).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from heapq import heapify, heappop, heappush, heapreplace
from typing import Protocol

from orchestra_nb.config import Eviction

Rank = tuple[float, int]


class Ranked(Protocol):
    """What a policy looks at."""

    key: str
    uses: int
    used: int
    age: float
    expires: float


def least_recently_used(entry: Ranked) -> Rank:
    """Rank by the last use."""
    return 0.0, entry.used


def least_frequently_used(entry: Ranked) -> Rank:
    """Rank by uses, on top of the cache's age at the last of them."""
    return entry.uses + entry.age, entry.used


def soonest_to_expire(entry: Ranked) -> Rank:
    """Rank by the time of expiry."""
    return entry.expires, entry.used


RANKS: Mapping[Eviction, Callable[[Ranked], Rank]] = {
    "lru": least_recently_used,
    "lfu": least_frequently_used,
    "ttl": soonest_to_expire,
}

_Seat = tuple[float, int, str]
_FEW = 64


class Order:
    """Entries by rank, where ranks may rise at any time and are looked at late.

    Parameters
    ----------
    entries
        All that there are, by key; the owner keeps them, and tells who comes and goes.
    rank
        The policy.

    Examples
    --------
    >>> from types import SimpleNamespace as Thing
    >>> entries = {"a": Thing(key="a", used=1), "b": Thing(key="b", used=2)}
    >>> order = Order(entries, least_recently_used)
    >>> for each in entries.values():
    ...     order.enter(each)
    >>> order.first().key
    'a'
    >>> entries["a"].used = 3
    >>> order.first().key
    'b'
    """

    def __init__(self, entries: Mapping[str, Ranked], rank: Callable[[Ranked], Rank]) -> None:
        self._entries = entries
        self._rank = rank
        self._heap: list[_Seat] = []
        self._seats: dict[str, _Seat] = {}

    def __len__(self) -> int:
        return len(self._seats)

    def enter(self, entry: Ranked) -> None:
        """Take in an entry."""
        seat = self._seats[entry.key] = (*self._rank(entry), entry.key)
        heappush(self._heap, seat)
        if len(self._heap) > 2 * len(self._seats) + _FEW:  # mostly those that have gone
            self._compact()

    def leave(self, key: str) -> None:
        """Let an entry go, if it is here."""
        self._seats.pop(key, None)

    def first(self) -> Ranked | None:
        """Find the entry of the least rank; ``None`` when there is none."""
        heap, seats = self._heap, self._seats
        patience = len(heap) // 4 + _FEW
        while heap:
            seat = heap[0]
            key = seat[2]
            if seats.get(key) is not seat:
                heappop(heap)
                continue
            entry = self._entries[key]
            risen = (*self._rank(entry), key)
            if risen == seat:
                return entry
            seats[key] = risen
            heapreplace(heap, risen)
            patience -= 1
            if not patience:
                self.renew(self._entries[key] for key in seats)
        return None

    def renew(self, entries: Iterable[Ranked]) -> None:
        """Begin anew with these entries."""
        seats = {entry.key: (*self._rank(entry), entry.key) for entry in entries}
        self._seats.clear()
        self._seats.update(seats)
        self._compact()

    def _compact(self) -> None:
        self._heap[:] = self._seats.values()
        heapify(self._heap)
