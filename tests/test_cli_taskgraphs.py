"""The command line on files of task graphs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from orchestra_nb.cli import main

DATA = Path(__file__).parent / "taskgraphs" / "data"
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for each in DATA.iterdir():
        shutil.copy(each, tmp_path / each.name)
    return tmp_path


@pytest.mark.parametrize("name", ["wfformat-1.5.json", "lanes.stg", "foreign.graphml", "plan.json"])
def test_every_reading_command_takes_a_task_graph(name: str, capsys: Capture) -> None:
    for command in ("plan", "graph", "levels", "validate", "simulate"):
        assert main([command, name, "--json"]) == 0
        data = json.loads(capsys.readouterr().out)
        assert ([len(level) for level in data["levels"]], data["critical_time"], data["total_time"]) == (
            [1, 2, 1],
            5.5,
            7.75,
        )
    assert main(["simulate", name, "-j", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["makespan"] == 7.75


def test_a_part_of_a_graph_and_why_a_node_waits(capsys: Capture) -> None:
    assert main(["levels", "lanes.stg", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["levels"] == [["1"], ["2"]]
    assert main(["why", "lanes.stg", "1", "4"]) == 0
    assert "1 → " in capsys.readouterr().out


def test_what_a_file_does_not_say_of_durations_the_line_does(capsys: Capture) -> None:
    assert main(["simulate", "fabric.json", "--missing", "2", "-j", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["makespan"] == 6


def test_a_rehearsal_takes_as_many_workers_as_are_asked_for(capsys: Capture) -> None:
    assert main(["run", "lanes.stg", "--simulate", "0.01", "-j", "1", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["jobs"] == 1
    assert {node["status"] for node in data["nodes"]} == {"done"}
    assert main(["run", "plan.json", "--simulate", "0"]) == 0
    assert "a rehearsal: 5.5 s with 7.8 s of work; nobody has done any" in capsys.readouterr().out


def test_a_graph_is_exported_in_every_format_and_read_again(capsys: Capture) -> None:
    for file, format in (
        ("a.json", "wfformat"),
        ("b.json", "fabric"),
        ("c.json", ""),
        ("d.stg", ""),
        ("e.graphml", ""),
    ):
        words = ["export", "wfformat-1.4.json", "-o", file, *(["--format", format] if format else [])]
        assert main(words) == 0
        assert f"the graph is in {file}" in capsys.readouterr().out
        assert main(["levels", file, "--json"]) == 0
        assert [len(level) for level in json.loads(capsys.readouterr().out)["levels"]] == [1, 2, 1]
    assert main(["export", "lanes.stg", "-o", "f.svg"]) == 0
    assert Path("f.svg").read_text().startswith("<")


BAD = [
    (
        ["run", "lanes.stg"],
        "lanes.stg is a task graph, and its nodes have no work to do; rehearse it with --simulate SCALE",
    ),
    (["resume", "plan.json"], "is a task graph, and its nodes have no work to do"),
    (["run", "lanes.stg", "--simulate", "0", "--html", "a.html"], "--html is for notebooks, and lanes.stg is none"),
    (
        ["run", "lanes.stg", "--simulate", "0", "-p", "x", "1"],
        "lanes.stg is a task graph; only notebooks take parameters",
    ),
    (["run", "lanes.stg", "--simulate", "0", "-o", "lanes.stg"], "would write over what is read"),
    (["verify", "lanes.stg"], "is a task graph, and this is for notebooks; 'orchestra simulate lanes.stg' takes it"),
    (["plan", "lanes.stg", "--resume"], "is a task graph, and this is for notebooks"),
    (["plan", "gone.stg"], "there is no such file"),
    (["plan", "a.dot"], "is DOT, which is written here and not read"),
    (["plan", "odd.json"], "odd.json: is in none of the formats of task graphs either; known: WfFormat"),
    (["levels", "lanes.stg", "9"], "9"),
    (["simulate", "command.json", "--missing", "3"], "is no task graph, and --missing is for these"),
    (["export", "lanes.stg", "-o", "plan.json"], "is there already; give another name, or --force"),
    (
        ["export", "lanes.stg", "-o", "a.json", "--format", "wformat"],
        "no format is called 'wformat'; did you mean 'wfformat'?",
    ),
    (["export", "lanes.stg", "-o", "a.png"], "nothing is written that ends with '.png'"),
    (["export", "lanes.stg"], "-o/--output"),
    (["validate", "faulty.stg"], "line 3: '1' needs '7', which does not exist"),
    (["simulate", "faulty.stg"], "line 4: the time of '2' must be seconds"),
]


@pytest.mark.parametrize(("words", "told"), BAD, ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_bad_input_is_one_clear_message_and_code_2(words: list[str], told: str, capsys: Capture) -> None:
    Path("a.dot").write_text("digraph {}\n")
    Path("odd.json").write_text('{"tasks": []}')
    Path("command.json").write_text('{"name": "/x", "phases": [{"agents": [{"id": "a"}]}]}')
    Path("faulty.stg").write_text("2\n0 0 0\n1 5 1 7\n2 -1 1 1\n3 0 1 2\n")
    assert main(words) == 2
    said = capsys.readouterr()
    assert told in said.out + said.err


def test_a_file_that_is_none_of_all_is_told_what_there_could_be(folder: Path, capsys: Capture) -> None:
    (folder / "notes.txt").write_text("lanes: four\n")
    (folder / "notes.ipynb").write_text("lanes: four\n")
    for command in ("simulate", "plan", "levels", "validate"):
        assert main([command, "notes.txt"]) == 2
        told = "".join(capsys.readouterr())
        assert "notes.txt: is no notebook, command definition or task graph" in told
        assert "Standard Task Graph" in told
    assert main(["simulate", "notes.ipynb"]) == 2
    assert "notes.ipynb, line 1, column 1: is not JSON" in capsys.readouterr().err
    assert main(["simulate", "gone.txt"]) == 2
    assert "gone.txt: there is no such file" in capsys.readouterr().err
