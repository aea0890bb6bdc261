"""A Gantt chart on a terminal: as wide as that is, each lane in one line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestra_nb.display.gantt.chart import Gantt
from orchestra_nb.display.gantt.crowding import rows_of
from orchestra_nb.display.gantt.text import gantt_text
from orchestra_nb.display.terminal.prose import Prose

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

_AXIS = 2
"""Lines of the axis below the lanes."""


@dataclass(frozen=True)
class Lanes:
    """A chart, what it is of above it, and what there is to say below."""

    chart: Gantt

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        from rich.text import Text

        if self.chart.heading:
            yield Prose([self.chart.heading])
        timeline = self.chart.timeline
        drawn = gantt_text(timeline, options.max_width).split("\n")
        lanes = len(rows_of(timeline)[0]) + _AXIS if timeline.bars else 0
        yield from (Text(line, no_wrap=True, overflow="crop") for line in drawn[:lanes])
        yield Prose(drawn[lanes:])
