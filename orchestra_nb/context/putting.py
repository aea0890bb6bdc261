"""From a value to an entry: encoded on the caller's thread, written there where one statement is enough.

A small value whose key has nothing on its way is written by the caller: one statement, 15 microseconds. A large one
becomes a file on the caller's thread, so that threads hash and write side by side, and its row goes through the writer,
because whether the file is still there must be looked at in the same transaction. Whatever cannot be done at once goes
through the writer too, which tries harder (:mod:`.committing`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from orchestra_nb.context.backlog import Job
from orchestra_nb.context.blobs import Blobs
from orchestra_nb.context.committing import INLINE, Committer, name_of
from orchestra_nb.context.encoding import Encoded, NotEncodable, encode
from orchestra_nb.context.index import ROW_COST, Index
from orchestra_nb.context.lifetimes import Life, Now, checked_ttl
from orchestra_nb.context.private_place import StoreError
from orchestra_nb.context.reading import MISSES
from orchestra_nb.context.records import HEAD, Entry
from orchestra_nb.context.writing import Writer

_TRIES = 8
_MOST_KEY = 65_536


class Putter:
    """Writes for one store.

    Parameters
    ----------
    index, blobs
        Where things go.
    committer, writer
        What is stale, what waits; and who writes what the caller cannot.
    most
        Bytes that all may take.
    """

    def __init__(self, index: Index, blobs: Blobs, committer: Committer, writer: Writer, most: int) -> None:
        self._index = index
        self._blobs = blobs
        self._committer = committer
        self._writer = writer
        self._most = most

    def encoded(self, key: str, value: Any, ttl: float | None, now: Now) -> tuple[Encoded, Life]:
        """Turn a value into bytes.

        Raises
        ------
        StoreError
            It has none, or the ttl is none.
        """
        try:
            life = Life(now, checked_ttl(ttl))
            return encode(value), life
        except (NotEncodable, ValueError) as error:
            raise StoreError(f"{key!r} is not stored: {error}") from error

    def fits(self, name: bytes, encoded: Encoded) -> bool:
        """Whether a value may be stored at all; one that is too large leaves none under its key."""
        if encoded.size + len(name) + 2 * HEAD + ROW_COST <= self._most:
            return True
        self._committer.troubles.report(
            "too-large", name_of(name), f"{encoded.size} bytes, and all may take {self._most}"
        )
        self.delete(name)  # an older value must not stand for it
        return False

    def put(self, name: bytes, encoded: Encoded, life: Life) -> bool:
        """Store a value; says whether it is."""
        if encoded.size <= INLINE:
            entry = _entry(encoded, life, None, encoded.payload())
            return self._put_at_once(name, entry) or self._insist(Job(name, entry), lambda: Job(name, entry))
        try:
            digest = self._blobs.write(encoded.chunks)
        except OSError as error:
            self._writer.run(partial(self._committer.failed, Job(name, None), error))
            return False
        job = Job(name, _entry(encoded, life, digest, b""))
        # Where others remove the same content again and again, the writer makes file and row in one go.
        return self._insist(job, lambda: Job(name, _entry(encoded, life, None, b""), encoded.payload()))

    def _insist(self, job: Job, again: Callable[[], Job]) -> bool:
        """Have a job done, again where its file was removed, or that of a job which took its place."""
        for _ in range(_TRIES):
            last = self._writer.done(job)
            if last.outcome is True:
                return True
            if not last.gone:
                break
            job = again()
        return False

    def put_later(self, name: bytes, encoded: Encoded, life: Life) -> None:
        """Store a value behind the caller's back."""
        payload = encoded.payload()
        if encoded.size <= INLINE:
            job = Job(name, _entry(encoded, life, None, payload), later=True)
        else:
            job = Job(name, _entry(encoded, life, None, b""), payload, later=True)
        self._writer.offer(job)

    def _put_at_once(self, name: bytes, entry: Entry) -> bool:
        """Write without the writer, where nothing of this key is on its way."""
        if name in self._writer.waiting or name in self._committer.stale:
            return False
        try:
            after = self._index.put(self._committer.row(Job(name, entry)))
        except MISSES:
            return False
        if after.full:
            self._writer.run(self._committer.make_room)
        elif after.doomed:
            self._writer.send(self._committer.make_room)
        return True

    def delete(self, name: bytes) -> bool:
        """Remove an entry; says whether there was one."""
        waits = self._writer.waiting.get(name)
        if waits is None and name not in self._committer.stale:
            try:
                after = self._index.delete(name)
            except MISSES:
                pass
            else:
                if after.doomed:
                    self._writer.send(self._committer.make_room)
                return after.found
        last = self._writer.done(Job(name, None))
        return last.outcome is True and (last.found or (waits is not None and waits.entry is not None))


def named(key: str) -> bytes:
    """Give the bytes of a key.

    Raises
    ------
    StoreError
        It is none.
    """
    if not isinstance(key, str):
        raise StoreError(f"a key is a text, and not {key!r}; give str(key)")
    name = key.encode("utf-8", "surrogatepass")
    if len(name) > _MOST_KEY:
        raise StoreError(f"a key has at most {_MOST_KEY} bytes, and this one {len(name)}; give a digest of it")
    return name


def _entry(encoded: Encoded, life: Life, blob: bytes | None, payload: bytes) -> Entry:
    return Entry(encoded.format, encoded.meta, encoded.lengths, life, encoded.size, blob, payload)
