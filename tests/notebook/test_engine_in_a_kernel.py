"""The engine in a real kernel: in a plain cell, awaited in one, and interrupted in both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import nbformat
import pytest

from .front_end import FrontEnd, front_end

SETUP = """\
import asyncio, json, threading, time
from orchestra_nb import Node, OrchestrationEngine, RunConfig
engine = OrchestrationEngine(RunConfig(jobs=2, history=False))
loops = []
async def ask():
    loops.append(asyncio.get_running_loop())
    await asyncio.sleep(0.01)
    return "answer"
def work(ask):
    return ask.upper()
nodes = [Node("ask", fn=ask), Node("work", fn=work)]
begun = threading.Event()
async def endless():
    print("begun", flush=True)
    await asyncio.sleep(60)
"""
STATE = """\
last = engine.last_result
print(json.dumps([{o.node: o.status for o in last.outcomes.values()}, last.stopped, repr(engine)]))
"""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontEnd]:
    folder = tmp_path_factory.mktemp("engine")
    v4: Any = nbformat.v4
    cells = [v4.new_code_cell(source) for source in ("x = n + 1", "%time pass\ny = x * 2\nprint('y', y)")]
    (folder / "n.ipynb").write_text(nbformat.writes(v4.new_notebook(cells=cells)))
    with front_end(folder) as started:
        assert started.run(SETUP, "setup") == []
        yield started


def said(kernel: FrontEnd, code: str) -> str:
    """What a cell prints; an error is told."""
    shown = kernel.run(code, "cell")
    assert not [text for _, kind, text in shown if kind == "error"], shown
    return "".join(text for _, kind, text in shown if kind == "stream").strip()


def test_a_plain_cell_runs_a_graph_although_a_loop_runs_there(kernel: FrontEnd) -> None:
    assert said(kernel, "loops.clear()\nprint(engine.run(nodes).values['work'])") == "ANSWER"
    assert said(kernel, "print(asyncio.get_running_loop() in loops)") == "False"


def test_the_kernels_loop_goes_on_while_a_cell_awaits_a_run(kernel: FrontEnd) -> None:
    code = """\
ticks = []
async def tick():
    while True:
        ticks.append(1)
        await asyncio.sleep(0)
ticking = asyncio.ensure_future(tick())
result = await engine.execute(nodes)
ticking.cancel()
print(result.values["work"], len(ticks) > 3)
"""
    assert said(kernel, code) == "ANSWER True"


def test_a_cell_that_awaits_lends_its_loop_without_anybody_entering_it_again(kernel: FrontEnd) -> None:
    code = """\
loops.clear()
result = await engine.execute(nodes, loop="notebook")
print(loops == [asyncio.get_running_loop()], hasattr(asyncio, "_nest_patched"))
"""
    assert said(kernel, code) == "True False"


def test_a_thread_of_a_cell_may_run_a_graph(kernel: FrontEnd) -> None:
    code = """\
thread = threading.Thread(target=lambda: engine.run(nodes))
thread.start(); thread.join()
print(engine.last_result.values["work"])
"""
    assert said(kernel, code) == "ANSWER"


@pytest.mark.parametrize(
    "how", ["engine.run([Node('endless', fn=endless)])", "await engine.execute([Node('endless', fn=endless)])"]
)
def test_an_interrupt_stops_the_run_and_the_engine_is_free(kernel: FrontEnd, how: str) -> None:
    shown = kernel.run(how, "run", interrupt_when="begun")
    assert [kind for _, kind, _ in shown if kind == "error"] == ["error"], shown
    statuses, _, state = json.loads(said(kernel, STATE))
    assert (statuses, "idle" in state) == ({"endless": "cancelled"}, True)
    assert said(kernel, "print(engine.run(nodes).success)") == "True"


def test_a_notebook_with_a_magic_is_run_and_awaited(kernel: FrontEnd) -> None:
    code = "result = await engine.execute('n.ipynb', {'n': 1})\nprint(result.values['y'])"
    assert said(kernel, code) == "4"
    assert "y 4" in said(kernel, "print(result.outcomes['cell-2'].outputs)")
    assert said(kernel, "print(engine.run('n.ipynb', {'n': 2}).values['y'])") == "6"
