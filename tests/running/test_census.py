from __future__ import annotations

import datetime
import enum
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.running.census import Census


class Colour(enum.Enum):
    RED = 1


def shared(one: Any, two: Any) -> bool:
    before, after = Census(), Census()
    before.scan({"one": one})
    after.scan({"two": two})
    return after.shared_with(before) is not None


IMMUTABLE = [1, "text", b"bytes", None, 2.5, (1, "a"), frozenset({1}), range(3), Colour.RED, Path("x")]
IMMUTABLE += [datetime.date(2026, 1, 1), re.compile("a"), len, int, Census]


@pytest.mark.parametrize("value", IMMUTABLE, ids=repr)
def test_sharing_what_cannot_change_means_nothing(value: Any) -> None:
    assert not shared([value], [value])


@pytest.mark.parametrize("value", [[], {}, set(), bytearray(b"x"), Census()], ids=lambda v: type(v).__name__)
def test_sharing_what_can_change_is_seen_however_deep(value: Any) -> None:
    assert shared({"a": (value,)}, [[value]])


def test_numpy_types_and_scalars_are_constants_and_views_are_not() -> None:
    np = pytest.importorskip("numpy")
    array = np.arange(6.0)
    assert not shared([array.dtype, np.float64(1), np.add], [array.dtype, np.float64(1), np.add])
    assert shared(array, array.reshape(2, 3).T)
    assert shared(array, np.frombuffer(memoryview(array)))
    assert not shared(array, array + 1)
    assert not shared(np.frombuffer(b"12345678"), np.frombuffer(b"12345678"))


def test_frames_may_share_what_they_copy_on_write_but_an_array_may_not_share_it() -> None:
    pd = pytest.importorskip("pandas", minversion="3")
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    assert not shared(frame, frame.copy(deep=False))
    assert not shared(frame, frame["a"].rename("c"))
    assert shared(frame, frame["a"].to_numpy())
    assert shared([frame], (frame,))
    listed = pd.DataFrame({"a": [[1], [2]]})
    assert shared(listed, listed.copy()["a"][0])


def test_before_copy_on_write_everything_of_pandas_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    pd = pytest.importorskip("pandas")
    monkeypatch.setattr(pd, "__version__", "2.3.0")
    frame = pd.DataFrame({"a": [1, 2]})
    assert shared(frame, frame.copy(deep=False))


def test_tensors_share_by_their_storage() -> None:
    class Storage:
        def data_ptr(self) -> int:
            return 7

    tensor = type("Tensor", (), {"untyped_storage": lambda self: Storage(), "__module__": "torch"})
    before, after = Census(), Census()
    before.name, after.name = "one", "two"
    before.note(tensor())
    after.note(tensor())
    assert after.shared_with(before) == ("two", "one", "tensor")


def test_the_names_are_told() -> None:
    row = [1]
    before, after = Census(), Census()
    before.scan({"first": 1, "second": (row,)})
    after.scan({"new": {}, "other": row})
    assert after.shared_with(before) == ("other", "second", "list")


values = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from("abcd"), values, max_size=4))
def test_what_did_not_change_has_the_same_digests(namespace: dict[str, Any]) -> None:
    assert Census().scan(namespace) == Census().scan(namespace)


@given(st.lists(values, min_size=1, max_size=4), st.data())
def test_any_change_changes_a_digest(items: list[Any], data: st.DataObject) -> None:
    before = Census().scan({"x": items})
    place = data.draw(st.integers(0, len(items) - 1))
    items[place] = [items[place]]
    assert Census().scan({"x": items}) != before
