"""Runs of notebook files that are killed, with ``kill -9``, and gone on with: what was stored runs no second time.

Each cell appends to a file of its own whenever it runs, so what ran how often can be counted. A kill comes at a random
event of the run, from another process than the one that is killed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from orchestra_nb.cli import main
from orchestra_nb.config import RunConfig
from orchestra_nb.errors import BackendError, CheckpointError
from orchestra_nb.notebook.cell_commits import commits_in
from orchestra_nb.notebook.file_run import HeadlessRun, run_file
from orchestra_nb.notebook.resuming import asked_run, runs_at, unfinished

from .test_session import write

CELLS = [
    "import json, random",
    "a = [1, 2]\nprint('a is', a)",
    "b = random.random()",
    "def grow(rows, row):\n    return [*rows, row]",
    "c = grow(a, 3)\nc",
    "a.append(len(c))",
    "d = {'a': a[-1], 'c': c}",
    "open('out.json', 'w').write(json.dumps(d))",
    "e = json.load(open('out.json'))['a']",
    "f = (b, e)",
    "import os, time\nwhile not os.path.exists('gate'):\n    time.sleep(0.01)\ng = sum(c) + e\nprint(g)",
]
"""The last cell waits for a file, so that no run ends before it is killed."""


def counted(sources: list[str], first: int = 1) -> list[str]:
    """The same cells, each of which appends to a file of its own."""
    return [f"with open('ran-{n}', 'a') as log:\n    log.write('x')\n{s}" for n, s in enumerate(sources, first)]


def runs_of(folder: Path) -> dict[str, int]:
    return {f"cell-{p.name.removeprefix('ran-')}": len(p.read_text()) for p in folder.glob("ran-*")}


def kill_kernel_at(count: int) -> Any:
    """Make a listener that kills the kernel when so many cells have ended."""
    seen: list[Any] = []

    def listen(event: Any) -> None:
        seen.extend([event] if event["name"] == "execution:node-ended" else [])
        if len(seen) == count:
            for child in psutil.Process().children():
                with suppress(psutil.Error):  # of an earlier test, and gone
                    if any("ipykernel" in word for word in child.cmdline()):
                        child.kill()

    return listen


def stored_nodes(path: Path) -> set[str]:
    runs = runs_at(RunConfig(), path.parent)
    assert runs is not None
    state = runs.look(asked_run(runs, path))
    return {commit.node for commit in commits_in(state) if commit.value is not None}


def shown(run: HeadlessRun) -> dict[str, Any]:
    return {
        name: [output.get("text") or output.get("data") for output in o.outputs] for name, o in run.outcomes.items()
    }


@pytest.mark.parametrize("seed", range(3))
def test_a_kernel_that_is_killed_costs_nothing_that_was_stored(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    path = write(tmp_path / "n.ipynb", counted(CELLS))
    kept: set[str] = set()
    for run_id in ("first", "second"):  # the going on is killed too
        going_on = _unfinished(path)
        # imports and functions, which are not stored, may be the first ones to end
        ended = chance.randint(4, 6) if run_id == "first" else chance.randint(7, 10)
        with pytest.raises(BackendError):
            run_file(path, RunConfig(jobs=2), on_event=kill_kernel_at(ended), run_id=going_on)
        before = runs_of(tmp_path)
        kept = stored_nodes(path) if _unfinished(path) else set()
        assert kept
        assert run_id == "second" or all(times <= 1 for times in before.values())
    (tmp_path / "gate").touch()
    run = run_file(path, RunConfig(jobs=2), run_id=_unfinished(path))
    assert run.result["success"]
    after = runs_of(tmp_path)
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert {name for name, o in run.outcomes.items() if o.status == "cached"} == kept
    linear = tmp_path / "linear"
    linear.mkdir()
    (linear / "gate").touch()
    wanted = run_file(write(linear / "n.ipynb", counted(CELLS)), linear=True)
    differ = {name for name in wanted.fingerprints if run.fingerprints[name] != wanted.fingerprints[name]}
    assert differ <= {"b", "f", "log"}  # of chance, as in every run
    assert shown(run) == shown(wanted)
    assert (tmp_path / "out.json").read_text() == (linear / "out.json").read_text()
    assert not _unfinished(path)


def _unfinished(path: Path) -> str:
    runs = runs_at(RunConfig(), path.parent)
    found = None if runs is None else unfinished(runs, path)
    return "" if found is None else str(found.run_id)


def test_a_process_group_that_is_killed_goes_on_from_the_command_line(tmp_path: Path, capfd: Any) -> None:
    path = write(tmp_path / "n.ipynb", counted(CELLS))
    command = [sys.executable, "-m", "orchestra_nb", "run", str(path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stderr is not None
        ended = [process.stderr.readline() for _ in range(6)]
        kernels = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGKILL)
        for kernel in kernels:
            kernel.kill()
    assert all("done" in line for line in ended)
    before, kept = runs_of(tmp_path), stored_nodes(path)
    (tmp_path / "gate").touch()
    assert main(["plan", str(path), "--resume", "--json"]) == 0
    plan = {node["id"]: node for node in json.loads(capfd.readouterr().out)["nodes"]}
    assert {name for name, node in plan.items() if node["fate"] == "taken-over"} == kept
    out = tmp_path / "out.ipynb"
    assert main(["resume", str(path), "-o", str(out), "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert {node["id"] for node in told["nodes"] if node["status"] == "cached"} == kept
    assert {name: runs_of(tmp_path)[name] for name in kept} == {name: before[name] for name in kept}
    texts = [output.get("text", "") for cell in json.loads(out.read_text())["cells"] for output in cell["outputs"]]
    assert ["a is [1, 2]\n"] in texts
    assert main(["resume", str(path)]) == 2
    assert "no run that was cut short" in capfd.readouterr().err


def test_a_run_that_another_process_has_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "n.ipynb", ["x = 1", "y = 1 / 0"])
    assert not run_file(path).result["success"]
    runs = runs_at(RunConfig(), tmp_path)
    assert runs is not None
    journal = runs.resume(asked_run(runs, path))
    try:
        with pytest.raises(CheckpointError, match="is under way"):
            run_file(path, run_id=asked_run(runs, path))
    finally:
        journal.close()


def test_a_failed_cell_that_was_mended_and_what_needs_it_run_and_nothing_else(tmp_path: Path, capfd: Any) -> None:
    sources = counted(["x = 1", "y = x / 0", "z = y + 1", "w = 2"])
    path = write(tmp_path / "n.ipynb", sources)
    assert main(["run", str(path), "--keep-going"]) == 1
    assert f"'orchestra resume {path}' goes on with what was done" in capfd.readouterr().out
    sources[1] = sources[1].replace("x / 0", "x / 1")
    write(path, ["'a cell that is new'", *sources])
    assert main(["resume", str(path), "--json"]) == 0
    status = {node["id"]: node["status"] for node in json.loads(capfd.readouterr().out)["nodes"]}
    assert status == {"cell-1": "done", "cell-2": "cached", "cell-3": "done", "cell-4": "done", "cell-5": "cached"}
    assert runs_of(tmp_path) == {"cell-1": 1, "cell-2": 2, "cell-3": 1, "cell-4": 1}


def test_a_new_run_says_that_an_earlier_one_can_be_gone_on_with(tmp_path: Path, capfd: Any) -> None:
    path = write(
        tmp_path / "n.ipynb", ["x = 1", "import os\nif not os.path.exists('on'):\n    os.kill(os.getpid(), 8 + x)"]
    )
    assert main(["run", str(path)]) == 2
    assert f"; 'orchestra resume {path}' goes on with what was done" in capfd.readouterr().err
    tmp_path.joinpath("on").touch()
    assert main(["run", str(path)]) == 0
    told = capfd.readouterr().err
    assert "an earlier run has not ended well; 'orchestra resume" in told
    assert main(["resume", str(path)]) == 2  # a success makes it old


def test_what_was_asked_for_is_asked_for_again(tmp_path: Path, capfd: Any) -> None:
    path = write(tmp_path / "n.ipynb", ["a = 1", "b = [a, 2]", "c = b[9]", "d = 1"])
    nb = json.loads(path.read_text())
    nb["cells"][0]["metadata"] = {"tags": ["parameters"]}
    path.write_text(json.dumps(nb))
    assert main(["run", str(path), "cell-4", "-p", "a", "5"]) == 1
    nb["cells"][2]["source"] = "c = b[0]"
    path.write_text(json.dumps(nb))
    capfd.readouterr()
    assert main(["resume", str(path), "-o", str(tmp_path / "out.ipynb"), "--json"]) == 0
    nodes = {node["id"]: node["status"] for node in json.loads(capfd.readouterr().out)["nodes"]}
    assert nodes == {"cell-2": "cached", "cell-3": "cached", "cell-4": "done"}
    assert "a = 5" in (tmp_path / "out.ipynb").read_text()


def test_with_memory_nothing_is_stored(tmp_path: Path, capfd: Any) -> None:
    path = write(tmp_path / "n.ipynb", ["x = 1", "y = x / 0"])
    assert main(["run", str(path), "--checkpoint", "memory"]) == 1
    assert main(["resume", str(path)]) == 2
    told = "no run that was cut short (a --linear run is not stored); begin one with 'orchestra run"
    assert told in capfd.readouterr().err
