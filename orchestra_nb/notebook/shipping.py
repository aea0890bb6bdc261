"""What travels between the notebook and a worker process: a cell's inputs there, its results back.

Inputs go in one pickle, so that what is shared between them stays shared. Functions and classes of the notebook go by
value, and all of them get the *worker's namespace* as their globals, the very dictionary that the cell runs in; so
a function called by the cell sees what the cell has just bound. Results come back in one pickle too, by the strict
pickler: a function or class of the notebook travels by its name when it was an input, and is refused when the cell made
it, because its globals would stay behind.

Failure: everything that cannot make the journey with its meaning intact is a :class:`NotShippable` with one line that
names the variable. Rejected: joblib's memmapping of inputs, since a read-only array is not what a linear run gives.
"""

from __future__ import annotations

import importlib
import io
import pickle
import sys
import types
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import cloudpickle

from orchestra_nb.notebook.closed_files import reduce_closed
from orchestra_nb.running.census import Census, is_array, reduce_pandas


class NotShippable(Exception):
    """Something cannot travel; the text says what and why, in one line."""


class WorkerNamespace(dict[str, Any]):
    """Stands for the notebook's namespace in a parcel; arrives as the globals of a new ``__main__``."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (_new_main, ())


def reduce_array(item: Any, name: str) -> Any:
    """The pickled form of a numpy array or dtype; ``NotImplemented`` for what is none, or has a form of its own.

    Pickle itself would bring an array home that does not own its memory, and would quietly straighten the layout of a
    strided one, which is enough to change the last digits of a sum. It would also give the array a dtype object of its
    own, for which ``np.asarray(array, dtype=float)`` is another array.

    Raises
    ------
    NotShippable
        The array's layout cannot be kept.
    """
    if not is_array(item):
        return _reduce_dtype(item)
    if not (item.flags.c_contiguous or item.flags.f_contiguous):
        raise NotShippable(f"{name!r} holds an array with gaps in memory, which a copy would not have")
    if type(item).__name__ == "memmap":
        raise NotShippable(f"{name!r} holds a memory map, which would arrive as a copy")
    if type(item) is not sys.modules["numpy"].ndarray or item.dtype.hasobject or not item.dtype.itemsize:
        return NotImplemented
    order = "C" if item.flags.c_contiguous else "F"
    raw = (item if order == "C" else item.T).reshape(-1).view("u1")
    return _rebuilt, (pickle.PickleBuffer(raw), item.dtype, item.shape, order, item.flags.writeable)


def _reduce_dtype(item: Any) -> Any:
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(item, numpy.dtype) or numpy.dtype(item.char) is not item:
        return NotImplemented
    return numpy.dtype, (item.char,)


def _rebuilt(raw: Any, dtype: Any, shape: tuple[int, ...], order: Literal["C", "F"], writeable: bool) -> Any:
    import numpy as np

    array = np.empty(shape, dtype, order)
    (array if order == "C" else array.T).reshape(-1).view("u1")[:] = np.frombuffer(raw, "u1")  # padding included
    array.flags.writeable = writeable
    return array


def _new_main() -> dict[str, Any]:
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    return module.__dict__


def pack_inputs(namespace: dict[str, Any], slots: Mapping[str, str]) -> tuple[bytes, tuple[str, ...]]:
    """Pickle what a cell reads.

    Parameters
    ----------
    namespace
        The notebook's.
    slots
        Where it has what the cell reads, by name; names that are not there are left out.

    Returns
    -------
    bytes, tuple of str
        The parcel, and the names in it.

    Raises
    ------
    NotShippable
        A value does not pickle.
    """
    present = tuple(name for name, slot in slots.items() if slot in namespace)
    target = WorkerNamespace(__name__="__main__")
    file = io.BytesIO()
    pickler = _InputPickler(file, protocol=5)
    pickler.globals_ref[id(namespace)] = target
    pickler.dump(target)
    for name in present:
        pickler.name = name
        try:
            pickler.dump(namespace[slots[name]])
        except NotShippable:
            raise
        except Exception as error:
            raise NotShippable(_does_not_pickle(name, namespace[slots[name]], error)) from error
    return file.getvalue(), present


def unpack_inputs(parcel: bytes, names: Iterable[str]) -> dict[str, Any]:
    """In the worker: the namespace to run the cell in. It becomes ``__main__``."""
    unpickler = pickle.Unpickler(io.BytesIO(parcel))
    namespace: dict[str, Any] = unpickler.load()
    namespace["__builtins__"] = __builtins__
    for name in names:
        namespace[name] = unpickler.load()
    return namespace


def pack_results(values: Mapping[str, Any], inputs: Mapping[str, Any], census: Census) -> bytes:
    """In the worker: pickle what a cell bound.

    Parameters
    ----------
    values
        What it bound.
    inputs
        The namespace as it was before the cell ran.
    census
        Of the inputs.

    Raises
    ------
    NotShippable
        A value does not pickle, was defined by the cell, or shares a mutable object with an input.
    """
    file = io.BytesIO()
    found = Census()
    pickler = _ResultPickler(file, found, inputs)
    for found.name, value in values.items():
        try:
            pickler.dump(value)
        except NotShippable:
            raise
        except Exception as error:
            raise NotShippable(_does_not_pickle(found.name, value, error)) from error
    if found.overlap:
        raise NotShippable(f"{found.overlap!r} holds an array that shares memory with another")
    shared = found.shared_with(census)
    if shared is not None:
        mine, theirs, kind = shared
        raise NotShippable(f"{mine!r} shares {_a(kind)} with the input {theirs!r}")
    return file.getvalue()


def unpack_results(parcel: bytes, names: Iterable[str], namespace: Mapping[str, Any]) -> dict[str, Any]:
    """In the notebook: the values by name. What travelled by its name is looked up in the notebook's namespace."""
    unpickler = _ResultUnpickler(io.BytesIO(parcel), namespace)
    return {name: unpickler.load() for name in names}


class _InputPickler(cloudpickle.Pickler):  # type: ignore[misc]
    name = ""

    def reducer_override(self, item: Any) -> Any:
        """Called by pickle for every object that it has no short form for."""
        reduced = reduce_array(item, self.name)
        return super().reducer_override(item) if reduced is NotImplemented else reduced


class _ResultPickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, census: Census, inputs: Mapping[str, Any]) -> None:
        super().__init__(file, protocol=5)
        self._census = census
        self._inputs = inputs

    def persistent_id(self, item: Any) -> None:
        """Called by pickle for every object."""
        self._census.note(item)

    def reducer_override(self, item: Any) -> Any:
        """Called by pickle for every object that it has no short form for."""
        if isinstance(item, types.ModuleType):
            if sys.modules.get(item.__name__) is not item:
                raise NotShippable(f"{self._census.name!r} holds a module that cannot be imported, {item.__name__!r}")
            return importlib.import_module, (item.__name__,)
        if isinstance(item, types.FunctionType | type) and getattr(item, "__module__", None) == "__main__":
            return self._by_name(item)
        if isinstance(item, io.IOBase):
            return reduce_closed(item)
        reduced = reduce_array(item, self._census.name)
        return reduce_pandas(item, self._census) if reduced is NotImplemented else reduced

    def _by_name(self, item: Any) -> Any:
        outermost = item.__qualname__.partition(".")[0]
        if _lookup(self._inputs, item.__qualname__) is item:
            return NotImplemented  # pickle's own way: by reference
        what = "class" if isinstance(item, type) else "function"
        raise NotShippable(f"{self._census.name!r} needs the {what} {outermost!r}, which is not one of its inputs")


class _ResultUnpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, namespace: Mapping[str, Any]) -> None:
        super().__init__(file)
        self._namespace = namespace

    def find_class(self, module: str, name: str) -> Any:
        """By reference, ``__main__`` being the notebook."""
        if module == "__main__":
            return _lookup(self._namespace, name)
        return super().find_class(module, name)


def _lookup(namespace: Mapping[str, Any], qualname: str) -> Any:
    first, *others = qualname.split(".")
    found = namespace.get(first)
    for name in others:
        found = getattr(found, name, None)
    return found


def _does_not_pickle(name: str, value: Any, error: Exception) -> str:
    kind = type(value)
    full = (
        kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    )
    first = str(error).partition("\n")[0]
    return f"{name!r} ({full}) does not pickle: {first}" if first else f"{name!r} ({full}) does not pickle"


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
