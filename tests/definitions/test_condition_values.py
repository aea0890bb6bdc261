from __future__ import annotations

import math
import subprocess
import sys
from collections import ChainMap, OrderedDict, UserDict, defaultdict
from dataclasses import dataclass, field
from types import MappingProxyType, ModuleType, SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

from orchestra_nb.definitions.condition import parse_condition
from orchestra_nb.errors import ConditionError


def decide(text, **values):
    return parse_condition(text).evaluate(values)


@dataclass
class Risk:
    score: int
    note: str = field(default="", init=False)
    limit: ClassVar[int] = 3

    @property
    def twice(self):
        raise AssertionError

    def method(self):
        raise AssertionError


@dataclass(frozen=True, slots=True)
class Slotted:
    score: int
    missing: int = field(init=False)
    _hidden: int = 1


@dataclass
class Child(Risk):
    extra: Slotted | None = None


class Behind:
    """Pretends to be a dataclass."""

    __dataclass_fields__: ClassVar = {"score": None}

    @property
    def score(self):
        raise AssertionError


class BadDict(Risk):
    """Its ``__dict__`` is code."""

    @property
    def __dict__(self):
        raise AssertionError


class Foreign(Risk):
    """Its ``__dict__`` is that of another kind of object."""

    __dict__ = type(lambda: 0).__dict__["__dict__"]


class ColdMapping(dict):
    def __getitem__(self, key):
        raise AssertionError

    get = __contains__ = __iter__ = keys = __getitem__


@pytest.mark.parametrize(
    "mapping",
    [
        {"a": 1},
        OrderedDict(a=1),
        defaultdict(int, a=1),
        MappingProxyType({"a": 1}),
        MappingProxyType(MappingProxyType(OrderedDict(a=1))),
        {"a": 1, 2: 3, None: 4, ("a",): 5},
    ],
)
def test_plain_mappings_have_members(mapping):
    assert decide("m.a === 1 && m['a'] === 1 && m.b === undefined && m.length === undefined", m=mapping)
    assert parse_condition("a === 1").evaluate(mapping)


def test_a_default_is_not_made_by_looking():
    made = defaultdict(list)
    assert decide("m.a === undefined", m=made)
    assert not made


@pytest.mark.parametrize(
    "opaque",
    [
        ColdMapping(a=1),
        UserDict(a=1),
        ChainMap({"a": 1}),
        MappingProxyType(ColdMapping(a=1)),
        SimpleNamespace(a=1),
        Risk,
        sys,
        {"a"},
        range(3),
        b"a",
        1j,
        type("Text", (str,), {})("a"),
        type("Number", (int,), {})(1),
        type("List", (list,), {})([1]),
    ],
)
def test_what_brings_code_of_its_own_is_true_equals_itself_and_has_no_members(opaque):
    assert decide("!!o && o === o && o == o && o !== 1 && !(o < 1) && !(o > 0)", o=opaque)
    assert decide("o.a === undefined && o.length === undefined && o[0] === undefined && o['a'] === undefined", o=opaque)
    assert decide("!o.some(p => true) && !o.includes('a') && !o.startsWith('a') && !(o + 1 > 0) && !(-o < 0)", o=opaque)


@pytest.mark.parametrize("values", [ColdMapping(a=1), UserDict(a=1), ChainMap({"a": 1}), [("a", 1)], None])
def test_the_root_is_a_plain_mapping_too(values):
    with pytest.raises(ConditionError, match=rf"of type {type(values).__name__}, expected a plain dictionary"):
        parse_condition("a").evaluate(values)


def test_a_key_that_is_a_whole_number_counts_as_its_digits():
    assert decide("m[2020] === 1 && m['2020'] === 1 && m['-3'] === 2", m={2020: 1, -3: 2, "x": 3})
    assert decide("m[1] === undefined && m['True'] === undefined && m['2.5'] === undefined", m={True: 1, 2.5: 2})
    assert decide("m.x === 1", m={10**5000: 2, "x": 1})


def test_dataclasses_have_their_fields_and_nothing_else():
    risk = Child(7, extra=Slotted(3))
    risk.note = "high"
    risk.other = 1
    assert decide("r.score === 7 && r['score'] === 7 && r.note === 'high' && r.extra.score === 3", r=risk)
    assert decide("r.other === undefined && r.limit === undefined && r.twice === undefined", r=risk)
    assert decide("r.method === undefined && r.extra.missing === undefined && r.length === undefined", r=risk)
    assert not decide("r === s", r=Risk(1), s=Risk(1))


@pytest.mark.parametrize("pretender", [Behind(), BadDict(1), Foreign(1)])
def test_what_only_looks_like_a_dataclass_is_not_asked(pretender):
    assert decide("p.score === undefined", p=pretender)


def test_a_field_is_read_where_instances_store_it():
    risk = Risk(7)
    risk.__dict__ = ColdMapping(score=8)
    assert decide("r.score === undefined", r=risk)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.bool_(False), "v === false"),
        (np.int8(3), "v === 3"),
        (np.int64(3), "v + 1 === 4"),
        (np.uint64(2**53), "v === 9007199254740992"),
        (np.float32(0.5), "v === 0.5"),
        (np.float64("nan"), "v !== v"),
        (np.longlong(3), "v === 3"),
        (np.str_("x"), "v === 'x' && v.length === 1"),
        (np.datetime64("2024-01-01"), "v !== 0 && !!v"),
        (np.zeros(3), "!!v && v.length === undefined && v !== 0"),
    ],
)
def test_numpy_s_scalars_are_plain_values_and_its_arrays_opaque(value, text):
    assert decide(text, v=value)
    assert decide(text.replace("v", "m[0].v"), m=[{"v": value}])
    assert decide("m.includes(v)", m=[value], v=value)


def test_numpy_is_neither_imported_nor_believed(monkeypatch):
    code = (
        "import sys\nfrom orchestra_nb.definitions.condition import parse_condition\n"
        "assert parse_condition('!!a && a.b === undefined').evaluate({'a': object()})\n"
        "assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    fake = ModuleType("numpy")
    monkeypatch.setitem(sys.modules, "numpy", fake)
    assert decide("!!v", v=Risk(1))
    monkeypatch.setitem(sys.modules, "numpy", SimpleNamespace(float64=Risk))
    assert decide("!!v", v=Risk(1))


def test_numbers_are_doubles_from_the_first():
    assert decide("a === b", a=2**53, b=2**53 + 1)
    assert decide("a === 1 / 0 && b === -1 / 0", a=10**400, b=-(10**400))
    assert decide("a === a && !(b === b)", a=math.inf, b=math.nan)
    assert decide("l.includes(b) && l.includes(1)", l=[math.nan, 1.0], b=math.nan)


def test_a_ring_of_data_is_no_matter():
    ring: dict = {"list": []}
    ring["self"] = ring
    ring["list"].append(ring["list"])
    assert decide("r.self.self.self === r && r.list[0][0] === r.list && r.list.includes(r.list)", r=ring)


def test_values_and_limits_of_texts_and_lists():
    assert decide("a + b === c", a="x" * 5_000, b="y" * 5_000, c="x" * 5_000 + "y" * 5_000)
    assert decide("a.includes(14999)", a=list(range(15_000)))
    assert decide("a.k99 === 99", a={f"k{i}": i for i in range(1000)})
    assert decide("a.every(p => b.k9 === 9)", a=[0] * 500, b={f"k{i}": i for i in range(10_000)})
