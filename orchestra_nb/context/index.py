"""What is done with the index: one statement where that is enough, a transaction of the writer where it is not.

A statement commits by itself and is one call of C, so no interrupt can come in between and no transaction is left open:
finding, putting and deleting a small entry from any thread are of that kind. All else (several rows, files that must be
looked at together with their rows, making room, :mod:`.upkeep`) runs on the store's writer, which nobody interrupts.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from orchestra_nb.context import schema
from orchestra_nb.context.blobs import Blobs
from orchestra_nb.context.connections import Connections, Moved, Seat
from orchestra_nb.context.opening import is_busy, patiently

_AT_ONCE = 256
_FIND = schema.FIND
ROW_COST = 128
"""Bytes that a row takes beside its key and record, roughly."""


class Row(NamedTuple):
    """An entry to be written; a ``record`` of ``None`` deletes."""

    key: bytes
    size: int = 0
    blob: bytes | None = None
    ends: float | None = None
    record: bytes | None = None


class After(NamedTuple):
    """What one statement found, and what it leaves to do: make room, and remove files."""

    found: bool
    full: bool
    doomed: bool


class Written(NamedTuple):
    """What became of rows: whether there was an entry before, whose files have gone; and what is left to do."""

    found: dict[bytes, bool]
    gone: set[bytes]
    evicted: list[bytes]
    doomed: bool


class Index:
    """The entries of one store.

    Parameters
    ----------
    connections, blobs
        The index file, and the folder of large values.
    most, least
        Bytes above which entries go, and down to which.
    """

    def __init__(self, connections: Connections, blobs: Blobs, most: int, least: int) -> None:
        self._connections = connections
        self._blobs = blobs
        self._most = most
        self._least = least
        self._unlooked = 0
        self.turn = threading.Lock()
        """Taken for one line: within a process, writers do not make each other wait in SQLite, which polls."""

    def find(self, key: bytes) -> tuple[int, bytes] | None:
        """Give the id and the record of a key.

        Lends and gives back itself, as :meth:`Connections.take_to_read` and :meth:`Connections.give` do: what a hit
        costs is mostly calls.
        """
        connections = self._connections
        idle = connections.idle
        if idle and time.monotonic() < connections.look_at:
            try:
                seat = idle.pop()
            except IndexError:  # another thread was quicker
                seat = connections.take_to_read()
        else:
            seat = connections.take_to_read()
        try:
            # As bytearray: sqlite3 looks for an adapter of bytes each time, which costs half a microsecond.
            row: tuple[int, bytes] | None = seat.execute(_FIND, (bytearray(key),)).fetchone()
        except BaseException:
            seat.close()
            raise
        idle.append(seat)
        if connections.closed:
            connections.close()
        return row

    def put(self, row: Row) -> After:
        """Write a row without a file. Any thread may do so.

        Raises
        ------
        sqlite3.Error, OSError
            It was not written.
        Moved
            It was, to a file that nobody will look into.
        """
        values = (row.key, row.size, row.blob, row.ends, row.record)
        seat = self._connections.take_to_read()  # whether it moved is looked at afterwards
        try:
            self._alone(seat, schema.UPSERT, values)
            total, _, doomed = _totals(seat.cursor) if self._looks(row.size) else (0, 0, False)
            if total:
                self._unlooked = (self._most - total) // 16
        except BaseException:
            seat.close()
            raise
        self._same(seat)
        return After(True, total > self._most, doomed)

    def _looks(self, size: int) -> bool:
        """Whether it is time to see how much there is: near the limit always, else after a sixteenth of what is free.

        So up to sixteen processes that fill a store together see in time that it is full.
        """
        self._unlooked -= size
        return self._unlooked <= self._least // 320

    def delete(self, key: bytes) -> After:
        """Remove a row. Any thread may do so; raises as :meth:`put` does."""
        seat = self._connections.take_to_read()  # whether it moved is looked at afterwards
        try:
            self._alone(seat, schema.DELETE, (key,))
            found = seat.cursor.rowcount > 0
            _, _, doomed = _totals(seat.cursor)
        except BaseException:
            seat.close()
            raise
        self._same(seat)
        return After(found, False, doomed)

    def _alone(self, seat: Seat, statement: str, values: Sequence[object]) -> None:
        """Run a statement that commits by itself."""
        cursor, turn = seat.cursor, self.turn

        def once() -> None:
            with turn: cursor.execute(statement, values)  # fmt: skip  # noqa: E701  # an interrupt has no line to hit

        try:
            once()
        except sqlite3.Error as error:
            if not is_busy(error):
                raise
            patiently(once)

    def _same(self, seat: Seat) -> None:
        if seat.identity != self._connections.identity():
            seat.close()
            raise Moved
        self._connections.give(seat)

    def rows(self, columns: str) -> list[tuple[bytes, bytes]]:
        """Give columns of all rows, in the order of their use."""
        seat = self._connections.take()
        try:
            found = seat.cursor.execute(f"SELECT {columns} FROM entry ORDER BY used, id").fetchall()
        except BaseException:
            seat.close()
            raise
        self._connections.give(seat)
        return found

    def total(self) -> tuple[int, int]:
        """Say how many bytes and entries there are."""
        seat = self._connections.take()
        try:
            size, entries, _ = _totals(seat.cursor)
        except BaseException:
            seat.close()
            raise
        self._connections.give(seat)
        return size, entries

    def write(self, rows: Iterable[Row], used: Iterable[int], wall: float) -> Written:
        """Write rows and make room for them, all or nothing. For the writer only.

        Parameters
        ----------
        rows
            Those to be written; one whose file has gone is left out and named.
        used
            Ids of entries that were used.
        wall
            Seconds since 1970.
        """
        done = Written({}, set(), [], False)
        with self.turn, self._connections.transaction() as cursor:
            ((turn,),) = cursor.execute(schema.NEXT_TURN).fetchall()
            cursor.executemany(schema.TOUCH, [(turn, each) for each in used])
            for row in rows:
                if row.record is None:
                    cursor.execute(schema.DELETE, (row.key,))
                elif row.blob is not None and not self._blobs.is_there(row.blob):
                    done.gone.add(row.key)
                    continue
                else:
                    cursor.execute(schema.UPSERT, (row.key, row.size, row.blob, row.ends, row.record))
                done.found[row.key] = cursor.rowcount > 0
            done.evicted.extend(self._make_room(cursor, wall))
            _, _, doomed = _totals(cursor)
        return done._replace(doomed=doomed)

    def forked(self) -> None:
        """Begin with a lock of its own in a child process."""
        self.turn = threading.Lock()

    def _make_room(self, cursor: sqlite3.Cursor, wall: float) -> list[bytes]:
        """Remove what has ended, then what was not used for the longest time, until there is room."""
        total, _, _ = _totals(cursor)
        if total <= self._most:
            return []
        gone: list[bytes] = []
        statements: list[tuple[str, float]] = [(schema.ENDED, wall)]
        while total > self._least:
            statement, value = statements.pop() if statements else (schema.OLDEST, _AT_ONCE)
            found = cursor.execute(statement, (value,)).fetchall()
            if not found and statement == schema.OLDEST:  # the sum was wrong
                cursor.execute(schema.RECOUNT)
                break
            for each, size, key in found:
                if total <= self._least:
                    break
                cursor.execute("DELETE FROM entry WHERE id = ?", (each,))
                total -= size
                gone.append(key)
        return gone


def _totals(cursor: sqlite3.Cursor) -> tuple[int, int, bool]:
    """Give bytes, entries, and whether files wait to be removed; what is damaged may be anything."""
    found = cursor.execute(schema.TOTAL).fetchone()
    if found is None or not all(isinstance(each, int) for each in found):
        raise sqlite3.DatabaseError("its sum is damaged")
    size, entries, doomed = found
    return size, entries, bool(doomed)
