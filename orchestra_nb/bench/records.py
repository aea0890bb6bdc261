"""A sweep as a value: its runs, where it was made, and what follows from them.

The numbers are in :mod:`.summaries`; frames, tables and the figure are made by the display when they are asked for.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Protocol, cast

from orchestra_nb.bench.environment import Environment
from orchestra_nb.bench.measuring import Measured
from orchestra_nb.bench.summaries import Summary, summaries
from orchestra_nb.presentation import Presented, Presenter, presenter_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class _SweepPresenter(Presenter, Protocol):
    """What the display knows of sweeps beside what it knows of everything."""

    def summary(self, value: object) -> pd.DataFrame:
        """One row for each configuration."""

    def plot(self, value: object) -> Figure:
        """The figure."""


@dataclass(frozen=True, slots=True, repr=False)
class Sweep(Presented):
    """What a sweep has measured. It shows itself; ``.frame`` has a row for each run.

    Parameters
    ----------
    id
        Its name among others in a file.
    name
        Of what was measured.
    runs
        In the order in which they were made, warm-up among them.
    planned
        How many were to be made; more than there are where it was interrupted.
    environment
        Where and when.
    confidence
        How sure intervals are to be, from 0 to 1.

    Examples
    --------
    >>> from orchestra_nb import Node, bench
    >>> found = bench.sweep([Node("load", fn=lambda: 1)], jobs=[1, 2], repeats=2)
    >>> len(found.runs), [row.time.n for row in found.summaries], found.interrupted
    (6, [2, 2], False)
    """

    id: str
    name: str
    runs: tuple[Measured, ...]
    planned: int
    environment: Environment
    confidence: float = 0.95

    @property
    def summaries(self) -> tuple[Summary, ...]:
        """A row for each configuration of each graph, as values; :attr:`summary` has them as a frame.

        Examples
        --------
        >>> from orchestra_nb.bench.turns import Setting, Turn
        >>> turns = [Turn(n, "graph", Setting(jobs), n) for n in (1, 2, 3) for jobs in (1, 2)]
        >>> runs = tuple(Measured(turn, 0.0, 6.5, seconds=6.0 / turn.setting.jobs, load_before=0.5) for turn in turns)
        >>> sweep = Sweep("1", "graph", runs, len(runs), Environment("3.11", "Linux"))
        >>> [(row.setting.jobs, row.time.value, row.against.value) for row in sweep.summaries if row.against]
        [(1, 6.0, 1.0), (2, 3.0, 2.0)]
        """
        return summaries(self.runs, self.confidence)

    @property
    def summary(self) -> pd.DataFrame:
        """A row for each configuration of each graph; see ``docs/frames.md``.

        Examples
        --------
        >>> from orchestra_nb.bench.turns import Setting, Turn
        >>> turns = [Turn(n, "graph", Setting(jobs), n) for n in (1, 2, 3) for jobs in (1, 2)]
        >>> runs = tuple(Measured(turn, 0.0, 6.5, seconds=6.0 / turn.setting.jobs, load_before=0.5) for turn in turns)
        >>> sweep = Sweep("1", "graph", runs, len(runs), Environment("3.11", "Linux"))
        >>> sweep.summary[["jobs", "n", "median", "speedup", "efficiency"]]
           jobs  n  median  speedup  efficiency
        0     1  3     6.0      1.0         1.0
        1     2  3     3.0      2.0         1.0
        """
        return cast("_SweepPresenter", presenter_of(self)).summary(self)

    @property
    def interrupted(self) -> bool:
        """Whether it has ended before its last run.

        Examples
        --------
        >>> Sweep("1", "graph", (), 8, Environment("3.11", "Linux")).interrupted
        True
        """
        return len(self.runs) < self.planned

    @property
    def failed(self) -> int:
        """How many runs failed, warm-up among them.

        Examples
        --------
        >>> from orchestra_nb.bench.turns import Setting, Turn
        >>> failed = Measured(Turn(1, "graph", Setting(2), 1), 0.0, 1.0, error="node 'fit' failed")
        >>> Sweep("1", "graph", (failed,), 1, Environment("3.11", "Linux")).failed
        1
        """
        return sum(not run.ok for run in self.runs)

    @property
    def load(self) -> float:
        """The median of the loads before runs; NaN where they are not known.

        Examples
        --------
        >>> from orchestra_nb.bench.turns import Setting, Turn
        >>> turns = [Turn(n, "graph", Setting(jobs), n) for n in (1, 2, 3) for jobs in (1, 2)]
        >>> runs = tuple(Measured(turn, 0.0, 6.5, seconds=6.0 / turn.setting.jobs, load_before=0.5) for turn in turns)
        >>> sweep = Sweep("1", "graph", runs, len(runs), Environment("3.11", "Linux"))
        >>> sweep.load
        0.5
        """
        known = [run.load_before for run in self.runs if not math.isnan(run.load_before)]
        return median(known) if known else math.nan

    @property
    def notes(self) -> tuple[str, ...]:
        """What somebody who reads the numbers should know, a sentence each.

        Examples
        --------
        >>> Sweep("1", "graph", (), 8, Environment("3.11", "Linux")).notes
        ('it was interrupted: 0 of 8 runs were made',)
        """
        return tuple(_notes(self))

    def plot(self) -> Figure:
        """Draw speed-up and efficiency over the number of jobs: one figure, ready for a paper.

        With the ideal, the bound of the measured nodes, and intervals. ``figure.savefig("sweep.pdf")`` writes it as
        vectors.

        Raises
        ------
        ConfigError
            matplotlib is not installed, or nothing was measured that could be drawn.

        Examples
        --------
        >>> from orchestra_nb import Node, bench
        >>> figure = bench.sweep([Node("load", fn=lambda: 1)], jobs=[1, 2], repeats=2).plot()
        >>> [axes.get_ylabel() for axes in figure.axes]
        ['speed-up', 'efficiency']
        """
        return cast("_SweepPresenter", presenter_of(self)).plot(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Append it to a file of results, from which :func:`.load` reads it again.

        Parameters
        ----------
        path
            The file; it is made when it is not there. ``sweep(..., file=path)`` writes each run as soon as it is over.

        Raises
        ------
        ConfigError
            The file has something else in it, or cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> from orchestra_nb import bench
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = f"{folder}/results.jsonl"
        ...     Sweep("1", "graph", (), 0, Environment("3.11", "Linux")).save(path)
        ...     [found.name for found in bench.load(path)]
        ['graph']
        """
        from orchestra_nb.bench.files import ResultsFile

        ResultsFile(path).add_whole(self)

    def __repr__(self) -> str:
        counted = f"{len(self.runs)} runs" if not self.interrupted else f"{len(self.runs)} of {self.planned} runs"
        return f"<Sweep {self.name!r}: {counted} of {len(self.summaries)} configurations>"


class SweepInterrupted(KeyboardInterrupt):
    """A sweep was interrupted; what it had measured comes with it.

    Parameters
    ----------
    sweep
        The runs that were over.

    Examples
    --------
    >>> str(SweepInterrupted(Sweep("1", "graph", (), 8, Environment("3.11", "Linux"))))
    'the sweep was interrupted: 0 of 8 runs were made; they are in .sweep of this error'
    """

    def __init__(self, sweep: Sweep) -> None:
        told = f"the sweep was interrupted: {len(sweep.runs)} of {sweep.planned} runs were made"
        super().__init__(f"{told}; they are in .sweep of this error")
        self.sweep = sweep

    def _render_traceback_(self) -> list[str]:
        return [f"KeyboardInterrupt: {self}"]

    def __reduce__(self) -> tuple[type[SweepInterrupted], tuple[Sweep]]:
        return type(self), (self.sweep,)


def _notes(sweep: Sweep) -> list[str]:
    found = []
    if sweep.interrupted:
        found.append(f"it was interrupted: {len(sweep.runs)} of {sweep.planned} runs were made")
    rows, counted = sweep.summaries, [run for run in sweep.runs if not run.turn.warmup]
    if failed := [run for run in counted if not run.ok]:
        told = f"{len(failed)} of {len(counted)} runs failed and are left out: {failed[0].error}"
        found.append(told)
    beyond = sorted({row.setting.jobs for row in rows if row.setting.jobs > sweep.environment.cores})
    if beyond:
        told = " and ".join(map(str, beyond)) + (" jobs are" if beyond != [1] else " job is")
        found.append(f"{told} more than the {sweep.environment.cores} cores that the runs could use")
    if rows and not any(row.setting.jobs == 1 for row in rows):
        found.append("nothing ran with one job, so there is no speed-up; add 1 to the jobs")
    found += _coverage(rows, sweep.confidence)
    load = sweep.load
    if load > sweep.environment.cores:
        found.append(f"the machine was busy: a load of {load:.1f} on {sweep.environment.cores} cores")
    return found


def _coverage(rows: tuple[Summary, ...], asked: float) -> list[str]:
    """Say how sure the intervals of the medians are, where they are less sure than was asked for."""
    short: Mapping[int, float] = {row.time.n: row.time.coverage for row in rows if 0 < row.time.coverage < asked}
    if short:
        n, coverage = min(short.items())
        return [f"intervals of medians of {n} runs are from the least to the greatest, and {100 * coverage:.4g} % sure"]
    return ["one run for each configuration says nothing of noise; repeat more"] if _single(rows) else []


def _single(rows: tuple[Summary, ...]) -> bool:
    return bool(rows) and all(row.time.n <= 1 for row in rows)
