"""The cache as its users see it: keys, lifetimes, copies, events and counts."""

from __future__ import annotations

import logging
import pickle
import random
import threading
from math import inf, nan
from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestra_nb import CacheError, CachePolicy, ConfigError, Context, ContextManager
from orchestra_nb.context import events
from orchestra_nb.context.metrics import CacheMetrics

from .cache_model import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


def small(clock: Clock, **knobs: Any) -> ContextManager:
    """A cache of ten bytes, where a text weighs its length."""
    return ContextManager(**{"max_bytes": 10, "default_ttl": None, **knobs}, clock=clock, size=len, digest=str)


def kinds(cache: ContextManager) -> list[str]:
    """The names of events from now on."""
    seen: list[str] = []
    cache.on("cache:*", lambda event: seen.append(event.name.removeprefix("cache:")))
    return seen


def test_what_is_set_is_found_until_its_time_is_up(clock: Clock) -> None:
    cache = small(clock)
    cache.set("k", "v", ttl=5)
    clock.now = 4.999
    assert cache.get("k") == "v"
    assert "k" in cache
    clock.now = 5.0
    assert "k" not in cache
    assert cache.get("k", "gone") == "gone"


def test_none_is_a_value(clock: Clock) -> None:
    cache = ContextManager(clock=clock)
    cache.set("k", None)
    assert cache.get("k", "gone") is None
    assert cache.get_or_compute("k", lambda: "computed") is None


def test_the_default_lifetime_is_that_of_the_policy(clock: Clock) -> None:
    cache = small(clock, default_ttl=7)
    cache.set("k", "v")
    cache.set("short", "w", ttl=1)
    clock.now = 6.9
    assert (cache.get("k"), cache.get("short")) == ("v", None)
    clock.now = 7
    assert cache.get("k") is None
    assert ContextManager().policy == CachePolicy(max_bytes=100 * 2**20, default_ttl=3600, eviction="lru")


BAD_KEYS = ["", None, 1, b"k", ("k",), [], {}, nan]
CALLS = {
    "get": lambda cache, key: cache.get(key),
    "set": lambda cache, key: cache.set(key, "new"),
    "get_or_compute": lambda cache, key: cache.get_or_compute(key, lambda: "new"),
    "invalidate": lambda cache, key: cache.invalidate(key),
}


@pytest.mark.parametrize("key", BAD_KEYS, ids=repr)
@pytest.mark.parametrize("call", CALLS)
def test_what_is_no_key_is_refused_and_changes_nothing(call: str, key: Any, clock: Clock) -> None:
    cache = small(clock)
    cache.set("k", "v")
    before = cache.get_metrics()
    with pytest.raises(CacheError, match="is no key; a key is a text that is not empty") as caught:
        CALLS[call](cache, key)
    assert pickle.loads(pickle.dumps(caught.value)).args == caught.value.args
    assert cache.get_metrics() == before
    assert key not in cache


@pytest.mark.parametrize("ttl", [0, -1, inf, -inf, nan, True, "5", 10**400, [1]], ids=lambda ttl: repr(ttl)[:5])
def test_what_is_no_lifetime_is_refused_and_changes_nothing(ttl: Any, clock: Clock) -> None:
    cache = small(clock)
    cache.set("k", "v")
    before = cache.get_metrics()
    for call in (lambda: cache.set("k", "new", ttl), lambda: cache.get_or_compute("k", lambda: "new", ttl)):
        with pytest.raises(CacheError, match="must be a positive, finite number of seconds"):
            call()
    assert cache.get_metrics() == before
    assert cache.get("k") == "v"


def test_what_computes_is_a_function(clock: Clock) -> None:
    with pytest.raises(CacheError, match="give a function"):
        small(clock).get_or_compute("k", 5)  # type: ignore[arg-type]


KNOBS = [
    {"max_bytes": 0}, {"max_bytes": 1.5}, {"max_bytes": True}, {"max_bytes": None}, {"max_entries": 0},
    {"default_ttl": 0}, {"default_ttl": inf}, {"default_ttl": nan}, {"default_ttl": 10**400},
    {"eviction": "lifo"}, {"copies": "always"}, {"path": 5}, {"path": ""},
]  # fmt: skip


@pytest.mark.parametrize("knobs", KNOBS, ids=lambda knobs: repr(knobs)[:30])
def test_a_knob_that_cannot_be_meant_is_refused(knobs: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(knobs))):
        ContextManager(**knobs)


def test_knobs_change_a_policy_that_is_given() -> None:
    policy = CachePolicy(max_bytes=5, eviction="lfu")
    assert ContextManager(policy, max_entries=3).policy == CachePolicy(max_bytes=5, eviction="lfu", max_entries=3)
    with pytest.raises(TypeError, match="max_byte"):
        ContextManager(max_byte=5)


# Copies.


def test_whoever_changes_what_he_gave_or_got_changes_nothing_here() -> None:
    cache = ContextManager()
    given = {"rows": [1]}
    cache.set("k", given)
    given["rows"].append(2)
    cache.get("k")["rows"].append(3)
    cache.get_or_compute("k", dict)["rows"].append(4)
    assert cache.get("k") == {"rows": [1]}
    made = cache.get_or_compute("computed", lambda: [1])
    made.append(2)
    assert cache.get("computed") == [1]


def test_arrays_and_frames_are_copied_too() -> None:
    cache = ContextManager()
    cache.set("array", np.zeros(3))
    cache.set("frame", pd.DataFrame({"a": [1, 2]}))
    cache.get("array")[0] = 5
    frame = cache.get("frame")
    frame.loc[0, "a"] = 5
    assert cache.get("array").tolist() == [0, 0, 0]
    assert cache.get("frame")["a"].tolist() == [1, 2]


def test_what_cannot_change_is_one_object_for_all() -> None:
    cache = ContextManager()
    value = ("a", (1, 2))
    cache.set("k", value)
    assert cache.get("k") is value
    context = Context({"a": [1]})
    cache.set("context", context)
    assert cache.get("context") is context


def test_copies_can_be_done_without() -> None:
    cache = ContextManager(copies="never")
    value = [1]
    cache.set("k", value)
    assert cache.get("k") is value


def test_what_cannot_be_copied_is_not_kept_and_takes_the_old_value_with_it() -> None:
    cache = ContextManager()
    cache.set("k", "old")
    seen: list[Any] = []
    cache.on("cache:refused", seen.append)
    lock = threading.Lock()
    cache.set("k", [lock])
    assert cache.get("k", "gone") == "gone"
    assert seen[0].key == "k"
    assert "cannot be copied" in seen[0].reason
    found = cache.get_or_compute("other", lambda: lock)
    assert found is lock
    assert "other" not in cache
    assert cache.get_metrics().refusals == 2


class Once:
    """Can be copied once and never again."""

    copied = 0

    def __deepcopy__(self, memo: object) -> Once:
        Once.copied += 1
        if Once.copied > 1:
            raise RuntimeError("no")
        return Once()

    def __reduce__(self) -> Any:
        raise RuntimeError("no")


def test_a_value_that_cannot_be_given_away_any_more_is_a_miss() -> None:
    Once.copied = 0
    cache = ContextManager(digest=lambda value: "d", size=lambda value: 1)
    seen = kinds(cache)
    cache.set("k", Once())
    assert cache.get("k", "gone") == "gone"
    assert "k" not in cache
    assert "refused" in seen


# Room.


def test_a_value_that_is_too_heavy_is_given_back_and_not_kept(clock: Clock) -> None:
    cache = small(clock)
    seen: list[Any] = []
    cache.on("cache:refused", seen.append)
    assert cache.get_or_compute("k", lambda: "x" * 11) == "x" * 11
    assert cache.get("k") is None
    assert [(event.key, event.reason) for event in seen] == [("k", "it weighs 11 bytes, and all of memory may hold 10")]
    cache.set("exact", "y" * 10)
    assert cache.get("exact") == "y" * 10
    cache.set("none", "")
    assert cache.get("none") == ""
    assert cache.get("exact") == "y" * 10


def test_equal_values_are_one_object_that_weighs_once(clock: Clock) -> None:
    cache = small(clock)
    for key in "abc":
        cache.set(key, "".join(["value", "!!"]))
    assert cache.get("a") is cache.get("b") is cache.get("c")
    found = cache.get_metrics()
    assert (found.bytes, found.deduplicated, found.entries) == (7, 14, 3)


def test_what_has_no_digest_is_kept_by_itself() -> None:
    def digest(value: Any) -> str:
        raise TypeError("no")

    cache = ContextManager(digest=digest, size=lambda value: 4)
    cache.set("a", "v")
    cache.set("b", "v")
    assert (cache.get("a"), cache.get("b"), cache.get_metrics().bytes) == ("v", "v", 8)


# Time.


@pytest.mark.parametrize("seed", range(10))
def test_a_clock_that_jumps_never_brings_back_what_was_said_to_be_gone(seed: int, clock: Clock) -> None:
    draw, cache, gone = random.Random(seed), small(clock), set()
    for step in range(500):
        clock.now += draw.choice((0, 1, 86_400, -86_400))
        key = f"{draw.randrange(5)}"
        if draw.random() < 0.5:
            cache.set(key, f"{step}", ttl=draw.choice((1, 10, 100_000)))
            gone = {value for value in gone if value[0] != key}
        elif (key, "gone") in gone:
            assert cache.get(key) is None
        elif cache.get(key) is None:
            gone.add((key, "gone"))


def test_a_clock_that_stands_at_no_number_expires_nothing(clock: Clock) -> None:
    cache = small(clock)
    cache.set("k", "v", ttl=5)
    clock.now = nan
    assert cache.get("k") == "v"


# What is told.


def test_each_thing_that_happens_is_one_event(clock: Clock) -> None:
    cache = small(clock)
    seen = kinds(cache)
    cache.set("a", "1" * 6, ttl=5)
    cache.get("a")
    cache.get("b")
    cache.set("b", "2" * 6)
    cache.set("c", "3", ttl=1)
    clock.now = 1
    cache.get("c")
    cache.invalidate("b")
    cache.invalidate("b")
    cache.get_or_compute("d", lambda: "4")
    assert seen == [
        *("set", "hit", "miss", "evicted", "set", "set", "expired", "miss", "invalidated"),
        *("miss", "computed", "set"),
    ]


def test_events_say_when_and_what(clock: Clock) -> None:
    clock.now = 100.0
    cache = small(clock)
    seen: list[Any] = []
    undo = cache.on("cache:set", seen.append)
    clock.now = 102.5
    cache.set("k", "value")
    undo()
    cache.set("k", "other")
    assert seen == [events.CacheSet(2.5, "k", 5)]


def test_a_listener_may_use_the_cache_and_one_that_raises_hurts_nobody(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    cache = small(clock)
    answers: list[Any] = []
    cache.on("cache:evicted", lambda event: (answers.append(cache.get("log")), cache.invalidate("log")))

    def fails(event: Any) -> None:
        raise ValueError("no")

    cache.on("cache:set", fails)
    with caplog.at_level(logging.CRITICAL):
        cache.set("log", "l")
        cache.set("a", "1" * 9)
        cache.set("b", "2" * 9)
    assert answers == [None, None]
    assert cache.get("b") == "2" * 9


def test_nothing_is_made_where_nobody_listens(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*about: Any) -> None:
        raise AssertionError("an event was made")

    for name in ("CacheHit", "CacheMiss", "CacheSet", "CacheComputed"):
        monkeypatch.setattr(events, name, never)
    cache = small(clock)
    cache.set("k", "v")
    assert cache.get("k") == "v"
    assert cache.get("none") is None
    assert cache.get_or_compute("c", lambda: "c") == "c"


def test_counts_in_all_and_for_each_key(clock: Clock) -> None:
    cache = small(clock)

    def slow() -> str:
        clock.now += 2.0
        return "v"

    for _ in range(4):
        cache.get_or_compute("k", slow)
    cache.get("none")
    found = cache.get_metrics()
    assert (found.hits, found.misses, found.sets, found.computations) == (3, 2, 1, 1)
    assert (found.hit_rate, found.seconds_saved, found.entries, found.bytes) == (0.6, 6.0, 1, 1)
    keys = {each.key: each for each in cache.get_key_metrics()}
    assert (keys["k"].hits, keys["k"].misses, keys["k"].hit_rate, keys["k"].seconds_saved) == (3, 1, 0.75, 6.0)
    assert (keys["none"].cached, keys["none"].misses, keys["none"].hit_rate) == (False, 1, 0.0)
    assert CacheMetrics().hit_rate == 0.0
    before = cache.get_metrics()
    cache.get("k")
    assert before == found


def test_a_snapshot_does_not_count_what_has_expired(clock: Clock) -> None:
    cache = small(clock)
    cache.set("k", "v", ttl=1)
    clock.now = 2
    found = cache.get_metrics()
    assert (found.entries, found.bytes, found.expirations) == (0, 0, 1)


# The end.


def test_what_is_closed_says_so_and_holds_nothing() -> None:
    with ContextManager() as cache:
        cache.set("k", "v")
    cache.close()
    for call in (
        lambda: cache.get("k"),
        lambda: cache.set("k", "v"),
        lambda: cache.get_or_compute("k", str),
        lambda: cache.invalidate("k"),
        lambda: cache.invalidate_pattern("*"),
        lambda: cache.clear(),
        lambda: cache.export(),
        lambda: cache.import_("{}"),
    ):
        with pytest.raises(CacheError, match="has been closed"):
            call()
    assert cache.get_metrics().entries == 0


def test_clearing_and_invalidating_say_how_many_there_were(clock: Clock) -> None:
    cache = small(clock)
    for key in "abcd":
        cache.set(key, key)
    assert cache.invalidate("a") is True
    assert cache.invalidate("a") is False
    assert cache.keys() == ["b", "c", "d"]
    assert cache.invalidate_pattern("[bx]") == 1
    assert cache.clear() == 2
    assert cache.clear() == 0
    assert cache.get_metrics().invalidations == 4


def test_it_says_of_itself_how_full_it_is(clock: Clock) -> None:
    cache = small(clock, eviction="lfu")
    cache.set("k", "value")
    assert repr(cache) == "ContextManager(1 entries, 5 of 10 bytes, lfu)"
    assert cache, "an empty cache would be false where somebody writes 'cache or other'"


class Destructor:
    """Uses the cache when it goes."""

    def __init__(self, cache: ContextManager, told: list[Any]) -> None:
        self.cache, self.told = cache, told

    def __deepcopy__(self, memo: object) -> Destructor:
        return self

    def __del__(self) -> None:
        try:
            self.told.append(self.cache.set("from the destructor", 1))
        except CacheError as error:
            self.told.append(error)


def test_a_destructor_that_uses_the_cache_does_not_hang_it() -> None:
    cache, told = ContextManager(max_entries=1, digest=lambda value: str(id(value)), size=lambda value: 1), []
    for number in range(20):
        cache.set(f"{number}", Destructor(cache, told))
    assert told, "no destructor ran"
    cache.set("k", "v")
    assert cache.get("k") == "v"
    assert cache.get_metrics().entries == 1
    cache.clear()
