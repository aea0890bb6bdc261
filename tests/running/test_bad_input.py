"""What cannot be meant is refused before anything runs, and says where it stands; and odd surroundings hang nothing."""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
import threading

import cloudpickle
import pytest

from orchestra_nb.config import RetryPolicy, RunConfig
from orchestra_nb.errors import BackendError, CheckpointError, ConfigError, DefinitionError
from orchestra_nb.events import EventBus
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Expand, Node
from orchestra_nb.running.scheduler import ParallelScheduler

cloudpickle.register_pickle_by_value(sys.modules[__name__])
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def run(nodes, context=None, results=None, **config):
    return ParallelScheduler(RunConfig(**{"jobs": 2, **config})).execute(DAG(nodes), context, results=results)


def never():
    raise AssertionError("it ran")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        *[("timeout", value) for value in (0, -1, "3", True, float("nan"), float("inf"))],
        *[("priority", value) for value in ("high", None, float("nan"))],
        *[("backend", value) for value in ("", None, 3)],
        *[(name, value) for name in ("after", "uses", "reads") for value in (None, 3, [3])],
        ("index", "first"),
        ("kind", "robot"),
        ("fn", 3),
        ("cost", float("nan")),
        ("cost", 10**400),
    ],
)
def test_a_setting_that_cannot_be_meant_is_an_error_that_names_the_node_and_the_setting(setting, value):
    with pytest.raises(ConfigError, match=f"node 'a': {setting} must be "):
        Node("a", **{setting: value})


def test_names_may_come_from_an_iterator():
    assert Node("a", after=(name for name in "bc")).after == ("b", "c")


@pytest.mark.parametrize("jobs", [4097, 10**30])
def test_more_jobs_than_a_machine_has_threads_are_refused(jobs):
    with pytest.raises(ConfigError, match="is more than 4096 workers"):
        RunConfig(jobs=jobs)


@pytest.mark.parametrize("name", [3, "", None])
def test_a_resource_has_a_name(name):
    with pytest.raises(ConfigError, match="must be the name of a resource"):
        RunConfig(resources={name: 1})


@pytest.mark.parametrize("use", ["db:0", "db:-1", "db:1.5", "db: 2", "db:", ":2", ":", "", " "])
def test_an_amount_that_is_none_is_refused_and_not_taken_for_a_name(use):
    with pytest.raises(DefinitionError, match=r"node 'a' uses .*, which names no resource with a whole amount"):
        run([Node("a", fn=never, uses=[use])], resources={"db": 2})


def test_a_resources_name_may_hold_colons():
    assert run([Node("a", fn=lambda: 1, uses=["db:main:2", "s3:raw"])], resources={"db:main": 2}).success


@pytest.mark.parametrize(
    ("retry", "told"),
    [
        ({"attempt": 3}, "there is no setting 'attempt'; did you mean 'attempts'?"),
        ({3: 4}, "there is no setting 3; known: attempts,"),
        ({"on": 3}, "on=3 must be names of exception classes"),
        ({"on": OSError}, "must be names of exception classes, such as 'OSError'"),
        ({"on": [OSError]}, "must be names of exception classes, such as 'OSError'"),
    ],
)
def test_a_retry_policy_that_cannot_be_meant_names_the_node_and_what_is_wrong(retry, told):
    with pytest.raises(DefinitionError) as caught:
        run([Node("a", fn=never, retry=retry)])
    assert str(caught.value).startswith("node 'a': retry: ")
    assert told in str(caught.value)


def test_a_retry_policy_takes_one_name_as_text():
    assert RetryPolicy(on="OSError").on == ("OSError",)


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ("lod > 1", "node 'train': its condition reads 'lod', which nothing gives; did you mean 'load'?"),
        ("beside > 1", "node 'train': its condition needs 'beside', a node that need not have ended; add 'beside'"),
        ("last > 1", "node 'train': its condition needs 'last', a node that need not have ended"),
        ("train > 1", "a node's own value is not there before it has run"),
    ],
)
def test_a_condition_reads_what_is_there_when_it_is_decided(when, told):
    nodes = [
        Node("load", fn=never),
        Node("beside", fn=never),
        Node("train", fn=never, after=["load"], when=when),
        Node("last", fn=never, after=["train"]),
    ]
    with pytest.raises(DefinitionError) as caught:
        run(nodes, {"rows": 3})
    assert told in str(caught.value)


@pytest.mark.parametrize("when", ["load > 1", "rows > 1", "context.rows > 1", "results.load > 1 || rows > 1"])
def test_a_condition_may_read_nodes_that_have_ended_the_context_and_the_words_for_both(when):
    nodes = [Node("load", fn=lambda: 2), Node("train", fn=lambda load: load, after=["load"], when=when)]
    assert run(nodes, {"rows": 3}).values["train"] == 2


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"uses": ["gpu:5"]}, "node 'new' uses 5 of 'gpu', and there is 1"),
        ({"uses": ["gpu:0"]}, "node 'new' uses 'gpu:0', which names no resource"),
        ({"retry": {"attempt": 3}}, "node 'new': retry: there is no setting 'attempt'"),
        ({"retry": 0}, "node 'new': retry: attempts=0 must be"),
        ({"backend": "lokky"}, "node 'new': joblib knows no backend 'lokky'; did you mean 'loky'?"),
        ({"when": "nope > 1"}, "node 'new': its condition reads 'nope', which nothing gives"),
    ],
)
@pytest.mark.parametrize("jobs", [1, 2])
def test_nodes_that_join_a_run_are_checked_like_those_that_were_there(settings, told, jobs):
    maker = Node("maker", fn=lambda: Expand([Node("new", fn=never, **settings)]))
    result = run([maker, Node("after", fn=never, after=["maker"])], jobs=jobs, timeout=120)
    assert {name: outcome.status for name, outcome in result.outcomes.items()} == {
        "maker": "failed",
        "after": "skipped",
    }
    assert told in str(result.errors[0])


def test_agents_that_join_a_run_are_checked_too():
    scheduler = ParallelScheduler(RunConfig(jobs=2, timeout=120))
    scheduler.set_agent_executor(lambda node, context: Expand([Node("new", kind="agent", uses=["gpu:5"])]))
    result = scheduler.execute(DAG([Node("maker", kind="agent")]))
    assert "node 'new' uses 5 of 'gpu', and there is 1" in str(result.errors[0])


@pytest.mark.parametrize("context", [3, [1], "rows"])
def test_a_context_is_a_mapping(context):
    with pytest.raises(ConfigError, match="context must be a mapping of names to values"):
        run([Node("a", fn=never)], context)


def test_results_are_names():
    with pytest.raises(ConfigError, match="results must be the names of nodes, not 3"):
        run([Node("a", fn=never)], results=3)


@pytest.mark.parametrize("checkpoint", [None, 3, "nope"])
def test_what_is_no_checkpoint_is_an_error_of_its_own(checkpoint):
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        ParallelScheduler().resume_from_checkpoint(checkpoint, DAG([Node("a", fn=never)]))


@pytest.mark.parametrize("results", [["c"], [], ["a"]])
def test_a_value_that_was_let_go_is_made_again_where_a_node_that_is_to_run_needs_it(results):
    fair = []
    nodes = [
        Node("a", fn=lambda: 20),
        Node("b", fn=lambda a: a + 1, after=["a"]),
        Node("c", fn=lambda b: 2 * b if fair else never(), after=["b"]),
    ]
    scheduler = ParallelScheduler(RunConfig(jobs=2))
    failed = scheduler.execute(DAG(nodes), results=results)
    fair.append(True)
    result = scheduler.resume_from_checkpoint(failed.checkpoints[-1], DAG(nodes))
    assert result.success
    assert result.values["c"] == 42


def test_a_value_that_was_let_go_is_not_made_again_for_nobody():
    began = []
    nodes = [
        Node("a", fn=lambda: began.append("a")),
        Node("b", fn=lambda a: began.append("b"), after=["a"]),
        Node("c", fn=lambda b: began.append("c"), after=["b"]),
    ]
    scheduler = ParallelScheduler(RunConfig(jobs=2))
    first = scheduler.execute(DAG(nodes), results=["b"])
    result = scheduler.resume_from_checkpoint(first.checkpoints[1], DAG(nodes))
    assert began == ["a", "b", "c", "c"]
    assert [outcome.status for outcome in result.outcomes.values()] == ["cached", "cached", "done"]
    assert set(result.values) == {"b", "c"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError])
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("inline", [False, True])
def test_a_subscriber_cannot_hurt_the_run_whatever_it_raises(error, jobs, inline, caplog):
    def observe(event):
        raise error

    bus = EventBus()
    bus.on("*", observe, inline=inline)
    nodes = [Node("a", fn=lambda: 1), Node("b", fn=lambda a: a + 1, after=["a"])]
    result = ParallelScheduler(RunConfig(jobs=jobs), bus).execute(DAG(nodes))
    assert dict(result.values) == {"a": 1, "b": 2}
    assert [record.exc_info[0] for record in caplog.records] == [error]


def generator(node, context):
    yield 1


async def asynchronous_generator(node, context):
    yield 1


@pytest.mark.parametrize("executor", [generator, asynchronous_generator])
def test_an_agent_executor_whose_body_a_call_does_not_run_is_refused(executor):
    with pytest.raises(ConfigError, match="this one is a generator"):
        ParallelScheduler().set_agent_executor(executor)


class Ticket:
    """Something that can be awaited, and is no coroutine."""

    def __await__(self):
        yield from asyncio.sleep(0).__await__()
        return "served"


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_an_agent_executor_returns_to_be_awaited_is_awaited(jobs):
    scheduler = ParallelScheduler(RunConfig(jobs=jobs))
    scheduler.set_agent_executor(lambda node, context: Ticket())
    assert scheduler.execute(DAG([Node("a", kind="agent")])).values["a"] == "served"


def test_a_node_in_a_forked_process_may_run_a_graph_of_its_own():
    def inner():
        return run([Node("i", fn=lambda: 1), Node("j", fn=lambda i: i + 1, after=["i"])]).values["j"]

    result = run([Node("a", fn=inner), Node("b", fn=os.getpid)], backend="multiprocessing", timeout=60)
    assert result.values["a"] == 2
    assert result.values["b"] != os.getpid()


def test_a_result_pickles_with_what_its_nodes_made_and_why_they_failed():
    nodes = [Node("pid", fn=os.getpid), Node("bad", fn=os.stat), Node("after", fn=os.getcwd, after=["bad"])]
    result = run(nodes, {"path": "/nowhere/at/all"}, keep_going=True)
    again = pickle.loads(pickle.dumps(result))
    assert {name: outcome.status for name, outcome in again.outcomes.items()} == {
        "pid": "done", "bad": "failed", "after": "skipped",
    }  # fmt: skip
    assert dict(again.values) == {"pid": os.getpid()}
    assert (str(again.errors[0]), repr(again), again.speedup) == (str(result.errors[0]), repr(result), result.speedup)
    with pytest.raises(TypeError):
        again.outcomes["pid"] = None


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_loky_without_the_streams_that_it_flushes_is_refused(stream, monkeypatch):
    monkeypatch.setattr(sys, stream, None)
    with pytest.raises(BackendError, match=r"'loky' cannot be used here: sys\.stdout or"):
        run([Node("a", fn=never)], backend="loky")
    assert run([Node("a", fn=lambda: 1)]).success


def test_one_scheduler_serves_several_threads_at_once():
    scheduler, seen = ParallelScheduler(RunConfig(jobs=2)), {}

    def serve(number):
        nodes = [Node("a", fn=lambda: number), Node("b", fn=lambda a: 2 * a, after=["a"])]
        seen[number] = scheduler.execute(DAG(nodes)).values["b"]

    threads = [threading.Thread(target=serve, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert seen == {0: 0, 1: 2, 2: 4, 3: 6}
