"""Our own drawing of a scene as SVG, for where ``dot`` is missing or takes too long.

Policy: the usual four steps of layered drawing, each in its plainest form and linear per sweep: a column per level;
way points in the columns that a long line crosses; order within columns by the mean position of neighbours, swept back
and forth; heights by the same mean, pushed apart. Beyond :data:`_MOST_POINTS` way points lines run straight. Widths of
texts are estimated from classes of characters, generously, because no font is at hand. All text is escaped; there are
no ids, links, styles or scripts in the result, so that it can stand in any page, twice.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

from orchestra_nb.display.dot import FONT
from orchestra_nb.display.scene import CRITICAL, FAINT, LINES, LOOKS, Box, Line, Scene

_SIZE = 12.0
_ROW = 15.0
_PAD = 11.0
_GAP = 16.0
_COLUMN_GAP = 64.0
_MARGIN = 14.0
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


def draw(scene: Scene) -> str:
    """Draw a scene as a static SVG."""
    points = [_Point(box.level, *_measure(box)) for box in scene.boxes]
    ways = [_way(points, line) for line in scene.lines]
    columns = _columns(points)
    _sort(points, columns)
    _settle(points, columns)
    left = _lefts(points, columns)
    top = min((p.y - p.height / 2 for p in points), default=0.0) - _MARGIN
    for point in points:
        point.y -= top
    width = left[-1] - _COLUMN_GAP + _MARGIN
    height = max((p.y + p.height / 2 for p in points), default=0.0) + _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" font-family="{FONT}" font-size="{_SIZE:g}">',
        f"<title>{escape(scene.title)}</title>",
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="white"/>',
        *(_path(line, [points[i] for i in way], left) for line, way in zip(scene.lines, ways, strict=True)),
        *(_box(box, points[i], left[box.level]) for i, box in enumerate(scene.boxes)),
        "</svg>",
    ]
    return "\n".join(parts)


def text_width(text: str) -> float:
    """Estimate how wide a text is, in pixels.

    Examples
    --------
    >>> text_width("ill") < text_width("abc") < text_width("WWW") < text_width("漢字漢字")
    True
    """
    return _SIZE * sum(map(_em, text))


def _em(character: str) -> float:
    if unicodedata.combining(character):
        return 0.0
    if unicodedata.east_asian_width(character) in "WF":
        return 1.05
    if character in "ijl.,:;|!'`I()[]- ":
        return 0.36
    if character in "mwMW@%—…→":
        return 1.0
    return 0.76 if character.isupper() or ord(character) > 0x2000 else 0.6


def _measure(box: Box) -> tuple[float, float]:
    return max(map(text_width, box.lines)) + 2 * _PAD, _ROW * len(box.lines) + _PAD


def _way(points: list[_Point], line: Line) -> list[int]:
    """Lay a line through the columns between its ends."""
    way = [line.source]
    between = range(points[line.source].column + 1, points[line.target].column)
    if len(points) + len(between) <= _MOST_POINTS:
        for column in between:
            way.append(len(points))
            points.append(_Point(column))
    way.append(line.target)
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


def _path(line: Line, way: Sequence[_Point], left: Sequence[float]) -> str:
    colour, width = (CRITICAL, 2.6) if line.critical else (LINES[line.kind], 1.1)
    if line.implied and not line.critical:
        colour, width = FAINT, 0.7
    x, y = left[way[0].column] + way[0].width, way[0].y
    steps = [f"M{x:.1f},{y:.1f}"]
    x = left[way[0].column + 1] - _COLUMN_GAP  # past the widest box of the column, before it bends
    steps.append(f"L{x:.1f},{y:.1f}")
    for point in way[1:]:
        goal = left[point.column] - (6 if point is way[-1] else 0)
        bend = (goal - x) / 2
        steps.append(f"C{x + bend:.1f},{y:.1f} {goal - bend:.1f},{point.y:.1f} {goal:.1f},{point.y:.1f}")
        x, y = goal, point.y
        if point is not way[-1]:
            x = left[point.column + 1] - _COLUMN_GAP
            steps.append(f"L{x:.1f},{y:.1f}")
    dash = ' stroke-dasharray="5,3"' if line.possible else ""
    return (
        f"<g><title>{escape(line.tooltip)}</title>"
        f'<path d="{" ".join(steps)}" fill="none" stroke="{colour}" stroke-width="{width}"{dash}/>'
        f'<polygon points="{x:.1f},{y - 3.5:.1f} {x + 6:.1f},{y:.1f} {x:.1f},{y + 3.5:.1f}" fill="{colour}"/></g>'
    )


def _box(box: Box, point: _Point, left: float) -> str:
    look = LOOKS[box.status]
    colour, width = (CRITICAL, 3) if box.critical else (look.border, 1)
    top = point.y - point.height / 2
    middle = left + point.width / 2
    first = point.y - _ROW * (len(box.lines) - 1) / 2 + _SIZE * 0.35
    rows = [
        f'<text x="{middle:.1f}" y="{first + _ROW * n:.1f}" text-anchor="middle" fill="#111111">{escape(text)}</text>'
        for n, text in enumerate(box.lines)
    ]
    return (
        f"<g><title>{escape(box.tooltip)}</title>"
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{point.width:.1f}" height="{point.height:.1f}" rx="6" '
        f'fill="{look.fill}" stroke="{colour}" stroke-width="{width}"/>{"".join(rows)}</g>'
    )
