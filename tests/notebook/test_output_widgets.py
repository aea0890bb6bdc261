"""What is said inside an output widget is the widget's, whatever else speaks meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import nbformat
import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.notebook.headless import HeadlessRun, run_file

SOURCES = [
    "import ipywidgets\nfrom IPython.display import clear_output, display, update_display\n"
    "one, two, three = ipywidgets.Output(), ipywidgets.Output(), ipywidgets.Output()",
    "with one:\n    print('inside')\n    display('rich')\nprint('outside')\nlen(one.outputs)",
    "with one:\n    print('again')\nprint('outside again')",
    "with two:\n    print('gone')\n    clear_output()\n    with three:\n        1 / 0\n    print('stays')",
    "len(one.outputs), len(two.outputs), len(three.outputs)",
    "bar = display('0 %', display_id='bar')",
    "with three:\n    bar.update('100 %')",
    "one",
]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> HeadlessRun:
    v4: Any = nbformat.v4
    path = tmp_path_factory.mktemp("widgets") / "n.ipynb"
    path.write_text(nbformat.writes(v4.new_notebook(cells=[v4.new_code_cell(source) for source in SOURCES])))
    return run_file(path, RunConfig(jobs=3))


def texts(outputs: Any) -> list[str]:
    return [item.get("text") or item.get("ename") or item["data"]["text/plain"] for item in outputs]


def held(ran: HeadlessRun) -> list[list[str]]:
    """What the state of each output widget holds."""
    states: Mapping[str, Any] = ran.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    return sorted(texts(s["state"]["outputs"]) for s in states.values() if s["model_name"] == "OutputModel")


def test_the_cell_has_what_was_said_outside(ran: HeadlessRun) -> None:
    assert ran.run.success
    assert texts(ran.outcomes["cell-2"].outputs) == ["outside\n", "0"]  # a kernel hears of it when the cell has ended
    assert texts(ran.outcomes["cell-3"].outputs) == ["outside again\n"]
    assert texts(ran.outcomes["cell-4"].outputs) == []


def test_the_widget_has_what_was_said_inside(ran: HeadlessRun) -> None:
    assert held(ran) == [["ZeroDivisionError"], ["inside\n", "'rich'", "again\n"], ["stays\n"]]
    assert texts(ran.outcomes["cell-5"].outputs) == ["(3, 1, 1)"]


def test_an_update_from_inside_reaches_the_display_outside(ran: HeadlessRun) -> None:
    assert texts(ran.outcomes["cell-6"].outputs) == ["'100 %'"]


def test_the_widget_is_shown_and_its_state_is_in_the_file(ran: HeadlessRun) -> None:
    (shown,) = ran.outcomes["cell-8"].outputs
    name = shown["data"]["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert name in ran.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
