"""Our own layout, for where ``dot`` is missing, takes too long, or has too much to do.

Policy: the usual four steps of layered drawing, each in its plainest form and linear per sweep: a column per level;
way points in the columns that a long line crosses; order within columns by the mean position of neighbours, swept back
and forth; heights by the same mean, pushed apart. Frames have columns of their own (:mod:`.frame_columns`).
Beyond :data:`_MOST_POINTS` way points lines run straight.

Rejected, after measuring (Python 3.11; edges that cross each other, boxes that a line runs through, for 30 nodes and 50
edges and for 100 and 300): ``grandalf`` 0.8 (January 2023): 69 and 19, 2,174 and 113, five times slower, and boxes that
overlap; ``pyelk`` 0.3 (February 2026, 2,500 lines): 414 and 25, 8,348 and 279, faster. Ours: 83 and 0, 2,394 and 0
(``dot``: 54 and 2, 1,584 and 7). ``networkx.multipartite_layout`` only gives points, ``fast-sugiyama`` is compiled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from orchestra_nb.display.picture.frame_columns import frame_columns
from orchestra_nb.display.picture.layout import Layout, Place, Plan, Way

_GAP = 16.0
_COLUMN_GAP = 64.0
_MARGIN = 14.0
_HEAD = 6.0
_FRAME_PAD = 10.0
_FRAME_TOP = 24.0
_SWEEPS = 7
_MOST_POINTS = 4000


@dataclass(slots=True)
class _Point:
    """A box, or a place where a long line crosses a column."""

    column: int
    width: float = 0.0
    height: float = 4.0
    y: float = 0.0
    before: list[int] = field(default_factory=list)
    after: list[int] = field(default_factory=list)


def lay_out(plan: Plan) -> Layout:
    """Lay a plan out in columns."""
    framed = frame_columns(plan)
    columns_of = framed or [shape.level for shape in plan.shapes]
    points = [_Point(column, shape.width, shape.height) for column, shape in zip(columns_of, plan.shapes, strict=True)]
    ways = [_way(points, source, target) for source, target, _ in plan.lines]
    columns = _columns(points)
    _sort(points, columns)
    _settle(points, columns)
    widths = [max((points[i].width for i in column), default=0.0) for column in columns]
    if framed:
        _widen(plan, columns_of, widths)
    left = _lefts(widths)
    frames = _frames(plan, points, left) if framed else ()
    tops = [p.y - p.height / 2 for p in points] + [frame.y for frame in frames]
    bottoms = [p.y + p.height / 2 for p in points] + [frame.y + frame.height for frame in frames]
    top = min(tops, default=0.0) - _MARGIN
    for point in points:
        point.y -= top
    return Layout(
        left[-1] - _COLUMN_GAP + _MARGIN,
        max(bottoms, default=0.0) - top + _MARGIN,
        tuple(Place(left[p.column], p.y - p.height / 2, p.width, p.height) for p in points[: len(plan.shapes)]),
        tuple(_path([points[i] for i in way], left) for way in ways),
        tuple(replace(frame, y=frame.y - top) for frame in frames),
    )


def _frames(plan: Plan, points: Sequence[_Point], left: Sequence[float]) -> tuple[Place, ...]:
    """Draw each frame around its columns, which nobody else has, and as high as its boxes and its name need."""
    frames = []
    for number in range(len(plan.frames)):
        inside = [point for point, shape in zip(points, plan.shapes, strict=False) if shape.frame == number]
        x = min(left[p.column] for p in inside) - _FRAME_PAD
        right = max(left[p.column + 1] for p in inside) - _COLUMN_GAP + _FRAME_PAD
        y = min(p.y - p.height / 2 for p in inside) - _FRAME_TOP
        bottom = max(p.y + p.height / 2 for p in inside) + _FRAME_PAD
        frames.append(Place(x, y, right - x, bottom - y))
    return tuple(frames)


def _way(points: list[_Point], source: int, target: int) -> list[int]:
    """Lay a line through the columns between its ends."""
    way = [source]
    between = range(points[source].column + 1, points[target].column)
    if len(points) + len(between) <= _MOST_POINTS:
        for column in between:
            way.append(len(points))
            points.append(_Point(column))
    way.append(target)
    for i, j in pairwise(way):
        points[i].after.append(j)
        points[j].before.append(i)
    return way


def _columns(points: Sequence[_Point]) -> list[list[int]]:
    columns: list[list[int]] = [[] for _ in range(max((p.column for p in points), default=0) + 1)]
    for i, point in enumerate(points):
        columns[point.column].append(i)
    return columns


def _sort(points: Sequence[_Point], columns: list[list[int]]) -> None:
    """Order each column by the mean position of its neighbours in the one before, then in the one after."""
    place = {i: float(n) for column in columns for n, i in enumerate(column)}
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        for column in columns if forward else reversed(columns):
            means = {i: _mean((place[j] for j in _neighbours(points[i], forward)), place[i]) for i in column}
            column.sort(key=means.__getitem__)
            place.update((i, float(n)) for n, i in enumerate(column))


def _settle(points: Sequence[_Point], columns: Sequence[Sequence[int]]) -> None:
    """Give each point a height near its neighbours' mean, keeping order and distance."""
    limit = max((sum(points[i].height + _GAP for i in column) for column in columns), default=0.0) / 2
    for column in columns:
        _push_apart(points, column, [0.0] * len(column), limit)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        for column in columns if forward else list(reversed(columns)):
            wanted = [_mean((points[j].y for j in _neighbours(points[i], forward)), points[i].y) for i in column]
            _push_apart(points, column, wanted, limit)


def _push_apart(points: Sequence[_Point], column: Sequence[int], wanted: Sequence[float], limit: float) -> None:
    """Place a column near the heights wanted, in order and apart, within ``limit`` of the middle.

    Pushing down and pushing up each give a valid column; so does their mean, which favours neither side.
    """
    halves = [(points[i].height + _GAP) / 2 for i in column]
    down = _stacked(wanted, halves, -limit)
    up = [-y for y in reversed(_stacked([-y for y in reversed(wanted)], halves[::-1], -limit))]
    middle = [(a + b) / 2 for a, b in zip(down, up, strict=True)]
    lowered = _stacked(middle, halves, -limit)
    raised = [-y for y in reversed(_stacked([-y for y in reversed(lowered)], halves[::-1], -limit))]
    for i, y in zip(column, raised, strict=True):
        points[i].y = y


def _stacked(wanted: Sequence[float], halves: Sequence[float], edge: float) -> list[float]:
    """Go through a column from ``edge`` on and push each point past the one before."""
    placed = []
    for goal, half in zip(wanted, halves, strict=True):
        placed.append(max(goal, edge + half))
        edge = placed[-1] + half
    return placed


def _neighbours(point: _Point, forward: bool) -> list[int]:
    return point.before if forward else point.after


def _mean(values: Iterable[float], otherwise: float) -> float:
    known = list(values)
    return sum(known) / len(known) if known else otherwise


def _widen(plan: Plan, columns_of: Sequence[int], widths: list[float]) -> None:
    """Make room for the name of a frame that is wider than its boxes, in its last column."""
    for number, name in enumerate(plan.frames):
        own = [column for column, shape in zip(columns_of, plan.shapes, strict=True) if shape.frame == number]
        first, last = min(own), max(own)
        has = sum(widths[first : last + 1]) + (last - first) * _COLUMN_GAP
        widths[last] += max(0.0, name - has)


def _lefts(widths: Sequence[float]) -> list[float]:
    """Left edge of each column, and of the one that would follow."""
    lefts = [_MARGIN]
    for width in widths:
        lefts.append(lefts[-1] + width + _COLUMN_GAP)
    return lefts


def _path(way: Sequence[_Point], left: Sequence[float]) -> Way:
    x, y = left[way[0].column] + way[0].width, way[0].y
    steps = [f"M{x:.0f},{y:.0f}"]
    x = left[way[0].column + 1] - _COLUMN_GAP  # past the widest box of the column, before it bends
    steps.append(f"L{x:.0f},{y:.0f}")
    for point in way[1:]:
        goal = left[point.column] - (_HEAD if point is way[-1] else 0)
        bend = (goal - x) / 2
        steps.append(f"C{x + bend:.0f},{y:.0f} {goal - bend:.0f},{point.y:.0f} {goal:.0f},{point.y:.0f}")
        x, y = goal, point.y
        if point is not way[-1]:
            x = left[point.column + 1] - _COLUMN_GAP
            steps.append(f"L{x:.0f},{y:.0f}")
    return Way(" ".join(steps), (x, y), (x + _HEAD, y))
