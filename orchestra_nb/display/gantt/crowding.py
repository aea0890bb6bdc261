"""Bars that are too narrow to be seen become one, which says how many there are. Pure.

Policy: within a lane, neighbours that are narrower than ``least`` seconds and stand as near to each other form a group,
until that is twelve times as long; so the shape of a crowded lane stays, and what is long enough stays itself. Lanes
beyond :data:`MOST_LANES` are summed up in one, in which whatever overlaps is a group. A group looks like the one of its
nodes that a person should look at first: a failure among a thousand stays visible.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from orchestra_nb.display.gantt.bars import Bar, PieceKind, Timeline

MOST_LANES = 40
_LONGEST = 12


@dataclass(frozen=True, slots=True)
class Crowd:
    """One or more bars that are drawn as one."""

    bars: tuple[Bar, ...]
    start: float
    end: float

    @property
    def single(self) -> Bar | None:
        """The bar, where it is only one."""
        return self.bars[0] if len(self.bars) == 1 else None

    @property
    def critical(self) -> bool:
        """Whether any of them is on the critical path."""
        return any(bar.critical for bar in self.bars)

    def waited(self, kind: PieceKind) -> tuple[float, float] | None:
        """From when to when any of them waited so."""
        found = [piece for bar in self.bars for piece in bar.pieces if piece.kind == kind]
        return (min(p.start for p in found), max(p.end for p in found)) if found else None


def rows_of(timeline: Timeline, most: int = MOST_LANES) -> tuple[tuple[str, ...], Mapping[int, int]]:
    """Say what the rows are called, and which row each lane has.

    Examples
    --------
    >>> rows_of(Timeline(("a", "b", "c", "d"), ()), most=2)
    (('a', '3 more lanes'), {0: 0, 1: 1, 2: 1, 3: 1})
    """
    lanes = timeline.lanes
    if len(lanes) <= most:
        return lanes, {lane: lane for lane in range(len(lanes))}
    kept = most - 1
    names = (*lanes[:kept], f"{len(lanes) - kept:,} more lanes")
    return names, {lane: min(lane, kept) for lane in range(len(lanes))}


def crowds(bars: Sequence[Bar], least: float, *, summed: bool = False) -> Iterator[Crowd]:
    """Gather the bars of one row, which are sorted by start.

    Parameters
    ----------
    bars
        The bars.
    least
        Seconds below which a bar is too narrow.
    summed
        Whether these are several lanes, whose bars may overlap.

    Examples
    --------
    >>> from orchestra_nb.model import NodeId
    >>> bars = [Bar(NodeId("n"), 0, at, end, (), "done") for at, end in ((0, 5), (5, 5.1), (5.1, 5.2), (8, 8.1))]
    >>> [(len(crowd.bars), crowd.start, crowd.end) for crowd in crowds(bars, 0.5)]
    [(1, 0, 5), (2, 5, 5.2), (1, 8, 8.1)]
    """
    group: list[Bar] = []
    end = 0.0
    for bar in bars:
        if group and _joins(bar, group, end, least, summed):
            group.append(bar)
            end = max(end, bar.end)
            continue
        yield from _crowd(group, end)
        group, end = [bar], bar.end
    yield from _crowd(group, end)


def _joins(bar: Bar, group: Sequence[Bar], end: float, least: float, summed: bool) -> bool:
    near = bar.start < end if summed else bar.start - end < least
    if summed and near:
        return True
    last = group[-1]
    narrow = bar.end - bar.start < least and last.end - last.start < least
    return narrow and near and bar.end - group[0].start <= _LONGEST * least


def _crowd(group: Iterable[Bar], end: float) -> Iterator[Crowd]:
    found = tuple(group)
    if found:
        yield Crowd(found, found[0].start, end)
