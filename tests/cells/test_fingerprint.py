"""Equal content, equal digest; unequal content, unequal digest; in every process."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import copyreg
import datetime
import functools
import subprocess
import sys
import threading
import types
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import BallTree, KDTree
from sklearn.svm import SVC

from orchestra_nb.cells.fingerprint import OPAQUE, fingerprint
from orchestra_nb.notebook.routing import StreamRouter


class Point:
    def __init__(self, x: object) -> None:
        self.x = x


class Slotted:
    __slots__ = ("a",)


def shared() -> list[list[int]]:
    inner = [1]
    return [inner, inner]


def circle() -> list[Any]:
    out: list[Any] = [1]
    out.append(out)
    return out


def function_of(text: str, **names: object) -> Any:
    space: dict[str, Any] = {"__name__": "__main__", **names}
    exec(text, space)
    return space["f"]


EQUAL = [
    (lambda: [1, "a", None, 2.5, True, b"x", 3j, range(3), slice(1, 2), ...],) * 2,
    (lambda: {"a": {1, 2, frozenset({"x", "y"})}},) * 2,
    (lambda: np.arange(6).reshape(2, 3).T, lambda: np.arange(6).reshape(2, 3).T.copy()),
    (lambda: np.array([], dtype=float),) * 2,
    (lambda: np.ma.array([1.0, 2.0], mask=[True, False]),) * 2,
    (lambda: GridSearchCV(SVC(), {"C": [1, 2]}, cv=2).fit([[0], [1], [0], [1]], [0, 1, 0, 1]).cv_results_["params"],)
    * 2,
    (lambda: np.array([{"a": 1}, None], dtype=object),) * 2,
    (lambda: pd.DataFrame({"a": [1, 2], "b": ["x", None]}, index=[3, 4]),) * 2,
    (lambda: pd.Series([1.0, float("nan")], name="s"),) * 2,
    (lambda: pd.Series(pd.date_range("2020", periods=3)),) * 2,
    (lambda: Point([1]),) * 2,
    (circle, circle),
    (lambda: collections.Counter("abca"),) * 2,
    (lambda: collections.deque([1, 2], maxlen=3),) * 2,
    (lambda: datetime.datetime(2020, 1, 1),) * 2,
    (lambda: functools.partial(int, base=2),) * 2,
    (lambda: function_of("def f(x=1): return x + 1"), lambda: function_of("\n\ndef f(x=1):\n    return x + 1")),
    (lambda: float("nan"), lambda: float("nan")),
    (lambda: bytearray(b"a"),) * 2,
    (lambda: [1].append.__name__,) * 2,
    (lambda: types.SimpleNamespace(a=1),) * 2,
    (lambda: Point,) * 2,
    (lambda: (Point([1]).__init__.__func__, len, np),) * 2,  # type: ignore[misc]
]
UNEQUAL = [
    (1, True), (1, 1.0), (0.0, -0.0), ("1", 1), (b"a", "a"), ([1], (1,)), ([1, 2], [2, 1]), ({1}, frozenset({1})),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}), (shared(), [[1], [1]]), (Point(1), Point(2)),
    (np.ma.array([1, 2], mask=[True, False]), np.ma.array([1, 2], mask=[False, False])),
    (np.zeros(3), np.zeros((3, 1))), (np.zeros(3), np.zeros(3, dtype="f4")), (np.array([1, 2]), np.array([2, 1])),
    (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1.0]})), (pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]})),
    (pd.Series([1], index=[0]), pd.Series([1], index=[1])),
    (function_of("def f(): return 1"), function_of("def f(): return 2")),
    (function_of("def f(x=1): return x"), function_of("def f(x=2): return x")),
    (function_of("def f(): return lambda: 1"), function_of("def f(): return lambda: 2")),
    (function_of("class f:\n    a = 1"), function_of("class f:\n    a = 2")),
    (np, pd), (Point, Slotted), (circle(), [1, [1]]),
]  # fmt: skip


@pytest.mark.parametrize(("one", "two"), EQUAL)
def test_equal_content_has_equal_digests(one: Any, two: Any) -> None:
    assert fingerprint(one()) == fingerprint(two())
    assert not fingerprint(one()).startswith(OPAQUE)


@pytest.mark.parametrize(("one", "two"), UNEQUAL)
def test_unequal_content_has_unequal_digests(one: object, two: object) -> None:
    assert fingerprint(one) != fingerprint(two)


@pytest.mark.parametrize("value", [threading.Lock(), (i for i in [1]), [threading.Lock()]])
def test_what_cannot_be_looked_into_says_so(value: object) -> None:
    assert fingerprint(value).startswith(OPAQUE)


def test_depth_without_end_is_opaque_and_no_crash() -> None:
    deep: list[Any] = []
    for _ in range(50_000):
        deep = [deep]
    assert fingerprint(deep).startswith(OPAQUE)


def test_a_fitted_search_can_be_looked_into() -> None:
    search = GridSearchCV(SVC(), {"C": [1, 2]}, cv=2).fit([[0], [1], [0], [1]], [0, 1, 0, 1])
    assert not fingerprint(search).startswith(OPAQUE)


def test_an_empty_slot_is_fine() -> None:
    assert fingerprint(Slotted()) == fingerprint(Slotted())


def test_the_digest_does_not_depend_on_the_process() -> None:
    code = (
        "from orchestra_nb.cells.fingerprint import fingerprint as f; import collections;"
        "print(f([{'b','a','c'}, frozenset('xyz'), {'k': (1, 2.5)}, collections.Counter('aab')]))"
    )
    found = {
        subprocess.run([sys.executable, "-c", code], env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
                       capture_output=True, text=True, check=True).stdout
        for seed in ("0", "1", "77")
    }  # fmt: skip
    assert len(found) == 1


ATOMS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
TREES = st.recursive(
    ATOMS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner), max_leaves=12
)


@given(TREES)
def test_a_rebuilt_tree_has_the_same_digest(tree: object) -> None:
    def rebuild(value: Any) -> Any:
        if isinstance(value, list):
            return [rebuild(item) for item in value]
        if isinstance(value, dict):
            return {key: rebuild(item) for key, item in value.items()}
        return tuple(rebuild(item) for item in value) if isinstance(value, tuple) else value

    assert fingerprint(tree) == fingerprint(rebuild(tree))


@pytest.mark.parametrize("kind", [KDTree, BallTree])
def test_a_tree_of_neighbours_is_what_it_holds_and_not_what_it_counts_of_its_queries(kind: Any) -> None:
    tree = kind([[1.0], [2.0], [4.0]])
    before = fingerprint(tree)
    tree.query([[1.5]])
    assert fingerprint(tree) == before
    assert fingerprint(kind([[1.0], [2.0], [5.0]])) != before
    assert not before.startswith(OPAQUE)


def test_what_waits_on_an_event_loop_does_not_depend_on_what_else_the_loop_does() -> None:
    async def contended() -> str:
        event = asyncio.Event()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), 0.001)
        return fingerprint(event)

    assert asyncio.run(contended()) == asyncio.run(contended(), debug=True)


def test_a_stream_that_a_run_fronts_is_the_stream() -> None:
    assert fingerprint(StreamRouter(sys.stderr, "stderr")) == fingerprint(sys.stderr)


def test_what_a_library_teaches_pickle_of_errors_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As importing dask does, in one of two runs that are compared."""

    def taught(error: ValueError) -> tuple[object, ...]:
        return ValueError, error.args, {"raised": "somewhere"}

    plain = fingerprint([ValueError("a", 1)])
    monkeypatch.setitem(copyreg.dispatch_table, ValueError, taught)
    assert fingerprint([ValueError("a", 1)]) == plain
    assert fingerprint([ValueError("a", 2)]) != plain
