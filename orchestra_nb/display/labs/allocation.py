"""The resource allocation graph on a ring: arrows from a resource to its holder, and from who waits to the resource.

Policy: those are Holt's arrows, so a deadlock of single resources is a circle that can be followed with a finger; all
arrows of the circle are heavy. A resource shows each of its units as a dot, full where it is held. One resource alone
stands in the middle. Owners have marks and colours of states, a word beside, and a legend. Of very many the ring grows
until :data:`_MOST`; beyond that a table says it all, and the picture the first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from orchestra_nb.display.labs import paper
from orchestra_nb.display.looks import LOOKS, Look
from orchestra_nb.display.wording import clean, short
from orchestra_nb.labs.allocation import Allocation, Standing

_Point = tuple[float, float]
_BOX = (132.0, 42.0)
_MOST = 40
_MOST_DOTS = 8
_LEAST = 680.0
"""Width of the sheet, at least: what is wider than half a page has a row of its own where frames are shown."""
_HELD, _HEAVY, _HARMLESS = "#2a6f97", "#a83800", "#736600"
_WAITED = "#6b3a5b"
_LEGEND = 54.0
LOOK_OF: dict[Standing, Look] = {
    "goes on": LOOKS["running"],
    "waits": LOOKS["queued"],
    "stuck": LOOKS["failed"],
    "gives way": LOOKS["cancelled"],
    "idle": LOOKS[""],
}


def allocation_svg(panel: Allocation) -> str:
    """Draw who holds what and who waits for what.

    Examples
    --------
    >>> from orchestra_nb.labs.deadlock import deadlock_lab
    >>> svg = allocation_svg(deadlock_lab("upgrade").story.frames[3].panels[0])
    >>> svg.startswith("<svg"), "anna waits for table" in svg
    (True, True)
    """
    places = panel.places[:_MOST]
    points, width, height = _ring(places)
    stuck = any(panel.standings.get(wait.owner) in ("stuck", "gives way") for wait in panel.circle)
    heavy = _HEAVY if stuck or not panel.circle else _HARMLESS
    parts = [*_arrows(panel, points, heavy), *_boxes(panel, points), *_legend(height, heavy)]
    return paper.sheet(width, height + _LEGEND, said(panel), parts)


def said(panel: Allocation) -> str:
    """Say what the picture shows.

    Examples
    --------
    >>> from orchestra_nb.labs.deadlock import deadlock_lab
    >>> said(deadlock_lab("upgrade").story.frames[0].panels[0])
    'who holds and who waits: anna idle, ben idle; nothing is held'
    """
    stands = ", ".join(f"{short(name, 40)} {standing}" for name, standing in list(panel.standings.items())[:_MOST])
    held = ", ".join(f"{short(h.owner, 40)} holds {h.amount:g} of {short(h.resource, 40)}" for h in panel.holds[:_MOST])
    waits = "".join(f", {short(w.owner, 40)} waits for {short(w.resource, 40)}" for w in panel.lacks[:_MOST])
    return f"who holds and who waits: {stands}; {held or 'nothing is held'}{waits}"


def _ring(places: tuple[tuple[str, bool], ...]) -> tuple[dict[tuple[str, bool], _Point], float, float]:
    """Say where everything stands, and how large the sheet is."""
    resources = [place for place in places if not place[1]]
    alone = resources[0] if len(resources) == 1 and len(places) > 2 else None
    around = [place for place in places if place != alone]
    many = max(len(around), 1)
    across, down = max(220.0, 36.0 * many), 34.0 if many == 2 else max(110.0, 23.0 * many)
    width, height = max(2 * across + _BOX[0] + 24, _LEAST), 2 * down + _BOX[1] + 24
    middle = width / 2, height / 2
    first = -0.75 * math.pi if many == 4 else math.pi if many == 2 else -0.5 * math.pi
    points: dict[tuple[str, bool], _Point] = {} if alone is None else {alone: middle}
    for number, place in enumerate(around):
        angle = first + 2 * math.pi * number / many
        stretch = math.sqrt(2) if many == 4 else 1.0
        points[place] = (middle[0] + across * math.cos(angle) * stretch, middle[1] + down * math.sin(angle) * stretch)
    return points, width, height


def _arrows(panel: Allocation, points: dict[tuple[str, bool], _Point], thick: str) -> Iterator[str]:
    on_circle = {(wait.owner, wait.resource) for wait in panel.circle}
    held_on = {(wait.holder, wait.resource) for wait in panel.circle}
    waiting = {(lack.owner, lack.resource) for lack in panel.lacks}
    for hold in panel.holds:
        owner, resource = points.get((hold.owner, True)), points.get((hold.resource, False))
        if owner is None or resource is None:
            continue
        heavy = (hold.owner, hold.resource) in held_on
        aside = 9.0 if (hold.owner, hold.resource) in waiting else 0.0
        start, end = _between(resource, owner, aside)
        colour, width = (thick, 4.0) if heavy else (_HELD, 2.0)
        yield paper.arrow(start, end, colour, width, tip=f"{hold.owner} holds {hold.amount:g} of {hold.resource}")
        if hold.amount != 1:
            yield _amount(start, end, hold.amount)
    for lack in panel.lacks:
        owner, resource = points.get((lack.owner, True)), points.get((lack.resource, False))
        if owner is None or resource is None:
            continue
        heavy = (lack.owner, lack.resource) in on_circle
        both = any(hold.owner == lack.owner and hold.resource == lack.resource for hold in panel.holds)
        start, end = _between(owner, resource, 9.0 if both else 0.0)
        colour, width = (thick, 4.0) if heavy else (_WAITED, 2.0)
        yield paper.arrow(start, end, colour, width, "9,5", tip=f"{lack.owner} waits for {lack.resource}")
        if lack.need != 1:
            yield _amount(start, end, lack.need)


def _amount(start: _Point, end: _Point, amount: float) -> str:
    x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    ground = paper.box((x - 12, y - 10), (24, 19), "#ffffff", paper.PALE)
    return ground + paper.words(x, y + 4.5, f"{amount:g}", anchor="middle")


def _between(start: _Point, end: _Point, aside: float) -> tuple[_Point, _Point]:
    """The ends of an arrow between two boxes, so far to its own right."""
    length = math.dist(start, end) or 1.0
    ex, ey = (end[0] - start[0]) / length, (end[1] - start[1]) / length
    shift = -ey * aside, ex * aside
    a, b = _edge(ex, ey, shift), _edge(-ex, -ey, shift)
    return (start[0] + a[0], start[1] + a[1]), (end[0] + b[0], end[1] + b[1])


def _edge(ex: float, ey: float, shift: _Point) -> _Point:
    """Where a ray from near the middle of a box leaves it."""
    wide, high = _BOX[0] / 2 + 3, _BOX[1] / 2 + 3
    across = ((wide if ex > 0 else -wide) - shift[0]) / ex if abs(ex) > 1e-9 else math.inf
    down = ((high if ey > 0 else -high) - shift[1]) / ey if abs(ey) > 1e-9 else math.inf
    far = min(across, down)
    return shift[0] + ex * far, shift[1] + ey * far


def _boxes(panel: Allocation, points: dict[tuple[str, bool], _Point]) -> Iterator[str]:
    wide, high = _BOX
    seniors = {lack.owner for lack in panel.lacks if lack.senior}
    for (name, is_owner), (x, y) in points.items():
        corner = x - wide / 2, y - high / 2
        if is_owner:
            standing = panel.standings.get(name, "idle")
            look = LOOK_OF[standing]
            yield paper.box(corner, _BOX, look.fill, look.border, width=1.6, round=20, dash=look.dash, tip=name)
            yield paper.words(x, y - 2, f"{look.mark} {short(name, 14)}".strip(), anchor="middle", bold=True)
            word = "reserved for it" if name in seniors else standing
            yield paper.words(x, y + 14, word, anchor="middle")
        else:
            free, capacity = panel.free(name), panel.capacities[name]
            told = f"{clean(name)}: {free:g} of {capacity} free"
            yield paper.box(corner, _BOX, "#f2f2f2", "#484848", width=1.6, round=0, tip=told)
            yield paper.words(x, y - 3, short(name, 16), anchor="middle", bold=True)
            yield "".join(_dots(x, y + 11, capacity, capacity - free))


def _dots(x: float, y: float, capacity: int, taken: float) -> Iterator[str]:
    """Each unit as a dot, full where it is held."""
    if capacity > _MOST_DOTS:
        yield paper.words(x, y + 4, f"{taken:g} of {capacity:,} held", anchor="middle")
        return
    for number in range(capacity):
        fill = _HELD if number < taken else "#ffffff"
        at = x + 15 * (number - (capacity - 1) / 2)
        yield f'<ellipse cx="{at:.1f}" cy="{y:.1f}" rx="5" ry="5" fill="{fill}" stroke="#2a6f97" stroke-width="1.4"/>'


def _legend(height: float, heavy: str) -> Iterator[str]:
    y = height + 14
    kinds = (("is held by", _HELD, 2.0, ""), ("waits for", _WAITED, 2.0, "9,5"), ("in the circle", heavy, 4.0, ""))
    x = 16.0
    for told, colour, thick, dash in kinds:
        yield paper.arrow((x, y), (x + 42, y), colour, thick, dash, told)
        yield paper.words(x + 48, y + 4.5, told)
        x += 138
    yield paper.words(16, y + 28, "round: an owner · square: a resource, a full dot is held", colour=paper.GREY)


def lines(panel: Allocation) -> tuple[str, ...]:
    """Say it in lines of text.

    Examples
    --------
    >>> from orchestra_nb.labs.deadlock import deadlock_lab
    >>> lines(deadlock_lab("upgrade").story.frames[3].panels[0])
    ('table: 2 of 2 held, by anna, ben; anna waits for 1 more',)
    """
    found = []
    for name, capacity in panel.capacities.items():
        holders = ", ".join(short(hold.owner, 40) for hold in panel.holds if hold.resource == name)
        waits = ", ".join(
            f"{short(lack.owner, 40)} waits for {lack.need:g} more" for lack in panel.lacks if lack.resource == name
        )
        held = f"{capacity - panel.free(name):g} of {capacity:,} held"
        told = f"{clean(name)}: {held}" + (f", by {holders}" if holders else "")
        found.append(told + (f"; {waits}" if waits else ""))
    return tuple(found)
