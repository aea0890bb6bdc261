"""Connections to the index, kept open and lent out: one call of a thread has one to itself.

Policy: a connection is taken from a list and goes back to it, both in one step of the interpreter. They are not bound
to threads: a pool of joblib makes and ends threads all the time. A call that is interrupted closes its connection,
which undoes an open transaction.

* **Journal.** A write-ahead log: readers and the writer do not wait for each other, and what is committed survives this
  process at once (and a power cut where ``durable`` asks for it). On a network file system, where its shared memory
  does not work, and where SQLite refuses it, the rollback journal is used, and a warning is given once.
* **The file in its folder.** The index has a folder to itself, because a log that is left beside another file destroys
  that one. A damaged index is moved aside as a whole, folder and all, and begun anew. Who does so holds the lock of a
  second SQLite file, which the system frees whatever happens to the holder.
* **Identity.** Each writing looks afterwards at whether the file is still the one that was opened (1.5 microseconds);
  readings look ten times a second. Where somebody removed the folder, or another process moved a damaged index
  aside, a new connection is made.
* **Fork.** A child must not even close a connection of its parent: they are kept there, out of sight, and never used.
* **Memory mapping** of the index is off: a file that is cut short would end the process instead of raising an error.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from orchestra_nb.context.file_operations import FileOperations
from orchestra_nb.context.opening import FAULTS, SQL_FAULTS, NewerIndex, abandon, is_damage, patiently, settle
from orchestra_nb.context.private_place import StoreError, is_on_network, prepare

LAYOUT = "v1"
_INDEX, _BLOBS, _FILE, _GUARD = "index", "blobs", "index.db", "guard.db"
LOOK_EVERY = 0.1
"""Seconds between two looks at whether the file that is read is still there."""
Identity = tuple[int, int]
Report = Callable[[str, str, str], None]


class Moved(Exception):
    """The index is not the one any more that was written to."""


class Seat:
    """One connection, with the cursor that all of its statements go through."""

    __slots__ = ("connection", "cursor", "execute", "identity")

    def __init__(self, connection: sqlite3.Connection, identity: Identity) -> None:
        self.connection = connection
        self.cursor = connection.cursor()
        self.execute = self.cursor.execute
        self.identity = identity

    def close(self) -> None:
        """Close it; what was begun is undone.

        Step by step: a connection that is closed while a cursor has a statement lives on, and so do its locks.
        """
        with suppress(sqlite3.Error):
            self.cursor.close()
        abandon(self.connection)

    def __del__(self, _ending: Callable[[], bool] = sys.is_finalizing) -> None:
        if not _ending() and hasattr(self, "cursor"):  # at the end of the process there may be no module to close it
            self.close()


class Connections:
    """Those of one store.

    Parameters
    ----------
    folder
        The store's folder, absolute.
    files
        What touches the disk.
    durable
        Whether a commit waits for the disk.
    report
        Told of what happens: kind, key, detail.

    Raises
    ------
    StoreError
        The folder cannot be used, or a newer version wrote the index.
    """

    def __init__(self, folder: Path, files: FileOperations, *, durable: bool, report: Report) -> None:
        self._folder = folder
        self._files = files
        self._durable = durable
        self._report = report
        self.path = folder / LAYOUT / _INDEX / _FILE
        self._place = str(self.path)
        self.blobs = folder / LAYOUT / _BLOBS
        self.idle: list[Seat] = []
        """Those that nobody uses; always the same list."""
        self.closed = False
        self.journal = ""
        self._noted = False
        self._renewals = 0
        self.look_at = 0.0
        self._prepare()
        self.network = is_on_network(self.path.parent)
        self._open_first()

    def _prepare(self) -> None:
        prepare(self._folder, (LAYOUT, f"{LAYOUT}/{_INDEX}", f"{LAYOUT}/{_BLOBS}"), self._files)

    def _open_first(self) -> None:
        try:
            try:
                seat = self._open()
            except SQL_FAULTS as error:
                if not is_damage(error):
                    raise
                self.begin_anew(self.identity(), str(error))
                seat = self._open()
        except NewerIndex as error:
            raise StoreError(f"{self.path} is not used: {error}") from error
        except FAULTS as error:
            raise StoreError(
                f"the cache cannot be kept in {self._folder}: {error}; give it a folder that you can write into"
            ) from error
        self.idle.append(seat)

    def identity(self) -> Identity | None:
        """Say which file now stands where the index is; ``None``: none."""
        try:
            status = os.stat(self._place)
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def take_to_read(self) -> Seat:
        """Lend a connection for reading; what happened to the file may be noticed a little later."""
        now = time.monotonic()
        if now < self.look_at:
            try:
                return self.idle.pop()
            except IndexError:  # others have them all
                pass
        seat = self.take()
        self.look_at = now + LOOK_EVERY
        return seat

    def take(self) -> Seat:
        """Lend a connection; it goes back with :meth:`give`, or is closed."""
        if self.closed:
            raise StoreError("this cache is closed; open it anew")
        renewals, here = self._renewals, self.identity()
        while True:
            try:
                seat = self.idle.pop()
            except IndexError:
                break
            if seat.identity == here:
                return seat
            seat.close()
        if here is None:
            if renewals % 2 == 0 and renewals == self._renewals:
                self._report("begun-anew", "", f"{self.path} was removed")
            try:
                self._prepare()
            except StoreError as error:
                raise OSError(str(error)) from error
        return self._open()

    def give(self, seat: Seat) -> None:
        """Take a connection back."""
        if self.closed:
            seat.close()
        else:
            self.idle.append(seat)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Cursor]:
        """Write, all or nothing. Not for a thread that may be interrupted: the store's writer has it to itself.

        Raises
        ------
        Moved
            It was written to a file that nobody will look into.
        """
        seat = self.take()
        try:
            patiently(lambda: seat.cursor.execute("BEGIN IMMEDIATE"))
            yield seat.cursor
            patiently(lambda: seat.cursor.execute("COMMIT"))
        except BaseException:
            seat.close()
            raise
        if seat.identity != self.identity():
            seat.close()
            raise Moved
        self.give(seat)

    def begin_anew(self, damaged: Identity | None, why: str) -> None:
        """Move a damaged index aside, unless another process has done so; the last one that was moved goes.

        Raises
        ------
        OSError, sqlite3.Error
            It cannot be moved.
        """
        while self.idle:
            self.idle.pop().close()
        with closing(self._guard()):
            if self.identity() != damaged:
                return
            folder = self.path.parent
            self.forget_damaged()
            aside = folder.with_name(f"{_INDEX}.damaged-{secrets.token_hex(4)}")
            self._renewals += 1  # odd: another thread that looks for it meanwhile knows why it is gone
            try:
                self._files.replace(folder, aside)
                self._files.make_folder(folder)
                self._make_file(self.path)
            finally:
                self._renewals += 1
        self._report("begun-anew", "", f"the index is damaged ({why}); it was moved to {aside}")

    def forget_damaged(self) -> None:
        """Remove what was moved aside."""
        for older in self.path.parent.parent.glob(f"{_INDEX}.damaged-*"):
            shutil.rmtree(older, ignore_errors=True)

    def close(self) -> None:
        """Close what is idle; what is lent is closed as it comes back."""
        self.closed = True
        while self.idle:
            self.idle.pop().close()

    def forked(self) -> None:
        """Begin with no connection in a child process."""
        import ctypes

        for seat in self.idle:  # never closed, also not when the child ends
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(seat))
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(seat.connection))
        self.idle.clear()

    def _note_journal(self) -> None:
        if self.journal != "wal" and not self._noted:
            self._noted = True
            why = "lies on a network file system" if self.network else "allows no write-ahead log"
            self._report("slow-journal", "", f"{self.path} {why}: each writing waits for the disk")

    def _guard(self) -> sqlite3.Connection:
        """Lock out other processes that would move the index aside; closing it ends that."""
        path = self.path.parent.with_name(_GUARD)
        for last in (False, True):
            self._make_file(path)
            guard = self._files.connect(path)
            try:
                guard.execute("PRAGMA journal_mode=MEMORY").close()  # it works where there is no room
                patiently(lambda: guard.execute("BEGIN EXCLUSIVE"))  # noqa: B023
                return guard
            except BaseException as error:
                guard.close()
                if last or not isinstance(error, sqlite3.Error) or not is_damage(error):
                    raise
            self._files.remove(path)  # it holds nothing
        raise AssertionError("unreachable")

    def _make_file(self, path: Path) -> None:
        with suppress(FileExistsError):  # private from the beginning, whatever the user's mask is
            self._files.close(self._files.create(path))
            if self._durable:
                for folder in (path.parent, self._folder / LAYOUT, self._folder, self._folder.parent):
                    self._files.sync_folder(folder)

    def _open(self) -> Seat:
        self._make_file(self.path)
        before = self.identity()
        connection = self._files.connect(self.path)
        try:
            self.journal = settle(connection, self.network, self._durable)
            self._note_journal()
            if before is None or before != self.identity():
                raise OSError(f"{self.path} was replaced while it was opened")
            return Seat(connection, before)
        except BaseException:
            abandon(connection)
            raise
