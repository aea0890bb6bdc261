"""The graphs of factorisations and of the transform are right: run in parallel, they compute what numpy computes."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from orchestra_nb import ConfigError, Pipeline, RunConfig, taskgraphs
from orchestra_nb.taskgraphs.work import Busy, measured_rate

RUN = RunConfig(jobs=2, history=False)


def matrix(rows: int, seed: int) -> np.ndarray:
    made = np.random.default_rng(seed).standard_normal((rows, rows))
    return made @ made.T + rows * np.eye(rows)


@pytest.mark.parametrize(("rows", "tiles"), [(1, 1), (5, 5), (12, 4), (17, 5)])
def test_tiled_cholesky_is_numpys(rows: int, tiles: int) -> None:
    a = matrix(rows, rows)
    result = Pipeline(taskgraphs.cholesky(tiles, matrix=a), RUN).run()
    np.testing.assert_allclose(result.values["cholesky"], np.linalg.cholesky(a))


@pytest.mark.parametrize(("rows", "tiles"), [(1, 1), (4, 4), (12, 3), (17, 4)])
def test_tiled_lu_multiplies_to_the_matrix(rows: int, tiles: int) -> None:
    a = matrix(rows, rows) + np.triu(np.ones((rows, rows)))
    lower, upper = Pipeline(taskgraphs.lu(tiles, matrix=a), RUN).run().values["lu"]
    np.testing.assert_allclose(lower @ upper, a)
    np.testing.assert_allclose(np.diag(lower), 1)
    assert not np.triu(lower, 1).any()
    assert not np.tril(upper, -1).any()


@pytest.mark.parametrize(("points", "length"), [(1, 3), (2, 2), (8, 8), (8, 24), (16, 48)])
def test_the_butterfly_is_numpys_transform(points: int, length: int) -> None:
    x = np.random.default_rng(length).standard_normal(length) + 1j
    result = Pipeline(taskgraphs.fft(points, signal=x), RUN).run()
    np.testing.assert_allclose(result.values["fft"], np.fft.fft(x), atol=1e-12)


def test_every_edge_of_a_factorisation_carries_a_value() -> None:
    for dag in (taskgraphs.cholesky(4, matrix=matrix(8, 1)), taskgraphs.lu(3, matrix=matrix(6, 1))):
        assert {edge.kind for edge in dag.edges} == {"value"}
        assert dag.metadata["name"] in dag.nodes


def test_a_graph_with_work_has_the_edges_of_the_one_without() -> None:
    bare, real = taskgraphs.cholesky(4), taskgraphs.cholesky(4, matrix=matrix(8, 1))
    assert [*bare.nodes, "cholesky"] == [*real.nodes]
    assert all(bare.predecessors(name) == real.predecessors(name) for name in bare.nodes)
    assert bare.critical_time == real.critical_time


def test_the_work_travels_to_another_process() -> None:
    dag = pickle.loads(pickle.dumps(taskgraphs.fft(2, signal=[1.0, 2.0])))
    np.testing.assert_allclose(Pipeline(dag, RUN).run().values["fft"], [3, -1], atol=1e-12)


def test_a_matrix_without_such_a_factor_fails_the_node_that_finds_out() -> None:
    result = Pipeline(taskgraphs.cholesky(2, matrix=-np.eye(2)), RUN).run()
    assert result.outcomes["potrf_0"].status == "failed"
    assert "positive definite" in str(result.errors[0])
    result = Pipeline(taskgraphs.lu(1, matrix=np.array([[0.0, 1], [1, 0]])), RUN).run()
    assert "needs a matrix whose diagonal dominates" in str(result.errors[0])


def test_busy_work_is_fixed_once_the_machine_is_measured() -> None:
    rate = measured_rate()
    assert rate > 0
    assert taskgraphs.busy(0.01) == Busy(round(0.01 * rate)) == pickle.loads(pickle.dumps(taskgraphs.busy(0.01)))
    assert taskgraphs.busy(0.0)() == 0
    assert taskgraphs.busy(1.0, rate=70)() == 70


def test_busy_work_cannot_be_for_ever() -> None:
    with pytest.raises(ConfigError, match="zero or more"):
        taskgraphs.busy(float("inf"))
