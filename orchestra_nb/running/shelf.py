"""Where the processes of one run leave what is too large to be sent, and how it is read there.

A shelf is a few folders in order of preference: memory (``/dev/shm``) first, then the disk; or the one that joblib was
told to use. It pickles as their names, so that workers write to the same. A file is written once and never changed, and
read by mapping it copy-on-write: whoever changes an array changes its own copy of the pages and nobody else's, as after
any other journey to another process. Failure: what no folder takes (full, gone, not ours) is sent in-band instead, so
that a full disk costs time and nothing else. A part of each folder's file system stays free for others.

Mapping holds a file descriptor before Python 3.13, and there are often no more than 1,024: beyond some hundreds of maps
a file is read into memory.
"""

from __future__ import annotations

import mmap
import os
import shutil
import sys
import tempfile
import weakref
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from orchestra_nb.running.folders import run_folder

_MEMORY = "/dev/shm"
_SPARE = 256 << 20
"""Bytes that stay free for others, or a tenth of what is smaller."""
_MOST_MAPS = 256
_MAPS: weakref.WeakKeyDictionary[mmap.mmap, str] = weakref.WeakKeyDictionary()
"""What this process has mapped, with the file."""

Span = tuple[int, int]
"""Where a piece stands in its file: its first byte, and how many."""


@dataclass(frozen=True, slots=True)
class Memmapping:
    """What joblib was told about large arrays.

    Parameters
    ----------
    max_nbytes
        Bytes from which one is left in a file; ``None``: never.
    temp_folder
        Where; ``None``: joblib's own choice.
    mmap_mode
        How it is mapped; ``None``: not at all. ``"r"`` gives read-only arrays. The modes that write through to the file
        mean copy-on-write here, because the file has other readers.
    """

    max_nbytes: int | None = 1 << 20
    temp_folder: str | None = None
    mmap_mode: str | None = "c"


@dataclass(frozen=True, slots=True)
class Shelf:
    """The folders of one run.

    Parameters
    ----------
    folders
        In order of preference.
    least
        Bytes from which something is left there.
    readonly
        Whether arrays come back read-only.
    """

    folders: tuple[str, ...]
    least: int = sys.maxsize
    readonly: bool = False

    @classmethod
    def open(cls, wishes: Memmapping) -> Shelf | None:
        """Make the folders for a run; ``None`` when there is no place for them."""
        folders: list[str] = []
        for root in _roots(wishes):
            with suppress(OSError):
                folders.append(run_folder(root))
        if not folders:
            return None
        off = wishes.max_nbytes is None or wishes.mmap_mode is None
        least = sys.maxsize if off else max(1, wishes.max_nbytes or 0)
        return cls(tuple(folders), least, wishes.mmap_mode == "r")

    def close(self) -> None:
        """Remove the folders; what is mapped stays mapped."""
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)

    def lay(self, pieces: Sequence[memoryview | bytes]) -> tuple[str, tuple[Span, ...]] | None:
        """Write pieces to one new file, each at the beginning of a page; ``None`` when no folder takes them."""
        spans: list[Span] = []
        end = 0
        for piece in pieces:
            start = -(-end // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY
            size = memoryview(piece).nbytes
            spans.append((start, size))
            end = start + size
        for folder in self.folders:
            path = os.path.join(folder, os.urandom(8).hex())
            try:
                if _has_room(folder, end):
                    _write(path, pieces, spans)
                    return path, tuple(spans)
            except OSError:
                unlink(path)
        return None

    def link(self, path: str) -> str | None:
        """Give a file of this shelf a second name, under which it outlives the first; ``None`` if that cannot be."""
        folder = os.path.dirname(path)
        name = os.path.join(folder, os.urandom(8).hex())
        if folder in self.folders:
            with suppress(OSError):
                os.link(path, name)
                return name
        return None

    def mark(self, number: int) -> str:
        """Name the file in which the worker that has begun a task notes its process id."""
        return os.path.join(self.folders[0], f"begun-{number}")


def _roots(wishes: Memmapping) -> list[str]:
    told = wishes.temp_folder or os.environ.get("JOBLIB_TEMP_FOLDER")
    if told:
        return [told]
    return [root for root in dict.fromkeys((_MEMORY, tempfile.gettempdir())) if os.path.isdir(root)]


def _has_room(folder: str, size: int) -> bool:
    there = os.statvfs(folder)
    spare = min(_SPARE, there.f_blocks * there.f_frsize // 10)
    return there.f_bavail * there.f_frsize - size >= spare


def _write(path: str, pieces: Sequence[memoryview | bytes], spans: Sequence[Span]) -> None:
    file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        for piece, (start, size) in zip(pieces, spans, strict=True):
            rest = memoryview(piece)
            while rest.nbytes:  # one call writes two gigabytes at most
                rest = rest[os.pwrite(file, rest, start + size - rest.nbytes) :]
    finally:
        os.close(file)


def unlink(path: str) -> None:
    """Remove a file; one that is not there is fine."""
    with suppress(OSError):
        os.unlink(path)


def origin(mapped: mmap.mmap) -> str | None:
    """Name the file that :func:`view` has mapped; ``None`` if it was somebody else."""
    return _MAPS.get(mapped)


def view(path: str, readonly: bool = False) -> memoryview:
    """Map a file: whoever writes into the view changes a copy of its own.

    Raises
    ------
    OSError
        It is gone.
    """
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(file).st_size
        access = mmap.ACCESS_READ if readonly else mmap.ACCESS_COPY
        more: dict[str, Any] = {"trackfd": False} if sys.version_info >= (3, 13) else {}
        if more or len(_MAPS) < _MOST_MAPS:
            mapped = mmap.mmap(file, size, access=access, **more)
            _MAPS[mapped] = path
            return memoryview(mapped)
        return _read(file, size, readonly)
    finally:
        os.close(file)


def _read(file: int, size: int, readonly: bool) -> memoryview:
    whole = memoryview(bytearray(size))
    done = 0
    while done < size:
        count = os.preadv(file, [whole[done:]], done)
        if not count:
            raise OSError("the file is shorter than it was")
        done += count
    return whole.toreadonly() if readonly else whole
