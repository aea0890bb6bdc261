"""Durations on disk: a small SQLite file of the user's own, which several processes may use at once.

Policy: one row for each node that was measured (:mod:`.history_keys`): two digests and the last few durations, so that
nobody's code or names lie about in a second place. The file is private (0600); rows above :data:`MOST_NODES` go, those
first that were measured longest ago. A connection lives as long as one reading or one writing, which is one
transaction: there is none that a fork, a thread or an interrupt could leave half used.

Order: writers wait for each other up to a second. Failure: there is none. What goes wrong is logged once, and the run
goes on as if nothing were known. A damaged file is moved aside and begun anew.

The journal is SQLite's own rollback journal and not a write-ahead log: that one breaks where several machines share a
network folder, leaves two more files, and was slower here, because every connection is a short one (0.27 ms against
0.43 ms for ten rows). The disk is not waited for: after a power cut the file may be damaged, and then it begins anew.
"""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from orchestra_nb.running.history_keys import MOST_DURATIONS, Name, Recent, Source, remembered

if TYPE_CHECKING:
    import sqlite3

MOST_NODES = 20_000
_SPARE = 0.9
"""Share of them that is left when some have to go, so that not every writing has to look for the oldest."""
_PATIENCE = 1.0
"""Seconds to wait for another process."""
_AT_ONCE = 500
_DAMAGED = frozenset({1, 11, 26})
"""SQLITE_ERROR (a table of that name with other columns), SQLITE_CORRUPT, SQLITE_NOTADB."""
_TABLE = """
CREATE TABLE IF NOT EXISTS recent
(source BLOB, name BLOB, seconds BLOB, used INTEGER, PRIMARY KEY (source, name)) WITHOUT ROWID
"""
_APPEND = f"""
INSERT INTO recent VALUES (?, ?, ?, ?) ON CONFLICT (source, name) DO UPDATE
SET seconds = substr(CAST(coalesce(seconds, '') || excluded.seconds AS BLOB), -8 * {MOST_DURATIONS}),
used = excluded.used
"""
"""Appending without reading: ten thousand nodes take 40 ms instead of 80."""
_OLDEST = """
DELETE FROM recent WHERE (source, name) IN (SELECT source, name FROM recent ORDER BY used LIMIT ?)
"""
_IS_THERE = "SELECT 1 FROM sqlite_master WHERE name = 'recent'"
_LAYOUTS = [struct.Struct(f"<{count}d") for count in range(MOST_DURATIONS + 1)]
_T = TypeVar("_T")
_log = logging.getLogger("orchestra_nb.running")
_told: set[str] = set()


def caution(text: str, *values: object) -> None:
    """Log a warning, once in this process."""
    if text not in _told:
        _told.add(text)
        _log.warning(text, *values)


class SqliteHistory:
    """Durations in a file.

    Parameters
    ----------
    path
        The file; it is made when there is something to write.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     history = SqliteHistory(Path(folder, "history"))
    ...     history.add({(b"source", b"name"): [1.0, 2.0]})
    ...     history.recent([b"source", b"other"])
    {b'source': {b'name': (1.0, 2.0)}}
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def recent(self, sources: Iterable[Source]) -> Recent:
        """Tell what is known of nodes with these sources."""
        asked = list(sources)
        if not asked or not self._path.exists():
            return {}

        def read() -> Recent:
            with self._connected() as db:
                return _rows(db, asked)

        return self._tried(read) or {}

    def everything(self) -> Mapping[tuple[Source, Name], tuple[float, ...]]:
        """Tell all that is known, what was measured last first."""
        if not self._path.exists():
            return {}

        def read() -> Mapping[tuple[Source, Name], tuple[float, ...]]:
            with self._connected() as db:
                if not db.execute(_IS_THERE).fetchone():
                    return {}
                rows = db.execute("SELECT source, name, seconds FROM recent ORDER BY used DESC, source, name")
                return {(source, name): _unpacked(seconds) for source, name, seconds in rows if _is_key(source, name)}

        return self._tried(read) or {}

    def add(self, measured: Mapping[tuple[Source, Name], Sequence[float]]) -> None:
        """Remember durations, in one transaction."""
        if not measured:
            return

        def write() -> bool:
            with suppress(FileExistsError):  # private from the beginning, whatever the user's mask is
                os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            with self._connected() as db:
                _write(db, measured)
            return True

        if not self._tried(write) and not self._path.exists():  # a damaged file has been moved aside
            self._tried(write)

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        import sqlite3

        place = f"{self._path.absolute().as_uri()}?mode=rw"  # a reader, too, may have to undo what a dead writer left
        with closing(sqlite3.connect(place, uri=True, timeout=_PATIENCE, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous=OFF")
            yield db

    def _tried(self, work: Callable[[], _T]) -> _T | None:
        """Do it, or say once why not; ``None`` then."""
        try:
            import sqlite3
        except ImportError as error:  # a Python that was built without it
            caution("run history is not kept: %s", error)
            return None
        seen = self._identity()
        try:
            return work()
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _DAMAGED:
                caution("run history in %s is not used: %s", self._path, error)
            elif self._identity() == seen:  # else another process was quicker
                caution("run history in %s is damaged (%s); it is moved aside and begun anew", self._path, error)
                self._move_aside()
        except OSError as error:
            caution("run history in %s is not used: %s", self._path, error)
        return None

    def _identity(self) -> tuple[int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _move_aside(self) -> None:
        with suppress(OSError):
            Path(f"{self._path}-journal").unlink(missing_ok=True)
            os.replace(self._path, f"{self._path}.damaged")


def _rows(db: sqlite3.Connection, sources: Iterable[Source]) -> dict[Source, dict[Name, tuple[float, ...]]]:
    found: dict[Source, dict[Name, tuple[float, ...]]] = {}
    if not db.execute(_IS_THERE).fetchone():  # another process is making it
        return found
    for some in _batches(sources):
        marks = ",".join("?" * len(some))
        for source, name, seconds in db.execute(
            f"SELECT source, name, seconds FROM recent WHERE source IN ({marks})", some
        ):
            found.setdefault(source, {})[name] = _unpacked(seconds)
    return found


def _is_key(source: object, name: object) -> bool:
    """Whether it is one that this wrote; anybody may write into the file."""
    return isinstance(source, bytes) and isinstance(name, bytes)


def _write(db: sqlite3.Connection, measured: Mapping[tuple[Source, Name], Sequence[float]]) -> None:
    db.execute("BEGIN IMMEDIATE")
    db.execute(_TABLE)
    ((turn,),) = db.execute("SELECT coalesce(max(CAST(used AS INTEGER)), 0) + 1 FROM recent")
    rows = [(*key, _packed(remembered((), new)), turn) for key, new in measured.items()]
    db.executemany(_APPEND, sorted(rows))  # in the order of the file
    ((count,),) = db.execute("SELECT count(*) FROM recent")
    if count > MOST_NODES:
        db.execute(_OLDEST, (count - int(MOST_NODES * _SPARE),))
    db.execute("COMMIT")


def _batches(sources: Iterable[Source]) -> Iterator[list[Source]]:
    """SQLite takes only so many values at once."""
    left = iter(sorted(sources))  # in the order of the file
    while some := list(islice(left, _AT_ONCE)):
        yield some


def _packed(seconds: Sequence[float]) -> bytes:
    return _LAYOUTS[len(seconds)].pack(*seconds)


def _unpacked(data: Any) -> tuple[float, ...]:
    """Read such bytes; what somebody has damaged teaches nothing."""
    count, rest = divmod(len(data), 8) if isinstance(data, bytes) else (0, 0)
    return remembered((), _LAYOUTS[count].unpack(data)) if not rest and 0 < count <= MOST_DURATIONS else ()
