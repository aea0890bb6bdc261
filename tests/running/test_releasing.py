"""A value goes when its last reader has ended, however that was, unless the user asked for it."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import tracemalloc
import weakref
from traceback import walk_tb

import cloudpickle
import numpy as np
import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.definitions.builder import DAGBuilder
from orchestra_nb.errors import ConfigError, DefinitionError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Edge, Node, Outcome
from orchestra_nb.pipeline import Pipeline
from orchestra_nb.running.functions import FunctionProgram
from orchestra_nb.running.readers import Readers, Released
from orchestra_nb.running.scheduler import ParallelScheduler
from orchestra_nb.running.seams import Attentive, Kept, Reply

cloudpickle.register_pickle_by_value(sys.modules[__name__])
LARGE = 1 << 18


class Thing:
    """Something whose end can be noticed."""


class Watch:
    """Makes things, and tells whether they are there."""

    def __init__(self):
        self.born = {}
        self.gone = {}

    def make(self, name):
        """A node's function that makes a thing."""
        gone = self.gone[name] = threading.Event()

        def body():
            thing = Thing()
            self.born[name] = weakref.ref(thing, lambda _: gone.set())
            return thing

        return body

    def alive(self):
        gc.collect()
        return {name for name, born in self.born.items() if born() is not None}

    def without(self, *names):
        """A node's function that tells whether things are gone; the worker that had them may be about to drop them."""

        def body():
            gc.collect()
            return all(self.gone[name].wait(30) for name in names)

        return body


def run(nodes, results=None, **config):
    return ParallelScheduler(RunConfig(**config)).execute(DAG(nodes), results=results)


def fail(a):
    raise ValueError("no")


def give_up(a):
    raise asyncio.CancelledError


async def await_and_fail(a):
    await asyncio.sleep(0)
    raise ValueError("no")


def nest(a):
    try:
        fail(a)
    except ValueError as error:
        raise ExceptionGroup("several", [error]) from error


class Elsewhere(Kept):
    nbytes = 5

    def __init__(self, value, fault=None):
        self.value = value
        self.fault = fault
        self.log = []

    def fetch(self):
        self.log.append("fetch")
        if self.fault:
            raise self.fault
        return self.value

    def release(self):
        self.log.append("release")
        if self.fault:
            raise self.fault


# When.


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_value_lives_until_its_last_reader_has_ended(jobs):
    watch = Watch()
    nodes = [
        Node("a", fn=watch.make("a")),
        Node("b", fn=lambda a: None, after=["a"]),
        Node("between", fn=watch.alive, after=["b"]),
        Node("c", fn=lambda a, between: None, after=["between"]),
        Node("d", fn=watch.without("a"), after=["c"]),
    ]
    result = run(nodes, ["between", "d"], jobs=jobs)
    assert result.values == {"between": {"a"}, "d": True}
    assert isinstance(result.outcomes["a"].value, Released)
    assert result.outcomes["a"].value.kind.endswith("Thing")


@pytest.mark.parametrize("reader", [fail, give_up, await_and_fail, nest, lambda a: None])
@pytest.mark.parametrize("jobs", [1, 2])
def test_it_goes_however_the_readers_ended(reader, jobs):
    watch = Watch()
    nodes = [
        Node("a", fn=watch.make("a")),
        Node("b", fn=reader, after=["a"]),
        Node("skipped", fn=lambda b, a: None, after=["b", "a"]),
        Node("d", fn=watch.without("a"), after=["a"], priority=-1),
    ]
    result = run(nodes, ["d"], jobs=jobs, keep_going=True)
    assert result.values == {"d": True}
    assert (result.outcomes["b"].status == "done") == (result.outcomes["skipped"].status == "done")


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_program_hears_of_every_end_once(jobs):
    heard = []

    class Listening(FunctionProgram):
        def ended(self, node, outcome):
            heard.append((node.id, outcome.status))
            super().ended(node, outcome)

    dag = DAG(
        [
            Node("a", fn=lambda: 5),
            Node("b", fn=fail, after=["a"]),
            Node("c", fn=lambda b: 1, after=["b"]),
        ]
    )
    ParallelScheduler(RunConfig(jobs=jobs)).execute(dag, program=Listening(dag))
    assert heard == [("a", "done"), ("b", "failed"), ("c", "skipped")]


def test_without_a_wish_a_failure_keeps_what_a_debugger_needs():
    result = run([Node("a", fn=lambda: 5), Node("b", fn=fail, after=["a"])], jobs=2)
    assert [*walk_tb(result.errors[0].__cause__.__traceback__)][-1][0].f_locals == {"a": 5}


def test_what_nobody_reads_goes_at_once_and_what_is_wanted_stays():
    watch = Watch()
    nodes = [Node(name, fn=watch.make(name)) for name in "abc"]
    result = run([*nodes, Node("d", fn=watch.without("a", "c"))], ["b", "d"], jobs=1)
    assert result.values == {"b": watch.born["b"](), "d": True}
    assert result.values["b"] is result.outcomes["b"].value


def test_without_a_wish_all_values_stay():
    watch = Watch()
    result = run([Node("a", fn=watch.make("a")), Node("b", fn=lambda a: 1, after=["a"])], jobs=2)
    assert result.values == {"a": watch.born["a"](), "b": 1}


@pytest.mark.parametrize("jobs", [1, 2])
def test_parts_of_nodes_go_too(jobs):
    watch = Watch()
    nodes = [
        Node("ab", parts=(Node("a", fn=watch.make("a")), Node("b", fn=watch.make("b")))),
        Node("c", fn=lambda a: None, after=["ab"]),
        Node("d", fn=watch.without("a"), after=["c"]),
    ]
    result = run(nodes, ["b", "d"], jobs=jobs)
    assert result.values == {"b": watch.born["b"](), "d": True}
    assert isinstance(result.outcomes["ab"].value["a"], Released)
    assert sorted(run(nodes, ["ab"], jobs=jobs).values) == ["a", "b"]


def test_an_optimised_graph_releases_the_same_values():
    edges = [Edge("a", "b", "value"), Edge("b", "c", "value")]
    dag = DAG([Node("a", fn=lambda: 1), Node("b", fn=lambda a: a + 1), Node("c", fn=lambda b: b + 1)], edges)
    better = DAGBuilder().optimize(dag, merge_below=10)
    assert ParallelScheduler(RunConfig(jobs=2)).execute(better, results=["c"]).values == {"c": 3}


# Elsewhere.


def test_under_processes_large_values_go_with_their_files(tmp_path):
    import joblib

    kept = []

    def ones():
        return np.ones(LARGE)

    def count(ones):
        return float(ones.sum())

    def files(count):
        kept.extend(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file() and path.name != "owner")

    nodes = [Node("ones", fn=ones), Node("count", fn=count, after=["ones"])]
    nodes.append(Node("files", fn=files, after=["count"], backend="threading"))
    for results, expected in ((["count"], []), (None, [8 * LARGE])):
        kept.clear()
        with joblib.parallel_config(temp_folder=str(tmp_path)):
            run = ParallelScheduler(RunConfig(jobs=2, backend="loky")).execute(DAG(nodes), results=results)
        assert run.values["count"] == LARGE
        assert kept == expected
    assert run.values["ones"].sum() == LARGE


def test_under_processes_a_live_value_goes_when_its_last_reader_has_ended():
    watch = Watch()
    nodes = [
        Node("a", fn=watch.make("a"), backend="threading"),
        Node("b", fn=lambda a: type(a).__name__, after=["a"]),
        Node("c", fn=watch.without("a"), after=["b"], backend="threading"),
    ]
    assert run(nodes, ["b", "c"], jobs=2, backend="loky").values == {"b": "Thing", "c": True}


def test_memory_of_a_chain_does_not_grow_with_its_length():
    def grow(size):
        return lambda before=None: bytearray(size)

    def chain(length, size=1 << 20):
        nodes = [Node("n0", fn=grow(size))]
        for n in range(1, length):
            body = eval(f"lambda n{n - 1}: bytearray({size})")
            nodes.append(Node(f"n{n}", fn=body, after=[f"n{n - 1}"]))
        return DAG(nodes)

    def peak(results):
        tracemalloc.start()
        ParallelScheduler(RunConfig(jobs=2)).execute(chain(20), results=results)
        _, high = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return high

    assert peak(["n19"]) < 6 << 20
    assert peak(None) > 20 << 20


def test_values_kept_elsewhere_are_fetched_only_where_they_are_read():
    here, there, last = Elsewhere("here"), Elsewhere("there"), Elsewhere("last")
    values = {"here": here, "there": there, "last": last}
    nodes = [Node(name, fn=dict) for name in values]
    nodes += [Node("thread", fn=lambda here: here.upper(), after=["here"])]
    nodes += [Node("process", fn=lambda there, here: None, after=["there", "thread"])]
    dag = DAG(nodes)
    program = FunctionProgram(dag, results=["last", "thread"])
    assert isinstance(program, Attentive)
    for name, value in values.items():
        program.commit(dag.nodes[name], Reply("done", value=value))
        program.ended(dag.nodes[name], Outcome(name, "done"))
    reply = program.task(dag.nodes["thread"], "thread")()
    assert reply.value == "HERE"
    program.ended(dag.nodes["thread"], Outcome("thread", "done"))
    task = program.task(dag.nodes["process"], "process")
    assert task.kwargs == {"there": there, "here": "here"}  # a thread may have changed the one, and not the other
    program.ended(dag.nodes["process"], Outcome("process", "done"))
    assert [value.log for value in values.values()] == [["fetch", "fetch", "release"], ["release"], []]


def test_what_cannot_be_released_hurts_nobody(caplog):
    dag = DAG([Node("a", fn=dict)])
    program = FunctionProgram(dag, results=[])
    program.commit(dag.nodes["a"], Reply("done", value=Elsewhere(1, OSError("gone"))))
    program.ended(dag.nodes["a"], Outcome("a", "done"))
    assert "could not be released" in caplog.text


def test_what_cannot_be_brought_home_is_its_nodes_failure(monkeypatch):
    lost = Elsewhere(1, OSError("the cluster is gone"))
    dag = DAG([Node("a", fn=dict), Node("b", fn=lambda: 2)])
    program = FunctionProgram(dag)
    real = program.commit
    monkeypatch.setattr(
        program, "commit", lambda node, reply: real(node, Reply("done", value=lost) if node.id == "a" else reply)
    )
    result = ParallelScheduler(RunConfig(jobs=2)).execute(dag, program=program)
    assert result.values == {"b": 2}
    assert str(result.errors[0]) == ("node 'a': its value could not be brought home: OSError: the cluster is gone")


# Names.


def test_results_that_there_are_not_are_named_before_anything_runs():
    ran = []
    nodes = [Node("load", fn=lambda: ran.append(1)), Node("all", parts=(Node("x", fn=dict), Node("y", fn=dict)))]
    with pytest.raises(DefinitionError, match=r"no node 'laod' .*did you mean 'load'") as caught:
        Pipeline(nodes).run(results=["laod", "all", "x", "z"])
    assert [issue.nodes for issue in caught.value.issues] == [("laod",), ("z",)]
    with pytest.raises(ConfigError, match=r"write \['load'\]"):
        Pipeline(nodes).run(results="load")
    assert ran == []


def test_results_are_for_functions(tmp_path):
    dag = DAG([Node("a", fn=dict)])
    with pytest.raises(ConfigError, match="program of its own"):
        ParallelScheduler(RunConfig(jobs=1)).execute(dag, program=FunctionProgram(dag), results=["a"])
    path = tmp_path / "n.ipynb"
    path.write_text(
        '{"cells": [{"cell_type": "code", "id": "a", "source": "a = 1", "metadata": {}, "outputs": [],'
        ' "execution_count": null}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    )
    with pytest.raises(ConfigError, match="namespace"):
        Pipeline(path).run(results=["a"])


def test_a_pipeline_gives_the_results_that_were_asked_for():
    nodes = [Node("load", fn=lambda: [3, 1]), Node("top", fn=lambda load: max(load))]
    assert Pipeline(nodes, config=RunConfig(jobs=2)).run(results=["top"]).values == {"top": 3}


def test_readers_without_wishes_free_nothing():
    assert Readers({"a": ()}, {"a": ["a"]}, None).ended("a") == []


@pytest.mark.parametrize(
    ("value", "kind", "least"),
    [([1], "list", 0), (np.ones(LARGE), "numpy.ndarray", 8 * LARGE), (Elsewhere(1), "object", 5)],
)
def test_a_released_value_is_described(value, kind, least):
    released = Released.of(value)
    assert released.kind == kind
    assert released.nbytes >= least
