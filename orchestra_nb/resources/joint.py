"""What the nodes of one run use, where they share it with others: a run's claims, granted by the table of all.

To a run this is :class:`.Claims`. What only that run has (limits of its phases, its own budgets) stays there; every
other name is a resource of the :class:`.ResourceManager`, with one owner for each node, so that a lock that somebody
else holds keeps a node waiting, and the other way round.

**Order.** Among all who ask, nodes and others alike, the table decides: by priority, then by who asked first, with
ageing (:mod:`.queues`). So a node that found no room waits in the table's queue (:class:`Elsewhere`), and not in the
run's, until :meth:`Joint.arrived` names it.

**Nobody holds while waiting.** A node that has its resources and finds its lane full meanwhile gives them back at once
(:meth:`Joint.settle`) and asks again when its lane has a place. It loses its turn by that, and not more: to hold what
it cannot use yet, while whoever is in the lane waits for exactly that, would be a deadlock. For the same reason what
the run alone has is looked at first, and taken in the same step. What a node releases is everybody's at the end of the
driver's step (:meth:`Joint.left`): until then it may turn out that the node rests with its locks (``keep_locks``).

**Wake-ups.** Whoever makes room, in any thread, tells the requests that get it; that only leaves a note and rings
(:meth:`Joint.on_room`), and the run looks when it next decides. Time (leases of others, rates, other processes) makes
room too: :meth:`Joint.wake` says when to look.

Everything but the bell is called by one thread at a time, as with :class:`.Claims`. When the run ends,
:meth:`Joint.close` gives back what is left, also that of nodes that were abandoned while they ran.

Rejected: asking again after each release (who waits in the table would always go first, so a node could starve); a
thread for each node that waits.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import partial
from typing import TypeVar

from orchestra_nb.config import Capacity
from orchestra_nb.errors import ResourceError
from orchestra_nb.resources.claims import Claims, Elsewhere, Obstacle, Wants
from orchestra_nb.resources.front import Front
from orchestra_nb.resources.owners import Owner
from orchestra_nb.resources.placing import Decision
from orchestra_nb.resources.pools import Pool
from orchestra_nb.resources.requests import Request
from orchestra_nb.resources.requests import Wants as Asked

T = TypeVar("T")


class Joint(Claims):
    """The claims of one run on shared resources.

    Parameters
    ----------
    front
        What is shared.
    capacities
        What the run alone has.
    adopt
        Makes a name known that is not, as something that is there once.

    Examples
    --------
    >>> from orchestra_nb.resources.manager import ResourceManager
    >>> manager = ResourceManager()
    >>> manager.register_resource("db")
    >>> mine = manager.acquire_lock("db", owner="me")
    >>> claims = manager.joined({})
    >>> claims.claim("load", (("db", 1),), now=0.0)
    Elsewhere(resource='db', amount=1)
    >>> manager.release_lock(mine), claims.arrived()
    (True, ['load'])
    >>> claims.claim("load", (("db", 1),), now=0.0), manager.get_resource_stats()["db"].holders
    (None, {'load': 1})
    """

    shared = True

    def __init__(self, front: Front, capacities: Mapping[str, Capacity], adopt: Callable[[str], object]) -> None:
        super().__init__(capacities)
        self._ring: Callable[[], object] = _nobody
        self._front = front
        self._adopt = adopt
        self._waiting: dict[Hashable, Request] = {}
        self._alike: dict[Asked, dict[Hashable, Request]] = {}
        """The same by what they want, for what follows from that alone."""
        self._granted: dict[Hashable, Request] = {}
        """Who has waited long enough, and has not gone in yet."""
        self._locks: dict[Hashable, list[Request]] = {}
        self._resting: set[Hashable] = set()
        """Who has kept its locks, and is to ask for the rest once more."""
        self._leaving: dict[Hashable, list[Request]] = {}
        """What is given back with the end of this step, unless it is kept."""
        self._told: deque[Hashable] = deque()
        self._inside = 0
        """The thread that is asking, and need not be rung for."""
        self._due: float | None = None

    # What a run asks.

    @property
    def owners(self) -> Mapping[Hashable, Wants]:
        """Who holds what of the run's own; and who holds something that is shared."""
        return {**dict.fromkeys(self._locks, ()), **self._owners}

    def claim(self, owner: Hashable, wants: Wants, now: float, priority: float = 0) -> Obstacle | Elsewhere | None:
        """Give a node all that it wants, or nothing.

        Returns
        -------
        Obstacle, Elsewhere or None
            What there was no room for; ``None``: granted.

        Raises
        ------
        ResourceError
            It will never be granted: a budget is spent, the wait was ended, the manager is closed.
        """
        self.left()
        own = tuple(want for want in wants if want[0] in self._capacities)
        for name, amount in self._lacking(owner, own):
            if not super().room(name, amount, now):
                self._give_back(self._granted.pop(owner, None))
                return Obstacle(name, amount)
        shared = self._lacking_here(owner, tuple(want for want in wants if want[0] not in self._capacities))
        if shared:
            request = self._granted.pop(owner, None) or self._ask(owner, shared, priority)
            if request.status == "waiting":
                pool, need = request.obstacle or request.wants[0]
                return Elsewhere(pool.name, int(need))
            self._front.settled(request)
            self._locks.setdefault(owner, []).append(request)
        self._resting.discard(owner)
        return super().claim(owner, own, now, priority)

    def keep(self, owner: Hashable, wants: Wants) -> None:
        """Leave with a node what is held of a claim that it has just released."""
        super().keep(owner, tuple(want for want in wants if want[0] in self._capacities))
        requests = self._leaving.pop(owner, [])
        kept = [request for request in requests if not request.is_spent]
        self._leaving[owner] = [request for request in requests if request.is_spent]
        if kept:
            self._locks[owner] = kept
            self._resting.add(owner)

    def release(self, owner: Hashable) -> None:
        """Take back what a node holds, with the end of this step; one that holds nothing is fine."""
        super().release(owner)
        self._resting.discard(owner)
        if owner in self._locks:
            self._leaving[owner] = self._locks.pop(owner)

    def left(self) -> None:
        """Let others have what was released, and is not kept."""
        while self._leaving:
            owner, requests = self._leaving.popitem()
            with _Inside(self):
                for request in requests:
                    self._front.release(request.token)
                for whose in {request.owner for request in requests if owner not in self._locks}:
                    if self._front.table.waits_of(whose) or self._front.table.held_by(whose):
                        self._front.note(whose)  # what its body has left behind

    def acting(self, owner: Hashable, body: Callable[[], T], keep: bool) -> Callable[[], T]:
        """Let a body ask for locks as its node, if that holds something here."""
        mine = self._owner(owner)
        return body if mine is None else partial(self._front.owners.acting, mine, body, keep=keep)

    def on_room(self, ring: Callable[[], object]) -> None:
        """Have somebody called, from any thread, when there may be room for a node that waits."""
        self._ring = ring

    def arrived(self) -> list[Hashable]:
        """Name those whose wait in the queue of all is over, since it was last asked."""
        if self._due is not None and self._front.now() >= self._due:
            self._due = None
            with _Inside(self):
                self._front.change(self._front.table.tick)
        found: list[Hashable] = []
        while self._told:
            owner = self._told.popleft()
            request = self._waiting.get(owner)
            if request is not None and request.status != "waiting":
                self._wait_no_more(owner)
                self._granted[owner] = request
                found.append(owner)
        return found

    def settle(self) -> bool:
        """Give back what could not be used; says whether to look again who can go in."""
        unused = [self._granted.pop(owner) for owner in tuple(self._granted)]
        for request in unused:
            self._give_back(request)
        return bool(unused or self._told)

    def withdraw(self, owner: Hashable) -> None:
        """Let a node wait no more."""
        self._give_back(self._wait_no_more(owner) or self._granted.pop(owner, None))

    def wake(self, now: float) -> float | None:
        """Say when time alone may make room for one that waits in the queue of all."""
        if not self._alike:
            return None
        due: list[float] = []
        table = self._front.table

        def look(there: float) -> list[Decision]:
            out = table.tick(there)  # first: what is open by now has no time at which it will be
            each = (_first(requests.values()) for requests in self._alike.values())
            due[:] = [at for one in each if one is not None and (at := table.wake(one, there)) is not None]
            return out

        with _Inside(self):
            self._front.change(look)
        self._due = min(due, default=None)
        if self._told:
            return now
        return None if self._due is None else now + max(0.0, self._due - self._front.now())

    def others(self, owner: Hashable) -> bool:
        """Whether somebody else than this run's nodes has, or is before it for, what a node waits for."""
        request = self._waiting.get(owner)
        held = [each for requests in self._locks.values() for each in requests]
        mine = {each.owner for each in (*held, *self._waiting.values())}
        found: list[bool] = []

        def look(there: float) -> list[Decision]:
            found[:] = [request is not None and any(_of_others(pool, mine) for pool, _ in request.wants)]
            return []

        self._front.change(look)
        return found[0]

    def close(self) -> None:
        """Hold nothing and wait for nothing any more."""
        for owner in (*self._waiting, *self._granted):
            self.withdraw(owner)
        for owner in tuple(self._locks):
            self.release(owner)
        self.left()

    # How it is done.

    def _ask(self, owner: Hashable, wants: Wants, priority: float) -> Request:
        asked = tuple(self._pool(name, amount) for name, amount in wants)
        request = Request(self._owner(owner) or Owner(str(owner)), asked, priority, scoped=True)
        try:
            with _Inside(self):
                self._front.asked(request, lambda: _Note(self, owner, request))
        except BaseException:
            self._front.drop(request)
            raise
        if request.status == "waiting":
            self._waiting[owner] = request
            self._alike.setdefault(asked, {})[owner] = request
        return request

    def _owner(self, owner: Hashable) -> Owner | None:
        """Who a node is that holds something here."""
        requests = self._locks.get(owner)
        mine = requests[0].owner if requests else None
        return mine if isinstance(mine, Owner) else None

    def _lacking_here(self, owner: Hashable, wants: Wants) -> Wants:
        """What a node still needs of what is shared: all of it, unless it has kept some."""
        if owner not in self._locks:
            return wants
        if owner not in self._resting:
            raise ValueError(f"{owner!r} already holds what it asked for")
        kept = {pool.name for request in self._locks[owner] for pool, _ in request.wants if pool.kind == "held"}
        return tuple(want for want in wants if want[0] not in kept)

    def _pool(self, name: str, amount: int) -> tuple[Pool, float]:
        pool = self._front.pools.get(name)
        if pool is None:
            self._adopt(name)
            pool = self._front.pools[name]
        if pool.kind != "budget" and amount > pool.capacity:
            told = f"{amount} of {name!r} can never be had: there is {pool.capacity:g}"
            raise ResourceError(f"{told}; ask for less, or register more")
        return pool, amount

    def _wait_no_more(self, owner: Hashable) -> Request | None:
        request = self._waiting.pop(owner, None)
        if request is not None:
            alike = self._alike[request.wants]
            del alike[owner]
            if not alike:
                del self._alike[request.wants]
        return request

    def _give_back(self, request: Request | None) -> None:
        if request is not None:
            with _Inside(self):
                self._front.drop(request)

    def _tell(self, owner: Hashable, request: Request) -> None:
        if request.status != "waiting":  # else it is told to look at the time again, which the run does
            self._told.append(owner)
        if self._inside != threading.get_ident():
            self._ring()


class _Inside:
    """While the run itself asks, its own thread need not be rung for."""

    def __init__(self, joint: Joint) -> None:
        self._joint = joint

    def __enter__(self) -> None:
        self._joint._inside = threading.get_ident()

    def __exit__(self, *_: object) -> None:
        self._joint._inside = 0


class _Note:
    """How a node that waits is told: a note for the run, which is never waited for."""

    def __init__(self, joint: Joint, owner: Hashable, request: Request) -> None:
        self._joint = joint
        self._owner, self._request = owner, request

    def tell(self) -> bool:
        """Leave the note, from any thread."""
        self._joint._tell(self._owner, self._request)
        return True


def _first(requests: Iterable[Request]) -> Request | None:
    """One that waits, of those that want the same."""
    return next((request for request in requests if request.status == "waiting"), None)


def _of_others(pool: Pool, mine: set[Hashable]) -> bool:
    return any(owner not in mine for owner in pool.holders) or any(r.owner not in mine for r in pool.waiting())


def _nobody() -> None:
    """Ring for nobody."""
