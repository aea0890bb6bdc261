"""A schedule that is walked through in a real JupyterLab: by mouse, by keyboard, with more workers; and its twin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.accessibility import faults
from tests.browser.pages import opened, write
from tests.browser.servers import Server, wait_for
from tests.browser.walking import ROOT, Walking

CELLS = (
    "from orchestra_nb import DAG, Node, step_through",
    "nodes = [\n"
    "    Node('load', cost=2),\n"
    "    Node('clean', after=['load']),\n"
    "    Node('features', after=['clean'], cost=2),\n"
    "    Node('fit', after=['features'], cost=4, uses=['gpu']),\n"
    "    Node('tune', after=['features'], cost=3, uses=['gpu']),\n"
    "    Node('plots', after=['clean'], cost=3),\n"
    "    Node('<b>notes</b>', after=['load'], cost=1),\n"
    "    Node('report', after=['fit', 'tune', 'plots']),\n"
    "]",
    "step_through(DAG(nodes), workers=2)",
    "step_through(DAG([Node(f'n{i}', cost=i % 7 + 1) for i in range(300)]), workers=2)",
)
WALK, LONG = 2, 3


@pytest.fixture(scope="module")
def walk(browser: Any, lab: Server, folder: Path) -> Iterator[Walking]:
    write(folder / "steps.ipynb", CELLS)
    with opened(browser, lab, "steps.ipynb") as page:
        page.theme("light")
        page.run_all()
        yield Walking(page, WALK)


def _long(walk: Walking) -> None:
    """A walk of which the browser has only the first steps asks for the others; then it is taken away."""
    far = Walking(walk.page, LONG)
    assert far.root.get_attribute("aria-labelledby") != walk.root.get_attribute("aria-labelledby")
    far.button("last").click()
    wait_for(lambda: "is done" in far.told() and far.root.get_attribute("aria-busy") == "false", "the last step")
    many = int(far.button("to").get_attribute("max"))
    assert many > 150
    assert far.step == many
    far.button("back").click()
    assert f"Step {many - 1} of {many} ·" in far.root.locator(".orchestra-where").inner_text()
    walk.page.page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = 3 }")
    walk.page.do("notebook:clear-cell-output")


def test_it_goes_forward_and_back_by_mouse_and_by_keyboard(walk: Walking) -> None:
    keys = walk.page.page.keyboard
    assert (walk.step, "load begins on worker 1" in walk.told()) == (1, True)
    walk.button("forward").click()
    assert (walk.step, "load is done" in walk.told()) == (2, True)
    assert "<b>notes</b>" in walk.told()
    keys.press("ArrowRight")
    keys.press("ArrowRight")
    assert walk.step == 4
    keys.press("ArrowLeft")
    assert walk.step == 3
    keys.press("End")
    assert "report is done" in walk.told()
    last = walk.step
    assert walk.button("forward").get_attribute("aria-disabled") == "true"
    keys.press("Home")
    walk.button("to").focus()
    keys.press("ArrowRight")
    assert walk.step == 2
    keys.press("End")
    assert walk.step == last
    walk.button("play").click()
    wait_for(lambda: walk.step == 2, "the second step to be played")
    walk.button("play").click()
    _long(walk)


def test_workers_and_policy_that_are_turned_tell_another_schedule(walk: Walking) -> None:
    assert "It takes 13.0 s" in walk.summary()
    walk.turned("workers").focus()
    walk.page.page.keyboard.press("ArrowLeft")
    wait_for(lambda: "It takes 17.0 s" in walk.summary(), "the schedule of one worker")
    assert "1 worker" in walk.root.locator("h4").inner_text()
    walk.turned("policy").select_option("fifo")
    wait_for(lambda: "fifo" in walk.root.locator("h4").inner_text(), "the other policy")
    walk.turned("policy").select_option("critical-path")
    walk.turned("workers").focus()
    walk.page.page.keyboard.press("ArrowRight")
    wait_for(lambda: "It takes 13.0 s" in walk.summary(), "the schedule of two workers")


def test_nobody_is_shut_out_and_it_looks_well_in_both_themes(walk: Walking) -> None:
    for theme in ("light", "dark"):
        walk.page.theme(theme)
        walk.button("first").click()
        for _ in range(4):
            walk.button("forward").click()
        assert faults(walk.page.page, ROOT) == []
        walk.page.page.set_viewport_size({"width": 1200, "height": 1900})
        walk.root.scroll_into_view_if_needed()
        walk.page.shoot(f"steps-{theme}", walk.root)
    walk.page.theme("light")


def test_the_saved_page_shows_the_whole_walk_without_a_kernel(
    walk: Walking, browser: Any, lab: Server, folder: Path
) -> None:
    walk.page.save()
    with opened(browser, lab, "steps.ipynb", kernel=False) as page:
        page.output(WALK).locator("details").first.wait_for(timeout=30_000)
        shown = page.outputs()[WALK]
        assert "tune waits for gpu, held by fit" in shown
        assert "<b>notes</b>" in shown
        assert "Error" not in shown
        assert page.output(WALK).locator(ROOT).count() == 0
        assert min(page.widths(WALK)) > 100
        assert faults(page.page, "[data-orchestra-live]") == []
        page.shoot("steps-twin-light", page.output(WALK))
