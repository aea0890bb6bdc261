"""Run history: what nodes took decides who goes first in the next run, and nothing that happens to it can do harm."""

from __future__ import annotations

import functools
import logging
import math
import os
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.cells.cell import Cell
from orchestra_nb.cells.inference import cell_dag
from orchestra_nb.cells.notebook_file import Notebook
from orchestra_nb.cells.settings import NodeSettings
from orchestra_nb.config import RunConfig
from orchestra_nb.definitions.builder import DAGBuilder
from orchestra_nb.definitions.loading import load_command
from orchestra_nb.errors import ConfigError
from orchestra_nb.events import EventBus, NodeStarted
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, NodeId, Outcome, RunId
from orchestra_nb.pipeline import Pipeline
from orchestra_nb.planning import Plan
from orchestra_nb.project_config import project_config
from orchestra_nb.running import history_store
from orchestra_nb.running.history import FILE, VARIABLE, open_history
from orchestra_nb.running.history_keys import MOST_DURATIONS, Sources, median, name_of, remembered
from orchestra_nb.running.history_store import SqliteHistory
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.scheduler import ParallelScheduler

SOURCES = ["a = 1", "b = 2", "c = 3"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place where history is kept, and nothing has been said about it yet."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "history"))
    monkeypatch.setattr(history_store, "_told", set())
    return tmp_path / "history"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteHistory]:
    monkeypatch.setattr(history_store, "_told", set())
    return SqliteHistory(tmp_path / FILE)


def teach(dag: DAG, seconds: Mapping[str, float], status: Any = "done") -> None:
    """Remember a run in which nodes took so long."""
    outcomes = {name: Outcome(NodeId(name), status, started=1.0, ended=1.0 + took) for name, took in seconds.items()}
    result = RunResult(outcomes, {}, dag, 2, "threading", 9.0, RunId(""), "")
    open_history(RunConfig()).record(result)


def costs(dag: DAG) -> dict[str, float]:
    """What nodes are expected to take now."""
    return {name: node.cost for name, node in open_history(RunConfig()).costed(dag).nodes.items()}


def cells(*sources: str) -> DAG:
    return cell_dag([Cell(number, source) for number, source in enumerate(sources, 1)])


def source(node: Node) -> bytes:
    return Sources().of(node)


def rows(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        count: int = db.execute("SELECT count(*) FROM recent").fetchone()[0]
        return count


# ---- what is remembered --------------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=30))
def test_a_median_has_as_many_below_it_as_above_it(durations: list[float]) -> None:
    middle = median(durations)
    assert sum(value < middle for value in durations) <= len(durations) / 2
    assert sum(value > middle for value in durations) <= len(durations) / 2
    assert min(durations) <= middle <= max(durations)


@given(st.lists(st.lists(st.floats(), max_size=5), max_size=12))
def test_the_last_durations_that_can_be_stay_in_memory(runs: list[list[float]]) -> None:
    known: tuple[float, ...] = ()
    for run in runs:
        known = remembered(known, run)
    possible = [value for run in runs for value in run if math.isfinite(value) and value >= 0]
    assert list(known) == possible[-MOST_DURATIONS:]


def test_a_cell_is_its_text_without_what_sets_it_up() -> None:
    plain = Node(NodeId("cell-1"), kind="cell", source="x = 1\n\ny = x")
    same = [
        replace(plain, id=NodeId("load")),
        replace(plain, index=7, after=("z",), metadata={"position": 9}),
        replace(plain, source="%%orchestrate load --timeout 5\n#| cost: 3\nx = 1  \n\ny = x\n\n"),
    ]
    assert {(source(node), name_of(node)) for node in same} == {(source(plain), name_of(plain))}
    assert source(replace(plain, source="x = 1\ny = x")) != source(plain)


def scaled(by: float) -> Any:
    def work(x: float) -> float:
        return by * x

    return work


class Model:
    def __call__(self) -> None: ...
    def fit(self) -> None: ...
    def predict(self) -> int:
        return 1


class Hostile:
    """Whoever asks it anything fails."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __call__(self) -> None: ...


def test_a_function_is_its_code_and_the_name_of_its_node() -> None:
    def key(fn: Any, name: str = "n") -> tuple[bytes, bytes]:
        node = Node(NodeId(name), fn=fn)
        return source(node), name_of(node)

    assert key(scaled(1)) == key(scaled(2)) == key(functools.partial(scaled(3), 1))
    assert key(scaled(1)) != key(scaled(1), "m")
    assert key(lambda x: x + 1) != key(lambda x: x + 2)
    assert key(Model().fit) == key(Model().fit) != key(Model().predict)
    wrapped = functools.wraps(Model.fit)(lambda: None)
    assert key(wrapped) == key(Model.fit)
    assert key(len) != key(sum) != key(None)
    assert key(Hostile()) == key(Hostile()) != key(Model())
    endless = functools.wraps(len)(lambda: None)
    endless.__wrapped__ = endless
    assert key(endless) != key(lambda: None)


def test_nodes_that_were_merged_are_remembered_as_what_they_are_made_of() -> None:
    one, two = Node(NodeId("a"), fn=scaled(1)), Node(NodeId("b"), fn=scaled(2))
    merged = Node(NodeId("a+b"), parts=(one, two))
    assert source(merged) != source(replace(merged, parts=(two, one)))
    assert source(merged) == source(replace(merged, parts=(replace(one, fn=scaled(9)), two)))


def test_keys_are_the_same_in_every_process() -> None:
    code = "\n".join(
        [
            "from orchestra_nb.running.history_keys import Sources, name_of",
            "from orchestra_nb.model import Node",
            "nodes = Node('a', kind='cell', source='x = 1'), Node('b', fn=lambda x: {x, 'a', 'b', 'c'} & {'d', 'e'})",
            "print([(Sources().of(node).hex(), name_of(node).hex()) for node in nodes])",
        ]
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1


# ---- what costs become ---------------------------------------------------------------------------------------


def test_the_cost_is_the_median_of_what_runs_took(folder: Path) -> None:
    dag = cells(*SOURCES)
    for took in (2.0, 90.0, 3.0):
        teach(dag, {"cell-1": took, "cell-3": 0.5})
    assert costs(dag) == {"cell-1": 3.0, "cell-2": 1.0, "cell-3": 0.5}


def test_a_cost_that_the_user_has_given_stays(folder: Path) -> None:
    command = {"name": "/c", "phases": [{"name": "p", "agents": [{"id": "a", "estimatedTime": 1000}, {"id": "b"}]}]}
    graphs = [
        cell_dag([Cell(1, "x = 1", NodeSettings(name="a", cost=1.0)), Cell(2, "y = 1", NodeSettings(name="b"))]),
        DAG([Node(NodeId("a"), fn=scaled(1), cost=3.0), Node(NodeId("b"), fn=scaled(1))]),
        load_command(command).dag,
    ]
    for dag in graphs:
        teach(dag, {"a": 7.0, "b": 7.0})
        assert costs(dag) == {"a": dag.nodes["a"].cost, "b": 7.0}


def test_what_was_merged_of_given_costs_has_a_given_cost(folder: Path) -> None:
    nodes = [Node(NodeId("a"), fn=scaled(1), cost=0.25), Node(NodeId("b"), fn=scaled(1), cost=0.25, after=("a",))]
    merged = DAG([Node(NodeId("a+b"), cost=0.5, parts=tuple(nodes))])
    open_ended = DAG([Node(NodeId("a+b"), cost=1.25, parts=(nodes[0], replace(nodes[1], cost=1.0)))])
    teach(merged, {"a+b": 4.0})
    assert (costs(merged), costs(open_ended)) == ({"a+b": 0.5}, {"a+b": 4.0})


def test_the_first_run_takes_what_the_notebook_says_of_its_last_one(folder: Path) -> None:
    times = {"iopub.execute_input": "2026-01-01T00:00:01.000Z", "shell.execute_reply": "2026-01-01T00:00:03.500Z"}
    damaged = {**times, "shell.execute_reply": "2025-01-01T00:00:00.000Z"}
    notebook = Notebook.from_sources(SOURCES, metadata={1: {"execution": times}, 2: {"execution": damaged}})
    assert costs(notebook.dag) == {"cell-1": 2.5, "cell-2": 1.0, "cell-3": 1.0}
    teach(notebook.dag, {"cell-1": 0.5})
    assert costs(notebook.dag)["cell-1"] == 0.5


def test_costs_do_not_change_the_hash_nor_what_waits_for_what(folder: Path) -> None:
    for dag in (cells("x = 1", "print(x)"), DAGBuilder().build_dag({"a": {"fn": scaled(1)}, "b": {"after": "a"}})):
        names = list(dag.nodes)
        teach(dag, {names[0]: 4.0})
        other = open_history(RunConfig()).costed(dag)
        assert other.nodes[names[0]].cost == 4.0
        assert (other.hash, other.edges, other.levels) == (dag.hash, dag.edges, dag.levels)


def test_only_nodes_that_ended_well_teach(folder: Path) -> None:
    dag = cells(*SOURCES)
    for status in ("failed", "skipped", "cancelled", "cached"):
        teach(dag, {"cell-1": 4.0}, status)
    assert costs(dag)["cell-1"] == 1.0
    assert not (folder / FILE).exists()


def test_a_run_of_trivial_nodes_is_not_written_down(folder: Path) -> None:
    few, many = cells(*SOURCES), DAG([Node(NodeId(f"n{i}"), fn=scaled(i)) for i in range(101)])
    teach(few, dict.fromkeys(few.nodes, 5e-5))
    teach(many, dict.fromkeys(many.nodes, 5e-4))
    assert not (folder / FILE).exists()
    teach(few, {"cell-1": 1e-6, "cell-2": 1e-3})
    assert costs(few) == {"cell-1": pytest.approx(1e-6), "cell-2": pytest.approx(1e-3), "cell-3": 1.0}


# ---- runs ----------------------------------------------------------------------------------------------------


def started(pipeline: Any, **config: Any) -> list[str]:
    """Run it, and tell in which order nodes were started."""
    seen: list[str] = []
    bus = EventBus()
    bus.on(NodeStarted.name, lambda event: seen.append(event.node))
    assert Pipeline(pipeline, RunConfig(**{"jobs": 2, **config}), bus).run().success
    return seen


@pytest.mark.parametrize(
    "graph", [cells(*SOURCES), DAG([Node(NodeId(f"cell-{i}"), fn=Model().fit) for i in (1, 2, 3)])]
)
def test_the_longest_goes_first_once_that_is_known(folder: Path, graph: DAG) -> None:
    assert started(graph)[0] == "cell-1"
    (folder / FILE).unlink(missing_ok=True)
    teach(graph, {"cell-1": 1.0, "cell-2": 2.0, "cell-3": 3.0})
    assert Plan(open_history(RunConfig()).costed(graph)).ready() == ("cell-3", "cell-2", "cell-1")
    assert started(graph)[0] == "cell-3"
    assert started(graph, history=False)[0] == "cell-1"


def test_a_run_remembers_what_it_measured(folder: Path) -> None:
    notebook = Notebook.from_sources(["import time\ntime.sleep(0.01)", "raise ValueError"])
    result = Pipeline(notebook, RunConfig(jobs=2, keep_going=True)).run()
    assert costs(notebook.dag) == {"cell-1": result.outcomes["cell-1"].seconds, "cell-2": 1.0}
    assert costs(notebook.dag)["cell-1"] >= 0.01


def test_an_interrupted_run_remembers_what_had_ended(folder: Path) -> None:
    def stop(one: object) -> None:
        raise KeyboardInterrupt

    one = Node(NodeId("one"), fn=lambda: threading.Event().wait(0.01))
    dag = DAG([one, Node(NodeId("stop"), fn=stop, after=(NodeId("one"),))])
    scheduler = ParallelScheduler(RunConfig(jobs=1))
    with pytest.raises(KeyboardInterrupt):
        scheduler.execute(dag)
    assert scheduler.last_result is not None
    assert costs(dag) == {"one": scheduler.last_result.outcomes["one"].seconds, "stop": 1.0}


@pytest.mark.parametrize("off", ["", "  "])
def test_nothing_is_kept_where_nobody_wants_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, off: str) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv(VARIABLE, off)
    dag = cells(*SOURCES)
    teach(dag, {"cell-1": 4.0})
    assert costs(dag)["cell-1"] == 1.0
    monkeypatch.setenv(VARIABLE, str(tmp_path / "there"))
    open_history(RunConfig(history=False)).record(None)
    assert list(tmp_path.iterdir()) == []


def test_a_project_can_do_without(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.orchestra_nb]\nhistory = false\n")
    assert not project_config(tmp_path).history
    with pytest.raises(ConfigError, match="history='no' must be True or False"):
        RunConfig(history="no")  # type: ignore[arg-type]


# ---- the file ------------------------------------------------------------------------------------------------


@given(st.lists(st.lists(st.floats(0, 1e12), min_size=1, max_size=12), min_size=1, max_size=8))
def test_what_was_written_comes_back_exactly(runs: list[list[float]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteHistory(Path(folder, FILE))
        for run in runs:
            store.add({(b"\0s", b""): run, (b"\0s", b"\0"): run[:1]})
        found = store.recent([b"\0s", b"other"])
    assert found == {
        b"\0s": {
            b"": tuple([value for run in runs for value in run][-MOST_DURATIONS:]),
            b"\0": tuple([run[0] for run in runs][-MOST_DURATIONS:]),
        }
    }


def test_the_folder_and_the_file_are_private(folder: Path) -> None:
    before = os.umask(0)
    try:
        teach(cells(*SOURCES), {"cell-1": 4.0})
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [(path.name, path.stat().st_mode & 0o777) for path in folder.iterdir()] == [(FILE, 0o600)]


def test_there_is_nothing_to_read_in_it(folder: Path) -> None:
    dag = DAG([Node(NodeId("secret-name"), fn=scaled(1)), Node(NodeId("c"), kind="cell", source="secret = 'text'")])
    teach(dag, {"secret-name": 2.0, "c": 2.0})
    assert b"secret" not in (folder / FILE).read_bytes()


def test_more_nodes_than_sqlite_takes_at_once_are_known(store: SqliteHistory) -> None:
    keys = [number.to_bytes(4, "big") for number in range(1_700)]
    store.add({(key, b""): [1.0] for key in keys})
    assert len(store.recent(keys)) == len(keys)


def test_nodes_measured_longest_ago_are_forgotten_first(
    store: SqliteHistory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_store, "MOST_NODES", 10)
    for number in range(10):
        store.add({(bytes([number]), b""): [1.0]})
    store.add({(bytes([0]), b""): [2.0]})  # used: no longer the oldest
    assert rows(tmp_path / FILE) == 10
    store.add({(b"new", b""): [1.0]})
    assert rows(tmp_path / FILE) == 9
    left = store.recent([b"new", *(bytes([number]) for number in range(10))])
    assert left.keys() == {b"new", bytes([0]), *(bytes([number]) for number in range(3, 10))}


WRITER = """
import sys
from pathlib import Path
from orchestra_nb.running.history_store import SqliteHistory
store = SqliteHistory(Path(sys.argv[1]))
sys.stdin.readline()
for turn in range(40):
    store.add({(bytes([number]), sys.argv[2].encode()): [float(turn)] for number in range(20)})
    assert store.recent([b"\\0"])[b"\\0"][sys.argv[2].encode()][-1] == turn
"""


def test_several_processes_write_at_once_and_nothing_is_lost(store: SqliteHistory, tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / FILE), name],
            env=env,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b")
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    assert [(writer.communicate(timeout=120)[1], writer.returncode) for writer in writers] == [("", 0), ("", 0)]
    last = tuple(float(turn) for turn in range(40 - MOST_DURATIONS, 40))
    keys = [bytes([number]) for number in range(20)]
    assert store.recent(keys) == {key: {b"a": last, b"b": last} for key in keys}


def test_what_a_killed_writer_left_half_done_is_undone(store: SqliteHistory, tmp_path: Path) -> None:
    store.add({(b"s", b""): [1.0]})
    code = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA synchronous=OFF")
db.execute("PRAGMA cache_size=1")
db.execute("BEGIN IMMEDIATE")
db.execute("DELETE FROM recent")
db.executemany("INSERT INTO recent VALUES (?, ?, ?, 1)", [(b"%d" % n, b"", b"x" * 900) for n in range(2000)])
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path / FILE)], check=True)
    assert Path(f"{tmp_path / FILE}-journal").exists()
    assert store.recent([b"s", b"7"]) == {b"s": {b"": (1.0,)}}


def test_many_threads_use_it_at_once(store: SqliteHistory) -> None:
    def use(number: int) -> None:
        for turn in range(10):
            store.add({(bytes([number]), b""): [float(turn)]})
            store.recent([bytes([number])])

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {key: names[b""][-1] for key, names in store.recent([bytes([n]) for n in range(4)]).items()} == {
        bytes([number]): 9.0 for number in range(4)
    }


# ---- what goes wrong -----------------------------------------------------------------------------------------


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def foreign_table(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE recent (thesis TEXT)")
        db.commit()


def torn(path: Path) -> None:
    SqliteHistory(path).add({(bytes([n]), bytes([m])): [1.0] for n in range(40) for m in range(40)})
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"no database at all" * 99), foreign_table, torn])
def test_a_damaged_file_is_moved_aside_and_begun_anew(
    folder: Path, caplog: pytest.LogCaptureFixture, damage: Any
) -> None:
    folder.mkdir(mode=0o700)
    path = folder / FILE
    damage(path)
    damaged = path.read_bytes()
    dag = cells(*SOURCES)
    assert costs(dag)["cell-1"] == 1.0
    teach(dag, {"cell-1": 4.0})
    assert costs(dag)["cell-1"] == 4.0
    assert Path(f"{path}.damaged").read_bytes() == damaged
    assert len(warnings_of(caplog)) == 1
    assert "begun anew" in warnings_of(caplog)[0]


def test_an_empty_file_is_a_history_of_nothing(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder.mkdir(mode=0o700)
    (folder / FILE).touch()
    assert costs(cells(*SOURCES))["cell-1"] == 1.0
    teach(cells(*SOURCES), {"cell-1": 4.0})
    assert costs(cells(*SOURCES))["cell-1"] == 4.0
    assert warnings_of(caplog) == []


@pytest.mark.parametrize("seconds", [None, "soon", 3, b"", b"1234567", struct.pack("<d", -1.0), b"\xff" * 8 * 99])
def test_a_row_that_cannot_be_teaches_nothing(folder: Path, caplog: pytest.LogCaptureFixture, seconds: Any) -> None:
    dag = cells(*SOURCES)
    teach(dag, {"cell-1": 4.0, "cell-2": 5.0})
    with closing(sqlite3.connect(folder / FILE)) as db:
        changed = db.execute("UPDATE recent SET seconds = ?, used = 'x' WHERE source = ?", (seconds, source_of(dag)))
        assert changed.rowcount == 1
        db.commit()
    assert costs(dag) == {"cell-1": 1.0, "cell-2": 5.0, "cell-3": 1.0}
    for _ in range(MOST_DURATIONS + 1):
        teach(dag, {"cell-1": 2.0})
    assert costs(dag)["cell-1"] == 2.0
    assert warnings_of(caplog) == []


def source_of(dag: DAG) -> bytes:
    return source(dag.nodes["cell-1"])


@pytest.mark.parametrize("place", ["a-file", "a-file/history"])
def test_without_a_folder_runs_go_on_and_one_warning_says_so(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    (tmp_path / "a-file").write_text("")
    monkeypatch.setenv(VARIABLE, str(tmp_path / place))
    dag = cells(*SOURCES)
    for _ in range(2):
        teach(dag, {"cell-1": 4.0})
        assert started(dag)[0] == "cell-1"
    assert len(warnings_of(caplog)) == 1
    assert VARIABLE in warnings_of(caplog)[0]


@pytest.mark.parametrize("fault", ["cannot be made", "is a folder", "cannot be opened"])
def test_a_file_that_cannot_be_used_is_no_history_and_one_warning(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied") if fault == "cannot be made" else sqlite3.OperationalError("no")

    dag = cells(*SOURCES)
    if fault == "is a folder":
        (folder / FILE).mkdir(parents=True)
        folder.chmod(0o700)
    elif fault == "cannot be made":
        monkeypatch.setattr("orchestra_nb.running.history_store.os.open", refuse)
    else:
        teach(dag, {"cell-1": 4.0})
        monkeypatch.setattr(sqlite3, "connect", refuse)
    for _ in range(2):
        teach(dag, {"cell-1": 4.0})
        assert costs(dag)["cell-1"] == 1.0
    assert len(warnings_of(caplog)) == 1


def test_who_waits_too_long_for_another_process_goes_on_without(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(history_store, "_PATIENCE", 0.01)
    dag = cells(*SOURCES)
    teach(dag, {"cell-1": 4.0})
    with closing(sqlite3.connect(folder / FILE, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        teach(dag, {"cell-1": 9.0})
        assert costs(dag)["cell-1"] == 1.0
        other.execute("ROLLBACK")
    assert costs(dag)["cell-1"] == 4.0
    assert ["locked" in text for text in warnings_of(caplog)] == [True]


def test_a_python_without_sqlite_has_no_history(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    dag = cells(*SOURCES)
    teach(dag, {"cell-1": 4.0})
    monkeypatch.setitem(sys.modules, "sqlite3", None)
    teach(dag, {"cell-1": 9.0})
    assert costs(dag)["cell-1"] == 1.0
    assert len(warnings_of(caplog)) == 1


def test_a_file_that_another_process_has_begun_anew_is_left_alone(
    store: SqliteHistory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / FILE
    path.write_bytes(b"no database at all" * 99)
    connect = sqlite3.connect

    def meanwhile(*args: Any, **options: Any) -> sqlite3.Connection:
        db = connect(*args, **options)
        monkeypatch.setattr(sqlite3, "connect", connect)
        path.rename(tmp_path / "damaged")
        SqliteHistory(path).add({(b"s", b""): [3.0]})
        return db

    monkeypatch.setattr(sqlite3, "connect", meanwhile)
    assert store.recent([b"s"]) == {}
    assert SqliteHistory(path).recent([b"s"]) == {b"s": {b"": (3.0,)}}


def test_graphs_keep_what_else_they_know(folder: Path) -> None:
    dag = DAG([Node(NodeId("a"), fn=scaled(1))], metadata=MappingProxyType({"optimizations": ("x",)}))
    teach(dag, {"a": 4.0})
    assert open_history(RunConfig()).costed(dag).metadata == {"optimizations": ("x",)}
