"""A run or a graph as a file: by its ending, never over another, never with what a name smuggles in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import pytest

from orchestra_nb import DAG, Node, Pipeline, RunConfig
from orchestra_nb.command_options import EXPORTS, GRAPH_FORMATS
from orchestra_nb.errors import CommandError
from orchestra_nb.notebook.exporting import _FORMS, export
from orchestra_nb.taskgraphs.formats import FORMATS

Cell = Callable[..., Any]
RUN = RunConfig(jobs=1, history=False)
ODD = ["<img src=x onerror=alert(1)>", 'a"]', "b\0c", "\ud800", "]]>", "x" * 500]


def result_of(*names: str) -> Any:
    nodes = [Node(name, fn=lambda: 1, after=names[:place]) for place, name in enumerate(names)]
    return Pipeline(nodes, config=RUN).run()


def test_there_is_a_form_for_every_ending_that_help_tells_of() -> None:
    assert tuple(_FORMS) == EXPORTS
    assert tuple(each.name for each in FORMATS) == GRAPH_FORMATS


@pytest.mark.parametrize("ending", EXPORTS)
@pytest.mark.parametrize("what", [result_of("load", "fit"), DAG([Node("load"), Node("fit", after=["load"])]), DAG([])])
def test_a_run_and_a_graph_are_written_in_each_form(what: Any, ending: str, tmp_path: Path) -> None:
    path = export(what, str(tmp_path / f"a{ending.upper()}"))
    text = path.read_text(encoding="utf-8")
    assert len(text) > 20
    if ending == ".json":
        data = json.loads(text)
        assert [node["id"] for node in data["nodes"]] == ["load", "fit"][: len(data["nodes"])]
        assert {"levels", "critical_path", "edges"} <= data.keys()
    if ending == ".graphml" and not (isinstance(what, DAG) and not what.nodes):
        graph = nx.read_graphml(path)
        assert list(graph.edges) == [("load", "fit")]
        assert ("status" in graph.nodes["load"]) == (not isinstance(what, DAG))


@pytest.mark.parametrize("ending", EXPORTS)
@pytest.mark.parametrize("name", ODD)
def test_no_name_breaks_a_file_or_gets_out_of_it(name: str, ending: str, tmp_path: Path) -> None:
    path = export(result_of(name, "next"), str(tmp_path / f"a{ending}"))
    text = path.read_text(encoding="utf-8")
    assert "<img src=x" not in text or ending in (".json", ".dot", ".stg")
    assert "\0" not in text
    if ending == ".graphml":
        assert len(nx.read_graphml(path)) == 2
    if ending == ".json":
        assert json.loads(text)["nodes"][0]["id"] == name


def test_a_page_has_no_script_and_asks_for_nothing(tmp_path: Path) -> None:
    text = export(result_of("load"), str(tmp_path / "a.html")).read_text(encoding="utf-8")
    assert "<script" not in text
    assert "http" not in text.replace("data:", "")
    assert text.startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("a.png", "ends with '.png'"),
        ("a", "let it end with one of .json"),
        (".json", "let it end with"),
        ("there.svg", "is there already; give another name, or --force"),
        ("folder.svg", "is a folder"),
        ("none/a.svg", "there is no folder"),
        ("y" * 300 + ".svg", "no file can have that name"),
        ("a.sgv", "did you mean '.svg'"),
    ],
)
def test_what_cannot_be_written_is_refused_and_nothing_is_changed(file: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "there.svg").write_text("mine")
    (tmp_path / "folder.svg").mkdir()
    before = sorted(tmp_path.iterdir())
    with pytest.raises(CommandError, match=message):
        export(result_of("load"), str(tmp_path / file))
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "there.svg").read_text() == "mine"


def test_the_home_of_nobody_is_a_folder_that_is_not_there() -> None:
    with pytest.raises(CommandError, match="there is no folder"):
        export(result_of("load"), "~no-such-user-here/a.svg")


def test_a_file_is_written_over_when_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "there.svg").write_text("mine")
    assert export(result_of("load"), str(tmp_path / "there.svg"), force=True).read_text() != "mine"


def test_the_magic_takes_the_last_run_or_else_the_graph(cell: Cell, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="nothing is declared"):
        cell("%orchestrate export a.json")
    cell("%%orchestrate load\nx = 1")
    assert cell("%orchestrate export a.json").result.plain == "the graph is in a.json"
    cell("%orchestrate run")
    with pytest.raises(CommandError, match="--force"):
        cell("%orchestrate export a.json")
    assert cell("%orchestrate export a.json --force").result.plain.startswith("run ")
    assert json.loads(Path("a.json").read_text())["success"] is True


def test_the_magic_writes_the_formats_of_others(cell: Cell, tmp_path: Path) -> None:
    cell("%%orchestrate load\nx = 1")
    cell("%orchestrate run")
    cell("%orchestrate export a.json --format wfformat")
    data = json.loads(Path("a.json").read_text())
    assert [task["id"] for task in data["workflow"]["execution"]["tasks"]] == ["load"]
    assert data["workflow"]["execution"]["machines"]
    assert cell("%orchestrate export a.stg").result.plain.endswith("is in a.stg")
    assert cell("%orchestrate export -o b.stg").result.plain.endswith("is in b.stg")
    for line in ("", "c.svg -o d.svg"):
        with pytest.raises(CommandError, match="name one file to write to"):
            cell(f"%orchestrate export {line}")
    with pytest.raises(CommandError, match="no format is called 'fabrc'; did you mean 'fabric'"):
        cell("%orchestrate export b.json --format fabrc")
