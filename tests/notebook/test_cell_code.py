from __future__ import annotations
import __future__

import ast
from typing import Any

import pytest

from orchestra_nb.model import Node, NodeId
from orchestra_nb.notebook.code import awaits, cell_code, compiled, future_flags, interactive, is_quiet, register


def cell(source: str, name: str = "cell-3", **others: Any) -> Node:
    return Node(NodeId(name), kind="cell", source=source, index=2, **others)


INTERACTIVE = [
    ("", "last_expr", []),
    ("a; b", "last_expr", [False, True]),
    ("a; b = 1", "last_expr", [False, False]),
    ("a; b = 1", "last_expr_or_assign", [False, False, True]),
    ("a; b += 1", "last_expr_or_assign", [False, False, True]),
    ("a; b.c = 1", "last_expr_or_assign", [False, False]),
    ("a; b = c = 1", "last_expr_or_assign", [False, False]),
    ("b: int = 1", "last_expr_or_assign", [False, True]),
    ("a\nfor i in x: i", "last", [False, True]),
    ("a\nfor i in x: i", "last_expr", [False, False]),
    ("a; b", "none", [False, False]),
    ("a; b = 1", "all", [True, True]),
]


@pytest.mark.parametrize(("source", "mode", "expected"), INTERACTIVE)
def test_what_is_shown_follows_the_rules_of_ipython(source: str, mode: str, expected: list[bool]) -> None:
    assert [shown for _, shown in interactive(ast.parse(source).body, mode)] == expected


QUIET = [("x;", True), ("x; # so", True), ("x", False), ("';'", False), ("x;\n\n", True), ("", False), ("'''", False)]


@pytest.mark.parametrize(("source", "expected"), QUIET)
def test_a_last_semicolon_keeps_quiet(source: str, expected: bool) -> None:
    assert is_quiet(source) is expected


@pytest.mark.parametrize(("name", "label"), [("cell-12", "12"), ("load", "load"), ("cell-3.2", "cell-3.2")])
def test_a_traceback_calls_a_cell_by_number_or_name(name: str, label: str) -> None:
    assert cell_code(cell("x", name)).label == label


def test_a_cell_says_what_its_running_needs() -> None:
    code = cell_code(
        cell("await x", metadata={"tags": ("raises-exception",), "state": ("*",)}, verdicts={"threading": "a magic"})
    )
    assert (code.is_async, code.may_raise, code.figures, code.foreign) == (True, True, True, True)
    plain = cell_code(cell("x"))
    assert (plain.is_async, plain.may_raise, plain.figures, plain.foreign) == (False, False, False, False)


def test_magics_are_translated_and_lines_keep_their_numbers() -> None:
    assert "run_line_magic('time', 'f()')" in cell_code(cell("\n%time f()")).text.splitlines()[1]


def test_a_cell_that_does_not_parse_fails_only_when_it_runs() -> None:
    code = cell_code(cell("x = ("))
    with pytest.raises(SyntaxError):
        list(compiled(code, register(code)))


def test_only_the_statements_that_await_are_coroutines() -> None:
    code = cell_code(cell("x = 1\nawait f()\ny = 2"))
    assert [awaits(unit) for unit in compiled(code, register(code))] == [False, True, False]


def test_a_future_feature_holds_for_the_rest_of_the_cell_and_for_later_cells() -> None:
    source = "def f(a: B): ...\nfrom __future__ import annotations\ndef g(a: B): ..."
    flag = __future__.annotations.compiler_flag
    code = cell_code(cell(source))
    first, _, last = compiled(code, register(code))
    assert (first.co_flags & flag, last.co_flags & flag) == (0, flag)
    assert future_flags(source) == flag
    later = cell_code(cell("def f(a: B): ..."), flags=flag)
    (unit,) = compiled(later, register(later))
    assert unit.co_flags & flag


def test_tree_transformers_of_the_shell_apply(shell: Any) -> None:
    class Twice(ast.NodeTransformer):
        def visit_Constant(self, node: ast.Constant) -> ast.Constant:
            return ast.copy_location(ast.Constant(node.value * 2), node)

    shell.ast_transformers.append(Twice())
    code = cell_code(cell("x = 21"))
    namespace: dict[str, Any] = {}
    for unit in compiled(code, register(code, shell), shell):
        exec(unit, namespace)
    assert namespace["x"] == 42
