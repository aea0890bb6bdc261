"""A cache on the disk, in the default install: values that survive the process, for several kernels at once.

**What it stands on.** Python's own SQLite keeps an index; values up to 64 KB stand in its rows, larger ones in files
named by their content. Measured (``benchmarks/disk.py``): a small hit takes 6 microseconds and a small set 30, as with
diskcache, though each record is compared with its digest; a hit on an array of 1 MB takes 35 where diskcache takes 170
and joblib.Memory 200, because it is mapped. A process that is killed in the middle of a write loses nothing that was
acknowledged. Rejected: diskcache (not cared for since 2024, and rebuilds a pickle without looking whether it is the one
that was written); joblib.Memory (the same, a folder for each entry, and 86 microseconds for a small hit); values of any
size in SQLite (a blob ends at 1 GB and cannot be mapped); files alone (a listing to find what is oldest).

**The parts.** :mod:`.encoding` values to bytes · :mod:`.records` an entry that proves itself · :mod:`.lifetimes` ttl ·
:mod:`.blobs` files · :mod:`.connections`, :mod:`.opening`, :mod:`.schema`, :mod:`.index`, :mod:`.upkeep` the index ·
:mod:`.writing`, :mod:`.backlog`, :mod:`.committing` the thread that writes · :mod:`.private_place` whose folder it is ·
:mod:`.file_operations` the seam.

**What holds.**

* When :meth:`DiskStore.put` says true, the value is stored: another process sees it, and no kill of this process loses
  it; with ``durable``, no power cut either. :meth:`DiskStore.put_later` promises that only by :meth:`DiskStore.flush`
  and the event ``stored``. In this process its value is there at once.
* What :meth:`DiskStore.get` gives has the digest that was written, and is the caller's own; nothing is unpickled
  before. When files are compared, and what that misses, is said in :mod:`.blobs`.
* An entry that is damaged, cut off or foreign is a miss and an event, and is deleted. One that cannot be rebuilt *here*
  (its class is missing) is a miss and an event, and stays. A damaged index is moved aside and begun anew. What else
  stands in the folder is left alone.
* At most ``max_bytes``, keys and rows included. Who was not used for the longest time goes first; a use is noted at
  most once for each entry while a minute passes or a twentieth of ``max_bytes`` is written. At a moment it may be more
  by the values that are being written.
* Where writing fails (no room, no permission, the folder is gone), nothing more is kept, and each kind of trouble is an
  event once, until writing works again. What was kept is still read. Nobody gets an older value under a key that was
  written in vain, as far as this process goes.

**Events**, as ``on_event(kind, key, detail)``: ``stored`` (of :meth:`DiskStore.put_later`; not for a value whose place
a later one took), ``damaged``, ``unreadable``, ``not-kept``, ``too-large``, ``begun-anew``, ``slow-journal``. They are
told when no lock is held, on the thread that noticed or on the writer's; an observer may use the store. One that raises
is logged.

Only Linux is tested. Windows: nothing is private but by its place, and a file that is mapped is removed later. A fork
while another thread is within a call of this store may leave one of SQLite's own locks taken in the child, as it may
with every library of C.
"""

from __future__ import annotations

import logging
import os
import time
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from orchestra_nb.context.blobs import Blobs
from orchestra_nb.context.committing import Committer, Troubles
from orchestra_nb.context.connections import Connections
from orchestra_nb.context.facts import DiskStatistics, Record
from orchestra_nb.context.file_operations import FileOperations
from orchestra_nb.context.index import Index
from orchestra_nb.context.lifetimes import Now, system_now
from orchestra_nb.context.private_place import StoreError
from orchestra_nb.context.putting import Putter, named
from orchestra_nb.context.reading import MISSES, Reader
from orchestra_nb.context.uses import Uses
from orchestra_nb.context.writing import Writer

__all__ = ["DiskStatistics", "DiskStore", "Record", "StoreError"]
ORPHAN_AGE = 3600.0
"""Seconds after which a file that belongs to no entry is taken for a dead writer's."""
_SWEEP_EVERY = 600.0
_log = logging.getLogger("orchestra_nb.context")
OnEvent = Callable[[str, str, str], object]


class DiskStore:
    """A cache in a folder.

    Parameters
    ----------
    folder
        Where; made, and made private, where it is not there.
    max_bytes
        How much it may take.
    durable
        Whether a power cut must not lose what was stored: each write then waits for the disk.
    on_event
        Told of what happens: kind, key, detail.
    clock
        Tells the time.

    Raises
    ------
    StoreError
        The folder cannot be used; says why, and what to do.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, DiskStore(folder) as store:
    ...     store.put("answer", {"n": 42}, ttl=60.0)
    ...     store.get("answer").value, store.keys(), store.delete("answer"), store.get("answer")
    True
    ({'n': 42}, ['answer'], True, None)
    """

    files: ClassVar[FileOperations] = FileOperations()
    """What touches the disk; another one where that must fail."""

    def __init__(
        self,
        folder: Path | str = ".cache/orchestration",
        *,
        max_bytes: int = 1_000_000_000,
        durable: bool = False,
        on_event: OnEvent | None = None,
        clock: Callable[[], Now] = system_now,
    ) -> None:
        if isinstance(max_bytes, bool) or not isinstance(max_bytes, int) or max_bytes < 1:
            raise StoreError(f"max_bytes is a whole number of bytes from 1, and not {max_bytes!r}")
        self.folder = Path(os.path.abspath(Path(folder).expanduser()))
        self._max_bytes = max_bytes
        self._clock = clock
        self._troubles = troubles = Troubles()
        self._connections = Connections(self.folder, self.files, durable=durable, report=troubles.report)
        remembers = not self._connections.network
        self._blobs = Blobs(self._connections.blobs, self.files, durable=durable, remembers=remembers)
        self._index = Index(self._connections, self._blobs, max_bytes, max_bytes - max_bytes // 20)
        self._committer = Committer(self._connections, self._blobs, self._index, troubles, Uses(max_bytes // 20))
        self._tell = _teller(troubles, on_event)
        self._writer = Writer(self._committer.commit, self._tell, self._connections.close)
        self._reader = Reader(self._index, self._blobs, self._committer, self._writer)
        self._putter = Putter(self._index, self._blobs, self._committer, self._writer, max_bytes)
        self._sweeps_at = 0.0
        weakref.finalize(self, self._writer.retire).atexit = False
        _live.add(self)
        self._tell()

    def get(self, key: str) -> Record | None:
        """Find a value.

        Returns
        -------
        Record or None
            ``None``: there is none, it has ended, or it is damaged.

        Raises
        ------
        StoreError
            The key is none, or the store is closed.
        """
        found = self._reader.get(named(key), self._clock, self._troubles)
        if self._troubles.events:
            self._tell()
        return found

    def put(self, key: str, value: Any, ttl: float | None = None) -> bool:
        """Store a value, and wait until it is.

        Parameters
        ----------
        key
            Any text of at most 64 KB.
        value
            Whatever pickles, also with cloudpickle.
        ttl
            Seconds for which it lives; ``None``: until it must go.

        Returns
        -------
        bool
            Whether it is stored. Where it is not (no room, a disk that fails), an event says why, and the key has no
            value.

        Raises
        ------
        StoreError
            The key or the ttl is none, the value has no bytes, or the store is closed; nothing was changed.
        """
        name = named(key)
        self._open()
        encoded, life = self._putter.encoded(key, value, ttl, self._clock())
        stored = self._putter.fits(name, encoded) and self._putter.put(name, encoded, life)
        self._reader.counts.add("stored" if stored else "refused")
        self._maintain(life.made.monotonic)
        if self._troubles.events:
            self._tell()
        return stored

    def put_later(self, key: str, value: Any, ttl: float | None = None) -> None:
        """Store a value behind the caller's back: it is copied now, and written soon.

        Here it is found at once. It is acknowledged by the event ``stored`` and by :meth:`flush`, and by nothing else.
        Waits where more than 64 MB wait to be written. Parameters and errors are those of :meth:`put`.
        """
        name = named(key)
        self._open()
        encoded, life = self._putter.encoded(key, value, ttl, self._clock())
        if self._putter.fits(name, encoded):
            self._putter.put_later(name, encoded, life)
        else:
            self._reader.counts.add("refused")
        self._maintain(life.made.monotonic)
        self._tell()

    def delete(self, key: str) -> bool:
        """Remove an entry, also one that waits to be written; says whether there was one."""
        self._open()
        name = named(key)
        expired = self._reader.has_expired(name, self._clock())
        found = self._putter.delete(name) and not expired
        self._tell()
        return found

    def keys(self) -> list[str]:
        """Say what there is, with what waits to be written; what was used last comes last."""
        self._open()
        return self._reader.keys(self._clock(), self._troubles)

    def clear(self) -> int:
        """Remove all entries, of all processes; says how many there were."""
        self._open()
        there = len(self._reader.keys(self._clock(), self._troubles))  # one that is being written waits, and is written
        self._writer.drop()
        self._writer.run(self._committer.clear)
        self._tell()
        return there

    def flush(self, timeout: float | None = None) -> bool:
        """Wait, at most so many seconds, until what was put later is stored.

        Returns
        -------
        bool
            Whether all of it is; false also where some of it could not be, since the last call.
        """
        flushed = self._writer.flush(timeout)
        self._tell()
        return flushed

    def close(self) -> None:
        """Write what waits, and let go of everything. A second time does nothing."""
        if not self._connections.closed:
            self.flush()
            self._writer.retire()
            self._connections.close()

    def statistics(self) -> DiskStatistics:
        """Give the numbers of this moment."""
        self._open()
        try:
            size, entries = self._index.total()
        except MISSES as error:
            self._troubles.trouble("", error)
            size = entries = 0
        counts, committer = self._reader.counts.all(), self._committer
        counts["stored"] += committer.stored_later
        counts["refused"] += committer.refused_later
        waiting = len(self._writer.waiting)
        return DiskStatistics(
            entries=entries,
            bytes=size,
            evicted=committer.evicted,
            waiting=waiting,
            waiting_bytes=self._writer.waiting_bytes if waiting else 0,
            journal=self._connections.journal,
            **counts,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"DiskStore({str(self.folder)!r}, max_bytes={self._max_bytes})"

    def _open(self) -> None:
        if self._connections.closed:
            raise StoreError("this cache is closed; open it anew")

    def _maintain(self, now: float) -> None:
        if now >= self._sweeps_at:
            self._sweeps_at = now + _SWEEP_EVERY
            self._writer.send(partial(self._committer.sweep, time.time() - ORPHAN_AGE))

    def _forked(self) -> None:
        self._connections.forked()
        self._index.forked()
        self._reader.counts.forked()


def _teller(troubles: Troubles, on_event: OnEvent | None) -> Callable[[], None]:
    """Make what tells an observer of the events that wait."""

    def tell() -> None:
        while troubles.events:
            try:
                event = troubles.events.popleft()
            except IndexError:  # another thread was quicker
                return
            try:
                if on_event is not None:
                    on_event(*event)
            except Exception:
                _log.exception("an observer of the cache failed at %s", event[0])

    return tell


_live: weakref.WeakSet[DiskStore] = weakref.WeakSet()


def _in_child() -> None:
    for store in list(_live):
        store._forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
