"""The notebooks in the repository are what the documents say that they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest


@pytest.fixture(scope="module")
def notebook(quickstart: Path) -> Any:
    return nbformat.read(quickstart, as_version=4)


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_the_quickstart_is_an_ordinary_notebook(notebook: Any) -> None:
    text = "\n".join(cell.source for cell in notebook.cells)
    assert not re.search(r"orchestra|^\s*#\|", text, flags=re.IGNORECASE | re.MULTILINE)
    assert not any("orchestrate" in cell.metadata or cell.metadata.get("tags") for cell in notebook.cells)


def test_the_quickstart_has_a_dozen_cells_and_all_of_them_ran_in_order(notebook: Any) -> None:
    cells = code_cells(notebook)
    assert len(cells) >= 12
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


def test_no_stored_output_is_an_error_or_a_warning(notebook: Any) -> None:
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
