"""A kernel that is restarted takes its run with it: the dashboard says so, and offers no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .conftest import wait_for
from .test_lab import Lab, write

CUT = [
    ("%load_ext orchestra_nb", {}),
    ("%%orchestrate load\nx = 1", {}),
    ("%%orchestrate fit\nimport os, time\nwhile not os.path.exists('never'):\n    time.sleep(0.05)\ny = x + 1", {}),
    ("%orchestrate run -j 2", {}),
]


def test_a_dashboard_whose_kernel_was_restarted_says_so_and_its_buttons_do_nothing(
    browser: Any, server: str, folder: Path
) -> None:
    write(folder / "cut.ipynb", CUT)
    lab = Lab(browser, server, folder / "cut.ipynb")
    failed: list[str] = []
    lab.page.on("pageerror", lambda error: failed.append(str(error)))
    lab.begin()
    dashboard = lab.page.locator(".orchestra-dashboard")
    wait_for(lambda: dashboard.count() and "running: 50 %" in dashboard.inner_text(), "the node that never ends")
    status = dashboard.get_by_role("status")
    assert "gone" not in status.inner_text()
    lab.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:restart-kernel') }")
    lab.page.locator(".jp-Dialog button.jp-mod-accept").click()
    wait_for(lambda: "The kernel has gone" in status.inner_text(), "the dashboard to say so")
    for action in ("pause", "resume", "cancel"):
        button = dashboard.locator(f"button[data-action={action}]")
        assert button.get_attribute("aria-disabled") == "true"
        button.click(force=True)
    assert failed == []
    lab.shoot("kernel gone")
    lab.page.close()
