"""The result of a run on a terminal: a table of its nodes, how it went, what went wrong and what to do next.

The last lines are what a person sees when the prompt is back, so the verdict stands below the table and not above it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestra_nb.display.terminal.columns import Column, lines
from orchestra_nb.display.terminal.looks import MARKS, STYLES
from orchestra_nb.display.terminal.prose import Prose
from orchestra_nb.display.wording import clean
from orchestra_nb.model import Outcome
from orchestra_nb.running.result import RunResult

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.text import Text


@dataclass(frozen=True)
class Results:
    """How each node ended, and lines below.

    Parameters
    ----------
    outcomes
        By node, in document order.
    below
        How the run went, its errors, and what to do next; cleaned.

    Examples
    --------
    >>> from rich.console import Console
    >>> console = Console(width=60, color_system=None)
    >>> console.print(Results({"load": Outcome("load", "done", started=0.0, ended=1.5, worker="main")}, ["✓ done"]))
    node    status  seconds  worker
    ✓ load  done      1.500  main
    ✓ done
    """

    outcomes: Mapping[str, Outcome]
    below: Sequence[str] = ()

    @classmethod
    def of(cls, result: RunResult) -> Results:
        """Show the result of a run as it tells it itself."""
        from orchestra_nb.display.runs import closing_lines

        return cls(result.outcomes, closing_lines(result))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        if self.outcomes:
            yield from lines(_columns(self.outcomes), options.max_width)
        yield Prose(self.below)


def _columns(outcomes: Mapping[str, Outcome]) -> list[Column]:
    from rich.text import Text

    given = list(outcomes.items())
    often = any(outcome.attempts > 1 for _, outcome in given)
    return [
        Column("node", [_named(name, outcome) for name, outcome in given], least=14),
        Column("status", [Text(o.status, STYLES[o.status]) for _, o in given]),
        Column("seconds", [Text(_seconds(outcome)) for _, outcome in given], right=True),
        Column("worker", [Text(clean(outcome.worker), "dim") for _, outcome in given], least=8, spare=3),
        Column("attempts", [Text(str(o.attempts or "") if often else "") for _, o in given], right=True, spare=2),
        Column("why", [Text(_why(outcome)) for _, outcome in given], least=16, spare=1),
    ]


def _named(name: str, outcome: Outcome) -> Text:
    from rich.text import Text

    return Text().append(f"{MARKS[outcome.status]} ", STYLES[outcome.status]).append(clean(name))


def _seconds(outcome: Outcome) -> str:
    return "" if outcome.started is None else f"{outcome.seconds:,.3f}"


def _why(outcome: Outcome) -> str:
    return clean(outcome.reason or str(outcome.error or "").split("\n")[0])
