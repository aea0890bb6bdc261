"""Named states: whole or not at all, what was written or an error, and not without end."""

from __future__ import annotations

import errno
import os
import random
import stat
import subprocess
import sys
import threading

import pytest

from orchestra_nb.durable.states import States
from orchestra_nb.errors import CheckpointError
from orchestra_nb.recovery.manager import RecoveryManager

from .worlds import JOURNAL_OPERATIONS, Failing, Unsynced

STATE = {"orders": [7, "ä", (1, 2)], "raw": bytes(range(256)) * 10}


def states(folder, **settings):
    return States(folder, **{"files": Unsynced(), **settings})


def test_a_state_comes_back_in_another_process_and_is_new_each_time(tmp_path):
    RecoveryManager(folder=tmp_path).create_checkpoint("a", [1, [2]])
    code = f"""from orchestra_nb import RecoveryManager
print(RecoveryManager(folder={str(tmp_path)!r}).restore_checkpoint("a"))"""
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (other.stdout, other.stderr) == ("[1, [2]]\n", "")
    manager = RecoveryManager(folder=tmp_path)
    manager.restore_checkpoint("a")[1].append(3)
    assert manager.restore_checkpoint("a") == [1, [2]]
    assert manager.get_checkpoints() == ("a",)
    assert manager.clear_checkpoints() == 1
    assert manager.get_checkpoints() == ()


def test_without_a_folder_a_state_is_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("ORCHESTRA_NB_CACHE", str(tmp_path))
    RecoveryManager().create_checkpoint("a", 1)
    assert States(tmp_path).names() == ("a",)
    monkeypatch.setenv("ORCHESTRA_NB_CACHE", "")
    with pytest.raises(CheckpointError, match="kept nowhere"):
        RecoveryManager().create_checkpoint("a", 1)


@pytest.mark.parametrize("state", [None, "", b"", 1.5, STATE, {1: {2}}, [b"x" * 1_000_000]])
def test_every_kind_of_state_comes_back(state, tmp_path):
    states(tmp_path).create("a", state)
    assert states(tmp_path).restore("a") == state


def test_a_newer_state_takes_the_place_of_the_one_before(tmp_path):
    for number in range(3):
        states(tmp_path).create("a", number)
    assert states(tmp_path).restore("a") == 2
    assert len(os.listdir(tmp_path / "states")) == 1


def test_names_of_any_kind_are_no_paths_and_the_nearest_is_named(tmp_path):
    for name in ("../../x", "a/b", "ä", "\ud800", "x" * 5000):
        states(tmp_path).create(name, name)
    assert all(states(tmp_path).restore(name) == name for name in states(tmp_path).names())
    assert len(states(tmp_path).names()) == 5
    with pytest.raises(CheckpointError, match="did you mean 'a/b'"):
        states(tmp_path).restore("a/c")
    for bad in ("", None, 3):
        with pytest.raises(CheckpointError, match="must be the name of a checkpoint"):
            states(tmp_path).create(bad, 1)


def test_the_files_are_their_users_own(tmp_path):
    states(tmp_path).create("a", 1)
    (path,) = (tmp_path / "states").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o606)
    with pytest.raises(CheckpointError, match="can be written by others"):
        states(tmp_path).restore("a")


def test_what_has_no_bytes_is_refused_and_the_one_before_stays(tmp_path):
    states(tmp_path).create("a", 1)
    with pytest.raises(CheckpointError, match="cannot be stored"):
        states(tmp_path).create("a", threading.Lock())
    with pytest.raises(CheckpointError, match="all may take 10"):
        states(tmp_path, max_bytes=10).create("a", "x" * 100)
    assert states(tmp_path).restore("a") == 1


def test_the_oldest_go(tmp_path):
    made = states(tmp_path, most=3)
    for number in range(5):
        made.create(f"s{number}", number)
        for path in (tmp_path / "states").iterdir():  # clocks of files are coarse
            os.utime(path, ns=(0, path.stat().st_mtime_ns - 10**9))
    assert made.names() == ("s2", "s3", "s4")
    small = states(tmp_path, max_bytes=1600)
    small.create("large", b"x" * 1500)
    assert small.names() == ("large",)


def test_no_flip_or_cut_ever_gives_another_state_or_another_kind_of_error(tmp_path):
    states(tmp_path).create("a", STATE)
    (path,) = (tmp_path / "states").iterdir()
    whole, chance = path.read_bytes(), random.Random(3)
    for number in range(1000):
        harmed = bytearray(whole)
        if number % 4:
            harmed[chance.randrange(len(harmed))] ^= 1 << chance.randrange(8)
        else:
            del harmed[chance.randrange(len(harmed)) :]
        path.write_bytes(harmed)
        with pytest.raises(CheckpointError, match="'a' cannot be read: it is not what was written"):
            states(tmp_path).restore("a")
        assert states(tmp_path).names() == ()


def created(made, state):
    """Keep a state; gives what was said against it."""
    try:
        made.create("a", state)
    except CheckpointError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES])
def test_whichever_operation_fails_one_of_both_states_is_there(code, tmp_path):
    assert "replace" in JOURNAL_OPERATIONS
    for n in range(1, 20):
        folder = tmp_path / f"{code}-{n}"
        states(folder).create("a", "before")
        failing = Failing(n, code)
        told = created(states(folder, files=failing.journals), "after")
        assert told in ("", f"checkpoint 'a' is not kept: {os.strerror(code)}")
        assert states(folder).restore("a") in (("before", "after") if told else ("after",))
        states(folder).create("a", "again")
        assert states(folder).restore("a") == "again"
    assert failing.count < 20
