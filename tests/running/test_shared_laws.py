"""The driver's laws where a run shares its resources with others, who come and go as they like."""

from __future__ import annotations

from collections import Counter

import pytest

from .shared_worlds import SharedWorld
from .test_driver_laws import SEEDS, play

BLOCKS = 4


@pytest.mark.parametrize("block", range(BLOCKS))
def test_every_random_schedule_among_strangers_keeps_the_laws(block):
    for seed in range(block, SEEDS // 50, BLOCKS):
        play(SharedWorld, seed)


def test_strangers_and_nodes_get_into_one_anothers_way_in_many_of_the_worlds():
    seen, worlds = Counter(), 400
    for seed in range(worlds):
        world = SharedWorld(seed)
        world.run()
        seen.update(world.kinds)
    kinds = ("a stranger has it", "waits for db", "waits for gpu", "waits for api", "GraphGrown", "run stuck", "late")
    assert {kind for kind in kinds if seen[kind] < 0.01 * worlds} == set()
