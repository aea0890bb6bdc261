"""An interrupt before every line of the cache that the main thread executes: no lock stays taken, nothing is torn."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import orchestra_nb.context
from orchestra_nb import ContextManager

from ..interrupting import Injector, apart
from .cache_model import Clock
from .memory_store import MemoryStore
from .threads import at_once

FILES = {str(path) for path in Path(orchestra_nb.context.__file__).parent.glob("*.py")}


class OfTheCache(Injector):
    """Interrupts before lines of the cache."""

    def __init__(self, moments: set[int]) -> None:
        super().__init__(FILES, moments)

    def __enter__(self) -> OfTheCache:
        gc.disable()  # what is collected tells the sweeper so, and an interrupt there is lost
        super().__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        gc.enable()


Work = Callable[[ContextManager], Any]
WORKS: dict[str, Work] = {
    "get": lambda cache: (cache.get("a"), cache.get("expired"), cache.get("none"), cache.get("below")),
    "set": lambda cache: (cache.set("a", "A" * 9), cache.set("new", "same"), cache.set("other", "same")),
    "set what is too heavy": lambda cache: cache.set("a", "x" * 100),
    "get_or_compute": lambda cache: (cache.get_or_compute("a", str), cache.get_or_compute("c", lambda: "computed")),
    "get_or_compute what fails": lambda cache: failed(cache),
    "invalidate": lambda cache: (cache.invalidate("a"), cache.invalidate("b"), cache.invalidate("none")),
    "invalidate_pattern": lambda cache: cache.invalidate_pattern("[ab]*"),
    "clear": lambda cache: cache.clear(),
    "get_metrics": lambda cache: (cache.get_metrics(), cache.get_key_metrics()),
    "sweep": lambda cache: cache._tiers.sweep(),
}


def failing() -> Any:
    raise ValueError("no")


def failed(cache: ContextManager) -> None:
    with suppress(ValueError):
        cache.get_or_compute("c", failing)


def made(below: bool, eviction: str) -> ContextManager:
    clock = Clock()
    store = MemoryStore({"below": "value"}, clock) if below else None
    cache = ContextManager(
        max_bytes=20, default_ttl=None, eviction=eviction, clock=clock, size=len, digest=str, store=store
    )
    for key, value, ttl in (("a", "value", None), ("b", "value", 100.0), ("expired", "old", 1.0), ("d", "dd", None)):
        cache.set(key, value, ttl)
    cache.get("d")
    clock.now = 2.0
    return cache


def sound(cache: ContextManager) -> None:
    """See from another thread that the cache works, and that all its parts say the same."""

    def use() -> str:
        cache.get("d")
        cache.set("probe", "probe")
        assert cache.get("probe") == "probe"
        assert cache.get_or_compute("c", lambda: "computed") == "computed"
        assert cache.invalidate("probe")
        assert cache.get("probe") is None
        assert cache.get("expired") is None
        return "ok"

    assert at_once(use) == ["ok"]
    table = cache._tiers.table
    contents = {id(entry.content): entry.content for entry in table.entries.values()}
    assert table.bytes == sum(content.bytes for content in contents.values()) <= 20
    assert all(
        content.entries == sum(entry.content is content for entry in table.entries.values())
        for content in contents.values()
    )
    assert len(table._order) == len(table.entries)
    assert not cache._tiers.flights.keys()
    while table.entries:  # everything can be evicted
        table._evict()
    assert table.bytes == 0
    table._sound = True


@pytest.mark.parametrize("below", [False, True], ids=["memory", "store"])
@pytest.mark.parametrize("eviction", ["lru", "ttl"])
@pytest.mark.parametrize("name", WORKS)
@apart
def test_an_interrupt_at_any_line_leaves_a_sound_cache(name: str, eviction: str, below: bool) -> None:
    moment, kept = 0, []
    while True:
        moment += 1
        cache = made(below, eviction)
        kept.append(cache)
        interrupted = False
        with OfTheCache({moment}) as injector:
            try:
                WORKS[name](cache)
            except KeyboardInterrupt:
                interrupted = True
        if not injector.raised:
            assert not interrupted
            break
        sound(cache)
    assert moment > 5, "the lines of the cache were not seen"


@pytest.mark.parametrize("work", ["set", "invalidate"])
@apart
def test_an_interrupted_change_brings_no_older_value_back_from_below(work: str) -> None:
    """What was once seen to be newer, or gone, stays so when memory has no room for it any more."""
    moment, kept = 0, []
    while True:
        moment += 1
        cache = ContextManager(max_bytes=20, default_ttl=None, size=len, digest=str, store=MemoryStore({"k": "old"}))
        kept.append(cache)
        assert cache.get("k") == "old"
        with OfTheCache({moment}) as injector, suppress(KeyboardInterrupt):
            cache.set("k", "newer") if work == "set" else cache.invalidate("k")
        seen = cache._tiers.table.entries.get("k")
        cache.set("other", "x" * 20)
        found = cache.get("k")
        if not injector.raised:
            assert found == ("newer" if work == "set" else None)
            break
        if seen is None or seen.value == "newer":
            assert found != "old", moment


@apart
def test_those_who_wait_for_an_interrupted_thread_go_on() -> None:
    moment, kept = 0, []
    while True:
        moment += 1
        cache = ContextManager()
        kept.append(cache)
        waiting, found = threading.Event(), []
        cache.on("cache:miss", partial(tell_when_joined, cache, waiting))

        def wait(cache: ContextManager = cache, found: list[Any] = found) -> None:
            found.append(cache.get_or_compute("k", lambda: "mine"))

        waiter = threading.Thread(target=wait, daemon=True)

        def compute(waiter: threading.Thread = waiter, waiting: threading.Event = waiting) -> str:
            before = sys.gettrace()
            sys.settrace(None)
            waiter.start()
            assert waiting.wait(60)
            sys.settrace(before)
            return "first"

        with OfTheCache({moment}) as injector, suppress(KeyboardInterrupt):
            cache.get_or_compute("k", compute)
        if waiter.ident is not None:
            waiter.join(60)
            assert not waiter.is_alive(), f"it waits for ever, line {moment}"
            assert found in (["first"], ["mine"])
        if not injector.raised:
            assert found == ["first"]
            break


def tell_when_joined(cache: ContextManager, waiting: threading.Event, event: object) -> None:
    if cache._tiers.table.total.joined:
        waiting.set()
