"""Values to bytes and back, so that what comes back is what a round trip through pickle would give.

Policy: five formats, the first that fits.

* *bytes*, *text*: as they are.
* *array*: a plain numpy array, in the bytes of a ``.npy`` file (:mod:`numpy.lib.format`, version 1), without pickle.
* *plain*: numbers, ``None``, and lists, tuples, dicts and sets of such. The bytes are those of a pickle that names no
  class and no function, so reading them runs no code. That is noted at writing, for readers who take nothing else.
* *pickle*: all else. Protocol 5 (PEP 574): buffers of at least :data:`OUT_OF_BAND` bytes stand beside the pickle, raw
  and aligned, so that arrays, the blocks of frames and Arrow columns are mapped and not copied. cloudpickle takes what
  pickle cannot.

What is given back is the receiver's: buffers are private to it (copied, or mapped copy-on-write), and what was
writeable is writeable again.

Failure: a value that cannot be written raises :class:`NotEncodable`; its own code may have raised anything. Reading
lets every error through: the caller counts it as a miss. Two things that cloudpickle takes are refused, because they
would come back as something else: an open text file, and a view of memory.

A class or function of ``__main__`` that pickle finds by its name is written by name. Who reads it gets what then has
that name, and a miss where nothing has.

Rejected: JSON (no tuples, no integer keys, ``[x, x]`` comes back as two lists; slower than pickle both ways); marshal
(its format changes between versions of Python, and damaged bytes crash it); Arrow IPC for pandas frames: its round trip
is exact only for some, so each writing would have to read it back and compare, and it copies where the buffers of a
pickle are mapped (50,000 rows with texts there and back: 0.16 ms so, 2.3 ms through Arrow, with pandas 3.1 and pyarrow
26). Arrow's own tables pickle with their buffers beside, too.
"""

from __future__ import annotations

import copyreg
import functools
import io
import pickle
import sys
from collections import ChainMap
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

BYTES, TEXT, ARRAY, PLAIN, PICKLE = range(1, 6)
ALIGNMENT = 64
"""Bytes: that of a ``.npy`` file's data, and more than any dtype needs."""
OUT_OF_BAND = 1024
_READ_ONLY = b"r"
_EXACT_KINDS = frozenset("biufcSUmM")
"""Kinds of dtype that a ``.npy`` header tells exactly: no objects, no fields, no strings of numpy 2."""

Part = bytes | bytearray | memoryview


class NotEncodable(Exception):
    """A value cannot be written; the text says which type, and why."""


class Encoded(NamedTuple):
    """A value as bytes; its parts may be views of the living value.

    Parameters
    ----------
    format
        One of this module's.
    meta
        What the format needs beside the parts.
    parts
        The bytes; each begins at a multiple of :data:`ALIGNMENT`.
    """

    format: int
    meta: bytes
    parts: tuple[Part, ...]

    @property
    def lengths(self) -> tuple[int, ...]:
        """Bytes of each part."""
        return tuple(map(_nbytes, self.parts))

    @property
    def size(self) -> int:
        """Bytes of all parts with what stands between them."""
        lengths = self.lengths
        return offsets(lengths)[-1] + lengths[-1]

    def chunks(self) -> Iterator[Part]:
        """Give what is to be written, in order."""
        last = len(self.parts) - 1
        for place, part in enumerate(self.parts):
            yield part
            if place < last and (rest := -_nbytes(part) % ALIGNMENT):
                yield bytes(rest)

    def payload(self) -> bytes:
        """All of it in one piece, which no later change of the value can reach."""
        return bytes(self.parts[0]) if len(self.parts) == 1 else b"".join(self.chunks())


def offsets(lengths: Sequence[int]) -> list[int]:
    """Say where each part begins.

    Examples
    --------
    >>> offsets([10, 64, 3])
    [0, 64, 128]
    """
    found, place = [], 0
    for length in lengths:
        found.append(place)
        place += length + -length % ALIGNMENT
    return found


def encode(value: Any) -> Encoded:
    r"""Turn a value into bytes.

    Raises
    ------
    NotEncodable
        It has no bytes, as a lock has none, or its own code raised.

    Examples
    --------
    >>> encode("über").parts, encode({"a": (1, 2.5)}).format == PLAIN
    ((b'\xc3\xbcber',), True)
    """
    kind = type(value)
    if kind is bytes:
        return Encoded(BYTES, b"", (value,))
    if kind is str:
        return Encoded(TEXT, b"", (value.encode("utf-8", "surrogatepass"),))
    numpy = sys.modules.get("numpy")
    if numpy is not None and kind is getattr(numpy, "ndarray", None) and _is_exact(value):
        return _array(value)
    try:
        return _pickled(value, _Watching)
    except Exception as refused:
        try:
            return _pickled(value, _cloud_pickler())
        except Exception as error:
            name = f"{kind.__module__}.{kind.__qualname__}"
            raise NotEncodable(f"a value of type {name} cannot be stored: {_told(error)}") from refused


def decode(format: int, meta: bytes, data: bytes | memoryview, lengths: Sequence[int]) -> Any:
    """Turn bytes into a value again.

    Parameters
    ----------
    format, meta, lengths
        As they were encoded.
    data
        All parts in one piece. Where there are several, writeable and nobody else's: the value may keep them.

    Raises
    ------
    Exception
        Whatever the value's own code raises, or what is missing here.
    """
    if format == PLAIN or (format == PICKLE and len(lengths) == 1):
        return pickle.loads(data)
    if format == BYTES:
        return bytes(data)
    if format == TEXT:
        return str(data, "utf-8", "surrogatepass")
    view = memoryview(data)
    if format == ARRAY:
        return _array_from(meta, view, lengths)
    if format == PICKLE:
        parts = [view[place : place + length] for place, length in zip(offsets(lengths), lengths, strict=True)]
        return pickle.loads(parts[0], buffers=parts[1:])
    raise pickle.UnpicklingError(f"format {format} is not known here")


def _nbytes(part: Part) -> int:
    return part.nbytes if isinstance(part, memoryview) else len(part)


def _told(error: Exception) -> str:
    """Give an exception in one line; its own text is foreign code too."""
    try:
        return f"{type(error).__name__}: {error}".partition("\n")[0]
    except Exception:
        return type(error).__name__


def _pickled(value: Any, pickler: Callable[..., Any]) -> Encoded:
    buffers: list[memoryview] = []

    def keep(buffer: pickle.PickleBuffer) -> bool:
        """Say whether the buffer stays within the pickle."""
        raw = buffer.raw()
        if raw.nbytes < OUT_OF_BAND:
            return True
        buffers.append(raw)
        return False

    with io.BytesIO() as file:
        writer = pickler(file, 5, buffer_callback=keep)
        writer.dump(value)
        plain = isinstance(writer, _Watching) and writer.plain and not buffers
        return Encoded(PLAIN if plain else PICKLE, b"", (file.getvalue(), *buffers))


class _Watching(pickle.Pickler):
    """Notes whether a class or function was named: only then is this method asked."""

    plain = True

    def reducer_override(self, value: Any) -> Any:
        self.plain = False
        return NotImplemented


@functools.cache
def _cloud_pickler() -> Any:
    import cloudpickle

    refused = dict.fromkeys((io.TextIOWrapper, memoryview), _refuse)
    table = ChainMap(refused, getattr(cloudpickle.Pickler, "dispatch_table", copyreg.dispatch_table))
    return type("CloudPickler", (cloudpickle.Pickler,), {"dispatch_table": table})


def _refuse(value: Any) -> Any:
    raise TypeError(f"{type(value).__name__} would come back as something else")


def _is_exact(array: np.ndarray[Any, Any]) -> bool:
    """Whether a ``.npy`` header tells all of an array that pickle would."""
    dtype, flags = array.dtype, array.flags
    return bool(
        dtype.kind in _EXACT_KINDS
        and dtype.itemsize
        and not dtype.metadata
        and (flags.c_contiguous or flags.f_contiguous)
    )


def _array(array: np.ndarray[Any, Any]) -> Encoded:
    import numpy as np

    flat = (array if array.flags.c_contiguous else array.T).reshape(-1).view(np.uint8)
    header = _header(array.dtype, array.shape, not array.flags.c_contiguous)
    # Times refuse to be a buffer, so pickle copies them, and a copy is writeable.
    stays_writeable = array.flags.writeable or array.dtype.kind in "mM"
    return Encoded(ARRAY, b"" if stays_writeable else _READ_ONLY, (header, flat.data))


@functools.lru_cache(maxsize=256)
def _header(dtype: np.dtype[Any], shape: tuple[int, ...], fortran: bool) -> bytes:
    from numpy.lib import format as npy

    told = {"descr": npy.dtype_to_descr(dtype), "fortran_order": fortran, "shape": shape}
    with io.BytesIO() as file:
        npy.write_array_header_1_0(file, told)
        return file.getvalue()


@functools.lru_cache(maxsize=256)
def _read_header(header: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    from numpy.lib import format as npy

    with io.BytesIO(header) as file:
        npy.read_magic(file)
        shape, fortran, dtype = npy.read_array_header_1_0(file)
        return shape, fortran, dtype


def _array_from(meta: bytes, data: memoryview, lengths: Sequence[int]) -> np.ndarray[Any, Any]:
    import numpy as np

    shape, fortran, dtype = _read_header(bytes(data[: lengths[0]]))
    array: np.ndarray[Any, Any] = np.ndarray(
        shape, dtype, buffer=data, offset=lengths[0], order="F" if fortran else "C"
    )
    if meta == _READ_ONLY:
        array.flags.writeable = False
    return array
