"""What a sweep comes to: a row for each configuration of each graph. Pure.

The speed-up is against the runs with ``jobs=1`` of the same graph, backend, schedule and policy, and missing where the
sweep has none. It is the median of all ratios of a time with one job to a time with these, which is the estimate that
its interval belongs to (:mod:`.rank_tests`); the ratio of the two medians is nearly the same number.

The distance to the bound is the median time over the median of the bounds of the same runs: below the bound no schedule
of these measured nodes on so many workers can be. It is about scheduling, and not about nodes that take longer when
others run beside them: for that, compare ``work`` over the jobs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from orchestra_nb.bench.measuring import Measured
from orchestra_nb.bench.rank_tests import Ratio, ratio
from orchestra_nb.bench.statistics import Middle, geometric_mean, karp_flatt, middle
from orchestra_nb.bench.turns import Setting


@dataclass(frozen=True, slots=True)
class Summary:
    """What the runs of one configuration come to. Times are in seconds.

    Parameters
    ----------
    graph, setting
        What ran, and how.
    time
        The middle of the times.
    against
        How many times as long the runs with one job take; ``None`` where there are none.
    work, bound
        Medians of the seconds of all bodies, and of what no schedule of them can beat.
    utilization
        The median share of the workers' time in which bodies ran, from 0 to 1.
    failed
        How many runs failed; they are in no other number.

    Examples
    --------
    >>> Summary("graph", Setting(2), middle([1.0, 1.1]), None, 1.8, 0.9, 0.9, 0).over_bound
    1.16...
    """

    graph: str
    setting: Setting
    time: Middle
    against: Ratio | None
    work: float
    bound: float
    utilization: float
    failed: int

    @property
    def speedup(self) -> float:
        """How many times faster than with one job; NaN where that was not measured.

        Examples
        --------
        >>> one = ratio([1.0, 1.0], [2.0, 2.0])
        >>> Summary("graph", Setting(2), middle([1.0, 1.0]), one, 2.0, 1.0, 1.0, 0).speedup
        2.0
        """
        return math.nan if self.against is None else self.against.value

    @property
    def efficiency(self) -> float:
        """The speed-up for each worker; 1 is ideal, NaN where there is no speed-up.

        Examples
        --------
        >>> one = ratio([1.0, 1.0], [1.5, 1.5])
        >>> Summary("graph", Setting(2), middle([1.0, 1.0]), one, 2.0, 1.0, 1.0, 0).efficiency
        0.75
        """
        return self.speedup / self.setting.jobs

    @property
    def serial(self) -> float:
        """The serial fraction of Karp and Flatt; NaN for one job.

        Examples
        --------
        >>> one = ratio([1.0, 1.0], [1.6, 1.6])
        >>> round(Summary("graph", Setting(2), middle([1.0, 1.0]), one, 2.0, 1.0, 1.0, 0).serial, 3)
        0.25
        """
        return karp_flatt(self.speedup, self.setting.jobs)

    @property
    def over_bound(self) -> float:
        """The median time over the bound: 1 is a schedule that none can beat; NaN where nothing is known.

        Examples
        --------
        >>> Summary("graph", Setting(2), middle([1.5]), None, 2.0, 1.0, 0.7, 0).over_bound
        1.5
        """
        return self.time.value / self.bound if self.bound > 0 else math.nan


def summaries(runs: Iterable[Measured], confidence: float = 0.95) -> tuple[Summary, ...]:
    """Sum up runs by graph and configuration, in the order of jobs, backend, schedule and policy; without warm-up.

    Parameters
    ----------
    runs
        In any order.
    confidence
        How sure intervals are to be, from 0 to 1.

    Examples
    --------
    >>> from orchestra_nb.bench.turns import Turn
    >>> turns = [(Setting(1), 2.0), (Setting(1), 2.1), (Setting(2), 1.0), (Setting(2), 1.1)]
    >>> runs = [Measured(Turn(i, "graph", how, 1 + i // 2), 0.0, s, s, 2.0, 1.0) for i, (how, s) in enumerate(turns)]
    >>> [(found.setting.jobs, found.time.n, round(found.speedup, 2)) for found in summaries(runs)]
    [(1, 2, 1.0), (2, 2, 1.95)]
    """
    of = grouped(runs)
    return tuple(_summary(graph, setting, found, of, confidence) for (graph, setting), found in of.items())


def grouped(runs: Iterable[Measured]) -> dict[tuple[str, Setting], list[Measured]]:
    """Put the runs that count together by graph and configuration.

    Examples
    --------
    >>> from orchestra_nb.bench.turns import Turn
    >>> list(grouped([Measured(Turn(1, "graph", Setting(2), 0), 0.0, 1.0)]))
    []
    """
    found: dict[tuple[str, Setting], list[Measured]] = {}
    for run in runs:
        if not run.turn.warmup:
            found.setdefault((run.turn.graph, run.turn.setting), []).append(run)
    graphs = list(dict.fromkeys(graph for graph, _ in found))
    return {key: found[key] for key in sorted(found, key=lambda key: (graphs.index(key[0]), key[1].series, key[1]))}


def times(runs: Iterable[Measured]) -> list[float]:
    """The seconds of those that ended well.

    Examples
    --------
    >>> from orchestra_nb.bench.turns import Turn
    >>> turn = Turn(1, "graph", Setting(2), 1)
    >>> times([Measured(turn, 0.0, 1.0, seconds=0.9), Measured(turn, 1.0, 0.1, error="it failed")])
    [0.9]
    """
    return [run.seconds for run in runs if run.ok]


def overall(found: Iterable[Summary]) -> list[tuple[Setting, float, int]]:
    """The geometric mean of the speed-ups over all graphs, by configuration, with how many graphs had one.

    Examples
    --------
    >>> one, two = ratio([1.0, 1.0], [2.0, 2.0]), ratio([1.0, 1.0], [0.5, 0.5])
    >>> rows = [Summary(name, Setting(2), middle([1.0]), r, 1, 1, 1, 0) for name, r in (("a", one), ("b", two))]
    >>> overall(rows)
    [(Setting(jobs=2, backend='threading', schedule='eager', policy='critical-path'), 1.0, 2)]
    """
    of: dict[Setting, list[float]] = {}
    for row in found:
        if row.speedup > 0:
            of.setdefault(row.setting, []).append(row.speedup)
    return [(setting, geometric_mean(values), len(values)) for setting, values in of.items()]


def _summary(
    graph: str,
    setting: Setting,
    runs: Sequence[Measured],
    of: dict[tuple[str, Setting], list[Measured]],
    confidence: float,
) -> Summary:
    good = [run for run in runs if run.ok]
    alone = times(of.get((graph, Setting(1, *setting.series)), ()))
    against = ratio(times(good), alone, confidence) if good and alone else None
    if against is not None and setting.jobs == 1:
        against = Ratio(1.0, 1.0, 1.0, 1.0, 1.0)  # they are compared with themselves
    work, bound, busy = (
        median(values) if values else math.nan
        for values in ([r.work for r in good], [r.bound for r in good], [r.utilization for r in good])
    )
    return Summary(graph, setting, middle(times(good), confidence), against, work, bound, busy, len(runs) - len(good))
