"""The three forms of use in a real JupyterLab, as a person meets them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nbformat
import pytest

from .conftest import SHOTS, answers, wait_for

FORMS = [
    ("%load_ext orchestra_nb", {}),
    ("def double(x):\n    print('doubling', x)\n    return x * 2", {}),
    ("%%orchestrate left --cost 2\na = double(1)", {}),
    ("%%orchestrate\nb = double(20)", {"orchestrate": {"name": "right", "cost": 3}}),
    ("%%orchestrate join\n#| phase: end\nprint('sum', a + b)\na + b", {}),
    ("%orchestrate run -j 2", {}),
    ("a, b", {}),
    ("%orchestrate graph", {}),
    ("%orchestrate why left join", {}),
    ("%%orchestrate\n# %% load\nxs = [3, 1, 2]\n# %% least cost=2\nlow = min(xs)\n# %% most\nhigh = max(xs)\n"
     "# %% both after=least\nprint('from', low, 'to', high)", {}),
]  # fmt: skip
OWN = [
    ("%load_ext orchestra_nb", {}),
    ("words = 'the notebook you already have'.split()", {}),
    ("longest = max(words, key=len)\nprint('longest:', longest)", {}),
    ("letters = sum(map(len, words))\nletters", {}),
    ("%orchestrate run --notebook", {}),
]

WATCHED = [
    ("%load_ext orchestra_nb", {}),
    ("%%orchestrate load\n#| phase: Get\nx = 1", {}),
    ("%%orchestrate fit\n#| phase: Model\n"
     "import os, time\nwhile not os.path.exists('go on'):\n    time.sleep(0.05)\ny = x + 1", {}),
    ("%%orchestrate plot\n#| phase: Model\nz = x + y", {}),
    ("%orchestrate run -j 2", {}),
    ("%orchestrate progress", {}),
]  # fmt: skip


def write(path: Path, cells: list[tuple[str, dict[str, Any]]]) -> None:
    made = [nbformat.v4.new_code_cell(source, metadata=metadata) for source, metadata in cells]
    notebook = nbformat.v4.new_notebook(cells=made)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)


class Lab:
    """One notebook in one tab."""

    def __init__(self, browser: Any, server: str, path: Path) -> None:
        self.asked: list[str] = []
        self.page = browser.new_page()
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(f"{server}/lab/tree/{path.name}?reset")
        self.page.wait_for_selector(".jp-Notebook-cell", timeout=60_000)
        wait_for(lambda: self._ready(server, path.name), "the kernel")
        self.page.wait_for_selector(
            ".jp-Notebook-ExecutionIndicator[data-status=idle]", state="attached", timeout=60_000
        )

    @staticmethod
    def _ready(server: str, name: str) -> bool:
        return any(
            one["path"] == name and one["kernel"]["connections"] and one["kernel"]["execution_state"] == "idle"
            for one in answers(f"{server}/api/sessions") or ()
        )

    def begin(self) -> None:
        """Run every cell, and do not wait."""
        self.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")

    def run_all(self) -> None:
        """Run every cell and wait until each has its number."""
        self.begin()
        numbered = r"() => [...document.querySelectorAll('.jp-CodeCell')].every(c => /\[\d+\]/.test(c.innerText))"
        self.page.wait_for_function(numbered, timeout=90_000)

    def outputs(self) -> list[str]:
        """The text in each cell's output area."""
        return list(
            self.page.eval_on_selector_all(
                ".jp-CodeCell", "cells => cells.map(c => c.querySelector('.jp-Cell-outputWrapper').innerText)"
            )
        )

    def shoot(self, name: str) -> None:
        """Keep a picture for whoever wants to look."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=str(SHOTS / f"{name}.png"))


@pytest.fixture(scope="module")
def forms(browser: Any, server: str, folder: Path) -> Iterator[Lab]:
    write(folder / "forms.ipynb", FORMS)
    lab = Lab(browser, server, folder / "forms.ipynb")
    lab.run_all()
    wait_for(lambda: "doubling 1" in lab.outputs()[2], "a node's output in its own cell")
    lab.shoot("forms")
    yield lab
    lab.page.close()


def test_each_declared_cell_has_its_own_output(forms: Lab) -> None:
    shown = forms.outputs()
    assert "doubling 1" in shown[2]
    assert "doubling 20" in shown[3]
    assert "sum 42" in shown[4]
    assert "doubling" not in shown[5]


def test_the_cells_metadata_names_its_node(forms: Lab) -> None:
    assert "right" in forms.outputs()[3]


def test_the_variables_are_there_after_the_run(forms: Lab) -> None:
    assert "(2, 40)" in forms.outputs()[6]


def test_the_graph_is_a_picture_that_the_browser_can_show(forms: Lab) -> None:
    widths = "cells => cells.map(c => [...c.querySelectorAll('.jp-OutputArea img')].map(i => i.naturalWidth))"
    assert forms.page.eval_on_selector_all(".jp-CodeCell", widths)[7][0] > 100


def test_why_names_the_variable_and_the_lines(forms: Lab) -> None:
    assert "writes a, then reads a" in forms.outputs()[8]


def test_a_pipeline_in_one_cell_runs_right_there(forms: Lab) -> None:
    shown = forms.outputs()[9]
    assert "from 1 to 3" in shown
    assert "4 done" in shown


def test_nothing_leaves_the_machine(forms: Lab) -> None:
    hosts = {urlsplit(url).hostname for url in forms.asked if url.startswith("http")}
    assert hosts == {"127.0.0.1"}


def test_a_notebook_runs_itself_without_being_told_its_path(browser: Any, server: str, folder: Path) -> None:
    write(folder / "own.ipynb", OWN)
    lab = Lab(browser, server, folder / "own.ipynb")
    lab.run_all()
    wait_for(lambda: "3 done" in lab.outputs()[4], "the run's summary")
    shown = lab.outputs()[4]
    assert "longest: notebook" in shown
    assert "25" in shown.split("cell-4")[-1]
    lab.shoot("own")
    lab.page.close()


def test_a_run_is_watched_while_it_goes_on_and_leaves_its_result(browser: Any, server: str, folder: Path) -> None:
    write(folder / "watched.ipynb", WATCHED)
    lab = Lab(browser, server, folder / "watched.ipynb")
    lab.begin()
    wait_for(lambda: "running: fit" in lab.outputs()[4], "the node that waits")
    shown = lab.outputs()[4]
    lab.shoot("watched")
    for text in ("33 %, 1 of 3", "s left (", "☑ Get", "▶ Model (0 of 2)", "▶ Running fit", "☐ Run plot"):
        assert text in shown
    (folder / "go on").touch()
    wait_for(lambda: "3 done" in lab.outputs()[4] and "100 %" in lab.outputs()[5], "the run's summary")
    assert "left" not in lab.outputs()[4]
    lab.shoot("watched to the end")
    lab.page.close()
