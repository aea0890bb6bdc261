"""One moment of a lock table as a record: who holds, who waits, who can still finish, and who is stuck. Pure.

What decides is read off the real table (:class:`orchestra_nb.resources.table.LockTable`): holds, waits, the circle, the
victim and what each candidate would cost (:mod:`.victims`). Worked out anew here is only what the table does not keep,
because it needs the answer and not the way to it: the *order* in which a graph reduction (Holt, "Some Deadlock
Properties of Computer Systems", 1972) takes owners away. That both come to the same owners is a law that is tested.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from orchestra_nb.labs.victims import Candidate
from orchestra_nb.resources.circles import Circle, Wait
from orchestra_nb.resources.pools import Pool
from orchestra_nb.resources.requests import Request
from orchestra_nb.resources.table import LockTable

Kind = Literal["begin", "granted", "waits", "gives-back", "priority", "deadlock", "gives-way", "ends", "stuck", "over"]


@dataclass(frozen=True, slots=True)
class Hold:
    """An owner holds so much of a resource, ``since`` seconds after the beginning.

    Examples
    --------
    >>> Hold("anna", "gpu", 2, 1.0).amount
    2
    """

    owner: str
    resource: str
    amount: float
    since: float


@dataclass(frozen=True, slots=True)
class Lack:
    """An owner waits, and of this resource there is too little for it.

    Parameters
    ----------
    owner, resource
        Who waits for what.
    need
        How much more of it the owner needs.
    asked
        When it asked, in seconds.
    priority
        Of its request.
    holders
        Who else holds some.
    senior
        Whether it was overtaken so often that what it waits for is reserved for it.

    Examples
    --------
    >>> Lack("ben", "gpu", 1, 3.0, 0.0, ("anna",)).holders
    ('anna',)
    """

    owner: str
    resource: str
    need: float
    asked: float
    priority: float
    holders: tuple[str, ...]
    senior: bool = False


@dataclass(frozen=True, slots=True)
class Finish:
    """A step of the reduction: an owner can finish, and how much is free then of what it has given back.

    Examples
    --------
    >>> Finish("anna", (("gpu", 1),), (("gpu", 2),)).free
    (('gpu', 2),)
    """

    owner: str
    gives: tuple[tuple[str, float], ...]
    free: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class LockMoment:
    """What stands after one event.

    Parameters
    ----------
    at
        Seconds of the virtual clock.
    kind, owner
        What happened, and to whom.
    told
        The same in words, a sentence each.
    holds, lacks
        Who holds what, and who waits for what.
    order
        Who can finish, in the order of the reduction.
    stuck
        Who cannot, whoever else finishes; in the order of the table.
    circle
        Waits that close a circle, whether that is a deadlock or not.
    candidates
        Who could give way, the cheapest first; empty where there is no deadlock.
    victim
        Who gives way.

    Examples
    --------
    >>> LockMoment(0.0, "begin", "", ("nobody holds anything yet",)).stuck
    ()
    """

    at: float
    kind: Kind
    owner: str
    told: tuple[str, ...]
    holds: tuple[Hold, ...] = ()
    lacks: tuple[Lack, ...] = ()
    order: tuple[Finish, ...] = ()
    stuck: tuple[str, ...] = ()
    circle: Circle = ()
    candidates: tuple[Candidate, ...] = ()
    victim: str = ""


def holds_in(pools: Iterable[Pool]) -> tuple[Hold, ...]:
    """Say who holds what.

    Examples
    --------
    >>> table, db = LockTable(), Pool("db", "database", 1, now=0.0)
    >>> _ = table.ask(Request("anna", db.one), 1.0)
    >>> holds_in([db])
    (Hold(owner='anna', resource='db', amount=1, since=1.0),)
    """
    return tuple(
        Hold(str(owner), pool.name, max(amount for amount, _ in held), min(request.since for _, request in held))
        for pool in pools
        for owner, held in pool.holders.items()
    )


def lacks_in(table: LockTable, now: float) -> tuple[Lack, ...]:
    """Say who waits, and for the lack of what.

    Examples
    --------
    >>> table, db = LockTable(), Pool("db", "database", 1, now=0.0)
    >>> _ = table.ask(Request("anna", db.one), 1.0), table.ask(Request("ben", db.one), 2.0)
    >>> [(lack.owner, lack.resource, lack.holders) for lack in lacks_in(table, 2.0)]
    [('ben', 'db', ('anna',))]
    """
    return tuple(_lacks(table.waiting.values(), now))


def _lacks(waiting: Iterable[Request], now: float) -> Iterable[Lack]:
    for request in waiting:
        short = []
        for pool, amount in request.wants:
            need = pool.need(request.owner, amount)
            if need > pool.free(now) - pool.reserved(request):
                short.append((pool, need))
        for pool, need in short or [(request.wants[0][0], request.wants[0][1])]:
            holders = tuple(str(owner) for owner in pool.holders if owner != request.owner)
            about = (request.asked, request.priority, holders, request.senior)
            yield Lack(str(request.owner), pool.name, need, *about)


def reduced(
    holds: Sequence[Hold], table: LockTable, pools: Sequence[Pool]
) -> tuple[tuple[Finish, ...], tuple[str, ...]]:
    """Reduce the graph: who can finish, in order, and who is left.

    Whoever waits for nothing can; then whoever can be given all that it waits for, by those who could before it.

    Examples
    --------
    >>> table, db = LockTable(), Pool("db", "database", 1, now=0.0)
    >>> _ = table.ask(Request("anna", db.one), 1.0), table.ask(Request("ben", db.one), 2.0)
    >>> order, stuck = reduced(holds_in([db]), table, [db])
    >>> [step.owner for step in order], stuck
    (['anna', 'ben'], ())
    """
    free = {pool.name: pool.capacity - pool.taken for pool in pools}
    has: dict[str, dict[str, float]] = {}
    for hold in holds:
        has.setdefault(hold.owner, {})[hold.resource] = hold.amount
    wants: dict[str, list[tuple[str, float]]] = {}
    for request in table.waiting.values():
        named = [(pool.name, pool.need(request.owner, amount)) for pool, amount in request.wants]
        wants.setdefault(str(request.owner), []).extend(named)
    left = dict.fromkeys(sorted(dict.fromkeys([*has, *wants]), key=lambda owner: owner in wants))
    lacking: dict[str, list[str]] = {}
    for owner in left:
        for name, _ in wants.get(owner, ()):
            lacking.setdefault(name, []).append(owner)
    able = deque(owner for owner in left if _can(owner, wants, free))
    order: list[Finish] = []
    while able:
        owner = able.popleft()
        if owner not in left:  # it has come to be able in two ways
            continue
        del left[owner]
        gives = tuple(has.get(owner, {}).items())
        for name, amount in gives:
            free[name] += amount
            able += [other for other in lacking.get(name, ()) if other in left and _can(other, wants, free)]
        order.append(Finish(owner, gives, tuple((name, free[name]) for name, _ in gives)))
    return tuple(order), tuple(left)


def _can(owner: str, wants: Mapping[str, Sequence[tuple[str, float]]], free: Mapping[str, float]) -> bool:
    return all(need <= free[name] for name, need in wants.get(owner, ()))


def circle_of(start: str, lacks: Sequence[Lack]) -> Circle:
    """Find a shortest circle of waits through an owner, as a search that does not count would; empty without one.

    Examples
    --------
    >>> lacks = [Lack("anna", "gpu", 1, 3.0, 0, ("ben",)), Lack("ben", "db", 1, 4.0, 0, ("carla", "anna"))]
    >>> [wait.holder for wait in circle_of("ben", lacks)]
    ['anna', 'ben']
    """
    ways: list[Circle] = [()]
    seen: set[str] = set()
    for way in ways:
        owner = way[-1].holder if way else start
        for lack in lacks:
            for holder in lack.holders if lack.owner == owner else ():
                further = (*way, Wait(owner, lack.resource, holder))
                if holder == start:
                    return further
                if holder not in seen:
                    seen.add(holder)
                    ways.append(further)
    return ()


def chain(circle: Iterable[Wait]) -> str:
    """Say a circle in short.

    Examples
    --------
    >>> chain([Wait("anna", "gpu", "ben"), Wait("ben", "db", "anna")])
    'anna → gpu → ben → db → anna'
    """
    waits = list(circle)
    parts = [part for wait in waits for part in (wait.owner, wait.resource)]
    return " → ".join([*parts, *([waits[0].owner] if waits else [])])


def finishing(order: Sequence[Finish]) -> str:
    """Say the order of a reduction.

    Examples
    --------
    >>> finishing([Finish("carla", (("gpu", 1),), (("gpu", 1),)), Finish("ben", (), ())])
    'carla can finish and gives back gpu, then ben can'
    """
    parts = []
    for number, step in enumerate(order):
        gives = " and ".join(name if amount == 1 else f"{amount:g} of {name}" for name, amount in step.gives)
        tail = (
            f" finish and gives back {gives}" if gives and number == 0 else f" and gives back {gives}" if gives else ""
        )
        parts.append(f"{'then ' if number else ''}{step.owner} can{tail}")
    return ", ".join(parts)
