from __future__ import annotations

from typing import Any

import pytest

from orchestra_nb.cells.cell import Cell, recorded_seconds
from orchestra_nb.cells.reading import read_cell
from orchestra_nb.cells.settings import NodeSettings


def test_later_places_win_tags_then_metadata_then_block_then_magic() -> None:
    metadata = {
        "tags": ["orchestrate:name=tag", "orchestrate:phase=tag", "orchestrate:cost=1", "orchestrate:priority=1"],
        "orchestrate": {"name": "metadata", "phase": "metadata", "cost": 2},
    }
    source = "%%orchestrate magic\n#| name: block\n#| phase: block\nx = 1"
    (cell,) = read_cell(3, source, metadata).cells
    assert cell.settings == NodeSettings(name="magic", phase="block", cost=2.0, priority=1)
    assert [cell.where(key) for key in ("name", "phase", "cost", "priority", "after")] == [
        "cell 3, line 1",
        "cell 3, line 3",
        "cell 3, metadata",
        "cell 3, tags",
        "cell 3",
    ]


def test_a_list_is_several_tags() -> None:
    tags = ["orchestrate:after=a", "orchestrate:after=b", "other", "remove-input"]
    (cell,) = read_cell(1, "x", {"tags": tags}).cells
    assert (cell.settings.after, cell.tags) == (("a", "b"), tuple(tags))


@pytest.mark.parametrize("source", ["", " \n\t\n", "%load_ext orchestra_nb", "# go\n%orchestrate run --notebook"])
def test_a_cell_without_work_is_no_node(source: str) -> None:
    assert read_cell(1, source).cells == ()


def test_a_cell_tagged_skip_execution_is_no_node() -> None:
    assert read_cell(1, "x = 1", {"tags": ["skip-execution"]}).cells == ()


@pytest.mark.parametrize("source", ["# only a comment", "%matplotlib inline", "x = 1\n%orchestrate run"])
def test_any_other_cell_is_a_node(source: str) -> None:
    (cell,) = read_cell(4, source).cells
    assert (cell.id, cell.source, cell.first_line) == ("cell-4", source, 1)


def test_a_pipeline_cell_is_a_node_per_part() -> None:
    source = "%%orchestrate p -j 2\n# %% a\nx = 1\n# %% b after=a\n#| cost: 3\ny = x\n# %% empty\n\n# %%\nz"
    reading = read_cell(2, source, {"tags": ["raises-exception"]}, "id-2")
    assert [(cell.id, cell.part, cell.first_line) for cell in reading.cells] == [
        ("a", 1, 3),
        ("b", 2, 5),
        ("cell-2.4", 4, 10),
    ]
    assert reading.cells[1].settings == NodeSettings(name="b", after=("a",), cost=3.0)
    assert reading.cells[1].where("cost") == "cell 2, line 5"
    assert reading.cells[1].line(2) == "cell 2, line 6"
    assert {cell.cell_id for cell in reading.cells} == {"id-2"}
    assert reading.issues == ()


def test_settings_of_a_whole_pipeline_cell_are_said_to_have_no_effect() -> None:
    reading = read_cell(2, "%%orchestrate p --after q --timeout 3\n# %% a\nx", {"orchestrate": {"phase": "f"}})
    assert [(issue.severity, issue.path) for issue in reading.issues] == [
        ("warning", "cell 2, metadata"),
        ("warning", "cell 2, line 1"),
    ]
    assert reading.cells[0].settings == NodeSettings(name="a")


@pytest.mark.parametrize(
    ("source", "metadata", "code", "path"),
    [
        ("x", {"orchestrate": "load"}, "bad-metadata", "cell 5, metadata"),
        ("x", {"orchestrate": None}, "bad-metadata", "cell 5, metadata"),
        ("x", {"orchestrate": {"aftr": "a"}}, "unknown-setting", "cell 5, metadata"),
        ("x", {"tags": ["orchestrate:name"]}, "bad-tag", "cell 5"),
        ("x", {"tags": ["orchestrate:nme=a"]}, "unknown-setting", "cell 5, tags"),
        ("%%orchestrate a --aftr b\nx", {}, "bad-magic", "cell 5, line 1"),
        ("\n%%orchestrate 'a\nx", {}, "bad-magic", "cell 5, line 2"),
        ("%%orchestrate a --timeout soon\nx", {}, "bad-setting", "cell 5, line 1"),
        ("%%orchestrate\n# %% a aftr=b\nx", {}, "unknown-setting", "cell 5, line 2"),
        ("%%orchestrate\n# %% a b=c d\nx", {}, "unknown-setting", "cell 5, line 2"),
        ("%%orchestrate\n# %% 'a\n", {}, "bad-marker", "cell 5, line 2"),
        ("#| after: [\nx", {}, "bad-directive", "cell 5, line 1"),
    ],
)
def test_a_fault_names_its_place(source: str, metadata: dict[str, Any], code: str, path: str) -> None:
    (issue,) = read_cell(5, source, metadata).issues
    assert (issue.code, issue.path, issue.severity) == (code, path, "error")


EXECUTION = {
    "iopub.status.busy": "2026-01-01T00:00:00.000Z",
    "iopub.execute_input": "2026-01-01T00:00:01.000Z",
    "shell.execute_reply": "2026-01-01T00:00:03.500Z",
    "iopub.status.idle": "2026-01-01T00:00:04.000Z",
}


@pytest.mark.parametrize(
    ("metadata", "seconds"),
    [
        ({}, None),
        ({"execution": EXECUTION}, 2.5),
        ({"execution": {k: v for k, v in EXECUTION.items() if "status" in k}}, 4.0),
        ({"execution": {**EXECUTION, "shell.execute_reply": "2025-01-01T00:00:00Z"}, "papermill": None}, 4.0),
        ({"execution": {"iopub.execute_input": "soon", "shell.execute_reply": 3}}, None),
        ({"execution": {"iopub.execute_input": "0001-01-01T00:00:00", "shell.execute_reply": 3}}, None),
        ({"execution": "fast"}, None),
        ({"papermill": {"duration": 1.5}}, 1.5),
        ({"papermill": {"duration": True}}, None),
        ({"papermill": {"duration": -1}}, None),
        ({"papermill": {"duration": float("nan")}}, None),
    ],
)
def test_the_time_of_the_last_run_is_read_from_the_metadata(metadata: dict[str, Any], seconds: float | None) -> None:
    assert recorded_seconds(metadata) == seconds
    (cell,) = read_cell(1, "x", metadata).cells
    assert cell.seconds == seconds


def test_a_cell_names_its_lines_as_jupyter_counts_them() -> None:
    assert Cell(3, "x", first_line=4).line(2) == "cell 3, line 5"
