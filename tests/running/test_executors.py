"""One contract for every executor, and what is special about processes."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
from contextlib import nullcontext

import cloudpickle
import joblib
import pytest

from orchestra_nb.running import cluster
from orchestra_nb.running import joblib_seam as seam
from orchestra_nb.running.dask_executor import DaskExecutor
from orchestra_nb.running.executors import ThreadExecutor
from orchestra_nb.running.joblib_executor import JoblibExecutor
from orchestra_nb.running.seams import Reply

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers need not find the tests
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@pytest.fixture(autouse=True, scope="module")
def no_cluster_outlives_the_tests():
    yield
    cluster.close_all()


def make(kind):
    if kind == "threads":
        return ThreadExecutor(seam.Pool(seam.make_backend("threading"), 2), nullcontext)
    if kind == "dask":
        return DaskExecutor(cluster.find(None, jobs=2), 2)
    return JoblibExecutor(seam.Pool(seam.make_backend(kind), 2))


KINDS = ["threads", "threading", "loky", "multiprocessing", "sequential", "dask"]
PROCESSES = ["loky", "multiprocessing"]


@pytest.fixture(params=KINDS)
def executor(request):
    made = make(request.param)
    yield made
    made.shutdown()


@pytest.fixture(params=PROCESSES)
def processes(request):
    made = make(request.param)
    yield made
    made.abort()
    made.shutdown()


def done(value=None):
    return Reply("done", value=value)


class Value:
    """A task that picklable tests can build: calls a function with arguments and answers with what it returns."""

    def __init__(self, fn, *args):
        self.fn, self.args = fn, args

    def __call__(self):
        return done(self.fn(*self.args))


def fail(text):
    raise ValueError(text)


class Sticky(Exception):
    """An exception that pickles and does not unpickle: the classic that breaks pools."""

    def __init__(self, one, two):
        super().__init__(f"{one} {two}")


def raise_sticky():
    raise Sticky("one", "two")


class Stays:
    def __reduce__(self):
        raise TypeError("stays where it is")


class Poison:
    """Pickles, and raises when it is unpickled."""

    def __reduce__(self):
        return (fail, ("cannot be rebuilt",))


def nested():
    return sum(joblib.Parallel(n_jobs=2)(joblib.delayed(abs)(-i) for i in range(4)))


def not_a_reply():
    return 3


def test_a_task_is_answered_with_its_reply(executor, box):
    executor.submit(Value(pow, 2, 10), box.sink("a"))
    reply = box.wait()["a"]
    assert (reply.status, reply.value) == ("done", 1024)
    assert reply.seconds > 0
    assert reply.worker


def test_every_task_is_answered_once(executor, box):
    for i in range(40):
        executor.submit(Value(pow, i, 2), box.sink(i))
    assert {key: reply.value for key, reply in box.wait(40).items()} == {i: i * i for i in range(40)}
    assert len(box.replies) == 40


@pytest.mark.parametrize(
    ("task", "ename"),
    [
        (Value(fail, "no"), "ValueError"),
        (Value(sys.exit, 3), "SystemExit"),
        (Value(raise_sticky), "Sticky"),
        (not_a_reply, "TypeError"),
    ],
)
def test_whatever_a_task_raises_is_its_own_reply(executor, box, task, ename):
    executor.submit(task, box.sink("bad"))
    assert (box.wait()["bad"].status, box.wait()["bad"].ename) == ("failed", ename)
    executor.submit(Value(pow, 2, 3), box.sink("good"))
    assert box.wait(2)["good"].value == 8


def test_a_traceback_begins_in_the_users_code(executor, box):
    executor.submit(Value(fail, "no"), box.sink("a"))
    lines = box.wait()["a"].traceback
    assert lines[0].startswith("Traceback")
    assert lines[-1] == "ValueError: no"
    assert not any("replies.py" in line for line in lines)


def test_joblib_within_a_task_works(executor, box):
    executor.submit(Value(nested), box.sink("a"))
    assert box.wait()["a"].value == 6


def test_abort_answers_for_everything_and_late_replies_are_dropped(box, gate):
    executor = make("threads")
    running = threading.Event()

    def body():
        running.set()
        gate.wait()
        return done()

    executor.submit(body, box.sink("a"))
    executor.submit(Value(pow, 2, 3), box.sink("b"))
    assert running.wait(60)
    assert box.wait()["b"].status == "done"
    executor.abort()
    assert box.wait(2)["a"].status == "cancelled"
    gate.set()
    executor.shutdown()
    assert len(box.replies) == 2


def test_an_interrupt_in_a_worker_is_a_cancelled_reply(box):
    executor = make("threads")

    def body():
        raise KeyboardInterrupt

    executor.submit(body, box.sink("a"))
    assert box.wait()["a"].status == "cancelled"
    executor.shutdown()


def test_an_interrupt_of_the_whole_group_is_not_the_workers(processes, box):
    processes.submit(Value(signal.raise_signal, signal.SIGINT), box.sink("a"))
    assert box.wait()["a"].status == "done"


@pytest.mark.parametrize("task", [Value(threading.Lock), Value(Stays), Value(Poison), Value(iter, (i for i in ()))])
def test_a_result_or_input_that_cannot_travel_is_refused(processes, box, task):
    processes.submit(task, box.sink("a"))
    reply = box.wait()["a"]
    assert reply.status == "refused"
    assert reply.reason
    processes.submit(Value(pow, 2, 3), box.sink("b"))
    assert box.wait(2)["b"].value == 8


def test_an_input_that_cannot_be_rebuilt_is_refused_and_breaks_nothing(processes, box):
    processes.submit(Value(len, [Poison()]), box.sink("a"))
    assert "rebuilt in the worker" in box.wait()["a"].reason
    processes.submit(Value(pow, 2, 3), box.sink("b"))
    assert box.wait(2)["b"].value == 8


def test_a_dead_worker_fails_its_task_and_the_next_finds_another(processes, box):
    processes.submit(Value(os._exit, 3), box.sink("dead"))
    reply = box.wait()["dead"]
    assert (reply.status, reply.culprit) == ("lost", True)
    assert "worker was lost" in reply.evalue
    for i in range(4):
        processes.submit(Value(pow, i, 2), box.sink(i))
    assert [box.wait(5)[i].value for i in range(4)] == [0, 1, 4, 9]


@pytest.fixture
def threads():
    made = make("threads")
    yield made
    made.shutdown()


def test_a_worker_keeps_the_first_task_that_it_submits_while_it_answers(threads, box):
    def follow(reply):
        threads.submit(lambda: done(threading.get_ident()), box.sink("kept"))
        threads.submit(lambda: done(threading.get_ident()), box.sink("other"))
        box.sink("first")(reply)
        box.wait(2)  # this worker does not come to what it has kept before another has done the rest

    threads.submit(lambda: done(threading.get_ident()), follow)
    found = {key: reply.value for key, reply in box.wait(3).items()}
    assert found["kept"] == found["first"] != found["other"]


def test_what_a_worker_has_kept_can_be_left_to_another(threads, box):
    def follow(reply):
        threads.submit(lambda: done(threading.get_ident()), box.sink("passed on"))
        threads.pass_on()
        box.sink("first")(reply)
        box.wait(2)  # this worker is busy until another has done it

    threads.submit(lambda: done(threading.get_ident()), follow)
    found = {key: reply.value for key, reply in box.wait(2).items()}
    assert found["passed on"] != found["first"]


def test_what_a_worker_has_kept_is_answered_when_the_pool_is_aborted(threads, box):
    def follow(reply):
        threads.submit(lambda: done("ran"), box.sink("kept"))
        threads.abort()

    threads.submit(done, follow)
    assert box.wait()["kept"].status == "cancelled"


def test_an_aborted_pool_works_again(processes, box):
    import time

    processes.submit(Value(time.sleep, 600), box.sink("long"))
    processes.submit(Value(pow, 2, 2), box.sink("short"))
    assert box.wait()["short"].value == 4
    processes.abort()
    assert box.wait(2)["long"].status == "cancelled"
    processes.submit(Value(pow, 2, 3), box.sink("next"))
    assert box.wait(3)["next"].value == 8


def test_a_pool_that_somebody_else_ended_is_opened_again(box):
    executor = make("loky")
    executor.submit(Value(pow, 2, 2), box.sink("a"))
    assert box.wait()["a"].value == 4
    executor._pool._backend._workers.shutdown(wait=True, kill_workers=True)
    executor.submit(Value(pow, 2, 3), box.sink("b"))
    assert box.wait(2)["b"].value == 8
    executor.shutdown()


def test_a_pool_that_cannot_be_opened_fails_its_tasks(box, monkeypatch):
    executor = make("loky")

    def refuse():
        raise OSError("no more processes")

    monkeypatch.setattr(executor._pool, "open", refuse)
    executor.submit(Value(pow, 2, 2), box.sink("a"))
    reply = box.wait()["a"]
    assert (reply.status, reply.ename) == ("failed", "OSError")
    executor.shutdown()


def test_large_arrays_arrive_writable_and_change_nothing_at_home(processes, box):
    numpy = pytest.importorskip("numpy")
    home = numpy.ones(1 << 18)

    def change(array):
        array += 1
        return float(array.sum())

    processes.submit(Value(change, home), box.sink("a"))
    assert box.wait()["a"].value == 2.0 * (1 << 18)
    assert home.sum() == 1 << 18


def thread_limits():
    return {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


def test_loky_workers_use_the_threads_that_the_parent_uses(box, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    executor = make("loky")
    executor.submit(Value(thread_limits), box.sink("a"))
    assert box.wait()["a"].value == {"OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": None}
    executor.shutdown()


def test_the_users_own_thread_limit_wins(box):
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        executor = JoblibExecutor(seam.Pool(seam.inherited()["backend"], 2))
    executor.submit(Value(thread_limits), box.sink("a"))
    assert box.wait()["a"].value == {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    executor.shutdown()


def test_worker_threads_end_with_their_executor(box):
    executor = make("threads")
    executor.submit(Value(threading.current_thread), box.sink("a"))
    worker = box.wait()["a"].value
    executor.shutdown()
    worker.join(60)
    assert not worker.is_alive()
    assert _thread.get_ident() != worker.ident
