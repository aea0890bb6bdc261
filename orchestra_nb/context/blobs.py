"""Large values as files, named by the SHA-256 of what they hold.

Policy: a file is written under a name of its own and then gets its real one in one step, so a partial file never has a
name that means anything. It is never changed afterwards; the same content is written anew over it, which also mends one
that was damaged. What is hashed is what is written: the value goes through a buffer of this module piece by piece, so a
thread that changes it meanwhile cannot make a file whose name is wrong.

Reading maps the file copy-on-write: the receiver may change the memory, and the file stays. Python below 3.13 keeps an
open file for each map, so with :data:`MOST_MAPS` of them alive the next value is read instead.

**What is verified when.** The first time that this process opens a file, all of it is compared with its name. That is
remembered for the file's identity (inode, size, both times to the nanosecond); a file with another identity is compared
again. An identity that is younger than :data:`_SETTLED` seconds is not remembered, because clocks of files are coarse
and a second change might not show. On a network file system nothing is remembered. So damage from before the first
reading, and any later change that goes through the file system, is found. Missed are: a disk that rots under a file
that was already read and dropped from memory, and a file that somebody overwrites in place while a value that was given
out still maps it. Who cuts such a file short ends the process that reads the value (SIGBUS); only its owner can.

Failure: :class:`.records.Damaged` says that a file is gone, is no file, or holds something else. ``OSError`` is passed
on: it says nothing about the entry.

Order between processes: a file without a row in the index may be removed at any moment, but only within a transaction
that writes; whoever inserts a row looks within such a transaction whether the file is there, and writes it again if
not.

Rejected: a file for each entry (content that many keys share would be there many times, and a name would not tell what
is right); folders by the first letters of the name (a cache of 1 GB has at most 16,000 files).
"""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
import secrets
import stat
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from orchestra_nb.context.encoding import Part
from orchestra_nb.context.file_operations import FileOperations
from orchestra_nb.context.records import DIGEST, Damaged

MOST_MAPS = 256
_PIECE = 256 * 1024
"""Bytes that are copied, hashed and written at once: they stay in the processor's cache."""
_SETTLED = 0.05
_MOST_REMEMBERED = 50_000
_HALF = "half-"
_NO_FILE = frozenset({errno.ENOENT, errno.ELOOP, errno.ENXIO, errno.EISDIR})
_maps: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()


class Leftover(NamedTuple):
    """A file in the folder that may belong to no entry; ``digest`` is ``None`` for one that was never finished."""

    path: Path
    digest: bytes | None
    changed: float


class Blobs:
    """The folder of large values.

    Parameters
    ----------
    folder
        Where they are; it exists.
    files
        What touches the disk.
    durable
        Whether writing waits for the disk.
    remembers
        Whether what was verified is remembered.
    """

    def __init__(self, folder: Path, files: FileOperations, *, durable: bool, remembers: bool) -> None:
        self._folder = folder
        self._files = files
        self._durable = durable
        self._remembers = remembers
        self._verified: dict[bytes, tuple[int, ...]] = {}

    def path(self, digest: bytes) -> Path:
        """Say where a value's file is."""
        return self._folder / digest.hex()

    def write(self, parts: Callable[[], Iterable[Part]]) -> bytes:
        """Write a value; returns its digest.

        Raises
        ------
        OSError
            It could not be written, and nothing is left of it.
        """
        half = self._folder / f"{_HALF}{secrets.token_hex(8)}"
        try:
            digest = self._write_half(half, parts())
            self._name(half, digest)
        except BaseException:
            with suppress(OSError):
                self._files.remove(half)
            raise
        if self._durable:
            self._files.sync_folder(self._folder)
        return digest

    def _write_half(self, half: Path, parts: Iterable[Part]) -> bytes:
        found = hashlib.sha256()
        descriptor = self._files.create(half)
        try:
            for piece in _pieces(parts):
                found.update(piece)
                self._files.write(descriptor, piece)
            if self._durable:
                self._files.sync(descriptor)
        finally:
            self._files.close(descriptor)
        return found.digest()

    def _name(self, half: Path, digest: bytes) -> None:
        target = self.path(digest)
        try:
            self._files.replace(half, target)
        except PermissionError:  # Windows does not replace a file that is mapped; the one there will do if it is right
            size = self._files.status(half).st_size
            if not self.is_good(digest, size):
                raise
            self._files.remove(half)

    def read(self, digest: bytes, size: int) -> memoryview:
        """Give a value's bytes: private to the caller, and writeable.

        Raises
        ------
        Damaged
            The file is not what was written.
        OSError
            It could not be read now.
        """
        return self._read(digest, size, self._remembers)

    def is_good(self, digest: bytes, size: int) -> bool:
        """Whether the file is what was written, whatever is remembered of it."""
        try:
            self._read(digest, size, False)
        except Damaged:
            return False
        return True

    def is_there(self, digest: bytes) -> bool:
        """Whether there is a file."""
        try:
            return stat.S_ISREG(self._files.status(self.path(digest)).st_mode)
        except FileNotFoundError:
            return False

    def remove(self, digest: bytes) -> bool:
        """Remove a value's file; says whether that could be done."""
        self._verified.pop(digest, None)
        try:
            self._files.remove(self.path(digest))
        except OSError:
            return False
        return True

    def leftovers(self, before: float) -> Iterator[Leftover]:
        """Find files of ours that were not changed since a moment of the wall clock; others' are left alone."""
        for entry in self._files.entries(self._folder):
            digest = _digest_of(entry.name)
            if digest is None and not entry.name.startswith(_HALF):
                continue
            with suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode) and status.st_mtime < before:
                    yield Leftover(Path(entry.path), digest, status.st_mtime)

    def _read(self, digest: bytes, size: int, remembered: bool) -> memoryview:
        try:
            descriptor = self._files.open(self.path(digest))
        except OSError as error:
            if error.errno in _NO_FILE:
                raise Damaged(f"its file cannot be opened: {os.strerror(error.errno)}") from None
            raise
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size != size:
                raise Damaged("its file has another size")
            data = self._bytes_of(descriptor, size)
        finally:
            self._files.close(descriptor)
        identity = (status.st_dev, status.st_ino, size, status.st_mtime_ns, status.st_ctime_ns)
        if not remembered or self._verified.get(digest) != identity:
            if len(data) != size or hashlib.sha256(data).digest() != digest:
                raise Damaged("its file has another digest")
            self._remember(digest, identity, max(status.st_mtime, status.st_ctime))
        return memoryview(data)

    def _bytes_of(self, descriptor: int, size: int) -> mmap.mmap | bytearray:
        if len(_maps) < MOST_MAPS:
            with suppress(OSError):
                found = self._files.map(descriptor, size)
                _maps.add(found)
                return found
        return self._files.read(descriptor, size)

    def _remember(self, digest: bytes, identity: tuple[int, ...], changed: float) -> None:
        if changed + _SETTLED < time.time():
            if len(self._verified) >= _MOST_REMEMBERED:
                self._verified.clear()
            self._verified[digest] = identity


def _pieces(parts: Iterable[Part]) -> Iterator[memoryview]:
    """Give each part in pieces that nobody else can change."""
    piece = memoryview(bytearray(_PIECE))
    for part in parts:
        with memoryview(part) as raw, raw.cast("B") as view:
            for start in range(0, len(view), _PIECE):
                some = view[start : start + _PIECE]
                piece[: len(some)] = some
                yield piece[: len(some)]


def _digest_of(name: str) -> bytes | None:
    if len(name) != 2 * DIGEST or name != name.lower():
        return None
    try:
        return bytes.fromhex(name)
    except ValueError:
        return None
