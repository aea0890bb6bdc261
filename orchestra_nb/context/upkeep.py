"""What keeps an index and its files in order. For the writer's thread, which nobody interrupts.

Files and rows: within a transaction that writes no other process inserts a row. Only there a file without a row is
removed (:meth:`Upkeep.bury`, :meth:`Upkeep.sweep`), and there a writer sees that the file of its new row is still
there. A transaction that removes files takes no rows away: whoever is killed in the middle of it leaves no row without
a file.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable
from contextlib import suppress

from orchestra_nb.context import schema
from orchestra_nb.context.blobs import Blobs, Leftover
from orchestra_nb.context.connections import Connections
from orchestra_nb.context.index import Index

_AT_ONCE = 256


class Upkeep:
    """The order of one store.

    Parameters
    ----------
    connections, blobs, index
        The index file, the folder of large values, and the rows.
    """

    def __init__(self, connections: Connections, blobs: Blobs, index: Index) -> None:
        self._connections = connections
        self._blobs = blobs
        self._index = index

    def _turn(self) -> threading.Lock:
        return self._index.turn

    def recount(self) -> None:
        """Count what there is: the sum may be damaged, and then nothing would ever go."""
        with self._turn(), self._connections.transaction() as cursor:
            cursor.execute(schema.RECOUNT)

    def check(self) -> None:
        """Read all of it; raises ``sqlite3.DatabaseError`` where it is damaged."""
        seat = self._connections.take()
        try:
            for (found,) in seat.cursor.execute("PRAGMA quick_check(1)").fetchall():
                if found != b"ok":
                    raise sqlite3.DatabaseError(found.decode("utf-8", "replace"))
        except BaseException:
            seat.close()
            raise
        self._connections.give(seat)

    def drop(self, key: bytes, record: bytes) -> None:
        """Remove an entry if it is still this one. Others that share its file are found by themselves."""
        with self._turn(), self._connections.transaction() as cursor:
            cursor.execute(schema.DROP, (key, record))
        self.bury()

    def clear(self) -> int:
        """Remove all entries; says how many there were."""
        with self._turn(), self._connections.transaction() as cursor:
            cursor.execute("DELETE FROM entry")
            count = cursor.rowcount
            cursor.execute(schema.RECOUNT)
        self.bury()
        self._shrink()
        return count

    def _shrink(self) -> None:
        """Give the room of what was deleted back to the disk, as far as nobody reads it."""
        seat = self._connections.take()
        with suppress(sqlite3.Error):
            seat.cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            seat.cursor.execute("VACUUM")
            seat.cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._connections.give(seat)

    def sweep(self, leftovers: Iterable[Leftover]) -> int:
        """Remove files that no entry refers to; says how many."""
        count = 0
        candidates = [each for each in leftovers if each.digest is None or not self._is_referred(each.digest)]
        for start in range(0, len(candidates), _AT_ONCE):
            with self._turn(), self._connections.transaction() as cursor:
                for each in candidates[start : start + _AT_ONCE]:
                    if each.digest is None:
                        with suppress(OSError):
                            each.path.unlink(missing_ok=True)
                    elif cursor.execute(schema.IS_REFERRED, (each.digest,)).fetchone():
                        continue
                    else:
                        self._blobs.remove(each.digest)
                    count += 1
        return count

    def _is_referred(self, digest: bytes) -> bool:
        seat = self._connections.take()
        found = seat.cursor.execute(schema.IS_REFERRED, (digest,)).fetchall()
        self._connections.give(seat)
        return bool(found)

    def bury(self) -> None:
        """Remove files that lost their last row; those that cannot be removed now stay on the list for later.

        In a transaction of its own: before the one that took the row away is committed, the file belongs to somebody.
        """
        buried = _AT_ONCE
        while buried == _AT_ONCE:
            buried = 0
            with self._turn(), self._connections.transaction() as cursor:
                for (blob,) in cursor.execute(schema.DOOMED, (_AT_ONCE,)).fetchall():
                    if cursor.execute(schema.IS_REFERRED, (blob,)).fetchone() or self._blobs.remove(blob):
                        cursor.execute("DELETE FROM doomed WHERE blob = ?", (blob,))
                        buried += 1
