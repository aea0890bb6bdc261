"""The files that a run writes for the large inputs of its process tasks, on this machine.

Large buffers (numpy's and whatever else offers them out of band) go into files of the run's :class:`.Shelf`, each
buffer its own, which workers map copy-on-write: each has a copy of its own of what it changes.

**A buffer is written once for all the tasks that use it, and not at all if it came from a file**, as long as that is
true to what a fresh copy would hold. No bookkeeping can tell whether code of this process has changed an array since,
through a view, a global, an object in between. So the file is compared with the memory, byte for byte, some five times
as fast as writing it; if they differ, the memory is written again. Where the memory is says only which file to look
at, and a wrong hint costs nothing but time.

A file is removed when no task on its way uses it and its memory is gone (or was changed), at the latest with the run.
Failure: what no folder takes goes in-band. Rejected: joblib's memory-mapping of arguments, which needs an array for
each buffer and writes it anew for each task; digests (slower than the comparison, and not certain).
"""

from __future__ import annotations

import mmap
import sys
import threading
import weakref
from dataclasses import dataclass
from functools import partial
from typing import Any

from orchestra_nb.running.sending import Packed, Piece, Segment, Sent
from orchestra_nb.running.shelf import Shelf, origin, unlink, view

_CHUNK = 1 << 19
"""Bytes that are compared at once: two of them fit into a core's cache."""

Memory = tuple[int, int]
"""An address, and how many bytes."""


@dataclass(slots=True, eq=False)
class _Written:
    """A file of ours with the content of some memory, from ``start`` on."""

    path: str
    start: int = 0
    uses: int = 1
    stale: bool = False
    watch: weakref.ref[Any] | None = None


class Outbox:
    """The files that one run has written for its tasks. Any thread may use it.

    Parameters
    ----------
    shelf
        Where they are.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._written: dict[Memory, _Written] = {}
        self._files: dict[str, _Written] = {}
        self._turn = threading.RLock()  # an object may die, and call back, in the middle of anything

    def post(self, packed: Packed) -> Sent:
        """Write what has to be written. Takes about half a second for a gigabyte."""
        payload: Piece = packed.payload
        nbytes = len(packed.payload)
        if nbytes >= self._shelf.least:
            payload = self._write(None, memoryview(packed.payload)) or payload
        buffers: list[Piece] = []
        while packed.buffers:
            raw = packed.buffers.pop(0)
            memory = (_address(raw), raw.nbytes) if "numpy" in sys.modules else None  # it alone can tell
            known = None if memory is None else self._known(memory, raw) or self._mapped(memory, raw)
            if known is None:
                nbytes += raw.nbytes
            buffers.append(known or self._write(memory, raw) or bytearray(raw))
        return Sent(payload, tuple(buffers), nbytes)

    def landed(self, sent: Sent) -> None:
        """Take note that a task is over."""
        for piece in (sent.payload, *sent.buffers):
            if isinstance(piece, Segment):
                with self._turn:
                    written = self._files[piece.path]
                    written.uses -= 1
                    self._tidy(written)

    def _known(self, memory: Memory, raw: memoryview) -> Segment | None:
        """The file that was written from this memory, if it still holds the same."""
        with self._turn:
            written = self._written.get(memory)
            if written is None:
                return None
            written.uses += 1
        if _same(written.path, written.start, raw):
            return self._segment(written, raw)
        with self._turn:
            written.uses -= 1
            self._forsake(memory, written)
        return None

    def _mapped(self, memory: Memory, raw: memoryview) -> Segment | None:
        """The file that this memory was mapped from, under a name of our own, if nobody has changed the memory."""
        owner = _owner(raw)
        path = origin(owner) if isinstance(owner, mmap.mmap) else None
        if path is None:
            return None
        start = memory[0] - _address(memoryview(owner))
        if not _same(path, start, raw) or (path := self._shelf.link(path)) is None:
            return None
        return self._segment(self._note(memory, path, start, raw), raw)

    def _write(self, memory: Memory | None, raw: memoryview) -> Segment | None:
        laid = self._shelf.lay([raw])
        return None if laid is None else self._segment(self._note(memory, laid[0], 0, raw), raw)

    def _segment(self, written: _Written, raw: memoryview) -> Segment:
        return Segment(written.path, written.start, raw.nbytes, self._shelf.readonly)

    def _note(self, memory: Memory | None, path: str, start: int, raw: memoryview) -> _Written:
        written = _Written(path, start)
        with self._turn:
            self._files[path] = written
            if memory is not None:
                self._written[memory] = written
        if memory is None:
            written.stale = True
            return written
        try:
            written.watch = weakref.ref(_owner(raw), partial(_gone, weakref.ref(self), memory, written))
        except TypeError:  # nothing will tell when this memory is another's
            self._forsake(memory, written)
        return written

    def _forsake(self, memory: Memory, written: _Written) -> None:
        """Use a file for no other task."""
        with self._turn:
            written.stale = True
            if self._written.get(memory) is written:
                del self._written[memory]
            self._tidy(written)

    def _tidy(self, written: _Written) -> None:
        if written.stale and written.uses <= 0 and self._files.pop(written.path, None) is not None:
            unlink(written.path)


def _gone(outbox: weakref.ref[Outbox], memory: Memory, written: _Written, _: object) -> None:
    """Hear that the memory of a file is gone."""
    mine = outbox()
    if mine is not None:
        mine._forsake(memory, written)


def _address(raw: memoryview) -> int:
    return int(sys.modules["numpy"].frombuffer(raw, "u1").__array_interface__["data"][0])


def _owner(raw: memoryview) -> Any:
    """What the memory belongs to: it lives as long as the buffer's address means the same memory."""
    numpy = sys.modules["numpy"]
    owner: Any = raw
    while True:
        if isinstance(owner, memoryview):
            owner = owner.obj
        elif isinstance(owner, numpy.ndarray) and owner.base is not None:
            owner = owner.base
        else:
            return owner


def _same(path: str, start: int, raw: memoryview) -> bool:
    """Whether a file, from ``start`` on, and some memory hold the same bytes."""
    numpy = sys.modules["numpy"]
    try:
        theirs = numpy.frombuffer(view(path, readonly=True)[start : start + raw.nbytes], "u1")
    except OSError:
        return False
    mine = numpy.frombuffer(raw, "u1")
    whole = raw.nbytes // 8 * 8
    words = (mine[:whole].view("u8"), theirs[:whole].view("u8"))
    step = _CHUNK // 8
    return bool(
        numpy.array_equal(mine[whole:], theirs[whole:])
        and all(numpy.array_equal(*(side[at : at + step] for side in words)) for at in range(0, whole // 8, step))
    )
