"""Which mutable objects a value holds, and whether it changed: what decides if a copy means the same as the original.

A cell that ran in another process worked on copies. Its results may only come home when nobody can tell the
difference: no input was changed in place, and no result shares a mutable object with an input, since after the
journey it would share it no longer. A pickler visits every object that a value is made of, so both questions are
asked of a pickler: its bytes before and after tell a change, the identities it meets tell what is shared.

Some sharing is invisible to pickle and followed by hand: numpy views (by ``.base``), memory views, torch storages.
Some is visible but means nothing: immutable values, and the arrays within two pandas objects when pandas copies on
write (from version 3 on). Whatever is not known to be immutable counts as mutable: a false alarm costs a second run
in a thread, a missed one would cost the right result. One liberty is taken: pandas' axis indexes are regarded as
immutable, though the *name* of a shared one can be changed in place.

Rejected: comparing the values afterwards (``==`` says nothing about identity, and may raise); deep copies beforehand
(twice the memory).
"""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import hashlib
import pathlib
import pickle
import re
import sys
import types
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import cloudpickle

_IMMUTABLE = frozenset(
    {
        *(type(None), bool, int, float, complex, str, bytes, tuple, frozenset, range, slice, type(...), type),
        *(type(NotImplemented), types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.CodeType),
        *(types.MethodType, types.MethodDescriptorType, types.WrapperDescriptorType, types.GetSetDescriptorType),
        *(types.GenericAlias, types.UnionType, property, staticmethod, classmethod, pickle.PickleBuffer),
        *(datetime.date, datetime.datetime, datetime.time, datetime.timedelta, datetime.timezone, uuid.UUID),
        *(decimal.Decimal, fractions.Fraction, re.Pattern),
    }
)
_FUNCTIONS = ("cython_function_or_method", "fused_cython_function", "_ArrayFunctionDispatcher")
"""Types of compiled functions; each extension module may have its own type of that name."""
_IMMUTABLE_BASES = (type, enum.Enum, pathlib.PurePath)


class Census:
    """The mutable objects that were met, each with the name it was first met under.

    Parameters
    ----------
    namespace
        The globals of the notebook's functions, which are not part of a function's content: they are visited by
        their own names.

    Examples
    --------
    >>> row = [1]
    >>> before, after = Census(), Census()
    >>> _ = before.scan({"row": row, "n": 5}), after.scan({"other": (row, 5)})
    >>> after.shared_with(before)
    ('other', 'row', 'list')
    """

    def __init__(self, namespace: dict[str, Any] | None = None) -> None:
        self.namespace = namespace
        self._owners: dict[int, tuple[str, Any]] = {}  # holds the object too: a freed one would lend its id to another
        self._storages: dict[int, str] = {}
        self._harmless: dict[int, Any] = {}
        self._memory: dict[int, dict[int, Any]] = {}
        self.overlap = ""
        """The first name under which an array was met that shares its memory with another; copies would not."""
        self.name = ""

    def note(self, item: Any) -> None:
        """Take note of one object."""
        kind = type(item)
        if kind in _IMMUTABLE or kind.__name__ in _FUNCTIONS or isinstance(item, _IMMUTABLE_BASES):
            return
        module = kind.__module__.partition(".")[0]
        if is_array(item):
            self._note_array(item)
            return
        if module == "numpy" and _is_numpy_constant(item):
            return
        if module == "pandas" and not _is_frame(item):
            return
        self._owners.setdefault(id(item), (self.name, item))
        if module == "torch" and hasattr(item, "untyped_storage"):
            self._storages.setdefault(item.untyped_storage().data_ptr(), self.name)

    def _note_array(self, item: Any) -> None:
        parts = list(with_bases(item))
        for part in parts:
            self._owners.setdefault(id(part), (self.name, part))
        lenders = self._memory.setdefault(id(parts[-1]), {})
        if id(item) in lenders:
            return
        may_share = sys.modules["numpy"].may_share_memory
        for other, array in lenders.items():
            harmless = id(item) in self._harmless and other in self._harmless
            if not harmless and may_share(array, item):
                self.overlap = self.overlap or self.name
        lenders[id(item)] = item

    def note_reduced(self, item: Any, reduced: Any) -> None:
        """Take note of what a pandas object is made of: those arrays are nobody else's to change."""
        state = reduced[2] if isinstance(reduced, tuple) and len(reduced) > 2 else None
        if isinstance(state, dict) and "_metadata" in state:  # an attribute of the class, in every frame's state
            self._harmless[id(state["_metadata"])] = state["_metadata"]
        if _copies_on_write():
            for array in _arrays(reduced, depth=4):
                for part in with_bases(array):
                    self._harmless[id(part)] = part

    def scan(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Visit every object of some named values.

        Returns
        -------
        dict
            For each name a digest of its content and of all before it.

        Raises
        ------
        Exception
            Whatever a value raises that does not pickle; :attr:`name` is its name.
        """
        digest = _Digest()
        pickler = _Visitor(digest, self)
        digests = {}
        for self.name, value in values.items():
            pickler.dump(value)
            digests[self.name] = digest.hexdigest()
        return digests

    def meet(self, values: Mapping[str, Any]) -> None:
        """Visit every object of some named values, and tell nothing of their content: large arrays cost nothing.

        Raises
        ------
        Exception
            As :meth:`scan` does.
        """
        pickler = _Visitor(_Nowhere(), self, buffer_callback=_left_out)
        for self.name, value in values.items():
            pickler.dump(value)

    def shared_with(self, earlier: Census) -> tuple[str, str, str] | None:
        """The first object that both hold: its name here, its name there, its type; ``None`` when there is none."""
        for key, (name, item) in self._owners.items():
            if key not in earlier._owners:
                continue
            if key in self._harmless and key in earlier._harmless:
                continue
            return name, earlier._owners[key][0], type(item).__name__
        for storage, name in self._storages.items():
            if storage in earlier._storages:
                return name, earlier._storages[storage], "tensor"
        return None


class _Digest:
    """A file that keeps only the hash of what was written."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)

    def write(self, data: Any) -> int:
        self._hash.update(data)
        return memoryview(data).nbytes  # a large array comes as a buffer, which has no length

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


class _Nowhere:
    """A file that keeps nothing."""

    def write(self, data: Any) -> int:
        return memoryview(data).nbytes


def _left_out(_: pickle.PickleBuffer) -> None:
    """Leave the content of a buffer out of what is pickled."""


class _Visitor(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles, and tells a census of everything it meets."""

    def __init__(self, file: Any, census: Census, buffer_callback: Any = None) -> None:
        super().__init__(file, protocol=5, buffer_callback=buffer_callback)
        self._census = census

    def persistent_id(self, item: Any) -> None:
        """Called by pickle for every object, those that it has seen before included."""
        self._census.note(item)

    def reducer_override(self, item: Any) -> Any:
        """Called by pickle for every object that it has no short form for."""
        if isinstance(item, types.FunctionType) and item.__globals__ is self._census.namespace:
            content = (item.__defaults__, item.__kwdefaults__, item.__closure__, item.__dict__, item.__annotations__)
            return _function, (item.__code__, item.__qualname__, *content)
        reduced = reduce_pandas(item, self._census)
        if reduced is not NotImplemented:
            return reduced
        reduced = super().reducer_override(item)
        if isinstance(item, type) and isinstance(reduced, tuple) and len(reduced) > 2:
            reduced[2][0].pop("__slotnames__", None)  # copyreg's note on a class whose instance has been pickled
        return reduced


def _function(*content: Any) -> None:
    """Stands in a digest for a function; never called, since digests are not unpickled."""


def reduce_pandas(item: Any, census: Census) -> Any:
    """A pandas object's pickled form, noted; ``NotImplemented`` for anything else."""
    if isinstance(item, type) or type(item).__module__.partition(".")[0] != "pandas":
        return NotImplemented
    reduced = item.__reduce_ex__(5)
    census.note_reduced(item, reduced)
    return reduced


def with_bases(item: Any) -> Iterator[Any]:
    """An array and whatever lends it its memory, unless that is immutable."""
    while item is not None and type(item) is not bytes:
        yield item
        item = item.obj if isinstance(item, memoryview) else getattr(item, "base", None) if is_array(item) else None


def _arrays(value: Any, depth: int) -> Iterator[Any]:
    if is_array(value):
        yield value
    elif depth and isinstance(value, tuple | list):
        for item in value:
            yield from _arrays(item, depth - 1)
    elif depth and isinstance(value, dict):
        for item in value.values():
            yield from _arrays(item, depth - 1)


def is_array(item: Any) -> bool:
    """Whether this is a numpy array; without importing numpy."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(item, numpy.ndarray)


def _is_numpy_constant(item: Any) -> bool:
    numpy = sys.modules["numpy"]
    return isinstance(item, numpy.generic | numpy.dtype | numpy.ufunc)


def _is_frame(item: Any) -> bool:
    """Whether a pandas object can be changed in place: a frame or series, and before version 3 all of them."""
    return not _copies_on_write() or any(base.__name__ == "NDFrame" for base in type(item).__mro__)


def _copies_on_write() -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and int(pandas.__version__.partition(".")[0]) >= 3
