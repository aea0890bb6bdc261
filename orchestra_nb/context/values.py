"""The front of the cache: a value in, a value out, and the checks of what is given, which come before any change.

The hot path is the hit of a value that cannot change: :meth:`Values.get` looks into the table's dictionary, asks the
clock, takes a tick, looks whether anybody listens and whether the value has to be copied, and returns. It takes no lock
and makes no object; keys are not checked, because what is in the table has been. What it writes is what
:meth:`.table.Table.hit` writes, and is spelt out because the call would cost a fourth of all the rest.

Keys are texts that are not empty. A lifetime is a positive, finite number of seconds. ``None`` stands for the policy's
``default_ttl``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from orchestra_nb.config import CachePolicy
from orchestra_nb.context import events
from orchestra_nb.context.content import content_digest
from orchestra_nb.context.entries import Entry, Offer
from orchestra_nb.context.offers import Offers
from orchestra_nb.context.sizes import size_of
from orchestra_nb.context.store import Store, open_store
from orchestra_nb.context.tiers import Tiers
from orchestra_nb.errors import CacheError
from orchestra_nb.events import EventBus
from orchestra_nb.presentation import Presented

NOTHING = object()


class Values(Presented):
    """Values by key; what :class:`.manager.ContextManager` is made of, which says what the parameters are."""

    def __init__(
        self,
        policy: CachePolicy | None = None,
        *,
        store: Store | None = None,
        clock: Callable[[], float] = time.monotonic,
        digest: Callable[[Any], str] = content_digest,
        size: Callable[[Any], int] = size_of,
        bus: EventBus | None = None,
        **knobs: Any,
    ) -> None:
        self.policy = _policy(policy, knobs)
        self._offers = Offers(self.policy.copies, digest, size)
        if store is None and self.policy.path is not None:
            store = open_store(self.policy.path)
        self._tiers = Tiers(self.policy, store, clock, self._offers, bus)
        self._clock = clock
        self._table = self._tiers.table
        self._entries = self._table.entries
        self._ticks = self._table.ticks
        self._bus = self._tiers.bus

    def get(self, key: str, default: Any = None) -> Any:
        """Give the value of a key, or ``default``; what can change is a copy of the caller's own.

        Raises
        ------
        CacheError
            The key is no text, or empty; or the cache has been closed.

        Examples
        --------
        >>> from orchestra_nb import ContextManager
        >>> cache = ContextManager()
        >>> cache.set("rows", [3, 1, 2])
        >>> cache.get("rows").sort()  # a copy of the caller's own
        >>> cache.get("rows"), cache.get("columns", "unknown")
        ([3, 1, 2], 'unknown')
        """
        try:
            entry = self._entries[key]
        except (KeyError, TypeError):  # it has no value, or no hash
            entry = None
        if entry is None or entry.expires <= self._clock():
            return self._missed(key, default)
        entry.uses += 1
        entry.used = next(self._ticks)
        entry.age = self._table.age
        if self._bus.heard:
            self._tiers.tell(events.CacheHit, key)
        return entry.value if entry.copier is None else self._copied(entry, default)

    def set(self, key: str, value: Any, ttl: float | None = None) -> None:
        """Keep a value for ``ttl`` seconds; ``None``: for as long as the policy says.

        What can change is copied, so what the caller does with it later changes nothing here. What is too heavy for
        memory goes to the store alone; what cannot be copied is not kept, and an event (``cache:refused``) says so.

        Raises
        ------
        CacheError
            The key or the lifetime is none; or the cache has been closed.

        Examples
        --------
        >>> from orchestra_nb import ContextManager
        >>> now = [0.0]
        >>> cache = ContextManager(clock=lambda: now[0])
        >>> cache.set("weather", "rain", ttl=60)
        >>> cache.get("weather")
        'rain'
        >>> now[0] = 60.0
        >>> cache.get("weather", "nobody knows")
        'nobody knows'
        """
        self._check(key, ttl)
        offer = self._offer(key, value)
        if offer is None:
            self._tiers.drop([key])
        else:
            self._tiers.put(key, offer, ttl)

    def __contains__(self, key: object) -> bool:
        """Whether memory has a value for a key; counts as nothing."""
        entry = self._table.entries.get(key) if isinstance(key, str) else None
        return entry is not None and entry.expires > self._clock()

    def keys(self) -> list[str]:
        """List the keys that have a value in memory, in no particular order.

        Examples
        --------
        >>> from orchestra_nb import ContextManager
        >>> cache = ContextManager()
        >>> cache.set("b", 2)
        >>> cache.set("a", 1)
        >>> sorted(cache.keys())
        ['a', 'b']
        """
        return [entry.key for entry, _ in self._tiers.entries()]

    # How it is done.

    def _found(self, key: str) -> Any:
        """Give what memory has, to be kept by the caller, or nothing; the hot path."""
        try:
            entry = self._table.hit(key, self._clock())
        except TypeError:  # it has no hash
            entry = None
        if entry is None:
            return NOTHING
        if self._bus.heard:
            self._tiers.tell(events.CacheHit, key)
        return entry.value if entry.copier is None else self._copied(entry, NOTHING)

    def _missed(self, key: str, default: Any) -> Any:
        self._check(key)
        if not self._tiers.below.there:
            self._tiers.missed(key)
            return default
        ticket = self._tiers.ticket(key)
        self._tiers.missed(key)
        offer = self._tiers.promote(key, ticket)
        if offer is not None:
            return offer.value if offer.copier is None else offer.copier(offer.value)
        found = self._found(key) if ticket.stale else NOTHING
        return default if found is NOTHING else found

    def _copied(self, entry: Entry, default: Any) -> Any:
        try:
            return entry.copier(entry.value) if entry.copier is not None else entry.value
        except RecursionError:  # the caller is too deep, and the value is as good as before
            raise
        except Exception as error:
            self._tiers.drop([entry.key])
            self._refused(entry.key, error)
            return default

    def _offer(self, key: str, value: Any, seconds: float = 0.0) -> Offer | None:
        try:
            return self._offers.of(value, seconds)
        except Exception as error:
            self._refused(key, error)
            return None

    def _refused(self, key: str, error: Exception) -> None:
        self._tiers.count("refusals", key)
        self._tiers.tell(events.CacheRefused, key, f"it cannot be copied: {type(error).__name__}: {error}")

    def _check(self, key: str, ttl: float | None = None, fn: Callable[[], Any] = object) -> None:
        if not isinstance(key, str) or not key:
            raise CacheError(f"{key!r} is no key; a key is a text that is not empty, such as 'user:1'")
        if ttl is not None and not _is_lifetime(ttl):
            raise CacheError(f"ttl={ttl!r} for {key!r} must be a positive, finite number of seconds, or None")
        if not callable(fn):
            raise CacheError(f"what computes {key!r} is a {type(fn).__name__}; give a function without parameters")
        self._tiers.check_open()


def _is_lifetime(ttl: object) -> bool:
    return isinstance(ttl, int | float) and not isinstance(ttl, bool) and 0 < ttl <= sys.float_info.max


def _policy(policy: CachePolicy | None, knobs: Mapping[str, Any]) -> CachePolicy:
    return replace(policy, **knobs) if policy is not None else CachePolicy(**knobs)
