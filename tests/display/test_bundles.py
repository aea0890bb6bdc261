from __future__ import annotations

import base64
import re

import pytest

from orchestra_nb.display import html
from orchestra_nb.display.runs import run_text
from orchestra_nb.errors import Issue, NodeFailed
from orchestra_nb.graph import DAG, ValidationResult
from orchestra_nb.model import Node, Outcome
from orchestra_nb.presentation import presenter_of
from orchestra_nb.running.result import RunResult
from orchestra_nb.simulation import simulate

DAG_ = DAG([Node("load", cost=2), Node("fit", after=["load"], cost=3), Node("plot", after=["load"])])


def result(**changes) -> RunResult:
    outcomes = {
        "load": Outcome("load", "done", started=0.0, ended=2.0, worker="main"),
        "fit": Outcome("fit", "failed", error=NodeFailed("ValueError: bad <b>", "fit"), started=2.0, ended=3.0),
        "plot": Outcome("plot", "skipped", reason="stopped after 'fit' failed"),
    }
    given = {
        "outcomes": outcomes,
        "values": {},
        "dag": DAG_,
        "jobs": 2,
        "backend": "threading",
        "total_time": 3.0,
        "run_id": "r",
        "started_at": "2026-01-01T00:00:00Z",
    }
    return RunResult(**given | changes)


VALUES = [
    DAG_,
    DAG([]),
    ValidationResult(),
    ValidationResult((Issue("cycle", "a <b>"),)),
    simulate(DAG_, 2),
    result(),
    result(outcomes={}, dag=DAG([])),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_every_value_has_text_html_and_a_frame(value):
    bundle = value._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert not re.search(r"0x[0-9a-f]{6,}", bundle["text/plain"])
    assert not re.search(r"<(script|style|svg)\b", bundle["text/html"])
    assert len(value.frame.columns) >= 5


def test_the_picture_of_a_dag_is_an_image_with_a_text_for_those_who_do_not_see_it():
    shown = DAG_._repr_mimebundle_()["text/html"]
    data = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', shown)[1]
    assert base64.b64decode(data).decode().startswith("<svg")
    assert 'alt="DAG of 3 nodes in 2 levels; critical path load → fit"' in shown
    assert "<summary>2 edges and why</summary>" in shown


def test_a_failed_run_says_so_first_and_why():
    lines = result()._repr_mimebundle_()["text/plain"].splitlines()
    assert lines[0] == (
        "✗ failed: 3 nodes (1 done, 1 failed, 1 skipped) in 3.0 s"
        " · lower bound 3.0 s · speed-up 1.00 · jobs=2 · threading"
    )
    assert "NodeFailed: ValueError: bad <b>" in lines
    assert "NodeFailed: ValueError: bad &lt;b&gt;" in result()._repr_mimebundle_()["text/html"]


def test_a_run_that_went_well_and_one_that_was_stopped():
    good = {name: Outcome(name, "done", started=0.0, ended=1.0) for name in DAG_.nodes}
    assert result(outcomes=good)._repr_mimebundle_()["text/plain"].startswith("✓ done: 3 nodes (3 done)")
    assert result(stopped="interrupted")._repr_mimebundle_()["text/plain"].startswith("■ interrupted:")
    assert result(outcomes={})._repr_mimebundle_()["text/plain"].startswith("✓ done: 0 nodes (nothing to do)")


def test_a_long_table_says_what_it_leaves_out():
    made = html.table(("n",), ([i] for i in range(html.MOST_ROWS + 1500)))
    assert made.count("<tr>") == html.MOST_ROWS + 1
    assert "and 1,500 more; the frame has all of them" in made


def test_a_picture_without_a_width_is_still_shown():
    assert "min-width:0px" in html.picture("<svg/>", "x")
    assert "min-width:80px" in html.picture('<svg width="100pt" height="9pt"/>', "x")


def test_nothing_presents_what_nobody_knows():
    with pytest.raises(LookupError, match="nothing presents object"):
        presenter_of(object())


def test_graphviz_gets_a_source_that_it_can_save(tmp_path):
    saved = DAG_.to_graphviz().save(tmp_path / "dag.gv")
    assert (tmp_path / "dag.gv").read_text(encoding="utf-8").startswith("digraph")
    assert saved.endswith("dag.gv")


def test_many_nodes_are_told_in_part_and_the_critical_path_is_that_of_what_was_measured():
    names = [f"n{number}" for number in range(250)]
    dag = DAG([Node(name, cost=9.0) for name in names])
    outcomes = {name: Outcome(name, "done", started=0.0, ended=1.0) for name in names[:-1]}
    outcomes["n249"] = Outcome("n249", "skipped", reason="no time")
    outcomes["n7"] = Outcome("n7", "failed", error=NodeFailed("no", "n7"), started=0.0, ended=3.0)
    plain = presenter_of(result()).bundle(result(outcomes=outcomes, dag=dag))["text/plain"]
    assert "… and 50 more" in plain
    assert plain.splitlines()[-1].startswith("critical path (3.0 s of ")
    assert plain.endswith("): n7")


@pytest.mark.parametrize("each", [1_000, 1_000_000])
def test_the_plain_text_of_a_run_stays_short_however_much_its_errors_say(each):
    names = [f"n{number}" for number in range(500)]
    errors = [NodeFailed("ValueError: <b>boom\n" + "x" * each, name) for name in names]
    failed = {
        name: Outcome(name, "failed", error=error, started=0.0, ended=1.0, reason="y" * each)
        for name, error in zip(names, errors, strict=True)
    }
    text = run_text(RunResult(failed, {}, DAG(Node(name) for name in names), 2, "threading", 2.0, "r", ""))
    assert len(text) < 300_000
    assert "  … and 300 more" in text.splitlines()
