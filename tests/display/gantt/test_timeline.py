"""Lanes and bars of a run, of a run at one moment, and of a simulated schedule."""

from __future__ import annotations

from itertools import groupby, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra_nb.display.gantt.bars import PIECES, Piece
from orchestra_nb.display.gantt.timeline import timeline_of
from orchestra_nb.events import (
    NodeEnded,
    NodeQueued,
    NodeRetrying,
    NodeStarted,
    RunEnded,
    RunPaused,
    RunStarted,
    RunUnpaused,
)
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, Outcome
from orchestra_nb.recovery.saga_events import SagaEnded, SagaStarted, Undone, UndoStarted
from orchestra_nb.resources.events import LockQueued
from orchestra_nb.running.result import RunResult
from orchestra_nb.simulation import simulate

from ..moments import replay_of, runs


def result_of(*outcomes, nodes=None, jobs=2, undone=None, total=10.0):
    dag = DAG(nodes or [Node(outcome.node) for outcome in outcomes])
    return RunResult({o.node: o for o in outcomes}, {}, dag, jobs, "threading", total, "r", "", undone=undone)


def pieces(bar):
    return [(piece.kind, piece.start, piece.end) for piece in bar.pieces]


def lane_names(timeline):
    return {bar.node: timeline.lanes[bar.lane] for bar in timeline.bars}


# ---- the result of a run -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, [("attempt", 4.0, 6.0)]),
        ({"queued": 4.0}, [("attempt", 4.0, 6.0)]),
        ({"queued": 1.0}, [("worker", 1.0, 4.0), ("attempt", 4.0, 6.0)]),
        ({"queued": 1.0, "lock_wait": 3.0}, [("locks", 1.0, 4.0), ("attempt", 4.0, 6.0)]),
        (
            {"queued": 1.0, "lock_wait": 2.0},
            [("locks", 1.0, 3.0), ("worker", 3.0, 4.0), ("attempt", 4.0, 6.0)],
        ),
        ({"queued": 1.0, "lock_wait": 9.0}, [("locks", 1.0, 4.0), ("attempt", 4.0, 6.0)]),
        ({"queued": 5.0}, [("attempt", 4.0, 6.0)]),
        ({"queued": 1.0, "attempts": 3}, [("earlier", 1.0, 4.0), ("attempt", 4.0, 6.0)]),
        (
            {"queued": 1.0, "attempts": 3, "lock_wait": 1.0},
            [("locks", 1.0, 2.0), ("earlier", 2.0, 4.0), ("attempt", 4.0, 6.0)],
        ),
    ],
)
def test_the_time_of_an_outcome_falls_into_what_it_waited_for_and_what_it_did(given, told):
    (bar,) = timeline_of(result_of(Outcome("a", "done", started=4.0, ended=6.0, worker="T", **given))).bars
    assert pieces(bar) == told
    assert (bar.start, bar.end) == (4.0, 6.0)


def test_what_never_began_is_no_bar_and_is_told_apart():
    timeline = timeline_of(
        result_of(
            Outcome("ran", "done", started=0.0, ended=1.0),
            Outcome("looked-up", "cached", started=1.0, ended=1.25),
            Outcome("taken-over", "cached"),
            Outcome("off", "skipped", reason="its condition was false"),
            Outcome("late", "cancelled"),
        )
    )
    assert [(bar.node, bar.state) for bar in timeline.bars] == [("ran", "done"), ("looked-up", "cached")]
    assert timeline.absent == (("taken-over", "cached"), ("off", "skipped"), ("late", "cancelled"))


def test_the_critical_path_is_that_of_the_measured_times_also_on_one_worker():
    nodes = [Node("a", cost=100), Node("b"), Node("c", after=["a", "b"]), Node("never", after=["c"], cost=50)]
    ran = [Outcome(n, "done", started=s, ended=e, worker="T") for n, s, e in (("a", 0, 1), ("b", 1, 4), ("c", 4, 5))]
    timeline = timeline_of(result_of(*ran, Outcome("never", "skipped"), nodes=nodes, jobs=1))
    assert timeline.path == ("b", "c")
    assert {bar.node: bar.critical for bar in timeline.bars} == {"a": False, "b": True, "c": True}


def test_what_compensates_comes_after_the_end_of_the_run_in_a_lane_of_its_own():
    nodes = [Node("pay", undo="refund"), Node("fail", after=["pay"]), Node("refund")]
    timeline = timeline_of(
        result_of(
            Outcome("pay", "done", started=0.0, ended=1.0, worker="Thread-1", reason="was undone"),
            Outcome("fail", "failed", started=1.0, ended=2.0, worker="Thread-1"),
            Outcome("refund", "done", started=3.0, ended=9.0, worker="Thread-1", reason="compensates 'pay'"),
            nodes=nodes,
            undone=_saga(),
            total=2.5,
        )
    )
    assert lane_names(timeline) == {"pay": "thread 1", "fail": "thread 1", "refund": "undo"}
    assert [bar.compensates for bar in timeline.bars] == [False, False, True]
    assert (timeline.over, timeline.end) == (2.5, 9.0)
    assert timeline.path == ("pay", "fail"), "what was undone later is no part of the run's time"


def _saga():
    from orchestra_nb.recovery.manager import RecoveryManager

    return RecoveryManager().run_saga([])


def test_nothing_but_a_run_has_a_timeline():
    with pytest.raises(TypeError, match="RunResult, a Schedule or a ReplayState, not dict"):
        timeline_of({})


# ---- a simulated schedule ------------------------------------------------------------------------------------


def test_a_schedule_has_its_workers_as_lanes_and_nothing_waits():
    dag = DAG([Node("a", cost=2), Node("b", cost=1), Node("c", after=["a"], cost=1)])
    timeline = timeline_of(simulate(dag, 2))
    assert timeline.lanes == ("worker 1", "worker 2")
    assert [(bar.node, bar.lane, bar.critical, pieces(bar)) for bar in timeline.bars] == [
        ("a", 0, True, [("attempt", 0.0, 2.0)]),
        ("b", 1, False, [("attempt", 0.0, 1.0)]),
        ("c", 0 if timeline.bars[2].lane == 0 else 1, True, [("attempt", 2.0, 3.0)]),
    ]
    assert (timeline.path, timeline.end, timeline.now) == (("a", "c"), 3.0, None)


def test_a_schedule_of_nothing_is_a_timeline_of_nothing():
    timeline = timeline_of(simulate(DAG([]), 2))
    assert (timeline.lanes, timeline.bars, timeline.path, timeline.end) == ((), (), (), 0.0)


# ---- a run at one moment -------------------------------------------------------------------------------------


STORY = (
    RunStarted(0.0, 3, 1, "threading"),
    NodeQueued(0.0, "a"),
    NodeQueued(0.0, "b"),
    NodeStarted(1.0, "a", "thread"),
    NodeRetrying(2.0, "a", 1, 3.0, "no"),
    NodeStarted(2.0, "b", "thread"),
    NodeEnded(7.0, Outcome("a", "done", started=5.5, ended=7.0, attempts=2, worker="Thread-9", queued=0.0)),
)


@pytest.mark.parametrize(
    ("at", "state", "told"),
    [
        (1.5, "running", [("either", 0.0, 1.0), ("attempt", 1.0, 1.5)]),
        (3.0, "resting", [("either", 0.0, 1.0), ("attempt", 1.0, 2.0), ("rest", 2.0, 3.0)]),
        (
            6.0,
            "running",
            [("either", 0.0, 1.0), ("attempt", 1.0, 2.0), ("rest", 2.0, 5.0), ("attempt", 5.0, 6.0)],
        ),
        (
            7.0,
            "done",
            [("worker", 0.0, 1.0), ("attempt", 1.0, 2.0), ("rest", 2.0, 5.5), ("attempt", 5.5, 7.0)],
        ),
    ],
)
def test_attempts_and_rests_of_a_node_while_the_run_goes_on(at, state, told):
    timeline = timeline_of(replay_of(DAG([Node("a"), Node("b"), Node("c")]), *STORY).at(at))
    bar = next(bar for bar in timeline.bars if bar.node == "a")
    assert (bar.state, pieces(bar)) == (state, told)
    assert timeline.now == at
    assert timeline.end == at


def test_who_is_ready_and_has_not_begun_waits_the_longest_first():
    dag = DAG([Node("a"), Node("b"), Node("c"), Node("d", after=["a"])])
    events = (RunStarted(0.0, 4, 1, "t"), NodeQueued(1.0, "b"), NodeQueued(0.5, "c"), NodeStarted(1.0, "a", "thread"))
    timeline = timeline_of(replay_of(dag, *events, LockQueued(0.1, "b", ("db",), 0.0)).at(None))
    assert [(bar.node, bar.lane, pieces(bar)) for bar in timeline.waiting] == [
        ("c", -1, [("either", 0.5, 1.0)]),
        ("b", -1, []),
    ]


def test_a_lock_that_a_node_waits_for_now_is_told():
    dag = DAG([Node("a"), Node("b")])
    events = (RunStarted(0.0, 2, 1, "t"), NodeQueued(0.0, "a"), NodeQueued(0.0, "b"))
    locked = (LockQueued(0.1, "b", ("db",), 0.0), NodeStarted(3.0, "a", "thread"))
    (waiting,) = timeline_of(replay_of(dag, *events, *locked).at(None)).waiting
    assert waiting.pieces == (Piece("locks", 0.0, 3.0),)


def test_a_pause_makes_a_rest_longer():
    events = (
        *STORY[:5],
        RunPaused(3.0, 0),
        RunUnpaused(9.0, 6.0),
    )
    replay = replay_of(DAG([Node("a"), Node("b"), Node("c")]), *events)
    (paused,) = timeline_of(replay.after(6)).bars
    assert pieces(paused)[-1] == ("rest", 2.0, 3.0)
    (on,) = timeline_of(replay.at(None)).bars
    assert pieces(on)[-2:] == [("rest", 2.0, 9.0), ("attempt", 9.0, 9.0)]


def test_an_end_whose_beginning_nobody_told_has_its_bar():
    events = (RunStarted(0.0, 1, 1, "t"), NodeEnded(2.0, Outcome("a", "cached", started=1.0, ended=2.0)))
    timeline = timeline_of(replay_of(DAG([Node("a")]), *events).at(None))
    assert [(bar.node, timeline.lanes[bar.lane], pieces(bar)) for bar in timeline.bars] == [
        ("a", "worker 1", [("attempt", 1.0, 2.0)])
    ]


def test_the_way_back_of_a_failed_run_stands_behind_its_end():
    dag = DAG([Node("pay", undo="refund"), Node("fail", after=["pay"]), Node("refund")])
    events = (
        RunStarted(0.0, 3, 1, "t"),
        NodeStarted(0.0, "pay", "thread"),
        NodeEnded(1.0, Outcome("pay", "done", started=0.0, ended=1.0)),
        NodeStarted(1.0, "fail", "thread"),
        NodeEnded(2.0, Outcome("fail", "failed", started=1.0, ended=2.0)),
        NodeEnded(2.0, Outcome("refund", "skipped")),
        RunEnded(2.0, False),
        SagaStarted(2.0, 1, 0, False),
        UndoStarted(3.0, "pay", 1),
        Undone(5.0, "pay", 1),
        SagaEnded(5.0, True, ("pay",), ()),
    )
    replay = replay_of(dag, *events)
    on_the_way = timeline_of(replay.after(9))
    assert lane_names(on_the_way)["refund"] == "undo"
    timeline = timeline_of(replay.at(None))
    assert lane_names(timeline) == {"pay": "thread 1", "fail": "thread 1", "refund": "undo"}
    assert [(bar.start, bar.end, bar.compensates) for bar in timeline.bars if bar.node == "refund"] == [
        (3.0, 5.0, True)
    ]
    assert (timeline.over, timeline.end) == (2.0, 5.0)


# ---- laws ----------------------------------------------------------------------------------------------------


def assert_sound(timeline):
    """Bars of a lane never overlap, each node is there once, and the pieces of a bar follow each other."""
    assert len({bar.node for bar in timeline.bars}) == len(timeline.bars)
    by_lane = sorted(timeline.bars, key=lambda bar: (bar.lane, bar.start, bar.end))
    for lane, bars in groupby(by_lane, key=lambda bar: bar.lane):
        assert 0 <= lane < len(timeline.lanes)
        assert all(one.end <= other.start for one, other in pairwise(bars))
    for bar in timeline.bars:
        assert all(one.end == other.start for one, other in pairwise(bar.pieces))
        assert all(piece.start <= piece.end and piece.kind in PIECES for piece in bar.pieces)
        assert bar.pieces[-1].end == bar.end <= timeline.end
        assert any(piece.kind == "attempt" and piece.start == bar.start for piece in bar.pieces)


@settings(deadline=None, max_examples=150)
@given(runs())
def test_while_a_run_goes_on_no_bar_overlaps_another_or_moves_to_another_lane(replay):
    stood = {}
    for count in range(len(replay.facts) + 1):
        state = replay.after(count)
        timeline = timeline_of(state)
        assert_sound(timeline)
        began = {event.node for event in state.facts if isinstance(event, NodeStarted)}
        assert {bar.node for bar in timeline.bars} == began
        stands = lane_names(timeline)
        assert stood.items() <= stands.items(), "a bar stands where it stood a moment ago"
        stood = stands
    assert timeline.now is None


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.integers(0, 6), st.sampled_from(("event loop", "Thread-1", "Thread-2", ""))),
        max_size=25,
    )
)
def test_bars_of_a_result_never_overlap_whatever_its_workers_are_called(spans):
    outcomes = [
        Outcome(f"n{i}", "done", started=float(start), ended=float(start + took), worker=worker, queued=0.0)
        for i, (start, took, worker) in enumerate(spans)
    ]
    timeline = timeline_of(result_of(*outcomes, total=30.0))
    assert_sound(timeline)
    assert {bar.node for bar in timeline.bars} == {outcome.node for outcome in outcomes}
