"""Deadlock over counted resources: who can still finish, the circle in words, and who gives way.

With more than one of a resource a circle of waits is not yet a deadlock: another holder may finish. What decides is
graph reduction (Holt, "Some Deadlock Properties of Computer Systems", ACM Computing Surveys 4(3), 1972, section 4):
take away whoever can be given all that it waits for, with what it holds, until nobody is left or nobody can be taken.
Who is left is stuck.

**From the new waiter only.** As long as nobody is stuck, a deadlock can only come about when somebody begins to wait,
and then that owner is part of it: everybody else could finish if it did. So the question is "can *this* one finish",
asked at each block (no polling), and only what it can reach is looked at. An owner who can be given what it needs by
those who wait for nothing is not followed any further, so most questions end after one step.

**Who counts.** An owner is one line of work, and finishes when everything that it waits for has been granted. Waits
with a timeout count: the others of the circle may have none, and theirs would end it later. Never part of a deadlock:
holders that wait for nothing, locks with a lease and rates (time makes room), what other processes hold (they are not
seen), and budgets (nobody waits for them). A thread that waits for something outside is not seen either.

**The victim** is one owner of the knot that the new waiter has tied: of those without whom everybody else can finish
the one with the lowest priority, then with the least work lost (its oldest lock is the youngest), then the one
that asked last. Exactly one: with counted resources the first choice may hold too little to help, and is then passed
over instead of being killed in vain. The new waiter always helps. At most :data:`MOST_TRIED` others are tried.

Rejected: searching the wait-for graph for cycles (finds deadlocks that are none); reducing the whole graph at each
block (a thousand times as much work); a check every second, as databases do (a second lost for each).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from dataclasses import dataclass
from heapq import nsmallest

from orchestra_nb.resources.circles import Circle, Wait
from orchestra_nb.resources.pools import Pool
from orchestra_nb.resources.requests import Request, Waiting

Owner = Hashable
Edge = tuple[Owner, Pool, Owner]
MOST_TRIED = 8


class Reduction:
    """Who can finish, of some owners and of all whom they wait for.

    Parameters
    ----------
    waiting
        What each owner waits for.
    now
        Seconds.
    gone
        Owners who are taken as finished.
    """

    def __init__(self, waiting: Waiting, now: float, gone: Collection[Owner] = ()) -> None:
        self._waiting = waiting
        self._now = now
        self._finished: set[Owner] = set(gone)
        self._room: dict[Pool, float] = {}
        """What there is of each when everybody has finished who can."""
        self._blockers: dict[Pool, list[Owner]] = {}
        self._lacking: dict[Pool, list[Owner]] = {}
        self._gives: dict[Owner, list[tuple[Pool, float]]] = {}

    def stuck(self, roots: Iterable[Owner], patient: bool = True) -> list[Owner]:
        """List who cannot finish, the roots first; when not ``patient``, nobody as soon as a root can."""
        found = dict.fromkeys(roots)
        goals = () if patient else tuple(found)
        todo = [owner for owner in found if owner not in self._finished]
        while todo:
            owner = todo.pop()
            short = self._short(owner)
            if not short:
                self._finish(owner)
                if any(goal in self._finished for goal in goals):
                    return []
            for pool in short:
                self._lacking.setdefault(pool, []).append(owner)
                for holder in self._blockers[pool]:
                    if holder not in found:
                        found[holder] = None
                        todo.append(holder)
        return [owner for owner in found if owner not in self._finished]

    def circle(self, start: Owner) -> list[Edge]:
        """Find a shortest circle through somebody who is stuck; empty when it is only waiting for one."""
        came: dict[Owner, tuple[Owner, Pool]] = {}
        todo = deque([start])
        while todo:
            owner = todo.popleft()
            for pool in self._short(owner):
                for holder in self._blockers[pool]:
                    if holder in self._finished or holder == owner:
                        continue
                    if holder == start:
                        return _back(came, start, (owner, pool, start))
                    if holder not in came:
                        came[holder] = (owner, pool)
                        todo.append(holder)
        return []

    def _short(self, owner: Owner) -> list[Pool]:
        """Of what there is too little for an owner, whoever finishes."""
        short = []
        for request in self._waiting[owner]:
            for pool, amount in request.wants:
                room = self._room.get(pool)
                if room is None:
                    room = self._look_at(pool)
                mine = pool.holders.get(owner)
                if (amount if mine is None else amount - _lasting(mine)) > room:
                    short.append(pool)
        return short

    def _look_at(self, pool: Pool) -> float:
        room = pool.short(self._now)
        blockers = self._blockers[pool] = []
        for holder, holds in pool.holders.items():
            room += holds[0][0] if len(holds) == 1 else max(amount for amount, _ in holds)
            if holder in self._waiting and holder not in self._finished and (kept := _lasting(holds)):
                room -= kept
                blockers.append(holder)
                self._gives.setdefault(holder, []).append((pool, kept))
        self._room[pool] = room
        return room

    def _finish(self, owner: Owner) -> None:
        todo = [owner]
        while todo:
            owner = todo.pop()
            if owner in self._finished:
                continue
            self._finished.add(owner)
            for pool, amount in self._gives.get(owner, ()):
                self._room[pool] += amount
                waits = self._lacking.get(pool, ())
                todo += [other for other in waits if other not in self._finished and not self._short(other)]


def _lasting(holds: Iterable[tuple[float, Request]]) -> float:
    """How much somebody holds that time does not free; when a lease ends, its holder needs that much more."""
    kept: float = 0
    for amount, request in holds:
        if amount > kept and request.expires is None:
            kept = amount
    return kept


def _chain(owner: Owner, waiting: Waiting) -> tuple[list[Edge], Owner | None]:
    """Follow waits as long as each is for one holder only, and say who is at the end; ``None``: one who does not wait.

    Whoever is on the way can finish when the one at the end can, and not before; most waits are of this kind.
    """
    edges: dict[Owner, Edge] = {}
    while owner not in edges:
        requests = waiting.get(owner)
        if requests is None:
            return [], None
        wants = requests[0].wants
        pool, amount = wants[0]
        if len(requests) > 1 or len(wants) > 1 or not pool.plain or len(pool.holders) != 1:
            break
        ((holder, holds),) = pool.holders.items()
        if holder == owner or len(holds) > 1 or holds[0][1].expires is not None:
            break
        if amount <= pool.capacity - pool.taken:  # it waits for a reservation to end
            break
        edges[owner] = (owner, pool, holder)
        owner = holder
    return list(edges.values()), owner


def _back(came: dict[Owner, tuple[Owner, Pool]], start: Owner, last: Edge) -> list[Edge]:
    edges = [last]
    while edges[-1][0] != start:
        holder = edges[-1][0]
        owner, pool = came[holder]
        edges.append((owner, pool, holder))
    return edges[::-1]


@dataclass(frozen=True, slots=True)
class Deadlock:
    """A circle, and the owner who gives way."""

    circle: Circle
    victim: Owner


def find(start: Owner, waiting: Waiting, now: float, since: Callable[[Owner], float]) -> Deadlock | None:
    """Find the deadlock that an owner is part of.

    Parameters
    ----------
    start
        Who has just begun to wait.
    waiting
        What each owner waits for.
    now
        Seconds.
    since
        Says since when an owner has held what it holds.
    """

    def cost(owner: Owner) -> tuple[float, float, int]:
        requests = waiting[owner]
        return max(r.priority for r in requests), -since(owner), -max(r.number for r in requests)

    def helps(owner: Owner) -> bool:
        return owner == start or not Reduction(waiting, now, (owner,)).stuck([start], patient=False)

    edges, end = _chain(start, waiting)
    if edges and end == start:  # the plainest circle, where everybody would help
        victim = min((edge[0] for edge in edges), key=cost)
        place = next(number for number, edge in enumerate(edges) if edge[0] == victim)
        return _deadlock(edges[place:] + edges[:place], victim)
    if end is None or not Reduction(waiting, now).stuck([end], patient=False):
        return None
    reduction = Reduction(waiting, now)
    stuck = reduction.stuck([start], patient=False)
    if not stuck or not (edges := reduction.circle(start)):  # who only waits for a deadlock is no part of it
        return None
    victim = next(filter(helps, nsmallest(MOST_TRIED, stuck, key=cost)), start)
    return _deadlock(edges if victim == start else reduction.circle(victim) or edges, victim)


def _deadlock(edges: list[Edge], victim: Owner) -> Deadlock:
    return Deadlock(tuple(Wait(str(owner), pool.name, str(holder)) for owner, pool, holder in edges), victim)


def find_all(waiting: Waiting, now: float, since: Callable[[Owner], float]) -> Iterator[Deadlock]:
    """Find every deadlock there is, by a reduction of everything; each owner is in one circle at most."""
    left = dict(waiting)
    while stuck := Reduction(left, now).stuck(left):
        found = next(filter(None, (find(owner, left, now, since) for owner in stuck)), None)
        if found is None:
            return
        yield found
        del left[found.victim]


def awaited(request: Request, waiting: Waiting, now: float) -> list[Request]:
    """List the requests that this one waits for, over however many steps, because of locks or of the order."""
    seen = {request.owner}
    todo = [request]
    reached: list[Request] = []
    while todo:
        for owner in _blockers(todo.pop(), now):
            if owner not in seen:
                seen.add(owner)
                requests = waiting.get(owner, ())
                reached += requests
                todo += requests
    return reached


def _blockers(request: Request, now: float) -> Iterator[Owner]:
    for pool, amount in request.wants:
        need = pool.need(request.owner, amount)
        room = pool.short(now)
        if need > room:
            yield from (holder for holder in pool.holders if holder != request.owner)
        if need + pool.reserved(request) > room:
            yield from (senior.owner for senior in pool.seniors_before(request))
