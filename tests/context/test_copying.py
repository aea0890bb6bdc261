"""Copies: nobody who changes what he was given changes what is kept, and what cannot change is not copied."""

from __future__ import annotations

import copy
import threading
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.context.copying import deep_copy, is_immutable, snapshot

Pair = namedtuple("Pair", "a b")


class Typed(NamedTuple):
    a: Any
    b: Any = None


@dataclass(frozen=True)
class Frozen:
    a: Any
    b: Any = 1


@dataclass
class Loose:
    a: Any


@dataclass(frozen=True)
class Sloppy:
    a: int = 1


class Colour(Enum):
    RED = 1


class Own(list):
    """A list with more to it."""


class Plain:
    def __init__(self) -> None:
        self.items = [1]


class Unwilling:
    """Cannot be deep-copied, but pickles."""

    def __init__(self) -> None:
        self.items = [1]

    def __deepcopy__(self, memo: object) -> Any:
        raise RuntimeError("no")


class Atomic:
    """Says that it need not be copied."""

    def __deepcopy__(self, memo: object) -> Atomic:
        return self


IMMUTABLE = {
    "numbers": [None, True, 1, 2.5, 3j, Decimal("1.5"), ..., range(3)],
    "texts": ["a", b"b", Path("c"), datetime.now(UTC)],
    "groups": [(1, ("a", b"b")), frozenset({1, (2,)}), (), Pair(1, 2), Typed(1, "x")],
    "records": [Frozen(1), Frozen((1, Frozen("x"))), Colour.RED, Plain, len, lambda: 1, np.float64(1)],
}
MUTABLE = [
    ([1], list.append),
    ({"a": 1}, lambda value, item: value.update(b=item)),
    ({1}, set.add),
    (bytearray(b"a"), lambda value, item: value.append(1)),
    (deque([1], maxlen=3), deque.append),
    (Counter("ab"), lambda value, item: value.update("z")),
    (OrderedDict(a=1), lambda value, item: value.update(b=item)),
    (defaultdict(list, a=[1]), lambda value, item: value["a"].append(item)),
    ([[1], {"a": {2}}], lambda value, item: value[1]["a"].add(item)),
    (([1],), lambda value, item: value[0].append(item)),
    (Pair([1], 2), lambda value, item: value.a.append(item)),
    (Frozen([1]), lambda value, item: value.a.append(item)),
    (Loose([1]), lambda value, item: value.a.append(item)),
    (Own([1]), list.append),
    (np.zeros(3), lambda value, item: value.fill(item)),
    (np.asfortranarray(np.zeros((2, 3))), lambda value, item: value.fill(item)),
    (np.array([[1], None], dtype=object), lambda value, item: value[0].append(item)),
    (np.zeros(2, "i4,f8")[0], lambda value, item: value.__setitem__("f0", item)),
    (np.ma.masked_array([1, 2], [True, False]), lambda value, item: value.__setitem__(1, item)),
    (pd.DataFrame({"a": [1, 2]}), lambda value, item: value.__setitem__("b", item)),
    (pd.DataFrame({"a": [1, 2]}), lambda value, item: value.iloc.__setitem__((0, 0), item)),
    (pd.DataFrame({"a": [[1], [2]]}), lambda value, item: value.iloc[0, 0].append(item)),
    (pd.Series([{1}, {2}]), lambda value, item: value.iloc[0].add(item)),
    (pd.Series(["x", "y"], name="n"), lambda value, item: value.__setitem__(0, "z")),
]


@pytest.mark.parametrize("kind", IMMUTABLE)
def test_what_cannot_change_is_shared(kind: str) -> None:
    for value in IMMUTABLE[kind]:
        kept, copier = snapshot(value)
        assert kept is value, value
        assert copier is None, value
        assert deep_copy(value) is value


@pytest.mark.parametrize("place", range(len(MUTABLE)))
def test_what_can_change_is_kept_apart_on_both_ways(place: int) -> None:
    value, change = MUTABLE[place]
    value = copy.deepcopy(value)
    before = describe(value)
    kept, copier = snapshot(value)
    assert copier is not None
    assert type(kept) is type(value)
    change(value, 7)
    assert describe(value) != before
    assert describe(kept) == before
    given = copier(kept)
    assert type(given) is type(value)
    change(given, 8)
    assert describe(kept) == before
    assert describe(copier(kept)) == before


def describe(value: Any) -> str:
    """All that can be seen of a value."""
    if isinstance(value, pd.DataFrame | pd.Series):
        return repr(value.to_dict())
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape} {value.flags.f_contiguous} {value.tolist()}"
    return repr(value) if not isinstance(value, Plain) else repr(vars(value))


LEAVES = st.none() | st.integers() | st.text(max_size=3) | st.binary(max_size=3)
NESTED = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=2), inner, max_size=3)
        | st.sets(st.integers(0, 5), max_size=3)
    ),
    max_leaves=20,
)


def parts(value: Any) -> list[Any]:
    """The containers within a value that can change."""
    found = [value] if isinstance(value, list | dict | set) else []
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [*found, *(part for item in inner for part in parts(item))]


@given(NESTED)
def test_a_copy_is_equal_and_shares_nothing_that_can_change(value: Any) -> None:
    kept, copier = snapshot(value)
    assert kept == value
    if copier is None:
        assert not parts(value)
    else:
        given = copier(kept)
        assert given == value
        for one, other in ((value, kept), (kept, given)):
            assert not {id(part) for part in parts(one)} & {id(part) for part in parts(other)}


def test_shared_parts_and_circles_stay_as_they_are() -> None:
    shared: list[Any] = [1]
    kept, _ = snapshot([shared, shared, {"s": shared}])
    assert kept[0] is kept[1] is kept[2]["s"]
    assert kept[0] is not shared
    circle: list[Any] = [[]]
    circle.append(circle)
    kept, _ = snapshot(circle)
    assert kept[1] is kept
    bound: tuple[Any, ...] = ([],)
    bound[0].append(bound)
    kept, _ = snapshot(bound)
    assert kept[0][0] is kept
    assert kept is not bound


def test_shared_parts_stay_shared_through_objects_of_other_classes() -> None:
    plain = Plain()
    kept, copier = snapshot([plain, plain.items, plain])
    assert kept[0] is kept[2]
    assert kept[0].items is kept[1]
    assert kept[0] is not plain
    given = copier(kept)
    given[1].append(2)
    assert given[0].items == [1, 2]
    assert kept[1] == [1]


def test_what_cannot_be_deep_copied_goes_through_pickle() -> None:
    value = Unwilling()
    kept, copier = snapshot(value)
    value.items.append(2)
    assert kept.items == [1]
    assert copier(kept).items == [1]
    kept, _ = snapshot([value, [1]])
    assert kept[0] is not value


def test_a_class_that_says_it_need_not_be_copied_is_believed() -> None:
    value = Atomic()
    assert snapshot(value) == (value, None)


def test_a_frozen_record_with_something_beside_its_fields_can_change() -> None:
    record = Sloppy()
    assert is_immutable(record)
    object.__setattr__(record, "more", [1])
    assert not is_immutable(record)


@dataclass(frozen=True)
class Bag(dict):
    a: int = 1


def test_a_frozen_record_that_is_a_container_besides_can_change() -> None:
    bag = Bag()
    kept, copier = snapshot(bag)
    bag["b"] = 1
    assert "b" not in kept
    assert copier is not None


@dataclass(frozen=True)
class Half:
    a: int = field(init=False)


def test_a_frozen_record_that_lacks_a_field_is_not_trusted() -> None:
    assert not is_immutable(Half())


UNCOPYABLE = [
    (number for number in range(3)),
    threading.Lock(),
    {"in": {"a": [threading.Lock()]}},
    (threading.Lock(),),
]


@pytest.mark.parametrize("place", range(len(UNCOPYABLE)))
def test_what_cannot_be_copied_says_so(place: int) -> None:
    with pytest.raises(TypeError):
        snapshot(UNCOPYABLE[place])


def test_what_is_nested_too_deep_says_so() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(RecursionError):
        snapshot(deep)
    for _ in range(100_000):  # taken apart here: its destructor is the interpreter's affair
        deep = deep[0]
