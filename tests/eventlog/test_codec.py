"""Events as JSON and back."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestra_nb.bus import Event
from orchestra_nb.definitions.command import Agent
from orchestra_nb.errors import EventLogError, NodeFailed, NodeTimeout
from orchestra_nb.eventlog.codec import event_from_json, event_to_json
from orchestra_nb.eventlog.records import NotLogged
from orchestra_nb.eventlog.registry import EVENTS, UnknownEvent
from orchestra_nb.events import NodeEnded, NodeStarted, RunEnded, Stalled
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.events import DagBuilt
from orchestra_nb.model import Edge, Node, Outcome
from orchestra_nb.progress.todos import words_of

from .facts import ANY, of_kind


def through(event):
    return event_from_json(json.loads(json.dumps(event_to_json(event), allow_nan=False)))


def plainly(event):
    """An event without what is told by its class or name only."""
    if isinstance(event, NodeEnded):
        outcome = event.outcome
        error = outcome.error
        said = None if error is None else (type(error), str(error), vars(error))
        return replace(outcome, value=None, error=None), said
    if isinstance(event, DagBuilt):
        return event.run, event.started_at, [(n.id, n.cost, n.phase, n.kind) for n in event.dag.nodes.values()]
    return event


@pytest.mark.parametrize("name", sorted(EVENTS))
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_nothing_that_an_event_says_is_lost_but_values(name, data):
    event = data.draw(of_kind(EVENTS[name]))
    there = through(event)
    assert type(there) is type(event)
    assert plainly(there) == plainly(event)
    assert event_to_json(there) == event_to_json(event)


@given(ANY, st.data())
def test_a_record_with_anything_else_in_a_field_is_refused_or_read_and_never_breaks(event, data):
    record = event_to_json(event)
    odd = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)
    field = data.draw(st.sampled_from([field.name for field in fields(type(event))]))
    record[field] = data.draw(odd | st.dictionaries(st.text(max_size=3), odd, max_size=2))
    with suppress(EventLogError):
        assert event_to_json(event_from_json(record))["name"] == event.name


def test_a_missing_field_is_named_unless_it_may_be_missing():
    with pytest.raises(EventLogError, match="execution:node-started: lane is missing"):
        event_from_json({"name": "execution:node-started", "at": 1.0, "node": "a"})
    assert not event_from_json({"name": "recovery:circuit-closed", "at": 1.0, "circuit": "db"}).reset


def test_what_a_newer_version_says_beside_is_passed_over():
    record = {**event_to_json(NodeStarted(1.0, "a", "thread")), "weather": "fair"}
    assert event_from_json(record) == NodeStarted(1.0, "a", "thread")


def test_a_name_that_nobody_knows_is_kept_with_all_that_it_says():
    record = {"name": "dag:drawn", "at": 1.5, "by": ["hand"]}
    event = event_from_json(record)
    assert event == UnknownEvent(1.5, "dag:drawn", {"by": ["hand"]})
    assert event.name == "dag:drawn"
    assert event_to_json(event) == record


@pytest.mark.parametrize("record", [[], "x", None, {}, {"name": 3}, {"at": 1.0}])
def test_what_is_no_event_is_said_to_be_none(record):
    with pytest.raises(EventLogError, match="an event is an object with a name"):
        event_from_json(record)


def test_a_value_is_told_by_the_name_of_its_class_and_none_of_its_code_runs():
    class Loud:
        def __repr__(self):
            raise AssertionError("somebody looked")

        def __reduce__(self):
            raise AssertionError("somebody pickled")

    there = through(NodeEnded(1.0, Outcome("a", "done", value=Loud())))
    assert there.outcome.value == NotLogged("Loud")
    assert through(there).outcome.value == NotLogged("Loud")


def test_an_error_comes_back_as_what_it_was_with_its_traceback():
    error = NodeFailed("node 'a' failed: E: no", "a", ["line 1", "E: no"], "E", "no")
    there = through(NodeEnded(1.0, Outcome("a", "failed", error=error))).outcome.error
    assert type(there) is NodeFailed
    assert (str(there), there.node, there.traceback) == (str(error), "a", ("line 1", "E: no"))
    late = through(NodeEnded(1.0, Outcome("a", "failed", error=NodeTimeout("late", "a")))).outcome.error
    assert type(late) is NodeTimeout
    record = event_to_json(NodeEnded(1.0, Outcome("a", "failed", error=error)))
    record["outcome"]["error"]["code"] = "os.system"
    assert type(event_from_json(record).outcome.error).__name__ == "NodeError"


def test_long_texts_and_tracebacks_are_cut_once_and_say_so():
    error = NodeFailed("x" * 50_000, "a", [f"line {i}" for i in range(900)], "E", "y" * 50_000)
    event = NodeEnded(1.0, Outcome("a", "failed", error=error, reason="z" * 50_000))
    there = through(event).outcome
    assert len(json.dumps(event_to_json(event))) < 50_000
    assert str(there.error).endswith("x… (40,000 more characters)")
    assert there.reason.endswith("z… (40,000 more characters)")
    assert there.error.traceback[0] == "… (700 more lines)"
    assert there.error.traceback[-1] == "line 899"
    assert event_to_json(through(event)) == event_to_json(event)


def test_outputs_are_counted_and_only_told_up_to_so_many_bytes():
    outputs = tuple({"output_type": "stream", "name": "stdout", "text": "x" * 100} for _ in range(5))
    event = NodeEnded(1.0, Outcome("a", "done", outputs=outputs))
    for most, kept in ((0, 0), (250, 1), (300, 1), (400, 2), (10_000, 5)):
        record = event_to_json(event, outputs=most)["outcome"]
        assert record["outputs"] == list(outputs[:kept])
        assert record["outputs_left_out"] == 5 - kept
    odd = NodeEnded(1.0, Outcome("a", "done", outputs=(outputs[0], {"data": object()}, outputs[1])))
    assert event_to_json(odd, outputs=10_000)["outcome"]["outputs_left_out"] == 2


def test_an_agents_todo_reads_the_same_from_a_log():
    agent = Node("review", kind="agent", metadata={"agent": Agent("review", task="Review the code. Be kind.")})
    built = DagBuilt(0.0, "r", "", DAG([agent]))
    assert words_of(through(built).dag.nodes["review"]) == words_of(agent) == ("Review the code", "Reviewing the code")


def test_a_graph_from_a_log_has_the_levels_the_kinds_of_its_edges_and_the_hash_of_the_one_that_ran():
    nodes = [Node("a", fn=len), Node("b", after=["a"]), Node("c")]
    dag = DAG(nodes, [Edge("a", "c", "value"), Edge("a", "c", "mutation")])
    there = through(DagBuilt(0.0, "r", "", dag))
    assert there.hash == dag.hash
    assert there.dag.levels == dag.levels
    assert [(e.source, e.target, e.kind) for e in there.dag.edges] == [(e.source, e.target, e.kind) for e in dag.edges]


@pytest.mark.parametrize(
    "record",
    [
        {"nodes": [{"id": "a", "cost": 1.0}], "edges": [[0, 7, "value"]]},
        {"nodes": [{"id": "a", "cost": 1.0}], "edges": [[0, 0, "value"]]},
        {"nodes": [{"id": "a", "cost": 1.0}], "edges": [[0, 0, "wish"]]},
        {"nodes": [{"id": "a", "cost": 1.0}] * 2, "edges": []},
        {"nodes": [{"id": "a", "cost": "dear"}], "edges": []},
        {"nodes": [{"id": 3, "cost": 1.0}], "edges": []},
        {"nodes": [{"cost": 1.0}], "edges": []},
        {"nodes": 3, "edges": []},
        {"edges": []},
        [],
    ],
)
def test_a_graph_that_is_none_is_refused(record):
    with pytest.raises(EventLogError, match="dag:built"):
        event_from_json({"name": "dag:built", "at": 0.0, "run": "r", "started_at": "", "dag": record})


def test_an_event_of_somebodys_own_is_told_as_far_as_json_can():
    @dataclass(frozen=True)
    class Mine(Event):
        name = "cache:mine"
        what: object
        share: object

    record = event_to_json(Mine(1.0, {1, 2}, Fraction(1, 2)))
    assert record == {"name": "cache:mine", "at": 1.0, "what": "{1, 2}", "share": 0.5}
    assert isinstance(event_from_json(json.loads(json.dumps(record))), UnknownEvent)
    del Mine


def test_what_waits_for_what_in_a_silence_comes_back():
    event = Stalled(9.0, 3.5, ("a",), (("b", "db"), ("c", "")))
    assert through(event) == event
    assert through(RunEnded(float("inf"), True)).at == float("inf")
