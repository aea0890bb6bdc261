"""The values of a run beside its journal: small ones within its lines, large ones in files named by what they hold.

**Equal values once.** A file has one name in the folder of each run that has its value, one in the pool that all runs
of a cache folder share, and one among the files of the cache itself, if the value is kept there. All are names of the
same file (hard links), so each may remove its own and nobody has to ask who else needs the file; in the pool goes what
has no other name. Where the file system has no hard links, there are copies.

**Trust.** The folder is private, and what is read has the digest that its line has, before it is unpickled
(:mod:`orchestra_nb.context.blobs`). A value that was found elsewhere is compared before it counts as kept, and synced.

Whoever made a value writes it, in whatever process: a :class:`RunValues` pickles as the names of folders. Failure:
:class:`.NotEncodable` for a value without bytes, ``OSError`` where the disk refuses.
"""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestra_nb.context.blobs import Blobs
from orchestra_nb.context.encoding import Encoded, decode, encode
from orchestra_nb.context.file_operations import FileOperations
from orchestra_nb.context.records import Damaged
from orchestra_nb.durable.facts import ValueRef
from orchestra_nb.durable.faults import fault

INLINE = 65_536
"""Bytes up to which a value stands in its line."""
FOLDER = "values"


@dataclass(frozen=True)
class RunValues:
    """The values of one run.

    Parameters
    ----------
    folder
        Of the run's own files; it exists.
    beside
        Folders that may have a file of the same content: the pool first, to which new files are added.
    durable
        Whether a power cut must not lose what was kept.
    files
        What touches the disk.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     values = RunValues(Path(folder), ())
    ...     small, large = values.keep([1, 2]), values.keep(b"x" * 100_000)
    ...     values.give(small), len(values.give(large)), small.inline is None, large.inline is None
    ([1, 2], 100000, False, True)
    """

    folder: Path
    beside: tuple[Path, ...] = ()
    durable: bool = True
    files: FileOperations = field(default_factory=FileOperations, compare=False)
    _kept: set[str] = field(default_factory=set, init=False, compare=False, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return RunValues, (self.folder, self.beside, self.durable, self.files)

    def keep(self, value: Any) -> ValueRef:
        """Keep a value; when this returns, its file is on the disk.

        Raises
        ------
        NotEncodable
            It has no bytes.
        OSError
            The disk refused.
        """
        encoded = encode(value)
        if encoded.size <= INLINE:
            data = encoded.payload()
            digest = hashlib.sha256(data).hexdigest()
            return ValueRef(encoded.format, encoded.meta, encoded.lengths, encoded.size, digest, data)
        return ValueRef(encoded.format, encoded.meta, encoded.lengths, encoded.size, self._file(encoded))

    @staticmethod
    def digest(value: Any) -> str:
        """Say which digest :meth:`keep` would give a value, and keep nothing."""
        found = hashlib.sha256()
        for chunk in encode(value).chunks():
            found.update(chunk)
        return found.hexdigest()

    def give(self, ref: ValueRef) -> Any:
        """Make a value anew, which nobody else has.

        Raises
        ------
        Damaged
            Its bytes are gone, or not what was kept.
        Exception
            Whatever the value's class raises, or what is missing here.
        """
        digest = bytes.fromhex(ref.digest)
        if ref.inline is None:
            data: Any = self._blobs(self.folder).read(digest, ref.size)
        else:
            data = bytearray(ref.inline)
            if len(data) != ref.size or hashlib.sha256(data).digest() != digest:
                raise Damaged("its bytes have another digest")
        return decode(ref.format, ref.meta, data, ref.lengths)

    def has(self, ref: ValueRef) -> bool:
        """Whether the bytes are in reach of this process, as far as a look at the folder tells."""
        try:
            return ref.inline is not None or self._blobs(self.folder).is_there(bytes.fromhex(ref.digest))
        except OSError:
            return False

    def _blobs(self, folder: Path) -> Blobs:
        return Blobs(folder, self.files, durable=self.durable, remembers=False)

    def _file(self, encoded: Encoded) -> str:
        found = hashlib.sha256()
        for chunk in encoded.chunks():
            found.update(chunk)
        digest = found.digest()
        name = digest.hex()
        if name in self._kept:
            return name
        if not self._is_found(digest, encoded.size):
            fault("value.before-file")
            # hashed again as it is written: a thread that changes the value meanwhile makes another file
            digest = self._blobs(self.folder).write(encoded.chunks)
            name = digest.hex()
            fault("value.after-file")
            if self.beside:
                with suppress(OSError):
                    os.link(self.folder / name, self.beside[0] / name)
        self._kept.add(name)
        return name

    def _is_found(self, digest: bytes, size: int) -> bool:
        """Whether the folder has the file, or has now because another folder did."""
        blobs, name = self._blobs(self.folder), digest.hex()
        if not blobs.is_there(digest) and not self._is_linked(name):
            return False
        fault("value.after-link")
        if not blobs.is_good(digest, size):
            return False
        if self.durable:
            descriptor = self.files.open(self.folder / name)
            try:
                self.files.sync(descriptor)
            finally:
                self.files.close(descriptor)
            self.files.sync_folder(self.folder)
        return True

    def _is_linked(self, name: str) -> bool:
        for folder in self.beside:
            with suppress(OSError):
                os.link(folder / name, self.folder / name)
                return True
        return False


def is_values_file(name: str) -> bool:
    """Whether a file in a folder of values is one of ours, by its name: a digest, or what a killed process left.

    Examples
    --------
    >>> is_values_file("0f" * 32), is_values_file("half-1-2"), is_values_file("results.csv")
    (True, True, False)
    """
    return re.fullmatch("[0-9a-f]{64}|half-.*", name) is not None


def sweep_pool(pool: Path, files: FileOperations) -> None:
    """Remove from the pool whatever has no other name: no run and no cache has it. Other people's files stay."""
    with suppress(OSError):
        for entry in files.entries(pool):
            with suppress(OSError):
                if is_values_file(entry.name) and entry.stat(follow_symlinks=False).st_nlink < 2:
                    files.remove(Path(entry.path))
