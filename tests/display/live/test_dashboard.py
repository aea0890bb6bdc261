"""A dashboard that follows a run: what it sends, how it ends, and clicks from everywhere at once."""

from __future__ import annotations

import threading
from typing import Any

import comm
import ipywidgets
import pandas as pd
import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.display.dashboard import Panel
from orchestra_nb.display.live.dashboard import LiveDashboard
from orchestra_nb.display.live.watching import Watching
from orchestra_nb.display.live.widget import DashboardWidget
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, NodeId
from orchestra_nb.running.scheduler import ParallelScheduler

from ..payloads import PAYLOADS

WAIT = 60.0
HOSTILE = "<img src=x onerror=alert(1)>"


class Frames:
    """Where frames go."""

    def __init__(self) -> None:
        self.kept: dict[str, pd.DataFrame] = {}

    def name(self, key: str) -> str:
        return f"orchestra_{key}"

    def keep(self, key: str, frame: pd.DataFrame) -> str:
        self.kept[key] = frame
        return self.name(key)


class Run:
    """A run whose middle node waits, its dashboard, and every message that is sent."""

    def __init__(self, names: tuple[str, ...] = ("load", HOSTILE, "plot"), beside: tuple[str, ...] = ()) -> None:
        self.go_on, self.reached = threading.Event(), threading.Event()
        self.appeared, self.over = threading.Event(), threading.Event()
        self.messages: list[dict[str, Any]] = []
        self.frames = Frames()
        first, middle, last = map(NodeId, names)
        nodes = [Node(first, fn=int), Node(middle, fn=self._hold, after=[first]), Node(last, fn=int, after=[middle])]
        self.scheduler = ParallelScheduler(RunConfig(jobs=2, history=False))
        self.dag = DAG([*nodes, *(Node(NodeId(name), fn=int) for name in beside if name not in names)])
        self.watching = Watching(self.scheduler, self.scheduler.config, self.dag)
        self.live = LiveDashboard(self.watching.snapshot, self.scheduler, self.frames, self._appear, self.over.set)
        self.result: Any = None

    def _hold(self) -> None:
        self.reached.set()
        self.go_on.wait(WAIT)

    def _appear(self, widget: DashboardWidget) -> None:
        self.widget = widget
        self.first = dict(widget._model.get_state())
        widget.comm.publish_msg = lambda kind, data=None, **more: self.messages.append({"kind": kind, **(data or {})})
        self.appeared.set()

    def __enter__(self) -> Run:
        self._deaf = self.watching.attach(self.scheduler.bus)
        self._runner = threading.Thread(target=self._run)
        self._runner.start()
        self.live.start()
        assert self.reached.wait(WAIT)
        return self

    def _run(self) -> None:
        self.result = self.scheduler.execute(self.dag)

    def end(self) -> None:
        self.go_on.set()
        self._runner.join(WAIT)

    def __exit__(self, *_: object) -> None:
        self.end()
        self.live.close()
        self._deaf()

    def shown(self, trait: str) -> Any:
        return getattr(self.widget._model, trait)


@pytest.fixture(autouse=True)
def _plain_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Channels that lead nowhere: where ipykernel was imported by another test, its own would send nothing at all."""
    monkeypatch.setattr(comm, "create_comm", comm.DummyComm)


@pytest.fixture
def models() -> Any:
    before = len(ipywidgets.widgets.widget._instances)
    yield before
    assert len(ipywidgets.widgets.widget._instances) == before


def test_one_message_a_redraw_says_what_has_changed_and_the_last_one_has_the_end(models: int) -> None:
    with Run() as run:
        assert run.appeared.wait(WAIT)
        run.end()
        assert run.over.wait(WAIT)
        assert run.shown("controls") == {"pause": False, "resume": False, "cancel": False, "state": "over"}
        assert "3 of 3 nodes ended" in run.shown("panel_progress")["html"]
        updates = [message for message in run.messages if message.get("method") == "update"]
        assert updates[-1]["state"]["controls"]["state"] == "over"
        assert all(message["state"] for message in updates)


def test_a_run_that_is_over_in_a_moment_gets_one_widget_that_says_so(models: int) -> None:
    with Run() as run:
        run.end()
        assert run.over.wait(WAIT)
        assert run.first["controls"]["state"] == "over"


def test_after_the_end_nothing_is_sent_and_nothing_is_left(models: int) -> None:
    with Run() as run:
        assert run.appeared.wait(WAIT)
        run.live.close()
        run.messages.clear()
        run.live.clicked("frame", "progress")
        run.live.close()
    assert [message for message in run.messages if message.get("method") == "update"] == []
    assert not [each for each in threading.enumerate() if each.name == "orchestra-dashboard"]


def test_who_is_silenced_in_the_middle_of_making_panels_makes_no_more_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    made, drawn = [], Panel.shown
    with Run() as run:

        def silencing(self: Panel, rows: int) -> str:
            made.append(self.key)
            if self.key == "levels":
                run.live.silence()
            return drawn(self, rows)

        monkeypatch.setattr(Panel, "shown", silencing)
        run.end()
        run.live._thread.join(WAIT)
        assert not run.live._thread.is_alive()
    assert made[-1] == "levels"


def test_a_large_graph_has_its_numbers_at_once_and_its_chart_when_its_turn_comes() -> None:
    with Run(beside=tuple(f"n{i}" for i in range(3_000))) as run:
        assert run.appeared.wait(WAIT)
        assert "3,003 nodes" in run.first["panel_progress"]["html"]
        assert not run.first["panel_gantt"]
        run.end()
        run.live._thread.join(WAIT)
        assert "3,003 of 3,003 nodes ended" in run.shown("panel_progress")["html"]
        assert run.shown("panel_gantt")["html"]


def test_pause_resume_and_cancel_do_what_they_say(models: int) -> None:
    with Run() as run:
        run.live.clicked("pause", "")
        run.live.clicked("resume", "")
        run.live.clicked("pause", "")
        run.go_on.set()
        run.live.clicked("cancel", "")
        run.end()
    assert run.result.stopped == "cancelled"
    assert "cancelled in the dashboard" in {outcome.reason for outcome in run.result.outcomes.values()}


@pytest.mark.parametrize("key", ["progress", "running", "levels", "todos", "cache", "locks", "breakers", "events"])
def test_the_frame_behind_a_panel_is_kept_under_the_name_that_its_button_tells(key: str) -> None:
    with Run() as run:
        assert run.appeared.wait(WAIT)
        run.live.clicked("frame", key)
        run.end()
        assert run.over.wait(WAIT)
        assert run.shown(f"panel_{key}")["frame"] == f"orchestra_{key}"
    assert isinstance(run.frames.kept[key], pd.DataFrame)


def test_clicks_from_ten_threads_at_once_lose_nothing_and_raise_nothing(models: int) -> None:
    raised: list[BaseException] = []

    def click(run: Run) -> None:
        try:
            for number in range(1000):
                run.live.clicked(("pause", "resume", "frame")[number % 3], "progress" if number % 3 == 2 else "")
            run.live.clicked("resume", "")
        except BaseException as error:
            raised.append(error)

    with Run() as run:
        assert run.appeared.wait(WAIT)
        threads = [threading.Thread(target=click, args=(run,)) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT)
        run.live.clicked("resume", "")
        run.end()
        assert run.over.wait(WAIT)
        assert run.shown("controls")["state"] == "over"
    assert (raised, run.result.success) == ([], True)


@pytest.mark.parametrize("content", [None, 1, "pause", {}, {"action": "pause!"}, {"action": "frame", "panel": "../x"}])
def test_what_a_front_end_makes_up_is_no_click(content: object) -> None:
    clicks: list[tuple[str, str]] = []
    widget = DashboardWidget(lambda action, panel: clicks.append((action, panel)))
    widget._message(None, content, [])
    widget.close()
    assert clicks == []


def test_hostile_names_are_escaped_in_everything_that_is_sent() -> None:
    with Run(beside=tuple(dict.fromkeys(PAYLOADS))) as run:
        assert run.appeared.wait(WAIT)
        run.end()
        assert run.over.wait(WAIT)
        sent = [panel["html"] for key in run.first if key.startswith("panel_") and (panel := run.shown(key))]
        boxes = [group for key in run.first if key.startswith("boxes_") for group in run.shown(key).values()]
    assert len(boxes) > 100
    for markup in (*sent, *boxes, run.shown("graph").get("svg", "")):
        for tag in ("<script", "<iframe", "<img src=x", "<svg onload", "<style"):
            assert tag not in markup


def test_a_panel_that_cannot_be_drawn_says_so_and_costs_the_others_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    drawn = Panel.shown

    def broken(self: Panel, rows: int) -> str:
        if self.key == "levels":
            raise ValueError("<broken>")
        return drawn(self, rows)

    monkeypatch.setattr(Panel, "shown", broken)
    with Run() as run:
        run.end()
        assert run.over.wait(WAIT)
        assert "ValueError: &lt;broken&gt;" in run.shown("panel_levels")["html"]
        assert "3 of 3" in run.shown("panel_progress")["html"]
    assert len([record for record in caplog.records if "could not be drawn" in record.message]) == 1
