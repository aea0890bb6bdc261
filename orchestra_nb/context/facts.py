"""What a disk store tells: a value that was found, and its numbers."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, NamedTuple


class Record(NamedTuple):
    """A value that was found.

    Parameters
    ----------
    value
        The caller's own: changing it changes nothing that is stored.
    ttl
        Seconds that are left; ``None``: it does not end.
    bytes
        What the value takes on the disk.
    """

    value: Any
    ttl: float | None
    bytes: int


@dataclass(frozen=True, slots=True)
class DiskStatistics:
    """A store at one moment.

    Parameters
    ----------
    entries, bytes
        What is kept, by all processes, without what still waits here.
    hits, misses
        Readings in this process.
    expired, damaged, unreadable
        Why some of them were misses, though there was an entry.
    stored, refused, evicted
        What became of writings in this process.
    waiting, waiting_bytes
        What is yet to be written, and the memory that it takes.
    journal
        How the index is kept: ``wal``, or slower, ``delete``.
    """

    entries: int
    bytes: int
    hits: int
    misses: int
    expired: int
    damaged: int
    unreadable: int
    stored: int
    refused: int
    evicted: int
    waiting: int
    waiting_bytes: int
    journal: str


class Counts:
    """Counters that threads share.

    Examples
    --------
    >>> counts = Counts()
    >>> counts.add("hits")
    >>> counts.of("hits"), counts.of("misses")
    (1, 0)
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.counts = dict.fromkeys(("hits", "misses", "expired", "damaged", "unreadable", "stored", "refused"), 0)

    def add(self, name: str) -> None:
        """Count one more."""
        counts = self.counts
        with self.lock: counts[name] += 1  # fmt: skip  # noqa: E701  # no line at which an interrupt keeps the lock

    def all(self) -> dict[str, int]:
        """Give them by name."""
        return self.counts.copy()

    def of(self, name: str) -> int:
        """Say how many."""
        return self.counts[name]

    def forked(self) -> None:
        """Begin with a lock of its own in a child process."""
        self.lock = threading.Lock()
