"""A resource that all processes of a machine share: one lock file for each of it.

The operating system holds the locks (through :mod:`filelock`), so a process that is killed leaves none behind. The
files are in a private folder (0700) and hold nothing; their names are digests, so a resource may have any name. One
counter beside them, which a lock of its own guards, numbers the grants of all processes: fencing tokens grow across
kernels.

Order: within a process that of the lock table; between processes whoever tries first, since the system keeps no queue
for several files. Nothing waits in here: a try takes all or none and comes back at once (:mod:`.shared`). Failure: a
folder that cannot be used is an error when the resource is registered; a file that cannot be locked later counts as
taken, and is logged once. All processes must register the same amount: one that says more has places that the others
do not know of.

A process that was forked shares the open files of its parent: the lock is free when both have let go.

Rejected: a lock that is a file (a killed process leaves it for ever); a count in a file (the same, and it wants
repair).
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from orchestra_nb.errors import ResourceError
from orchestra_nb.private_folder import private_folder

if TYPE_CHECKING:
    from filelock import BaseFileLock

FOLDER = "ORCHESTRA_NB_LOCKS"
"""The environment variable that says where the files are; otherwise they are in the user's cache folder."""
_BRIEFLY = 0.02
"""Seconds to wait for the counter, which everybody holds for a moment only."""
_log = logging.getLogger("orchestra_nb.resources")


class FileSlots:
    """Slots as files.

    Parameters
    ----------
    folder
        Where they are.
    name
        The resource.
    capacity
        How many there are.

    Raises
    ------
    ResourceError
        The files cannot be made.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     here, there = (FileSlots(Path(folder), "gpu", 1) for _ in range(2))
    ...     print(here.take(1, 1), there.take(1, 1))
    ...     here.keep(0)
    ...     print(there.take(1, 1))
    ...     there.keep(0)
    1 None
    2
    """

    def __init__(self, folder: Path, name: str, capacity: int) -> None:
        stem = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
        self._counter = folder / "count"
        self._name = name
        self._told = False
        try:
            self._guard = _lock(folder / "count.lock")
            self._locks = [_lock(folder / f"{stem}.{number}.lock") for number in range(capacity)]
            with self._guard.acquire(timeout=10):
                self._next(0, write=False)
        except OSError as error:
            raise ResourceError(f"resource {name!r}: no lock files in {folder}: {error}; set {FOLDER}") from error

    def take(self, amount: int, least: int) -> int | None:
        """Take so many now, all or none; gives a token, or ``None``."""
        before = sum(lock.is_locked for lock in self._locks)
        taken = before
        try:
            for lock in self._locks:
                if taken < before + amount and not lock.is_locked and _try(lock):
                    taken += 1
            if taken == before + amount and _try(self._guard, _BRIEFLY):
                try:
                    return self._next(least)
                finally:
                    self._guard.release()
        except OSError as error:
            if not self._told:
                self._told = True
                _log.warning("resource %r: a lock file cannot be used, and counts as taken: %s", self._name, error)
        self.keep(before)
        return None

    def keep(self, amount: int) -> None:
        """Give all but so many back."""
        for lock in [lock for lock in self._locks if lock.is_locked][amount:]:
            lock.release(force=True)

    def _next(self, least: int, write: bool = True) -> int:
        try:
            last = int(self._counter.read_text("ascii"))
        except FileNotFoundError:
            last = 0
        except ValueError as error:
            raise OSError(f"{self._counter} is damaged: {error}; remove it when nothing is locked") from error
        token = max(least, last + 1)
        if write:
            new = self._counter.with_name(f"count.{os.getpid()}")
            new.write_text(str(token), "ascii")
            os.replace(new, self._counter)
        return token


def file_slots(name: str, capacity: int) -> FileSlots:
    """Make the slots of a resource, in the user's private folder."""
    folder = private_folder(FOLDER, "locks")
    if folder is None:
        hint = f"set the environment variable {FOLDER} to a folder that only you can write into"
        raise ResourceError(f"resource {name!r}: scope='machine' needs a private folder for lock files; {hint}")
    return FileSlots(folder, name, capacity)


def _lock(path: Path) -> BaseFileLock:
    from filelock import FileLock

    return FileLock(path, mode=0o600, thread_local=False)


def _try(lock: BaseFileLock, timeout: float = 0) -> bool:
    from filelock import Timeout

    with suppress(Timeout):
        lock.acquire(timeout=timeout)
        return True
    return False
