from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra_nb.display.picture.frame_columns import frame_columns
from orchestra_nb.display.picture.layered import lay_out
from orchestra_nb.display.picture.layout import Place, Plan, Shape


def plan(frames: list[int | None], lines: list[tuple[int, int]], names: list[float] | None = None) -> Plan:
    count = len({frame for frame in frames if frame is not None})
    level = [0] * len(frames)
    for source, target in sorted(lines):
        level[target] = max(level[target], level[source] + 1)
    shapes = tuple(Shape(60, 26, level[i], frame) for i, frame in enumerate(frames))
    return Plan(shapes, tuple((a, b, False) for a, b in lines), tuple(names or [40.0] * count))


@pytest.mark.parametrize(
    ("frames", "lines", "columns"),
    [
        ([0, 0, 1], [(0, 1), (1, 2)], [0, 1, 2]),
        ([0, 1, 0], [(0, 2)], [0, 2, 1]),
        ([None, 0, None], [(0, 1), (1, 2)], [0, 1, 2]),
        ([0, 1, 0], [(0, 1), (1, 2)], None),
        ([None, None], [(0, 1)], None),
    ],
    ids=["one after the other", "side by side", "between", "need each other", "no frames"],
)
def test_each_frame_has_columns_of_its_own(frames, lines, columns):
    assert frame_columns(plan(frames, lines)) == columns


def overlap(one: Place, other: Place) -> bool:
    beside = one.x + one.width <= other.x or other.x + other.width <= one.x
    return not (beside or one.y + one.height <= other.y or other.y + other.height <= one.y)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    size = draw(st.integers(1, 14))
    frames = [draw(st.sampled_from([None, 0, 1, 2])) for _ in range(size)]
    known = {frame: i for i, frame in enumerate(dict.fromkeys(f for f in frames if f is not None))}
    lines = [(j, i) for i in range(1, size) for j in sorted(draw(st.sets(st.integers(0, i - 1), max_size=2)))]
    names = [draw(st.floats(1, 400)) for _ in known]
    return plan([known.get(frame) if frame is not None else None for frame in frames], lines, names)


@settings(deadline=None)
@given(plans())
def test_frames_hold_their_own_and_nobody_else_and_have_room_for_their_names(wanted):
    layout = lay_out(wanted)
    if frame_columns(wanted) is None:
        assert layout.frames == ()
        return
    for number, frame in enumerate(layout.frames):
        assert frame.width >= wanted.frames[number]
        assert 0 <= frame.x < frame.x + frame.width <= layout.width
        assert 0 <= frame.y < frame.y + frame.height <= layout.height
        for place, shape in zip(layout.places, wanted.shapes, strict=True):
            inside = frame.x <= place.x and place.x + place.width <= frame.x + frame.width
            inside = inside and frame.y <= place.y and place.y + place.height <= frame.y + frame.height
            assert inside == (shape.frame == number)
            assert inside or not overlap(frame, place)
        assert not any(overlap(frame, other) for other in layout.frames if other is not frame)
    for source, target, _ in wanted.lines:
        assert layout.places[source].x + layout.places[source].width < layout.places[target].x
