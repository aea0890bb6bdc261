"""The one call from a definition to a result."""

from __future__ import annotations

import warnings
from pathlib import Path

import nbformat
import pytest

from orchestra_nb import (
    ConfigError,
    EventBus,
    MissingDependencyError,
    Node,
    Notebook,
    NotebookError,
    Pipeline,
    RunConfig,
    task,
)


def test_functions_are_wired_by_their_parameters() -> None:
    @task
    def load() -> list[int]:
        return [3, 1, 2]

    @task(cost=2.0)
    def top(load: list[int], scale: int) -> int:
        return max(load) * scale

    result = Pipeline([load, top], config=RunConfig(jobs=2)).run({"scale": 10})
    assert result.success
    assert result.values["top"] == 30
    assert result.lower_bound <= result.total_time


def test_a_notebook_leaves_its_names_where_it_is_told() -> None:
    space: dict[str, object] = {}
    notebook = Notebook.from_sources(["x = [1]", "y = 2", "x.append(y)\nprint(x)", "len(x)"])
    result = Pipeline(notebook, config=RunConfig(jobs=2)).run(namespace=space)
    assert result.success
    assert (space["x"], result.values["y"]) == ([1, 2], 2)
    assert result.outcomes["cell-3"].outputs[0]["text"] == "[1, 2]\n"
    assert result.outcomes["cell-4"].outputs[0]["data"]["text/plain"] == "2"


def test_names_may_be_there_before_the_first_cell() -> None:
    assert Pipeline(Notebook.from_sources(["y = n + 1"])).run({"n": 2}).values["y"] == 3


def test_only_the_targets_and_what_they_need_run() -> None:
    notebook = Notebook.from_sources(["x = 1", "y = x + 1", "z = 1 / 0"])
    result = Pipeline(notebook).run(targets=["cell-2"])
    assert list(result.outcomes) == ["cell-1", "cell-2"]


def test_a_failing_cell_keeps_its_siblings_results() -> None:
    notebook = Notebook.from_sources(["a = 1", "1 / 0", "b = a + 1", "missing + b"])
    result = Pipeline(notebook, config=RunConfig(jobs=2, keep_going=True)).run()
    assert not result.success
    assert {k: o.status for k, o in result.outcomes.items()} == {
        "cell-1": "done", "cell-2": "failed", "cell-3": "done", "cell-4": "failed",
    }  # fmt: skip
    assert "ZeroDivisionError" in str(result.outcomes["cell-2"].error)


def test_a_path_is_read(tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1")]), path)
    assert Pipeline(path).run().values["x"] == 1


def test_magics_outside_ipython_are_refused_before_anything_runs() -> None:
    with pytest.raises(NotebookError, match="cell 2: it runs a magic"):
        Pipeline(Notebook.from_sources(["x = 1", "%time x"])).run()


def test_bad_targets_and_configs_are_refused() -> None:
    with pytest.raises(MissingDependencyError):
        Pipeline([Node("a", fn=int, after=("b",))])
    with pytest.raises(ConfigError):
        Pipeline([Node("a", fn=int)], config={"jobs": 2})  # type: ignore[arg-type]


def test_events_reach_the_bus_in_order() -> None:
    bus, seen = EventBus(), []
    bus.on("execution:*", lambda event: seen.append(event.name.partition(":")[2]))
    Pipeline([Node("a", fn=lambda: 1)], bus=bus).run()
    assert (seen[0], seen[-1]) == ("run-started", "run-ended")
    assert seen.count("node-ended") == 1


def test_processes_give_the_same_results_as_threads() -> None:
    sources = ["xs = list(range(50))", "a = [x * x for x in xs]", "b = sum(xs)", "print(a[-1] + b)"]
    threads = Pipeline(Notebook.from_sources(sources), config=RunConfig(jobs=2)).run()
    processes = Pipeline(Notebook.from_sources(sources), config=RunConfig(jobs=2, backend="loky")).run()
    assert processes.success
    assert processes.values == threads.values
    assert processes.outcomes["cell-4"].outputs == threads.outcomes["cell-4"].outputs


def test_filters_that_leak_from_overlapping_threads_do_not_outlive_the_run() -> None:
    before, bus = list(warnings.filters), EventBus()
    bus.on("execution:node-started", leak, inline=True)
    Pipeline(Notebook.from_sources(["x = 1", "y = 2"]), bus=bus).run()
    assert list(warnings.filters) == before


def test_filters_that_a_cell_sets_stay() -> None:
    source = "import warnings\nwarnings.filterwarnings('ignore', message='orchestra')"
    with warnings.catch_warnings():
        Pipeline(Notebook.from_sources([source])).run()
        assert any(item[1] is not None and "orchestra" in item[1].pattern for item in warnings.filters)


def leak(_: object) -> None:
    """What two overlapping ``catch_warnings`` can leave behind."""
    warnings.filters.insert(0, ("ignore", None, UserWarning, None, 0))
