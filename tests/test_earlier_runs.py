"""What earlier runs took, of a graph's nodes or of all, from a store that has no names."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest

import orchestra_nb
from orchestra_nb import CommandError, DefinitionError, Node, Pipeline, RunConfig, history
from orchestra_nb.cli import main
from orchestra_nb.running import history as kept

COLUMNS = ["node", "ago", "seconds", "expected", "source"]


def load() -> int:
    time.sleep(0.002)
    return 1


def fit(load: int) -> int:
    time.sleep(0.004)
    return load


NODES = [Node("load", fn=load), Node("fit", fn=fit)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ORCHESTRA_NB_HISTORY", str(tmp_path / "history"))
    monkeypatch.setattr(kept, "_named", {})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(times: int = 1) -> list[Any]:
    return [Pipeline(NODES, config=RunConfig(jobs=1)).run() for _ in range(times)]


def test_a_row_for_each_node_and_run_the_newest_first(folder: Path) -> None:
    results = run(3)
    frame = history(NODES)
    assert frame["node"].tolist() == ["load"] * 3 + ["fit"] * 3
    assert frame["ago"].tolist() == [1, 2, 3] * 2
    took = [result.outcomes["fit"].seconds for result in reversed(results)]
    assert frame[frame["node"] == "fit"]["seconds"].tolist() == took
    assert frame.loc[3, "expected"] == sorted(took)[1]


@pytest.mark.parametrize("nodes", ["fit", ["fit"], ("fit",)])
def test_only_some_nodes(folder: Path, nodes: Any) -> None:
    run()
    assert history(NODES, nodes)["node"].tolist() == ["fit"]


def test_without_a_graph_what_this_process_has_run_has_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run()[0]
    assert sorted(history()["node"]) == ["fit", "load"]
    assert history(result)["node"].tolist() == ["load", "fit"]
    assert history(nodes="load")["node"].tolist() == ["load"]
    monkeypatch.setattr(kept, "_named", {})
    assert history()["node"].tolist() == ["", ""]
    assert sorted(history()["source"]) == sorted(history(NODES)["source"])


def test_nothing_is_an_empty_frame_with_all_columns(folder: Path) -> None:
    run()
    for frame in (history([Node("other", fn=len)]), history([]), history(NODES, config=RunConfig(history=False))):
        assert (len(frame), list(frame.columns)) == (0, COLUMNS)
        assert list(frame.dtypes) == list(history(NODES).dtypes)


def test_a_file_that_is_damaged_or_odd_is_nothing(folder: Path) -> None:
    run()
    (path,) = (folder / "history").glob("*.sqlite3")
    with sqlite3.connect(path) as db:
        db.execute("INSERT INTO recent VALUES ('text', 'text', 'text', 1)")
        db.execute("UPDATE recent SET seconds = x'00' WHERE typeof(source) = 'blob'")
    db.close()
    assert len(history()) == 0
    assert len(history(NODES)) == 0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((NODES, "ift"), CommandError, "no node 'ift'; did you mean 'fit'"),
        ((NODES, ["load", "none"]), CommandError, "no node 'none'; known: fit, load"),
        ((None, "anything"), CommandError, "name a notebook or a graph"),
        (("nowhere.ipynb",), DefinitionError, "nowhere.ipynb: there is no such file"),
        ((42,), Exception, "."),
    ],
)
def test_what_is_no_graph_or_no_node_of_it_is_refused(
    folder: Path, arguments: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        history(*arguments)


def test_it_stands_where_users_look_for_it() -> None:
    assert orchestra_nb.history is history
    assert "history" in orchestra_nb.__all__


@pytest.fixture
def notebook(folder: Path) -> str:
    cells = [nbformat.v4.new_code_cell(f"import time\ntime.sleep(0.002)\nx{n} = {n}") for n in range(2)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "a.ipynb")
    Pipeline("a.ipynb", config=RunConfig(jobs=1)).run()
    return "a.ipynb"


def test_a_notebook_is_a_graph_in_python_and_on_the_command_line(notebook: str, capsys: Any) -> None:
    frame = history(notebook)
    assert frame["node"].tolist() == ["cell-1", "cell-2"]
    assert main(["history", notebook, "cell-2", "--json"]) == 0
    import json

    data = json.loads(capsys.readouterr().out)
    assert [node["id"] for node in data["nodes"]] == ["cell-2"]
    assert data["nodes"][0]["seconds"] == [frame.loc[1, "seconds"]]
    assert main(["history", notebook]) == 0
    assert capsys.readouterr().out.split()[0] == "cell-1"
    assert main(["history", notebook, "cell-9"]) == 2
    assert "no node 'cell-9'" in capsys.readouterr().err
