"""Starts, ranks, gains, parallelism and bounds, by example; the laws against networkx are in test_oracle."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.errors import ConfigError, MissingDependencyError
from orchestra_nb.graph import DAG, analysis
from orchestra_nb.model import Node
from orchestra_nb.simulation import simulate


@st.composite
def dags(draw: st.DrawFn) -> DAG:
    size = draw(st.integers(1, 12))
    costs = draw(st.sampled_from([st.integers(0, 5), st.floats(0, 100)]))
    return DAG(
        Node(
            f"n{i}",
            index=i,
            after=[f"n{j}" for j in draw(st.sets(st.integers(0, i - 1), max_size=4))] if i else (),
            cost=draw(costs),
            priority=draw(st.integers(-1, 1)),
        )
        for i in range(size)
    )


@pytest.fixture
def diamond() -> DAG:
    return DAG(
        [
            Node("load", cost=1),
            Node("fit", after=["load"], cost=4),
            Node("plot", after=["load"], cost=2),
            Node("report", after=["fit", "plot"], cost=1),
        ]
    )


def close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-7)


def test_starts_and_ranks(diamond):
    assert diamond.earliest_start == {"load": 0.0, "fit": 1.0, "plot": 1.0, "report": 5.0}
    assert diamond.latest_start == {"load": 0.0, "fit": 1.0, "plot": 3.0, "report": 5.0}
    assert diamond.downward_rank == diamond.earliest_start
    assert diamond.critical_nodes == ("load", "fit", "report")


def test_answers_do_not_change(diamond):
    for answer in (diamond.earliest_start, diamond.latest_start, diamond.downward_rank, diamond.gains):
        with pytest.raises(TypeError):
            answer["fit"] = 0.0


@given(dags())
def test_a_node_lies_between_its_earliest_and_its_latest_start(dag):
    for name in dag.nodes:
        assert close(dag.earliest_start[name] + dag.slack[name], dag.latest_start[name])
        assert close(dag.latest_start[name] + dag.upward_rank[name], dag.critical_time)
        assert close(dag.downward_rank[name] + dag.upward_rank[name] + dag.slack[name], dag.critical_time)


@pytest.mark.parametrize("half", [(0.1, 0.2), (0.2, 0.1)])
def test_two_equally_long_paths_are_both_known_whatever_rounding_does(half):
    nodes = [Node("one", cost=half[0]), Node("two", after=["one"], cost=half[1]), Node("other", cost=0.3)]
    dag = DAG(nodes)
    assert dag.critical_nodes == ("one", "two", "other")
    assert list(dag.critical_paths()) == [("one", "two"), ("other",)]
    assert dag.critical_path == ("one", "two")


def test_paths_are_found_one_at_a_time_and_as_many_as_wanted():
    nodes = [Node("s0")]
    for n in range(40):  # 2 ** 40 paths
        nodes += [Node(f"a{n}", after=[f"s{n}"]), Node(f"b{n}", after=[f"s{n}"])]
        nodes.append(Node(f"s{n + 1}", after=[f"a{n}", f"b{n}"]))
    dag = DAG(nodes)
    assert len(list(dag.critical_paths())) == 100
    assert len(list(dag.critical_paths(7))) == 7
    first, second = itertools.islice(dag.critical_paths(None), 2)
    assert first == dag.critical_path
    assert (first[-2:], second[-2:]) == (("a39", "s40"), ("b39", "s40"))
    assert list(dag.critical_paths(0)) == []
    with pytest.raises(ConfigError, match="no number of paths"):
        dag.critical_paths(-1)


def test_a_deep_graph_needs_no_recursion():
    dag = DAG(Node(f"n{i}", after=[f"n{i - 1}"] if i else []) for i in range(5000))
    assert [len(path) for path in dag.critical_paths()] == [5000]
    assert dag.width() == ("n0",) or len(dag.width()) == 1
    assert dag.gains["n17"] == 0.5


@pytest.mark.parametrize(
    ("nodes", "average"),
    [
        ([], 0.0),
        ([Node("a", cost=0)], 1.0),
        ([Node("a", cost=0), Node("b", cost=0), Node("c", cost=0, after=["a"])], 1.5),
        ([Node("a", cost=3), Node("b", cost=1)], 4 / 3),
    ],
)
def test_average_parallelism_also_where_nothing_takes_time(nodes, average):
    assert DAG(nodes).average_parallelism == average


def test_nothing_of_an_empty_graph():
    dag = DAG([])
    assert (dag.width(), dag.critical_nodes, list(dag.critical_paths()), dict(dag.gains)) == ((), (), [], {})
    assert dag.bounds(3) == analysis.Bounds(3, 0.0, 0.0, 0.0, 0.0)


@given(dags(), st.sampled_from([1.0, 1.5, 2.0, 10.0, math.inf]))
def test_a_gain_is_what_the_critical_path_loses(dag, factor):
    for name, node in dag.nodes.items():
        faster = dag.with_costs({name: node.cost / factor})
        assert close(dag.gain(name, factor), dag.critical_time - faster.critical_time)
        assert dag.gains[name] == dag.gain(name)


@pytest.mark.parametrize("factor", [0, 0.5, -1, math.nan])
def test_no_factor_makes_a_node_slower(diamond, factor):
    with pytest.raises(ConfigError, match="makes no node faster"):
        diamond.gain("fit", factor)


def test_the_gain_of_a_node_that_is_not_there(diamond):
    with pytest.raises(MissingDependencyError, match="did you mean 'fit'"):
        diamond.gain("fitt")


@given(
    dags(), st.integers(1, 6), st.sampled_from(["critical-path", "fifo", "shortest-first", "longest-first", "random"])
)
def test_every_schedule_lies_within_the_bounds(dag, workers, policy):
    bounds, made = dag.bounds(workers), simulate(dag, workers, policy=policy).makespan
    assert bounds.lower <= made * (1 + 1e-9) + 1e-9
    assert made <= bounds.upper * (1 + 1e-9) + 1e-9
    assert (bounds.work, bounds.span) == (dag.total_time, dag.critical_time)
    assert dag.lower_bound(workers) <= bounds.lower <= bounds.upper


def test_crowded_work_lifts_the_lower_bound(diamond):
    middle = [f"m{i}" for i in range(9)]
    dag = DAG([Node("a"), *[Node(name, after=["a"]) for name in middle], Node("z", after=middle)])
    assert (dag.lower_bound(4), dag.bounds(4).lower, simulate(dag, 4).makespan) == (3.0, 4.25, 5.0)
    assert diamond.bounds(1).lower == diamond.bounds(1).upper == diamond.total_time


@given(dags(), st.integers(1, 4))
def test_a_sample_of_intervals_bounds_less_tightly_and_as_soundly(dag, workers):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(analysis, "_EFFORT", 1)
        rough = dag.bounds(workers)
    assert dag.lower_bound(workers) <= rough.lower <= dag.bounds(workers).lower + 1e-9


@pytest.mark.parametrize("workers", [0, -1])
def test_no_workers_have_no_bounds(diamond, workers):
    with pytest.raises(ConfigError, match="give 1 or more"):
        diamond.bounds(workers)


def test_what_can_run_at_once_is_more_than_a_level_can_tell():
    dag = DAG(
        [
            Node("a"),
            Node("b", after=["a"]),
            Node("c", after=["b"]),
            Node("d", after=["b"]),
            Node("x"),
            Node("y", after=["x"]),
        ]
    )
    assert dag.max_parallelism == 2
    assert dag.width() == ("c", "d", "y")
