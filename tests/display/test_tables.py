"""The page about frames, the tables that it is made of, and the frames as they are: all three say the same."""

from __future__ import annotations

import importlib.util
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from orchestra_nb import (
    DAG,
    ContextManager,
    DAGBuilder,
    Node,
    OrchestrationEngine,
    Pipeline,
    ProgressTracker,
    RecoveryManager,
    Replay,
    ResourceManager,
    RunConfig,
    SagaStep,
    bench,
    breaker_lab,
    compare_policies,
    deadlock_lab,
    history,
    retry_lab,
    simulate,
    simulate_many,
    step_through,
    what_if,
)
from orchestra_nb.display import frames
from orchestra_nb.display.dashboard import Snapshot
from orchestra_nb.display.replays import events_frame
from orchestra_nb.display.tables import TABLES
from orchestra_nb.resources.circles import DeadlockResult, Wait
from orchestra_nb.simulation.policy_comparison import PolicyComparison

ROOT = Path(__file__).parents[2]


def load() -> int:
    time.sleep(0.002)
    return 1


def fit(load: int) -> float:
    return load / 0


NODES = [Node("load", fn=load, uses=["db"], phase="Get"), Node("fit", fn=fit), Node("show", fn=lambda fit: fit)]


LOCKED = DAG([Node("a", uses=["db"]), Node("b", uses=["db"])])


@pytest.fixture(scope="module")
def specimens(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """For each frame one without rows, where there can be, and one with some."""
    folder = tmp_path_factory.mktemp("frames")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ORCHESTRA_NB_HISTORY", str(folder / "history"))
        log = folder / "run.jsonl"
        run = Pipeline(NODES, config=RunConfig(jobs=2, log=str(log))).run()
        none, past = Pipeline([], config=RunConfig(jobs=1)).run(), (history([]), history(NODES))
    replay = Replay.read(log)
    cache, resources, recovery, tracker = ContextManager(), ResourceManager(), RecoveryManager(), ProgressTracker()
    fresh = {"cache": cache.frame, "resources": resources.frame, "recovery": recovery.frame}
    fresh |= {"circuits": recovery.circuits.frame}
    cache.set("key", "value")
    resources.register_resource("db", type="database")
    recovery.run_with_retry("call", lambda: 1)
    recovery.run_with_circuit_breaker("api", lambda: 1)
    tracker.initialize(run.dag, "run")
    saga = recovery.run_saga([SagaStep("step", lambda context: 1)])
    empty, waits, builder = none.dag, DeadlockResult((((Wait("a", "db", "b"),)),), "a"), DAGBuilder()
    swept = [bench.sweep([Node("load", fn=load)], jobs=[1, 2], repeats=2) for _ in range(2)]
    unswept = replace(swept[0], runs=())
    found: dict[str, tuple[Any, Any]] = {
        "sweep.frame": (unswept.frame, swept[0].frame),
        "sweep.summary": (unswept.summary, swept[0].summary),
        "bench.compare(before, after).frame": (bench.compare(unswept, unswept).frame, bench.compare(*swept).frame),
        "run.frame": (none.frame, run.frame),
        "run.gantt().frame": (none.gantt().frame, run.gantt().frame),
        "run.levels": (none.levels, run.levels),
        "run.events": (events_frame([]), run.events),
        "history(subject)": past,
        "dag.frame": (empty.frame, run.dag.frame),
        "(%orchestrate why A B).frame": (frames.edges(empty), frames.edges(run.dag)),
        "(%orchestrate levels).frame": (frames.levels(empty), frames.levels(run.dag)),
        "builder.validate(dag).frame": (builder.validate(empty).frame, frames.issues(_fault())),
        "step_through(dag, 2).frame": (None, step_through(run.dag, 2).frame),
        "simulate(dag, 2).frame": (simulate(empty, 2).frame, simulate(run.dag, 2).frame),
        "simulate(dag, 2).waits.frame": (simulate(empty, 2).waits.frame, simulate(LOCKED, 2).waits.frame),
        "simulate(dag, 2).gaps.frame": (simulate(empty, 2).gaps.frame, simulate(LOCKED, 3).gaps.frame),
        "simulate_many(dag, 2).frame": (None, simulate_many(run.dag, runs=3).frame),
        "simulate_many(dag, 2).nodes": (simulate_many(empty, runs=3).nodes, simulate_many(run.dag, runs=3).nodes),
        "what_if(run, workers=4).frame": (what_if(empty, workers=1).frame, what_if(run, workers=4).frame),
        "compare_policies(dag, 2).frame": (PolicyComparison(()).frame, compare_policies(run.dag, 2).frame),
        "cache.frame": (fresh["cache"], cache.frame),
        "cache.get_metrics().frame": (None, cache.get_metrics().frame),
        "(%orchestrate cache).frame": (None, frames.results(("folder", 1, 2, 3, 4, 5))),
        "resources.frame": (fresh["resources"], resources.frame),
        "resources.detect_deadlock().frame": (resources.detect_deadlock().frame, waits.frame),
        "recovery.frame": (fresh["recovery"], recovery.frame),
        "recovery.circuits.frame": (fresh["circuits"], recovery.circuits.frame),
        "saga_result.frame": (recovery.run_saga([]).frame, saga.frame),
        "tracker.frame": (None, tracker.frame),
        "engine.frame": (None, OrchestrationEngine(RunConfig(history=False)).frame),
        "snapshot.frame": (None, Snapshot.of(run).frame),
        "replay.at(2.0).frame": (None, replay.last.at(0.0).frame),
        "deadlock_lab(script).frame": (None, deadlock_lab().frame),
        "breaker_lab(calls).frame": (None, breaker_lab(seconds=8.0).frame),
        "retry_lab(policy).frame": (None, retry_lab(clients=3, outage=1.0).frame),
        "Replay.read(path).frame": (None, replay.frame),
    }
    return found


def _fault() -> Any:
    from orchestra_nb.errors import Issue

    return [Issue("cycle", "they wait for each other", ("a", "b"))]


@pytest.mark.parametrize("name", TABLES)
def test_a_frame_has_the_columns_and_dtypes_of_its_table_with_rows_and_without(name, specimens):
    told = {column: kind.dtype for column, kind in TABLES[name].columns.items()}
    empty, full = specimens[name]
    assert len(full) > 0
    for frame in (full,) if empty is None else (empty, full):
        had = {column: str(dtype) for column, dtype in frame.dtypes.items() if not column.startswith("verdict_")}
        assert had == told
        assert list(had) == list(told)
    assert empty is None or (len(empty) == 0 and list(empty.dtypes)[: len(told)] == list(full.dtypes)[: len(told)])


@pytest.mark.parametrize("name", TABLES)
def test_a_category_has_all_its_values_in_their_order(name, specimens):
    for column, kind in TABLES[name].columns.items():
        if kind.kind == "category":
            found = specimens[name][1][column].cat
            assert (list(found.categories), found.ordered) == (list(kind.values), kind.ordered)


def test_there_is_a_specimen_of_every_frame_that_the_page_tells_of(specimens):
    assert specimens.keys() == TABLES.keys()


def test_the_page_is_of_today():
    spec = importlib.util.spec_from_file_location("frames_page", ROOT / "tools" / "frames_page.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    assert (ROOT / "docs" / "frames.md").read_text(encoding="utf-8") == made.page(), "run tools/frames_page.py"


def test_moments_stand_beside_seconds(specimens):
    frame = specimens["run.frame"][1].set_index("node")
    began = frame["started_at"] - pd.to_timedelta(frame["started"], unit="s")
    assert abs(began["load"] - began["fit"]) < pd.Timedelta("2us")
    assert str(frame["queued_at"].dt.tz) == "UTC"
    assert frame.loc["show", ["started", "started_at"]].isna().all()


def test_the_levels_of_a_run_add_up(specimens):
    nodes, levels = specimens["run.frame"][1], specimens["run.levels"][1]
    assert levels["width"].sum() == len(nodes)
    for status in ("done", "cached", "failed", "skipped", "cancelled"):
        assert levels[status].sum() == (nodes["status"] == status).sum()
    assert levels["work"].sum() == pytest.approx(nodes["seconds"].sum())
    assert levels.loc[0, ["started", "ended"]].tolist() == nodes.loc[0, ["started", "ended"]].tolist()
    assert levels.loc[2, ["started", "ended", "seconds", "started_at"]].isna().all()


def test_history_names_what_ran_and_the_next_run_expects_its_median(specimens):
    frame = specimens["history(subject)"][1]
    assert frame["node"].tolist() == ["load"]
    assert frame.loc[0, ["ago", "expected"]].tolist() == [1, frame.loc[0, "seconds"]]


def test_the_events_of_a_run_are_those_of_its_log_as_far_as_its_outcomes_tell(specimens):
    frame = specimens["run.events"][1]
    assert frame["name"].iloc[0] == "execution:run-started"
    assert frame["name"].iloc[-1] == "execution:run-ended"
    ended = frame[frame["name"] == "execution:node-ended"]
    assert sorted(ended["about"]) == ["fit", "load", "show"]
    past = frame["when"] - frame["when"].iloc[0] - pd.to_timedelta(frame["at"], unit="s")
    assert past.abs().max() < pd.Timedelta("2us")
