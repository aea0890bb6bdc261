"""Nodes of several parts: each part's value under its own name, wherever the node runs."""

from __future__ import annotations

import asyncio
import itertools
import pickle
import threading

import cloudpickle
import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.definitions.builder import DAGBuilder
from orchestra_nb.errors import ConfigError, DefinitionError
from orchestra_nb.graph import DAG
from orchestra_nb.model import Edge, Node, Outcome
from orchestra_nb.pipeline import Pipeline
from orchestra_nb.running.functions import FunctionProgram
from orchestra_nb.running.replies import perform


def load(rows):
    return list(range(rows))


def extend(load):
    load.append("more")
    return len(load)


async def double(extend):
    return 2 * extend


def report(double, load, rows):
    return double, load, rows


def stop():
    raise ValueError("no rows")


def leave():
    raise SystemExit(3)


def chain() -> DAG:
    return DAG([Node("first", parts=(Node("load", fn=load), Node("extend", fn=extend), Node("double", fn=double)))])


def reply_of(dag: DAG, lane: str = "thread", **context):
    """The reply of the first node; for a process, of the task as it arrives there."""
    program = FunctionProgram(dag, context)
    task = program.task(next(iter(dag.nodes.values())), lane)
    return perform(pickle.loads(cloudpickle.dumps(task)) if lane == "process" else task)


@pytest.mark.parametrize("jobs", [1, 2])
def test_values_come_out_under_the_names_of_the_parts(jobs):
    dag = DAG([*chain().nodes.values(), Node("report", fn=report, after=["first"])])
    result = Pipeline(dag, config=RunConfig(jobs=jobs)).run({"rows": 2})
    assert result.success
    loaded = [0, 1, "more"]
    assert result.values == {"load": loaded, "extend": 3, "double": 6, "report": (6, loaded, 2)}
    assert set(result.outcomes) == {"first", "report"}


def test_in_another_process_parts_hand_on_copies_as_nodes_do():
    apart = DAG([Node("load", fn=load), Node("extend", fn=extend, after=["load"])])
    results = [
        Pipeline(dag, config=RunConfig(jobs=2, backend="loky")).run({"rows": 2})
        for dag in (apart, DAG([Node("both", parts=tuple(apart.nodes.values()))]))
    ]
    assert results[0].values == results[1].values == {"load": [0, 1], "extend": 3}


def test_in_another_process_parts_share_no_inputs():
    def grow(rows):
        rows.append(1)
        return len(rows)

    dag = DAG([Node("ab", parts=(Node("a", fn=grow), Node("b", fn=grow)))])
    assert reply_of(dag, "process", rows=[]).value == {"a": 1, "b": 1}
    assert reply_of(dag, "thread", rows=[]).value == {"a": 1, "b": 2}


@pytest.mark.parametrize(("fn", "name"), [(stop, "ValueError"), (leave, "SystemExit")])
@pytest.mark.parametrize("lane", ["thread", "process"])
def test_a_part_that_fails_fails_the_node_and_is_named(fn, name, lane):
    reply = reply_of(DAG([Node("all", parts=(Node("ok", fn=dict), Node("bad", fn=fn), Node("never", fn=dict)))]), lane)
    assert (reply.status, reply.ename) == ("failed", name)
    assert reply.evalue.startswith("in its part 'bad': ")


def test_a_failure_is_told_with_the_part_and_skips_what_needs_the_node():
    dag = DAG([Node("all", parts=(Node("ok", fn=dict), Node("bad", fn=stop))), Node("after", fn=dict, after=["all"])])
    result = Pipeline(dag, config=RunConfig(jobs=1)).run()
    assert str(result.errors[0]) == "node 'all' failed: ValueError: in its part 'bad': no rows"
    assert result.outcomes["after"].status == "skipped"
    assert result.values == {}


def test_a_value_that_cannot_be_copied_is_refused_and_runs_again_in_a_thread():
    dag = DAG([Node("all", parts=(Node("lock", fn=threading.Lock), Node("held", fn=lambda lock: lock.locked())))])
    reply = reply_of(dag, "process")
    assert reply.status == "refused"
    assert "'lock'" in reply.reason
    result = Pipeline(dag, config=RunConfig(jobs=2, backend="loky")).run()
    assert result.values["held"] is False


def test_a_coroutine_that_is_cancelled_cancels_the_node():
    program = None

    async def forever():
        program.cancel(dag.nodes["all"])
        await asyncio.Event().wait()

    dag = DAG([Node("all", parts=(Node("a", fn=forever), Node("b", fn=dict)))])
    program = FunctionProgram(dag)
    assert perform(program.task(dag.nodes["all"], "thread")).status == "cancelled"


def test_an_interrupt_is_nobodys_failure():
    def interrupted():
        raise KeyboardInterrupt

    assert reply_of(DAG([Node("all", parts=(Node("a", fn=interrupted),))])).status == "cancelled"


def test_faults_name_the_part():
    parts = (Node("a", fn=lambda b: b), Node("b", fn=lambda a: a), Node("c"), Node("d", fn=lambda rws: rws))
    with pytest.raises(DefinitionError) as caught:
        FunctionProgram(DAG([Node("all", parts=parts)]), {"rows": 1})
    assert [(issue.code, issue.nodes[0]) for issue in caught.value.issues] == [
        ("unordered-parameter", "a"),
        ("no-function", "c"),
        ("unfilled-parameter", "d"),
    ]


@pytest.mark.parametrize(
    "wrong", [{"parts": ("a",)}, {"parts": (Node("a"),), "fn": dict}, {"parts": (Node("a"),), "source": "1"}]
)
def test_a_node_has_parts_or_a_body(wrong):
    with pytest.raises(ConfigError, match="parts"):
        Node("all", **wrong)


def test_results_take_parts_from_whatever_ended_well():
    dag = chain()
    values = {"load": [], "extend": 1, "double": 2}
    assert FunctionProgram(dag, {"rows": 1}).results({"first": Outcome("first", "cached", values)}) == values
    assert FunctionProgram(dag, {"rows": 1}).results({"first": Outcome("first", "failed")}) == {}


def test_an_optimised_graph_gives_the_values_of_the_original():
    names = ("load", "extend", "double", "report")
    functions = dict(zip(names, (load, extend, double, report), strict=True))
    edges = [Edge(a, b, "value") for a, b in itertools.pairwise(names)]
    dag = DAG([Node(name, fn=fn) for name, fn in functions.items()], edges)
    better = DAGBuilder().optimize(dag, merge_below=10)
    assert list(better.nodes) == ["load+extend+double+report"]
    runs = [Pipeline(graph, config=RunConfig(jobs=2)).run({"rows": 3}) for graph in (dag, better)]
    assert runs[0].values == runs[1].values
