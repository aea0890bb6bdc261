"""What a handful of times say: the median and how sure it is, and what share ran one after another. Pure.

**The middle.** The median with an exact interval of order statistics: how many of n times lie below the true median is
binomial, whatever their distribution (Hahn and Meeker, *Statistical Intervals*, 1991, 5.2; recommended for times of
parallel programs by Hoefler and Belli, *Scientific benchmarking of parallel computing systems*, SC 2015, rule 6). Of
few values no interval is as sure as one would like; then it is from the least to the greatest, and the coverage that it
has is said with it: 93.75 % of five. A mean with a standard deviation was rejected, because one run in which the
machine was busy elsewhere moves both.

**Against one worker.** Speed-up is how many times as long the runs with ``jobs=1`` take, of the same graph, backend,
schedule and policy, with the interval of :mod:`.rank_tests`; efficiency is the speed-up for each worker; the serial
fraction of Karp and Flatt (*Measuring parallel processor performance*, CACM 33(5), 1990) is what share would have to
run alone for that speed-up. It is measured, and has all of it in: what cannot be shared out, and what sharing costs.
Where it grows with the workers, the cost does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Middle:
    """The middle of a sample.

    Parameters
    ----------
    value
        Its median.
    low, high
        An interval for the median of all such runs, in the unit of the values; missing (NaN) for fewer than two values.
    coverage
        How sure the interval is, from 0 to 1; 0 where there is none.
    spread
        The median distance from the median (MAD), in the unit of the values.
    n
        Of how many values.

    Examples
    --------
    >>> Middle(1.0, 0.9, 1.2, 0.9375, 0.1, 5).n
    5
    """

    value: float
    low: float
    high: float
    coverage: float
    spread: float
    n: int


def middle(values: Sequence[float], confidence: float = 0.95) -> Middle:
    """Find the median of some values, and between which two of them the true one is.

    Parameters
    ----------
    values
        In any order.
    confidence
        How sure to be, from 0 to 1. Where so few values allow no such interval, it is the widest that there is.

    Examples
    --------
    >>> middle([1.2, 1.0, 1.1, 1.3, 5.0])
    Middle(value=1.2, low=1.0, high=5.0, coverage=0.9375, spread=0.1..., n=5)
    >>> found = middle(range(1, 21))
    >>> found.low, found.high, round(found.coverage, 4)
    (6, 15, 0.9586)
    """
    ordered = sorted(values)
    n = len(ordered)
    if n == 0:
        return Middle(math.nan, math.nan, math.nan, 0.0, math.nan, 0)
    found = median(ordered)
    spread = median([abs(value - found) for value in ordered])
    if n == 1:
        return Middle(found, math.nan, math.nan, 0.0, spread, 1)
    tail, cut = 0, 0  # in how many of 2^n cases at most `cut` values lie below the median
    while cut < (n - 1) // 2 and 1 - 2 * (tail + math.comb(n, cut)) / 2**n >= confidence:
        tail += math.comb(n, cut)
        cut += 1
    if cut == 0:
        return Middle(found, ordered[0], ordered[-1], 1 - 2 / 2**n, spread, n)
    return Middle(found, ordered[cut - 1], ordered[-cut], 1 - 2 * tail / 2**n, spread, n)


def karp_flatt(speedup: float, jobs: int) -> float:
    """The serial fraction that a measured speed-up amounts to (Karp and Flatt, 1990).

    Parameters
    ----------
    speedup
        How many times faster than with one worker; positive.
    jobs
        How many workers.

    Returns
    -------
    float
        0 where nothing had to run alone, 1 where everything had; below 0 where it was faster than the workers are
        many, above 1 where sharing out has cost more than it gained. NaN for one worker, of which it says nothing.

    Examples
    --------
    >>> round(karp_flatt(1.6, 2), 3), karp_flatt(4.0, 4)
    (0.25, 0.0)
    """
    if jobs < 2 or not speedup > 0:
        return math.nan
    return (1 / speedup - 1 / jobs) / (1 - 1 / jobs)


def geometric_mean(values: Iterable[float]) -> float:
    """The mean of ratios: twice as fast here and half as fast there is no difference; NaN for none.

    Source: Fleming and Wallace (1986), *How not to lie with statistics*, CACM 29(3).

    Examples
    --------
    >>> geometric_mean([2.0, 0.5, 1.0])
    1.0
    """
    logs = [math.log(value) for value in values]
    return math.exp(math.fsum(logs) / len(logs)) if logs else math.nan
