"""The laws of a breaker, over a hundred thousand schedules that no service would ever produce on demand (target W8).

``ORCHESTRA_NB_SEEDS`` sets how many there are. A failing one prints the line that plays it again.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from .breaker_worlds import World

SEEDS = int(os.environ.get("ORCHESTRA_NB_SEEDS", "100000"))
BLOCKS = 10
KINDS = {
    *("closed", "open", "probe", "no place for a probe", "late", "killed", "reset", "came back"),
    *("closed to open", "half-open to open", "half-open to closed"),
    *("probe: success", "probe: failure", "probe: abandoned"),
    *("probe: success after its lease", "probe: failure after its lease", "probe: abandoned after its lease"),
}


def play(seed):
    try:
        world = World(seed)
        world.run()
    except BaseException as error:
        error.add_note(f"replay: from tests.recovery.breaker_worlds import World; World({seed}).run()")
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
