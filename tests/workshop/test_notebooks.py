"""The notebooks in the repository are what the documents say that they are."""

from __future__ import annotations

import os
import re
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import nbformat
import pytest

from orchestra_nb import load_command, simulate


@pytest.fixture(scope="module")
def notebook(quickstart: Path) -> Any:
    return nbformat.read(quickstart, as_version=4)


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_the_quickstart_is_an_ordinary_notebook(notebook: Any) -> None:
    text = "\n".join(cell.source for cell in notebook.cells)
    assert not re.search(r"orchestra|^\s*#\|", text, flags=re.IGNORECASE | re.MULTILINE)
    assert not any("orchestrate" in cell.metadata or cell.metadata.get("tags") for cell in notebook.cells)


def test_the_quickstart_has_a_dozen_cells(notebook: Any) -> None:
    assert len(code_cells(notebook)) >= 12


@pytest.fixture(scope="module", params=["01_quickstart.ipynb", "03_agent_pipeline.ipynb"])
def any_notebook(request: pytest.FixtureRequest, root: Path) -> Any:
    return nbformat.read(root / "notebooks" / request.param, as_version=4)


def test_all_cells_ran_in_order(any_notebook: Any) -> None:
    cells = code_cells(any_notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


def test_no_stored_output_is_an_error_or_a_warning(any_notebook: Any) -> None:
    outputs = [output for cell in code_cells(any_notebook) for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]


def test_no_stored_output_names_a_folder_of_the_machine_that_made_it(any_notebook: Any, root: Path) -> None:
    outputs = str([output for cell in code_cells(any_notebook) for output in cell.outputs])
    assert not [place for place in (str(root), str(Path.home()), gettempdir() + os.sep) if place in outputs]


def test_the_review_takes_41_minutes_alone_and_17_side_by_side(root: Path) -> None:
    command = load_command(root / "notebooks" / "review-all.json")
    assert not command.warnings
    assert [simulate(command.dag, workers=workers).makespan for workers in (1, 5)] == [41 * 60, 17 * 60]
    assert command.dag.nodes["publisher"].undo == "withdrawer"


def test_the_agent_pipeline_shows_what_it_is_about(root: Path) -> None:
    stored = nbformat.read(root / "notebooks" / "03_agent_pipeline.ipynb", as_version=4)
    text = "\n".join(str(output) for cell in code_cells(stored) for output in cell.outputs)
    for shown in (
        "one after the other: 41 minutes",
        "side by side:        17 minutes",
        "security-reviewer       cached",
        "the report is gone: undone by 'withdrawer'",
        "the publisher waits; the report is not there",
        "circuit 'scanner' is open",
        "[x] Review the security",
    ):
        assert shown in text
