"""A run whose process is killed while it is undone: whoever goes on with it finishes that first, and skips nothing."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.durable.faults import acting
from orchestra_nb.events import CheckpointFailed, EventBus
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node
from orchestra_nb.running.scheduler import ParallelScheduler

EVERYWHERE = 1_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kill -9 and fork are of Unix")
def test_a_kill_at_any_point_of_the_way_back_skips_no_compensation_and_runs_nothing_that_is_not_undone(tmp_path, root):
    command = [sys.executable, "-m", "tests.running.undo_worlds", str(tmp_path), str(EVERYWHERE)]
    found = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=280)
    assert (found.returncode, found.stderr) == (0, "")
    assert int(found.stdout) > 60


def storm():
    raise OSError("storm")


def test_a_run_on_the_disk_has_no_journal_of_its_way_back_when_that_is_over(tmp_path):
    dag = DAG([Node("a", fn=int, undo=int), Node("end", fn=storm, after=["a"])])
    result = ParallelScheduler(RunConfig(jobs=1, cache=str(tmp_path), checkpoint="durable")).execute(dag)
    assert result.undone.compensated == ("a",)
    assert sorted(path.name for path in (tmp_path / "runs" / result.run_id).iterdir() if "undo" in path.name) == []


def test_where_the_way_back_cannot_be_written_down_it_is_gone_all_the_same_and_said(tmp_path):
    said, told = [], []
    bus = EventBus()
    bus.on("*", lambda event: told.append(event) if isinstance(event, CheckpointFailed) else None)
    scheduler = ParallelScheduler(RunConfig(jobs=1, cache=str(tmp_path), checkpoint="durable"), bus)

    def in_the_way():
        (run,) = [path for path in (tmp_path / "runs").iterdir() if path.name != "values"]
        (run / "undo").mkdir()
        raise OSError("storm")

    dag = DAG([Node("a", fn=int, undo=lambda: said.append("undone")), Node("end", fn=in_the_way, after=["a"])])
    result = scheduler.execute(dag)
    assert said == ["undone"]
    assert result.undone.clean
    assert [event.reason.split(":")[0] for event in told] == ["what is undone is not written down"]
    assert told[0].reason.endswith("; nobody can go on with it")
    assert (result.checkpoints, scheduler.get_checkpoints()) == ((), ())


def test_what_was_undone_runs_again_also_where_the_disk_was_full_when_it_was(tmp_path):
    ran, full = [], []

    def at_a_point(point):
        if full and point == "commit.before-write":
            raise OSError(errno.ENOSPC, "No space left on device")

    def last(a):
        if not ran.count("undone"):
            full.append(True)
            raise OSError("storm")

    dag = DAG(
        [
            Node("a", fn=lambda: ran.append("a"), undo=lambda: ran.append("undone")),
            Node("b", fn=lambda: ran.append("b")),
            Node("last", fn=last, after=["a", "b"]),
        ]
    )
    scheduler = ParallelScheduler(RunConfig(jobs=1, cache=str(tmp_path), checkpoint="durable"))
    with acting(at_a_point):
        failed = scheduler.execute(dag)
    assert failed.undone.compensated == ("a",)
    assert "No space left" in failed.unsaved
    assert scheduler.plan_resume(failed.run_id, dag).taken == ("b",)
    assert scheduler.resume_from_checkpoint(failed.run_id, dag).success
    assert ran == ["a", "b", "undone", "a"]
    assert not (tmp_path / "runs" / failed.run_id / "undo").exists()
