"""The law of kept results: however a notebook was edited between runs, a run gives what one without a cache would give.

Random notebooks, all of whose cells say ``cache``, are run, edited, and run again with what was kept. Each run must
leave the names, and show the outputs, of a run from top to bottom that keeps nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from .cached_cells import Notebook, global_random_states_kept, plain

PRELUDE = """
import random, copy, contextlib, asyncio
from pathlib import Path
import numpy as np, pandas as pd
random.seed(0); np.random.seed(0); i = 0; base = 1; m = 0; w = 0
np.set_printoptions(precision=8); pd.set_option('display.max_rows', 60)
Path('f.txt').write_text('start')
class Box:
    def __init__(self, v):
        self.v = v
    def __repr__(self):
        return f'Box({self.v!r})'
def push(x, v):
    if isinstance(x, list):
        x.append(v)
def twice(v):
    return [v, v]
k = lambda: 0
"""
VALUES = "a, b, c, d = [1], 2, {'k': [3]}, 'x'"
STATEMENTS = [
    "{x} = [{n}]", "{x} = {y}", "{x} = [{y}, {z}]", "{x} = dict(k={y})", "{x} = {n}", "{x} = len(repr({y}))",
    "print(repr({x}))", "{x}", "repr({y}), repr({z})", "if len(repr({x})) > {n}:\n    {y} = {n}",
    "if len(repr({x})) > 8:\n    {y} = [{n}]\nelse:\n    {z} = {n}", "for i in range({n}):\n    {x} = [i]",
    "{x} = [i for i in range({n})]", "{x} = random.random()", "{x} = float(np.random.rand())",
    "random.seed({n})\n{x} = random.random()", "np.random.seed({n})",
    "if len(repr({x})) > 6:\n    random.seed({n})", "{x} = np.arange({n}.0)", "{x} = np.arange(3.0) + len(repr({y}))",
    "{x} = twice({n})", "{x} = twice(len(repr({y})))",
    "{x} = pd.DataFrame({{'k': [{n}, 2], 'v': [1.0, len(repr({y}))]}})", "{x} = str({y})[:{n}]", "push({x}, {n})",
    "if isinstance({x}, list):\n    {x}.append({n})", "{x}, {y} = {y}, {x}",
    "{x} = sorted([{n}, 0, 3], key=lambda v: -v)", "def twice(v):\n    return [v, {n}]",
    "def twice(v):\n    return [{x}, v]",
    "try:\n    {x} = 1 / ({n} - 2)\nexcept ZeroDivisionError as err:\n    {y} = str(err)",
    "{x} = copy.copy({y})", "print(random.random())", "import json\n{x} = json.dumps([{n}])",
    "with contextlib.suppress(ZeroDivisionError):\n    {x} = {n} / ({n} - 1)", "del i", "i = {n}",
    "pd.set_option('display.max_rows', {n} + 2)\n{x} = {n}", "np.set_printoptions(precision={n} + 1)",
    "print(np.array([1/3, {n}]))", "k = lambda: {y}", "print(repr(k()))", "{x} = Box({y})",
    "print({x}.v if isinstance({x}, Box) else {x})", "m = {x}", "{x} = (m, {n})", "await asyncio.sleep(0)\n{x} = [{n}]",
    "base += {n}", "{x} = base", "{x} = tuple([{y}])", "w = {x} is {y}", "Path('f.txt').write_text(str({n}))",
    "{x} = Path('f.txt').read_text()", "{x} = set(['a', str({n})])", "print(sorted(map(str, [{x}])))",
]  # fmt: skip


@pytest.fixture
def _as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The programs set random states and options, and write a file."""
    monkeypatch.chdir(tmp_path)
    with global_random_states_kept(), np.printoptions(), pd.option_context("display.max_rows", 60):
        yield


def cell(chance: random.Random) -> str:
    statements = chance.choices(STATEMENTS, k=chance.randint(1, 3))
    names = [{**{v: chance.choice("abcd") for v in "xyz"}, "n": chance.randint(0, 4)} for _ in statements]
    return "\n".join(s.format(**n) for s, n in zip(statements, names, strict=True))


def edited(chance: random.Random, cells: list[str]) -> list[str]:
    cells, what = list(cells), chance.random()
    one, other = chance.randrange(len(cells)), chance.randrange(len(cells))
    if what < 0.5:
        cells[one] = cell(chance)
    elif what < 0.65 and len(cells) > 2:
        del cells[one]
    elif what < 0.8:
        cells.insert(one, cell(chance))
    elif what < 0.9:
        cells[one] = f"# said anew\n{cells[one]}\n\n"
    else:
        cells[one], cells[other] = cells[other], cells[one]
    return cells


@pytest.mark.usefixtures("_as_it_was")
@pytest.mark.parametrize("seed", range(24))
def test_however_it_was_edited_a_run_gives_what_one_without_a_cache_gives(seed: int):
    chance, notebook = random.Random(seed), Notebook()
    cells = [cell(chance) for _ in range(chance.randint(3, 7))]
    for turn in range(4):
        sources = [PRELUDE, VALUES, *cells]
        wanted, found = plain(sources), notebook.run(sources, policy="random", seed=seed + turn)
        if wanted.result.success:
            assert found.digests == wanted.digests, (turn, sources, found.status)
            assert found.said == wanted.said, (turn, sources, found.status)
        cells = edited(chance, cells) if turn else cells


def test_the_law_is_about_results_that_were_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Many of the cells are found again, or the law would say nothing."""
    monkeypatch.chdir(tmp_path)
    cached = 0
    with global_random_states_kept(), np.printoptions(), pd.option_context("display.max_rows", 60):
        for seed in range(4):
            chance, notebook = random.Random(seed), Notebook()
            sources = [PRELUDE, VALUES, *[cell(chance) for _ in range(6)]]
            notebook.run(sources)
            cached += [*notebook.run(sources).status.values()].count("cached")
    assert cached >= 8
