"""Two samples of times, and how many times one is the other: the exact interval and test of ranks. Pure.

Times of runs are skewed, have outliers on one side, and come by fives; nothing here supposes that they are normal. What
is supposed is that the logarithms of the two samples differ by a shift, which is to say that one kind of run takes so
many times as long as the other. Then the estimate of Hodges and Lehmann (1963, *Estimates of location based on rank
tests*, Annals of Mathematical Statistics 34) is the median of all ratios of a time of one to a time of the other, and
the order statistics of these ratios are the ends of an interval whose coverage is exact, because the number of ratios
below the true one has the distribution of Mann and Whitney (1947), whatever that of the times is (Hollander, Wolfe and
Chicken, *Nonparametric Statistical Methods*, 3rd ed., 4.3). The test is the other side of the interval: what one leaves
out, the other rejects. A bootstrap was rejected: how sure its intervals are over five repeats is not known beforehand
(of means they are too short, of medians too long), and there is nothing random here that would need a seed.

Several pairs of samples (*strata*: configurations, graphs) are put together by adding their counts, as van Elteren
(1960) did with ranks; the distribution of the sum is the convolution of theirs, and the estimate the median of the
ratios of all pairs, none of which is of two strata.

Ties count half. They make the test careful, never bold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from statistics import NormalDist, median

Pair = tuple[Sequence[float], Sequence[float]]
"""Two samples of positive times: before and after."""
_EXACT = 2_500
"""Pairs of values (of all strata) up to which the distribution is counted out; beyond, it is normal to three digits."""
_STEADY = 1e-9
"""Two ratios of which one is no more than this much larger are the same: what a rounded division leaves."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as long one sample takes as the other.

    Parameters
    ----------
    value
        The median of all ratios of a time after to a time before.
    low, high
        The interval; 0 and infinity where so few values allow none.
    coverage
        How sure the interval is, from 0 to 1: at least what was asked for, and 0 where there is none.
    p
        How often chance alone would show at least as clear a difference, from 0 to 1; both sides.

    Examples
    --------
    >>> Ratio(1.1, 0.9, 1.3, 0.95, 0.2).one_inside
    True
    """

    value: float
    low: float
    high: float
    coverage: float
    p: float

    @property
    def one_inside(self) -> bool:
        """Whether it may be that there is no difference.

        Examples
        --------
        >>> Ratio(1.2, 1.1, 1.3, 0.95, 0.01).one_inside
        False
        """
        return self.low <= 1.0 <= self.high


def ratio(before: Sequence[float], after: Sequence[float], confidence: float = 0.95) -> Ratio:
    """Say how many times as long ``after`` takes as ``before``.

    Parameters
    ----------
    before, after
        Times, all positive; at least one each.
    confidence
        How sure the interval is to be, at least.

    Raises
    ------
    ValueError
        A sample is empty.

    Examples
    --------
    >>> found = ratio([1.00, 1.02, 1.01, 1.03, 0.99], [1.21, 1.19, 1.20, 1.24, 1.22])
    >>> round(found.value, 2), round(found.low, 2), round(found.high, 2), round(found.coverage, 3), round(found.p, 4)
    (1.2, 1.17, 1.23, 0.968, 0.0079)
    """
    return ratio_of_strata([(before, after)], confidence)


def ratio_of_strata(pairs: Sequence[Pair], confidence: float = 0.95) -> Ratio:
    """Say how many times as long everything takes after as before, where each pair of samples has its own level.

    Parameters
    ----------
    pairs
        Samples before and after, of one configuration each.
    confidence
        How sure the interval is to be, at least.

    Raises
    ------
    ValueError
        There is no pair, or a sample is empty.

    Examples
    --------
    >>> found = ratio_of_strata([([1.0, 1.1, 1.2], [1.3, 1.2, 1.4]), ([8.0, 8.1, 7.9], [9.1, 9.3, 9.2])])
    >>> round(found.value, 2), found.one_inside
    (1.16, False)
    """
    if not pairs or not all(before and after for before, after in pairs):
        raise ValueError("a ratio needs at least one time before and one after")
    ratios = sorted(later / earlier for before, after in pairs for earlier in before for later in after)
    sizes = tuple(sorted((len(before), len(after)) for before, after in pairs))
    kept = _kept(sizes, confidence)
    low, high, coverage = 0.0, math.inf, 0.0
    if kept > 0:
        low, high = ratios[kept - 1], ratios[-kept]
        coverage = 1 - 2 * _at_most(sizes, kept - 1)
    above = sum(1.0 if value > 1 + _STEADY else 0.5 if value >= 1 - _STEADY else 0.0 for value in ratios)
    fewer = min(above, len(ratios) - above)
    return Ratio(median(ratios), low, high, coverage, min(1.0, 2 * _at_most(sizes, math.ceil(fewer))))


def least_p(sizes: Sequence[tuple[int, int]]) -> float:
    """The smallest p that samples of these sizes can ever have: what is below it, they cannot show.

    Examples
    --------
    >>> round(least_p([(5, 5)]), 4), round(least_p([(2, 2)]), 4)
    (0.0079, 0.3333)
    """
    return min(1.0, 2 * _at_most(tuple(sorted(sizes)), 0))


def repeats_needed(alpha: float) -> int:
    """How many runs before, and as many after, it takes that a difference can be shown at a level at all.

    Parameters
    ----------
    alpha
        The level, from 0 to 1.

    Examples
    --------
    >>> repeats_needed(0.05), repeats_needed(0.05 / 9)
    (4, 6)
    """
    return next(n for n in range(1, 100) if 2 / math.comb(2 * n, n) <= alpha or n == 99)


def holm(ps: Sequence[float]) -> list[float]:
    """Adjust the p of several comparisons so that one false alarm among all of them is as rare as asked for.

    Source: Holm (1979), *A simple sequentially rejective multiple test procedure*, Scandinavian Journal of Statistics
    6(2). Nothing is supposed about how the comparisons hang together.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(ps)), key=lambda i: ps[i])
    raised = accumulate((min(1.0, (len(ps) - rank) * ps[i]) for rank, i in enumerate(order)), max)
    adjusted = dict(zip(order, raised, strict=True))
    return [adjusted[i] for i in range(len(ps))]


def _kept(sizes: tuple[tuple[int, int], ...], confidence: float) -> int:
    """Which of the ordered ratios, counted from either end, bound an interval of this confidence; 0 for none."""
    tail, kept = (1 - confidence) / 2, 0
    most = sum(n * m for n, m in sizes)
    if most > _EXACT:
        return max(0, math.floor(_normal(sizes).inv_cdf(tail) + 0.5))
    while kept <= most // 2 and _at_most(sizes, kept) <= tail + 1e-12:
        kept += 1
    return kept


def _at_most(sizes: tuple[tuple[int, int], ...], count: int) -> float:
    """How likely it is that no more than so many of all ratios are above 1, if nothing differs."""
    most = sum(n * m for n, m in sizes)
    if count >= most:
        return 1.0
    if most > _EXACT:
        return _normal(sizes).cdf(count + 0.5)
    return _cumulated(sizes)[count]


def _normal(sizes: tuple[tuple[int, int], ...]) -> NormalDist:
    mean = sum(n * m for n, m in sizes) / 2
    return NormalDist(mean, math.sqrt(sum(n * m * (n + m + 1) for n, m in sizes) / 12))


@cache
def _cumulated(sizes: tuple[tuple[int, int], ...]) -> list[float]:
    """The distribution of the count of ratios above 1, summed up."""
    ways = [1.0]
    for n, m in sizes:
        one = _ways(n, m)
        total = sum(one)
        shares = [way / total for way in one]
        ways = _together(ways, shares)
    return list(accumulate(ways))


@cache
def _ways(n: int, m: int) -> list[int]:
    """In how many orders of n and m values a count of pairs comes out: the Gaussian binomial coefficient."""
    ways = [1] + [0] * (n * m)
    for i in range(1, n + 1):
        for count in range(n * m, m + i - 1, -1):  # times 1 - q^(m + i)
            ways[count] -= ways[count - m - i]
        for count in range(i, n * m + 1):  # by 1 - q^i
            ways[count] += ways[count - i]
    return ways


def _together(some: Sequence[float], others: Sequence[float]) -> list[float]:
    found = [0.0] * (len(some) + len(others) - 1)
    for i, one in enumerate(some):
        for j, other in enumerate(others):
            found[i + j] += one * other
    return found
