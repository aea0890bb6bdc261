"""Where everything stands in a picture: what a layout gets, and what it gives. Pure numbers, no text of a user.

Policy: whoever lays out (``dot`` or :mod:`.layered`) is told how large the boxes are, and nothing of what stands in
them; the picture is then written by :mod:`.painting` alone. So no name can make ``dot`` fail or become markup, a box
has the same size whoever draws, a picture that only changes its colours needs no second layout, and equal graphs share
one. Widths of texts are estimated from classes of characters, generously, because no font is at hand.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

FONT = "Helvetica,Arial,sans-serif"
SIZE = 12.0
"""Height of the letters, in pixels."""
FRAME_SIZE = 11.0
"""Height of the letters of a frame's name."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a box is, its level, and the number of the frame that it belongs to."""

    width: float
    height: float
    level: int
    frame: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a layout gets.

    Parameters
    ----------
    shapes
        The boxes.
    lines
        Pairs of positions of boxes, each pair once, and whether a longer way implies the line.
    frames
        How wide the name of each frame is.
    """

    shapes: tuple[Shape, ...]
    lines: tuple[tuple[int, int, bool], ...]
    frames: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """A rectangle by its upper left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Way:
    """A line as the path of an SVG, and its head: from the middle of the base to the point."""

    path: str
    base: tuple[float, float]
    point: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Layout:
    """What a layout gives: places of boxes, ways of lines, places of frames, each in the order of the plan."""

    width: float
    height: float
    places: tuple[Place, ...]
    ways: tuple[Way, ...]
    frames: tuple[Place, ...] = ()


def text_width(text: str, size: float = SIZE) -> float:
    """Estimate how wide a text is, in pixels.

    Examples
    --------
    >>> text_width("ill") < text_width("abc") < text_width("WWW") < text_width("漢字漢字")
    True
    """
    return size * sum(map(_em, text))


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
