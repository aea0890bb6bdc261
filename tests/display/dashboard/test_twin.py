"""The static twin: what it shows, what it never weighs, and what it says when it leaves something out."""

from __future__ import annotations

import pickle
import re

import pytest

from orchestra_nb.display.dashboard import panels_of
from orchestra_nb.display.dashboard.twin import MOST, dashboard_html
from orchestra_nb.display.runs import run_bundle
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Edge, Evidence, Node, Outcome

from ..judges import assert_harmless_html
from ..specimens import SPECIMENS
from . import moments


def summaries(page: str) -> list[str]:
    return re.findall(r"<summary>(.*?)</summary>", page)


def test_a_run_that_went_well_shows_how_it_went_its_graph_and_what_is_folded_below():
    page = dashboard_html(moments.good())
    reader = assert_harmless_html(page)
    assert reader.texts[0].startswith("✓ done: 8 nodes (8 done) in 13.7 s")
    assert summaries(page) == ["8 nodes", "Levels", "To do", "Last events", "10 edges and why"]
    assert "critical path" in page


def test_a_run_that_failed_says_why_before_the_picture():
    page = dashboard_html(moments.bad())
    assert page.index("17 missing values") < page.index("<img")
    assert "NodeFailed: cancelled because &#x27;train&#x27; failed" in page


def test_in_the_middle_and_with_locks_what_has_something_to_say_is_there():
    assert summaries(dashboard_html(moments.middle()))[:3] == ["8 nodes", "Now", "Cache"]
    page = dashboard_html(moments.locked())
    assert {"Locks", "Circuits", "Now"} <= set(summaries(page))
    assert "<details open><summary>Locks" in page


def test_who_has_followed_a_run_shows_more_of_it_than_its_result_does():
    snapshot, result = moments.locked(), moments.bad().result
    assert "Circuits" not in run_bundle(result)["text/html"]
    page = run_bundle(result, snapshot)["text/html"]
    assert "Circuits" in page
    assert "✗ failed: 8 nodes" in page


@pytest.fixture(scope="module")
def large():
    return moments.large()


def test_ten_thousand_nodes_with_long_names_and_a_thousand_errors_stay_below_300_kb(large):
    page = dashboard_html(large)
    assert len(page.encode()) <= MOST
    assert "✗ failed: 10,000 nodes (9,000 done, 1,000 failed)" in page
    assert "and 895 more; errors has all of them" in page
    assert "the frame has all of them" in page
    assert "<img" in page
    assert_harmless_html(page)


@pytest.mark.parametrize("most", [20_000, 60_000, 150_000])
def test_it_fits_into_less_as_well_and_says_what_it_leaves_out(large, most):
    page = dashboard_html(large, most)
    assert len(page.encode()) <= most
    assert "more" in page
    assert_harmless_html(page)


def dense(nodes: int) -> moments.Snapshot:
    """As many nodes as are drawn in full, with many edges, each with long evidence."""
    long = tuple(Evidence(f"a rather long name {i}", i, i, "writes it, and then reads it again " * 3) for i in range(8))
    names = [f"n{i} " + "漢字 " * 20 for i in range(nodes)]
    edges = [
        Edge(names[j], name, "value", evidence=long) for i, name in enumerate(names) for j in range(max(0, i - 4), i)
    ]
    dag = DAG([Node(name, phase=f"phase {i % 9}") for i, name in enumerate(names)], edges)
    ended = [Outcome(name, "done", started=0.0, ended=1.0, worker="w" * 500, reason="why " * 200) for name in names]
    return moments.Snapshot.of(moments.result(ended, 9.0, dag))


def test_a_dense_graph_with_long_evidence_stays_below_300_kb():
    page = dashboard_html(dense(120))
    assert len(page.encode()) <= MOST
    assert_harmless_html(page)


def test_hostile_texts_are_harmless_in_every_panel_and_shown():
    snapshot = SPECIMENS[moments.Snapshot]()
    numbers_and_pictures = ("progress", "levels", "graph", "gantt")
    for panel in panels_of(snapshot):
        reader = assert_harmless_html(panel.shown(500))
        assert panel.says
        assert panel.key in numbers_and_pictures or any("<script" in text for text in reader.texts), panel.key
    assert len(dashboard_html(snapshot).encode()) <= MOST


KEPT = {
    *("background", "border", "border-bottom", "border-collapse", "border-left", "border-radius", "border-top"),
    *("box-sizing", "color", "display", "font-size", "font-weight", "height", "margin", "margin-right", "max-width"),
    *("min-width", "opacity", "overflow", "overflow-wrap", "overflow-x", "padding", "padding-left", "text-align"),
    *("vertical-align", "white-space", "width", "word-break"),
}
"""Properties that JupyterLab's sanitizer lets through in a notebook that is not trusted."""


@pytest.mark.parametrize("moment", [moments.good, moments.bad, moments.middle, moments.locked])
def test_only_styles_that_an_untrusted_notebook_keeps_are_used_but_for_the_width_of_digits(moment):
    styles = re.findall(r'style="([^"]*)"', dashboard_html(moment()))
    pairs = {tuple(each.split(":")) for style in styles for each in style.split(";") if each}
    assert {name for name, _ in pairs} - KEPT == {"font-variant-numeric"}
    assert {value for name, value in pairs if name == "overflow-wrap"} <= {"break-word", "normal"}


def test_a_result_is_as_light_as_before_and_travels():
    result = moments.good().result
    size = len(pickle.dumps(result))
    result._repr_mimebundle_()
    assert len(pickle.dumps(result)) == size
    assert not hasattr(result, "__dict__")
