"""The time axis of a Gantt chart: where its ticks are, and what they say. Pure.

All labels of an axis have one unit, which follows from the distance of its ticks, so that they can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

_UNITS: tuple[tuple[float, str, tuple[float, ...]], ...] = (
    (1e-3, "ms", (1, 2, 5, 10, 20, 50)),
    (1.0, "s", (0.1, 0.2, 0.5, 1, 2, 5, 10, 20)),
    (60.0, "min", (0.5, 1, 2, 5, 10, 15, 20)),
    (3600.0, "h", (0.5, 1, 2, 3, 6, 12)),
)


def ticks(end: float, most: int = 10) -> Iterator[tuple[float, str]]:
    """Give the moments from 0 to ``end`` (seconds) that are marked, at most so many and one, each with its label.

    Examples
    --------
    >>> list(ticks(1.3, 4)), [label for _, label in ticks(0.07, 4)]
    ([(0.0, '0 s'), (0.5, '0.5 s'), (1.0, '1 s')], ['0 ms', '20 ms', '40 ms', '60 ms'])
    """
    if not 0 < end < math.inf:
        yield 0.0, "0 s"
        return
    step, unit, word = _step(end / most)
    digits = max(0, -math.floor(math.log10(step / unit) + 1e-9)) if step / unit < 1 else 0
    for number in range(math.floor(end / step * (1 + 1e-12)) + 1):
        at = number * step
        told = f"{at / unit:,.{digits}f}"
        yield at, f"{told.rstrip('0').rstrip('.') if digits else told} {word}"


def _step(least: float) -> tuple[float, float, str]:
    """The smallest distance that is not less, its unit, and that unit's name."""
    unit, word, _ = _UNITS[-1]
    if least < 1e-3:
        unit, word, _ = _UNITS[0]
    elif least <= 12 * unit:
        return next((n * unit, unit, word) for unit, word, steps in _UNITS for n in steps if n * unit >= least)
    power = 10.0 ** math.floor(math.log10(least / unit))
    return next(n * power for n in (1, 2, 5, 10) if n * power * unit >= least * (1 - 1e-9)) * unit, unit, word
