"""Whatever Python loads when it imports a module was reached before, and loading it changes no key.

Random packages import one another in every way that there is; Python is the judge.
"""

from __future__ import annotations

import random
import sys

import pytest

from tests.running.own_modules import OwnModules

WAYS = (
    "import {name}",
    "import {name} as q",
    "from {parent} import {tail}",
    "from {parent} import {tail} as q, nothing",
    "from {parent} import *",
    "import importlib; importlib.import_module({name!r})",
    "__import__({name!r})",
    "from {dots}{way} import {tail}",
    "import importlib; importlib.import_module('{dots}{rest}', __package__)",
)
PLACES = (
    "try:\n    {statement}\nexcept Exception: pass",
    "if True:\n    try:\n        {statement}\n    except Exception: pass",
    "def f():\n    {late}\ntry: f()\nexcept Exception: pass",
    "class A:\n    try:\n        {late}\n    except Exception: pass",
    "def f():\n    {late}",
)


def tree(draw, name, depth=0):
    """Yield the modules of a random package: name, and whether it has ``__init__`` or is a module, or neither."""
    if depth == 3 or draw.random() < 0.4:
        yield name, "module"
        return
    yield name, "package" if draw.random() < 0.8 else "namespace"
    for at in range(draw.randint(1, 3)):
        yield from tree(draw, f"{name}.m{at}", depth + 1)


def statement(draw, name, package, names):
    """Import some module, if it can be said from here."""
    other = draw.choice(names)
    parent, _, tail = other.rpartition(".")
    common = [*package.split(".")] if package else []
    dots = "."
    while common and other.split(".")[: len(common)] != common:
        common, dots = common[:-1], dots + "."
    rest = ".".join(other.split(".")[len(common) :])
    ways = [way for way in WAYS if (parent or "parent" not in way) and ((common and rest) or "dots" not in way)]
    way = draw.choice(ways).format(
        name=other, parent=parent, tail=tail, dots=dots, rest=rest, way=rest.rpartition(".")[0]
    )
    late = "pass" if "*" in way else way
    return draw.choice(PLACES).format(statement=way, late=late)


def text(draw, name, kind, names):
    package = name if kind == "package" else name.rpartition(".")[0]
    lines = [statement(draw, name, package, names) for _ in range(draw.randint(0, 3))]
    exported = ["__all__ = ['m0', 'm1']"] if kind == "package" and draw.random() < 0.4 else []
    return "\n".join([*lines, *exported, ""])


@pytest.mark.parametrize("seed", range(40))
def test_what_python_loads_was_reached_before(seed, tmp_path, monkeypatch):
    draw, own = random.Random(seed), OwnModules(tmp_path, monkeypatch)
    tops = [f"own_{at}" for at in range(3)]
    modules = [module for top in tops for module in tree(draw, top)]
    names = [name for name, _ in modules]
    for name, kind in modules:
        path = name.replace(".", "/")
        if kind == "namespace":
            (tmp_path / path).mkdir(parents=True, exist_ok=True)
        else:
            own.write({f"{path}.py" if kind == "module" else f"{path}/__init__.py": text(draw, name, kind, names)})
    start = draw.choice(names)
    before = own.parts(start)
    own.load(start)
    now = own.parts(start)
    loaded = {top for top in tops if top in sys.modules}
    own.forget()
    assert now == before
    assert loaded <= before.keys()
