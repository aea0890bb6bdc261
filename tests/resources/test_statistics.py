"""Waits and use in bounded memory: percentiles within their promise, integrals exact."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb import ResourceManager
from orchestra_nb.resources.statistics import Usage, WaitTimes


@given(st.lists(st.one_of(st.just(0.0), st.floats(1e-5, 1e5)), min_size=1, max_size=60), st.integers(0, 30))
def test_a_percentile_is_the_exact_one_or_at_most_a_fifth_more(waits, at_once):
    times = WaitTimes()
    for seconds in waits:
        times.add(seconds)
    exact = sorted([0.0] * at_once + waits)
    for share in (0.5, 0.9, 0.99, 1.0):
        place = max(0, -(-int(share * 1000) * len(exact) // 1000) - 1)
        found = times.percentile(share, at_once)
        assert exact[place] * (1 - 1e-9) <= found <= exact[place] * 2**0.25 + 1e-9


@pytest.mark.parametrize("seed", range(20))
def test_the_timeline_adds_up_to_all_that_was_held(seed):
    draw = random.Random(seed)
    usage, now, held = Usage(5.0), 5.0, 0.0
    for _ in range(300):
        step, taken = draw.choice((0.0, 0.01, 0.7, 3.0, 500.0)), draw.randint(0, 4)
        now += step
        usage.advance(now, taken)
        held += taken * step
    line = usage.timeline()
    assert usage.busy == pytest.approx(held)
    assert sum((ends - begins) * mean for begins, ends, mean in line) == pytest.approx(held)
    assert len(line) <= 65
    assert line[0][0] == 0
    assert all(one[1] == pytest.approx(two[0]) for one, two in pairwise(line))


def test_a_long_silence_costs_nothing():
    usage = Usage(0.0)
    usage.advance(3e9, 1)
    assert usage.busy == pytest.approx(3e9)
    assert len(usage.timeline()) <= 65


def test_a_snapshot_does_not_change_any_more():
    now = [0.0]
    manager = ResourceManager(clock=lambda: now[0])
    manager.register_resource("gpu", max_concurrent=4)
    manager.acquire_lock("gpu", "a", amount=2)
    now[0] = 10.0
    before = manager.get_resource_stats()
    manager.acquire_lock("gpu", "b", amount=2)
    assert before["gpu"].holders == {"a": 2}
    assert before["gpu"].utilisation == pytest.approx(0.5)
    assert before.owners["a"].holds == {"gpu": 2}
    assert before.at == 10.0
    now[0] = 20.0
    assert manager.get_resource_stats()["gpu"].utilisation == pytest.approx(0.75)
