from __future__ import annotations
import __future__

from typing import Any

import pytest

from orchestra_nb.cells.notebook_file import Notebook
from orchestra_nb.config import RunConfig
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, NodeId
from orchestra_nb.notebook.program import CellProgram, run_cells
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.scheduler import ParallelScheduler
from orchestra_nb.running.seams import Cancellable, Reply

MAIN, STAY, AWAITS = {"threading": "a magic"}, {"loky": "it mutates"}, {"async": "awaits nothing"}
LANES = [
    ("threading", "inherit", {}, ("thread", "")),
    ("loky", "inherit", {}, ("process", "")),
    ("dask", "inherit", {}, ("process", "")),
    ("loky", "inherit", STAY, ("thread", "it mutates")),
    ("threading", "loky", STAY, ("thread", "it mutates")),
    ("loky", "threading", STAY, ("thread", "")),
    ("loky", "inherit", MAIN | STAY, ("main", "a magic")),
    ("threading", "async", AWAITS, ("thread", "awaits nothing")),
    ("sequential", "inherit", STAY, ("thread", "")),
]


@pytest.mark.parametrize(("backend", "own", "verdicts", "expected"), LANES)
def test_a_cell_runs_where_it_keeps_its_meaning(
    backend: str, own: str, verdicts: dict[str, str], expected: tuple[str, str]
) -> None:
    node = Node(NodeId("a"), kind="cell", backend=own, verdicts=verdicts)
    assert CellProgram(DAG([node]), {}).lane(node, backend) == expected


def execute(sources: list[str], namespace: dict[str, Any], **config: Any) -> RunResult:
    dag = Notebook.from_sources(sources).dag
    scheduler = ParallelScheduler(RunConfig(**config))
    return run_cells(dag, CellProgram(dag, namespace), scheduler)


SOURCES = [
    "base = 2",
    "a = base + 1\nprint('a is', a)",
    "b = [base] * 3\nb",
    "total = a + sum(b)\ntotal",
]


@pytest.mark.parametrize(("backend", "jobs"), [("threading", 1), ("threading", 3), ("loky", 2)])
def test_names_and_outputs_are_the_same_on_every_backend(namespace: dict[str, Any], backend: str, jobs: int) -> None:
    result = execute(SOURCES, namespace, backend=backend, jobs=jobs)
    assert result.success
    assert result.values == {"a": 3, "b": [2, 2, 2], "base": 2, "total": 9}
    assert {name: namespace[name] for name in result.values} == result.values
    texts = [[o.get("text") or o["data"]["text/plain"] for o in r.outputs] for r in result.outcomes.values()]
    assert texts == [[], ["a is 3\n"], ["[2, 2, 2]"], ["9"]]
    lanes = {outcome.worker.split()[0] for outcome in result.outcomes.values()}
    assert (lanes == {"process"}) == (backend == "loky")


def test_a_cell_whose_results_cannot_come_home_runs_again_in_a_thread(namespace: dict[str, Any]) -> None:
    result = execute(["rows = [1]", "same = rows", "rows2 = [*rows]"], namespace, backend="loky", jobs=2)
    assert result.success
    assert namespace["same"] is namespace["rows"]
    again = result.outcomes["cell-2"]
    assert again.attempts == 2
    assert "'same' shares a list with the input 'rows'" in again.reason


def test_inputs_that_do_not_pickle_are_named_and_the_cell_runs_in_a_thread(namespace: dict[str, Any]) -> None:
    namespace["source"] = (n for n in [1, 2])
    dag = DAG([Node(NodeId("cell-1"), kind="cell", source="x = list(source)", reads=["source"], writes=["x"])])
    result = run_cells(dag, CellProgram(dag, namespace), ParallelScheduler(RunConfig(backend="loky", jobs=2)))
    assert namespace["x"] == [1, 2]
    assert "'source' (generator) does not pickle" in result.outcomes["cell-1"].reason


def test_what_a_process_deleted_is_deleted_here(namespace: dict[str, Any]) -> None:
    namespace["x"] = 1
    node = Node(NodeId("cell-1"), kind="cell", source="del x\ny = 2", reads=["x"], writes=["x", "y"])
    dag = DAG([node])
    run_cells(dag, CellProgram(dag, namespace), ParallelScheduler(RunConfig(backend="loky", jobs=2)))
    assert "x" not in namespace
    assert namespace["y"] == 2


def test_future_features_hold_for_later_cells_whenever_they_run(namespace: dict[str, Any]) -> None:
    execute(["from __future__ import annotations", "def g(a: Later): pass"], namespace)
    assert namespace["g"].__annotations__ == {"a": "Later"}


def test_future_features_stay_on_in_the_shell(shell: Any) -> None:
    dag = Notebook.from_sources(["from __future__ import annotations"]).dag
    run_cells(dag, CellProgram(dag, shell.user_ns, shell), ParallelScheduler(RunConfig(jobs=2)))
    assert shell.compile.flags & __future__.annotations.compiler_flag


def test_a_failed_cell_skips_what_needs_it_and_keeps_the_rest(namespace: dict[str, Any]) -> None:
    result = execute(["x = 1", "y = 1 / 0", "z = y", "w = x + 1"], namespace, jobs=2, keep_going=True)
    assert [o.status for o in result.outcomes.values()] == ["done", "failed", "skipped", "done"]
    assert result.values == {"w": 2, "x": 1}


def test_a_running_coroutine_can_be_cancelled(namespace: dict[str, Any]) -> None:
    dag = Notebook.from_sources(["import asyncio\nawait asyncio.sleep(60)"]).dag
    program = CellProgram(dag, namespace)
    assert isinstance(program, Cancellable)
    result = run_cells(dag, program, ParallelScheduler(RunConfig(jobs=2, timeout=2)))
    assert result.outcomes["cell-1"].status == "cancelled"
    program.cancel(dag.nodes["cell-1"])


def test_committing_a_reply_of_this_process_only_looks(namespace: dict[str, Any]) -> None:
    node = Node(NodeId("cell-1"), kind="cell", source="x = 1", writes=["x", "never"])
    namespace["x"] = 1
    assert CellProgram(DAG([node]), namespace).commit(node, Reply("done")) == {"x": 1}
