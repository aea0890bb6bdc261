"""Cells with a condition, a retry policy or resources: what the analysis and the run make of them."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from orchestra_nb.cells.notebook_file import Notebook
from orchestra_nb.config import RunConfig
from orchestra_nb.errors import NotebookError
from orchestra_nb.notebook.headless import run_file
from orchestra_nb.pipeline import Pipeline

COLUMNS = [
    "n = 0\ny = 5",
    "#| when: n > 0\nx = 1",
    "#| when: n === 0\ny = y + 1",
    "z = y",
    "w = x",
]


def run(sources, **config):
    config = {"jobs": 3, "history": False, **config}
    return Pipeline(Notebook.from_sources(sources), config=RunConfig(**config)).run()


def statuses(result):
    return [outcome.status for outcome in result.outcomes.values()]


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_cell_whose_condition_is_false_is_skipped_and_so_is_what_needs_what_only_it_binds(jobs):
    result = run(COLUMNS, jobs=jobs)
    assert statuses(result) == ["done", "skipped", "done", "done", "skipped"]
    assert result.success
    assert result.values["z"] == 6
    assert result.outcomes["cell-2"].reason == "its condition was false: n > 0 (n is 0)"
    assert "'cell-2'" in result.outcomes["cell-5"].reason


def test_what_a_skipped_cell_would_have_bound_keeps_its_earlier_value():
    result = run(["n = 0\ny = 5", "#| when: n > 0\ny = 6", "z = y"])
    assert statuses(result) == ["done", "skipped", "done"]
    assert result.values["z"] == 5


def test_a_condition_waits_for_who_makes_its_names():
    edges = {(edge.source, edge.target) for edge in Notebook.from_sources(["n = 1", "#| when: n > 0\nx = 2"]).dag.edges}
    assert edges == {("cell-1", "cell-2")}


def test_a_condition_that_cannot_be_read_is_named_before_anything_runs():
    with pytest.raises(NotebookError, match="cell 2, line 1: its condition cannot be read: column 4"):
        Notebook.from_sources(["n = 1", "#| when: n >\nx = 2"]).dag  # noqa: B018


def test_a_condition_on_a_name_that_is_not_there_fails_its_cell():
    result = run(["x = 1", "#| when: nobody > 0\ny = 2"])
    assert statuses(result) == ["done", "failed"]
    assert "nobody" in str(result.errors[0])


def test_a_linear_run_keeps_to_conditions_too(tmp_path: Path):
    v4 = nbformat.v4
    metadata = {"kernelspec": {"name": "python3", "display_name": "python3", "language": "python"}}
    notebook = v4.new_notebook(cells=[v4.new_code_cell(source) for source in COLUMNS], metadata=metadata)
    path = tmp_path / "n.ipynb"
    path.write_text(nbformat.writes(notebook))
    linear = run_file(path, RunConfig(history=False), linear=True)
    parallel = run_file(path, RunConfig(jobs=3, history=False))
    assert statuses(linear.run) == statuses(parallel.run) == ["done", "skipped", "done", "done", "skipped"]
    assert linear.fingerprints == parallel.fingerprints
    assert linear.outcomes["cell-5"].reason == parallel.outcomes["cell-5"].reason


def test_a_cell_is_tried_again_as_it_says():
    flaky = "#| retry: {attempts: 3, initial_delay: 0}\ntries.append(1)\nassert len(tries) > 2"
    result = run(["tries = []", flaky])
    assert result.success
    assert result.outcomes["cell-2"].attempts == 3


ALONE = """
#| uses: db
#| after: cell-1
#| reads: []
#| mutates: []
inside.append({0})
import time
time.sleep(0.01)
most_{0} = len(inside)
inside.remove({0})
"""


def test_cells_that_use_one_thing_take_turns():
    cells = ["inside = []", *(ALONE.format(number).strip() for number in range(4))]
    result = run(cells, jobs=4)
    assert result.success
    assert [result.values[f"most_{number}"] for number in range(4)] == [1, 1, 1, 1]
    assert sum(outcome.lock_wait > 0 for outcome in result.outcomes.values()) == 3


def test_cells_that_await_run_together_whatever_the_jobs():
    meet = "import asyncio\nmet.append({0})\nwhile len(met) < 5:\n    await asyncio.sleep(0)\nv{0} = len(met)"
    cells = [
        "met = []",
        *(f"#| after: cell-1\n#| reads: []\n#| mutates: []\n{meet.format(number)}" for number in range(5)),
    ]
    result = run(cells, jobs=2, timeout=60)
    assert result.success
    assert {outcome.worker for outcome in list(result.outcomes.values())[1:]} == {"event loop"}
