"""What the pictures of labs are drawn with: a sheet, texts, boxes and arrows as pieces of SVG. Pure.

No style sheet, no script, no ids: a picture can stand in any page, twice. Each piece is one line, so that two frames
differ in the lines of what has changed. All text is cleaned, cut and escaped here. The paper is white; text on it has
at least the contrast 7:1.
"""

from __future__ import annotations

from collections.abc import Iterable

from orchestra_nb.display.html import text
from orchestra_nb.display.picture.layout import FONT
from orchestra_nb.display.wording import short

INK, GREY, PALE = "#111111", "#484848", "#d9d9d9"
SIZE = 13.0


def sheet(width: float, height: float, title: str, parts: Iterable[str]) -> str:
    """Make a picture of its parts.

    Examples
    --------
    >>> sheet(10, 10, "<nothing>", []).count("&lt;nothing&gt;")
    1
    """
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{FONT}" font-size="{SIZE:g}">'
    ground = f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>'
    return "\n".join([head, f"<title>{text(short(title, 300))}</title>", ground, *parts, "</svg>"])


def words(x: float, y: float, told: object, *, anchor: str = "start", bold: bool = False, colour: str = INK) -> str:
    """Write a line of text.

    Examples
    --------
    >>> words(1, 2, "a < b")
    '<text x="1.0" y="2.0" text-anchor="start" fill="#111111">a &lt; b</text>'
    """
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"{weight}>{text(told)}</text>'


def box(
    corner: tuple[float, float], size: tuple[float, float], fill: str, border: str, *, width: float = 1.2,
    round: float = 3.0, dash: str = "", tip: str = "",
) -> str:  # fmt: skip
    """Draw a rectangle with a tooltip.

    Examples
    --------
    >>> box((0, 0), (4, 2), "#ffffff", "#000000", tip="db")[-24:]
    '<title>db</title></rect>'
    """
    (x, y), (wide, high) = corner, size
    strokes = f' stroke-dasharray="{dash}"' if dash else ""
    about = f'fill="{fill}" stroke="{border}" stroke-width="{width:g}"{strokes}'
    shape = f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(wide, 0):.1f}" height="{high:.1f}" rx="{round:g}" {about}'
    return f"{shape}><title>{text(short(tip, 200))}</title></rect>" if tip else f"{shape}/>"


def line(start: tuple[float, float], end: tuple[float, float], colour: str, width: float = 1.0, dash: str = "") -> str:
    """Draw a line.

    Examples
    --------
    >>> line((0, 0), (0, 5), "#000000").startswith('<path d="M0.0,0.0L0.0,5.0"')
    True
    """
    strokes = f' stroke-dasharray="{dash}"' if dash else ""
    way = f"M{start[0]:.1f},{start[1]:.1f}L{end[0]:.1f},{end[1]:.1f}"
    return f'<path d="{way}" stroke="{colour}" stroke-width="{width:g}" fill="none"{strokes}/>'


def arrow(
    start: tuple[float, float], end: tuple[float, float], colour: str, width: float = 1.6, dash: str = "",
    tip: str = "",
) -> str:  # fmt: skip
    """Draw an arrow with a head of its own at its end.

    Examples
    --------
    >>> arrow((0, 0), (0, 50), "#000000", tip="ben waits for db").count("<path")
    2
    """
    (x, y), (u, v) = start, end
    length = max(((u - x) ** 2 + (v - y) ** 2) ** 0.5, 1e-6)
    ex, ey = (u - x) / length, (v - y) / length
    head = 7.0 + 1.6 * width
    base = u - ex * head, v - ey * head
    side = 0.45 * head
    points = f"M{u:.1f},{v:.1f}L{base[0] - ey * side:.1f},{base[1] + ex * side:.1f}"
    points += f"L{base[0] + ey * side:.1f},{base[1] - ex * side:.1f}Z"
    shaft = line(start, base, colour, width, dash)
    return f'<g><title>{text(short(tip, 200))}</title>{shaft}<path d="{points}" fill="{colour}"/></g>'
