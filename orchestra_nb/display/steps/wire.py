"""What is sent to a front end of a story: its head once, and its frames in chunks. Pure.

Policy: neighbouring frames are nearly alike, so a picture is sent as lines that stand once in a pool, and of each but
the first frame of a chunk only the lines that differ from the frame before. A story of some dozens of frames goes as a
whole, and can then be walked with nobody to ask; of a longer one the front end asks for what it has not, chunk by
chunk. A chunk is limited in characters and in frames, since each frame has to be painted, which takes milliseconds.
A chunk has the number of the telling it belongs to, so that a late one is not taken for one of a story told anew.

Rejected: frames as HTML with pictures (a hundred frames of 300 boxes are 6 MB), one trait for each frame.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from orchestra_nb.display.steps.painting import Painted, painted
from orchestra_nb.display.wording import clean, short
from orchestra_nb.labs.story import Choice, Control, Frame, Story

ROOM = 300_000
"""Characters of a chunk."""
MOST_FRAMES = 60
"""Frames of a chunk."""
_BEFORE = 10
"""Frames before the one that is asked for which come along."""
_TOLD = 400


def head_of(story: Story, telling: int) -> dict[str, Any]:
    """Say all of a story but its frames.

    Examples
    --------
    >>> head_of(Story("Two steps", [Frame("0 s", (), ()), Frame("1 s", (), ())]), 1)["count"]
    2
    """
    return {
        "telling": telling,
        "title": short(story.title, _TOLD),
        "summary": [short(line, _TOLD) for line in story.summary],
        "count": len(story.frames),
        "controls": [_control(control) for control in story.controls],
    }


def _control(control: Control) -> dict[str, Any]:
    told: dict[str, Any] = {"name": control.name, "label": clean(control.label), "value": control.value}
    if isinstance(control, Choice):
        return {**told, "options": [{"value": option, "label": short(option, 60)} for option in control.options]}
    return {**told, "least": control.least, "most": control.most, "step": control.step, "unit": clean(control.unit)}


def chunk_of(story: Story, telling: int, at: int = 0, room: int = ROOM) -> dict[str, Any]:
    """Say some frames, that at a position among them.

    Parameters
    ----------
    story
        Whose frames.
    telling
        Which telling of it this is.
    at
        The position; beyond the ends, the nearest.
    room
        About how many characters a chunk may have; one frame is sent whatever it has.

    Examples
    --------
    >>> story = Story("Counting", [Frame(str(i), (), ()) for i in range(100)])
    >>> chunk = chunk_of(story, 1, at=70)
    >>> chunk["first"], len(chunk["frames"])
    (60, 40)
    """
    wanted = max(0, min(at, len(story.frames) - 1))
    first = max(0, wanted - _BEFORE)
    made = _fill(story, first, room)
    if first + len(made.frames) <= wanted:
        first, made = wanted, _fill(story, wanted, room)
    return {"telling": telling, "first": first, "pool": list(made.pool), "frames": made.frames}


@dataclass(slots=True)
class _Chunk:
    """A chunk that is being filled."""

    pool: dict[str, int] = field(default_factory=dict)
    frames: list[dict[str, Any]] = field(default_factory=list)
    before: list[list[int]] = field(default_factory=list)
    """The lines of each panel's picture in the frame before."""
    weight: int = 0

    def add(self, frame: Frame) -> None:
        """Take in one more frame."""
        panels, lines = [], []
        for position, panel in enumerate(frame.panels):
            shown = painted(panel)
            now = self._lines(shown)
            changed = _changes(self.before[position] if position < len(self.before) else [], now)
            said = short(shown.said, _TOLD)
            panels.append([short(panel.title, 80), said, self._at(shown.markup), changed])
            lines.append(now)
            self.weight += 12 * len(changed) + len(said) + 40
        told = [short(line, _TOLD) for line in frame.told]
        self.weight += sum(map(len, told)) + 60
        self.frames.append({"title": short(frame.title, 60), "told": told, "panels": panels})
        self.before = lines

    def _lines(self, shown: Painted) -> list[int]:
        return [self._at(line) for line in shown.svg.split("\n")] if shown.svg else []

    def _at(self, text: str) -> int:
        if text not in self.pool:
            self.pool[text] = len(self.pool)
            self.weight += len(text) + 4
        return self.pool[text]


def _fill(story: Story, first: int, room: int) -> _Chunk:
    made = _Chunk()
    for number in range(first, min(len(story.frames), first + MOST_FRAMES)):
        made.add(story.frames[number])
        if made.weight > room:
            break
    return made


def _changes(before: list[int], now: list[int]) -> list[int] | dict[str, int]:
    """All lines, or those that changed by their positions, where that is less."""
    if len(before) != len(now) or not now:
        return now
    changed = {str(i): line for i, (old, line) in enumerate(zip(before, now, strict=True)) if old != line}
    return changed if 2 * len(changed) < len(now) else now
