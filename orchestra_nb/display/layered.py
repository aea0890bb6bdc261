"""Our own layout, for where ``dot`` is missing, takes too long, or has too much to do.

Policy: the usual four steps of layered drawing, each in its plainest form and linear per sweep: a column per level;
way points in the columns that a long line crosses; order within columns by the mean position of neighbours, swept back
and forth; heights by the same mean, pushed apart. Beyond :data:`_MOST_POINTS` way points lines run straight.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from orchestra_nb.display.layout import Layout, Place, Plan, Way

_GAP = 16.0
_COLUMN_GAP = 64.0
_MARGIN = 14.0
_HEAD = 6.0
_SWEEPS = 6
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
    points = [_Point(shape.level, shape.width, shape.height) for shape in plan.shapes]
    ways = [_way(points, source, target) for source, target, _ in plan.lines]
    columns = _columns(points)
    _sort(points, columns)
    _settle(points, columns)
    left = _lefts(points, columns)
    top = min((p.y - p.height / 2 for p in points), default=0.0) - _MARGIN
    for point in points:
        point.y -= top
    return Layout(
        left[-1] - _COLUMN_GAP + _MARGIN,
        max((p.y + p.height / 2 for p in points), default=0.0) + _MARGIN,
        tuple(Place(left[p.column], p.y - p.height / 2, p.width, p.height) for p in points[: len(plan.shapes)]),
        tuple(_path([points[i] for i in way], left) for way in ways),
    )


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


def _lefts(points: Sequence[_Point], columns: Sequence[Sequence[int]]) -> list[float]:
    """Left edge of each column, and of the one that would follow."""
    lefts = [_MARGIN]
    for column in columns:
        lefts.append(lefts[-1] + max((points[i].width for i in column), default=0.0) + _COLUMN_GAP)
    return lefts


def _path(way: Sequence[_Point], left: Sequence[float]) -> Way:
    x, y = left[way[0].column] + way[0].width, way[0].y
    steps = [f"M{x:.1f},{y:.1f}"]
    x = left[way[0].column + 1] - _COLUMN_GAP  # past the widest box of the column, before it bends
    steps.append(f"L{x:.1f},{y:.1f}")
    for point in way[1:]:
        goal = left[point.column] - (_HEAD if point is way[-1] else 0)
        bend = (goal - x) / 2
        steps.append(f"C{x + bend:.1f},{y:.1f} {goal - bend:.1f},{point.y:.1f} {goal:.1f},{point.y:.1f}")
        x, y = goal, point.y
        if point is not way[-1]:
            x = left[point.column + 1] - _COLUMN_GAP
            steps.append(f"L{x:.1f},{y:.1f}")
    return Way(" ".join(steps), (x, y), (x + _HEAD, y))
