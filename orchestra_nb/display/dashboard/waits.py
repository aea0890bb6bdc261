"""The wait-for graph as a small picture: who waits, for what, and who holds it.

Policy: three columns, whoever is in them: those who wait, what they wait for, and those who hold it. Who waits and
holds stands on both sides, so a circle of waits is no knot of lines but reads from left to right; its lines are heavy.
It is drawn as the graph is (``dot`` under its limit, else on our own). Of many waits the first are drawn. Failure:
none. Rejected: each owner once (lines that run back; a circle can then be read only by following arrows).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from orchestra_nb.display.picture import draw_scene
from orchestra_nb.display.picture.parts import Box, Line, Scene
from orchestra_nb.display.wording import clean, short

MOST = 30
"""Waits that are drawn."""


class Wait(NamedTuple):
    """Somebody waits for something."""

    owner: str
    resource: str
    holders: tuple[str, ...]


def waits_svg(waits: Sequence[Wait], circle: Iterable[tuple[str, str, str]] = ()) -> str:
    """Draw who waits for what.

    Parameters
    ----------
    waits
        The waits.
    circle
        Waits (owner, resource, holder) of a circle, whose lines are heavy.

    Examples
    --------
    >>> waits_svg([Wait("fit", "gpu", ("train",))]).startswith("<svg")
    True
    """
    shown = waits[:MOST]
    places: dict[tuple[int, str], int] = {}
    for wait in shown:
        for column, name in ((0, wait.owner), (1, wait.resource), *((2, holder) for holder in wait.holders[:MOST])):
            places.setdefault((column, name), len(places))
    heavy = set(circle)
    lines: dict[tuple[int, int], Line] = {}
    for owner, resource, holders in shown:
        on = any(who == owner and what == resource for who, what, _ in heavy)
        a, b = places[0, owner], places[1, resource]
        lines[a, b] = Line(a, b, "value", False, clean(f"{owner} waits for {resource}"), critical=on)
        for holder in holders[:MOST]:
            c = places[2, holder]
            known = (b, c) in lines and lines[b, c].critical
            on_circle = known or any(what == resource and who == holder for _, what, who in heavy)
            lines[b, c] = Line(b, c, "state", False, clean(f"{resource} is held by {holder}"), critical=on_circle)
    boxes = tuple(_box(column, name) for column, name in places)
    return draw_scene(Scene(boxes, tuple(lines.values()), f"who waits for what: {len(waits)} waits"))


def _box(column: int, name: str) -> Box:
    role = ("waits", "is waited for", "holds it")[column]
    return Box((name,), short(name), (f"{clean(name)} {role}",), column, (role,))
