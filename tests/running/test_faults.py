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
_GROUPS = 4


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
    ends = Counter(name for what, name, *_ in world.said if what == "end")
    plan = read(world, "plan") or {"taken": [], "again": {}}
    assert plan["again"] == {}
    for name in world.needs:
        taken = name in plan["taken"]
        befallen = name == world.victim[0] or (world.kind == "disk is full")
        assert ends[name] == 1 or (not taken and befallen) or world.kind == "process dies", name
        if second is not None:
            assert (second["statuses"][name] == "cached") == taken


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kill -9 and fork are of Unix")
@pytest.mark.parametrize("group", range(_GROUPS))
def test_whatever_befalls_a_run_what_was_committed_does_not_run_again(group, tmp_path, root):
    size = _WORLDS // _GROUPS
    seeds = range(group * size, (group + 1) * size)
    command = [sys.executable, "-m", "tests.running.fault_worlds", str(tmp_path), str(seeds.start), str(seeds.stop)]
    found = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=600)
    assert (found.returncode, found.stderr) == (0, "")
    worlds = [World(seed, tmp_path / str(seed)) for seed in seeds]
    assert {world.kind for world in worlds} == set(KINDS)
    for world in worlds:
        judge(world)
