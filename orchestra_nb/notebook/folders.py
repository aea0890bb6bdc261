"""The folder in which the runs of a proof work: a copy of the notebook's, the same before every run.

A run that finds what another run left is no test: a cell that reads a file before the cell that writes it gets the
file of the run before, and nothing shows. So every run starts from the same files, in a folder of one and the same
path (texts may name it), which stands beside the notebook's own, so that ``../data`` means what it means there. Nothing
that a run writes by a relative path reaches the user's folder. What a run changed there is compared by content.

Policy: files up to some megabytes are copied with their times; larger ones, and folders that are a virtual environment
or large and hidden (``.git``), are linked, for they are read and not written; ``__pycache__`` is left out. What is
hidden is copied and not compared: caches hold times. Paths outside the folder are neither put back between runs nor
compared.

Failure: a folder with very many files, or one that cannot be copied, is used as it is. Then files are not compared, and
the answer says so.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from orchestra_nb.errors import ComparisonError

_MOST_FILES = 5_000
_MOST_BYTES = 256 * 2**20
_LARGE = 8 * 2**20
_HIDDEN = 200
"""Files in a hidden folder up to which it is copied."""
_DIGESTED = 256 * 2**20
"""Bytes whose content is compared after each run; beyond, the size."""

Stamp = tuple[int, int]


class Workplace:
    """Where runs of a notebook work. Made by :func:`workplace`.

    Parameters
    ----------
    notebook
        The user's file.
    private
        The folder to work in, beside the notebook's; ``None`` to use the notebook's own.
    """

    def __init__(self, notebook: Path, private: Path | None) -> None:
        self._original = notebook
        self._copy = private
        self._text = notebook.read_bytes() if private is not None else b""
        self._before: Mapping[str, Stamp] = {}

    @property
    def copied(self) -> bool:
        """Whether every run starts from the same files."""
        return self._copy is not None

    @property
    def notebook(self) -> Path:
        """The file to run."""
        return self._original if self._copy is None else self._copy / self._original.name

    def reset(self) -> None:
        """Make the folder anew, as the notebook's is.

        Raises
        ------
        ComparisonError
            What a run left cannot be cleared away, or the notebook's folder cannot be copied.
        """
        if self._copy is None:
            return
        try:
            shutil.rmtree(self._copy)
            _copy_folder(self._original.absolute().parent, self._copy)
            self.notebook.unlink(missing_ok=True)
            self.notebook.write_bytes(self._text)  # as it was at first, whatever its user saves in the meantime
            self._before = dict(_stamps(self._copy))
        except OSError as error:
            raise ComparisonError(f"the runs' copy of the folder cannot be made anew: {error}") from error

    def changed(self) -> dict[str, str]:
        """Digest what was written since :meth:`reset`, by path within the folder; empty for what was deleted."""
        if self._copy is None:
            return {}
        left = _DIGESTED
        found = dict.fromkeys(self._before, "")
        for path, stamp in _stamps(self._copy):
            if self._before.get(path) == stamp:
                del found[path]
            else:
                found[path] = _digest(self._copy / path, left)
                left -= stamp[0]
        found.pop(self._original.name, None)
        return found


@contextmanager
def workplace(notebook: Path) -> Iterator[Workplace]:
    """Make a place for the runs of a notebook, and clear it away afterwards.

    Parameters
    ----------
    notebook
        The user's file.
    """
    folder = notebook.absolute().parent
    if _too_large(folder):
        yield Workplace(notebook, None)
        return
    above = folder.parent if folder.parent != folder and os.access(folder.parent, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix=".orchestra-", dir=above, ignore_cleanup_errors=True) as private:
        place = Workplace(notebook, Path(private))
        try:
            place.reset()
        except ComparisonError:
            place = Workplace(notebook, None)
        yield place


def _walk(folder: Path, hidden: bool = False) -> Iterator[os.DirEntry[str]]:
    """Every file below a folder that a run may write: not links, not what only caches code."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if (entry.name.startswith(".") and not hidden) or entry.name == "__pycache__" or entry.is_symlink():
                continue
            if not entry.is_dir(follow_symlinks=False):
                yield entry
            elif not _is_environment(entry.path):
                yield from _walk(Path(entry.path), hidden)


def _stamps(folder: Path) -> Iterator[tuple[str, Stamp]]:
    for entry in _walk(folder):
        if entry.is_file(follow_symlinks=False):
            status = entry.stat(follow_symlinks=False)
            yield Path(entry.path).relative_to(folder).as_posix(), (status.st_size, status.st_mtime_ns)


def _too_large(folder: Path) -> bool:
    files = size = 0
    try:
        for entry in _walk(folder):
            files += 1
            length = entry.stat(follow_symlinks=False).st_size
            size += length if length <= _LARGE else 0
            if files > _MOST_FILES or size > _MOST_BYTES:
                return True
    except OSError:
        return True
    return False


def _copy_folder(source: Path, target: Path) -> None:
    target.mkdir(parents=True)
    with os.scandir(source) as entries:
        for entry in entries:
            place = target / entry.name
            if entry.name == "__pycache__" or entry.name.startswith(".orchestra-"):
                continue
            if entry.is_symlink():
                os.symlink(os.path.join(source, os.readlink(entry.path)), place)
            elif entry.is_dir():
                if _is_environment(entry.path) or (entry.name.startswith(".") and _has_many(entry.path)):
                    os.symlink(os.path.abspath(entry.path), place, target_is_directory=True)
                else:
                    _copy_folder(Path(entry.path), place)
            elif entry.is_file():
                if entry.stat().st_size > _LARGE:
                    os.symlink(os.path.abspath(entry.path), place)
                else:
                    shutil.copy2(entry.path, place)


def _has_many(folder: str) -> bool:
    return len(list(islice(_walk(Path(folder), hidden=True), _HIDDEN + 1))) > _HIDDEN


def _is_environment(folder: str) -> bool:
    return os.path.exists(os.path.join(folder, "pyvenv.cfg"))


def _digest(path: Path, most: int) -> str:
    size = path.stat().st_size
    if size > most:
        return f"{size} bytes"
    digest = hashlib.blake2b(digest_size=16)
    try:
        with path.open("rb") as file:
            while block := file.read(2**20):
                digest.update(block)
    except OSError as error:
        return f"{size} bytes that cannot be read: {error.strerror}"
    return digest.hexdigest()
