"""Cells to a DAG: faults with their places, settings over findings, names from a live session."""

from __future__ import annotations

import math
import random
import types
from typing import Any

import numpy as np
import pytest

from orchestra_nb.cells.cell import Cell
from orchestra_nb.cells.inference import cell_dag, infer
from orchestra_nb.cells.settings import NodeSettings
from orchestra_nb.cells.source import CellSyntaxError, is_own_command, prepare
from orchestra_nb.errors import NotebookError
from orchestra_nb.graph.validation import faults_of


def cells(*sources: str | tuple[str, dict[str, Any]]) -> list[Cell]:
    out = []
    for number, item in enumerate(sources, 1):
        source, settings = (item, {}) if isinstance(item, str) else item
        out.append(Cell(number, source, NodeSettings(**settings)))
    return out


def test_every_syntax_error_is_reported_with_its_cell_and_line() -> None:
    with pytest.raises(NotebookError) as caught:
        cell_dag(cells("x = 1", "\ny = (", "z = 1", "def"))
    assert [issue.path for issue in caught.value.issues] == ["cell 2, line 2", "cell 4, line 1"]
    assert {issue.code for issue in caught.value.issues} == {"syntax-error"}


@pytest.mark.parametrize("source", ["return 1", "x = '\x00'", "%%time\nfor", "    x = 1\n  y = 2", "await = 3"])
def test_what_python_refuses_is_refused(source: str) -> None:
    if source.startswith("%%time"):
        assert prepare(source).code  # a cell magic's body is the magic's business
        return
    with pytest.raises(CellSyntaxError):
        prepare(source)


def test_duplicates_unknown_after_and_cycles_are_one_error() -> None:
    with pytest.raises(NotebookError) as caught:
        cell_dag(cells(("x = 1", {"name": "a"}), ("y = 2", {"name": "a"}), ("z = 3", {"after": ("aa",)})))
    assert {issue.code for issue in caught.value.issues} == {"duplicate-name", "unknown-node"}
    with pytest.raises(NotebookError) as caught:
        cell_dag(cells(("x = 1", {"after": ("cell-2",)}), "y = x"))
    assert caught.value.issues[0].code == "cycle"


def test_a_user_can_settle_what_was_only_possible() -> None:
    unsettled = cells("import nobody_knows\nxs = [1]", "nobody_knows.f(xs)", "nobody_knows.g(xs)")
    settled = [unsettled[0], *(Cell(c.position, c.source, NodeSettings(mutates=())) for c in unsettled[1:])]
    assert "cell-2" in cell_dag(unsettled).predecessors("cell-3")
    dag = cell_dag(settled)
    assert "cell-2" not in dag.predecessors("cell-3")
    assert dag.nodes["cell-2"].verdicts["threading"] == ""


def test_declared_mutations_make_edges() -> None:
    dag = cell_dag(cells("xs = [1]", ("ys = xs", {"mutates": ("xs",)}), "xs"))
    assert any(e.kind in ("mutation", "alias") for e in dag.edges if (e.source, e.target) == ("cell-2", "cell-3"))


def test_declared_reads_and_writes_replace_the_inferred_ones() -> None:
    dag = cell_dag(cells("x = 1", "z = 1", ("x", {"reads": ("z",), "writes": ("w",)}), "w"))
    assert dag.predecessors("cell-3") == ("cell-2",)
    assert dag.predecessors("cell-4") == ("cell-3",)


def test_settings_reach_the_node() -> None:
    (node,) = infer(cells(("x = 1", {"name": "n", "cost": 3.0, "priority": 2, "phase": "p", "timeout": 9.0}))).nodes
    assert (node.id, node.cost, node.priority, node.phase, node.timeout) == ("n", 3.0, 2, "p", 9.0)


def test_a_live_namespace_is_understood() -> None:
    space: dict[str, Any] = {
        "np": np,
        "math": math,
        "n": 3,
        "xs": [1, [2]],
        "arr": np.zeros(2),
        "rng": random.Random(1),
    }
    found = infer(cells("y = np.sum(arr) + math.sqrt(n)", "xs[1].append(1)", "print(xs)", "rng.random()"), space)
    assert [node.verdicts["threading"] for node in found.nodes] == ["", "", "", ""]
    assert {(e.source, e.target) for e in found.edges} == {("cell-2", "cell-3")}
    assert found.nodes[1].mutates == ("xs",)


def test_aliases_that_exist_in_a_live_namespace_are_seen() -> None:
    shared = [1]
    found = infer(cells("a.append(2)", "print(b['k'])"), {"a": shared, "b": {"k": shared}})
    assert [(e.source, e.target, e.kind) for e in found.edges] == [("cell-1", "cell-2", "alias")]


def test_a_live_function_without_source_is_unknown_code() -> None:
    space: dict[str, Any] = {"__name__": "__main__"}
    exec("def f(x):\n    x.append(1)", space)
    found = infer(cells("f(xs)", "xs"), {"f": space["f"], "xs": [1]})
    assert "not known" in found.nodes[0].verdicts["threading"]


def test_a_live_function_with_source_is_followed(tmp_path: Any) -> None:
    path = tmp_path / "session.py"
    path.write_text("def f(x):\n    x.append(1)\n\ndef g(x):\n    return len(x)\n")
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(path.read_text(), str(path), "exec"), space)
    found = infer(cells("g(xs)", "f(xs)", "g(xs)"), {"f": space["f"], "g": space["g"], "xs": [1]})
    assert [node.verdicts["threading"] for node in found.nodes] == ["", "", ""]
    assert {(e.source, e.target) for e in found.edges} == {("cell-1", "cell-2"), ("cell-2", "cell-3")}


def test_odd_live_values_are_taken_as_unknown() -> None:
    wide, deep = list(range(2000)), [[[[[[[1]]]]]]]
    odd = types.SimpleNamespace(x=1)
    found = infer(cells("wide.append(deep)", "odd.x"), {"wide": wide, "deep": deep, "odd": odd, "K": type("K", (), {})})
    assert found.nodes[0].mutates == ("wide",)


@pytest.mark.parametrize("source", ["_ + 1", "x = 3\nOut[3]", "print(In)", "_12", "__"])
def test_reading_the_sessions_history_is_refused_with_its_place(source: str) -> None:
    with pytest.raises(NotebookError, match=r"cell 2, line \d: reads the session's history") as caught:
        cell_dag(cells("1 + 1", source))
    assert caught.value.issues[0].code == "uses-history"


def test_an_underscore_that_the_notebook_binds_is_a_name() -> None:
    assert cell_dag(cells("for _ in range(3):\n    pass", "_ + 1")).predecessors("cell-2") == ("cell-1",)


def test_our_own_commands_are_told_from_code() -> None:
    assert is_own_command("# hello\n%load_ext orchestra_nb\n\n%orchestrate run --notebook")
    assert not is_own_command("%load_ext orchestra_nb\nx = 1")
    assert not is_own_command("")


def test_the_magic_line_above_a_cell_is_not_code() -> None:
    assert prepare("%%orchestrate load --cost 3\nx = 1").code == "\nx = 1\n"


def test_leading_blank_lines_keep_the_numbers() -> None:
    assert prepare("\n\nx = 1\n!ls").code.splitlines()[2:] == ["x = 1", "get_ipython().system('ls')"]


# ---- cells that do not parse ---------------------------------------------------------------------------------

BROKEN = [
    "y = (",
    "return 1",
    "%time x = = 1\nx = = 1",
    "!ls\n  if",
    "def",
    "x = '\x00'",
    '=%"""1',
    "a?b = 1",
    "-" * 99999,
]


@pytest.mark.parametrize("source", BROKEN)
def test_the_rest_is_planned_around_a_cell_that_does_not_parse(source: str) -> None:
    given = cells("a = 1", "b = 2", source, "c = 3", "d = 4")
    with pytest.raises(NotebookError, match=r"cell 3, line \d"):
        cell_dag(given)
    dag = cell_dag(given, keep_going=True)
    assert dag.levels == (("cell-1", "cell-2"), ("cell-3",), ("cell-4", "cell-5"))
    (fault,) = faults_of(dag.nodes.values())
    assert (fault.code, fault.nodes, fault.severity) == ("syntax-error", ("cell-3",), "error")
    assert fault.path.startswith("cell 3, line ")
    node = dag.nodes["cell-3"]
    assert (node.source, node.writes, node.verdicts["threading"]) == (source, (), "does not parse")


def test_ten_broken_cells_of_fifty_are_all_reported() -> None:
    given = cells(*(f"x{n} = {n}" if n % 5 else f"\n\nx{n} = = {n}" for n in range(50)))
    broken = [f"cell {n + 1}, line 3" for n in range(0, 50, 5)]
    with pytest.raises(NotebookError) as caught:
        cell_dag(given)
    assert [issue.path for issue in caught.value.issues] == broken
    dag = cell_dag(given, keep_going=True)
    assert [issue.path for issue in faults_of(dag.nodes.values())] == broken
    assert len(dag.nodes) == 50
    assert len(dag.levels) == 20


def test_what_a_broken_cell_might_bind_is_not_known_afterwards() -> None:
    given = cells("import math\ndef f(x):\n    return x", "math = (", "math.sqrt(2)")
    assert cell_dag([given[0], given[2]]).nodes["cell-3"].verdicts["threading"] == ""
    assert "not known" in cell_dag(given, keep_going=True).nodes["cell-3"].verdicts["threading"]


def test_other_faults_are_told_together_with_those_that_were_allowed() -> None:
    for last, code in (("print(Out)", "uses-history"), (("z = 1", {"backend": "nobody"}), "unknown-backend")):
        with pytest.raises(NotebookError) as caught:
            cell_dag(cells("x = 1", "y = (", last), keep_going=True)
        assert [issue.code for issue in caught.value.issues] == ["syntax-error", code]


def test_settings_of_a_broken_cell_hold() -> None:
    dag = cell_dag(cells(("x = (", {"name": "load", "cost": 4.0}), ("y = 1", {"after": ("load",)})), keep_going=True)
    assert dag.nodes["load"].cost == 4.0
    assert dag.predecessors("cell-2") == ("load",)


def test_a_cell_that_is_expected_to_fail_needs_no_leave_to_do_so() -> None:
    given = [Cell(1, "x = 1"), Cell(2, "x = = 2", tags=("raises-exception",)), Cell(3, "print(x)")]
    dag = cell_dag(given)
    assert dag.levels == (("cell-1",), ("cell-2",), ("cell-3",))
    assert faults_of(dag.nodes.values()) == ()


def test_what_parses_is_planned_as_ever() -> None:
    given = cells("x = [1]", "x.append(2)", "print(x)")
    assert cell_dag(given, keep_going=True) == cell_dag(given)
