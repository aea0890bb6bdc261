"""What a function uses of other code: found through whatever it names or carries, by version or by content."""

from __future__ import annotations

import functools
import logging
import sys
import time

import numpy
import pandas
import pytest

from orchestra_nb.running import sources
from orchestra_nb.running.libraries import file_digest, imports_in, versions_of
from tests.running.own_modules import OwnModules

NUMPY, PANDAS = {"numpy": numpy.__version__}, {"pandas": pandas.__version__}


@pytest.fixture
def own(tmp_path, monkeypatch):
    made = OwnModules(tmp_path, monkeypatch)
    yield made
    made.forget()


def main(text):
    """Run a text as a notebook would, and give its ``fn``."""
    names = {"__name__": "__main__"}
    exec(text, names)
    return names["fn"]


LIBRARIES = {
    "Python's own": ("import json, os\nfn = lambda: json.dumps(os.sep)", {}),
    "a built-in function": ("fn = len", {}),
    "a module": ("import numpy\ndef fn(): return numpy.zeros(1)", NUMPY),
    "a default": ("import pandas\ndef fn(read=pandas.read_csv): return read", PANDAS),
    "another function": ("import numpy\ndef g(): return numpy.zeros(1)\ndef fn(): return g()", NUMPY),
    "a class": ("import pandas\ndef fn(): return [pandas.DataFrame]", PANDAS),
    "inside": (
        "import numpy\ndef fn():\n  import pandas as pd\n  def within(): return numpy.zeros(1), pd\n  return within",
        NUMPY | PANDAS,
    ),
    "a submodule": ("def fn():\n  from pandas.api import types", PANDAS),
}


@pytest.mark.parametrize(("text", "found"), LIBRARIES.values(), ids=LIBRARIES)
def test_libraries_that_are_named_anywhere_count(text, found):
    assert versions_of(main(text)) == found


@pytest.mark.parametrize(
    ("fn", "found"),
    [
        (functools.partial(pandas.read_csv, numpy.zeros), NUMPY | PANDAS),
        (functools.partial(sorted, key=numpy.mean), NUMPY),
        (numpy.float64(1).mean, NUMPY),
        (numpy.add, NUMPY),
        (pandas.DataFrame, PANDAS),
    ],
)
def test_callables_that_are_no_plain_functions(fn, found):
    assert found.items() <= versions_of(fn).items()


B = """
import functools, contextlib
TABLE = {"a": [1]}
def f(): return 1
class A:
    x = 1
    def g(self): return 2
    @property
    def p(self): return 3
def decorated(fn):
    @functools.wraps(fn)
    def within(*given): return fn(*given)
    return within
cached = functools.lru_cache(f)
one = A()
@functools.singledispatch
def generic(x): return 1
"""

NAMED = {
    "a module": "import own_b\ndef fn(): return own_b.f()",
    "a function": "from own_b import f\ndef fn(): return f()",
    "a function behind another": "from own_b import f\ng = lambda: f()\ndef fn(): return g()",
    "a cached function": "from own_b import cached\ndef fn(): return cached()",
    "a function that is cached here": "import functools, own_b\nc = functools.lru_cache(own_b.f)\ndef fn(): return c()",
    "a class": "from own_b import A\ndef fn(): return A()",
    "an object": "from own_b import one\ndef fn(): return one",
    "a method": "from own_b import one\nfn = one.g",
    "a base": "from own_b import A\nclass B(A): pass\ndef fn(): return B()",
    "a method of a class": "import own_b\nclass C:\n  def g(self): return own_b.f()\ndef fn(): return C()",
    "a property of a class": (
        "import own_b\nclass C:\n  @property\n  def g(self): return own_b.f()\ndef fn(): return C()"
    ),
    "a class method": "import own_b\nclass C:\n  @classmethod\n  def g(cls): return own_b.f()\ndef fn(): return C()",
    "a static method": "import own_b\nclass C:\n  @staticmethod\n  def g(): return own_b.f()\ndef fn(): return C()",
    "a cached property": (
        "import own_b, functools\nclass C:\n  @functools.cached_property\n  def g(self): return own_b.f()\n"
        "def fn(): return C()"
    ),
    "a metaclass": (
        "import own_b\nclass M(type):\n  def g(cls): return own_b.f()\n"
        "class C(metaclass=M): pass\ndef fn(): return C.g()"
    ),
    "a decorator": "import own_b\n@own_b.decorated\ndef fn(): return 1",
    "a library's decorator": (
        "import contextlib\nfrom own_b import f\n@contextlib.contextmanager\ndef g():\n  yield f()\ndef fn(): return g"
    ),
    "a library's object around it": (
        "import numpy, own_b\nv = numpy.vectorize(own_b.f)\ndef fn(): return v"
    ),
    "a generic function": "from own_b import generic\ndef fn(): return generic(1)",
    "an implementation of a generic function": (
        "import functools, own_b\n@functools.singledispatch\ndef g(x): return 1\ng.register(int)(own_b.f)\n"
        "def fn(): return g(1)"
    ),
    "an object that says whose it is": (
        "import functools\nclass C: pass\nc = functools.lru_cache(len)\nc.__module__ = 'own_b'\ndef fn(): return c"
    ),
    "a closure": "def outer():\n  from own_b import f\n  def fn(): return f()\n  return fn\nfn = outer()",
    "a default": "from own_b import f\ndef fn(g=f): return g()",
    "a default by name": "from own_b import f\ndef fn(*, g=f): return g()",
    "a default in a list": "from own_b import f\ndef fn(g=[1, (f,)]): return g()",
    "a partial function": "import functools\nfrom own_b import f\nfn = functools.partial(sorted, key=f)",
    "a table of functions": "from own_b import f\nT = {'f': f}\ndef fn(): return T['f']()",
    "an attribute of an object": (
        "from own_b import f\nclass C: pass\nc = C()\nc.f = f\ndef fn(): return c.f()"
    ),
    "a slot of an object": (
        "from own_b import f\nclass C: __slots__ = ('f', 'g')\nc = C()\nc.f = f\ndef fn(): return c.f()"
    ),
    "an object in a library's object": (
        "import own_b, types\nfrom sklearn.pipeline import Pipeline\n"
        "p = types.SimpleNamespace(p=[Pipeline([('one', own_b.one)])])\ndef fn(): return p"
    ),
    "a table": "from own_b import TABLE\ndef fn(): return TABLE['a']",
    "a table by another name": "from own_b import TABLE as T\ndef fn(): return T['a']",
    "a table within": "import own_b\nT = own_b.TABLE\ndef g(): return T\ndef fn(): return g()",
    "an import inside": "def fn():\n  import own_b",
    "an import of a submodule inside": "def fn():\n  from own_p import sub",
    "an import inside, by a constant": "import importlib\ndef fn(): return importlib.import_module('own_b').f()",
    "an import inside of a function inside": "def fn():\n  def g():\n    from own_b import f\n  return g",
}  # fmt: skip


@pytest.mark.parametrize("text", NAMED.values(), ids=NAMED)
def test_modules_of_the_users_that_are_named_anywhere_count_with_what_they_import(own, text):
    own.write({"own_b.py": "import own_c" + B, "own_c.py": "", "own_p/__init__.py": "", "own_p/sub.py": "import own_b"})
    own.load("own_b")
    assert {"own_b", "own_c"} <= versions_of(main(text)).keys()


def test_a_relative_import_of_a_module_that_runs_as_main(own):
    own.write({"own_p/__init__.py": "", "own_p/x.py": "x = 1"})
    names = {"__name__": "__main__", "__package__": "own_p"}
    exec("def fn():\n    from . import x", names)
    before = versions_of(names["fn"])["own_p"]
    own.write({"own_p/x.py": "x = 2"})
    assert versions_of(names["fn"])["own_p"] != before


def test_what_a_function_imports_late_does_not_change_its_key(own):
    own.write({"own_b.py": "import own_c", "own_c.py": "import own_p.sub", "own_p/__init__.py": "", "own_p/sub.py": ""})
    fn = main("def fn():\n    import own_b, sched\n    return own_b")
    before = versions_of(fn)
    assert before.keys() == {"own_b", "own_c", "own_p"}
    fn()
    assert versions_of(fn) == before


@pytest.mark.parametrize(
    "text",
    [
        "import importlib\ndef fn(b='b'): return importlib.import_module('own_' + b)",
        "from importlib import import_module as load\ndef fn(b='b'): return load('own_' + b)",
        "load = __import__\ndef fn(b='b'): return load('own_' + b)",
        "def fn(b='b'):\n  from importlib import import_module as load\n  return load('own_' + b)",
    ],
)
def test_what_a_function_loads_by_a_computed_name_does(own, text):
    own.write({"own_b.py": "x = 1"})
    fn = main(text)
    before = versions_of(fn)
    fn()
    assert versions_of(fn).keys() - before.keys() == {"the rest of own_b"}


def test_other_things_count_with_what_they_are_and_contain(own):
    own.write({"own_b.py": "import own_c\nclass A: pass\ndef f(): pass\nT = []", "own_c.py": ""})
    b = own.load("own_b")
    for thing in (b, b.A, b.A(), b.f, [b.A()], {"a": (1, b.A())}, {b.f}, [0] * 100_000 + [b.A]):
        assert versions_of(None, more=[thing]).keys() == {"own_b", "own_c"}
    assert versions_of(None, more=[1, "own_b", b.T, None]) == {}
    assert versions_of(None) == {}
    assert versions_of(None, more=[logging.getLogger("own")]) == {}
    assert versions_of(None, more=[numpy.zeros(2)], imports=["own_c", "own_b.A"]).keys() == {"numpy", "own_b", "own_c"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import a.b as c, d", ["a.b", "d"]),
        ("from a import *", ["a", "a.*"]),
        ("def f():\n    from a.b import c", ["a.b", "a.b.c"]),
        ("import importlib\nimportlib.import_module('a.b')", ["a.b", "importlib"]),
        ("__import__(name)", ["*"]),
        ("1 +", []),
        ("", []),
    ],
)
def test_the_imports_of_a_text(text, names):
    assert [*imports_in(text)] == names


def test_a_text_that_computes_names_uses_all_modules_of_the_users_that_are_loaded(own):
    own.write({"own_b.py": "x = 1"})
    own.load("own_b")
    assert "the rest of own_b" in versions_of(None, imports=imports_in("__import__('own' + '_b')"))


def test_who_carries_very_many_things_uses_all_modules_of_the_users(own, monkeypatch):
    own.write({"own_b.py": "x = 1"})
    own.load("own_b")
    assert versions_of(None, more=[[[n] for n in range(30_000)]]) == {}
    assert "the rest of own_b" in versions_of(None, more=[[object() for _ in range(30_000)]])


def test_a_closure_counts_and_a_cell_that_is_not_bound_yet_does_no_harm():
    def outer():
        def inner():
            return table, later

        found = versions_of(inner)
        later = 1
        return found, later

    table = pandas.DataFrame
    assert PANDAS.items() <= outer()[0].items()


def test_a_function_that_names_itself_ends():
    def again():
        return again

    assert isinstance(versions_of(again), dict)


class Secret:
    """Does not want to be asked anything."""

    def __getattribute__(self, name):
        raise AssertionError(name)

    def __eq__(self, other):
        raise AssertionError

    def __iter__(self):
        raise AssertionError

    __hash__ = None


class SecretKind(type):
    __hash__ = None

    def __eq__(cls, other):
        raise AssertionError

    def __getattribute__(cls, name):
        raise AssertionError(name)


def test_nothing_is_asked():
    class Kind(metaclass=SecretKind):
        pass

    things = [Secret(), type.__call__(Kind), Kind, pandas.DataFrame({"a": [1, 2]})]
    names = {"__name__": "__main__", "things": things, **{f"t{at}": thing for at, thing in enumerate(things)}}
    exec("def fn(): return things, t0, t1, t2, t3", names)
    assert PANDAS.items() <= versions_of(names["fn"], more=things).items()


def test_a_module_with_neither_version_nor_file_counts_by_its_name(monkeypatch):
    made = type(sys)("made_by_hand")
    monkeypatch.setitem(sys.modules, "made_by_hand", made)
    exec("def f():\n    return 1", made.__dict__)
    assert list(versions_of(made.f)) == ["made_by_hand"]


def test_a_module_whose_name_is_that_of_another_part_of_a_key_is_told_from_it(own):
    own.write({"Python.py": "x = 1"})
    assert versions_of(None, imports=["Python"]).keys() == {"the module Python"}


def test_a_file_that_is_not_there_has_no_digest_and_one_that_did_not_change_is_read_once(tmp_path, monkeypatch):
    path = tmp_path / "rows"
    assert file_digest(str(path)) == file_digest(f"{path}\0") == ""
    path.write_text("1")
    monkeypatch.setattr(sources, "_TICK", -(10**18))
    sources._digest.cache_clear()
    assert file_digest(str(path)) == file_digest(str(path)) != ""
    assert sources._digest.cache_info().hits == 1


def test_a_file_that_changes_twice_within_a_tick_of_the_clock_has_two_digests(tmp_path):
    path = tmp_path / "rows"
    found = set()
    for value in range(200):
        path.write_text(f"{value:03}")
        found.add(file_digest(str(path)))
    assert len(found) == 200


def test_the_second_look_is_quick(own, monkeypatch):
    """Far above what it takes on an idle machine, and far below what reading everything again would."""
    names = [f"own_p/m{at}.py" for at in range(200)]
    text = (
        "import os, json\nimport own_p\ndef g():\n    from own_p import m{}, nothing\n"
        + "def f(x):\n    return x + 1\n" * 50
    )
    own.write({"own_p/__init__.py": ""} | {name: text.format((at + 1) % 200) for at, name in enumerate(names)})
    own.load("own_p.m0")
    monkeypatch.setattr(sources, "_TICK", -(10**18))
    own.parts("own_p.m0")
    took = []
    for _ in range(10):
        began = time.perf_counter()
        own.parts("own_p.m0")
        took.append(time.perf_counter() - began)
    assert min(took) < 0.1
