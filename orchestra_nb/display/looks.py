"""How the state of a node looks: a mark, a fill and a border, and in which order states count in a box of many nodes.

Policy: the hues are those of Okabe and Ito. How much of a hue stands in a fill was searched for: of all nine fills, no
two come near each other for full sight, without red (protanopia) or without green (deuteranopia); hues alone do not
give that, since a pale green and a grey are then the same. Text in them has at least the contrast 7:1 (AAA), a border
on white at least 3:1. Nobody has to tell colours, though: each state has a mark of its own, and a node that was skipped
has a dashed border, so that it is never taken for one that came from the cache. Marks are from blocks of Unicode that
every desktop's fonts have; no emoji, which would bring colours of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """How one state is painted."""

    mark: str
    fill: str
    border: str
    dash: str = ""
    """Lengths of a dashed border's strokes, as SVG has them."""


LOOKS: Mapping[str, Look] = {
    "": Look("", "#ffffff", "#6b6b6b"),
    "waiting": Look("○", "#ffffff", "#707070"),
    "queued": Look("»", "#bcdaeb", "#2a6f97"),
    "running": Look("▶", "#f5ed80", "#736600"),
    "resting": Look("◷", "#dda7c5", "#8a3a6b"),
    "done": Look("✓", "#b7e4d7", "#007a59"),
    "cached": Look("↺", "#71c0ed", "#005f96"),
    "failed": Look("✗", "#e7a26c", "#a83800"),
    "skipped": Look("–", "#a3a3a3", "#4a4a4a", "4,2"),
    "cancelled": Look("■", "#e8a716", "#7d4e00"),
}
"""By the word of a state (those of :data:`orchestra_nb.replay.fold.STATES`); the empty one is no state at all."""

WORST = ("failed", "cancelled", "resting", "running", "queued", "waiting", "skipped", "done", "cached")
"""The first of these that one of a box's nodes has is what the box shows."""

ENDED = frozenset({"done", "cached", "failed", "skipped", "cancelled"})


def worst(states: Iterable[str]) -> str:
    """Tell which state a box of several nodes shows: the one that a person should look at first.

    Examples
    --------
    >>> worst(["done", "running", "cached"]), worst(["done", "failed", "running"]), worst([])
    ('running', 'failed', '')
    """
    present = set(states)
    return next((state for state in WORST if state in present), "")


def tally(states: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """Count states, in the order of :data:`LOOKS`; those without a node, and no state, are left out.

    Examples
    --------
    >>> tally(["done", "", "running", "done"])
    (('running', 1), ('done', 2))
    """
    given: Sequence[str] = list(states)
    return tuple((state, given.count(state)) for state in LOOKS if state and state in given)
