from __future__ import annotations

import json
from typing import get_args

import pytest

from orchestra_nb.errors import NodeCancelled, NodeError, NodeFailed, NodeTimeout, OrchestraError
from orchestra_nb.events import (
    CacheHit,
    CacheMissed,
    Event,
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
from orchestra_nb.model import Edge, Evidence, Node, NodeId, Outcome, Status
from orchestra_nb.notebook.records import (
    event_from,
    event_record,
    outcome_from,
    outcome_record,
    result_of,
)
from orchestra_nb.progress.tracker import _TELLING, ProgressTracker
from orchestra_nb.running.run_records import error_record, run_record

STATUSES: tuple[Status, ...] = get_args(Status)
STREAM = {"output_type": "stream", "name": "stdout", "text": "a"}
OUTCOMES = [
    Outcome(NodeId("a"), "done", started=0.0, ended=1.0, attempts=1, worker="w", outputs=(STREAM,)),
    Outcome(NodeId("a"), "skipped", reason="why"),
    Outcome(NodeId("a"), "failed", error=NodeFailed("m", "a", ["line"], "ValueError", "no")),
    Outcome(NodeId("a"), "failed", error=NodeTimeout("late", "a")),
    Outcome(NodeId("a"), "cancelled", error=NodeCancelled("stopped", "a")),
]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda o: o.status)
def test_an_outcome_survives_the_journey_but_for_its_value(outcome: Outcome) -> None:
    back = outcome_from(json.loads(json.dumps(outcome_record(outcome))))
    assert type(back.error) is type(outcome.error)
    assert str(back.error) == str(outcome.error)
    assert outcome_record(back) == outcome_record(outcome)
    assert back.outputs == outcome.outputs


def test_an_error_of_another_kind_arrives_as_a_nodes_error() -> None:
    record = outcome_record(Outcome(NodeId("a"), "failed", error=OrchestraError("odd")))
    error = outcome_from(record).error
    assert type(error) is NodeError
    assert str(error) == "odd"
    assert error_record(OrchestraError("odd")) == {"code": "OrchestraError", "message": "odd", "nodes": []}


EVENTS: list[tuple[Event, dict[str, object]]] = [
    (RunStarted(at=0, total=2, jobs=3, backend="loky"), {"total": 2, "jobs": 3, "backend": "loky"}),
    (NodeStarted(at=0, node=NodeId("a"), lane="main"), {"node": "a", "lane": "main"}),
    (NodeEnded(at=1, outcome=OUTCOMES[0]), {"node": "a", "status": "done", "seconds": 1.0, "reason": ""}),
    (LevelEnded(at=1, level=0), {"level": 0}),
    (RunEnded(at=1, success=True), {"success": True}),
]


@pytest.mark.parametrize(("event", "fields"), EVENTS, ids=[event.name for event, _ in EVENTS])
def test_an_event_is_a_flat_record(event: Event, fields: dict[str, object]) -> None:
    record = event_record(event)
    assert record["name"] == event.name
    assert fields.items() <= record.items()
    json.dumps(record)


MORE: list[Event] = [
    NodeQueued(1.0, NodeId("a")),
    NodeRetrying(1.0, NodeId("a"), 2, 0.5, "why"),
    GraphGrown(1.0, NodeId("a"), (NodeId("b"), NodeId("c"))),
    Stalled(9.0, 8.0, (NodeId("a"),), ((NodeId("b"), "waits for db"),)),
    RunPaused(1.0, "lunch"),
    RunUnpaused(2.0, 1.0),
    CacheHit(1.0, NodeId("a")),
    CacheMissed(1.0, NodeId("a"), "new"),
    *(NodeEnded(2.0, Outcome(NodeId("a"), status, started=0.5, ended=1.5, reason="why")) for status in STATUSES),
    *(event for event, _ in EVENTS if not isinstance(event, NodeEnded)),
]


@pytest.mark.parametrize("event", MORE, ids=lambda event: event.name)
def test_an_event_survives_the_journey(event: Event) -> None:
    assert event_from(json.loads(json.dumps(event_record(event)))) == event


def test_every_event_that_says_how_far_a_run_is_survives_it() -> None:
    assert set(_TELLING) <= {type(event) for event in MORE}


def test_an_event_of_another_name_says_nothing_of_progress() -> None:
    event = event_from({"name": "execution:of-a-newer-version", "at": 1.0, "node": "a"})
    assert (event.name, event.at) == ("execution:of-a-newer-version", 1.0)
    tracker = ProgressTracker()
    tracker.initialize(DAG([Node("a")]), "run")
    tracker.hear(event)
    assert tracker.get_stats().percent == 0.0


def test_a_run_is_one_json_object() -> None:
    edge = Edge(NodeId("a"), NodeId("b"), "value", evidence=(Evidence("x", 1, 2, "writes x, then reads x"),))
    dag = DAG([Node(NodeId("a"), cost=5.0), Node(NodeId("b"))], [edge])
    outcomes = {NodeId("a"): OUTCOMES[0], NodeId("b"): Outcome(NodeId("b"), "skipped", reason="because")}
    result = result_of(dag, outcomes, total_time=2.0, jobs=2, backend="threading", stopped="interrupted")
    record = json.loads(json.dumps(run_record(result)))
    assert record["success"] is False
    assert record["levels"] == [["a"], ["b"]]
    assert record["critical_time"] == 1.0  # the measured second of a; b never ran
    assert record["nodes"][1] == {"id": "b", "status": "skipped", "seconds": 0.0, "reason": "because"}
    assert record["edges"][0]["evidence"][0]["variable"] == "x"
    assert record["output"] is None
    assert record["errors"] == []
