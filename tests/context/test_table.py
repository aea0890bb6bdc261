"""The table against an obvious model: every answer, every victim, every byte."""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from orchestra_nb.config import CachePolicy
from orchestra_nb.context.entries import Change, Offer
from orchestra_nb.context.manager import ContextManager
from orchestra_nb.context.table import Table

from .cache_model import CAP, CONTENTS, KEYS, POLICIES, Clock, Model

STEPS = int(os.environ.get("ORCHESTRA_NB_STEPS", "100000"))


class Real:
    """The table itself."""

    def __init__(self, policy: CachePolicy) -> None:
        self.table = Table(policy)
        self.default = policy.default_ttl

    def get(self, key: str, now: float) -> str | None:
        entry = self.table.hit(key, now)
        return None if entry is None else entry.value

    def put(self, key: str, content: str, ttl: float | None, now: float) -> None:
        expires = float("inf") if ttl is None else now + ttl
        self.table.put(key, Offer(content, len(content), digest=content), expires, now)

    def drop(self, key: str, now: float) -> bool:
        return any(change == Change("invalidated", key, change.bytes) for change in self.table.drop([key], now))

    def expire(self, now: float) -> None:
        self.table.expire(now)


class Whole(Real):
    """The same through all of the cache."""

    def __init__(self, policy: CachePolicy) -> None:
        self.clock = Clock()
        self.cache = ContextManager(policy, clock=self.clock, digest=str, size=len)
        self.table = self.cache._tiers.table

    def get(self, key: str, now: float) -> str | None:
        self.clock.now = now
        return self.cache.get(key)

    def put(self, key: str, content: str, ttl: float | None, now: float) -> None:
        self.clock.now = now
        self.cache.set(key, content, ttl)

    def drop(self, key: str, now: float) -> bool:
        self.clock.now = now
        return self.cache.invalidate(key)


def same(real: Real, model: Model, now: float) -> None:
    """Compare all that can be seen."""
    table = real.table
    assert table.bytes == model.weight <= CAP
    assert {key: entry.value for key, entry in table.entries.items()} == {
        key: row.content for key, row in model.rows.items()
    }
    soonest = min((row.expires for row in model.rows.values()), default=float("inf"))
    assert (table.next_expiry() or float("inf")) == soonest
    assert (table.total.evictions, table.total.expirations) == (model.evicted, model.expired)


def play(name: str, seed: int, steps: int, kind: type[Real]) -> None:
    """Do so many steps on both sides."""
    policy, lifetimes = POLICIES[name]
    draw, now = random.Random(seed), 0.0
    real, model = kind(policy), Model(policy)
    hits = misses = 0
    for step in range(steps):
        act, key = draw.random(), draw.choice(KEYS[:4] if draw.random() < 0.6 else KEYS)
        now += draw.choice((0.0, 0.0, 0.5, 3.0))
        if act < 0.55:
            found = real.get(key, now)
            assert found == model.get(key, now), (name, seed, step)
            hits, misses = hits + (found is not None), misses + (found is None)
            if kind is Whole and found is None:  # the cache looks for what has expired, the model is told to
                model.expire(now)
        elif act < 0.92:
            ttl = draw.choice((1.0, 5.0, 30.0, 500.0)) if lifetimes else None
            content = draw.choice(CONTENTS)
            real.put(key, content, ttl, now)
            model.put(key, content, ttl, now)
        elif act < 0.97:
            assert real.drop(key, now) == model.drop(key, now), (name, seed, step)
        else:
            real.table.expire(now)
            model.expire(now)
        assert real.table.bytes == model.weight <= CAP
        if step % 5 == 0 or step == steps - 1:
            same(real, model, now)
    assert real.table.count_hits() == hits
    if kind is Whole:
        assert real.table.total.misses == misses
    assert model.evicted > steps / 100


@pytest.mark.parametrize("name", POLICIES)
def test_random_steps_are_those_of_the_model(name: str) -> None:
    play(name, seed=1, steps=STEPS, kind=Real)


@pytest.mark.parametrize("name", POLICIES)
def test_random_steps_of_the_whole_cache_are_those_of_the_model(name: str) -> None:
    play(name, seed=2, steps=STEPS // 10, kind=Whole)


class Machine(RuleBasedStateMachine):
    """What Hypothesis shortens when it finds a difference."""

    name = "lru"

    def __init__(self) -> None:
        super().__init__()
        policy, self.lifetimes = POLICIES[self.name]
        self.real, self.model, self.now = Real(policy), Model(policy), 0.0

    @rule(key=st.sampled_from(KEYS))
    def get(self, key: str) -> None:
        assert self.real.get(key, self.now) == self.model.get(key, self.now)

    @rule(key=st.sampled_from(KEYS), content=st.sampled_from(CONTENTS), ttl=st.floats(0.5, 100))
    def put(self, key: str, content: str, ttl: float) -> None:
        lifetime = ttl if self.lifetimes else None
        self.real.put(key, content, lifetime, self.now)
        self.model.put(key, content, lifetime, self.now)

    @rule(key=st.sampled_from(KEYS))
    def drop(self, key: str) -> None:
        assert self.real.drop(key, self.now) == self.model.drop(key, self.now)

    @rule(seconds=st.floats(0, 60))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.real.expire(self.now)
        self.model.expire(self.now)

    @rule()
    def interrupt(self) -> None:
        """A change that was torn in two leaves only the entries to be relied on."""
        self.real.table._sound = False
        self.real.table.bytes = 12345
        self.real.table._contents.clear()
        self.real.table._order.renew([])
        self.real.table._expiry.renew([])
        self.real.expire(self.now)
        self.model.expire(self.now)

    @invariant()
    def equal(self) -> None:
        same(self.real, self.model, self.now)


for _name in POLICIES:
    _machine = type(f"Machine_{_name.replace('+', '_')}", (Machine,), {"name": _name})
    _machine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
    globals()[f"Test_{_name.replace('+', '_')}"] = _machine.TestCase
del _name, _machine


def test_an_old_favourite_dies_where_nobody_uses_it_any_more() -> None:
    table = Table(CachePolicy(max_bytes=3, eviction="lfu"))
    table.put("old", Offer("o", 1), expires=1e9, now=0)
    for _ in range(50):
        table.hit("old", now=0)
    new = 0
    while "old" in table.entries:
        for key in ("x", "y", "z"):
            table.put(key + str(new), Offer("n", 1), expires=1e9, now=0)
            table.hit(key + str(new), now=0)
        new += 1
        assert new < 100, "it lives for ever"
    assert new > 10, "its fame was worth nothing"


def test_what_is_used_less_goes_first() -> None:
    table = Table(CachePolicy(max_bytes=3, eviction="lfu"))
    for key, uses in (("a", 3), ("b", 1), ("c", 2)):
        table.put(key, Offer(key, 1), expires=1e9, now=0)
        for _ in range(uses):
            table.hit(key, now=0)
    assert [change.key for change in table.put("d", Offer("d", 1), 1e9, 0)] == ["b", "d"]


def test_what_never_expires_goes_last_where_lifetimes_decide() -> None:
    table = Table(CachePolicy(max_bytes=3, eviction="ttl"))
    for key, expires in (("a", float("inf")), ("b", 9.0), ("c", 5.0)):
        table.put(key, Offer(key, 1), expires, now=0)
    gone = [table.put(key, Offer(key, 1), float("inf"), now=0)[0].key for key in "def"]
    assert gone == ["c", "b", "a"]


def test_equal_values_weigh_once_until_the_last_of_their_keys_goes() -> None:
    table = Table(CachePolicy(max_bytes=10))
    for key in "abc":
        table.put(key, Offer("same", 8, digest="same"), expires=1e9, now=0)
    assert (table.bytes, table.deduplicated()) == (8, 16)
    table.drop(["a", "b"], now=0)
    assert (table.bytes, table.deduplicated()) == (8, 0)
    table.drop(["c"], now=0)
    assert table.bytes == 0


def test_a_value_that_takes_all_keys_of_its_own_content_away_is_still_there() -> None:
    table = Table(CachePolicy(max_bytes=10, max_entries=1))
    table.put("a", Offer("same", 10, digest="same"), expires=1e9, now=0)
    table.put("b", Offer("same", 10, digest="same"), expires=1e9, now=0)
    assert list(table.entries) == ["b"]
    assert table.bytes == 10
    table.put("c", Offer("same", 10, digest="same"), expires=1e9, now=0)
    assert table.bytes == 10


@pytest.mark.parametrize(("weight", "kept"), [(0, True), (9, True), (10, True), (11, False)])
def test_a_value_at_the_cap_is_kept_and_one_above_takes_its_old_value_with_it(weight: int, kept: bool) -> None:
    table = Table(CachePolicy(max_bytes=10))
    table.put("k", Offer("old", 3), expires=1e9, now=0)
    changes = table.put("k", Offer("new", weight), expires=1e9, now=0)
    assert [change.kind for change in changes] == ["set" if kept else "refused"]
    assert ("k" in table.entries) is kept
    assert table.bytes == (weight if kept else 0)


def test_a_stale_ticket_changes_nothing() -> None:
    table = Table(CachePolicy(max_bytes=10))
    for change in (lambda: table.put("k", Offer("v", 1), 1e9, 0), lambda: table.drop(["k"], 0)):
        ticket = table.ticket("k")
        change()
        before = dict(table.entries)
        assert table.put("k", Offer("late", 1), 1e9, 0, ticket) == [Change("stale", "k", 1)]
        assert table.entries == before
    fresh = table.ticket("k")
    table.put("other", Offer("v", 1), 1e9, 0)
    assert [change.kind for change in table.put("k", Offer("v", 1), 1e9, 0, fresh)] == ["set"]


def test_tickets_that_nobody_holds_leave_nothing_behind() -> None:
    table = Table(CachePolicy())
    held = table.ticket("held")
    for number in range(100):
        table.ticket(f"k{number}")
    assert table.watched() == ["held"]
    del held
    assert table.watched() == []


def test_the_counts_of_keys_that_have_gone_are_bounded() -> None:
    table = Table(CachePolicy(max_bytes=5), most_gone=10)
    for number in range(1000):
        table.miss(f"asked {number}", now=0)
        table.put(f"set {number}", Offer("v", 1), expires=1e9, now=0)
    counted = table.key_metrics(now=0)
    assert len(counted) == 15
    assert [each.key for each in counted if each.cached] == [f"set {number}" for number in range(995, 1000)]


def test_hits_of_a_key_outlive_its_values() -> None:
    table = Table(CachePolicy(max_bytes=5))
    for _ in range(3):
        table.put("k", Offer("v", 1, seconds=2.0), expires=1e9, now=0)
        table.hit("k", now=0)
    table.drop(["k"], now=0)
    (counted,) = table.key_metrics(now=0)
    assert (counted.hits, counted.sets, counted.invalidations, counted.seconds_saved) == (3, 3, 1, 6.0)
    assert table.metrics().seconds_saved == 6.0
