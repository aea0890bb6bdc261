"""What a box says at one moment: its state, the rows of its label, what its tooltip adds.

Policy: the first row is the mark and the name, the last one a time: what the node took or has taken so far, and before
it has begun what it is expected to take. Nothing was measured of what never ran. A box of many nodes shows the worst
state of them (:data:`.looks.WORST`) and how many have ended. The room that all this may ever need is reserved when the
picture is laid out, so that no box changes its size; a time too long for it (of months) is set narrower.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestra_nb.display.looks import ENDED, LOOKS, tally, worst
from orchestra_nb.display.picture.layout import FRAME_SIZE, Plan, Shape, text_width
from orchestra_nb.display.picture.parts import Box, Scene
from orchestra_nb.display.wording import clean, count, duration, short
from orchestra_nb.errors import ConfigError, nearest

ROW = 15.0
PAD = 11.0
_LONGEST = "88 min 88 s"
_NOT_BEGUN = ("", "waiting", "queued")
_NEVER_RAN = ("skipped", "cancelled")


@dataclass(frozen=True, slots=True)
class Face:
    """What a box says at one moment."""

    state: str
    rows: tuple[str, ...]
    told: tuple[str, ...]
    """What the tooltip says of it, after the facts."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What is known of nodes at one moment, each by its name: states, seconds, and why they are so.

    Raises
    ------
    ConfigError
        A word that is no state.
    """

    states: Mapping[str, str]
    times: Mapping[str, float]
    reasons: Mapping[str, str]

    def __post_init__(self) -> None:
        for word in set(self.states.values()) - LOOKS.keys():
            raise ConfigError(f"{clean(word)!r} is no state of a node; {nearest(word, [*filter(None, LOOKS)])}")


NOTHING = Moment({}, {}, {})
"""Before anyone runs anything."""


def state_of(box: Box, states: Mapping[str, str]) -> str:
    """Tell which state a box shows; the empty word if none of its nodes has one."""
    if box.many:
        return worst(states[name] for name in box.nodes if name in states)
    state = states.get(box.nodes[0], "")
    return "failed" if box.broken and not state else state


def face(box: Box, moment: Moment = NOTHING) -> Face:
    """Compose what a box says.

    Examples
    --------
    >>> face(Box(("load",), "load", seconds=2.0), Moment({"load": "running"}, {"load": 0.5}, {})).rows
    ('▶ load', '500 ms')
    """
    state = state_of(box, moment.states)
    mark = LOOKS[state].mark
    rows, told = (_many if box.many else _single)(box, state, moment)
    return Face(state, (f"{mark} {box.name}" if mark else box.name, *rows), told)


def _single(box: Box, state: str, moment: Moment) -> tuple[tuple[str, ...], tuple[str, ...]]:
    (name,) = box.nodes
    measured = moment.times.get(name)
    begun = name in moment.states and state not in _NOT_BEGUN
    seconds = box.seconds if measured is None and not begun else measured
    time = () if seconds is None or state in _NEVER_RAN else (duration(seconds),)
    reason = moment.reasons.get(name)
    told = () if name not in moment.states else (f"{state}: {clean(reason)}" if reason else state,)
    return (*box.rows, *time), told


def _many(box: Box, state: str, moment: Moment) -> tuple[tuple[str, ...], tuple[str, ...]]:
    total = len(box.nodes)
    states = [moment.states[name] for name in box.nodes if name in moment.states]
    ended = sum(state in ENDED for state in states)
    how_many = f"{ended:,} of {total:,} ended" if states else count(total, "node")
    measured = [moment.times[name] for name in box.nodes if name in moment.times]
    seconds = sum(measured) if len(measured) == total else box.seconds
    time = () if seconds is None else (duration(seconds),)
    return (*box.rows, how_many, *time), tuple(f"{number:,} {word}" for word, number in tally(states))


def plan(scene: Scene, roomy: bool = True) -> Plan:
    """Say how large everything is.

    Parameters
    ----------
    scene
        What is to be laid out.
    roomy
        Whether times may come that are not known yet.
    """
    frames = _phases(scene)
    shapes = tuple(_shape(box, roomy, frames.get(box.phase or "")) for box in scene.boxes)
    lines = tuple((line.source, line.target, line.implied and not line.critical) for line in scene.lines)
    return Plan(shapes, lines, tuple(text_width(short(phase), FRAME_SIZE) for phase in frames))


def frame_names(scene: Scene) -> tuple[str, ...]:
    """Name the frames, in the order that :func:`plan` numbers them."""
    return tuple(map(short, _phases(scene)))


def _phases(scene: Scene) -> dict[str, int]:
    """Number the phases in the order in which they come."""
    phases = dict.fromkeys(box.phase for box in scene.boxes if box.phase)
    return {phase: number for number, phase in enumerate(phases)}


def _shape(box: Box, roomy: bool, frame: int | None) -> Shape:
    timed = roomy or box.seconds is not None
    mark = max(text_width(look.mark) for look in LOOKS.values()) + text_width(" ")
    total = len(box.nodes)
    counts = [f"{total:,} of {total:,} ended"] if box.many else []
    widths = [mark + text_width(box.name), *map(text_width, (*box.rows, *counts))]
    widths += [text_width(_LONGEST)] * timed
    height = ROW * (1 + len(box.rows) + len(counts) + timed) + PAD
    return Shape(max(widths) + 2 * PAD, height, box.level, frame)
