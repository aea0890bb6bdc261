"""A small histogram, as SVG and in characters. Pure.

Policy: bins of equal width from the least to the largest number, about as many as the square root of how many numbers
there are, and 24 at most. Marks are lines through it, each with its words in a row of its own above
all bars, so that marks that lie close together can be read. One font, no ids, no style sheet, as in all
pictures here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from orchestra_nb.display.html import text
from orchestra_nb.display.picture.layout import FONT
from orchestra_nb.display.wording import duration

_WIDTH, _HEIGHT = 480.0, 128.0
_LEFT, _TOP, _BOTTOM = 12.0, 8.0, 96.0
_LINE = 12.0
"""Height of a mark's words."""
_MOST_BINS = 24
_BLOCKS = "▁▂▃▄▅▆▇█"


def bins_of(numbers: Sequence[float]) -> list[int]:
    """Count numbers in bins of equal width.

    Examples
    --------
    >>> bins_of([1.0, 1.0, 2.0, 4.0]), bins_of([3.0, 3.0]), bins_of([])
    ([3, 1], [2], [])
    """
    if not numbers:
        return []
    low, high = min(numbers), max(numbers)
    if not high > low:
        return [len(numbers)]
    found = [0] * max(2, min(_MOST_BINS, math.isqrt(len(numbers))))
    for number in numbers:
        found[min(int((number - low) / (high - low) * len(found)), len(found) - 1)] += 1
    return found


def histogram_text(numbers: Sequence[float]) -> str:
    """Draw a histogram in one line of characters.

    Examples
    --------
    >>> histogram_text([1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 3.0, 9.0])
    '1.0 s █ ▁ 9.0 s'
    """
    found = bins_of(numbers)
    most = max(found, default=0)
    if not most:
        return ""
    drawn = "".join(_BLOCKS[min(int(number / most * (len(_BLOCKS) - 1)), 7)] if number else " " for number in found)
    return f"{duration(min(numbers))} {drawn} {duration(max(numbers))}"


def histogram_svg(numbers: Sequence[float], marks: Mapping[str, float]) -> str:
    """Draw a histogram.

    Parameters
    ----------
    numbers
        Seconds.
    marks
        Seconds that are marked, by what is said of them.

    Examples
    --------
    >>> histogram_svg([1.0, 2.0], {"median": 1.5}).startswith("<svg")
    True
    """
    found = bins_of(numbers)
    low, high = min(numbers, default=0.0), max(numbers, default=0.0)
    low, high = min([low, *marks.values()]), max([high, *marks.values()])
    least, largest = min(numbers, default=0.0), max(numbers, default=0.0)

    def x(number: float) -> float:
        return _LEFT + ((number - low) / (high - low) if high > low else 0.5) * (_WIDTH - 2 * _LEFT)

    top, bottom = _TOP + _LINE * len(marks), _BOTTOM + _LINE * len(marks)
    height = _HEIGHT + _LINE * len(marks)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {_WIDTH:.0f} {height:.0f}" role="img" font-family="{FONT}" font-size="11">',
        f"<title>{text(f'histogram of {len(numbers):,} makespans')}</title>",
        f'<path d="M{_LEFT:.1f},{bottom:.1f}H{_WIDTH - _LEFT:.1f}" stroke="#5c6b7a" stroke-width="1"/>',
    ]
    width = (largest - least) / len(found) if found else 0.0
    for number, share in enumerate(found):
        left, right = x(least + number * width), x(least + (number + 1) * width)
        left, right = (left - 4, right + 4) if right - left < 2 else (left, right)
        high_y = bottom - share / max(found) * (bottom - top)
        told = f"{share:,} from {duration(least + number * width)} to {duration(least + (number + 1) * width)}"
        parts.append(
            f'<rect x="{left:.1f}" y="{high_y:.1f}" width="{right - left:.1f}" height="{bottom - high_y:.1f}" '
            f'fill="#e8edf3" stroke="#5c6b7a" stroke-width="0.8"><title>{text(told)}</title></rect>'
        )
    for number, (words, at) in enumerate(sorted(marks.items(), key=lambda mark: -mark[1]), 1):
        right = x(at) < _WIDTH * 0.7
        row = number * _LINE
        parts.append(
            f'<path d="M{x(at):.1f},{row - 9:.1f}V{bottom:.1f}" stroke="#a83800" stroke-width="1.2" '
            f'stroke-dasharray="4,2"/><text x="{x(at) + (4 if right else -4):.1f}" y="{row:.1f}" '
            f'text-anchor="{"start" if right else "end"}" fill="#111111">{text(f"{words} {duration(at)}")}</text>'
        )
    for at, side in ((least, "start"), (largest, "end")):
        parts.append(
            f'<text x="{x(at):.1f}" y="{bottom + 16:.1f}" text-anchor="{side}" fill="#595959">{duration(at)}</text>'
        )
    return "\n".join([*parts, "</svg>"])
