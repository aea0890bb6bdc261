"""Eight threads at once: never too heavy, never somebody else's value, no hit lost, nothing torn."""

from __future__ import annotations

import random
from functools import partial

import pytest

from orchestra_nb import ContextManager

from .cache_model import POLICIES
from .threads import at_once, often

THREADS = 8
STEPS = 1500
CAP = 200


@pytest.mark.parametrize("name", POLICIES)
def test_eight_threads_see_a_sound_cache_at_every_moment(name: str) -> None:
    policy, lifetimes = POLICIES[name]
    cache = ContextManager(policy, max_bytes=CAP, max_entries=12, size=len)
    asked = [0] * THREADS
    heaviest = 0

    def watch(event: object) -> None:
        nonlocal heaviest
        heaviest = max(heaviest, cache.get_metrics().bytes)

    cache.on("cache:set", watch)

    def worker(number: int) -> str:
        draw = random.Random(number)
        for step in range(STEPS):
            key, act = f"{draw.randrange(30)}", draw.random()
            if act < 0.6:
                asked[number] += 1
                found = cache.get(key)
                assert found is None or found.split(":")[0] == key
            elif act < 0.85:
                value = f"{key}:" + "x" * draw.randrange(30)
                cache.set(key, value, draw.choice((1e-4, 60)) if lifetimes else None)
            elif act < 0.9:
                asked[number] += 1
                assert cache.get_or_compute(key, lambda key=key: f"{key}:computed").split(":")[0] == key
            elif act < 0.99:
                cache.invalidate(key)
            else:
                assert cache.get_metrics().bytes <= CAP, step
                cache.invalidate_pattern(f"{draw.randrange(10)}*")
        return "ok"

    with often():
        assert at_once(*[partial(worker, number) for number in range(THREADS)]) == ["ok"] * THREADS
    counted = cache.get_metrics()
    assert heaviest <= CAP
    assert counted.hits + counted.misses == sum(asked)
    keys = cache.get_key_metrics()
    assert sum(each.misses for each in keys) == counted.misses
    assert sum(each.sets for each in keys) == counted.sets
    table = cache._tiers.table
    told = counted.bytes, counted.deduplicated, counted.entries
    table.mend()
    assert (table.bytes, table.deduplicated(), len(table.entries)) == told
    assert len(table._order) == counted.entries


def test_no_hit_of_a_key_is_lost() -> None:
    cache = ContextManager()
    cache.set("k", "v")

    def read() -> None:
        for _ in range(20_000):
            cache.get("k")

    with often():
        at_once(*[read] * THREADS)
    assert cache.get_metrics().hits == THREADS * 20_000
    assert [each.hits for each in cache.get_key_metrics()] == [THREADS * 20_000]


def test_copies_are_of_one_moment_whoever_changes_his_own() -> None:
    cache = ContextManager()
    cache.set("k", {"a": [0] * 50})

    def scribble() -> str:
        for number in range(300):
            mine = cache.get("k")
            assert mine == {"a": [0] * 50}
            mine["a"][:] = [number] * 3
            mine["b"] = number
        return "ok"

    with often():
        assert at_once(*[scribble] * THREADS) == ["ok"] * THREADS
