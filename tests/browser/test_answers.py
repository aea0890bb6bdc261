"""Everything that a magic answers with, in both themes: shown, and readable for those who read or see otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.accessibility import faults
from tests.browser.finished_runs import CELLS as FINISHED
from tests.browser.finished_runs import RUN
from tests.browser.pages import NotebookPage, opened, write
from tests.browser.servers import Server, wait_for

ANSWERS = {
    "graph": "%orchestrate graph",
    "plan": "%orchestrate plan -j 3",
    "simulate": "%orchestrate simulate -j 3",
    "levels": "%orchestrate levels",
    "gantt": "%orchestrate gantt",
    "validate": "%orchestrate validate",
    "why": "%orchestrate why load report",
    "status": "%orchestrate status",
    "progress": "%orchestrate progress",
    "mistake": "%orchestrate rnu",
}
CELLS = (*FINISHED, *ANSWERS.values())
_MARK = "output => output.querySelectorAll('.jp-RenderedHTMLCommon').forEach(ours => ours.classList.add('answer'))"
_KEPT = {"light": tuple(ANSWERS), "dark": ("graph", "gantt", "simulate", "status")}


@pytest.fixture(scope="module")
def page(browser: Any, lab: Server, folder: Path) -> Iterator[NotebookPage]:
    write(folder / "answers.ipynb", CELLS)
    with opened(browser, lab, "answers.ipynb") as page:
        page.begin()
        page.ended(*range(len(CELLS)))
        wait_for(lambda: "5 done" in page.outputs()[RUN], "the run")
        yield page


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_is_wrong_with_any_answer(page: NotebookPage, theme: Any) -> None:
    page.theme(theme)
    for cell, key in enumerate(ANSWERS, len(FINISHED)):
        page.output(cell).evaluate(_MARK)
        if key in _KEPT[theme]:
            page.shoot(f"{key}-{theme}", page.output(cell))
    assert page.page.locator(".answer").count() >= len(ANSWERS) - 1
    assert faults(page.page, ".answer") == []


def test_a_mistake_is_told_in_a_line(page: NotebookPage) -> None:
    told = page.outputs()[-1]
    assert "run" in told
    assert "Traceback" not in told
