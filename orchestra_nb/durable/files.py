"""Files as a journal sees them: the seam to the system, and whose they must be.

Each operation is a method, so that a test can fail each of them. A file that is somebody else's, or that others can
write into, is not read: it decides what is run, undone and unpickled.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from orchestra_nb.errors import CheckpointError

if TYPE_CHECKING:
    from filelock import BaseFileLock

_SAFE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""A link is refused, and a pipe that somebody put there does not block."""
_sync = getattr(os, "fdatasync", os.fsync)


class JournalFiles:
    """Files as a journal sees them. Each method raises ``OSError`` as the system does."""

    def make_folder(self, path: Path) -> None:
        """Make a folder that only this user can look into."""
        path.mkdir(mode=0o700)

    def lock(self, path: Path) -> BaseFileLock:
        """Lock a file, or raise ``TimeoutError`` at once."""
        from filelock import FileLock

        lock = FileLock(path, mode=0o600, thread_local=False)
        lock.acquire(timeout=0)
        return lock

    def create(self, path: Path) -> int:
        """Open a new private file for reading and writing."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _SAFE, 0o600)

    def open(self, path: Path) -> int:
        """Open a file for reading and writing."""
        return os.open(path, os.O_RDWR | _SAFE)

    def read(self, descriptor: int) -> bytes:
        """Read all of a file."""
        with open(os.dup(descriptor), "rb") as file:
            return file.read()

    def size(self, descriptor: int) -> int:
        """Say how many bytes a file has."""
        return os.fstat(descriptor).st_size

    def write(self, descriptor: int, data: bytes, place: int) -> None:
        """Write all of it at that place."""
        os.lseek(descriptor, place, os.SEEK_SET)
        while data:
            data = data[os.write(descriptor, data) :]

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut a file."""
        os.ftruncate(descriptor, size)

    def sync(self, descriptor: int) -> None:
        """Wait until a file's content, and how much it is, are on the disk."""
        _sync(descriptor)

    def sync_folder(self, path: Path) -> None:
        """Wait until a folder's names are on the disk; Windows does so by itself."""
        if os.name != "nt":
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        """Give a file its name."""
        os.replace(source, target)

    def link(self, source: Path, target: Path) -> None:
        """Give a file one more name."""
        os.link(source, target)

    def remove(self, path: Path) -> None:
        """Remove a file; fine when it is gone."""
        path.unlink(missing_ok=True)

    def remove_folder(self, path: Path) -> None:
        """Remove a folder that is empty."""
        path.rmdir()

    def close(self, descriptor: int) -> None:
        """Close a file."""
        os.close(descriptor)


def check_owner(descriptor: int, name: str) -> None:
    """See that an open file is this user's own, and that nobody else can write into it.

    Raises
    ------
    CheckpointError
        It is not, or it is no file.
    """
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise CheckpointError(f"{name} is not a file; give the path of one")
    if hasattr(os, "getuid") and (status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o022):
        hint = "others could have it undo what they like; see that it is right, then chown it and run chmod go-w on it"
        raise CheckpointError(f"{name} can be written by others: {hint}")


def make_folders(folder: Path, files: JournalFiles) -> None:
    """Make a folder and those above it, each on the disk before the next."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        files.make_folder(each)
        files.sync_folder(each.parent)
