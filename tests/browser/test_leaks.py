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
    "%%orchestrate load\nimport time\ntime.sleep(0.4)\nx = 1",
    "%%orchestrate fit\ny = x + 1",
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
  return {elements: document.querySelectorAll('.jp-Notebook *').length, comms: context.session.kernel._comms.size};
}"""


@pytest.fixture(scope="module")
def counts(browser: Any, lab: Server, folder: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any], int]]:
    run = HeldRun(folder, "often", CELLS)
    with opened(browser, lab, run.name) as page:
        page.run_all()
        _again(page)
        before = _count(page, run)
        live = sum(_again(page) for _ in range(RUNS))
        after = _count(page, run)
        run.end()
        yield before, after, live


def _again(page: NotebookPage) -> bool:
    """Run the cell once more; says whether a live dashboard was seen meanwhile."""
    page.begin_cell(RUN)
    live = True
    try:
        page.output(RUN).locator(ROOT).wait_for(state="attached", timeout=5_000)
    except Exception:
        live = False
    page.ended(RUN)
    wait_for(lambda: "2 done" in page.outputs()[RUN] and not page.page.locator(ROOT).count(), "the twin")
    return live


def _count(page: NotebookPage, run: HeldRun) -> dict[str, Any]:
    wait_for(lambda: "orchestra-dashboard" not in run.ask(_KERNEL["threads"]), "the dashboard's thread to end")
    return {name: run.ask(expression) for name, expression in _KERNEL.items()} | {"page": page.page.evaluate(_PAGE)}


def test_many_runs_leave_nothing_behind(counts: tuple[dict[str, Any], dict[str, Any], int]) -> None:
    before, after, _ = counts
    assert after == before


def test_each_of_them_was_live(counts: tuple[dict[str, Any], dict[str, Any], int]) -> None:
    assert counts[2] == RUNS
