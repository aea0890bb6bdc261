"""What nodes are expected to take, and by how much a run so far is faster or slower than that: pure.

**Each node** has a median (seconds) and a spread (standard deviation of the logarithm). From the history: the median of
what it took, and the variance of the logarithms, shrunk towards a usual one because there are few of them::

    spread² = (a · usual² + Σ (log x - log median)²) / (a + n)

**The run** has a pace: today everything may take half as long again. The logarithms of measured over expected durations
are spread around a common shift, whose prior is normal around zero; the posterior mean is the shrinkage estimate::

    shift = Σ w log(measured / median) / (1 / τ² + Σ w),   w = 1 / variance,   doubt² = 1 / (1 / τ² + Σ w)

(normal model with known variances: Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.5; as an estimator Efron
and Morris, Stein's estimation rule and its competitors, 1973). So a single node that was slow moves the rest a little,
and ten of them move it nearly all the way. Two things keep a node that tells nothing from telling much. Its variance
grows as it is shorter than the run's typical piece of work (a duration is a sum of many pieces, and a short one has few
of them), and by some milliseconds of hand-over. And the weight of one that is far off shrinks, to ``w (n + 1) / (n + w
r²)`` for a residual r and n = 4 degrees of freedom: iterated, this is the estimate under Student's t, whose tails
expect outliers (Lange, Little and Taylor, Robust statistical modeling using the t distribution, 1989).

Nodes whose duration was learned and nodes whose cost is somebody's guess have a pace each: that a guess was wrong by a
factor of ten says nothing about what was measured. A guess is trusted so little (τ large) that the first ends decide.
Spreads are corrected in the same way, by the mean square of the standardised residuals, shrunk towards one.

A node that is still running counts once it is past its time: it took at least so long (a censored observation,
replaced by what it is expected to become, which is one step of the EM algorithm: Dempster, Laird and Rubin, 1977).

Failure: none; a duration of zero counts as a microsecond. Rejected: the mean of the ratios (one short node that took a
hundred times as long would decide), exponential smoothing over the run (what ended last is no better evidence).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from orchestra_nb.graph.dag import DAG
from orchestra_nb.running.history_keys import median

_LEAST = 1e-6
_USUAL, _USUAL_WEIGHT = 0.15, 3.0
"""Spread of a node that has run before, and how many runs that belief is worth."""
_GUESSED = 0.8
"""Spread of a node whose cost is a guess."""
_TAU, _TAU_GUESSED = 0.2, 1.5
"""How much a whole run differs from the runs before it, and how wrong a guess may be as a whole."""
_JITTER = 3e-3
"""Seconds that a duration differs for reasons that are not the node's."""
_SHORT = 0.3
"""Length, as a share of a typical piece of work, at which the variance of a node is twice what its spread says."""
_ROUNDS, _TAIL = 4, 4.0
"""Of the weights of outliers; degrees of freedom of their distribution."""
_MOST_SURPRISING = 9.0
"""Square of the largest standardised residual that counts for the spreads: an outlier makes them no wider than that."""
_TRUST = 6.0
"""How many residuals the belief is worth that spreads are right."""
STANDARD = NormalDist()


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a node is expected to take.

    Parameters
    ----------
    seconds
        The median.
    spread
        Standard deviation of the logarithm: 0.1 is about ten percent.
    learned
        Whether that is what earlier runs took, or a guess.
    """

    seconds: float
    spread: float
    learned: bool

    def variance(self, typical: float) -> float:
        """Of the logarithm of what will be measured, where a typical piece of work takes so many seconds."""
        return self.spread**2 * (1.0 + _SHORT * typical / self.seconds) + (_JITTER / self.seconds) ** 2


def expected(dag: DAG, durations: Mapping[str, Sequence[float]]) -> tuple[Expectation, ...]:
    """Say what each node is expected to take, by position.

    Parameters
    ----------
    dag
        Whose costs are guesses.
    durations
        What nodes took in earlier runs, in seconds; see :meth:`.History.durations`.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> load, plot = expected(DAG([Node("load"), Node("plot", cost=3.0)]), {"load": [2.0, 2.2, 1.9]})
    >>> load.seconds, round(load.spread, 2), plot.seconds, plot.learned
    (2.0, 0.11, 3.0, False)
    """
    found = []
    for node in dag.nodes.values():
        took = [max(_LEAST, seconds) for seconds in durations.get(node.id, ())]
        if took:
            middle = median(took)
            squares = sum(math.log(seconds / middle) ** 2 for seconds in took)
            spread = math.sqrt((_USUAL_WEIGHT * _USUAL**2 + squares) / (_USUAL_WEIGHT + len(took)))
            found.append(Expectation(middle, spread, True))
        else:
            found.append(Expectation(max(_LEAST, float(node.cost)), _GUESSED, False))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Pace:
    """How a run compares with what was expected of nodes of one kind.

    Parameters
    ----------
    shift
        Logarithm of the factor by which they take longer.
    doubt
        Standard deviation of that.
    stretch
        Factor by which their spreads are larger.

    Examples
    --------
    >>> slow = [(Expectation(1.0, 0.2, True), 1.5)] * 5
    >>> [round(Pace.of(seen, 0.25, 1.0).factor, 2) for seen in (slow, slow[:1], [])]
    [1.43, 1.26, 1.0]
    """

    shift: float
    doubt: float
    stretch: float

    @property
    def factor(self) -> float:
        """By how much they take longer."""
        return math.exp(self.shift)

    @classmethod
    def of(cls, measured: Sequence[tuple[Expectation, float]], tau: float, typical: float) -> Pace:
        """Estimate it from expectations and the seconds that came of them.

        Parameters
        ----------
        measured
            Pairs of both.
        tau
            Standard deviation of the shift before anything was measured.
        typical
            Seconds that a typical piece of work takes: see :func:`typical_of`.
        """
        ratios = [math.log(max(_LEAST, took) / e.seconds) for e, took in measured]
        evidence = [1.0 / e.variance(typical) for e, _ in measured]
        weights, shift, precision = evidence, 0.0, 1.0 / tau**2
        for _ in range(_ROUNDS if measured else 0):
            precision = 1.0 / tau**2 + sum(weights)
            shift = sum([w * ratio for w, ratio in zip(weights, ratios, strict=True)]) / precision
            squares = [w * (ratio - shift) ** 2 for w, ratio in zip(evidence, ratios, strict=True)]
            weights = [w * (_TAIL + 1.0) / (_TAIL + square) for w, square in zip(evidence, squares, strict=True)]
        residuals = sum([min(_MOST_SURPRISING, square) for square in squares]) if measured else 0.0
        stretch = math.sqrt((_TRUST + residuals) / (_TRUST + len(measured)))
        return cls(shift, precision**-0.5, stretch)


def typical_of(expectations: Sequence[Expectation]) -> float:
    """Say what a typical piece of work takes, in seconds: the mean over the work, and not over the nodes.

    Examples
    --------
    >>> typical_of([Expectation(1.0, 0.2, True), Expectation(9.0, 0.2, True)])
    8.2
    """
    whole = sum([e.seconds for e in expectations])
    return sum([e.seconds * e.seconds for e in expectations]) / whole if whole else 0.0


def paces(
    expectations: Sequence[Expectation], typical: float, measured: Mapping[int, float], running: Mapping[int, float]
) -> tuple[Pace, Pace]:
    """Estimate the pace of guessed and of learned nodes, in this order.

    Parameters
    ----------
    expectations
        By position.
    typical
        Seconds: see :func:`typical_of`.
    measured
        Seconds that nodes took which ended well, by position.
    running
        Seconds that nodes have been running, by position.
    """
    kinds: tuple[list[tuple[Expectation, float]], ...] = ([], [])
    for i, took in measured.items():
        kinds[expectations[i].learned].append((expectations[i], took))
    guessed, learned = (Pace.of(kind, tau, typical) for kind, tau in zip(kinds, (_TAU_GUESSED, _TAU), strict=True))
    late = False
    for i, so_far in running.items():
        e = expectations[i]
        pace = learned if e.learned else guessed
        if so_far > e.seconds * math.exp(pace.shift + pace.stretch * e.spread):
            kinds[e.learned].append((e, _when_it_ends(e, pace, so_far)))
            late = True
    if not late:
        return guessed, learned
    return Pace.of(kinds[0], _TAU_GUESSED, typical), Pace.of(kinds[1], _TAU, typical)


def _when_it_ends(expectation: Expectation, pace: Pace, so_far: float) -> float:
    """What a node will have taken, given that it has not ended so far: the mean of a normal tail, in logarithms."""
    sigma = pace.stretch * expectation.spread
    z = (math.log(so_far / expectation.seconds) - pace.shift) / sigma
    return expectation.seconds * math.exp(pace.shift + sigma * _mills(z))


def _mills(z: float) -> float:
    """Mean of a standard normal variable above ``z``."""
    if z > 6:
        return z + 1 / z
    return STANDARD.pdf(z) / (0.5 * math.erfc(z / math.sqrt(2)))
