"""Export and import: what comes back, what is left out, and what a hostile file can do, which is nothing."""

from __future__ import annotations

import json
import math
import os
import pickle
import random
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb import CacheError, ContextManager
from orchestra_nb.context import portable
from orchestra_nb.context.json_values import NotJson, from_json, to_json

VALUES: list[Any] = [
    *(None, True, 0, -1, 2**53, 2**70, -(2**200), 1.5, -0.0, math.inf, -math.inf, math.nan, "é", "\ud800", ""),
    *(b"", b"x", bytearray(b"y"), (1, (2,)), [], [[1], {"a": None}], {1, 2}, frozenset({"a", (1,)})),
    *({"$x": 1}, {"$tuple": [1]}, {1: 2, (1, 2): [3]}, {"": ""}, 1 + 2j, complex(math.nan, -0.0)),
    *(datetime(2020, 1, 1), datetime(2020, 1, 1, tzinfo=UTC), date(2020, 2, 29), time(1, 2, 3, 4)),
    *(datetime(2020, 1, 1, tzinfo=timezone(timedelta(hours=-3, minutes=30))), timedelta(-1, 3, 4)),
    *(Decimal("1.50"), Decimal("NaN"), Decimal("-0"), Fraction(1, 3), Fraction(2**100, 3), UUID(int=5)),
]
ARRAYS = [
    *(np.arange(6).reshape(2, 3), np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.array(3), np.zeros((0, 3))),
    *(np.array(["a", "bcd"]), np.array(["2020-01-01"], "M8[ns]"), np.array([True]), np.array([b"ab"])),
    *(np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2), np.arange(3, dtype=">i2"), np.array([1j, np.nan])),
]


class Sub(list):
    pass


NEED_PICKLE = [
    Sub([1]),
    np.array([1, None], dtype=object),
    np.zeros(2, "i4,f8"),
    np.float64(1.0),
    datetime(2020, 1, 1, tzinfo=ZoneInfo("Europe/Paris")),
    datetime(2020, 1, 1, fold=1),
    range(3),
    print,
    math,
]


def journey(value: Any) -> Any:
    return from_json(json.loads(json.dumps(to_json(value), allow_nan=False)))


@pytest.mark.parametrize("place", range(len(VALUES)))
def test_values_come_back_as_what_they_were(place: int) -> None:
    value = VALUES[place]
    back = journey(value)
    assert type(back) is type(value)
    assert repr(back) == repr(value)


@pytest.mark.parametrize("place", range(len(ARRAYS)))
def test_arrays_come_back_as_what_they_were(place: int) -> None:
    value = ARRAYS[place]
    back = journey(value)
    assert (back.dtype, back.shape) == (value.dtype, value.shape)
    assert back.tolist() == value.tolist() or np.isnan(value).any()
    assert back.flags.f_contiguous == value.flags.f_contiguous or not value.flags.c_contiguous
    assert back.flags.writeable


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.decimals(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers() | st.sampled_from(["$a", "$tuple"]), inner, max_size=3)
    ),
    max_leaves=15,
)


@given(JSON)
def test_any_value_of_these_kinds_comes_back(value: Any) -> None:
    assert repr(journey(value)) == repr(value)


@pytest.mark.parametrize("place", range(len(NEED_PICKLE)))
def test_other_values_need_pickle(place: int) -> None:
    with pytest.raises(NotJson):
        to_json(NEED_PICKLE[place])
    with pytest.raises(NotJson):
        to_json({"a": [NEED_PICKLE[place]]})


def filled(**values: Any) -> ContextManager:
    cache = ContextManager(default_ttl=None)
    for key, value in values.items():
        cache.set(key, value)
    return cache


def test_an_export_is_read_by_another_cache(tmp_path: Path) -> None:
    cache = filled(a=1, b=(1, [2]), c=b"x")
    cache.set("mortal", "m", ttl=100)
    path = tmp_path / "cache.json"
    text = cache.export(path)
    assert path.read_text(encoding="utf-8") == text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
    for source in (path, str(path), text, text.encode()):
        other = ContextManager(default_ttl=None)
        assert other.import_(source) == 4
        names = other.keys()
        assert {key: other.get(key) for key in names} == {"a": 1, "b": (1, [2]), "c": b"x", "mortal": "m"}
        lives = {each.key: each.ttl for each in other.get_key_metrics()}
        assert lives["a"] is None
        assert 0 < lives["mortal"] <= 100


def test_what_needs_pickle_is_left_out_and_counted_unless_it_is_allowed() -> None:
    cache = filled(a=1, b=Sub([1]), c=range(3))
    seen: list[Any] = []
    cache.on("cache:exported", seen.append)
    text = cache.export()
    assert json.loads(text)["left_out"] == 2
    assert (seen[0].entries, seen[0].left_out) == (1, ("b", "c"))
    assert ContextManager().import_(text) == 1
    whole = cache.export(allow_pickle=True)
    other = filled(kept="k")
    with pytest.raises(CacheError, match=r"needs pickle, which runs code .*allow_pickle=True"):
        other.import_(whole)
    assert other.keys() == ["kept"]
    assert other.import_(whole, allow_pickle=True) == 3
    assert other.get("b") == Sub([1])


def test_lifetimes_go_on_while_a_file_lies_and_a_clock_that_was_put_back_adds_nothing() -> None:
    made = portable.export([portable.Item("k", "v", 10.0), portable.Item("ever", "v", None)], now=1000.0)
    for now, left in ((1000.0, 10.0), (1004.0, 6.0), (500.0, 10.0)):
        assert {item.key: item.ttl for item in portable.read(made.text, now)} == {"k": left, "ever": None}
    assert [item.key for item in portable.read(made.text, 1010.0)] == ["ever"]


def test_an_export_that_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    cache = filled(a=1)
    with pytest.raises(CacheError, match="cannot be exported"):
        cache.export(tmp_path / "none" / "cache.json")
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(CacheError, match="cannot be exported"):
        cache.export(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


class Bomb:
    """Whoever unpickles it is told on."""

    def __reduce__(self) -> Any:
        return (os.mkdir, ("/nowhere/at/all",))


def changed(change: Callable[[dict[str, Any]], Any], *, signed: bool = True) -> str:
    """An export of one value with something changed, and its digests made true again."""
    document = json.loads(filled(k=[1]).export())
    document = change(document) or document
    if signed:
        for entry in document["entries"]:
            entry.pop("digest", None)
            entry["digest"] = portable._digest(entry)
    return json.dumps(document)


def entry(**fields: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda document: document["entries"][0].update(fields)


def value(found: Any) -> Callable[[dict[str, Any]], Any]:
    return entry(value=found)


ARRAY = {"dtype": "<i8", "shape": [1], "order": "C", "data": "AAAAAAAAAAA="}
HOSTILE: dict[str, str | bytes] = {
    "nothing": b"",
    "no json": b"{",
    "no utf-8": b"\xff\xfe{",
    "a list": b"[]",
    "nested": b"{" + b'"a":{' * 10**6,
    "nested lists": '{"format": ' + "[" * 10**6 + "]" * 10**6 + "}",
    "a number that is none": changed(lambda d: None).replace("[1]", "[NaN]"),
    "infinity": changed(lambda d: None).replace("[1]", "[Infinity]"),
    "a number without end": changed(lambda d: None).replace("[1]", "[" + "9" * 10_000 + "]"),
    "a large number": changed(value(1e308)).replace("1e+308", "1e999"),
    "a key twice": changed(lambda d: None).replace('{"format"', '{"format": 1, "format"'),
    "another format": changed(lambda d: d.update(format="x")),
    "a later version": changed(lambda d: d.update(version=2)),
    "a true version": changed(lambda d: d.update(version=True)),
    "more fields": changed(lambda d: d.update(more=1)),
    "entries of no list": changed(lambda d: {**d, "entries": {}}, signed=False),
    "an entry that is none": changed(lambda d: {**d, "entries": [1]}, signed=False),
    "an entry twice": changed(lambda d: d["entries"].append(dict(d["entries"][0]))),
    "no key": changed(entry(key="")),
    "a key that is a number": changed(entry(key=1)),
    "a ttl below zero": changed(entry(ttl=-1)),
    "a ttl of a text": changed(entry(ttl="1")),
    "a ttl that is true": changed(entry(ttl=True)),
    "a huge ttl": changed(entry(ttl=10**400)),
    "a time of export that is none": changed(lambda d: d.update(exported_at="now")),
    "a wrong digest": changed(entry(digest="0" * 32), signed=False),
    "a digest that is a number": changed(entry(digest=1), signed=False),
    "another value": changed(value([2]), signed=False),
    "two kinds of value": changed(entry(pickle="")),
    "a pickle": changed(lambda d: d["entries"][0].pop("value") and entry(pickle="gASVBA==")(d)),
    "an unknown tag": changed(value({"$object": "os.system"})),
    "a tag with company": changed(value({"$tuple": [], "a": 1})),
    "a tuple that is none": changed(value({"$tuple": 5})),
    "a set of lists": changed(value({"$set": [[1]]})),
    "bytes that are none": changed(value({"$bytes": "é"})),
    "a number that is no hex": changed(value({"$int": "x"})),
    "a float that is none": changed(value({"$float": "1"})),
    "a date that is none": changed(value({"$date": "2020-99-01"})),
    "a duration that is none": changed(value({"$timedelta": [10**30, 0, 0]})),
    "a fraction by zero": changed(value({"$fraction": ["0x1", "0x0"]})),
    "a dictionary of keys that have no hash": changed(value({"$dict": [[[], 1]]})),
    "a dictionary with a key twice": changed(value({"$dict": [[1, 1], [1, 2]]})),
    "an array of objects": changed(value({"$array": {**ARRAY, "dtype": "|O"}})),
    "an array of records": changed(value({"$array": {**ARRAY, "dtype": "i4,O"}})),
    "an array of another size": changed(value({"$array": {**ARRAY, "shape": [10**12]}})),
    "an array of nothing": changed(value({"$array": {**ARRAY, "dtype": "S0", "shape": [10**12], "data": ""}})),
    "an array below zero": changed(value({"$array": {**ARRAY, "shape": [-1, -1]}})),
    "an array of many dimensions": changed(value({"$array": {**ARRAY, "shape": [1] * 1000}})),
    "a deep value": changed(value(json.loads("[" * 300 + "]" * 300))),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_one_clear_error_and_changes_nothing(name: str, tmp_path: Path) -> None:
    cache = filled(kept="k")
    before = cache.get_metrics()
    path = tmp_path / "hostile.json"
    source = HOSTILE[name]
    path.write_bytes(source if isinstance(source, bytes) else source.encode())
    with pytest.raises(CacheError, match="nothing was imported"):
        cache.import_(path)
    assert cache.get_metrics() == before


def test_one_bad_entry_among_many_imports_none() -> None:
    document = json.loads(filled(**{f"k{number}": number for number in range(100)}).export())
    document["entries"][99]["digest"] = "bad"
    cache = ContextManager()
    with pytest.raises(CacheError, match=r"entry 99 \('k99'\): its digest does not fit"):
        cache.import_(json.dumps(document))
    assert cache.keys() == []


@pytest.mark.parametrize("seed", range(4))
def test_damage_anywhere_is_found(seed: int) -> None:
    draw = random.Random(seed)
    text = filled(a=[1, 2.5, "text"], b={"x": (1, b"bytes")}, c=np.arange(3)).export().encode()
    expected = ContextManager()
    expected.import_(text)
    for _ in range(300):
        data = bytearray(text)
        place = draw.randrange(len(data))
        data[place] ^= 1 << draw.randrange(8)
        cache = ContextManager()
        try:
            count = cache.import_(bytes(data[: draw.choice((len(data), place))]))
        except CacheError:
            assert cache.keys() == []
        else:  # only in what no value depends on
            head = json.loads(bytes(data))
            assert (count, head["entries"]) == (3, json.loads(text)["entries"])


@pytest.mark.parametrize("source", [None, 5, ["{}"], "no such file", "a\0b", ""])
def test_what_is_no_file_is_an_error(source: Any) -> None:
    with pytest.raises(CacheError):
        ContextManager().import_(source)


AUDITED = """
import sys
found = []
sys.addaudithook(lambda event, args: found.append(event) if event.startswith(("pickle.", "exec", "compile")) else None)
from orchestra_nb import CacheError, ContextManager
cache = ContextManager()
good, bad = sys.argv[1:]
cache.import_(good)
del found[:]
assert cache.import_(good) == 1
try:
    cache.import_(bad)
except CacheError as error:
    assert "needs pickle" in str(error)
assert "orchestra_nb.context.pickled" not in sys.modules
print(found)
"""


def test_no_pickle_is_read_without_leave(tmp_path: Path) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    filled(k=[1]).export(good)
    document = json.loads(good.read_text())
    (only,) = document["entries"]
    del only["value"], only["digest"]
    from base64 import b64encode

    only["pickle"] = b64encode(pickle.dumps(Bomb())).decode()
    only["digest"] = portable._digest(only)
    bad.write_text(json.dumps(document))
    done = subprocess.run([sys.executable, "-c", AUDITED, good, bad], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr
    with pytest.raises(CacheError, match="its pickle cannot be read"):
        ContextManager().import_(bad, allow_pickle=True)


def test_the_module_that_reads_does_not_know_pickle() -> None:
    for module in (portable, sys.modules[to_json.__module__]):
        source = Path(str(module.__file__)).read_text(encoding="utf-8")
        assert not re.search(r"^\s*(import|from) (pickle|_pickle|marshal|cloudpickle|shelve)\b", source, re.MULTILINE)
        assert not hasattr(module, "pickle")
