"""The figure of a sweep: speed-up and efficiency over the number of jobs, with the ideal and what the graph allows.

A line for each graph, backend, schedule and policy, with the interval of each speed-up. The dashed line is the ideal,
one for each worker; the dotted one is the speed-up that no schedule of the measured nodes can pass, so that what lies
between a line and it is for the scheduler to gain, and what lies between it and the ideal is for whoever draws the
graph. Where nothing ran with one job, there is no speed-up, and times and their distance to the bound are drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING

from orchestra_nb.bench.records import Sweep
from orchestra_nb.bench.summaries import Summary
from orchestra_nb.display.plots.figure import BOUND, PAGE, figure, named, series
from orchestra_nb.display.wording import short
from orchestra_nb.errors import CommandError, ConfigError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from orchestra_nb.display.plots.paper import Paper

_Value = Callable[[Summary], float]
_Ends = Callable[[Summary], tuple[float, float]]
_MOST = 8
"""Lines that a legend names; more are drawn, and the frame names them."""
_WIDE = 8
"""Jobs beyond which both axes are in powers of two."""


def sweep_figure(sweep: Sweep) -> Paper:
    """Draw a sweep.

    Raises
    ------
    ConfigError
        No run has ended well, or matplotlib is not installed.
    """
    rows = [row for row in sweep.summaries if row.time.n]
    if not rows:
        raise ConfigError("no run has ended well, so there is nothing to draw; .frame says why they failed")
    ratios = [row for row in rows if not math.isnan(row.speedup)]
    lines = _lines(ratios or rows)
    with figure(PAGE, 2.7, _said(sweep, bool(ratios))) as made:
        left, right = made.subplots(1, 2, gridspec_kw={"wspace": 0.08})
        if ratios:
            _speedups(left, lines, ratios)
            _each(right, lines, lambda row: row.efficiency, "efficiency", _shares)
            right.axhline(1.0, color=BOUND, linewidth=0.9, linestyle="--")
            right.set_ylim(bottom=0.0)
        else:
            _times(left, lines)
            _each(right, lines, lambda row: row.over_bound, "time over bound", lambda _: (math.nan, math.nan))
        for axes in (left, right):
            _jobs_axis(axes, [row.setting.jobs for row in rows])
        if len(lines) > 1 or ratios:
            left.legend()
    return made


def check_picture(name: str) -> None:
    """Refuse, before anything is measured, a file that no figure can be written to.

    Raises
    ------
    CommandError
        Its name has another ending.
    ConfigError
        matplotlib is not installed.

    Examples
    --------
    >>> check_picture("sweep.doc")
    Traceback (most recent call last):
    orchestra_nb.errors.CommandError: --plot sweep.doc: give a name that ends with .svg, .pdf or .png
    """
    if not name.lower().endswith((".svg", ".pdf", ".png")):
        raise CommandError(f"--plot {short(name, 200)}: give a name that ends with .svg, .pdf or .png")
    with figure():
        pass


def _lines(rows: Sequence[Summary]) -> Mapping[str, list[Summary]]:
    """Put rows into lines, named by what differs between them."""
    keys = {(row.graph, *row.setting.series): list[Summary]() for row in rows}
    for row in rows:
        keys[row.graph, *row.setting.series].append(row)
    varying = [i for i in range(4) if len({key[i] for key in keys}) > 1]
    return {", ".join(key[i] for i in varying) or "measured": found for key, found in keys.items()}


def _speedups(axes: Axes, lines: Mapping[str, list[Summary]], rows: Sequence[Summary]) -> None:
    jobs = sorted({row.setting.jobs for row in rows})
    axes.plot(jobs, jobs, color=BOUND, linewidth=0.9, linestyle="--", label="ideal")
    for number, (graph, bounds) in enumerate(_bounds(rows).items()):
        label = "bound" if number == 0 else f"_bound of {graph}"
        axes.plot(list(bounds), list(bounds.values()), color=BOUND, linewidth=0.9, linestyle=":", label=label)
    for number, (name, found) in enumerate(lines.items()):
        _line(axes, number, name, found, lambda row: row.speedup, _ends)
    axes.set_ylabel("speed-up")
    axes.set_ylim(bottom=0.0)


def _bounds(rows: Sequence[Summary]) -> Mapping[str, Mapping[int, float]]:
    """The speed-up that no schedule passes, by graph and jobs: what one job takes over the bound of the others."""
    found: dict[str, dict[int, list[float]]] = {}
    alone = {(row.graph, row.setting.series): row.time.value for row in rows if row.setting.jobs == 1}
    for row in sorted(rows, key=lambda row: row.setting.jobs):
        whole = alone.get((row.graph, row.setting.series))
        if whole is not None and row.bound > 0:
            found.setdefault(row.graph, {}).setdefault(row.setting.jobs, []).append(whole / row.bound)
    return {graph: {jobs: median(values) for jobs, values in of.items()} for graph, of in found.items()}


def _times(axes: Axes, lines: Mapping[str, list[Summary]]) -> None:
    for number, (name, found) in enumerate(lines.items()):
        _line(axes, number, name, found, lambda row: row.time.value, lambda row: (row.time.low, row.time.high))
    axes.set_ylabel("seconds")
    axes.set_ylim(bottom=0.0)


def _each(axes: Axes, lines: Mapping[str, list[Summary]], value: _Value, label: str, ends: _Ends) -> None:
    for number, (name, found) in enumerate(lines.items()):
        _line(axes, number, name, found, value, ends)
    axes.set_ylabel(label)


def _line(
    axes: Axes,
    number: int,
    name: str,
    rows: Sequence[Summary],
    value: _Value,
    ends: _Ends,
) -> None:
    look = series(number)
    ordered = sorted(rows, key=lambda row: row.setting.jobs)
    middle = [value(row) for row in ordered]
    around = [ends(row) for row in ordered]
    below = [max(0.0, m - low) if not math.isnan(low) else 0.0 for m, (low, _) in zip(middle, around, strict=True)]
    above = [max(0.0, high - m) if not math.isnan(high) else 0.0 for m, (_, high) in zip(middle, around, strict=True)]
    bars = [below, above] if any(below) or any(above) else None
    made = axes.errorbar(
        [row.setting.jobs for row in ordered],
        middle,
        yerr=bars,
        label=named(name) if number < _MOST else None,
        color=look.line,
        marker=look.marker,
        markerfacecolor=look.fill,
        elinewidth=0.9,
    )
    if look.dash:
        made.lines[0].set_dashes(look.dash)


def _ends(row: Summary) -> tuple[float, float]:
    against = row.against
    if against is None or not against.coverage > 0 or row.setting.jobs == 1:
        return math.nan, math.nan
    return against.low, against.high


def _shares(row: Summary) -> tuple[float, float]:
    low, high = _ends(row)
    return low / row.setting.jobs, high / row.setting.jobs


def _jobs_axis(axes: Axes, jobs: Sequence[int]) -> None:
    ticks = sorted(set(jobs))
    if ticks[-1] > _WIDE:
        axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("jobs")


def _said(sweep: Sweep, ratios: bool) -> str:
    what = "speed-up and efficiency" if ratios else "times and their distance to the bound"
    return f"{what} of {sweep.name} over the number of jobs"
