"""How policies side by side show themselves: a table, a figure where matplotlib is there, all Gantts on one time axis.

Policy: with one number of workers, a row says all of a policy; with several, makespans stand policy by number, and the
rest is folded. The charts of the schedules stand below one another on one time axis, so that they can be compared by
eye; many are folded, and where they would be too heavy the last of them are left out, which is said. The shortest of
those that a run can follow is named in words, for that is what somebody wants to know.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from orchestra_nb.display import comparison_tables, html
from orchestra_nb.display.columns import framed
from orchestra_nb.display.gantt.chart import Gantt
from orchestra_nb.display.gantt.words import title
from orchestra_nb.display.plans import schedule_gantt
from orchestra_nb.display.plots.figure import drawable, figure_html
from orchestra_nb.display.text import aligned
from orchestra_nb.display.wording import clean, count, duration, short
from orchestra_nb.presentation import Bundle, presents
from orchestra_nb.simulation.policy_comparison import ComparedPolicy, PolicyComparison

if TYPE_CHECKING:
    import pandas as pd

    from orchestra_nb.display.plots.paper import Paper

_HEADINGS = ("policy", "makespan", "over the bound", "over the optimum", "busy", "idle", "")
_FEW = 4
"""So many charts are open; more are folded."""
_MOST_BYTES = 400_000
"""What all charts together may weigh; a page of a notebook has other things to keep."""
_NAME = 32


@presents(PolicyComparison)
class ComparisonPresenter:
    """Shows policies side by side."""

    def bundle(self, value: PolicyComparison) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        table = list(_table(value))
        lines = [headline(value), *(aligned(table) if value.rows else ()), *_below(value)]
        return {"text/plain": "\n".join(lines), "text/html": "".join(_page(value, table))}

    def frame(self, value: PolicyComparison) -> pd.DataFrame:
        """Make the frame: one row per policy and number of workers."""
        return framed(comparison_tables.POLICIES.columns, map(_frame_row, value.rows))

    def chart(self, value: PolicyComparison, label: str) -> Gantt:
        """Make the Gantt chart of one policy."""
        return schedule_gantt(value.schedules[label])

    def plot(self, value: PolicyComparison) -> Paper:
        """Make the figure: bars for one number of workers, curves for several."""
        from orchestra_nb.display.plots.policies import policies_figure

        return policies_figure(value)


def headline(value: PolicyComparison) -> str:
    """Say in one line what was compared, and what no schedule can beat.

    Examples
    --------
    >>> from orchestra_nb import DAG, Node, compare_policies
    >>> headline(compare_policies(DAG([Node("a"), Node("b")]), 2, ["fifo"]))
    '1 policy for 2 nodes on 2 workers; no schedule is shorter than 1.0 s'
    """
    what = "1 policy" if len(_labels(value)) == 1 else f"{len(_labels(value))} policies"
    numbers = value.workers
    if not numbers:
        return f"{what} for {count(value.nodes, 'node')}"
    who = count(numbers[0], "worker") if len(numbers) == 1 else f"{', '.join(map(str, numbers))} workers"
    if value.speeds:
        who += f" of speeds {', '.join(f'{speed:g}' for speed in value.speeds[:8])}"
        who += ", …" if len(value.speeds) > 8 else ""
    told = f"{what} for {count(value.nodes, 'node')} on {who}"
    bound = f"; no schedule is shorter than {duration(value.rows[0].lower_bound)}"
    return told + (bound if len(numbers) == 1 else "")


def _labels(value: PolicyComparison) -> list[str]:
    return list(dict.fromkeys(row.label for row in value.rows))


def _named(label: str) -> str:
    return short(label, _NAME)


def _table(value: PolicyComparison) -> Iterator[Sequence[str]]:
    if len(value.workers) <= 1:
        yield _HEADINGS
        yield from (_row(row) for row in value.rows)
        return
    found = {(row.label, row.workers): row for row in value.rows}
    yield ("makespan", *(count(number, "worker") for number in value.workers))
    for label in _labels(value):
        cells = (found.get((label, number)) for number in value.workers)
        yield (_named(label), *("" if row is None else _makespan(row) for row in cells))
    bounds = {row.workers: row.lower_bound for row in value.rows}
    yield ("lower bound", *(duration(bounds[number]) for number in value.workers))


def _makespan(row: ComparedPolicy) -> str:
    return duration(row.makespan)


def _row(row: ComparedPolicy) -> Sequence[str]:
    over = "" if row.over_optimum is None else f"{row.over_optimum:.3f}"
    spread = f"{duration(row.low)} to {duration(row.high)}" if row.low < row.high else ""
    said = "the shortest" if row.proved else ""
    return (
        *(_named(row.label), _makespan(row), f"{row.over_bound:.3f}", over),
        *(f"{row.utilization:.0%}", duration(row.idle), spread or said),
    )


def _frame_row(row: ComparedPolicy) -> tuple[object, ...]:
    return (
        *(row.policy, row.schedule, row.workers, row.makespan, row.low, row.high, row.lower_bound, row.over_bound),
        *(row.over_optimum, row.utilization, row.idle, row.proved, row.label),
    )


def _below(value: PolicyComparison) -> Iterator[str]:
    """What is said below the table: who is best, what chance was, and what is not there."""
    if value.rows:
        number = count(value.rows[-1].workers, "worker")
        best = value.best
        as_short = [row for row in value.at(best.workers).rows if row.makespan <= best.makespan * (1 + 1e-9)]
        others = sum(row.schedule != "static" and row.policy != "random" for row in as_short) - 1
        also = f", and {others} as short" if others > 0 else ""
        yield f"shortest of those that a run can follow, with {number}: {clean(best.label)}{also}"
    if any(row.policy == "random" for row in value.rows) and value.seeds > 1:
        yield f"random: the median of {value.seeds} seeds"
    for remark in value.remarks:
        yield clean(" ".join(remark.split()))


def _page(value: PolicyComparison, table: Sequence[Sequence[str]]) -> Iterator[str]:
    yield html.paragraph(headline(value))
    yield html.table(table[0], table[1:])
    for line in _below(value):
        yield html.paragraph(line)
    if value.rows and drawable():
        made = ComparisonPresenter().plot(value)
        yield figure_html(made)
    if len(value.workers) > 1:
        rows = [(str(row.workers), *_row(row)) for row in value.rows]
        yield html.details(count(len(rows), "row"), html.table(("workers", *_HEADINGS), rows))
    yield from _charts(value)


def _charts(value: PolicyComparison) -> Iterator[str]:
    """All schedules on one time axis."""
    plans = value.schedules if value.rows else {}
    until = max((plan.makespan for plan in plans.values()), default=0.0)
    parts: list[str] = []
    for label, plan in plans.items():
        chart = schedule_gantt(plan, until)
        shown = html.paragraph(f"{_named(label)} · {chart.heading}") + html.picture(chart.svg, title(chart.timeline))
        if parts and sum(map(len, parts)) + len(shown) > _MOST_BYTES:
            left = len(plans) - len(parts)
            parts.append(html.paragraph(f"and {count(left, 'schedule')} more; .gantt(name) draws each"))
            break
        parts.append(shown)
    if parts:
        workers = f", {count(value.rows[-1].workers, 'worker')}" if len(value.workers) > 1 else ""
        yield html.details(f"the schedules on one time axis{workers}", "".join(parts), shown=len(plans) <= _FEW)
