"""Cells that are undone when their run fails: by another cell, or by a function of the notebook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestra_nb.cells.notebook_file import Notebook
from orchestra_nb.config import RunConfig
from orchestra_nb.errors import NodeFailed, NotebookError
from orchestra_nb.notebook.extension import load_ipython_extension, unload_ipython_extension
from orchestra_nb.notebook.program import CellProgram, run_cells
from orchestra_nb.recovery.saga_result import SagaResult
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.run_records import run_record
from orchestra_nb.running.scheduler import ParallelScheduler

SEATS = [
    "taken = []",
    "#| name: book\n#| undo: free\nseat = 7\ntaken.append(seat)",
    "#| name: free\nprint('free again:', seat, total)\ntaken.remove(seat)\nseat = None",
    "#| name: count\ntotal = len(taken)",
    "#| name: pay\nif total:\n    raise ValueError('no money')",
    "late = seat",
]


def execute(sources: list[str], namespace: dict[str, Any], shell: Any = None, **config: Any) -> RunResult:
    dag = Notebook.from_sources(sources).dag
    scheduler = ParallelScheduler(RunConfig(**{"history": False, **config}))
    return run_cells(dag, CellProgram(dag, namespace, shell), scheduler)


def statuses(result: RunResult) -> list[str]:
    return [outcome.status for outcome in result.outcomes.values()]


def said(result: RunResult, name: str) -> list[str]:
    return [output["text"] for output in result.outcomes[name].outputs if output["output_type"] == "stream"]


@pytest.mark.parametrize(("backend", "jobs"), [("threading", 1), ("threading", 3), ("loky", 2)])
def test_a_cell_is_undone_by_the_cell_it_names_which_speaks_in_its_own_place(
    namespace: dict[str, Any], backend: str, jobs: int
) -> None:
    result = execute(SEATS, namespace, backend=backend, jobs=jobs)
    assert namespace["taken"] == []
    assert namespace["seat"] is None
    assert statuses(result)[:5] == ["done", "done", "done", "done", "failed"]
    assert said(result, "free") == ["free again: 7 1\n"]
    assert result.outcomes["book"].reason == "undone by 'free'"
    assert result.outcomes["free"].reason.startswith("compensates 'book'")
    assert result.undone is not None
    assert result.undone.compensated == ("book",)
    assert [str(error) for error in result.errors] == ["node 'pay' failed: ValueError: no money"]
    assert result.values["seat"] is None


def test_a_cell_that_compensates_does_not_run_in_a_run_that_succeeds_and_nobody_sees_what_it_binds(
    namespace: dict[str, Any],
) -> None:
    result = execute([*SEATS[:4], SEATS[5]], namespace, jobs=2)
    assert result.success
    assert namespace["late"] == 7
    assert result.outcomes["free"].status == "skipped"
    assert result.outcomes["free"].reason == "it compensates 'book', and nothing had to be undone"


def test_a_cell_that_compensates_stands_where_it_stands_and_takes_no_time() -> None:
    dag = Notebook.from_sources(SEATS).dag
    assert list(dag.nodes) == ["cell-1", "book", "free", "count", "pay", "cell-6"]
    assert [node.index for node in dag.nodes.values()] == [0, 1, 2, 3, 4, 5]
    assert [(edge.source, edge.target) for edge in dag.edges if "free" in (edge.source, edge.target)] == [
        ("book", "free")
    ]
    assert "free" not in dag.critical_path


FUNCTION = [
    "freed = []\ndef free(seat, result, context, place='here'):\n"
    "    print('free', seat, result, place)\n    freed.append(context['seat'])",
    "#| name: book\n#| undo: free\nseat = 7\nprint('booked')",
    "#| name: pay\nseat\nraise ValueError('no money')",
]


def test_a_cell_is_undone_by_a_function_that_is_given_what_it_names(namespace: dict[str, Any]) -> None:
    result = execute(FUNCTION, namespace, jobs=2)
    assert namespace["freed"] == [7]
    assert said(result, "book") == ["booked\n", "free 7 {'seat': 7} here\n"]
    assert result.outcomes["book"].reason == "undone by 'free'"


def test_an_async_function_undoes_a_cell_too(namespace: dict[str, Any]) -> None:
    sources = [
        "import asyncio\nfreed = []\nasync def free(seat):\n    await asyncio.sleep(0)\n    freed.append(seat)",
        *FUNCTION[1:],
    ]
    execute(sources, namespace, jobs=2)
    assert namespace["freed"] == [7]


def test_a_cell_that_awaits_undoes_another(namespace: dict[str, Any]) -> None:
    sources = [
        "import asyncio\nfreed = []",
        "#| name: book\n#| undo: free\nseat = 7",
        "#| name: free\nawait asyncio.sleep(0)\nfreed.append(seat)",
        "seat\nraise ValueError",
    ]
    execute(sources, namespace, jobs=2)
    assert namespace["freed"] == [7]


def test_a_cell_that_cannot_undo_is_told_with_its_own_traceback_and_the_rest_goes_on(
    namespace: dict[str, Any],
) -> None:
    sources = [
        "log = []",
        "#| name: a\n#| undo: back\nx = 1\ndef back():\n    log.append('back')",
        "#| name: b\n#| undo: broken\ny = x + 1",
        "#| name: broken\n#| retry: {attempts: 2, initial_delay: 0}\nlog.append('try')\nraise OSError('locked')",
        "#| name: end\ny\nraise ValueError('storm')",
    ]
    result = execute(sources, namespace, jobs=1)
    assert namespace["log"] == ["try", "try", "back"]
    assert result.outcomes["b"].reason == "could not be undone: OSError: locked"
    assert result.outcomes["broken"].status == "failed"
    assert [type(error).__name__ for error in result.errors] == ["NodeFailed", "NodeFailed"]
    assert [error.node for error in result.errors] == ["end", "broken"]  # type: ignore[attr-defined]
    errors = [output["ename"] for output in result.outcomes["broken"].outputs if output["output_type"] == "error"]
    assert errors == ["OSError", "OSError"]


def test_a_generator_undoes_no_cell(namespace: dict[str, Any]) -> None:
    sources = ["def free():\n    yield", "#| name: book\n#| undo: free\nseat = 7", "seat / 0"]
    result = execute(sources, namespace, jobs=1)
    assert result.outcomes["book"].reason.startswith("could not be undone: TypeError: 'free' is a generator")


def test_a_name_that_is_neither_a_cell_nor_a_function_is_found_before_anything_runs() -> None:
    with pytest.raises(NotebookError) as caught:
        Notebook.from_sources(["#| name: book\n#| undo: fere\nseat = 7", "def free(seat): ..."]).dag  # noqa: B018
    (issue,) = caught.value.issues
    assert (issue.code, issue.path, issue.suggestion) == ("unknown-undo", "cell 1, line 2", "did you mean 'free'?")


def test_a_cell_that_needs_what_only_undoes_is_found_before_anything_runs() -> None:
    with pytest.raises(NotebookError, match="'cell-3' needs 'free', which compensates 'book'"):
        Notebook.from_sources(  # noqa: B018
            ["#| name: book\n#| undo: free\nseat = 7", "#| name: free\nseat = 0", "#| after: free\nprint(seat)"]
        ).dag


def test_the_report_travels_as_json(namespace: dict[str, Any]) -> None:
    result = execute(SEATS, namespace, jobs=2)
    record = run_record(result)
    assert record["undone"]["compensated"] == ["book"]
    assert SagaResult.from_json(record["undone"]) == result.undone
    assert run_record(execute(["x = 1"], {}, jobs=1))["undone"] is None


def test_each_name_has_its_last_value_when_a_cell_is_undone(namespace: dict[str, Any]) -> None:
    sources = [
        "#| name: first\n#| undo: back\nn = 1\nseen = []",
        "m = n",
        "n = 2",
        "#| name: back\nseen.append((n, m))",
        "n, m\nraise ValueError",
    ]
    execute(sources, namespace, jobs=3)
    assert namespace["seen"] == [(2, 1)]


def test_declared_cells_are_undone_and_may_name_one_that_is_declared_later(shell: Any, tmp_path: Path) -> None:
    load_ipython_extension(shell)
    try:
        for source in (
            "%%orchestrate book --undo free\nseat = 7",
            "%%orchestrate free\nfreed = seat",
            "%%orchestrate pay --after book\nraise ValueError('no money')",
        ):
            assert shell.run_cell(source).error_in_exec is None
        assert "freed" not in shell.user_ns
        failed = shell.run_cell("%orchestrate run").error_in_exec
        assert isinstance(failed, NodeFailed)
        assert shell.user_ns["freed"] == 7
    finally:
        unload_ipython_extension(shell)
