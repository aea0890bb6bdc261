"""The disk store beside diskcache and joblib.Memory: small values, an array of 1 MB, and frames.

Each in turn, A B A B: a round of one contender, then the same round of the next, on the same disk, with the same
values. Medians over all calls of wall time for one call, with those of the fastest and the slowest round beside them.
Everyone keeps its connection open. A hit on an array is timed with reading all of it too (``sum``), because ours is
mapped and comes for free until it is read. What is verified when is said in ``orchestra_nb/context/blobs.py``: the
first hit of a process reads and compares all of a file, and is shown as well.

====  =================================================================================================================
P9    a small hit at most 15 microseconds, a small set at most 100, a hit on an array of 1 MB at most 200, and each
ahead of
      diskcache and joblib.Memory
====  =================================================================================================================

``--decide`` shows what the choices of the store rest on: hashes, and frames through Arrow where pyarrow is installed.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import pickle
import statistics
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from comparing.measuring import Check, report
from orchestra_nb.context.disk import DiskStore

OURS, DURABLE, LATER = "orchestra_nb", "orchestra_nb, durable", "orchestra_nb, put_later"
DISKCACHE, MEMORY = "diskcache", "joblib.Memory"
SMALL = {"status": "done", "seconds": 1.25, "rows": [1, 2, 3], "name": "a node"}
KEYS = 50
Get, Put = Callable[[str], Any], Callable[[str, Any], Any]


def contenders(folder: Path, stack: ExitStack) -> dict[str, tuple[Get, Put]]:
    """Give what reads and writes one value, for each."""
    store = stack.enter_context(DiskStore(folder / "ours"))
    durable = stack.enter_context(DiskStore(folder / "durable", durable=True))
    found: dict[str, tuple[Get, Put]] = {
        OURS: (lambda key: store.get(key).value, store.put),
        LATER: (lambda key: store.get(key).value, store.put_later),
        DURABLE: (lambda key: durable.get(key).value, durable.put),
    }
    with suppress(ImportError):
        import diskcache

        cache = stack.enter_context(diskcache.Cache(str(folder / "diskcache")))
        found[DISKCACHE] = cache.get, cache.set
    memory = joblib.Memory(folder / "joblib", verbose=0)
    made: dict[str, Any] = {}
    cached = memory.cache(lambda key: made[key], ignore=[])

    def put(key: str, value: Any) -> None:
        made[key] = value
        cached.call(key)

    found[MEMORY] = cached, put
    return found


def rounds(calls: dict[str, Callable[[int], object]], repeats: int, each: int) -> dict[str, list[list[float]]]:
    """Seconds of each call, by contender and round."""
    found: dict[str, list[list[float]]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            times = []
            for number in range(each):
                began = time.perf_counter()
                call(number)
                times.append(time.perf_counter() - began)
            found[name].append(times)
    return found


def shown(what: str, found: dict[str, list[list[float]]]) -> dict[str, float]:
    """Print a table; returns medians in microseconds."""
    print(f"\n{what}; microseconds for one call")
    medians = {name: statistics.median(itertools.chain(*each)) * 1e6 for name, each in found.items()}
    for name, each in found.items():
        by_round = sorted(statistics.median(times) * 1e6 for times in each)
        print(f"  {name:26}{medians[name]:>10.4g}   {by_round[0]:.3g}-{by_round[-1]:.3g}")
    return medians


def values(repeats: int, scale: int) -> tuple[dict[str, float], list[Check]]:
    """P9."""
    array = np.random.default_rng(1).random(131_072)
    frame = pd.DataFrame({"n": np.arange(50_000), "x": np.linspace(0, 1, 50_000), "s": ["some text"] * 50_000})
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        known = contenders(Path(folder), stack)
        for what, value, each in (
            ("small", SMALL, 40 * scale),
            ("array", array, 5 * scale),
            ("frame", frame, 2 * scale),
        ):
            fresh = changed(value)
            writes = {
                name: lambda number, put=put: put(f"{what} {number % KEYS}", next(fresh))  # noqa: B023
                for name, (_, put) in known.items()
            }
            asked = rounds(writes, repeats, max(each, KEYS))
            first = {
                name: lambda number, get=get: get(f"{what} {number % KEYS}")  # noqa: B023
                for name, (get, _) in known.items()
                if name not in (LATER, DURABLE)
            }
            time.sleep(0.2)  # a file that is younger is compared again
            figures |= tagged(f"{what} set", shown(f"{what}: set", asked))
            figures |= tagged(f"{what} first hit", shown(f"{what}: first hit", rounds(first, 1, KEYS)))
            figures |= tagged(f"{what} hit", shown(f"{what}: hit", rounds(first, repeats, max(each, KEYS))))
            if what == "array":
                read = {
                    name: lambda number, get=get: get(f"array {number % KEYS}").sum()
                    for name, (get, _) in known.items()
                    if name in first
                }
                figures |= tagged("array hit, read", shown("array: hit, and its sum", rounds(read, repeats, each)))
    return figures, checks(figures)


def changed(value: Any) -> Iterator[Any]:
    """Give the value over and over, never quite the same."""
    for number in itertools.count():
        if isinstance(value, dict):
            yield {**value, "number": number}
        elif isinstance(value, np.ndarray):
            value[0] = number
            yield value
        else:
            value.iloc[0, 0] = number
            yield value


def tagged(what: str, figures: dict[str, float]) -> dict[str, float]:
    return {f"{what}, {name}": figure for name, figure in figures.items()}


def checks(figures: dict[str, float]) -> list[Check]:
    limits = {"small hit": 15.0, "small set": 100.0, "array hit": 200.0}
    found = [Check("P9", f"{what}: microseconds", figures[f"{what}, {OURS}"], most) for what, most in limits.items()]
    for what in ("small hit", "small set", "array hit", "array set", "array hit, read"):
        for peer in (DISKCACHE, MEMORY):
            if f"{what}, {peer}" in figures:
                over = figures[f"{what}, {OURS}"] / figures[f"{what}, {peer}"]
                found.append(Check("P9", f"{what}: over {peer}", over, 1.0))
    return found


def decide(repeats: int) -> None:
    """Print what the choices rest on."""
    data = np.random.default_rng(1).bytes(1_000_000)
    hashes: dict[str, Callable[[int], object]] = {
        make.__name__: lambda number, make=make: make(data).digest()
        for make in (hashlib.sha256, hashlib.blake2b, hashlib.sha1, hashlib.sha512)
    }
    hashes["crc32 (finds chance only)"] = lambda number: zlib.crc32(data)
    shown("1 MB: digest", rounds(hashes, repeats, 10))
    frame = pd.DataFrame({"n": np.arange(50_000), "x": np.linspace(0, 1, 50_000), "s": ["some text"] * 50_000})
    ways: dict[str, Callable[[int], object]] = {"pickle 5, buffers beside": lambda number: there_and_back(frame)}
    with suppress(ImportError):
        import pyarrow as pa

        def arrow(number: int) -> object:
            table = pa.Table.from_pandas(frame)
            with pa.BufferOutputStream() as sink:
                with pa.ipc.new_file(sink, table.schema) as writer:
                    writer.write_table(table)
                return pa.ipc.open_file(sink.getvalue()).read_all().to_pandas()

        ways["Arrow IPC"] = arrow
        ways["Arrow IPC, and compared"] = lambda number: frame.equals(arrow(number))
    shown("a frame of 50,000 rows with texts: to bytes and back", rounds(ways, repeats, 5))


def there_and_back(value: Any) -> Any:
    buffers: list[pickle.PickleBuffer] = []
    return pickle.loads(pickle.dumps(value, 5, buffer_callback=buffers.append), buffers=buffers)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="see that it runs; the figures mean nothing")
    parser.add_argument("--decide", action="store_true", help="show what the choices of the store rest on")
    asked = parser.parse_args()
    repeats, scale = (1, 1) if asked.quick else (asked.repeats, 10)
    figures, found = values(repeats, scale)
    if asked.decide:
        decide(repeats)
    print(json.dumps({"disk_us": figures, "checks": report(found)}))


if __name__ == "__main__":
    main()
