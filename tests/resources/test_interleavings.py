"""Threads at one manager in thousands of orders; see ``interleaving.py``."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from .interleaving import Play

PLAYS = int(os.environ.get("ORCHESTRA_NB_SEEDS", "100000")) // 25
BLOCKS = 8


def play(seed):
    try:
        made = Play(seed)
        made.run()
    except BaseException as error:
        error.add_note(f"replay: from tests.resources.interleaving import Play; Play({seed}).run()")
        raise
    return made


@pytest.mark.parametrize("block", range(BLOCKS))
def test_every_interleaving_keeps_the_laws(block, monkeypatch):
    seen = Counter()
    monkeypatch.setattr("sys.unraisablehook", lambda unraisable: None)  # a destructor may be hit, too
    for seed in range(block, PLAYS, BLOCKS):
        seen.update(play(seed).kinds)
    if PLAYS >= 1_000:
        assert {"granted", "Hit", "LockTimeout", "DeadlockError", "ResourceError"} <= set(seen)


def test_one_seed_is_one_interleaving():
    first, second = play(7), play(7)
    assert first.baton.draw.getstate() == second.baton.draw.getstate()
