"""A Gantt chart as static SVG: lanes, bars, what they waited for, the critical path, and the plan behind it. Pure.

Policy: everything is in the picture, and nothing is needed beside it: no style sheet, no script, no ids or links, so
that it can stand in any page, twice. A lane is a row; a bar has the colours and the mark of its state, its name as far
as that fits, and the whole story as a tooltip. What a bar waited for stands in a thin strip below its lane, because
others ran in the lane meanwhile; of several strips the one that ended first lies on top, so that each bar is led up to
by its own. Kinds of waiting differ in colour and in stroke. The paper is white, and text on it and in bars has the
contrast that WCAG asks for, so that it can be read in a dark page, too.

**Size.** Below :data:`MOST_BYTES`, whatever is drawn: where there are too many bars, the width below which neighbours
become one (:mod:`.crowding`) grows until the rest fits. Widths of texts are estimated, generously.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from orchestra_nb.display.gantt import marks
from orchestra_nb.display.gantt.axis import ticks
from orchestra_nb.display.gantt.bars import Bar, Timeline
from orchestra_nb.display.gantt.crowding import Crowd, crowds, rows_of
from orchestra_nb.display.gantt.legend import legend
from orchestra_nb.display.gantt.words import NOTHING, PLANNED, in_short, title
from orchestra_nb.display.html import text
from orchestra_nb.display.picture.layout import FONT
from orchestra_nb.display.wording import duration
from orchestra_nb.model import NodeId

MOST_BYTES = 200_000
WIDTH = 960.0
_ROW = 26.0
_THIN = 16.0
_TOP = 8.0
_HEAD = 20.0
"""Above the lanes, where something is said of a line through them."""
_EDGE = 12.0
_RIGHT = 28.0
"""Right of the plot: half a label of the axis."""
_LEAST = 1.5
"""Pixels below which a bar is too narrow to stand alone."""
_WIDER = 1.4
_MOST_CROWDS = 600
"""More bars than that are not tried: they would be too many bytes."""
_MOST_WAITING = 6
_GUTTER = 150.0


def gantt_svg(timeline: Timeline, behind: Timeline | None = None, until: float = 0.0) -> str:
    """Draw a Gantt chart.

    Parameters
    ----------
    timeline
        What happened.
    behind
        What was planned: pale outlines behind it, worker for worker in the order of the lanes.
    until
        The time axis goes to this moment at least (seconds), so that several charts can be compared.

    Examples
    --------
    >>> gantt_svg(Timeline((), ())).startswith("<svg")
    True
    """
    sheet, least = _Sheet(timeline, behind, until), _LEAST
    while len(sheet.gathered(timeline, least)) > _MOST_CROWDS and least < WIDTH:
        least *= _WIDER
    while True:
        svg = "\n".join(sheet.parts(least))
        if len(svg.encode()) <= MOST_BYTES or least >= WIDTH:
            return svg
        least *= _WIDER


@dataclass(frozen=True)
class _Sheet:
    """Where everything stands."""

    timeline: Timeline
    behind: Timeline | None
    until: float = 0.0

    @cached_property
    def end(self) -> float:
        """The last moment on the axis."""
        ends = [self.timeline.end, self.behind.end if self.behind else 0.0, self.until]
        return max(ends) or 1.0

    @cached_property
    def rows(self) -> tuple[str, ...]:
        """What each row is called: the lanes, and the workers of a plan that had more."""
        names, _ = rows_of(self.timeline)
        planned = rows_of(self.behind)[0][len(names) :] if self.behind else ()
        return (*names, *(f"{name} ({PLANNED})" for name in planned))

    @cached_property
    def waiting(self) -> Sequence[Bar]:
        """Who waits, as far as there is room to say it."""
        return self.timeline.waiting[:_MOST_WAITING]

    @cached_property
    def left(self) -> float:
        """Where the plot begins."""
        names = [*self.rows, *(bar.node for bar in self.waiting)]
        return min(max((marks.text_width(in_short(name)) for name in names), default=0.0) + 2 * _EDGE, _GUTTER)

    @cached_property
    def top(self) -> float:
        """Where the plot begins, from above."""
        return _TOP if self.timeline.now is None and self.timeline.over is None else _HEAD

    @cached_property
    def bottom(self) -> float:
        """Where the plot ends."""
        more = len(self.timeline.waiting) > len(self.waiting)
        return self.top + _ROW * max(len(self.rows), 1) + _THIN * (len(self.waiting) + more)

    def x(self, at: float) -> float:
        """Where a moment stands."""
        return self.left + at / self.end * (WIDTH - self.left - _RIGHT)

    def y(self, row: int) -> float:
        """Where a row begins."""
        return self.top + _ROW * row

    def gathered(self, timeline: Timeline, least: float) -> list[tuple[int, Crowd]]:
        """What is drawn in each row, by row, where bars narrower than so many pixels become one."""
        seconds = least * self.end / (WIDTH - self.left - _RIGHT)
        names, row_of = rows_of(timeline)
        members: list[list[Bar]] = [[] for _ in names]
        for bar in timeline.bars:
            members[row_of[bar.lane]].append(bar)
        found: list[tuple[int, Crowd]] = []
        for row, bars in enumerate(members):
            summed = row == len(names) - 1 and len(names) < len(timeline.lanes)
            found += [(row, crowd) for crowd in crowds(bars, seconds, summed=summed)]
        return found

    def parts(self, least: float) -> Iterator[str]:
        """Write the picture; bars narrower than so many pixels are gathered."""
        told, height = legend(self.timeline, self.behind is not None, self.bottom + 34, (self.left, WIDTH - _EDGE))
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {WIDTH:.0f} {height:.0f}" role="img" font-family="{FONT}" font-size="{marks.SIZE:g}">'
        )
        yield f"<title>{text(title(self.timeline))}</title>"
        yield f'<rect width="{WIDTH:.0f}" height="{height:.0f}" fill="#ffffff"/>'
        yield from self._paper()
        if self.behind is not None:
            for row, crowd in self.gathered(self.behind, least):
                yield marks.outline(crowd, self.x, self.y(row))
        found = self.gathered(self.timeline, least)
        for row, crowd in reversed(found):
            yield from marks.strips(crowd, self.x, self.y(row))
        yield from self._path(found)
        for row, crowd in found:
            yield from marks.bar(crowd, self.x, self.y(row))
        yield from self._who_waits()
        yield from self._lines()
        yield told
        yield "</svg>"

    def _paper(self) -> Iterator[str]:
        """The names of the rows, stripes, and the time axis."""
        for row, name in enumerate(self.rows):
            if row % 2 == 0:
                yield marks.stripe(_EDGE / 2, self.y(row), WIDTH - _EDGE, _ROW)
            yield marks.label(self.left - 8, self.y(row) + 15, in_short(name), name)
        if not self.timeline.bars and not self.behind:
            yield marks.words(self.left, self.y(0) + 15, NOTHING)
        for at, told in ticks(self.end, max(2, int((WIDTH - self.left) / 75))):
            yield marks.grid(self.x(at), self.top, self.bottom)
            yield marks.tick(self.x(at), self.bottom + 15, told)

    def _path(self, found: Iterable[tuple[int, Crowd]]) -> Iterator[str]:
        """The line through the nodes of the critical path."""
        stands: dict[NodeId, tuple[float, float, float]] = {}
        for row, crowd in found:
            for bar in crowd.bars if crowd.critical else ():
                if bar.critical:
                    stands[bar.node] = self.x(bar.start), self.x(bar.end), self.y(row)
        yield from marks.path([stands[name] for name in self.timeline.path if name in stands])

    def _who_waits(self) -> Iterator[str]:
        top = self.y(max(len(self.rows), 1))
        for number, bar in enumerate(self.waiting):
            y = top + _THIN * number
            yield marks.label(self.left - 8, y + 12, in_short(bar.node), bar.node)
            yield from marks.strips(Crowd((bar,), bar.start, bar.end), self.x, y - 11)
        left = len(self.timeline.waiting) - len(self.waiting)
        if left:
            more = f"and {left:,} more wait"
            yield marks.words(self.left + 4, top + _THIN * len(self.waiting) + 12, more)

    def _lines(self) -> Iterator[str]:
        """Where now is, and where the run ended."""
        if self.timeline.now is not None:
            now = f"now: {duration(self.timeline.now)}"
            yield from marks.moment(self.x(self.timeline.now), self.top, self.bottom, now)
        if self.timeline.over is not None:
            yield from marks.moment(self.x(self.timeline.over), self.top, self.bottom, "the run's end; then undone")
