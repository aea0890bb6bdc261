"""The cache that users hold: values by key, for a while, within a number of bytes, computed once however many ask.

What it promises, and where that is done: what is kept and what goes first (:mod:`.table`, :mod:`.eviction`); that
nobody changes what is cached (:mod:`.copying`); that a missing key is computed once (:mod:`.flights`,
:mod:`.computing`); memory in front of a store, and one lock around each change (:mod:`.tiers`, :mod:`.guard`); that
what has expired goes by itself (:mod:`.sweeper`); patterns in bounded time (:mod:`.patterns`); JSON that can be read
without trust (:mod:`.portable`); the hot path, and what a key and a lifetime are (:mod:`.values`). Here are only the
other public names.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from orchestra_nb.config import CachePolicy
from orchestra_nb.context import events, portable
from orchestra_nb.context.computing import Computing
from orchestra_nb.context.content import content_digest
from orchestra_nb.context.context import Context
from orchestra_nb.context.metrics import CacheMetrics, KeyMetrics
from orchestra_nb.context.patterns import Pattern, matching
from orchestra_nb.context.sizes import size_of
from orchestra_nb.context.store import Store
from orchestra_nb.context.values import NOTHING, Values
from orchestra_nb.events import EventBus, Subscriber

if TYPE_CHECKING:
    from types import TracebackType


class ContextManager(Values):
    """A cache.

    Parameters
    ----------
    policy
        What is kept, for how long, and what goes first.
    store
        What keeps values beyond this process, instead of the one in the policy's ``path``; closed with the cache.
    clock
        Seconds that never go back.
    digest
        Says what content a value has, equal for equal content; raises where it cannot.
    size
        Says how many bytes a value weighs.
    bus
        Where events are published; ``None``: on one of its own, see :meth:`on`.
    **knobs
        Fields of :class:`~orchestra_nb.config.CachePolicy`, instead of ``policy`` or to change it.

    Raises
    ------
    ConfigError
        A knob with an impossible value.
    TypeError
        A knob that does not exist.

    Examples
    --------
    >>> cache = ContextManager(max_bytes=1_000_000, default_ttl=60)
    >>> cache.set("answer", [42])
    >>> cache.get("answer").append(0)
    >>> cache.get("answer")
    [42]
    >>> cache.get_or_compute("slow", lambda: "computed once"), cache.get_or_compute("slow", lambda: "not again")
    ('computed once', 'computed once')
    >>> cache.invalidate_pattern("an*"), cache.get("answer", "gone")
    (1, 'gone')
    >>> cache.get_metrics().hits, cache.get_metrics().misses
    (3, 2)
    """

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
        super().__init__(policy, store=store, clock=clock, digest=digest, size=size, bus=bus, **knobs)
        self._computing = Computing(self._tiers, self._offer)

    # Computing.

    def get_or_compute(self, key: str, fn: Callable[[], Any], ttl: float | None = None) -> Any:
        """Give the value of a key; where there is none, call ``fn()`` and keep what it returns.

        However many threads and tasks ask meanwhile, one calls its function, and the others wait. An exception goes to
        all of them and is not remembered. When the one who computes is interrupted or cancelled, the next one tries.

        Raises
        ------
        CacheError
            The key or the lifetime is none; ``fn`` has to be awaited; or waiting would never end, because ``fn`` needs
            the key that it computes, or the event loop of this thread computes it.

        Examples
        --------
        >>> cache, computed = ContextManager(), []
        >>> def slow():
        ...     computed.append("once")
        ...     return 42
        >>> cache.get_or_compute("answer", slow, ttl=60), cache.get_or_compute("answer", slow), computed
        (42, 42, ['once'])
        """
        if ttl is not None or not callable(fn):
            self._check(key, ttl, fn)
        found = self._found(key)
        if found is not NOTHING:
            return found
        self._check(key, ttl, fn)
        return self._computing.run(key, fn, ttl)

    async def get_or_compute_async(self, key: str, fn: Callable[[], Any], ttl: float | None = None) -> Any:
        """Give the value of a key, as :meth:`get_or_compute`, while the event loop goes on.

        ``fn`` is a coroutine function, or an ordinary one, which is called in a thread.

        Examples
        --------
        However many tasks ask, one computes:

        >>> import asyncio
        >>> cache, computed = ContextManager(), []
        >>> async def slow():
        ...     computed.append("once")
        ...     await asyncio.sleep(0)
        ...     return 42
        >>> async def both():
        ...     return await asyncio.gather(*(cache.get_or_compute_async("answer", slow) for _ in range(2)))
        >>> asyncio.run(both()), computed
        ([42, 42], ['once'])
        """
        if ttl is not None or not callable(fn):
            self._check(key, ttl, fn)
        found = self._found(key)
        if found is not NOTHING:
            return found
        self._check(key, ttl, fn)
        return await self._computing.run_async(key, fn, ttl)

    def create_child(self, parent: Mapping[str, Any] | None = None, values: Mapping[str, Any] | None = None) -> Context:
        """Make a context that sees its parent's values and has values of its own.

        Examples
        --------
        >>> child = ContextManager().create_child({"path": "data.csv", "seed": 1}, {"seed": 2})
        >>> child["path"], child["seed"]
        ('data.csv', 2)
        """
        return Context(values, parent)

    # What is not true any more.

    def invalidate(self, key: str) -> bool:
        """Take a key's value away, in memory and in the store; whether there was one.

        What is being computed for the key is given to those who wait for it, and not kept; who asks from now on
        computes anew.

        Examples
        --------
        >>> cache = ContextManager()
        >>> cache.set("answer", 42)
        >>> cache.invalidate("answer"), cache.invalidate("answer"), cache.get("answer", "gone")
        (True, False, 'gone')
        """
        self._check(key)
        return self._tiers.drop([key]) > 0

    def invalidate_pattern(self, pattern: Pattern) -> int:
        """Take away the values of all keys that a pattern means; how many there were.

        Parameters
        ----------
        pattern
            A glob such as ``"user:*"``; an ``re.Pattern``, which is searched for in the keys; or a function of a key.

        Raises
        ------
        CacheError
            The pattern is none of these, or could take too long; nothing has changed then.

        Notes
        -----
        The keys are those of the moment of the call; those that are being computed belong to them.

        Examples
        --------
        >>> import re
        >>> cache = ContextManager()
        >>> for key in ("user:1", "user:2", "page:1", "page:2"):
        ...     cache.set(key, key.upper())
        >>> cache.invalidate_pattern("user:*"), cache.invalidate_pattern(re.compile("2$"))
        (2, 1)
        >>> cache.invalidate_pattern(lambda key: len(key) > 3), cache.keys()
        (1, [])
        """
        self._tiers.check_open()
        return self._tiers.drop(matching(pattern, sorted(self._tiers.keys())))

    def clear(self) -> int:
        """Take everything away, in memory and in the store; how many keys had a value.

        Examples
        --------
        >>> cache = ContextManager()
        >>> cache.set("answer", 42)
        >>> cache.clear(), cache.keys()
        (1, [])
        """
        self._tiers.check_open()
        return self._tiers.clear()

    # What it tells.

    def get_metrics(self) -> CacheMetrics:
        """Count what has happened so far; the answer does not change afterwards.

        Examples
        --------
        >>> cache = ContextManager()
        >>> cache.set("answer", 42)
        >>> _ = cache.get("answer"), cache.get("question")
        >>> metrics = cache.get_metrics()
        >>> metrics.hits, metrics.misses, metrics.entries
        (1, 1, 1)
        """
        return self._tiers.metrics()

    def get_key_metrics(self) -> tuple[KeyMetrics, ...]:
        """Count what has happened to each key; what :attr:`frame` shows.

        Examples
        --------
        >>> cache = ContextManager()
        >>> cache.set("answer", 42)
        >>> _ = cache.get("answer"), cache.get("answer")
        >>> [(each.key, each.hits) for each in cache.get_key_metrics()]
        [('answer', 2)]
        """
        return self._tiers.key_metrics()

    def on(self, event_glob: str, fn: Subscriber) -> Callable[[], None]:
        """Call ``fn(event)`` for each event whose name matches, such as ``"cache:*"``; returns what undoes it.

        It is called in step, by the thread whose use of the cache made it happen, and before that returns.

        Examples
        --------
        >>> cache, seen = ContextManager(), []
        >>> stop = cache.on("cache:*", lambda event: seen.append((event.name, event.key)))
        >>> _ = cache.get("answer")
        >>> cache.set("answer", 42)
        >>> _ = cache.get("answer")
        >>> stop()
        >>> seen
        [('cache:miss', 'answer'), ('cache:set', 'answer'), ('cache:hit', 'answer')]
        """
        return self._bus.on(event_glob, fn, inline=True)

    def __repr__(self) -> str:
        table = self._table
        room = f"{table.bytes:,} of {self.policy.max_bytes:,} bytes"
        return f"ContextManager({len(table.entries):,} entries, {room}, {self.policy.eviction})"

    # Files.

    def export(self, path: str | os.PathLike[str] | None = None, *, allow_pickle: bool = False) -> str:
        """Write what memory has as JSON; returns the text, and writes it to a file if one is named.

        Values that only pickle can write are left out, and counted in the text and in an event (``cache:exported``),
        unless ``allow_pickle`` is true.

        Raises
        ------
        CacheError
            The file cannot be written.

        Examples
        --------
        >>> cache, other = ContextManager(), ContextManager()
        >>> cache.set("answer", {"value": 42})
        >>> other.import_(cache.export()), other.get("answer")
        (1, {'value': 42})
        """
        self._tiers.check_open()
        items = [portable.Item(entry.key, entry.value, ttl) for entry, ttl in self._tiers.entries()]
        made = portable.export(items, time.time(), allow_pickle=allow_pickle)
        if path is not None:
            portable.write(made.text, path)
        self._tiers.tell(events.CacheExported, made.entries, made.left_out)
        return made.text

    def import_(self, source: str | bytes | os.PathLike[str], allow_pickle: bool = False) -> int:
        """Read what :meth:`export` wrote, from a file or from the text itself; how many values came in.

        All or nothing: when anything in it is wrong, nothing is imported. Nothing is unpickled unless ``allow_pickle``
        is true, which is for files whose author you trust as if they were programs.

        Raises
        ------
        CacheError
            It cannot be read, is damaged, or needs pickle.

        Examples
        --------
        >>> cache = ContextManager()
        >>> cache.set("answer", 42)
        >>> told = cache.export()
        >>> _ = cache.clear()
        >>> cache.import_(told), cache.get("answer")
        (1, 42)
        >>> cache.import_(told[:-5])
        Traceback (most recent call last):
        orchestra_nb.errors.CacheError: this is no export of a cache that can be read: it is no JSON: ...; nothing was
        imported
        """
        self._tiers.check_open()
        items = portable.read(portable.load(source), time.time(), allow_pickle=allow_pickle)
        for item, offer in [(item, self._offers.of_own(item.value)) for item in items]:
            self._tiers.put(item.key, offer, item.ttl)
        self._tiers.tell(events.CacheImported, len(items))
        return len(items)

    def close(self) -> None:
        """Write what is on its way to the store, and let everything go; may be called again.

        Examples
        --------
        >>> cache = ContextManager()
        >>> cache.close()
        >>> cache.get("answer")
        Traceback (most recent call last):
        orchestra_nb.errors.CacheError: this cache has been closed; make another one
        """
        self._tiers.close()

    def __enter__(self) -> ContextManager:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
