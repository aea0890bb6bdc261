"""What arrays and columns hold where the garbage collector does not look: numpy, arrow, polars.

A numpy array that owns its memory says so in its own size; one that does not holds its base, which is another array,
something with a size of its own, or a library's memory that only the array knows the size of. A mapped file is no
memory of the process. Arrow's buffers count whole, as a slice keeps all of them alive; each of them once for a value of
arrow's, but twice where two such values of one container share it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

_SIZED = (bytes, bytearray, memoryview)


def held(value: Any) -> list[Any] | None:
    """Give what an array holds; ``None`` for anything else.

    Examples
    --------
    >>> import numpy
    >>> held(numpy.zeros(3)), len(held(numpy.zeros(3)[1:])), held([1])
    ([], 1, None)
    """
    numpy = sys.modules.get("numpy")
    cls = type(value)
    if numpy is not None and issubclass(cls, numpy.ndarray):
        own = [vars(value)] if isinstance(getattr(value, "__dict__", None), dict) else []
        if not value.flags.owndata:
            return own if value.base is None or _is_mapped(value.base) else [*own, value.base]
        return [*own, *_elements(value)] if value.dtype.hasobject else own
    return [] if _package(cls) in ("pyarrow", "polars") else None


def beside(value: Any) -> int:
    """Give the bytes that something keeps beside what it says itself.

    Examples
    --------
    >>> beside([1])
    0
    """
    cls = type(value)
    package = _package(cls)
    if package == "polars" and hasattr(value, "estimated_size"):
        return int(value.estimated_size())
    if package == "pyarrow":
        return sum({buffer.address: buffer.size for buffer in _buffers(value) if buffer is not None}.values())
    numpy = sys.modules.get("numpy")
    if numpy is None or not issubclass(cls, numpy.ndarray):
        return 0
    if value.dtype.kind == "T" and value.flags.owndata:
        return sum(len(text.encode()) for text in value.ravel().tolist() if isinstance(text, str) and len(text) > 15)
    base = value.base
    foreign = base is not None and not issubclass(type(base), (numpy.ndarray, *_SIZED))
    return int(value.nbytes) if foreign and not _is_mapped(base) and not _is_sized(base) else 0


def _is_sized(base: Any) -> bool:
    """Whether something says how large its memory is, or is made of things that do."""
    return type(base).__name__ != "PyCapsule" and type(base).__module__ in ("builtins", "array", "numpy")


def _is_mapped(base: Any) -> bool:
    return type(base).__module__ == "mmap"


def _package(cls: type) -> str:
    module = type.__getattribute__(cls, "__module__")
    return module.partition(".")[0] if isinstance(module, str) else ""


def _elements(array: Any) -> Iterator[Any]:
    """Give the objects that an array refers to."""
    if array.dtype.names is None:
        return iter(array.ravel().tolist())
    return (one for name in array.dtype.names if array[name].dtype.hasobject for one in _elements(array[name]))


def _buffers(value: Any) -> Iterator[Any]:
    """Give all buffers of an array, a column or a table of arrow, those of its dictionary too."""
    if hasattr(value, "columns"):
        for column in value.columns:
            yield from _buffers(column)
    elif hasattr(value, "chunks"):
        for chunk in value.chunks:
            yield from _buffers(chunk)
    elif hasattr(value, "buffers"):
        yield from value.buffers()
        if hasattr(value, "dictionary"):
            yield from _buffers(value.dictionary)
