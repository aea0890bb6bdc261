"""Containers within containers, of which only what is not plain comes out."""

from __future__ import annotations

import pytest

from orchestra_nb.running import flattening
from orchestra_nb.running.flattening import Flattening


class Thing:
    pass


class NoHash(type):
    __hash__ = None


ONE, TWO = Thing(), Thing()
ODD = NoHash("Odd", (), {})()
CIRCLE = [ONE]
CIRCLE.append(CIRCLE)
DEEP = [ONE]
for _ in range(10_000):
    DEEP = [DEEP]
DOUBLED = [ONE]
for _ in range(60):
    DOUBLED = [DOUBLED, DOUBLED]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (1, []),
        ("text", []),
        ([1, "a", None, [2.0]], []),
        (ONE, [ONE]),
        ([ONE, {"a": TWO}], [ONE, TWO]),
        ({ONE: 1}, [ONE]),
        ({(1, ONE): 1}, [ONE]),
        ({1, ONE, frozenset({TWO})}, [ONE, TWO]),
        ([{"a": 1}] * 1000 + [{"a": (TWO,)}], [TWO]),
        ([[ODD], 1], [ODD]),
        (CIRCLE, [ONE]),
        (DEEP, [ONE]),
        (DOUBLED, [ONE]),
    ],
)
def test_what_is_not_plain_is_found_wherever_it_is(value, found):
    assert {*map(id, Flattening().rest([value]))} == {*map(id, found)}


def test_what_was_looked_into_is_not_looked_into_again():
    flat = Flattening()
    assert (flat.rest([CIRCLE, CIRCLE])[0], flat.rest([CIRCLE])) == (ONE, [])


def test_there_is_an_end(monkeypatch):
    monkeypatch.setattr(flattening, "_MOST", 1000)
    flat = Flattening()
    flat.rest([[[n] for n in range(1001)]])
    assert flat.is_too_much
