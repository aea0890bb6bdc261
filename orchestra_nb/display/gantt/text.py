"""A Gantt chart in characters, for terminals, diffs and ``text/plain``. Pure.

Policy: a row per lane, a column per equal share of the time. A bar is ``[name--]``, with ``=`` in place of ``-`` on the
critical path, and as much of its name as fits; one that is too narrow for brackets is a block, or the mark of its state
if that is not a good end, and several such are a number. Waiting and resting stand where the lane is empty. Every
character has one column, or two where its script is written so.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from orchestra_nb.display.gantt.axis import ticks
from orchestra_nb.display.gantt.bars import Bar, Timeline
from orchestra_nb.display.gantt.crowding import Crowd, crowds, rows_of
from orchestra_nb.display.gantt.marks import look_of
from orchestra_nb.display.gantt.words import NOTHING, path_line, worst
from orchestra_nb.display.wording import clean, duration, short

WIDTH = 100
_MOST_GUTTER = 18
_NARROW = 3
_EMPTY = {"worker": "·", "either": "·", "locks": ":", "earlier": "~", "rest": "~", "rested": "~", "barrier": "¦"}
_SAID = {"·": "waits", ":": "waits for locks", "~": "rests between attempts", "¦": "waits for its level"}
_MOST_WAITING = 6
_MARKS = frozenset("✗■▶◷")
"""What a person should see also where there is room for nothing else."""


def gantt_text(timeline: Timeline, width: int = WIDTH) -> str:
    """Draw a Gantt chart in characters.

    Parameters
    ----------
    timeline
        What happened.
    width
        Columns.

    Examples
    --------
    >>> from orchestra_nb.graph.dag import DAG
    >>> from orchestra_nb.model import Node
    >>> from orchestra_nb.simulation import simulate
    >>> from orchestra_nb.display.gantt.timeline import timeline_of
    >>> dag = DAG([Node("load", cost=3), Node("fit", cost=2, after=["load"]), Node("plot", cost=1, after=["load"])])
    >>> print(gantt_text(timeline_of(simulate(dag, 2)), 60))
    worker 1 |[load=======================][fit===============]|
    worker 2 |                             [plot----]          |
              |                  |                   |
              0 s                2 s                 4 s
    critical path: load → fit
    """
    lanes = _lanes(timeline, width) if timeline.bars else [NOTHING]
    return "\n".join([*lanes, *_below(timeline)])


def _lanes(timeline: Timeline, width: int) -> Iterator[str]:
    names, row_of = rows_of(timeline)
    end = timeline.end or 1.0
    members: list[list[Bar]] = [[] for _ in names]
    for bar in timeline.bars:
        members[row_of[bar.lane]].append(bar)
    shown = [short(name, _MOST_GUTTER) for name in names]
    gutter = max(map(columns, shown), default=0)
    room = max(width - gutter - 3, 10)
    for row, bars in enumerate(members):
        cells = [" "] * room
        summed = row == len(names) - 1 and len(names) < len(timeline.lanes)
        found = list(crowds(bars, end / room, summed=summed))
        for crowd in found:
            _wait(cells, crowd, room / end)
        for crowd in found:
            _draw(cells, crowd, room / end)
        yield f"{shown[row]}{' ' * (gutter - columns(shown[row]))} |{''.join(cells)}|"
    yield from _axis(timeline, room, gutter)


def _wait(cells: list[str], crowd: Crowd, scale: float) -> None:
    for bar in crowd.bars:
        for piece in bar.pieces:
            sign = _EMPTY.get(piece.kind)
            if sign is not None:
                for column in range(int(piece.start * scale), min(int(piece.end * scale), len(cells))):
                    cells[column] = sign if cells[column] != ":" else ":"


def _draw(cells: list[str], crowd: Crowd, scale: float) -> None:
    """Draw a bar, or each attempt of one that was tried several times."""
    bar = crowd.single
    if bar is None:
        mark = look_of(worst(crowd)).mark
        _box(cells, (crowd.start * scale, crowd.end * scale), f"{mark}{len(crowd.bars)}", crowd.critical)
        return
    attempts = [piece for piece in bar.pieces if piece.kind == "attempt"]
    for piece in attempts:
        last = piece is attempts[-1]
        mark = look_of(bar.state if last else "failed").mark
        name = clean(bar.node) if last or bar.state == "resting" else ""
        shown = mark if mark and bar.state not in ("done", "planned") else ""
        _box(cells, (piece.start * scale, piece.end * scale), f"{shown}{name}", bar.critical)


def _box(cells: list[str], sides: tuple[float, float], words: str, critical: bool) -> None:
    left = min(int(sides[0] + 1e-9), len(cells) - 1)
    wide = min(max(int(sides[1] + 1e-9) - left, 1), len(cells) - left)
    fill = "=" if critical else "-"
    if wide < _NARROW:
        cells[left : left + wide] = [words[0] if words[:1] in _MARKS else "█"] + ["█"] * (wide - 1)
        return
    inside = _fitted(words, wide - 2)
    inside += [fill] * (wide - 2 - len(inside))
    cells[left : left + wide] = ["[", *inside, "]"]


def columns(words: str) -> int:
    """Say how many columns a text takes.

    Examples
    --------
    >>> columns("abc"), columns("漢字"), columns("e" + chr(0x301))
    (3, 4, 1)
    """
    return sum(map(_columns, words))


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Me", "Mn"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _fitted(words: str, room: int) -> list[str]:
    """Cut a text to so many columns: one item for each; the second of a wide character is empty."""
    cells: list[str] = []
    for character in words if columns(words) <= room else short_by_columns(words, room):
        wide = _columns(character)
        if not wide and cells:
            cells[-1 if cells[-1] else -2] += character
        elif wide:
            cells += [character, *[""] * (wide - 1)]
    return cells


def short_by_columns(words: str, room: int) -> str:
    """Cut a text that is too long, and say so.

    Examples
    --------
    >>> short_by_columns("a rather long name", 8), short_by_columns("漢字漢字", 5)
    ('a rathe…', '漢字…')
    """
    taken, used = [], 1
    for character in words:
        used += _columns(character)
        if used > room:
            break
        taken.append(character)
    return "".join(taken) + "…"


def _axis(timeline: Timeline, room: int, gutter: int) -> Iterator[str]:
    end = timeline.end or 1.0
    marks, words = [" "] * room, [" "] * room
    for at, told in ticks(end, max(room // 10, 1)):
        column = min(int(at / end * room), room - 1)
        marks[column] = "|"
        begin = max(min(column, room - len(told)), 0)
        if not "".join(words[max(begin - 1, 0) : begin + len(told)]).strip():
            words[begin : begin + len(told)] = told
    for line in (marks, words):
        yield f"{' ' * gutter}  {''.join(line)}".rstrip()


def _below(timeline: Timeline) -> Iterator[str]:
    """What is said below the lanes: who waits, the critical path, and what the signs mean."""
    for bar in timeline.waiting[:_MOST_WAITING]:
        waited = sum(piece.end - piece.start for piece in bar.pieces)
        yield f"{clean(bar.node)} has waited for {duration(waited)}"
    if len(timeline.waiting) > _MOST_WAITING:
        yield f"and {len(timeline.waiting) - _MOST_WAITING:,} more wait"
    if timeline.path:
        yield path_line(timeline.path)
    kinds = {piece.kind for bar in timeline.bars for piece in bar.pieces}
    signs = dict.fromkeys(sign for kind, sign in _EMPTY.items() if kind in kinds)
    if signs:
        yield ", ".join(f"{sign} {_SAID[sign]}" for sign in signs)
