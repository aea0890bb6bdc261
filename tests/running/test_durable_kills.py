"""A run whose process is killed, at every named point, also while it goes on: nothing committed runs again."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from orchestra_nb.durable.faults import POINTS, acting
from tests.running.durable_kills import OF_RUNS
from tests.running.durable_worlds import World, canonical, scheduler

GAMES = int(os.environ.get("ORCHESTRA_NB_KILLS", "40"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kill -9 and fork are of Unix")
def test_kills_at_every_point_lose_nothing_and_repeat_nothing_that_was_committed(tmp_path, root):
    command = [sys.executable, "-m", "tests.running.durable_kills", str(tmp_path), "0", str(GAMES)]
    found = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60 + 10 * GAMES)
    assert (found.returncode, found.stderr) == (0, "")
    killed = json.loads(found.stdout)
    assert set(killed) == set(OF_RUNS)
    assert sum(killed.values()) > GAMES


@pytest.mark.parametrize("point", OF_RUNS)
@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), RuntimeError("struck")], ids=["ENOSPC", "raise"]
)
def test_what_is_raised_at_any_point_never_makes_a_wrong_value(point, error, tmp_path):
    expected = canonical(scheduler(tmp_path, checkpoint="memory").execute(World(5).dag).values)
    for hit in (1, 3):
        left = [hit]

        def strike(name, left=left):
            if name == point:
                left[0] -= 1
                if left[0] == 0:
                    raise error

        folder, world = tmp_path / str(hit), World(5)
        run = begun(folder)
        made = scheduler(folder)
        committed = list(made.plan_resume(run, world.dag).taken) if run else []
        with acting(strike):
            try:
                result = made.resume_from_checkpoint(run, world.dag) if run else made.execute(world.dag)
            except Exception:
                result = None
        assert not set(committed) & set(world.ran)
        if result is not None and result.success:
            assert canonical(result.values) == expected
        if result is None or not result.success:
            found = made.get_checkpoints()
            if found:
                again = scheduler(folder).resume_from_checkpoint(found[-1].run_id, World(5).dag)
                assert canonical(again.values) == expected


def begun(folder):
    """Leave a run behind in the middle, for points that are passed when one goes on."""
    return scheduler(folder, jobs=1).execute(World(5, fails="n4").dag).run_id


def test_every_point_is_one_that_some_test_dies_at():
    assert set(POINTS) - set(OF_RUNS) == {
        *("prune.before-journal", "prune.after-journal", "prune.before-folder"),
        *("state.after-file", "state.after-name"),
        *("undo.after-journal", "undo.before-forgotten", "undo.after-forgotten"),
    }


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork is of Unix")
def test_of_two_processes_that_go_on_with_a_run_one_is_told_at_once(tmp_path, root):
    run = begun(tmp_path)
    code = f"""
import sys
from orchestra_nb.durable.faults import acting
from tests.running.durable_worlds import World, scheduler

def hold(point):
    if point == "node.before-body" and sys.argv[1] == "first":
        print("has it", flush=True)
        sys.stdin.readline()

with acting(hold):
    try:
        result = scheduler({str(tmp_path)!r}, jobs=1).resume_from_checkpoint({run!r}, World(5).dag)
        print("done" if result.success else result.errors)
    except Exception as error:
        print(type(error).__name__, error)
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen([*command, "first"], cwd=root, stdin=-1, stdout=-1, text=True) as first:
        assert first.stdout.readline() == "has it\n"
        second = subprocess.run([*command, "second"], cwd=root, capture_output=True, text=True, timeout=120)
        assert second.stdout.startswith(f"CheckpointError run {run} is under way, here or in another process")
        first.kill()
    third = subprocess.run([*command, "third"], cwd=root, capture_output=True, text=True, timeout=120)
    assert third.stdout == "done\n"
