"""How a batch of jobs gets to the disk, and what is said when it does not.

A value that is too large for a row is written as a file first; then all rows of the batch are committed at once. What
fails is tried again in the one way that can help: rows whose file was removed meanwhile get it anew, an index that
moved or is damaged is opened anew, and a batch that fails as a whole is written one by one, so that a value for which
there is no room does not take the others with it.

What still fails is not kept: the job ends as not done, and what went wrong is reported, once for each kind. An older
value of the same key must not be given out instead. Until it could be removed, its key is *stale* in this process: a
miss. Other processes, to which the new value was never acknowledged, go on reading the old one.
"""

from __future__ import annotations

import errno
import math
import time
from collections import deque
from collections.abc import Callable

from orchestra_nb.context.backlog import Job
from orchestra_nb.context.blobs import Blobs
from orchestra_nb.context.connections import Connections, Moved
from orchestra_nb.context.index import ROW_COST, Index, Row
from orchestra_nb.context.opening import FAULTS, SQL_FAULTS, is_damage
from orchestra_nb.context.private_place import StoreError
from orchestra_nb.context.records import pack
from orchestra_nb.context.upkeep import Upkeep
from orchestra_nb.context.uses import Uses

INLINE = 64 * 1024
"""Bytes of a value up to which it stands in the index."""
_TRIES = 8


class Troubles:
    """Events that wait to be told, and the kinds of trouble that were told already."""

    def __init__(self) -> None:
        self.events: deque[tuple[str, str, str]] = deque()
        self._told: set[object] = set()

    def report(self, kind: str, key: str, detail: str) -> None:
        """Note an event; it is told when no lock is held."""
        self.events.append((kind, key, detail))

    def trouble(self, key: str, error: BaseException) -> None:
        """Note that something could not be done, once for each kind."""
        code = getattr(error, "sqlite_errorcode", None) or getattr(error, "errno", None)
        if (type(error), code) in self._told:
            return
        self._told.add((type(error), code))
        name = getattr(error, "sqlite_errorname", None) or errno.errorcode.get(code or 0, type(error).__name__)
        self.report("not-kept", key, f"{name}: {error}; the cache goes on without what it cannot keep")

    def well(self) -> None:
        """Note that writing works: trouble is news again."""
        self._told.clear()


class Committer:
    """Writes batches; for the writer's thread."""

    def __init__(self, connections: Connections, blobs: Blobs, index: Index, troubles: Troubles, uses: Uses) -> None:
        self._connections = connections
        self._blobs = blobs
        self._index = index
        self.upkeep = Upkeep(connections, blobs, index)
        self.troubles = troubles
        self.uses = uses
        self.stale: set[bytes] = set()
        self.evicted = 0
        self.stored_later = self.refused_later = 0

    def commit(self, batch: list[Job]) -> None:
        """Write a batch, and settle its jobs."""
        ready = [job for job in batch if self._has_file(job)]
        if not self._tried(ready, last=len(ready) == 1):
            for job in ready:
                self._tried([job], last=True)

    def row(self, job: Job) -> Row:
        """Give the row of a job."""
        entry = job.entry
        if entry is None:
            return Row(job.key)
        record = pack(job.key, entry)
        beside = 0 if entry.blob is None else entry.size
        size = len(job.key) + len(record) + beside + ROW_COST
        self.uses.wrote(size)
        return Row(job.key, size, entry.blob, entry.life.wall_end, record)

    def make_room(self) -> None:
        """Remove what is too much, and write which entries were used."""
        self._try(lambda: self._write([]))

    def check(self) -> None:
        """See whether the index is damaged, and begin it anew then."""
        self._try(self.upkeep.check)

    def drop(self, key: bytes, record: bytes) -> None:
        """Remove an entry that is damaged or over, unless another one stands there by now."""
        self._try(lambda: self.upkeep.drop(key, record))

    def clear(self) -> int:
        """Remove all entries; says how many.

        Deleting takes room, too. Where there is none, the index goes as a whole.
        """
        count = 0

        def clear() -> None:
            nonlocal count
            count = self.upkeep.clear()

        def begin_anew() -> None:
            nonlocal count
            _, count = self._index.total()
            self._connections.begin_anew(self._connections.identity(), "all is removed, and there is no room to delete")
            self._connections.forget_damaged()
            self.upkeep.sweep(self._blobs.leftovers(math.inf))

        try:
            self.mend(clear)
        except (*FAULTS, StoreError):
            self._try(begin_anew)
        self.stale.clear()
        return count

    def sweep(self, before: float) -> None:
        """Count anew what there is, and remove files of nobody that were not changed since a moment."""
        self._try(self.upkeep.recount)
        self._try(lambda: self.upkeep.sweep(self._blobs.leftovers(before)))

    def _try(self, work: Callable[[], object]) -> None:
        try:
            self.mend(work)
        except (*FAULTS, StoreError) as error:
            self.troubles.trouble("", error)

    def mend(self, work: Callable[[], object]) -> None:
        """Do something with the index; where that is damaged or was moved, do it once more with a new one.

        Raises
        ------
        OSError, sqlite3.Error, StoreError
            It could not be done.
        """
        for _ in range(_TRIES):
            seen = self._connections.identity()
            try:
                work()
            except Moved:
                continue
            except SQL_FAULTS as error:
                if not is_damage(error):
                    raise
                self._connections.begin_anew(seen, str(error))
            else:
                return
        raise OSError(errno.EIO, "the index is damaged or replaced again and again")

    def failed(self, job: Job, error: BaseException) -> None:
        """Give a job up."""
        self.stale.add(job.key)
        self.refused_later += job.later
        self.troubles.trouble(name_of(job.key), error)
        job.settle(False)

    def _has_file(self, job: Job) -> bool:
        payload, entry = job.payload, job.entry
        if payload is None or entry is None:
            return True
        try:
            digest = self._blobs.write(lambda: (payload,))
        except OSError as error:
            self.failed(job, error)
            return False
        job.entry = entry._replace(blob=digest)
        return True

    def _tried(self, jobs: list[Job], *, last: bool) -> bool:
        """Write jobs; says whether they are settled."""
        for _ in range(_TRIES):
            if not jobs:
                return True
            try:
                gone = self._write(jobs)
            except (*FAULTS, StoreError) as error:
                if not last:
                    return False
                for job in jobs:
                    self.failed(job, error)
                return True
            for job in jobs:
                if job.key not in gone:
                    self._done(job)
                elif job.payload is None:  # whoever waits for it has the value
                    job.gone = True
                    job.settle(False)
            jobs = [job for job in jobs if job.outcome is None and self._has_file(job)]
        for job in jobs:
            self.failed(job, OSError(errno.EIO, "its file is removed again and again"))
        return True

    def _write(self, jobs: list[Job]) -> set[bytes]:
        rows = [self.row(job) for job in jobs]
        keys = {job.key for job in jobs}
        rows += [Row(key) for key in self.stale - keys]
        gone: set[bytes] = set()
        doomed = False

        def write() -> None:
            nonlocal gone, doomed
            written = self._index.write(rows, self.uses.take(), time.time())
            gone, doomed = written.gone, written.doomed
            self.evicted += len(written.evicted)
            for job in jobs:
                job.found = job.found or written.found.get(job.key, False)

        self.mend(write)
        self.stale.difference_update({row.key for row in rows} - gone)
        self.troubles.well()
        if doomed:
            self._try(self.upkeep.bury)  # where that fails, it stays to be done: the rows are written
        return gone

    def _done(self, job: Job) -> None:
        job.payload = None
        job.settle(True)
        if job.later:
            self.stored_later += 1
            self.troubles.report("stored", name_of(job.key), "")


def name_of(key: bytes) -> str:
    """Give a key as its user wrote it."""
    return key.decode("utf-8", "surrogatepass")
