"""Memory in front of a store: the table with a lock, a clock, its events, and what lies on disk below it.

Order: every change of memory happens under one lock, and nothing else does: events, copies, digests, disks and
functions are outside. Where there is a store, a change of memory and the order to the store that follows from it
happen under a second lock, which is taken first, so that both levels see the changes of a key in the same order. A hit
takes neither.

Read-through: a value from the store comes into memory with a ticket that was taken before it was read; if the key was
set or invalidated meanwhile, it is dropped. Write-behind: what is set is handed to the store's own queue. What is
invalidated is deleted there before :meth:`Tiers.drop` returns. From before memory changes until the store has its order
the key is not read from it, so that an interrupt in between cannot bring an older value back. What has expired here is
deleted there as well: clocks differ, and the store's must not make a value live again. What is evicted, or too large
for memory, stays there.

Failure: a store that raises is a store that has nothing (:mod:`.below`); each time is an event (``cache:failed``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from math import inf
from typing import Any

from orchestra_nb.config import CachePolicy
from orchestra_nb.context import events
from orchestra_nb.context.below import Below
from orchestra_nb.context.entries import Change, Entry, Offer, Ticket
from orchestra_nb.context.flights import Flights
from orchestra_nb.context.guard import Guard
from orchestra_nb.context.metrics import CacheMetrics, KeyMetrics
from orchestra_nb.context.offers import Offers
from orchestra_nb.context.store import Store
from orchestra_nb.context.sweeper import SWEEPER
from orchestra_nb.context.table import Table
from orchestra_nb.errors import CacheError
from orchestra_nb.events import Event, EventBus

_WITH_BYTES: dict[str, Callable[[float, str, int], Event]] = {
    "set": events.CacheSet,
    "promoted": events.CachePromoted,
    "evicted": events.CacheEvicted,
    "expired": events.CacheExpired,
    "invalidated": events.CacheInvalidated,
}


class Tiers:
    """Both levels.

    Parameters
    ----------
    policy
        What memory keeps.
    store
        What lies below; ``None``: nothing.
    clock
        Seconds that never go back.
    offers
        Makes of what the store has what memory can keep.
    bus
        Where events are published; ``None``: on one of its own.
    """

    def __init__(
        self,
        policy: CachePolicy,
        store: Store | None,
        clock: Callable[[], float],
        offers: Offers,
        bus: EventBus | None = None,
    ) -> None:
        self.bus = bus if bus is not None else EventBus()
        self.clock = clock
        self.table = Table(policy)
        self.flights = Flights()
        self.closed = False
        self._policy = policy
        self._offers = offers
        self.below = Below(store)
        self._began = clock()
        self._armed: float | None = None
        self._guard = Guard(self._forked)
        self._order = Guard(self.flights.detach_all)

    # Questions.

    def find(self, key: str) -> Entry | None:
        """Find a key's value in memory, and count the hit."""
        entry = self.table.hit(key, self.clock())
        if entry is not None and self.bus.heard:
            self.tell(events.CacheHit, key)
        return entry

    def missed(self, key: str, *, joined: bool = False) -> None:
        """Count a question that memory could not answer; one that joined another asker."""
        self.settle(self._change(self._miss, key, joined))
        if self.bus.heard:
            self.tell(events.CacheMiss, key)

    def ticket(self, key: str) -> Ticket:
        """Take note of a key before it is read or computed."""
        return self._guard(self.table.ticket, key)

    def promote(self, key: str, ticket: Ticket) -> Offer | None:
        """Ask the store; what it has comes into memory, unless the key has changed since the ticket was taken."""
        record = self.below.get(key)
        self._tell_failures()
        if record is None:
            return None
        offer = self._offers.of_record(record)
        return offer if self.put(key, offer, record.ttl, ticket) else None

    def keys(self) -> set[str]:
        """All keys that have a value here or below, or are about to get one."""
        found = self._guard(lambda: {*self.table.entries, *self.table.watched(), *self.flights.keys()})
        found.update(self.below.keys())
        return found

    def entries(self) -> list[tuple[Entry, float | None]]:
        """All that lives in memory, with the seconds that it has left; not counted as hits."""
        now = self.clock()
        found = self._guard(lambda: list(self.table.entries.values()))
        return [(each, None if each.expires == inf else each.expires - now) for each in found if each.expires > now]

    def metrics(self) -> CacheMetrics:
        """All counts."""
        self.settle(self._change(self.table.expire))
        return self._guard(self.table.metrics)

    def key_metrics(self) -> tuple[KeyMetrics, ...]:
        """The counts of each key."""
        self.settle(self._change(self.table.expire))
        return self._guard(self.table.key_metrics, self.clock())

    # Changes.

    def put(self, key: str, offer: Offer, ttl: float | None, ticket: Ticket | None = None) -> bool:
        """Keep a value; in the store too, unless it comes from there. ``False``: the ticket was stale."""
        if offer.promoted:
            changes = self._change(self._put, key, offer, ttl, ticket)
        else:
            lifetime = self._policy.default_ttl if ttl is None else ttl
            changes = self._order(self._put_both, key, offer, lifetime, ticket)
        taken = not any(change.kind == "stale" for change in changes)
        if taken and not offer.promoted:
            self.flights.detach(key)
        self.settle(changes)
        return taken

    def drop(self, keys: Iterable[str]) -> int:
        """Take values away, here and below; how many keys had one."""
        given = list(keys)
        changes, found = self._order(self._drop_both, given)
        for key in given:
            self.flights.detach(key)
        self.settle(changes)
        return len(found)

    def clear(self) -> int:
        """Take everything away; how many keys had a value."""
        changes, found = self._order(self._clear_both)
        self.flights.detach_all()
        self.settle(changes)
        return len(found)

    def count(self, what: str, key: str) -> None:
        """Count something of a key."""
        self._guard(self.table.count, what, key)

    def sweep(self) -> float | None:
        """Let go what is due; the seconds until the next, or ``None``."""
        changes, seconds = self._guard(self._swept)
        self.settle(changes)
        return seconds

    def close(self) -> None:
        """Let go everything in memory, and close the store when it has written what it was given."""
        self.closed = True
        self._change(self.table.drop, list(self.table.entries))
        self.below.close()
        self._tell_failures()

    # What is told.

    def tell(self, kind: Callable[..., Event], *about: Any) -> None:
        """Publish an event, if anybody listens. Never while a lock is held."""
        if self.bus.heard:
            self.bus.publish(kind(self.clock() - self._began, *about))

    def settle(self, changes: list[Change]) -> None:
        """Do what follows from changes, when the locks are free again."""
        if changes and self.below.there and (expired := [each.key for each in changes if each.kind == "expired"]):
            self._order(self._forget_below, expired)
        if self.bus.heard:
            for change in changes:
                self._publish(change)
        self._tell_failures()

    def _tell_failures(self) -> None:
        failures = self.below.failures
        while failures:
            with suppress(IndexError):  # another thread was quicker
                self.tell(events.CacheFailed, *failures.popleft())

    def _publish(self, change: Change) -> None:
        if change.kind == "refused":
            why = f"it weighs {change.bytes:,} bytes, and all of memory may hold {self._policy.max_bytes:,}"
            self.tell(events.CacheRefused, change.key, why)
        elif change.kind != "stale":
            self.tell(_WITH_BYTES[change.kind], change.key, change.bytes)

    # Under the lock of memory.

    def _change(self, work: Callable[..., list[Change]], *args: Any) -> list[Change]:
        return self._guard(self._changed, work, args)

    def _changed(self, work: Callable[..., list[Change]], args: tuple[Any, ...]) -> list[Change]:
        now = self.clock()
        changes = work(*args, now=now)
        self.below.distrust(each.key for each in changes if each.kind == "expired")
        due = self.table.next_expiry()
        if due is None:
            if self._armed is not None:
                SWEEPER.arm(self, None)
                self._armed = None  # last: an interrupt before it means that this is said again
        elif self._armed is None or due < self._armed:
            SWEEPER.arm(self, due - now)
            self._armed = due
        return changes

    def _miss(self, key: str, joined: bool, now: float) -> list[Change]:
        if joined:
            self.table.count("joined", key)
        return self.table.miss(key, now)

    def _put(
        self, key: str, offer: Offer, lifetime: float | None, ticket: Ticket | None, *, now: float
    ) -> list[Change]:
        if not offer.promoted and (ticket is None or not ticket.stale):
            self.below.distrust([key])  # until it has been written there: an interrupt may come between
        return self.table.put(key, offer, inf if lifetime is None else now + lifetime, now, ticket)

    def _swept(self) -> tuple[list[Change], float | None]:
        now = self.clock()
        changes = self.table.expire(now)
        self.below.distrust(each.key for each in changes)
        self._armed = due = self.table.next_expiry()
        return changes, None if due is None else due - now

    def _forked(self) -> None:
        self._armed = None

    # Under the lock of both levels.

    def _put_both(self, key: str, offer: Offer, lifetime: float | None, ticket: Ticket | None) -> list[Change]:
        changes = self._change(self._put, key, offer, lifetime, ticket)
        if not any(each.kind == "stale" for each in changes):
            self.below.write(key, offer.value, lifetime)
        return changes

    def _drop_both(self, keys: Iterable[str]) -> tuple[list[Change], set[str]]:
        self.below.distrust(keys)
        changes = self._change(self.table.drop, keys)
        found = {change.key for change in changes if change.kind == "invalidated"}
        found.update(key for key in keys if self.below.delete(key))
        return changes, found

    def _clear_both(self) -> tuple[list[Change], set[str]]:
        changes, found = self._drop_both(self.keys())
        self.below.clear()
        return changes, found

    def _forget_below(self, keys: list[str]) -> None:
        for key in keys:
            if key not in self.table.entries:
                self.below.delete(key)

    def check_open(self) -> None:
        """See that the cache is in use.

        Raises
        ------
        CacheError
            It has been closed.
        """
        if self.closed:
            raise CacheError("this cache has been closed; make another one")
