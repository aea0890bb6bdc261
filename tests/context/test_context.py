"""Contexts: a mapping that never changes, deep families, equality by content."""

from __future__ import annotations

import copy
import pickle
import random
import subprocess
import sys
from collections import ChainMap
from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb import DAG, CacheError, Context, ContextManager, Node, ParallelScheduler, RunConfig

DEEP = 10_000


def chain(length: int) -> Context:
    context = Context({"root": "r"})
    for number in range(length):
        context = context.child({f"k{number}": number})
    return context


@given(st.lists(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 3), max_size=4), max_size=12))
def test_a_family_looks_like_a_chain_of_dictionaries(layers: list[dict[str, int]]) -> None:
    context = Context()
    model: ChainMap[str, int] = ChainMap()
    for layer in layers:
        context, model = context.child(layer), model.new_child(layer)
        assert dict(context) == dict(model)
        assert len(context) == len(model)
        assert list(context) == list(model)
        assert dict(context.own) == layer
        assert all((key in context) == (key in model) for key in "abcdefghi")
    assert context == Context(dict(model))
    assert hash(context) == hash(Context(dict(model)))


def test_a_child_shadows_and_its_parent_does_not_change() -> None:
    base = Context({"a": 1, "b": 2})
    child = base.child({"a": 3}, c=4)
    assert (child["a"], child["b"], child["c"], base["a"]) == (3, 2, 4, 1)
    assert child.parent is base
    assert base.parent is None
    assert "c" not in base


def test_values_are_shared_and_never_copied() -> None:
    value = [1]
    base = Context({"v": value})
    assert base["v"] is base.child(x=1)["v"] is value
    assert copy.deepcopy(base) is base
    assert copy.copy(base) is base


def test_deep_families_neither_recurse_nor_get_slow() -> None:
    context = chain(DEEP)
    assert (context["root"], context["k0"], context[f"k{DEEP - 1}"], len(context)) == ("r", 0, DEEP - 1, DEEP + 1)
    assert len(context._layers) <= DEEP.bit_length() + 1
    again = pickle.loads(pickle.dumps(context))
    assert again == context
    assert hash(again) == hash(context)
    assert repr(context).startswith("Context(root='r', k0=0")
    parents = 0
    above = context.parent
    while above is not None:
        parents, above = parents + 1, above.parent
    assert parents == DEEP


def test_children_of_one_parent_share_its_layers() -> None:
    base = chain(1000)
    children = [base.child(x=number) for number in range(10)]
    shared = set.intersection(*(set(map(id, child._layers)) for child in children))
    assert shared & set(map(id, base._layers))


@pytest.mark.parametrize("seed", range(20))
def test_layers_stay_few_whatever_the_sizes(seed: int) -> None:
    draw, context, names = random.Random(seed), Context(), 0
    for _ in range(300):
        size = draw.choice((0, 1, 1, 2, 5, 50))
        context = context.child({f"k{names + number}": number for number in range(size)})
        names += size
    sizes = [len(layer) for layer in context._layers]
    assert all(2 * newer <= older for newer, older in pairwise(sizes))
    assert len(context) == names


ATTEMPTS = {
    "an item": lambda context: context.__setitem__("a", 1),
    "the loss of an item": lambda context: context.__delitem__("a"),
    "an attribute": lambda context: setattr(context, "a", 1),
    "a slot": lambda context: setattr(context, "_own", {}),
    "the loss of an attribute": lambda context: delattr(context, "_own"),
    "update": lambda context: context.update(a=2),
    "pop": lambda context: context.pop("a"),
    "setdefault": lambda context: context.setdefault("b", 1),
    "its beginning again": lambda context: context.__init__({"a": 2}),
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_whoever_tries_to_change_one_is_told_to_make_a_child(attempt: str) -> None:
    context = Context({"a": 1})
    with pytest.raises((CacheError, AttributeError), match="child"):
        ATTEMPTS[attempt](context)
    assert dict(context) == {"a": 1}


def test_its_own_values_cannot_be_changed_from_outside() -> None:
    given = {"a": 1}
    context = Context(given)
    given["a"] = 2
    with pytest.raises(TypeError):
        context.own["a"] = 3  # type: ignore[index]
    assert context["a"] == 1


@pytest.mark.parametrize("values", [{"": 1}, {1: 1}, {None: 1}, {("a",): 1}, 5, "ab", [("a", 1)]])
def test_names_are_texts(values: object) -> None:
    for make in (lambda: Context(values), lambda: Context().child(values), lambda: Context({}, values)):
        with pytest.raises(CacheError):
            make()


def test_a_misspelt_attribute_is_answered_with_what_was_meant() -> None:
    context = Context({"path": 1})
    with pytest.raises(AttributeError, match=r"did you mean 'child'"):
        context.chld  # noqa: B018
    with pytest.raises(AttributeError, match=r"context\['path'\]"):
        context.path  # noqa: B018


def test_equality_is_by_content_and_type() -> None:
    assert Context({"a": [1]}) == Context({"a": [1]})
    assert Context({"a": 1}) == Context({}, Context({"a": 1}))
    assert Context({"a": 1}) != Context({"a": 1.0})
    assert Context({"a": 1}) != Context({"a": True})
    assert Context({"a": 1}) != Context({"b": 1})
    assert Context({"a": "b;1"}) != Context({"a": "b", "1": ""})
    assert Context({"a": 1}) == {"a": 1}
    assert Context({"a": 1}) != {1: 1}
    assert Context({"a": 1}) != 1
    assert len({Context({"a": 1}), Context({"a": 1}), Context({"a": 2})}) == 2


def test_what_has_no_digest_is_equal_by_identity_and_has_no_hash() -> None:
    numbers = (number for number in range(3))
    context = Context({"a": numbers})
    assert context == Context({"a": numbers})
    assert context != Context({"a": (number for number in range(3))})
    with pytest.raises(TypeError):
        hash(context)


def test_a_digest_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def digest(value: object) -> str:
        asked.append(value)
        return repr(value)

    monkeypatch.setattr("orchestra_nb.context.context.content_digest", digest)
    base = Context({"a": 1, "b": 2})
    child = base.child(c=3)
    assert not asked
    for _ in range(3):
        hash(base), hash(child), base == child
    assert sorted(asked) == [1, 2, 3]


def test_digests_are_the_same_in_every_process() -> None:
    code = "from orchestra_nb import Context; print(Context({'a': (1, 'x'), 'b': b'y'}).child(c=None).digest)"
    found = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(found) == 1


def test_a_scheduler_takes_one_as_its_context() -> None:
    context = Context({"x": 20}).child(y=1)
    assert isinstance(context, Mapping)
    result = ParallelScheduler(RunConfig(jobs=1, history=False)).execute(
        DAG([Node("n", fn=lambda x, y: x * 2 + y)]), context
    )
    assert result.values["n"] == 41


def test_a_manager_makes_children() -> None:
    cache = ContextManager()
    base = cache.create_child(values={"a": 1})
    child = cache.create_child(base, {"b": 2})
    assert child.parent is base
    assert dict(cache.create_child(child)) == {"a": 1, "b": 2}
    assert dict(cache.create_child({"m": 1}, {"n": 2})) == {"m": 1, "n": 2}
    assert dict(cache.create_child()) == {}


def test_what_it_says_of_itself_is_short() -> None:
    context = Context({"array": np.zeros(10_000), "text": "x" * 10_000, "not a name": 1})
    assert len(repr(context)) < 400
    assert "'not a name'=1" in repr(context)
    assert "… 94 more" in repr(Context({f"k{number}": 0 for number in range(100)}))
    assert context._ipython_key_completions_() == ["array", "text", "not a name"]
