"""``orchestra resume`` and ``orchestra plan --resume`` on command definitions: what was committed runs once."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import orchestra_nb
from orchestra_nb.cli import main

COMMAND = {
    "name": "/tidy",
    "phases": [
        {"name": "Look", "agents": [{"id": "scan", "type": "reader", "context": {"outputs": ["files"]}}]},
        {
            "name": "Tidy",
            "parallel": True,
            "agents": [
                {"id": "format", "context": {"inputs": ["files"]}},
                {"id": "sort", "dependencies": ["scan"]},
            ],
        },
        {"name": "End", "agents": [{"id": "end", "dependencies": ["format", "sort"]}]},
    ],
}
AGENTS = """
reader = ["sh", "-c", "echo scan >> ran; echo hello"]
format = ["sh", "-c", "echo format >> ran; test -e mended && cat", "sh"]
sort = ["sh", "-c", "echo sort >> ran; echo sorted"]
end = ["sh", "-c", "echo end >> ran; echo ended"]
"""
MAIN = "from orchestra_nb.cli import main; sys.exit(main())"
PATIENCE = 60.0
"""Seconds after which a test gives up."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ORCHESTRA_NB_CACHE", str(tmp_path / "cache"))
    Path("tidy.json").write_text(json.dumps(COMMAND), "utf-8")
    Path("agents.toml").write_text(AGENTS, "utf-8")
    return tmp_path


def ran() -> Counter[str]:
    return Counter(Path("ran").read_text("utf-8").split())


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = main([*words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    code, data = call(capsys, *words)
    assert code == 2
    (error,) = data["errors"]
    assert error["code"] == "checkpoint"
    return str(error["message"])


RUN = ("run", "tidy.json", "--agents", "agents.toml")
RESUME = ("resume", "tidy.json", "--agents", "agents.toml")
PLAN = ("plan", "tidy.json", "--resume")


def test_after_a_failure_only_what_failed_and_what_needs_it_runs_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, *RUN)[0] == 1
    assert ran() == Counter(scan=1, format=1, sort=1)
    code, plan = call(capsys, *PLAN)
    assert code == 0
    fates = {"scan": "taken-over", "format": "new", "sort": "taken-over", "end": "new"}
    assert {node["id"]: node["fate"] for node in plan["nodes"]} == fates
    assert ran() == Counter(scan=1, format=1, sort=1)  # a plan runs nothing
    assert call(capsys, *RESUME)[0] == 1  # still broken: nothing is lost by trying
    Path("mended").touch()
    code, data = call(capsys, *RESUME, "-o", "out.json")
    assert (code, data["success"]) == (0, True)
    assert ran() == Counter(scan=1, format=3, sort=1, end=1)
    assert json.loads(Path("out.json").read_text("utf-8"))["scan"] == "hello\n"
    told = "/tidy: it has no run that was cut short; begin one with 'orchestra run tidy.json'"
    assert refused(capsys, *RESUME) == told
    assert refused(capsys, *PLAN) == told


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is of Unix")
def test_after_kill_9_what_was_committed_does_not_run_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The last agent waits for ever, and says so: then all before it is on the disk."""
    os.mkfifo("last")
    stuck = 'end = ["sh", "-c", "echo end >> ran; test -e mended || { echo $$ > last; exec sleep 1000; }"]'
    lines = [stuck if line.startswith("end =") else line for line in AGENTS.splitlines()]
    Path("stuck.toml").write_text("\n".join(lines).replace("test -e mended && cat", "cat"), "utf-8")
    words = f"import sys; sys.path.insert(0, {str(Path(orchestra_nb.__file__).parents[1])!r}); " + MAIN
    said = os.open("last", os.O_RDWR | os.O_NONBLOCK)
    process = subprocess.Popen([sys.executable, "-c", words, "run", "tidy.json", "--agents", "stuck.toml"])
    try:
        assert select.select([said], [], [], PATIENCE)[0], "the last agent never began"
        agent = int(os.read(said, 100))
    finally:
        os.close(said)
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
    with suppress(ProcessLookupError):  # whom kill -9 leaves behind
        os.kill(agent, signal.SIGKILL)
    assert ran() == Counter(scan=1, format=1, sort=1, end=1)
    code, plan = call(capsys, *PLAN)
    assert code == 0
    assert {node["id"] for node in plan["nodes"] if node["fate"] == "taken-over"} == {"scan", "format", "sort"}
    Path("mended").touch()
    code, data = call(capsys, "resume", "tidy.json", "--agents", "stuck.toml")
    assert (code, data["success"]) == (0, True)
    assert {node["id"]: node["status"] for node in data["nodes"]} == {
        **dict.fromkeys(("scan", "format", "sort"), "cached"),
        "end": "done",
    }
    assert ran() == Counter(scan=1, format=1, sort=1, end=2)


def test_what_a_run_was_given_is_to_be_given_again_and_the_plan_takes_it_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(capsys, *RUN, "-p", "depth", "3")[0] == 1
    assert "another context: the value 'depth' is missing; give the same" in refused(capsys, *PLAN)
    assert "another context: the value 'depth' differs; give the same" in refused(capsys, *RESUME, "-p", "depth", "4")
    code, plan = call(capsys, *PLAN, "-p", "depth", "3")
    assert (code, plan["nodes"][0]["fate"]) == (0, "taken-over")
    Path("mended").touch()
    assert call(capsys, *RESUME, "-p", "depth", "3")[0] == 0
    assert ran() == Counter(scan=1, format=2, sort=1, end=1)


def test_other_runs_of_the_name_make_none_old(capsys: pytest.CaptureFixture[str]) -> None:
    """A later success of some nodes, with other values, or of another command of that name is another matter."""
    assert call(capsys, *RUN, "-p", "depth", "3")[0] == 1
    first = call(capsys, *PLAN, "-p", "depth", "3")[1]["run"]
    assert call(capsys, *RUN, "scan")[0] == 0
    assert call(capsys, *RUN, "-p", "depth", "4")[0] == 1
    other = {"name": "/tidy", "phases": [{"name": "One", "agents": [{"id": "one", "type": "reader"}]}]}
    Path("other.json").write_text(json.dumps(other), "utf-8")
    assert call(capsys, "run", "other.json", "--agents", "agents.toml")[0] == 0
    assert call(capsys, *PLAN, "-p", "depth", "3")[1]["run"] == first
    before = ran()
    Path("mended").touch()
    assert call(capsys, *RESUME, "-p", "depth", "3")[0] == 0
    assert ran() - before == Counter(format=1, end=1)


def test_a_definition_that_was_edited_is_refused_by_what_differs(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, *RUN)[0] == 1
    Path("tidy.json").write_text(json.dumps(COMMAND).replace('"sort"', '"order"'), "utf-8")
    Path("agents.toml").write_text(AGENTS.replace("\nsort =", "\norder ="), "utf-8")
    before = ran()
    for words in (PLAN, RESUME):
        assert "another graph: node 'sort' is missing; node 'order' is new; node 'end' differs" in refused(
            capsys, *words
        )
    assert ran() == before


def test_where_nothing_is_stored_or_nobody_works_is_said_and_nothing_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, *RUN, "--no-cache")[0] == 1
    before = ran()
    assert "it has no run that was cut short" in refused(capsys, *RESUME)
    assert "nothing is stored here" in refused(capsys, *RESUME, "--no-cache")
    code, data = call(capsys, "resume", "tidy.json")
    assert code == 2
    assert "nobody does the work of its agents" in data["errors"][0]["message"]
    assert ran() == before
