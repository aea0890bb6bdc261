"""Parameters: papermill's cell at papermill's place, and values that are safe to write as Python."""

from __future__ import annotations

import ast
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.cells.notebook_file import Notebook
from orchestra_nb.cells.parameters import parameters_source, value_of
from orchestra_nb.errors import NotebookError

DEFAULTS = {"tags": ["parameters"]}
INJECTED = {"tags": ["injected-parameters"]}


def save(folder: Path, *cells: tuple[str, dict[str, Any]], minor: int = 5) -> Path:
    path = folder / "n.ipynb"
    written = [
        {"cell_type": "code", "source": source, "metadata": metadata, "outputs": [], "execution_count": None}
        | ({"id": f"c{number}"} if minor >= 5 else {})
        for number, (source, metadata) in enumerate(cells, 1)
    ]
    path.write_text(json.dumps({"cells": written, "metadata": {}, "nbformat": 4, "nbformat_minor": minor}))
    return path


def sources(notebook: Notebook) -> list[str]:
    return [cell.source for cell in notebook.document.cells]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-3", -3),
        ("1e3", 1000.0),
        ("True", True),
        ("False", False),
        ("None", None),
        ("true", "true"),
        ("2026-11-23", "2026-11-23"),
        ("x = 1; y", "x = 1; y"),
        ("", ""),
    ],
)
def test_a_word_is_what_papermill_takes_it_for(text: str, value: object) -> None:
    found = value_of(text)
    assert (found, type(found)) == (value, type(value))


PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(st.recursive(PLAIN, lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner)))
def test_what_is_written_is_the_value_and_nothing_else(value: Any) -> None:
    (statement,) = ast.parse(parameters_source({"x": value})).body
    assert isinstance(statement, ast.Assign)
    assert ast.literal_eval(statement.value) == value


def test_numbers_that_have_no_literal_are_made() -> None:
    names: dict[str, Any] = {}
    exec(parameters_source({"a": math.inf, "b": -math.inf, "c": math.nan}), names)
    assert (names["a"], names["b"], math.isnan(names["c"])) == (math.inf, -math.inf, True)


class Sly(str):
    """A text whose representation is code."""

    def __repr__(self) -> str:
        return "exit()"


def test_a_value_that_is_a_kind_of_text_is_written_as_the_text() -> None:
    assert parameters_source({"x": Sly("a")}) == '# Parameters\nx = "a"\n'


@pytest.mark.parametrize("name", ["", "a b", "1x", "class", "x=1;y", "x.y"])
def test_a_name_that_cannot_be_bound_is_refused(name: str) -> None:
    with pytest.raises(NotebookError, match="not a name"):
        parameters_source({name: 1})


def endless() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, b"x", [lambda: 1], endless()],
    ids=["an object", "a set", "bytes", "a function within", "itself within"],
)
def test_a_value_that_has_no_literal_is_refused_by_the_name_of_its_parameter(value: Any) -> None:
    with pytest.raises(NotebookError, match="'rate' cannot be written as Python"):
        parameters_source({"rate": value})


def test_the_cell_follows_the_one_with_the_defaults(tmp_path: Path) -> None:
    path = save(tmp_path, ("import os", {}), ("rate = 1\nname: str = 'a'", DEFAULTS), ("print(rate)", {}))
    notebook = Notebook.read(path, {"rate": 0.5, "name": "b"})
    assert sources(notebook)[2] == '# Parameters\nrate = 0.5\nname = "b"\n'
    assert notebook.document.cells[2].metadata == INJECTED
    assert notebook.warnings == ()
    assert [node.id for node in notebook.dag.nodes.values()] == ["cell-1", "cell-2", "cell-3", "cell-4"]
    assert "cell-3" in notebook.dag.predecessors("cell-4")


def test_the_cell_of_an_earlier_run_is_replaced(tmp_path: Path) -> None:
    path = save(tmp_path, ("rate = 1", DEFAULTS), ("print(1)", {}), ("rate = 2", INJECTED), ("rate", {}))
    assert sources(Notebook.read(path, {"rate": 3})) == ["rate = 1", "print(1)", "# Parameters\nrate = 3\n", "rate"]


def test_without_a_tagged_cell_it_comes_first_with_a_warning(tmp_path: Path) -> None:
    notebook = Notebook.read(save(tmp_path, ("print(rate)", {})), {"rate": 3})
    assert sources(notebook) == ["# Parameters\nrate = 3\n", "print(rate)"]
    assert [issue.code for issue in notebook.warnings] == ["unknown-parameter"]


def test_an_unknown_name_is_a_warning_with_the_nearest_one(tmp_path: Path) -> None:
    notebook = Notebook.read(save(tmp_path, ("rate = 1\n%matplotlib inline", DEFAULTS)), {"rat": 3})
    (issue,) = notebook.warnings
    assert (issue.severity, issue.suggestion) == ("warning", "did you mean 'rate'?")
    assert "rat = 3" in sources(notebook)[1]


def test_no_parameters_change_nothing(tmp_path: Path) -> None:
    path = save(tmp_path, ("rate = 1", DEFAULTS), ("rate = 2", INJECTED))
    assert sources(Notebook.read(path, {})) == sources(Notebook.read(path)) == ["rate = 1", "rate = 2"]


@pytest.mark.parametrize("minor", [4, 5])
def test_the_cell_has_an_id_where_the_format_has_them(tmp_path: Path, minor: int) -> None:
    notebook = Notebook.read(save(tmp_path, ("rate = 1", DEFAULTS), minor=minor), {"rate": 2})
    assert [cell.get("id") for cell in notebook.document.cells] == (
        ["c1", "injected-parameters"] if minor == 5 else [None, None]
    )
