"""The dashboard of a run that goes on, read from the page, held against the frames, and used.

One run is looked at in stages; each test says one thing of what was seen. Nothing waits for a time: the run's nodes
wait for files, and its kernel answers questions while its cell is busy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.browser.accessibility import faults
from tests.browser.dashboards import ROOT, Dashboard, Panel
from tests.browser.held_runs import RUN, HeldRun
from tests.browser.pages import NotebookPage, opened
from tests.browser.servers import Server, wait_for

_FRAMED = ("progress", "running", "levels", "todos", "cache", "locks", "breakers", "events")
_NAMED = "buttons => buttons.filter(b => !(b.getAttribute('aria-label') || b.innerText).trim()).length"


@dataclass
class Seen:
    """What there was to see in each stage."""

    panels: dict[str, Panel] = field(default_factory=dict)
    frames: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    nameless: int = -1
    faults: dict[str, list[str]] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    later: dict[str, Panel] = field(default_factory=dict)
    paused: dict[str, Any] = field(default_factory=dict)
    resumed: dict[str, Any] = field(default_factory=dict)
    cancelled: dict[str, Any] = field(default_factory=dict)


@pytest.fixture(scope="module")
def seen(browser: Any, lab: Server, folder: Path) -> Seen:
    run, seen = HeldRun(folder, "held"), Seen()
    with opened(browser, lab, run.name) as page:
        try:
            page.theme("light")
            page.begin()
            run.began("fit")
            _look(Dashboard(page, RUN), run, seen)
            _pause_and_resume(Dashboard(page, RUN), run, seen)
            run.shut()
            page.begin_cell(RUN)
            _by_keyboard(page, run, seen)
        finally:
            run.end()
    return seen


def _look(dashboard: Dashboard, run: HeldRun, seen: Seen) -> None:
    """While fit holds the database, score waits for it, and the service is down."""
    page = dashboard.page
    dashboard.shows("running", "fit", "score")
    dashboard.shows("breakers", "open")
    dashboard.root.locator("[data-panel=graph] svg").wait_for()  # it is laid out in the background
    seen.keys = dashboard.keys()
    seen.panels = {key: dashboard.panel(key) for key in _FRAMED}
    seen.frames = {key: dashboard.framed(key, run) for key in _FRAMED}
    seen.nameless = dashboard.root.locator("button").evaluate_all(_NAMED)
    seen.order = _tabbed(dashboard)
    for theme in ("light", "dark"):
        page.theme(theme)
        dashboard.root.wait_for()
        seen.faults[theme] = faults(page.page, ROOT)
        page.shoot(f"dashboard-{theme}", dashboard.root)
    page.theme("light")
    page.shoot("dashboard-in-jupyterlab")


def _tabbed(dashboard: Dashboard) -> list[str]:
    """What Tab reaches, from the first button on, and that can be pressed."""
    dashboard.button("pause").focus()
    reached = []
    inside = f"() => document.activeElement.closest('{ROOT}') ? document.activeElement.dataset.action || '-' : ''"
    while (at := dashboard.page.page.evaluate(inside)) and len(reached) < 100:
        reached.append(at)
        dashboard.page.page.keyboard.press("Tab")
    return reached


def _pause_and_resume(dashboard: Dashboard, run: HeldRun, seen: Seen) -> None:
    """Pause while fit runs: fit ends, and score, whose database is free now, does not begin."""
    dashboard.button("pause").click()
    dashboard.becomes("paused")
    run.open("fit")
    dashboard.shows("progress", "done 2")
    before = dashboard.panel("progress").text
    wait_for(lambda: dashboard.panel("progress").text != before, "another look after that")
    seen.paused = {
        "score began": run.has_begun("score"),
        "progress": dashboard.panel("progress"),
        "running": dashboard.panel("running"),
        "status": dashboard.status,
        "usable": [action for action in ("pause", "resume", "cancel") if dashboard.usable(action)],
        "frame": dashboard.framed("progress", run)[0],
    }
    dashboard.page.shoot("dashboard-paused", dashboard.root)
    dashboard.button("resume").click()
    run.began("score")
    dashboard.becomes("running")
    dashboard.shows("running", "score")
    seen.later = {key: dashboard.panel(key) for key in ("progress", "locks", "levels")}
    run.open("score", "web")
    dashboard.page.ended(RUN)
    seen.resumed = {"output": wait_for(lambda: _ended(dashboard.page), "the result")}


def _ended(page: NotebookPage) -> str:
    shown = page.outputs()[RUN]
    return shown if "5 done" in shown and not page.output(RUN).locator(ROOT).count() else ""


def _by_keyboard(page: NotebookPage, run: HeldRun, seen: Seen) -> None:
    """The same once more: paused with Enter, resumed with Space, and cancelled."""
    run.began("fit")
    dashboard, keys = Dashboard(page, RUN), page.page.keyboard
    seen.cancelled["cache"] = dashboard.shows("cache", "found")
    seen.cancelled["cache frame"] = dashboard.framed("cache", run)
    dashboard.button("pause").focus()
    keys.press("Enter")
    dashboard.becomes("paused")
    keys.press("Tab")
    keys.press("Space")
    dashboard.becomes("running")
    keys.press("Tab")
    keys.press("Enter")
    run.open("fit")
    page.ended(RUN)
    seen.cancelled["output"] = wait_for(lambda: _cancelled(page), "the cancelled run's result")
    seen.cancelled["score began"] = run.has_begun("score")
    page.run_cell(1)
    seen.cancelled["afterwards"] = page.outputs()[1]


def _cancelled(page: NotebookPage) -> str:
    shown = page.outputs()[RUN]
    return shown if "cancelled" in shown and not page.output(RUN).locator(ROOT).count() else ""


def test_the_dashboard_has_all_its_panels(seen: Seen) -> None:
    assert seen.keys == [*_FRAMED, "graph", "gantt"]


def test_percent_and_counts_are_those_of_the_frame(seen: Seen) -> None:
    shown, frame = seen.panels["progress"].text, seen.frames["progress"][0]
    assert frame["nodes"] == 5
    assert (frame["done"], frame["running"], frame["waiting"]) == (1, 1, 1)
    assert f"{frame['percent']:.0f} %" in shown
    for state in ("done", "running", "waiting", "queued", "resting"):
        if frame[state]:
            assert f"{state} {frame[state]}" in shown


def test_who_runs_and_who_waits_are_those_of_the_frame(seen: Seen) -> None:
    shown = dict(zip(seen.panels["running"].column("node"), seen.panels["running"].column("state"), strict=True))
    assert {"fit", "score"} <= shown.keys()
    assert "running" in shown["fit"]
    assert "queued" in shown["score"]
    framed = {row["node"]: row["state"] for row in seen.frames["running"]}
    assert (framed["fit"], framed["score"]) == ("running", "queued")
    waits = dict(zip(seen.panels["running"].column("node"), seen.panels["running"].column("waits for"), strict=True))
    assert waits["score"] == "db"


def test_levels_are_those_of_the_frame(seen: Seen) -> None:
    panel = seen.panels["levels"]
    framed = [(f"{row['level']}", f"{row['ended']}", f"{row['nodes']}") for row in seen.frames["levels"]]
    assert list(zip(*(panel.column(name) for name in ("level", "ended", "of")), strict=True)) == framed
    assert [row["nodes"] for row in seen.frames["levels"]] == [1, 3, 1]


def test_todos_are_those_of_the_frame(seen: Seen) -> None:
    assert seen.frames["todos"]
    for row in seen.frames["todos"]:
        shown = row["activeForm"] if row["status"] == "in_progress" else row["content"]
        assert shown in seen.panels["todos"].text


def test_locks_and_their_queue_are_those_of_the_frame(seen: Seen) -> None:
    row = next(row for row in seen.frames["locks"] if row["kind"] == "resource" and row["resource"] == "db")
    assert (row["holders"], row["waiting"]) == ("fit", 1)
    panel = seen.panels["locks"]
    (shown,) = (each for each in panel.tables[0] if each["resource"] == "db")
    assert (shown["held by"], shown["waiting"]) == ("fit", "1")
    assert "score waits for db, held by fit" in panel.text


def test_the_open_circuit_is_that_of_the_frame(seen: Seen) -> None:
    (row,) = seen.frames["breakers"]
    (shown,) = seen.panels["breakers"].tables[0]
    assert row["circuit"] == shown["circuit"] == "web"
    assert shown["state"] == "open"
    assert "web is down" in row["last_failure"]
    assert "web is down" in shown["last failure"]


def test_events_are_those_of_the_frame(seen: Seen) -> None:
    framed = [(f"{row['at']:.3f} s", row["name"]) for row in seen.frames["events"]]
    shown = list(zip(seen.panels["events"].column("at"), seen.panels["events"].column("event"), strict=True))
    assert len(shown) > 5
    assert set(shown) <= set(framed)


def test_what_is_shown_changes_while_the_run_goes_on(seen: Seen) -> None:
    (lock,) = (row for row in seen.later["locks"].tables[0] if row["resource"] == "db")
    assert lock["held by"] == "score"
    assert "done 2" in seen.later["progress"].text
    assert seen.later["levels"].column("ended")[1] == "1"


def test_nothing_begins_while_paused_and_what_ran_goes_on_to_its_end(seen: Seen) -> None:
    assert not seen.paused["score began"]
    assert "done 2" in seen.paused["progress"].text
    assert "paused" in seen.paused["progress"].text
    assert seen.paused["frame"]["how"] == "paused"
    assert "Paused" in seen.paused["status"]
    assert seen.paused["usable"] == ["resume", "cancel"]


def test_a_resumed_run_ends_well(seen: Seen) -> None:
    assert "5 done" in seen.resumed["output"]


def test_buttons_are_pressed_by_keyboard_while_the_cell_is_busy(seen: Seen) -> None:
    assert "cancelled" in seen.cancelled["output"]
    assert not seen.cancelled["score began"]


def test_the_kernel_goes_on_after_a_cancelled_run(seen: Seen) -> None:
    assert "writes\tx" in seen.cancelled["afterwards"]


def test_what_the_cache_gave_is_that_of_the_frame(seen: Seen) -> None:
    (row,) = (row for row in seen.cancelled["cache frame"] if (row["about"], row["measure"]) == ("nodes", "found"))
    assert row["value"] == 1
    tables = seen.cancelled["cache"].tables
    assert {"measure": "found", "": "1"} in [row for table in tables for row in table]


def test_every_control_has_a_name_and_is_reached_by_tab_in_order(seen: Seen) -> None:
    assert seen.nameless == 0
    assert seen.order[:3] == ["pause", "resume", "cancel"]
    assert seen.order.count("frame") == len(seen.keys)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_is_wrong_for_those_who_read_or_see_otherwise(seen: Seen, theme: str) -> None:
    assert seen.faults[theme] == []
