"""The Gantt chart as a value: it shows itself, and gives its picture and the numbers behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from orchestra_nb.display import html, tables
from orchestra_nb.display.columns import framed
from orchestra_nb.display.gantt.bars import Timeline
from orchestra_nb.display.gantt.plan import planned
from orchestra_nb.display.gantt.svg import gantt_svg
from orchestra_nb.display.gantt.text import gantt_text
from orchestra_nb.display.gantt.timeline import timeline_of
from orchestra_nb.display.gantt.words import title
from orchestra_nb.presentation import Bundle
from orchestra_nb.replay.state import ReplayState
from orchestra_nb.running.result import RunResult
from orchestra_nb.simulation.schedule import Schedule

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)  # without slots: the picture is made when somebody wants it
class Gantt:
    """Who did what when.

    Parameters
    ----------
    timeline
        What happened.
    behind
        What is shown behind it; ``None`` for nothing.
    heading
        A line above it.
    until
        The time axis goes to this moment at least (seconds), so that several charts can be compared.
    """

    timeline: Timeline
    behind: Timeline | None = None
    heading: str = ""
    until: float = 0.0

    @cached_property
    def svg(self) -> str:
        """The picture: static, and all that it needs is in it."""
        return gantt_svg(self.timeline, self.behind, self.until)

    @property
    def frame(self) -> pd.DataFrame:
        """One row for each time that a node waited, ran or rested; ``docs/frames.md`` says what its columns are."""
        return framed(tables.GANTT.columns, self._rows())

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        lanes = self.timeline.lanes
        for bar in (*self.timeline.bars, *self.timeline.waiting):
            lane = lanes[bar.lane] if bar.lane >= 0 else ""
            for piece in bar.pieces:
                times = piece.start, piece.end, piece.end - piece.start
                yield (str(bar.node), lane, piece.kind, *times, bar.state, bar.attempts, bar.critical)

    @property
    def text(self) -> str:
        """The chart in characters."""
        return "\n".join([*([self.heading] if self.heading else []), gantt_text(self.timeline)])

    def __repr__(self) -> str:
        return f"<{title(self.timeline)}>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        head = html.paragraph(self.heading) if self.heading else ""
        return {"text/plain": self.text, "text/html": head + html.picture(self.svg, title(self.timeline))}


def gantt_of(source: RunResult | ReplayState | Schedule, heading: str = "", *, plan: bool = True) -> Gantt:
    """Make the chart of a run, of a run at one moment, or of a simulated schedule.

    Parameters
    ----------
    source
        Which of them.
    heading
        A line above it.
    plan
        Whether the simulated schedule stands behind a run that has ended.
    """
    schedule = None
    if plan and isinstance(source, RunResult):
        schedule = planned(source.dag, source.outcomes, source.jobs)
    elif plan and isinstance(source, ReplayState) and source.over:
        schedule = planned(source.dag, source.outcomes, source.jobs or 0)
    return Gantt(timeline_of(source), None if schedule is None else timeline_of(schedule), heading)
