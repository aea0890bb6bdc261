"""What wins: the config, the enclosing parallel_config, the default."""

from __future__ import annotations

import sys

import joblib
import pytest
from joblib.parallel import BACKENDS, EXTERNAL_BACKENDS, ParallelBackendBase

from orchestra_nb.config import RunConfig
from orchestra_nb.errors import BackendError
from orchestra_nb.running.backends import resolve

CORES = joblib.cpu_count()


def found(config=None, asked=(), **settings):
    with joblib.parallel_config(**settings):
        resolved = resolve(config or RunConfig(), asked)
    return resolved.jobs, resolved.backend


@pytest.mark.parametrize(
    ("config", "settings", "expected"),
    [
        ({}, {}, (CORES, "threading")),
        ({"jobs": 3}, {}, (3, "threading")),
        ({"jobs": -1}, {}, (CORES, "threading")),
        ({"jobs": 1, "backend": "loky"}, {}, (1, "loky")),
        ({"jobs": 3, "backend": "loky"}, {}, (3, "loky")),
        ({"backend": "sequential", "jobs": 3}, {}, (1, "sequential")),
        ({}, {"backend": "loky"}, (CORES, "loky")),
        ({}, {"n_jobs": 3}, (3, "threading")),
        ({}, {"backend": "loky", "n_jobs": 3}, (3, "loky")),
        ({"backend": "threading"}, {"backend": "loky", "n_jobs": 3}, (3, "threading")),
        ({"jobs": 2}, {"backend": "loky", "n_jobs": 3}, (2, "loky")),
        ({}, {"prefer": "processes", "n_jobs": 2}, (2, "loky")),
        ({}, {"prefer": "threads", "n_jobs": 2}, (2, "threading")),
        ({}, {"backend": "loky", "require": "sharedmem", "n_jobs": 2}, (2, "threading")),
    ],
)
def test_precedence(config, settings, expected):
    assert found(RunConfig(**config), **settings) == expected


def test_within_somebody_elses_parallel_the_default_is_one_job():
    inside = joblib.Parallel(n_jobs=2, backend="threading")(joblib.delayed(resolve)(RunConfig()) for _ in range(2))
    assert [resolved.jobs for resolved in inside] == [1, 1]


def test_an_unknown_backend_is_named_with_its_nearest():
    with pytest.raises(BackendError, match=r"knows no backend 'lokky'; did you mean 'loky'\?"):
        resolve(RunConfig(backend="lokky"))


def test_a_node_may_not_ask_for_an_unknown_backend_even_with_one_job():
    with pytest.raises(BackendError, match="'treading'"):
        resolve(RunConfig(jobs=1), ["treading"])
    assert resolve(RunConfig(jobs=2), ["async"]).processes is None


@pytest.mark.parametrize("name", ["dask", "ray"])
def test_a_backend_that_is_not_installed_names_its_extra(name, monkeypatch):
    monkeypatch.delitem(BACKENDS, name, raising=False)
    for module in ("distributed", "ray", "ray.util.joblib"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(BackendError, match=rf"'{name}' is not installed; pip install 'orchestra_nb\[{name}\]'.*loky"):
        resolve(RunConfig(backend=name))


def test_another_backend_that_is_not_installed_says_so(monkeypatch):
    def register():
        raise ImportError("no module")

    monkeypatch.setitem(EXTERNAL_BACKENDS, "far", register)
    with pytest.raises(BackendError, match="install what it needs"):
        resolve(RunConfig(backend="far"))


class Grumpy(ParallelBackendBase):
    """Fails where it is told to."""

    where = ""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        if self.where == "birth":
            raise ValueError("first create a client")

    def effective_n_jobs(self, n_jobs):
        if self.where == "jobs":
            raise ValueError("no workers came")
        return 2


@pytest.mark.parametrize(("where", "message"), [("birth", "first create a client"), ("jobs", "no workers came")])
def test_a_backend_that_cannot_be_used_here_says_why(monkeypatch, where, message):
    monkeypatch.setitem(BACKENDS, "grumpy", Grumpy)
    monkeypatch.setattr(Grumpy, "where", where)
    with pytest.raises(BackendError, match=message):
        resolve(RunConfig(backend="grumpy"))


def test_settings_that_the_backend_refuses_are_reported():
    with (
        joblib.parallel_config(backend="loky", n_jobs=2, max_nbytes="1 parsec"),
        pytest.raises(BackendError, match="'loky' refused its settings"),
    ):
        resolve(RunConfig())
