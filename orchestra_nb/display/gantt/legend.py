"""What the colours and strokes of a Gantt chart mean: only those that are in it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from orchestra_nb.display.gantt import marks
from orchestra_nb.display.gantt.bars import PieceKind, Timeline
from orchestra_nb.display.gantt.words import KINDS, PLANNED, tally
from orchestra_nb.display.html import text
from orchestra_nb.display.picture.parts import CRITICAL

_LINE = 18.0
_GAP = 16.0
_SWATCH = 16.0


def legend(timeline: Timeline, planned: bool, top: float, sides: tuple[float, float]) -> tuple[str, float]:
    """Write the legend, and say where it ends.

    Parameters
    ----------
    timeline
        What is shown.
    planned
        Whether there is a plan behind it.
    top
        Where it begins.
    sides
        Where its lines begin and end.
    """
    x, y = sides[0], top
    parts = []
    for swatch, words in _entries(timeline, planned):
        width = _SWATCH + 5 + marks.text_width(words)
        if x > sides[0] and x + width > sides[1]:
            x, y = sides[0], y + _LINE
        parts.append(swatch.format(x=x, right=x + _SWATCH, y=y - 9, middle=y - 4))
        parts.append(f'<text x="{x + _SWATCH + 5:.1f}" y="{y:.1f}" fill="{marks.INK}">{text(words)}</text>')
        x += width + _GAP
    return "\n".join(parts), y + (12 if parts else 0)


def _entries(timeline: Timeline, planned: bool) -> Iterator[tuple[str, str]]:
    """Each swatch, where ``{x}``, ``{right}``, ``{y}`` and ``{middle}`` are still to be put in, and its words."""
    for state, number in tally(bar.state for bar in timeline.bars):
        look = marks.look_of(state)
        yield _box(look.fill, look.border), f"{look.mark} {number:,} {state}".strip()
    kinds = {piece.kind for bar in (*timeline.bars, *timeline.waiting) for piece in bar.pieces}
    for kind in marks.STROKES:
        if kind in kinds:
            yield _stroke(kind), KINDS[kind]
    if timeline.path:
        yield _box("#ffffff", CRITICAL, 2.2), "critical path"
    if planned:
        yield _box("#f1f4f8", "#a9b4c0"), f"{PLANNED} (simulated)"
    for state, number in tally(state for _, state in timeline.absent):
        look = marks.look_of(state)
        yield _box(look.fill, look.border), f"{look.mark} {number:,} {state}, never begun"


def _box(fill: str, border: str, width: float = 0.8) -> str:
    return (
        f'<rect x="{{x:.1f}}" y="{{y:.1f}}" width="{_SWATCH:g}" height="11" rx="2" fill="{fill}" stroke="{border}" '
        f'stroke-width="{width}"/>'
    )


def _stroke(kind: PieceKind) -> str:
    colour, dash = marks.STROKES[kind]
    return f'<path d="M{{x:.1f}},{{middle:.1f}}H{{right:.1f}}" stroke="{colour}" stroke-width="3" fill="none"{dash}/>'
