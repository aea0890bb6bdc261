"""Folders that go with their process, however it ends."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile

from orchestra_nb.running import folders

SCRIPT = """
import os, signal, sys
from orchestra_nb.running.folders import run_folder
folder = run_folder(sys.argv[1])
open(os.path.join(folder, "file"), "w").close()
if sys.argv[2] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
"""


def leave(root, how):
    """What another process leaves below a root, and the code that it ended with."""
    ended = subprocess.run([sys.executable, "-c", SCRIPT, str(root), how], check=False, timeout=120)
    return ended.returncode, os.listdir(root)


def test_a_folder_is_its_users_own(tmp_path):
    folder = folders.run_folder(str(tmp_path))
    base = os.path.dirname(folder)
    assert [stat.S_IMODE(os.stat(path).st_mode) for path in (folder, base)] == [0o700, 0o700]


def test_runs_have_folders_of_their_own_in_one_base(tmp_path):
    made = {folders.run_folder(str(tmp_path)) for _ in range(3)}
    assert len(made) == 3
    assert len(os.listdir(tmp_path)) == 1


def test_a_process_that_ends_takes_its_folders_with_it(tmp_path):
    assert leave(tmp_path, "ended") == (0, [])


def test_what_a_killed_process_left_goes_with_the_next_that_looks(tmp_path):
    code, left = leave(tmp_path, "killed")
    assert (code, len(left)) == (-signal.SIGKILL, 1)
    mine = folders.run_folder(str(tmp_path))
    assert os.listdir(tmp_path) == [os.path.basename(os.path.dirname(mine))]


def test_a_living_owner_keeps_its_folder(tmp_path):
    folder = folders.run_folder(str(tmp_path))
    folders.sweep(str(tmp_path))
    assert os.path.isdir(folder)


def test_nothing_of_others_is_swept_away(tmp_path):
    for name in ("orchestra-nb-file", "another"):
        (tmp_path / name).touch()
    (tmp_path / "orchestra-nb-not-ours").mkdir()
    (tmp_path / "orchestra-nb-not-ours" / "kept").touch()
    (tmp_path / "orchestra-nb-half-made").mkdir()
    folders.sweep(str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == ["another", "orchestra-nb-file", "orchestra-nb-not-ours"]
    folders.sweep(str(tmp_path / "missing"))


def test_a_base_that_somebody_removed_is_made_again(tmp_path):
    os.rename(os.path.dirname(folders.run_folder(str(tmp_path))), tmp_path / "away")
    assert os.path.isdir(folders.run_folder(str(tmp_path)))


def test_an_owner_whose_base_was_swept_before_it_had_its_lock_makes_another(tmp_path, monkeypatch):
    made = []

    def swept_once(**where):
        made.append(tempfile.mktemp(**where) if not made else real(**where))
        return made[-1]

    real = tempfile.mkdtemp
    monkeypatch.setattr(tempfile, "mkdtemp", swept_once)
    folder = folders.run_folder(str(tmp_path))
    assert os.path.dirname(folder) == made[1]
