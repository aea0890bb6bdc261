"""What every store must do, as claims about a factory; :mod:`test_store` names the stores that it is run on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestra_nb.context.store import Store

from .cache_model import Clock

Make = Callable[[Clock], Store]
"""Makes an empty store on a clock."""


def keeps_what_it_is_given(make: Make) -> None:
    store = make(Clock())
    store.put("a", {"x": [1]})
    store.put_later("b", (1, 2))
    for key, value in (("a", {"x": [1]}), ("b", (1, 2))):
        record = store.get(key)
        assert record is not None
        assert (record.value, record.ttl) == (value, None)
        assert record.bytes >= 0
    assert sorted(store.keys()) == ["a", "b"]
    assert store.get("c") is None


def gives_values_that_nobody_else_holds(make: Make) -> None:
    store, given = make(Clock()), [1]
    store.put("a", given)
    store.put_later("b", given)
    for key in "ab":
        store.get(key).value.append(2)  # type: ignore[union-attr]
        assert store.get(key).value == [1]  # type: ignore[union-attr]
    given.append(3)
    store.flush()
    assert [store.get(key).value for key in "ab"] == [[1], [1]]  # type: ignore[union-attr]


def sees_writes_that_are_on_their_way_in_the_order_in_which_they_came(make: Make) -> None:
    store = make(Clock())
    for number in range(5):
        store.put_later("k", number)
        assert store.get("k").value == number  # type: ignore[union-attr]
    assert store.flush(60)
    assert store.get("k").value == 4  # type: ignore[union-attr]
    store.put_later("k", 5)
    store.put("k", 6)
    store.flush(60)
    assert store.get("k").value == 6  # type: ignore[union-attr]


def forgets_also_what_is_on_its_way(make: Make) -> None:
    store = make(Clock())
    store.put("a", 1)
    store.put_later("b", 2)
    assert [store.delete(key) for key in "abc"] == [True, True, False]
    store.flush(60)
    assert [store.get(key) for key in "ab"] == [None, None]
    store.put("a", 1)
    store.put_later("b", 2)
    assert store.clear() == 2
    store.flush(60)
    assert store.keys() == []
    assert store.clear() == 0


def counts_lifetimes_down(make: Make) -> None:
    clock = Clock()
    store = make(clock)
    store.put("a", 1, ttl=10)
    store.put_later("b", 2, ttl=20)
    clock.now = 5
    lives: list[Any] = [store.get(key).ttl for key in "ab"]  # type: ignore[union-attr]
    assert 0 < lives[0] <= 5
    assert 0 < lives[1] <= 15
    clock.now = 10
    assert store.get("a") is None
    assert store.keys() == ["b"]
    assert store.delete("a") is False


def may_be_closed_again(make: Make) -> None:
    store = make(Clock())
    store.put_later("a", 1)
    store.close()
    store.close()


CLAIMS = (
    *(keeps_what_it_is_given, gives_values_that_nobody_else_holds, forgets_also_what_is_on_its_way),
    *(sees_writes_that_are_on_their_way_in_the_order_in_which_they_came, counts_lifetimes_down, may_be_closed_again),
)
