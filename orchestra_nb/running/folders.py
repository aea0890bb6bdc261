"""Private folders for what is too large to be sent, which do not outlive the process that made them.

A process has one *base* below each root that it uses (``orchestra-nb-…``, mode 0700), and each run a folder in it. The
run removes its folder, the process its bases when it exits. A process that is killed cannot: it holds an ``flock`` on
the file ``owner`` in its base for as long as it lives, and the next process that uses the root removes every base of
the same user whose lock it gets. Rejected: process ids in the names (they are used again, and mean nothing in another
container that shares ``/dev/shm``); a watching process (one more to die).
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
import threading
from contextlib import suppress

_PREFIX = "orchestra-nb-"
_OWNER = "owner"
_ATTEMPTS = 5
_TURN = threading.Lock()
_BASES: dict[tuple[int, str], str] = {}
"""Bases of this process, by process id (a fork inherits the table, and not the folders) and root."""


def _forget_turn() -> None:
    """Begin anew in a forked child, where whoever had the turn does not live."""
    global _TURN
    _TURN = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_turn)


def run_folder(root: str) -> str:
    """Make an empty folder for one run, which nobody else can read.

    Parameters
    ----------
    root
        The folder that holds the bases, such as ``/dev/shm``.

    Raises
    ------
    OSError
        Nothing can be made there.

    Examples
    --------
    >>> root = tempfile.mkdtemp()
    >>> folder = run_folder(root)
    >>> oct(os.stat(folder).st_mode & 0o777)
    '0o700'
    >>> shutil.rmtree(root)
    """
    with _TURN:
        key = (os.getpid(), root)
        if key not in _BASES or not os.path.isdir(_BASES[key]):
            sweep(root)
            _BASES[key] = _claim(root)
        return tempfile.mkdtemp(prefix="run-", dir=_BASES[key])


def sweep(root: str) -> None:
    """Remove what processes of this user have left below a root without being able to remove it."""
    with suppress(OSError), os.scandir(root) as entries:
        for entry in entries:
            with suppress(OSError):
                if entry.name.startswith(_PREFIX) and entry.stat(follow_symlinks=False).st_uid == os.getuid():
                    _remove_orphan(entry.path)


def _remove_orphan(base: str) -> None:
    """Remove a base if its owner is gone."""
    try:
        lock = os.open(os.path.join(base, _OWNER), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        os.rmdir(base)  # only an empty one: its owner died, or is about to find out and to make another
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(base, ignore_errors=True)
    finally:
        os.close(lock)


def _claim(root: str) -> str:
    """Make a base and lock it; the descriptor of the lock is meant to stay open."""
    for _ in range(_ATTEMPTS):
        base = tempfile.mkdtemp(prefix=_PREFIX, dir=root)
        owner = os.path.join(base, _OWNER)
        try:
            lock = os.open(owner, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:  # somebody's sweep came between the two
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        except OSError:  # no locks there: then no sweep gets one either
            return base
        if os.path.exists(owner):
            return base
        os.close(lock)
    raise OSError(f"no private folder could be made in {root}")


@atexit.register
def _clear() -> None:
    for (pid, _), base in list(_BASES.items()):
        if pid == os.getpid():
            shutil.rmtree(base, ignore_errors=True)
