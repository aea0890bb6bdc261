"""Runs on real threads and real processes."""

from __future__ import annotations

import _thread
import contextvars
import os
import sys
import threading
from contextlib import suppress

import cloudpickle
import joblib
import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.errors import BackendError, DefinitionError, NodeFailed, NodeTimeout
from orchestra_nb.events import EventBus, LevelEnded, NodeEnded, NodeStarted
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node
from orchestra_nb.running.functions import FunctionProgram
from orchestra_nb.running.scheduler import ParallelScheduler

cloudpickle.register_pickle_by_value(sys.modules[__name__])
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def run(nodes, context=None, **config):
    return ParallelScheduler(RunConfig(**{"jobs": 2, **config})).execute(DAG(nodes), context)


def statuses(result):
    return {name: outcome.status for name, outcome in result.outcomes.items()}


class Laned(FunctionProgram):
    """Functions, each in the lane that its metadata names."""

    def lane(self, node, backend):
        return node.metadata.get("lane", "thread"), ""


def laned(node_id, lane, fn, **kwargs):
    return Node(node_id, fn=fn, metadata={"lane": lane}, **kwargs)


def drivers():
    return [thread for thread in threading.enumerate() if thread.name == "orchestra-driver"]


@pytest.fixture(autouse=True)
def no_driver_outlives_its_run():
    yield
    for thread in drivers():
        thread.join(60)
        assert not thread.is_alive()


@pytest.mark.parametrize("backend", ["threading", "loky", "multiprocessing", "sequential"])
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("schedule", ["eager", "levels"])
def test_values_flow_along_the_edges(backend, jobs, schedule):
    nodes = [
        Node("load", fn=lambda rows: list(range(rows))),
        Node("total", fn=lambda load: sum(load), after=["load"]),
        Node("count", fn=lambda load: len(load), after=["load"]),
        Node("mean", fn=lambda total, count: total / count, after=["total", "count"]),
    ]
    result = run(nodes, {"rows": 5}, backend=backend, jobs=jobs, schedule=schedule)
    assert result.success
    assert dict(result.values) == {"load": [0, 1, 2, 3, 4], "total": 10, "count": 5, "mean": 2.0}
    assert result.jobs == (1 if backend == "sequential" else jobs)
    assert result.backend == backend
    workers = {outcome.worker for outcome in result.outcomes.values()}
    assert (workers == {"MainThread"}) == (result.jobs == 1)


def test_one_job_runs_on_this_thread_in_document_order_where_the_policy_says_so():
    seen = []
    nodes = [Node(name, fn=lambda name=name: seen.append((name, threading.get_ident())), index=i)
             for i, name in enumerate("abcd")]  # fmt: skip
    run(nodes, jobs=1, policy="fifo")
    assert seen == [(name, threading.get_ident()) for name in "abcd"]


def test_a_failed_node_keeps_its_siblings_and_skips_what_needs_it():
    def bad():
        raise ValueError("no rows")

    nodes = [Node("bad", fn=bad), Node("good", fn=lambda: 1), Node("after", fn=lambda bad: bad, after=["bad"])]
    result = run(nodes, keep_going=True)
    assert statuses(result) == {"bad": "failed", "good": "done", "after": "skipped"}
    assert "'bad', which failed" in result.outcomes["after"].reason
    with pytest.raises(NodeFailed, match="node 'bad' failed: ValueError: no rows") as caught:
        result.raise_for_errors()
    assert isinstance(caught.value.__cause__, ValueError)
    assert (caught.value.node, caught.value.ename, caught.value.evalue) == ("bad", "ValueError", "no rows")
    assert caught.value.traceback[-1] == "ValueError: no rows"


@pytest.mark.parametrize("backend", ["threading", "loky"])
@pytest.mark.parametrize("jobs", [1, 2])
def test_sys_exit_is_a_failed_node(backend, jobs):
    result = run([Node("a", fn=lambda: sys.exit(3)), Node("b", fn=lambda: 2)], backend=backend, jobs=jobs,
                 keep_going=True)  # fmt: skip
    assert statuses(result) == {"a": "failed", "b": "done"}
    assert result.errors[0].ename == "SystemExit"


def test_a_result_that_cannot_leave_its_process_is_made_again_in_a_thread():
    result = run([Node("lock", fn=threading.Lock), Node("pid", fn=os.getpid)], backend="loky")
    assert result.success
    outcome = result.outcomes["lock"]
    assert outcome.attempts == 2
    assert "cannot pickle" in outcome.reason
    assert result.values["pid"] != os.getpid()


def test_a_dead_worker_is_its_nodes_failure_and_the_pool_works_again():
    result = run([Node("a", fn=lambda: os._exit(1)), Node("b", fn=lambda a: a, after=["a"])], backend="loky")
    assert statuses(result) == {"a": "failed", "b": "skipped"}
    assert "worker was lost" in str(result.errors[0])
    assert run([Node("a", fn=lambda: 1)], backend="loky").success


def test_the_enclosing_parallel_config_is_honoured():
    nodes = [Node("pid", fn=os.getpid)]
    with joblib.parallel_config(backend="loky", n_jobs=2):
        result = ParallelScheduler().execute(DAG(nodes))
    assert (result.backend, result.jobs) == ("loky", 2)
    assert result.values["pid"] != os.getpid()


def test_worker_threads_see_the_callers_parallel_config():
    def settings():
        backend, jobs = joblib.parallel.get_active_backend()
        return type(backend).__name__, jobs

    nodes = [Node("a", fn=settings)]
    with joblib.parallel_config(backend="threading", n_jobs=3):
        here = settings()
        assert ParallelScheduler().execute(DAG(nodes)).values["a"] == here
    assert run(nodes).values["a"] == settings()


def test_one_node_may_ask_for_a_process():
    result = run([Node("a", fn=os.getpid, backend="loky"), Node("b", fn=os.getpid)])
    assert result.values["a"] != os.getpid()
    assert result.values["b"] == os.getpid()


def test_a_verdict_brings_a_node_back_to_a_thread_and_says_why():
    node = Node("a", fn=os.getpid, verdicts={"loky": "it appends to a shared list"})
    result = run([node], backend="loky")
    assert result.values["a"] == os.getpid()
    assert result.outcomes["a"].reason == "it appends to a shared list"


def test_a_dag_that_cannot_run_is_an_error_before_anything_ran():
    ran = []
    nodes = [Node("a", fn=lambda: ran.append(1)), Node("b"), Node("c", fn=lambda missing: 1)]
    with pytest.raises(DefinitionError) as caught:
        run(nodes)
    assert [issue.nodes[0] for issue in caught.value.issues] == ["b", "c"]
    with pytest.raises(BackendError, match="knows no backend"):
        run([Node("a", fn=lambda: ran.append(1), backend="nosuch")])
    assert ran == []


def test_levels_wait_for_each_other_and_eager_does_not(gate):
    order = []

    def long():
        gate.wait(60)
        order.append("long")

    def child():
        order.append("child")
        gate.set()

    nodes = [Node("long", fn=long), Node("short", fn=lambda: order.append("short")),
             Node("child", fn=child, after=["short"])]  # fmt: skip
    assert run(nodes).success
    assert order == ["short", "child", "long"]
    order.clear()
    bus, seen = EventBus(), []
    bus.on("execution:*", seen.append)
    ParallelScheduler(RunConfig(jobs=2, schedule="levels"), bus).execute(DAG(nodes))
    assert order[2] == "child"
    ended = [event.level if isinstance(event, LevelEnded) else event.outcome.node
             for event in seen if isinstance(event, LevelEnded | NodeEnded)]  # fmt: skip
    assert ended.index(0) < ended.index("child") < ended.index(1)


def test_each_node_is_told_once_as_started_and_once_as_ended():
    bus, seen = EventBus(), []
    bus.on("execution:*", seen.append)
    nodes = [Node(f"n{i}", fn=lambda: None, after=[f"n{i // 2}"] if i else []) for i in range(20)]
    ParallelScheduler(RunConfig(jobs=2), bus).execute(DAG(nodes))
    for kind, name in ((NodeStarted, lambda e: e.node), (NodeEnded, lambda e: e.outcome.node)):
        assert sorted(name(event) for event in seen if isinstance(event, kind)) == sorted(node.id for node in nodes)


def test_a_thousand_nodes_on_threads_and_on_this_thread():
    nodes = [Node(f"n{i}", fn=lambda: None, after=[f"n{i - 7}"] if i >= 7 else []) for i in range(1000)]
    for jobs in (1, 3):
        result = run(nodes, jobs=jobs)
        assert result.success
        assert len(result.outcomes) == 1000


def test_two_main_lane_bodies_never_overlap_and_threads_run_beside_them():
    inside, met = [], threading.Barrier(2)

    def main():
        inside.append(threading.current_thread())
        return len(inside)

    nodes = [laned(f"m{i}", "main", main) for i in range(5)]
    nodes += [laned("m", "main", lambda: met.wait(60)), laned("t", "thread", lambda: met.wait(60))]
    dag = DAG(nodes)
    result = ParallelScheduler(RunConfig(jobs=2)).execute(dag, program=Laned(dag))
    assert result.success
    assert set(inside) == {threading.current_thread()}


def test_threads_see_the_context_variables_that_main_lane_bodies_set():
    var = contextvars.ContextVar("var", default="unset")
    nodes = [
        laned("before", "thread", var.get),
        laned("set", "main", lambda: var.set("set") and None, after=["before"]),
        laned("change", "thread", lambda: var.set("lost") and None, after=["set"]),
        laned("after", "thread", var.get, after=["change"]),
    ]
    dag = DAG(nodes)
    context = contextvars.copy_context()
    result = context.run(ParallelScheduler(RunConfig(jobs=2)).execute, dag, program=Laned(dag))
    assert (result.values["before"], result.values["after"]) == ("unset", "set")
    assert context[var] == "set"


def test_idle_is_called_while_this_thread_waits_and_one_that_raises_is_dropped(caplog):
    called = threading.Event()

    def idle():
        called.set()
        raise RuntimeError("no screen")

    dag = DAG([Node("a", fn=lambda: called.wait(60))])
    assert ParallelScheduler(RunConfig(jobs=2)).execute(dag, idle=idle).values["a"] is True
    assert "idle() raised" in caplog.text


def test_an_interrupt_in_the_wait_stops_the_run_and_names_what_still_runs(gate):
    def hang():
        _thread.interrupt_main()
        gate.wait(60)

    scheduler = ParallelScheduler(RunConfig(jobs=2))
    with pytest.raises(KeyboardInterrupt):
        scheduler.execute(DAG([Node("a", fn=hang), Node("b", fn=lambda a: a, after=["a"])]))
    result = scheduler.last_result
    assert statuses(result) == {"a": "cancelled", "b": "skipped"}
    assert "may still be running" in result.outcomes["a"].reason
    assert (result.success, result.stopped) == (False, "interrupted")
    gate.set()
    assert scheduler.execute(DAG([Node("a", fn=lambda: 1)])).success


def test_an_interrupt_stops_processes():
    import time

    scheduler = ParallelScheduler(RunConfig(jobs=2, backend="loky"))
    undo = scheduler.bus.on("execution:node-started", lambda event: _thread.interrupt_main())
    with pytest.raises(KeyboardInterrupt):
        scheduler.execute(DAG([Node("a", fn=lambda: time.sleep(600))]))
    undo()
    assert scheduler.last_result.outcomes["a"].status == "cancelled"
    assert scheduler.execute(DAG([Node("a", fn=lambda: 1)])).success


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupt_in_a_main_lane_body_is_its_own_and_ends_the_run(jobs):
    def body():
        _thread.interrupt_main()
        threading.Event().wait(60)

    dag = DAG([laned("a", "main", body), laned("b", "main", lambda: 1, after=["a"])])
    scheduler = ParallelScheduler(RunConfig(jobs=jobs))
    with pytest.raises(KeyboardInterrupt):
        scheduler.execute(dag, program=Laned(dag))
    assert statuses(scheduler.last_result) == {"a": "cancelled", "b": "skipped"}


def test_a_body_that_handles_its_interrupt_goes_on():
    def body():
        with suppress(KeyboardInterrupt):
            _thread.interrupt_main()
            threading.Event().wait(60)
        return "handled"

    assert run([Node("a", fn=body), Node("b", fn=lambda a: a, after=["a"])], jobs=1).values["b"] == "handled"


def test_a_late_reply_of_an_abandoned_thread_is_dropped(gate):
    begun, finished, given_up = threading.Event(), threading.Event(), threading.Event()

    def slow():
        try:
            while True:
                try:
                    begun.set()
                    gate.wait(60)
                    return "late"
                except KeyboardInterrupt:  # it is asked to stop, and does not
                    continue
        finally:
            finished.set()

    nodes = [
        Node("slow", fn=slow, timeout=2),  # time enough to be where it does not let itself be stopped
        Node("first", fn=lambda: begun.wait(60) and given_up.wait(60)),
        Node("wait", fn=lambda: gate.set() or finished.wait(60), after=["first"]),
        Node("last", fn=lambda: 1, after=["wait"]),
    ]
    scheduler = ParallelScheduler(RunConfig(jobs=2, keep_going=True))
    scheduler.bus.on("execution:node-ended", lambda event: event.outcome.node == "slow" and given_up.set())
    result = scheduler.execute(DAG(nodes))
    assert statuses(result) == {"slow": "failed", "wait": "done", "last": "done", "first": "done"}
    assert isinstance(result.errors[0], NodeTimeout)
    assert result.values["wait"]
    assert "slow" not in result.values


def test_a_process_that_outlives_its_timeout_is_ended_and_the_innocent_run_again():
    import time

    nodes = [Node("hung", fn=lambda: time.sleep(600), timeout=1.5), Node("other", fn=lambda: time.sleep(3))]
    result = run(nodes, backend="loky", keep_going=True)
    assert statuses(result) == {"hung": "failed", "other": "done"}
    assert "process was ended" in result.outcomes["hung"].reason
    assert result.outcomes["other"].attempts == 2


def test_a_body_on_the_main_thread_is_interrupted_at_its_timeout():
    nodes = [Node("a", fn=lambda: threading.Event().wait(60), timeout=0.1), Node("b", fn=lambda: 1)]
    result = run(nodes, jobs=1, keep_going=True)
    assert statuses(result) == {"a": "failed", "b": "done"}
    assert isinstance(result.errors[0], NodeTimeout)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_that_outlives_its_timeout_is_stopped_without_an_exception(gate, jobs):
    nodes = [Node("a", fn=lambda: gate.wait(60)), Node("b", fn=lambda a: a, after=["a"])]
    result = run(nodes, jobs=jobs, timeout=2)
    assert statuses(result) == {"a": "cancelled", "b": "skipped"}
    assert not result.success
    assert result.stopped == "timeout"
    assert isinstance(result.errors[0], NodeTimeout)


def test_async_nodes_run_together_on_one_loop_and_are_cancelled_by_the_timeout():
    import asyncio

    loops = []

    async def meet():
        loops.append(asyncio.get_running_loop())
        while len(loops) < 2:
            await asyncio.sleep(0)
        return len(loops)

    async def forever(cancelled=None):
        await asyncio.Event().wait()

    result = run([Node("a", fn=meet), Node("b", fn=meet)])
    assert result.success
    assert loops[0] is loops[1]
    result = run([Node("a", fn=forever, timeout=0.1)])
    assert isinstance(result.errors[0], NodeTimeout)


def test_a_program_that_breaks_is_the_nodes_failure():
    class Broken(FunctionProgram):
        def task(self, node, lane):
            raise LookupError("no such input")

    dag = DAG([Node("a", fn=lambda: 1)])
    result = ParallelScheduler(RunConfig(jobs=2)).execute(dag, program=Broken(dag))
    assert "LookupError: no such input" in str(result.errors[0])


def test_a_driver_that_breaks_is_an_error_and_no_hang():
    class Broken(FunctionProgram):
        def results(self, outcomes):
            raise LookupError("lost the results")

    dag = DAG([Node("a", fn=lambda: 1)])
    with pytest.raises(LookupError, match="lost the results"):
        ParallelScheduler(RunConfig(jobs=2)).execute(dag, program=Broken(dag))


def test_execute_works_away_from_the_main_thread():
    results = []
    thread = threading.Thread(target=lambda: results.append(run([Node("a", fn=lambda: 1)], jobs=1)))
    thread.start()
    thread.join(60)
    assert results[0].success


def test_a_run_within_a_run_works():
    inner = [Node("x", fn=lambda: 20), Node("y", fn=lambda x: x + 1, after=["x"])]
    assert run([Node("outer", fn=lambda: run(inner).values["y"])]).values["outer"] == 21


def test_an_empty_dag_is_a_success():
    result = run([])
    assert result.success
    assert result.speedup == 1.0
    assert result.lower_bound == 0.0
