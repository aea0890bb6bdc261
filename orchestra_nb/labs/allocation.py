"""The resource allocation graph as data: owners, resources, who holds and who waits, and how each owner stands.

Owners and resources stand in one order in all frames of a story, so that nothing moves but what happens. Who paints it
puts them on a ring, where a circle of waits closes before the eyes. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from orchestra_nb.labs.lock_moments import Hold, Lack, LockMoment
from orchestra_nb.resources.circles import Circle

Standing = Literal["goes on", "waits", "stuck", "gives way", "idle"]


@dataclass(frozen=True, slots=True)
class Allocation:
    """A panel: who holds what, and who waits for what.

    Parameters
    ----------
    title
        Its heading.
    places
        Owners (``True``) and resources (``False``) around the ring.
    capacities
        How much there is of each resource.
    holds, lacks
        Who holds, who waits.
    circle
        Waits that close a circle.
    standings
        How each owner stands.

    Examples
    --------
    >>> Allocation("Locks", (("anna", True), ("db", False)), {"db": 1}, (), (), (), {"anna": "idle"}).free("db")
    1
    """

    title: str
    places: tuple[tuple[str, bool], ...]
    capacities: Mapping[str, int]
    holds: tuple[Hold, ...]
    lacks: tuple[Lack, ...]
    circle: Circle
    standings: Mapping[str, Standing]

    def free(self, resource: str) -> float:
        """How much of a resource nobody holds.

        Examples
        --------
        >>> held = (Hold("anna", "gpu", 2, 1.0),)
        >>> Allocation("Locks", (("gpu", False),), {"gpu": 3}, held, (), (), {}).free("gpu")
        1
        """
        return self.capacities[resource] - sum(hold.amount for hold in self.holds if hold.resource == resource)


def allocation_of(
    moment: LockMoment, places: Sequence[tuple[str, bool]], capacities: Mapping[str, int], title: str
) -> Allocation:
    """Make the panel of a moment.

    Examples
    --------
    >>> moment = LockMoment(1.0, "granted", "anna", (), (Hold("anna", "db", 1, 1.0),))
    >>> dict(allocation_of(moment, [("anna", True), ("db", False)], {"db": 1}, "Locks").standings)
    {'anna': 'goes on'}
    """
    about = (moment.holds, moment.lacks, moment.circle, _standings(moment, places))
    return Allocation(title, tuple(places), capacities, *about)


def ring_of(links: Sequence[tuple[str, str]]) -> tuple[tuple[str, bool], ...]:
    """Order owners and resources around a ring so that those who have to do with each other stand near.

    A walk from the first owner goes on to whatever is linked and was not visited, fewest links first; so two locks and
    two owners make a square, and philosophers and forks their table.

    Parameters
    ----------
    links
        Pairs of an owner and a resource that it takes, in the order of the script.

    Examples
    --------
    >>> [name for name, _ in ring_of([("anna", "db"), ("ben", "gpu"), ("anna", "gpu"), ("ben", "db")])]
    ['anna', 'db', 'ben', 'gpu']
    """
    near: dict[tuple[str, bool], dict[tuple[str, bool], None]] = {}
    for owner, resource in links:
        near.setdefault((owner, True), {})[resource, False] = None
        near.setdefault((resource, False), {})[owner, True] = None
    order: dict[tuple[str, bool], None] = {}
    for start in near:
        place: tuple[str, bool] | None = None if start in order else start
        while place is not None:
            order[place] = None
            further = [each for each in near[place] if each not in order]
            place = min(further, key=lambda each: len(near[each]), default=None)
    return tuple(order)


def _standings(moment: LockMoment, places: Sequence[tuple[str, bool]]) -> dict[str, Standing]:
    waits, holds = {lack.owner for lack in moment.lacks}, {hold.owner for hold in moment.holds}
    found: dict[str, Standing] = {}
    for owner, is_owner in places:
        if is_owner:
            found[owner] = "waits" if owner in waits else "goes on" if owner in holds else "idle"
            if owner in moment.stuck:
                found[owner] = "stuck"
    if moment.victim:
        found[moment.victim] = "gives way"
    return found
