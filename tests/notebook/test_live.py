"""The display of a run: what the tracker says, at most so often, between the markers, and nothing left of it after."""

from __future__ import annotations

import gc
import json
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.events import EventBus, NodeEnded, NodeStarted, RunEnded, RunStarted
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, NodeId, Outcome
from orchestra_nb.notebook import live as module
from orchestra_nb.notebook.following import attached, tracker_of
from orchestra_nb.notebook.live import Live
from orchestra_nb.notebook.session import Session
from orchestra_nb.progress.delivery import Delivery
from orchestra_nb.progress.tracker import ProgressTracker
from orchestra_nb.running.history import open_history

NO_HISTORY = RunConfig(history=False, jobs=2)


class Screen:
    """A shell of which only the publisher is used."""

    def __init__(self, kernel: object = "a kernel") -> None:
        self.kernel = kernel
        self.display_pub = self
        self.shown: list[dict[str, str]] = []
        self.ids: set[str] = set()
        self.updates: list[bool] = []

    def publish(self, data: Any, metadata: Any, transient: Any, update: bool) -> None:
        self.shown.append(dict(data))
        self.ids.add(transient["display_id"])
        self.updates.append(update)

    @property
    def lines(self) -> list[str]:
        return [
            one["text/plain"].removeprefix("<!--orchestra-->").removesuffix("<!--/orchestra-->") for one in self.shown
        ]


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def graph(phase: str | None = None) -> DAG:
    return DAG([Node(NodeId("load"), phase=phase), Node(NodeId("fit"), after=["load"], phase=phase)])


def live_of(screen: Screen, clock: Clock, phase: str | None = None) -> tuple[Live, ProgressTracker]:
    dag = graph(phase)
    tracker = ProgressTracker(history=open_history(NO_HISTORY), by_phase=phase is not None, clock=clock)
    tracker.initialize(dag)
    return Live(screen, dag, tracker, clock), tracker


def test_every_version_is_the_same_display_with_the_same_types_between_the_markers() -> None:
    screen, clock = Screen(), Clock()
    live, tracker = live_of(screen, clock)
    clock.now += 1.0
    tracker.mark_started("load")
    live.idle()
    live.finish({"text/plain": "done", "text/html": "<p>done</p>"})
    assert (screen.updates, len(screen.ids)) == ([False, True, True], 1)
    for shown in screen.shown:
        assert set(shown) == {"text/plain", "text/html"}
        for text in shown.values():
            assert text.startswith("<!--orchestra-->")
            assert text.endswith("<!--/orchestra-->")
    assert screen.lines[1].startswith("0 %, 0 of 2, ")
    assert screen.lines[1].endswith("; running: load")
    assert " left (" in screen.lines[1]
    assert '<progress max="100" value="0.0">' in screen.shown[1]["text/html"]


def test_it_is_drawn_four_times_a_second_at_most_whatever_happens() -> None:
    screen, clock = Screen(), Clock()
    dag = DAG([Node(NodeId(f"n{i}")) for i in range(1000)])
    tracker = tracker_of(dag, NO_HISTORY)
    live = Live(screen, dag, tracker, clock)
    for i in range(1000):
        clock.now += 0.01
        tracker.mark_completed(f"n{i}")
        live.idle()
    assert 30 <= len(screen.shown) - 1 <= 40  # in ten seconds
    shares = [float(line.partition(" %")[0]) for line in screen.lines]
    assert shares == sorted(shares)


def test_what_takes_long_to_draw_is_drawn_seldom() -> None:
    screen, clock = Screen(), Clock()
    live, tracker = live_of(screen, clock)
    publish = screen.publish

    def slow(**more: Any) -> None:
        clock.now += 0.1
        publish(**more)

    screen.publish = slow  # type: ignore[method-assign]
    clock.now += 1.0
    tracker.mark_started("load")
    live.idle()
    tracker.mark_completed("load")
    clock.now += 4.9
    live.idle()
    assert len(screen.shown) == 2
    clock.now += 0.2
    live.idle()
    assert len(screen.shown) == 3


@pytest.mark.parametrize(("kernel", "drawn"), [("a kernel", range(7, 12)), (None, range(1))])
def test_while_nothing_happens_the_time_goes_on_where_that_is_no_new_line(kernel: object, drawn: range) -> None:
    screen, clock = Screen(kernel), Clock()
    live, _ = live_of(screen, clock)
    for _ in range(100):
        clock.now += 0.105
        live.idle()
    assert len(screen.shown) - 1 in drawn  # in ten seconds


def test_a_run_of_a_night_does_not_send_what_is_new_each_second() -> None:
    screen, clock = Screen(), Clock()
    live, _ = live_of(screen, clock)
    for _ in range(3600):
        clock.now += 10.0
        live.idle()
    assert 200 < len(screen.shown) < 800
    assert screen.lines[-1].startswith("0 %, 0 of 2, 5")


def test_todos_stand_beneath_their_phases_and_only_there() -> None:
    screen, clock = Screen(), Clock()
    live, tracker = live_of(screen, clock, phase="<Model>")
    clock.now += 1.0
    tracker.mark_completed("load")
    tracker.mark_started("fit")
    live.idle()
    markup = screen.shown[-1]["text/html"]
    for text in ("▶ &lt;Model&gt; (1 of 2)", "☑ Run load", "▶ Running fit"):
        assert text in markup
    flat = Screen()
    live_of(flat, clock)
    assert "☐" not in flat.shown[0]["text/html"]


def test_a_picture_that_is_large_is_shown_before_the_run_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LARGE", 10)
    screen, clock = Screen(), Clock()
    live, tracker = live_of(screen, clock)
    clock.now += 1.0
    tracker.mark_started("load")
    live.idle()
    assert ["<img" in shown["text/html"] for shown in screen.shown] == [True, False]


def test_nothing_can_be_unfolded_that_the_next_update_would_close() -> None:
    screen = Screen()
    live_of(screen, Clock())
    assert "<details" not in screen.shown[0]["text/html"]


# The tracker of a run on its bus.


def test_when_the_run_is_over_the_tracker_has_its_end_and_hears_nothing_more() -> None:
    bus, dag = EventBus(), graph()
    tracker = tracker_of(dag, NO_HISTORY)
    with attached(tracker, bus):
        bus.publish(RunStarted(0.0, 2, 2, "threading"))
        bus.publish(NodeStarted(0.0, NodeId("load"), "thread"))
        bus.publish(NodeEnded(1.0, Outcome(NodeId("load"), "done", started=0.0, ended=1.0)))
        bus.publish(RunEnded(1.5, success=False))
    assert not bus.heard
    stats = tracker.get_stats()
    assert (stats.percent, stats.completed, stats.counts.skipped, stats.elapsed) == (100.0, 1, 1, 1.5)


def test_a_run_that_breaks_down_is_over_too() -> None:
    tracker = tracker_of(graph(), NO_HISTORY)
    tracker.mark_started("load")
    with pytest.raises(RuntimeError), attached(tracker, EventBus()):
        raise RuntimeError
    assert (tracker.get_stats().over, tracker.get_stats().counts.cancelled) == (True, 1)


# In a session.


@pytest.fixture
def session(shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.chdir(tmp_path)
    return Session(shell, lambda: NO_HISTORY)


def declare(session: Session, *cells: str) -> None:
    for number, source in enumerate(cells):
        session.graphs.declare(f"n{number}", source)


def alive() -> Counter[type]:
    gc.collect()
    kinds = (Live, ProgressTracker, Delivery, EventBus)
    # by their types: some tests leave objects behind that must not be asked for anything
    return Counter(type(item) for item in gc.get_objects() if issubclass(type(item), kinds))


def test_a_hundred_runs_leave_no_thread_no_listener_and_one_tracker(
    session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from orchestra_nb.progress.sinks import todo_file

    declare(session, "a = 1", "b = a + 1")
    session.run(session.graphs.dag(), NO_HISTORY)
    before = alive()
    threads, history = threading.active_count(), len(session.shell.events.callbacks["pre_run_cell"])
    for number in range(100):
        sinks = [todo_file(tmp_path / "todos.md")] if number % 10 == 0 else []
        session.run(session.graphs.dag(), NO_HISTORY, sinks=sinks)
    for thread in threading.enumerate():
        if thread.name.startswith("orchestra-progress"):
            thread.join(60.0)
    assert alive() <= before  # other tests may have left something that goes meanwhile
    assert threading.active_count() <= threads
    assert len(session.shell.events.callbacks["pre_run_cell"]) == history
    capsys.readouterr()


def test_the_checklist_of_a_run_in_the_notebook(session: Session, tmp_path: Path) -> None:
    from orchestra_nb.progress.sinks import todo_file

    declare(session, "a = 1", "b = 1 / 0")
    with pytest.raises(Exception, match="division by zero"):
        session.run(session.graphs.dag(), NO_HISTORY, sinks=[todo_file(tmp_path / "todos.json")])
    told = json.loads((tmp_path / "todos.json").read_text())
    assert [todo["content"] for todo in told["todos"]] == ["Run n0", "Run n1 (failed)"]
    assert (told["percent"], told["over"]) == (100.0, True)


def test_a_sink_that_raises_costs_a_warning_and_not_the_run(session: Session, caplog: pytest.LogCaptureFixture) -> None:
    def refuse(report: object) -> None:
        raise OSError("disk full")

    declare(session, "a = 1")
    assert session.run(session.graphs.dag(), NO_HISTORY, sinks=[refuse]).success
    assert {record.levelname for record in caplog.records} == {"WARNING"}


def test_a_terminal_is_shown_no_markers():
    dag, screen = graph(), Screen(kernel=None)
    live = Live(screen, dag, tracker_of(dag, NO_HISTORY))
    live.finish({"text/plain": "done"})
    assert screen.shown[-1] == {"text/plain": "done"}
    assert not any("<!--" in text for one in screen.shown for text in one.values())


class Undrawn:
    """A dashboard that a front end was sent, and may never draw."""

    drawn = False

    def attend(self) -> None:
        """Hear no clicks."""


def test_where_nobody_draws_the_dashboard_in_time_the_page_goes_on_to_be_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    dashboard, appears = Undrawn(), []

    def sent(shell: Any, watched: Any, appear: Any) -> Undrawn:
        appears.append(appear)
        return dashboard

    monkeypatch.setattr(module.AttendedDashboard, "where_it_can_be", sent)
    dag, screen, clock = graph(), Screen(), Clock()
    tracker = tracker_of(dag, NO_HISTORY)
    watched: Any = object()
    live = Live(screen, dag, tracker, clock, watched)
    appears[0](lambda static: f"<div>{static}</div>")
    assert "This was saved while the run went on" in screen.shown[-1]["text/html"]
    before = len(screen.shown)
    clock.now += 1.0
    tracker.mark_started("load")
    live.idle()
    assert len(screen.shown) == before
    clock.now += 10.0
    live.idle()
    assert len(screen.shown) == before + 1
    assert "running: load" in screen.lines[-1]
    dashboard.drawn = True
    clock.now += 10.0
    tracker.mark_completed("load")
    live.idle()
    assert len(screen.shown) == before + 1
