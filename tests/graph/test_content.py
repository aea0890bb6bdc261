"""What a function is: pairs of functions that are the same, and pairs that are not."""

from __future__ import annotations

import datetime
import functools
import json
import types
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pytest

from orchestra_nb.graph.content import content_of, value_of


def module(text: str, name: str = "work") -> dict[str, Any]:
    made = types.ModuleType(name)
    exec(text, made.__dict__)
    return made.__dict__


def same(one: str, other: str, name: str = "f") -> bool:
    return content_of(module(one)[name]) == content_of(module(other)[name])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(): return 1", "def f(): return 2"),
        ("def f(): return 1", "def f(): return 1.0"),
        ("def f(): return 1", "def f(): return True"),
        ("def f(x): return x", "def f(y): return y"),
        ("def f(x): return x", "def f(*x): return x"),
        ("def f(x): return x", "async def f(x): return x"),
        ("def f(x=1): return x", "def f(x=2): return x"),
        ("def f(x=[1]): return x", "def f(x=[2]): return x"),
        ("def f(*, x=1): return x", "def f(*, x=2): return x"),
        ("def f(x): return x.a", "def f(x): return x.b"),
        ("N = 1\ndef f(): return N", "N = 2\ndef f(): return N"),
        ("N = (1, 2)\ndef f(): return [N for _ in 'a']", "N = (1, 3)\ndef f(): return [N for _ in 'a']"),
        ("def g(): return 1\ndef f(): return g()", "def g(): return 2\ndef f(): return g()"),
        ("class C:\n  x = 1\ndef f(): return C()", "class C:\n  x = 2\ndef f(): return C()"),
        (
            "class C:\n  def m(self): pass\ndef f(): return C()",
            "class C:\n  def m(self): return 1\ndef f(): return C()",
        ),
        (
            "class C:\n  @property\n  def m(self): return 1\ndef f(): return C()",
            "class C:\n  @property\n  def m(self): return 2\ndef f(): return C()",
        ),
        (
            "class B:\n  x = 1\nclass C(B): pass\ndef f(): return C()",
            "class B:\n  x = 2\nclass C(B): pass\ndef f(): return C()",
        ),
        (
            "def f(x):\n try: return x[0]\n except KeyError: return 0",
            "def f(x):\n try: return x[0]\n except IndexError: return 0",
        ),
        ("def f(x): return x\ndef g(x): return x", "def f(x): return x + 1"),
        ("import math\ndef f(): return math", "import json as math\ndef f(): return math"),
    ],
)
def test_what_can_change_a_value_counts(one, other):
    assert not same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(): return 1", "\n\ndef f():\n    # one\n    return 1"),
        ("S = []\ndef f(): S.append(1)", "S = [1]\ndef f(): S.append(1)"),
        ("N = 0\ndef f():\n  global N\n  N += 1", "N = 1\ndef f():\n  global N\n  N += 1"),
        ("def g(): return 1\ndef f(): return 2", "def g(): return 3\ndef f(): return 2"),
        ("def f(): return f", "def f(): return f"),
        ("def f(): return g\ndef g(): return f", "def f(): return g\ndef g(): return f"),
        ("def f(): return {'a', 'b'} and 'x' in {'p', 'q'}", "def f(): return {'a', 'b'} and 'x' in {'q', 'p'}"),
    ],
)
def test_what_cannot_or_is_state_does_not(one, other):
    assert same(one, other)


@dataclass(frozen=True)
class Fixed:
    rate: float


@dataclass
class Loose:
    rate: float


class Colour(Enum):
    RED = 1
    BLUE = 2


def seeing(value: object) -> object:
    return lambda: value


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2),
        ((1, "x"), (1, "y")),
        (frozenset("ab"), frozenset("ac")),
        (Fixed(1.0), Fixed(2.0)),
        (Colour.RED, Colour.BLUE),
        (datetime.date(2026, 1, 1), datetime.date(2026, 1, 2)),
        (PurePosixPath("a"), PurePosixPath("b")),
        (np.float64(1.0), np.float64(2.0)),
        (np.int64(1), np.int64(2)),
        (len, print),
        (np.add, np.multiply),
        (functools.partial(len, [1]), functools.partial(len, [2])),
        (lambda: 1, lambda: 2),
    ],
)
def test_a_closure_counts_by_value_where_nothing_can_change_it(one, other):
    assert content_of(seeing(one)) == content_of(seeing(one))
    assert content_of(seeing(one)) != content_of(seeing(other))


@pytest.mark.parametrize(("one", "other"), [([], [1]), ({}, {1: 2}), (Loose(1), Loose(2)), (np.zeros(2), np.ones(2))])
def test_a_closure_counts_by_type_where_a_run_could_change_it(one, other):
    assert content_of(seeing(one)) == content_of(seeing(other))
    assert content_of(seeing(one)) != content_of(seeing(None))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1], [2]),
        ([1], (1,)),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({1, 2}, {1, 3}),
        (Loose(1), Loose(2)),
        (np.zeros(3), np.ones(3)),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (bytearray(b"a"), bytearray(b"b")),
        (float("nan"), 0.0),
    ],
)
def test_what_is_bound_counts_by_value(one, other):
    for bound in (value_of, lambda value: content_of(functools.partial(len, value))):
        assert bound(one) == bound(one)
        assert bound(one) != bound(other)


def test_a_method_counts_with_its_object():
    class Holder:
        def __init__(self, n: int) -> None:
            self.n = n

        def read(self) -> int:
            return self.n

    assert content_of(Holder(1).read) == content_of(Holder(1).read)
    assert content_of(Holder(1).read) != content_of(Holder(1).__init__)
    assert content_of(Fixed(1).__eq__) != content_of(Fixed(2).__eq__)


def test_universal_functions_count_by_name():
    assert content_of(np.add) != content_of(np.multiply)


def test_a_wrapper_counts_with_what_it_wraps():
    assert content_of(functools.lru_cache(lambda: 1)) != content_of(functools.lru_cache(lambda: 2))


def test_what_contains_itself_has_an_end():
    ring: list[object] = []
    ring.append(ring)
    assert value_of(ring) == ["list", ["above", 1]]
    deep: list[object] = []
    for _ in range(10_000):
        deep = [deep]
    assert "deep" in json.dumps(value_of(deep))


def test_helpers_that_share_helpers_are_read_once():
    text = "def f0(): return 1\n" + "".join(f"def f{n}(): return f{n - 1}(), f{n - 1}\n" for n in range(1, 30))
    assert len(json.dumps(content_of(module(text)["f29"]))) < 100_000


def test_an_unbound_closure_and_no_function_are_fine():
    def outer() -> object:
        def inner() -> object:
            return late

        found = content_of(inner)
        late = 1
        return found, late

    assert outer()
    assert content_of(None) is None
