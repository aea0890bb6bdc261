"""Many runs in one kernel and one page leave nothing behind: no widget, no channel, no element, no thread."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.dashboards import ROOT
from tests.browser.held_runs import HeldRun
from tests.browser.pages import NotebookPage, opened
from tests.browser.servers import Server, wait_for

RUNS = 20
CELLS = (
    "%load_ext orchestra_nb",
    "%%orchestrate load\nx = 1",
    "%%orchestrate fit\nhold(GATES + 'fit')\ny = x + 1",
    "%orchestrate run -j 2",
)
RUN = 3
_KERNEL = {
    "comms": "len(__import__('comm').get_comm_manager().comms)",
    "widgets": "len(__import__('ipywidgets').widgets.widget._instances)",
    "threads": "sorted(t.name for t in threading.enumerate() if 'orchestra' in t.name)",
}
_PAGE = """async () => {
  const context = window.jupyterapp.shell.currentWidget.sessionContext;
  const elements = document.querySelectorAll('.jp-Notebook *:not(svg *)').length;  // a time axis has more ticks or less
  return {elements, comms: context.session.kernel._comms.size};
}"""


@pytest.fixture(scope="module")
def counts(browser: Any, lab: Server, folder: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    run = HeldRun(folder, "often", CELLS)
    with opened(browser, lab, run.name) as page:
        page.begin()
        _watched(page, run)
        _again(page, run)
        before = _count(page, run)
        for _ in range(RUNS):
            _again(page, run)
        yield before, _count(page, run)
        run.end()


def _again(page: NotebookPage, run: HeldRun) -> None:
    run.shut()
    page.begin_cell(RUN)
    _watched(page, run)


def _watched(page: NotebookPage, run: HeldRun) -> None:
    """A run whose dashboard has been seen live, to its end."""
    run.began("fit")
    page.output(RUN).locator(ROOT).wait_for(timeout=30_000)
    run.open("fit")
    page.ended(RUN)
    wait_for(lambda: "2 done" in page.outputs()[RUN] and not page.page.locator(ROOT).count(), "the twin")


def _count(page: NotebookPage, run: HeldRun) -> dict[str, Any]:
    wait_for(lambda: "orchestra-dashboard" not in run.ask(_KERNEL["threads"]), "the dashboard's thread to end")
    return {name: run.ask(expression) for name, expression in _KERNEL.items()} | {"page": page.page.evaluate(_PAGE)}


def test_many_runs_leave_nothing_behind(counts: tuple[dict[str, Any], dict[str, Any]]) -> None:
    before, after = counts
    assert after == before
