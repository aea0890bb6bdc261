"""The laws of the lock table, over a hundred thousand schedules that no thread would ever produce on demand.

``ORCHESTRA_NB_SEEDS`` sets how many there are. A failing one prints the line that plays it again.
"""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest

from orchestra_nb.resources.deadlock import Reduction, find_all
from orchestra_nb.resources.pools import Pool
from orchestra_nb.resources.queues import AGE
from orchestra_nb.resources.requests import Request
from orchestra_nb.resources.table import LockTable

from .lock_worlds import World

SEEDS = int(os.environ.get("ORCHESTRA_NB_SEEDS", "100000"))
BLOCKS = 20
KINDS = {
    *("granted at once", "granted", "waits", "senior", "overtaken", "cancelled", "timed out", "another priority"),
    *("expired", "revoked", "a circle of 2", "a circle of 3"),
}


def play(seed):
    try:
        world = World(seed)
        world.run()
    except BaseException as error:
        error.add_note(f"replay: from tests.resources.lock_worlds import World; World({seed}).run()")
        raise
    return world


@pytest.mark.parametrize("block", range(BLOCKS))
def test_every_random_schedule_keeps_the_laws(block):
    for seed in range(block, SEEDS, BLOCKS):
        play(seed)


def test_everything_that_can_happen_happens_in_the_worlds():
    seen = Counter()
    for seed in range(3_000):
        seen.update(play(seed).kinds)
    assert {kind for kind in KINDS if seen[kind] < 5} == set()


class State:
    """Who holds and who waits, drawn by chance and not by any table: deadlocks of every shape."""

    def __init__(self, seed):
        draw = random.Random(seed)
        self.pools = [Pool(f"r{i}", "custom", draw.randint(1, 4), 0.0) for i in range(draw.randint(1, 4))]
        self.waiting = {}
        owners = [f"o{i}" for i in range(draw.randint(2, 8))]
        for owner in owners:
            for pool in self.pools:
                free = pool.capacity - pool.taken
                if free and draw.random() < 0.5:
                    hold = Request(owner, ((pool, draw.randint(1, free)),))
                    hold.expires = 9.0 if draw.random() < 0.05 else None
                    pool.take(hold, hold.wants[0][1], 0.0)
        for number, owner in enumerate(owners):
            if draw.random() < 0.8:
                wants = draw.sample(self.pools, draw.randint(1, len(self.pools)))
                request = Request(owner, tuple((pool, draw.randint(1, pool.capacity)) for pool in wants))
                request.number = number
                self.waiting[owner] = [request]

    def stuck(self):
        """Try every order in which owners could finish, by depth: the definition, and nothing clever."""
        best = [set(self.waiting)]
        seen = set()

        def finish(left):
            if left in seen:
                return
            seen.add(left)
            if len(left) < len(best[0]):
                best[0] = set(left)
            for owner in left:
                if all(self.room(pool, left, owner) >= amount for pool, amount in self.waiting[owner][0].wants):
                    finish(left - {owner})

        finish(frozenset(self.waiting))
        return best[0]

    def room(self, pool, left, mine):
        """What an owner could have when only those who are left keep what they hold, and time takes the leases."""
        kept = 0
        for owner, holds in pool.holders.items():
            if owner in left and owner != mine:
                kept += max((amount for amount, request in holds if request.expires is None), default=0)
        return pool.capacity - kept


@pytest.mark.parametrize("block", range(BLOCKS))
def test_a_reduction_finds_exactly_those_whom_every_order_leaves_stuck(block):
    for seed in range(block, SEEDS, BLOCKS):
        state = State(seed)
        expected = state.stuck()
        told = f"replay: from tests.resources.test_lock_laws import State; State({seed})"
        assert set(Reduction(state.waiting, 0.0).stuck(state.waiting)) == expected, told
        found = list(find_all(state.waiting, 0.0, lambda owner: 0.0))
        assert bool(found) == bool(expected), told
        for each in found:
            assert {wait.owner for wait in each.circle} <= expected, told
            assert each.victim in expected, told
        for victim in (each.victim for each in found):
            del state.waiting[victim]
        assert not Reduction(state.waiting, 0.0).stuck(state.waiting), told


@pytest.mark.parametrize("others", [0, 3, 30])
@pytest.mark.parametrize("large", [1, 4])
def test_a_stream_of_the_important_and_small_overtakes_no_more_often_than_is_promised(others, large):
    table, pool = LockTable(), Pool("gpu", "custom", 4, 0.0)
    first = [Request(f"h{i}", pool.one) for i in range(4)]
    for request in first:
        table.ask(request, 0.0)
    queue = [Request(f"q{i}", ((pool, 4),)) for i in range(others)]
    poor = Request("poor", ((pool, large),), priority=-100)
    for request in [*queue, poor]:
        table.ask(request, 0.0)
    running, overtaken = first, 0
    while poor.status == "waiting":
        table.ask(stream := Request(f"s{overtaken}", pool.one, priority=9), 1.0)
        running.append(stream)
        table.release(running.pop(0), 1.0)
        running = [request for request in running if request.status in ("held", "waiting")]
        overtaken += stream.status == "held"
        for request in queue:  # they end as soon as they are granted
            table.release(request, 1.0)
    assert AGE - 1 <= overtaken <= AGE * (others + 1) + 1
