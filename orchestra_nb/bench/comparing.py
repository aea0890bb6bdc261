"""Two sweeps of the same thing: what got faster, what slower, and what this noise could not have shown. Pure.

**Each configuration** that both have is compared by the ratio of its times with the exact interval and test of ranks
(:mod:`.rank_tests`). **All together**, when there are several, are one more comparison, of the ratio that they have in
common. Of so many comparisons one would seem a difference by chance alone sooner or later; so the p of all of them are
adjusted (Holm), and a difference is said only where the adjusted one is small enough: then a false alarm anywhere in
the table is as rare as ``alpha`` says.

**No difference that this noise could show** is not "no difference". Beside it stands the smallest one that would have
been found four times in five, given how far the times of these runs lie apart; where so few repeats can show none at
all, that is said, and how many it takes. It follows from the interval of the level that the number of comparisons
leaves: half as wide on the scale of logarithms is what is found every second time, and 1.43 times that, where the
noise is about normal, four times in five.

**What it cannot know**: two sweeps also differ in what is between them. A machine that is slower all day, another
version of Python, memory that lies elsewhere are differences, and are found; whether they are those of the code, the
numbers do not say. Therefore what is different about the environments stands beside them, and the load.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from statistics import median

from orchestra_nb.bench.environment import busier, differences
from orchestra_nb.bench.files import load, read
from orchestra_nb.bench.rank_tests import Pair, Ratio, holm, least_p, ratio_of_strata
from orchestra_nb.bench.records import Sweep
from orchestra_nb.bench.summaries import grouped, times
from orchestra_nb.bench.turns import Setting
from orchestra_nb.bench.verdicts import Compared, Comparison, Verdict
from orchestra_nb.errors import ConfigError, Issue
from orchestra_nb.wording import short

_FOUR_IN_FIVE = 1.43
"""How much more than half an interval of 95 % is found with a power of 0.8: (1.96 + 0.84) / 1.96."""


Given = Sweep | str | os.PathLike[str]


def compare(before: Given, after: Given | None = None, *, alpha: float = 0.05) -> Comparison:
    """Compare two sweeps of the same thing.

    Parameters
    ----------
    before, after
        Sweeps, or files of results, of which the last sweep is taken. Without ``after``, the last sweep of the file is
        compared with the one of the same name before it.
    alpha
        How often a false alarm anywhere in the table is allowed, from 0 to 1.

    Raises
    ------
    ConfigError
        A file has no results, or only one sweep of that name; ``alpha`` cannot be.

    Examples
    --------
    >>> from orchestra_nb import Node, bench
    >>> nodes = [Node("load", fn=lambda: 1)]
    >>> before, after = (bench.sweep(nodes, jobs=[1], repeats=2) for _ in range(2))
    >>> print(bench.compare(before, after).rows[0])
    so few runs (2 before, 2 after) could show no difference of any size
    """
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not 0 < alpha < 1:
        raise ConfigError(f"alpha={alpha!r} must be a number between 0 and 1")
    if after is None:
        if isinstance(before, Sweep):
            raise ConfigError("one sweep cannot be compared; give two, or a file that has several")
        return compared(*_last_two(load(before), before), alpha)
    return compared(_sweep(before), _sweep(after), alpha)


def compare_files(
    before: str | os.PathLike[str], after: str | os.PathLike[str] | None = None, alpha: float = 0.05
) -> tuple[Comparison, tuple[Issue, ...]]:
    """Compare the results in files, as :func:`compare`, and say what is wrong with the files.

    Examples
    --------
    >>> compare_files("no-such-file.jsonl")
    Traceback (most recent call last):
    orchestra_nb.errors.ConfigError: no-such-file.jsonl cannot be read: No such file or directory
    """
    sweeps, faults = read(before)
    if after is None:
        return compare(*_last_two(sweeps, before), alpha=alpha), faults
    others, more = read(after)
    return compare(_last(sweeps, before), _last(others, after), alpha=alpha), (*faults, *more)


def last_like(sweeps: Sequence[Sweep], name: str) -> Sweep | None:
    """The last sweep of a name that has measured anything.

    Examples
    --------
    >>> last_like([], "graph") is None
    True
    """
    return next((sweep for sweep in reversed(sweeps) if sweep.name == name and sweep.summaries), None)


def since_last(path: str | os.PathLike[str], sweep: Sweep) -> Comparison | None:
    """Compare a sweep in a file with the one of its name before it there; ``None`` where there is none.

    Parameters
    ----------
    path
        The file.
    sweep
        The last one that was written.

    Examples
    --------
    >>> import tempfile
    >>> from orchestra_nb import Node, bench
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = f"{folder}/results.jsonl"
    ...     first, second = (bench.sweep([Node("load", fn=int)], [1], repeats=1, file=path) for _ in range(2))
    ...     since_last(path, first) is None, since_last(path, second).before.id == first.id
    (True, True)
    """
    sweeps, _ = read(path)
    place = next((i for i, other in enumerate(sweeps) if other.id == sweep.id), len(sweeps))
    before = last_like(sweeps[:place], sweep.name)
    return None if before is None or not sweep.summaries else compared(before, sweep)


def compared(before: Sweep, after: Sweep, alpha: float = 0.05) -> Comparison:
    """Compare two sweeps as values; see this module.

    Examples
    --------
    >>> from orchestra_nb.bench.environment import Environment
    >>> sweep = Sweep("1", "graph", (), 0, Environment("3.11", "Linux"))
    >>> compared(sweep, sweep).rows
    ()
    """
    some, others = grouped(before.runs), grouped(after.runs)
    if len(names := {key[0] for key in (*some, *others)}) == 2 and before.name != after.name:
        raise ConfigError(f"the sweeps are of {' and of '.join(sorted(map(repr, names)))}; give both the same name=")
    both = [key for key in some if key in others]
    pairs = [(times(some[key]), times(others[key])) for key in both]
    measured = [pair for pair in pairs if all(pair)]
    family = len(measured) + (len(measured) > 1)
    found = [_row(key, pair, alpha, family) for key, pair in zip(both, pairs, strict=True)]
    if len(measured) > 1:
        found.insert(0, _row(None, measured, alpha, family))
    adjusted = holm([row.ratio.p for row in found if row.ratio is not None])
    rows, p = [], iter(adjusted)
    for row in found:
        rows.append(row if row.ratio is None else _judged(row, next(p), alpha))
    notes = [*_apart(some, others), *_surroundings(before, after)]
    if family > 1:
        notes.append(f"{family} comparisons: a false alarm among all of them is as rare as {100 * alpha:g} % (Holm)")
    return Comparison(before, after, tuple(rows), alpha, tuple(notes))


def _row(key: tuple[str, Setting] | None, given: Pair | Sequence[Pair], alpha: float, family: int) -> Compared:
    """Compare one pair of samples, or all together; what follows from it is said when all are known."""
    pairs: list[Pair] = list(given) if key is None else [given]  # type: ignore[list-item,arg-type]
    graph, setting = key if key is not None else ("", None)
    if not all(all(pair) for pair in pairs):
        old, new = pairs[0]
        return Compared(graph, setting, _middle(old), _middle(new), (len(old), len(new)), None, 1.0, math.inf,
                        "not measured")  # fmt: skip
    sizes = [(len(old), len(new)) for old, new in pairs]
    runs = (sum(n for n, _ in sizes), sum(m for _, m in sizes))
    medians = (_middle(pairs[0][0]), _middle(pairs[0][1])) if key is not None else (math.nan, math.nan)
    found = ratio_of_strata(pairs, 1 - alpha)
    detectable = _detectable(ratio_of_strata(pairs, 1 - alpha / max(1, family)))
    verdict: Verdict = "no difference shown" if least_p(sizes) * family <= alpha else "nothing could be shown"
    return Compared(graph, setting, *medians, runs, found, found.p, detectable, verdict)


def _judged(row: Compared, p: float, alpha: float) -> Compared:
    """Say what follows from an adjusted p."""
    assert row.ratio is not None
    verdict = row.verdict
    if p <= alpha:
        verdict = "faster" if row.ratio.value < 1 else "slower"
    values = (row.graph, row.setting, row.before, row.after, row.runs, row.ratio)
    return Compared(*values, p, row.detectable, verdict)


def _detectable(found: Ratio) -> float:
    if not found.low > 0 or math.isinf(found.high):
        return math.inf
    half = (math.log(found.high) - math.log(found.low)) / 2
    return math.exp(_FOUR_IN_FIVE * half)


def _middle(values: Sequence[float]) -> float:
    return median(values) if values else math.nan


def _apart(some: Iterable[tuple[str, Setting]], others: Iterable[tuple[str, Setting]]) -> list[str]:
    """Say what only one of two sweeps has measured."""
    found = []
    for when, here, there in (("before", some, set(others)), ("after", others, set(some))):
        if only := [f"{graph}: {setting}" for graph, setting in here if (graph, setting) not in there]:
            more = f" and {len(only) - 1} more" if len(only) > 1 else ""
            found.append(f"only measured {when}: {only[0]}{more}")
    return found


def _surroundings(before: Sweep, after: Sweep) -> list[str]:
    """Say what else was different."""
    load = busier(before.load, after.load, after.environment.cores) or _crowded(before, after)
    sizes = [{run.nodes for run in sweep.runs if run.ok} for sweep in (before, after)]
    found = [*differences(before.environment, after.environment), *filter(None, [load])]
    if all(sizes) and sizes[0] != sizes[1]:
        told = [" or ".join(map(str, sorted(size))) for size in sizes]
        found.append(f"nodes: {told[0]} before, {told[1]} after")
    return found


def _crowded(before: Sweep, after: Sweep) -> str:
    """Say that the machine was busy with other things, before or after: its moods are differences too."""
    crowded = [sweep for sweep in (before, after) if sweep.load > sweep.environment.cores]
    if not crowded:
        return ""
    loads = f"a load of {before.load:.1f} before and {after.load:.1f} after"
    return f"the machine was busy: {loads} on {after.environment.cores} cores; what is found may be due to that"


def _last_two(sweeps: Sequence[Sweep], path: str | os.PathLike[str]) -> tuple[Sweep, Sweep]:
    after = _last(sweeps, path)
    before = last_like(sweeps[: sweeps.index(after)], after.name)
    if before is None:
        told = f"{_named(path)}: there is one sweep of {after.name!r} only"
        raise ConfigError(f"{told}; sweep once more with the same file, or name another")
    return before, after


def _sweep(given: Given) -> Sweep:
    if isinstance(given, Sweep):
        return given
    if not isinstance(given, str | os.PathLike):
        raise ConfigError(f"a comparison is of sweeps or files of results, not {type(given).__name__}")
    return _last(load(given), given)


def _last(sweeps: Sequence[Sweep], path: str | os.PathLike[str]) -> Sweep:
    found = next((sweep for sweep in reversed(sweeps) if sweep.summaries), None)
    if found is None:
        raise ConfigError(f"{_named(path)}: no sweep has measured anything; sweep with this file first")
    return found


def _named(path: str | os.PathLike[str]) -> str:
    return short(os.fspath(path), 200)
