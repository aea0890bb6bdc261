"""Ordinary Python in small notebooks, each written to find a missing edge: no allowed order may change what comes out.

The cases stand in ``ordinary_*.txt``: ``=== name``, then cells with ``--`` between them. For each pair of cells
that the DAG leaves unordered, an order that puts the later one first is run and compared with the linear one.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from orchestra_nb.cells.cell import Cell
from orchestra_nb.cells.inference import cell_dag
from orchestra_nb.graph.dag import DAG
from tests.library_settings import library_settings_kept

from .test_linear_law import run

TEXT = "\n".join(path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("ordinary_*.txt")))


def cases() -> Iterator[object]:
    for block in re.split(r"^=== *", TEXT, flags=re.M)[1:]:
        name, _, body = block.partition("\n")
        yield pytest.param([cell.strip("\n") for cell in re.split(r"^--\n", body, flags=re.M)], id=name.strip())


def orders(after: dict[int, set[int]]) -> Iterator[list[int]]:
    """For each unordered pair, the order that brings the later cell, and what it needs, to the front."""
    needs: dict[int, set[int]] = {}
    for number, before in after.items():
        needs[number] = before.union(*(needs[other] for other in before))
    for later in after:
        if any(earlier not in needs[later] for earlier in range(later)):
            first = [number for number in after if number in needs[later]] + [later]
            yield first + [number for number in after if number not in first]


@pytest.mark.parametrize("cells", list(cases()))
@pytest.mark.filterwarnings("ignore")
def test_no_allowed_order_changes_what_comes_out(
    cells: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def outcome(order: list[int], dag: DAG | None = None) -> tuple[dict[str, str], list[str]]:
        folder = tmp_path / f"run{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        monkeypatch.chdir(folder)
        random.seed(1)
        np.random.seed(1)
        with library_settings_kept():
            return run(cells, order, dag)

    linear = outcome(list(range(len(cells))))
    assert not any("raised" in text for text in linear[1])
    dag = cell_dag([Cell(number + 1, source) for number, source in enumerate(cells)])
    ids = list(dag.nodes)
    after = {number: {ids.index(name) for name in dag.predecessors(node)} for number, node in enumerate(ids)}
    for order in orders(after):
        assert outcome(order, dag) == linear, order
