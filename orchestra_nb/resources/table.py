"""The lock table: requests in, decisions out. No threads, no clock, no I/O but what a shared pool is asked for.

* **All or nothing.** A request names everything that it wants and is granted whole, or waits and holds nothing of it.
* **Order and ageing**: :mod:`.queues`. What a senior still needs is reserved against everybody who asked later, but not
  against an owner for whom the senior itself waits: the order of a queue must never be what a deadlock is made of. So
  whenever seniors wait, those whom they wait for are looked at, and let pass where there is room for them.
* **No waiting where there is room.** After each call nobody waits who could go in (no lost wake-up): whatever makes
  room is followed by a dispatch of that resource, and who is parked somewhere else has no room there.
* **Nested holds.** An owner that holds a resource and asks for it again is granted at once what it already has, and
  waits for the difference if it wants more; each lock has its own id and is given back by itself.
* **Time.** ``now`` never goes back. Each call first ends what is due: waits whose deadline has passed (so nothing is
  both granted and timed out), leases. Who waits asks :meth:`LockTable.wake` when to call :meth:`LockTable.tick`.
* **Deadlock**: :mod:`.deadlock`, at each block, and after a grant to an owner that still waits for something else. The
  victim's requests are refused; its locks without a ``with`` block are revoked, the others unwind.

**Interrupts.** Two dictionaries are what counts, ``held`` and ``waiting``, and one step on one of them is what makes a
request one or the other. All else is derived from them, and :meth:`LockTable.mend` derives it anew: a shell that was
interrupted in the middle of a call (at any line) calls it and goes on. What a rate or budget was charged in the very
moment of an interrupt may stay charged: too little is then had of it, never too much.

Rejected: a second table for what is being changed (twice the cost of every grant, for the sake of one interrupt).
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Hashable, Iterable
from typing import Literal

from orchestra_nb.errors import LeaseExpired, ResourceError
from orchestra_nb.resources import circles, deadlock, events
from orchestra_nb.resources.placing import Decision, Placing, about, obstacle_of
from orchestra_nb.resources.pools import Pool
from orchestra_nb.resources.requests import LockId, Request

_MOST_REMEMBERED = 4096
"""Locks that were taken back, so that who comes to give them back is told why."""


class LockTable(Placing):
    """Who holds and who waits.

    Parameters
    ----------
    resolve
        Whether a deadlock is resolved when it is found, or only reported.
    heard
        Says whether anybody wants events.

    Examples
    --------
    >>> table, db = LockTable(), Pool("db", "database", 1, now=0.0)
    >>> a, b = Request("a", db.one), Request("b", db.one)
    >>> _ = table.ask(a, 0.0), table.ask(b, 1.0)
    >>> a.status, b.status, table.release(a, 2.0) == [b], b.status, b.token
    ('held', 'waiting', True, 'held', 2)
    """

    def __init__(self, resolve: bool = True, heard: Callable[[], bool] = lambda: False) -> None:
        super().__init__(heard)
        self.deadlocks = 0
        self._resolve = resolve
        self._taken_back: dict[LockId, Literal["expired", "revoked"]] = {}

    # What happens.

    def ask(self, request: Request, now: float) -> list[Decision]:
        """Grant a request, refuse it, or let it wait: see its status; returns what concerns others."""
        if now >= self._due:
            self._expire(now)
        request.asked = now
        self._number = request.number = self._number + 1
        pool, amount = request.wants[0]
        if (  # the usual case at its quickest
            pool.plain
            and len(request.wants) == 1
            and request.lease is None
            and pool.taken + amount <= pool.capacity
            and not pool.queue.seniors
            and request.owner not in pool.holders
        ):
            request.since = now
            self._token = request.token = LockId(self._token + 1)
            request.status = "held"
            self.held[request.token] = request
            pool.usage.advance(now, pool.taken)
            pool.holders[request.owner] = [(amount, request)]
            pool.taken += amount
            self._count(request, now)
        elif not self._try(request, now) and request.status == "new":
            self._block(request, now)
        if self._by_owner and request.status == "held" and request.owner in self._by_owner:
            self._still_waiting(request.owner, now)
        return self._told(now) if self._out or self._eased else []

    def release(self, request: Request, now: float) -> list[Decision]:
        """Take a lock back; one that is not held is fine."""
        if now >= self._due:
            self._expire(now)
        if self.held.get(request.token) is request:
            del self.held[request.token]
            request.status = "over"
            self._given(request, now)
            if self._heard():
                held = now - request.since
                self._out.append(events.LockReleased(now, *about(request), request.token, held))
        return self._told(now) if self._out or self._eased else []

    def cancel(self, request: Request, now: float, error: ResourceError | None = None) -> list[Decision]:
        """Let somebody wait no more; with an error, it was refused."""
        if request.number in self.waiting:
            request.error = error
            self._leave(request, "refused" if error else "over", str(error or "it was cancelled"), now)
        return self._told(now)

    def undo(self, request: Request, now: float) -> list[Decision]:
        """A request that nobody came to know of: neither waits nor holds, and gets back what it was charged."""
        out = [*self.cancel(request, now), *self.release(request, now)]
        self._refund(request)
        for pool, _ in request.wants:
            self._dispatch(pool, now)
        return out + self._told(now)

    def tick(self, now: float) -> list[Decision]:
        """Time has passed: end what is due, and grant what time made room for."""
        if now >= self._due:
            self._expire(now)
        for pool in tuple(self._timed):
            if pool.queue.wanted:
                self._dispatch(pool, now)
            else:
                del self._timed[pool]
        return self._told(now) if self._out or self._eased else []

    def wake(self, request: Request, now: float) -> float | None:
        """Say when to call :meth:`tick` for the sake of one that waits; ``None``: not for time's sake."""
        times = [] if request.deadline is None else [request.deadline]
        for pool, amount in request.wants:
            opens = pool.opens(pool.need(request.owner, amount), now)
            if opens is not None and opens > now:
                times.append(opens)
            if pool.holders and self._leases:
                times += [r.expires for holds in pool.holders.values() for _, r in holds if r.expires is not None]
        return min(times, default=None)

    def renew(self, request: Request, lease: float, now: float) -> list[Decision]:
        """Let a lease begin anew; raises when the lock is not held any more."""
        if self.held.get(request.token) is not request:
            raise self.refusal(request.token, request)
        if request.expires is not None:
            self._leases.remove((request.expires, request.token, request))
        request.lease, request.expires = lease, now + lease
        insort(self._leases, (request.expires, request.token, request))
        self._set_due()
        for pool, _ in request.wants:
            self._out += pool.waiting()
        return self._decided()

    def change_priority(self, owner: Hashable, priority: float) -> list[Decision]:
        """Let what an owner waits for have another priority from now on."""
        for request in self._by_owner.get(owner, ()):
            pool = request.parked
            self._unpark(request)
            request.priority = priority
            if pool is not None:
                self._park(request, (pool, request.need))
        return []

    def give_way(self, victim: Hashable, circle: circles.Circle, now: float) -> list[Decision]:
        """Refuse what a victim waits for, and revoke what no ``with`` block gives back."""
        self._sacrifice(victim, circle, now)
        return self._told(now)

    # What is asked.

    def held_by(self, owner: Hashable) -> list[Request]:
        """List what an owner holds, the last first: the order in which blocks unwind."""
        return self._owned.get(owner, [])[::-1]

    def waits_of(self, owner: Hashable) -> list[Request]:
        """List what an owner waits for."""
        return self._by_owner.get(owner, [])[:]

    def find_deadlocks(self, now: float) -> list[deadlock.Deadlock]:
        """Look for deadlocks among all that wait; there are none where they are resolved as they come."""
        return list(deadlock.find_all(self._by_owner, now, self._since))

    def refusal(self, token: int, request: Request | None = None) -> ResourceError:
        """Say why a lock that is not held cannot be used."""
        what = f"lock {token}" + (f" of {request.owner} for {' and '.join(request.resources)}" if request else "")
        reason = self._taken_back.get(LockId(token))
        if reason == "expired":
            return LeaseExpired(f"{what} was taken back: its lease had expired; ask again, and renew in time")
        if reason == "revoked":
            return ResourceError(f"{what} was taken back: its owner was the victim of a deadlock; ask again")
        return ResourceError(f"{what} is not held: it was given back already, or is of another manager; ask for one")

    def was_revoked(self, token: int) -> bool:
        """Whether a lock was given back for the victim of a deadlock, who need not do it."""
        return self._taken_back.get(LockId(token)) == "revoked"

    # After an interrupt.

    def mend(self, pools: Iterable[Pool], now: float) -> list[Decision]:
        """Derive everything anew from what is held and what waits."""
        holds: dict[Pool, list[tuple[float, Request]]] = {pool: [] for pool in pools}
        self._owned, self._by_owner, self._seniors, self._deadlines = {}, {}, {}, []
        for request in self.held.values():
            self._owned.setdefault(request.owner, []).append(request)
            for pool, amount in request.wants:
                holds[pool].append((amount, request))
        for pool, of_it in holds.items():
            pool.recount(of_it)
        self._leases = sorted((r.expires, r.token, r) for r in self.held.values() if r.expires is not None)
        for number, request in tuple(self.waiting.items()):
            if self.held.get(request.token) is request or request.status not in ("waiting", "held"):
                del self.waiting[number]
            else:
                request.status, request.expires = "waiting", None
                self._enter(request, obstacle_of(request, now) or (request.wants[0][0], 0))
        self._set_due()
        for pool in holds:
            self._dispatch(pool, now)
        return self._told(now)

    # How it is decided.

    def _told(self, now: float) -> list[Decision]:
        """Hand over what was decided, after a look at owners who were granted something and wait for something else."""
        place = 0
        while self._eased or place < len(self._out):
            if self._eased:
                self._dispatch(self._eased.popitem()[0], now)
                continue
            each = self._out[place]
            place += 1
            if isinstance(each, Request) and each.status == "held" and each.owner in self._by_owner:
                self._still_waiting(each.owner, now)
        return self._decided()

    def _block(self, request: Request, now: float) -> None:
        if request.deadline is not None and request.deadline <= now:
            request.status = "timed-out"
            for pool, _ in request.wants:
                pool.usage.timed_out += 1
            return
        request.status = "waiting"
        self.waiting[request.number] = request
        self._enter(request, request.obstacle or (request.wants[0][0], 0))
        if self._heard():
            self._out.append(events.LockQueued(now, *about(request), request.priority))
        if self._seniors:
            self._let_pass(now)
        if request.status == "waiting":
            self._look_for_deadlock(request.owner, now)

    def _expire(self, now: float) -> None:
        late = [request for deadline, _, request in self._deadlines if deadline <= now]
        for request in late:
            for pool, _ in request.wants:
                pool.usage.timed_out += 1
            self._leave(request, "timed-out", "its time was up", now, quietly=True)
        for request in late:  # when all are gone: nobody is granted what comes too late
            if request.senior:
                self._free(request, now)
        while self._leases and self._leases[0][0] <= now:
            request = self._leases[0][2]
            for pool, _ in request.wants:
                pool.usage.expired += 1
            self._take_back(request, "expired", now)
        self._set_due()

    def _take_back(self, request: Request, reason: Literal["expired", "revoked"], now: float) -> None:
        self._taken_back[request.token] = reason
        if len(self._taken_back) > _MOST_REMEMBERED:
            del self._taken_back[next(iter(self._taken_back))]
        del self.held[request.token]
        request.status = reason
        self._given(request, now)
        if self._heard():
            kind = events.LeaseEnded if reason == "expired" else events.LockRevoked
            self._out.append(kind(now, *about(request), request.token))

    # Deadlock.

    def _since(self, owner: Hashable) -> float:
        return min((request.since for request in self._owned.get(owner, ())), default=float("inf"))

    def _still_waiting(self, owner: Hashable, now: float) -> None:
        """An owner was granted something and waits for something else: it may need less now, or close a circle."""
        for request in self.waits_of(owner):
            if request.status == "waiting":
                self._try(request, now)
        if owner in self._by_owner:
            self._look_for_deadlock(owner, now)

    def _look_for_deadlock(self, owner: Hashable, now: float) -> None:
        while owner in self._by_owner:
            found = deadlock.find(owner, self._by_owner, now, self._since)
            if found is None:
                return
            self.deadlocks += 1
            if self._heard():
                self._out.append(events.DeadlockFound(now, found.circle, str(found.victim), self._resolve))
            if not self._resolve:
                return
            self._sacrifice(found.victim, found.circle, now)

    def _sacrifice(self, victim: Hashable, circle: circles.Circle, now: float) -> None:
        waits = self.waits_of(victim)
        for request in waits:
            request.error = circles.error_of(circle, victim)
            for pool, _ in request.wants:
                pool.usage.victims += 1
            self._leave(request, "refused", "it was the victim of a deadlock", now, quietly=True)
        for request in waits:  # when all are gone: none of them is granted instead
            if request.senior:
                self._free(request, now)
        for request in self.held_by(victim):
            if not request.scoped:
                self._take_back(request, "revoked", now)
