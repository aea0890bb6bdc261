from __future__ import annotations

from orchestra_nb.definitions.builder import DAGBuilder
from orchestra_nb.display import text
from orchestra_nb.errors import NodeFailed
from orchestra_nb.graph import DAG
from orchestra_nb.model import Node, Outcome

DAG_ = DAG([Node("load", cost=2), Node("plot", after=["load"]), Node("fit", after=["load"], cost=3)])


def test_a_dag_in_words():
    assert text.dag_text(DAG_).splitlines() == [
        "DAG: 3 nodes, 2 edges, 2 levels, at most 2 at once",
        "levels:",
        "  0  load",
        "  1  plot, fit",
        "critical path (5.0 s of 6.0 s): load → fit",
        "edges:",
        "  load → plot  [declared] 'plot' is to come after 'load'",
        "  load → fit  [declared] 'fit' is to come after 'load'",
    ]
    assert text.levels_text(DAG_) in text.dag_text(DAG_)


def test_an_empty_dag_in_words():
    assert text.dag_text(DAG([])).splitlines()[-2:] == ["critical path (0 s of 0 s): none", "edges: none"]


def test_a_limit_says_what_it_leaves_out():
    wide = DAG([Node("a"), *(Node(f"n{i}", after=["a"]) for i in range(30))])
    assert text.dag_text(wide, limit=10).endswith("  … and 20 more")


def test_faults_in_words():
    assert text.issues_text(DAGBuilder().validate([Node("a", after=["b"])])) == (
        "error [unknown-node] 'a' comes after 'b', which does not exist"
    )


def test_outcomes_in_words_with_their_reasons():
    outcomes = {
        "load": Outcome("load", "failed", NodeFailed("boom\nmore"), started=0.0, ended=1.0, worker="t-1"),
        "fit": Outcome("fit", "skipped", reason="needs 'load', which failed"),
        "x": Outcome("x", "failed", error=NodeFailed("boom\nmore")),
    }
    lines = text.outcomes_text(outcomes).splitlines()
    assert lines[0] == "  ✗ load  failed   1.0 s  t-1"
    assert lines[1] == "  – fit   skipped              needs 'load', which failed"
    assert lines[2].endswith("boom")
    assert text.outcomes_text({}) == ""


def test_columns_line_up_where_characters_are_two_wide():
    outcomes = {name: Outcome(name, "done", started=0.0, ended=1.0) for name in ("日本語", "abcdef", "a")}
    assert text.outcomes_text(outcomes).splitlines() == [
        "  ✓ 日本語  done  1.0 s",
        "  ✓ abcdef  done  1.0 s",
        "  ✓ a       done  1.0 s",
    ]
