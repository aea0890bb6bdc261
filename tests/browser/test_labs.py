"""The labs in a real JupyterLab: a circle closes, and does not when there is more of a resource; and their twins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.accessibility import faults
from tests.browser.pages import NotebookPage, opened, write
from tests.browser.servers import Server, wait_for
from tests.browser.walking import ROOT, Walking

CELLS = (
    "from orchestra_nb import breaker_lab, deadlock_lab, retry_lab",
    "deadlock_lab()",
    "breaker_lab()",
    "retry_lab(breaker=True)",
)


@pytest.fixture(scope="module")
def labs(browser: Any, lab: Server, folder: Path) -> Iterator[NotebookPage]:
    write(folder / "labs.ipynb", CELLS)
    with opened(browser, lab, "labs.ipynb") as page:
        page.theme("light")
        page.run_all()
        yield page


def test_a_circle_closes_and_does_not_when_there_is_more_of_a_resource(labs: NotebookPage) -> None:
    walks = deadlock, breaker, storm = [Walking(labs, cell) for cell in (1, 2, 3)]
    for _ in range(4):
        deadlock.button("forward").click()
    assert "deadlock: ben → db → anna → gpu → ben" in deadlock.told()
    assert "ben gives way: its oldest lock is the youngest" in deadlock.told()
    for walk, steps in ((breaker, 25), (storm, 6)):
        walk.button("to").focus()
        for _ in range(steps):
            labs.page.keyboard.press("ArrowRight")
        assert walk.step == steps + 1
    labs.page.set_viewport_size({"width": 1200, "height": 1900})
    for walk, name in zip(walks, ("deadlock", "breaker", "retry"), strict=True):
        walk.root.scroll_into_view_if_needed()
        labs.shoot(f"{name}-lab-light", walk.root)
    assert faults(labs.page, ROOT) == []
    assert "1 deadlock came about" in deadlock.summary()
    deadlock.turned("how many of gpu").focus()
    labs.page.keyboard.press("ArrowRight")
    wait_for(lambda: "no deadlock came about" in deadlock.summary(), "the story with two of gpu")
    deadlock.turned("scenario").select_option("dining philosophers")
    wait_for(lambda: "emma gave way" in deadlock.summary(), "another scenario")


def test_the_saved_page_shows_all_labs_without_a_kernel(
    labs: NotebookPage, browser: Any, lab: Server, folder: Path
) -> None:
    labs.save()
    with opened(browser, lab, "labs.ipynb", kernel=False) as page:
        page.output(3).locator("details").first.wait_for(timeout=30_000)
        shown = page.outputs()
        assert "ben gives way: its oldest lock is the youngest" in shown[1]
        assert "never reached it" in shown[2]
        assert "jitter 0.5 and a breaker" in shown[3]
