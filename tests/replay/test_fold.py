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
    RunPaused,
    RunStarted,
    RunUnpaused,
    Stalled,
)
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, Outcome
from orchestra_nb.recovery.events import CircuitClosed, CircuitHalfOpen, CircuitOpened, CircuitRejected
from orchestra_nb.recovery.saga_events import SagaEnded, SagaStarted, UndoFailed, Undone, UndoStarted
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


def test_a_pause_is_known_until_it_is_over_and_holds_up_who_rests():
    fold = folded(
        RunStarted(0.0, 2, 3, "loky"),
        NodeQueued(0.0, "a"),
        NodeStarted(0.0, "a", "thread"),
        NodeRetrying(1.0, "a", 1, 2.0, "no"),
        RunPaused(2.0, "for a look"),
    )
    assert (fold.paused, fold.pause.reason, fold.since[0], fold.now) == (True, "for a look", 3.0, 2.0)
    paused = fold.copy()
    fold.hear(RunUnpaused(7.0, 5.0))
    assert (fold.paused, fold.states[0], fold.since[0], fold.now) == (False, "resting", 7.0, 7.0)
    assert (paused.paused, paused.since[0]) == (True, 3.0)
    paused.hear(RunEnded(8.0, False))
    assert not paused.paused


def test_who_began_its_next_attempt_before_the_pause_is_not_held_up():
    fold = folded(
        RunStarted(0.0, 2, 3, "loky"),
        NodeStarted(0.0, "a", "thread"),
        NodeRetrying(1.0, "a", 1, 0.5, "no"),
        RunPaused(2.0, ""),
        RunUnpaused(9.0, 7.0),
    )
    assert (fold.states[0], fold.since[0]) == ("resting", 1.5)


FAILED = (
    RunStarted(0.0, 4, 1, "threading"),
    NodeEnded(1.0, Outcome("a", "done", reason="in a thread")),
    NodeEnded(1.0, Outcome("tidy", "skipped", reason="it compensates 'a', 'b' when the run fails")),
    NodeEnded(2.0, Outcome("b", "done")),
    NodeEnded(3.0, Outcome("end", "failed")),
    RunEnded(3.0, False),
)
UNDOABLE = DAG([Node("a", undo="tidy"), Node("b", undo="tidy", after=["a"]), Node("tidy"), Node("end", after=["b"])])


def test_what_was_undone_says_so_and_what_compensates_has_run():
    fold = folded(*FAILED, dag=UNDOABLE)
    index, thread = fold.progress.dag.table.index["tidy"], "in a thread"
    story = (
        (SagaStarted(3.5, 2, 0, False), "skipped", 0, "", thread),
        (UndoStarted(4.0, "b", 1), "running", 1, "is being undone", thread),
        (UndoFailed(5.0, "b", 1, "OSError: locked", False), "running", 1, "is being undone", thread),
        (UndoStarted(6.0, "b", 2), "running", 2, "is being undone", thread),
        (UndoFailed(7.0, "b", 2, "OSError: locked", True), "failed", 2, "could not be undone: OSError: locked", thread),
        (UndoStarted(8.0, "a", 1), "running", 3, "could not be undone: OSError: locked", f"{thread}; is being undone"),
        (Undone(9.0, "a", 1), "failed", 3, "could not be undone: OSError: locked", f"{thread}; undone by 'tidy'"),
        (SagaEnded(9.5, False, ("a",), ("b",)), "failed", 3, "could not be undone: OSError: locked", None),
    )
    copies = []
    for event, state, attempts, b, a in story:
        copies.append((fold.copy(), everything(fold.copy())))
        fold.hear(event)
        assert (fold.now, fold.states[index], fold.attempts[index]) == (event.at, state, attempts)
        assert (fold.states[0], fold.states[1], fold.outcomes["b"].reason) == ("done", "done", b)
        assert a is None or fold.outcomes["a"].reason == a
    assert fold.outcomes["tidy"].reason == "compensates 'a', 'b'"
    assert "OSError: locked" in str(fold.outcomes["tidy"].error)
    for copy, before in copies:
        assert everything(copy) == before, "what came later has not changed it"
    fold.hear(FAILED[0])
    assert set(fold.states) == {"waiting"}


@pytest.mark.parametrize(
    ("before", "events"),
    [
        (FAILED, [SagaStarted(0.1, 2, 2, False)]),  # it has its steps before it
        (FAILED[:-1], [SagaStarted(0.1, 2, 0, False)]),
        ((*FAILED[:-1], RunEnded(3.0, True)), [SagaStarted(0.1, 2, 0, False)]),
        (FAILED, [SagaStarted(3.0, 2, 0, False), SagaEnded(3.0, False, (), ())]),
        (FAILED, []),
    ],
)
def test_the_sagas_of_others_undo_nothing_of_a_run(before, events):
    fold = folded(*before, *events, UndoStarted(9.0, "b", 1), Undone(9.0, "b", 1), dag=UNDOABLE)
    assert (fold.now, fold.outcomes["b"].reason, fold.outcomes["tidy"].status) == (3.0, "", "skipped")


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
