"""How a connection to the index is made ready, and what its errors mean.

The journal is a write-ahead log. On a network file system, where the memory that such a log shares does not work, and
where SQLite refuses it, it is the rollback journal. The tables are made in one transaction, by whoever comes first.

An index of a newer version is not touched: :class:`NewerIndex`. A newer *layout* has a folder of its own, so this
happens only to who renames things. A version that is none at all is damage.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress

from orchestra_nb.context.schema import APPLICATION, SCHEMA, VERSION, is_newer

PATIENCE = 30.0
"""Seconds to wait for other processes that write."""
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})
"""The last one: a table of that name with other columns."""
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
_SHORT_READ = sqlite3.SQLITE_IOERR | (2 << 8)


SQL_FAULTS = (sqlite3.Error, UnicodeError)
FAULTS = (OSError, *SQL_FAULTS)
"""What using the index and its files may raise."""


class NewerIndex(OSError):
    """The index is of a later version than this one knows."""


def is_damage(error: Exception) -> bool:
    """Whether an error says that the index itself is damaged."""
    if isinstance(error, UnicodeError):  # of a message that quotes what is damaged
        return True
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.ProgrammingError)
    return code & 0xFF in _DAMAGED or code == _SHORT_READ


def is_busy(error: sqlite3.Error) -> bool:
    """Whether an error says that another one is writing."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY


def patiently(statement: Callable[[], object]) -> None:
    """Repeat what finds another process writing; each wait is short, so that an interrupt gets through."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            statement()
            return
        except sqlite3.Error as error:
            if not is_busy(error) or time.monotonic() > until:
                raise


def abandon(connection: sqlite3.Connection) -> None:
    """Close a connection, and undo what it began."""
    with suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.rollback()
    with suppress(sqlite3.Error):
        connection.close()


def settle(connection: sqlite3.Connection, network: bool, durable: bool) -> str:
    """Make a connection ready; returns how it keeps its journal.

    Raises
    ------
    NewerIndex
        A later version wrote the file.
    sqlite3.Error
        It is damaged, or cannot be used.
    """
    connection.text_factory = bytes  # no column is text; a damaged one may say that it is
    for setting in ("mmap_size=0", "trusted_schema=OFF", "cell_size_check=ON", "journal_size_limit=4194304"):
        connection.execute(f"PRAGMA {setting}")
    ((version,),) = connection.execute("PRAGMA user_version").fetchall()
    if is_newer(version):
        raise NewerIndex("a newer version of orchestra_nb wrote it; upgrade, or give the cache another folder")
    if version not in (0, VERSION):
        raise sqlite3.DatabaseError("its version is none")
    found = b""

    def ask() -> None:
        nonlocal found
        ((found,),) = connection.execute(f"PRAGMA journal_mode={'delete' if network else 'wal'}").fetchall()

    patiently(ask)
    connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
    if version == 0:
        _create(connection)
    return found.decode("ascii", "replace")


def _create(connection: sqlite3.Connection) -> None:
    patiently(lambda: connection.execute("BEGIN IMMEDIATE"))
    ((version,),) = connection.execute("PRAGMA user_version").fetchall()
    if version == 0:  # else another process was quicker
        ((tables,),) = connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        if tables:
            raise sqlite3.DatabaseError("it holds something else")
        for statement in SCHEMA:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id={APPLICATION}")
        connection.execute(f"PRAGMA user_version={VERSION}")
    connection.execute("COMMIT")
