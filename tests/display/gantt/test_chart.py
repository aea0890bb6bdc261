"""The Gantt chart as a value, of a run, of a moment and of a schedule; and the plan behind it."""

from __future__ import annotations

import pytest

from orchestra_nb import Pipeline, Replay, RunConfig
from orchestra_nb.display.gantt.chart import gantt_of
from orchestra_nb.display.gantt.plan import planned
from orchestra_nb.display.gantt.timeline import timeline_of
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, Outcome
from orchestra_nb.simulation import simulate

from ..judges import assert_harmless_html, assert_harmless_text
from ..payloads import PAYLOADS

NODES = [Node("a", fn=lambda: 1), Node("b", fn=lambda a: a), Node("bad", fn=lambda: 1 / 0), Node("c", fn=lambda bad: 1)]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    log = tmp_path_factory.mktemp("gantt") / "run.jsonl"
    result = Pipeline(NODES, config=RunConfig(jobs=1, history=False, keep_going=True, log=str(log))).run()
    return result, Replay.read(log).at(None)


def ended(**seconds):
    """Outcomes on threads, one after the other."""
    at, found = 0.0, {}
    for name, took in seconds.items():
        found[name] = Outcome(name, "done", started=at, ended=at + took, worker="Thread-1")
        at += took
    return found


def test_a_run_and_its_log_tell_the_same_nodes_with_the_same_states(run):
    result, state = run
    told = [{(bar.node, bar.state) for bar in source.gantt().timeline.bars} for source in (result, state)]
    assert told[0] == told[1] == {("a", "done"), ("b", "done"), ("bad", "failed")}
    assert timeline_of(result).absent == timeline_of(state).absent == (("c", "skipped"),)


def test_a_chart_shows_itself_in_a_notebook_and_in_a_terminal(run):
    for source in run:
        chart = source.gantt()
        shown = chart._repr_mimebundle_()
        assert shown["text/plain"] == chart.text
        assert "failed" in chart.text.splitlines()[0]
        assert "critical path: " in chart.text
        reader = assert_harmless_html(shown["text/html"])
        assert ("alt", repr(chart)[1:-1]) in reader.attributes
        assert chart.svg.startswith("<svg")


def test_the_frame_has_a_row_for_each_piece(run):
    result, _ = run
    chart = result.gantt()
    pieces = [piece for bar in chart.timeline.bars for piece in bar.pieces]
    assert len(chart.frame) == len(pieces)
    ran = chart.frame[chart.frame.kind == "attempt"].set_index("node")
    assert ran.seconds.to_dict() == pytest.approx({name: result.outcomes[name].seconds for name in ("a", "b", "bad")})
    assert ran.status.to_dict() == {"a": "done", "b": "done", "bad": "failed"}


def test_the_plan_is_behind_a_run_that_has_ended_unless_it_is_left_out(run):
    result, state = run
    for source in (result, state):
        assert {bar.node for bar in source.gantt().behind.bars} == {"a", "b", "bad"}
        assert source.gantt(plan=False).behind is None


def test_there_is_no_plan_while_the_run_goes_on(tmp_path):
    log = tmp_path / "run.jsonl"
    Pipeline(NODES[:2], config=RunConfig(jobs=1, history=False, log=str(log))).run()
    assert Replay.read(log).last.after(3).gantt().behind is None


def test_a_plan_lays_the_measured_times_as_if_nothing_had_waited():
    dag = DAG([Node("a", cost=99), Node("b"), Node("c", after=["a"])])
    found = planned(dag, ended(a=2.0, b=1.0, c=1.0), jobs=2)
    assert found.makespan == 3.0
    assert [(slot.node, slot.start) for slot in found.rows] == [("a", 0.0), ("b", 0.0), ("c", 2.0)]


def test_what_never_began_is_in_no_plan():
    found = planned(DAG([Node("a"), Node("b", after=["a"])]), {**ended(a=1.0), "b": Outcome("b", "skipped")}, jobs=1)
    assert [slot.node for slot in found.rows] == ["a"]


@pytest.mark.parametrize(
    ("workers", "jobs", "makespan"),
    [
        (("event loop", "event loop"), 1, 3.0),
        (("event loop", "event loop"), 2, 2.0),
        (("event loop", "Thread-1"), 2, 2.0),
        (("event loop", "Thread-1"), 1, 3.0),
        (("Thread-1", "Thread-2"), 0, None),
    ],
)
def test_in_a_plan_what_awaits_on_the_event_loop_takes_no_worker(workers, jobs, makespan):
    spans = zip("ab", workers, (1.0, 2.0), strict=True)
    outcomes = {name: Outcome(name, "done", started=0.0, ended=took, worker=worker) for name, worker, took in spans}
    found = planned(DAG([Node("a"), Node("b")]), outcomes, jobs)
    assert (None if found is None else found.makespan) == makespan


def test_nothing_has_no_plan():
    assert planned(DAG([]), {}, 2) is None


def test_a_schedule_shows_itself_as_a_chart():
    schedule = simulate(DAG([Node("a", cost=2), Node("b", after=["a"], cost=3)]), 2)
    shown = schedule._repr_mimebundle_()
    lines = shown["text/plain"].splitlines()
    assert lines[0] == "schedule: 5.0 s with 2 workers, lower bound 5.0 s, 50% busy"
    assert lines[1].startswith("worker 1 |[a==")
    assert lines[-1] == "critical path: a → b"
    assert_harmless_html(shown["text/html"])


def test_hostile_names_do_no_harm_in_any_form():
    dag = DAG([Node(name, cost=i + 1) for i, name in enumerate(PAYLOADS)])
    chart = gantt_of(simulate(dag, 3), "<b>heading</b>")
    shown = chart._repr_mimebundle_()
    assert_harmless_html(shown["text/html"])
    assert_harmless_text(shown["text/plain"])
    assert set(chart.frame.node) == set(map(str, PAYLOADS))
