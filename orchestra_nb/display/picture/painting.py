"""A scene that is laid out, as SVG text: the only place that writes one.

Policy: what never changes (places, ways, tooltips of lines) is written once and kept in pieces; painting a moment only
writes the groups of the boxes between them. User text is put in by its position, never searched for, so that no name
can stand for another. All text is escaped; there are no ids, links, styles or scripts in the result, so that it can
stand in any page, twice. The only class that is written is that of a box's group, ``n0``, ``n1``, …: by it a front end
finds the box and gives it other contents (:meth:`.Drawing.groups`). A row that is wider than its box for once is set
narrower instead of being cut. Tooltips can be left out, since an image in a page shows none: then all lines of one
style are one path, which makes a picture half as large. It is white whatever the theme: colours were chosen on white.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import hypot

from orchestra_nb.display.looks import LOOKS
from orchestra_nb.display.picture.faces import PAD, ROW, Face, frame_names
from orchestra_nb.display.picture.layout import FONT, FRAME_SIZE, SIZE, Layout, Place, Way, text_width
from orchestra_nb.display.picture.parts import CRITICAL, FAINT, LINES, Box, Line, Scene

_INK = "#111111"
_HALF = 0.55
"""Half the width of a head, as a share of its length."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """All of a picture but its boxes: what stands before and behind them."""

    head: str
    title: str
    body: str

    def filled(self, groups: Sequence[str], said: str) -> str:
        """Put the boxes in, and what the moment is, for those who do not see it."""
        title = f"{self.title}; {said}" if said else self.title
        return "\n".join([self.head, f"<title>{escape(title)}</title>", self.body, *groups, "</svg>"])


def canvas(scene: Scene, layout: Layout, tips: bool = True) -> Canvas:
    """Write what never changes.

    Parameters
    ----------
    scene, layout
        What stands where.
    tips
        Whether lines have tooltips.
    """
    width, height = f"{layout.width:.0f}", f"{layout.height:.0f}"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" font-family="{FONT}" font-size="{SIZE:g}" text-anchor="middle" fill="{_INK}">'
    )
    parts = [
        f'<rect width="{width}" height="{height}" fill="white"/>',
        *map(_frame, frame_names(scene), layout.frames),
        *(map(_line, scene.lines, layout.ways) if tips else _bundles(scene.lines, layout.ways)),
    ]
    return Canvas(head, scene.title, "\n".join(parts))


def group(number: int, box: Box, place: Place, face: Face, tips: bool = True) -> str:
    """Write one box.

    Parameters
    ----------
    number
        Its position, which is its class.
    box, place, face
        What stands where, and what it says now.
    tips
        Whether it has a tooltip.
    """
    look = LOOKS[face.state]
    colour, width = (CRITICAL, 3) if box.critical else (look.border, 1.2)
    dash = f' stroke-dasharray="{look.dash}"' if look.dash else ""
    middle = place.x + place.width / 2
    first = place.y + place.height / 2 - ROW * (len(face.rows) - 1) / 2 + SIZE * 0.35
    rows = "".join(_text(row, middle, first + ROW * n, place.width - PAD) for n, row in enumerate(face.rows))
    tip = _tip(" · ".join([*box.facts, *face.told])) if tips else ""
    return (
        f'<g class="n{number}">{tip}'
        f'<rect x="{place.x:.1f}" y="{place.y:.1f}" width="{place.width:.1f}" height="{place.height:.1f}" rx="6" '
        f'fill="{look.fill}" stroke="{colour}" stroke-width="{width}"{dash}/>{rows}</g>'
    )


def _text(row: str, x: float, y: float, room: float) -> str:
    narrower = f' textLength="{room:.1f}" lengthAdjust="spacingAndGlyphs"' if text_width(row) > room else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{narrower}>{escape(row)}</text>'


def _frame(name: str, place: Place) -> str:
    return (
        f'<g><rect x="{place.x:.1f}" y="{place.y:.1f}" width="{place.width:.1f}" height="{place.height:.1f}" rx="8" '
        f'fill="#fafafa" stroke="#b0b0b0"/><text x="{place.x + place.width / 2:.1f}" y="{place.y + ROW:.1f}" '
        f'fill="#444444" font-size="{FRAME_SIZE:g}">{escape(name)}</text></g>'
    )


def _tip(text: str) -> str:
    return f"<title>{escape(text)}</title>"


def _style(line: Line) -> tuple[str, float, str]:
    """Colour, width and dashes; sorted by width, what matters more is drawn later."""
    colour, width = (CRITICAL, 2.6) if line.critical else (LINES[line.kind], 1.1)
    if line.implied and not line.critical:
        colour, width = FAINT, 0.7
    return colour, width, ' stroke-dasharray="5,3"' if line.possible else ""


def _line(line: Line, way: Way) -> str:
    colour, width, dash = _style(line)
    return (
        f"<g>{_tip(line.tooltip)}"
        f'<path d="{way.path}" fill="none" stroke="{colour}" stroke-width="{width}"{dash}/>'
        f'<polygon points="{_head(way)}" fill="{colour}"/></g>'
    )


def _bundles(lines: Sequence[Line], ways: Sequence[Way]) -> Iterator[str]:
    """All lines of one style as one path, and their heads as another."""
    bundles: dict[tuple[str, float, str], list[Way]] = {}
    for line, way in zip(lines, ways, strict=True):
        bundles.setdefault(_style(line), []).append(way)
    for (colour, width, dash), members in sorted(bundles.items(), key=lambda item: item[0][1]):
        paths = "".join(way.path for way in members)
        heads = "".join(f"M{_head(way)}z" for way in members)
        yield f'<path d="{paths}" fill="none" stroke="{colour}" stroke-width="{width}"{dash}/>'
        yield f'<path d="{heads}" fill="{colour}"/>'


def _head(way: Way) -> str:
    """The corners of a head, from one end of its base to the point to the other end."""
    (x, y), (px, py) = way.base, way.point
    long = hypot(px - x, py - y) or 1.0
    half = max(_HALF * long, 2.0)
    dx, dy = -(py - y) / long * half, (px - x) / long * half
    return f"{x + dx:.1f},{y + dy:.1f} {px:.1f},{py:.1f} {x - dx:.1f},{y - dy:.1f}"
