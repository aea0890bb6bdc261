"""The command line on command definitions."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orchestra_nb.cli import main
from tests.agents.test_process import FAMILY, all_gone, family_of

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
    told = capsys.readouterr().err
    assert "is a command definition, and nobody does the work of its agents; say who with --agents FILE" in told
    assert "--simulate" in told


AGENTS = """
[defaults]
timeout = 60

[reader]
words = ["echo", '["{input.path}", "${depth}"]']
parse = "json"

[format]
words = ["cat"]
stdin = "context"
parse = "json"
"""


@pytest.fixture
def agents(path: str) -> str:
    text = json.dumps(COMMAND).replace('"type": "reader"', '"type": "reader", "input": {"path": "a; b"}')
    Path(path).write_text(text.replace('"outputs": ["files"]', '"inputs": ["depth"], "outputs": ["files"]'), "utf-8")
    Path("agents.toml").write_text(AGENTS, encoding="utf-8")
    return "agents.toml"


def test_programs_of_a_file_do_the_work(path: str, agents: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run", path, "--agents", agents, "-p", "depth", "2", "-o", "out.json", "--svg", "dag.svg", "format"]
    assert main([*words, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert {node["id"]: node["status"] for node in data["nodes"]} == {"scan": "done", "format": "done"}
    assert data["output"] == "out.json"
    values = json.loads(Path("out.json").read_text(encoding="utf-8"))
    assert values["scan"] == ["a; b", "2"]
    assert values["format"]["context"] == {"depth": 2, "scan": ["a; b", "2"], "files": ["a; b", "2"]}
    assert "<svg" in Path("dag.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", "scan: [echo, '{input.path}']\n"),
        ("a.json", '{"reader": {"words": ["pwd"], "cwd": "sub"}, "defaults": {"max_output": 1000}}'),
        ("a.toml", 'reader = ["echo", "${depth}"]'),
    ],
)
def test_a_file_of_agents_is_yaml_json_or_toml(path: str, agents: str, name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    Path(name).write_text(text, encoding="utf-8")
    assert main(["run", path, "--agents", name, "-o", "out.json", "-p", "depth", "2", "scan"]) == 0
    said = json.loads(Path("out.json").read_text(encoding="utf-8"))["scan"]
    assert said == {"a.yaml": "a; b\n", "a.json": f"{tmp_path / 'sub'}\n", "a.toml": "2\n"}[name]


def test_agents_that_the_file_does_not_know_are_named_and_nothing_runs(
    path: str, agents: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", path, "--agents", agents]) == 2
    told = capsys.readouterr().err
    assert "phases[1].agents[1]: nobody does the work of 'sort'" in told


def test_the_project_of_the_working_directory_may_say_who_works_and_that_of_the_definition_may_not(
    path: str, agents: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = (
        '[tool.orchestra_nb]\njobs = 1\n[tool.orchestra_nb.agents]\nreader = ["touch", "ran"]\nformat = ["echo"]\n'
    )
    Path("pyproject.toml").write_text(project, encoding="utf-8")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    (elsewhere / "pyproject.toml").write_text("[tool.orchestra_nb]\njobs = 1\n", encoding="utf-8")
    assert main(["run", f"../{path}", "format"]) == 2
    assert "--agents FILE" in capsys.readouterr().err
    assert not list(tmp_path.rglob("ran"))
    monkeypatch.chdir(tmp_path)
    assert main(["run", path, "format"]) == 0
    assert Path("ran").exists()


def test_a_failed_agent_is_exit_code_1_with_what_its_program_complained(
    path: str, agents: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = json.dumps({"reader": ["sh", "-c", "echo no access >&2; exit 3"], "format": ["echo"]})
    Path("a.json").write_text(text, encoding="utf-8")
    assert main(["run", path, "--agents", "a.json", "format"]) == 1
    assert "'sh' ended with code 3: no access" in capsys.readouterr().out


def test_a_rehearsal_says_what_its_times_stand_for(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", path, "--simulate", "0"]) == 0
    assert "a rehearsal: 5.0 s with 6.0 s of work; nobody has done any" in capsys.readouterr().out
    assert main(["run", path, "--simulate", "0.001", "--linear", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["jobs"] == 1


@pytest.mark.parametrize(
    ("number", "heard"),
    [(signal.SIGINT, True), (signal.SIGTERM, True), (signal.SIGTERM, False)],
    ids=["Ctrl-C", "SIGTERM", "SIGTERM in the background, where no interrupt is heard"],
)
def test_a_run_that_is_ended_from_outside_leaves_no_program_behind(
    number: signal.Signals, heard: bool, tmp_path: Path, root: Path
) -> None:
    family = tmp_path / "family"
    Path(tmp_path, "c.json").write_text(json.dumps({"phases": [{"name": "P", "agents": [{"id": "a"}]}]}), "utf-8")
    words = [sys.executable, "-c", FAMILY, str(family), "wait"]
    Path(tmp_path, "agents.json").write_text(json.dumps({"a": words}), "utf-8")
    command = [sys.executable, "-m", "orchestra_nb", "run", "c.json", "--agents", "agents.json"]
    done = subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler if heard else signal.SIG_IGN),
    )
    pids = asyncio.run(family_of(family))
    done.send_signal(number)
    assert done.wait(timeout=60) == (130 if heard else -signal.SIGTERM)
    asyncio.run(all_gone(pids))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--agents", "none.toml"], "none.toml cannot be read: No such file"),
        (["--agents", "bad.toml"], "bad.toml is not TOML"),
        (["--agents", "bad.yaml"], "bad.yaml, line 1"),
        (["--agents", "empty.json"], "names no agents"),
        (["--agents", "shell.json"], "shell.json: reader: 'ruff check' is no command; no shell reads it"),
        (["--agents", "chat.json"], "chat.json: reader: a chat service has no 'promt'; did you mean 'prompt'?"),
        (["--agents", "list.json"], "must be a table"),
        (["--simulate", "-1"], "time_scale=-1.0 must be a number from 0"),
        (["--simulate", "0", "--html", "x.html"], "--html is for notebooks"),
    ],
)
def test_what_cannot_be_meant_is_said_before_anything_runs(
    path: str, words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {
        "bad.toml": "[reader",
        "bad.yaml": "a: b: c",
        "empty.json": "{}",
        "shell.json": '{"reader": "ruff check"}',
        "chat.json": '{"reader": {"model": "m", "promt": "x"}}',
        "list.json": "[]",
    }
    for name, text in files.items():
        Path(name).write_text(text, encoding="utf-8")
    assert main(["run", path, *words]) == 2
    assert says in capsys.readouterr().err


REQUIRED = {**COMMAND, "inputs": {"required": ["path", "depth"]}}


@pytest.mark.parametrize("words", [["run", "--simulate"], ["resume"], ["plan", "--resume"]])
def test_an_input_that_is_missing_is_told_in_words_of_the_command_line(
    path: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path(path).write_text(json.dumps(REQUIRED), encoding="utf-8")
    assert main([words[0], path, *words[1:], "-p", "depth", "2"]) == 2
    assert capsys.readouterr().err == f"{path} needs the input 'path'; add -p path VALUE\n"


def test_the_plan_of_a_run_that_was_cut_short_says_why_each_agent_runs(
    path: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ORCHESTRA_NB_CACHE", os.path.abspath("kept"))
    steps = [{"id": "load"}, {"id": "book", "dependencies": ["load"], "compensation": "free"}]
    steps += [{"id": "pay", "dependencies": ["book"]}, {"id": "mail", "dependencies": ["pay"]}, {"id": "free"}]
    command = {"name": "/trip", "inputs": {"required": ["to"]}, "phases": [{"name": "Go", "agents": steps}]}
    Path(path).write_text(json.dumps(command), encoding="utf-8")
    words = {name: ["echo", name] for name in ("load", "book", "mail", "free")}
    Path("agents.json").write_text(json.dumps({**words, "pay": ["false"]}), encoding="utf-8")
    assert main(["run", path, "-p", "to", "Rome", "--agents", "agents.json"]) == 1
    capsys.readouterr()
    assert main(["plan", path, "--resume", "-p", "to", "Rome", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert {node["id"]: node["reason"] for node in data["nodes"]} == {
        "load": f"taken over from run {data['run']}",
        "book": "runs again: what it had done was undone",
        "pay": "had not ended well: runs",
        "mail": "had not ended well: runs",
        "free": "runs only to undo 'book'",
    }


def test_a_notebook_takes_no_agents_and_a_definition_is_not_verified(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "a.ipynb", "--simulate"]) == 2
    assert "--agents and --simulate are for command definitions" in capsys.readouterr().err
    assert main(["verify", path]) == 2
    assert "is a command definition, and this is for notebooks" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["-o", "--svg", "--todos", "--log"])
@pytest.mark.parametrize("file", ["tidy.json", "./agents.toml"])
def test_what_is_read_is_not_written_over(
    path: str, agents: str, option: str, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Path(file).read_text("utf-8")
    assert main(["run", path, "--agents", agents, "-p", "depth", "2", "scan", option, file]) == 2
    assert "would write over what is read" in capsys.readouterr().err or option == "--log"
    assert Path(file).read_text("utf-8") == before
