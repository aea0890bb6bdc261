"""Named states on the disk: written whole or not at all, given back only if they are what was written.

A state is one file: a line that proves itself (:mod:`.lines`), with its name and the digest of what follows, and then
the value's bytes (:mod:`orchestra_nb.context.encoding`). The file gets its name when all of it is on the disk; a newer
state of the same name takes its place in one step. The folder is private, so what is unpickled is this user's own.

Bounded in number and bytes: whenever one is added, the oldest go. Failure: :class:`.CheckpointError` for a state that
is not there, is damaged, is somebody else's, has no bytes, or cannot be written; then the one before it is still there.
"""

from __future__ import annotations

import hashlib
import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

from orchestra_nb.context.encoding import Encoded, NotEncodable, decode, encode
from orchestra_nb.context.file_operations import FileOperations
from orchestra_nb.context.private_place import prepare
from orchestra_nb.durable.faults import fault
from orchestra_nb.durable.files import JournalFiles, check_owner
from orchestra_nb.durable.lines import sealed, unsealed
from orchestra_nb.errors import CheckpointError, OrchestraError, nearest

VERSION = 1
STATES = "states"
_MOST = 64
_MOST_BYTES = 256_000_000
_END = ".state"


class States:
    """The named states of a cache folder. Making it touches nothing.

    Parameters
    ----------
    folder
        The cache folder.
    most, max_bytes
        How many stay, and how much they may take together.
    files
        How files are used.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     States(folder).create("before the trip", {"orders": [7, 8]})
    ...     States(folder).restore("before the trip"), States(folder).names()
    ({'orders': [7, 8]}, ('before the trip',))
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        most: int = _MOST,
        max_bytes: int = _MOST_BYTES,
        files: JournalFiles | None = None,
    ) -> None:
        self.folder = Path(os.path.abspath(folder)) / STATES
        self._most, self._max_bytes = most, max_bytes
        self._files = files if files is not None else JournalFiles()

    def create(self, id: str, state: Any) -> None:
        """Keep a state; it is on the disk when this returns.

        Raises
        ------
        CheckpointError
            It could not be kept; an earlier one of the name is still there.
        """
        name = _named(id)
        try:
            encoded = encode(state)
        except NotEncodable as error:
            raise CheckpointError(f"checkpoint {id!r} is not kept: {error}") from error
        if encoded.size > self._max_bytes:
            told = f"it has {encoded.size:,} bytes, and all may take {self._max_bytes:,}"
            raise CheckpointError(f"checkpoint {id!r} is not kept: {told}")
        try:
            prepare(self.folder.parent, (STATES,), FileOperations())
            payload = encoded.payload()
            self._write(name, _head(id, encoded, payload), payload)
            self._make_room()
        except OSError as error:
            raise CheckpointError(f"checkpoint {id!r} is not kept: {error.strerror or error}") from error
        except OrchestraError as error:
            raise CheckpointError(f"checkpoint {id!r} is not kept: {error}") from error

    def restore(self, id: str) -> Any:
        """Give a state, anew each time.

        Raises
        ------
        CheckpointError
            There is none, or it cannot be given back.
        """
        path = self.folder / _named(id)
        if not path.exists():
            hint = nearest(str(id), self.names()) or "none was created here"
            raise CheckpointError(f"there is no checkpoint {id!r}; {hint}")
        try:
            found, data = self._read(path)
        except (OSError, ValueError) as error:
            raise CheckpointError(f"checkpoint {id!r} cannot be read: {error}; create it again") from error
        if found["id"] != id:
            raise CheckpointError(f"checkpoint {id!r} cannot be read: its file is that of {found['id']!r}")
        try:
            return decode(found["format"], b64decode(found["meta"]), memoryview(bytearray(data)), found["lengths"])
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
            raise CheckpointError(f"checkpoint {id!r} cannot be rebuilt here: {told}") from error

    def names(self) -> tuple[str, ...]:
        """Name the states that can be read, the oldest first."""
        found = []
        for path in self._paths():
            with suppress(OSError, ValueError, CheckpointError):
                found.append(self._read(path)[0]["id"])
        return tuple(found)

    def clear(self) -> int:
        """Remove all states; says how many there were."""
        paths = list(self._paths())
        for path in paths:
            with suppress(OSError):
                self._files.remove(path)
        return len(paths)

    def _write(self, name: str, head: bytes, payload: bytes) -> None:
        files, path = self._files, self.folder / name
        half = path.with_suffix(f".half-{os.getpid()}")
        files.remove(half)  # of a process of the same number that was killed here
        descriptor = files.create(half)
        try:
            try:
                files.write(descriptor, head + b"\n" + payload, 0)
                files.sync(descriptor)
            finally:
                files.close(descriptor)
            fault("state.after-file")
            files.replace(half, path)
        except BaseException:
            with suppress(OSError):
                files.remove(half)
            raise
        files.sync_folder(self.folder)
        fault("state.after-name")

    def _read(self, path: Path) -> tuple[dict[str, Any], bytes]:
        descriptor = self._files.open(path)
        try:
            check_owner(descriptor, f"checkpoint {path.name}")
            line, _, data = self._files.read(descriptor).partition(b"\n")
        finally:
            self._files.close(descriptor)
        first = unsealed(line, "")
        if first is None:
            raise ValueError("it is not what was written")
        found: dict[str, Any] = json.loads(first[0])
        if found.get("state") != VERSION:
            raise ValueError(f"it is of version {found.get('state')!r}, and this is version {VERSION}")
        if len(data) != found["size"] or hashlib.sha256(data).hexdigest() != found["digest"]:
            raise ValueError("it is not what was written")
        return found, data

    def _paths(self) -> Iterator[Path]:
        found = []
        with suppress(OSError):
            for entry in os.scandir(self.folder):
                if entry.name.endswith(_END) and entry.is_file(follow_symlinks=False):
                    found.append((entry.stat(follow_symlinks=False).st_mtime_ns, entry.path))
        return (Path(path) for _, path in sorted(found))

    def _make_room(self) -> None:
        left = [(path, path.stat().st_size) for path in self._paths()]
        size = sum(each for _, each in left)
        while len(left) > 1 and (len(left) > self._most or size > self._max_bytes):
            path, each = left.pop(0)
            self._files.remove(path)
            size -= each


def _named(id: object) -> str:
    if not isinstance(id, str) or not id:
        raise CheckpointError(f"{id!r} must be the name of a checkpoint, such as 'before-deploy'")
    return blake2b(id.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest() + _END


def _head(id: str, encoded: Encoded, payload: bytes) -> bytes:
    told = {
        **{"state": VERSION, "id": id, "format": encoded.format, "meta": b64encode(encoded.meta).decode("ascii")},
        **{"lengths": encoded.lengths, "size": encoded.size},
        "digest": hashlib.sha256(payload).hexdigest(),
    }
    return sealed(json.dumps(told), "")[0]
