"""A fault at a random moment of a random DAG, and then going on: nothing that was committed runs again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter

import pytest

from .fault_worlds import KINDS, World

_WORLDS = int(os.environ.get("ORCHESTRA_NB_FAULTS", "200"))
_GROUPS = 20


def read(world, name):
    path = world.folder / name
    return json.loads(path.read_text()) if path.exists() else None


def judge(world):
    """See that what happened to a world is what may."""
    first, second, codes = read(world, "first"), read(world, "second"), read(world, "codes")
    last = second or first
    assert codes == ([-9, 0] if world.kind == "process dies" else [0] * len(codes))
    assert last["success"], last["errors"]
    assert last["right"] == dict.fromkeys(world.needs, True)
    plan = read(world, "plan") or {"taken": [], "again": {}}
    ends = Counter(name for what, name, *_ in world.said if what == "end")
    for name in plan["taken"]:
        assert (ends[name], second["statuses"][name]) == (1, "cached")
    assert max(ends.values()) <= 2
    judge_who_had_the_database(world)
    judge_what_was_undone(world, first, plan)


def judge_who_had_the_database(world):
    """One at a time; whom it befell has it no more, nor has anybody of a process that is gone."""
    has = None
    for what, name, *_ in world.said:
        if what == "again":
            has = None
        if name in world.using and what != "undo":
            assert has in ((None, world.victim[0]) if what == "begin" else (name,)), (what, name, has)
            has = name if what == "begin" else None


def judge_what_was_undone(world, first, plan):
    """Whatever is to be undone was, once, the latest first; and runs again."""
    undone = [name for what, name, *_ in world.said if what == "undo"]
    if first is None or first["success"] or not world.undoes:
        assert (undone, plan["again"]) == ([], {})
        return
    done = sorted(world.undoable.intersection(first["ended"]), key=first["ended"].__getitem__)
    assert undone == first["undone"] == done[::-1]
    assert first["not undone"] == []
    behind = set().union(*[world.dag().descendants(name) for name in undone])
    assert not behind.union(undone).intersection(plan["taken"])
    assert behind.issuperset(plan["again"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kill -9 and fork are of Unix")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("group", range(_GROUPS))
def test_whatever_befalls_a_run_what_was_committed_does_not_run_again(group, tmp_path, root):
    size = _WORLDS // _GROUPS
    seeds = range(group * size, (group + 1) * size)
    command = [sys.executable, "-m", "tests.running.fault_worlds", str(tmp_path), str(seeds.start), str(seeds.stop)]
    found = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=500)
    assert found.returncode == 0, found.stderr
    worlds = [World(seed, tmp_path / str(seed)) for seed in seeds]
    assert {world.kind for world in worlds} == set(KINDS)
    for world in worlds:
        judge(world)
    assert any(what == "undo" for world in worlds for what, *_ in world.said)
