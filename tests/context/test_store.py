"""Memory in front of a store: read-through, write-behind, nothing that comes back, and a store that fails."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from types import SimpleNamespace
from typing import Any

import pytest

from orchestra_nb import ContextManager
from orchestra_nb.context.disk import DiskStore
from orchestra_nb.context.lifetimes import Now
from orchestra_nb.context.store import Store

from .cache_model import Clock
from .memory_store import MemoryStore
from .store_contract import CLAIMS, Make
from .threads import LONG, at_once, often


def on_disk(clock: Clock) -> Store:
    return DiskStore(mkdtemp(), clock=lambda: Now(b"b" * 16, clock.now, 1e9 + clock.now))


STORES: dict[str, Make] = {"memory": lambda clock: MemoryStore(clock=clock), "disk": on_disk}


@pytest.mark.parametrize("make", STORES.values(), ids=STORES)
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)
def test_a_store(claim: Callable[[Make], None], make: Make) -> None:
    claim(make)
    assert isinstance(make(Clock()), Store)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> MemoryStore:
    return MemoryStore(clock=clock)


@pytest.fixture
def cache(clock: Clock, store: MemoryStore) -> ContextManager:
    return ContextManager(max_bytes=10, default_ttl=100, store=store, clock=clock, size=len, digest=repr)


def test_a_miss_in_memory_looks_below_and_keeps_what_it_finds(cache: ContextManager, store: MemoryStore) -> None:
    store.put("k", [1], ttl=50)
    seen: list[str] = []
    cache.on("cache:*", lambda event: seen.append(event.name))
    cache.get("k").append(2)
    assert cache.get("k") == [1]
    assert store.reads.count("k") == 1
    assert seen == ["cache:miss", "cache:promoted", "cache:hit"]
    counted = cache.get_metrics()
    assert (counted.hits, counted.misses, counted.promotions, counted.sets) == (1, 1, 1, 0)


def test_what_comes_from_below_lives_no_longer_here(cache: ContextManager, store: MemoryStore, clock: Clock) -> None:
    store.put("k", "v", ttl=50)
    clock.now = 30
    assert cache.get("k") == "v"
    clock.now = 50
    assert cache.get("k") is None
    store.put("ever", "v")
    cache.get("ever")
    clock.now = 1e6
    assert cache.get("ever") == "v"


def test_what_is_computed_looks_below_first(cache: ContextManager, store: MemoryStore) -> None:
    store.put("k", "v")
    assert cache.get_or_compute("k", lambda: "computed") == "v"
    assert cache.get_metrics().computations == 0


def test_what_is_set_is_written_behind_and_found_by_the_next_cache(cache: ContextManager, store: MemoryStore) -> None:
    cache.set("k", "v", ttl=5)
    cache.get_or_compute("c", lambda: "w")
    assert sorted(store.pending) == ["c", "k"]
    assert not store.kept
    cache.close()
    assert store.closed
    again = ContextManager(store=store)
    assert (again.get("k"), again.get("c")) == ("v", "w")


def test_what_is_evicted_or_too_heavy_is_still_below(cache: ContextManager, store: MemoryStore) -> None:
    cache.set("a", "a" * 8)
    cache.set("b", "b" * 8)
    assert "a" not in cache
    assert cache.get("a") == "a" * 8
    cache.set("large", "x" * 11)
    assert "large" not in cache
    assert cache.get("large") == "x" * 11
    assert cache.get_or_compute("large", str) == "x" * 11


@pytest.mark.parametrize("forget", ["invalidate", "invalidate_pattern", "clear"])
@pytest.mark.parametrize("written", [False, True])
def test_what_is_invalidated_does_not_come_back(
    cache: ContextManager, store: MemoryStore, forget: str, written: bool
) -> None:
    cache.set("k", "v")
    cache.set("evicted", "e" * 10)
    if written:
        store.flush()
    calls: dict[str, Callable[[], Any]] = {
        "invalidate": lambda: [cache.invalidate(key) for key in ("k", "evicted")] == [True, True],
        "invalidate_pattern": lambda: cache.invalidate_pattern("*") == 2,
        "clear": lambda: cache.clear() == 2,
    }
    assert calls[forget]()
    store.flush()
    assert (cache.get("k"), cache.get("evicted")) == (None, None)
    assert not store.kept


def test_what_expired_above_does_not_come_back_from_a_slower_clock(clock: Clock) -> None:
    store = MemoryStore()  # whose clock stands still
    cache = ContextManager(store=store, clock=clock)
    cache.set("k", "v", ttl=5)
    store.flush()
    clock.now = 5
    assert cache.get("k") is None
    assert not store.kept


def test_a_path_is_where_a_store_on_disk_is_opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened = []

    def disk(folder: object) -> MemoryStore:
        opened.append(folder)
        return MemoryStore({"k": "from disk"})

    monkeypatch.setitem(sys.modules, "orchestra_nb.context.disk", SimpleNamespace(DiskStore=disk))
    assert ContextManager(path=tmp_path).get("k") == "from disk"
    assert ContextManager(path=tmp_path, store=MemoryStore()).get("k") is None
    assert opened == [tmp_path]


class Slow(MemoryStore):
    """Lets a test do something between what it has read and what it returns."""

    meanwhile: Callable[[], Any] | None = None

    def get(self, key: str) -> Any:
        found = super().get(key)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return found


@pytest.mark.parametrize("how", ["get", "get_or_compute"])
def test_what_was_read_before_a_change_is_not_kept_after_it(how: str) -> None:
    for change, found in (("invalidate", None), ("set", "newer")):
        store = Slow({"k": "old"})
        cache = ContextManager(store=store)
        at_once_ = {"invalidate": lambda c=cache: c.invalidate("k"), "set": lambda c=cache: c.set("k", "newer")}
        store.meanwhile = lambda do=at_once_[change]: at_once(do)
        if how == "get":
            assert cache.get("k") == found
        else:
            assert cache.get_or_compute("k", lambda: "anew") == "anew"
        if change == "set":
            assert cache.get("k") == "newer"
        else:
            assert "k" not in cache


class Failing(MemoryStore):
    """Raises in the methods that it is told."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        for name in names:
            setattr(self, name, self._fail)

    def _fail(self, *about: Any, **more: Any) -> Any:
        raise OSError("the disk is full")


METHODS = ("get", "put_later", "delete", "keys", "clear", "flush", "close")


@pytest.mark.parametrize("name", [*METHODS, "all"])
def test_a_store_that_fails_is_one_that_has_nothing(name: str, caplog: pytest.LogCaptureFixture) -> None:
    store = Failing(*(METHODS if name == "all" else (name,)))
    seen: list[Any] = []
    with caplog.at_level(logging.WARNING), ContextManager(store=store) as cache:
        cache.on("cache:failed", lambda event: seen.append((event.reason, "k" in cache, cache.keys())))
        cache.set("k", "v")
        assert cache.get("k") == "v"
        assert cache.get("none") is None
        assert cache.get_or_compute("c", lambda: "w") == "w"
        cache.invalidate("k")
        assert cache.get("k") is None
        cache.set("k", "v")
        cache.invalidate_pattern("k*")
        cache.clear()
        assert cache.get("c") is None
    assert [each[0] for each in seen if each[0]][:1] == ["the store raised OSError: the disk is full"]
    assert len([record for record in caplog.records if "store below a cache fails" in record.message]) == 1


def test_what_could_not_be_deleted_below_is_not_read_again() -> None:
    store = MemoryStore({"k": "old"})
    store.delete = Failing("delete").delete  # type: ignore[method-assign]
    cache = ContextManager(store=store)
    cache.invalidate("k")
    assert cache.get("k") is None
    cache.set("k", "new")
    cache.clear()
    assert cache.get("k") is None


def test_what_could_not_be_written_does_not_leave_an_older_value() -> None:
    store = MemoryStore({"k": "old"})
    store.put_later = Failing("put_later").put_later  # type: ignore[method-assign]
    cache = ContextManager(store=store, max_bytes=10, size=len)
    cache.set("k", "new")
    cache.set("other", "x" * 10)
    assert cache.get("k") is None


def test_levels_agree_when_threads_set_and_invalidate_at_once(clock: Clock) -> None:
    store = MemoryStore()
    cache = ContextManager(store=store, clock=clock)
    stop = threading.Barrier(4)

    def worker(number: int) -> str:
        for step in range(300):
            key = "abc"[step % 3]
            if step % 7 == number:
                cache.invalidate(key)
            else:
                cache.set(key, (number, step))
            cache.get(key)
        stop.wait(LONG)
        return "ok"

    with often():
        assert at_once(*[lambda number=number: worker(number) for number in range(4)]) == ["ok"] * 4
    for key in "abc":
        below = store.get(key)
        assert cache.get(key) == (None if below is None else below.value)
