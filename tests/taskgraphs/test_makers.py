"""Each maker makes the graph that its literature describes: so many nodes, levels and side by side, and so long."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import comb, isclose
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import orchestra_nb
from orchestra_nb import DAG, ConfigError, Node, taskgraphs
from orchestra_nb.taskgraphs.making import MOST


def overlaps(side: int) -> int:
    return 2 * side * (side - 1) + (side - 1) ** 2


SHAPES: list[tuple[DAG, int, int, int]] = [
    (taskgraphs.chain(7), 7, 7, 1),
    (taskgraphs.fork_join(5), 7, 3, 5),
    (taskgraphs.fork_join(4, 3), 16, 7, 4),
    (taskgraphs.diamond(6), 36, 11, 6),
    (taskgraphs.out_tree(5), 31, 5, 16),
    (taskgraphs.out_tree(4, 3), 40, 4, 27),
    (taskgraphs.in_tree(4, 3), 40, 4, 27),
    (taskgraphs.out_tree(6, 1), 6, 6, 1),
    (taskgraphs.stencil(8, 5), 40, 5, 8),
    (taskgraphs.stencil(3, 4, dimensions=2), 36, 4, 9),
    (taskgraphs.layered(6, 7, 0.2, seed=3), 42, 6, 7),
    (taskgraphs.erdos_renyi(9, 1.0), 9, 9, 1),
    (taskgraphs.fft(16), 80, 5, 16),
    (taskgraphs.fft(1), 1, 1, 1),
    *((taskgraphs.cholesky(t), t * (t + 1) * (t + 2) // 6, 3 * t - 2, max(1, comb(t, 2))) for t in (1, 2, 5, 8)),
    *((taskgraphs.lu(t), t * (t + 1) * (2 * t + 1) // 6, 3 * t - 2, (1, 2, 4, 9, 16)[t - 1]) for t in (1, 2, 3, 5)),
    *((taskgraphs.montage(s * s), 2 * s * s + overlaps(s) + 6, 9, max(s * s, overlaps(s))) for s in (2, 3, 5)),
]


@pytest.mark.parametrize(("dag", "nodes", "levels", "width"), SHAPES)
def test_a_graph_has_the_nodes_levels_and_width_that_are_known_of_it(
    dag: DAG, nodes: int, levels: int, width: int
) -> None:
    assert (len(dag), len(dag.levels), max(map(len, dag.levels))) == (nodes, levels, width)
    assert list(dag.nodes) == [name for name in dag.nodes if name.isidentifier()]
    assert all({"task"} < node.metadata.keys() for node in dag.nodes.values())


@pytest.mark.parametrize("t", [2, 3, 6, 10])
def test_the_critical_path_of_cholesky_is_9_t_minus_10_in_thirds_of_a_tile_cubed(t: int) -> None:
    assert isclose(taskgraphs.cholesky(t, cost=3.0).critical_time, 9 * t - 10)


@pytest.mark.parametrize("t", [1, 4, 9])
def test_the_work_of_a_factorisation_is_that_of_one_without_tiles(t: int) -> None:
    assert isclose(taskgraphs.cholesky(t).total_time, float(Fraction(t**3, 3)))
    assert isclose(taskgraphs.lu(t).total_time, float(Fraction(2 * t**3, 3)))


def test_the_mosaic_that_was_measured_takes_what_was_measured() -> None:
    dag = taskgraphs.montage(2102)
    shares = {
        task: sum(n.cost for n in dag.nodes.values() if n.metadata["task"] == task) for task in ("mAdd", "mBgModel")
    }
    assert shares == pytest.approx({"mAdd": 17 * 282.37, "mBgModel": 384.49})
    assert abs(sum(node.metadata["task"] == "mDiffFit" for node in dag.nodes.values()) - 6172) < 70


@given(n=st.integers(1, 60), p=st.floats(0, 1), seed=st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_edges_of_a_random_graph_point_forwards_and_are_the_same_again(n: int, p: float, seed: int) -> None:
    dag = taskgraphs.erdos_renyi(n, p, seed)
    assert len(dag) == n
    assert dag == taskgraphs.erdos_renyi(n, p, seed)
    places = {name: i for i, name in enumerate(dag.nodes)}
    assert all(places[edge.source] < places[edge.target] for edge in dag.edges)


def test_a_random_graph_has_about_as_many_edges_as_are_likely() -> None:
    found = sum(len(taskgraphs.erdos_renyi(200, 0.1, seed).edges) for seed in range(5))
    assert abs(found / 5 - 0.1 * comb(200, 2)) < 60


@given(levels=st.integers(1, 6), width=st.integers(1, 6), density=st.floats(0, 1), seed=st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_layers_are_levels_whatever_chance_says(levels: int, width: int, density: float, seed: int) -> None:
    assert [len(names) for names in taskgraphs.layered(levels, width, density, seed).levels] == [width] * levels


def test_a_node_costs_what_a_function_of_it_says() -> None:
    dag = taskgraphs.cholesky(2, cost=lambda facts: 10 * facts.cost + facts.place[0])
    assert {n.id: round(n.cost, 2) for n in dag.nodes.values()} == {
        "potrf_0": 3.33, "trsm_1_0": 11.0, "syrk_1_0": 11.0, "potrf_1": 4.33
    }  # fmt: skip


@pytest.mark.parametrize(
    "draw", [taskgraphs.uniform(1, 3, 5), taskgraphs.exponential(2, 5), taskgraphs.lognormal(2, 1, 5)]
)
def test_a_cost_by_chance_hangs_on_seed_and_node_alone(draw: Any) -> None:
    small, large = taskgraphs.chain(3, cost=draw), taskgraphs.chain(50, cost=draw)
    assert [node.cost for node in small.nodes.values()] == [node.cost for node in large.nodes.values()][:3]
    assert len({node.cost for node in large.nodes.values()}) == 50


def test_work_is_given_what_the_node_is_expected_to_take() -> None:
    dag = taskgraphs.chain(2, cost=0.5, work=lambda facts: lambda: (facts.id, facts.cost))
    assert [node.fn and node.fn() for node in dag.nodes.values()] == [("step_0", 0.5), ("step_1", 0.5)]


BAD: list[tuple[Callable[[], Any], str]] = [
    (lambda: taskgraphs.chain(0), r"chain: n must be a whole number from 1, not 0"),
    (lambda: taskgraphs.chain(True), "not True"),
    (lambda: taskgraphs.chain(2.5), "whole number"),  # type: ignore[arg-type]
    (lambda: taskgraphs.chain(3, cost=-1), "cost must be a number of seconds"),
    (lambda: taskgraphs.chain(3, cost=float("nan")), "cost must be a number"),
    (lambda: taskgraphs.chain(3, cost=lambda facts: -1.0), "cost of step_0 must be seconds"),
    (lambda: taskgraphs.chain(3, work=3), "work must be a function"),  # type: ignore[arg-type]
    (lambda: taskgraphs.chain(3, work=lambda facts: 3), "'step_0': fn must be a function"),  # type: ignore[arg-type,return-value]
    (lambda: taskgraphs.fork_join(3, 0), "fork_join: stages"),
    (lambda: taskgraphs.out_tree(90), "far too many nodes"),
    (lambda: taskgraphs.diamond(10**6), "at most 1,000,000"),
    (lambda: taskgraphs.stencil(3, 3, dimensions=3), "dimensions must be 1 or 2"),
    (lambda: taskgraphs.layered(3, 3, 1.5), "density must be a number from 0 to 1"),
    (lambda: taskgraphs.erdos_renyi(3, float("nan")), "p must be a number from 0 to 1"),
    (lambda: taskgraphs.fft(6), "power of two, as 8, not 6"),
    (lambda: taskgraphs.fft(4, signal=[1.0] * 6), "as many as 4 divides"),
    (lambda: taskgraphs.fft(2, signal=["a", "b"]), "must be numbers"),
    (lambda: taskgraphs.fft(2, signal=[1.0, 2.0], work=taskgraphs.busy), "leave one of them out"),
    (lambda: taskgraphs.cholesky(2, matrix=[[1.0]]), "too small for 2 tiles"),
    (lambda: taskgraphs.cholesky(2, matrix=[[1.0, 2.0]]), "must be square"),
    (lambda: taskgraphs.lu(2, matrix="no"), "must be an array of numbers"),
    (lambda: taskgraphs.lu(1, matrix=[[1.0]], work=taskgraphs.busy), "leave one of them out"),
    (lambda: taskgraphs.uniform(2, 1), "high must be a number from 2"),
    (lambda: taskgraphs.exponential(0), "mean must be a number above 0"),
    (lambda: taskgraphs.lognormal(1, -1), "sigma must be a number from 0"),
    (lambda: taskgraphs.busy(-1), "seconds must be a number"),
]


@pytest.mark.parametrize(("make", "message"), BAD, ids=lambda value: value if isinstance(value, str) else "")
def test_what_cannot_be_made_is_refused_and_says_what_could(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


def test_a_graph_may_have_a_million_nodes_and_no_more() -> None:
    assert MOST == 1_000_000
    with pytest.raises(ConfigError, match=r"would have 1,000,001 nodes"):
        taskgraphs.chain(MOST + 1)


def test_the_package_is_an_attribute_and_a_name_to_import() -> None:
    assert orchestra_nb.taskgraphs is taskgraphs
    assert "taskgraphs" in dir(orchestra_nb)
    assert isinstance(taskgraphs.chain(1).nodes["step_0"], Node)
