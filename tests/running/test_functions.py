"""How parameters are filled, and what is wrong before anything runs."""

from __future__ import annotations

import asyncio

import pytest

from orchestra_nb.errors import DefinitionError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, Outcome
from orchestra_nb.running.functions import FunctionProgram
from orchestra_nb.running.replies import perform
from orchestra_nb.running.seams import Cancellable, Reply
from orchestra_nb.running.store import MemoryStore


def value_of(fn, context=None, **ended):
    nodes = [Node(name, fn=lambda: None) for name in ended]
    dag = DAG([*nodes, Node("it", fn=fn, after=list(ended))])
    program = FunctionProgram(dag, context)
    for name, value in ended.items():
        program.commit(dag.nodes[name], Reply("done", value=value))
    return perform(program.task(dag.nodes["it"], "thread")).value


@pytest.mark.parametrize(
    ("fn", "expected"),
    [
        (lambda: 1, 1),
        (lambda a: a, "node"),
        (lambda a, b=5: (a, b), ("node", 5)),
        (lambda c: c, "context"),
        (lambda c, /, a: (c, a), ("context", "node")),
        (lambda *, a: a, "node"),
        (lambda *args, **kwargs: (args, kwargs), ((), {})),
        (lambda it: it, "its own name, from the context"),
        (dict, {}),
    ],
)
def test_parameters_are_filled_by_nodes_then_by_the_context(fn, expected):
    context = {"a": "shadowed", "c": "context", "it": "its own name, from the context"}
    assert value_of(fn, context, a="node") == expected


def test_every_fault_is_found_before_anything_runs():
    dag = DAG([Node("a", fn=lambda: 1), Node("b"), Node("c", fn=lambda a, rws: 1)])
    with pytest.raises(DefinitionError) as caught:
        FunctionProgram(dag, {"rows": 1})
    assert [issue.code for issue in caught.value.issues] == ["no-function", "unordered-parameter", "unfilled-parameter"]
    assert "did you mean 'rows'?" in str(caught.value)
    assert "add 'a' to its 'after'" in str(caught.value)


def test_values_are_kept_in_the_store():
    store = MemoryStore()
    dag = DAG([Node("a", fn=lambda: 1)])
    FunctionProgram(dag, store=store).commit(dag.nodes["a"], Reply("done", value=5))
    assert store.get("a") == 5


@pytest.mark.parametrize(
    ("node", "backend", "lane"),
    [
        (Node("a", fn=dict), "threading", ("thread", "")),
        (Node("a", fn=dict), "loky", ("process", "")),
        (Node("a", fn=dict, backend="threading"), "loky", ("thread", "")),
        (Node("a", fn=dict, backend="async"), "loky", ("thread", "")),
        (Node("a", fn=dict, backend="loky"), "threading", ("process", "")),
        (Node("a", fn=dict, verdicts={"loky": "why"}), "loky", ("thread", "why")),
    ],
)
def test_lanes(node, backend, lane):
    assert FunctionProgram(DAG([node])).lane(node, backend) == lane


def test_results_are_the_values_of_what_ended_well():
    program = FunctionProgram(DAG([]))
    outcomes = {"a": Outcome("a", "done", 1), "b": Outcome("b", "cached", 2), "c": Outcome("c", "failed")}
    assert program.results(outcomes) == {"a": 1, "b": 2}


def test_a_coroutine_can_be_cancelled_from_outside():
    program = None

    async def forever():
        program.cancel(dag.nodes["a"])
        await asyncio.Event().wait()

    dag = DAG([Node("a", fn=forever)])
    program = FunctionProgram(dag)
    assert isinstance(program, Cancellable)
    reply = perform(program.task(dag.nodes["a"], "thread"))
    assert reply.status == "cancelled"
    program.cancel(dag.nodes["a"])
