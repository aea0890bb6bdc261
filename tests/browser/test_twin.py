"""What stays when a run is over: in the cell, without a kernel, untrusted, and as a page of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.browser.accessibility import faults
from tests.browser.finished_runs import CELLS, RUN, Twin, shown_by, twin_of
from tests.browser.pages import WIDTHS, NotebookPage, Theme, opened, write
from tests.browser.screenshots import keep
from tests.browser.servers import Server, wait_for

_NAME = "finished.ipynb"
_COPY = "copied.ipynb"
_PLACES = ("in the cell", "without a kernel", "untrusted", "as a page")


@dataclass
class Seen:
    """What each place shows, and what is wrong with it for those who read or see otherwise."""

    twins: dict[str, Twin] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=dict)
    trusted: dict[str, bool] = field(default_factory=dict)
    saved: Any = None


@pytest.fixture(scope="module")
def seen(browser: Any, lab: Server, folder: Path) -> Seen:
    seen = Seen()
    write(folder / _NAME, CELLS)
    with opened(browser, lab, _NAME) as page:
        page.run_all()
        wait_for(lambda: "5 done" in page.outputs()[RUN] and not shown_by(page).live, "the finished run")
        _look(page, seen, "in the cell", "twin", "dark", "light")
        page.save()
    seen.saved = nbformat.read(folder / _NAME, 4)
    with opened(browser, lab, _NAME, kernel=False) as page:
        _look(page, seen, "without a kernel", "reopened", "light")
    foreign = nbformat.read(folder / _NAME, 4)
    foreign.metadata["title"] = "as another tool has written it"
    foreign.cells[0].source += "\n# and edited"
    nbformat.write(foreign, folder / _COPY)
    with opened(browser, lab, _COPY, kernel=False) as page:
        _look(page, seen, "untrusted", "untrusted", "dark")
    for theme in ("light", "dark"):
        _look_at_page(browser, folder, seen, theme)
    return seen


def _look(page: NotebookPage, seen: Seen, place: str, name: str, *themes: Theme) -> None:
    seen.trusted[place] = page.trusted()
    for theme in themes:
        page.theme(theme)
        seen.twins[place] = shown_by(page)
        seen.faults[f"{place}, {theme}"] = _faults(page)
        page.shoot(f"{name}-{theme}", page.output(RUN))


def _faults(page: NotebookPage) -> list[str]:
    page.output(RUN).locator(".jp-RenderedHTMLCommon").last.evaluate("element => element.id = 'twin'")
    return faults(page.page, "#twin")


def _look_at_page(browser: Any, folder: Path, seen: Seen, theme: str) -> None:
    """``nbconvert --to html`` of the saved notebook."""
    from nbconvert.exporters import HTMLExporter

    path = folder / f"finished-{theme}.html"
    made, _ = HTMLExporter(theme=theme, template_name="lab").from_filename(str(folder / _NAME))
    path.write_text(made, encoding="utf-8")
    page = browser.new_page()
    try:
        page.goto(path.as_uri(), wait_until="domcontentloaded")
        output = page.locator(".jp-CodeCell").nth(RUN).locator(".jp-Cell-outputWrapper")
        seen.twins["as a page"] = twin_of(output, list(output.evaluate(WIDTHS)))
        output.locator(".jp-RenderedHTMLCommon").last.evaluate("element => element.id = 'twin'")
        seen.faults[f"as a page, {theme}"] = faults(page, "#twin")
        keep(f"nbconvert-{theme}", output.screenshot())
    finally:
        page.close()


@pytest.mark.parametrize("place", _PLACES)
def test_the_twin_stands_where_the_dashboard_was(seen: Seen, place: str) -> None:
    twin = seen.twins[place]
    assert "5 done" in twin.text
    assert "web is down" in twin.text
    assert "Error displaying widget" not in twin.text
    assert "model not found" not in twin.text
    assert twin.live == twin.scripts == 0


@pytest.mark.parametrize("place", _PLACES)
def test_graph_and_gantt_are_pictures_that_the_browser_can_show(seen: Seen, place: str) -> None:
    assert len(seen.twins[place].widths) >= 2
    assert min(seen.twins[place].widths) > 100


@pytest.mark.parametrize("place", _PLACES[1:])
def test_every_place_shows_the_same(seen: Seen, place: str) -> None:
    assert seen.twins[place].tables == seen.twins["in the cell"].tables


def test_the_copy_is_not_trusted_and_the_original_is(seen: Seen) -> None:
    assert seen.trusted == {"in the cell": True, "without a kernel": True, "untrusted": False}


def test_the_saved_notebook_has_no_widget_and_is_small(seen: Seen) -> None:
    bundles = [output.data for cell in seen.saved.cells for output in cell.outputs if "data" in output]
    assert not [mime for bundle in bundles for mime in bundle if "widget" in mime]
    assert "widgets" not in seen.saved.metadata
    assert 1_000 < max(len(bundle.get("text/html", "").encode()) for bundle in bundles) < 300_000
    assert "5 done" in bundles[-1]["text/plain"]


def test_nothing_is_wrong_for_those_who_read_or_see_otherwise(seen: Seen) -> None:
    assert len(seen.faults) == 6
    assert seen.faults == {place: [] for place in seen.faults}
