"""Values and exceptions that are hard to send, or look like something else: a table for tests of all backends."""

from __future__ import annotations

import array
import ast
import asyncio
import collections
import contextvars
import datetime
import decimal
import enum
import fractions
import functools
import hashlib
import io
import ipaddress
import itertools
import logging
import mmap
import multiprocessing
import operator
import os
import pathlib
import queue
import random
import re
import socket
import sqlite3
import struct
import sys
import threading
import types
import typing
import uuid
import weakref
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest import mock

import cloudpickle
import numpy as np
import pandas as pd

cloudpickle.register_pickle_by_value(sys.modules[__name__])
LARGE = 1 << 18
"""Elements of eight bytes that make two megabytes: more than what travels in a pickle."""


@dataclass(frozen=True)
class Odd:
    """One value: how to make it, and what to look at to say that it is the same."""

    name: str
    make: Callable[[], Any]
    look: Callable[[Any], Any] = repr


def kind(value):
    return type(value).__name__


def close(value):
    """Close whatever can be closed, and say what it was."""
    value.close()
    return kind(value)


def content(a):
    return (a.shape, str(a.dtype), a.flags.writeable, a.tobytes())


class Plain:
    def __init__(self, *args, **kwargs):
        self.__dict__.update(kwargs)


class Slots:
    __slots__ = ("a",)

    def __init__(self):
        self.a = 1


class Changing:
    """Pickling it changes it."""

    def __init__(self):
        self.pickled = 0

    def __getstate__(self):
        self.pickled += 1
        return {"pickled": 0}


class RaisesInReduce:
    def __reduce__(self):
        raise RuntimeError("I do not travel")


class ExitsInReduce:
    def __reduce__(self):
        sys.exit(3)


class WrongReduce:
    def __reduce__(self):
        return 5


class Poison:
    def __reduce__(self):
        return (int, ("not a number",))


class ExitsInRebuilding:
    def __reduce__(self):
        return (sys.exit, (3,))


class RaisesInGetstate:
    def __getstate__(self):
        raise ValueError("no state")


class RaisesInSetstate:
    def __getstate__(self):
        return {"a": 1}

    def __setstate__(self, state):
        raise ValueError("no state wanted")


class NeedsArguments:
    def __new__(cls, first):
        self = super().__new__(cls)
        self.first = first
        return self


class Rude:
    """Answers no question."""

    def __repr__(self):
        raise RuntimeError("no repr")

    __eq__ = __hash__ = __bool__ = __len__ = __str__ = __repr__


class Everything:
    """Answers every question."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args: name


class LooksKept:
    """Looks like a value that is kept elsewhere, and is a value."""

    nbytes = 3

    def fetch(self):
        return "fetched"

    def release(self):
        raise RuntimeError("released")


class Liar:
    @property
    def __class__(self):
        return dict


class Text(str):
    __slots__ = ()


class Number(int):
    pass


class Listed(list):
    pass


class Filled(dict):
    def __init__(self, needed):
        super().__init__(needed=needed)


class Colour(enum.Enum):
    RED = 1


class Point(typing.NamedTuple):
    x: int


class Special(np.ndarray):
    pass


class OddModule:
    __module__ = None


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


def depth(value):
    levels = 0
    while value:
        value = value[0]
        levels += 1
    return levels


def loop():
    value = [1]
    value.append(value)
    return value


def loops():
    a, b = {"n": 1}, []
    a["b"], a["a"] = b, a
    b.append(a)
    return a


def counting():
    yield from range(3)


def closure():
    kept = [1, 2]
    return lambda extra: [*kept, extra]


async def asleep():
    return 1


def local_class():
    class Local:
        value = 5

    return Local()


def caught(error):
    try:
        raise error
    except BaseException as again:
        return again


def frozen(a):
    a.flags.writeable = False
    return a


def ones(*shape, dtype=float):
    return np.ones(shape, dtype)


PAIRS = np.dtype([("a", "i4"), ("b", "f8"), ("c", "U5")])


def same_twice():
    a = np.arange(LARGE)
    return [a, a]


VALUES = [
    Odd("none", lambda: None),
    Odd("ellipsis", lambda: ...),
    Odd("not_implemented", lambda: NotImplemented),
    Odd("nan", lambda: float("nan")),
    Odd("minus_zero", lambda: -0.0),
    Odd("large_int", lambda: 7**9000, lambda v: v.bit_length()),
    Odd("surrogate", lambda: "\ud800", ascii),
    Odd("nul", lambda: "a\0b"),
    Odd("slice", lambda: slice(1, None, -1)),
    Odd("range", lambda: range(10**20, 10**21, 7)),
    Odd("decimal", lambda: decimal.Decimal("1.10")),
    Odd("fraction", lambda: fractions.Fraction(1, 3)),
    Odd("aware", lambda: datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)),
    Odd("pattern", lambda: re.compile("a+", re.IGNORECASE)),
    Odd("uuid", lambda: uuid.UUID(int=5)),
    Odd("path", lambda: pathlib.PurePosixPath("/a/b")),
    Odd("address", lambda: ipaddress.ip_address("::1")),
    Odd("tree", lambda: ast.parse("a = 1"), ast.dump),
    Odd("enum", lambda: Colour.RED),
    Odd("named_tuple", lambda: Point(3)),
    Odd("deque", lambda: collections.deque([1, 2], maxlen=2)),
    Odd("ordered", lambda: collections.OrderedDict(b=1, a=2)),
    Odd("default_of_lambda", lambda: collections.defaultdict(lambda: 5), lambda v: v["x"]),
    Odd("chain_map", lambda: collections.ChainMap({"a": 1}, {"b": 2})),
    Odd("proxy", lambda: types.MappingProxyType({"a": 1})),
    Odd("namespace", lambda: types.SimpleNamespace(a=1)),
    Odd("array", lambda: array.array("d", [1.0, 2.0])),
    Odd("generic", lambda: list[int]),
    Odd("type_var", lambda: typing.TypeVar("T")),
    Odd("str_subclass", lambda: Text("a")),
    Odd("int_subclass", lambda: Number(3), lambda v: (kind(v), int(v))),
    Odd("list_subclass", lambda: Listed([1]), lambda v: (kind(v), list(v))),
    Odd("dict_with_arguments", lambda: Filled(3), lambda v: (kind(v), dict(v))),
    # what is called
    Odd("lambda", lambda: lambda: 5, lambda v: v()),
    Odd("closure", closure, lambda v: v(3)),
    Odd("partial", lambda: functools.partial(int, base=2), lambda v: v("11")),
    Odd("bound_method", lambda: [1, 2].copy, lambda v: v()),
    Odd("builtin", lambda: len),
    Odd("getter", lambda: operator.itemgetter(1), lambda v: v([1, 2])),
    Odd("local_class", local_class, lambda v: v.value),
    Odd("class", lambda: Plain, lambda v: v.__name__),
    Odd("module", lambda: os.path, lambda v: v.__name__),
    Odd("code", lambda: counting.__code__, lambda v: v.co_name),
    # what goes on
    Odd("generator", counting, list),
    Odd("iterator", lambda: iter([1, 2]), list),
    Odd("zip", lambda: zip([1], [2], strict=True), list),
    Odd("map_of_lambda", lambda: map(lambda n: n + 1, [1]), list),  # noqa: C417
    Odd("count", lambda: itertools.count(3), next),
    Odd("coroutine", lambda: [asleep()], lambda v: close(v[0])),
    Odd("frame", sys._getframe, kind),
    Odd("traceback", lambda: caught(ValueError(1)).__traceback__, kind),
    # what belongs to this process
    Odd("lock", threading.Lock, kind),
    Odd("condition", threading.Condition, kind),
    Odd("local", threading.local, kind),
    Odd("thread", threading.Thread, kind),
    Odd("queue", queue.Queue, kind),
    Odd("event", asyncio.Event, kind),
    Odd("process_lock", lambda: multiprocessing.get_context("spawn").Lock(), kind),
    Odd("context_variable", lambda: contextvars.ContextVar("odd"), kind),
    Odd("context", contextvars.copy_context, kind),
    Odd("weak", lambda: weakref.ref(Plain), kind),
    Odd("file", lambda: open(os.devnull), close),  # noqa: SIM115
    Odd("socket", socket.socket, close),
    Odd("database", lambda: sqlite3.connect(":memory:", check_same_thread=False), close),
    Odd("bytes_io", lambda: io.BytesIO(b"abc"), lambda v: v.getvalue()),
    Odd("text_io", lambda: io.StringIO("abc"), lambda v: v.getvalue()),
    Odd("mmap", lambda: mmap.mmap(-1, 10), kind),
    Odd("memoryview", lambda: memoryview(b"abc"), bytes),
    Odd("hash", hashlib.sha256, lambda v: v.hexdigest()),
    Odd("struct", lambda: struct.Struct("<I"), lambda v: v.size),
    Odd("compressor", zlib.compressobj, kind),
    Odd("logger", lambda: logging.getLogger("odd"), lambda v: v.name),
    Odd("random", lambda: random.Random(3), lambda v: v.random()),
    # classes with manners of their own
    Odd("slots", Slots, lambda v: v.a),
    Odd("needs_arguments", lambda: NeedsArguments(1), lambda v: v.first),
    Odd("changing", Changing, lambda v: kind(v)),
    Odd("raises_in_reduce", RaisesInReduce, kind),
    Odd("exits_in_reduce", ExitsInReduce, kind),
    Odd("wrong_reduce", WrongReduce, kind),
    Odd("poison", Poison, kind),
    Odd("exits_in_rebuilding", ExitsInRebuilding, kind),
    Odd("raises_in_getstate", RaisesInGetstate, kind),
    Odd("raises_in_setstate", RaisesInSetstate, kind),
    Odd("rude", Rude, kind),
    Odd("everything", Everything, kind),
    Odd("mock", mock.Mock, kind),
    Odd("looks_kept", LooksKept, lambda v: v.nbytes),
    Odd("liar", Liar, kind),
    Odd("odd_module", OddModule, kind),
    Odd("exception", lambda: ValueError("a", 1)),
    Odd("raised", lambda: caught(KeyError("a"))),
    Odd("group", lambda: ExceptionGroup("g", [ValueError(1), OSError(2)])),
    # shapes and sizes
    Odd("loop", loop, lambda v: v[1] is v),
    Odd("loops", loops, lambda v: v["b"][0] is v),
    Odd("deep", lambda: deep(100_000), depth),
    Odd("deep_enough", lambda: deep(100), depth),
    Odd("large_bytes", lambda: bytes(3 << 20), len),
    Odd("large_bytearray", lambda: bytearray(3 << 20), lambda v: (kind(v), len(v))),
    Odd("large_text", lambda: "ä" * (2 << 20), len),
    Odd("large_list", lambda: list(range(LARGE)), sum),
    Odd("same_twice", same_twice, lambda v: v[0] is v[1]),
    # numpy
    Odd("scalar", lambda: np.float32(1.5)),
    Odd("date", lambda: np.datetime64("2026-01-01")),
    Odd("no_dimension", lambda: np.array(3), content),
    Odd("no_elements", lambda: np.empty((0, 3)), content),
    Odd("no_bytes", lambda: np.empty(3, "V0"), lambda v: v.shape),
    Odd("objects", lambda: np.array([1, "a", None], object)),
    Odd("objects_that_stay", lambda: np.array([threading.Lock()], object), lambda v: v.shape),
    Odd("fortran", lambda: np.asfortranarray(np.arange(6.0).reshape(2, 3)), content),
    Odd("reversed", lambda: np.arange(6)[::-1], content),
    Odd("frozen", lambda: frozen(np.arange(3)), content),
    Odd("masked", lambda: np.ma.array([1, 2], mask=[True, False])),
    Odd("records", lambda: np.rec.array([(1, "a")], names="n,t")),
    Odd("large", lambda: ones(LARGE), content),
    Odd("large_fortran", lambda: np.asfortranarray(np.arange(2.0 * LARGE).reshape(2, -1)), content),
    Odd("large_gaps", lambda: np.arange(2 * LARGE)[::2], content),
    Odd("large_reversed", lambda: np.arange(LARGE)[::-1], content),
    Odd("large_repeated", lambda: np.broadcast_to(np.arange(8), (LARGE // 8, 8)), lambda v: (v.shape, int(v.sum()))),
    Odd("large_structured", lambda: np.zeros(LARGE, PAIRS), content),
    Odd("large_frozen", lambda: frozen(ones(LARGE)), content),
    Odd("large_complex", lambda: ones(LARGE, dtype=complex), content),
    Odd("large_text_array", lambda: np.full(LARGE, "abc"), content),
    Odd("large_dates", lambda: np.zeros(LARGE, "M8[s]"), content),
    Odd("large_masked", lambda: np.ma.zeros(LARGE), lambda v: (kind(v), v.shape)),
    Odd("large_subclass", lambda: ones(LARGE).view(Special), lambda v: (kind(v), *content(v))),
    Odd("large_odd_size", lambda: ones((1 << 20) + 3, dtype="u1"), content),
    Odd("generator_of_numbers", lambda: np.random.default_rng(5), lambda v: v.random()),
    # pandas
    Odd("frame_of_data", lambda: pd.DataFrame({"a": [1, 2], "b": ["x", None]})),
    Odd("no_rows", lambda: pd.DataFrame(columns=["a"]), lambda v: v.shape),
    Odd("categories", lambda: pd.Series(["a", "b"], dtype="category")),
    Odd("levels", lambda: pd.MultiIndex.from_tuples([(1, "a")])),
    Odd("zone", lambda: pd.Timestamp("2026-01-01", tz="UTC")),
    Odd("nat", lambda: pd.NaT),
    Odd("large_frame", lambda: pd.DataFrame({"a": ones(LARGE), "b": np.arange(LARGE)}), lambda v: v.sum().to_dict()),
    Odd("frame_of_locks", lambda: pd.DataFrame({"a": [threading.Lock()]}), lambda v: v.shape),
]


class Two(Exception):
    def __init__(self, first, second):
        super().__init__(first)


class Named(Exception):
    def __init__(self, *, name):
        super().__init__(f"named {name}")


class Locked(Exception):
    def __init__(self):
        super().__init__("locked")
        self.lock = threading.Lock()


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no text")


class Speaking(Exception):
    def __str__(self):
        return Text("text of another kind")


class Stubborn(Exception):
    def __reduce__(self):
        raise RuntimeError("I do not travel")


class Exploding(Exception):
    def __reduce__(self):
        return (int, ("not a number",))


class Leaving(Exception):
    def __reduce__(self):
        return (sys.exit, (3,))


class Stateless(Exception):
    def __setstate__(self, state):
        raise ValueError("no state wanted")

    def __init__(self):
        super().__init__("stateless")
        self.a = 1


class Base(BaseException):
    pass


class Nested(ExceptionGroup):
    def derive(self, errors):
        raise RuntimeError("no")


def noted(error):
    error.add_note("a note")
    return error


def with_cause(error, cause):
    error.__cause__ = cause
    return error


def holding(value):
    error = ValueError("holding")
    error.value = value
    return error


def own_cause():
    error = ValueError("round")
    error.__context__ = other = ValueError("other")
    other.__context__ = error
    return error


def local_error():
    class LocalError(Exception):
        pass

    return LocalError("local")


EXCEPTIONS = {
    "two": lambda: Two(1, 2),
    "named": lambda: Named(name="a"),
    "locked": Locked,
    "mute": Mute,
    "speaking": Speaking,
    "stubborn": Stubborn,
    "exploding": Exploding,
    "leaving": Leaving,
    "stateless": Stateless,
    "base": lambda: Base("base"),
    "no_text": AssertionError,
    "lines": lambda: ValueError("first\nsecond"),
    "key": lambda: KeyError("a"),
    "system": lambda: OSError(2, "no such", "file"),
    "unicode": lambda: UnicodeDecodeError("utf8", b"\xff", 0, 1, "bad"),
    "exit": lambda: SystemExit(3),
    "exit_with_lock": lambda: SystemExit(threading.Lock()),
    "generator_exit": GeneratorExit,
    "stop": lambda: StopIteration(5),
    "stop_async": StopAsyncIteration,
    "memory": MemoryError,
    "recursion": RecursionError,
    "cancelled": asyncio.CancelledError,
    "note": lambda: noted(ValueError("noted")),
    "group": lambda: ExceptionGroup("g", [ValueError(1), Two(1, 2)]),
    "group_of_locks": lambda: BaseExceptionGroup("g", [Locked(), Base()]),
    "nested": lambda: Nested("g", [ExceptionGroup("h", [KeyError(1)])]),
    "cause": lambda: with_cause(ValueError("a"), KeyError("b")),
    "cause_that_stays": lambda: with_cause(ValueError("a"), Locked()),
    "context_in_a_circle": own_cause,
    "holds_generator": lambda: holding(counting()),
    "holds_frame": lambda: holding(sys._getframe()),
    "holds_itself": lambda: holding(loop()),
    "holds_much": lambda: holding(ones(LARGE)),
    "local": local_error,
}
