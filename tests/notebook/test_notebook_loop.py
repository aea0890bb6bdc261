"""Runs on the notebook's own loop, in real kernels: cells that are queued behind one all run, in their order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .front_end import FrontEnd, front_end
from .older_kernels import OLDER

SETUP = """
import asyncio, sys, ipykernel
from orchestra_nb.running.scheduler import ParallelScheduler as Scheduler
from orchestra_nb.cells.notebook_file import Notebook
from orchestra_nb.config import RunConfig
from orchestra_nb.notebook.program import CellProgram, run_cells

mine = asyncio.get_running_loop()

def run(*sources, **settings):
    dag = Notebook.from_sources(sources).dag
    scheduler = Scheduler(RunConfig(**{"jobs": 2, "loop": "notebook", **settings}))
    shell = get_ipython()
    return run_cells(dag, CellProgram(dag, shell.user_ns, shell), scheduler)
"""
ON_IT = "await asyncio.sleep(0.01)\n{} = asyncio.get_running_loop() is mine"


@pytest.fixture(params=["python3", OLDER[0]])
def nested(request: pytest.FixtureRequest, specs: None, tmp_path: Path) -> Iterator[FrontEnd]:
    with front_end(tmp_path, request.param) as front:
        front.run(SETUP, "setup")
        assert (front.value("ipykernel.__version__") < "'7") == (request.param != "python3")
        yield front


def all_at_once(front: FrontEnd, cells: list[str]) -> list[tuple[str, str]]:
    """Send every cell before the first has run; returns what each printed."""
    front.seen = []
    requests = [front.send(cell, str(number)) for number, cell in enumerate(cells)]
    for request in requests:
        front.wait(request)
    told: dict[str, str] = {}
    for cell, kind, text in front.seen:
        if kind in ("stream", "error"):
            told[cell] = told.get(cell, "") + str(text)
    return list(told.items())


def test_twenty_queued_cells_half_of_them_runs_all_run_in_order(nested: FrontEnd) -> None:
    ours = f"r = run({ON_IT.format('a')!r}, {ON_IT.format('b')!r}, 'c = 1')\nprint(r.success, a, b, c)"
    plain = ["await asyncio.sleep(0)\nprint('plain')", "print('plain')"]
    cells = [ours if number % 2 == 0 else plain[number // 2 % 2] for number in range(20)]
    expected = ["True True True 1\n" if number % 2 == 0 else "plain\n" for number in range(20)]
    assert all_at_once(nested, cells) == [(str(number), text) for number, text in enumerate(expected)]


def test_the_stop_button_stops_a_run_on_it_and_the_next_cell_works(nested: FrontEnd) -> None:
    says_so_at_once = "sys.stdout._real.write('waiting')\nsys.stdout._real.flush()"
    source = f"{says_so_at_once}\nawait asyncio.sleep(60)"
    told = nested.run(f"run({source!r}, 'x = 1')", "1", interrupt_when="waiting")
    assert [kind for _, kind, _ in told].count("error") == 1
    assert nested.value("asyncio.get_running_loop() is mine") == "True"
    cells = [f"r = run({ON_IT.format('a')!r})\nprint(r.success, a)", "print('after')"]
    assert all_at_once(nested, cells) == [("0", "True True\n"), ("1", "after\n")]


def test_nesting_that_would_lose_cells_is_refused_by_name(nested: FrontEnd) -> None:
    nested.run("import nest_asyncio; nest_asyncio.apply()", "1")
    told = nested.run(f"r = run({ON_IT.format('a')!r})\nprint(r.success, a)", "2")
    if nested.value("ipykernel.__version__") < "'7":
        assert [text for _, _, text in told] == ["True True\n"]
    else:
        assert "nest_asyncio was applied in this session" in told[-1][2]
    again = nested.run(f"r = run({ON_IT.format('a')!r}, loop='background')\nprint(r.success, a)", "3")
    assert [text for _, _, text in again] == ["True False\n"]
