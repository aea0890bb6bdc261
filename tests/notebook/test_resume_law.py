"""The law of going on: however often a run was cut short, and however its notebook was edited meanwhile, what it leaves
in the end is what a linear run of the notebook as it is now leaves: names, outputs, and the file that cells write. Nor
does it matter how often a file that cells read is changed by another hand between runs.

And what the plan says before is what happens: of each cell, whether it runs.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from .cached_cells import global_random_states_kept
from .resumed_runs import Story, plain
from .test_kept_cells_law import PRELUDE, STATEMENTS, VALUES, edited

OBJECTS = """
p, q, df, g, h = [1, [2]], {'a': 1, 'p': [3]}, pd.DataFrame({'k': [1, 2]}), np.random.default_rng(5), np.zeros(3)
"""
CHANGES = [
    "p.append({n})", "p.insert(0, [{n}])", "p.extend([{x}])", "p += [{n}]", "p[:1] = []", "p.clear()", "p.reverse()",
    "q['{x}'] = {n}", "q['r'] = p", "q.update(a={y})", "q.pop('a', None)", "q['p'] = [{n}]",
    "q.setdefault('s', []).append({n})", "if p and isinstance(p[0], list):\n    p[0].append({n})", "p = [*p, {n}]",
    "q = dict(q, t={n})", "{x} = p", "{x} = list(p)", "{x} = q.get('p')", "{x} = (len(p), len(q))", "print(p, q)",
    "df['c'] = {n}", "df.loc[0, 'k'] = {n}", "{x} = int(df.k.sum())", "df = df.assign(d=len(p))",
    "{x} = float(g.normal())", "h[0] += {n}", "h = h + 1", "{x} = h[1:]", "{x} = float(h.sum())",
    "with open('log.txt', 'a') as log:\n    log.write('{n}')", "{x} = Box([{n}])", "{x} = Box(p)",
    "for row in p:\n    print(row)", "{x} = [p, p]", "p, q['was'] = [{n}], p",
    "{x} = int(Path('data.txt').read_text())", "with open('data.txt') as data:\n    {x} = [int(data.read()), {n}]",
    "{x} = [*pd.read_csv('data.txt', header=None)[0]]", "Path(f'out-{{len(repr({y}))}}').write_text('{n}')",
]  # fmt: skip

SEEDS = int(os.environ.get("ORCHESTRA_NB_SEEDS", "0")) or 30


@pytest.fixture
def _as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The programs set random states and options, and write a file."""
    for name in ("linear", "resumed"):
        tmp_path.joinpath(name).mkdir()
    with global_random_states_kept(), np.printoptions(), pd.option_context("display.max_rows", 60):
        yield


def cell(chance: random.Random) -> str:
    statements = chance.choices([*STATEMENTS, *CHANGES, *CHANGES], k=chance.randint(1, 3))
    names = [{**{v: chance.choice("abcd") for v in "xyz"}, "n": chance.randint(0, 4)} for _ in statements]
    return "\n".join(s.format(**n) for s, n in zip(statements, names, strict=True))


@pytest.mark.usefixtures("_as_it_was")
@pytest.mark.parametrize("seed", range(SEEDS))
def test_going_on_leaves_what_a_linear_run_leaves_and_does_what_the_plan_says(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    chance, hand = random.Random(seed), random.Random(f"another hand {seed}")
    head = [part.strip() for part in re.split(r"^(?=class Box|def push)", PRELUDE, flags=re.MULTILINE)]
    cells = [cell(chance) for _ in range(chance.randint(4, 9))]
    monkeypatch.chdir(tmp_path / "resumed")
    story, began = Story(tmp_path), False
    for turn in range(4):
        sources = [*head, VALUES, OBJECTS, *cells]
        if turn == 0 or hand.random() < 0.5:
            number = str(hand.randint(0, 9))
            for name in ("linear", "resumed"):
                tmp_path.joinpath(name, "data.txt").write_text(number)
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
