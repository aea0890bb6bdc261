"""How a panel of a story is painted: by its class, each into a picture, a table or a few lines. Pure.

A lab that has a picture of its own registers who paints it::

    @painted.register
    def _of_band(panel: Band) -> Painted:
        return Painted(lambda: band_svg(panel), "the circuit was open from 2 s to 5 s")

What is the same in all frames (a graph that is laid out, a schedule's lanes) is made once and found again by identity;
only the last few are kept. Failure: what nobody paints is a ``TypeError``, for that is a fault of this package.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial, singledispatch
from typing import Any, TypeVar, cast

from orchestra_nb.display import html
from orchestra_nb.display.gantt.bars import Bar, Piece, Timeline
from orchestra_nb.display.gantt.svg import gantt_svg
from orchestra_nb.display.gantt.timeline import timeline_of
from orchestra_nb.display.gantt.words import title as gantt_title
from orchestra_nb.display.looks import LOOKS, tally
from orchestra_nb.display.picture import drawing
from orchestra_nb.display.text import aligned
from orchestra_nb.display.wording import clean, duration, short
from orchestra_nb.labs.story import Bars, Graph, Lines, Panel, Rows, Waits

_KEPT = 8
_MOST_ROWS = 30
_CELL = 160
_T = TypeVar("_T")


@dataclass(frozen=True)  # without slots: the picture is made when somebody wants it
class Painted:
    """A panel as it is shown.

    Parameters
    ----------
    draw
        Makes the picture as SVG; ``None`` where there is none. Frames are compared line by line, so elements that may
        change should stand in lines of their own.
    said
        What the picture shows, in a sentence.
    markup
        HTML below it, made by :mod:`~orchestra_nb.display.html`.
    lines
        The same in plain text.

    Examples
    --------
    >>> Painted(markup="<p>3 ready</p>", lines=("3 ready",)).svg
    ''
    """

    draw: Callable[[], str] | None = None
    said: str = ""
    markup: str = ""
    lines: tuple[str, ...] = ()

    @cached_property
    def svg(self) -> str:
        """The picture; empty where there is none."""
        return "" if self.draw is None else self.draw()


@singledispatch
def painted(panel: Panel) -> Painted:
    """Paint a panel.

    Examples
    --------
    >>> painted(Lines("Why", ("<b> goes first",))).markup
    '<p style="margin:4px 0;">&lt;b&gt; goes first</p>'
    """
    raise TypeError(f"nobody paints {type(panel).__name__}: register a function with painted.register")


@painted.register
def _of_lines(panel: Lines) -> Painted:
    return Painted(markup="".join(map(html.paragraph, panel.lines)), lines=tuple(map(clean, panel.lines)))


@painted.register
def _of_rows(panel: Rows) -> Painted:
    if not panel.rows:
        return Painted(markup=html.paragraph(panel.empty), lines=(clean(panel.empty),))
    rows = [tuple(short(cell, _CELL) for cell in row) for row in panel.rows[:_MOST_ROWS]]
    left = len(panel.rows) + panel.more - len(rows)
    more = [f"and {left:,} more"] if left else []
    table = html.table(panel.headings, rows)
    told = [line.strip() for line in aligned([tuple(map(clean, panel.headings)), *rows])]
    return Painted(markup=table + "".join(map(html.paragraph, more)), lines=(*told, *more))


@painted.register
def _of_graph(panel: Graph) -> Painted:
    made = _once(panel.dag, "drawing", drawing)
    counted = tally(panel.states.values())
    said = ", ".join(f"{number:,} {state}" for state, number in counted)
    marks = "  ".join(f"{LOOKS[state].mark} {number:,} {state}" for state, number in counted)
    whole = "; ".join(filter(None, (made.scene.title, said)))
    return Painted(partial(made.painted, panel.states, panel.times), whole, lines=(marks or "nothing has begun",))


@painted.register
def _of_bars(panel: Bars) -> Painted:
    whole = _once(panel.schedule, "timeline", timeline_of)
    said = _once(panel.schedule, "title", lambda _: gantt_title(whole))
    at = panel.until
    if at is None:
        return Painted(partial(gantt_svg, whole), said, lines=(said,))
    said = f"as it stands at {duration(at)}: {said}"
    return Painted(lambda: gantt_svg(until(whole, at)), said, lines=(said,))


@painted.register
def _of_waits(panel: Waits) -> Painted:
    from orchestra_nb.display.dashboard.waits import Wait, waits_svg

    if not panel.waits:
        return Painted(markup=html.paragraph(panel.empty), lines=(clean(panel.empty),))
    lines = tuple(waits_line(*wait) for wait in panel.waits[:_MOST_ROWS])
    left = len(panel.waits) - len(lines)
    lines = (*lines, *([f"and {left:,} more"] if left else []))
    draw = partial(waits_svg, [Wait(*wait) for wait in panel.waits], panel.circle)
    return Painted(draw, "; ".join(lines), "".join(map(html.paragraph, lines)), lines)


def waits_line(owner: str, resource: str, holders: tuple[str, ...]) -> str:
    """Say that somebody waits.

    Examples
    --------
    >>> waits_line("fit", "gpu", ("train", "score"))
    'fit waits for gpu, held by train, score'
    """
    held = f", held by {short(', '.join(holders), 120)}" if holders else ""
    return f"{short(owner, 80)} waits for {short(resource, 80)}{held}"


def until(whole: Timeline, at: float) -> Timeline:
    """Cut a timeline at a moment: what has not begun is left out, and what has not ended runs.

    Its axis and its lanes stay those of the whole, so that a bar never moves from one frame to the next.

    Examples
    --------
    >>> from orchestra_nb.model import NodeId
    >>> bar = Bar(NodeId("fit"), 0, 1.0, 3.0, (Piece("attempt", 1.0, 3.0),), "planned")
    >>> [(b.end, b.state) for b in until(Timeline(("worker 1",), (bar,), end=3.0), 2.0).bars]
    [(2.0, 'running')]
    """
    bars = tuple(_cut(bar, at) for bar in whole.bars if bar.start <= at)
    begun = {bar.node for bar in bars}
    path = tuple(name for name in whole.path if name in begun)
    return Timeline(whole.lanes, bars, (), (), path, whole.end, at)


def _cut(bar: Bar, at: float) -> Bar:
    pieces = tuple(Piece(p.kind, p.start, min(p.end, at)) for p in bar.pieces if p.start <= at)
    if bar.end <= at:
        return bar._replace(state="done") if bar.state == "planned" else bar
    rests = bool(pieces) and pieces[-1].kind == "rest"
    return bar._replace(end=at, pieces=pieces, state="resting" if rests else "running")


_made: OrderedDict[tuple[int, str], tuple[object, Any]] = OrderedDict()


def _once(source: object, what: str, make: Callable[[Any], _T]) -> _T:
    """Make something of a source once; the source is kept beside it, so that its identity is its own."""
    key = id(source), what
    found = _made.get(key)
    if found is None or found[0] is not source:
        found = _made[key] = source, make(source)
        while len(_made) > _KEPT:
            _made.popitem(last=False)
    return cast("_T", found[1])
