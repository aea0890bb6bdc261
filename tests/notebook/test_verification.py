"""The proof with real kernels: from a notebook file to the missing edge, its files, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.display.proof import proof_lines
from orchestra_nb.errors import BackendError, ComparisonError, NodeTimeout
from orchestra_nb.model import NodeId, Outcome
from orchestra_nb.notebook import verification
from orchestra_nb.notebook.headless import verify_file
from orchestra_nb.notebook.kernels import kernel


def write(path: Path, *sources: str) -> Path:
    v4: Any = nbformat.v4
    path.write_text(nbformat.writes(v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources])))
    return path


def edges(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(edge["source"], edge["target"]) for edge in found["missing_edges"]]


def test_nothing_is_found_where_there_is_nothing(tmp_path: Path) -> None:
    sources = ["a = 1", "b = [a]\nprint(b)", "c = {a: 2}\nc", "d = object()\nprint(id(d))", "b.append(c)"]
    told: list[Mapping[str, Any]] = []
    path = write(tmp_path / "n.ipynb", *sources)
    found = verify_file(path, RunConfig(jobs=2, seed=5), runs=4, on_event=told.append)
    assert found["equal"] is True
    assert [run["backend"] for run in found["runs"]] == ["linear", "serial", "threading", "serial", "loky"]
    assert [run.get("seed") for run in found["runs"]] == [None, None, 5, None, 6]
    assert found["noise"] == ["cell-4"]  # an address differs between any two runs
    assert found["pairs"] == {"unordered": 5, "inverted": 5}
    assert found["search"]["runs"] == 0
    assert [event["number"] for event in told if event["name"] == verification.RUN_ENDED] == [1, 2, 3, 4, 5, 6]


def test_an_edge_that_only_a_file_carries_is_found_and_the_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "o.txt").write_text("from an earlier session")
    sources = ["open('o.txt', 'w').write('new')", "print(open('o.txt').read())"]
    path = write(tmp_path / "n.ipynb", *sources)
    found = verify_file(path, runs=1, without=[("cell-1", "cell-2")])
    assert edges(found) == [("cell-1", "cell-2")]
    (edge,) = found["missing_edges"]
    assert [(d["kind"], d["linear"], d["other"]) for d in edge["differences"]] == [
        ("output", "'new\\n'", "'from an earlier session\\n'")
    ]
    assert [item["kind"] for item in edge["evidence"]] == ["file"]
    assert found["folder"] == "copied"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["n.ipynb", "o.txt"]
    assert (tmp_path / "o.txt").read_text() == "from an earlier session"
    text = "\n".join(proof_lines(found))
    assert "missing edge: cell-1 → cell-2; if they change places, then" in text
    assert "    -new" in text
    assert "    +from an earlier session" in text
    assert "to mend it: write '#| after: cell-1' at the top of cell-2, and report it" in text


def test_a_setting_that_hides_an_effect_is_found_by_kernels_too(tmp_path: Path) -> None:
    found = verify_file(write(tmp_path / "n.ipynb", "#| writes: []\nvalue = 1", "print(value)"), runs=1)
    assert edges(found) == [("cell-1", "cell-2")]
    (difference,) = found["missing_edges"][0]["differences"]
    assert (difference["kind"], difference["where"]) == ("failure", "cell-2")
    assert "fails with NameError: name 'value' is not defined" in difference["message"]
    assert found["missing_edges"][0]["overrides"] == ["writes of cell-1"]


def test_the_magic_proves_the_saved_file_and_leaves_the_session_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "n.ipynb", "x = 1", "print(x)")
    said: list[Mapping[str, Any]] = []
    with kernel("python3", tmp_path) as running:
        running.execute("%load_ext orchestra_nb\nx = 'mine'", said.append)
        running.execute(f"%orchestrate verify --notebook {path} --runs 1", said.append)
        running.execute("print(x, sorted(n for n in dir() if n[0] != '_'))", said.append)
    texts = [m["content"] for m in said if m["msg_type"] in ("execute_result", "stream", "error")]
    assert texts[0]["data"]["text/plain"].startswith("same results: yes")
    assert texts[1]["text"] == "mine ['In', 'Out', 'exit', 'get_ipython', 'open', 'quit', 'x']\n"


class Runs:
    """Stands in for runs of a file."""

    def __init__(self) -> None:
        self.paths: list[Path] = []

    def __call__(self, path: Path, config: RunConfig, **more: Any) -> SimpleNamespace:
        self.paths.append(path)
        return self.run(path, config, **more)

    def run(self, path: Path, config: RunConfig, **more: Any) -> SimpleNamespace:
        return self.made(Outcome(NodeId("cell-1"), "done", started=0.0, ended=1.0))

    def made(self, outcome: Outcome, stopped: str = "") -> SimpleNamespace:
        run = SimpleNamespace(stopped=stopped, total_time=1.0)
        return SimpleNamespace(run=run, outcomes={"cell-1": outcome}, fingerprints={}, values={})


def test_a_notebook_that_runs_in_its_own_folder_only_is_proved_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class AtHome(Runs):
        def run(self, path: Any, config: RunConfig, **more: Any) -> SimpleNamespace:
            error = None if path.path.parent == tmp_path else NodeTimeout("elsewhere", "cell-1")
            return self.made(Outcome(NodeId("cell-1"), "failed" if error else "done", error=error))

    monkeypatch.setattr(verification, "run_file", runs := AtHome())
    found = verify_file(path := write(tmp_path / "n.ipynb", "x = 1"), runs=2)
    assert (found["equal"], found["folder"], [run.path for run in runs.paths[1:]]) == (True, "shared", [path] * 3)
    monkeypatch.setattr(verification, "run_file", AtHome())
    monkeypatch.setattr("orchestra_nb.notebook.folders._MOST_FILES", 0)
    (tmp_path / "sub").mkdir()
    elsewhere = write(tmp_path / "sub" / "n.ipynb", "x = 1")
    with pytest.raises(ComparisonError, match="the linear run failed"):
        verify_file(elsewhere)


def test_a_kernel_that_dies_in_a_trial_is_a_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Dying(Runs):
        def run(self, path: Path, config: RunConfig, **more: Any) -> SimpleNamespace:
            if config.jobs != 1 and not more.get("linear"):
                raise BackendError("the kernel died (while it ran cell-1)")
            return super().run(path, config)

    monkeypatch.setattr(verification, "run_file", Dying())
    found = verify_file(write(tmp_path / "n.ipynb", "x = 1"), runs=1)
    (difference,) = found["differences"]
    assert (difference["kind"], difference["where"]) == ("failure", "the kernel")
    assert "the kernel died (while it ran cell-1)" in "\n".join(proof_lines(found))


def test_an_after_that_turns_the_document_round_is_blamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Turned(Runs):
        def run(self, path: Path, config: RunConfig, **more: Any) -> SimpleNamespace:
            run = super().run(path, config)
            run.fingerprints = {"x": "1" if more.get("linear") else "2"}
            return run

    monkeypatch.setattr(verification, "run_file", Turned())
    found = verify_file(write(tmp_path / "n.ipynb", "#| after: cell-2\nx = 1", "print(2)"), runs=1)
    assert (found["backwards"], edges(found)) == ([["cell-2", "cell-1"]], [])
    assert "'after' asks for cell-2 before cell-1" in "\n".join(proof_lines(found))


def test_an_interrupt_ends_the_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(Runs):
        def run(self, path: Path, config: RunConfig, **more: Any) -> SimpleNamespace:
            return self.made(Outcome(NodeId("cell-1"), "skipped"), "interrupted")

    monkeypatch.setattr(verification, "run_file", Interrupted())
    with pytest.raises(KeyboardInterrupt):
        verify_file(write(tmp_path / "n.ipynb", "x = 1"))


def test_an_unknown_backend_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "run_file", None)
    with pytest.raises(BackendError, match="did you mean 'loky'"):
        verify_file(write(tmp_path / "n.ipynb", "x = 1"), RunConfig(backend="lokky"))
