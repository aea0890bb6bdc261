"""Values as JSON and back: exactly the same type and content, or not at all.

Plain JSON stands for itself: ``None``, truth values, numbers, texts, lists, and dictionaries whose keys are texts. What
JSON has no form for is an object with one key that begins with ``$``: tuples, sets, bytes, dates, numbers that are no
JSON, dictionaries with other keys, and arrays of numbers, texts or times, by dtype, shape and bytes. Only the exact
types are written, because a subclass would come back as something else. Everything else needs pickle, and
:class:`NotJson` says so.

Reading makes values of these types and nothing else. Each tag has one reader, which checks all that it is given; an
array's bytes are counted before numpy sees them.
"""

from __future__ import annotations

import math
import re
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

DEEPEST = 100
"""Lists within lists; deeper ones are refused on both ways, long before any stack ends."""
_PLAIN = (type(None), bool, str)
_SAFE_INTEGER = 2**53
_DTYPE = re.compile(r"[<>|=]?(?:\?|[biufcSUmM]\d{0,9}(?:\[[0-9]{0,6}[A-Za-zμ]{1,7}\])?)")


class NotJson(Exception):
    """A value that JSON cannot hold, or a text that no value was written as."""


def to_json(value: Any, depth: int = 0) -> Any:
    """Write a value as what :mod:`json` takes.

    Raises
    ------
    NotJson
        It needs pickle.

    Examples
    --------
    >>> to_json({"a": (1, 2.5)})
    {'a': {'$tuple': [1, 2.5]}}
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if depth > DEEPEST:
        raise NotJson(f"it is nested more than {DEEPEST} deep")
    if kind is int:
        return value if abs(value) <= _SAFE_INTEGER else {"$int": hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {"$float": repr(value)}
    if kind is list:
        return [to_json(item, depth + 1) for item in value]
    if kind is dict:
        return _dict_to_json(value, depth)
    writer = _WRITERS.get(kind)
    if writer is not None:
        tag, content = writer
        return {tag: content(value)}
    if kind in _GROUPS:
        return {_GROUPS[kind]: [to_json(item, depth + 1) for item in value]}
    numpy = sys.modules.get("numpy")
    if numpy is not None and kind is numpy.ndarray:
        return {"$array": _array_to_json(value)}
    raise NotJson(f"a {kind.__qualname__} needs pickle")


def from_json(found: Any, depth: int = 0) -> Any:
    """Read what :func:`to_json` wrote.

    Raises
    ------
    NotJson
        Nothing is written so.

    Examples
    --------
    >>> from_json({"a": {"$tuple": [1, 2.5]}})
    {'a': (1, 2.5)}
    """
    if depth > 2 * DEEPEST:
        raise NotJson(f"it is nested more than {DEEPEST} deep")
    if isinstance(found, list):
        return [from_json(item, depth + 1) for item in found]
    if isinstance(found, float) and not math.isfinite(found):  # 1e999
        raise NotJson("it has a number that is too large")
    if not isinstance(found, dict):
        return found
    if not any(key.startswith("$") for key in found):
        return {key: from_json(item, depth + 1) for key, item in found.items()}
    if len(found) != 1:
        raise NotJson("an object with a key that begins with '$' has other keys beside it")
    ((tag, content),) = found.items()
    try:
        if tag in _GROUP_READERS:
            return _GROUP_READERS[tag]([from_json(item, depth + 1) for item in _typed(list, content)])
        if tag == "$dict":
            return _dict_from_json(content, depth)
        return _READERS[tag](content)
    except KeyError:
        raise NotJson(f"{tag!r} is no tag of an export") from None
    except (ValueError, TypeError, ArithmeticError, MemoryError, ImportError, AttributeError) as error:
        raise NotJson(f"what stands for {tag!r} is none: {error}") from None


def _typed(kind: type, found: Any) -> Any:
    if type(found) is not kind:
        raise TypeError(f"a {kind.__name__} was expected, and not a {type(found).__name__}")
    return found


def _text(make: Callable[[str], Any]) -> Callable[[Any], Any]:
    return lambda found: make(_typed(str, found))


def _dict_to_json(value: dict[Any, Any], depth: int) -> Any:
    if all(type(key) is str and not key.startswith("$") for key in value):
        return {key: to_json(item, depth + 1) for key, item in value.items()}
    return {"$dict": [[to_json(key, depth + 1), to_json(item, depth + 1)] for key, item in value.items()]}


def _dict_from_json(found: Any, depth: int) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    for pair in _typed(list, found):
        key, item = _typed(list, pair)
        made[from_json(key, depth + 1)] = from_json(item, depth + 1)
    if len(made) != len(found):
        raise ValueError("it has a key twice")
    return made


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _from_base64(text: str) -> bytes:
    return b64decode(text, validate=True)


# Times. Only those whose zone is a fixed distance, which is all that their text says.


def _time_to_json(value: datetime | time) -> str:
    if value.fold or not (value.tzinfo is None or type(value.tzinfo) is type(UTC)):
        raise NotJson("a time in a zone of its own needs pickle")
    if value.tzinfo is not None and value.tzname() not in ("UTC", f"UTC{value.isoformat()[-6:]}"):
        raise NotJson("a time in a zone with a name needs pickle")
    return value.isoformat()


def _duration_to_json(value: timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


def _duration_from_json(found: Any) -> timedelta:
    days, seconds, microseconds = (_typed(int, part) for part in _typed(list, found))
    return timedelta(days, seconds, microseconds)


# Arrays.


def _array_to_json(value: Any) -> dict[str, Any]:
    dtype = value.dtype
    if dtype.hasobject or dtype.names or dtype.subdtype or not _DTYPE.fullmatch(dtype.str) or dtype.metadata:
        raise NotJson(f"an array of {dtype} needs pickle")
    order = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
    return {"dtype": dtype.str, "shape": list(value.shape), "order": order, "data": _base64(value.tobytes(order))}


def _array_from_json(found: Any) -> Any:
    if set(_typed(dict, found)) != {"dtype", "shape", "order", "data"} or found["order"] not in ("C", "F"):
        raise ValueError("an array has a dtype, a shape, an order and data")
    if not _DTYPE.fullmatch(_typed(str, found["dtype"])):
        raise ValueError(f"{found['dtype']!r} is no dtype of an export")
    shape = [_typed(int, size) for size in _typed(list, found["shape"])]
    if len(shape) > 32 or any(size < 0 for size in shape):
        raise ValueError("its shape cannot be")
    data = _from_base64(_typed(str, found["data"]))
    import numpy

    dtype = numpy.dtype(found["dtype"])
    if not dtype.itemsize or math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError("its shape and its data are of different sizes")
    flat = numpy.empty(shape, dtype, found["order"])
    flat.reshape(-1, order="A")[...] = numpy.frombuffer(data, dtype) if data else flat.reshape(-1)
    return flat


_GROUPS: Mapping[type, str] = {tuple: "$tuple", set: "$set", frozenset: "$frozenset"}
_GROUP_READERS: Mapping[str, Callable[[list[Any]], Any]] = {tag: kind for kind, tag in _GROUPS.items()}
_WRITERS: Mapping[type, tuple[str, Callable[[Any], Any]]] = {
    bytes: ("$bytes", _base64),
    bytearray: ("$bytearray", _base64),
    complex: ("$complex", lambda value: [value.real.hex(), value.imag.hex()]),
    datetime: ("$datetime", _time_to_json),
    time: ("$time", _time_to_json),
    date: ("$date", date.isoformat),
    timedelta: ("$timedelta", _duration_to_json),
    Decimal: ("$decimal", str),
    Fraction: ("$fraction", lambda value: [hex(value.numerator), hex(value.denominator)]),
    UUID: ("$uuid", str),
}
_READERS: Mapping[str, Callable[[Any], Any]] = {
    "$int": _text(lambda text: int(text, 16)),
    "$float": _text(lambda text: {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}[text]),
    "$bytes": _text(_from_base64),
    "$bytearray": _text(lambda text: bytearray(_from_base64(text))),
    "$complex": lambda found: complex(*(float.fromhex(_typed(str, part)) for part in _typed(list, found))),
    "$datetime": _text(datetime.fromisoformat),
    "$time": _text(time.fromisoformat),
    "$date": _text(date.fromisoformat),
    "$timedelta": _duration_from_json,
    "$decimal": _text(Decimal),
    "$fraction": lambda found: Fraction(*(int(_typed(str, part), 16) for part in _typed(list, found))),
    "$uuid": _text(UUID),
    "$array": _array_from_json,
}
