"""The figure of policies side by side: bars for one number of workers, curves for several.

Policy: what nobody can beat is a line in black, the optimum a line of dashes; chance is the grey band from its shortest
to its longest seed, so that a policy within it is no better than none. Bars are in the order of the table, from above,
and begin at zero. Curves have workers on a logarithmic axis. There, policies lie so close together that only the fall
of the makespan is seen; so below it the same stands over the lower bound, where they part.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from orchestra_nb.display.plots.figure import BOUND, COLUMN, figure, named, series
from orchestra_nb.display.wording import count, duration
from orchestra_nb.simulation.policy_comparison import ComparedPolicy, PolicyComparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from orchestra_nb.display.plots.paper import Paper

_GREY, _PALE = "#6b6b6b", "#d9d9d9"
_LOOKS = {"eager": 0, "levels": 1, "static": 2}
"""By which series bars of a schedule are painted."""
_ROW = 0.19
_TALL = 4.1
"""Inches."""


def policies_figure(value: PolicyComparison) -> Paper:
    """Draw policies side by side.

    Raises
    ------
    ConfigError
        matplotlib is not installed.

    Examples
    --------
    >>> from orchestra_nb import DAG, Node, compare_policies
    >>> policies_figure(compare_policies(DAG([Node("a"), Node("b")]), [1, 2], ["fifo", "levels"]))
    <figure: Makespans of 2 policies with 1 and 2 workers; shortest: fifo, 1.0 s>
    """
    return _bars(value) if len(value.workers) <= 1 else _curves(value)


def _alt(value: PolicyComparison) -> str:
    labels = len(dict.fromkeys(row.label for row in value.rows))
    what = f"Makespans of {labels} polic{'y' if labels == 1 else 'ies'}"
    if not value.rows:
        return what
    *most, last = value.workers
    who = count(last, "worker") if not most else f"{', '.join(map(str, most))} and {last} workers"
    return f"{what} with {who}; shortest: {value.best.label}, {duration(value.best.makespan)}"


def _bars(value: PolicyComparison) -> Paper:
    rows = value.rows
    with figure(COLUMN, 0.75 + _ROW * max(len(rows), 1), _alt(value)) as made:
        axes = made.add_subplot()
        for place, row in enumerate(rows):
            _bar(axes, place, row)
        longest = max((row.high for row in rows), default=0.0) or 1.0
        axes.set_yticks(range(len(rows)), [named(row.label) for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlim(0, longest * 1.2)
        axes.set_xlabel("makespan (s)")
        axes.grid(axis="y", visible=False)
        if rows:
            _marks(axes, rows)
    return made


def _bar(axes: Axes, place: int, row: ComparedPolicy) -> None:
    look = series(_LOOKS[row.schedule])
    fill, line = (_PALE, _GREY) if row.policy == "random" else (look.fill, look.line)
    axes.barh(place, row.makespan, height=0.7, color=fill, edgecolor=line)
    if row.low < row.high:
        spread = [[row.makespan - row.low], [row.high - row.makespan]]
        axes.errorbar([row.makespan], [place], xerr=spread, color=line, linestyle="none", elinewidth=1.0)
    told = f" {row.makespan:.4g}{' *' if row.proved else ''}"
    axes.text(row.high, place, told, va="center", ha="left", fontsize=6.5)


def _marks(axes: Axes, rows: tuple[ComparedPolicy, ...]) -> None:
    """The bound and the optimum, which nobody can pass."""
    axes.axvline(rows[0].lower_bound, color=BOUND, linewidth=1.0, label="lower bound")
    proved = [row for row in rows if row.proved]
    if proved:
        best = min(row.makespan for row in proved)
        axes.axvline(best, color=BOUND, linewidth=1.0, dashes=(3, 2), label="optimum (*)")
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, borderaxespad=0.2)


def _curves(value: PolicyComparison) -> Paper:
    labels = list(dict.fromkeys(row.label for row in value.rows))
    bounds = {row.workers: row.lower_bound for row in value.rows}
    with figure(COLUMN, _TALL + 0.11 * len(labels), _alt(value)) as made:
        above, below = made.subplots(2, 1, sharex=True, height_ratios=(1, 1.4))
        for axes, scale in ((above, dict.fromkeys(bounds, 1.0)), (below, {n: b or 1.0 for n, b in bounds.items()})):
            number = 0
            for label in labels:
                rows = [row for row in value.rows if row.label == label]
                if not _special(axes, rows, scale):
                    _curve(axes, rows, scale, number)
                    number += 1
            least = [bounds[n] / scale[n] for n in bounds]
            axes.plot([*bounds], least, color=BOUND, linewidth=1.0, label="lower bound", zorder=1.5)
        above.set_ylim(bottom=0)
        above.set_ylabel("makespan (s)")
        below.set_ylabel("over the lower bound")
        below.set_xscale("log", base=2)
        below.set_xticks(value.workers, [str(number) for number in value.workers])
        below.minorticks_off()
        below.set_xlabel("workers")
        made.legend(*below.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return made


def _special(axes: Axes, rows: list[ComparedPolicy], scale: Mapping[int, float]) -> bool:
    """Draw chance and the optimum, which are no policies like the others."""
    at = [row.workers for row in rows]
    middle = [row.makespan / scale[row.workers] for row in rows]
    if rows[0].policy == "random":
        low, high = ([getattr(row, end) / scale[row.workers] for row in rows] for end in ("low", "high"))
        axes.fill_between(at, low, high, color=_PALE, linewidth=0, zorder=0.8)
        axes.plot(at, middle, color=_GREY, linewidth=1.0, label="random", zorder=0.9)
        return True
    if rows[0].policy == "optimum":
        axes.plot(at, middle, color=BOUND, linewidth=1.0, dashes=(3, 2), label="optimum", zorder=3)
        return True
    return False


def _curve(axes: Axes, rows: list[ComparedPolicy], scale: Mapping[int, float], number: int) -> None:
    look = series(number)
    dashes = {"dashes": look.dash} if look.dash else {}
    axes.plot(
        [row.workers for row in rows],
        [row.makespan / scale[row.workers] for row in rows],
        color=look.line,
        marker=look.marker,
        markerfacecolor=look.fill,
        label=named(rows[0].label),
        **dashes,  # type: ignore[arg-type]
    )
