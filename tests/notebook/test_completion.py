"""What Tab offers: of a line alone, and through IPython's own completer with a session behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestra_nb import EventBus, EventLog
from orchestra_nb.cells.settings import KEYS
from orchestra_nb.eventlog.registry import EVENTS
from orchestra_nb.grammar import commands
from orchestra_nb.notebook.completion import Known, in_cell, suggestions
from orchestra_nb.notebook.extension import load_ipython_extension, unload_ipython_extension

KNOWN = Known(["load", "train", "my node"], ["gpu", "db"], ["Get"], ["api"])
BACKENDS = ["threading", "loky", "sequential", "multiprocessing", "async", "inherit"]
LINES = [
    ("%orchestrate", []),
    ("%orchestrate le", ["levels"]),
    ("%orchestrate ", list(commands("magic"))),
    ("%orchestrate run --keep", ["--keep-going"]),
    ("%orchestrate run --backend lo", ["loky"]),
    ("%orchestrate run --backend ", BACKENDS),
    ("%orchestrate run --backend=lo", ["loky"]),
    ("%orchestrate run --policy f", ["fifo"]),
    ("%orchestrate run --checkpoint d", ["durable"]),
    ("%orchestrate run --resource g", ["gpu="]),
    ("%orchestrate run --timeout ", []),
    ("%orchestrate run --levels tr", ["train"]),
    ("%orchestrate run m", ["'my node'"]),
    ("%orchestrate run 'my n", ["'my node'"]),
    ('%orchestrate run load "my n', ["'my node'"]),
    ("%orchestrate why lo", ["load"]),
    ("%orchestrate why load ", ["load", "train", "'my node'"]),
    ("%orchestrate why --cache tr", ["train"]),
    ("%orchestrate history tr", ["train"]),
    ("%orchestrate locks g", ["gpu"]),
    ("%orchestrate events resource:lock-g", ["resource:lock-granted"]),
    ("%orchestrate events cache:node", ["cache:node-hit", "cache:node-missed"]),
    ("%orchestrate events reco", ["recovery:*", *(name for name in EVENTS if name.startswith("recovery:"))]),
    ("%orchestrate config sched", ["schedule="]),
    ("%orchestrate config schedule=l", ["schedule=levels"]),
    ("%orchestrate status ", []),
    ("%orchestrate bench co", ["compare"]),
    ("%orchestrate bench ", ["compare", "load", "train", "'my node'"]),
    ("%orchestrate bench load tr", ["train"]),
    ("%orchestrate bench --backend threading,lo", ["loky"]),
    ("%orchestrate bench --policy fifo,longest", ["longest-first"]),
    ("%orchestrate bench --schedule le", ["levels"]),
    ("%orchestrate bench --wa", ["--warmup"]),
    ("%orchestrate bench compare --wi", ["--with"]),
    ("%orchestrate bench compare no-such-fil", []),
    ("%orchestrate --h", ["--help"]),
    ("%orchestrate nonsense --", ["--help"]),
    ("%orchestrate nonsense lo", []),
    ("%%orchestrate x --prio", ["--priority"]),
    ("%%orchestrate x --after tr", ["train"]),
    ("%%orchestrate x --after load,tr", ["train"]),
    ("%%orchestrate x --undo lo", ["load"]),
    ("%%orchestrate x --uses g", ["gpu"]),
    ("%%orchestrate x --uses gpu:2,d", ["db"]),
    ("%%orchestrate x --backend th", ["threading"]),
    ("%%orchestrate x --cache t", ["true"]),
    ("%%orchestrate x --phase G", ["Get"]),
    ("%%orchestrate x --breaker a", ["api"]),
]
CELLS = [
    ("#| af", ["after: "]),
    ("#| after: tr", ["train"]),
    ("#| after: [load, tr", ["train"]),
    ("#| orchestrate.after: tr", ["train"]),
    ("#| uses: g", ["gpu"]),
    ("#| backend: lo", ["loky"]),
    ("#| retry: max", ["max_delay"]),
    ("#| cost: ", []),
    ("%%orchestrate\n# %% load\nx = 1\n# %% fit aft", ["after="]),
    ("%%orchestrate\n# %% load\nx = 1\n# %% fit after=l", ["load"]),
    ("%%orchestrate\n# %% my part cost=2\nx = 1\n# %% b after=load,m", ["'my part'"]),
    ("%%orchestrate\n# %% a\n# %% b uses=g", ["gpu"]),
    ("# %% fit aft", []),
    ("x = 1\nlo", []),
    ("result = %orchestrate sta", ["status"]),
    ("print('%orchestrate sta", []),
    ("%%orchestrate load\nx = lo", []),
]


@pytest.mark.parametrize(("line", "expected"), LINES)
def test_the_end_of_a_line_may_become(line: str, expected: list[str]) -> None:
    assert [text for text, _ in suggestions(line, KNOWN)[1]] == expected


@pytest.mark.parametrize(("text", "expected"), CELLS)
def test_the_end_of_a_cell_may_become(text: str, expected: list[str]) -> None:
    lines = text.split("\n")
    assert [found for found, _ in in_cell(text, len(lines) - 1, len(lines[-1]), lambda: KNOWN)[1]] == expected


def test_files_and_folders_are_offered_where_a_file_is_awaited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.jsonl").touch()
    (tmp_path / "runs").mkdir()
    (tmp_path / "a[b].md").touch()
    for line in ("run --log ru", "run -o ru", "run --todos=ru", "replay ru", "export ru"):
        assert [text for text, _ in suggestions(f"%orchestrate {line}", KNOWN)[1]] == ["run.jsonl", "runs/"]
    assert [text for text, _ in suggestions("%orchestrate run --todos a[", KNOWN)[1]] == ["a[b].md"]


def test_the_runs_of_a_log_are_offered_by_their_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestra_nb import DAG, Node
    from orchestra_nb.graph.events import DagBuilt

    monkeypatch.chdir(tmp_path)
    bus = EventBus()
    stop = EventLog("run.jsonl").attach(bus)
    for run in ("abc1", "abd2"):
        bus.publish(DagBuilt(0.0, run, "", DAG([Node("a")])))
    bus.settle()
    stop.finish()
    assert [text for text, _ in suggestions("%orchestrate replay run.jsonl --run ab", KNOWN)[1]] == ["abc1", "abd2"]
    assert suggestions("%orchestrate replay none.jsonl --run ab", KNOWN)[1] == []


@pytest.fixture
def complete(shell: Any) -> Iterator[Any]:
    """Ask IPython's own completer, as a front end does."""
    load_ipython_extension(shell)
    shell.run_cell("%%orchestrate load --uses gpu\nx = 1", store_history=True)
    shell.run_cell("%%orchestrate train --after load\ny = x", store_history=True)

    def ask(text: str) -> list[str]:
        from IPython.core.completer import provisionalcompleter

        with provisionalcompleter():
            return [found.text for found in shell.Completer.completions(text, len(text))]

    yield ask
    unload_ipython_extension(shell)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%orchestrate ru", ["run"]),
        ("%orchestrate run --pol", ["--policy"]),
        ("%orchestrate run --policy lon", ["longest-first"]),
        ("%orchestrate run tr", ["train"]),
        ("%orchestrate locks g", ["gpu"]),
        ("x = %orchestrate run tr", ["train"]),
        ("%%orchestrate next --after lo", ["load"]),
        ("#| after: tr", ["train"]),
        ("#| prio", ["priority: "]),
        ("%%orchestrate\n# %% a\n# %% b pri", ["priority="]),
    ],
)
def test_ipython_offers_what_a_session_knows(complete: Any, text: str, expected: list[str]) -> None:
    assert complete(text) == expected


def test_pythons_own_completion_is_as_it_was(complete: Any, shell: Any) -> None:
    shell.run_cell("longer_name = 1")
    assert "longer_name" in complete("longer_n")
    assert "longer_name" in complete("%%orchestrate z\nlonger_n")


def test_ipython_completes_the_traits(complete: Any) -> None:
    assert "Orchestrate.tracebacks" in complete("%config Orchestrate.tra")


def test_every_setting_is_offered() -> None:
    assert [text for text, _ in in_cell("#| ", 0, 3, lambda: KNOWN)[1]] == [f"{key}: " for key in KEYS]


@pytest.mark.parametrize(
    "text", ["%orchestrate run --log '\0", "%orchestrate replay \0 --run ", "#|", "# %%", "%%", "%"]
)
def test_no_text_makes_completion_raise(complete: Any, text: str) -> None:
    assert isinstance(complete(text), list)
