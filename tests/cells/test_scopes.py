"""Our scoping agrees with the compiler's, over the standard library's own sources."""

from __future__ import annotations

import ast
import statistics
import symtable
from pathlib import Path

import pytest

from orchestra_nb.cells.effects.scopes import class_bindings, function_bindings

LIBRARY = Path(statistics.__file__).parent
FILES = [
    "argparse",
    "ast",
    "dataclasses",
    "enum",
    "functools",
    "inspect",
    "statistics",
    "typing",
    "asyncio/tasks",
    "csv",
]


def tables(table: symtable.SymbolTable) -> list[symtable.SymbolTable]:
    return [table, *(inner for child in table.get_children() for inner in tables(child))]


@pytest.mark.parametrize("name", FILES)
def test_bindings_are_those_of_the_compiler(name: str) -> None:
    source = (LIBRARY / f"{name}.py").read_text(encoding="utf-8")
    ours: dict[tuple[str, int], list[frozenset[str]]] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            ours.setdefault((node.name, node.lineno), []).append(function_bindings(node).local)
        elif isinstance(node, ast.Lambda):
            ours.setdefault(("lambda", node.lineno), []).append(function_bindings(node).local)
        elif isinstance(node, ast.ClassDef):
            ours.setdefault((node.name, node.lineno), []).append(class_bindings(node).local)
    compared = 0
    for table in tables(symtable.symtable(source, name, "exec")):
        key = (table.get_name(), table.get_lineno())
        if key not in ours or table.get_type() not in ("function", "class"):
            continue
        private = {s.get_name() for s in table.get_symbols() if s.get_name().startswith("_")}
        theirs = {
            s.get_name()
            for s in table.get_symbols()
            if s.is_local() and (s.is_assigned() or s.is_parameter() or s.is_imported())
        }
        assert any(theirs - private == set(mine) - _private(mine) for mine in ours[key]), (key, theirs, ours[key])
        compared += 1
    assert compared > 5


def _private(names: frozenset[str]) -> set[str]:
    return {name for name in names if name.startswith("_")}  # the compiler mangles them inside classes


def test_a_walrus_in_a_comprehension_belongs_to_the_function() -> None:
    node = ast.parse("def f(xs):\n    return [y for x in xs if (y := x)]").body[0]
    assert isinstance(node, ast.FunctionDef)
    assert function_bindings(node).local == {"xs", "y"}


def test_declarations_are_told_apart() -> None:
    node = ast.parse("def f():\n    global a\n    nonlocal_ = 1\n    a = 2\n    def g():\n        inner = 3").body[0]
    assert isinstance(node, ast.FunctionDef)
    found = function_bindings(node)
    assert (found.local, found.module, found.outer) == ({"nonlocal_", "g"}, {"a"}, set())
