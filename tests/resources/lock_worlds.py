"""A lock table in a world of chance: a fake clock, owners that ask, wait, give up, give back and are changed in rank.

Everything is judged after every step, from what the world saw itself: its own books of who was granted what, an
exhaustive reduction of its own, its own search for who waits for whom. Deadlocks must be found at the very step that
makes them, with one victim, and no step may leave anybody waiting who could go in. Now and then the table is mended, as
after an interrupt, which must change nothing.

Each world has a temper (how much is asked at once, how long, whether locks have leases, whether owners ask twice), so
that rare things meet.
"""

from __future__ import annotations

import random
from itertools import pairwise

from orchestra_nb.errors import DeadlockError
from orchestra_nb.resources.events import LeaseEnded, LockGranted, LockReleased, LockRevoked
from orchestra_nb.resources.pools import Pool, RatePool
from orchestra_nb.resources.requests import Request
from orchestra_nb.resources.table import LockTable


class World:
    """One table and those who use it."""

    def __init__(self, seed):
        self.draw = draw = random.Random(seed)
        self.now = 0.0
        self.narrow = draw.random() < 0.25
        """One of everything, taken one after another, and seldom given back: where long circles come from."""
        count = draw.choice((3, 4)) if self.narrow else draw.choice((1, 2, 2, 3, 4))
        sizes = (1,) if self.narrow else (1, 1, 2, 3, 4)
        self.pools = [Pool(f"r{i}", "custom", draw.choice(sizes), 0.0) for i in range(count)]
        self.rate = None
        if draw.random() < 0.15:
            self.rate = RatePool("rate", "api", draw.randint(1, 3), 0.0, 4.0)
        self.owners = [f"o{i}" for i in range(draw.randint(2, 8))]
        self.steps = draw.randint(8, 20)
        self.greed = 0.05 if self.narrow else draw.choice((0.1, 0.3, 0.6))
        """Chance to ask for several at once."""
        self.generous = 0.1 if self.narrow else draw.choice((0.15, 0.3, 0.5))
        """Chance that a step gives back rather than asks."""
        self.leases = draw.random() < 0.15
        self.twice = draw.random() < 0.1
        """Whether owners ask while they wait."""
        self.hurry = draw.choice((0.0, 0.0, 0.3))
        self.ranks = draw.choice(((0,), (0, 1), (0, 5, 9, -1)))
        self.heard = draw.random() < 0.05
        self.table = LockTable(heard=lambda: self.heard)
        self._books_of = None
        self.held = {}
        """By token, as the world was told."""
        self.waiting = {}
        self.asleep_until = {}
        self.overtaken = {}
        self.queue_length = {}
        self.last_token = 0
        self.kinds = set()
        self.log = {}

    def run(self):
        for _ in range(self.steps):
            self.step()
        self.end()

    # What happens.

    def step(self):
        if self.draw.random() < 0.4:
            self.pass_time(self.draw.choice((0.1, 0.5, 2.0)))
        if self.draw.random() < 0.02:
            self.told(self.table.mend(self.everything(), self.now))
            for request in self.waiting.values():
                self.look_at_the_clock(request)
        chance = self.draw.random()
        if self.held and chance < self.generous:
            self.give_back(self.draw.choice(list(self.held.values())))
        elif self.waiting and chance > 0.97:
            self.cancel(self.draw.choice(list(self.waiting.values())))
        elif self.waiting and chance > 0.93:
            owner, priority = self.draw.choice(list(self.waiting.values())).owner, self.draw.choice((-2, 0, 3))
            self.told(self.table.change_priority(owner, priority))
            self.kinds.add("another priority")
        elif self.held and chance > 0.91:
            owner = self.draw.choice(list(self.held.values())).owner
            before = self.table.held_by(owner)
            for request in before:
                if request.token in self.held:  # not so when a victim's blocks unwound meanwhile
                    self.give_back(request)
            assert not {request.token for request in before} & set(self.held)  # what it waits for it may get meanwhile
        else:
            self.ask()
        self.judge()

    def ask(self):
        busy = set() if self.twice else {request.owner for request in self.waiting.values()}
        free = [owner for owner in self.owners if owner not in busy]
        if not free:
            return
        self.place(self.request(self.draw.choice(free)))

    def place(self, request):
        self.told(self.table.tick(self.now))
        stuck = self.stuck_with(request)
        waited = dict(self.waiting)
        before = {r.number: r for r in self.waiting.values()}
        out = self.table.ask(request, self.now)
        if request.status == "held":
            first = [r for r in out if isinstance(r, Request) and 0 < r.token < request.token]
            self.told(first)
            self.granted(request, before)
        elif request.status == "waiting":
            self.waiting[request.number] = request
            self.overtaken[request.number] = 0
            ours = {pool for pool, _ in request.wants}
            near = sum(1 for r in waited.values() if any(pool in ours for pool, _ in r.wants))
            self.queue_length[request.number] = near + 1
            self.look_at_the_clock(request)
            self.kinds.add("waits")
        victims = self.told(out)
        if request.status == "refused":
            victims += 1
            self.refused(request)
        elif request.status == "timed-out":
            assert request.deadline <= self.now
        if not self.twice:
            assert bool(stuck) == (victims > 0), ("a deadlock was missed", "there was none")[victims > 0]
            assert victims <= 1, "one victim is enough"

    def request(self, owner):
        draw = self.draw
        count = draw.randint(1, len(self.pools)) if draw.random() < self.greed else 1
        wants = [(pool, draw.randint(1, pool.capacity)) for pool in draw.sample(self.pools, count)]
        if self.rate and draw.random() < 0.4:
            wants.insert(0, (self.rate, draw.randint(1, self.rate.capacity)))
        deadline = self.now + draw.choice((0, 1.0, 5.0)) if draw.random() < self.hurry else None
        lease = draw.choice((1.0, 4.0)) if self.leases and draw.random() < 0.5 else None
        return Request(owner, tuple(wants), draw.choice(self.ranks), deadline, lease, draw.random() < 0.5)

    def give_back(self, request):
        before = dict(self.waiting)
        out = self.table.release(request, self.now)
        if request.status == "over":
            self.held.pop(request.token)
        self.told(out, before)

    def cancel(self, request):
        out = self.table.cancel(request, self.now)
        assert request.status != "waiting"
        self.told(out)
        self.kinds.add("cancelled")

    def pass_time(self, seconds):
        """Who waits sleeps until it is told, or until the time that the table gave it."""
        until = self.now + seconds
        while (due := min(self.asleep_until.values(), default=self.now + 9e9)) <= until:
            self.now = max(self.now, due)
            self.told(self.table.tick(self.now))
            for request in list(self.waiting.values()):
                if self.asleep_until.get(request.number, until) <= self.now:
                    self.look_at_the_clock(request)
            self.judge()
        self.now = until

    def look_at_the_clock(self, request):
        wake = self.table.wake(request, self.now)
        assert wake is None or wake > self.now, "it would not sleep at all"
        if wake is None:
            self.asleep_until.pop(request.number, None)
        else:
            self.asleep_until[request.number] = wake

    # What the table says.

    def told(self, out, before=None):
        """Take note of decisions; returns how many were refused for a deadlock."""
        before = dict(self.waiting) if before is None else before
        requests = [each for each in out if isinstance(each, Request)]
        victims = 0
        for each in out:
            self.replay(each)
        for request in sorted(set(requests), key=lambda r: (r.status != "held", r.token)):
            if request.number not in self.waiting:
                continue
            if request.status == "waiting":
                self.look_at_the_clock(request)
                continue
            del self.waiting[request.number]
            self.asleep_until.pop(request.number, None)
            if request.status == "held":
                self.granted(request, before)
            elif request.status == "refused":
                victims += 1
                self.refused(request)
            elif request.status == "timed-out":
                assert request.deadline <= self.now
                self.kinds.add("timed out")
            elif request.status in ("expired", "revoked"):
                self.last_token = max(self.last_token, request.token)
            before.pop(request.number, None)
        for token, request in tuple(self.held.items()):
            if request.status in ("expired", "revoked"):
                del self.held[token]
                self.kinds.add(request.status)
        return victims

    def granted(self, request, before):
        assert request.token > self.last_token, "a fencing token that does not grow"
        assert request.deadline is None or request.deadline >= self.now, "granted after its time"
        self.last_token = request.token
        takes = {pool: self.need(pool, request.owner, amount) for pool, amount in request.wants}
        self.held[request.token] = request
        for other in before.values():
            if other.number < request.number and other.status == "waiting" and other.owner != request.owner:
                short = [p for p, a in other.wants if takes.get(p) and self.need(p, other.owner, a) > self.free(p)]
                if short and request.owner not in self.awaited(other, before):
                    self.overtaken[other.number] += 1
                    assert self.overtaken[other.number] <= 10 * self.queue_length[other.number], "starved"
                    self.kinds.add("overtaken")
        self.kinds.add("granted at once" if request.number not in self.overtaken else "granted")
        if request.senior:
            self.kinds.add("senior")

    def refused(self, request):
        assert isinstance(request.error, DeadlockError)
        circle = request.error.circle
        assert circle[0][0] == circle[-1][2]
        assert all(one[2] == two[0] for one, two in pairwise(circle))
        assert str(request.owner) in {wait[0] for wait in circle}
        self.kinds.add(f"a circle of {min(len(circle), 3)}")
        for mine in self.table.held_by(request.owner):  # its blocks unwind
            assert mine.scoped
            self.give_back(mine)

    def replay(self, event):
        if isinstance(event, LockGranted):
            self.log[event.token] = event.owner
        elif isinstance(event, LockReleased | LeaseEnded | LockRevoked):
            del self.log[event.token]

    # What must hold.

    def judge(self):
        for pool in self.pools:
            assert self.free(pool) >= 0, "more than there is"
            assert self.free(pool) == pool.free(self.now)
        if not self.leases:
            assert set(self.held) == set(self.table.held)
        assert set(self.waiting) == set(self.table.waiting)
        assert not self.stuck(self.waiting.values()), "a deadlock stays"
        for request in self.waiting.values():
            assert not self.could_go_in(request), "a lost wake-up"

    def end(self):
        """Let everything end: nobody may be left waiting."""
        rounds = 0
        while self.waiting or self.held:
            rounds += 1
            assert rounds < 1000, "it does not end"
            if self.held:
                self.give_back(self.draw.choice(list(self.held.values())))
            else:
                self.pass_time(1.0)
            self.judge()
        table = self.table
        for pool in self.everything():
            assert pool.queue.wanted == 0
            assert pool.queue.best(9e9) is None
        assert not any((table._by_owner, table._owned, table._deadlines, table._seniors, table._leases))
        assert not self.log or not self.heard

    def everything(self):
        return [*self.pools, *([self.rate] if self.rate else [])]

    def books(self):
        """For each pool what each owner holds of it: the largest of its holds."""
        key = tuple(self.held)
        if key != self._books_of:
            self._books_of, self._books = key, {pool: {} for pool in self.everything()}
            for request in self.held.values():
                for pool, amount in request.wants:
                    mine = self._books[pool]
                    mine[request.owner] = max(amount, mine.get(request.owner, 0))
        return self._books

    def need(self, pool, owner, amount):
        return max(0, amount - self.books()[pool].get(owner, 0))

    def free(self, pool):
        if pool is self.rate:
            return pool.capacity - pool.window.used(self.now)
        return pool.capacity - sum(self.books()[pool].values())

    def could_go_in(self, request):
        for pool, amount in request.wants:
            need = amount if pool is self.rate else self.need(pool, request.owner, amount)
            for senior in self.waiting.values():
                before = senior.senior and senior is not request
                if before and not (request.senior and request.number < senior.number):
                    need += sum(
                        a if p is self.rate else self.need(p, senior.owner, a) for p, a in senior.wants if p is pool
                    )
            if need > self.free(pool):
                return False
        return True

    def stuck_with(self, request):
        """Who would be stuck if this request had to wait, as it has to when there is no room for it."""
        if request.deadline is not None and request.deadline <= self.now:
            return set()
        if all(self.need(p, request.owner, a) <= self.free(p) for p, a in request.wants if p is not self.rate):
            return set()
        return self.stuck([*self.waiting.values(), request])

    def stuck(self, waiting):
        """Exhaustive reduction: take away who can finish until nobody can."""
        wants = {}
        for request in waiting:
            wants.setdefault(request.owner, []).extend(w for w in request.wants if w[0] is not self.rate)
        if not wants:
            return set()
        keeps = {}
        for request in self.held.values():
            if request.expires is None and request.owner in wants:
                for pool, amount in request.wants:
                    if pool is self.rate:
                        continue
                    mine = keeps.setdefault(request.owner, {})
                    mine[pool] = max(amount, mine.get(pool, 0))
        room = {p: p.capacity - sum(of.get(p, 0) for of in keeps.values()) for p in self.pools}
        changed = True
        while changed:
            changed = False
            for owner, asked in tuple(wants.items()):
                mine = keeps.get(owner, {})
                if all(amount - mine.get(pool, 0) <= room[pool] for pool, amount in asked):
                    for pool, amount in mine.items():
                        room[pool] += amount
                    del wants[owner]
                    changed = True
        return set(wants)

    def awaited(self, request, before):
        """The owners that a request waits for, over however many steps."""
        seen, todo = {request.owner}, [request]
        while todo:
            one = todo.pop()
            for pool, amount in one.wants:
                if pool is self.rate:
                    continue
                need = self.need(pool, one.owner, amount)
                blockers = set()
                if need > self.free(pool):
                    blockers = {r.owner for r in self.held.values() if any(p is pool for p, _ in r.wants)}
                for senior in before.values():
                    before_it = senior.senior and senior is not one and not (one.senior and one.number < senior.number)
                    if before_it and any(p is pool for p, _ in senior.wants):
                        blockers.add(senior.owner)
                for owner in blockers - seen:
                    seen.add(owner)
                    todo += [r for r in before.values() if r.owner == owner]
        return seen - {request.owner}
