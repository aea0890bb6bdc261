"""From a key to a value: what waits to be written first, then the index, then the file; and what is done with damage.

Order of checks: the record's digest, its life, the file, and only then the value is rebuilt. A reader changes nothing
itself. What it finds damaged or over is removed by the writer, which looks once more, since another process may have
written a good one meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from orchestra_nb.context.blobs import Blobs
from orchestra_nb.context.committing import Committer, Troubles, name_of
from orchestra_nb.context.connections import Moved
from orchestra_nb.context.encoding import ARRAY, PICKLE, decode
from orchestra_nb.context.facts import Counts, Record
from orchestra_nb.context.index import Index
from orchestra_nb.context.lifetimes import Now
from orchestra_nb.context.opening import FAULTS, SQL_FAULTS, is_damage
from orchestra_nb.context.records import HEAD, Damaged, Entry, life_of, unpack
from orchestra_nb.context.writing import Writer

_KEEPS_BUFFER = frozenset({ARRAY, PICKLE})
MISSES = (*FAULTS, Moved)
"""What makes a reading a miss."""


class Reader:
    """Reads for one store.

    Parameters
    ----------
    index, blobs
        Where things are.
    committer, writer
        What is stale, what waits; and who removes things.
    """

    def __init__(self, index: Index, blobs: Blobs, committer: Committer, writer: Writer) -> None:
        self._index = index
        self._blobs = blobs
        self._committer = committer
        self._writer = writer
        self._waiting = writer.waiting
        self._stale = committer.stale
        self.uses = committer.uses
        self.counts = Counts()

    def get(self, key: bytes, clock: Callable[[], Now], troubles: Troubles) -> Record | None:
        """Find a value; ``None`` where there is none that can be given."""
        try:
            found = self._found(key, clock)
        except _Unusable as error:
            self.counts.add(error.kind)
            troubles.report(error.kind, name_of(key), str(error))
            found = None
        except MISSES as error:
            if isinstance(error, SQL_FAULTS) and is_damage(error):
                self._writer.send(self._committer.check)
            else:
                troubles.trouble(name_of(key), error)
            found = None
        counts = self.counts
        name = "misses" if found is None else "hits"
        with counts.lock: counts.counts[name] += 1  # fmt: skip  # noqa: E701  # as counts.add(), without its call
        return found

    def keys(self, now: Now, troubles: Troubles) -> list[str]:
        """Say what there is, with what waits; what was used last comes last."""
        waiting = self._waiting.copy()  # before the rows: what is written meanwhile is in both
        try:
            rows = self._index.rows(f"key, substr(record, 1, {HEAD})")
        except MISSES as error:
            troubles.trouble("", error)
            rows = []
        lives = {key: life_of(head) for key, head in rows if _is_key(key)}
        for key in self._stale.copy():
            lives.pop(key, None)
        for key, job in waiting.items():
            lives.pop(key, None)
            if job.entry is not None and job.outcome is not False:
                lives[key] = job.entry.life
        left = ((key, life.left(now)) for key, life in lives.items() if life is not None)
        return [name_of(key) for key, seconds in left if seconds is None or seconds > 0]

    def has_expired(self, key: bytes, now: Now) -> bool:
        """Whether there is an entry whose time is up."""
        job = self._waiting.get(key)
        if job is not None and job.outcome is not False:
            life = None if job.entry is None else job.entry.life
        else:
            try:
                row = self._index.find(key)
            except MISSES:
                return False
            life = None if row is None else life_of(row[1][:HEAD])
        left = None if life is None else life.left(now)
        return left is not None and left <= 0

    def _found(self, key: bytes, clock: Callable[[], Now]) -> Record | None:
        job = self._waiting.get(key)
        if job is not None and job.outcome is not False:
            payload, entry = job.payload, job.entry  # in this order: the file is there before the payload goes
            if entry is None:
                return None
            with suppress(Damaged):  # its file was removed before its row was written: what is stored counts
                return self._record(entry, payload or b"", clock)
        if key in self._stale:
            return None
        seen = b""
        while True:
            row = self._index.find(key)
            if row is None:
                return None
            ident, record = row
            try:
                entry = unpack(key, record)
                found = self._record(entry, b"", clock)
            except Damaged as error:
                if record == seen:
                    self._writer.send(partial(self._committer.drop, key, record))
                    raise _Unusable("damaged", str(error)) from None
                seen = record  # another one may have come in its place while its file was opened
                continue
            if found is None:
                self._writer.send(partial(self._committer.drop, key, record))
            elif not self.uses.is_noted(ident) and self.uses.note(ident, clock().monotonic):
                self._writer.send(self._committer.make_room)
            return found

    def _record(self, entry: Entry, payload: bytes, clock: Callable[[], Now]) -> Record | None:
        left = None if entry.life.ttl is None else entry.life.left(clock())
        if left is not None and left <= 0:
            self.counts.add("expired")
            return None
        payload = payload or entry.payload
        data: bytes | memoryview
        if entry.blob is not None and not payload:
            data = self._blobs.read(entry.blob, entry.size)
        elif entry.format in _KEEPS_BUFFER and len(entry.lengths) > 1:
            data = memoryview(bytearray(payload))
        else:
            data = payload
        try:
            value = decode(entry.format, entry.meta, data, entry.lengths)
        except Exception as error:
            raise _Unusable("unreadable", f"{type(error).__name__} while it was rebuilt") from error
        return Record(value, left, entry.size)


class _Unusable(Exception):
    """An entry that cannot be given out, and the kind of event that this is."""

    def __init__(self, kind: str, detail: str) -> None:
        self.kind = kind
        super().__init__(detail)


def _is_key(key: object) -> bool:
    """Whether that is what a key looks like in the index, where it is not damaged."""
    try:
        return isinstance(key, bytes) and name_of(key) is not None
    except UnicodeDecodeError:
        return False
