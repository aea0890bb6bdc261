"""Sweeps and comparisons on a terminal: a table that fits, and below it what one should know, broken between words.

A narrow terminal gets fewer columns of a sweep, and the verdicts of a comparison in lines of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestra_nb.bench.records import Sweep
from orchestra_nb.bench.verdicts import Comparison
from orchestra_nb.display.benches import compared_cells, comparison_notes, narrowed, sweep_cells, sweep_notes
from orchestra_nb.display.terminal.prose import Prose
from orchestra_nb.display.text import aligned
from orchestra_nb.display.wording import clean

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

_MOST = 200


@dataclass(frozen=True)
class Swept:
    """A sweep, for the width that there is.

    Parameters
    ----------
    sweep
        What was measured.

    Examples
    --------
    >>> from rich.console import Console
    >>> from orchestra_nb.bench import Environment
    >>> Console(width=60, color_system=None).print(Swept(Sweep("1", "graph", (), 0, Environment("3.11", "Linux"))))
    graph: 0 runs of 0 configurations
    Python 3.11, Linux, 1 core
    """

    sweep: Sweep

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        from rich.text import Text

        head, cells = sweep_cells(self.sweep)
        yield Text(head, style="bold")
        if len(cells) > 1:
            for line in narrowed(cells[: _MOST + 1], options.max_width):
                yield Text(line, no_wrap=True, overflow="ellipsis")
        if len(cells) > _MOST + 1:
            yield Text(f"  and {len(cells) - 1 - _MOST:,} more; the frame has all of them")
        yield Prose(sweep_notes(self.sweep))


@dataclass(frozen=True)
class Judged:
    """A comparison, for the width that there is.

    Parameters
    ----------
    comparison
        What was compared.

    Examples
    --------
    >>> from rich.console import Console
    >>> from orchestra_nb.bench import Environment
    >>> sweep = Sweep("1", "graph", (), 0, Environment("3.11", "Linux"))
    >>> Console(width=60, color_system=None).print(Judged(Comparison(sweep, sweep, (), 0.05, ())))
    nothing to compare: no configuration is in both sweeps
    """

    comparison: Comparison

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        from rich.cells import cell_len
        from rich.text import Text

        yield Text(clean(self.comparison.headline), style="bold")
        cells = list(compared_cells(self.comparison.rows[:_MOST])) if self.comparison.rows else []
        wide = list(aligned(cells)) if cells else []
        if all(cell_len(line) <= options.max_width for line in wide):
            yield from (Text(line, no_wrap=True) for line in wide)
        else:
            for number, line in enumerate(aligned([row[:-1] for row in cells])):
                yield Text(line, no_wrap=True, overflow="ellipsis")
                yield Prose([f"    {cells[number][-1]}"] if number else [])
        yield Prose(comparison_notes(self.comparison))
