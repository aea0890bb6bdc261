"""How long a run will still take, as an interval: pure, and the same for the same question.

The estimate schedules what remains: running nodes first, for what is left of them, then the most urgent ready node on
each free worker, as the run itself does (list scheduling). So both the remaining critical path and the remaining work
shared by the workers count, and so does what makes a schedule longer than either. It does so a few times with drawn
durations (:mod:`.pace`): the mean is what is expected, for the end of many parallel nodes is later than the end of the
average one. Draws come in pairs of opposite deviates, which cancels most of the error of so few (antithetic variates:
Hammersley and Morton, 1956), and are the same for the same nodes each time, so that an estimate does not flicker.

A running node is drawn from its distribution *given that it has not ended yet*: a truncated normal in logarithms. One
that is far beyond its time is expected to run on for a share of that, as long tails do, and never "any moment now".

A paused run is estimated as if it went on this moment: what has not begun is as long as it was, so the estimate stays.

The interval holds 80 %: a log-normal one around the mean, whose variance is that of the draws (at least that of the
work, spread over the workers), and that of the pace, which moves everything at once. Costs that nobody has measured
make it as wide as such a guess deserves.

Cost: a pass over the graph and :func:`draws_for` schedules: 0.7 ms for 100 nodes, some 45 ms for 10,000. Failure: none.

Not known here: waits for resources, the one main lane, results that will be taken from an earlier run, nodes that are
not there yet. What is measured corrects some of it. Rejected: elapsed time over the share done (it takes the rest for
more of the same; the tests say how much worse it is, and that weighing nodes by cost mends most of it, but not the idle
workers at the end), Clark's approximation of maxima (1961; it keeps each node on one worker, which a list scheduler
does not), the schedule of the mean durations alone (too early: see above).
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from orchestra_nb.graph.paths import upward_ranks
from orchestra_nb.progress.pace import STANDARD, Expectation, Pace, paces, typical_of
from orchestra_nb.progress.state import Progress

NOMINAL = 0.8
"""Share of the runs whose remaining time is to lie in the interval."""
_QUANTILE = STANDARD.inv_cdf(0.5 + NOMINAL / 2)
_EFFORT = 800
"""Nodes that may be scheduled for one estimate, where that allows two draws."""
_ALMOST = 1.0 - 1e-15
_FAR = 6.0
"""Standard deviations beyond which a tail is followed by its asymptote."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds until the end: with a chance of 80 % between ``low`` and ``high``, and ``expected`` on average."""

    low: float
    expected: float
    high: float


NOTHING = Estimate(0.0, 0.0, 0.0)


def draws_for(nodes: int) -> int:
    """Say how many schedules an estimate of so many nodes may cost: an even number from 2 to 8."""
    return max(2, min(8, _EFFORT // max(1, nodes) // 2 * 2))


class Estimator:
    """Estimates the rest of one graph's runs; keeps its deviates, so that they are drawn once.

    Parameters
    ----------
    expectations
        What the nodes are expected to take, by position.
    seed
        Of the draws.

    Examples
    --------
    >>> from orchestra_nb.graph.dag import DAG
    >>> from orchestra_nb.model import Node
    >>> from orchestra_nb.progress.pace import expected
    >>> dag = DAG([Node("load"), Node("fit", after=["load"]), Node("plot", after=["load"])])
    >>> seen = {"load": [2.0] * 9, "fit": [10.0] * 9, "plot": [4.0] * 9}
    >>> estimator, progress = Estimator(expected(dag, seen)), Progress(dag, workers=2)
    >>> progress.started("load", 0.0)
    >>> progress.ended("load", "completed", 2.0)
    >>> progress.started("fit", 2.0)
    >>> estimate = estimator.remaining(progress, 5.0)
    >>> round(estimate.low, 1), round(estimate.expected, 1), round(estimate.high, 1)
    (5.9, 7.0, 8.2)
    """

    def __init__(self, expectations: Sequence[Expectation], seed: int = 0) -> None:
        self._expectations = expectations
        self._typical = typical_of(expectations)
        self._seed = seed
        self._deviates: dict[int, list[float]] = {}

    def remaining(self, progress: Progress, now: float) -> Estimate:
        """Estimate the seconds from ``now`` (seconds since the run began) until the run ends."""
        so_far = {i: now - began for i, began in progress.running.items()}
        so_far |= dict.fromkeys((i for i in progress.held if so_far[i] > 0), 0.0)  # they begin when the run goes on
        pace = paces(self._expectations, self._typical, progress.seconds, so_far)
        rest = _Rest(progress, self._expectations, pace, so_far)
        if progress.over or not rest.order:
            return NOTHING
        draws = draws_for(len(rest.order))
        ends = [rest.makespan(self._pair(number // 2), 1.0 - 2.0 * (number % 2)) for number in range(draws)]
        mean = sum(ends) / draws
        if mean <= 0.0:
            return NOTHING
        variance = max(sum((end - mean) ** 2 for end in ends) / (draws - 1), rest.variance_of_work)
        spread = math.sqrt(math.log1p(variance / mean**2) + rest.doubt**2)
        middle = mean * math.exp(-(spread**2) / 2)
        high = max(mean, middle * math.exp(_QUANTILE * spread))
        return Estimate(middle * math.exp(-_QUANTILE * spread), mean, high)

    def _pair(self, number: int) -> Sequence[float]:
        """One standard normal deviate for each node."""
        if number not in self._deviates:
            draw = random.Random(f"{self._seed} {number}").gauss
            self._deviates[number] = [draw(0.0, 1.0) for _ in self._expectations]
        return self._deviates[number]


class _Rest:
    """What remains of a run, by turns: the most urgent node is 0."""

    def __init__(
        self,
        progress: Progress,
        expectations: Sequence[Expectation],
        both: tuple[Pace, Pace],
        so_far: Mapping[int, float],
    ) -> None:
        self._so_far, self._paces = so_far, both
        self._expectations = expectations
        self.workers = max(1, progress.workers or progress.peak)
        standings, table = progress.standings, progress.dag.table
        live = [standing in ("pending", "in_progress") for standing in standings]
        factors = [pace.factor for pace in self._paces]
        costs = [e.seconds * factors[e.learned] if on else 0.0 for e, on in zip(expectations, live, strict=True)]
        levels = [[i for i in level if live[i]] for level in table.levels]
        ranks = upward_ranks(levels, table.succs, costs)
        priorities = [node.priority for node in progress.dag.nodes.values()]
        left = [i for level in levels for i in level]
        self.order = sorted(left, key=lambda i: (-priorities[i], -ranks[i], i))
        turn = [-1] * len(live)
        for n, i in enumerate(self.order):
            turn[i] = n
        self._succs = [[turn[j] for j in table.succs[i] if live[j]] for i in self.order]
        self._needs = [0] * len(self.order)
        for following in self._succs:
            for n in following:
                self._needs[n] += 1
        self._running = [turn[i] for i in self._so_far]
        stretches = [pace.stretch for pace in self._paces]
        self._costs = [costs[i] for i in self.order]
        self._spreads = [expectations[i].spread * stretches[expectations[i].learned] for i in self.order]

    @property
    def variance_of_work(self) -> float:
        """Of the work of all nodes, shared by the workers, in square seconds."""
        squares = sum([(cost * spread) ** 2 for cost, spread in zip(self._costs, self._spreads, strict=True)])
        return squares / self.workers**2

    @property
    def doubt(self) -> float:
        """Standard deviation of the logarithm of the pace of what is left."""
        work = [0.0, 0.0]
        for i, cost in zip(self.order, self._costs, strict=True):
            work[self._expectations[i].learned] += cost
        whole = sum(work) or 1.0
        return math.hypot(*[share / whole * pace.doubt for share, pace in zip(work, self._paces, strict=True)])

    def makespan(self, deviates: Sequence[float], sign: float) -> float:
        """Seconds until the last node has ended, with these deviates."""
        exp = math.exp
        took = [
            cost * exp(sign * deviates[i] * spread)
            for i, cost, spread in zip(self.order, self._costs, self._spreads, strict=True)
        ]
        for n in self._running:
            i = self.order[n]
            pace = self._paces[self._expectations[i].learned]
            took[n] = left_of(self._expectations[i], pace, self._so_far[i], sign * deviates[i])
        return list_makespan(took, self._succs, self._needs.copy(), self._running, self.workers)


def left_of(expectation: Expectation, pace: Pace, so_far: float, deviate: float) -> float:
    """Say what is left of a node that has been running for so long, for a standard normal deviate.

    Examples
    --------
    >>> pace = Pace(0.0, 0.0, 1.0)
    >>> [round(left_of(Expectation(10.0, 0.2, True), pace, so_far, 0.0), 1) for so_far in (0.0, 5.0, 10.0, 40.0)]
    [10.0, 5.0, 1.4, 0.8]
    >>> left_of(Expectation(10.0, 0.2, True), pace, -3.0, 0.0)  # it rests before another attempt
    13.0
    """
    sigma = pace.stretch * expectation.spread
    whole = expectation.seconds * pace.factor
    if so_far <= 0.0:
        return whole * math.exp(sigma * deviate) - so_far
    z = math.log(so_far / whole) / sigma
    beyond = 0.5 * math.erfc(z / math.sqrt(2))
    chance = 0.5 * math.erfc(deviate / math.sqrt(2))  # of the tail that is left; small for a late end
    if z > _FAR:
        return so_far * math.expm1(-sigma / z * math.log(chance))
    return max(0.0, whole * math.exp(-sigma * STANDARD.inv_cdf(min(_ALMOST, max(1e-300, beyond * chance)))) - so_far)


def list_makespan(
    took: Sequence[float], succs: Sequence[Sequence[int]], needs: list[int], running: Sequence[int], workers: int
) -> float:
    """Schedule nodes that are numbered by urgency; say when the last one ends, in seconds.

    Parameters
    ----------
    took
        Seconds of each; of running ones, what is left.
    succs, needs
        Who waits for each, and for how many each waits; ``needs`` is used up.
    running
        Who has a worker from the beginning, however many there are.
    workers
        How many may run at once.

    Examples
    --------
    >>> list_makespan([3.0, 2.0, 2.0], [[], [], []], [0, 0, 0], [2], 2)
    4.0
    """
    ends = [(took[n], n) for n in running]
    heapify(ends)
    busy = set(running)
    ready = [n for n, count in enumerate(needs) if not count and n not in busy]
    free, now = workers - len(ends), 0.0
    while ready or ends:
        while free > 0 and ready:
            n = heappop(ready)
            heappush(ends, (now + took[n], n))
            free -= 1
        now, n = heappop(ends)
        free += 1
        for following in succs[n]:
            needs[following] -= 1
            if not needs[following]:
                heappush(ready, following)
    return now
