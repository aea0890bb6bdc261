"""What an array consists of: its class, its dtype, its shape, and its elements in C order.

Memory order and strides do not count, nor does sharing memory: a view and its copy are the same content. What does
count is every bit of every element and nothing between them: a structured array is read field by field, for the bytes
of padding are whatever was there before, and so are six bytes of each ``longdouble`` on x86. Elements that are
references (objects, numpy's own variable-length texts) are read one by one.

What is not contiguous is copied to be read. A masked array counts with what its mask hides, because a program can
uncover it. A sparse matrix counts by its format's arrays, and not by what it has found out about itself (whether its
indices are sorted, which it keeps once it was asked), and a tree of points by the points.

numpy and scipy are never imported here: whoever holds an array has done that.
"""

from __future__ import annotations

import sys
from typing import Any

from orchestra_nb.context.code import class_content, name_of
from orchestra_nb.context.parts import STATE, Parts, Reader

_BITS = "biufcmMSUV"
"""Kinds of dtypes whose elements are their bytes."""
_SPARSE = {
    "coo": ("coords", "data"),
    "dia": ("offsets", "data"),
    "lil": ("rows", "data"),
    **dict.fromkeys(("csr", "csc", "bsr"), ("indptr", "indices", "data")),
}


def reader_of(cls: type) -> Reader | None:
    """Find who reads the values of a class; ``None``: nobody here."""
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if issubclass(cls, numpy.ma.MaskedArray):
            return _masked
        if issubclass(cls, numpy.ndarray):
            return _array
        if issubclass(cls, numpy.generic):
            return _scalar
    sparse = sys.modules.get("scipy.sparse")
    if sparse is not None and issubclass(cls, sparse.sparray | sparse.spmatrix):
        return _matrix
    spatial = sys.modules.get("scipy.spatial")
    return _tree if spatial is not None and issubclass(cls, spatial.cKDTree) else None


def _scalar(value: Any) -> Parts:
    import numpy

    return _elements(value, numpy.asarray(value), identity=False)


def _array(value: Any) -> Parts:
    import numpy

    own = getattr(value, "__dict__", None)
    if isinstance(value, numpy.memmap):  # the file, and where in it: the elements are what counts
        own = None
    return _elements(value, numpy.asarray(value), own or None)


def _elements(value: Any, array: Any, own: dict[str, Any] | None = None, identity: bool = True) -> Parts:
    """Read an array of numpy's plain class."""
    dtype = array.dtype
    raw: memoryview | None = None
    elements: Any = None
    if dtype.names is not None:
        elements = tuple(array[name] for name in dtype.names)
    elif dtype.kind not in _BITS or dtype.hasobject:
        elements = tuple(array.ravel().tolist())
    else:
        raw = _bytes_of(array)
    children = (class_content(type(value)), _described(dtype), array.shape, own, elements)
    return Parts(name_of(type(value)), children, raw, identity, ("", "", "", STATE))


def _bytes_of(array: Any) -> memoryview:
    """Give the elements' bytes in C order, copied only where they do not lie so."""
    import numpy

    if array.size == 0 or array.dtype.itemsize == 0:
        return memoryview(b"")
    flat = numpy.ascontiguousarray(array).reshape(-1)
    if flat.dtype.kind == "c" and flat.dtype.char == "G":
        flat = flat.view(numpy.longdouble)
    padded = flat.dtype.char == "g" and numpy.finfo(numpy.longdouble).nmant == 63
    single = flat.view(numpy.uint8)
    if padded:
        width = flat.dtype.itemsize
        single = numpy.ascontiguousarray(single.reshape(-1, width)[:, :10]).reshape(-1)
    return memoryview(single)  # type: ignore[arg-type]


def _described(dtype: Any) -> tuple[Any, ...]:
    """Write down a dtype: byte order, unit, fields with their offsets."""
    kind = name_of(dtype.type)
    if dtype.names is not None:
        fields = tuple((name, _described(dtype.fields[name][0]), dtype.fields[name][1]) for name in dtype.names)
        return kind, dtype.itemsize, dtype.isalignedstruct, fields
    if dtype.subdtype is not None:
        return kind, _described(dtype.subdtype[0]), dtype.subdtype[1]
    return kind, dtype.str, *((repr(dtype),) if dtype.kind not in _BITS + "O" else ())


def _masked(value: Any) -> Parts:
    import numpy

    children = (
        class_content(type(value)),
        numpy.asarray(value.data),
        numpy.ma.getmaskarray(value),
        value.fill_value,
        value.hardmask,
    )
    return Parts(name_of(type(value)), children, names=("", ".data", ".mask", ".fill_value"))


def _matrix(value: Any) -> Parts:
    about = (class_content(type(value)), value.shape)
    if value.format == "dok":
        return Parts(name_of(type(value)), (*about, str(value.dtype), dict(value.items())))
    words = _SPARSE[value.format]
    held = tuple(getattr(value, word) for word in words)
    return Parts(name_of(type(value)), (*about, *held), names=("", "", *(f".{word}" for word in words)))


def _tree(value: Any) -> Parts:
    """A tree of points, whose own form holds padding: what it was built from, and into which order it brought that."""
    about = (class_content(type(value)), value.leafsize, value.boxsize)
    return Parts(name_of(type(value)), (*about, value.data, value.indices))
