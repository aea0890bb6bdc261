"""Pictures in a live page: zoomed and asked with mouse and keyboard, and drawn in the browser where there is no dot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.pages import NotebookPage, opened, write
from tests.browser.servers import Server, wait_for

CELLS = (
    "%load_ext orchestra_nb",
    "%%orchestrate load\nx = 1",
    "%%orchestrate fit\n#| cost: 2\ny = x + 1",
    "%%orchestrate plot\nz = x + y",
    "%orchestrate graph",
    "import os, sys\nos.environ['PATH'] = os.path.dirname(sys.executable)  # no dot there\n%orchestrate graph",
    "%orchestrate graph --browser",
)
GRAPH, WITHOUT, BROWSER = 4, 5, 6
_FIGURE = "figure.orchestra-zoom"


@pytest.fixture(scope="module")
def page(browser: Any, lab: Server, folder: Path) -> Iterator[NotebookPage]:
    write(folder / "pictures.ipynb", CELLS)
    with opened(browser, lab, "pictures.ipynb") as page:
        page.theme("light")
        page.run_all()
        yield page


def _view(figure: Any) -> list[float]:
    return [float(part) for part in figure.locator("svg").get_attribute("viewBox").split()]


def test_a_graph_is_drawn_where_there_is_no_dot(page: NotebookPage) -> None:
    wait_for(lambda: page.widths(WITHOUT), "the picture")
    assert page.widths(WITHOUT)[0] > 100
    assert "--browser" in page.outputs()[WITHOUT]
    page.shoot("graph-without-dot-light", page.output(WITHOUT))


def test_the_browser_draws_with_graphviz_where_there_is_no_dot(page: NotebookPage) -> None:
    svg = page.output(BROWSER).locator(".graphviz-svg svg")
    svg.wait_for(timeout=30_000)
    wait_for(lambda: {"load", "fit", "plot"} <= set(svg.text_content().replace("\n", " ").split()), "the nodes' names")
    assert svg.bounding_box()["width"] > 100
    page.shoot("graph-in-browser-light", page.output(BROWSER))


def test_a_picture_is_zoomed_and_moved_with_the_keyboard(page: NotebookPage) -> None:
    figure = page.output(GRAPH).locator(_FIGURE)
    figure.wait_for(timeout=10_000)
    whole = _view(figure)
    figure.focus()
    page.page.keyboard.press("+")
    assert _view(figure)[2] < whole[2]
    zoomed = _view(figure)
    page.page.keyboard.press("ArrowRight")
    assert _view(figure)[0] > zoomed[0]
    page.page.keyboard.press("0")
    assert _view(figure) == whole


def test_a_picture_is_zoomed_with_the_wheel_once_it_has_the_focus(page: NotebookPage) -> None:
    figure = page.output(GRAPH).locator(_FIGURE)
    whole = _view(figure)
    figure.scroll_into_view_if_needed()
    box = figure.bounding_box()
    figure.focus()
    page.page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 2)
    page.page.mouse.wheel(0, -200)
    wait_for(lambda: _view(figure)[2] < whole[2], "the wheel")
    page.page.keyboard.press("0")


def test_an_edge_says_on_hover_why_it_is_there(page: NotebookPage) -> None:
    titles = page.output(GRAPH).locator(f"{_FIGURE} title").evaluate_all("all => all.map(one => one.textContent)")
    assert any("writes x, then reads x" in title for title in titles)
