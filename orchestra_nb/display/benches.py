"""How sweeps and their comparison show themselves: a table, what one should know of it, and the figure.

Policy: the first line says what was measured; columns that say the same in every row stand there once. A time has three
digits, because a fourth one is noise, and its interval beside it. The figure is there when matplotlib is; the table has
all that it shows. Where something was measured is the last line.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from orchestra_nb.bench.measuring import Measured
from orchestra_nb.bench.records import Sweep
from orchestra_nb.bench.summaries import Summary, overall
from orchestra_nb.bench.turns import Setting
from orchestra_nb.bench.verdicts import Compared, Comparison, needed
from orchestra_nb.display import html
from orchestra_nb.display.bench_tables import COMPARISON, SUMMARY, SWEEP
from orchestra_nb.display.columns import after, epoch_of, framed
from orchestra_nb.display.plots.figure import drawable
from orchestra_nb.display.text import aligned
from orchestra_nb.display.wording import clean, count, short
from orchestra_nb.presentation import Bundle, presents

if TYPE_CHECKING:
    import pandas as pd

    from orchestra_nb.display.plots.paper import Paper

_MOST_LINES = 200
_LONGEST = 300
_ENDLESS = 10**9
_NUMBERS = 8
"""Columns of a sweep's table behind those that say which configuration it is."""
_SPARED = (5, 4, 6, 3, 1)
"""Which of these are left out first on a narrow terminal: serial, efficiency, over bound, and the intervals."""
_WHICH = ("graph", "jobs", "backend", "schedule", "policy")


@presents(Sweep)
class SweepPresenter:
    """Shows what a sweep has measured."""

    def bundle(self, value: Sweep) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        return {"text/plain": sweep_text(value), "text/html": _sweep_html(value)}

    def frame(self, value: Sweep) -> pd.DataFrame:
        """Make the frame of runs."""
        began = epoch_of(value.environment.started_at)
        return framed(SWEEP.columns, [_run_row(run, began) for run in value.runs])

    def summary(self, value: Sweep) -> pd.DataFrame:
        """Make the frame of configurations."""
        return framed(SUMMARY.columns, map(summary_row, value.summaries))

    def plot(self, value: Sweep) -> Paper:
        """Make the figure."""
        from orchestra_nb.display.plots.sweeps import sweep_figure

        return sweep_figure(value)


@presents(Comparison)
class ComparisonPresenter:
    """Shows how two sweeps compare."""

    def bundle(self, value: Comparison) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        rows = list(compared_cells(value.rows))
        markup = html.paragraph(value.headline, "font-weight:bold")
        markup += html.table(rows[0], rows[1:]) if value.rows else ""
        markup += "".join(map(html.paragraph, comparison_notes(value)))
        return {"text/plain": comparison_text(value), "text/html": markup}

    def frame(self, value: Comparison) -> pd.DataFrame:
        """Make the frame of configurations."""
        return framed(COMPARISON.columns, map(compared_row, value.rows))


def sweep_text(sweep: Sweep) -> str:
    """Describe a sweep in plain text: what was measured, a line for each configuration, and what to know of it.

    Examples
    --------
    >>> from orchestra_nb.bench.environment import Environment
    >>> print(sweep_text(Sweep("1", "graph", (), 0, Environment("3.11", "Linux"))))
    graph: 0 runs of 0 configurations
    Python 3.11, Linux, 1 core
    """
    head, cells = sweep_cells(sweep)
    lines = narrowed(cells[: _MOST_LINES + 1], _ENDLESS) if len(cells) > 1 else []
    if len(cells) > _MOST_LINES + 1:
        lines.append(f"  and {len(cells) - 1 - _MOST_LINES:,} more; the frame has all of them")
    return "\n".join([head, *lines, *sweep_notes(sweep)])


def comparison_text(comparison: Comparison) -> str:
    """Describe a comparison in plain text.

    Examples
    --------
    >>> from orchestra_nb.bench.environment import Environment
    >>> sweep = Sweep("1", "graph", (), 0, Environment("3.11", "Linux"))
    >>> print(comparison_text(Comparison(sweep, sweep, (), 0.05, ("cores: 2 before, 4 after",))))
    nothing to compare: no configuration is in both sweeps
    cores: 2 before, 4 after
    """
    rows = list(compared_cells(comparison.rows[:_MOST_LINES]))
    lines = list(aligned(rows)) if comparison.rows else []
    if len(comparison.rows) > _MOST_LINES:
        lines.append(f"  and {len(comparison.rows) - _MOST_LINES:,} more; the frame has all of them")
    return "\n".join([clean(comparison.headline), *lines, *comparison_notes(comparison)])


def seconds(value: float) -> str:
    """Say a measured time with three digits.

    Examples
    --------
    >>> seconds(1.2345), seconds(0.012345), seconds(75.04), seconds(0.0000123), seconds(float("nan"))
    ('1.23 s', '12.3 ms', '75.0 s', '0.0123 ms', '?')
    """
    if not math.isfinite(value):
        return "?"
    scaled, unit = (value, "s") if abs(value) >= 0.9995 else (1000 * value, "ms")
    if scaled == 0:
        return "0 s"
    digits = max(0, 2 - math.floor(math.log10(abs(scaled)) + 1e-9))
    return f"{scaled:,.{digits}f} {unit}"


def narrowed(cells: Sequence[Sequence[str]], width: int) -> list[str]:
    r"""Set the table of a sweep so that it fits, where that can be; what is left out is in the frame.

    Parameters
    ----------
    cells
        With the headings first, as :func:`sweep_cells` gives them.
    width
        How many columns of characters there are.

    Examples
    --------
    >>> cells = [["jobs", "time", "", "speed-up", "", "efficiency", "serial", "over bound", "failed"]]
    >>> cells += [["2", "1.00 s", "0.98 s to 1.10 s", "1.90", "1.80 to 2.00", "0.95", "0.05", "1.02 ×", ""]]
    >>> print("\n".join(narrowed(cells, 50)))
      jobs  time                      speed-up
      2     1.00 s  0.98 s to 1.10 s  1.90
    """
    from rich.cells import cell_len

    first = len(cells[0]) - _NUMBERS
    left = _filled(cells)
    for number in (None, *_SPARED):
        left = [i for i in left if number is None or i != first + number]
        lines = list(aligned([[row[i] for i in left] for row in cells]))
        if max(map(cell_len, lines)) <= width:
            break
    return lines


def _filled(cells: Sequence[Sequence[str]]) -> list[int]:
    """The columns in which anything stands below the heading."""
    return [i for i in range(len(cells[0])) if any(row[i] for row in cells[1:])]


def _sweep_html(sweep: Sweep) -> str:
    head, cells = sweep_cells(sweep)
    markup = html.paragraph(head, "font-weight:bold")
    if len(cells) > 1:
        headings, *rows = ([row[i] for i in _filled(cells)] for row in cells)
        markup += html.table(headings, rows)
    if drawable() and any(row.time.n for row in sweep.summaries):
        from orchestra_nb.display.plots.figure import figure_html
        from orchestra_nb.display.plots.sweeps import sweep_figure

        markup += figure_html(sweep_figure(sweep))
    return markup + "".join(map(html.paragraph, sweep_notes(sweep)))


def sweep_cells(sweep: Sweep) -> tuple[str, list[list[str]]]:
    """Make the first line, and the cells of the table below it."""
    rows = sweep.summaries
    which = [_which(row.graph, row.setting) for row in rows]
    same, varying = _parted(which)
    counted = f"{count(len(sweep.runs), 'run')} of {count(len(rows), 'configuration')}"
    head = ", ".join([f"{short(sweep.name, 80)}: {counted}", *(each for each in same if each != short(sweep.name, 80))])
    titles = [*(_WHICH[i] for i in varying), "time", "", "speed-up", "", "efficiency", "serial", "over bound", "failed"]
    cells = [titles, *([*(line[i] for i in varying), *_numbers(row)] for line, row in zip(which, rows, strict=True))]
    return head, cells


def _which(graph: str, setting: Setting | None) -> list[str]:
    if setting is None:
        return ["all together", "", "", "", ""]
    return [short(graph, 40), str(setting.jobs), *(short(word, 24) for word in setting.series)]


def _parted(which: Sequence[Sequence[str]]) -> tuple[list[str], list[int]]:
    """Tell what is the same in all rows, as words, and which columns differ; the number of jobs always stands there."""
    varying = [i for i in range(len(_WHICH)) if i == 1 or len({row[i] for row in which}) > 1]
    return ([which[0][i] for i in range(len(_WHICH)) if i not in varying] if which else []), varying


def _numbers(row: Summary) -> list[str]:
    time, against = row.time, row.against
    around = "" if math.isnan(time.low) else f"{seconds(time.low)} to {seconds(time.high)}"
    ratios = against is not None and against.coverage > 0 and row.setting.jobs > 1
    ends = f"{against.low:.2f} to {against.high:.2f}" if ratios and against is not None else ""
    known = not math.isnan(row.speedup)
    return [
        seconds(time.value) if time.n else "",
        around,
        f"{row.speedup:.2f}" if known else "",
        ends,
        f"{row.efficiency:.2f}" if known else "",
        "" if math.isnan(row.serial) else f"{row.serial:.2f}",
        "" if math.isnan(row.over_bound) else f"{row.over_bound:.2f} ×",
        str(row.failed) if row.failed else "",
    ]


def sweep_notes(sweep: Sweep) -> list[str]:
    """Say what one should know of a sweep, and where it was made."""
    rows = sweep.summaries
    found = [short(note, _LONGEST) for note in sweep.notes]
    if len({row.graph for row in rows}) > 1:
        means = [(s, mean, n) for s, mean, n in overall(rows) if s.jobs > 1 and n > 1]
        found += [f"over {n} graphs, {short(setting, 80)}: speed-up {mean:.2f} (geometric mean)"
                  for setting, mean, n in means]  # fmt: skip
    return [*found, short(sweep.environment.line, _LONGEST)]


def comparison_notes(comparison: Comparison) -> list[str]:
    """Say what one should know of a comparison."""
    given = [*comparison.notes, *filter(None, [needed(comparison)])]
    return [short(note, _LONGEST) for note in given[:_MOST_LINES]]


def compared_cells(rows: Sequence[Compared]) -> Iterator[list[str]]:
    """Make the cells of a comparison's table, the headings first and the verdict last."""
    which = [_which(row.graph, row.setting) for row in rows]
    _, varying = _parted([line for line, row in zip(which, rows, strict=True) if row.setting is not None])
    yield [*(_WHICH[i] for i in varying), "before", "after", "what follows"]
    for line, row in zip(which, rows, strict=True):
        times = ["" if math.isnan(value) else seconds(value) for value in (row.before, row.after)]
        named = [line[i] for i in varying]
        if row.setting is None:
            named = ["all together", *[""] * (len(varying) - 1)]
        yield [*named, *times, str(row)]


def _run_row(run: Measured, began: float | None) -> tuple[Any, ...]:
    turn = run.turn
    return (
        *(turn.number, turn.graph, turn.setting.jobs, *turn.setting.series, turn.round, turn.warmup),
        *("done" if run.ok else "failed", run.seconds, run.wall, run.work, run.bound, run.utilization, run.nodes),
        *(run.load_before, run.load_after, run.at, after(began, run.at), run.error),
    )


def summary_row(row: Summary) -> tuple[Any, ...]:
    """Make a row of the frame of configurations."""
    time, against = row.time, row.against
    ends = (math.nan, math.nan, math.nan)
    if against is not None and against.coverage > 0:
        ends = (against.low, against.high, against.coverage)
    return (
        *(row.graph, row.setting.jobs, *row.setting.series, time.n, row.failed),
        *(time.value, time.low, time.high, time.coverage, time.spread),
        *(row.speedup, *ends, row.efficiency, row.serial, row.work, row.bound, row.over_bound, row.utilization),
    )


def compared_row(row: Compared) -> tuple[Any, ...]:
    """Make a row of the frame of a comparison."""
    how: Iterable[Any] = (None, "", None, None)
    if row.setting is not None:
        how = (row.setting.jobs, *row.setting.series)
    numbers = (math.nan,) * 4
    if row.ratio is not None:
        sure = row.ratio.coverage > 0
        ends = (row.ratio.low, row.ratio.high) if sure else (math.nan, math.nan)
        numbers = (row.ratio.value, *ends, row.ratio.coverage)
    return (row.graph, *how, *row.runs, row.before, row.after, *numbers, row.p, row.detectable, row.verdict)
