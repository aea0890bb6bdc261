"""A notebook that is saved while a run goes on: nothing in it is live, and a page that is loaded anew shows no error.

A kernel that is busy tells nobody of its models, so the new page has the dashboard again only of a run in the
background.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat

from tests.browser.dashboards import ROOT, Dashboard
from tests.browser.held_runs import HeldRun
from tests.browser.pages import NotebookPage, opened
from tests.browser.servers import Server, wait_for

CELLS = (
    "%load_ext orchestra_nb",
    "%%orchestrate load\nx = 1",
    "%%orchestrate fit\nhold(GATES + 'fit')\ny = x + 1",
    "%orchestrate run -j 2",
    "%orchestrate status",
)
RUN, STATUS = 3, 4
WORD = "This was saved while the run went on"


@contextmanager
def loaded_anew(browser: Any, lab: Server, run: HeldRun) -> Iterator[NotebookPage]:
    """A notebook that was saved in the middle of its run, in a page that knows nothing of that."""
    with opened(browser, lab, run.name) as page:
        page.begin_cell(0)
        page.ended(0)
        for cell in (1, 2, RUN):
            page.begin_cell(cell)
        run.began("fit")
        Dashboard(page, RUN).shows("progress", "1 of 2 nodes ended")
        page.save()
        page.page.reload()
        page.page.wait_for_selector(".jp-Notebook-cell", timeout=60_000)
        yield page
        # JupyterLab says so of each model that has gone while it was asking for it
        page.complaints[:] = [one for one in page.complaints if "Comm not found" not in one]


def test_what_is_saved_in_the_middle_of_a_run_is_a_page_that_says_so(browser: Any, lab: Server, folder: Path) -> None:
    run = HeldRun(folder, "meanwhile", CELLS)
    with loaded_anew(browser, lab, run) as page:
        stored = [output for cell in nbformat.read(run.path, as_version=4).cells for output in cell.get("outputs", ())]
        assert not [mime for output in stored for mime in output.get("data", {}) if "widget" in mime]
        wait_for(lambda: WORD in "".join(page.outputs()), "the page as it was saved")
        run.open("fit")
        page.idle()
        page.run_cell(STATUS)
        wait_for(lambda: "2 done" in page.outputs()[STATUS], "the result of the run")
        assert "rror displaying widget" not in page.outputs()[RUN]
    with opened(browser, lab, run.name, kernel=False) as page:
        shown = page.outputs()[RUN]
        assert WORD in shown
        assert "rror displaying widget" not in shown
        assert page.output(RUN).locator(ROOT).count() == 0


def test_a_run_in_the_background_is_live_again_in_a_page_that_is_loaded_anew(
    browser: Any, lab: Server, folder: Path
) -> None:
    cells = (*CELLS[:RUN], "%orchestrate run -j 2 --background", CELLS[STATUS])
    run = HeldRun(folder, "meanwhile-aside", cells)
    with loaded_anew(browser, lab, run) as page:
        again = Dashboard(page, RUN)
        again.shows("progress", "1 of 2 nodes ended")
        assert WORD not in page.outputs()[RUN]
        again.button("pause").click()
        again.becomes("paused")
        again.button("resume").click()
        again.becomes("running")
        run.open("fit")
        again.becomes("over")
        assert not again.usable("cancel")
        page.run_cell(STATUS)
        wait_for(lambda: "2 done" in page.outputs()[STATUS], "the result of the run")
