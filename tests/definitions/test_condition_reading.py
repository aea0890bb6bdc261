from __future__ import annotations

import copy
import pickle

import pytest

from orchestra_nb.definitions.condition import Condition, parse_condition


@pytest.mark.parametrize(
    ("text", "names", "paths"),
    [
        ("1 < 2", (), ()),
        ("a", ("a",), (("a",),)),
        ("b.c || a || b.c", ("b", "a"), (("b", "c"), ("a",))),
        ("context.risk.score > 7", ("context",), (("context", "risk", "score"),)),
        ("inputs.frameworks.length", ("inputs",), (("inputs", "frameworks"),)),
        ("results['security-review'].failed", ("results",), (("results", "security-review", "failed"),)),
        ("a[0].b", ("a",), (("a",),)),
        ("a[b.c].d", ("a", "b"), (("a",), ("b", "c"))),
        ("a.b.some(p => p.c === q.d)", ("a", "q"), (("a", "b"), ("q", "d"))),
        ("a.some(p => p) && p.x", ("a", "p"), (("a",), ("p", "x"))),
        ("p.some(p => p.x)", ("p",), (("p",),)),
        ("a.some((b, c) => b.some(d => b + c + d + e))", ("a", "e"), (("a",), ("e",))),
        ("(a.b).c", ("a",), (("a", "b"),)),
        ("a?.b?.['c']", ("a",), (("a", "b", "c"),)),
        ("'text'.length", (), ()),
    ],
)
def test_what_it_reads_is_known_without_a_value(text, names, paths):
    condition = parse_condition(text)
    assert (condition.names, condition.paths) == (names, paths)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
def test_a_copy_is_equal_and_decides_the_same(copied):
    condition = parse_condition("a.b > 1")
    other = copied(condition)
    assert other == condition
    assert hash(other) == hash(condition)
    assert (other.names, other.paths) == (condition.names, condition.paths)
    assert other.evaluate({"a": {"b": 2}}) is True


def test_conditions_are_the_same_by_their_text():
    assert parse_condition("a") == parse_condition("a") != parse_condition("a ")
    assert len({parse_condition("a"), parse_condition("a"), parse_condition("b")}) == 2


def test_a_condition_cannot_be_changed_and_shows_its_text():
    condition = parse_condition("a > 1")
    assert repr(condition) == "Condition(source='a > 1', names=('a',), paths=(('a',),))"
    with pytest.raises(AttributeError):
        condition.source = "b"


def test_a_text_of_a_subclass_is_taken_as_plain_text():
    class Styled(str):
        def __str__(self):
            raise AssertionError

    condition = parse_condition(Styled("1 < 2"))
    assert type(condition.source) is str
    assert isinstance(condition, Condition)
    assert condition.evaluate({}) is True


def test_what_is_not_needed_is_not_looked_at():
    assert parse_condition("true || a['_' + 'b']").evaluate({"a": {}}) is True
    assert parse_condition("false && a['_' + 'b']").evaluate({"a": {}}) is False
    assert parse_condition("(1 ?? a['_' + 'b']) === 1").evaluate({"a": {}}) is True
    assert parse_condition("true ? true : a['_' + 'b']").evaluate({"a": {}}) is True
