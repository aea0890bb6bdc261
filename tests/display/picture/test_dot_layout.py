from __future__ import annotations

import json
import shutil

import pytest

from orchestra_nb.display.picture import dot_layout
from orchestra_nb.display.picture.layout import Layout, Plan, Shape

PLAN = Plan(
    (Shape(60, 26, 0, 0), Shape(80, 41, 1, 0), Shape(60, 26, 1), Shape(60, 26, 2, 1)),
    ((0, 1, False), (0, 2, False), (1, 3, False), (2, 3, False), (0, 3, True)),
    (40.0, 300.0),
)
needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="there is no dot on this machine")


@pytest.fixture
def answer(tmp_path):
    """Put a program of our own in the place of ``dot``, which gives this answer."""

    def install(said: str) -> str:
        (tmp_path / "said").write_text(said)
        program = tmp_path / "dot"
        program.write_text(f"#!/bin/sh\ncat > /dev/null\ncat {tmp_path}/said\n")
        program.chmod(0o755)
        return str(program)

    return install


def test_dot_is_told_sizes_columns_and_lines_and_no_text():
    written = dot_layout.skeleton(Plan((Shape(72, 36, 0), Shape(72, 36, 1)), ((0, 1, True),)))
    assert written.splitlines()[4:] == [
        "{ rank=same",
        "n0 [width=1.0000, height=0.5000]",
        "}",
        "{ rank=same",
        "n1 [width=1.0000, height=0.5000]",
        "}",
        "n0 -> n1 [arrowsize=0.4, weight=0]",
        "}",
    ]


@needs_dot
def test_boxes_lie_inside_their_frames_and_never_overlap():
    layout = dot_layout.lay_out("dot", PLAN, 60)
    assert isinstance(layout, Layout)
    for place, shape in zip(layout.places, PLAN.shapes, strict=True):
        assert (place.width, place.height) == (shape.width, shape.height)
        assert 0 < place.x < place.x + place.width < layout.width
        assert 0 < place.y < place.y + place.height < layout.height
        if shape.frame is not None:
            frame = layout.frames[shape.frame]
            assert frame.x <= place.x
            assert place.x + place.width <= frame.x + frame.width
            assert frame.y + 15 <= place.y  # below its name
            assert place.y + place.height <= frame.y + frame.height
    assert layout.frames[1].width >= PLAN.frames[1]


@needs_dot
def test_lines_go_from_box_to_box():
    layout = dot_layout.lay_out("dot", PLAN, 60)
    assert layout is not None
    for (source, target, _), way in zip(PLAN.lines, layout.ways, strict=True):
        x, y = map(float, way.path[1:].split("C")[0].split(","))
        start, end = layout.places[source], layout.places[target]
        assert start.x - 1 <= x <= start.x + start.width + 1
        assert start.y - 1 <= y <= start.y + start.height + 1
        assert end.x - 1 <= way.point[0] <= end.x + end.width + 1
        assert end.y - 1 <= way.point[1] <= end.y + end.height + 1
        assert way.base != way.point


@needs_dot
def test_nothing_is_laid_out_as_nothing():
    layout = dot_layout.lay_out("dot", Plan((), ()), 60)
    assert layout is not None
    assert (layout.places, layout.ways, layout.frames) == ((), (), ())


@pytest.mark.parametrize(
    "said",
    [
        "",
        "no JSON",
        "[]",
        "{}",
        json.dumps({"bb": "0,0,1"}),
        json.dumps({"bb": "0,0,9,9", "objects": []}),
        json.dumps({"bb": "0,0,9,9", "objects": [{"name": "n0", "_gvid": 0, "pos": "x,y"}]}),
        json.dumps({"bb": "0,0,9,9", "objects": [{"name": f"n{i}", "_gvid": i, "pos": "1,1"} for i in range(4)]}),
    ],
)
def test_an_answer_that_is_no_layout_is_none(answer, said):
    assert dot_layout.lay_out(answer(said), PLAN, 60) is None


@pytest.mark.parametrize(
    "way", ["", "1,1 2,2 3,3 4,4", "e,1,1 2,2", "e,1,1 2,2 3,3 4,4;5,5 6,6 7,7 8,8", "e,1 2 3 4 5"]
)
def test_a_line_without_a_way_is_no_layout(answer, way):
    boxes = [{"name": f"n{i}", "_gvid": i, "pos": "1,1"} for i in range(2)]
    said = json.dumps({"bb": "0,0,9,9", "objects": boxes, "edges": [{"tail": 0, "head": 1, "pos": way}]})
    pair = Plan((Shape(9, 9, 0), Shape(9, 9, 1)), ((0, 1, False),))
    assert dot_layout.lay_out(answer(said), pair, 60) is None
