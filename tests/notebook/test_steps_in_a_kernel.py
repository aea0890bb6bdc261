"""Walks in a real kernel, as a front end that is live meets them: they hear what is turned, and leave few behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .front_end import FrontEnd, front_end
from .test_dashboard_in_a_kernel import place, shown

SETUP = """
import comm, ipywidgets
from orchestra_nb import DAG, Node, step_through
dag = DAG([Node("load", cost=2), Node("fit", cost=2), Node("plot", after=["load"])])
def left():
    return len(comm.get_comm_manager().comms), len(ipywidgets.widgets.widget._instances)
"""
WALKS = 50


@pytest.fixture
def kernel(specs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontEnd]:
    with front_end(tmp_path_factory.mktemp("steps")) as started:
        started.run(SETUP, "setup")
        yield started


def model_of(kernel: FrontEnd, code: str, cell: str) -> tuple[str | None, list[str]]:
    """The model in whose place a cell's output is, and the types of the messages that made it."""
    kernel.seen, request, found, types = [], kernel.send(code, cell), None, []
    while True:
        message = kernel._message()
        types.append(message["msg_type"])
        found = place(message["content"].get("data", {})) or found
        ended = message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
        if ended and message["parent_header"].get("msg_id") == request:
            return found, types


def heads(kernel: FrontEnd, model: str, **content: Any) -> list[dict[str, Any]]:
    """What the kernel says anew of a story when a control is turned."""
    kernel.say(model, {"method": "custom", "content": content})
    told = []
    for message in shown(kernel, kernel.send("'turned'", "probe")):
        state = message["content"].get("data", {}).get("state", {})
        if message["msg_type"] == "comm_msg" and "head" in state:
            told.append(state["head"])
    return told


def test_what_is_turned_is_told_anew_and_many_walks_leave_few_models(kernel: FrontEnd) -> None:
    model, _ = model_of(kernel, "step_through(dag, 1)", "walk")
    assert model is not None
    (told,) = heads(kernel, model, action="turn", name="workers", value=2)
    assert "on 2 workers" in told["title"]
    model_of(kernel, f"for _ in range({WALKS}): display(step_through(dag, 2))", "many")
    few = kernel.value("left()")
    model_of(kernel, f"for _ in range({WALKS}): display(step_through(dag, 2))", "many")
    assert kernel.value("left()") == few
    again = [model_of(kernel, "step_through(dag, 2)", "many")[0] for _ in range(3)]
    assert len(set(again)) == 3
    assert kernel.value("left()") == "(2, 2)"  # the last one, and its layout
    kernel.run("%load_ext orchestra_nb\n%unload_ext orchestra_nb", "setup")
    assert kernel.value("left()") == "(0, 0)"


def test_tools_that_only_store_outputs_are_sent_the_twin_alone(kernel: FrontEnd) -> None:
    model, types = model_of(kernel, "step_through(dag, 1)", "")
    assert model is None
    assert "execute_result" in types
    assert not [kind for kind in types if kind.startswith("comm")]
