"""The law of going on: however often a run was cut short, and however its notebook was edited meanwhile, what it leaves
in the end is what a linear run of the notebook as it is now leaves: names, outputs, and the file that cells write.

And what the plan says before is what happens: of each cell, whether it runs.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from .cached_cells import global_random_states_kept
from .resumed_runs import Story, plain
from .test_kept_cells_law import PRELUDE, VALUES, cell, edited

SEEDS = int(os.environ.get("ORCHESTRA_NB_SEEDS", "0")) or 30


@pytest.fixture
def _as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The programs set random states and options, and write a file."""
    for name in ("linear", "resumed"):
        tmp_path.joinpath(name).mkdir()
    with global_random_states_kept(), np.printoptions(), pd.option_context("display.max_rows", 60):
        yield


# a body that is cancelled while it writes leaves its file to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("_as_it_was")
@pytest.mark.parametrize("seed", range(SEEDS))
def test_going_on_leaves_what_a_linear_run_leaves_and_does_what_the_plan_says(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    chance = random.Random(seed)
    prelude = PRELUDE.strip().partition("class Box")
    head = [prelude[0], f"class Box{prelude[2].partition('def push')[0]}", f"def push{prelude[2].partition('def push')[2]}"]
    cells = [cell(chance) for _ in range(chance.randint(4, 9))]
    monkeypatch.chdir(tmp_path / "resumed")
    story, began = Story(tmp_path), False
    for turn in range(4):
        sources = [*head, VALUES, *cells]
        monkeypatch.chdir(tmp_path / "linear")
        wanted = plain(sources)
        monkeypatch.chdir(tmp_path / "resumed")
        cut = chance.randint(1, len(sources)) if turn < 3 else None
        go_on = story.resume if began else story.begin
        found = go_on(sources, cut, policy="random", seed=seed + turn)
        began = True
        taken = {name for name, told in found.told.items() if told.startswith("taken over")}
        ended = {name for name, status in found.status.items() if status in ("done", "cached")}
        cached = {name for name, status in found.status.items() if status == "cached"}
        assert cached == taken & ended, (turn, sources, found.told, found.missed)
        if found.result.success and wanted.result.success:
            assert found.digests == wanted.digests, (turn, sources, found.told)
            assert found.said == wanted.said, (turn, sources, found.told)
            texts = [tmp_path.joinpath(name, "f.txt").read_text() for name in ("linear", "resumed")]
            assert texts[0] == texts[1], (turn, sources, found.told)
        if turn % 2 == 0:
            cells = edited(chance, cells)
