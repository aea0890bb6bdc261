"""Estimates that are dear are made seldom."""

from __future__ import annotations

from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node
from orchestra_nb.progress.eta import NOTHING, Estimate
from orchestra_nb.progress.seldom import SeldomEstimator
from orchestra_nb.progress.state import Progress


class Counting:
    """Says the same each time, and how often it was asked; each answer costs so many seconds of its clock."""

    def __init__(self, cost):
        self.cost, self.asked, self.now = cost, 0, 0.0

    def remaining(self, progress, now):
        self.asked += 1
        self.now += self.cost
        return Estimate(8.0, 10.0, 12.0)

    def clock(self):
        return self.now


def progress():
    return Progress(DAG([Node("a")]))


def test_a_cheap_one_is_made_each_time_and_a_dear_one_when_it_costs_half_a_percent():
    for cost, asked in ((0.0, 100), (1 / 128, 50), (1 / 16, 8)):
        inner = Counting(cost)
        seldom = SeldomEstimator(lambda inner=inner: inner, inner.clock)
        for tick in range(100):
            seldom.remaining(progress(), float(tick))
        assert inner.asked == asked


def test_in_between_it_counts_down_and_never_to_nothing():
    inner = Counting(1.0)
    seldom, going_on = SeldomEstimator(lambda inner=inner: inner, inner.clock), progress()
    told = [seldom.remaining(going_on, now) for now in (0.0, 3.0, 9.0, 100.0)]
    assert [estimate.expected for estimate in told] == [10.0, 7.0, 1.0, 0.5]
    assert [estimate.low for estimate in told] == [8.0, 5.0, 0.4, 0.4]
    assert all(estimate.low <= estimate.expected <= estimate.high for estimate in told)


def test_a_pause_takes_nothing_off_and_the_end_leaves_nothing():
    inner = Counting(1.0)
    seldom, going_on = SeldomEstimator(lambda inner=inner: inner, inner.clock), progress()
    seldom.remaining(going_on, 0.0)
    going_on.pause(1.0)
    assert seldom.remaining(going_on, 50.0).expected == 10.0
    going_on.unpause(50.0)
    going_on.end(51.0)
    assert seldom.remaining(going_on, 51.0) is NOTHING


def test_the_first_one_for_a_large_graph_comes_when_it_is_worth_its_price_and_until_then_the_pace_so_far_has_to_do():
    inner, made = Counting(0.09), []
    seldom = SeldomEstimator(lambda: made.append(1) or inner, inner.clock)
    large = Progress(DAG([Node(f"n{i}") for i in range(10_000)]))
    assert seldom.remaining(large, 1.0) is NOTHING
    for i in range(2_500):
        large.ended(f"n{i}", "completed", 2.0)
    assert seldom.remaining(large, 2.0) == Estimate(3.0, 6.0, 12.0)
    large.pause(2.0)
    assert seldom.remaining(large, 9.0) == Estimate(3.0, 6.0, 12.0)
    assert made == []
    assert seldom.remaining(large, 19.0) == Estimate(8.0, 10.0, 12.0)
    assert (made, inner.asked) == ([1], 1)
