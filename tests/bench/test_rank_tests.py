"""Intervals hold the truth as often as they say, tests alarm as seldom, and both agree with an independent judge."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from orchestra_nb.bench.rank_tests import _kept, holm, least_p, ratio, ratio_of_strata, repeats_needed

from .timed_worlds import noisy

times = st.lists(st.floats(0.01, 1e4), min_size=1, max_size=8)
distinct = st.lists(st.floats(0.01, 1e4), min_size=2, max_size=16, unique=True)


@given(distinct, st.data())
def test_p_is_that_of_the_exact_test_of_mann_and_whitney(values, data):
    cut = data.draw(st.integers(1, len(values) - 1))
    before, after = values[:cut], values[cut:]
    if any(0 < abs(later / earlier - 1) < 1e-8 for earlier in before for later in after):
        return
    judged = stats.mannwhitneyu(before, after, method="exact").pvalue
    assert ratio(before, after).p == pytest.approx(min(1.0, judged), abs=1e-9)


@given(times, times, st.floats(0.1, 10))
def test_a_scale_moves_the_ratio_and_its_interval_with_it(before, after, scale):
    one, other = ratio(before, after), ratio(before, [scale * value for value in after])
    for name in ("value", "low", "high"):
        assert getattr(other, name) == pytest.approx(scale * getattr(one, name), rel=1e-9)
    assert other.coverage == one.coverage


@given(times, times)
def test_to_change_sides_turns_the_ratio_over(before, after):
    one, other = ratio(before, after), ratio(after, before)
    assert other.p == pytest.approx(one.p)
    if one.coverage:
        assert other.low == pytest.approx(1 / one.high)
        assert other.high == pytest.approx(1 / one.low)


@given(times, times)
def test_what_the_interval_leaves_out_the_test_rejects(before, after):
    found = ratio(before, after)
    if found.coverage and not found.low <= 1 + 1e-8 <= 1 + 1e-8 <= found.high * (1 + 1e-7):
        assert found.p <= 0.05 + 1e-9


@pytest.mark.parametrize(("n", "m", "confidence"), [(5, 5, 0.95), (7, 4, 0.9), (12, 9, 0.99)])
def test_an_interval_is_as_sure_as_it_says(n, m, confidence):
    random, held, rounds = Random(n * m), 0, 1500
    for _ in range(rounds):
        found = ratio(noisy(random, 1.0, n), noisy(random, 1.3, m), confidence)
        held += found.low <= 1.3 <= found.high
    assert found.coverage >= confidence
    assert held / rounds == pytest.approx(found.coverage, abs=0.02)


def test_strata_of_very_different_levels_share_a_ratio():
    random, held = Random(3), 0
    for _ in range(600):
        pairs = [(noisy(random, level, 4), noisy(random, 1.1 * level, 4)) for level in (0.01, 1.0, 300.0)]
        found = ratio_of_strata(pairs)
        held += found.low <= 1.1 <= found.high
    assert found.coverage >= 0.95
    assert held / 600 == pytest.approx(found.coverage, abs=0.03)


def test_one_stratum_is_the_plain_comparison():
    random = Random(5)
    before, after = noisy(random, 1.0, 5), noisy(random, 1.2, 6)
    assert ratio_of_strata([(before, after)]) == ratio(before, after)


def test_where_it_is_counted_no_more_the_normal_distribution_goes_on_without_a_step(monkeypatch):
    samples = [1.0 + i / 100 for i in range(40)], [1.05 + i / 90 for i in range(40)]
    exact = ratio(*samples)
    monkeypatch.setattr("orchestra_nb.bench.rank_tests._EXACT", 100)
    rough = ratio(*samples)
    assert rough.p == pytest.approx(exact.p, abs=0.001)
    assert (rough.low, rough.high) == pytest.approx((exact.low, exact.high), rel=0.01)


def test_so_few_values_have_no_interval_and_say_so():
    found = ratio([1.0, 1.1], [5.0, 5.1])
    assert (found.low, found.high, found.coverage) == (0.0, math.inf, 0.0)
    assert found.p == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="at least one time"):
        ratio([], [1.0])


def test_ties_are_no_difference():
    assert ratio([2.0] * 6, [2.0] * 6).p == 1.0
    assert ratio([0.1 + 0.2] * 6, [0.3] * 6).p == 1.0


@given(st.lists(st.floats(0, 1), max_size=8))
def test_adjusted_p_are_those_of_holm(ps):
    adjusted = holm(ps)
    assert all(before <= after <= 1 for before, after in zip(ps, adjusted, strict=True))
    order = sorted(range(len(ps)), key=lambda i: ps[i])
    assert [adjusted[i] for i in order] == sorted(adjusted)
    assert not ps or adjusted[order[0]] == pytest.approx(min(1.0, len(ps) * min(ps)))


def test_as_many_repeats_as_it_says_can_show_a_difference_and_one_less_cannot():
    for alpha in (0.05, 0.01, 0.05 / 7):
        n = repeats_needed(alpha)
        assert least_p([(n, n)]) <= alpha < least_p([(n - 1, n - 1)])
    assert _kept(((3, 3),), 0.95) == 0
