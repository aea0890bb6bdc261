"""How the result of a run shows itself: how it went, each node, and the picture with what happened.

Policy: the first line answers "did it work, and how long did it take"; then what went wrong, in the words of the error;
the rest is evidence. The same in plain text, which is what headless tools and diffs show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestra_nb.display import frames, html, text
from orchestra_nb.display.gantt_chart import Gantt, gantt_of
from orchestra_nb.display.graphs import edges_html, picture_block
from orchestra_nb.display.looks import LOOKS
from orchestra_nb.display.wording import clean, count, duration
from orchestra_nb.presentation import Bundle, presents
from orchestra_nb.running.result import RunResult

if TYPE_CHECKING:
    import pandas as pd

_HEADINGS = ("node", "status", "time", "worker", "why")


@presents(RunResult)
class RunPresenter:
    """Shows the result of a run."""

    def bundle(self, value: RunResult) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        return {"text/plain": run_text(value), "text/html": _html(value)}

    def frame(self, value: RunResult) -> pd.DataFrame:
        """Make the frame of outcomes."""
        return frames.outcomes(value.outcomes, value.dag, value.started_at)

    def levels(self, value: RunResult) -> pd.DataFrame:
        """Make the frame of levels."""
        return frames.run_levels(value.outcomes, value.dag, value.started_at)

    def gantt(self, value: RunResult, *, plan: bool) -> Gantt:
        """Make the Gantt chart."""
        return gantt_of(value, headline(value), plan=plan)


def headline(result: RunResult) -> str:
    """Say how a run went, in one line."""
    statuses = [outcome.status for outcome in result.outcomes.values()]
    tally = ", ".join(f"{statuses.count(status)} {status}" for status in LOOKS if status in statuses)
    how = "done" if result.success else (clean(result.stopped) or "failed")
    mark = LOOKS["done" if result.success else "cancelled" if result.stopped else "failed"].mark
    return (
        f"{mark} {how}: {count(len(statuses), 'node')} ({tally or 'nothing to do'}) in {duration(result.total_time)}"
        f" · lower bound {duration(result.lower_bound)} · speed-up {result.speedup:.2f}"
        f" · jobs={result.jobs} · {clean(result.backend)}"
    )


def run_text(result: RunResult) -> str:
    """Describe a run in plain text: the headline, each node, what went wrong, and the critical path."""
    parts = [headline(result), text.outcomes_text(result.outcomes), *_faults(result)]
    return "\n".join([*filter(None, parts), text.critical_path_text(result.dag)])


def _faults(result: RunResult) -> list[str]:
    errors = [f"{type(error).__name__}: {clean(error)}" for error in result.errors]
    undone = [] if result.undone is None else [clean(line) for line in result.undone.lines()]
    return [*errors, *undone, *(text.unforeseen_line(change) for change in result.unforeseen)]


def _html(result: RunResult) -> str:
    colour = LOOKS["done" if result.success else "failed"].border
    rows = [text.outcome_row(name, outcome) for name, outcome in result.outcomes.items()]
    path = text.critical_path_text(result.dag)
    return "".join(
        [
            html.paragraph(headline(result), f"font-weight:bold;border-left:4px solid {colour};padding-left:8px"),
            *(html.paragraph(fault) for fault in _faults(result)),
            picture_block(result.dag, result.outcomes, said=headline(result)),
            html.paragraph(path),
            html.details(count(len(rows), "node"), html.table(_HEADINGS, rows), shown=len(rows) <= 40),
            edges_html(result.dag),
        ]
    )
