"""The walk through a value that gives its row of bytes; what the rows mean stands in :mod:`.content`.

The one loop is :meth:`Walk.run`: a stack of frames, each with an iterator over what still has to be read, so that depth
costs no recursion and the innermost loop does nothing but open a child and add its row. Opening gives the row at once
wherever that is possible, which is nearly always.

Order: a value that has an identity is numbered before its children are read. A row of something without an identity is
kept if nothing was numbered while it was made: only then does it say the same wherever the thing stands from now on.
Such a thing is read twice at most, so that tuples of tuples which share their parts cost what they hold and not what
they would hold if they were written out. Something without an identity that contains itself (a frozen dataclass can be
made to) is told by its depth, and what is read meanwhile is not kept.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count
from marshal import dumps
from typing import Any

from orchestra_nb.context import paths, unordered
from orchestra_nb.context.merkle import hashed
from orchestra_nb.context.packing import ATOMS, LARGE, packed, packed_dict
from orchestra_nb.context.parts import Parts, Reader
from orchestra_nb.context.plain import plain_row
from orchestra_nb.context.unordered import Frame

_SHORT = 64
"""Bytes; a longer row is replaced by its hash."""
_ABOVE = b"^"


class Walk:
    """Reads one value.

    Parameters
    ----------
    reader_of
        Finds who takes values of a class apart.
    """

    def __init__(self, reader_of: Callable[[type], Reader]) -> None:
        self._reader_of = reader_of
        self.numbers: dict[int, int] = {}
        """Of what has an identity, by ``id``; and one entry for each cycle through what has none."""
        self.known: dict[int, bytes] = {}
        """Rows of what has no identity, and says the same wherever it stands; of what is being read, its depth."""
        self.stack: list[Frame] = []
        self._culprit: Any = None
        self._kept: list[Any] = []
        """Whatever was made for the walk: as long as it lives, nothing else has its ``id``."""
        self._tries = unordered.Tries()
        self._openers: dict[type, Callable[[Any], bytes | Frame]] = {
            **dict.fromkeys(ATOMS, _atom),
            **{str: self._text, bytes: self._text, list: self._list, tuple: self._tuple, dict: self._dict},
            **{set: self._set, frozenset: self._frozenset},
        }

    def whole(self, value: Any) -> bytes:
        """Give the row of a value, or say where it has none."""
        try:
            return self.run(value)
        except Exception as error:
            raise paths.explained(error, self.stack, self._culprit) from error

    def run(self, value: Any) -> bytes:
        """Give the row of a value that stands below what is on the stack."""
        below, opened = len(self.stack), self.open
        self._culprit = value
        found = opened(value)
        while True:
            if type(found) is bytes:
                if len(self.stack) == below:
                    return found
            else:
                self.stack.append(found)  # type: ignore[arg-type]
            frame = self.stack[-1]
            add = frame.add
            if type(found) is bytes:
                add(found)
            for child in frame.rest:
                self._culprit = child
                found = opened(child)
                if type(found) is not bytes:
                    break
                add(found)
            else:
                found = self._close(frame)
                self.stack.pop()

    def open(self, value: Any) -> bytes | Frame:
        """Give a value's row, or begin with its children."""
        key = id(value)
        number = self.numbers.get(key)
        if number is not None:
            return b"@" + number.to_bytes(8, "big")
        known = self.known.get(key)
        if known is not None:
            if known[:1] == _ABOVE:
                self.numbers[-1 - len(self.numbers)] = len(self.numbers)  # what holds it says so only here
            return known
        kind = type(value)
        opener = self._openers.get(kind)
        if opener is None:
            opener = self._openers[kind] = partial(self._object, self._reader_of(kind))
        return opener(value)

    def back_to(self, numbers: int, known: int) -> None:
        """Forget what was numbered and learned since there were so many of them."""
        while len(self.numbers) > numbers:
            self.numbers.popitem()
        while len(self.known) > known:
            self.known.popitem()

    # What follows numbers a value that has an identity before its children are read.

    def _number(self, value: Any) -> None:
        self.numbers[id(value)] = len(self.numbers)

    def _text(self, value: str | bytes) -> bytes:
        if len(value) <= LARGE:
            return _atom(value)
        raw = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
        row = self.known[id(value)] = b"$" + dumps(type(value).__name__, 2) + hashed(raw)
        return row

    def _list(self, value: list[Any]) -> bytes | Frame:
        self._number(value)
        return self._plain(value) or self._begun(value, *packed(value))

    def _dict(self, value: dict[Any, Any]) -> bytes | Frame:
        self._number(value)
        return self._plain(value) or self._begun(value, *packed_dict(value))

    def _set(self, value: set[Any]) -> bytes | Frame:
        self._number(value)
        row = unordered.row_of_atoms(value, _SHORT)
        if row is not None:
            return self._begun(value, row, [])
        return Frame(value, value, [], len(self.numbers), len(self.known))

    def _tuple(self, value: tuple[Any, ...]) -> bytes | Frame:
        return self._begun(value, *packed(value), fixed=True)

    def _frozenset(self, value: frozenset[Any]) -> bytes | Frame:
        row = unordered.row_of_atoms(value, _SHORT)
        if row is not None:
            return self._begun(value, row, [], fixed=True)
        return self._fixed(Frame(value, value, [], len(self.numbers), len(self.known)))

    def _object(self, reader: Reader, value: Any) -> bytes | Frame:
        found = reader(value)
        self._kept.append(found.children)
        if found.identity:
            self._number(value)
        head = b"!" + dumps(found.kind, 2) + (b"-" if found.raw is None else hashed(found.raw))
        row, holes = packed(found.children)
        return self._begun(value, head + row, holes, found, fixed=not found.identity)

    def _plain(self, value: list[Any] | dict[Any, Any]) -> bytes | None:
        found = plain_row(value, self.numbers.keys())
        if found is None:
            return None
        row, inner = found
        if self.stack:  # else nothing is left that could refer to them
            self.numbers.update(zip(inner, count(len(self.numbers)), strict=False))
        return row if len(row) <= _SHORT else hashed(row)

    def _begun(
        self, value: Any, row: bytes, holes: list[Any], found: Parts | None = None, fixed: bool = False
    ) -> bytes | Frame:
        """Begin to read what has holes; what has none is done."""
        if holes:
            frame = Frame(value, holes, bytearray(row), len(self.numbers), len(self.known), found)
            return self._fixed(frame) if fixed else frame
        if len(row) <= _SHORT:
            return row
        done = hashed(row)
        if fixed:
            self.known[id(value)] = done
        return done

    def _fixed(self, frame: Frame) -> Frame:
        frame.fixed = True
        self.known[id(frame.value)] = _ABOVE + len(self.stack).to_bytes(8, "big")
        return frame

    def _close(self, frame: Frame) -> bytes:
        rows = frame.row
        row = unordered.row_of_set(self, self._tries, frame, rows) if isinstance(rows, list) else bytes(rows)
        row = row if len(row) <= _SHORT else hashed(row)
        if frame.fixed:
            if len(self.numbers) == frame.numbers:
                self.known[id(frame.value)] = row
            else:
                del self.known[id(frame.value)]
        return row


def _atom(value: Any) -> bytes:
    row = dumps(value, 2)
    return row if len(row) <= _SHORT else hashed(row)
