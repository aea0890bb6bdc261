"""How many bytes letting go of a value would free, as far as that can be known: what the cache counts.

Everything that a value holds counts once, by identity: a buffer of which there are ten views, a block that several
columns share, a text that stands in a thousand lists. A view counts with what it keeps alive, and a base that it does
not hold does not count. What belongs to nobody counts nothing: classes, functions, modules, code, members of
enumerations, small numbers and single characters; nor does a weak reference count with its object, or a file that is
mapped into memory. What a value shares with the rest of the program does count, for who holds it cannot be asked.

What an object holds is what the garbage collector sees (:func:`gc.get_referents`), which asks the object nothing, makes
no dict of its attributes, and sees through what is written in C; but for numpy, arrow and polars, which it does not see
into (:mod:`.array_sizes`). What something takes itself is its C code's ``__sizeof__``. One that is written in Python is
not called: it may say anything.

Bounded: of a container of more than :data:`MANY` elements, :data:`SAMPLE` are looked at, always the same ones for one
length, and stand for the others. There, what is in several places counts in parts, by its number of references, so that
one text in all places is still one text; what others hold as well counts less than it would outside of such a sample.
The relative standard error is the coefficient of variation of the elements' sizes over the square root of
:data:`SAMPLE`: 1 % where sizes spread as much as they are large. After :data:`_PATIENCE` objects containers of more
than a hundredth of :data:`MANY` are sampled too, with an error ten times as large.

Never raises: what cannot be looked at counts by its class.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from enum import Enum
from functools import partial
from gc import get_referents
from logging import Logger
from random import Random
from sys import getrefcount, getsizeof
from types import (
    BuiltinFunctionType,
    CodeType,
    FrameType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    ModuleType,
    TracebackType,
    WrapperDescriptorType,
)
from typing import Any
from weakref import ref

from orchestra_nb.context import array_sizes

MANY = 100_000
SAMPLE = 10_000
_PATIENCE = 1_000_000
_NOBODYS = (
    *(type, ModuleType, Enum, Logger, ref, FunctionType, BuiltinFunctionType, CodeType, FrameType, TracebackType),
    *(MethodDescriptorType, WrapperDescriptorType, GetSetDescriptorType, MemberDescriptorType),
    *(type(None), bool, type(...), type(NotImplemented)),
)
_SMALL_INTS = range(-5, 257)
_COLLECTED = 1 << 14
"""Py_TPFLAGS_HAVE_GC"""
_OWN_DICT = 1 << 4
"""Py_TPFLAGS_MANAGED_DICT: attributes stand in a row without a dict, until somebody asks for one."""
_HEAD = 16
_ONE_OWNER = 1 + max(map(getrefcount, [object()]))
"""References to something that has one owner and stands in one list of ours."""

Own = Callable[[Any], int]


def size_of(value: Any) -> int:
    """Say how many bytes letting go of a value would free.

    Parameters
    ----------
    value
        Anything; it is not changed, and nothing of its own code runs.

    Returns
    -------
    int
        Bytes.

    Examples
    --------
    >>> size_of(None), size_of(len), size_of(bytes(1000)) == sys.getsizeof(bytes(1000))
    (0, 0, True)
    >>> text = "x" * 10_000
    >>> size_of([text, text]) < 1.1 * size_of(text)
    True
    """
    return round(_Sizing().whole(value))


class _Sizing:
    """Measures one value."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._own: dict[int, Own | None] = {}
        """What measures the values of a class, by its ``id``: how a class compares is its own code."""
        self._many, self._sample = MANY, SAMPLE

    def whole(self, value: Any) -> float:
        """Count everything once."""
        total, todo, seen = 0.0, [value], self._seen
        while todo:
            one = todo.pop()
            own = self._own_of(one)
            if own is None or id(one) in seen:
                continue
            seen.add(id(one))
            if len(seen) == _PATIENCE:
                self._many, self._sample = MANY // 100, SAMPLE // 100
            total += own(one)
            held = _held(one)
            if len(held) > self._many:
                total += self._sampled(one, held)
            else:
                todo += held
        return total

    def _sampled(self, holder: Any, held: Any) -> float:
        """Look at some elements for all of them."""
        places = sorted(Random(len(held)).sample(range(len(held)), self._sample))
        owners = _owners([held[place] for place in places], also=held is not holder)
        total = sum(self._part(one) / count for one, count in owners)
        return total * len(held) / len(places)

    def _part(self, value: Any) -> float:
        """Count what an element holds; what has several owners in parts."""
        total = 0.0
        todo, seen = [(value, 1.0)], set[int]()
        while todo:
            one, weight = todo.pop()
            own = self._own_of(one)
            if own is None or id(one) in seen or id(one) in self._seen:
                continue
            total += weight * own(one)
            held = _held(one)
            if not held:  # it ends no circle, and each of its places counts a part of it
                continue
            seen.add(id(one))
            if len(held) > self._many:
                total += weight * self._sampled(one, held)
            else:
                todo += [(child, weight / count) for child, count in _owners(held, also=False, of=one)]
        return total

    def _own_of(self, value: Any) -> Own | None:
        """Find what measures something alone; ``None`` for what is nobody's."""
        cls = type(value)
        if cls is int and value in _SMALL_INTS:
            return None
        if (cls is str or cls is bytes) and len(value) < 2 and (not value or ord(value) < 256):
            return None
        if (cls is tuple or cls is frozenset) and not value:
            return None
        try:
            return self._own[id(cls)]
        except KeyError:
            self._own[id(cls)] = own = _own_of_class(cls)
            return own


def _held(value: Any) -> Any:
    """Give what something holds, as a sequence."""
    cls = type(value)
    try:
        if cls is list or cls is tuple:
            return value
        if cls is dict:
            return [*value.keys(), *value.values()]
        if cls is set or cls is frozenset or cls is deque:
            return list(value)
        if issubclass(cls, dict):  # of keys that are texts the collector knows that they hold nothing, and skips them
            return [*get_referents(value), *(key for key in dict.keys(value) if type(key) is str)]
        found = array_sizes.held(value)
        return get_referents(value) if found is None else found
    except Exception:
        return ()


def _owners(listed: Any, also: bool, of: Any = None) -> list[tuple[Any, int]]:
    """Say of each thing in a list of ours how many owners it has.

    Parameters
    ----------
    listed
        The things; if this is what holds them itself, they are listed here.
    also
        Whether they stand in one more list of ours.
    of
        What holds them.
    """
    if listed is of:
        listed = list(listed)
    counts = list(map(getrefcount, listed))  # first, for while they are handed on they have one reference more
    return [(one, max(1, count - also - _ONE_OWNER + 1)) for one, count in zip(listed, counts, strict=True)]


def _own_of_class(cls: type) -> Own | None:
    """Find what measures the values of a class alone: C code, and no method that somebody wrote."""
    if issubclass(cls, _NOBODYS):
        return None
    measure, foreign = _measure_in_c(cls)
    flags = type.__getattribute__(cls, "__flags__")
    head = _HEAD if flags & _COLLECTED else 0
    if flags & _OWN_DICT:
        return partial(_with_attributes, measure, head + _HEAD)
    return partial(_measured, (lambda value: measure(value) + head) if foreign else getsizeof)


def _measure_in_c(cls: type) -> tuple[Callable[[Any], int], bool]:
    """Find the nearest ``__sizeof__`` that is not written in Python, and whether one that is was passed over."""
    passed = False
    for base in type.__getattribute__(cls, "__mro__"):
        found = type.__getattribute__(base, "__dict__").get("__sizeof__")
        if isinstance(found, MethodDescriptorType):
            return found, passed
        passed = passed or found is not None
    return object.__sizeof__, passed


def _measured(measure: Own, value: Any) -> int:
    try:
        return measure(value) + array_sizes.beside(value)
    except Exception:
        return int(type.__getattribute__(type(value), "__basicsize__"))


def _with_attributes(measure: Own, head: int, value: Any) -> int:
    """Measure an object whose attributes stand in a row that nobody else counts, and nobody can see.

    The row has a place for each attribute and one more, and a byte for each (``Objects/dictobject.c``); since 3.13 it
    is a part of the object, and what a dict of its attributes takes cannot be seen.
    """
    held = get_referents(value)
    size = _measured(measure, value) + head
    if len(held) == 2 and type(held[0]) is dict:  # the dict, which somebody asked for, and the class
        return size
    places = len(held) - 1
    row = 8 * (places + 1) + ((places + 10) & ~7) + (8 if sys.version_info >= (3, 13) else 0)
    return size + row if places > 0 else size
