"""What comes back from the disk is what a round trip through pickle gives: value, types, flags."""

from __future__ import annotations

import array
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import io
import ipaddress
import math
import pathlib
import pickle
import re
import threading
import types
import uuid

import numpy as np
import pandas as pd
import pytest

from orchestra_nb.context import encoding
from orchestra_nb.context.disk import DiskStore, StoreError

LARGE = 30_000
"""Items whose bytes do not stand in the index."""


@dataclasses.dataclass
class Point:
    x: float
    y: object = None


class Colour(enum.Enum):
    RED = 1


class Named(collections.UserDict):
    pass


class Array(np.ndarray):
    pass


Pair = collections.namedtuple("Pair", "left right")


def looped():
    found = [1]
    found.append(found)
    return found


def shared():
    one = [1, 2]
    return {"a": one, "b": one}


def read_only(made):
    made.flags.writeable = False
    return made


def frame(rows, **columns):
    made = pd.DataFrame({"n": np.arange(rows), "x": np.linspace(0, 1, rows), **columns})
    made.attrs["unit"] = "m"
    return made


SCALARS = {
    "none": None,
    "true": True,
    "zero": 0,
    "a large integer": 2**70,
    "a negative one": -1,
    "a float": 1.5,
    "minus zero": -0.0,
    "nan": math.nan,
    "infinity": -math.inf,
    "complex": 1 + 2j,
    "ellipsis": ...,
    "not implemented": NotImplemented,
    "an empty text": "",
    "a text": "über\0\n",
    "a lone surrogate": "\ud800",
    "an emoji": "\U0001f600",
    "a long text": "ä" * LARGE * 3,
    "no bytes": b"",
    "bytes": b"\0\x93\xff",
    "many bytes": b"\0\x93\xff" * LARGE,
    "a bytearray": bytearray(b"abc"),
    "a long bytearray": bytearray(b"abc" * LARGE),
    "a decimal": decimal.Decimal("1.10"),
    "a fraction": fractions.Fraction(1, 3),
    "a date": datetime.date(2024, 2, 29),
    "a moment with a zone": datetime.datetime(2024, 3, 31, 2, 30, tzinfo=datetime.UTC),
    "a span": datetime.timedelta(days=-1, seconds=3),
    "a uuid": uuid.UUID(int=7),
    "a path": pathlib.PurePosixPath("/a/b"),
    "a pattern": re.compile("a+", re.I),
    "an address": ipaddress.ip_address("::1"),
    "a range": range(1, 10, 3),
    "a slice": slice(1, None, 2),
    "a class": Point,
    "a function": math.sqrt,
    "an enum": Colour.RED,
    "an exception": ValueError("a", 1),
}
CONTAINERS = {
    "an empty list": [],
    "a list": [1, "a", None, 2.5, True],
    "a tuple": (1, (2, (3,))),
    "an empty tuple": (),
    "a dict": {"a": 1, 2: "b", (3, 4): [5], None: None},
    "an empty dict": {},
    "order": {"z": 1, "a": 2},
    "a set": {1, 2, "3"},
    "a frozen set": frozenset({1, 2}),
    "floats that hold any byte": [index / 7 for index in range(300)],
    "many floats": [index / 7 for index in range(LARGE)],
    "a deep list": [[[[[[[[[[]]]]]]]]]],
    "a list within itself": looped(),
    "shared lists": shared(),
    "an ordered dict": collections.OrderedDict(b=1, a=2),
    "a default dict": collections.defaultdict(list, a=[1]),
    "a counter": collections.Counter("abca"),
    "a deque": collections.deque([1, 2], maxlen=5),
    "a named tuple": Pair(1, 2),
    "a data class": Point(1.0, [Point(2.0)]),
    "a user's dict": Named(a=1),
    "a namespace": types.SimpleNamespace(a=1),
    "numbers of one type": array.array("d", [1.0, 2.0]),
    "many numbers of one type": array.array("d", range(LARGE)),
}
ARRAYS = {
    **{
        f"{kind} of {size}": np.arange(size).astype(kind)
        for kind in ("i1", "u2", "i4", "i8", ">i4", "f2", "f4", "f8", ">f8", "c16", "?")
        for size in (3, LARGE)
    },
    "long double": np.arange(9, dtype=np.longdouble),
    "texts": np.array(["a", "bcd", "ü"]),
    "byte texts": np.array([b"a", b"bcd"]),
    "many texts": np.array([f"row {index}" for index in range(LARGE)]),
    "moments": np.array(["2024-01-01", "NaT"], "M8[ns]"),
    "many spans": np.arange(LARGE).astype("m8[s]"),
    "read-only moments": read_only(np.array(["2024-01-01"], "M8[D]")),
    "no items": np.zeros((0, 3)),
    "no dimension": np.array(3.5),
    "read-only": read_only(np.arange(5.0)),
    "a large read-only one": read_only(np.arange(float(LARGE))),
    "in Fortran's order": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "a large one in Fortran's order": np.asfortranarray(np.arange(float(LARGE)).reshape(3, -1)),
    "with gaps": np.arange(float(LARGE))[::2],
    "backwards": np.arange(10)[::-1],
    "turned": np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2),
    "spread": np.broadcast_to(np.arange(3), (4, 3)),
    "one row": np.arange(3).reshape(1, 3),
    "records": np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]),
    "many records": np.zeros(LARGE, dtype=np.dtype([("a", "i1"), ("b", "f8")], align=True)),
    "objects": np.array([1, "a", None], dtype=object),
    "nan": np.array([np.nan, -0.0, np.inf]),
    "masked": np.ma.masked_array([1, 2, 3], [0, 1, 0]),
    "a subclass": np.arange(3).view(Array),
    "a matrix of a subclass": np.arange(float(LARGE)).view(Array),
    "a described dtype": np.arange(3).astype(np.dtype("i8", metadata={"unit": "m"})),
    "numpy's numbers": [np.float32(1.5), np.int8(3), np.bool_(True), np.datetime64("2024")],
    "a dtype": np.dtype("f4"),
    "arrays that share": (lambda one: {"a": one, "b": one})(np.arange(float(LARGE))),
}
FRAMES = {
    "a frame": frame(5),
    "a large frame": frame(LARGE),
    "texts in a frame": frame(5, s=["a", None, "c", "d", "e"]),
    "many texts in a frame": frame(LARGE, s=[f"row {index}" for index in range(LARGE)]),
    "objects in a frame": frame(2, o=pd.Series([[1], {"a": 2}], dtype=object)),
    "categories": frame(4, c=pd.Categorical(list("abca"), categories=list("cba"), ordered=True)),
    "numbers with gaps": frame(3, i=pd.array([1, None, 3], dtype="Int64"), b=pd.array([True, None, False])),
    "moments with a zone": frame(3, t=pd.date_range("2024-03-30", periods=3, tz="Europe/Berlin")),
    "an index of two levels": frame(4).set_index(pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["k", None])),
    "a named index": frame(3).rename_axis("row"),
    "an index of moments": frame(3).set_index(pd.date_range("2024", periods=3, freq="D")),
    "names twice": pd.DataFrame([[1, 2]], columns=["a", "a"]),
    "names that are numbers": pd.DataFrame({1: [1], 2.5: [2]}),
    "no rows": frame(5).iloc[:0],
    "no columns": pd.DataFrame(index=range(3)),
    "a series": pd.Series([1.0, np.nan], name="s"),
    "a large series": pd.Series(np.arange(LARGE), name=("a", 1)),
    "an index": pd.Index(["a", "b"], name="i"),
    "a span of time": pd.Timedelta("1D"),
    "an interval": pd.Interval(0, 1, closed="left"),
    "sparse": pd.Series(pd.arrays.SparseArray([0, 0, 1])),
}
VALUES = {**SCALARS, **CONTAINERS, **ARRAYS, **FRAMES}


def description(value, seen=None):
    """All that can be seen of a value, as nested tuples of texts and bytes."""
    seen = {} if seen is None else seen
    kind = type(value)
    if isinstance(value, (list, dict, np.ndarray)):
        if id(value) in seen:
            return "the one that was number", seen[id(value)][0]
        seen[id(value)] = len(seen), value
    if isinstance(value, np.ndarray):
        flags = value.flags
        told = (flags.writeable, flags.c_contiguous, flags.f_contiguous, flags.aligned)
        rest = value.mask.tobytes() if isinstance(value, np.ma.MaskedArray) else None
        items = [description(each, seen) for each in value.ravel()] if value.dtype.hasobject else value.tobytes()
        return kind, value.shape, value.dtype, value.dtype.metadata, told, items, rest
    if isinstance(value, pd.DataFrame):
        columns = [description(value.iloc[:, place], seen) for place in range(value.shape[1])]
        return kind, description(value.columns, seen), description(value.index, seen), value.attrs, columns
    if isinstance(value, pd.Series):
        return kind, value.name, value.dtype, description(value.index, seen), [repr(each) for each in value.array]
    if isinstance(value, pd.Index):
        return kind, value.names, value.dtype, getattr(value, "freq", None), [repr(each) for each in value]
    if isinstance(value, (dict, collections.UserDict)):
        return kind, [(description(key, seen), description(each, seen)) for key, each in value.items()]
    if isinstance(value, (list, tuple, collections.deque)):
        return kind, [description(each, seen) for each in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return kind, [description(getattr(value, field.name), seen) for field in dataclasses.fields(value)]
    if isinstance(value, (set, frozenset)):
        return kind, sorted(map(repr, value))
    return kind, repr(value)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with DiskStore(tmp_path_factory.mktemp("values")) as made:
        yield made


def test_there_are_a_hundred_kinds_of_values():
    assert len(VALUES) >= 100


@pytest.mark.parametrize("name", VALUES)
def test_what_comes_back_is_what_a_round_trip_through_pickle_gives(name, store):
    value = VALUES[name]
    expected = description(pickle.loads(pickle.dumps(value, 5)))
    assert store.put(name, value) is True
    assert description(store.get(name).value) == expected, "as it was put"
    store.put_later(name, value)
    assert description(store.get(name).value) == expected, "while it waits"
    assert store.flush()
    assert description(store.get(name).value) == expected, "as it was put later"


@pytest.mark.parametrize("size", [100, LARGE])
def test_changing_what_came_back_changes_nothing_that_is_stored(size, store):
    for name, value in {
        "array": np.arange(size),
        "frame": frame(size),
        "list": list(range(size)),
        "buffer": bytearray(size),
    }.items():
        store.put(name, value)
        first = store.get(name).value
        if name == "frame":
            first.loc[0, "n"] = -1
        else:
            first[0] = 77
        assert description(store.get(name).value) == description(value)
        assert description(first) != description(value)


def test_changing_a_value_after_the_call_changes_nothing_that_is_stored(store):
    for size in (10, LARGE):
        value = np.arange(size)
        store.put("now", value)
        store.put_later("later", value)
        value[:] = 0
        assert store.get("now").value[-1] == store.get("later").value[-1] == size - 1
        assert store.flush()
        assert store.get("later").value[-1] == size - 1


def test_a_large_array_stands_in_a_file_that_numpy_reads(store):
    value = np.arange(float(LARGE))
    store.put("array", value)
    found = [path for path in store.folder.glob("v1/blobs/*") if path.stat().st_size == 128 + value.nbytes]
    assert any(np.array_equal(np.load(path, allow_pickle=False), value) for path in found)


@pytest.mark.parametrize("value", [3, "a", b"a", [1, (2.5, None)], {"a": {1, 2}}, np.arange(3), np.arange(3.0)])
def test_numbers_texts_and_arrays_are_read_without_looking_for_a_class_or_function(value, monkeypatch, store):
    store.put("plain", value)

    class Strict(pickle.Unpickler):
        def find_class(self, module, name):
            raise AssertionError(f"{module}.{name} was looked for")

    monkeypatch.setattr(encoding.pickle, "loads", lambda data: Strict(io.BytesIO(data)).load())
    assert description(store.get("plain").value) == description(value)


def test_what_only_cloudpickle_takes_comes_back(store):
    offset = 3
    store.put("function", lambda number: number + offset)
    assert store.get("function").value(4) == 7


class Rude:
    def __reduce__(self):
        raise RuntimeError("not me")


@pytest.mark.parametrize(
    "value",
    [threading.Lock(), (each for each in "ab"), Rude(), [Rude()], memoryview(b"abc"), {"view": memoryview(b"abc")}],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_bytes_is_an_error_that_names_key_and_type_and_changes_nothing(value, store):
    store.put("kept", 1)
    for write in (store.put, store.put_later):
        with pytest.raises(StoreError, match=r"'kept' is not stored.*value of type") as caught:
            write("kept", value)
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert store.get("kept").value == 1


def test_an_open_file_is_not_stored_as_something_else(store, tmp_path):
    with open(tmp_path / "text", "w") as file, pytest.raises(StoreError, match="something else"):
        store.put("file", file)
