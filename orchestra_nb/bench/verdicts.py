"""What a comparison of two sweeps has come to, as values, in words; how it is found is in :mod:`.comparing`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orchestra_nb.bench.rank_tests import Ratio, repeats_needed
from orchestra_nb.bench.records import Sweep
from orchestra_nb.bench.turns import Setting
from orchestra_nb.presentation import Presented

Verdict = Literal["faster", "slower", "no difference shown", "nothing could be shown", "not measured"]


@dataclass(frozen=True, slots=True)
class Compared:
    """One configuration, before and after.

    Parameters
    ----------
    graph, setting
        Which; ``None`` is all of them together.
    before, after
        Medians in seconds; NaN for all together, and where every run failed.
    runs
        How many runs before and after.
    ratio
        How many times as long it takes after; ``None`` where one of the two has no run that ended well.
    p
        Adjusted for how many comparisons there are; 1 where there is none.
    detectable
        The smallest ratio above 1 that would have been found four times in five; infinite where none could be.
    verdict
        What follows.

    Examples
    --------
    >>> print(Compared("g", Setting(2), 1.0, 0.8, (5, 5), Ratio(0.8, 0.75, 0.85, 0.97, 0.008), 0.008, 1.1, "faster"))
    faster by 20 % (15 to 25)
    """

    graph: str
    setting: Setting | None
    before: float
    after: float
    runs: tuple[int, int]
    ratio: Ratio | None
    p: float
    detectable: float
    verdict: Verdict

    @property
    def name(self) -> str:
        """What was compared.

        Examples
        --------
        >>> Compared("", None, 1.0, 1.0, (5, 5), None, 1.0, 1.1, "not measured").name
        'all together'
        """
        return "all together" if self.setting is None else f"{self.graph}: {self.setting}"

    def __str__(self) -> str:
        if self.verdict == "not measured" or self.ratio is None:
            return "not compared: no run before or after has ended well"
        if self.verdict == "nothing could be shown":
            return f"so few runs ({self.runs[0]} before, {self.runs[1]} after) could show no difference of any size"
        if self.verdict == "no difference shown":
            return (
                f"no difference that this noise could show; one of {_percent(self.detectable - 1)} % would have shown"
            )
        ends = sorted(abs(end - 1) for end in (self.ratio.low, self.ratio.high))
        around = self.ratio.low < 1 < self.ratio.high
        told = "" if around else f" ({_percent(ends[0])} to {_percent(ends[1])})"
        return f"{self.verdict} by {_percent(abs(self.ratio.value - 1))} %{told}"


@dataclass(frozen=True, slots=True, repr=False)
class Comparison(Presented):
    """Two sweeps, compared. It shows itself; ``.frame`` has a row for each configuration.

    Parameters
    ----------
    before, after
        The sweeps.
    rows
        All together first, where there are several configurations, then each.
    alpha
        How often a false alarm anywhere in the table is allowed, from 0 to 1.
    notes
        What is different about the environments, and what only one of the two has measured.

    Examples
    --------
    >>> from orchestra_nb.bench import Environment, Measured, Turn, compare
    >>> def sweep(took):
    ...     turns = [Turn(n, "graph", Setting(1), n) for n in range(1, 7)]
    ...     runs = tuple(Measured(turn, 0.0, 1.0, seconds=took + turn.number / 100) for turn in turns)
    ...     return Sweep("1", "graph", runs, len(runs), Environment("3.11", "Linux"))
    >>> print(compare(sweep(1.0), sweep(1.5)).headline)
    graph: 1 job, threading, eager, critical-path: slower by 48 % (45 to 51)
    >>> print(compare(sweep(1.0), sweep(1.0)).headline)
    graph: 1 job, ...: no difference that this noise could show; one of 4.2 % would have shown
    """

    before: Sweep
    after: Sweep
    rows: tuple[Compared, ...]
    alpha: float
    notes: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether a difference was shown anywhere.

        Examples
        --------
        >>> from orchestra_nb.bench import Environment, Measured, Turn, compare
        >>> def sweep(took):
        ...     turns = [Turn(n, "graph", Setting(1), n) for n in range(1, 7)]
        ...     runs = tuple(Measured(turn, 0.0, 1.0, seconds=took + turn.number / 100) for turn in turns)
        ...     return Sweep("1", "graph", runs, len(runs), Environment("3.11", "Linux"))
        >>> compare(sweep(1.0), sweep(1.5)).differs, compare(sweep(1.0), sweep(1.0)).differs
        (True, False)
        """
        return any(row.verdict in ("faster", "slower") for row in self.rows)

    @property
    def slower(self) -> tuple[Compared, ...]:
        """What was shown to have become slower.

        Examples
        --------
        >>> from orchestra_nb.bench import Environment, Measured, Turn, compare
        >>> def sweep(took):
        ...     turns = [Turn(n, "graph", Setting(1), n) for n in range(1, 7)]
        ...     runs = tuple(Measured(turn, 0.0, 1.0, seconds=took + turn.number / 100) for turn in turns)
        ...     return Sweep("1", "graph", runs, len(runs), Environment("3.11", "Linux"))
        >>> [(row.name, row.verdict) for row in compare(sweep(1.0), sweep(1.5)).slower]
        [('graph: 1 job, threading, eager, critical-path', 'slower')]
        """
        return tuple(row for row in self.rows if row.verdict == "slower")

    @property
    def headline(self) -> str:
        """What it comes to, in one line.

        Examples
        --------
        >>> from orchestra_nb.bench import Environment, Measured, Turn, compare
        >>> def sweep(took):
        ...     turns = [Turn(n, "graph", Setting(1), n) for n in range(1, 7)]
        ...     runs = tuple(Measured(turn, 0.0, 1.0, seconds=took + turn.number / 100) for turn in turns)
        ...     return Sweep("1", "graph", runs, len(runs), Environment("3.11", "Linux"))
        >>> compare(sweep(1.5), sweep(1.0)).headline
        'graph: 1 job, threading, eager, critical-path: faster by 33 % (31 to 34)'
        """
        if not self.rows:
            return "nothing to compare: no configuration is in both sweeps"
        first, several = self.rows[0], len(self.rows) - 1
        if not several:
            return f"{first.name}: {first}"
        counts = [(sum(row.verdict == word for row in self.rows[1:]), word) for word in ("slower", "faster")]
        each = " and ".join(f"{n} {word}" for n, word in counts if n) or "none by itself"
        return f"{first.name}: {first}; of {several} configurations {each}"

    def __repr__(self) -> str:
        return f"<Comparison of {self.after.name!r}: {self.headline}>"


def _percent(share: float) -> str:
    """A share in per cent, to two digits.

    Examples
    --------
    >>> _percent(0.1234), _percent(0.0123), _percent(1.5)
    ('12', '1.2', '150')
    """
    per_cent = 100 * share
    return f"{per_cent:.0f}" if per_cent >= 9.95 else f"{per_cent:.1f}"


def needed(comparison: Comparison) -> str:
    """Say how many repeats it takes where some comparison could show nothing at all; else empty.

    Examples
    --------
    >>> from orchestra_nb.bench.environment import Environment
    >>> sweep = Sweep("1", "graph", (), 0, Environment("3.11", "Linux"))
    >>> needed(Comparison(sweep, sweep, (), 0.05, ()))
    ''
    """
    if not any(row.verdict == "nothing could be shown" for row in comparison.rows):
        return ""
    count = repeats_needed(comparison.alpha / max(1, len(comparison.rows)))
    return f"{len(comparison.rows)} comparisons need {count} repeats or more, before and after, to show any difference"
