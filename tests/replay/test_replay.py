"""Time travel, on logs of runs that were made up, and of runs that were run."""

from __future__ import annotations

import random
import re
import time

import pytest

from orchestra_nb import (
    DAG,
    EventBus,
    EventLog,
    EventLogError,
    Expand,
    MarkdownSink,
    Node,
    ParallelScheduler,
    ProgressTracker,
    Replay,
    RunConfig,
)
from orchestra_nb.display.progress_widget import ProgressWidget
from orchestra_nb.eventlog.reading import LoggedRun
from orchestra_nb.events import (
    LevelEnded,
    NodeEnded,
    NodeQueued,
    NodeRetrying,
    NodeStarted,
    RunEnded,
    RunPaused,
    RunStarted,
    RunUnpaused,
)
from orchestra_nb.graph.events import DagBuilt
from orchestra_nb.model import Outcome
from orchestra_nb.progress.state import Progress
from orchestra_nb.recovery.saga_events import Undone
from orchestra_nb.replay import RunReplay
from orchestra_nb.replay import replay as replay_module
from orchestra_nb.replay.fold import Fold
from orchestra_nb.running.history import open_history

NO_HISTORY = open_history(RunConfig(history=False))


def done(name, started, ended):
    return NodeEnded(ended, Outcome(name, "done", started=started, ended=ended, attempts=1, worker="w"))


DAG_OF_TWO = DAG([Node("a", cost=2.0, phase="Look"), Node("b", after=["a"], cost=3.0)])
FACTS = (
    RunStarted(0.0, 2, 2, "threading"),
    NodeQueued(0.0, "a"),
    NodeStarted(0.5, "a", "thread"),
    NodeRetrying(1.0, "a", 1, 1.0, "no"),
    done("a", 0.5, 3.0),
    LevelEnded(3.0, 0),
    NodeQueued(3.0, "b"),
    NodeStarted(3.0, "b", "main"),
    done("b", 3.0, 6.0),
    LevelEnded(6.0, 1),
    RunEnded(6.0, True),
)


def replay_of(facts=FACTS, dag=DAG_OF_TWO):
    return RunReplay(LoggedRun(DagBuilt(0.0, "r", "", dag), tuple(facts), tuple(range(2, len(facts) + 2))))


MOMENTS = {
    0.0: ("queued", "waiting", 0.0),
    0.4: ("queued", "waiting", 0.0),
    0.5: ("running", "waiting", 0.0),
    1.0: ("resting", "waiting", 0.0),
    1.9: ("resting", "waiting", 0.0),
    2.0: ("running", "waiting", 0.0),
    3.0: ("done", "running", 50.0),
    5.999: ("done", "running", 50.0),
    6.0: ("done", "done", 100.0),
    99.0: ("done", "done", 100.0),
}


@pytest.mark.parametrize("seconds", MOMENTS)
def test_at_any_moment_it_says_what_was_known_then(seconds):
    state = replay_of().at(seconds)
    assert (state.nodes["a"].state, state.nodes["b"].state, state.stats.percent) == MOMENTS[seconds]


def test_the_order_in_which_moments_are_asked_for_makes_no_difference():
    run, seconds = replay_of(), list(MOMENTS) * 5
    random.Random(0).shuffle(seconds)
    for at in seconds:
        state = run.at(at)
        assert (state.nodes["a"].state, state.nodes["b"].state, state.stats.percent) == MOMENTS[at]


def test_a_state_does_not_change_when_the_run_is_played_on():
    run = replay_of()
    early = run.at(0.5)
    run.at(99.0)
    assert (early.nodes["a"].state, early.over) == ("running", False)


def test_moments_are_when_something_happened_and_it_goes_through_them():
    run = replay_of()
    assert run.moments == (0.0, 0.5, 1.0, 3.0, 6.0)
    assert [state.at for state in run] == list(run.moments)
    assert [len(state.facts) for state in run] == [2, 3, 4, 8, 11]


def test_a_state_tells_attempts_workers_levels_phases_todos_and_how_long_it_will_take():
    state = replay_of().at(2.5)
    node = state.nodes["a"]
    assert (node.worker, node.attempts, node.level, node.phase) == ("thread", 2, 0, "Look")
    assert state.levels_done == 0
    assert [todo["status"] for todo in state.todos()] == ["in_progress", "pending"]
    assert state.todos(by_phase=True)[0]["content"] == "Look (0 of 1)"
    assert state.stats.elapsed == 2.5
    assert 0 < state.stats.eta.low < state.stats.eta.expected < state.stats.eta.high
    end = replay_of().end
    assert (end.levels_done, end.over, end.success, end.stats.eta.expected) == (2, True, True, 0.0)
    assert end.nodes["a"].worker == "w"
    assert {name: outcome.seconds for name, outcome in end.outcomes.items()} == {"a": 2.5, "b": 3.0}


def test_a_state_tells_whether_the_run_was_paused_and_who_rested_then_went_on_only_after():
    facts = (*FACTS[:4], RunPaused(1.5, "<b>lunch"), RunUnpaused(20.0, 18.5), done("a", 0.5, 21.0))
    run = replay_of(facts)
    told = [(s, run.at(s).paused, run.at(s).nodes["a"].state, run.at(s).stats.paused) for s in (1.2, 1.5, 9.0, 20.0)]
    assert told == [
        (1.2, False, "resting", False),
        (1.5, True, "resting", True),
        (9.0, True, "resting", True),
        (20.0, False, "running", False),
    ]
    state = run.at(9.0)
    assert (state.as_mapping()["paused"], run.end.as_mapping()["paused"]) == (True, False)
    assert "paused at 1.5 s: <b>lunch" in repr_of(state, "text/plain")
    assert "<b>lunch" not in repr_of(state, "text/html")
    assert state.frame["state"].tolist() == ["resting", "waiting"]


def repr_of(value, mime):
    return value._repr_mimebundle_()[mime]


def test_after_the_end_of_a_log_nothing_is_made_up():
    unfinished = replay_of(FACTS[:5])
    state = unfinished.at(99.0)
    assert (state.at, state.beyond, state.over) == (unfinished.end.at, True, False)
    assert state.stats == unfinished.end.stats
    assert (unfinished.at(state.at).beyond, replay_of().at(99.0).beyond) == (False, True)
    assert str(state._repr_mimebundle_()["text/plain"]).splitlines()[0].endswith("· the log ends at 3.0 s")


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf"), "now", True])
def test_what_is_no_moment_is_refused(seconds):
    with pytest.raises(EventLogError, match="is no moment of a run"):
        replay_of().at(seconds)


@pytest.mark.parametrize("count", [-1, 12, 1.0, True])
def test_there_are_only_so_many_events(count):
    with pytest.raises(EventLogError, match="has 11 events"):
        replay_of().after(count)


def many(nodes):
    """A long run, with something that happens at every half second."""
    dag = DAG([Node(f"n{i}") for i in range(nodes)])
    facts = [RunStarted(0.0, nodes, 1, "threading")]
    for i in range(nodes):
        facts += [NodeQueued(float(i), f"n{i}"), NodeStarted(float(i), f"n{i}", "main"), done(f"n{i}", i, i + 0.5)]
    return dag, (*facts, RunEnded(float(nodes), True))


@pytest.mark.parametrize("least", [1, 7, 256])
def test_between_the_copies_it_is_the_same_as_a_fold_from_the_beginning(monkeypatch, least):
    monkeypatch.setattr(replay_module, "_LEAST", least)
    dag, facts = many(40)
    run, chance = replay_of(facts, dag), random.Random(1)
    for _ in range(150):
        count = chance.randint(0, len(facts))
        fold = Fold(dag)
        for event in facts[:count]:
            fold.hear(event)
        there = run.after(count)._fold
        assert (there.states, there.attempts, there.count) == (fold.states, fold.attempts, fold.count)
        assert there.progress.standings == fold.progress.standings


def test_a_step_costs_no_more_in_a_long_log_than_in_a_short_one(monkeypatch):
    """Counted in events that are heard: forward one by one, back one by one, and here and there."""
    heard = [0]
    hear = Fold.hear

    def counted(self, event):
        heard[0] += 1
        hear(self, event)

    dag, facts = many(3000)
    run = replay_of(facts, dag)
    assert run.end.over
    monkeypatch.setattr(Fold, "hear", counted)
    for seconds in range(0, 3000, 10):
        run.at(float(seconds))
    assert heard[0] <= len(facts), "forward, each is heard once"
    for steps in (range(2990, 2490, -10), random.Random(2).sample(range(3000), 50)):
        heard[0] = 0
        for seconds in steps:
            run.at(float(seconds))
        assert heard[0] <= 50 * 3000 // 4


def test_what_contradicts_itself_is_passed_over_each_time_and_is_a_fault_of_its_line():
    facts = [*FACTS[:5], NodeEnded(3.0, Outcome("a", "failed")), *FACTS[5:]]
    run = replay_of(facts)
    assert [str(fault) for fault in run.faults] == [
        "line 7: execution:node-ended: 'a' has ended as completed and cannot end as failed too"
    ]
    for seconds in (6.0, 3.0, 0.5, 4.0):
        state = run.at(seconds)
        assert (state.nodes["a"].state, state.nodes["b"].state, state.stats.percent) == MOMENTS.get(
            seconds, MOMENTS[3.0]
        )


def growing():
    def split():
        return Expand([Node("part-1", fn=lambda: 1), Node("part-2", fn=lambda: 1 / 0)], value=2)

    return DAG(
        [
            Node("split", fn=split, phase="Cut"),
            Node("join", fn=lambda: 3, after=["split"], phase="Sew"),
            Node("when", fn=lambda: 4, when="wanted"),
        ]
    )


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_run_played_again_ends_as_it_did_for_its_result_and_for_who_followed_it(tmp_path, jobs):
    path, bus, told = tmp_path / "run.jsonl", EventBus(), []
    tracker = ProgressTracker(history=NO_HISTORY)
    tracker.initialize(growing(), "run")
    tracker.attach(bus)
    bus.on("execution:*", told.append, inline=True)
    config = RunConfig(jobs=jobs, keep_going=True, history=False, log=str(path))
    result = ParallelScheduler(config, bus).execute(growing(), {"wanted": False})
    run = Replay.read(path, strict=True).run(result.run_id)
    end, stats = run.end, tracker.get_stats()
    assert {n: (o.status, o.started, o.ended, o.attempts, o.reason) for n, o in end.outcomes.items()} == {
        n: (o.status, o.started, o.ended, o.attempts, o.reason) for n, o in result.outcomes.items()
    }
    assert (end.stats.counts, end.stats.percent, end.stats.phases) == (stats.counts, stats.percent, stats.phases)
    assert end.todos() == tracker.todos
    assert end.success is result.success is False
    assert (run.started_at, run.hash) == (result.started_at, growing().hash)
    for count in range(len(run.facts) + 1):
        followed = Progress.replayed(growing(), told[:count])
        assert run.after(count)._fold.progress.standings == followed.standings


def test_a_run_that_was_undone_ends_as_its_result_says_and_its_way_back_has_moments(tmp_path):
    def fail():
        raise ValueError("no room")

    nodes = [
        Node("reserve", fn=lambda: time.sleep(0.01), undo="release"),
        Node("note", fn=lambda: 1, after=["reserve"], undo=lambda: None),
        Node("book", fn=lambda: 1, after=["note"], undo="unbook"),
        Node("pay", fn=fail, after=["book"]),
        Node("release", fn=lambda: None),
        Node("unbook", fn=fail),
    ]
    path = tmp_path / "run.jsonl"
    result = ParallelScheduler(RunConfig(jobs=2, history=False, log=str(path))).execute(DAG(nodes))
    run = Replay.read(path, strict=True).last
    assert {n: (o.status, o.attempts, o.reason) for n, o in run.end.outcomes.items()} == {
        n: (o.status, o.attempts, o.reason) for n, o in result.outcomes.items()
    }
    assert run.end.nodes["reserve"].reason == "undone by 'release'"
    assert run.end.nodes["release"].state == "done"
    last = max(event.at for event in run.facts if isinstance(event, RunEnded))
    undone = next(event.at for event in run.facts if isinstance(event, Undone))
    assert last < undone <= run.moments[-1]
    told = [(todo["content"], todo["status"]) for todo in run.end.todos()]
    assert told[:2] == [("Run reserve (undone)", "pending"), ("Run note (undone)", "pending")]
    assert told[2] == ("Run book", "completed")
    assert run.at(last).todos()[0]["status"] == "completed"
    assert run.at(last).nodes["reserve"].reason == ""
    assert run.at(last).nodes["release"].reason == "it compensates 'reserve' when the run fails"


def test_sinks_and_widgets_of_progress_show_any_moment(tmp_path):
    state = replay_of().at(2.5)
    MarkdownSink(tmp_path / "todo.md")(state.report)
    assert (tmp_path / "todo.md").read_text().splitlines()[2:] == ["- [ ] ▶ Running a", "- [ ] Run b"]
    widget = ProgressWidget()
    for seconds, percent in ((3.0, 50.0), (6.0, 100.0), (0.0, 0.0)):
        widget(replay_of().at(seconds).report)
        assert widget.percent == percent


def test_a_log_of_several_runs_gives_each_by_its_id_and_the_last_by_itself(tmp_path):
    path, bus = tmp_path / "run.jsonl", EventBus()
    EventLog(path).attach(bus)
    scheduler = ParallelScheduler(RunConfig(jobs=1, history=False), bus)
    ids = [scheduler.execute(DAG([Node(name, fn=lambda: 1)])).run_id for name in "xyz"]
    replay = Replay.read(path)
    assert [run.run for run in replay.runs] == ids
    assert tuple(replay.last.end.nodes) == ("z",)
    assert tuple(replay.run(ids[0][:8]).end.nodes) == ("x",)
    assert replay.at(0.0).run == ids[-1]
    assert replay.moments == replay.last.moments
    with pytest.raises(EventLogError, match=re.escape(f"no run 'zzz'; known: {min(ids)}")):
        replay.run("zzz")
    with pytest.raises(EventLogError, match="3 runs begin with ''"):
        replay.run("")


def test_a_damaged_log_is_read_as_far_as_it_is_whole_and_strictly_it_is_an_error_that_says_what_is_true(tmp_path):
    path = tmp_path / "run.jsonl"
    ParallelScheduler(RunConfig(jobs=1, history=False, log=str(path))).execute(DAG([Node("a", fn=lambda: 1)]))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:4], b"oh no\n", lines[4][:50]]))
    replay = Replay.read(path)
    assert [fault.code for fault in replay.faults] == ["damaged-line", "cut-off", "unfinished"]
    assert replay.at().nodes["a"].state == "running"
    with pytest.raises(EventLogError) as caught:
        Replay.read(path, strict=True)
    assert caught.value.faults == replay.faults
    assert str(caught.value).count("is true") + str(caught.value).count("are true") == 3


def test_views_have_frames_and_show_themselves(tmp_path):
    run = replay_of()
    state = run.at(2.5)
    frame = state.frame
    assert list(frame["node"]) == ["a", "b"]
    assert list(frame["state"]) == ["running", "waiting"]
    assert list(state.events["name"])[-1] == "execution:node-retrying"
    assert len(run.events) == len(FACTS)
    assert list(run.frame["seconds"]) == [2.5, 3.0]
    assert state.as_mapping()["nodes"][0]["status"] == "running"
    plain = state._repr_mimebundle_()["text/plain"]
    assert plain.splitlines()[0].startswith("run r: 0 %, 0 of 2, 2.5 s so far")
    assert "▶ a  running" in plain
    empty = replay_of((), DAG([]))
    assert empty.end._repr_mimebundle_()["text/plain"]
    assert list(empty.frame.columns) == list(frame.columns)
    assert list(empty.events.columns) == list(state.events.columns)
