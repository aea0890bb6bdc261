from __future__ import annotations

import functools

import pytest

from orchestra_nb.graph.fingerprint import fingerprint
from orchestra_nb.model import Node


def of(fn: object) -> str:
    return fingerprint([Node("a", fn=fn)], [])


def bodies(constant: object) -> list[object]:
    return [lambda: constant, lambda: constant]


def test_equal_code_under_one_name_is_equal():
    first, second = bodies(1)
    assert of(first) == of(second)


class Callable:
    def __call__(self) -> int:
        return 1


@pytest.mark.parametrize("fn", [functools.partial(len), Callable(), len, print])
def test_any_callable_has_a_fingerprint_without_its_address(fn):
    assert of(fn) == of(fn)
    assert of(fn) != of(None)


def test_a_changed_constant_is_seen():
    def body() -> int:
        return 1

    before = of(body)
    body.__code__ = body.__code__.replace(co_consts=tuple(2 if c == 1 else c for c in body.__code__.co_consts))
    assert of(body) != before


def test_inner_functions_and_tuples_count():
    def outer() -> object:
        def inner() -> tuple[int, str]:
            return (1, "x")

        return inner, (1, (2, 3)), "a" in {"a", "b"}

    assert of(outer) == of(outer)


def test_names_beyond_ascii_are_fine():
    assert fingerprint([Node("é"), Node("\ud800")], []) != fingerprint([Node("e")], [])
