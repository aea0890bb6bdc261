"""The row of a set: its elements' rows, sorted, for its own order is salted and says nothing.

Nearly always the rows of the elements do not depend on who was read first, and then sorting them is all. They do where
elements hold things that are numbered as they are met (a set of objects, or of tuples of objects). Then each element is
read as if it were the first, and what was numbered is forgotten again; sorted by these rows, all are read once more and
for good. An element that refers to something above the set is fine: that has its number already.

Failure: :class:`~.parts.CannotTell`. Two elements with equal content that only their identity tells apart have no
order, and which of them some other part of the value refers to could not be told. Sets within elements of such sets are
read again and again, and to sort out any knot of them is the problem of graph isomorphism: beyond :data:`_DEEP` levels
or :data:`_MOST` tries there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise, repeat
from marshal import dumps
from typing import Any, Protocol

from orchestra_nb.context.packing import ATOMS
from orchestra_nb.context.parts import CannotTell, Parts

_DEEP = 6
_MOST = 100_000
_KNOT = (
    "a set of things that hold such sets in turn, too many of them to be brought into an order; use a list or a dict"
)


class Frame:
    """A value whose children are being read.

    Parameters
    ----------
    value
        The value.
    rest
        Children that still have no row.
    row
        Bytes that grow; for a set, the rows of its elements.
    numbers, known
        How many things had a number, and how many were known, when its first child was read.
    parts
        What it was taken apart into.
    """

    __slots__ = ("add", "fixed", "known", "numbers", "parts", "rest", "row", "value")

    def __init__(
        self,
        value: Any,
        rest: Iterable[Any],
        row: bytearray | list[bytes],
        numbers: int,
        known: int,
        parts: Parts | None = None,
    ) -> None:
        self.value = value
        self.rest = iter(rest)
        self.row = row
        self.numbers = numbers
        self.known = known
        self.parts = parts
        self.add: Callable[[bytes], Any] = row.append if isinstance(row, list) else row.extend
        self.fixed = False
        """Whether it has no identity."""


class Walk(Protocol):
    """Who reads values, as far as a set needs it."""

    numbers: dict[int, int]

    def run(self, value: Any) -> bytes:
        """Give a value's row."""

    def back_to(self, numbers: int, known: int) -> None:
        """Forget what was numbered and learned since there were so many of them."""


class Tries:
    """How much was read only to find an order."""

    def __init__(self) -> None:
        self.depth = 0
        self.count = 0


def row_of_atoms(atoms: set[Any] | frozenset[Any], longest: int) -> bytes | None:
    r"""Give the row of a set of atoms at once; ``None`` where one is none, or has a row of more than so many bytes.

    Examples
    --------
    >>> row_of_atoms({True}, 64), row_of_atoms({()}, 64), row_of_atoms({"a" * 60}, 64)
    (b'Us\x00\x00\x00\x00\x00\x00\x00\x01T', None, None)
    """
    if not ATOMS.issuperset(map(type, atoms)):
        return None
    try:
        rows = sorted(map(dumps, atoms, repeat(2)))
    except ValueError:  # a text of 2 GB and more
        return None
    return _joined(atoms, rows) if max(map(len, rows), default=0) <= longest else None


def row_of_set(walk: Walk, tries: Tries, frame: Frame, rows: list[bytes]) -> bytes:
    """Give the row of a set whose elements have been read.

    Raises
    ------
    CannotTell
        They cannot be brought into an order.
    """
    if len(walk.numbers) == frame.numbers:
        rows = sorted(rows)
    else:
        rows = [walk.run(element) for element in _in_order(walk, tries, frame)]
    return _joined(frame.value, rows)


def _joined(value: Any, rows: list[bytes]) -> bytes:
    kind = b"Uf" if isinstance(value, frozenset) else b"Us"
    return kind + len(rows).to_bytes(8, "big") + b"".join(rows)


def _in_order(walk: Walk, tries: Tries, frame: Frame) -> list[Any]:
    known = frame.known + frame.fixed
    if tries.depth == _DEEP:
        raise CannotTell(_KNOT)
    tries.depth += 1
    found = []
    walk.back_to(frame.numbers, known)
    for element in frame.value:
        tries.count += tries.depth > 1
        if tries.count > _MOST:
            raise CannotTell(_KNOT)
        row = walk.run(element)
        found.append((row, len(walk.numbers) > frame.numbers, element))
        walk.back_to(frame.numbers, known)
    tries.depth -= 1
    found.sort(key=lambda one: one[0])
    for (row, numbers, _), (after, _, _) in pairwise(found):
        if numbers and row == after:
            raise CannotTell("a set with two elements that have the same content, and are told apart by identity alone")
    return [element for _, _, element in found]
