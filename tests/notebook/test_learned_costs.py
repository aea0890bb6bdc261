"""What nodes took in earlier runs, wherever a notebook is planned or run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
import pytest

from orchestra_nb.cells.cell import Cell
from orchestra_nb.cells.trials import Trial
from orchestra_nb.cli import main
from orchestra_nb.config import RunConfig
from orchestra_nb.events import NodeStarted
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import NodeId, Outcome, RunId
from orchestra_nb.notebook import verification
from orchestra_nb.notebook.headless import run_file
from orchestra_nb.notebook.session import Session
from orchestra_nb.running.history import VARIABLE, open_history
from orchestra_nb.running.history_keys import Sources
from orchestra_nb.running.history_store import SqliteHistory
from orchestra_nb.running.result import RunResult
from orchestra_nb.simulation.simulator import simulate
from orchestra_nb.subject import read_subject

SOURCES = ["short = 1", "import time\ntime.sleep(0.01)", "long = 3"]
TOOK = {"cell-1": 1.0, "cell-2": 2.0, "cell-3": 30.0}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "history"))
    return tmp_path / "history"


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    v4: Any = nbformat.v4
    document = v4.new_notebook(cells=[v4.new_code_cell(source) for source in SOURCES])
    nbformat.write(document, tmp_path / "a.ipynb")
    return tmp_path / "a.ipynb"


def teach(dag: DAG) -> None:
    outcomes = {name: Outcome(NodeId(name), "done", started=0.0, ended=took) for name, took in TOOK.items()}
    open_history(RunConfig()).record(RunResult(outcomes, {}, dag, 2, "threading", 33.0, RunId(""), ""))


def costs(dag: DAG) -> dict[str, float]:
    return {name: node.cost for name, node in dag.nodes.items()}


def test_what_is_shown_of_a_file_is_in_the_order_of_learned_costs(folder: Path, notebook: Path) -> None:
    first = read_subject(str(notebook)).dag
    assert simulate(first, 2).rows[0].node == "cell-1"
    teach(first)
    second = read_subject(str(notebook)).dag
    assert costs(second) == TOOK
    assert [slot.node for slot in simulate(second, 2).rows] == ["cell-3", "cell-2", "cell-1"]
    assert costs(read_subject(str(notebook), ["cell-3"]).dag) == {"cell-3": 30.0}
    assert costs(read_subject(str(notebook), config=RunConfig(history=False)).dag) == costs(first)


@pytest.mark.parametrize("command", ["plan", "levels", "graph", "validate"])
def test_every_command_tells_the_same_numbers(
    folder: Path, notebook: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    teach(read_subject(str(notebook)).dag)
    assert main([command, str(notebook), "--json", *(["-j", "2"] if command == "plan" else [])]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {node["id"]: node["seconds"] for node in told["nodes"]} == TOOK
    assert (told["critical_path"], told["critical_time"]) == (["cell-3"], 30.0)


def test_a_definition_is_planned_with_learned_costs(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps({"name": "/c", "phases": [{"name": "p", "agents": [{"id": name} for name in TOOK]}]}))
    teach(read_subject(str(path)).dag)
    assert costs(read_subject(str(path)).dag) == TOOK


def test_a_session_plans_with_learned_costs(folder: Path, shell: Any) -> None:
    session = Session(shell, RunConfig)
    cells = [Cell(number, source) for number, source in enumerate(SOURCES, 1)]
    teach(session.graphs.analysed(cells))
    assert costs(session.graphs.analysed(cells)) == TOOK
    assert costs(Session(shell, lambda: RunConfig(history=False)).graphs.analysed(cells)) == dict.fromkeys(TOOK, 1.0)


def test_a_session_shows_of_its_last_run_what_that_run_took(folder: Path, shell: Any) -> None:
    session = Session(shell, RunConfig)
    dag = session.graphs.analysed([Cell(1, "x = 1")])
    outcomes = {"cell-1": Outcome(NodeId("cell-1"), "done", started=0.0, ended=30.0)}
    open_history(RunConfig()).record(RunResult(outcomes, {}, dag, 1, "threading", 30.0, RunId(""), ""))
    result = session.run(dag, RunConfig(jobs=1))
    assert costs(session.graphs.dag()) == {"cell-1": result.outcomes["cell-1"].seconds}


def test_a_kernel_follows_the_history_and_adds_to_it(folder: Path, notebook: Path) -> None:
    dag = read_subject(str(notebook)).dag
    teach(dag)
    seen: list[Mapping[str, Any]] = []
    run = run_file(notebook, RunConfig(jobs=2), on_event=seen.append)
    assert run.run.success
    assert next(event["node"] for event in seen if event["name"] == NodeStarted.name) == "cell-3"
    (file,) = folder.iterdir()
    of = Sources().of
    known = SqliteHistory(file).recent([of(node) for node in dag.nodes.values()])
    assert {name: list(known[of(node)][b""]) for name, node in dag.nodes.items()} == {
        name: [took, run.outcomes[name].seconds] for name, took in TOOK.items()
    }


@pytest.mark.parametrize("trial", [Trial("serial", tuple(TOOK)), Trial("parallel", jobs=2, seed=3)])
def test_a_proof_neither_follows_the_history_nor_adds_to_it(trial: Trial) -> None:
    assert not verification._config(RunConfig(history=True), trial).history
