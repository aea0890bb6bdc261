"""An estimate that is made seldom and told often.

An estimate costs a pass over the graph and a few schedules, 45 ms for 10,000 nodes (:mod:`.eta`); a display that is
redrawn twice a second cannot pay for it each time. So it is made anew only when making it costs a two-hundredth of the
time since the last one, and in between the time that has gone by is taken off: what is told still counts down.

The first one is the dearest, because all that an estimate is made from has to be made as well (what each node took in
earlier runs, a deviate for each: 90 ms for 10,000 nodes), and a short run of many nodes would pay it for nothing. So it
comes when it will be a two-hundredth of the time as well, by a guess; of some hundred nodes that is at once. Until then
:func:`rough` has to do: what is left takes as long for each node as what has ended. Of the thousands of nodes for which
anybody waits this is not far off, and the interval says how little is known.

What is left never gets down to nothing before the run is over: a twentieth of the last estimate stays, so that a run
that takes longer than expected is not told as being about to end until somebody has looked again; and of a paused run
nothing is taken off. Failure: none; two
threads that ask at once may both estimate. Rejected: a thread that estimates in the background (it would fight with
the run for the interpreter, and its cost would be the same).
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Protocol

from orchestra_nb.progress.eta import NOTHING, Estimate
from orchestra_nb.progress.state import Progress

_SHARE = 200.0
"""How many times as long as an estimate took, the next one waits at least."""
_LEAST = 0.05
_FIRST = 9e-6
"""Seconds for each node that the first estimate takes, about."""
_AT_ONCE = 0.005
"""Seconds that it may take without being waited for."""
_ROUGHLY = 2.0
"""So many times as long, or as short, a rough estimate may be."""


class Estimates(Protocol):
    """What says how long a run will still take."""

    def remaining(self, progress: Progress, now: float) -> Estimate:
        """Estimate the seconds from ``now`` until the run ends."""


class SeldomEstimator:
    """Estimates the rest of a run at half a percent of the time at most.

    Parameters
    ----------
    make
        Makes what is asked now and then, when it is asked for the first time.
    clock
        Seconds, for what an estimate costs.

    Examples
    --------
    >>> from orchestra_nb.graph.dag import DAG
    >>> from orchestra_nb.model import Node
    >>> class Dear:
    ...     def remaining(self, progress, now):
    ...         return Estimate(4.0, 5.0, 6.0)
    >>> ticks = iter([0.0, 0.1])  # it takes a tenth of a second
    >>> seldom = SeldomEstimator(Dear, lambda: next(ticks))
    >>> progress = Progress(DAG([Node("fit")]))
    >>> seldom.remaining(progress, 10.0), seldom.remaining(progress, 12.0).expected
    (Estimate(low=4.0, expected=5.0, high=6.0), 3.0)
    """

    def __init__(self, make: Callable[[], Estimates], clock: Callable[[], float] = perf_counter) -> None:
        self._make = make
        self._estimator: Estimates | None = None
        self._clock = clock
        self._known: tuple[float, float, Estimate] | None = None

    def remaining(self, progress: Progress, now: float) -> Estimate:
        """Estimate the seconds from ``now`` (seconds since the run began) until it ends."""
        if progress.over:
            return NOTHING
        known, guess = self._known, _FIRST * len(progress.standings)
        if known is None and guess > _AT_ONCE and now < _SHARE * guess:
            return rough(progress, now)
        if known is None or now - known[0] >= _SHARE * known[1]:
            began = self._clock()
            if self._estimator is None:
                self._estimator = self._make()
            found = self._estimator.remaining(progress, now)
            self._known = now, self._clock() - began, found
            return found
        at, _, told = known
        return told if progress.paused_at is not None else _later(told, max(0.0, now - at))


def rough(progress: Progress, now: float) -> Estimate:
    """Estimate from how many nodes have ended so far, and nothing else; nothing is known before the first has.

    Examples
    --------
    >>> from orchestra_nb.graph.dag import DAG
    >>> from orchestra_nb.model import Node
    >>> progress = Progress(DAG([Node("load"), Node("fit"), Node("plot")]))
    >>> progress.ended("load", "completed", 4.0)
    >>> rough(progress, 5.0)
    Estimate(low=5.0, expected=10.0, high=20.0)
    """
    done = progress.done
    if not done:
        return NOTHING
    so_far = now if progress.paused_at is None else min(now, progress.paused_at)
    expected = so_far * (len(progress.standings) - done) / done
    return Estimate(expected / _ROUGHLY, expected, expected * _ROUGHLY)


def _later(told: Estimate, past: float) -> Estimate:
    """The estimate so many seconds later."""
    low, expected, high = (max(each - past, _LEAST * each) for each in (told.low, told.expected, told.high))
    return Estimate(low, expected, high)
