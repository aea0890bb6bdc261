"""The journal of a run: a file to which facts are added, each on the disk before anybody hears of it.

**Durable before acknowledged.** :meth:`RunJournal.append` writes its facts in one go, syncs once, and returns; so what
several nodes have reached at the same time costs one sync. With ``durable=False`` it does not sync: what was
acknowledged survives the death of the process, also by ``kill -9``, but not that of the machine.

**What a crash leaves** behind the last acknowledged line is dropped at the next reading: half a line, or any part of a
group of lines. A line that was acknowledged and is damaged is an error that names it, where a later line builds on it;
nothing behind it can be believed.

**One writer.** A lock of the operating system (:mod:`filelock`), in the run's folder, goes with its process. Who comes
second gets an error at once; a child of a fork lets go of it. Where a file system does not keep that promise: before
each write the file must be as long as this process left it, so an earlier owner that wakes up late finds that it was
overtaken, and writes nothing.

**When the disk fails**, the append is a :class:`.CheckpointError`, and the journal stays failed: what became of its
last line is not known until it is read again. What was acknowledged before can be read. Who has a run may go on
without it; that is the runner's to decide.

**An interrupt** (at any line) leaves a journal that can be used: one assignment acknowledges a group, and what is
behind the last acknowledged one is cut off before the next is written.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from orchestra_nb.durable.fact_lines import fact_from_json, fact_to_json, head_from_json, head_to_json
from orchestra_nb.durable.facts import Epoch, Head, RunFact, RunState
from orchestra_nb.durable.faults import fault
from orchestra_nb.durable.files import JournalFiles, check_owner
from orchestra_nb.durable.lines import Damage, Lines, sealed, split_lines
from orchestra_nb.errors import CheckpointError
from orchestra_nb.model import NodeId, RunId

if TYPE_CHECKING:
    from filelock import BaseFileLock

    from orchestra_nb.durable.values import RunValues

JOURNAL, LOCK = "journal", "lock"
UNDO = "undo"
"""The file of a run's folder that says how far it has been undone; there is one only meanwhile."""


class RunJournal:
    """The journal of one run, open and locked; made by :meth:`.Runs.begin` and :meth:`.Runs.resume`.

    Parameters
    ----------
    folder
        Of the run; it exists.
    values
        Keeps and gives the run's values.
    files
        How files are used.
    durable
        Whether each append waits for the disk.
    """

    def __init__(self, folder: Path, values: RunValues, files: JournalFiles, *, durable: bool = True) -> None:
        self.folder = folder
        self.values = values
        self.durable = durable
        self.failed = ""
        """Why nothing more can be written; empty while it can."""
        self._files = files
        self._lock: BaseFileLock | None = None
        self._descriptor = -1
        self._last = ("", 0)  # the digest of the last acknowledged line, and where it ends
        self._dirty = False  # there may be something behind it
        self._state: RunState | None = None
        _live.add(self)

    @property
    def run_id(self) -> RunId:
        """Which run."""
        return RunId(self.folder.name)

    @property
    def state(self) -> RunState:
        """What was acknowledged."""
        assert self._state is not None  # made or read, or it was given to nobody
        return self._state

    def append(self, *facts: RunFact) -> None:
        """Write facts; they are on the disk when this returns.

        Raises
        ------
        CheckpointError
            They could not be written, and nothing more can be; or a fact is no JSON, and nothing was written.
        """
        if not facts:
            return
        try:
            payloads = [fact_to_json(fact) for fact in facts]
        except (TypeError, ValueError) as error:
            raise CheckpointError(f"run {self.run_id}: a fact of it is no JSON: {error}") from error
        self._write(payloads)
        for fact in facts:
            self.state.apply(fact)

    def close(self) -> None:
        """Close the file and let others have the run. Closing twice is fine."""
        descriptor, self._descriptor = self._descriptor, -1
        lock, self._lock = self._lock, None
        with suppress(OSError):  # all of it is on the disk
            if descriptor >= 0:
                self._files.close(descriptor)
        if lock is not None:
            lock.release(force=True)
        self.failed = self.failed or "it is closed"

    def forsake(self) -> None:
        """Take the file away, so that nobody can go on with the run.

        Raises
        ------
        OSError
            The system refused.
        """
        self.failed = self.failed or "it was given up"
        self._files.remove(self.folder / JOURNAL)
        if self.durable:
            self._files.sync_folder(self.folder)

    def discard(self) -> None:
        """Remove the run, of which nobody needs anything, and close it."""
        with suppress(OSError):
            for place in (self.folder / JOURNAL, self.folder / LOCK):
                self._files.remove(place)
            self._files.remove_folder(self.values.folder)
            self._files.remove_folder(self.folder)
        self.close()

    def forked(self) -> None:
        """In a child: the run is the parent's, and the child must not keep it from others when the parent is gone."""
        lock, self._lock = self._lock, None
        descriptor, self._descriptor = self._descriptor, -1
        self.failed = "it is another process's"
        with suppress(OSError, AttributeError):
            os.close(lock._context.lock_file_fd)  # type: ignore[union-attr, arg-type]
        with suppress(OSError):
            os.close(descriptor)

    def take(self) -> None:
        """Lock the run.

        Raises
        ------
        CheckpointError
            Somebody else has it.
        OSError
            The system refused.
        """
        try:
            self._lock = self._files.lock(self.folder / LOCK)
        except TimeoutError:
            raise CheckpointError(
                f"run {self.run_id} is under way, here or in another process; wait until that ends, or end it"
            ) from None

    def make(self, head: Head) -> None:
        """Make the file with its first line, in a folder that nobody else knows yet."""
        files, path = self._files, self.folder / JOURNAL
        self.take()
        fault("run.after-lock")
        new = self.folder / f"{JOURNAL}.new"
        self._descriptor = files.create(new)
        self._write([head_to_json(head)])
        fault("run.before-name")
        files.replace(new, path)
        if self.durable:
            files.sync_folder(self.folder)
        self._state = RunState(head)
        fault("run.after-name")

    def read(self) -> None:
        """Open the file that is there, and read its facts; what a crash left behind them goes with the next append."""
        self._descriptor = self._files.open(self.folder / JOURNAL)
        check_owner(self._descriptor, f"the journal of run {self.run_id}")
        self._state, lines = state_of(self._files.read(self._descriptor), self.run_id)
        self._last = (lines.found[-1][1], lines.end)
        if lines.broken:
            self._files.write(self._descriptor, b"\n", lines.end - 1)
        self._dirty = True

    def go_on(self, started: float, without: Sequence[NodeId] = (), levels: int | None = None) -> None:
        """Take note that this process goes on with the run.

        Parameters
        ----------
        started
            Seconds of the wall clock.
        without
            Nodes that were committed and are so no more.
        levels
            How many levels count as ended; ``None``: all that had.
        """
        kept = len(self.state.levels) if levels is None else levels
        self.append(Epoch(self.state.epoch + 1, started, tuple(without), kept))

    def _write(self, payloads: Sequence[str]) -> None:
        if self.failed or self._descriptor < 0:
            raise CheckpointError(f"run {self.run_id} cannot be written: {self.failed or 'it is closed'}")
        digest, end = self._last
        group = []
        for payload in payloads:
            line, digest = sealed(payload, digest)
            group.append(line + b"\n")
        data = b"".join(group)
        try:
            self._put(data, end)
        except OSError as error:
            self.failed = error.strerror or str(error)
            raise CheckpointError(f"run {self.run_id} cannot be written: {self.failed}") from error
        self._last = (digest, end + len(data))
        self._dirty = False

    def _put(self, data: bytes, end: int) -> None:
        files, descriptor = self._files, self._descriptor
        if self._dirty:
            files.truncate(descriptor, end)
        elif files.size(descriptor) != end:
            self.failed = "another process has gone on with it"
            raise CheckpointError(f"run {self.run_id} cannot be written: {self.failed}")
        self._dirty = True
        fault("commit.before-write")
        half = len(data) // 2
        files.write(descriptor, data[:half], end)
        fault("commit.amid-write")
        files.write(descriptor, data[half:], end + half)
        fault("commit.after-write")
        if self.durable:
            files.sync(descriptor)
        fault("commit.after-sync")


_live: weakref.WeakSet[RunJournal] = weakref.WeakSet()


def _in_child() -> None:
    for journal in list(_live):
        journal.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def state_of(data: bytes, run_id: RunId) -> tuple[RunState, Lines]:
    """Read what a journal says.

    Raises
    ------
    CheckpointError
        It is none, is of another version, or a line of it is damaged.
    """
    try:
        lines = split_lines(data, in_groups=True)
    except Damage as damage:
        raise _damaged(run_id, damage.line, "it is not what was written") from None
    state: RunState | None = None
    for number, (payload, _, _) in enumerate(lines.found, 1):
        try:
            if state is None:
                state = RunState(head_from_json(payload))
            else:
                state.apply(fact_from_json(payload))
        except ValueError as error:
            raise _damaged(run_id, number, str(error)) from None
    if state is None or state.head.run_id != run_id:
        raise CheckpointError(f"run {run_id} has no journal of its own that can be read; run it from its beginning")
    return state, lines


def _damaged(run_id: RunId, line: int, why: str) -> CheckpointError:
    hint = "what it says cannot be believed; run it from its beginning"
    return CheckpointError(f"the journal of run {run_id}, line {line}: {why}; {hint}")
