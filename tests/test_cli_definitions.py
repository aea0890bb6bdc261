"""The command line on command definitions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestra_nb.cli import main

FIRST = {"id": "scan", "type": "reader", "estimatedTime": 2000, "context": {"outputs": ["files"]}}
COMMAND = {
    "name": "/tidy",
    "phases": [
        {"name": "Look", "agents": [FIRST]},
        {
            "name": "Tidy",
            "parallel": True,
            "agents": [
                {"id": "format", "estimatedTime": 3000, "context": {"inputs": ["files"]}},
                {"id": "sort", "estimatedTime": 1000, "dependencies": ["scan"], "colour": "red"},
            ],
        },
    ],
}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("tidy.json").write_text(json.dumps(COMMAND), encoding="utf-8")
    return "tidy.json"


def test_every_reading_command_takes_a_definition(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("plan", "graph", "levels", "validate"):
        assert main([command, path, "--json"]) == 0
        data = json.loads(capsys.readouterr().out)
        assert data["levels"] == [["scan"], ["format", "sort"]]
        assert (data["critical_path"], data["critical_time"], data["total_time"]) == (["scan", "format"], 5.0, 6.0)
    assert main(["why", path, "scan", "format"]) == 0
    assert "passes files" in capsys.readouterr().out


def test_validate_tells_what_is_not_understood_and_the_others_do_not(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", path]) == 0
    assert "phases[1].agents[1].colour: 'colour' is not understood" in capsys.readouterr().out
    assert main(["plan", path]) == 0
    told = capsys.readouterr()
    assert "colour" not in told.out + told.err


def test_the_faults_of_a_definition_are_listed_with_their_paths(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    faulty = {
        **COMMAND,
        "phases": [*COMMAND["phases"], {"name": "End", "agents": [{"id": "x", "dependencies": ["sotr"]}, {}]}],
    }
    Path(path).write_text(json.dumps(faulty), encoding="utf-8")
    assert main(["validate", path]) == 2
    out = capsys.readouterr().out
    assert (
        "phases[2].agents[0].dependencies[0]: 'x' depends on 'sotr', which does not exist; did you mean 'sort'?" in out
    )
    assert "phases[2].agents[1]: the agent has no 'id'" in out
    assert main(["plan", path, "--json"]) == 2
    assert {error["code"] for error in json.loads(capsys.readouterr().out)["errors"]} == {"unknown-node", "missing-key"}


def test_running_a_definition_says_what_is_missing(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", path]) == 2
    assert "is a command definition, whose agents nobody here can run yet" in capsys.readouterr().err
