"""``orchestra run --log`` and ``orchestra replay``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from orchestra_nb import DAG, Node, ParallelScheduler, Replay, RunConfig
from orchestra_nb.cli import main
from orchestra_nb.model import NodeId

Tell = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Tell:
    """Run a command line; gives the exit code, standard output and standard error."""

    def run(*words: str) -> tuple[int, str, str]:
        code = main(words)
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The log of a run of two nodes that went well."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "run.jsonl"
    nodes = [Node(NodeId("load"), fn=lambda: 1), Node(NodeId("plot"), fn=lambda load: load, after=(NodeId("load"),))]
    ParallelScheduler(RunConfig(jobs=1, history=False, log=str(path))).execute(DAG(nodes))
    return path


def test_the_end_of_a_run_is_told_to_people(log: Path, tell: Tell) -> None:
    code, out, err = tell("replay", "run.jsonl")
    assert (code, err) == (0, "")
    assert "100 %, 2 of 2" in out.splitlines()[0]
    assert "✓ load  done" in out


def test_at_another_moment_it_is_told_as_it_was(log: Path, tell: Tell) -> None:
    code, out, _ = tell("replay", "run.jsonl", "--at", "0")
    assert code == 0
    assert "0 of 2" in out.splitlines()[0]
    assert "plot  waiting" in out
    assert tell("replay", "run.jsonl", "--at", "-1")[1] == tell("replay", "run.jsonl")[1]


def test_events_are_listed_when_asked(log: Path, tell: Tell) -> None:
    _, out, _ = tell("replay", "run.jsonl", "--events")
    assert "execution:node-started  load  lane=main" in out
    assert "execution:node-started" not in tell("replay", "run.jsonl")[1]


def test_json_is_one_object_for_machines(log: Path, tell: Tell) -> None:
    code, out, _ = tell("replay", "run.jsonl", "--json", "--events")
    data = json.loads(out)
    assert (code, data["success"], data["over"], data["errors"]) == (0, True, True, [])
    assert [(node["id"], node["status"]) for node in data["nodes"]] == [("load", "done"), ("plot", "done")]
    assert data["progress"]["percent"] == 100.0
    assert data["events"][0]["name"] == "execution:run-started"
    assert [run["run"] for run in data["runs"]] == [data["run"]]
    assert "events" not in json.loads(tell("replay", "run.jsonl", "--json")[1])


def test_a_node_that_had_failed_by_then_is_code_1(tmp_path: Path, tell: Tell) -> None:
    path = tmp_path / "run.jsonl"
    nodes = [Node(NodeId("a"), fn=lambda: 1 // 0)]
    ParallelScheduler(RunConfig(jobs=1, history=False, log=str(path))).execute(DAG(nodes))
    code, out, _ = tell("replay", str(path))
    assert code == 1
    assert "ZeroDivisionError" in out
    assert tell("replay", str(path), "--at", "0")[0] == 0


def test_a_damaged_log_is_code_2_and_what_is_whole_is_told(log: Path, tell: Tell) -> None:
    log.write_bytes(log.read_bytes()[:-40])
    code, out, err = tell("replay", "run.jsonl")
    assert code == 2
    assert "✓ load  done" in out
    assert "the last line is cut off" in err
    assert "all before it is true" in err
    code, out, _ = tell("replay", "run.jsonl", "--json")
    data = json.loads(out)
    assert (code, data["success"], data["over"]) == (2, False, False)
    assert [error["code"] for error in data["errors"]] == ["cut-off"]


def test_a_run_that_is_not_over_is_a_warning(log: Path, tell: Tell) -> None:
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:4]))
    code, out, err = tell("replay", "run.jsonl")
    assert code == 0
    assert "running: load" in out
    assert "warning: line 4: the log ends before run" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere.jsonl"], "cannot be read"),
        (["run.jsonl", "--run", "zz"], "no run 'zz'"),
        (["run.jsonl", "--at", "-3"], "--at -3 is no moment of a run; give seconds from 0 on, or -1 for its end"),
        (["run.jsonl", "--at", "soon"], "is not a number"),
        ([], "LOG"),
        (["notes.txt"], "is no log of events"),
        (["notes.txt"], "give a file written by --log"),
    ],
)
def test_bad_input_is_one_clear_message_and_code_2(log: Path, tell: Tell, words: list[str], message: str) -> None:
    Path("notes.txt").write_text("milk, bread\n")
    code, out, err = tell("replay", *words)
    assert (code, out) == (2, "")
    assert message in err


def notebook(path: Path, *sources: str) -> None:
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources]), path)


def test_a_log_that_cannot_be_is_refused_before_the_run(
    tmp_path: Path, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    notebook(tmp_path / "a.ipynb", "x = 1")
    code, _, err = tell("run", "a.ipynb", "--log", "nowhere/run.jsonl")
    assert (code, "--log nowhere/run.jsonl: there is no folder" in err) == (2, True)
    code, _, err = tell("run", "a.ipynb", "--log", "run.jsonl", "--linear")
    assert (code, "leave one of them out" in err) == (2, True)


def test_a_notebook_is_logged_for_real_beside_who_asked_and_not_beside_the_notebook(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    notebook(there / "a.ipynb", "x = 1", "print(x)", "1 / 0")
    environment: dict[str, Any] = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    words = [sys.executable, "-m", "orchestra_nb", "run", "../there/a.ipynb", "--log", "run.jsonl", "--json"]
    ended = subprocess.run(words, cwd=here, env=environment, capture_output=True, text=True, timeout=120, check=False)
    told = {node["id"]: node["status"] for node in json.loads(ended.stdout)["nodes"]}
    run = Replay.read(here / "run.jsonl", strict=True).last
    assert {name: node.state for name, node in run.end.nodes.items()} == told
    assert not list(there.glob("*.jsonl"))
    assert [node.kind for node in run.end.dag.nodes.values()] == ["cell"] * 3
