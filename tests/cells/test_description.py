"""Where two values part, said in few bytes and without calling the user's code."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestra_nb.cells.description import describe, place_of_difference


@dataclass
class Item:
    name: str
    tags: list[int]


class Touchy:
    """Must not be called while it is described."""

    def __init__(self, inside: int) -> None:
        self.inside = inside

    def __repr__(self) -> str:
        raise AssertionError("called")

    __len__ = __eq__ = __hash__ = __iter__ = __repr__  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        raise AssertionError("called")


def changed(array: Any, place: Any, value: Any) -> Any:
    other = array.copy()
    other[place] = value
    return other


LONG = list(range(1000))
PARTS = [
    (1, 2, ("", "1", "2")),
    (1, True, ("", "1", "True")),
    ([1, [2, 3]], [1, [2, 4]], ("[1][1]", "3", "4")),
    ({"a": {"b": 1}}, {"a": {"b": 2}}, ("['a']['b']", "1", "2")),
    ({"a": 1}, {"a": 1, "b": 2}, ("['b']", "nothing", "2")),
    ({(1, "x"): 1}, {(1, "x"): 2}, ("[(1, 'x')]", "1", "2")),
    ({1, 2}, {1, 3}, ("{1}", "2", "3")),
    (Item("a", [1]), Item("a", [2]), (".tags[0]", "1", "2")),
    (Touchy(1), Touchy(2), (".inside", "1", "2")),
    (np.array([1, 2]), np.array([1, 3]), ("[1]", "2", "3")),
    (np.array([[1, 2]]), np.array([[1, 3]]), ("[0, 1]", "2", "3")),
    (np.array(1.5), np.array(2.5), ("[]", "1.5", "2.5")),
    (pd.DataFrame({"v": [1, 2]}), pd.DataFrame({"v": [1, 3]}), ("['v'][1]", "2", "3")),
    (pd.Series([1, 2]), pd.Series([1, 2], index=[0, 5]), (".index[1]", "1", "5")),
    ("ab", "ac", ("", "'ab'", "'ac'")),
    ([1], (1,), ("", "list, 1 element: 1", "tuple, 1 element: 1")),
]


@pytest.mark.parametrize(("one", "two", "expected"), PARTS, ids=range(len(PARTS)))
def test_the_first_place_that_differs_is_found(one: Any, two: Any, expected: tuple[str, str, str]) -> None:
    assert place_of_difference(describe(one), describe(two)) == expected


FAR = [
    (LONG, [*LONG[:700], -1, *LONG[701:]], "[631:754]"),
    ({str(n): n for n in LONG}, {str(n): n - (n == 700) for n in LONG}, "[631:754]"),
    (set(LONG), set(LONG) - {500} | {-1}, "{0}"),
    (np.arange(1000), changed(np.arange(1000), 700, -1), "[625:750]"),
    (np.arange(1000).reshape(100, 10), changed(np.arange(1000).reshape(100, 10), (70, 3), -1), "[65:78]"),
    (np.array([str] * 50, dtype=object), changed(np.array([str] * 50, dtype=object), 30, int), "[28:35]"),
    ("a" * 5000, "a" * 4999 + "b", ""),
]


@pytest.mark.parametrize(("one", "two", "path"), FAR)
def test_a_difference_far_inside_is_found_to_its_block(one: Any, two: Any, path: str) -> None:
    found = place_of_difference(describe(one), describe(two))
    assert found[0] == path
    assert found[1] != found[2]


def loop() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


@pytest.mark.parametrize(
    "value",
    [loop(), LONG, {"x": np.zeros((1000, 100))}, pd.DataFrame(np.zeros((50, 200))), "x" * 10**6, threading.Lock(),
     json, describe, Item, [[[[[[[1]]]]]]], {str(n): LONG for n in range(100)}, b"\xff" * 1000, float("nan"),
     frozenset(LONG)],
)  # fmt: skip
def test_every_description_is_small_plain_and_the_same_again(value: Any) -> None:
    text = json.dumps(describe(value))
    assert len(text) < 12_000
    assert text == json.dumps(describe(value))
