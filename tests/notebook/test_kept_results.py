"""Kept results as a user meets them: in a session, on the command line, in a kernel of their own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest

from orchestra_nb.cli import main
from orchestra_nb.config import RunConfig
from orchestra_nb.context.disk import DiskStore
from orchestra_nb.errors import CommandError, MissingDependencyError
from orchestra_nb.notebook.file_run import run_file
from orchestra_nb.running.recall import folder_of

from .test_session import Cell, write

DECLARED = [
    "%%orchestrate rows --cache true\nrows = [1, 2]",
    "%%orchestrate total --cache true\ntotal = sum(rows)\ntotal",
]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRA_NB_CACHE", str(tmp_path / "kept"))


def declare(cell: Cell, *sources: str) -> None:
    for source in sources:
        cell(source)


def statuses(cell: Cell) -> dict[str, str]:
    return {name: outcome.status for name, outcome in cell("%orchestrate run").result.outcomes.items()}


def test_a_session_finds_what_it_kept_and_says_why_not(cell: Cell):
    declare(cell, *DECLARED)
    assert str(cell("%orchestrate why --cache total").result).startswith("total: nothing was kept here before")
    assert statuses(cell) == {"rows": "done", "total": "done"}
    assert str(cell("%orchestrate why --cache total").result).startswith("total: its result would be found")
    assert statuses(cell) == {"rows": "cached", "total": "cached"}
    declare(cell, "%%orchestrate total --cache true\ntotal = sum(rows) + 1\ntotal")
    report = cell("%orchestrate why --cache total").result
    assert str(report).startswith("total: its result would not be found: its code has changed")
    assert {"part": "its input 'rows'", "state": "as before"} in report.frame.to_dict("records")
    assert "its code" in report._repr_mimebundle_()["text/html"]
    assert statuses(cell) == {"rows": "cached", "total": "done"}


def test_what_is_not_there_yet_is_said(cell: Cell):
    declare(cell, *DECLARED)
    statuses(cell)
    cell("del rows")
    assert str(cell("%orchestrate why --cache total").result).startswith("total: its input 'rows': not there yet")


def test_a_result_that_is_gone_is_said(cell: Cell):
    declare(cell, *DECLARED)
    statuses(cell)
    with DiskStore(folder_of(RunConfig())) as store:
        for key in [*store.keys()]:
            if key.startswith("node/"):
                store.delete(key)
    assert "what was kept is there no longer" in str(cell("%orchestrate why --cache total").result)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("%%orchestrate a\nx = 1", "a: it does not say cache, so it runs each time"),
        ("%%orchestrate a --cache true\nimport time\nx = time.time()", "a: it is not kept: it follows from the time"),
        ("%%orchestrate a --cache true\ndef f():\n    pass", "a: it is not kept: it defines the function f"),
    ],
)
def test_what_is_never_kept_is_said(cell: Cell, source: str, told: str):
    cell(source)
    assert str(cell("%orchestrate why --cache a").result).startswith(told)


def test_the_cache_can_be_left_alone(cell: Cell):
    declare(cell, *DECLARED)
    for _ in range(2):
        assert {o.status for o in cell("%orchestrate run --no-cache").result.outcomes.values()} == {"done"}
    cell("%orchestrate config cache=False")
    assert statuses(cell) == {"rows": "done", "total": "done"}
    assert not os.path.exists(folder_of(RunConfig()))
    assert str(cell("%orchestrate why --cache total").result) == "total: nothing is kept: the cache is off"


def test_a_plan_says_what_will_not_be_kept(cell: Cell):
    cell("%%orchestrate a --cache true\nimport time\nx = time.time()")
    line = "not kept: a follows from the time (time.time, line 3); cache=SECONDS keeps it all the same"
    assert line in str(cell("%orchestrate plan").result)


@pytest.mark.parametrize("line", ["why", "why a", "why a b --cache a"])
def test_why_is_about_two_nodes_or_about_one_result(cell: Cell, line: str):
    with pytest.raises(CommandError, match="two nodes, A and B, or one: --cache NODE"):
        cell(f"%orchestrate {line}")


def test_an_unknown_node_has_a_nearest_one(cell: Cell):
    declare(cell, *DECLARED)
    with pytest.raises(MissingDependencyError, match="total"):
        cell("%orchestrate why --cache totl")


FILE = [
    "import matplotlib.pyplot as plt\nimport pandas as pd",
    "#| name: shown\n#| cache: true\nimport sys\nprint('drawn')\nplt.plot([1, 2])\nplt.show()",
    "#| name: read\n#| cache: true\ntable = pd.read_csv('a.csv')\ntable",
    "#| name: slow\n#| cache: true\nawaited = 5\nimport asyncio\nawait asyncio.sleep(0)\nawaited",
]


def outputs(ran: Any) -> dict[str, list[Any]]:
    return {name: [o.get("text") or o["data"] for o in outcome.outputs] for name, outcome in ran.outcomes.items()}


def test_a_notebook_in_a_kernel_of_its_own_gives_figures_and_tables_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = write(tmp_path / "n.ipynb", FILE)
    (tmp_path / "a.csv").write_text("a\n1\n")
    first, second = (run_file(path, RunConfig(jobs=2, history=False)) for _ in range(2))
    linear = run_file(path, linear=True)
    assert [first.outcomes[name].status for name in ("shown", "read", "slow")] == ["done"] * 3
    assert [second.outcomes[name].status for name in ("shown", "read", "slow")] == ["cached"] * 3
    assert outputs(first) == outputs(second) == outputs(linear)
    assert "image/png" in outputs(second)["shown"][-1]
    assert first.fingerprints == second.fingerprints == linear.fingerprints
    document = nbformat.read(path, as_version=4)
    document.cells[-1].source += "  # said anew"
    nbformat.write(document, path)
    (tmp_path / "a.csv").write_text("a\n2\n")
    assert main(["why", str(path), "--cache", "slow"]) == 0
    assert capsys.readouterr().out.startswith("slow: its result will be found if its inputs are as before")
    assert main(["why", str(path), "--cache", "read", "--json"]) == 0
    assert "the file 'a.csv' has changed" in capsys.readouterr().out
