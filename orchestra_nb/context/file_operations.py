"""The seam to the operating system: each thing that the disk store does with a file is one method here.

A test hands over a class whose n-th call fails. Nothing else is decided here, but what differs by platform does:
folders cannot be synced on Windows, and links can only be refused at opening where the system knows how.
"""

from __future__ import annotations

import io
import mmap
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3

_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""A link is refused, and a pipe that somebody put there does not block."""
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_UNTRACKED: dict[str, Any] = {"trackfd": False} if sys.version_info >= (3, 13) and os.name != "nt" else {}
"""A map needs no open file; older Pythons keep one for each."""
_AT_MOST = 1 << 30
"""Bytes for one write: Linux takes 2 GiB at most."""


class FileOperations:
    """Files as the disk store sees them. Each method raises ``OSError`` as the system does."""

    def make_folder(self, path: Path) -> None:
        """Make a folder that only this user can look into; fine when it is there."""
        path.mkdir(mode=0o700, exist_ok=True)

    def status(self, path: Path) -> os.stat_result:
        """Look at a path, not through a link at its end."""
        return os.lstat(path)

    def create(self, path: Path) -> int:
        """Open a new private file for writing; fails when there is one."""
        return os.open(path, _NEW, 0o600)

    def open(self, path: Path) -> int:
        """Open a file for reading."""
        return os.open(path, _READ)

    def write(self, descriptor: int, data: memoryview) -> None:
        """Write all of it."""
        while data:
            data = data[os.write(descriptor, data[:_AT_MOST]) :]

    def sync(self, descriptor: int) -> None:
        """Wait until a file's content is on the disk."""
        os.fsync(descriptor)

    def sync_folder(self, path: Path) -> None:
        """Wait until a folder's names are on the disk."""
        if os.name != "nt":
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def close(self, descriptor: int) -> None:
        """Close a file."""
        os.close(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        """Give a file or folder a name, at once."""
        os.replace(source, target)

    def touch(self, path: Path) -> None:
        """Say that a file was used now."""
        os.utime(path)

    def remove(self, path: Path) -> None:
        """Remove a file; fine when it is gone."""
        path.unlink(missing_ok=True)

    def entries(self, folder: Path) -> Iterator[os.DirEntry[str]]:
        """List a folder."""
        with os.scandir(folder) as found:
            yield from found

    def map(self, descriptor: int, size: int) -> mmap.mmap:
        """Map a file so that a change of the memory does not change the file."""
        return Map(descriptor, size, access=mmap.ACCESS_COPY, **_UNTRACKED)

    def read(self, descriptor: int, size: int) -> bytearray:
        """Read a file of that size; what comes back is shorter where the file is."""
        data = bytearray(size)
        done = 0
        with memoryview(data) as view, io.FileIO(descriptor, closefd=False) as file:
            while done < size and (got := file.readinto(view[done:])):
                done += got
        del data[done:]
        return data

    def connect(self, path: Path) -> sqlite3.Connection:
        """Open an sqlite file that is there."""
        import sqlite3

        return sqlite3.connect(
            f"{path.as_uri()}?mode=rw", uri=True, timeout=0.1, isolation_level=None, check_same_thread=False
        )


class Map(mmap.mmap):
    """A map that can be counted by weak references."""
