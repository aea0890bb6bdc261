"""Writing behind the caller's back: what waits to be written, and the one thread that writes.

Policy: the thread takes what waits (:mod:`.backlog`), has it written as one batch, and ends when nothing came for
:data:`LINGER` seconds.

* **Room.** The backlog holds :data:`MOST_WAITING` bytes. Who brings more waits until enough was written: back-pressure.
* **Acknowledgement.** A promise is kept only after the batch was committed. Nothing else says so.
* **Errands** (making room, removing what is damaged) run on the same thread, between batches, because a transaction of
  several steps must not be where an interrupt may come.
* **Interrupts.** A caller takes the lock for one line of C, adds to the backlog in one step, and waits on a queue of
  its own. Where it is interrupted before it rang the bell, the next caller rings.
* **Two threads.** Starting one too many is harmless: only the one that gets hold of ``_running`` works. It lets go and
  then looks once more, so no job is left behind.
* **Fork.** What waits belongs to the parent, which writes it.

Rejected: a thread that is joined at exit (it would have to be told first, for which there is no public way): this one
is a daemon, and an exit handler flushes.
"""

from __future__ import annotations

import atexit
import logging
import os
import queue
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from orchestra_nb.context.backlog import Backlog, Job, Promise

LINGER = 1.0
MOST_WAITING = 64 * 1024 * 1024
"""Bytes."""
_AT_EXIT = 60.0
"""Seconds for writing what is left when Python ends."""
_log = logging.getLogger("orchestra_nb.context")


Commit = Callable[[list[Job]], None]
Call = Callable[[], None]


class Writer:
    """The thread that writes.

    Parameters
    ----------
    commit
        Writes a batch, and settles its jobs.
    tell
        Called after each piece of work, outside of all locks: observers are told then, and may use the store.
    closed
        Called when the writer has retired and nothing is left to do.
    """

    def __init__(self, commit: Commit, tell: Call, closed: Call) -> None:
        self._commit = commit
        self._tell = tell
        self._closed = closed
        self._errands: deque[tuple[Callable[[], object], Promise]] = deque()
        self._retired = False
        self._backlog = Backlog(MOST_WAITING)
        self.waiting = self._backlog.jobs
        """What waits, by key; always the same dictionary, and not to be changed."""
        self._begin()
        _live.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._running = threading.Lock()
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._backlog.emptied()
        self._errands.clear()
        self._thread = 0
        self._failed = 0

    @property
    def waiting_bytes(self) -> int:
        """How much memory that takes."""
        return self._backlog.bytes

    def offer(self, job: Job) -> None:
        """Accept a job; waits while there is no room for it."""
        while True:
            with self._lock: accepted = self._backlog.offer(job)  # fmt: skip  # noqa: E701  # no line for an interrupt
            self._ring()
            if accepted:
                return
            with suppress(StopIteration, RuntimeError):  # RuntimeError: it changed meanwhile
                self._wait_for(next(iter(self._backlog.jobs.values())), 0.1)

    def done(self, job: Job) -> Job:
        """Accept a job and wait until it is settled, or the last one that took its place is; returns that one."""
        self.offer(job)
        last = self._last(job, None)
        assert last is not None
        return last

    def run(self, errand: Callable[[], object]) -> Any:
        """Have something done between two batches, and wait for what it returns; ``None`` where it failed."""
        promise = self.send(errand)
        while not self._wait_for(promise, 1.0):
            self._ring()
        return promise.outcome if promise.outcome is not False else None

    def send(self, errand: Callable[[], object]) -> Promise:
        """Have something done between two batches."""
        promise = Promise()
        self._errands.append((errand, promise))
        self._ring()
        return promise

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that was accepted is on the disk; says whether it is.

        It is not where the time (seconds) was too short, and where anything failed since the last call.
        """
        until = None if timeout is None else time.monotonic() + timeout
        whole = True
        for job in list(self._backlog.jobs.copy().values()):
            last = self._last(job, until)
            if last is None:
                return False
            whole = whole and (last.outcome is True or last.gone)  # whose file is gone is tried again
        if (self._errands or self._running.locked()) and not self._wait_until(self.send(lambda: None), until):
            return False  # after that one, observers were told of all that came before
        failed, self._failed = self._failed, 0
        return whole and not failed

    def _last(self, job: Job, until: float | None) -> Job | None:
        while True:
            while not self._wait_for(job, _step(until)):
                if until is not None and time.monotonic() >= until:
                    return None
                if not job.taken and self._backlog.jobs.get(job.key) is not job:
                    break  # who took its place was interrupted before saying so
                self._ring()
            if job.successor is None or job.outcome in (True, False):
                return job
            job = job.successor

    def _wait_until(self, promise: Promise, until: float | None) -> bool:
        while not self._wait_for(promise, _step(until)):
            if until is not None and time.monotonic() >= until:
                return False
            self._ring()
        return True

    def drop(self) -> int:
        """Take what waits as written, for whoever removes it next; says how many of it were entries."""
        with self._lock: dropped = self._backlog.emptied()  # fmt: skip  # noqa: E701
        for job in dropped:
            job.settle(True)
        return sum(job.entry is not None for job in dropped)

    def retire(self) -> None:
        """Finish what waits, and end. Does not wait, and may be called by the collector."""
        self._retired = True
        if self._has_work() or self._running.locked():
            self._ring()
        else:
            self._closed()

    def forked(self) -> None:
        """Begin anew in a child process."""
        self._begin()

    def _has_work(self) -> bool:
        return bool(self._backlog.jobs or self._errands)

    def _wait_for(self, promise: Promise, timeout: float) -> bool:
        if threading.get_ident() == self._thread:  # an observer of ours, which would wait for itself
            self._work()
        return promise.wait(timeout)

    def _ring(self) -> None:
        self._bell.put(None)
        if not self._running.locked():
            try:
                threading.Thread(target=self._loop, name="orchestra-cache-writer", daemon=True).start()
            except RuntimeError:  # no more threads, or Python is ending
                self._loop(linger=0.0)

    def _loop(self, linger: float = LINGER) -> None:
        while True:
            if not self._running.acquire(blocking=False):
                return
            try:
                self._thread = threading.get_ident()
                self._serve(linger)
            finally:
                self._thread = 0
                self._running.release()
            if not self._has_work():
                break
        if self._retired:
            self._closed()

    def _serve(self, linger: float) -> None:
        while True:
            while self._has_work():
                self._work()
            if self._retired:
                return
            try:
                self._bell.get(timeout=linger)
                while True:
                    self._bell.get_nowait()
            except queue.Empty:
                if not self._has_work():
                    return

    def _work(self) -> None:
        while self._errands:
            errand, promise = self._errands.popleft()
            try:
                promise.settle(errand())
            except Exception:
                _log.exception("an errand of the cache failed")
            finally:
                promise.settle(False)
        with self._lock:
            batch = self._backlog.batch()
        try:
            if batch:
                self._commit(batch)
        except Exception:
            _log.exception("a batch of the cache failed")
        finally:
            for job in batch:
                job.settle(False)
                self._failed += job.later and job.outcome is False
                with self._lock:
                    self._backlog.settled(job)
        self._tell()


def _step(until: float | None) -> float:
    """Give seconds to wait before looking whether the writer still lives."""
    return 1.0 if until is None else min(1.0, until - time.monotonic())


_live: weakref.WeakSet[Writer] = weakref.WeakSet()


def _at_exit() -> None:
    until = time.monotonic() + _AT_EXIT
    for writer in list(_live):
        writer.flush(max(0.0, until - time.monotonic()))


def _in_child() -> None:
    for writer in list(_live):
        writer.forked()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
