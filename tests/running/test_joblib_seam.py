"""Each name of joblib's that is not documented: when joblib moves one, the test that fails says which."""

from __future__ import annotations

import inspect
import signal
import threading

import joblib
import pytest
from joblib.parallel import ParallelBackendBase

from orchestra_nb.running import joblib_seam as seam


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        ("joblib.parallel", "_backend"),
        ("joblib.parallel", "BACKENDS"),
        ("joblib.parallel", "EXTERNAL_BACKENDS"),
        ("joblib.parallel", "BatchedCalls"),
        ("joblib.parallel", "LokyBackend"),
        ("joblib.parallel", "SequentialBackend"),
        ("joblib.parallel", "default_parallel_config"),
        ("joblib.externals.loky.backend.utils", "kill_process_tree"),
    ],
)
def test_joblib_still_has(owner, name):
    module = __import__(owner, fromlist=["_"])
    assert hasattr(module, name), f"joblib {joblib.__version__} has no {owner}.{name} any more"


@pytest.mark.parametrize(
    "method",
    ["configure", "submit", "retrieve_result_callback", "effective_n_jobs", "start_call", "stop_call",
     "get_nested_backend", "abort_everything", "terminate", "_prepare_worker_env"],
)  # fmt: skip
def test_backends_still_have(method):
    assert callable(getattr(ParallelBackendBase, method, None)), f"joblib backends have no {method} any more"


def test_parallel_still_keeps_its_backend_where_it_was():
    assert isinstance(joblib.Parallel(n_jobs=2)._backend, ParallelBackendBase)


def test_batched_calls_still_take_tasks_and_the_nested_backend():
    parameters = list(inspect.signature(seam.BatchedCalls).parameters)
    assert parameters[:2] == ["iterator_slice", "backend_and_jobs"]


def test_loky_still_keeps_its_processes_where_they_were():
    pool = seam.Pool(seam.make_backend("loky"), 2)
    pool.open()
    assert hasattr(pool._backend._workers, "_processes")
    pool.close()


def test_multiprocessing_still_keeps_its_processes_where_they_were():
    pool = seam.Pool(seam.make_backend("multiprocessing"), 2)
    pool.open()
    assert len(pool.processes()) == 2
    pool.close()


def test_nothing_is_inherited_outside_of_a_config():
    assert seam.inherited() == {}


def test_what_the_user_set_is_inherited_and_nothing_else():
    with joblib.parallel_config(backend="threading", n_jobs=3):
        given = seam.inherited()
    assert sorted(given) == ["backend", "n_jobs"]
    assert seam.backend_name(given["backend"]) == "threading"


def test_the_users_settings_reach_another_thread_with_a_backend_of_its_own():
    with joblib.parallel_config(backend="threading", n_jobs=3):
        original = seam.inherited()["backend"]
        enter = seam.user_settings()
    with enter():
        given = seam.inherited()
    assert given["n_jobs"] == 3
    assert given["backend"] is not original
    assert type(given["backend"]) is type(original)
    with seam.user_settings()():
        assert seam.inherited() == {}


def test_a_backend_that_nobody_registered_is_named_after_its_class():
    class OddBackend(joblib.parallel.ParallelBackendBase):
        def effective_n_jobs(self, n_jobs):
            return 2

    assert seam.backend_name(OddBackend()) == "odd"
    assert not seam.in_this_process(OddBackend())


def test_memory_mapping_does_not_make_inputs_read_only_unless_the_user_wants_it():
    assert seam.Pool(seam.make_backend("loky"), 2)._parallel._backend_kwargs["mmap_mode"] == "c"
    with joblib.parallel_config(mmap_mode="r"):
        assert seam.Pool(seam.make_backend("loky"), 2)._parallel._backend_kwargs["mmap_mode"] == "r"


def test_closing_and_killing_what_is_not_open_is_harmless():
    pool = seam.Pool(seam.make_backend("loky"), 2)
    pool.condemn()
    pool.kill()
    pool.close()
    assert not seam._CONDEMNED


def test_a_pool_of_multiprocessing_that_waits_for_ever_to_end_is_not_waited_for(monkeypatch):
    """Its worker holds the lock that ends it, as one does that came in a dead one's place and was told nothing."""
    monkeypatch.setattr(seam, "_PATIENCE_WITH_A_POOL", 0.05)
    pool = seam.Pool(seam.make_backend("multiprocessing"), 2)
    pool.open()
    workers = pool.processes()
    held, made = threading.Event(), pool._backend._pool

    def never_ends():
        made._terminate.cancel()  # as the call of it does
        made._state = made._worker_handler._state = made._task_handler._state = "TERMINATE"
        held.wait(60)

    monkeypatch.setattr(made, "terminate", never_ends)
    pool.kill()
    for worker in workers:
        worker.join(30)
        assert worker.exitcode == -signal.SIGKILL
    assert not pool.processes()
    pool.open()
    assert len(pool.processes()) == 2
    pool.close()
    held.set()
