"""Many simulations: what is drawn, what it adds up to, and what it hangs on."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra_nb.errors import ConfigError
from orchestra_nb.graph import DAG
from orchestra_nb.model import Node
from orchestra_nb.simulation import Empirical, Gamma, LogNormal, Uniform, simulate
from orchestra_nb.simulation.durations import chance_of
from orchestra_nb.simulation.many import simulate_many

DIAMOND = DAG(
    [
        Node("load"),
        Node("left", after=["load"], cost=4),
        Node("right", after=["load"], cost=4),
        Node("join", after=["left", "right"]),
    ]
)
KINDS = [LogNormal(0.5), Uniform(0.2, 1.8), Uniform(1.0, 5.0), Gamma(1.0), Gamma(0.3)]


@pytest.mark.parametrize("durations", KINDS, ids=str)
def test_a_node_takes_its_cost_on_the_average(durations):
    node = Node("a", cost=10.0)
    drawn = [durations.seconds(node, chance_of(seed, "a")) for seed in range(4_000)]
    spread = statistics.stdev(drawn)
    assert statistics.fmean(drawn) == pytest.approx(10.0, abs=4 * spread / 4_000**0.5)
    assert min(drawn) >= 0
    if isinstance(durations, LogNormal | Gamma):
        assert spread / 10 == pytest.approx(durations.cv, rel=0.1)


@settings(max_examples=50)
@given(st.sampled_from([*KINDS, Empirical({"a": [1.0, 2.0]})]), st.integers(0, 2**64 - 1), st.floats(0, 1e6))
def test_every_draw_is_a_duration_and_the_same_again(durations, chance, cost):
    node = Node("a", cost=cost)
    drawn = durations.seconds(node, chance)
    assert 0 <= drawn < float("inf")
    assert drawn == durations.seconds(node, chance)


def test_each_run_is_the_simulation_of_its_seed():
    found = simulate_many(DIAMOND, 2, seed=3, runs=4)
    assert [run.seed for run in found.runs] == [3, 4, 5, 6]
    alone = [simulate(DIAMOND, 2, seed=seed, durations=LogNormal()).makespan for seed in range(3, 7)]
    assert list(found.makespans) == alone


@pytest.mark.parametrize("policy", ["critical-path", "random", "longest-first"])
def test_more_runs_begin_with_the_same_ones(policy):
    assert simulate_many(DIAMOND, 2, policy, runs=20).runs[:5] == simulate_many(DIAMOND, 2, policy, runs=5).runs


def test_what_is_on_every_way_is_always_critical_and_the_mean_is_above_the_way_of_the_means():
    found = simulate_many(DIAMOND, 2, runs=400)
    assert found.criticality["load"] == found.criticality["join"] == 1.0
    assert found.criticality["left"] + found.criticality["right"] == pytest.approx(1.0)
    assert found.criticality["left"] == pytest.approx(0.5, abs=0.1)
    assert found.expected == 6.0
    assert found.mean > found.expected


def test_two_numbers_of_workers_are_compared_on_the_same_durations():
    one, two = (simulate_many(DIAMOND, workers, runs=100) for workers in (1, 2))
    assert all(two_took <= one_took + 1e-9 for one_took, two_took in zip(one.makespans, two.makespans, strict=True))
    assert all(run.span <= run.makespan + 1e-9 for run in two.runs)


def test_quantiles_are_those_of_the_makespans():
    found = simulate_many(DIAMOND, 2, runs=101)
    ordered = sorted(found.makespans)
    assert (found.quantile(0), found.median, found.quantile(1)) == (ordered[0], ordered[50], ordered[-1])
    assert list(found.quantiles.values()) == sorted(found.quantiles.values())
    cut = statistics.quantiles(ordered, n=20, method="inclusive")
    assert found.quantile(0.95) == pytest.approx(cut[-1])


def test_where_nothing_is_drawn_all_runs_are_equal():
    found = simulate_many(DIAMOND, 2, runs=5, durations={"load": 1, "left": 2, "right": 3, "join": 1})
    assert set(found.makespans) == {5.0}
    assert (found.deviation, found.success, found.criticality["right"]) == (0.0, 1.0, 1.0)


def test_failures_are_drawn_too():
    assert simulate_many(DIAMOND, 2, runs=200, failures={"load": 0.3}).success == pytest.approx(0.7, abs=0.12)


def test_measured_durations_are_drawn_as_they_are():
    drawn = set(simulate_many(DAG([Node("a")]), runs=30, durations=Empirical({"a": [2.0, 7.0]})).makespans)
    assert drawn == {2.0, 7.0}


def test_a_distribution_shows_itself():
    shown = simulate_many(DIAMOND, 2, runs=50)._repr_mimebundle_()
    assert shown["text/plain"].startswith("50 simulated runs with 2 workers, policy critical-path: mean ")
    assert "<img" in shown["text/html"]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: simulate_many(DIAMOND, runs=0), "runs=0 must be a whole number from 1"),
        (lambda: simulate_many(DIAMOND, runs=True), "runs=True"),
        (lambda: simulate_many(DIAMOND, runs=2).quantile(1.5), "1.5"),
        (lambda: LogNormal(cv=0), "cv=0 must be a number from"),
        (lambda: Gamma(cv=float("nan")), "cv=nan"),
        (lambda: Uniform(2, 1), "low=2 must be a number from 0 to high=1"),
        (lambda: Uniform(0, 0), "high=0"),
        (lambda: Empirical({"a": []}), "node 'a' has none"),
        (lambda: Empirical({"a": [1, -1]}), "node 'a' takes -1"),
        (lambda: Empirical([1, 2]), "must be a mapping of nodes"),
    ],
)
def test_what_cannot_be_meant_is_refused(make, told):
    with pytest.raises(ConfigError, match=told):
        make()
