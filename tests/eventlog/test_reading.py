"""Logs that are whole, cut off, damaged, mixed or none."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra_nb.errors import EventLogError
from orchestra_nb.eventlog.codec import event_to_json
from orchestra_nb.eventlog.reading import parse_log, read_log
from orchestra_nb.eventlog.registry import UnknownEvent
from orchestra_nb.events import EventsLost, GraphGrown, NodeEnded, NodeQueued, NodeStarted, RunEnded, RunStarted
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.events import DagBuilt
from orchestra_nb.model import Node, Outcome

DAG_OF_TWO = DAG([Node("a"), Node("b", after=["a"])])
FACTS = (
    RunStarted(0.0, 2, 1, "threading"),
    NodeQueued(0.0, "a"),
    NodeStarted(0.5, "a", "main"),
    NodeEnded(2.0, Outcome("a", "done", started=0.5, ended=2.0, attempts=1)),
    NodeQueued(2.0, "b"),
    NodeStarted(2.0, "b", "main"),
    NodeEnded(3.0, Outcome("b", "done", started=2.0, ended=3.0, attempts=1)),
    RunEnded(3.0, True),
)


def text_of(*events, run="r"):
    return "".join(f"{json.dumps({'run': run, **event_to_json(event)})}\n" for event in events).encode()


WHOLE = text_of(DagBuilt(0.0, "r", "", DAG_OF_TWO), *FACTS)


def test_a_whole_log_has_its_run_and_no_faults():
    (run,), faults = parse_log(WHOLE)
    assert run.built.dag.levels == (("a",), ("b",))
    assert [event_to_json(event) for event in run.events] == [event_to_json(event) for event in FACTS]
    assert run.lines == tuple(range(2, 10))
    assert run.ended
    assert faults == ()


@pytest.mark.parametrize("length", range(1, len(WHOLE), 7))
def test_of_a_log_that_was_cut_off_anywhere_all_that_is_whole_is_read(length):
    data = WHOLE[:length]
    there = [line for line in data.split(b"\n")[:-1] if line]
    torn = not data.endswith(b"\n")
    last = data.rpartition(b"\n")[2]
    complete = bool(last) and last + b"\n" in WHOLE.splitlines(keepends=True)
    if not there and not complete:
        with pytest.raises(EventLogError, match="no log of events") as caught:
            parse_log(data)
        assert [fault.code for fault in caught.value.faults] == ["cut-off"]
        return
    (run,), faults = parse_log(data)
    assert len(run.events) == len(there) + complete - 1
    codes = [fault.code for fault in faults]
    assert ("cut-off" in codes) == (torn and not complete)
    assert ("unfinished" in codes) == (not run.ended)
    assert all(fault.suggestion for fault in faults), "each says what is still true"


@settings(max_examples=200)
@given(st.data())
def test_a_log_with_anything_in_a_line_loses_that_line_at_most(data):
    lines = WHOLE.splitlines(keepends=True)
    number = data.draw(st.integers(1, len(lines) - 1))
    line = bytearray(lines[number])
    for _ in range(data.draw(st.integers(1, 4))):
        line[data.draw(st.integers(0, len(line) - 2))] = data.draw(st.sampled_from(b'x"{}[]0 \\\xff\x00'))
    lines[number] = bytes(line)
    runs, faults = parse_log(b"".join(lines))
    known = {name for name, each in ((run.built.run, run) for run in runs) if len(each.built.dag) == 2}
    assert "r" in known
    run = next(run for run in runs if run.built.run == "r")
    assert len(run.events) >= len(FACTS) - 1
    assert len(run.events) == len(FACTS) or faults or len(runs) > 1


def test_a_damaged_line_is_named_and_what_the_others_say_is_true():
    lines = WHOLE.splitlines(keepends=True)
    lines[3] = b'{"run": "r", "name": "execution:node-started", "at": "soon", "node": "a", "lane": "main"}\n'
    (run,), (fault,) = parse_log(b"".join(lines))
    assert len(run.events) == len(FACTS) - 1
    assert str(fault) == (
        "line 4: execution:node-started: at='soon' is no number of seconds; what the other lines say is true"
    )


@pytest.mark.parametrize("line", [b"[]", b"3", b"null", b"{", b'{"name": "x:y", "at": 0}', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_event_is_a_fault_of_its_line(line):
    (run,), faults = parse_log(WHOLE + line + b"\n")
    assert run.ended
    assert [(fault.code, fault.path) for fault in faults] == [("damaged-line", "line 10")]


def test_a_line_that_was_cut_off_and_closed_later_is_told_as_cut_off():
    _, (fault,) = parse_log(WHOLE + WHOLE.splitlines()[2][:30] + b"\n")
    assert str(fault).startswith("line 10: the line is cut off after 30 bytes")
    _, (fault,) = parse_log(WHOLE + b'{"run": "r", "name": x}\n')
    assert "cut off" not in str(fault)


def test_a_run_without_its_beginning_has_the_nodes_that_its_events_name():
    (run,), faults = parse_log(text_of(*FACTS[1:]))
    assert tuple(run.built.dag.nodes) == ("a", "b")
    assert run.built.dag.edges == ()
    assert [fault.code for fault in faults] == ["no-beginning"]
    assert "2 nodes are known by name" in str(faults[0])


def test_nodes_that_joined_later_are_not_taken_for_those_of_the_beginning():
    events = (NodeStarted(0.0, "a", "main"), GraphGrown(1.0, "a", ("new",)), NodeStarted(1.0, "new", "main"))
    (run,), _ = parse_log(text_of(*events))
    assert tuple(run.built.dag.nodes) == ("a",)


def test_a_run_that_is_not_over_is_a_warning_that_counts_what_is_known():
    _, (fault,) = parse_log(b"".join(WHOLE.splitlines(keepends=True)[:5]))
    assert (fault.code, fault.severity, fault.path) == ("unfinished", "warning", "line 5")
    assert "the ends of 1 of its 2 nodes are true" in str(fault)


def test_runs_that_were_written_at_the_same_time_are_told_apart():
    first, second = WHOLE.splitlines(keepends=True), WHOLE.replace(b'"r"', b'"s"').splitlines(keepends=True)
    mixed = b"".join(line for pair in zip(first, second, strict=True) for line in pair)
    runs, faults = parse_log(mixed)
    assert [run.built.run for run in runs] == ["r", "s"]
    assert all(run.ended and len(run.events) == len(FACTS) for run in runs)
    assert faults == ()


def test_events_that_were_not_written_are_a_fault_that_says_how_many():
    (_,), (fault,) = parse_log(text_of(DagBuilt(0.0, "r", "", DAG_OF_TWO), *FACTS[:4], EventsLost(2.0, 17), FACTS[-1]))
    assert (fault.code, fault.path) == ("events-lost", "line 6")
    assert "17 events" in str(fault)


def test_an_event_of_a_newer_version_is_kept_and_a_newer_form_is_refused():
    new = b'{"run": "r", "name": "execution:node-dreamt", "at": 1.0, "of": "sheep"}\n'
    (run,), faults = parse_log(WHOLE + new)
    assert run.events[-1] == UnknownEvent(1.0, "execution:node-dreamt", {"of": "sheep"})
    assert faults == ()
    with pytest.raises(EventLogError, match="no log of events") as caught:
        parse_log(b'{"log": 99, "run": "r", "name": "dag:built"}\n')
    assert "newer version" in str(caught.value.faults[0])


def test_of_very_many_faults_the_first_are_told_and_the_rest_is_counted():
    _, faults = parse_log(WHOLE + b"oh\n" * 1000)
    assert len(faults) == 51
    assert "950 more" in str(faults[-1])


@pytest.mark.parametrize("content", [b"", b"\n\n", b"import os\n", b"\x89PNG\r\n"])
def test_a_file_that_is_no_log_is_refused(tmp_path, content):
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(EventLogError, match="is no log of events"):
        read_log(path)


@pytest.mark.parametrize("name", ["nowhere", ".", "a\0b"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, name):
    with pytest.raises(EventLogError, match="cannot be read"):
        read_log(tmp_path / name)


@pytest.mark.parametrize("at", [b"1e999", b"-1e999", b'"inf"', b"NaN", b"1" + b"0" * 400])
def test_a_line_of_no_moment_is_a_fault_of_its_line(at):
    (run,), (fault,) = parse_log(
        WHOLE + b'{"run": "r", "name": "execution:run-ended", "at": %b, "success": true}\n' % at
    )
    assert run.ended
    assert fault.code == "damaged-line"
