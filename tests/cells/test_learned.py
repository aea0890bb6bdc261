"""What runs have taught: kept for a notebook, taken for granted by its next plan, forgotten when a cell is edited."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from orchestra_nb.cells.learned import NOTHING_LEARNED, source_key, with_changes
from orchestra_nb.cells.learned_store import place_of, recall, remember
from orchestra_nb.cells.notebook_file import Notebook
from orchestra_nb.cells.plan_cache import VARIABLE
from orchestra_nb.config import RunConfig
from orchestra_nb.model import Node, NodeId, UnforeseenChange
from orchestra_nb.notebook.file_run import run_file

SOURCES = ["xs = list(range(100))", "#| mutates: []\nxs.append(sum(range(3_000_000)))", "print(sum(xs[:3]), len(xs))"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "kept"))
    found = place_of(tmp_path / "analysis.ipynb")
    assert found is not None
    return found


def written(path: Path, sources: list[str]) -> Path:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def test_what_is_kept_comes_back_and_adds_up(place: Path) -> None:
    remember(place, {"a": frozenset({"x"})})
    remember(place, {"a": frozenset({"y"}), "b": frozenset({"z"})})
    assert recall(place) == {"a": {"x", "y"}, "b": {"z"}}
    assert [path.name for path in place.parent.iterdir()] == [place.name]


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"format": "orchestra_nb learned 1", "cells": 3}', b"\xff", b"[" * 100_000]
)
def test_a_damaged_file_teaches_nothing(place: Path, content: bytes) -> None:
    place.write_bytes(content)
    assert recall(place) == NOTHING_LEARNED
    remember(place, {"a": frozenset({"x"})})
    assert recall(place) == {"a": {"x"}}


def test_where_nothing_may_be_kept_nothing_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, "")
    assert place_of(tmp_path / "analysis.ipynb") is None
    remember(None, {"a": frozenset({"x"})})
    assert recall(None) == NOTHING_LEARNED


def test_every_cell_that_may_have_made_a_change_is_taken_to_make_it() -> None:
    nodes = {name: Node(NodeId(name), source=name) for name in "ab"}
    change = UnforeseenChange("x", (NodeId("a"), NodeId("b")))
    found = with_changes({source_key("a"): frozenset({"y"})}, [change], nodes)
    assert found == {source_key("a"): {"x", "y"}, source_key("b"): {"x"}}


def test_the_next_plan_of_a_file_knows_what_its_last_run_saw(place: Path, tmp_path: Path) -> None:
    path = written(tmp_path / "analysis.ipynb", SOURCES)

    def pairs() -> set[tuple[str, str]]:
        return {(edge.source, edge.target) for edge in Notebook.read(path).dag.edges}

    before = pairs()
    run = run_file(path, RunConfig(jobs=1, guard=1.0))
    assert [(change.name, change.cells) for change in run.run.unforeseen] == [("xs", ("cell-2",))]
    assert pairs() - before == {("cell-2", "cell-3")}
    written(path, [SOURCES[0], SOURCES[1] + " + 1", SOURCES[2]])
    assert pairs() == before
