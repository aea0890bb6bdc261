"""A kernel that is restarted takes its run with it: the dashboard says so, and offers no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.browser.dashboards import Dashboard
from tests.browser.held_runs import HeldRun
from tests.browser.pages import opened
from tests.browser.servers import Server, wait_for

CELLS = (
    "%load_ext orchestra_nb",
    "%%orchestrate load\nx = 1",
    "%%orchestrate fit\nhold(GATES + 'fit')\ny = x + 1",
    "%orchestrate run -j 2",
)

RESTART = "() => { window.restarted = window.jupyterapp.commands.execute('notebook:restart-kernel').then(() => true) }"


def test_a_dashboard_whose_kernel_was_restarted_says_so_and_its_buttons_do_nothing(
    browser: Any, lab: Server, folder: Path
) -> None:
    run = HeldRun(folder, "cut", CELLS)
    with opened(browser, lab, run.name) as page:
        page.begin()
        run.began("fit")
        dashboard = Dashboard(page, 3)
        dashboard.shows("progress", "1 of 2 nodes ended")
        assert dashboard.state == "running"
        page.page.evaluate(RESTART)
        page.page.locator(".jp-Dialog button.jp-mod-accept").click()
        dashboard.becomes("lost")
        wait_for(lambda: "The kernel has gone" in dashboard.status, "the dashboard to say so")
        for action in ("pause", "resume", "cancel"):
            assert not dashboard.usable(action)
            dashboard.button(action).click(force=True)
        page.shoot("kernel gone")
        page.page.evaluate("() => window.restarted")  # a server cannot end a kernel that is just being restarted
        mine = [one for one in page.complaints if "Comm not found" not in one]  # JupyterLab says so of every widget
        assert mine == []
        page.complaints.clear()
