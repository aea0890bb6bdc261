"""Threads and tasks at one manager: each is woken when it is granted, and what dies gives back what it held."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import random
import sys
import threading
import time

import pytest

from orchestra_nb import ResourceManager
from orchestra_nb.errors import DeadlockError, LockTimeout, ResourceError

LONG = 60.0
SECONDS = float(os.environ.get("ORCHESTRA_NB_STRESS", "3"))
"""How long the stress goes on."""


@pytest.fixture
def manager():
    made = ResourceManager()
    made.register_resource("db")
    made.register_resource("gpu", max_concurrent=2)
    return made


def in_thread(work, name=None):
    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    return thread


def joined(*threads):
    for thread in threads:
        thread.join(LONG + SECONDS)
        assert not thread.is_alive()


def queued(manager, owner):
    """An event that is set when an owner waits."""
    found = threading.Event()
    manager.on("resource:lock-queued", lambda event: event.owner == owner and found.set())
    return found


def idle(manager):
    stats = manager.get_resource_stats()
    front = manager._front
    return not stats.owners and not front._sleepers and not front._orphans and not front.table.waiting


def test_whoever_waits_is_woken_by_the_release(manager):
    lock_id, waits, got = manager.acquire_lock("db", "a"), queued(manager, "b"), []
    thread = in_thread(lambda: got.append(manager.acquire_lock("db", "b", timeout=LONG)))
    assert waits.wait(LONG)
    manager.release_lock(lock_id)
    joined(thread)
    assert got[0] > lock_id


def test_a_wait_that_times_out_is_not_in_the_queue_any_more(manager):
    manager.acquire_lock("db", "a")
    assert manager.acquire_lock("db", "b", timeout=0.01) is None
    with pytest.raises(LockTimeout, match="b waited in vain for db"), manager.lock("db", owner="b", timeout=0.01):
        pass
    use = manager.get_resource_stats()["db"]
    assert (dict(use.waiting), use.timed_out) == ({}, 2)


def test_a_rate_lets_a_waiting_thread_go_when_its_time_has_come(manager):
    manager.register_resource("calls", rate="1/s")
    began = time.monotonic()
    assert manager.acquire_lock("calls", "a", timeout=LONG)
    assert manager.acquire_lock("calls", "b", timeout=LONG)
    assert time.monotonic() - began >= 1.0


def test_a_lease_that_ends_lets_a_waiting_thread_go(manager):
    manager.acquire_lock("db", "a", lease=0.05)
    assert manager.acquire_lock("db", "b", timeout=LONG)


def test_a_lease_that_is_granted_while_others_wait_lets_them_go_as_well(manager):
    first, waits, got = manager.acquire_lock("db", "a"), [queued(manager, name) for name in "bc"], []
    threads = [in_thread(lambda: manager.acquire_lock("db", "b", priority=1, timeout=LONG, lease=0.05))]
    assert waits[0].wait(LONG)
    threads.append(in_thread(lambda: got.append(manager.acquire_lock("db", "c"))))
    assert waits[1].wait(LONG)
    manager.release_lock(first)  # b has it now, for a moment, and never gives it back
    joined(*threads)
    assert got[0]


def test_a_cancelled_wait_says_so(manager):
    manager.acquire_lock("db", "a")
    waits, caught = queued(manager, "b"), []

    def work():
        with pytest.raises(ResourceError, match="b waits no more for db: it was cancelled") as error:
            manager.acquire_lock("db", "b")
        caught.append(error)

    thread = in_thread(work)
    assert waits.wait(LONG)
    assert manager.cancel_waits("b") == 1
    joined(thread)
    assert caught


def test_closing_wakes_everybody(manager):
    manager.acquire_lock("db", "a")
    waits, caught = [queued(manager, name) for name in "bc"], []

    def work(owner):
        with pytest.raises(ResourceError, match="closed") as error:
            manager.acquire_lock("db", owner)
        caught.append(error)

    threads = [in_thread(lambda name=name: work(name)) for name in "bc"]
    assert all(each.wait(LONG) for each in waits)
    manager.close()
    joined(*threads)
    assert len(caught) == 2


def test_a_thread_that_ends_without_giving_back_gives_back(manager):
    waits, got = queued(manager, "b"), []
    holds, end = threading.Event(), threading.Event()

    def forgetful():
        manager.acquire_lock("db")
        manager.acquire_lock("gpu")
        holds.set()
        assert end.wait(LONG)

    careless = in_thread(forgetful, "careless")
    assert holds.wait(LONG)
    assert any(name.startswith("careless") for name in manager.get_resource_stats().owners)

    def careful():
        with manager.lock("db", "gpu:2", owner="b") as grant:
            got.append(grant.held)

    waiting = in_thread(careful)
    assert waits.wait(LONG)
    end.set()
    joined(careless, waiting)
    assert got == [True]


def test_a_guard_that_is_dropped_gives_back(manager):
    guard = manager.lock("db", owner="a")
    guard.__enter__()
    del guard
    gc.collect()
    assert idle(manager)


def test_a_manager_does_not_outlive_its_last_user():
    class Watched(ResourceManager):
        pass

    manager = Watched()
    manager.register_resource("db")
    with manager.lock("db"):
        pass
    front = manager._front
    count = sys.getrefcount(front)
    del manager
    gc.collect()
    assert sys.getrefcount(front) < count


def test_events_are_published_outside_of_the_lock_and_in_order(manager):
    names = []

    def look(event):
        names.append(event.name)
        asked = in_thread(manager.get_resource_stats)  # somebody else gets in
        joined(asked)

    manager.on("resource:*", look)
    with manager.lock("db", owner="a"):
        assert manager.acquire_lock("db", "b", timeout=0) is None
    assert names == ["resource:lock-granted", "resource:lock-released"]


def test_a_task_waits_without_stopping_its_loop_and_is_cancelled_without_a_trace(manager):
    async def main():
        async with manager.lock("db", owner="a"):
            waiting = asyncio.create_task(manager.acquire_lock_async("db", "b"))
            while not manager.get_resource_stats()["db"].waiting:
                await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            with pytest.raises(LockTimeout):
                async with manager.lock("db", owner="c", timeout=0.01):
                    pass
            assert not manager.get_resource_stats()["db"].waiting
        return await manager.acquire_lock_async("db", "b", timeout=LONG)

    assert asyncio.run(main())


def test_a_grant_that_a_cancelled_task_cannot_take_is_given_back(manager):
    async def main():
        lock_id = manager.acquire_lock("db", "a")
        waiting = asyncio.create_task(manager.acquire_lock_async("db", "b"))
        while not manager.get_resource_stats()["db"].waiting:
            await asyncio.sleep(0)
        manager.release_lock(lock_id)  # b has it, and does not know yet
        assert set(manager.get_resource_stats()["db"].holders) == {"b"}
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())
    assert idle(manager)


def test_what_a_cancelled_task_was_charged_is_given_back(manager):
    manager.register_resource("money", budget=1.0)

    async def main():
        lock_id = manager.acquire_lock("db", "a")
        guard = manager.lock("db", "money:0.75", owner="b")
        waiting = asyncio.create_task(guard.__aenter__())
        while not manager.get_resource_stats()["db"].waiting:
            await asyncio.sleep(0)
        manager.release_lock(lock_id)
        assert manager.get_resource_stats()["money"].used == 0.75
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())
    assert manager.get_resource_stats()["money"].used == 0


def test_a_task_that_ends_without_giving_back_gives_back(manager):
    async def main():
        await asyncio.create_task(manager.acquire_lock_async("db"), name="careless")
        return await manager.acquire_lock_async("db", "b", timeout=LONG)

    assert asyncio.run(main())


def test_tasks_of_one_loop_are_owners_of_their_own(manager):
    async def main():
        async def worker():
            with pytest.raises(LockTimeout):
                async with manager.lock("db", timeout=0):
                    pass

        async with manager.lock("db"), manager.lock("db"):
            await asyncio.create_task(worker())

    asyncio.run(main())
    assert idle(manager)


def test_a_loop_that_closed_while_its_task_waited_takes_no_grant(manager):
    lock_id = manager.acquire_lock("db", "a")
    loop = asyncio.new_event_loop()
    task = loop.create_task(manager.acquire_lock_async("db", "b"))
    loop.run_until_complete(asyncio.sleep(0))
    assert set(manager.get_resource_stats()["db"].waiting) == {"b"}
    loop.close()
    manager.release_lock(lock_id)
    assert idle(manager)
    task._log_destroy_pending = False
    coroutine = task.get_coro()
    coroutine.close()


def test_deadlocks_between_a_thread_and_a_task_are_found(manager):
    manager.acquire_lock("db", "thread")
    waits, ended = queued(manager, "thread"), []

    def work():
        try:
            with manager.lock("gpu:2", owner="thread"):
                ended.append("granted")
        except DeadlockError:
            ended.append("victim")

    async def main():
        async with manager.lock("gpu", owner="task"):
            thread = in_thread(work)
            await asyncio.to_thread(waits.wait, LONG)
            with pytest.raises(DeadlockError, match="task waits for db held by thread"):
                await manager.acquire_lock_async("db", "task")
        await asyncio.to_thread(joined, thread)

    asyncio.run(main())
    assert ended == ["granted"]


class Stress:
    """Threads and loops that do everything at once, on resources whose use is counted beside the manager."""

    def __init__(self, seed):
        self.seed = seed
        self.manager = ResourceManager()
        self.sizes = {f"r{i}": 1 + i % 3 for i in range(8)}
        for name, size in self.sizes.items():
            self.manager.register_resource(name, max_concurrent=size)
        self.inside = dict.fromkeys(self.sizes, 0)
        self.guard = threading.Lock()
        self.faults, self.count = [], 0
        self.until = time.monotonic() + SECONDS

    def enter(self, names):
        with self.guard:
            self.count += 1
            for name in names:
                self.inside[name] += 1
                if self.inside[name] > self.sizes[name]:
                    self.faults.append(f"{name} is held {self.inside[name]} times")

    def leave(self, names):
        with self.guard:
            for name in names:
                self.inside[name] -= 1

    def plan(self, draw):
        names = draw.sample(list(self.sizes), draw.choice((1, 1, 1, 2, 3)))
        timeout = draw.choice((None, 0, 0.0005, 0.002))
        return names, timeout, draw.choice((0, 0, 5)), draw.random()

    def thread(self, number):
        draw = random.Random(f"{self.seed} {number}")
        owner = f"t{number}"
        try:
            while time.monotonic() < self.until:
                names, timeout, priority, chance = self.plan(draw)
                try:
                    with self.manager.lock(*names, owner=owner, timeout=timeout, priority=priority):
                        self.enter(names)
                        try:
                            if chance < 0.1:
                                raise KeyError
                            if chance < 0.3:
                                self.nested(owner, draw)
                        finally:
                            self.leave(names)
                except (LockTimeout, DeadlockError, KeyError):
                    pass
                if chance > 0.98:
                    self.manager.cancel_waits(f"t{draw.randint(0, 7)}")
        except ResourceError as error:
            if "cancelled" in str(error):
                self.thread(number + 100)
            else:
                self.faults.append(error)
        except BaseException as error:
            self.faults.append(error)

    def nested(self, owner, draw):
        name = draw.choice(list(self.sizes))
        lock_id = self.manager.acquire_lock(name, owner, timeout=draw.choice((None, 0.001)))
        if lock_id is not None:
            self.manager.release_lock(lock_id)

    async def task(self, number):
        draw = random.Random(f"{self.seed} task {number}")
        while time.monotonic() < self.until:
            names, timeout, priority, chance = self.plan(draw)
            inner = asyncio.ensure_future(self.hold(names, timeout, priority, f"a{number}"))
            if chance < 0.3:
                await asyncio.sleep(0)
                inner.cancel()
            with contextlib.suppress(LockTimeout, DeadlockError, asyncio.CancelledError):
                await inner

    async def hold(self, names, timeout, priority, owner):
        async with self.manager.lock(*names, owner=owner, timeout=timeout, priority=priority):
            self.enter(names)
            try:
                await asyncio.sleep(0)
            finally:
                self.leave(names)

    def loop(self, number):
        async def main():
            await asyncio.gather(*(self.task(number * 10 + i) for i in range(4)))

        try:
            asyncio.run(main())
        except BaseException as error:
            self.faults.append(error)


@pytest.mark.parametrize(("plain", "loops"), [(8, 0), (6, 2), (64, 0)])
def test_threads_and_loops_at_eight_resources_never_hold_too_much(plain, loops):
    stress = Stress(seed=loops)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [in_thread(lambda n=n: stress.thread(n)) for n in range(plain)]
        threads += [in_thread(lambda n=n: stress.loop(n)) for n in range(loops)]
        joined(*threads)
    finally:
        sys.setswitchinterval(before)
    assert stress.faults == []
    assert stress.count > 100
    assert set(stress.inside.values()) == {0}
    assert idle(stress.manager)
