"""Names that would be markup or a script, in a real page: they are shown, and nothing else comes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.dashboards import ROOT, Dashboard
from tests.browser.held_runs import HeldRun
from tests.browser.pages import opened
from tests.browser.servers import Server, wait_for

NAME = "<img src=x onerror=alert(1)>"
_SCRIPT = "<script>alert(2)</script>"
_LINK = '"><svg onload=alert(3)><a href="javascript:alert(4)">x</a>'
CELLS = (
    "%load_ext orchestra_nb",
    f"%%orchestrate '{NAME}'\n#| phase: '{_SCRIPT}'\n#| uses: db\nhold(GATES + 'fit')\na = 1",
    f"%%orchestrate second\n#| phase: '{_SCRIPT}'\n#| uses: db\n#| breaker: '{NAME}'\nb = a\n"
    f"raise ValueError({_LINK!r})",
    "%orchestrate run -j 2 --keep-going",
    "%orchestrate graph",
)
RUN = 3
_FOREIGN = """root => [...root.querySelectorAll('*')].filter(one =>
  ['SCRIPT', 'IFRAME', 'OBJECT', 'EMBED'].includes(one.nodeName.toUpperCase())
  || [...one.attributes].some(a => a.name.startsWith('on') || /^\\s*javascript:/i.test(a.value))
  || (one.nodeName === 'IMG' && !one.src.startsWith('data:image/'))).map(one => one.outerHTML.slice(0, 200))"""


@pytest.fixture(scope="module")
def seen(browser: Any, lab: Server, folder: Path) -> dict[str, Any]:
    run, seen = HeldRun(folder, "hostile", CELLS), dict[str, Any]()
    with opened(browser, lab, run.name) as page:
        try:
            page.theme("light")
            page.begin()
            run.began("fit")
            dashboard = Dashboard(page, RUN)
            seen["running"] = dashboard.shows("running", NAME)
            dashboard.root.locator("[data-panel=graph] svg").wait_for()
            seen["live"] = dashboard.root.evaluate(_FOREIGN)
            seen["titles"] = dashboard.root.locator("svg title").evaluate_all("all => all.map(one => one.textContent)")
            page.shoot("hostile-light", dashboard.root)
        finally:
            run.end()
        page.ended(RUN)
        wait_for(lambda: "1 failed" in page.outputs()[RUN] and not page.page.locator(ROOT).count(), "the twin")
        page.run_cell(RUN + 1)  # the failed cell has taken those below it along
        seen["twin"] = page.output(RUN).evaluate(_FOREIGN)
        seen["text"] = page.output(RUN).text_content()
        seen["graph"] = page.output(RUN + 1).evaluate(_FOREIGN)
        page.shoot("hostile-twin-light", page.output(RUN))
        seen["dialogs"] = list(page.dialogs)
    return seen


def test_hostile_names_are_shown_as_they_are(seen: dict[str, Any]) -> None:
    assert NAME in seen["running"].column("node")
    assert NAME in seen["text"]
    assert _LINK in seen["text"]


def test_hostile_names_are_whole_in_tooltips(seen: dict[str, Any]) -> None:
    assert any(NAME in title for title in seen["titles"])


@pytest.mark.parametrize("where", ["live", "twin", "graph"])
def test_nothing_but_our_elements_comes_of_hostile_names(seen: dict[str, Any], where: str) -> None:
    assert seen[where] == []


def test_no_script_has_run(seen: dict[str, Any]) -> None:
    assert seen["dialogs"] == []
