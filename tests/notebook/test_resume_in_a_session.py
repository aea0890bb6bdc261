"""Going on with runs by magic: the kernel was restarted, or a cell was mended after it had failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestra_nb.cli import main
from orchestra_nb.config import RunConfig
from orchestra_nb.errors import CheckpointError, ConfigError, NodeFailed
from orchestra_nb.notebook.extension import load_ipython_extension, unload_ipython_extension
from orchestra_nb.pipeline import Pipeline

from .test_session import Cell, write

SOURCES = ["x = [1]\nprint('made x')", "def f(v):\n    return v + missing", "y = sum(x)\ny", "z = f(y)"]


def restarted(shell: Any) -> None:
    """Leave nothing of the session, as a new kernel would."""
    unload_ipython_extension(shell)
    shell.reset(new_session=False)
    load_ipython_extension(shell)


@pytest.fixture
def failed(cell: Cell, tmp_path: Path, shell: Any) -> Path:
    """A notebook whose last cell has failed in a run that was stored."""
    path = write(tmp_path / "n.ipynb", SOURCES)
    assert isinstance(cell("%orchestrate run --notebook n.ipynb --checkpoint durable", fails=True).error, NodeFailed)
    restarted(shell)
    return path


def test_a_mended_notebook_goes_on_after_the_kernel_was_restarted(cell: Cell, shell: Any, failed: Path) -> None:
    write(failed, [*SOURCES[:3], "z = f(y) if 'missing' in globals() else 7"])
    report = cell("%orchestrate plan --resume --notebook n.ipynb").result
    assert list(report.frame["fate"]) == ["taken-over", "not-stored", "taken-over", "new"]
    screen = cell("r = %orchestrate resume --notebook n.ipynb")
    assert shell.user_ns["z"] == 7
    status = {name: outcome.status for name, outcome in shell.user_ns["r"].outcomes.items()}
    assert status == {"cell-1": "cached", "cell-2": "done", "cell-3": "cached", "cell-4": "done"}
    assert shell.user_ns["r"].outcomes["cell-3"].reason.startswith("from run ")
    assert "made x" in screen.stdout
    with pytest.raises(CheckpointError, match="no run that was cut short"):
        cell("%orchestrate resume --notebook n.ipynb")


def test_a_new_session_offers_to_go_on_once(cell: Cell, failed: Path) -> None:
    offer = "an earlier run has not ended well; %orchestrate resume goes on with what was done"
    for times in (1, 0):
        assert cell("%orchestrate run --notebook n.ipynb", fails=True).plain.count(offer) == times


def test_a_failed_node_is_never_done(cell: Cell, shell: Any, failed: Path) -> None:
    screen = cell("%orchestrate resume --notebook n.ipynb", fails=True)
    assert isinstance(screen.error, NodeFailed)
    assert "missing" in str(screen.error)


def test_declared_cells_go_on_too(cell: Cell, shell: Any) -> None:
    def declare() -> None:
        cell("%%orchestrate one\nx = 1")
        cell("%%orchestrate two\ny = x / (0 if first else 1)")

    cell("first = True")
    declare()
    cell("%config Orchestrate.checkpoint = 'durable'")
    assert isinstance(cell("%orchestrate run", fails=True).error, NodeFailed)
    restarted(shell)
    cell("first = False")
    declare()
    cell("r = %orchestrate resume")
    assert [outcome.status for outcome in shell.user_ns["r"].outcomes.values()] == ["cached", "done"]
    assert shell.user_ns["y"] == 1


def test_a_run_of_a_session_is_stored_only_when_that_is_asked_for(cell: Cell, tmp_path: Path) -> None:
    cell("%%orchestrate one\nx = 1")
    cell("%%orchestrate two\ny = x / 0")
    cell("%orchestrate run", fails=True)
    rule = r"\(runs of a session are stored only with --checkpoint durable\)"
    with pytest.raises(CheckpointError, match=f"{rule}; begin one with '%orchestrate run --checkpoint durable'"):
        cell("%orchestrate plan --resume")
    write(tmp_path / "n.ipynb", SOURCES)
    with pytest.raises(CheckpointError, match=f"n.ipynb: .*{rule}; .* run --notebook n.ipynb --checkpoint durable'"):
        cell("%orchestrate resume --notebook n.ipynb")


def test_a_mode_that_there_is_not_is_refused(cell: Cell) -> None:
    cell("%%orchestrate one\nx = 1")
    with pytest.raises(ConfigError, match="durable"):
        cell("%orchestrate run --checkpoint always")


def test_a_pipeline_in_a_script_is_stored_when_that_is_asked_for(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "n.ipynb", ["x = 1", "y = x / 0"])
    assert not Pipeline(path).run().success
    assert main(["plan", str(path), "--resume"]) == 2
    assert not Pipeline(path, RunConfig(checkpoint="fast")).run().success
    capsys.readouterr()
    assert main(["plan", str(path), "--resume"]) == 0
    assert "cell-1  taken over from run" in capsys.readouterr().out
