"""The last state of a run, from nothing but its result."""

from __future__ import annotations

from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, Outcome
from orchestra_nb.recovery.saga_result import SagaResult, StepFate
from orchestra_nb.replay.of_result import events_of, state_of
from orchestra_nb.running.result import RunResult

CHAIN = DAG([Node("a"), Node("b", after=["a"]), Node("c", after=["b"])])


def result(*outcomes, dag=CHAIN, total=3.0, **more):
    return RunResult({o.node: o for o in outcomes}, {}, dag, 2, "threading", total, "r", "", **more)


def done(name, started, ended, **more):
    return Outcome(name, "done", started=started, ended=ended, queued=started, attempts=1, worker="w", **more)


def test_events_stand_in_the_order_of_their_times():
    events = list(events_of(result(done("b", 1.0, 2.0), done("a", 0.0, 1.0), done("c", 2.0, 3.0))))
    assert [event.at for event in events] == sorted(event.at for event in events)
    assert [event.name.partition(":")[2] for event in events] == [
        *("run-started", "node-queued", "node-started"),
        *("node-queued", "node-started", "node-ended", "level-ended"),
        *("node-queued", "node-started", "node-ended", "level-ended"),
        *("node-ended", "level-ended", "run-ended"),
    ]


def test_what_never_began_ends_with_the_run_and_values_stay_behind():
    failed = Outcome("b", "failed", started=1.0, ended=2.0, reason="no")
    state = state_of(result(done("a", 0.0, 1.0, value=[1]), failed, Outcome("c", "skipped", reason="'b' failed")))
    assert [node.state for node in state.nodes.values()] == ["done", "failed", "skipped"]
    assert state.nodes["c"].since == 3.0
    assert state.outcomes["a"].value is None
    assert (state.over, state.success, state.levels_done) == (True, False, 3)


def test_a_run_that_was_stopped_and_outcomes_that_are_missing_are_told_as_far_as_they_go():
    state = state_of(result(done("a", 0.0, 1.0), stopped="interrupted"))
    assert state.success is False
    assert [node.state for node in state.nodes.values()] == ["done", "waiting", "waiting"]
    assert state.levels_done == 1
    stranger = result(done("nobody", 0.0, 1.0), dag=DAG([]))
    assert state_of(stranger).stats.percent == 100.0


def test_what_was_undone_is_to_be_done_again():
    fate = SagaResult(False, (StepFate("a", "undone", 1, 1),), ("a",), ("a",))
    todos = state_of(result(done("a", 0.0, 1.0), undone=fate)).todos()
    assert todos[0]["content"] == "Run a (undone)"
