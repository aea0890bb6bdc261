"""Pictures that weigh less and show the same: for a page that has little room.

Policy: what nobody sees in a still picture goes first (tooltips, digits below a tenth of a pixel); in a second step
whole pixels do, what many elements say alike is said once above them, and faint lines, which longer ways imply, are
left out. Works on pictures of this package alone, whose texts are escaped: only tags are changed, and no text ever is.
Rejected: compression (no browser unpacks an SVG in a ``data:`` URI), pixels (larger, and not to be read when enlarged).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from orchestra_nb.display.picture.parts import FAINT

_TOOLTIP = re.compile(r"<title>[^<]*</title>")
_TAG = re.compile(r"<[^>]+>")
_TENTHS = re.compile(r"(\d+\.\d)\d+")
_NUMBER = re.compile(r"-?\d+\.\d+")
_BLANK = re.compile(r"\n\s*")
_LINE = re.compile(
    r'<g><path d="(?P<d>[^"]*)" fill="none" stroke="(?P<stroke>[^"]*)"(?P<more>[^/]*)/>'
    r'<polygon points="(?P<points>[^"]*)" fill="[^"]*"/></g>\s*'
)
_LINES = re.compile(f"(?:{re.sub(r'[?]P<[a-z]+>', '', _LINE.pattern)})+")
_CLASS = re.compile(r'<g class="n\d+">')
_ALONE = re.compile(r"<g>(<rect[^>]*/>)</g>\s*")
_MIDDLE = ' text-anchor="middle" fill="#111111"'


def plainer(svg: str) -> str:
    """Make a picture lighter: without tooltips, and with coordinates to a tenth of a pixel.

    Examples
    --------
    >>> plainer('<svg><g><title>load</title><path d="M1.2345,2"/><text>pi is 3.14159</text></g></svg>')
    '<svg><g><path d="M1.2,2"/><text>pi is 3.14159</text></g></svg>'
    """
    return _TAG.sub(lambda tag: _TENTHS.sub(r"\1", tag[0]), _BLANK.sub(" ", _TOOLTIP.sub("", svg)))


def plainest(svg: str) -> str:
    """Make it lighter still: in whole pixels, without faint lines, and nothing said twice.

    Examples
    --------
    >>> plainest('<svg><text x="1.6" text-anchor="middle" fill="#111111">1.6</text></svg>')
    '<svg text-anchor="middle" fill="#111111"><text x="2">1.6</text></svg>'
    """
    grouped = _LINES.sub(lambda found: "".join(_together(found[0])), plainer(svg))
    grouped = _ALONE.sub(r"\1", _CLASS.sub("<g>", grouped))
    whole = _TAG.sub(lambda tag: tag[0] if tag[0].startswith("<svg") else _NUMBER.sub(_rounded, tag[0]), grouped)
    return whole.replace(_MIDDLE, "").replace("<svg", f"<svg{_MIDDLE}", 1) if _MIDDLE in whole else whole


def _together(lines: str) -> Iterator[str]:
    """Neighbouring lines of one look as one path with all their ends."""
    found = [line for line in _LINE.finditer(lines) if line["stroke"].lower() != FAINT]
    for (stroke, more), alike in groupby(found, key=lambda line: (line["stroke"], line["more"])):
        members = list(alike)
        ways = "".join(line["d"] for line in members)
        ends = "".join(f"M{line['points']}Z" for line in members)
        yield f'<path d="{ways}" fill="none" stroke="{stroke}"{more}/><path d="{ends}" fill="{stroke}"/>'


def _rounded(number: re.Match[str]) -> str:
    return str(round(float(number[0])))
