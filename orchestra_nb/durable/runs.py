"""The runs of a cache folder: begun, found again, gone on with, and let go.

``runs/ID/`` in the cache folder is one run: its journal (:mod:`.journal`), its lock, and ``values/`` with the files of
its large values (:mod:`.values`); ``runs/values/`` is the pool that all share. All of it is private (0700, 0600).

How whoever runs something uses it::

    runs = Runs(folder_of(config))                     # nothing is touched yet
    journal = runs.begin(Head(new_run_id(), "notebook", path, dag.hash, started=time.time()))
    ref = journal.values.keep(value)                   # on the worker; large ones are on the disk when it returns
    journal.append(Commit(node, values={"df": ref}, note={"source": digest}))   # now it is committed: announce it
    journal.append(Level(at), Commit(other))           # several facts at once cost one sync
    journal.append(Ended(success))
    journal.close()                                    # lets others have the run; also when the process dies

    found = runs.unfinished("notebook", path)          # the newest that has not ended well, or None
    state = runs.look(found.run_id)                    # what it has reached; takes no lock, changes nothing
    journal = runs.resume(found.run_id)                # CheckpointError at once when another process has it
    journal.go_on(time.time(), without=[...])          # a new epoch; these nodes are committed no more
    value = journal.values.give(journal.state.committed["cell-1"].values["df"])

**Bounded** in number and bytes, whenever a run begins: runs that succeeded go first, the oldest first, then the oldest
of the others; never one that somebody has, nor the newest. Failure: :class:`.CheckpointError` for a run that is not
there, is somebody else's, or cannot be read; ``OSError`` and :class:`.StoreError` where the folder cannot be used. A
run that is damaged, or of a newer version, harms no other: :meth:`Runs.all` leaves it out, and only :meth:`Runs.clear`
removes it.

**Only what is ours is removed.** The cache folder may be a project's own, where ``runs/`` is somebody's experiments: a
folder that holds anything which a run does not is not a run's, and is left as it is; a ``runs`` that is a link too.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from orchestra_nb.context.file_operations import FileOperations
from orchestra_nb.context.private_place import prepare
from orchestra_nb.durable.facts import Head, RunState
from orchestra_nb.durable.faults import fault
from orchestra_nb.durable.files import JournalFiles, check_owner
from orchestra_nb.durable.journal import JOURNAL, LOCK, UNDO, RunJournal, state_of
from orchestra_nb.durable.summaries import RunSummary as RunSummary
from orchestra_nb.durable.summaries import summary_of
from orchestra_nb.durable.values import FOLDER, RunValues, is_values_file, sweep_pool
from orchestra_nb.errors import CheckpointError, nearest
from orchestra_nb.model import RunId

RUNS = "runs"
_CACHE_FILES = ("v1", "blobs")
_FILES = frozenset({JOURNAL, f"{JOURNAL}.new", LOCK, UNDO, f"{UNDO}.new", f"{UNDO}.lock"})
"""What a run has beside its values."""
_MOST_RUNS = 32
_MOST_BYTES = 1_000_000_000
_UNFINISHED = 3600.0
"""Seconds after which a folder without a journal is taken for a dead process's."""


def new_run_id() -> RunId:
    """Make a name that no other run has."""
    return RunId(secrets.token_hex(6))


class Runs:
    """The runs of a cache folder. Making it touches nothing.

    Parameters
    ----------
    folder
        The cache folder (:func:`.folder_of`).
    durable
        Whether what is acknowledged survives a power cut, or only the death of the process.
    most_runs, max_bytes
        How many runs stay, and how much they may take together.
    files, blob_files
        How files are used: those of journals, and those of values.

    Examples
    --------
    >>> import tempfile
    >>> from orchestra_nb.durable.facts import Commit
    >>> from orchestra_nb.model import NodeId
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     runs = Runs(folder)
    ...     journal = runs.begin(Head(new_run_id(), "notebook", "/home/ann/sales.ipynb"))
    ...     journal.append(Commit(NodeId("cell-1"), values={"n": journal.values.keep(42)}))
    ...     journal.close()  # or the process dies
    ...     again = runs.resume(runs.unfinished("notebook", "/home/ann/sales.ipynb").run_id)
    ...     again.values.give(again.state.committed["cell-1"].values["n"]), again.close()
    (42, None)
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        durable: bool = True,
        most_runs: int = _MOST_RUNS,
        max_bytes: int = _MOST_BYTES,
        files: JournalFiles | None = None,
        blob_files: FileOperations | None = None,
    ) -> None:
        self.folder = Path(os.path.abspath(folder)) / RUNS
        self._durable = durable
        self._most_runs, self._max_bytes = most_runs, max_bytes
        self._files = files if files is not None else JournalFiles()
        self._blob_files = blob_files if blob_files is not None else FileOperations()

    def begin(self, head: Head) -> RunJournal:
        """Begin the journal of a run.

        Parameters
        ----------
        head
            Its first line; its ``run_id`` is from :func:`new_run_id`.

        Raises
        ------
        StoreError, OSError
            The folder cannot be used.
        """
        new = not self.folder.exists()
        prepare(self.folder.parent, (RUNS, f"{RUNS}/{FOLDER}"), self._blob_files)
        if new and self._durable:
            for above in (self.folder.parent, self.folder.parent.parent):
                self._files.sync_folder(above)
        self._make_room()
        folder = self.folder / _checked(head.run_id)
        self._files.make_folder(folder)
        journal = self._journal(folder)
        try:
            fault("run.after-folder")
            self._files.make_folder(folder / FOLDER)
            journal.make(head)
            if self._durable:
                self._files.sync_folder(self.folder)
        except BaseException:
            journal.close()
            with suppress(OSError):
                self._remove(folder)
            raise
        return journal

    def resume(self, run_id: str) -> RunJournal:
        """Open the journal of a run, to go on with it.

        Raises
        ------
        CheckpointError
            There is no such run, somebody else has it, or it cannot be read.
        """
        folder = self._known(run_id)
        journal = self._journal(folder)
        try:
            journal.take()
            fault("resume.after-lock")
            journal.read()
            self._tidy(folder / FOLDER)
            fault("resume.after-read")
        except OSError as error:
            journal.close()
            raise _unreadable(run_id, error) from error
        except BaseException:
            journal.close()
            raise
        return journal

    def look(self, run_id: str) -> RunState:
        """Say what a run has reached, whoever has it; nothing is changed.

        Raises
        ------
        CheckpointError
            There is no such run, or it cannot be read.
        """
        try:
            return state_of(self._read(self._known(run_id)), RunId(run_id))[0]
        except OSError as error:
            raise _unreadable(run_id, error) from error

    def has(self, run_id: str) -> bool:
        """Whether there is such a run.

        Raises
        ------
        CheckpointError
            That is no run's name.
        """
        return (self.folder / _checked(run_id) / JOURNAL).exists()

    def values(self, run_id: str) -> RunValues:
        """Give the values of a run, to read them."""
        folder = self._known(run_id)
        beside = (self.folder / FOLDER, self.folder.parent.joinpath(*_CACHE_FILES))
        return RunValues(folder / FOLDER, beside, self._durable, self._blob_files)

    def all(self) -> tuple[RunSummary, ...]:
        """Name the runs that can be read, the oldest first."""
        found = [each for folder in self._folders() if (each := summary_of(folder, self._files)) is not None]
        return tuple(sorted(found, key=lambda summary: (summary.head.started, summary.changed, summary.run_id)))

    def unfinished(self, kind: str, what: str) -> RunSummary | None:
        """Give the newest run of something, if that did not succeed; a later success makes the earlier ones old."""
        found = [each for each in self.all() if (each.head.kind, each.head.what) == (kind, what)]
        return found[-1] if found and not found[-1].success else None

    def clear(self) -> int:
        """Remove all runs that nobody has; says how many there were."""
        if self.folder.is_symlink():
            return 0
        removed = sum(self._removed(folder) for folder in list(self._folders()))
        sweep_pool(self.folder / FOLDER, self._blob_files)
        return removed

    def remove(self, run_id: str) -> bool:
        """Remove a run, unless somebody has it; says whether it is gone."""
        folder = self._known(run_id)
        return self._removed(folder)

    # Folders.

    def _journal(self, folder: Path) -> RunJournal:
        beside = (self.folder / FOLDER, self.folder.parent.joinpath(*_CACHE_FILES))
        values = RunValues(folder / FOLDER, beside, self._durable, self._blob_files)
        return RunJournal(folder, values, self._files, durable=self._durable)

    def _known(self, run_id: str) -> Path:
        folder = self.folder / _checked(run_id)
        if not (folder / JOURNAL).exists():
            hint = nearest(str(run_id), [each.name for each in self._folders()]) or "no run has left one here"
            raise CheckpointError(f"there is no run {run_id!r} in {self.folder}; {hint}")
        return folder

    def _folders(self) -> Iterator[Path]:
        with suppress(OSError):
            for entry in sorted(os.scandir(self.folder), key=lambda entry: entry.name):
                if entry.name != FOLDER and entry.is_dir(follow_symlinks=False):
                    yield Path(entry.path)

    def _read(self, folder: Path) -> bytes:
        descriptor = self._files.open(folder / JOURNAL)
        try:
            check_owner(descriptor, f"the journal of run {folder.name}")
            return self._files.read(descriptor)
        finally:
            self._files.close(descriptor)

    def _tidy(self, folder: Path) -> None:
        """Remove what a killed process left half-written."""
        for entry in list(self._blob_files.entries(folder)):
            if entry.name.startswith("half-"):
                self._blob_files.remove(Path(entry.path))

    def _make_room(self) -> None:
        known = {summary.run_id: summary for summary in self.all()}
        for folder in list(self._folders()):
            if not (folder / JOURNAL).exists() and folder.stat().st_mtime + _UNFINISHED < time.time():
                self._removed(folder)
        left = sorted(known.values(), key=lambda each: (not each.success, each.head.started, each.changed))
        newest = max(known.values(), key=lambda each: (each.head.started, each.changed), default=None)
        count, size = len(left), sum(each.nbytes for each in left)
        for each in left:
            if count < self._most_runs and size <= self._max_bytes:
                break
            if (each is not newest or each.success) and self._removed(self.folder / each.run_id):
                count, size = count - 1, size - each.nbytes
        sweep_pool(self.folder / FOLDER, self._blob_files)

    def _removed(self, folder: Path) -> bool:
        """Remove a run unless somebody has it, or it is none."""
        if not self._is_ours(folder):
            return False
        try:
            lock = self._files.lock(folder / LOCK)
        except (TimeoutError, OSError):
            return False
        try:
            self._remove(folder)
        except OSError:
            return False
        finally:
            lock.release(force=True)
        return True

    def _is_ours(self, folder: Path) -> bool:
        """Whether a folder holds nothing but what a run has; its lock comes first."""
        with suppress(OSError):
            found = {entry.name: entry.is_dir(follow_symlinks=False) for entry in self._blob_files.entries(folder)}
            values = list(self._blob_files.entries(folder / FOLDER)) if found.pop(FOLDER, False) else []
            ours = found.keys() <= _FILES and not any(found.values()) and all(map(_is_value, values))
            return ours and (LOCK in found or (not values and _made_here(folder.name)))
        return False

    def _remove(self, folder: Path) -> None:
        """Remove a run's folder; its journal first, so that no half of it is ever taken for a run."""
        fault("prune.before-journal")
        self._files.remove(folder / JOURNAL)
        fault("prune.after-journal")
        for place in (folder / FOLDER, folder):
            if place.is_dir():
                for entry in list(self._blob_files.entries(place)):
                    if _is_value(entry) if place.name == FOLDER else entry.name in _FILES:
                        self._files.remove(Path(entry.path))
                fault("prune.before-folder")
                self._files.remove_folder(place)


def _is_value(entry: os.DirEntry[str]) -> bool:
    return is_values_file(entry.name) and not entry.is_dir(follow_symlinks=False)


def _made_here(name: str) -> bool:
    """Whether a name is one of :func:`new_run_id`."""
    return len(name) == 12 and all(each in "0123456789abcdef" for each in name)


def _checked(run_id: str) -> str:
    """See that a run's name is one, and no path."""
    name = str(run_id)
    if not name or name in (".", "..", FOLDER) or not all(each.isalnum() or each in "-_." for each in name):
        raise CheckpointError(f"{run_id!r} is not the name of a run; look into get_checkpoints()")
    return name


def _unreadable(run_id: str, error: OSError) -> CheckpointError:
    return CheckpointError(f"run {run_id} cannot be read: {error.strerror or error}; see that it can")
