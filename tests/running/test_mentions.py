"""What byte code mentions: names, what follows them, how they are called, and what variables stand for."""

from __future__ import annotations

import pytest

from orchestra_nb.running.mentions import Call, Mention, mentions

SOMETHING, NONE = ("something", ""), ("none", "")


def found(code, name):
    """The mentions in a function's body, without those of its parameters."""
    space = {}
    exec(f"def body(p, q=None):\n    {code}", {}, space)
    said = mentions(space["body"].__code__)
    return [mention for mention in said.all if mention.name == name]


def called(*given, keywords=()):
    return Call(given, keywords)


@pytest.mark.parametrize(
    ("code", "attributes", "call"),
    [
        ("return f()", (), called()),
        ("return f.a.b()", ("a", "b"), called()),
        ("return f.a", ("a",), None),
        ("return f(1)", (), called(SOMETHING)),
        ("return f(None)", (), called(NONE)),
        ("return f(p, X)", (), called(("local", "p"), ("global", "X"))),
        ("return f.a(p + 1, None)", ("a",), called(SOMETHING, SOMETHING)),  # not one step for each
        ("return f(1, seed=None)", (), called(SOMETHING, NONE, keywords=("seed",))),
        ("return f.a(seed=p)", ("a",), called(("local", "p"), keywords=("seed",))),
        ("return f(g(1, x=2), y=3)", (), called(SOMETHING, SOMETHING, keywords=("y",))),
        ("return g(f(1), seed=2)", (), called(SOMETHING)),
        ("return g(f, 1)", (), None),
        ("return g(f.a, seed=1)", ("a",), None),
        ("return g(x=f)", (), None),
        ("return g(1, f)", (), None),
        ("return g(g(f))", (), None),
        ("return g(f(1 if p else 2), seed=3)", (), None),  # who knows which keywords are whose
        ("return g(f(p, 1 if p else 2, 1 if p else 2), seed=3)", (), None),
        ("return f(g(x=2), 3)", (), called(SOMETHING, SOMETHING)),
        ("return f(lambda: p)", (), called(SOMETHING)),
        ("return f(*p)", (), None),
        ("return f(**p)", (), None),
        ("return f[0](1)", (), None),
        ("return -f", (), None),
        ("return [f for f in p]", None, None),
        ("x = f; return x(1)", (), None),
        ("return (yield f(1))", (), called(SOMETHING)),
        ("with f(1) as x: return x", (), called(SOMETHING)),
        ("return f(1)(2)", (), called(SOMETHING)),
        ("return f(lambda: 1)", (), called(SOMETHING)),
        ("return f(f'{p}')", (), called(SOMETHING)),
    ],
)
def test_how_a_name_is_called(code, attributes, call):
    told = [(mention.attributes, mention.call) for mention in found(code, "f") if mention.origin == "global"]
    assert told == ([] if attributes is None else [(attributes, call)])


@pytest.mark.parametrize(
    ("code", "variable", "stands_for"),
    [
        ("import time", "time", Mention("import", "time")),
        ("import os.path", "os", Mention("import", "os")),
        ("import os.path as p", "p", Mention("import", "os.path")),
        ("import a.b.c as p", "p", Mention("import", "a.b.c")),
        ("from time import time as t", "t", Mention("import", "time", ("time",))),
        ("from a.b import c, d", "d", Mention("import", "a.b", ("d",))),
        ("from . import c", "c", Mention("import", ".", ("c",))),
        ("from ..a import c as d", "d", Mention("import", "..a", ("c",))),
        ("import a; import b", "b", Mention("import", "b")),
        ("from a import c; import d", "d", Mention("import", "d")),
        ("x = f.a", "x", Mention("global", "f", ("a",))),
        ("x = f.a(7)", "x", Mention("global", "f", ("a",), called(SOMETHING))),
        ("x = p", "x", Mention("local", "p")),
        ("x = f\n    return lambda: x", "x", Mention("global", "f")),
        ("with f() as x: pass", "x", None),
        ("x = f or g", "x", Mention("global", "g")),
    ],
)
def test_what_a_variable_stands_for(code, variable, stands_for):
    space = {}
    exec(f"def body(p, q=None):\n    {code}", {}, space)
    stored = mentions(space["body"].__code__).bound.get(variable, ())
    assert stored == (() if stands_for is None else (stands_for,))


def test_attributes_of_what_has_no_name_are_mentioned_too():
    said = mentions((lambda path: str(path).strip().glob("*")).__code__)
    assert [each.attributes for each in said.all if each.origin == "value"] == [("strip",), ("glob",)]


def test_texts_also_those_within_and_code_within():
    def body():
        return "a", ["b", "c", "d"], "e" in {"f", "g"}, lambda: "h"

    said = mentions(body.__code__)
    assert {*"abcdefg"} <= {*said.texts}
    assert "h" not in said.texts
    assert [code.co_name for code in said.inner] == ["<lambda>"]


def test_what_a_closure_takes_along_is_no_mention():
    def body():
        import random

        return lambda: random.Random(7)

    assert [mention for mention in mentions(body.__code__).all if mention.name == "random"] == []
