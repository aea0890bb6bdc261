"""Runs on ray through joblib's backend; collected only where ray is installed (see the folder's conftest)."""

from __future__ import annotations

import os
import sys
import threading

import cloudpickle
import joblib
import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.errors import BackendError, NodeTimeout
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node
from orchestra_nb.running import ray_seam
from orchestra_nb.running.backends import resolve
from orchestra_nb.running.scheduler import ParallelScheduler

cloudpickle.register_pickle_by_value(sys.modules[__name__])
pytestmark = pytest.mark.filterwarnings("ignore")  # ray's own, of many kinds


@pytest.fixture(autouse=True, scope="module")
def one_ray():
    import ray

    yield
    ray.shutdown()


def run(nodes, **config):
    return ParallelScheduler(RunConfig(**{"jobs": 2, "backend": "ray", **config})).execute(DAG(nodes))


def test_values_flow_along_the_edges_and_a_second_run_works_as_well():
    nodes = [
        Node("load", fn=lambda: list(range(5))),
        Node("total", fn=lambda load: (sum(load), os.getpid()), after=["load"]),
    ]
    for _ in range(2):
        result = run(nodes)
        assert (result.backend, result.jobs) == ("ray", 2)
        assert result.values["total"][0] == 10
        assert result.values["total"][1] != os.getpid()


def test_a_run_within_a_parallel_config_goes_to_ray():
    from ray.util.joblib import register_ray

    register_ray()
    with joblib.parallel_config(backend="ray", n_jobs=2):
        assert resolve(RunConfig()).backend == "ray"


def test_whatever_a_body_does_is_its_own_outcome():
    nodes = [
        Node("raises", fn=lambda: 1 / 0),
        Node("exits", fn=lambda: sys.exit(3)),
        Node("lock", fn=threading.Lock),
        Node("good", fn=lambda: 1),
    ]
    result = run(nodes, keep_going=True)
    errors = {name: str(outcome.error or "") for name, outcome in result.outcomes.items()}
    assert "ZeroDivisionError" in errors["raises"]
    assert "SystemExit" in errors["exits"]
    assert "cannot be sent between processes" in result.outcomes["lock"].reason
    assert result.values["good"] == 1


def test_a_body_that_ends_its_worker_is_named_and_the_next_run_works():
    result = run([Node("dead", fn=lambda: os._exit(3))])
    assert "its worker was lost while it ran" in str(result.outcomes["dead"].error)
    assert run([Node("good", fn=lambda: 1)]).values["good"] == 1


def test_a_body_that_hangs_is_named_and_the_next_run_works():
    nodes = [Node("hangs", fn=lambda: threading.Event().wait(), timeout=0.5), Node("good", fn=lambda: 1)]
    result = run(nodes, keep_going=True)
    assert isinstance(result.outcomes["hangs"].error, NodeTimeout)
    assert result.values["good"] == 1
    assert run([Node("good", fn=lambda: 2)]).values["good"] == 2


def test_more_jobs_than_ray_has_cpus_are_an_error_before_anything_ran():
    run([Node("good", fn=lambda: 1)])
    with pytest.raises(BackendError, match=r"ray has \d+ CPUs and cannot give 999 jobs"):
        resolve(RunConfig(jobs=999, backend="ray"))


def test_an_unreachable_head_is_named():
    for address in ("127.0.0.1:9", "ray://127.0.0.1:9"):
        with pytest.raises(BackendError, match=r"no ray cluster answers at .*:9'.*ray start --head"):
            ray_seam._reach(address)
    ray_seam._reach("auto")
