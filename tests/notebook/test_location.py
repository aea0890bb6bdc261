from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestra_nb.cells.cell import Cell
from orchestra_nb.cells.settings import NodeSettings
from orchestra_nb.errors import CommandError
from orchestra_nb.notebook.declarations import Declaration, Declarations
from orchestra_nb.notebook.location import cell_order, notebook_path


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JPY_SESSION_NAME", "PAPERMILL_INPUT_PATH"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    cells: list[dict[str, Any]] = [{"cell_type": "code", "id": "aa"}, {"cell_type": "markdown", "id": "mm"}]
    cells += [{"cell_type": "code"}, {"cell_type": "code", "id": "bb"}]
    path = tmp_path / "n.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    return path


def test_a_path_that_is_given_is_taken(tmp_path: Path) -> None:
    assert notebook_path("x.ipynb", {}) == Path("x.ipynb")


def test_the_front_ends_are_asked_in_order(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = file.with_name("other.ipynb")
    other.write_text("{}")
    assert notebook_path("", {"__session__": str(file)}) == file
    assert notebook_path("", {"__session__": str(file), "__vsc_ipynb_file__": str(other)}) == other
    monkeypatch.setenv("PAPERMILL_INPUT_PATH", str(other))
    assert notebook_path("", {}) == other
    monkeypatch.setenv("JPY_SESSION_NAME", str(file))
    assert notebook_path("", {}) == file
    monkeypatch.setenv("JPY_SESSION_NAME", str(file.with_name("renamed-since.ipynb")))
    assert notebook_path("", {}) == other


def test_papermill_may_have_put_the_path_into_the_namespace(file: Path) -> None:
    assert notebook_path("", {"PAPERMILL_INPUT_PATH": str(file)}) == file


def test_the_connection_file_may_name_the_session(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = file.with_name("kernel.json")
    connection.write_text(json.dumps({"jupyter_session": str(file)}))
    monkeypatch.setattr("ipykernel.connect.get_connection_file", lambda: str(connection))
    assert notebook_path("", {}) == file
    connection.write_text("{}")
    with pytest.raises(CommandError, match="--notebook PATH"):
        notebook_path("", {})


def test_when_nobody_knows_the_user_is_asked() -> None:
    with pytest.raises(CommandError, match="--notebook PATH"):
        notebook_path("", {"__session__": 3})


def test_cells_are_found_by_their_ids(file: Path, tmp_path: Path) -> None:
    assert cell_order(file) == {"aa": 1, "bb": 3}
    assert cell_order(tmp_path / "missing") == {}
    (tmp_path / "bad").write_text("[]")
    assert cell_order(tmp_path / "bad") == {}


def declared(name: str, cell_id: str = "") -> Declaration:
    return Declaration(Cell(1, f"{name} = 1", NodeSettings(name=name), cell_id=cell_id))


def names(items: Declarations, path: Path | None = None) -> list[str]:
    return [item.cell.id for item in items.in_order(path)]


def test_document_order_is_the_files_where_it_knows_every_cell(file: Path) -> None:
    items = Declarations()
    items.add(declared("second", "bb"))
    items.add(declared("first", "aa"))
    assert names(items) == ["second", "first"]
    assert names(items, file) == ["first", "second"]
    items.add(declared("unsaved", "cc"))
    assert names(items, file) == ["second", "first", "unsaved"]


def test_a_cell_declared_under_another_name_replaces_its_old_self() -> None:
    items = Declarations()
    for name, cell_id in [("a", "1"), ("b", "2"), ("c", "3")]:
        items.add(declared(name, cell_id))
    assert items.place_of("2") == 2
    assert items.place_of("") == items.place_of("9") == 4
    items.add(declared("d", "2"))
    assert names(items) == ["a", "d", "c"]
    items.add(declared("c", "1"))
    assert names(items) == ["c", "d"]
    items.clear()
    assert len(items) == 0
