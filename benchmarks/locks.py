"""What a lock costs: uncontended, contended by threads and tasks, and the search for a deadlock at each block.

Ours beside ``threading.Lock``, ``threading.RLock``, ``threading.Semaphore``, one ``Condition``, ``asyncio.Lock``,
``asyncio.Semaphore``, ``anyio.Lock`` and ``filelock``, in turn, in the same run; medians with their spread. Ours has a
name for each resource and an owner for each lock, keeps the order of a queue (a lock is handed to whoever waits first,
where those of the standard library go to whoever runs), and looks for a deadlock whenever it blocks; the others do not.
Prints tables and one line of JSON. Targets, checked at the end:

====  ================================================================================================================
P11   an uncontended acquire and release at most 3 microseconds; 8 threads on 4 resources at most 5 per request; the
      search for a deadlock with 1,000 waiters at most 60
L4    a block that is searched for a deadlock, 99th percentile: at most 5 ms with 1,000 waiters and 50 ms with 10,000,
      also where all of them are one chain, or one circle that is found and resolved
====  ================================================================================================================
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from filelock import FileLock

from comparing.measuring import Check, Times, in_turn, report
from orchestra_nb.resources import deadlock
from orchestra_nb.resources.manager import ResourceManager
from orchestra_nb.resources.pools import Pool
from orchestra_nb.resources.requests import Request
from orchestra_nb.resources.table import LockTable

OURS, WITH = "ours, acquire_lock", "ours, with lock(...)"
Locks = list[Callable[[], AbstractContextManager[Any]]]
Found = tuple[dict[str, float], list[Check]]


def managed(count: int) -> ResourceManager:
    """A manager with resources r0, r1, ..."""
    manager = ResourceManager()
    for number in range(count):
        manager.register_resource(f"r{number}")
    return manager


def shared(lock: Any) -> Callable[[], Any]:
    return lambda: lock


def ours(count: int, owner: str) -> Locks:
    manager = managed(count)
    return [partial(manager.lock, f"r{number}", owner=owner) for number in range(count)]


def uncontended(scale: float, repeats: int) -> Found:
    """P11: one thread, one lock, nobody else; microseconds for taking and giving back."""
    times = int(50_000 * scale)
    manager = managed(1)

    def acquire_lock() -> None:
        for _ in range(times):
            manager.release_lock(manager.acquire_lock("r0", "me"))

    def with_lock() -> None:
        for _ in range(times):
            with manager.lock("r0", owner="me"):
                pass

    def plainly(lock: Any) -> Callable[[], None]:
        def take() -> None:
            for _ in range(times):
                with lock:
                    pass

        return take

    makers = {
        OURS: lambda: acquire_lock,
        WITH: lambda: with_lock,
        "threading.Lock": lambda: plainly(threading.Lock()),
        "threading.RLock": lambda: plainly(threading.RLock()),
        "threading.Semaphore": lambda: plainly(threading.Semaphore()),
        "threading.Condition": lambda: plainly(threading.Condition()),
    }
    found = in_turn(makers, repeats)
    per = {name: each.median / times * 1e6 for name, each in found.items()}
    _print("uncontended: microseconds for acquire and release", found, times)
    with tempfile.TemporaryDirectory() as folder:
        few = max(10, times // 100)
        files = in_turn({"filelock": lambda: _files(Path(folder, "lock"), few)}, repeats)
        _print("", files, few)
        per["filelock"] = files["filelock"].median / few * 1e6
    return per, [Check("P11", "uncontended: microseconds for acquire_lock and release_lock", per[OURS], 3.0)]


def _files(path: Path, times: int) -> Callable[[], None]:
    lock = FileLock(path)

    def take() -> None:
        for _ in range(times):
            with lock:
                pass

    return take


def threads(scale: float, repeats: int) -> Found:
    """P11: 8 threads at 4 resources; microseconds per request, all threads together."""
    count, each = 8, int(4_000 * scale)

    def run(locks_of: Callable[[int], Locks]) -> Callable[[], None]:
        made = [locks_of(number) for number in range(count)]

        def work(number: int) -> None:
            draw = random.Random(number)
            locks = made[number]
            for _ in range(each):
                with locks[draw.randrange(4)]():
                    pass

        def all_of_them() -> None:
            running = [threading.Thread(target=work, args=(number,)) for number in range(count)]
            for thread in running:
                thread.start()
            for thread in running:
                thread.join()

        return all_of_them

    def one_manager() -> Callable[[], None]:
        manager = managed(4)
        return run(lambda n: [partial(manager.lock, f"r{number}", owner=f"t{n}") for number in range(4)])

    def alike(make: Callable[[], Any]) -> Callable[[], Callable[[], None]]:
        def ready() -> Callable[[], None]:
            locks = [shared(make()) for _ in range(4)]
            return run(lambda n: locks)

        return ready

    def ids() -> Callable[[], None]:
        manager = managed(4)

        def work(number: int) -> None:
            draw, owner = random.Random(number), f"t{number}"
            for _ in range(each):
                manager.release_lock(manager.acquire_lock(f"r{draw.randrange(4)}", owner))

        def all_of_them() -> None:
            running = [threading.Thread(target=work, args=(number,)) for number in range(count)]
            for thread in running:
                thread.start()
            for thread in running:
                thread.join()

        return all_of_them

    makers = {
        OURS: ids,
        WITH: one_manager,
        "threading.Lock": alike(threading.Lock),
        "threading.Semaphore": alike(threading.Semaphore),
        "threading.Condition": alike(threading.Condition),
    }
    found = in_turn(makers, repeats)
    per = {name: times.median / (count * each) * 1e6 for name, times in found.items()}
    _print("8 threads on 4 resources: microseconds per request", found, count * each)
    return per, [Check("P11", "8 threads on 4 resources: microseconds per request", per[OURS], 5.0)]


def tasks(scale: float, repeats: int) -> dict[str, float]:
    """8 tasks of one loop at 4 resources; microseconds per request."""
    count, each = 8, int(1_000 * scale)

    def run(locks_of: Callable[[int], list[Callable[[], AbstractAsyncContextManager[Any]]]]) -> Callable[[], None]:
        async def work(number: int, locks: list[Callable[[], AbstractAsyncContextManager[Any]]]) -> None:
            draw = random.Random(number)
            for _ in range(each):
                async with locks[draw.randrange(4)]():
                    await asyncio.sleep(0)

        async def main() -> None:
            await asyncio.gather(*(work(number, locks_of(number)) for number in range(count)))

        return lambda: asyncio.run(main())

    def one_manager() -> Callable[[], None]:
        manager = managed(4)
        return run(lambda n: [partial(manager.lock, f"r{number}", owner=f"t{n}") for number in range(4)])

    def alike(make: Callable[[], Any]) -> Callable[[], Callable[[], None]]:
        def ready() -> Callable[[], None]:
            made: list[Any] = []

            def locks_of(number: int) -> list[Any]:
                if not made:
                    made.extend(shared(make()) for _ in range(4))
                return made

            return run(locks_of)

        return ready

    makers = {
        WITH: one_manager,
        "asyncio.Lock": alike(asyncio.Lock),
        "asyncio.Semaphore": alike(asyncio.Semaphore),
        "anyio.Lock": alike(anyio.Lock),
    }
    found = in_turn(makers, repeats)
    _print("8 tasks on 4 resources, with a turn of the loop in each: microseconds per request", found, count * each)
    return {name: times.median / (count * each) * 1e6 for name, times in found.items()}


def crowd(waiters: int, capacity: int, seed: int = 0) -> tuple[LockTable, list[Pool], random.Random]:
    """Waiters at random on resources that are held at random, half of their holders waiting for others."""
    draw = random.Random(seed)
    table = LockTable()
    pools = [Pool(f"r{number}", "custom", capacity, 0.0) for number in range(max(4, waiters // 4))]
    for number, pool in enumerate(pools):
        for place in range(capacity):
            table.ask(Request(f"h{number * capacity + place}", pool.one), 0.0)
    for number in range(waiters):
        who = f"h{draw.randrange(len(pools) * capacity)}" if draw.random() < 0.5 else f"w{number}"
        if not table.waits_of(who):
            table.ask(Request(who, draw.choice(pools).one, scoped=True), 0.0)
    return table, pools, draw


def chain(length: int) -> tuple[LockTable, list[Pool]]:
    """Each holds one and waits for the next, but for the last, who holds its own and waits for nothing."""
    table = LockTable()
    pools = [Pool(f"r{number}", "custom", 1, 0.0) for number in range(length)]
    for number, pool in enumerate(pools):
        table.ask(Request(f"o{number}", pool.one), 0.0)
    for number in range(length - 1):  # each of them waits for one that does not wait yet
        table.ask(Request(f"o{number}", pools[number + 1].one), 0.0)
    return table, pools


def detection(scale: float, blocks: int) -> Found:
    """P11 and L4: the search alone, and a whole block with it."""
    figures: dict[str, float] = {}
    checks = []
    print(f"\nblocking with a search for a deadlock; microseconds, {blocks} blocks each")
    print(f"{'':46}{'median':>12}{'p99':>12}{'search alone':>14}")
    for waiters, limit in ((int(1_000 * scale), 5_000.0), (int(10_000 * scale), 50_000.0)):
        rows: dict[str, tuple[list[float], list[float]]] = {}
        for capacity in (1, 4):
            rows[f"{waiters:,} waiters at random, {capacity} of each"] = _blocks(waiters, capacity, blocks)
        rows[f"{waiters:,} in a chain"] = _chained(waiters, blocks, circle=False)
        rows[f"{waiters:,} in a circle, which is resolved"] = _chained(waiters, max(5, blocks // 20), circle=True)
        for name, (whole, alone) in rows.items():
            p99 = statistics.quantiles(whole, n=100, method="inclusive")[98]
            search = statistics.median(alone)
            print(f"{name:46}{statistics.median(whole):>12.4g}{p99:>12.4g}{search:>14.4g}")
            figures |= {f"{name}, p99": p99, f"{name}, search": search}
            checks.append(Check("L4", f"{name}: p99 in microseconds", p99, limit))
            if "random" in name and limit == 5_000.0:
                checks.append(Check("P11", f"{name}: microseconds for the search", search, 60.0))
    return figures, checks


def _blocks(waiters: int, capacity: int, blocks: int) -> tuple[list[float], list[float]]:
    table, pools, draw = crowd(waiters, capacity)
    gc.collect()
    gc.freeze()
    whole, alone = [], []
    for number in range(blocks):
        request = Request(f"new{number}", draw.choice(pools).one, scoped=True)
        began = time.perf_counter()
        table.ask(request, 1.0)
        whole.append((time.perf_counter() - began) * 1e6)
        began = time.perf_counter()
        deadlock.find(request.owner, table._by_owner, 1.0, table._since)
        alone.append((time.perf_counter() - began) * 1e6)
        table.cancel(request, 1.0)
    gc.unfreeze()
    return whole, alone


def _chained(length: int, blocks: int, circle: bool) -> tuple[list[float], list[float]]:
    table, pools = chain(length)
    gc.collect()
    gc.freeze()
    whole, alone = [], []
    for _ in range(blocks):
        if circle:  # the last one closes it, and is the cheapest to let go
            request = Request(f"o{length - 1}", pools[0].one, priority=-1, scoped=True)
            table.held_by(request.owner)[0].scoped = True
        else:
            request = Request("new", pools[0].one)
        began = time.perf_counter()
        table.ask(request, 1.0)
        whole.append((time.perf_counter() - began) * 1e6)
        if circle:
            assert request.error is not None
            alone.append(whole[-1])
            continue
        began = time.perf_counter()
        deadlock.find(request.owner, table._by_owner, 1.0, table._since)
        alone.append((time.perf_counter() - began) * 1e6)
        table.cancel(request, 1.0)
    gc.unfreeze()
    return whole, alone


def _print(title: str, found: dict[str, Times], times: int) -> None:
    if title:
        print(f"\n{title}, medians of {len(next(iter(found.values())).seconds)}")
        print(f"{'':28}{'time':>10}{'spread':>20}{'of CPU':>10}")
    for name, each in found.items():
        cpu = statistics.median(each.cpu) / times * 1e6
        print(f"{name:28}{each.median / times * 1e6:>10.3g}{each.spread(times / 1e6):>20}{cpu:>10.3g}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="see that it runs; the figures mean nothing")
    asked = parser.parse_args()
    scale, repeats = (0.02, 1) if asked.quick else (1.0, asked.repeats)
    alone, of_alone = uncontended(scale, repeats)
    crowded, of_crowded = threads(scale, repeats)
    looped = tasks(scale, repeats)
    found, of_found = detection(scale, 20 if asked.quick else 1_000)
    checks = report([*of_alone, *of_crowded, *of_found])
    figures = {"uncontended_us": alone, "threads_us": crowded, "tasks_us": looped, "deadlock_us": found}
    print(json.dumps({"locks": figures, "checks": checks}))


if __name__ == "__main__":
    main()
