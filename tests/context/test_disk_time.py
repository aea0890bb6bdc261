"""An entry never lives longer than its ttl, whatever the clocks do."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.context.disk import DiskStore
from orchestra_nb.context.lifetimes import Life, Now, checked_ttl, system_now


class Clock:
    """The machine's clocks: true time goes on; the wall clock is what somebody set it to."""

    def __init__(self):
        self.true = 0.0
        self.boot, self.booted = b"a start of it...", -5000.0
        self.off = 1.7e9

    def __call__(self):
        return Now(self.boot, self.true - self.booted, self.true + self.off)

    def restart(self):
        self.boot = bytes([self.boot[0] + 1]) + self.boot[1:]
        self.booted = self.true


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(tmp_path, clock):
    with DiskStore(tmp_path, clock=clock) as made:
        yield made


def test_a_record_says_what_is_left(store, clock):
    store.put("key", 1, ttl=60)
    store.put("for ever", 1)
    store.put("endless", 1, ttl=math.inf)
    clock.true += 20
    assert store.get("key").ttl == 40.0
    assert store.get("for ever").ttl is None
    assert store.get("endless").ttl is None


@pytest.mark.parametrize("later", [False, True], ids=["put", "put_later"])
@pytest.mark.parametrize("value", [b"small", b"large" * 50_000], ids=["small", "large"])
def test_it_is_over_when_its_time_is_up_and_goes(value, later, store, clock):
    (store.put_later if later else store.put)("key", value, ttl=60)
    clock.true += 59.9
    assert store.get("key").value == value
    assert store.keys() == ["key"]
    clock.true += 0.1
    assert store.get("key") is None
    assert store.keys() == []
    assert store.statistics().expired == 1
    assert store.flush()
    store.get("key")
    assert store.flush()
    assert store.statistics().entries == 0
    assert list(store.folder.glob("v1/blobs/*")) == []


@pytest.mark.parametrize("jump", [-86400.0, -3600.0, 3600.0, 86400.0, -1e9])
def test_a_wall_clock_that_is_set_changes_nothing_while_the_machine_runs(jump, store, clock):
    store.put("key", 1, ttl=60)
    clock.off += jump
    clock.true += 30
    assert store.get("key").ttl == 30.0
    clock.true += 30
    assert store.get("key") is None


def test_after_a_new_start_the_wall_clock_decides(store, clock):
    store.put("key", 1, ttl=60)
    clock.true += 20
    clock.restart()
    assert store.get("key").ttl == pytest.approx(40.0)
    clock.true += 40
    assert store.get("key") is None


def test_after_a_new_start_an_entry_that_was_made_later_than_now_is_over(store, clock):
    store.put("key", 1, ttl=86400)
    store.put("for ever", 1)
    clock.restart()
    clock.off -= 3600
    assert store.get("key") is None
    assert store.get("for ever").value == 1


def test_a_new_value_has_a_new_life(store, clock):
    store.put("key", 1, ttl=60)
    clock.true += 50
    store.put("key", 2, ttl=60)
    clock.true += 50
    assert store.get("key").value == 2
    store.put("key", 3)
    clock.true += 1000
    assert store.get("key").value == 3


def test_what_is_over_goes_before_what_is_old(tmp_path, clock):
    with DiskStore(tmp_path, max_bytes=20_000, clock=clock) as store:
        store.put("old", b"o" * 1000)
        for number in range(10):
            store.put(str(number), b"x" * 1000, ttl=10)
        clock.true += 1e10  # the hint that the rows carry is compared with the real clock
        assert store.get("old") is not None
        for number in range(10):
            assert store.get(str(number)) is None


@given(
    ttl=st.floats(0.001, 1e6),
    steps=st.lists(st.tuples(st.floats(0, 1e5), st.booleans(), st.floats(-1e6, 0)), max_size=6),
)
def test_no_wall_clock_that_is_set_makes_a_life_longer(ttl, steps):
    """Law: where a life is not over, its true age is below its ttl.

    While the machine runs, the wall clock is set at will; at a new start it is right, or stands before the making.
    """
    clock = Clock()
    made = clock()
    life = Life(made, ttl)
    for seconds, restarts, back in steps:
        clock.true += seconds
        if restarts:
            clock.restart()
            clock.off = made.wall - 1e7 - clock.true if back < -5e5 else 1.7e9
        elif clock.boot == made.boot:
            clock.off += back
        left = life.left(clock())
        if left > 0:
            assert clock.true < ttl + 1e-3


@pytest.mark.parametrize(
    ("given_ttl", "seconds"), [(None, None), (1, 1.0), (0.5, 0.5), (math.inf, None), (10**400, None)]
)
def test_a_ttl_is_seconds_or_for_ever(given_ttl, seconds):
    assert checked_ttl(given_ttl) == seconds


def test_the_clocks_of_this_machine_go_on():
    first, second = system_now(), system_now()
    assert first.boot == second.boot
    assert len(first.boot) == 16
    assert first.monotonic <= second.monotonic
