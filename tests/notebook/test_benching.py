"""``%orchestrate bench`` in a session: cells are measured where they live, and the session is as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest

from orchestra_nb.bench import Comparison, Sweep, SweepInterrupted
from orchestra_nb.config import RunConfig
from orchestra_nb.errors import CommandError, ConfigError
from orchestra_nb.notebook import benching
from orchestra_nb.notebook.program import run_cells

from ..bench.timed_worlds import result

Cell = Callable[..., Any]


@pytest.fixture
def declared(cell: Cell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cell:
    """Two cells, of which one counts how often it ran."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ORCHESTRA_NB_HISTORY", "")
    cell("runs = []")
    cell("%%orchestrate load --cache true\nruns.append(1)\nprint('loaded')\nx = len(runs)")
    cell("%%orchestrate train\ny = x + 1")
    return cell


def test_declared_cells_are_measured_in_the_namespace_and_nothing_of_them_is_shown(
    declared: Cell, shell: Any, capsys: Any
) -> None:
    found = declared("%orchestrate bench -j 1,2 --repeats 2 --warmup 1").result
    assert isinstance(found, Sweep)
    assert [(row.setting.jobs, row.time.n) for row in found.summaries] == [(1, 2), (2, 2)]
    assert shell.user_ns["runs"] == [1] * 6
    assert shell.user_ns["y"] == 7
    assert "loaded" not in capsys.readouterr().out
    assert "nothing has run yet" in str(declared("%orchestrate status").result)


def test_only_the_named_nodes_and_what_they_need_are_measured(declared: Cell, shell: Any) -> None:
    found = declared("%orchestrate bench load -j 1 --repeats 1").result
    assert {run.nodes for run in found.runs} == {1}


def test_the_defaults_of_the_session_hold_where_the_line_says_nothing(declared: Cell) -> None:
    declared("%config Orchestrate.policy = 'fifo'")
    found = declared("%orchestrate bench -j 1 --repeats 1").result
    declared("%config Orchestrate.policy = 'critical-path'")
    assert {run.turn.setting.policy for run in found.runs} == {"fifo"}


def test_results_append_to_a_file_and_the_second_time_are_compared(declared: Cell) -> None:
    line = "%orchestrate bench -j 1 --repeats 2 -o r.jsonl --plot f.pdf"
    assert not any("so few runs" in text for text in declared(line).plain)
    shown = declared(line)
    assert any("so few runs" in text for text in shown.plain)
    assert shown.updates[-1].startswith("3 runs in ")
    assert isinstance(declared("%orchestrate bench compare r.jsonl").result, Comparison)
    assert Path("f.pdf").read_bytes().startswith(b"%PDF")


def test_a_failing_cell_is_a_row(declared: Cell) -> None:
    declared("%%orchestrate train\ny = x / 0")
    found = declared("%orchestrate bench -j 1 --repeats 1").result
    assert found.failed == 2
    assert "ZeroDivisionError" in found.frame["error"][0]


def test_an_interrupt_shows_what_was_measured_and_the_session_goes_on(
    declared: Cell, shell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: Any) -> Any:
        if len(ran) == 3:
            raise KeyboardInterrupt
        ran.append(1)
        return run_cells(*_)

    ran: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(benching, "run_cells", run)
        screen = declared("%orchestrate bench -j 1,2 --repeats 2", fails=True)
    assert isinstance(screen.error, SweepInterrupted)
    assert any("it was interrupted: 3 of 6 runs were made" in text for text in screen.plain)
    assert screen.updates[-1].startswith("3 runs in ")
    assert declared("%orchestrate bench load -j 1 --repeats 1").result.failed == 0


def test_a_notebook_is_measured_in_kernels_of_its_own(
    declared: Cell, shell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[RunConfig] = []

    def run_file(notebook: Any, config: RunConfig, *, targets: tuple[str, ...]) -> Any:
        asked.append(config)
        return SimpleNamespace(run=result(1.0, config))

    monkeypatch.setattr("orchestra_nb.notebook.benching.run_file", run_file)
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("a = 1")]), "a.ipynb")
    found = declared("%orchestrate bench --notebook a.ipynb -j 2 --repeats 2").result
    assert (found.name, len(asked), {config.jobs for config in asked}) == ("a.ipynb", 3, {2})
    assert shell.user_ns["runs"] == []


@pytest.mark.parametrize(
    ("line", "kind", "message"),
    [
        ("bench -j 0", ConfigError, "jobs=0"),
        ("bench nobody", Exception, "nobody"),
        ("bench -j 1 -o none/r.jsonl", CommandError, "there is no folder"),
        ("bench -j 1 --plot f.doc", CommandError, "ends with .svg"),
        ("bench compare none.jsonl", ConfigError, "cannot be read"),
    ],
)
def test_bad_input_is_refused_before_anything_runs(
    declared: Cell, shell: Any, line: str, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        shell.run_line_magic("orchestrate", line)
    assert shell.user_ns["runs"] == []


def test_a_cell_of_a_run_cannot_measure(declared: Cell, shell: Any) -> None:
    declared("%%orchestrate inner\nget_ipython().run_line_magic('orchestrate', 'bench -j 1')")
    with pytest.raises(Exception, match="a run is already going on"):
        shell.run_line_magic("orchestrate", "run inner")
