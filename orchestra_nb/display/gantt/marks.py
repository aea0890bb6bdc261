"""What a Gantt chart is drawn with: one bar, one strip, one line at a time, as pieces of SVG. Pure.

All text is cleaned and escaped here; numbers are pixels, with one digit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

from orchestra_nb.display.gantt.bars import Bar, PieceKind
from orchestra_nb.display.gantt.crowding import Crowd
from orchestra_nb.display.gantt.words import story, worst
from orchestra_nb.display.html import text
from orchestra_nb.display.looks import LOOKS, Look
from orchestra_nb.display.picture.layout import text_width as width_at
from orchestra_nb.display.picture.parts import CRITICAL
from orchestra_nb.display.wording import clean, count

SIZE = 11.0
INK, GREY = "#111111", "#595959"
LOCKS = "#a0407a"
BAR_TOP, BAR = 3.0, 16.0
MIDDLE = BAR_TOP + BAR / 2
_STRIP = 22.0
_THICK = 3.0
_LEAST = 1.5
_MARK = 4.0
_STATES: dict[str, Look] = {
    "planned": Look("", "#e8edf3", "#5c6b7a"),
    **{state: look for state, look in LOOKS.items() if state},
}
STROKES: dict[PieceKind, tuple[str, str]] = {
    "locks": (LOCKS, ' stroke-dasharray="4,1.5"'),
    "worker": ("#9a9a9a", ""),
    "either": ("#8a7a92", ' stroke-dasharray="7,2"'),
    "earlier": ("#8a3a6b", ' stroke-dasharray="1.5,2"'),
    "rest": ("#8a3a6b", ' stroke-dasharray="1.5,2"'),
    "barrier": ("#2f6f5e", ' stroke-dasharray="8,1.5,2,1.5"'),
    "rested": ("#8a3a6b", ' stroke-dasharray="1.5,2"'),
}
"""Colour and stroke of what is no attempt."""
Place = Callable[[float], float]


def look_of(state: str) -> Look:
    """Say how a state looks."""
    return _STATES[state]


def text_width(words: str) -> float:
    """Estimate how wide a text is, in pixels."""
    return width_at(words, SIZE)


def bar(crowd: Crowd, x: Place, top: float) -> Iterator[str]:
    """Draw a bar, or several as one."""
    single = crowd.single
    tip = f"<title>{text(story(crowd))}</title>"
    if single is None:
        left, right = x(crowd.start), max(x(crowd.end), x(crowd.start) + _LEAST)
        inside = _inside(left, right, top, [count(len(crowd.bars), "node"), f"{len(crowd.bars):,}"])
        yield f"<g>{tip}{_box(left, right, top, look_of(worst(crowd)), crowd.critical)}{inside}</g>"
        return
    yield f"<g>{tip}{''.join(_pieces(single, x, top))}</g>"


def _pieces(one: Bar, x: Place, top: float) -> Iterator[str]:
    """Draw the attempts of a node, and the rests between them."""
    look, attempts = look_of(one.state), [piece for piece in one.pieces if piece.kind == "attempt"]
    for piece in one.pieces:
        left, right = x(piece.start), x(piece.end)
        if piece.kind == "rest":
            yield _stroke("rest", left, right, top + MIDDLE, 2)
        elif piece.kind == "attempt":
            last = piece is attempts[-1] and one.state != "resting"
            shown = look if last else look_of("failed")
            if last and one.state == "cached" and right - left < 2 * _MARK:
                yield _box(left, left + _MARK, top, Look("", look.border, look.border), one.critical)
                continue
            yield _box(left, max(right, left + _LEAST), top, shown, one.critical)
    times = f" ×{one.attempts}" if one.attempts > 1 else ""
    mark = f"{look.mark} " if look.mark else ""
    yield _inside(x(attempts[-1].start), x(attempts[-1].end), top, _cuts(mark, clean(one.node), times))


def _cuts(mark: str, name: str, times: str) -> Iterator[str]:
    """What may stand in a bar, the longest first: a name is cut to three letters at most, and then left out."""
    yield f"{mark}{name}{times}"
    yield f"{mark}{name}"
    for most in range(min(len(name) - 1, 60), 2, -1):
        yield f"{mark}{name[:most].rstrip()}…"
    yield mark.strip()


def _inside(left: float, right: float, top: float, choices: Iterable[str]) -> str:
    """Write the first text that fits into a bar."""
    room = right - left - 6
    if room < 6:
        return ""
    for words in choices:
        if words and text_width(words) <= room:
            return f'<text x="{left + 3:.1f}" y="{top + MIDDLE + 4:.1f}" fill="{INK}">{text(words)}</text>'
    return ""


def _box(left: float, right: float, top: float, look: Look, critical: bool) -> str:
    colour, width = (CRITICAL, 2.2) if critical else (look.border, 0.8)
    return (
        f'<rect x="{left:.1f}" y="{top + BAR_TOP:.1f}" width="{right - left:.1f}" height="{BAR:g}" rx="2" '
        f'fill="{look.fill}" stroke="{colour}" stroke-width="{width}"/>'
    )


def outline(crowd: Crowd, x: Place, top: float) -> str:
    """Draw what was planned, behind everything."""
    left, right = x(crowd.start), max(x(crowd.end), x(crowd.start) + _LEAST)
    return (
        f'<g><title>{text(story(crowd))}</title><rect x="{left:.1f}" y="{top + 0.5:.1f}" width="{right - left:.1f}" '
        f'height="{_STRIP + 2:g}" rx="2" fill="#f1f4f8" stroke="#a9b4c0" stroke-width="0.8"/></g>'
    )


def strips(crowd: Crowd, x: Place, top: float) -> Iterator[str]:
    """Draw what bars waited for, in the strip below their lane."""
    found = []
    for kind in ("worker", "either", "earlier", "rested", "barrier", "locks"):
        waited = crowd.waited(kind)
        if waited is not None and x(waited[1]) - x(waited[0]) >= 1:
            found.append(_stroke(kind, x(waited[0]), x(waited[1]), top + _STRIP, _THICK))
    if found:
        yield f"<g><title>{text(story(crowd))}</title>{''.join(found)}</g>"


def _stroke(kind: PieceKind, left: float, right: float, y: float, width: float) -> str:
    colour, dash = STROKES[kind]
    return f'<path d="M{left:.1f},{y:.1f}H{right:.1f}" stroke="{colour}" stroke-width="{width:g}" fill="none"{dash}/>'


def path(stands: Sequence[tuple[float, float, float]]) -> Iterator[str]:
    """Draw the line from each bar of the critical path to the next.

    Where one ends it goes to the row of the next, and then level while that waits: between the rows' bars, where no
    name stands.
    """
    steps: list[str] = []
    for (_, right, top), (left, _, below) in pairwise(stands):
        end, level = max(left, right), below + BAR_TOP - 1.6
        start = top + MIDDLE if below != top else top + BAR_TOP
        step = f"M{right:.0f},{start:.1f}V{level:.1f}H{end:.0f}V{below + BAR_TOP:.1f}"
        if not steps or steps[-1] != step:
            steps.append(step)
    if steps:
        yield f'<path d="{"".join(steps)}" stroke="{CRITICAL}" stroke-width="1.6" fill="none"/>'


def stripe(left: float, top: float, width: float, height: float) -> str:
    """Draw the ground of every other row."""
    return f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" fill="#f7f7f7"/>'


def grid(x: float, top: float, bottom: float) -> str:
    """Draw a moment of the axis."""
    return f'<path d="M{x:.1f},{top:.1f}V{bottom + 4:.1f}" stroke="#dcdcdc" stroke-width="0.8"/>'


def tick(x: float, y: float, words: str) -> str:
    """Say a moment of the axis."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" fill="{GREY}">{text(words)}</text>'


def label(x: float, y: float, words: str, whole: str) -> str:
    """Say what a row is, left of it."""
    tip = f"<title>{text(whole)}</title>" if words != whole else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="end" fill="#333333">{tip}{text(words)}</text>'


def words(x: float, y: float, told: str) -> str:
    """Write a remark."""
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{GREY}">{text(told)}</text>'


def moment(x: float, top: float, bottom: float, told: str) -> Iterator[str]:
    """Draw a line through all lanes, and say above it what it is."""
    yield f'<path d="M{x:.1f},{top - 4:.1f}V{bottom:.1f}" stroke="{INK}" stroke-width="1.2" stroke-dasharray="5,3"/>'
    side = "end" if x > 480 else "start"
    yield f'<text x="{x:.1f}" y="{top - 7:.1f}" text-anchor="{side}" fill="{INK}">{text(told)}</text>'
