"""Values of every kind, each with another content: what has a digest, what has none, and what is the same.

Tests read this module, and so do other processes that are started to see whether they find the same digests.
"""

from __future__ import annotations

import array
import datetime
import decimal
import enum
import fractions
import functools
import ipaddress
import json
import math
import operator
import pathlib
import random
import re
import struct
import types
import uuid
import zoneinfo
from collections import ChainMap, Counter, OrderedDict, UserDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse


class Word(str):
    __slots__ = ()


class Number(int):
    pass


class Rows(list):
    pass


class Bag(set):
    pass


class Ice(frozenset):
    pass


class Table(dict):
    pass


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Right(enum.Flag):
    READ = 1
    WRITE = 2


class Level(enum.IntEnum):
    LOW = 1


class Point(NamedTuple):
    x: int
    y: int


Pair = namedtuple("Pair", "x y")


@dataclass
class Loose:
    x: Any
    y: Any = 2


@dataclass(frozen=True)
class Fixed:
    x: Any
    y: Any = 2


@dataclass(slots=True)
class Slotted:
    x: Any
    rest: list[int] = field(default_factory=list)


class Plain:
    def __init__(self, **given: Any) -> None:
        self.__dict__.update(given)


class Other(Plain):
    pass


class Slots:
    __slots__ = ("a", "b")

    def __init__(self, a: Any) -> None:
        self.a = a


class Stated:
    """Leaves out of its state what does not count."""

    def __init__(self, kept: Any) -> None:
        self.kept, self.lock = kept, (part for part in ())

    def __getstate__(self) -> dict[str, Any]:
        return {"kept": self.kept}


def double(x: int, by: int = 2) -> int:
    return x * by


def outer(number: Any) -> Callable[[], Any]:
    return lambda: number


def nested(depth: int, make: Callable[[Any], Any], core: Any = ()) -> Any:
    for _ in range(depth):
        core = make(core)
    return core


def ring() -> list[Any]:
    made: list[Any] = [1]
    made.append(made)
    return made


def longer_ring() -> list[Any]:
    first: list[Any] = [1]
    first.append([1, first])
    return first


def shared(one: Any, *, copies: bool = False) -> list[Any]:
    return [one, type(one)(one) if copies else one]


def knot() -> Plain:
    made = Plain(name="a")
    made.self = made
    return made


def frozen_knot() -> Fixed:
    made = Fixed(None)
    object.__setattr__(made, "x", (made,))
    return made


def family() -> Plain:
    """A parent with a set of children, who know their parent."""
    parent = Plain(name="parent")
    parent.children = {Plain(name=f"child {n}", parent=parent) for n in range(5)}
    return parent


SPARSE = scipy.sparse.coo_array([[0, 1], [2, 0]])
NAN_WITH_BITS = struct.unpack("<d", struct.pack("<Q", 0x7FF8_0000_0000_0001))[0]

# What numbers, texts and containers are does not depend on any version: their digests are kept in digests.txt.
LASTING: dict[str, Any] = {
    "none": None,
    "ellipsis": ...,
    "true": True,
    "false": False,
    "0": 0,
    "1": 1,
    "-1": -1,
    "int of 32 bits": 2**31,
    "int of 64 bits": 2**63,
    "int of many": 10**5000,
    "negative int of many": -(10**5000),
    "0.0": 0.0,
    "-0.0": -0.0,
    "1.0": 1.0,
    "0.1": 0.1,
    "sum": 0.1 + 0.2,
    "infinity": math.inf,
    "negative infinity": -math.inf,
    "nan": math.nan,
    "nan with bits": NAN_WITH_BITS,
    "1+0j": 1 + 0j,
    "1-0j": complex(1, -0.0),
    "text": "a",
    "text 1": "1",
    "empty text": "",
    "umlaut": "ä",
    "umlaut of two": "a\u0308",
    "emoji": "\U0001f600",
    "nul": "a\0",
    "lone surrogate": "\ud800",
    "another lone surrogate": "\udfff",
    "long text": "x" * 70_000,
    "longer text": "x" * 1_100_000,
    "bytes": b"a",
    "bytes 1": b"1",
    "empty bytes": b"",
    "long bytes": b"x" * 70_000,
    "longer bytes": b"x" * 1_100_000,
    "longer bytes, the last other": b"x" * 1_099_999 + b"y",
    "bytes of one leaf": b"x" * (1 << 20),
    "bytes of one leaf and one": b"x" * ((1 << 20) + 1),
    "empty list": [],
    "empty tuple": (),
    "empty dict": {},
    "empty set": set(),
    "empty frozenset": frozenset(),
    "[1]": [1],
    "(1,)": (1,),
    "{1}": {1},
    "frozenset 1": frozenset([1]),
    "[True]": [True],
    "[1.0]": [1.0],
    "[[1]]": [[1]],
    "[(1,)]": [(1,)],
    "([1],)": ([1],),
    "[[], []]": [[], []],
    "[[[]]]": [[[]]],
    "[1, 2]": [1, 2],
    "[2, 1]": [2, 1],
    "['12']": ["12"],
    "['1', '2']": ["1", "2"],
    "[b'12']": [b"12"],
    "[None]": [None],
    "[...]": [...],
    "a dict": {"a": 1, "b": 2},
    "a dict in another order": {"b": 2, "a": 1},
    "a dict as a list": ["a", 1, "b", 2],
    "a dict as pairs": [("a", 1), ("b", 2)],
    "a dict of numbers": {1: "a"},
    "a dict of truth": {True: "a"},
    "a dict of floats": {1.0: "a"},
    "a dict of lists": {"a": [1], "b": [2]},
    "a dict with tuples as keys": {("a", 1): 2},
    "a dict with frozensets as keys": {frozenset("abc"): 2},
    "a set of texts": {"a", "b", "c", "d", "e"},
    "a frozenset of texts": frozenset("abcde"),
    "a set of pairs": {("a", 1), ("b", 2), ("c", 3)},
    "a set of frozensets": {frozenset("ab"), frozenset("cd"), frozenset()},
    "a set in a set in a set": frozenset([frozenset([frozenset("abc"), "x"]), "y"]),
    "a set of everything": {None, 1, "1", b"1", (1, "a"), 2.5, ...},
    "a set of long texts": {"x" * 70_000, "y" * 70_000},
    "many": list(range(200_000)),
    "many in a tuple": tuple(range(200_000)),
    "many and a list": [*range(200_000), []],
    "a list before many": [[], *range(200_000)],
    "a dict of many": {n: str(n) for n in range(100_000)},
    "a dict of many lists": {n: [n] for n in range(100_000)},
    "a dict of many and an array": {**{n: n for n in range(100_000)}, "b": bytearray(b"a")},
    "long texts in a list": ["x" * 700_000, "y" * 700_000],
    "long texts in a dict": {"a": "x" * 700_000, "b": ["y" * 700_000], "c": {1}},
    "long texts and a list": ["x" * 700_000, "y" * 700_000, {1}],
    "a list in itself": ring(),
    "a list in a list in itself": longer_ring(),
    "a list twice": shared([1]),
    "two lists": shared([1], copies=True),
    "a dict twice": shared({"a": 1}),
    "two dicts": shared({"a": 1}, copies=True),
    "a set twice": shared({1}),
    "two sets": shared({1}, copies=True),
    "a bytearray twice": shared(bytearray(b"a")),
    "two bytearrays": shared(bytearray(b"a"), copies=True),
    "the first list again": (lambda a, b: [a, b, a])([1], [1]),
    "the second list again": (lambda a, b: [a, b, b])([1], [1]),
    "a list of a plain tree again": (lambda a: [{"x": [a]}, bytearray(), a])([1]),
    "a list of a plain tree copied": (lambda a: [{"x": [a]}, bytearray(), list(a)])([1]),
    "deep list": nested(2_000, lambda core: [core]),
    "deep tuple": nested(2_000, lambda core: (core,)),
    "deeper tuple": nested(2_001, lambda core: (core,)),
    "deep dict": nested(2_000, lambda core: {"a": core}),
    "40 levels": nested(40, lambda core: [core, 1]),
    "a tuple of tuples that share": nested(200, lambda core: (core, core), ("core",)),
    "a tuple of tuples that share a list": nested(200, lambda core: (core, core), ([],)),
    "bytearray": bytearray(b"a"),
    "long bytearray": bytearray(b"x" * 70_000),
    "memoryview": memoryview(b"a"),
    "memoryview of a bytearray": memoryview(bytearray(b"a")),
    "memoryview of numbers": memoryview(array.array("i", [1, 2])),
    "range": range(3),
    "another range": range(0, 3, 2),
    "slice": slice(1, 2),
    "slice of texts": slice("a", None),
    "decimal": decimal.Decimal("1"),
    "decimal 1.0": decimal.Decimal("1.0"),
    "decimal -0": decimal.Decimal("-0"),
    "decimal nan": decimal.Decimal("NaN"),
    "fraction": fractions.Fraction(1),
    "half": fractions.Fraction(1, 2),
    "uuid": uuid.UUID(int=1),
    "date": datetime.date(2026, 1, 1),
    "datetime": datetime.datetime(2026, 1, 1),
    "datetime in UTC": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    "datetime in another fold": datetime.datetime(2026, 1, 1, fold=1),
    "time": datetime.time(1),
    "timedelta": datetime.timedelta(1),
    "array of two bytes": np.array([1, 0], "i1"),
    **{
        f"array of {kind}": np.zeros(3, kind) for kind in ("i1", "u1", "<i4", "<i8", "<u8", "<f2", "<f4", "<f8", "<c16")
    },
    "big-endian array": np.zeros(3, ">f8"),
    "array of ones": np.ones(3, "<f8"),
    "array of negative zeros": -np.zeros(3, "<f8"),
    "array of nans": np.full(3, math.nan),
    "array of nans with bits": np.full(3, NAN_WITH_BITS),
    "array without elements": np.zeros(0, "<f8"),
    "array without dimensions": np.zeros((), "<f8"),
    "array of three by none": np.zeros((3, 0), "<f8"),
    "array of none by three": np.zeros((0, 3), "<f8"),
    "array of one row": np.zeros((1, 3), "<f8"),
    "array of one column": np.zeros((3, 1), "<f8"),
    "array of two by three": np.arange(6, dtype="<i8").reshape(2, 3),
    "array of three by two": np.arange(6, dtype="<i8").reshape(3, 2),
    "array transposed": np.arange(6, dtype="<i8").reshape(2, 3).T,
    "array of texts": np.array(["a", "bc"]),
    "array of shorter texts": np.array(["a", "b"]),
    "array of bytes": np.array([b"a", b"bc"]),
    "array of days": np.array(["2026-01-01", "NaT"], "<M8[D]"),
    "array of seconds": np.array(["2026-01-01", "NaT"], "<M8[s]"),
    "array of days long": np.array([1], "<m8[D]"),
    "large array": np.arange(1_000_000, dtype="<i4"),
}

VARYING: dict[str, Any] = {
    "word": Word("a"),
    "number": Number(1),
    "number with an attribute": (lambda n: (setattr(n, "unit", "m"), n)[1])(Number(1)),
    "rows": Rows([1]),
    "bag": Bag(["a", "b", "c", "d"]),
    "ice": Ice(["a", "b", "c", "d"]),
    "derived dict": Table(a=1, b=2),
    "colour": Colour.RED,
    "another colour": Colour.BLUE,
    "a right": Right.READ,
    "two rights": Right.READ | Right.WRITE,
    "level": Level.LOW,
    "point": Point(1, 2),
    "pair": Pair(1, 2),
    "loose": Loose(1),
    "another loose": Loose(1, 3),
    "fixed": Fixed(1),
    "slotted": Slotted(1, [2]),
    "plain": Plain(a=1),
    "other": Other(a=1),
    "plain without": Plain(),
    "slots": Slots(1),
    "slots of another": Slots(2),
    "stated": Stated(1),
    "object": object(),
    "namespace": types.SimpleNamespace(a=1),
    "ordered dict": OrderedDict(a=1, b=2),
    "ordered dict in another order": OrderedDict(b=2, a=1),
    "default dict": defaultdict(list, a=[1]),
    "default dict of sets": defaultdict(set, a=[1]),
    "counter": Counter("aab"),
    "chain map": ChainMap({"a": 1}, {"b": 2}),
    "user dict": UserDict(a=1),
    "deque": deque([1, 2]),
    "short deque": deque([1, 2], maxlen=2),
    "mapping proxy": types.MappingProxyType({"a": 1}),
    "array of the standard library": array.array("d", [1.0]),
    "address": ipaddress.ip_address("127.0.0.1"),
    "network": ipaddress.ip_network("10.0.0.0/8"),
    "path": pathlib.PurePosixPath("a/b"),
    "windows path": pathlib.PureWindowsPath("a/b"),
    "real path": pathlib.Path("a/b"),
    "pattern": re.compile("a"),
    "pattern with a flag": re.compile("a", re.IGNORECASE),
    "pattern of bytes": re.compile(b"a"),
    "zone": zoneinfo.ZoneInfo("Europe/Berlin"),
    "datetime in a zone": datetime.datetime(2026, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
    "datetime in another zone": datetime.datetime(2026, 1, 1, tzinfo=zoneinfo.ZoneInfo("Asia/Tokyo")),
    "time with an offset": datetime.time(1, tzinfo=datetime.timezone(datetime.timedelta(hours=1))),
    "function": double,
    "built-in function": len,
    "function of a library": json.dumps,
    "bound built-in": [1].append,
    "bound built-in of another list": [2].append,
    "method of a class": str.upper,
    "method": Loose(1).__eq__,
    "method of another object": Loose(2).__eq__,
    "lambda": lambda: 1,
    "closure": outer(1),
    "closure over two": outer(2),
    "partial": functools.partial(double, 1),
    "partial with a list": functools.partial(double, [1]),
    "partial by name": functools.partial(double, by=1),
    "cached function": functools.lru_cache(double),
    "getter": operator.itemgetter(1),
    "class": Loose,
    "class of Python": dict,
    "class of a library": np.ndarray,
    "list of ints": list[int],
    "union": int | str,
    "module": math,
    "another module": json,
    "code": compile("1 + 2", "<here>", "eval"),
    "not implemented": NotImplemented,
    "error": ValueError("a", 1),
    "another error": KeyError("a", 1),
    "random": random.Random(1),
    "another random": random.Random(2),
    "an object in itself": knot(),
    "a fixed one in itself": frozen_knot(),
    "a family": family(),
    "a set of objects": {Plain(a=n) for n in range(5)},
    "an object and a set with it": (lambda one: [one, {one, Plain(a=2)}])(Plain(a=1)),
    "an object and a set with a copy": [Plain(a=1), {Plain(a=1), Plain(a=2)}],
    **{f"scalar {kind}": np.dtype(kind).type(1) for kind in ("i1", "i8", "f4", "f8", "c16")},
    "scalar longdouble": np.longdouble(1),
    "scalar bool": np.bool_(True),
    "scalar text": np.str_("a"),
    "scalar day": np.datetime64("2026-01-01"),
    "scalar second": np.datetime64("2026-01-01", "s"),
    "scalar no time": np.datetime64("NaT", "s"),
    "dtype": np.dtype("f8"),
    "structured dtype": np.dtype([("a", "f8")]),
    "universal function": np.add,
    "another universal function": np.multiply,
    "array of true": np.ones(3, bool),
    "array of longdoubles": np.ones(3, np.longdouble),
    "array of complex longdoubles": np.ones(3, np.clongdouble),
    "array of objects": np.array([1, "a", None], object),
    "array of other objects": np.array([1, "b", None], object),
    "array of lists": np.array([[1], [1, 2]], object),
    "array with objects within": np.array([(1, {"a"})], [("n", "i4"), ("o", "O")]),
    "structured array": np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]),
    "structured array with other names": np.array([(1, 2.0)], [("a", "i4"), ("c", "f8")]),
    "structured array with gaps": np.array([(1, 2.0)], np.dtype([("a", "i4"), ("b", "f8")], align=True)),
    "array of records": np.rec.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]),
    "nested structured array": np.zeros(2, [("a", [("b", "i4"), ("c", "f4", (2, 2))])]),
    "void": np.zeros(2, "V3"),
    "matrix": np.matrix([[1.0]]),
    "masked array": np.ma.array([1, 2, 3], mask=[0, 1, 0]),
    "masked array without a mask": np.ma.array([1, 2, 3]),
    "masked array with another filling": np.ma.array([1, 2, 3], mask=[0, 1, 0], fill_value=7),
    "generator": np.random.default_rng(1),
    "another generator": np.random.default_rng(2),
    "generator of another kind": np.random.Generator(np.random.MT19937(1)),
    "random state": np.random.RandomState(1),
    **{f"sparse {name}": scipy.sparse.coo_array([[0, 1], [2, 0]]).asformat(name) for name in ("csr", "csc", "coo")},
    **{
        f"sparse {name}": scipy.sparse.coo_array([[0, 1], [2, 0]]).asformat(name)
        for name in ("bsr", "dia", "lil", "dok")
    },
    "sparse matrix": scipy.sparse.csr_matrix([[0, 1], [2, 0]]),
    "sparse and larger": scipy.sparse.csr_array([[0, 1, 0], [2, 0, 0]]),
    "timestamp": pd.Timestamp("2026-01-01"),
    "timestamp in UTC": pd.Timestamp("2026-01-01", tz="UTC"),
    "pandas timedelta": pd.Timedelta(1, "s"),
    "period": pd.Period("2026-01", "M"),
    "interval": pd.Interval(0, 1),
    "pd.NA": pd.NA,
    "pd.NaT": pd.NaT,
    "offset": pd.offsets.MonthEnd(),
    "series": pd.Series([1, 2]),
    "series with a name": pd.Series([1, 2], name="a"),
    "series with an index": pd.Series([1, 2], index=[1, 0]),
    "series of floats": pd.Series([1.0, 2.0]),
    "series of texts": pd.Series(["a", None], dtype=object),
    "series of the text type": pd.Series(["a", None], dtype="string"),
    "series of Int64": pd.Series([1, None], dtype="Int64"),
    "series of Float64": pd.Series([1, None], dtype="Float64"),
    "series of boolean": pd.Series([True, None], dtype="boolean"),
    "series of categories": pd.Series(["a", "b"], dtype="category"),
    "series of more categories": pd.Series(pd.Categorical(["a", "b"], categories=["a", "b", "c"])),
    "series of ordered categories": pd.Series(pd.Categorical(["a", "b"], ordered=True)),
    "series of times": pd.Series(pd.to_datetime(["2026-01-01", None])),
    "series of times in a zone": pd.Series(pd.to_datetime(["2026-01-01", None])).dt.tz_localize("Europe/Berlin"),
    "series of times long": pd.Series(pd.to_timedelta([1, None], unit="s")),
    "series of periods": pd.Series(pd.period_range("2026-01", periods=2, freq="M")),
    "series of intervals": pd.Series(pd.interval_range(0, 2)),
    "sparse series": pd.Series(pd.arrays.SparseArray([0, 0, 1])),
    "index": pd.Index([0, 1]),
    "range index": pd.RangeIndex(2),
    "named range index": pd.RangeIndex(2, name="a"),
    "index of texts": pd.Index(["a", "b"], dtype=object),
    "index of times": pd.date_range("2026-01-01", periods=2),
    "index of times without a frequency": pd.DatetimeIndex(["2026-01-01", "2026-01-02"]),
    "multi-index": pd.MultiIndex.from_product([[1, 2], ["a", "b"]]),
    "multi-index with names": pd.MultiIndex.from_product([[1, 2], ["a", "b"]], names=["x", "y"]),
    "frame": pd.DataFrame({"a": [1, 2], "b": [1.0, 2.0]}),
    "frame in another order": pd.DataFrame({"b": [1.0, 2.0], "a": [1, 2]}),
    "frame of ints": pd.DataFrame({"a": [1, 2], "b": [1, 2]}),
    "frame with an index": pd.DataFrame({"a": [1, 2], "b": [1.0, 2.0]}, index=["x", "y"]),
    "frame with texts": pd.DataFrame({"a": ["x", None]}),
    "frame with a name twice": pd.DataFrame([[1, 2]], columns=["a", "a"]),
    "frame without rows": pd.DataFrame({"a": []}),
    "frame without anything": pd.DataFrame(),
    "frame with attributes": (lambda f: (f.attrs.update(unit="m"), f)[1])(pd.DataFrame({"a": [1]})),
    "frame without duplicate labels": pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False),
    "frame with a multi-index": pd.DataFrame({("a", 1): [1], ("a", 2): [2]}),
    "frame in a dict": {"df": pd.DataFrame({"a": [1, 2]}), "n": 1},
}

if find_spec("pyarrow"):
    import pyarrow as pa

    VARYING |= {
        "arrow numbers": pa.array([1, None, 3]),
        "arrow texts": pa.array(["a", None]),
        "arrow times": pa.array([datetime.datetime(2026, 1, 1), None]),
        "arrow days": pa.array([datetime.date(2026, 1, 1), None]),
        "arrow lists": pa.array([[1], None, []]),
        "arrow table": pa.table({"a": [1, None], "b": ["x", "y"]}),
        "arrow table in another order": pa.table({"b": ["x", "y"], "a": [1, None]}),
        "arrow table with metadata": pa.table({"a": [1]}).replace_schema_metadata({"k": "v"}),
        "series of arrow numbers": pd.Series([1, None], dtype="int64[pyarrow]"),
        "series of arrow texts": pd.Series(["a", None], dtype=pd.ArrowDtype(pa.string())),
    }
if find_spec("polars"):
    import polars as pl

    VARYING |= {
        "polars series": pl.Series("a", [1, None]),
        "polars texts": pl.Series("a", ["x", None]),
        "polars frame": pl.DataFrame({"a": [1, 2], "b": ["x", "y"]}),
        "polars frame in another order": pl.DataFrame({"b": ["x", "y"], "a": [1, 2]}),
    }

VALUES = {**LASTING, **VARYING}
