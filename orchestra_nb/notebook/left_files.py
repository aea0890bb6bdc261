"""What a cell left in the files that it wrote: read when it has run, put back when its result is taken over.

When a run is gone on with, such a file may have been written anew since, by a cell that came later and now runs again,
or was taken out; or it is gone. Putting back what the cell left is what running it again would do. Large files are not
kept, only told: one that is not as the cell left it makes the cell run again.

Failure: what cannot be read or written is ``OSError``, and the caller's matter.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orchestra_nb.running.sources import file_digest

MOST = 4_000_000
"""Bytes of a file whose content is kept."""
FOLDER = "a folder"
_LARGE = 64_000_000
"""Bytes of a file from which its size and its time stand for its content."""
GONE = ""
"""The digest of a file that is not there."""


@dataclass(frozen=True, slots=True)
class LeftFile:
    """A file as a cell left it.

    Parameters
    ----------
    path
        As the cell named it.
    digest
        Of its content; empty when it was not there, :data:`FOLDER` for a folder.
    content
        ``None`` for what is large, a folder, or not there.
    """

    path: str
    digest: str
    content: bytes | None = None

    @property
    def is_large(self) -> bool:
        """Whether the content is not kept although there is one."""
        return self.content is None and self.digest not in (GONE, FOLDER)

    def put_back(self) -> bool:
        """Make the file what it was; says whether it is."""
        if digest_of(self.path) == self.digest:
            return True
        full = Path(os.path.expanduser(self.path))
        if self.is_large:
            return False
        if self.digest == FOLDER:
            full.mkdir(parents=True, exist_ok=True)
        elif full.is_dir():  # what is in it is not this cell's
            return False
        elif self.content is None:
            full.unlink(missing_ok=True)
        else:
            full.write_bytes(self.content)
        return digest_of(self.path) == self.digest


def left_files(paths: Iterable[str], most: int = MOST) -> tuple[LeftFile, ...]:
    """Read files as a cell has left them, at most so many bytes in all."""
    found = []
    for path in paths:
        digest, content = digest_of(path), None
        full = Path(os.path.expanduser(path))
        if digest not in (GONE, FOLDER) and full.stat().st_size <= most:
            content = full.read_bytes()
            most -= len(content)
        found.append(LeftFile(path, digest, content))
    return tuple(found)


def traces(paths: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """Say of each file what is different once somebody has written it, with whatever content, without reading it."""
    found: dict[str, tuple[int, ...]] = dict.fromkeys(paths, ())
    for path in found:
        with suppress(OSError, ValueError):
            status = os.stat(os.path.expanduser(path))
            found[path] = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return found


def digest_of(path: str) -> str:
    """Digest a file as it is now."""
    full = os.path.expanduser(path)
    if os.path.isdir(full):
        return FOLDER
    with suppress(OSError, ValueError):
        status = os.stat(full)
        if status.st_size >= _LARGE:
            return f"{status.st_size} bytes, written at {status.st_mtime_ns}"
    return file_digest(full)
