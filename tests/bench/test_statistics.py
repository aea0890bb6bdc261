from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.bench.statistics import geometric_mean, karp_flatt, middle

from .timed_worlds import noisy


@pytest.mark.parametrize("n", [2, 5, 6, 9, 20, 51])
def test_an_interval_holds_the_true_median_as_often_as_it_says(n):
    random, held, rounds = Random(n), 0, 2000
    for _ in range(rounds):
        found = middle([math.exp(random.gauss(0, 0.3)) for _ in range(n)])
        held += found.low <= 1.0 <= found.high
    assert held / rounds == pytest.approx(found.coverage, abs=0.025)
    assert found.coverage >= 0.95 or n < 6


@pytest.mark.parametrize(("n", "coverage"), [(1, 0.0), (2, 0.5), (3, 0.75), (5, 0.9375), (6, 0.96875)])
def test_few_values_are_as_sure_as_they_can_be(n, coverage):
    assert middle(range(n)).coverage == coverage


@given(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=40), st.floats(0.5, 0.999))
def test_the_interval_is_around_the_median_and_no_wider_than_it_must_be(values, confidence):
    found = middle(values, confidence)
    if found.n > 1:
        assert min(values) <= found.low <= found.value <= found.high <= max(values)
        assert found.coverage >= confidence or (found.low, found.high) == (min(values), max(values))
        assert middle(values, 0.5).low >= found.low


def test_one_run_that_was_disturbed_moves_the_median_little():
    calm = noisy(Random(1), 1.0, 9, 0.01)
    assert middle([*calm[1:], 60.0]).value == pytest.approx(middle(calm).value, rel=0.2)


def test_nothing_is_no_number():
    found = middle([])
    assert (found.n, math.isnan(found.value), math.isnan(geometric_mean([]))) == (0, True, True)
    assert math.isnan(karp_flatt(1.0, 1))
    assert math.isnan(karp_flatt(math.nan, 4))


@given(st.floats(0.0, 1.0), st.integers(2, 64))
def test_karp_and_flatt_find_the_serial_fraction_of_amdahl(serial, jobs):
    speedup = 1 / (serial + (1 - serial) / jobs)
    assert karp_flatt(speedup, jobs) == pytest.approx(serial, abs=1e-9)


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=9))
def test_a_geometric_mean_of_ratios_is_the_same_from_both_sides(ratios):
    assert geometric_mean(ratios) == pytest.approx(1 / geometric_mean(1 / ratio for ratio in ratios))
