"""The cache in memory: a hit, a miss, a set, a computing, beside what other libraries and a careful hand offer.

Everyone holds the same keys and values, takes the same lock where it is not safe without one, and is asked in turn, A B
A B. Microseconds of this process's CPU per operation, medians with their spread; with eight threads the same number of
operations is shared among them. ``functools.lru_cache`` and cachebox are compiled, and stand here as a floor; a lock is
put around cachetools, as its documentation asks. Ours counts everything and keeps lifetimes while it is measured.

====  ================================================================================================================
P8    a hit of a value that cannot change, on 1 and 8 threads: at most 1.1 microseconds of CPU, and ahead of every
      pure-Python cache that is safe with threads
====  ================================================================================================================

Besides, without target: hits of values that are copied, sets into a full cache with each policy, a computing, and fifty
threads that ask for one missing key (how often it was computed).
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import joblib
import numpy as np

from comparing.measuring import Check, Times, in_turn, report
from comparing.peers import optional
from orchestra_nb import ContextManager

OURS = "orchestra_nb"
KEYS = 1_000
NAMES = [f"node:{number}" for number in range(KEYS)]


@dataclass(frozen=True)
class Peer:
    """Somebody who keeps values; ``python`` where it is safe with threads and not compiled."""

    get: Callable[[str], Any]
    put: Callable[[str, Any], Any]
    python: bool = False


def by_hand() -> Peer:
    """The least that is safe: an ordered dictionary and a lock."""
    kept: OrderedDict[str, Any] = OrderedDict()
    lock = threading.Lock()

    def get(key: str) -> Any:
        with lock:
            kept.move_to_end(key)
            return kept[key]

    def put(key: str, value: Any) -> None:
        with lock:
            kept[key] = value
            kept.move_to_end(key)
            if len(kept) > KEYS:
                kept.popitem(last=False)

    return Peer(get, put, python=True)


def locked(cache: Any) -> Peer:
    """One of cachetools, behind the lock that it needs."""
    lock = threading.RLock()

    def get(key: str) -> Any:
        with lock:
            return cache[key]

    def put(key: str, value: Any) -> None:
        with lock:
            cache[key] = value

    return Peer(get, put, python=True)


def peers() -> dict[str, Peer]:
    ours = ContextManager(max_entries=KEYS)
    found = {OURS: Peer(ours.get, ours.set), "OrderedDict + Lock, by hand": by_hand()}
    if (cachetools := optional("cachetools")) is not None:
        found["cachetools LRU + RLock"] = locked(cachetools.LRUCache(KEYS))
        found["cachetools LFU + RLock"] = locked(cachetools.LFUCache(KEYS))
        found["cachetools TTL + RLock"] = locked(cachetools.TTLCache(KEYS, 3600))
    if (cachebox := optional("cachebox")) is not None:
        compiled = cachebox.LRUCache(KEYS)
        found["cachebox LRU (Rust)"] = Peer(compiled.__getitem__, compiled.__setitem__)
    return found


def on_threads(count: int, work: Callable[[], object]) -> None:
    """Call it on so many threads at the same time."""
    if count == 1:
        work()
        return
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def asked(get: Callable[[str], Any], rounds: int) -> None:
    for _ in range(rounds):
        for name in NAMES:
            get(name)


def written(put: Callable[[str, Any], Any], rounds: int) -> None:
    for number in range(rounds):
        for name in NAMES:
            put(name, number)


def table(title: str, works: dict[str, Callable[[], object]], operations: int, repeats: int) -> dict[str, float]:
    """Measure each in turn, and print microseconds of CPU per operation."""
    found: dict[str, Times] = in_turn({name: partial(_ready, work) for name, work in works.items()}, repeats)
    print(f"\n{title}; microseconds of CPU, medians of {repeats}")
    print(f"{'':30}{'per operation':>14}{'spread':>18}")
    figures = {}
    for name, times in found.items():
        per = [seconds / operations * 1e6 for seconds in times.cpu]
        figures[name] = statistics.median(per)
        print(f"{name:30}{figures[name]:>14.3g}{f'{min(per):.3g}-{max(per):.3g}':>18}")
    return figures


def _ready(work: Callable[[], object]) -> Callable[[], object]:
    return work


def hits(rounds: int, repeats: int) -> tuple[dict[str, float], list[Check]]:
    """P8."""
    figures, checks = {}, []
    all_peers = peers()
    for peer in all_peers.values():
        written(peer.put, 1)
    compiled = lru_cache(KEYS)(str)
    everyone = {name: peer.get for name, peer in all_peers.items()} | {"functools.lru_cache (C)": compiled}
    for count in (1, 8):
        each = max(1, rounds // count)
        works = {name: partial(on_threads, count, partial(asked, get, each)) for name, get in everyone.items()}
        title = f"hit, {count} thread{'s' if count > 1 else ''}"
        found = table(title, works, each * count * KEYS, repeats)
        figures |= {f"{title}, {name}": value for name, value in found.items()}
        checks.append(Check("P8", f"{title}: microseconds of CPU", found[OURS], 1.1))
        checks += [
            Check("P8", f"{title}: over {name}", found[OURS] / found[name], 1.0)
            for name, peer in all_peers.items()
            if peer.python
        ]
    return figures, checks


def on_disk(rounds: int, repeats: int) -> dict[str, float]:
    """What one has who keeps results with joblib: it reads a file for each hit."""
    with tempfile.TemporaryDirectory() as folder:
        remembered = joblib.Memory(folder, verbose=0).cache(str)
        remembered("value")
        ours = ContextManager()
        ours.set("value", "value")
        works = {
            name: partial(repeated, get, rounds)
            for name, get in ((OURS, lambda: ours.get("value")), ("joblib.Memory", lambda: remembered("value")))
        }
        return table("hit, beside one that is on disk", works, rounds, repeats)


def repeated(work: Callable[[], object], times: int) -> None:
    for _ in range(times):
        work()


def copies(rounds: int, repeats: int) -> dict[str, float]:
    """What it costs that nobody can change what is cached."""
    cache = ContextManager()
    values: dict[str, Any] = {
        "text": "value",
        "list of 10 numbers": list(range(10)),
        "dictionary of lists": {"a": [1, 2], "b": [3, 4], "c": [5]},
        "array of 8 kB": np.zeros(1000),
    }
    for name, value in values.items():
        cache.set(name, value)

    def work(name: str) -> None:
        for _ in range(rounds * 10):
            cache.get(name)

    return table("hit that is copied", {name: partial(work, name) for name in values}, rounds * 10, repeats)


def sets(rounds: int, repeats: int) -> dict[str, float]:
    """New values for keys that are there, and new keys in a full cache."""
    works: dict[str, Callable[[], object]] = {}
    for name, peer in peers().items():
        works[name] = partial(written, peer.put, rounds)
    found = table("set of a key that is there", works, rounds * KEYS, repeats)
    for eviction in ("lru", "lfu", "ttl"):
        cache = ContextManager(max_entries=KEYS, eviction=eviction)
        numbers = iter(range(10**12))

        def fill(cache: ContextManager = cache, numbers: Any = numbers) -> None:
            for _ in range(rounds * KEYS):
                cache.set(str(next(numbers)), 1)

        found |= table(f"set of a new key, full, {eviction}", {OURS: fill}, rounds * KEYS, repeats)
    return found


def computing(rounds: int, repeats: int) -> dict[str, Any]:
    """A missing key on one thread, and on fifty at the same time."""
    cache, numbers = ContextManager(max_entries=KEYS), iter(range(10**12))

    def compute() -> None:
        for _ in range(rounds * 100):
            cache.get_or_compute(str(next(numbers)), int)

    figures: dict[str, Any] = table("computing of a missing key", {OURS: compute}, rounds * 100, repeats)
    calls: list[int] = []
    go = threading.Event()

    def slow() -> int:
        go.wait(0.05)
        calls.append(1)
        return 1

    on_threads(50, lambda: cache.get_or_compute("one", slow))
    print(f"\nfifty threads that ask for one missing key: computed {len(calls)} time(s)")
    return {**figures, "computed by fifty": len(calls)}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="see that it runs; the figures mean nothing")
    given = parser.parse_args()
    for name in ("cachetools", "cachebox"):
        if optional(name) is None:
            print(f"{name} is not installed, and is left out")
    rounds, repeats = (8, 1) if given.quick else (100, given.repeats)
    of_hits, checks = hits(rounds, repeats)
    figures = {
        "hit_us": of_hits,
        "on_disk_us": on_disk(rounds, repeats),
        "copy_us": copies(rounds, repeats),
        "set_us": sets(max(1, rounds // 20), repeats),
        "compute_us": computing(rounds // 8, repeats),
    }
    print(json.dumps({"cache": figures, "checks": report(checks)}))


if __name__ == "__main__":
    main()
