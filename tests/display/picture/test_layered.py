from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestra_nb.display.picture import drawings, layered
from orchestra_nb.display.picture.layout import text_width
from orchestra_nb.graph import DAG
from orchestra_nb.model import Edge, Node

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def no_dot(monkeypatch):
    monkeypatch.setattr(drawings.shutil, "which", lambda name: None)
    drawings._laid_out.cache_clear()


def drawn(dag: DAG) -> str:
    return drawings.svg(dag)


@st.composite
def dags(draw: st.DrawFn) -> DAG:
    size = draw(st.integers(1, 14))
    return DAG(
        Node(
            draw(st.text(min_size=1, max_size=40).filter(bool)) + f"#{i}",
            index=i,
            cost=draw(st.floats(0, 100)),
        )
        for i in range(size)
    )


@st.composite
def connected(draw: st.DrawFn) -> DAG:
    nodes = list(draw(dags()).nodes.values())
    edges = [
        Edge(nodes[j].id, nodes[i].id)
        for i in range(1, len(nodes))
        for j in sorted(draw(st.sets(st.integers(0, i - 1), max_size=3)))
    ]
    return DAG(nodes, edges)


def boxes(drawing: str) -> list[tuple[float, float, float, float]]:
    rects = ElementTree.fromstring(drawing).findall(f"{SVG}g/{SVG}rect")
    return [tuple(float(rect.attrib[key]) for key in ("x", "y", "width", "height")) for rect in rects]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(connected())
def test_boxes_lie_inside_the_picture_and_never_overlap(dag):
    drawing = drawn(dag)
    root = ElementTree.fromstring(drawing)
    found = boxes(drawing)
    assert len(found) == len(dag.nodes)
    assert all(x >= 0 and y >= 0 for x, y, _, _ in found)
    assert all(x + w <= float(root.attrib["width"]) + 1 for x, _, w, _ in found)
    assert all(y + h <= float(root.attrib["height"]) + 1 for _, y, _, h in found)
    for n, (x, y, w, h) in enumerate(found):
        for other_x, other_y, other_w, other_h in found[n + 1 :]:
            apart = x + w <= other_x or other_x + other_w <= x or y + h <= other_y or other_y + other_h <= y
            assert apart


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(connected())
def test_a_box_is_wide_enough_for_its_text(dag):
    drawing = drawn(dag)
    for group in ElementTree.fromstring(drawing).findall(f"{SVG}g"):
        rect = group.find(f"{SVG}rect")
        for text in group.findall(f"{SVG}text"):
            assert text_width(text.text or "") < float(rect.attrib["width"])


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(connected())
def test_equal_graphs_are_drawn_equally_and_every_edge_is_there(dag):
    drawing = drawn(dag)
    assert drawing == drawn(DAG(dag.nodes.values(), dag.edges))
    assert drawing.count("<path ") == len(dag.edges)


def test_an_empty_graph_is_an_empty_picture():
    assert ElementTree.fromstring(drawn(DAG([]))).attrib["role"] == "img"


def test_a_long_line_passes_between_the_boxes_of_the_columns_it_crosses():
    nodes = [Node("a"), Node("b", after=["a"]), Node("c", after=["a", "b"])]
    drawing = drawn(DAG(nodes))
    (_, top, _, height) = boxes(drawing)[1]
    heights = [float(y) for path in re.findall(r' d="([^"]*)"', drawing) for y in re.findall(r"L[\d.]+,([\d.]+)", path)]
    assert any(y < top or y > top + height for y in heights)


def test_lines_run_straight_when_there_are_too_many_way_points(monkeypatch):
    monkeypatch.setattr(layered, "_MOST_POINTS", 2)
    nodes = [Node("a"), Node("b", after=["a"]), Node("c", after=["a", "b"])]
    assert drawn(DAG(nodes)).count("<path ") == 3


@pytest.mark.parametrize(("narrow", "wide"), [("iii", "mmm"), ("abc", "漢字漢"), ("e\u0301", "ee"), ("abc", "ABC")])
def test_wide_letters_get_more_room(narrow, wide):
    assert text_width(narrow) < text_width(wide)
