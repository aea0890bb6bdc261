"""The lock table under Hypothesis, which looks for the shortest way to break a law; the laws are the worlds'."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from orchestra_nb.resources.pools import Pool
from orchestra_nb.resources.requests import Request

from .lock_worlds import World

EXAMPLES = max(50, int(os.environ.get("ORCHESTRA_NB_SEEDS", "100000")) // 50)
PLACES = st.integers(0, 99)


class Machine(RuleBasedStateMachine):
    """A world whose steps somebody else chooses."""

    @initialize(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=4), owners=st.integers(2, 6))
    def begin(self, sizes, owners):
        world = self.world = World(0)
        world.pools = [Pool(f"r{number}", "custom", size, 0.0) for number, size in enumerate(sizes)]
        world.rate, world.twice, world.leases = None, False, True
        world.owners = [f"o{number}" for number in range(owners)]

    @rule(
        owner=PLACES,
        wants=st.dictionaries(PLACES, PLACES, min_size=1, max_size=3),
        priority=st.integers(-2, 2),
        patience=st.sampled_from([None, None, 0.0, 1.5]),
        lease=st.sampled_from([None, None, None, 2.0]),
        scoped=st.booleans(),
    )
    def ask(self, owner, wants, priority, patience, lease, scoped):
        world = self.world
        busy = {request.owner for request in world.waiting.values()}
        free = [name for name in world.owners if name not in busy]
        if not free:
            return
        named = {world.pools[place % len(world.pools)]: amount for place, amount in wants.items()}
        amounts = tuple((pool, 1 + amount % pool.capacity) for pool, amount in named.items())
        deadline = None if patience is None else world.now + patience
        world.place(Request(free[owner % len(free)], amounts, priority, deadline, lease, scoped))

    @precondition(lambda self: self.world.held)
    @rule(place=PLACES)
    def give_back(self, place):
        held = list(self.world.held.values())
        self.world.give_back(held[place % len(held)])

    @precondition(lambda self: self.world.waiting)
    @rule(place=PLACES)
    def cancel(self, place):
        waiting = list(self.world.waiting.values())
        self.world.cancel(waiting[place % len(waiting)])

    @precondition(lambda self: self.world.waiting)
    @rule(place=PLACES, priority=st.integers(-3, 3))
    def another_priority(self, place, priority):
        waiting = list(self.world.waiting.values())
        owner = waiting[place % len(waiting)].owner
        self.world.told(self.world.table.change_priority(owner, priority))

    @rule(owner=PLACES)
    def give_all_back(self, owner):
        world = self.world
        name = world.owners[owner % len(world.owners)]
        before = world.table.held_by(name)
        for request in before:
            if request.token in world.held:
                world.give_back(request)
        assert not set(before) & set(world.table.held_by(name))

    @rule(seconds=st.sampled_from([0.5, 1.5, 3.0]))
    def time(self, seconds):
        self.world.pass_time(seconds)

    @rule()
    def an_interrupt_is_mended(self):
        self.world.told(self.world.table.mend(self.world.everything(), self.world.now))
        for request in self.world.waiting.values():
            self.world.look_at_the_clock(request)

    @invariant()
    def the_laws_hold(self):
        if hasattr(self, "world"):
            self.world.judge()

    def teardown(self):
        if hasattr(self, "world"):
            self.world.end()


TestMachine = pytest.mark.timeout(600)(Machine.TestCase)  # one test, of two thousand examples
TestMachine.settings = settings(max_examples=EXAMPLES, stateful_step_count=30)
