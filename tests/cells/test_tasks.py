"""Tasks that go on while later cells run: no allowed order may change what comes out, and what is waited for is free.

The cases stand in ``tasks.txt``, written as in ``ordinary_*.txt``. Each run has a loop of its own, which takes some
turns after each cell, as a kernel's does.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestra_nb.cells.cell import Cell
from orchestra_nb.cells.inference import cell_dag
from orchestra_nb.graph.dag import DAG

from .test_ordinary_python import orders

TEXT = (Path(__file__).parent / "tasks.txt").read_text(encoding="utf-8")
PRELUDE = "import asyncio\nshared = []\nasync def job(x):\n    await asyncio.sleep(0)\n    return x"
USED_UP = [
    "await asyncio.gather(job(1), job(2))",
    "await asyncio.create_task(job(1))",
    "async with asyncio.TaskGroup() as tg:\n    for i in range(2):\n        tg.create_task(job(i))",
    "ts = [asyncio.create_task(job(i)) for i in range(2)]\nawait asyncio.gather(*ts)",
    "ts = []\nfor i in range(2):\n    ts.append(asyncio.create_task(job(i)))\nawait asyncio.gather(*ts)",
    "t = asyncio.create_task(job(1))\nprint(0)\nprint(await t)",
    "ts = [asyncio.create_task(job(i)) for i in range(2)]\nfor t in ts:\n    await t",
    "await asyncio.wait([asyncio.create_task(job(1))])",
    "for t in asyncio.as_completed([job(1), job(2)]):\n    print(await t)",
    "async def main():\n    return await asyncio.gather(job(1), job(2))\nawait main()",
    "try:\n    await asyncio.wait_for(job(1), 1)\nexcept TimeoutError:\n    pass",
]
LEFT_BEHIND = [
    "t = asyncio.create_task(job(1))",
    "t = asyncio.gather(job(1), job(2))",
    "ts = [asyncio.create_task(job(i)) for i in range(2)]\nts.pop()\nawait asyncio.gather(*ts)",
    "ts = [asyncio.create_task(job(i)) for i in range(2)]\nfor t in ts:\n    await t\n    break",
    "t = asyncio.create_task(job(1))\nif shared:\n    await t",
    "await asyncio.wait([asyncio.create_task(job(1))], timeout=0)",
    "try:\n    await asyncio.gather(job(1), job(2))\nexcept ValueError:\n    pass",
    "asyncio.get_running_loop().call_soon(print)",
    "tg = asyncio.TaskGroup()\nawait tg.__aenter__()\nt = tg.create_task(job(1))",
]


def cases() -> Iterator[object]:
    for block in re.split(r"^=== *", TEXT, flags=re.M)[1:]:
        name, _, body = block.partition("\n")
        yield pytest.param([cell.strip("\n") for cell in re.split(r"^--\n", body, flags=re.M)], id=name.strip())


def dag_of(cells: Sequence[str]) -> DAG:
    return cell_dag([Cell(number + 1, source) for number, source in enumerate(cells)])


def outcome(cells: Sequence[str], order: Sequence[int]) -> list[str]:
    """What each cell prints when they run in an order."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    printed = [""] * len(cells)

    async def all_of_them() -> None:
        for number in order:
            code = compile(cells[number], f"<cell {number}>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            with contextlib.redirect_stdout(io.StringIO()) as text:
                given = eval(code, namespace)
                if inspect.iscoroutine(given):
                    await given
                for _ in range(50):
                    await asyncio.sleep(0)
            printed[number] = text.getvalue()

    asyncio.run(all_of_them())
    return printed


@pytest.mark.parametrize("cells", list(cases()))
def test_no_allowed_order_changes_what_tasks_do(cells: list[str]) -> None:
    linear = outcome(cells, range(len(cells)))
    dag = dag_of(cells)
    ids = list(dag.nodes)
    after = {number: {ids.index(name) for name in dag.predecessors(node)} for number, node in enumerate(ids)}
    for order in orders(after):
        assert outcome(cells, order) == linear, order


@pytest.mark.parametrize("source", USED_UP)
def test_what_a_cell_waits_for_does_not_hold_up_later_cells(source: str) -> None:
    later = ["await asyncio.sleep(0)", "x = await job(5)"]
    assert [set(dag_of([PRELUDE, source, *later]).predecessors(f"cell-{n}")) for n in (2, 3, 4)] == [{"cell-1"}] * 3


@pytest.mark.parametrize("source", LEFT_BEHIND)
def test_what_is_left_behind_goes_on_in_later_cells_that_await(source: str) -> None:
    dag = dag_of([PRELUDE, source, "await asyncio.sleep(0)"])
    assert "cell-2" in dag.predecessors("cell-3")


def test_what_is_awaited_in_a_later_cell_is_over() -> None:
    dag = dag_of([PRELUDE, "t = asyncio.create_task(job(1))", "print(await t)", "await asyncio.sleep(0)"])
    assert set(dag.predecessors("cell-4")) == {"cell-1"}


@pytest.mark.parametrize(
    "source",
    ["both = asyncio.gather(job(1), job(2))", "f = asyncio.as_completed([job(1)])", "w = asyncio.timeout(1)"],
)
def test_what_needs_the_loop_gets_it_on_the_main_thread(source: str) -> None:
    [_, node] = dag_of([PRELUDE, source]).nodes.values()
    assert "running event loop" in node.verdicts["threading"]
    [_, node] = dag_of([PRELUDE, f"{source}\nawait job(1)"]).nodes.values()
    assert node.verdicts["threading"] == ""


def test_what_looks_at_what_a_task_changes_waits_until_the_loop_stands_still() -> None:
    cells = [
        "import asyncio\nlog = []\nasync def f():\n    log.append(1)",
        "t = asyncio.create_task(f())",
        "print(log)",
    ]
    assert "background" in list(dag_of(cells).nodes.values())[2].verdicts["threading"]
    assert list(dag_of([*cells[:2], "x = 1"]).nodes.values())[2].verdicts["threading"] == ""
