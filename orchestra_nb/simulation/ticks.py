"""Seconds as whole numbers of ticks, for a solver that knows only integers, and what that says of seconds again. Pure.

Policy: decimals as they are written are fractions, and the largest fraction that divides all of them is the tick;
where there is such a one that is not too small, nothing is lost. Else a tick is a ten-millionth of what the whole takes
at most, and everything is rounded up: a schedule in ticks is never shorter than the one in seconds that has the same
order. A node without any time counts as one tick, so that it needs its worker like any other; where ticks are exact,
they are so much smaller that all of these together do not make one unit.

What is proved in ticks holds in seconds: :meth:`Ticks.at_least` is the bound. Where ticks are exact it is exact but for
the rounding of floats; else it is lower by a tick for each node that was rounded, since no way is longer by more.
Failure: none; numbers in, numbers out. Rejected: a fixed tick of a millisecond or so (tasks of a notebook take from
microseconds to hours).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

MOST = 10**9
"""Ticks that the whole may take; beyond, a solver has no joy."""
_ROUNDED = 10**7
_LEAST = 1e-200
"""Seconds of a tick; below, floats lose digits."""


class Effort(NamedTuple):
    """How long is searched: for so many seconds, in so many threads, down to so many ticks that nothing is below.

    Without a number of threads, strategies take turns.

    Examples
    --------
    >>> Effort(10.0)
    Effort(timeout=10.0, threads=None, least=0)
    """

    timeout: float
    threads: int | None = None
    least: int = 0


@dataclass(frozen=True, slots=True)
class Ticks:
    """Times as whole numbers.

    Parameters
    ----------
    rows
        For each node what it takes on each worker, in ticks.
    tick
        Seconds.
    rounded
        How many nodes take longer in ticks than they do.
    unit
        Where nothing else was rounded than nodes without time: how many ticks are one unit, of which all times are
        multiples; else 0.

    Examples
    --------
    >>> ticks_of([[1.5], [2.25]], 3.75)
    Ticks(rows=((2,), (3,)), tick=0.75, rounded=0, unit=1)
    """

    rows: tuple[tuple[int, ...], ...]
    tick: float
    rounded: int
    unit: int

    @property
    def exact(self) -> bool:
        """Whether what is proved in ticks is proved in seconds without any loss.

        Examples
        --------
        >>> ticks_of([[1.5], [0.0]], 1.5).exact, ticks_of([[1.0], [2**0.5]], 3.0).exact
        (True, False)
        """
        return self.unit > 0

    def least(self, seconds: float) -> int:
        """Say how many ticks a schedule takes at least that takes so many seconds at least.

        Examples
        --------
        >>> made = ticks_of([[1.5], [0.5]], 2.0)
        >>> made.least(1.5), made.least(1.6)
        (3, 4)
        """
        units = max(self.unit, 1)
        return math.ceil(seconds / (self.tick * units) * (1 - 1e-9)) * units

    def at_least(self, ticks: float) -> float:
        """Say what a makespan of at least so many ticks means in seconds.

        Examples
        --------
        >>> made = ticks_of([[1.5], [0.0]], 1.5)
        >>> made.rows, made.at_least(2), made.at_least(3)
        (((2,), (1,)), 1.5, 1.5)
        """
        least = math.ceil(ticks - 1e-6)
        if self.exact:
            return least // self.unit * self.unit * self.tick
        return max(0.0, (least - self.rounded) * self.tick)


def ticks_of(rows: Sequence[Sequence[float]], most: float) -> Ticks:
    """Make ticks of seconds.

    Parameters
    ----------
    rows
        For each node what it takes on each worker, in seconds.
    most
        What the whole takes at most, in seconds.

    Examples
    --------
    >>> ticks_of([[0.1], [0.25]], 0.35).rows, ticks_of([[1.0], [2**0.5]], 2.5).exact
    (((2,), (5,)), False)
    """
    exact = _exact(rows, most)
    if exact is not None:
        return exact
    tick = max(most / _ROUNDED, _LEAST) if most else 1.0
    made = tuple(tuple(max(1, math.ceil(seconds / tick)) for seconds in row) for row in rows)
    off = sum(
        any(Fraction(n) * Fraction(tick) != Fraction(s) for n, s in zip(ticks, row, strict=True))
        for ticks, row in zip(made, rows, strict=True)
    )
    return Ticks(made, tick, off, 0)


def _exact(rows: Sequence[Sequence[float]], most: float) -> Ticks | None:
    """Where all times are multiples of one that is not too small."""
    told = [[_fraction(seconds) for seconds in row] for row in rows]
    denominator = math.lcm(*(part.denominator for row in told for part in row))
    whole = math.gcd(*(int(part * denominator) for row in told for part in row)) or denominator
    unit = Fraction(whole, denominator)
    idle = sum(not all(row) for row in told)
    split = idle + 1
    if Fraction(most) / unit * split > MOST or unit / split < _LEAST:
        return None
    made = tuple(tuple(max(1, int(part / unit) * split) for part in row) for row in told)
    return Ticks(made, float(unit / split), idle, split)


def _fraction(seconds: float) -> Fraction:
    """The shortest decimal that is this number, or the simple fraction that it is as near as can be to (1/3)."""
    simple = Fraction(seconds).limit_denominator(1000)
    return simple if float(simple) == seconds else Fraction(repr(float(seconds)))
