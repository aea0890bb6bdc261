"""What has expired goes by itself: one thread for all caches, while there is something to wait for."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from orchestra_nb import ContextManager
from orchestra_nb.context import sweeper as module
from orchestra_nb.context import tiers
from orchestra_nb.context.sweeper import Sweeper

from .threads import LONG


@pytest.fixture
def sweeper(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sweeper]:
    """One of our own, so that caches of other tests do not keep it awake."""
    made = Sweeper()
    monkeypatch.setattr(tiers, "SWEEPER", made)
    yield made
    ended(made)


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "orchestra-sweeper"]


def ended(made: Sweeper) -> None:
    """Wait until its thread has nothing to wait for."""
    if made.thread is not None:
        made.thread.join(LONG)
    assert not made.runs, "it waits for something for ever"


def test_what_has_expired_goes_though_nobody_asks(sweeper: Sweeper) -> None:
    gone = threading.Event()
    with ContextManager() as cache:
        cache.on("cache:expired", lambda event: gone.set())
        cache.set("k", "v", ttl=0.02)
        assert gone.wait(LONG)
        assert cache._tiers.table.entries == {}
        assert cache._tiers.table.bytes == 0
        ended(sweeper)


def test_one_thread_waits_for_all_caches_and_all_entries(sweeper: Sweeper) -> None:
    gone, count = threading.Event(), []
    before = set(threads())

    def note(event: Any) -> None:
        count.append(event.key)
        if len(count) == 60:
            gone.set()

    caches = [ContextManager() for _ in range(3)]
    for cache in caches:
        cache.on("cache:expired", note)
        for number in range(20):
            cache.set(f"{number}", number, ttl=0.05 + (number % 7) / 100)
    assert len(set(threads()) - before) <= 1
    assert gone.wait(LONG)
    ended(sweeper)


def test_a_sooner_one_is_not_kept_waiting_by_a_later_one(sweeper: Sweeper) -> None:
    gone = threading.Event()
    cache = ContextManager()
    cache.set("later", 1, ttl=3000)
    cache.on("cache:expired", lambda event: gone.set())
    cache.set("sooner", 2, ttl=0.02)
    assert gone.wait(LONG)
    assert cache.keys() == ["later"]
    cache.clear()


@pytest.mark.parametrize("how", ["clear", "invalidate", "close", "forget"])
def test_the_thread_ends_when_there_is_nothing_to_wait_for(sweeper: Sweeper, how: str) -> None:
    cache = ContextManager()
    cache.set("k", "v", ttl=3000)
    assert sweeper.runs
    if how == "forget":
        del cache
        gc.collect()
    elif how == "invalidate":
        cache.invalidate("k")
    else:
        getattr(cache, how)()
    ended(sweeper)


def test_it_does_not_keep_a_cache_alive(sweeper: Sweeper) -> None:
    cache = ContextManager()
    cache.set("k", "v", ttl=3000)
    reference = weakref.ref(cache._tiers)
    del cache
    gc.collect()
    assert reference() is None


def test_a_cache_that_goes_before_its_word_is_read_is_forgotten() -> None:
    class Brief:
        def sweep(self) -> float | None:
            return 1.0

    made, brief = Sweeper(), Brief()
    made._guard = lambda work: None  # type: ignore[assignment]  # no thread reads it meanwhile
    made.arm(brief, 5.0)
    del brief
    gc.collect()
    moments: dict[Any, float] = {}
    made._read(moments)
    assert moments == {}


def test_a_cache_without_lifetimes_needs_no_thread(sweeper: Sweeper) -> None:
    cache = ContextManager(default_ttl=None)
    cache.set("k", "v")
    assert not sweeper.runs


def test_a_sweep_that_raises_hurts_no_other_cache(sweeper: Sweeper, caplog: pytest.LogCaptureFixture) -> None:
    class Bad:
        def sweep(self) -> float | None:
            raise ValueError("no")

    bad, gone = Bad(), threading.Event()
    sweeper.arm(bad, 0.0)
    cache = ContextManager()
    cache.on("cache:expired", lambda event: gone.set())
    cache.set("k", "v", ttl=0.05)
    assert gone.wait(LONG)
    ended(sweeper)
    assert "could not be swept" in caplog.text


def test_where_no_thread_can_begin_values_go_at_the_next_use(sweeper: Sweeper, monkeypatch: pytest.MonkeyPatch) -> None:
    class Never(threading.Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(module.threading, "Thread", Never)
    now = [0.0]
    cache = ContextManager(clock=lambda: now[0])
    cache.set("k", "v", ttl=1)
    now[0] = 2
    assert cache.get("k") is None
    assert cache._tiers.table.entries == {}


CHILD = """
import os, threading
from orchestra_nb import ContextManager
cache = ContextManager()
cache.set("k", [1], ttl=3000)
guards = [cache._tiers._guard, cache._tiers._order]
held, go = threading.Event(), threading.Event()
def hold(rest):
    if rest:
        rest[0](hold, rest[1:])
    else:
        held.set()
        go.wait()
def compute():
    computing.set()
    go.wait()
computing = threading.Event()
threading.Thread(target=cache.get_or_compute, args=("slow", compute), daemon=True).start()
computing.wait()
threading.Thread(target=hold, args=(guards,), daemon=True).start()
held.wait()
pid = os.fork()
if not pid:
    gone = threading.Event()
    assert cache.get("k") == [1]
    assert cache.get_or_compute("slow", lambda: "mine") == "mine"
    cache.on("cache:expired", lambda event: gone.set())
    cache.set("short", "v", ttl=0.02)
    assert gone.wait(60)
    assert cache.invalidate("k")
    os._exit(7)
go.set()
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_a_forked_child_has_a_cache_that_works_whoever_held_its_locks() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD], capture_output=True, text=True, timeout=LONG, check=False, start_new_session=True
    )
    assert done.stdout.strip() == "7", done.stderr
