"""The digest of a long buffer: SHA-256 over leaves of one mebibyte, read by as many threads as help.

Scheme: a buffer of at most :data:`LEAF` bytes is ``#`` and its SHA-256. A longer one is cut into leaves of exactly
:data:`LEAF` bytes (the last may be shorter), and is ``&`` and the SHA-256 of its length (8 bytes, the largest first)
followed by the SHA-256 of each leaf, in order: Merkle's tree (1987) with two levels. The first byte tells the two
apart, and the depth is fixed, so that no buffer can pass for the row of digests of another one.

Which hash is a question of evidence (``benchmarks/hashing.py``): where the processor has instructions for it, which is
nearly everywhere by now, OpenSSL's SHA-256 reads 2 GB/s on a core, BLAKE2b 1.4, SHA-512 1.1, SHA-3 0.6; it starts as
quickly as any (0.25 microseconds), and every policy allows it. Choosing by machine was rejected: digests travel.

Order: hashlib lets go of the interpreter while it reads, so threads run side by side. They take the next leaf from one
list, so that one that gets no core holds nobody up, and the calling thread works too: without a second core, or when
no thread can be started, it does all of it. Threads end with the call; a pool would not survive a fork. Failure: an
interrupt empties the list, and the other threads end after the leaf that they are at.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256

LEAF = 1 << 20
"""Bytes of a leaf."""
_WORTH_IT = 4
"""Leaves for each thread at least: to start one costs as much as it takes to read a tenth of a leaf."""
_MOST_THREADS = 4
"""More share the memory's bandwidth, and the other nodes of a run want cores too."""


def hashed(data: bytes | bytearray | memoryview) -> bytes:
    """Digest a buffer.

    Parameters
    ----------
    data
        The bytes; a view must be contiguous and of single bytes.

    Returns
    -------
    bytes
        33 of them.

    Examples
    --------
    >>> hashed(b"abc") == b"#" + sha256(b"abc").digest()
    True
    >>> long = bytes(LEAF + 1)
    >>> row = b"".join(sha256(leaf).digest() for leaf in (long[:LEAF], long[LEAF:]))
    >>> hashed(long) == b"&" + sha256(len(long).to_bytes(8, "big") + row).digest()
    True
    """
    length = len(data)
    if length <= LEAF:
        return b"#" + sha256(data).digest()
    root = sha256(length.to_bytes(8, "big"))
    root.update(b"".join(_row(memoryview(data))))
    return b"&" + root.digest()


def _row(view: memoryview) -> list[bytes]:
    """Digest every leaf."""
    starts = list(range(0, len(view), LEAF))
    row = [b""] * len(starts)
    starts.reverse()  # they are taken from the end

    def work() -> None:
        while True:
            try:
                start = starts.pop()
            except IndexError:
                return
            row[start // LEAF] = sha256(view[start : start + LEAF]).digest()

    helpers: list[threading.Thread] = []
    try:
        _start(helpers, work, min(_MOST_THREADS, cores(), len(starts) // _WORTH_IT) - 1)
        work()
    finally:
        starts.clear()
        for helper in helpers:
            helper.join()
    return row


def _start(helpers: list[threading.Thread], work: Callable[[], None], count: int) -> None:
    with suppress(RuntimeError):  # no more threads: those that are there do the work
        for _ in range(count):
            helper = threading.Thread(target=work, name="orchestra_nb-hash", daemon=True)
            helper.start()
            helpers.append(helper)


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
