"""A digest of as much of a value as a budget allows, always the same part: enough to notice that it was changed.

Two looks at a value with one budget walk the same way and stop at the same place, so different digests mean a change;
equal ones mean none within what was looked at. Of long sequences both ends are looked at and places between, of large
arrays all bytes while the budget lasts, else pieces spread evenly. Nothing of the user's code is called: no ``__eq__``,
``__repr__``, property or ``__reduce__``, since looking must not be a change itself.

:func:`orchestra_nb.cells.fingerprint.fingerprint` says whether two values are equal, at any cost, and in every process;
here the value is the same object and the cost is bounded. What a library keeps for itself is left out (cached
properties, fields whose name speaks of a cache): to fill a cache is no change that anybody could see.
"""

from __future__ import annotations

import types
from array import array
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from itertools import islice
from typing import Any
from zlib import crc32

_PER_UNIT = 2_000
"""Bytes of an array that cost as much as looking at one object."""
_PIECES = 64
"""Of an array that is too large, how many pieces are looked at."""
_PLAIN = (int, float, complex, bool, type(None), type(Ellipsis), range, slice)
_IMMUTABLE = (*_PLAIN, str, bytes, types.ModuleType, types.BuiltinFunctionType, types.CodeType, type)
_SEQUENCES = (list, tuple, deque, set, frozenset)
_MAPPINGS = (dict, defaultdict, OrderedDict)
_END = 8


def can_change(value: object) -> bool:
    """Whether it makes sense to watch a value at all.

    Examples
    --------
    >>> can_change([1]), can_change("text"), can_change(print)
    (True, False, False)
    """
    return not isinstance(value, _IMMUTABLE) or (isinstance(value, type) and value.__module__ == "__main__")


def sample(value: object, units: int) -> tuple[int, int]:
    """Digest a part of a value.

    Parameters
    ----------
    value
        Anything.
    units
        How many objects to look at; a unit of an array is 2,000 bytes.

    Returns
    -------
    int, int
        The digest, and how many units it took.

    Examples
    --------
    >>> held = {"a": [1, 2, 3]}
    >>> before = sample(held, 100)
    >>> held["a"].append(4)
    >>> sample(held, 100) == before
    False
    """
    walk = _Walk(units)
    walk.visit(value)
    return walk.digest, units - walk.left


class _Walk:
    def __init__(self, units: int) -> None:
        self.left = units
        self.digest = 0
        self._seen: dict[int, int] = {}
        self._alive: list[object] = []
        """Temporaries whose ids are in ``_seen`` must live as long as the walk."""

    def _note(self, *parts: object) -> None:
        self.digest = crc32(repr(parts).encode(errors="surrogatepass"), self.digest)

    def visit(self, value: object) -> None:
        todo: list[object] = [value]
        while todo and self.left > 0:
            item = todo.pop()
            self.left -= 1
            kind = type(item)
            if kind in _PLAIN:
                self._note(item)
            elif kind in (str, bytes):
                self._note(len(item), hash(item))  # type: ignore[arg-type]  # kept by the object itself
            elif id(item) in self._seen:
                self._note("again", self._seen[id(item)])
            else:
                self._seen[id(item)] = len(self._seen)
                self._alive.append(item)
                todo += self._parts(item)

    def _parts(self, item: Any) -> list[object]:
        """Note what an object is, and say what is in it."""
        kind = type(item)
        if _is_plainly(kind, _SEQUENCES):
            self._note(kind.__name__, len(item))
            return list(_spread(item, len(item), self.left))
        if _is_plainly(kind, _MAPPINGS):
            self._note(kind.__name__, len(item))
            return [part for pair in _spread(dict.items(item), len(item), self.left // 2) for part in pair]
        if isinstance(item, bytearray | memoryview | array):
            self._bytes(memoryview(item))
            return []
        found = _parts_of_library(self, item)
        if found is not None:
            return found
        self._note(kind.__qualname__)
        return [part for pair in islice(_fields(item).items(), self.left) for part in pair]

    def _bytes(self, raw: memoryview) -> None:
        size = raw.nbytes
        if not raw.c_contiguous or not size:
            self._note(size)
            return
        flat = raw.cast("B")
        cost = size // _PER_UNIT
        if cost <= self.left:
            self.left -= cost
            self.digest = crc32(flat, self.digest)
            return
        piece = max(64, self.left * _PER_UNIT // _PIECES)
        self.left = 0
        for number in range(_PIECES):
            start = (size - piece) * number // (_PIECES - 1)
            self.digest = crc32(flat[start : start + piece], self.digest)

    def array(self, item: Any) -> list[object]:
        """Note a numpy array; objects in it are its parts."""
        self._note("array", item.shape, item.strides, str(item.dtype), item.flags.writeable)
        if item.dtype.hasobject:
            return list(_spread(item.ravel().tolist() if item.size <= self.left else (), item.size, self.left))
        if item.flags.c_contiguous and item.size:
            self._bytes(memoryview(item.reshape(-1).view("u1")))
        elif item.size and item.nbytes // _PER_UNIT <= self.left:
            self._bytes(memoryview(item.copy(order="C").reshape(-1).view("u1")))
        return []


def _is_plainly(kind: type, bases: tuple[type, ...]) -> bool:
    """Whether it is one of these containers and looks its content up as they do; its own ways would run its code."""
    ways = ("__iter__", "__len__", "__getitem__")
    return any(
        issubclass(kind, base) and all(getattr(kind, way, None) is getattr(base, way, None) for way in ways)
        for base in bases
    )


def _spread(items: Iterable[Any], length: int, most: int) -> Iterator[Any]:
    """As many elements as are allowed: all, or both ends and what lies evenly between."""
    if length <= most or not isinstance(items, list | tuple):
        yield from islice(items, most)
        return
    ends = min(_END, most // 2)
    yield from items[:ends]
    yield from items[length - ends :] if ends else ()
    step = max(1, (length - 2 * ends) // max(1, most - 2 * ends))
    yield from islice(items[ends : length - ends : step], max(0, most - 2 * ends))


def _fields(item: object) -> dict[str, Any]:
    """The attributes that an object itself holds, without asking it."""
    held: dict[str, Any] = {}
    if not any(cls.__module__ == "_io" for cls in type(item).__mro__):  # a stream makes one on being asked, which shows
        with suppress(AttributeError, TypeError):
            held.update(object.__getattribute__(item, "__dict__"))
    for cls in type(item).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else tuple(slots):
            member = cls.__dict__.get(name)
            if isinstance(member, types.MemberDescriptorType):
                with suppress(AttributeError):
                    held[name] = member.__get__(item)
    held.pop("__slotnames__", None)  # pickle's own note on a class whose instance it has met
    kept = (name for name in held if "cache" in name or isinstance(_of_class(item, name), cached_property))
    for name in tuple(kept):
        del held[name]
    return held


def _of_class(item: object, name: str) -> object:
    return next((cls.__dict__[name] for cls in type(item).__mro__ if name in cls.__dict__), None)


def _parts_of_library(walk: _Walk, item: Any) -> list[object] | None:
    """What is in an object of numpy or pandas; ``None`` for any other."""
    for cls in type(item).__mro__:
        name = f"{cls.__module__.partition('.')[0]}.{cls.__name__}"
        if name == "numpy.ndarray":
            return walk.array(item)
        if name in ("pandas.DataFrame", "pandas.Series", "pandas.Index"):
            try:
                return _parts_of_pandas(item, name)
            except AttributeError:  # another version keeps its values elsewhere: then only the type is seen
                return [name]
    return None


def _parts_of_pandas(item: Any, name: str) -> list[object]:
    if name == "pandas.Index":
        return [*_stored(item._data), list(item.names)]
    axes = [item.index, item.columns] if name == "pandas.DataFrame" else [item.index, item.name]
    return [*axes, item.attrs, *(part for block in item._mgr.blocks for part in _stored(block.values))]


def _stored(values: Any) -> list[object]:
    """What a column's values are made of: an array, or an extension array's parts."""
    arrow = getattr(values, "_pa_array", None)
    if arrow is not None:
        return [len(values), *(buffer for chunk in arrow.chunks for buffer in map(_raw, chunk.buffers()))]
    inner = getattr(values, "_ndarray", None)
    return [values] if inner is None else [inner, *_stored_categories(values)]


def _stored_categories(values: Any) -> list[object]:
    categories = getattr(values.dtype, "categories", None)
    return [] if categories is None else [categories]


def _raw(buffer: Any) -> object:
    return None if buffer is None else memoryview(buffer)
