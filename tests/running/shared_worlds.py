"""Worlds in which a run shares its resources with strangers, who lock and wait in the same table."""

from __future__ import annotations

from orchestra_nb.resources.claims import wants_of
from orchestra_nb.resources.manager import ResourceManager
from orchestra_nb.resources.pools import RatePool
from orchestra_nb.resources.requests import Request

from .driver_worlds import TINY, World, wants


class Ear:
    """A stranger who waits; nothing need be told, the world looks."""

    def tell(self):
        return True


class SharedWorld(World):
    """Chaos, and strangers."""

    def claims(self):
        self.rung = False
        self.manager = ResourceManager(clock=lambda: self.now)
        self.front = self.manager._front
        own = {}
        for name, capacity in self.capacities.items():
            if name == "coin" and self.draw.random() < 0.5:
                own[name] = capacity
            elif name == "coin":
                self.manager.register_resource(name, budget=capacity.amount)
            elif capacity.period is None:
                self.manager.register_resource(name, max_concurrent=capacity.amount)
            else:
                self.front.pools[name] = RatePool(name, "api", capacity.amount, 0.0, capacity.period)
        self.strangers: list[Request] = []
        self.made = 0
        claims = self.manager.joined({}, own)
        claims.on_room(self.ring)
        return claims

    def ring(self):
        self.rung = True

    def dawdle(self):
        """The machine is slow: time passes before the shell asks when it is needed next."""
        self.now += self.draw.choice((0.01, 1.0, 4.0))
        self.wake = self.driver.wake(self.now)
        self.check_hope()
        if self.wake is not None and self.wake <= self.now:
            self.tick()

    # What strangers do.

    def meddle(self):
        draw = self.draw
        mine = [stranger for stranger in self.strangers if stranger.status in ("held", "waiting")]
        if mine and (len(mine) > 3 or draw.random() < 0.6):
            self.front.drop(draw.choice(mine))
        else:
            self.made += 1
            asked = draw.choice((("db",), ("gpu",), ("gpu:2",), ("db", "gpu"), ("api",)))
            pools = tuple((self.front.pools[name], amount) for name, amount in wants_of(asked))
            lease = draw.choice((None, None, 1.5))
            request = Request(f"stranger {self.made}", pools, draw.choice((-1, 0, 0, 1)), None, lease, True)
            self.strangers.append(request)
            self.front.asked(request, Ear)
        self.strangers = [s for s in self.strangers if s.status in ("held", "waiting")]
        self.act(self.driver.tick(self.now) if self.rung else [])

    def act(self, decisions):
        self.rung = False
        super().act(decisions)

    def step(self):
        able = [token for token in self.live if self.answers(token)]
        busy = any(stranger.status in ("held", "waiting") for stranger in self.strangers)
        if self.draw.random() < 0.05:
            self.dawdle()
        elif self.draw.random() < 0.3 or (busy and not able and self.wake is None):
            self.meddle()
        else:
            super().step()

    # The laws that are others here.

    aged = False
    """Whether something was kept for somebody who had waited for too long, before the last step."""

    def check(self, begun):
        super().check(begun)
        self.aged = any(pool.queue.seniors for pool in self.front.pools.values())

    def check_places(self, running, late):
        super().check_places(running, late)
        for stranger in self.strangers:
            if stranger.status == "held":
                self.seen.add("a stranger has it")
                for pool, amount in stranger.wants:
                    self.used[pool.name] += amount
        assert self.used["db"] <= 1, "more than there is, strangers counted"
        assert self.used["gpu"] <= 2, "more than there is, strangers counted"
        stats = self.manager.get_resource_stats()
        there = {a.node.id for a in (*running, *late) if any(n != "coin" for n, _ in wants(a))} | self.keeping.keys()
        of_nodes = {owner for owner, use in stats.owners.items() if use.holds and not owner.startswith("stranger")}
        assert of_nodes <= there, "the table thinks that somebody has it who has not"
        for name, held in self.keeping.items():
            assert set(stats.owners[name].holds) >= {what for what, _ in held} if held else True, "not kept"
        asking = {owner for owner, use in stats.owners.items() if use.waits and not owner.startswith("stranger")}
        assert asking <= self.waiting.keys(), "somebody waits in the table who does not wait"
        assert not (asking and self.driver.paused), "somebody waits in the table in a pause"

    def check_time(self, running):
        self.wake = self.driver.wake(self.now)
        if self.driver.done:
            return
        for what in self.waiting.values():
            self.seen.add(f"waits for {what or 'a place'}")
        due = [
            self.asked.get(attempt.token, attempt.started + (attempt.node.timeout or 0.0)) + self.terms.grace
            for attempt in running
            if attempt.lane != "main" and (attempt.token in self.asked or attempt.node.timeout) and not attempt.look
        ]
        assert not due or (self.wake is not None and self.wake <= min(due) + TINY), "not woken in time"
        self.check_hope()

    def check_hope(self):
        busy = any(stranger.status in ("held", "waiting") for stranger in self.strangers)
        stuck = self.driver.late  # which the shell finds out when it looks the next time
        paused = self.driver.paused
        assert self.driver.running or self.wake is not None or busy or stuck or paused, "nobody will ever answer"

    def check_work_is_conserved(self, begun):
        self.attempts = {name: self.driver.places.waiter(name) for name in self.waiting}
        self.alone = self.alone or any(attempt.alone for attempt in self.attempts.values())
        for attempt in self.attempts.values():
            held = all(self.has_room(what, amount) for what, amount in self.lacks(attempt))
            assert not (held and self.is_open(attempt)), "a place is free before a node that could go in"

    def could_go(self, attempt):
        outcome = self.told.ended.get(attempt.node.id)
        if outcome is not None and "budget" in str(outcome.error):
            return False
        behind = attempt.lane == "process" and any(other.alone for other in self.attempts.values())
        return not behind and not self.aged and super().could_go(attempt)

    def has_room(self, what, amount):
        """Whether so much is free, and not kept for somebody who has waited for too long."""
        pool = self.front.pools.get(what)
        if pool is None:
            return super().has_room(what, amount)
        return pool.free(self.now) - sum(senior.amount_of(pool) for senior in pool.queue.seniors) >= amount

    def judge(self):
        super().judge()
        for stranger in self.strangers:
            self.front.drop(stranger)
        table = self.front.table
        assert not table.held
        assert not table.waiting
