"""What a person at a terminal sees: the same answers as in plain lines, set for the width that there is.

**Who gets it.** A terminal that can move its cursor (:func:`capable`). A file, a pipe, a CI log and a terminal that
says it is dumb get plain lines (:mod:`orchestra_nb.display.text`): no control characters, the same for the same run,
one fact in a line. Machines have ``--json``. So nothing here is the only place where a fact stands.

**How.** Each answer is an object that rich draws when it knows the width: :class:`.Results`, :class:`.LevelTree`,
:class:`.Lanes`, :class:`.Faults`, :class:`.Prose`, and :class:`.RunView` while a run goes on. Names become
:class:`rich.text.Text`, cleaned and never parsed as markup. Widths are those of the terminal's cells: an East Asian
character is two of them. What is too wide is cut with an ellipsis where it is a name in a column, and broken between
words where it is prose.

**Colours** come with a mark each, are the terminal's own sixteen (its owner chose them), and are left out by rich where
``NO_COLOR`` says so.

Rejected: rich's own ``Table`` and ``Tree`` (a table cuts all columns alike, or breaks names in the middle into several
lines; durations in a tree do not line up), panels and boxes (they take columns, and copy badly).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TextIO

from orchestra_nb.display.terminal.charts import Lanes
from orchestra_nb.display.terminal.graphs import LevelTree, Plan
from orchestra_nb.display.terminal.prose import Faults, Prose
from orchestra_nb.display.terminal.results import Results

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["Faults", "Lanes", "LevelTree", "Plan", "Prose", "Results", "capable", "drawn", "of_value"]


def capable(stream: TextIO) -> bool:
    """Whether a stream leads to a terminal that can do more than print lines.

    Examples
    --------
    >>> import io
    >>> capable(io.StringIO())
    False
    """
    return stream.isatty() and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")


def of_value(value: object, plain: str) -> RenderableType:
    """Choose what a terminal shows of a value whose plain lines are these."""
    from orchestra_nb.bench.records import Sweep
    from orchestra_nb.bench.verdicts import Comparison
    from orchestra_nb.display.gantt.chart import Gantt
    from orchestra_nb.display.plans import schedule_gantt
    from orchestra_nb.display.terminal.benches import Judged, Swept
    from orchestra_nb.graph.dag import DAG
    from orchestra_nb.graph.validation import ValidationResult
    from orchestra_nb.running.result import RunResult
    from orchestra_nb.simulation.schedule import Schedule

    match value:
        case DAG():
            return Plan(value)
        case ValidationResult():
            return Faults(value.issues)
        case RunResult():
            return Results.of(value)
        case Schedule():
            return Lanes(schedule_gantt(value))
        case Gantt():
            return Lanes(value)
        case Sweep():
            return Swept(value)
        case Comparison():
            return Judged(value)
    return Prose(plain.split("\n"))


def drawn(shown: RenderableType, stream: TextIO | None = None) -> str:
    """Draw for a stream's terminal, to be printed there by somebody else."""
    from rich.console import Console

    console = Console(file=stream, highlight=False, emoji=False, markup=False)
    with console.capture() as captured:
        console.print(shown)
    return captured.get().rstrip("\n")
