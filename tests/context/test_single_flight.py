"""Single flight: one computes, all get it; whoever dies hands on, whoever would wait for himself is told."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from orchestra_nb import CacheError, ContextManager
from orchestra_nb.context.computing import Computing

from .threads import LONG, at_once, often

MANY = 50


class Crowd:
    """A computation that ends when so many have asked: the cache's own count of joined askers says when."""

    def __init__(self, cache: ContextManager, askers: int) -> None:
        self.cache, self.askers = cache, askers
        self.calls = 0
        self._all = threading.Event()
        cache.on("cache:miss", self._asked)

    def _asked(self, event: Any) -> None:
        self.askers -= 1
        if self.askers <= 0:
            self._all.set()

    def __call__(self) -> Any:
        self.calls += 1
        assert self._all.wait(LONG), "not all have asked"
        return [self.calls]

    def fail(self) -> Any:
        self()
        raise ValueError("no")

    async def later(self) -> Any:
        self.calls += 1
        while not self._all.is_set():  # the tasks of this loop have to ask meanwhile
            await asyncio.sleep(0)
        return [self.calls]


@pytest.fixture
def cache() -> ContextManager:
    return ContextManager()


def ask(cache: ContextManager, fn: Callable[[], Any], key: str = "k") -> Callable[[], Any]:
    return lambda: cache.get_or_compute(key, fn)


def test_fifty_threads_compute_a_missing_key_once(cache: ContextManager) -> None:
    crowd = Crowd(cache, MANY)
    with often():
        found = at_once(*[ask(cache, crowd)] * MANY)
    assert found == [[1]] * MANY
    assert len(set(map(id, found))) == MANY, "two share a list"
    counted = cache.get_metrics()
    assert (crowd.calls, counted.computations, counted.joined, counted.misses) == (1, 1, MANY - 1, MANY)


def test_fifty_tasks_compute_a_missing_key_once(cache: ContextManager) -> None:
    crowd = Crowd(cache, MANY)

    async def all_ask() -> list[Any]:
        return await asyncio.gather(*(cache.get_or_compute_async("k", crowd.later) for _ in range(MANY)))

    assert asyncio.run(all_ask()) == [[1]] * MANY
    assert crowd.calls == 1


@pytest.mark.parametrize("leader", ["later", "__call__"])
def test_threads_and_tasks_of_two_loops_share_one_flight(cache: ContextManager, leader: str) -> None:
    crowd = Crowd(cache, 2 * MANY)

    async def all_ask() -> list[Any]:
        asked = (cache.get_or_compute_async("k", getattr(crowd, leader)) for _ in range(MANY // 2))
        return await asyncio.gather(*asked)

    threads = [ask(cache, crowd)] * MANY
    found = at_once(*[lambda: asyncio.run(all_ask())] * 2, *threads)
    assert found[0] == found[1] == [[1]] * (MANY // 2)
    assert found[2:] == [[1]] * MANY
    assert crowd.calls == 1


def test_a_plain_function_runs_in_a_thread_and_the_loop_goes_on(cache: ContextManager) -> None:
    go = threading.Event()

    async def both() -> Any:
        asked = asyncio.ensure_future(cache.get_or_compute_async("k", lambda: go.wait(LONG) and "v"))
        await asyncio.sleep(0)
        go.set()  # the loop that would have to be free for this is free
        return await asked

    assert asyncio.run(both()) == "v"


async def coroutine() -> str:
    await asyncio.sleep(0)
    return "v"


class Callable_:
    async def __call__(self) -> str:
        return await coroutine()


@pytest.mark.parametrize("fn", [coroutine, partial(coroutine), lambda: coroutine(), Callable_()])
def test_whatever_has_to_be_awaited_is(cache: ContextManager, fn: Any) -> None:
    assert asyncio.run(cache.get_or_compute_async("k", fn)) == "v"
    assert cache.get("k") == "v"


def test_without_await_that_is_an_error(cache: ContextManager) -> None:
    with pytest.raises(CacheError, match="get_or_compute_async"):
        cache.get_or_compute("k", coroutine)
    assert "k" not in cache


def test_an_error_goes_to_all_who_wait_and_is_not_remembered(cache: ContextManager) -> None:
    crowd = Crowd(cache, MANY)
    found = at_once(*[ask(cache, crowd.fail)] * MANY)
    assert {type(error) for error in found} == {ValueError}
    assert len(set(map(id, found))) == 1
    assert crowd.calls == 1
    assert "k" not in cache
    assert cache.get_or_compute("k", lambda: "anew") == "anew"


def length(error: BaseException) -> int:
    found, traceback = 0, error.__traceback__
    while traceback is not None:
        found, traceback = found + 1, traceback.tb_next
    return found


def test_its_traceback_does_not_grow_with_those_who_wait(cache: ContextManager) -> None:
    lengths = []
    for askers in (2, MANY):
        crowd = Crowd(cache, askers)
        found = at_once(*[ask(cache, crowd.fail)] * askers)
        lengths.append(length(found[0]))
    assert lengths[1] <= lengths[0] + 4


@pytest.mark.parametrize("error", [StopIteration("s"), KeyError("k"), MemoryError(), StopAsyncIteration()])
def test_errors_that_generators_and_futures_treat_in_their_own_way_hang_nobody(
    cache: ContextManager, error: Exception
) -> None:
    def fail() -> Any:
        raise error

    with pytest.raises(type(error)):
        cache.get_or_compute("k", fail)
    with pytest.raises((type(error), RuntimeError)):
        asyncio.run(cache.get_or_compute_async("k", fail))


class Ending(BaseException):
    """What ends a thread, and says nothing about the key."""


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, GeneratorExit, Ending, asyncio.CancelledError])
def test_when_the_one_who_computes_dies_the_next_one_tries(cache: ContextManager, end: type[BaseException]) -> None:
    crowd = Crowd(cache, 8)

    def dies_first() -> Any:
        if crowd() == [1]:
            raise end
        return "done"

    found = at_once(*[ask(cache, dies_first)] * 8)
    assert sum(isinstance(each, end) for each in found) == 1
    assert sorted(str(each) for each in found if not isinstance(each, end)) == ["done"] * 7
    assert crowd.calls == 2


def test_when_the_task_that_computes_is_cancelled_the_next_one_tries(cache: ContextManager) -> None:
    async def play() -> list[Any]:
        begun, calls = asyncio.Event(), []

        async def slow() -> str:
            calls.append(1)
            begun.set()
            if len(calls) == 1:
                await asyncio.Event().wait()
            return "done"

        tasks = [asyncio.ensure_future(cache.get_or_compute_async("k", slow)) for _ in range(5)]
        await begun.wait()
        await asyncio.sleep(0)
        tasks[0].cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert len(calls) == 2
        return found

    found = asyncio.run(play())
    assert isinstance(found[0], asyncio.CancelledError)
    assert found[1:] == ["done"] * 4


def test_a_task_that_is_cancelled_while_it_waits_disturbs_nobody(cache: ContextManager) -> None:
    async def play() -> list[Any]:
        go, begun = asyncio.Event(), asyncio.Event()

        async def slow() -> str:
            begun.set()
            await go.wait()
            return "done"

        tasks = [asyncio.ensure_future(cache.get_or_compute_async("k", slow)) for _ in range(4)]
        await begun.wait()
        await asyncio.sleep(0)
        tasks[2].cancel()
        await asyncio.sleep(0)
        go.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    found = asyncio.run(play())
    assert isinstance(found[2], asyncio.CancelledError)
    assert [found[place] for place in (0, 1, 3)] == ["done"] * 3


def test_a_coroutine_that_is_dropped_in_the_middle_holds_nobody_up(cache: ContextManager) -> None:
    class Pause:
        def __await__(self) -> Any:
            yield

    async def slow() -> None:
        await Pause()

    async def begin() -> None:
        asked = cache.get_or_compute_async("k", slow)
        asked.send(None)
        asked.close()

    asyncio.run(begin())
    assert cache.get_or_compute("k", lambda: "v") == "v"


def test_a_loop_that_is_closed_while_its_task_waits_disturbs_nobody(cache: ContextManager) -> None:
    begun, go = threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        assert go.wait(LONG)
        return "done"

    def leaves() -> None:
        begun.wait(LONG)
        loop = asyncio.new_event_loop()
        asked = loop.create_task(cache.get_or_compute_async("k", slow))
        loop.run_until_complete(asyncio.sleep(0))
        asked.cancel()
        loop.run_until_complete(asyncio.gather(asked, return_exceptions=True))
        loop.close()
        go.set()

    assert at_once(ask(cache, slow), leaves) == ["done", None]


# Waiting for oneself.


def test_a_function_that_asks_for_its_own_key_is_told(cache: ContextManager) -> None:
    with pytest.raises(CacheError, match=r"computing 'k' would wait for itself: 'k' → 'k'"):
        cache.get_or_compute("k", lambda: cache.get_or_compute("k", str))


def test_a_longer_way_to_oneself_is_named(cache: ContextManager) -> None:
    def a() -> Any:
        return cache.get_or_compute("b", b)

    def b() -> Any:
        return cache.get_or_compute("c", c)

    def c() -> Any:
        return cache.get_or_compute("a", a)

    with pytest.raises(CacheError, match="would wait for itself"):
        cache.get_or_compute("a", a)
    assert cache.get_or_compute("a", lambda: "v") == "v"


def test_other_keys_may_be_asked_for(cache: ContextManager) -> None:
    def fibonacci(number: int) -> int:
        if number < 2:
            return number
        return sum(cache.get_or_compute(f"f{n}", partial(fibonacci, n)) for n in (number - 1, number - 2))

    assert cache.get_or_compute("f30", lambda: fibonacci(30)) == 832040
    assert cache.get_metrics().computations == 31


def crossed(first: ContextManager, second: ContextManager) -> list[Any]:
    """Two threads, each of which computes what the other one asks for."""
    ready = threading.Barrier(2)

    def compute(mine: ContextManager, other: ContextManager, key: str, wanted: str) -> Any:
        def fn() -> Any:
            ready.wait(LONG)
            return other.get_or_compute(wanted, lambda: "never")

        return mine.get_or_compute(key, fn)

    return at_once(
        lambda: compute(first, second, "a", "b"),
        lambda: compute(second, first, "b", "a"),
    )


def test_two_threads_that_wait_for_each_other_are_told_also_across_caches(cache: ContextManager) -> None:
    for other in (cache, ContextManager()):
        with often():
            found = crossed(cache, other)
        assert all(isinstance(each, CacheError) for each in found)
        assert "would wait for itself" in str(found[0])


def test_tasks_that_a_function_gathers_belong_to_it(cache: ContextManager) -> None:
    async def a() -> Any:
        return await asyncio.gather(cache.get_or_compute_async("b", b), cache.get_or_compute_async("c", coroutine))

    async def b() -> Any:
        return await cache.get_or_compute_async("a", a)

    with pytest.raises(CacheError, match="would wait for itself"):
        asyncio.run(cache.get_or_compute_async("a", a))
    assert cache.get("c") == "v"


def test_a_function_in_a_thread_of_a_task_belongs_to_it(cache: ContextManager) -> None:
    with pytest.raises(CacheError, match="would wait for itself"):
        asyncio.run(cache.get_or_compute_async("k", lambda: cache.get_or_compute("k", str)))


def test_waiting_without_await_for_ones_own_loop_is_an_error(cache: ContextManager) -> None:
    async def play() -> None:
        begun, go = asyncio.Event(), asyncio.Event()

        async def slow() -> str:
            begun.set()
            await go.wait()
            return "done"

        asked = asyncio.ensure_future(cache.get_or_compute_async("k", slow))
        await begun.wait()
        with pytest.raises(CacheError, match="would stop the event loop that computes 'k'"):
            cache.get_or_compute("k", str)
        go.set()
        assert await asked == "done"

    asyncio.run(play())


def test_what_a_thread_computes_may_be_waited_for_on_a_loop_without_await(cache: ContextManager) -> None:
    crowd = Crowd(cache, 2)

    async def play() -> Any:
        return cache.get_or_compute("k", crowd)

    assert at_once(ask(cache, crowd), lambda: asyncio.run(play())) == [[1], [1]]


# Late values.

CHANGES: dict[str, Callable[[ContextManager], Any]] = {
    "set": lambda cache: cache.set("k", "newer"),
    "invalidate": lambda cache: cache.invalidate("k"),
    "invalidate_pattern": lambda cache: cache.invalidate_pattern("*"),
    "clear": lambda cache: cache.clear(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_computed_too_late_is_given_and_not_kept(cache: ContextManager, change: str) -> None:
    begun, go = threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        assert go.wait(LONG)
        return "late"

    def disturb() -> Any:
        begun.wait(LONG)
        CHANGES[change](cache)
        found = cache.get_or_compute("k", lambda: "anew")  # neither waits nor gets what is late
        go.set()
        return found

    newer = "newer" if change == "set" else "anew"
    assert at_once(ask(cache, slow), disturb) == ["late", newer]
    assert cache.get("k") == newer


def test_a_flight_from_before_a_set_is_boarded_by_nobody_though_memory_lost_the_value() -> None:
    cache = ContextManager(max_entries=1)

    def slow() -> str:
        cache.set("k", "newer")
        cache.set("other", "takes its place")
        assert at_once(ask(cache, lambda: "anew")) == ["anew"]
        return "late"

    assert cache.get_or_compute("k", slow) == "late"
    assert cache.get("k") == "anew"


def test_a_change_of_another_key_disturbs_nothing(cache: ContextManager) -> None:
    def fn() -> str:
        cache.set("other", 1)
        cache.invalidate("others")
        return "v"

    cache.get_or_compute("k", fn)
    assert cache.get("k") == "v"


def test_no_lock_is_held_while_a_function_runs(cache: ContextManager) -> None:
    def fn() -> Any:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(lambda: (cache.set("x", 1), cache.get("x"), cache.invalidate("x"))).result(LONG)

    assert cache.get_or_compute("k", fn) == (None, 1, True)


def test_whoever_asks_after_the_landing_gets_the_value(cache: ContextManager, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the question to memory and the flight, another flight may have landed."""
    known = Computing._known

    def late(self: Computing, key: str, ticket: Any) -> Any:
        monkeypatch.setattr(Computing, "_known", known)
        cache.set("k", "landed")
        return known(self, key, ticket)

    monkeypatch.setattr(Computing, "_known", late)
    assert cache.get_or_compute("k", lambda: "twice") == "landed"


class Large:
    pass


def test_values_and_errors_of_flights_are_let_go(cache: ContextManager) -> None:
    gone: list[weakref.ref[Any]] = []

    def fail() -> Any:
        large = Large()
        gone.append(weakref.ref(large))
        raise ValueError(large)

    gc.disable()
    try:
        for _ in range(3):
            with pytest.raises(ValueError, match="Large"):
                cache.get_or_compute("k", fail)
    finally:
        gc.enable()
    gc.collect()
    assert [reference() for reference in gone] == [None] * 3


def test_no_asker_is_given_what_is_older_than_an_invalidation_that_had_returned(cache: ContextManager) -> None:
    versions, told = dict.fromkeys("abc", 0), dict.fromkeys("abc", 0)
    lock, computed = threading.Lock(), []

    def step(key: str, changes: bool) -> None:
        if changes:
            with lock:
                versions[key] += 1
                version = versions[key]
            cache.invalidate(key)
            with lock:
                told[key] = max(told[key], version)
            return
        least = told[key]
        assert cache.get_or_compute(key, lambda: computed.append(key) or versions[key]) >= least

    def worker(number: int) -> str:
        for turn in range(400):
            step("abc"[(number + turn) % 3], changes=turn % 10 == number)
        return "ok"

    with often():
        assert at_once(*[partial(worker, number) for number in range(8)]) == ["ok"] * 8
    counted = cache.get_metrics()
    assert counted.computations == len(computed)
    assert min(versions.values()) > 50
