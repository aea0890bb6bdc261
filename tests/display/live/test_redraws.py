"""When a dashboard is drawn again: never too often, by whatever measure, and soon when somebody clicks."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra_nb.display.live.redraws import LEAST, LIVELY, PER_SECOND, PERIOD, Redraws, rest_after

BURSTS = st.lists(
    st.tuples(st.floats(0.0, 0.2), st.integers(1, 400_000), st.floats(0.0, 3.0), st.booleans()), min_size=1, max_size=60
)


@settings(max_examples=100)
@given(BURSTS)
def test_messages_characters_and_time_stay_within_their_limits_whatever_happens(bursts: list) -> None:
    redraws, now, times, total, worked = Redraws(), 0.0, [], 0, 0.0
    largest = 0
    for spent, sent, idle, asked in bursts:
        now += max(idle, redraws.wait(now, asked=asked)) + spent
        redraws.drawn(now, spent=spent, sent=sent, elapsed=now)
        times.append(now)
        total += sent
        worked += spent
        largest = max(largest, sent)
    assert all(later - sooner >= LEAST - 1e-9 for sooner, later in pairwise(times))
    assert total <= PER_SECOND * (times[-1] - times[0]) + largest + 1e-6


@given(st.lists(st.floats(0.001, 0.5), min_size=2, max_size=40))
def test_without_clicks_it_takes_little_of_the_time(costs: list[float]) -> None:
    redraws, now = Redraws(), 0.0
    for spent in costs:
        now += redraws.wait(now) + spent
        redraws.drawn(now, spent=spent, sent=100, elapsed=now)
    assert sum(costs[:-1]) <= 0.0125 * now + 1e-9


@given(st.lists(st.floats(0.0001, 0.0125), min_size=2, max_size=40))
def test_what_a_look_takes_is_little_where_it_moves_every_two_seconds_all_the_same(costs: list[float]) -> None:
    assert max(map(rest_after, costs)) <= LIVELY
    assert sum(costs) <= sum(map(rest_after, costs)) / 160 + 1e-9


@pytest.mark.parametrize(
    ("spent", "sent", "wait", "asked"),
    [(0.001, 100, PERIOD, LEAST), (0.1, 100, 8.0, LEAST), (0.001, 100_000, 0.5, 0.5), (0.1, 1_000_000, 8.0, 5.0)],
)
def test_the_strictest_limit_holds(spent: float, sent: int, wait: float, asked: float) -> None:
    redraws = Redraws()
    redraws.drawn(10.0, spent=spent, sent=sent, elapsed=10.0)
    assert (redraws.wait(10.0), redraws.wait(10.0, asked=True)) == pytest.approx((wait, asked))


def test_in_the_night_the_time_goes_on_more_seldom() -> None:
    redraws = Redraws()
    redraws.drawn(30_000.0, spent=0.001, sent=100, elapsed=30_000.0)
    assert [redraws.stale(30_000.0 + later) for later in (1.0, 299.0, 301.0)] == [False, False, True]


def test_a_look_that_found_nothing_does_not_put_the_next_one_off() -> None:
    redraws = Redraws()
    redraws.drawn(0.0, spent=0.001, sent=100, elapsed=0.0)
    redraws.looked(0.25, spent=0.0001)
    assert (redraws.wait(0.25), redraws.stale(1.0)) == (PERIOD, True)
