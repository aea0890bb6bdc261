"""What nodes are expected to take, and by how much a run so far is faster or slower than that: pure.

**Each node** has a median (seconds) and a spread (standard deviation of the logarithm). From the history: the median of
what it took, and the variance of the logarithms, shrunk towards a usual one because there are few of them::

    spread² = (a · usual² + Σ (log x - log median)²) / (a + n)

**The run** has a pace: today everything may take half as long again. The logarithms of measured over expected durations
are normal around a common shift, whose prior is normal around zero; the posterior mean is the shrinkage estimate::

    shift = Σ w log(measured / median) / (1 / τ² + Σ w),   w = 1 / spread²,   variance = 1 / (1 / τ² + Σ w)

(normal model with known variances: Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.5; as an estimator Efron
and Morris, Stein's estimation rule and its competitors, 1973). So a single node that was slow moves the rest a little,
and ten of them move it nearly all the way. Nodes whose duration was learned and nodes whose cost is somebody's guess
have a pace each: that a guess was wrong by a factor of ten says nothing about what was measured. A guess is trusted
so little (τ large) that the first ends decide. A few milliseconds are added to each spread, for that is what hand-overs
take, and very short nodes so teach nothing. The spread is corrected in the same way, by the mean square of the
standardised residuals, shrunk towards one.

A node that is still running counts once it is past its median: it took at least so long (a censored observation,
replaced by what it is expected to become, which is one step of the EM algorithm: Dempster, Laird and Rubin, 1977).

Failure: none; a duration of zero counts as a microsecond. Rejected: the mean of the ratios (one short node that took a
hundred times as long would decide), exponential smoothing over the run (what ended last is no better evidence).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from orchestra_nb.graph.dag import DAG
from orchestra_nb.running.history_keys import median

_LEAST = 1e-6
_USUAL, _USUAL_WEIGHT = 0.2, 3.0
"""Spread of a node that has run before, and how many runs that belief is worth."""
_GUESSED = 0.8
"""Spread of a node whose cost is a guess."""
_TAU, _TAU_GUESSED = 0.2, 1.5
"""How much a whole run differs from the runs before it, and how wrong a guess may be as a whole."""
_JITTER = 3e-3
"""Seconds that a duration differs for reasons that are not the node's."""
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

    @property
    def variance(self) -> float:
        """Of the logarithm of what will be measured."""
        return self.spread**2 + (_JITTER / self.seconds) ** 2


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
    (2.0, 0.15, 3.0, False)
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
    >>> round(Pace.of(slow, 0.25).factor, 2), round(Pace.of(slow[:1], 0.25).factor, 2), Pace.of([], 0.25).factor
    (1.43, 1.28, 1.0)
    """

    shift: float
    doubt: float
    stretch: float

    @property
    def factor(self) -> float:
        """By how much they take longer."""
        return math.exp(self.shift)

    @classmethod
    def of(cls, measured: Iterable[tuple[Expectation, float]], tau: float) -> Pace:
        """Estimate it from expectations and the seconds that came of them."""
        ratios = [(1.0 / e.variance, math.log(max(_LEAST, took) / e.seconds)) for e, took in measured]
        precision = 1.0 / tau**2 + sum([weight for weight, _ in ratios])
        shift = sum([weight * ratio for weight, ratio in ratios]) / precision
        squares = sum([weight * (ratio - shift) ** 2 for weight, ratio in ratios])
        return cls(shift, precision**-0.5, math.sqrt((_TRUST + squares) / (_TRUST + len(ratios))))


def paces(
    expectations: Sequence[Expectation], measured: Mapping[int, float], running: Mapping[int, float]
) -> tuple[Pace, Pace]:
    """Estimate the pace of guessed and of learned nodes, in this order.

    Parameters
    ----------
    expectations
        By position.
    measured
        Seconds that nodes took which ended well, by position.
    running
        Seconds that nodes have been running, by position.
    """
    kinds: tuple[list[tuple[Expectation, float]], ...] = ([], [])
    for i, took in measured.items():
        kinds[expectations[i].learned].append((expectations[i], took))
    found = [Pace.of(kind, tau) for kind, tau in zip(kinds, (_TAU_GUESSED, _TAU), strict=True)]
    overdue = [i for i, so_far in running.items() if so_far > expectations[i].seconds * _past(found, expectations[i])]
    for i in overdue:
        e = expectations[i]
        kinds[e.learned].append((e, _when_it_ends(e, found[e.learned], running[i])))
    if not overdue:
        return found[0], found[1]
    return Pace.of(kinds[0], _TAU_GUESSED), Pace.of(kinds[1], _TAU)


def _past(found: Sequence[Pace], expectation: Expectation) -> float:
    """How many medians a node must run to be late: by one spread."""
    pace = found[expectation.learned]
    return math.exp(pace.shift + pace.stretch * expectation.spread)


def _when_it_ends(expectation: Expectation, pace: Pace, so_far: float) -> float:
    """What a node will have taken, given that it has not ended so far: the mean of a normal tail, in logarithms."""
    sigma = pace.stretch * math.sqrt(expectation.variance)
    z = (math.log(so_far / expectation.seconds) - pace.shift) / sigma
    return expectation.seconds * math.exp(pace.shift + sigma * _mills(z))


def _mills(z: float) -> float:
    """Mean of a standard normal variable above ``z``."""
    if z > 6:
        return z + 1 / z
    return STANDARD.pdf(z) / (0.5 * math.erfc(z / math.sqrt(2)))
