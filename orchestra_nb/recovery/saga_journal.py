"""The journal of a saga: a file to which facts are added, each on the disk before anybody acts on it.

**Durable before acknowledged.** :meth:`Journal.append` returns when the line is written and synced. A step begins after
it is on the disk that it begins, and counts as done when that is on the disk; so what a crash leaves undecided is at
most one step or compensation under way (more, where several run at once). A new journal gets its name when its first
line is on the disk, and its folder is synced then: there is no half-made one.

**One writer.** A lock file beside the journal, held by the operating system through :mod:`filelock`, goes with its
process. Who comes second gets an error at once. File systems of a network may not keep that promise.

**When the disk fails** (full, broken, not allowed), the saga stops, with one
:class:`~orchestra_nb.errors.CheckpointError`. Nothing more is begun, forward or back, just as if the process had been
killed there, and from there it goes on once the disk is well. A journal that failed stays failed: what became of the
last line is unknown until it is read again. Rejected: going on without the journal. It would undo more at once, but
then nobody could say any more what was done, and a second run would not know of the first.

**An interrupt** (at any line) leaves a journal that can be used: one step on one list acknowledges a line, and what is
behind the last acknowledged one is cut off before the next is written. One that comes in the very moment of closing
leaves the lock to the garbage collector.

**Reading**: :mod:`.saga_lines`. **Private**: the file is made for this user alone (0600), and so is its folder where
there was none (0700). A file that is somebody else's, or that others can write into, is not read: it says what is
undone, and with which values.

File operations pass through :class:`.JournalFiles`, so that a test can fail each of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestra_nb.durable.files import JournalFiles, check_owner, make_folders
from orchestra_nb.durable.lines import sealed
from orchestra_nb.errors import CheckpointError
from orchestra_nb.recovery.saga import Saga
from orchestra_nb.recovery.saga_facts import Fact, Part
from orchestra_nb.recovery.saga_lines import (
    damaged,
    difference,
    fact_from_json,
    fact_to_json,
    head_from_json,
    head_to_json,
    split_lines,
)

if TYPE_CHECKING:
    from filelock import BaseFileLock


class Memory:
    """What a saga without a journal keeps its facts in; they go with the process."""

    hint = "it had no journal, so undo by hand what is left"
    durable = False

    def __init__(self) -> None:
        self.facts: list[Fact] = []

    def append(self, fact: Fact) -> None:
        """Take note of a fact."""
        self.facts.append(fact)

    def close(self) -> None:
        """Do nothing."""


class Journal:
    """The journal of one saga, open and locked; made by :func:`begin_journal` or :func:`open_journal`.

    Parameters
    ----------
    path
        Where it is.
    parts
        The steps of the saga.
    files
        How files are used.
    """

    durable = True

    def __init__(self, path: str | os.PathLike[str], parts: Iterable[Part], files: JournalFiles) -> None:
        if not isinstance(path, str | os.PathLike) or not Path(path).name or "\0" in str(path):
            raise CheckpointError(f"journal={path!r} must be the path of a file")
        self.path = Path(path).absolute()
        self.hint = f"resume_saga(steps, {str(path)!r}) goes on with it"
        self.context: dict[str, Any] = {}
        self.not_kept: list[str] = []
        self._parts = list(parts)
        self._files = files
        self._lock: BaseFileLock | None = None
        self._descriptor = -1
        self._lines: list[tuple[Fact | None, str, int]] = []  # each with its digest, and where it ends
        self._dirty = False  # there may be something behind the last line
        self._failed = False

    @property
    def facts(self) -> list[Fact]:
        """All that was acknowledged, in order."""
        return [fact for fact, _, _ in self._lines if fact is not None]

    def append(self, fact: Fact) -> None:
        """Write a fact; it is on the disk when this returns.

        Raises
        ------
        CheckpointError
            It could not be written, and nothing more can be.
        """
        self._write(fact_to_json(fact), fact)

    def close(self) -> None:
        """Close the file and let others have it. Closing twice is fine."""
        descriptor, self._descriptor = self._descriptor, -1
        lock, self._lock = self._lock, None
        with suppress(OSError):  # all of it is on the disk
            if descriptor >= 0:
                self._files.close(descriptor)
        if lock is not None:
            lock.release(force=True)

    def take(self) -> None:
        """Lock it; :class:`CheckpointError` when somebody else has."""
        try:
            self._lock = self._files.lock(self.path.with_name(self.path.name + ".lock"))
        except TimeoutError:
            raise CheckpointError(
                f"journal {self.path} is in use: its saga is running, here or in another process; wait until it ends"
            ) from None

    def make(self, context: Mapping[str, Any]) -> None:
        """Make a new file with its first line."""
        files, new = self._files, self.path.with_name(self.path.name + ".new")
        make_folders(self.path.parent, files)
        self.take()
        if os.path.lexists(self.path):
            raise CheckpointError(f"{self.path} is there already; {self.hint}, or give the journal another path")
        try:
            files.remove(new)  # of a process that was killed here
            self._descriptor = files.create(new)
            self._write(head_to_json(self._parts, dict(context)), None)
            files.replace(new, self.path)
            files.sync_folder(self.path.parent)
        except BaseException:
            for path in (new, self.path):
                with suppress(OSError):
                    files.remove(path)
            raise

    def read(self) -> None:
        """Open the file that is there, read its facts, and cut off what a crash left behind them."""
        self.take()
        self._descriptor = self._files.open(self.path)
        check_owner(self._descriptor, f"journal {self.path}")
        data = self._files.read(self._descriptor)
        lines = split_lines(data, str(self.path))
        (head, digest, end), *rest = lines.found
        self._dirty = True
        self._lines.append((None, digest, end))
        self._read_head(head)
        saga = Saga(self._parts)
        for number, (payload, digest, end) in enumerate(rest, 2):
            try:
                fact = fact_from_json(payload)
                saga.note(fact)
            except (ValueError, CheckpointError) as error:
                raise damaged(str(self.path), number, str(error)) from None
            self._lines.append((fact, digest, end))
        end = self._lines[-1][2]
        if lines.broken:
            self._files.write(self._descriptor, b"\n", end - 1)
            self._files.sync(self._descriptor)
        elif len(data) > end:
            self._files.truncate(self._descriptor, end)
            self._files.sync(self._descriptor)

    def _read_head(self, payload: bytes) -> None:
        try:
            kept, self.context, self.not_kept = head_from_json(payload)
        except ValueError as error:
            raise damaged(str(self.path), 1, str(error)) from None
        said = difference(kept, self._parts)
        if said:
            hint = "give the steps that it was begun with"
            raise CheckpointError(f"journal {self.path} is of a saga with other steps: {'; '.join(said)}; {hint}")

    def _write(self, payload: str, fact: Fact | None) -> None:
        if self._failed or self._descriptor < 0:
            raise CheckpointError(f"journal {self.path} is closed, or could not be written before; {self.hint}")
        _, before, end = self._lines[-1] if self._lines else (None, "", 0)
        line, digest = sealed(payload, before)
        try:
            if self._dirty:
                self._files.truncate(self._descriptor, end)
            self._dirty = True
            self._files.write(self._descriptor, line + b"\n", end)
            self._files.sync(self._descriptor)
        except OSError as error:
            self._failed = True
            raise self.trouble("written", error) from error
        self._lines.append((fact, digest, end + len(line) + 1))
        self._dirty = False

    def trouble(self, verb: str, error: OSError) -> CheckpointError:
        """Make the error for what the system refused."""
        stopped = f"the saga stops here; when that is mended, {self.hint}" if self.facts else "nothing was begun"
        return CheckpointError(f"journal {self.path} cannot be {verb}: {error.strerror or error}; {stopped}")


def begin_journal(
    path: str | os.PathLike[str], parts: Iterable[Part], context: Mapping[str, Any], files: JournalFiles
) -> Journal:
    """Make a new journal.

    Raises
    ------
    CheckpointError
        There is something at its path, it is in use, or it cannot be made.
    """
    journal = Journal(path, parts, files)
    try:
        journal.make(context)
    except OSError as error:
        journal.close()
        raise journal.trouble("made", error) from error
    except BaseException:
        journal.close()
        raise
    return journal


def open_journal(path: str | os.PathLike[str], parts: Iterable[Part], files: JournalFiles) -> Journal:
    """Open a journal, to go on with its saga.

    Raises
    ------
    CheckpointError
        It is not there, of other steps, damaged, in use, or cannot be read.
    """
    journal = Journal(path, parts, files)
    try:
        if not journal.path.exists():
            raise CheckpointError(f"there is no journal at {journal.path}; execute_saga(steps, journal=...) begins one")
        journal.read()
    except OSError as error:
        journal.close()
        raise CheckpointError(
            f"journal {journal.path} cannot be read: {error.strerror or error}; see that it can"
        ) from error
    except BaseException:
        journal.close()
        raise
    return journal
