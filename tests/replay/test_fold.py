"""What the events of a run tell, one after the other."""

from __future__ import annotations

import pytest

from orchestra_nb.context.events import CacheHit, CacheMiss
from orchestra_nb.errors import OrchestraError
from orchestra_nb.events import (
    GraphGrown,
    LevelEnded,
    NodeEnded,
    NodeQueued,
    NodeRetrying,
    NodeStarted,
    RunEnded,
    RunStarted,
    Stalled,
)
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, Outcome
from orchestra_nb.recovery.events import CircuitClosed, CircuitHalfOpen, CircuitOpened, CircuitRejected
from orchestra_nb.replay.fold import Fold
from orchestra_nb.resources.events import LeaseEnded, LockGranted, LockQueued, LockReleased, WaitEnded

DAG_OF_TWO = DAG([Node("a"), Node("b", after=["a"])])


def folded(*events, dag=DAG_OF_TWO):
    fold = Fold(dag)
    for event in events:
        fold.hear(event)
    return fold


def everything(fold):
    """All that a fold knows."""
    mine = {name: value for name, value in vars(fold).items() if name != "progress"}
    progress = {name: value for name, value in vars(fold.progress).items() if name not in ("dag", "_first")}
    return mine, progress, tuple(fold.progress.dag.nodes)


def test_a_node_waits_is_queued_runs_rests_and_ends():
    outcome = Outcome("a", "failed", attempts=2, worker="w")
    story = (
        (NodeQueued(0.0, "a"), ("queued", 0.0, "", 0)),
        (NodeStarted(1.0, "a", "thread"), ("running", 1.0, "thread", 1)),
        (NodeRetrying(2.0, "a", 1, 5.0, "no"), ("resting", 7.0, "thread", 1)),
        (NodeEnded(9.0, outcome), ("failed", 9.0, "thread", 2)),
    )
    fold = folded(RunStarted(0.0, 2, 3, "loky"))
    for event, told in story:
        fold.hear(event)
        assert (fold.states[0], fold.since[0], fold.lanes[0], fold.attempts[0]) == told
    assert fold.states[1] == "waiting"
    assert fold.outcomes == {"a": outcome}
    assert (fold.jobs, fold.backend, fold.success) == (3, "loky", None)
    fold.hear(LevelEnded(9.0, 0))
    fold.hear(RunEnded(9.5, False))
    assert (fold.levels, fold.success, fold.now) == (1, False, 9.5)


def test_what_joins_the_run_waits_from_then_on():
    fold = folded(NodeStarted(0.0, "a", "main"), GraphGrown(2.0, "a", ("x", "y")))
    assert (fold.states, fold.since) == (["running", "waiting", "waiting", "waiting"], [0.0, 0.0, 2.0, 2.0])
    fold.hear(NodeQueued(3.0, "y"))
    assert fold.states[3] == "queued"


def test_a_new_start_begins_anew():
    fold = folded(NodeQueued(0.0, "a"), NodeStarted(1.0, "a", "main"), LevelEnded(1.0, 0), RunStarted(0.0, 2, 1, "t"))
    assert (fold.states, fold.attempts, fold.levels) == (["waiting", "waiting"], [0, 0], 0)


def test_locks_are_held_until_they_are_given_back_and_waited_for_until_then():
    fold = folded(LockGranted(0.0, "a", ("db",), 7, 0.0), LockQueued(1.0, "b", ("db",), 0.0))
    assert fold.held == {7: ("a", ("db",))}
    assert fold.waits == {("b", ("db",)): 1.0}
    fold.hear(LockReleased(2.0, "a", ("db",), 7, 2.0))
    fold.hear(LockGranted(2.0, "b", ("db",), 8, 1.0))
    assert fold.held == {8: ("b", ("db",))}
    assert fold.waits == {}
    fold.hear(LockQueued(3.0, "c", ("db",), 0.0))
    fold.hear(WaitEnded(4.0, "c", ("db",), "timed out", 1.0))
    fold.hear(LeaseEnded(5.0, "b", ("db",), 8))
    assert (fold.held, fold.waits) == ({}, {})


def test_circuits_and_caches_are_told_by_their_events():
    fold = folded(CircuitOpened(0.0, "db", 30.0, "no"), CircuitRejected(1.0, "db", 29.0))
    assert fold.circuits == {"db": "open"}
    fold.hear(CircuitHalfOpen(30.0, "db", 1))
    assert fold.circuits == {"db": "half-open"}
    fold.hear(CircuitClosed(31.0, "db"))
    fold.hear(CacheMiss(0.0, "k"))
    fold.hear(CacheHit(0.0, "k"))
    fold.hear(CacheHit(0.0, "k"))
    assert fold.circuits == {"db": "closed"}
    assert fold.counts["cache:hit"] == 2
    assert fold.counts["recovery:circuit-rejected"] == 1


def test_other_clocks_do_not_tell_the_time_of_a_run():
    fold = folded(NodeStarted(1.0, "a", "main"), CacheHit(1000.0, "k"), CircuitOpened(2000.0, "db", 1.0, "no"))
    assert fold.now == 1.0


def test_a_silence_is_told_until_something_happens():
    silence = Stalled(40.0, 30.0, ("a",), ())
    fold = folded(NodeStarted(1.0, "a", "main"), silence)
    assert fold.stalled == silence
    fold.hear(NodeEnded(41.0, Outcome("a", "done")))
    assert fold.stalled is None


CONTRADICTIONS = {
    "queued, and nobody is named so": NodeQueued(2.0, "zz"),
    "queued after its end": NodeQueued(2.0, "a"),
    "started after its end": NodeStarted(2.0, "a", "main"),
    "another end": NodeEnded(2.0, Outcome("a", "failed")),
    "an end of nobody": NodeEnded(2.0, Outcome("zz", "done")),
    "the start of another graph": RunStarted(0.0, 9, 1, "t"),
    "grown by nobody": GraphGrown(2.0, "zz", ("x",)),
    "grown by a name that is taken": GraphGrown(2.0, "a", ("b",)),
}


@pytest.mark.parametrize("event", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_what_contradicts_itself_is_refused_and_changes_nothing(event):
    fold = folded(NodeStarted(0.5, "a", "main"), NodeEnded(1.0, Outcome("a", "done")))
    before = everything(fold.copy())
    with pytest.raises(OrchestraError):
        fold.hear(event)
    assert everything(fold) == before


def test_a_copy_does_not_change_with_what_it_was_copied_from():
    fold = folded(NodeQueued(0.0, "a"))
    copy = fold.copy()
    before = everything(copy.copy())
    for event in (
        NodeStarted(1.0, "a", "main"),
        LockGranted(0.0, "a", ("db",), 7, 0.0),
        LockQueued(0.0, "b", ("db",), 0.0),
        CircuitOpened(0.0, "db", 30.0, "no"),
        GraphGrown(2.0, "a", ("x",)),
        NodeEnded(3.0, Outcome("a", "done")),
    ):
        fold.hear(event)
    assert everything(copy) == before
