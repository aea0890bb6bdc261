"""What a run looks like while it goes on: a line of progress, the nodes that run, and the levels if there is room.

Pure: a report and a height in, something to draw out. **Room** is what decides. The line is always there. Below it
stand the nodes that run and for how long, those that have run longest first, for these are the ones a person asks
about; as many as fit, and how many there are beside. Where then rows are left for a few levels, a tree of them: how far
each is, and the names of nodes that run or went wrong. Of many levels those are shown in which something happens. The
view never fills the terminal: what is drawn anew may not scroll.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestra_nb.display.terminal.columns import Column, lines
from orchestra_nb.display.terminal.looks import MARKS, STYLES
from orchestra_nb.display.wording import clean, duration
from orchestra_nb.progress.sinks import Report
from orchestra_nb.progress.state import Standing
from orchestra_nb.progress.stats import ProgressStats
from orchestra_nb.progress.terminal import renderable

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.text import Text

_LOW, _TALL = 8, 20
"""Rows of a terminal from which on running nodes have rows of their own, and from which on levels have."""
_MOST_RUNNING = 8
_NAMES = 12
"""Names of a level; what does not fit is cut."""
_STATES = {
    **{"in_progress": "running", "completed": "done", "pending": "waiting"},
    **{"failed": "failed", "skipped": "skipped", "cancelled": "cancelled"},
}
_TOLD: Sequence[Standing] = ("failed", "cancelled", "in_progress")


@dataclass(frozen=True)
class Running:
    """A node that runs: its name, for how many seconds, and in which level; below zero, how long it still rests."""

    name: str
    seconds: float
    level: int


@dataclass(frozen=True)
class LevelSoFar:
    """How far a level is: its number, how many nodes have ended of how many, and names with how they stand."""

    number: int
    ended: int
    total: int
    told: tuple[tuple[str, Standing], ...]


@dataclass(frozen=True)
class RunView:
    """A run at one moment.

    Parameters
    ----------
    stats
        How far it is.
    running
        What runs, the longest first.
    levels
        All levels.

    Examples
    --------
    >>> from orchestra_nb.graph.dag import DAG
    >>> from orchestra_nb.model import Node
    >>> from orchestra_nb.progress.tracker import ProgressTracker
    >>> tracker = ProgressTracker()
    >>> tracker.initialize(DAG([Node("load"), Node("fit", after=["load"])]), "today")
    >>> tracker.mark_started("load")
    >>> view = RunView.of(tracker.report())
    >>> [(node.name, node.level) for node in view.running], [level.total for level in view.levels]
    ([('load', 0)], [1, 1])
    """

    stats: ProgressStats
    running: tuple[Running, ...]
    levels: tuple[LevelSoFar, ...]

    @classmethod
    def of(cls, report: Report) -> RunView:
        """Take what is to be seen of a report."""
        progress, table = report.progress, report.progress.dag.table
        levels: list[LevelSoFar] = []
        level_of: dict[int, int] = {}
        for number, members in enumerate(table.levels):
            standings = [progress.standings[i] for i in members]
            ended = sum(standing not in ("pending", "in_progress") for standing in standings)
            told: list[tuple[str, Standing]] = []
            for kind in _TOLD:
                told += [(table.ids[i], kind) for i, now in zip(members, standings, strict=True) if now == kind]
            levels.append(LevelSoFar(number, ended, len(members), tuple(told[:_NAMES])))
            level_of.update((i, number) for i, now in zip(members, standings, strict=True) if now == "in_progress")
        now = report.stats.elapsed
        running = [Running(table.ids[i], now - began, level_of.get(i, 0)) for i, began in progress.running.items()]
        running.sort(key=lambda node: -node.seconds)
        return cls(report.stats, tuple(running), tuple(levels))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        height = console.size.height
        if height < _LOW:
            yield renderable(self.stats)
            return
        yield renderable(replace(self.stats, active=()))
        room = height - 3
        shown = self.running[: min(_MOST_RUNNING, room - 1)]
        yield from _running(shown, len(self.running) - len(shown), options.max_width)
        room -= len(shown) + (len(self.running) > len(shown))
        if height >= _TALL and len(self.levels) > 1:
            yield from _tree(self.levels, room, options.max_width)


def _running(shown: Sequence[Running], more: int, width: int) -> Iterator[Text]:
    from rich.text import Text

    if not shown:
        return
    names, times, levels = [], [], []
    for node in shown:
        state = "running" if node.seconds >= 0 else "resting"
        names.append(Text().append(f"{MARKS[state]} ", STYLES[state]).append(clean(node.name)))
        times.append(Text(duration(node.seconds) if node.seconds >= 0 else f"again in {duration(-node.seconds)}"))
        levels.append(Text(f"level {node.level}", "dim"))
    columns = [Column("", names, least=10), Column("", times, right=True), Column("", levels, spare=1)]
    yield from list(lines(columns, width))[1:]
    if more > 0:
        yield Text(f"  and {more:,} more", "dim")


def _tree(levels: Sequence[LevelSoFar], room: int, width: int) -> Iterator[Text]:
    from rich.text import Text

    shown = window(levels, room)
    widest = len(f"{max(level.total for level in levels):,}")
    for level in shown:
        last = level.number == len(levels) - 1
        line = Text(no_wrap=True).append("└─ " if last else "├─ ", "dim")
        line.append(f"{level.number:>{len(str(len(levels)))}}  {level.ended:>{widest},} of {level.total:>{widest},}")
        if level.ended == level.total:
            line.append(f"  {MARKS['done']}", STYLES["done"])
        for name, standing in level.told:
            state = _STATES[standing]
            line.append(f"  {MARKS[state]} ", STYLES[state]).append(clean(name))
        line.truncate(width, overflow="ellipsis")
        yield line
    if len(shown) < len(levels):
        yield Text(f"   {len(levels) - len(shown):,} of {len(levels):,} levels are not shown", "dim")


def window(levels: Sequence[LevelSoFar], room: int) -> Sequence[LevelSoFar]:
    """Choose the levels that are shown: around the first that has not ended, and as many as fit with a line below."""
    if len(levels) <= room:
        return levels
    most = max(0, room - 1)
    first = next((level.number for level in levels if level.ended < level.total), len(levels))
    start = max(0, min(first - 1, len(levels) - most))
    return levels[start : start + most]
