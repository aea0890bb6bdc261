"""The same in Notebook 7: the dashboard with its buttons while a run goes on, and the twin in its place afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.browser.accessibility import faults
from tests.browser.dashboards import ROOT, Dashboard
from tests.browser.finished_runs import shown_by
from tests.browser.held_runs import RUN, HeldRun
from tests.browser.pages import opened
from tests.browser.servers import Server, wait_for


def test_a_run_is_seen_paused_and_resumed_in_notebook_7(browser: Any, notebook7: Server, folder: Path) -> None:
    run = HeldRun(folder, "held-in-notebook-7")
    with opened(browser, notebook7, run.name) as page:
        try:
            page.theme("light")
            page.begin()
            run.began("fit")
            dashboard = Dashboard(page, RUN)
            dashboard.shows("running", "fit", "score")
            frame = dashboard.framed("progress", run)[0]
            assert f"running {frame['running']}" in dashboard.panel("progress").text
            for theme in ("light", "dark"):
                page.theme(theme)
                assert faults(page.page, ROOT) == []
                page.shoot(f"notebook7-{theme}", dashboard.root)
            page.theme("light")
            dashboard.button("pause").click()
            dashboard.becomes("paused")
            run.open("fit")
            dashboard.shows("progress", "done 2")
            assert not run.has_begun("score")
            dashboard.button("resume").click()
            run.began("score")
        finally:
            run.end()
        page.ended(RUN)
        wait_for(lambda: "5 done" in page.outputs()[RUN] and not shown_by(page).live, "the twin")
        assert min(shown_by(page).widths) > 100
        page.shoot("notebook7-twin-light", page.output(RUN))
