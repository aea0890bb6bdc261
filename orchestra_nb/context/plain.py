"""A whole value of nothing but Python's own lists, dicts, tuples and atoms as one row, without a loop over its parts.

Most of what travels between cells as configuration or as records is of this kind, often a million small containers of
which each would cost two microseconds. :mod:`marshal` writes all of it at once; what it does not know or does wrong is
excluded first, a level at a time: all children of a level are put into one list, and one pass over their classes says
whether there is anything else among them (a subclass, an array, a set) and which of them are containers.

Plain is a list or a dict with containers in it, all of them lists, dicts with atoms as keys, and tuples of atoms; at
most :data:`_LEVELS` levels and :data:`_MOST` elements in all; and no list or dict in two places, for sharing counts and
marshal does not see it. That is a matter of content alone, so that equal values take the same way. Tuples have no
identity, and one may be in many places; tuples of tuples are left out, for they can share their parts until nothing is
large enough to write them out. The limit on levels bounds what it costs to ask: each container of what is not plain is
asked again. Rejected: :func:`gc.get_referents` to find the children, a fifth faster: for the attributes of an object it
finds none where Python keeps them in the object.
"""

from __future__ import annotations

from collections.abc import Iterator, KeysView
from itertools import chain
from marshal import dumps
from sys import getrefcount
from typing import Any

from orchestra_nb.context.packing import ATOMS

_LEVELS = 10
_MOST = 1 << 22
_PLAIN = frozenset({list, tuple, dict})
_TUPLES = frozenset({tuple})
_are_atoms = ATOMS.issuperset
_ALONE = 1 + max(map(getrefcount, chain.from_iterable([[object()]])))
"""References to something that one container holds, and one of our lists: what is in two places has more."""


def plain_row(value: list[Any] | dict[Any, Any], numbered: KeysView[int]) -> tuple[bytes, Iterator[int]] | None:
    """Write down a list or a dict that is plain.

    Parameters
    ----------
    value
        The container.
    numbered
        The ``id`` of everything that was met before.

    Returns
    -------
    tuple or None
        The row, and the ``id`` of each list and dict within; ``None`` for what is not plain, or holds atoms only.

    Examples
    --------
    >>> plain_row([[1]], {}.keys()) is not None, plain_row([{1}], {}.keys()), plain_row([1], {}.keys())
    (True, None, None)
    >>> one = []
    >>> plain_row([one, one], {}.keys())
    """
    level: list[Any] = [value]
    levels: list[list[Any]] = []
    size, tuples = 0, False
    for _ in range(_LEVELS):
        size += sum(map(len, level))
        children = _children(level) if size <= _MOST else None
        if children is None:
            return None
        rest = [child for child in children if type(child) not in ATOMS]
        kinds = set(map(type, rest))
        if not kinds <= _PLAIN:
            return None
        if tuple in kinds:
            tuples = True
            within = [child for child in rest if type(child) is tuple]
            size += sum(map(len, within))
            if size > _MOST or not _are_atoms(map(type, chain.from_iterable(within))):
                return None
        if kinds <= _TUPLES:
            return _written(value, levels, numbered) if levels or tuples else None
        level = [child for child in rest if type(child) is not tuple] if tuple in kinds else rest
        levels.append(level)
    return None


def _children(level: list[Any]) -> list[Any] | None:
    """Put together what lists and dicts hold; ``None`` where some key is no atom."""
    dicts = [one for one in level if type(one) is dict]
    if not _are_atoms(map(type, chain.from_iterable(dicts))):
        return None
    held = level if not dicts else [one for one in level if type(one) is list]
    return [*chain.from_iterable(held), *chain.from_iterable(map(dict.values, dicts))]


def _written(value: Any, levels: list[list[Any]], numbered: KeysView[int]) -> tuple[bytes, Iterator[int]] | None:
    if max(map(getrefcount, chain.from_iterable(levels)), default=0) > _ALONE:  # somebody else has one of them
        unique = set(map(id, chain.from_iterable(levels)))
        if len(unique) < sum(map(len, levels)) or id(value) in unique or not unique.isdisjoint(numbered):
            return None
    try:
        return dumps(value, 2), map(id, chain.from_iterable(levels))
    except ValueError:  # a text of 2 GB and more
        return None
