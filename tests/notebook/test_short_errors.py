"""An error of a magic is one block: the cell, its line with the code, the message; all of it on request."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from orchestra_nb.errors import CommandError, NodeFailed
from orchestra_nb.notebook.short_errors import HINT

Cell = Callable[..., Any]
RNU = "CommandError: %orchestrate: no subcommand 'rnu'; did you mean 'run'?"


def lines_of(screen: Any) -> list[str]:
    return list(screen.error._render_traceback_())


@pytest.mark.parametrize(
    ("source", "line", "code"),
    [
        ("%orchestrate rnu", 1, "%orchestrate rnu"),
        ("q = 1\n\n%orchestrate rnu\nz = 2", 3, "%orchestrate rnu"),
        ("\n\n  \nq = 1\n%orchestrate rnu", 5, "%orchestrate rnu"),
        ("if True:\n    w = %orchestrate rnu", 2, "w = %orchestrate rnu"),
        ("def f():\n    %orchestrate rnu\n\nf()", 2, "%orchestrate rnu"),
    ],
)
def test_it_says_the_cell_and_the_line_as_it_was_typed(
    cell: Cell, shell: Any, source: str, line: int, code: str
) -> None:
    number = shell.execution_count
    assert lines_of(cell(source, fails=True)) == [
        f"Cell In[{number}], line {line}",
        f"----> {line} {code}",
        "",
        RNU,
        HINT,
    ]


def test_a_function_of_an_earlier_cell_is_where_the_magic_stands(cell: Cell, shell: Any) -> None:
    number = shell.execution_count
    cell("\ndef f():\n    %orchestrate rnu")
    assert lines_of(cell("f()", fails=True))[:2] == [f"Cell In[{number}], line 3", "----> 3 %orchestrate rnu"]


@pytest.mark.parametrize(
    ("source", "line", "code"),
    [
        ("%%orchestrate a --nope\nx = 1", 1, "%%orchestrate a --nope"),
        ("%%orchestrate a\nx = 1\ny = (1 +", 3, "y = (1 +"),
        ("%%orchestrate a\n#| aftr: b\nx = 1", 2, "#| aftr: b"),
        ("%%orchestrate a\n#| cost: dear\nx = 1", 2, "#| cost: dear"),
    ],
)
def test_a_fault_below_the_line_is_shown_where_it_is(cell: Cell, source: str, line: int, code: str) -> None:
    shown = lines_of(cell(source, fails=True))
    assert shown[0].endswith(f", line {line}")
    assert shown[1] == f"----> {line} {code}"


@pytest.mark.parametrize("fault", ["y = (1 +", "#| aftr: b"])
def test_the_message_names_the_cell_by_its_prompt_as_the_line_above_it_does(cell: Cell, shell: Any, fault: str) -> None:
    cell("%%orchestrate other\nz = 1")
    number = shell.execution_count
    screen = cell(f"%%orchestrate a\n{fault}", fails=True)
    shown = lines_of(screen)
    assert shown[0] == f"Cell In[{number}], line 2"
    assert f": cell In[{number}], line 2: " in shown[3]
    assert "cell 2, line 2: " in str(screen.error)


def test_a_node_that_failed_shows_its_own_lines_and_none_of_ours(cell: Cell) -> None:
    cell("%%orchestrate bad\ndef g():\n    return 1 / 0\ng()")
    screen = cell("%orchestrate run", fails=True)
    text = "\n".join(lines_of(screen))
    assert isinstance(screen.error, NodeFailed)
    assert "----> 3     return 1 / 0" in text
    assert "orchestra_nb" not in text
    assert text.endswith(f"NodeFailed: node 'bad' failed: ZeroDivisionError: division by zero\n{HINT}")


def test_all_of_it_is_given_on_request(cell: Cell) -> None:
    assert cell("%orchestrate error").result.plain == "there was no error yet"
    cell("%orchestrate rnu", fails=True)
    full = cell("%orchestrate error").result.plain
    assert full.startswith("Traceback (most recent call last):\n")
    assert "magics.py" in full
    assert "run_line_magic('orchestrate', 'rnu')" in full
    assert full.rstrip().endswith(f"orchestra_nb.errors.{RNU}")


def test_all_of_it_is_shown_at_once_where_that_is_set(cell: Cell) -> None:
    cell("%config Orchestrate.tracebacks = 'full'")
    shown = lines_of(cell("%orchestrate rnu", fails=True))
    assert shown[0] == "Traceback (most recent call last):"
    cell("%config Orchestrate.tracebacks = 'short'")
    assert lines_of(cell("%orchestrate rnu", fails=True))[-1] == HINT


def test_the_error_is_still_the_exception_that_it_was_and_travels(cell: Cell) -> None:
    error = cell("%orchestrate rnu", fails=True).error
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is CommandError
    assert str(back) == str(error) == RNU.partition(": ")[2]
    assert back._render_traceback_() == error._render_traceback_()


def test_no_long_or_hostile_line_gets_through(cell: Cell) -> None:
    shown = lines_of(cell(f"%orchestrate rnu '{'x' * 999}\x1b[31m'", fails=True))
    assert len(shown[1]) < 200
    assert not any("\x1b" in line for line in shown)


@pytest.mark.parametrize(
    ("setting", "allowed"),
    [
        ("tracebacks='long'", "['short', 'full']"),
        ("policy='fast'", "'critical-path', 'fifo'"),
        ("jobs=0", "give 1 or more, or -1 for all cores"),
        ("timeout=-1.0", "timeout"),
        ("checkpoint='never'", "'durable'"),
        ("resources={'gpu': 'many'}", "a whole number from 1, a rate"),
    ],
)
def test_a_wrong_default_is_refused_with_what_is_allowed(
    cell: Cell, shell: Any, setting: str, allowed: str, caplog: pytest.LogCaptureFixture
) -> None:
    trait = setting.partition("=")[0]
    before = getattr(shell.magics_manager.registry["Orchestrate"], trait)
    cell(f"%config Orchestrate.{setting}")
    assert allowed in caplog.text
    assert getattr(shell.magics_manager.registry["Orchestrate"], trait) == before


def test_every_trait_has_help(cell: Cell, shell: Any) -> None:
    for name, trait in shell.magics_manager.registry["Orchestrate"].traits(config=True).items():
        assert trait.help, name


def test_it_is_an_error_for_tools_that_run_notebooks_and_as_short_in_what_they_store(tmp_path: Path) -> None:
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    sources = ["%load_ext orchestra_nb", "a = 1\n%orchestrate rnu"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    with pytest.raises(CellExecutionError, match="did you mean 'run'"):
        NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    (output,) = notebook.cells[1].outputs
    assert (output.output_type, output.ename) == ("error", "CommandError")
    assert "\n".join(output.traceback).splitlines() == ["Cell In[2], line 2", "----> 2 %orchestrate rnu", "", RNU, HINT]
