"""The three forms of use in a real JupyterLab, as a person meets them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.pages import NotebookPage, opened, write
from tests.browser.servers import Server, wait_for

FORMS = [
    "%load_ext orchestra_nb",
    "def double(x):\n    print('doubling', x)\n    return x * 2",
    "%%orchestrate left --cost 2\na = double(1)",
    ("%%orchestrate\nb = double(20)", {"orchestrate": {"name": "right", "cost": 3}}),
    "%%orchestrate join\n#| phase: end\nprint('sum', a + b)\na + b",
    "%orchestrate run -j 2",
    "a, b",
    "%orchestrate graph",
    "%orchestrate why left join",
    "%%orchestrate\n# %% load\nxs = [3, 1, 2]\n# %% least cost=2\nlow = min(xs)\n# %% most\nhigh = max(xs)\n"
    "# %% both after=least\nprint('from', low, 'to', high)",
]
OWN = [
    "%load_ext orchestra_nb",
    "words = 'the notebook you already have'.split()",
    "longest = max(words, key=len)\nprint('longest:', longest)",
    "letters = sum(map(len, words))\nletters",
    "%orchestrate run --notebook",
]


@pytest.fixture(scope="module")
def forms(browser: Any, lab: Server, folder: Path) -> Iterator[NotebookPage]:
    write(folder / "forms.ipynb", FORMS)
    with opened(browser, lab, "forms.ipynb") as page:
        page.theme("light")
        page.run_all()
        wait_for(lambda: "doubling 1" in page.outputs()[2], "a node's output in its own cell")
        page.shoot("forms-light")
        yield page


def test_each_declared_cell_has_its_own_output(forms: NotebookPage) -> None:
    shown = forms.outputs()
    assert "doubling 1" in shown[2]
    assert "doubling 20" in shown[3]
    assert "sum 42" in shown[4]
    assert "doubling" not in shown[5]


def test_the_cells_metadata_names_its_node(forms: NotebookPage) -> None:
    assert "right" in forms.outputs()[3]


def test_the_variables_are_there_after_the_run(forms: NotebookPage) -> None:
    assert "(2, 40)" in forms.outputs()[6]


def test_the_graph_is_a_picture_that_the_browser_can_show(forms: NotebookPage) -> None:
    assert forms.widths(7)[0] > 100


def test_why_names_the_variable_and_the_lines(forms: NotebookPage) -> None:
    assert "writes a, then reads a" in forms.outputs()[8]


def test_a_pipeline_in_one_cell_runs_right_there(forms: NotebookPage) -> None:
    shown = forms.outputs()[9]
    assert "from 1 to 3" in shown
    assert "4 done" in shown


def test_a_notebook_runs_itself_without_being_told_its_path(browser: Any, lab: Server, folder: Path) -> None:
    write(folder / "own.ipynb", OWN)
    with opened(browser, lab, "own.ipynb") as page:
        page.run_all()
        wait_for(lambda: "3 done" in page.outputs()[4], "the run's summary")
        shown = page.outputs()[4]
        assert "longest: notebook" in shown
        assert "25" in shown.split("cell-4")[-1]
