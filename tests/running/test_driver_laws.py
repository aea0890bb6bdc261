"""The driver's laws, over a hundred thousand schedules that no thread would ever produce on demand.

``ORCHESTRA_NB_SEEDS`` sets how many there are. A failing one prints the line that plays it again.
"""

from __future__ import annotations

import os
from collections import Counter
from itertools import combinations

import pytest

from .driver_schedules import Laned, Levelled, Timed
from .driver_worlds import World

SEEDS = int(os.environ.get("ORCHESTRA_NB_SEEDS", "100000"))
BLOCKS = 25
STOPS = {"run not stopped", "run interrupted", "run cancelled", "run timeout", "run stuck"}
KINDS = STOPS | {
    *("CacheHit", "CacheMissed", "missed"),
    *(
        "no leave",
        "GraphGrown",
        "LevelEnded",
        "NodeEnded",
        "NodeQueued",
        "NodeRetrying",
        "NodeStarted",
        "RunEnded",
        "RunPaused",
        "RunUnpaused",
        "Stalled",
    ),
    *("a condition was false", "passed on", "a late reply", "late", "restart", "stopped while it rested"),
    *("alone", "lost False", "lost None", "lost True", "refused", "timeout of a node", "keep going", "levels"),
    *("async", "main", "process", "thread", "cached", "cancelled", "done", "failed", "skipped"),
    "keeps its resources",
    *("paused while it ran", "paused with nobody at it", "became ready in a pause"),
    *("waits for a place", "waits for api", "waits for db", "waits for gpu"),
    *("answers though it was asked to stop: stop", "answers though it was asked to stop: timeout"),
}
APART = {
    *combinations(sorted(STOPS), 2),
    ("answers though it was asked to stop: stop", "run not stopped"),
    ("answers though it was asked to stop: stop", "run stuck"),
    ("run stuck", "stopped while it rested"),
}
"""Pairs that exclude one another."""


def play(world, seed):
    try:
        world(seed).run()
    except BaseException as error:
        module = world.__module__.rpartition(".")[2]
        name = world.__name__
        error.add_note(f"replay: from tests.running.{module} import {name}; {name}({seed}).run()")
        raise


@pytest.mark.parametrize("block", range(BLOCKS))
def test_every_random_schedule_keeps_the_laws(block):
    for seed in range(block, SEEDS, BLOCKS):
        play(World, seed)


def test_everything_that_can_happen_happens_in_many_of_the_worlds_and_together():
    seen, pairs = Counter(), Counter()
    worlds = 4_000
    for seed in range(worlds):
        world = World(seed)
        world.run()
        seen.update(world.kinds)
        pairs.update(combinations(sorted(world.kinds), 2))
    assert {kind for kind in KINDS if seen[kind] < 0.02 * worlds} == set()
    frequent = sorted(kind for kind in KINDS if seen[kind] >= 0.04 * worlds)
    assert {pair for pair in combinations(frequent, 2) if not pairs[pair]} <= APART


@pytest.mark.parametrize("schedule", [Timed, Levelled, Laned])
def test_the_driver_is_a_list_scheduler(schedule):
    for seed in range(SEEDS // 25):
        play(schedule, seed)
