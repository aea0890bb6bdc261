"""What a content hash costs: a large array, nested dicts, frames, objects; beside joblib, pickle, dask and raw hashes.

First what there is to build on, each hash over the same 100 MB in one pass: hashlib's, and blake3 and xxhash where they
are installed; xxhash can be forged and shows what memory gives. Then whole values, ours beside ``joblib.hash``, pickle
with SHA-256, and dask's ``tokenize``. In turn, A B A B; medians with their spread, wall time, and CPU beside it, as the
machine is shared: a second thread helps only where a second core is free. Prints tables and one line of JSON. Targets:

====  ================================================================================================================
P10   a 100 MB array at most 2 times the fastest one-pass hash that hashlib has; a nested dict of small values at most a
      tenth of ``joblib.hash``; one digest in every process, whatever its hash seed
====  ================================================================================================================
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import joblib
import numpy as np
import pandas as pd

from comparing.measuring import Check, Times, in_turn, report
from orchestra_nb.context.content import content_digest
from orchestra_nb.context.sizes import size_of

OURS, JOBLIB = "ours", "joblib.hash"
HASHES = ("sha256", "sha1", "sha512", "blake2b", "blake2s", "sha3_256")
CRYPTOGRAPHIC = ("sha256", "sha512", "blake2b", "blake2s", "sha3_256")
Call = Callable[[], object]
_CHILD = """
from orchestra_nb.context.content import content_digest
tags = {f"tag {n}" for n in range(100)}
print(content_digest({"tags": tags, "names": frozenset("abcdefgh"), "numbers": [1, 2.5, (None,)]}))
"""


class Reading:
    """An object as notebooks make them."""

    def __init__(self, number: int) -> None:
        self.number, self.name, self.values = number, f"reading {number}", [number / 3, number / 7]


def nested(count: int) -> dict[str, Any]:
    """About 80 bytes of pickle for each of so many records."""
    return {
        f"key {n}": {"id": n, "name": f"name {n}", "score": n / 3, "tags": ["a", f"t{n % 7}"], "at": {"x": n, "y": -n}}
        for n in range(count)
    }


def found_module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"{name} is not installed, and is left out")
        return None


def raw_hashes(array: Any) -> dict[str, Call]:
    data = memoryview(array).cast("B")
    calls: dict[str, Call] = {name: partial(_digested, getattr(hashlib, name), data) for name in HASHES}
    blake3, xxhash = found_module("blake3"), found_module("xxhash")
    if blake3 is not None:
        calls["blake3 (not in Python)"] = partial(_digested, blake3.blake3, data)
    if xxhash is not None:
        calls["xxh3 (can be forged)"] = partial(_digested, xxhash.xxh3_128, data)
    return calls


def _digested(hash_of: Callable[..., Any], data: memoryview) -> object:
    return hash_of(data).digest()


def timed(title: str, calls: dict[str, Call], repeats: int) -> dict[str, Times]:
    """Print a table in milliseconds."""
    found = in_turn({name: partial(_itself, call) for name, call in calls.items()}, repeats)
    print(f"\n{title}; milliseconds, medians of {repeats}")
    print(f"{'':32}{'wall':>10}{'spread':>18}{'CPU':>10}{'ours / this':>13}")
    ours = found.get(OURS)
    for name, times in found.items():
        ratio = f"{ours.median / times.median:>13.3g}" if ours else ""
        print(f"{name:32}{times.median * 1e3:>10.4g}{times.spread(1e-3):>18}{median(times.cpu) * 1e3:>10.4g}{ratio}")
    return found


def _itself(call: Call) -> Call:
    return call


def pickled(value: Any) -> object:
    return hashlib.sha256(pickle.dumps(value, 5)).digest()


def whole_values(scale: float) -> dict[str, Any]:
    count, draw = int(100_000 * scale), np.random.default_rng(0)
    texts = [f"text {n}" for n in range(5 * count)]
    return {
        "nested dict": nested(count),
        "list of ints": list(range(10 * count)),
        "set of texts": set(texts),
        "frame": pd.DataFrame({"a": draw.random(5 * count), "b": draw.integers(0, 9, 5 * count), "c": texts}),
        "objects": [Reading(n) for n in range(count // 4)],
        "dict with an array": {"config": nested(count // 4), "array": draw.random(5 * count)},
    }


def digests(seeds: int) -> int:
    """Count the digests that so many processes find for one value."""
    seen = set()
    for seed in range(seeds):
        surroundings = {**os.environ, "PYTHONHASHSEED": str(seed)}
        seen.add(
            subprocess.run([sys.executable, "-c", _CHILD], env=surroundings, check=True, capture_output=True).stdout
        )
    return len(seen)


def arrays(megabytes: float, repeats: int) -> tuple[dict[str, float], list[Check]]:
    array = np.random.default_rng(0).random(int(megabytes * 1e6 / 8))
    raw = raw_hashes(array)
    calls = {OURS: lambda: content_digest(array), **raw, JOBLIB: lambda: joblib.hash(array)}
    found = timed(f"an array of {megabytes:g} MB", calls, repeats)
    floor = min((found[name] for name in CRYPTOGRAPHIC), key=lambda times: times.median)
    least = min(median(found[name].cpu) for name in CRYPTOGRAPHIC)
    size, ours = f"array of {megabytes:g} MB", found[OURS]
    checks = [
        Check("P10", f"{size}: over hashlib's fastest in one pass", ours.median / floor.median, 2),
        Check("P10", f"{size}: CPU over the least of hashlib's", median(ours.cpu) / least, 2),
    ]
    return {name: times.median for name, times in found.items()}, checks


def values(scale: float, repeats: int) -> tuple[dict[str, float], list[Check]]:
    figures: dict[str, float] = {}
    checks = []
    dask = found_module("dask.base")
    for what, value in whole_values(scale).items():
        calls: dict[str, Call] = {
            OURS: partial(content_digest, value),
            JOBLIB: partial(joblib.hash, value),
            "pickle + SHA-256 (no promise)": partial(pickled, value),
        }
        if dask is not None:
            calls["dask.base.tokenize"] = partial(dask.tokenize, value)
        calls["size_of (not a hash)"] = partial(size_of, value)
        found = timed(f"{what}, {size_of(value) / 1e6:.3g} MB", calls, repeats)
        figures |= {f"{what}, {name}": times.median for name, times in found.items()}
        if what == "nested dict":
            checks.append(Check("P10", f"{what}: over joblib.hash", found[OURS].median / found[JOBLIB].median, 0.1))
    return figures, checks


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="see that it runs; the figures mean nothing")
    asked = parser.parse_args()
    quick, repeats = asked.quick, 1 if asked.quick else asked.repeats
    large, of_large = arrays(1.0 if quick else 100.0, repeats)
    whole, of_whole = values(0.005 if quick else 1.0, repeats)
    stable = Check("P10", "digests of one value in processes with other hash seeds", digests(2 if quick else 5), 1)
    checks = report([*of_large, *of_whole, stable])
    print(json.dumps({"hashing": {"array_s": large, "values_s": whole}, "checks": checks}))


if __name__ == "__main__":
    main()
