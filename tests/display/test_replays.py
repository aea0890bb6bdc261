"""What a log looks like, and a run of it at one moment: names harmless, columns also where there is nothing."""

from __future__ import annotations

import pytest

from orchestra_nb import DAG, EventLogError, Node, Replay
from orchestra_nb.context.events import CacheHit
from orchestra_nb.errors import NodeFailed
from orchestra_nb.eventlog.reading import LoggedRun
from orchestra_nb.events import LevelEnded, NodeEnded, NodeStarted, RunEnded, RunStarted, Stalled
from orchestra_nb.graph.events import DagBuilt
from orchestra_nb.model import Outcome
from orchestra_nb.recovery.events import CircuitOpened
from orchestra_nb.resources.events import LockGranted, LockQueued

ODD = "<b>bold</b>"


def replay_of(*facts, dag=None, run="r"):
    dag = DAG([Node(ODD), Node("next", after=[ODD])]) if dag is None else dag
    return Replay((LoggedRun(DagBuilt(0.0, run, "", dag), facts, tuple(range(2, len(facts) + 2))),))


def busy():
    return replay_of(
        RunStarted(0.0, 2, 1, "threading"),
        NodeStarted(1.0, ODD, "main"),
        LockGranted(0.0, ODD, ("<i>db</i>",), 1, 0.0),
        LockQueued(0.0, "next", ("<i>db</i>",), 0.0),
        CircuitOpened(0.0, "api", 30.0, "<script>"),
        CacheHit(0.0, "key"),
        Stalled(9.0, 8.0, (ODD,), (("next", "<i>db</i>"),)),
    )


def test_a_moment_says_what_runs_who_holds_what_and_which_circuits_are_open():
    lines = busy().at()._repr_mimebundle_()["text/plain"].splitlines()
    assert lines[0].startswith("run r: 0 %, 0 of 2, 9.0 s so far")
    assert lines[1] == "  ▶ <b>bold</b>  running  since 1.0 s  main"
    assert "lock: <b>bold</b> holds <i>db</i>" in lines
    assert "lock: next waits for <i>db</i>" in lines
    assert "circuit api: open" in lines
    assert "cache: 1 hit" in lines
    assert any(line.startswith("silent for 8.0 s: <b>bold</b>") for line in lines)


def test_nothing_that_a_log_says_is_html():
    for value in (busy(), busy().last, busy().at()):
        markup = value._repr_mimebundle_()["text/html"]
        assert not any(tag in markup for tag in ("<b>", "<i>", "<script>"))
        assert "&lt;b&gt;bold&lt;/b&gt;" in markup


def test_a_failure_says_why_and_what_is_wrong_with_the_log_stands_below():
    failed = Outcome(ODD, "failed", error=NodeFailed("E: no\nmore", ODD), started=0.0, ended=1.0, attempts=2)
    replay = replay_of(
        NodeEnded(1.0, failed), NodeEnded(2.0, Outcome(ODD, "done")), LevelEnded(2.0, 0), RunEnded(2.0, False)
    )
    lines = replay._repr_mimebundle_()["text/plain"].splitlines()
    assert lines[0].endswith("· failed")
    assert lines[1].split() == ["✗", ODD, "failed", "at", "1.0", "s", "attempt", "2", "E:", "no"]
    assert "levels done: 1 of 2" in lines
    assert lines[-1].startswith("error [contradiction] line 3: execution:node-ended")


def test_a_log_of_several_runs_has_a_row_and_a_line_for_each():
    first, second = busy(), replay_of(RunEnded(1.0, True), run="s")
    both = Replay((first.last._logged, second.last._logged))
    assert list(both.frame["run"]) == ["r", "s"]
    assert list(both.frame["over"]) == [False, True]
    lines = both._repr_mimebundle_()["text/plain"].splitlines()
    assert lines[0].startswith("run r: ")
    assert lines[1].startswith("run s: 100 %")


def test_frames_have_the_same_columns_where_there_is_nothing():
    empty, full = replay_of(dag=DAG([])), busy()
    for frame in (lambda each: each.frame, lambda each: each.last.frame, lambda each: each.last.events):
        assert list(frame(empty).columns) == list(frame(full).columns)
        assert list(frame(empty).dtypes) == list(frame(full).dtypes)


def test_the_frame_of_events_says_what_each_is_about():
    frame = busy().last.events.set_index("name")
    assert frame.loc["execution:node-started", "about"] == ODD
    assert frame.loc["cache:hit", "about"] == "key"
    assert frame.loc["recovery:circuit-opened", "said"] == "rest=30.0 reason=<script>"


def test_a_log_without_a_run_is_no_log():
    with pytest.raises(EventLogError, match="no log of events"):
        Replay.parse(b"\n")
