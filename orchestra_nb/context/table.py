"""The cache as a machine without clock, locks, threads or files: state and time in, decisions out.

Data: one dictionary of entries, which is the truth; all else (contents by digest, bytes, the order of eviction, the
order of expiry) follows from it. Equal contents are one :class:`Content` that entries refer to, stored and weighed
once, and gone with its last entry.

Order of a change: what expired goes, then what the key had, then victims until there is room, and only then the new
entry comes in; so the weight is at most ``max_bytes`` after any step, and not only after the last. What is heavier
than that is refused, and the key's old value is gone all the same, because it is not true any more.

Failure: an interrupt may strike between any two lines. A change therefore marks the table as unsound before it begins
and as sound when it has ended, and whoever comes next mends what follows from the entries. An interrupted change has
either happened, or has not, or its key has no value any more, which a cache may always say.

The hot path is :meth:`Table.hit`, the only method that may be called by many threads at once and without a lock, also
in the middle of a change: it reads one dictionary, and writes to the entry that it found when it was used (a tick of an
``itertools.count``, which is one step in C), how often, and at which age of the cache. Nothing is moved:
:mod:`.eviction` makes an exact order of it later. An entry is never changed otherwise; a new value is a new entry.

Late values: who computes or reads takes a :class:`Ticket` before. Any change of the key makes the ticket stale, and
what comes with a stale ticket is not taken in, so nothing that was asked for earlier overwrites something newer.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import asdict
from math import inf
from typing import Literal
from weakref import WeakValueDictionary

from orchestra_nb.config import CachePolicy
from orchestra_nb.context.entries import Change, Content, Entry, Offer, Ticket, Watch
from orchestra_nb.context.eviction import RANKS, Order, Rank, Ranked
from orchestra_nb.context.metrics import MOST_GONE, CacheMetrics, KeyMetrics, Tallies, Tally


def _by_expiry(entry: Ranked) -> Rank:
    return entry.expires, 0


class Table:
    """The machine.

    Parameters
    ----------
    policy
        What is kept, and what goes first.
    most_gone
        Keys without a value whose counts are remembered.

    Examples
    --------
    >>> table = Table(CachePolicy(max_bytes=10))
    >>> table.put("a", Offer("A", 6), expires=5.0, now=0.0)
    [Change(kind='set', key='a', bytes=6)]
    >>> table.put("b", Offer("B", 6), expires=5.0, now=1.0)
    [Change(kind='evicted', key='a', bytes=6), Change(kind='set', key='b', bytes=6)]
    >>> table.hit("b", now=2.0).value, table.hit("a", now=2.0)
    ('B', None)
    >>> table.expire(now=5.0)
    [Change(kind='expired', key='b', bytes=6)]
    """

    def __init__(self, policy: CachePolicy, most_gone: int = MOST_GONE) -> None:
        self._policy = policy
        self._most_entries = inf if policy.max_entries is None else policy.max_entries
        self.entries: dict[str, Entry] = {}
        self.bytes = 0
        """What all contents weigh."""
        self.age = 0.0
        """The rank of the last victim of LFU."""
        self.total = Tally()
        self.tallies = Tallies(most_gone)
        self._contents: dict[str, Content] = {}
        self._order = Order(self.entries, RANKS[policy.eviction])
        self._expiry = Order(self.entries, _by_expiry)
        self._watches: WeakValueDictionary[str, Watch] = WeakValueDictionary()
        self.ticks = itertools.count()
        self._spent = 0
        """Ticks that were no hit."""
        self._sound = True

    # The hot path.

    def hit(self, key: str, now: float) -> Entry | None:
        """Find what a key has, and take note that it was used; ``None`` when it has nothing, or its time is up."""
        entry = self.entries.get(key)
        if entry is None or entry.expires <= now:
            return None
        entry.uses += 1
        entry.used = next(self.ticks)
        entry.age = self.age
        return entry

    # Changes. One at a time.

    def put(self, key: str, offer: Offer, expires: float, now: float, ticket: Ticket | None = None) -> list[Change]:
        """Give a key a value until ``expires``; with a ticket that is stale, leave everything as it is."""
        changes = self.expire(now)
        if ticket is not None and ticket.stale:
            return [*changes, Change("stale", key, offer.bytes)]
        self._begin()
        if not offer.promoted:  # else it is what it was
            self._changed(key)
        old = self._take(key)
        if offer.bytes > self._policy.max_bytes:
            self.count("refusals", key)
            self.tallies.gone(key)
            changes.append(Change("refused", key, offer.bytes))
        else:
            changes += self._insert(key, offer, expires, old)
        self._sound = True
        return changes

    def drop(self, keys: Iterable[str], now: float) -> list[Change]:
        """Take the values of some keys away."""
        changes = self.expire(now)
        self._begin()
        for key in keys:
            self._changed(key)
            entry = self._take(key)
            if entry is not None:
                self.count("invalidations", key)
                self.tallies.gone(key)
                changes.append(Change("invalidated", key, entry.content.bytes))
        self._sound = True
        return changes

    def expire(self, now: float) -> list[Change]:
        """Let go what is due."""
        if self._sound and ((due := self._expiry.first()) is None or due.expires > now):
            return []
        self._begin()
        changes = []
        while (due := self._expiry.first()) is not None and due.expires <= now:
            changes.append(self._let_go(due.key, "expired", "expirations"))
        self._sound = True
        return changes

    def miss(self, key: str, now: float) -> list[Change]:
        """Count a question that nothing answered."""
        changes = self.expire(now)
        self.count("misses", key)
        if key not in self.entries:
            self.tallies.gone(key)
        return changes

    def next_expiry(self) -> float | None:
        """Say when something is due next."""
        due = self._expiry.first()
        return None if due is None else due.expires

    # Tickets.

    def ticket(self, key: str) -> Ticket:
        """Begin to watch a key, as long as the ticket is held."""
        watch = self._watches.get(key)
        if watch is None:
            watch = self._watches[key] = Watch()
        return Ticket(watch, watch.changes)

    def watched(self) -> list[str]:
        """List the keys that somebody is about to give a value."""
        return list(self._watches.keys())

    def _changed(self, key: str) -> None:
        if self._watches and (watch := self._watches.get(key)) is not None:
            watch.changes += 1

    # Counts.

    def count(self, what: str, key: str) -> None:
        """Add one to a count of a key, and of all."""
        for tally in (self.total, self.tallies.of(key)):
            setattr(tally, what, getattr(tally, what) + 1)

    def count_hits(self) -> int:
        """Say how many hits there were in all. One at a time, as a change."""
        found = next(self.ticks) - self._spent
        self._spent += 1
        return found

    def deduplicated(self) -> int:
        """Say how many bytes are saved because equal contents are stored once."""
        return sum((content.entries - 1) * content.bytes for content in self._contents.values())

    def metrics(self) -> CacheMetrics:
        """Make a snapshot of all counts."""
        counts = {**asdict(self.total), "hits": self.count_hits(), "seconds_saved": self.seconds_saved()}
        room = {"entries": len(self.entries), "bytes": self.bytes, "max_bytes": self._policy.max_bytes}
        return CacheMetrics(**counts, **room, deduplicated=self.deduplicated())

    def key_metrics(self, now: float) -> tuple[KeyMetrics, ...]:
        """Make a snapshot of the counts of each key."""
        return tuple(self._of_key(key, tally, now) for key, tally in self.tallies)

    def _of_key(self, key: str, tally: Tally, now: float) -> KeyMetrics:
        counts, entry = asdict(tally), self.entries.get(key)
        if entry is None:
            return KeyMetrics(key=key, cached=False, bytes=0, ttl=None, **counts)
        counts["hits"] += entry.hits
        counts["seconds_saved"] += entry.hits * entry.seconds
        ttl = None if entry.expires == inf else entry.expires - now
        return KeyMetrics(key=key, cached=True, bytes=entry.content.bytes, ttl=ttl, **counts)

    def seconds_saved(self) -> float:
        """Say what the computing of all that was hit would have taken."""
        return self.total.seconds_saved + sum(entry.hits * entry.seconds for entry in self.entries.values())

    # How it is done.

    def _begin(self) -> None:
        if not self._sound:
            self.mend()
        self._sound = False

    def mend(self) -> None:
        """Derive everything from the entries anew."""
        self._contents.clear()
        contents = {id(entry.content): entry.content for entry in self.entries.values()}
        for content in contents.values():
            content.entries = 0
            if content.digest is not None:
                self._contents[content.digest] = content
        for entry in self.entries.values():
            entry.content.entries += 1
        self.bytes = sum(content.bytes for content in contents.values())
        self._order.renew(self.entries.values())
        self._expiry.renew(entry for entry in self.entries.values() if entry.expires < inf)
        self.tallies.renew(set(self.entries))

    def _insert(self, key: str, offer: Offer, expires: float, old: Entry | None) -> list[Change]:
        changes = []
        content = self._contents.get(offer.digest) if offer.digest is not None else None
        if content is None:
            content = Content(offer.value, offer.bytes, offer.copier, offer.digest)
        new = 0 if content.entries else offer.bytes
        content.entries += 1  # first: its other keys may be the victims
        while self.bytes + new > self._policy.max_bytes or len(self.entries) >= self._most_entries:
            changes.append(self._evict())
        self.bytes += new
        if content.digest is not None:
            self._contents[content.digest] = content
        uses = 1 if old is None else old.uses + 1
        kept = content.value, content.copier, expires, content, offer.seconds
        entry = Entry(key, *kept, first=uses, uses=uses, used=next(self.ticks), age=self.age)
        self._spent += 1
        self._order.enter(entry)
        if expires < inf:
            self._expiry.enter(entry)
        self.count("promotions" if offer.promoted else "sets", key)
        self.tallies.living(key)
        self.entries[key] = entry
        return [*changes, Change("promoted" if offer.promoted else "set", key, offer.bytes)]

    def _evict(self) -> Change:
        victim = self._order.first()
        assert victim is not None, "there is weight without an entry"
        if self._policy.eviction == "lfu":
            self.age = max(self.age, victim.uses + victim.age)
        return self._let_go(victim.key, "evicted", "evictions")

    def _let_go(self, key: str, kind: Literal["evicted", "expired"], count: str) -> Change:
        entry = self._take(key)
        assert entry is not None, "only what has a value can lose it"
        self.count(count, key)
        self.tallies.gone(key)
        return Change(kind, key, entry.content.bytes)

    def _take(self, key: str) -> Entry | None:
        """Take an entry out, with what nobody else needs; its hits stay counted."""
        entry = self.entries.pop(key, None)
        if entry is None:
            return None
        self._order.leave(key)
        self._expiry.leave(key)
        content = entry.content
        content.entries -= 1
        if not content.entries:
            self.bytes -= content.bytes
            if content.digest is not None:
                self._contents.pop(content.digest, None)
        tally = self.tallies.of(key)
        tally.hits += entry.hits
        tally.seconds_saved += entry.hits * entry.seconds
        self.total.seconds_saved += entry.hits * entry.seconds
        return entry
