"""A dashboard in a real kernel, as a front end that is live meets it: what it is sent, its clicks, and what is left."""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Iterator
from typing import Any

import pytest

from .front_end import FrontEnd, front_end
from .older_kernels import OLDER

PLACE = re.compile('data-orchestra-live="([0-9a-f]{32})"')
RUNS = 100
SETUP = """%load_ext orchestra_nb
import comm, gc, os, threading, time, ipywidgets
def counted():
    gc.collect()
    return (
        len(ipywidgets.widgets.widget._instances),
        len(comm.get_comm_manager().comms),
        sorted(t.name for t in threading.enumerate() if t.name.startswith('orchestra-') and 'progress' not in t.name),
        {name: len(found) for name, found in get_ipython().events.callbacks.items()},
    )
def dashboards():
    return [w for w in ipywidgets.widgets.widget._instances.values() if type(w).__name__ == 'DashboardModel']
"""
WAITS = """%%orchestrate waits
import os, time
end = time.monotonic() + 60
while not os.path.exists('go on') and time.monotonic() < end:
    time.sleep(0.01)
"""
SHORT = "%%orchestrate short\nimport time\ntime.sleep(0.3)"


@pytest.fixture(params=["python3", *OLDER])
def kernel(request: pytest.FixtureRequest, specs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontEnd]:
    with front_end(tmp_path_factory.mktemp("dashboard"), request.param) as started:
        started.run(SETUP, "setup")
        yield started


def place(data: dict[str, Any]) -> str | None:
    """The model whose place a display is."""
    found = PLACE.search(data.get("text/html", ""))
    return found and found[1]


def shown(kernel: FrontEnd, request: str) -> Iterator[dict[str, Any]]:
    """What is displayed, and what is said on channels, until a request has been handled."""
    while True:
        message = kernel._message()
        if message["msg_type"] in ("display_data", "update_display_data", "comm_open", "comm_msg", "comm_close"):
            yield message
        ended = message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
        if ended and message["parent_header"].get("msg_id") == request:
            return


def test_a_run_is_cancelled_by_a_click_while_its_cell_is_busy_and_leaves_the_static_page(kernel: FrontEnd) -> None:
    pumped = kernel.manager.kernel_name == "ipykernel-6.31.0"
    subshell = None if pumped else kernel.subshell()
    kernel.run(WAITS, "waits")
    kernel.run("%%orchestrate after\nz = 1", "after")
    before = literal_eval(kernel.value("counted()"))
    request = kernel.send("%orchestrate run -j 2", "run")
    displays, closed = [], False
    for message in shown(kernel, request):
        content = message["content"]
        closed = closed or message["msg_type"] == "comm_close"
        if message["msg_type"].endswith("display_data"):
            displays.append(content)
            if model := place(content["data"]):
                kernel.say(model, {"method": "custom", "content": {"action": "drawn"}}, subshell)
                kernel.say(model, {"method": "custom", "content": {"action": "cancel", "panel": ""}}, subshell)
    (view,) = (content for content in displays if place(content["data"]))
    assert "This was saved while the run went on" in view["data"]["text/html"]
    last = [each for each in displays if each["transient"] == view["transient"]][-1]
    assert {frozenset(each["data"]) for each in displays} == {frozenset({"text/plain", "text/html"})}
    assert place(last["data"]) is None
    assert "cancelled in the dashboard" in last["data"]["text/html"]
    assert closed
    assert literal_eval(kernel.value("counted()")) == before


def test_a_hundred_runs_with_a_dashboard_leave_nothing(specs: None, tmp_path_factory: pytest.TempPathFactory) -> None:
    with front_end(tmp_path_factory.mktemp("often")) as kernel:
        kernel.run(SETUP, "setup")
        subshell = kernel.subshell()
        kernel.run(SHORT, "short")
        _live(kernel, subshell)
        before = literal_eval(kernel.value("counted()"))
        # a run may be over before the front end has said that it draws
        assert sum(_live(kernel, subshell) for _ in range(RUNS)) > 0.9 * RUNS
        assert literal_eval(kernel.value("counted()")) == before
        assert kernel.value("len(dashboards())") == "0"


def _live(kernel: FrontEnd, subshell: str) -> bool:
    """Run it, and say of its view that it was drawn; whether there was one."""
    live = False
    for message in shown(kernel, kernel.send("%orchestrate run -j 2", "run")):
        data = message["content"].get("data", {})
        if message["msg_type"] == "update_display_data" and (model := place(data)):
            live = True
            kernel.say(model, {"method": "custom", "content": {"action": "drawn"}}, subshell)
    return live


def test_a_front_end_that_draws_nothing_is_left_with_a_few_models_however_many_runs(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with front_end(tmp_path_factory.mktemp("deaf")) as kernel:
        kernel.run(SETUP, "setup")
        kernel.run(SHORT, "short")
        for _ in range(8):
            kernel.run("%orchestrate run -j 2", "run")
        assert kernel.value("len(dashboards())") == "4"


def test_tools_that_only_store_outputs_are_sent_no_widget(tmp_path_factory: pytest.TempPathFactory) -> None:
    with front_end(tmp_path_factory.mktemp("stored")) as kernel:
        kernel.run(SETUP, "")
        kernel.run(SHORT, "")
        types = [message["msg_type"] for message in shown(kernel, kernel.send("%orchestrate run -j 2", ""))]
        assert "display_data" in types
        assert not [kind for kind in types if kind.startswith("comm")]


def test_the_dashboard_of_a_pipeline_is_live_in_its_cell_and_knows_the_end(kernel: FrontEnd) -> None:
    kernel.run("from orchestra_nb import Node, Pipeline, RunConfig\nimport time", "imports")
    nodes = "[Node('rests', fn=lambda: time.sleep(0.6)), Node('ends', fn=int, after=['rests'])]"
    kernel.run(f"p = Pipeline({nodes}, config=RunConfig(jobs=2, history=False))", "pipeline")
    request = kernel.send("display(p.dashboard())\np.run().success", "run")
    displays = []
    for message in shown(kernel, request):
        if message["msg_type"].endswith("display_data"):
            displays.append(message["content"]["data"])
            if model := place(displays[-1]):
                kernel.say(model, {"method": "custom", "content": {"action": "drawn"}})
    assert [place(data) is not None for data in displays[:2]] == [False, True]
    last = kernel.value("p.dashboard().close(); p.dashboard()._repr_mimebundle_()['text/html']")
    assert "2 of 2" in last or "2 done" in last or "done: 2 nodes" in last
    assert kernel.value("[t.name for t in threading.enumerate() if t.name == 'orchestra-dashboard']") == "[]"
