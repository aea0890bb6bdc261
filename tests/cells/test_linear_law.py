"""The law of the product, on random programs: any order that the DAG allows gives what the linear order gives.

Programs are drawn from statements that alias, mutate, rebind, close over and consume; each is run top to bottom, then
in random orders that the inferred DAG allows. Names, values and what every cell printed must be equal.
"""

from __future__ import annotations

import ast
import contextlib
import io
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra_nb.cells.cell import Cell
from orchestra_nb.cells.fingerprint import fingerprint
from orchestra_nb.cells.inference import cell_dag
from orchestra_nb.graph.dag import DAG
from orchestra_nb.notebook.slots import Versions, renamed, slots_of_node

PRELUDE = """
import random, itertools
random.seed(0)
from functools import partial, lru_cache
a, b, c, d, e = [1], [2], {'k': [3]}, 4, [[5], [6]]
stream = itertools.count()
def push(x, v):
    if isinstance(x, list):
        x.append(v)
    elif isinstance(x, dict):
        x[str(len(x))] = v
    return x
def peek():
    return repr((a, b))
def rebind(v):
    global d
    d = v
def counter():
    n = 0
    def step(by=1):
        nonlocal n
        n += by
        return n
    return step
tick = counter()
class Box:
    made = []
    def __init__(self, v):
        self.v = v
        self.made.append(len(self.made))
    def put(self, v):
        push(self.v, v)
        return self
    @property
    def size(self):
        return len(repr(self.v))
    def __eq__(self, other):
        self.asked = True
        return self is other
box = Box(a)
def numbers(x):
    if isinstance(x, list):
        yield from list(x)[:3]
    yield len(repr(x))
@lru_cache
def said(x):
    print('first time', x)
    return x
f = lambda: d
"""
NAMES = st.sampled_from(["a", "b", "c", "d", "e"])
STATEMENTS = [
    "{x} = {n}", "{x} = [{n}]", "{x} = {y}", "{x} = [{y}, {z}]", "{x} = dict(k={y})", "push({x}, {n})",
    "push({x}, len(repr({y})))", "{x} = push(list(range({n})), {n})", "print(repr({x}))", "print(peek())", "rebind({n})",
    "rebind({y})", "print(f())", "f = lambda: {y}", "tick({n})", "print(tick())", "t2 = tick", "t2()", "box.put({n})",
    "print(box.size)", "box = Box({y})", "other = box", "other.put({n})", "print(Box.made)", "{x} = box.v",
    "g = numbers({y})", "print(list(g) if 'g' in dict(g=1) else 0)", "print(next(stream))", "random.seed({n})",
    "print(random.random())", "for i in range(2):\n    push({x}, i)", "{x} = [i for i in range({n})]",
    "if isinstance({x}, list):\n    {x} += [{n}]", "if len(repr({x})) > {n}:\n    {y} = {z}", "print(said({n}))",
    "{x}, {y} = {y}, {x}", "{x} = sorted([{n}, 0], key=lambda v: tick())", "print(box == box)" , "h = partial(push, {y})",
    "h({n})", "try:\n    {x}.append({n})\nexcept AttributeError as err:\n    {y} = str(err)", "del i" , "i = {n}",
    "def peek():\n    return repr({x})", "with contextlib.suppress(ZeroDivisionError):\n    {x} = 1 / ({n} - 2)",
    "match {x}:\n    case [first, *_]:\n        push(first, {n})\n    case {{'k': inner}}:\n        push(inner, {n})",
    "for p, q in zip([{x}], [{y}]):\n    push(p, {n})", "(w := push({x}, {n}))", "print(getattr(box, 'put')({n}) is box)",
    "{x} = list(map(lambda v: push({y}, v), range({n} % 3)))",
]  # fmt: skip
SETUP = "import contextlib\ng = iter([0])\nh = partial(push, a)\nt2 = tick\nother = box\ni = 0\n"


DATA = """
import numpy as np, pandas as pd, json, copy
from collections import defaultdict, Counter, deque
from dataclasses import dataclass, field
np.random.seed(0)
a, b, c = np.arange(6.0), np.ones((2, 3)), np.zeros(3)
d = pd.DataFrame({'k': [1, 2, 2], 'v': [1.0, 2.0, 3.0]})
e = d['v']
rng = np.random.default_rng(0)
bag, tally, line = defaultdict(list), Counter('ab'), deque([1, 2, 3])
@dataclass
class Item:
    name: str
    tags: list = field(default_factory=list)
    def tag(self, t):
        self.tags.append(t)
        return self
item = Item('one')
items = [item, Item('two')]
def scale(x, by=2.0):
    x = np.asarray(x)
    return x * by
def bump(x):
    if isinstance(x, np.ndarray):
        x += 1
    return x
class Model:
    def fit(self, X):
        self.mean_ = float(np.mean(np.asarray(X)))
        return self
    def predict(self, X):
        return np.asarray(X) - self.mean_
model = Model().fit(a)
fitted = model
"""
DATA_STATEMENTS = [
    "{x} = np.arange({n} + 1.0)", "{x} = scale({y})", "bump({x})", "{x} = np.asarray({y}).reshape(-1)",
    "{x} = np.asarray({y}).ravel()[:{n}]", "{x} = {y}", "print(np.asarray({x}).sum())", "{x} = np.random.rand({n} + 1)",
    "print(rng.integers(10))", "np.random.seed({n})", "d['w'] = d['v'] * {n}", "d.loc[0, 'v'] = {n}.5", "print(d)",
    "{x} = d.groupby('k')['v'].mean().to_numpy()", "d.sort_values('v', inplace=True)", "d = d.assign(u={n})",
    "e = d['v']", "q = d", "q['z'] = {n}", "bag['k'].append({n})", "print(dict(bag))", "print(bag['new'])",
    "tally.update('a' * {n})", "print(tally['a'])", "line.append({n})", "print(line.popleft() if line else 0)",
    "item.tag({n})", "print(items)", "items[1].tag({n}).tag(0)", "item = Item('n', tags=items[0].tags)",
    "items = sorted(items, key=lambda i: len(i.tags))", "model.fit({x})", "print(fitted.mean_)", "model = Model().fit({x})",
    "print(model.predict({x}).sum())", "{x} = copy.deepcopy({y})", "np.multiply({x}, 2, out={x}) if isinstance({x}, np.ndarray) and {x}.dtype == float else 0",
    "{x} = np.stack([np.arange(2.0), np.ones(2)])", "view = np.asarray({x}).T\nview = view * 1", "view = b.T", "view[0] = {n}",
    "print(b)", "text = json.dumps({{'k': [{n}]}})", "parsed = json.loads(text)", "parsed['k'].append({n})", "print(parsed)",
    "for column, values in d.items():\n    print(column, values.sum())", "first, *others = items", "others.append(item)",
    "np.random.shuffle(c)", "print(c)", "del q", "q = 1", "with np.errstate(all='ignore'):\n    r = np.log(c)",
    "{x} = [Item(str(i)) for i in range({n})]", "print(len({{id(i) for i in items}}))", "print(f'{{item.name}}: {{item.tags}}')",
]  # fmt: skip
DATA_SETUP = "q = d\nview = b.T\ntext = '{\"k\": []}'\nparsed = {'k': []}\nothers = []\nr = 0\n"


@st.composite
def programs(draw: st.DrawFn, opening: Sequence[str], statements: Sequence[str]) -> list[str]:
    """A few cells of a few statements each."""
    cells = list(opening)
    for _ in range(draw(st.integers(2, 9))):
        lines = []
        for _ in range(draw(st.integers(1, 3))):
            pattern = draw(st.sampled_from(statements))
            parts = {k: draw(NAMES) for k in "xyz"} | {"n": draw(st.integers(0, 3))}
            lines.append(pattern.format(**parts))
        cells.append("\n".join(lines))
    return cells


def run(cells: Sequence[str], order: Sequence[int], dag: DAG | None = None) -> tuple[dict[str, str], list[str]]:
    """Run cells in an order, with the slots that a DAG gives to versions of names; what is left, what each printed."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    versions = Versions(dag, namespace) if dag is not None else None
    nodes = list(dag.nodes.values()) if dag is not None else []
    printed = [""] * len(cells)
    for number in order:
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            try:
                tree = ast.parse(cells[number])
                tree = renamed(tree, slots_of_node(nodes[number])) if nodes else tree
                exec(compile(tree, f"<cell {number}>", "exec"), namespace)
            except Exception as error:
                text.write(f"raised {type(error).__name__}")
        printed[number] = text.getvalue()
        if versions is not None:
            versions.ended(nodes[number].id)
    if versions is not None:
        versions.settle()
    return {k: fingerprint(v) for k, v in namespace.items() if not k.startswith("__")}, printed


def an_order(dag_after: dict[int, set[int]], seed: int) -> list[int]:
    """A random linear extension."""
    rng, left, order = random.Random(seed), dict(dag_after), []
    while left:
        ready = sorted(n for n, needs in left.items() if needs.isdisjoint(left))
        order.append(rng.choice(ready))
        del left[order[-1]]
    return order


def check(cells: Sequence[str], seeds: Sequence[int]) -> None:
    """Every allowed order equals the linear one; programs that raise stop a run, so they are cut where they do."""
    _, printed = run(cells, range(len(cells)))
    failing = next((n for n, text in enumerate(printed) if "raised" in text), len(cells))
    cells = cells[:failing]
    linear = run(cells, range(len(cells)))
    dag = cell_dag([Cell(number + 1, source) for number, source in enumerate(cells)])
    ids = list(dag.nodes)
    after = {n: {ids.index(p) for p in dag.predecessors(name)} for n, name in enumerate(ids)}
    for seed in seeds:
        order = an_order(after, seed)
        assert run(cells, order, dag) == linear, f"order {order} of\n" + "\n---\n".join(cells[2:])


@pytest.mark.timeout(600)
@settings(max_examples=250)
@given(programs([PRELUDE, SETUP], STATEMENTS), st.integers(0, 2**20))
def test_every_order_that_the_dag_allows_gives_the_results_of_the_linear_one(cells: list[str], seed: int) -> None:
    check(cells, [seed, seed + 1, seed + 2])


@pytest.mark.timeout(600)
@settings(max_examples=120)
@given(programs([DATA, DATA_SETUP], DATA_STATEMENTS), st.integers(0, 2**20))
def test_the_same_holds_for_arrays_frames_and_models(cells: list[str], seed: int) -> None:
    check(cells, [seed, seed + 1, seed + 2])
