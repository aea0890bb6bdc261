"""What the magics answer with, when it is no DAG, schedule or result: a text, its HTML, and a frame.

One value class for all of them, because they differ in their words only. The frame is made when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from orchestra_nb.cells.cell import Cell
from orchestra_nb.config import RunConfig
from orchestra_nb.display import frames, html, text
from orchestra_nb.display.proof import proof_lines
from orchestra_nb.display.replays import event_row, headline
from orchestra_nb.errors import Issue
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node
from orchestra_nb.notebook.resume_plan import ResumePlan
from orchestra_nb.notebook.why_kept import WhyKept
from orchestra_nb.presentation import Bundle, presenter_of
from orchestra_nb.replay import ReplayState
from orchestra_nb.simulation.schedule import Schedule

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Report:
    """An answer that shows itself.

    Parameters
    ----------
    plain
        For terminals, diffs and tests.
    markup
        The same as HTML.
    make_frame
        Makes the frame behind it.
    """

    plain: str
    markup: str
    make_frame: Callable[[], pd.DataFrame]

    @property
    def frame(self) -> pd.DataFrame:
        """The numbers behind the answer."""
        return self.make_frame()

    def __repr__(self) -> str:
        return self.plain

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        return {"text/plain": self.plain, "text/html": self.markup}


def table_report(headings: Sequence[str], rows: Iterable[Sequence[Any]], head: str = "") -> Report:
    """A table with a line above it.

    Examples
    --------
    >>> print(table_report(("knob", "value"), [("jobs", 2)], head="defaults").plain)
    defaults
      jobs  2
    """
    given = [tuple(row) for row in rows]
    widths = [max((len(str(row[i])) for row in given), default=0) for i in range(len(headings))]
    lines = ["  " + "  ".join(f"{cell!s:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in given]
    markup = (html.paragraph(head) if head else "") + html.table(headings, given)

    def frame() -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(given, columns=list(headings))

    return Report("\n".join([*([head] if head else []), *(line.rstrip() for line in lines)]), markup, frame)


def understanding(cells: Sequence[Cell], dag: DAG, warnings: Iterable[Issue] = ()) -> Report:
    """What a declaration was taken to mean: names, needs and where it may run.

    Parameters
    ----------
    cells
        The cells that were declared.
    dag
        Everything that is declared so far, these among it.
    warnings
        What was noticed and does not stop it.
    """
    rows = [row for cell in cells for row in _understood(dag.nodes[cell.id], dag)]
    rows += [("", "warning", str(issue)) for issue in warnings]
    return table_report(("node", "what", "understood"), rows)


def _understood(node: Node, dag: DAG) -> list[tuple[str, str, str]]:
    needs = [str(edge) for edge in dag.edges if edge.target == node.id]
    process = node.verdicts.get("loky", "")
    thread = node.verdicts.get("threading", "")
    where = f"the main thread only: {thread}" if thread else f"threads only: {process}" if process else "anywhere"
    facts = {
        "reads": ", ".join(node.reads) or "nothing",
        "writes": ", ".join(node.writes) or "nothing",
        "mutates": ", ".join(node.mutates) or "nothing",
        "needs": "; ".join(needs) or "nothing",
        "may run": where,
    }
    return [(node.id if number == 0 else "", what, told) for number, (what, told) in enumerate(facts.items())]


def levels(dag: DAG) -> Report:
    """The levels: nodes that may run side by side."""
    rows = [(number, ", ".join(names)) for number, names in enumerate(dag.levels)]
    return Report(text.levels_text(dag), html.table(("level", "nodes"), rows), lambda: frames.levels(dag))


def plan(dag: DAG, schedule: Schedule) -> Report:
    """What would run, in which order and why."""
    bundles: list[Mapping[str, Any]] = [presenter_of(dag).bundle(dag), presenter_of(schedule).bundle(schedule)]
    plain, markup = ("\n".join(str(bundle[mime]) for bundle in bundles) for mime in ("text/plain", "text/html"))
    return Report(plain, markup, lambda: schedule.frame)


def why(dag: DAG, source: str, target: str) -> Report:
    """Why one node waits for another, edge by edge.

    Raises
    ------
    MissingDependencyError
        There is no node of that name.
    """
    lines = text.why_lines(dag, source, target)
    kept = set(pairwise(dag.way(source, target)))

    def frame() -> pd.DataFrame:
        every = frames.edges(dag)
        return every[[pair in kept for pair in zip(every["source"], every["target"], strict=True)]]

    return Report("\n".join(lines), "".join(html.paragraph(line) for line in lines), frame)


def kept(answer: WhyKept) -> Report:
    """Whether a cell's result would be found, part by part."""
    plain, headings = "\n".join(answer.lines), ("part", "state")
    markup = html.paragraph(answer.lines[0]) + (html.table(headings, answer.parts) if answer.parts else "")

    def frame() -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(answer.parts, columns=list(headings))

    return Report(plain, markup, frame)


def resumed(plan: ResumePlan) -> Report:
    """What going on with a run would take over, and what would run again, and why."""
    rows = [(name, verdict.fate, verdict.told) for name, verdict in plan.verdicts.items()]
    report = table_report(("node", "fate", "what becomes of it"), rows)
    return Report("\n".join(plan.lines), report.markup, report.make_frame)


def knobs(config: RunConfig) -> Report:
    """The defaults of runs, as they hold now."""
    rows = [(field.name, getattr(config, field.name)) for field in fields(config)]
    return table_report(("knob", "value"), rows, head="defaults of runs")


def told(words: str) -> Report:
    """A text, kept as it is."""
    return Report(words, f"<pre>{html.text(words)}</pre>", lambda: table_report(("text",), [(words,)]).frame)


def happened(state: ReplayState) -> Report:
    """List what had happened in a run at one moment."""
    rows = [event_row(event) for event in state.facts]
    plain = "\n".join([headline(state), *text.some(list(text.aligned(rows)) if rows else [], html.MOST_ROWS)])
    markup = html.paragraph(headline(state)) + html.table(("at", "event", "about", "says"), rows)
    return Report(plain, markup, lambda: state.events)


def verified(found: Mapping[str, Any]) -> Report:
    """The answer of a comparison with a linear run; the frame has a row for each difference."""
    plain = "\n".join(proof_lines(found))
    headings = ("run", "kind", "where", "difference", "path", "linear", "other")
    keys = ("run", "kind", "where", "message", "path", "linear", "other")
    rows = [tuple(item[key] for key in keys) for item in found["differences"]]

    def frame() -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(rows, columns=list(headings))

    markup = f"<pre>{html.text(plain)}</pre>"
    return Report(plain, markup + (html.table(headings, rows) if rows else ""), frame)
