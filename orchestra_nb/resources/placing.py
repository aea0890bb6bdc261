"""Who gets in, who waits where, and what a senior has a right to: the inside of the lock table.

The laws are in :mod:`.table`, which says when this is done; the order is in :mod:`.queues`. Here is the one function at
the heart, :meth:`Placing._try`: all of a request or nothing, and where there is no room, it is parked there. Everything
else keeps what it stands on: two dictionaries that count, and what is derived from them.
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Callable, Hashable

from orchestra_nb.events import Event
from orchestra_nb.resources import deadlock, events
from orchestra_nb.resources.pools import BudgetPool, Pool, RatePool
from orchestra_nb.resources.queues import AGE
from orchestra_nb.resources.requests import LockId, Request, Status

Decision = Request | Event
"""A request whose owner must be told (it is settled, or must look again when to wake), or a fact to publish."""
_MOST_ORDERS = 1000


class Placing:
    """Requests in their places.

    Parameters
    ----------
    heard
        Says whether anybody wants events.
    """

    def __init__(self, heard: Callable[[], bool] = lambda: False) -> None:
        self.held: dict[LockId, Request] = {}
        self.waiting: dict[int, Request] = {}
        """By their numbers, so in the order of asking."""
        self.orders: dict[tuple[str, str], set[str]] = {}
        """Who was seen to take a second resource while holding a first."""
        self._heard = heard
        self._number = 0
        self._token = 0
        self._promotions = 0
        self._due = math.inf
        self._deadlines: list[tuple[float, int, Request]] = []
        self._leases: list[tuple[float, LockId, Request]] = []
        self._seniors: dict[int, Request] = {}
        self._timed: dict[Pool, None] = {}
        self._eased: dict[Pool, None] = {}
        """Where less may be reserved for some: a senior's owner got some of it otherwise, or there is a new senior."""
        self._by_owner: dict[Hashable, list[Request]] = {}
        self._owned: dict[Hashable, list[Request]] = {}
        self._out: list[Decision] = []

    def _decided(self) -> list[Decision]:
        out, self._out = self._out, []
        return out

    # Getting in.

    def _try(self, request: Request, now: float, passing: bool = False) -> bool:
        """Grant a request if there is room for all of it; else one that waits is parked where there is none."""
        for pool, amount in request.wants:
            if isinstance(pool, BudgetPool) and not pool.budget.allows(amount):
                self._refuse(request, pool, amount, now)
                return False
        obstacle = obstacle_of(request, now, passing)
        token: int | None = self._token + 1
        if obstacle is None:
            obstacle, token = self._seized(request, now)
        if obstacle is not None or token is None:
            request.obstacle = obstacle
            self._park(request, obstacle)
            if obstacle is not None and not obstacle[0].plain and request.status == "waiting":
                self._out.append(request)  # from now on it is time that it waits for
            return False
        self._grant(request, token, now)
        return True

    def _seized(self, request: Request, now: float) -> tuple[tuple[Pool, float] | None, int]:
        """Get from the other processes what is shared with them, which is done last; all of it or nothing."""
        token = self._token + 1
        for pool, amount in request.wants:
            need = pool.need(request.owner, amount)
            if pool.plain or not need:
                continue
            known = pool.retrying
            seized = pool.seize(need, now, token)
            if seized is None:
                for other, _ in request.wants:
                    other.unseize()
                if not known:  # who waits for it did not know that time would make room
                    self._out += pool.waiting()
                return (pool, need), token
            token = seized
        return None, token

    def _grant(self, request: Request, token: int, now: float) -> None:
        waited = request.number in self.waiting
        was_senior = request.senior
        request.since = now
        if request.lease is not None:
            request.expires = now + request.lease
        self._token = token
        request.token = LockId(token)
        request.status = "held"
        self.held[request.token] = request
        if waited:
            self._forget(request)
            self._out.append(request)
        for pool, amount in request.wants:
            pool.take(request, amount, now)
            if waited:
                pool.usage.waits.add(now - request.asked)
        if request.expires is not None:
            insort(self._leases, (request.expires, request.token, request))
            self._due = min(self._due, request.expires)
        for pool, _ in request.wants:
            if request.expires is not None or (was_senior and not pool.plain):
                self._out += pool.waiting()  # when they must wake is another time now
        self._count(request, now)
        for pool, _ in request.wants:
            if isinstance(pool, BudgetPool):
                self._refuse_the_poor(pool, now)

    def _count(self, request: Request, now: float) -> None:
        """Take note of a grant."""
        owned = self._owned.get(request.owner)
        if owned is None:
            self._owned[request.owner] = [request]
        else:
            self._note_order(owned, request)
            owned.append(request)
        for other in self._by_owner.get(request.owner, ()):
            if other.senior:
                self._eased.update((pool, None) for pool, _ in other.wants)
        for pool, _ in request.wants:
            queue = pool.queue
            queue.turns += 1
            pool.usage.granted += 1
            while queue.ageing and queue.ageing[0][0] <= queue.turns:
                self._promote(queue.ageing[0][2], now)
        if self._heard():
            self._out.append(events.LockGranted(now, *about(request), request.token, now - request.asked))

    def _note_order(self, owned: list[Request], request: Request) -> None:
        for first in {name for each in owned for name in each.resources}:
            for second in request.resources:
                if first != second and len(self.orders) < _MOST_ORDERS:
                    self.orders.setdefault((first, second), set()).add(str(request.owner))

    def _given(self, request: Request, now: float) -> None:
        """Take back what a lock held, and let others have it."""
        owned = self._owned[request.owner]
        if len(owned) == 1:
            del self._owned[request.owner]
        else:
            owned.remove(request)
        if request.expires is not None:
            self._leases.remove((request.expires, request.token, request))
            self._set_due()
        for pool, _ in request.wants:
            pool.give(request, now)
        for pool, _ in request.wants:
            queue = pool.queue
            if queue.ageing or queue.seniors:
                self._dispatch(pool, now)

    def _dispatch(self, pool: Pool, now: float) -> None:
        """Let in whoever can go in, in order."""
        queue = pool.queue
        best: Request | None = None
        seen = -1
        while seen < 0 or best is not None:
            while seen != self._promotions:  # a grant may make another senior, which then is not among the others
                seen = self._promotions
                for senior in tuple(queue.seniors):
                    if senior.status == "waiting":
                        self._try(senior, now)
            best = queue.best(pool.free(now) - pool.reserved(None))
            if best is not None:
                self._try(best, now)
        if self._seniors:
            self._let_pass(now)

    def _let_pass(self, now: float) -> None:
        """Let in those for whom seniors wait, where nothing but the reservations of these seniors keeps them out."""
        awaited: dict[Request, list[Request]] = {}
        for senior in tuple(self._seniors.values()):
            if senior.status != "waiting":
                continue
            for request in deadlock.awaited(senior, self._by_owner, now):
                if request.status != "waiting" or obstacle_of(request, now, passing=True) is not None:
                    continue
                before = {s for pool, _ in request.wants for s in pool.seniors_before(request)}
                for other in before - awaited.keys():
                    awaited[other] = deadlock.awaited(other, self._by_owner, now)
                if all(request in awaited[other] for other in before) and self._try(request, now, passing=True):
                    awaited.clear()

    # Waiting.

    def _enter(self, request: Request, obstacle: tuple[Pool, float]) -> None:
        """Put a request into the queues; it is parked at the obstacle."""
        if request.deadline is not None:
            insort(self._deadlines, (request.deadline, request.number, request))
            self._due = min(self._due, request.deadline)
        self._by_owner.setdefault(request.owner, []).append(request)
        places = max(pool.queue.wanted for pool, _ in request.wants) + 1
        patience = max(1, AGE * places // len(request.wants))
        request.dues = tuple(pool.queue.turns + patience for pool, _ in request.wants)
        request.parked, request.senior = None, False
        for (pool, _), due in zip(request.wants, request.dues, strict=True):
            pool.queue.grow_old(request, due)
        self._park(request, obstacle)

    def _park(self, request: Request, obstacle: tuple[Pool, float] | None) -> None:
        if request.status != "waiting" or request.senior or obstacle is None:
            return
        self._unpark(request)
        pool, need = obstacle
        if not pool.plain:
            self._timed[pool] = None
        request.parked, request.need = pool, need
        pool.queue.park(request, need)

    def _unpark(self, request: Request) -> None:
        if request.parked is not None:
            request.parked.queue.leave(request, request.need)
            request.parked = None

    def _forget(self, request: Request) -> None:
        """Take a request out of the queues."""
        del self.waiting[request.number]
        requests = self._by_owner[request.owner]
        requests.remove(request)
        if not requests:
            del self._by_owner[request.owner]
        if request.deadline is not None:
            self._deadlines.remove((request.deadline, request.number, request))
            self._set_due()
        self._unpark(request)
        for (pool, _), due in zip(request.wants, request.dues, strict=True):
            pool.queue.forget(request, due)
        self._seniors.pop(request.number, None)

    def _promote(self, request: Request, now: float) -> None:
        """Make a request a senior."""
        self._unpark(request)
        for (pool, _), due in zip(request.wants, request.dues, strict=True):
            pool.queue.promote(request, due)
            if not pool.plain:
                self._timed[pool] = None
        self._promotions += 1
        self._eased.update((pool, None) for pool, _ in request.wants)  # it goes before younger seniors now
        request.senior = True
        self._seniors[request.number] = request
        if self._heard():
            self._out.append(events.LockAged(now, *about(request)))

    def _leave(self, request: Request, status: Status, reason: str, now: float, quietly: bool = False) -> None:
        """Somebody waits no more, and holds nothing of what it wanted; reservations that end make room."""
        request.status = status
        self._forget(request)
        self._out.append(request)
        if self._heard():
            self._out.append(events.WaitEnded(now, *about(request), reason, now - request.asked))
        if request.senior and not quietly:
            self._free(request, now)

    def _free(self, request: Request, now: float) -> None:
        for pool, _ in request.wants:
            self._dispatch(pool, now)
            if not pool.plain:
                self._out += pool.waiting()

    def _set_due(self) -> None:
        deadline = self._deadlines[0][0] if self._deadlines else math.inf
        lease = self._leases[0][0] if self._leases else math.inf
        self._due = min(deadline, lease)

    # Budgets.

    def _refuse(self, request: Request, pool: BudgetPool, amount: float, now: float) -> None:
        request.error = pool.budget.refusal(request.owner, amount)
        if request.status == "waiting":
            self._leave(request, "refused", "a budget is spent", now)
        else:
            request.status = "refused"

    def _refuse_the_poor(self, pool: BudgetPool, now: float) -> None:
        """What is spent is spent: who waits for something else, and could not pay for it, waits in vain."""
        for request in tuple(pool.waiting()):
            amount = request.amount_of(pool)
            if request.status == "waiting" and not pool.budget.allows(amount):
                self._refuse(request, pool, amount, now)

    def _refund(self, request: Request) -> None:
        for pool, amount, entry in request.charged:
            if isinstance(pool, RatePool | BudgetPool):
                pool.refund(request, amount, entry)
        request.charged = ()


def obstacle_of(request: Request, now: float, passing: bool = False) -> tuple[Pool, float] | None:
    """What there is too little of for a request, and how much it needs; who is passing minds no reservations."""
    for pool, amount in request.wants:
        need = pool.need(request.owner, amount)
        if need and need > pool.free(now) - (0 if passing else pool.reserved(request)):
            return pool, need
    return None


def about(request: Request) -> tuple[str, tuple[str, ...]]:
    """What an event says of it."""
    return str(request.owner), request.resources
