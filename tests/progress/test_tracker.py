"""The tracker: by hand, on the bus of real runs, and with sinks that do their worst."""

from __future__ import annotations

import asyncio
import json
import pickle
import threading
import time

import pytest

from orchestra_nb import ConfigError, Expand, ParallelScheduler, ProgressError, ProgressTracker, RunConfig
from orchestra_nb.config import SinkPolicy
from orchestra_nb.events import (
    EventBus,
    NodeEnded,
    NodeQueued,
    NodeStarted,
    RunEnded,
    RunPaused,
    RunStarted,
    RunUnpaused,
)
from orchestra_nb.graph import DAG
from orchestra_nb.model import Node, Outcome
from orchestra_nb.progress.sinks import JsonSink, MarkdownSink
from orchestra_nb.progress.state import Progress
from orchestra_nb.running.history import open_history

LONG = 60.0
NO_HISTORY = open_history(RunConfig(history=False))
AT_ONCE = SinkPolicy(period=1e-6, first_pause=1e-6, longest_pause=1e-6, patience=LONG)


class Clock:
    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now


def tracker_of(dag, *sinks, clock=None, **options):
    made = ProgressTracker(sinks, policy=AT_ONCE, history=NO_HISTORY, clock=clock or Clock(), **options)
    made.initialize(dag, "today", workers=2)
    return made


def small():
    return DAG([Node("load", phase="Get"), Node("fit", after=["load"], phase="Use"), Node("plot", after=["load"])])


def test_by_hand_it_says_how_far_the_run_is():
    clock = Clock()
    tracker = tracker_of(small(), clock=clock)
    tracker.mark_started("load")
    clock.now += 2.0
    tracker.mark_completed("load")
    tracker.update("fit", "failed")
    tracker.update("plot", "skipped")
    stats = tracker.get_stats()
    assert (stats.percent, stats.elapsed, stats.over) == (99.9, 2.0, False)
    assert (stats.counts.completed, stats.counts.failed, stats.counts.skipped) == (1, 1, 1)
    assert [(phase.phase, phase.counts.done) for phase in stats.phases] == [("Get", 1), ("Use", 1), ("", 1)]
    assert tracker.complete()
    clock.now += 50.0
    after = tracker.get_stats()
    assert (after.percent, after.elapsed, after.eta.high) == (100.0, 2.0, 0.0)


def test_it_can_be_asked_before_anything_is_followed():
    tracker = ProgressTracker(history=NO_HISTORY)
    assert tracker.get_stats().counts.total == 0
    assert tracker.todos == []
    with pytest.raises(ProgressError, match=r"nothing is followed; call initialize\(dag, name\) first"):
        tracker.mark_started("load")


WRONG = {
    "no graph": lambda t: t.initialize([Node("a")]),
    "no workers": lambda t: t.initialize(small(), workers=0),
    "no function of todos": lambda t: t.set_todo_write_api("file"),
    "no sink": lambda t: t.add_sink(None),
    "pickled": pickle.dumps,
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_cannot_be_meant_is_said(wrong):
    with pytest.raises(ConfigError):
        wrong(tracker_of(small()))


def test_a_status_that_is_none_is_told_with_the_nearest_and_progress_never_goes_back():
    tracker = tracker_of(small())
    with pytest.raises(ProgressError, match="did you mean 'completed'"):
        tracker.update("load", "complete")
    tracker.update("load", "pending")
    tracker.mark_started("load")
    with pytest.raises(ProgressError, match="never goes back to pending"):
        tracker.update("load", "pending")
    tracker.update("load", "cached")
    assert tracker.get_stats().counts.completed == 1


def test_initializing_again_forgets_what_was_followed():
    tracker = tracker_of(small())
    tracker.complete()
    tracker.initialize(small(), "again")
    assert (tracker.get_stats().percent, tracker.get_stats().name) == (0.0, "again")


def test_without_a_number_of_workers_it_is_the_most_that_were_seen():
    dag = DAG(Node(f"n{i}") for i in range(8))
    tracker = ProgressTracker(history=NO_HISTORY, clock=Clock())
    tracker.initialize(dag)
    alone = tracker.get_stats().eta.expected
    for i in range(4):
        tracker.mark_started(f"n{i}")
    assert tracker.get_stats().eta.expected < alone / 2


# On a bus.


def splitting():
    """Succeeds, grows, skips and fails."""

    def fail():
        raise ValueError("no")

    return DAG(
        [
            Node("load", fn=lambda: 1),
            Node(
                "split",
                fn=lambda load: Expand([Node("part-1", fn=lambda: 1), Node("part-2", fn=lambda: 2)]),
                after=["load"],
            ),
            Node("join", fn=lambda split: split, after=["split"]),
            Node("bad", fn=fail),
            Node("after-bad", fn=lambda: 1, after=["bad"]),
        ]
    )


@pytest.mark.parametrize("jobs", [1, 3])
def test_on_the_bus_of_a_run_it_ends_where_the_run_does(jobs):
    dag, bus, log = splitting(), EventBus(), []
    tracker = ProgressTracker(history=NO_HISTORY)
    tracker.initialize(dag, "run")
    tracker.attach(bus)
    bus.on("execution:*", log.append)
    result = ParallelScheduler(RunConfig(jobs=jobs, keep_going=True, history=False), bus).execute(dag)
    stats = tracker.get_stats()
    assert (stats.percent, stats.over, stats.counts.total) == (100.0, True, len(result.outcomes))
    assert (stats.counts.completed, stats.counts.failed, stats.counts.skipped) == (5, 1, 1)
    replayed = Progress.replayed(dag, log)
    assert (replayed.counts, replayed.standings) == (tracker._progress.counts, tracker._progress.standings)
    assert stats.elapsed == pytest.approx(result.total_time, abs=1.0)


def test_it_follows_one_run_after_another_until_it_is_taken_off():
    dag, bus = DAG([Node("a", fn=lambda: 1)]), EventBus()
    tracker = tracker_of(dag)
    stop = tracker.attach(bus)
    scheduler, seen = ParallelScheduler(RunConfig(jobs=1, history=False), bus), []
    tracker.add_sink(lambda report: seen.append(report.stats.percent))
    for _ in range(3):
        scheduler.execute(dag)
        assert tracker.complete()
        assert seen[-1] == 100.0
    stop()
    assert not bus.heard


def test_the_bus_of_another_graph_takes_it_off_and_the_run_goes_on(caplog):
    bus, dag = EventBus(), DAG([Node("a", fn=lambda: 1), Node("b", fn=lambda: 2)])
    tracker_of(small()).attach(bus)
    assert ParallelScheduler(RunConfig(jobs=1, history=False), bus).execute(dag).success
    assert not bus.heard
    assert "initialize with the graph that runs" in caplog.text


def test_what_says_nothing_about_progress_makes_no_news():
    got = []
    tracker = tracker_of(small(), got.append)
    assert tracker._delivery.flush(LONG)
    before = len(got)
    tracker.hear(NodeQueued(0.0, "load"))
    assert tracker._delivery.flush(LONG)
    assert len(got) == before


def test_times_are_the_run_s_own_whatever_the_wall_clock_does(monkeypatch):
    clock = Clock()
    tracker = tracker_of(DAG([Node("a"), Node("b")]), clock=clock)

    def no_wall_clock():
        raise AssertionError("the wall clock was asked")

    monkeypatch.setattr(time, "time", no_wall_clock)
    clock.now += 500.0
    tracker.hear(RunStarted(0.0, 2, 1, "threading"))
    tracker.hear(NodeStarted(0.0, "a", "thread"))
    tracker.hear(NodeEnded(4.0, Outcome("a", "done", started=0.0, ended=4.0)))
    clock.now += 4.0
    stats = tracker.get_stats()
    assert stats.elapsed == 4.0
    assert 1.0 < stats.eta.expected < 6.0


# Sinks.


def test_todos_are_handed_over_in_the_background_and_the_last_ones_before_complete_returns():
    got = []
    tracker = tracker_of(small())
    tracker.set_todo_write_api(lambda todos: got.append((threading.current_thread(), todos)))
    tracker.mark_started("load")
    tracker.mark_completed("load")
    assert tracker.complete()
    assert threading.main_thread() not in {thread for thread, _ in got}
    assert got[-1][1] == tracker.todos
    assert [todo["status"] for todo in got[-1][1]] == ["completed", "pending", "pending"]
    got[-1][1][0]["content"] = "changed by whoever got it"
    assert tracker.todos[0]["content"] == "Run load"
    tracker.set_todo_write_api(None)
    before = len(got)
    tracker.initialize(small())
    assert tracker._delivery.flush(LONG)
    assert len(got) == before


def test_another_function_of_todos_takes_the_place_of_the_first():
    first, second = [], []
    tracker = tracker_of(small())
    tracker.set_todo_write_api(first.append)
    assert tracker._delivery.flush(LONG)
    tracker.set_todo_write_api(second.append)
    before = len(first)
    assert tracker.complete()
    assert (len(first), bool(second)) == (before, True)


def sleeps(gate):
    return lambda report: gate.wait(LONG)


def raises(error):
    def sink(report):
        raise error

    return sink


def runs(dag, *sinks):
    bus = EventBus()
    tracker = ProgressTracker(sinks, policy=AT_ONCE, history=NO_HISTORY)
    tracker.initialize(dag, "run")
    tracker.attach(bus)
    result = ParallelScheduler(RunConfig(jobs=2, keep_going=True, history=False), bus).execute(dag)
    return tracker, {name: (outcome.status, outcome.value) for name, outcome in result.outcomes.items()}


SINKS = {
    "one that sleeps": sleeps,
    "one that raises": lambda gate: raises(ValueError("no")),
    "one that interrupts": lambda gate: raises(KeyboardInterrupt()),
    "one that ends its thread": lambda gate: raises(SystemExit(3)),
    "one that cancels itself": lambda gate: raises(asyncio.CancelledError()),
}


@pytest.mark.parametrize("make", SINKS.values(), ids=SINKS)
def test_no_sink_changes_a_run_or_its_end(make):
    gate = threading.Event()
    _, alone = runs(splitting())
    tracker, watched = runs(splitting(), make(gate))
    assert watched == alone
    assert tracker.get_stats().percent == 100.0
    gate.set()
    tracker.complete()


def test_complete_waits_for_a_sink_that_hangs_only_as_long_as_it_is_told():
    gate = threading.Event()
    tracker = tracker_of(small(), sleeps(gate))
    assert not tracker.complete(timeout=0.0)
    gate.set()
    assert tracker.complete()


def test_an_event_costs_the_run_microseconds_while_a_sink_sleeps():
    gate, dag = threading.Event(), DAG(Node(f"n{i}") for i in range(2_000))
    tracker = tracker_of(dag, sleeps(gate))
    events = [NodeStarted(0.0, name, "thread") for name in dag.nodes]
    events += [NodeEnded(1.0, Outcome(name, "done", started=0.0, ended=1.0)) for name in dag.nodes]
    began = time.thread_time()
    for event in [RunStarted(0.0, 2_000, 4, "threading"), *events, RunEnded(1.0, True)]:
        tracker.hear(event)
    assert (time.thread_time() - began) / len(events) < 1e-3
    gate.set()
    assert tracker.complete()


def test_two_threads_may_tell_at_once():
    dag = DAG(Node(f"n{i}") for i in range(400))
    tracker, got = tracker_of(dag), []
    tracker.add_sink(lambda report: got.append(report.stats.percent))

    def tell(names):
        for name in names:
            tracker.mark_started(name)
            tracker.mark_completed(name)

    names = list(dag.nodes)
    threads = [threading.Thread(target=tell, args=(names[k::4],)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert tracker.complete()
    assert tracker.get_stats().counts.completed == 400
    assert got == sorted(got)
    assert got[-1] == 100.0


def test_a_json_file_has_the_numbers_and_the_todos_and_is_replaced_in_one_step(tmp_path):
    path = tmp_path / "progress.json"
    tracker = tracker_of(small(), JsonSink(path))
    tracker.update("load", "failed")
    assert tracker.complete()
    told = json.loads(path.read_text())
    assert (told["percent"], told["counts"]["failed"], told["over"]) == (100.0, 1, True)
    assert told["eta"] == {"low": 0.0, "expected": 0.0, "high": 0.0}
    assert told["todos"] == tracker.todos
    assert [each.name for each in tmp_path.iterdir()] == ["progress.json"]


def test_a_markdown_file_has_the_checklist_by_phase(tmp_path):
    path = tmp_path / "progress.md"
    tracker = tracker_of(small(), MarkdownSink(path), by_phase=True)
    tracker.mark_completed("load")
    assert tracker.complete()
    assert path.read_text(encoding="utf-8").splitlines()[:4] == ["# today", "", "- [x] Get", "  - [x] Run load"]


def test_a_file_that_cannot_be_written_is_counted_and_leaves_nothing_behind(tmp_path):
    path = tmp_path / "taken"
    path.mkdir()
    tracker = tracker_of(small(), JsonSink(path), JsonSink(tmp_path / "no" / "folder.json"))
    assert not tracker.complete()
    assert all(sink.failures and sink.error for sink in tracker.get_stats().sinks)
    assert [each.name for each in tmp_path.iterdir()] == ["taken"]


def test_a_pause_is_in_its_numbers_and_its_sinks_hear_of_it():
    clock, told, bus = Clock(), threading.Event(), EventBus()
    tracker = tracker_of(small(), clock=clock)
    sink = tracker_of(small(), lambda report: told.set() if report.stats.paused else None, clock=time.monotonic)
    for each in (tracker, sink):
        each.attach(bus)
    bus.publish(RunStarted(0.0, 3, 2, "threading"))
    bus.publish(RunPaused(1.0, "lunch"))
    assert told.wait(LONG)
    assert (tracker.get_stats().paused, tracker.frame["paused"].tolist()) == (True, [True])
    before = tracker.get_stats().eta
    clock.now += 3600.0
    assert tracker.get_stats().eta == before
    bus.publish(RunUnpaused(3601.0, 3600.0))
    assert not tracker.get_stats().paused
    bus.publish(RunPaused(3602.0, "again"))
    bus.publish(RunEnded(3603.0, False))
    assert not tracker.get_stats().paused


# What it shows.


def test_its_frame_is_one_row_with_seconds_and_counts():
    tracker = tracker_of(small())
    tracker.mark_completed("load")
    (row,) = tracker.frame.to_dict("records")
    assert (row["name"], row["completed"], row["pending"], row["total"], row["over"]) == ("today", 1, 2, 3, False)
    assert 0.0 < row["eta_low"] <= row["eta_expected"] <= row["eta_high"]
    assert list(tracker.get_stats().frame.columns) == list(tracker.frame.columns)


def test_it_shows_itself_as_text_and_as_html_with_every_name_escaped():
    dag = DAG([Node("<b>load", phase="<i>Get"), Node("fit", phase="Use")])
    tracker = tracker_of(dag)
    tracker.mark_started("<b>load")
    bundle = tracker._repr_mimebundle_()
    assert "running: <b>load" in bundle["text/plain"]
    assert "<b>" not in bundle["text/html"]
    assert "&lt;i&gt;Get" in bundle["text/html"]
    assert repr(tracker) == "<ProgressTracker 'today': 0 % of 2 nodes>"


def test_it_takes_what_nodes_took_from_the_history():
    class Known:
        def durations(self, dag):
            return {"a": [50.0] * 9}

    tracker = ProgressTracker(history=Known(), clock=Clock())
    tracker.initialize(DAG([Node("a")]))
    assert tracker.get_stats().eta.expected == pytest.approx(50.0, rel=0.05)


def test_a_real_history_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv("ORCHESTRA_NB_HISTORY", str(tmp_path))
    dag = DAG([Node("a", fn=lambda: sum(range(200_000)))])
    config = RunConfig(jobs=1)
    ParallelScheduler(config).execute(dag)
    (seconds,) = open_history(config).durations(dag)["a"]
    tracker = ProgressTracker(clock=Clock())
    tracker.initialize(dag)
    assert tracker.get_stats().eta.expected == pytest.approx(seconds, rel=0.2)
