"""A graph on a terminal: a tree of its levels with what each node is expected to take, and the edges and why.

Nodes of the critical path carry a mark. Names share one column, so that durations line up below each other; it is as
wide as the longest name, and at most what the terminal leaves. All nodes are listed: whoever asks for them at a
terminal can page, and only there are they all to be found without ``--json``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestra_nb.display import text as words
from orchestra_nb.display.gantt.chart import Gantt
from orchestra_nb.display.terminal.charts import Lanes
from orchestra_nb.display.terminal.looks import CRITICAL, CRITICAL_STYLE
from orchestra_nb.display.terminal.prose import Prose
from orchestra_nb.display.wording import clean, count, duration
from orchestra_nb.graph.dag import DAG

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.text import Text

_LEAST, _MOST = 8, 48
"""Cells that a name may be cut to, and has at most."""


@dataclass(frozen=True)
class LevelTree:
    """The levels of a graph, each with its nodes, what they are expected to take, and which are critical.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> from rich.console import Console
    >>> dag = DAG([Node("load", cost=2), Node("fit", after=["load"], cost=3), Node("plot", after=["load"])])
    >>> Console(width=60, color_system=None).print(LevelTree(dag))
    3 nodes, 2 edges, 2 levels, at most 2 at once
    ├─ level 0: 1 node
    │  └─ ◆ load  2.0 s
    └─ level 1: 2 nodes
       ├─ ◆ fit   3.0 s
       └─   plot  1.0 s
    ◆ critical path (5.0 s of 6.0 s): load → fit
    """

    dag: DAG

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        from rich.text import Text

        yield Text(words.sizes(self.dag), "bold")
        yield from _branches(self.dag, options.max_width)
        yield Prose([f"{CRITICAL} {words.critical_path_text(self.dag)}"])


@dataclass(frozen=True)
class Plan:
    """A graph, with the reason of each edge, what will not be kept and what does not parse; and who would do what when.

    Parameters
    ----------
    dag
        The graph.
    schedule
        The chart of one that was simulated, if that was asked for.
    below
        Lines to be said after it; cleaned.
    """

    dag: DAG
    schedule: Gantt | None = None
    below: Sequence[str] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        yield LevelTree(self.dag)
        yield Prose([*words.not_kept_lines(self.dag), *words.fault_lines(self.dag)])
        yield Prose(["edges:", *(f"  {clean(edge)}" for edge in self.dag.edges)] if self.dag.edges else ["edges: none"])
        if self.schedule is not None:
            yield Lanes(self.schedule)
        yield Prose(self.below)


def _branches(dag: DAG, width: int) -> Iterator[Text]:
    from rich.cells import cell_len
    from rich.text import Text

    critical = set(dag.critical_path)
    times = {name: duration(float(node.cost)) for name, node in dag.nodes.items()}
    longest = max(map(len, times.values()), default=0)
    room = max(_LEAST, min(_MOST, width - len("│  ├─ ◆ ") - 2 - longest))
    column = min(room, max((cell_len(clean(name)) for name in dag.nodes), default=0))
    last = len(dag.levels) - 1
    for number, names in enumerate(dag.levels):
        heading = f"level {number:,}: {count(len(names), 'node')}"
        yield Text().append("└─ " if number == last else "├─ ", "dim").append(heading, "bold")
        stem = "   " if number == last else "│  "
        for place, name in enumerate(names):
            way = name in critical
            shown = Text(clean(name), CRITICAL_STYLE if way else "")
            shown.truncate(column, overflow="ellipsis", pad=True)
            line = Text().append(stem + ("└─ " if place == len(names) - 1 else "├─ "), "dim")
            line.append(f"{CRITICAL} " if way else "  ", CRITICAL_STYLE).append_text(shown)
            yield line.append("  ").append(times[name].rjust(longest))
