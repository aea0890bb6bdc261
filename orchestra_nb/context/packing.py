"""A container of Python's own as one row of bytes, with a hole for each element that is no atom.

Atoms are what :mod:`marshal` writes exactly, by class and value: ``None``, bools, ints, floats, complex numbers, texts,
bytes and the ellipsis, of exactly these classes. Version 2 of its format has neither references nor interned texts, so
that what it writes depends on the value alone; it has not changed since Python 3.0, and the tests hold it to that. All
rows end where they say themselves, so that rows in a row can be told apart.

A long container is cut into slices, so that no second copy of it comes to be in memory: its row is ``*``, its length
and the hashes of its slices. Long texts are holes too, if the row grew long: they are hashed where they stand. The
first of these rules that holds is the content's own doing, so that equal content has equal rows.

A dict goes as it is if its keys are atoms, else as ``D`` and the row of all its keys and values in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain, islice
from marshal import dumps
from typing import Any

from orchestra_nb.context.merkle import LEAF, hashed

ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes, type(...)})
SLICE = 1 << 16
"""Elements."""
LARGE = 1 << 16
"""Characters or bytes beyond which a text may become a hole."""
_USUAL = 256
"""Bytes for each element of a long row in which no text is looked for that is large."""
_HOLE = StopIteration
"""Something that marshal can write and that is no atom."""
_are_atoms = ATOMS.issuperset

Packed = tuple[bytes, list[Any]]


def packed(values: list[Any] | tuple[Any, ...]) -> Packed:
    r"""Write down a list or a tuple.

    Returns
    -------
    tuple
        The row, and what belongs into its holes.

    Examples
    --------
    >>> packed([1, [2]])
    (b'[\x02\x00\x00\x00i\x01\x00\x00\x00S', [[2]])
    """
    if len(values) <= SLICE:
        return _slice_packed(values)
    return _sliced(len(values), (_slice_packed(values[at : at + SLICE]) for at in range(0, len(values), SLICE)))


def packed_dict(value: dict[Any, Any]) -> Packed:
    r"""Write down a dict, in its order.

    Examples
    --------
    >>> packed_dict({1: []}), packed_dict({(): 1})
    ((b'{i\x01\x00\x00\x00S0', [[]]), (b'D(\x02\x00\x00\x00Si\x01\x00\x00\x00', [()]))
    """
    if not _are_atoms(map(type, value)):
        row, holes = packed(tuple(chain.from_iterable(value.items())))
        return b"D" + row, holes
    if len(value) <= SLICE:
        return _dict_packed(value)
    items = iter(value.items())
    slices = (dict(islice(items, SLICE)) for _ in range(0, len(value), SLICE))
    return _sliced(len(value), map(_dict_packed, slices))


def _sliced(length: int, slices: Iterable[Packed]) -> Packed:
    row = bytearray(b"*" + length.to_bytes(8, "big"))
    holes: list[Any] = []
    for part, of_part in slices:
        row += hashed(part)
        holes += of_part
    return bytes(row), holes


def _slice_packed(values: list[Any] | tuple[Any, ...]) -> Packed:
    if _are_atoms(map(type, values)):
        row = _written(values)
        if row is not None:
            return row, []
    else:
        row = _written(_with_holes(values, _is_atom))
        if row is not None:
            return row, [value for value in values if type(value) not in ATOMS]
    row = dumps(_with_holes(values, _is_small), 2)
    return row, [value for value in values if not _is_small(value)]


def _dict_packed(value: dict[Any, Any]) -> Packed:
    if _are_atoms(map(type, value.values())):
        row = _written(value)
        if row is not None:
            return row, []
    else:
        row = _written({key: item if type(item) in ATOMS else _HOLE for key, item in value.items()})
        if row is not None:
            return row, [item for item in value.values() if type(item) not in ATOMS]
    row = dumps({key: item if _is_small(item) else _HOLE for key, item in value.items()}, 2)
    return row, [item for item in value.values() if not _is_small(item)]


def _with_holes(values: list[Any] | tuple[Any, ...], stays: Callable[[Any], bool]) -> Any:
    return type(values)([value if stays(value) else _HOLE for value in values])


def _written(values: Any) -> bytes | None:
    """Write what marshal can write; ``None`` where that is long for so many elements, as some text of it may be."""
    try:
        row = dumps(values, 2)
    except ValueError:  # a text of 2 GB and more
        return None
    return row if len(row) <= max(LEAF, _USUAL * len(values)) else None


def _is_atom(value: Any) -> bool:
    return type(value) in ATOMS


def _is_small(value: Any) -> bool:
    kind = type(value)
    return kind in ATOMS and not ((kind is str or kind is bytes) and len(value) > LARGE)
