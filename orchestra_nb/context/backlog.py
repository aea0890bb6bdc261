"""What waits to be written, and the promises that somebody waits for. No thread and no clock decides anything here.

A job stands in the backlog from the moment it is accepted until it is settled, and is found there by its key meanwhile.
A later job for the same key takes the place of the earlier one, which then ends as the later one does. The backlog
holds so many bytes; a single job that is larger is accepted when nothing else waits.

Each method is right at any line at which it is left: what is added up anew at each batch may be wrong until then, and
the dictionary of jobs changes in one step.
"""

from __future__ import annotations

import queue
from contextlib import suppress

from orchestra_nb.context.records import Entry

SUPERSEDED = "superseded"
_AT_ONCE, _AT_ONCE_BYTES = 256, 16 * 1024 * 1024


class Promise:
    """Something that the writer will have done; ``outcome`` is ``None`` until then."""

    __slots__ = ("_waiters", "outcome")

    def __init__(self) -> None:
        self.outcome: object = None
        self._waiters: list[queue.SimpleQueue[None]] = []

    def settle(self, outcome: object) -> None:
        """Say how it went; only the first word counts."""
        if self.outcome is None:
            self.outcome = outcome
            for waiter in self._waiters[:]:
                waiter.put(None)

    def wait(self, timeout: float) -> bool:
        """Wait for the outcome, for so many seconds."""
        waiter: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._waiters.append(waiter)
        if self.outcome is None:  # looked at after the waiter can be seen
            with suppress(queue.Empty):
                waiter.get(timeout=max(0.0, timeout))
        with suppress(ValueError):
            self._waiters.remove(waiter)
        return self.outcome is not None


class Job(Promise):
    """An entry to be written, or deleted where ``entry`` is ``None``.

    ``payload`` holds a large value that has no file yet. The outcome is whether it was done, or :data:`SUPERSEDED`: a
    later job, the ``successor``, took its place before it was ``taken`` to be written. ``found`` tells whether there
    was an entry before, and ``gone`` that the file was removed before the row could be written.
    """

    __slots__ = ("entry", "found", "gone", "key", "later", "payload", "successor", "taken")

    def __init__(self, key: bytes, entry: Entry | None, payload: bytes | None = None, *, later: bool = False) -> None:
        super().__init__()
        self.key = key
        self.entry = entry
        self.payload = payload
        self.later = later
        self.taken = False
        self.found = False
        self.gone = False
        self.successor: Job | None = None

    @property
    def waiting(self) -> int:
        """Bytes that it keeps in memory."""
        inline = 0 if self.entry is None else len(self.entry.payload)
        return len(self.key) + inline + (0 if self.payload is None else len(self.payload))


class Backlog:
    """What waits. Not locked: whoever shares it sees to that.

    Examples
    --------
    >>> backlog = Backlog(most=10)
    >>> first, second = Job(b"12345678", None), Job(b"abcdefgh", None)
    >>> backlog.offer(first), backlog.offer(second)
    (True, False)
    >>> backlog.batch() == [first], backlog.settled(first), backlog.offer(second)
    (True, None, True)
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.jobs: dict[bytes, Job] = {}
        self.bytes = 0

    def offer(self, job: Job) -> bool:
        """Accept a job, unless there is no room."""
        older = self.jobs.get(job.key)
        grows = job.waiting - (0 if older is None else older.waiting)
        if self.jobs and grows > 0 and self.bytes + grows > self._most:
            return False
        if older is not None and older.taken:
            older = None
        if older is not None:
            job.found = older.found or older.entry is not None
            older.successor = job
        self.jobs[job.key] = job
        self.bytes += grows
        if older is not None:
            older.settle(SUPERSEDED)
        return True

    def batch(self) -> list[Job]:
        """Say what is to be written next; it stays until it is settled."""
        jobs = self.jobs.copy()
        self.bytes = sum(job.waiting for job in jobs.values())  # an interrupt may have left it wrong
        some: list[Job] = []
        size = 0
        for job in jobs.values():
            if some and (len(some) >= _AT_ONCE or size + job.waiting > _AT_ONCE_BYTES):
                break
            job.taken = True
            some.append(job)
            size += job.waiting
        return some

    def settled(self, job: Job) -> None:
        """Forget a job, unless another one took its place."""
        if self.jobs.get(job.key) is job:
            del self.jobs[job.key]
            self.bytes -= job.waiting

    def emptied(self) -> list[Job]:
        """Forget everything; returns it."""
        jobs = list(self.jobs.values())
        self.jobs.clear()
        self.bytes = 0
        return jobs
