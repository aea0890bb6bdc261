"""Effects by pattern: small notebooks, and exactly the pairs of cells that must keep their order.

A pair too few is a wrong result; a pair too many is lost parallelism. Both are in the table.
"""

from __future__ import annotations

import pytest

from orchestra_nb.cells.cell import Cell
from orchestra_nb.cells.effects import Interpreter, analyse, step
from orchestra_nb.cells.inference import Inference, infer
from orchestra_nb.cells.source import prepare


def case(name: str, pairs: str, *cells: str) -> object:
    """A row of the table."""
    return pytest.param(pairs, cells, id=name)


def inference(*cells: str) -> Inference:
    return infer([Cell(number + 1, source) for number, source in enumerate(cells)])


def pairs_of(found: Inference) -> str:
    """Ordered pairs in short: ``"1>2 1>3"``."""
    return " ".join(sorted({f"{e.source[5:]}>{e.target[5:]}" for e in found.edges}))


@pytest.mark.parametrize(
    ("pairs", "cells"),
    [
        case("walrus", "1>2", "(n := 3)", "n+1"),
        case("global write in fn", "1>2 2>3", "def f():\n    global g\n    g = 1", "f()", "g"),
        case("fn reads global at call", "1>3 2>4 3>4", "k=1", "def f():\n    return k", "k=2", "f()"),
        case(
            "closure mutate",
            "1>2 2>3 2>4 3>4",
            "def make():\n    acc=[]\n    def add(x):\n        acc.append(x)\n        return acc\n    return add",
            "add=make()",
            "add(1)",
            "add(2)",
        ),
        case("alias", "1>2 1>4 2>3 3>4", "a=[1]", "b=a", "b.append(2)", "a"),
        case("alias in dict", "1>2 1>4 2>3 3>4", "a=[1]", "d={'x':a}", "d['x'].append(2)", "print(a)"),
        case(
            "instance mutate",
            "1>2 2>3 2>4 3>4",
            "class C:\n    def __init__(self): self.n=0\n    def inc(self): self.n+=1",
            "c=C()",
            "c.inc()",
            "c.n",
        ),
        case(
            "prop mutates",
            "1>2 2>3 2>4 3>4",
            "class C:\n    def __init__(self): self.h=[]\n    @property\n    def p(self):\n        self.h.append(1)\n        return 3",
            "c=C()",
            "c.p",
            "c.h",
        ),
        case(
            "repr mutates",
            "1>2 2>3 2>4 3>4",
            "class C:\n    n=0\n    def __repr__(self):\n        self.n+=1\n        return 'c'",
            "c=C()",
            "c",
            "c.n",
        ),
        case(
            "decorator",
            "1>3 2>4 2>5 3>4 4>5",
            "def deco(f):\n    def w(*a):\n        log.append(1)\n        return f(*a)\n    return w",
            "log=[]",
            "@deco\ndef g(x):\n    return x",
            "g(1)",
            "log",
        ),
        case(
            "generator lazy",
            "1>3 2>4 2>5 3>5 4>5",
            "def gen():\n    for i in data:\n        yield i",
            "data=[1]",
            "it=gen()",
            "data.append(2)",
            "list(it)",
        ),
        case(
            "recursion",
            "1>3 1>4 2>3 3>4",
            "memo={}",
            "def fib(n):\n    if n<2: return n\n    if n in memo: return memo[n]\n    memo[n]=fib(n-1)+fib(n-2)\n    return memo[n]",
            "fib(5)",
            "memo",
        ),
        case(
            "recursion sees what the activation inside it did",
            "1>3 1>4 2>3 3>4",
            "a, box, stack = [], [], [1, 1]",
            "def f():\n    if stack.pop(): f()\n    for x in box: x.append(1)\n    box.append(a)",
            "f()",
            "len(a)",
        ),
        case("lambda in container", "1>3 2>3 2>4 3>4", "ops=[lambda x: acc.append(x)]", "acc=[]", "ops[0](1)", "acc"),
        case(
            "map with fn",
            "1>3 1>4 2>3 3>4",
            "acc=[]",
            "def f(x):\n    acc.append(x)\n    return x",
            "list(map(f,[1]))",
            "acc",
        ),
        case(
            "sorted key fn",
            "1>3 1>4 2>3 3>4",
            "acc=[]",
            "def k(x):\n    acc.append(x)\n    return x",
            "sorted([1],key=k)",
            "acc",
        ),
        case("del", "1>2 2>3", "x=1", "del x", "x=2"),
        case("aug list", "1>2 1>3 2>3 2>4 3>4", "x=[1]", "y=x", "x+=[2]", "y"),
        case("comprehension scope", "1>3", "i=5", "[i for i in range(3)]", "i"),
        case("class body read", "1>2 2>3", "base=3", "class K:\n    v=base", "K.v"),
        case("default arg", "1>2 1>4 2>3 3>4", "d=[]", "def f(x, acc=d):\n    acc.append(x)", "f(1)", "d"),
        case(
            "mutable default own",
            "1>2 1>3 2>3",
            "def f(x, acc=[]):\n    acc.append(x)\n    return acc",
            "a=f(1)",
            "b=f(2)",
        ),
        case("except as", "1>2", "try:\n    1/0\nexcept ZeroDivisionError as e:\n    msg=str(e)", "msg"),
        case(
            "with file",
            "1>2",
            "with open('a.txt','w') as f:\n    f.write('x')",
            "open('a.txt').read()",
            "open('b.txt').read()",
        ),
        case(
            "Path",
            "1>2 1>3 1>4 2>3",
            "from pathlib import Path\np=Path('d')",
            "(p/'a.txt').write_text('x')",
            "(p/'a.txt').read_text()",
            "(p/'b.txt').write_text('y')",
        ),
        case(
            "rng",
            "1>2 1>3 1>4 1>5 2>3 2>4 3>4 5>6 5>7 6>7",
            "import numpy as np",
            "np.random.seed(1)",
            "a=np.random.rand()",
            "b=np.random.rand()",
            "rng=np.random.default_rng(1)",
            "c=rng.normal()",
            "d=rng.normal()",
        ),
        case("env", "1>2 1>3 1>4 2>3 2>4", "import os", "os.environ['A']='1'", "os.getenv('A')", "os.environ['A']"),
        case("plt", "1>2 1>3 2>3", "import matplotlib.pyplot as plt", "plt.plot([1])", "plt.title('x')"),
        case(
            "pandas inplace",
            "1>2 1>3 1>4 2>3 2>4",
            "import pandas as pd\ndf=pd.DataFrame({'a':[1]})",
            "df.drop(columns='a', inplace=True)",
            "df",
            "df2=df.copy()",
        ),
        case(
            "df col attr",
            "1>2 1>4 2>3",
            "import pandas as pd\ndf=pd.DataFrame({'a':[1]})",
            "s=df['a']",
            "s[0]=5",
            "df",
        ),
        case(
            "numpy view",
            "1>2 1>4 1>5 2>3 3>4 3>5 5>6",
            "import numpy as np\na=np.zeros(5)",
            "b=a[1:]",
            "b[0]=1",
            "a.sum()",
            "c=a.copy()",
            "c[0]=1",
        ),
        case("out=", "1>2 1>3 2>3", "import numpy as np\na=np.zeros(5)", "np.add(a,1,out=a)", "a"),
        case("match", "1>2 1>3 2>3", "p={'k':[1]}", "match p:\n    case {'k': v}:\n        v.append(1)", "p"),
        case(
            "super",
            "1>2 2>3 2>4 3>4",
            "class A:\n    def add(self,x): self.l.append(x)\nclass B(A):\n    def __init__(self): self.l=[]\n    def add(self,x):\n        super().add(x)",
            "b=B()",
            "b.add(1)",
            "b.l",
        ),
        case(
            "static/class",
            "1>2 1>3 1>4 2>3 2>4",
            "class A:\n    reg=[]\n    @classmethod\n    def r(cls,x): cls.reg.append(x)\n    @staticmethod\n    def s(x): return x",
            "A.r(1)",
            "A.reg",
            "A.s(3)",
        ),
        case(
            "getattr call",
            "1>2 1>3 2>3",
            "class A:\n    def __init__(self): self.l=[]\n    def add(self,x): self.l.append(x)\na=A()",
            "getattr(a,'add')(1)",
            "a.l",
        ),
        case("bound method", "1>2 1>4 2>3 3>4", "l=[]", "app=l.append", "app(1)", "l"),
        case(
            "partial",
            "1>3 1>5 2>3 3>4 4>5",
            "from functools import partial\nl=[]",
            "def f(acc,x): acc.append(x)",
            "g=partial(f,l)",
            "g(1)",
            "l",
        ),
        case("setattr", "1>2 1>3 2>3", "class A: pass\na=A()", "setattr(a,'x',1)", "a.x"),
        case(
            "nonlocal",
            "1>2 1>3 2>3",
            "def counter():\n    n=0\n    def inc():\n        nonlocal n\n        n+=1\n        return n\n    return inc\nc=counter()",
            "c()",
            "c()",
        ),
        case("fn attr", "1>2 1>3 2>3", "def f(): return 1", "f.calls=3", "f.calls"),
        case("if both", "1>2 2>3", "import random", "if random.random()>.5:\n    x=1\nelse:\n    x=2", "x"),
        case("cond write", "1>2 1>3 2>3", "x=0", "if True:\n    x=1", "x"),
        case("exec", "1>2 1>3 2>3", "x=1", "exec('x=2')", "x"),
        case("star", "1>2 1>3", "from math import *", "y=sqrt(4)", "z=3"),
        case(
            "pure fns indep",
            "1>2 1>3 2>4 3>4",
            "import time\ndef slow(x):\n    time.sleep(.1)\n    return x*2",
            "a=slow(1)",
            "b=slow(2)",
            "c=a+b",
        ),
        case(
            "async",
            "1>2 1>3 2>4 3>4",
            "import asyncio\nasync def f(x):\n    await asyncio.sleep(.1)\n    return x",
            "a=await f(1)",
            "b=await f(2)",
            "a+b",
        ),
        case(
            "dataclass",
            "1>2 2>3 2>4 3>4",
            "from dataclasses import dataclass, field\n@dataclass\nclass P:\n    xs: list = field(default_factory=list)",
            "p=P()",
            "p.xs.append(1)",
            "p",
        ),
        case(
            "zip alias",
            "1>2 1>3 1>4 2>3",
            "a=[[1],[2]]\nb=[[3],[4]]",
            "for x,y in zip(a,b):\n    x.append(1)",
            "a",
            "b",
        ),
        case(
            "nonlocal counter state in print",
            "1>2 1>3 2>3",
            "import itertools\ncnt=itertools.count()",
            "next(cnt)",
            "next(cnt)",
        ),
        case(
            "defaultdict",
            "1>2 1>3 1>4 2>3 3>4",
            "from collections import defaultdict\nd=defaultdict(list)",
            "d['a'].append(1)",
            "d['b']",
            "d",
        ),
        case(
            "iter class",
            "1>2 1>3 2>3",
            "class It:\n    def __init__(self): self.i=0\n    def __iter__(self): return self\n    def __next__(self):\n        self.i+=1\n        if self.i>3: raise StopIteration\n        return self.i\nit=It()",
            "list(it)",
            "it.i",
        ),
        case(
            "ctx manager",
            "1>2 1>3 2>3 2>4",
            "from contextlib import contextmanager\nlog=[]\n@contextmanager\ndef cm():\n    log.append(1)\n    yield\n    log.append(2)",
            "with cm():\n    x=1",
            "log",
            "x",
        ),
        case("monkeypatch", "1>2 1>3 2>3", "import math", "math.foo=3", "math.foo"),
        case(
            "class attr via instance",
            "1>2 1>3 2>3",
            "class A:\n    shared=[]\na=A()\nb=A()",
            "a.shared.append(1)",
            "b.shared",
        ),
        case(
            "threads",
            "1>2 1>3 2>3",
            "import threading\nacc=[]\ndef w(): acc.append(1)",
            "t=threading.Thread(target=w)\nt.start()\nt.join()",
            "acc",
        ),
        case(
            "pool",
            "1>2 1>3 2>3",
            "from concurrent.futures import ThreadPoolExecutor\nacc=[]\ndef w(x): acc.append(x)",
            "with ThreadPoolExecutor() as ex:\n    list(ex.map(w,[1]))",
            "acc",
        ),
        case("list of lists same", "1>2 1>3 2>3", "row=[0]\ngrid=[row]*3", "grid[0].append(1)", "row"),
        case("swap", "1>2 2>3 2>4", "a=[1];b=[2]", "a,b=b,a", "a.append(1)", "b"),
        case("starred", "1>2 1>3 2>3", "first,*rest=[[1],[2]]", "rest[0].append(1)", "first"),
        case(
            "return self chain",
            "1>2 1>3 2>3",
            "class Q:\n    def __init__(self): self.l=[]\n    def add(self,x):\n        self.l.append(x)\n        return self\nq=Q()",
            "r=q.add(1).add(2)",
            "q.l",
        ),
        case(
            "lru_cache print",
            "1>2 1>3 2>3",
            "from functools import lru_cache\n@lru_cache\ndef f(x):\n    print('hi')\n    return x",
            "f(1)",
            "f(1)",
        ),
        case(
            "eq mutates",
            "1>2 1>3 2>3",
            "class A:\n    n=0\n    def __eq__(self,o):\n        self.n+=1\n        return True\na=A()",
            "a==1",
            "a.n",
        ),
        case(
            "a replaced stdout is everybody's",
            "1>2 2>3",
            "x = 1",
            "import sys, io\nsys.stdout = io.StringIO()",
            "y = 2",
        ),
        case("warnings", "1>2 1>3 2>3", "import warnings", "warnings.filterwarnings('ignore')", "warnings.warn('x')"),
        case(
            "sqlite",
            "1>2 1>3 2>3",
            "import sqlite3\nc=sqlite3.connect(':memory:')",
            "c.execute('create table t(x)')",
            "c.execute('select 1')",
        ),
        case(
            "unknown library", "1>2 1>3 2>3", "import nobody_knows\nxs = [1]", "nobody_knows.f(xs)", "nobody_knows.g()"
        ),
        case("unknown code leaves others alone", "1>2", "import nobody_knows", "nobody_knows.f()", "y = [1]"),
        case(
            "unseeded estimators share the random state",
            "1>2 1>3 2>3",
            "from sklearn.ensemble import RandomForestClassifier as F",
            "a = F()\na.fit([[1]], [1])",
            "b = F()\nb.fit([[1]], [1])",
        ),
        case(
            "seeded estimators do not",
            "1>2 1>3",
            "from sklearn.ensemble import RandomForestClassifier as F",
            "a = F(random_state=0)\na.fit([[1]], [1])",
            "b = F(random_state=0)\nb.fit([[1]], [1])",
        ),
        case("a shell escape keeps its place", "1>2 2>3", "x = 1", "!true", "y = 2"),
        case("input asks its reader in order", "1>2 2>3", "x = 1", "y = input()", "z = 2"),
        case("two cells print", "", "print(1)", "print(2)"),
        case(
            "enumerate keeps columns apart",
            "1>2 1>3 1>4 2>3",
            "a = [[1]]\nb = [[2]]",
            "for i, (x, y) in enumerate(zip(a, b)):\n    x.append(i)",
            "a",
            "b",
        ),
        case(
            "pandas options",
            "1>2 1>3 2>3",
            "import pandas as pd",
            "pd.set_option('display.width', 9)",
            "pd.DataFrame()",
        ),
        case("relative path after chdir", "1>2 2>3", "import os", "os.chdir('/')", "open('a').read()"),
        case(
            "json file round trip",
            "1>2 1>3 2>3",
            "import json",
            "with open('a.json', 'w') as f:\n    json.dump([1], f)",
            "with open('a.json') as f:\n    x = json.load(f)",
        ),
        case("networkx graph", "1>2 1>3 2>3", "import networkx as nx\ng = nx.Graph()", "g.add_edge(1, 2)", "len(g)"),
        case("global del in function", "1>2 2>3", "x = 1\ndef drop():\n    global x\n    del x", "drop()", "x = 3"),
        case(
            "class decorator",
            "1>2 1>3 2>3",
            "reg = []\ndef keep(c):\n    reg.append(c)\n    return c",
            "@keep\nclass A: pass",
            "reg",
        ),
        case(
            "conditional expression may alias",
            "1>2 2>3 1>4 3>4",
            "a = [1]\nb = [2]",
            "c = a if len(a) else b",
            "c.append(1)",
            "a",
        ),
        case("starred call", "1>2 1>3 2>3", "xs = [[1]]\ndef f(*args):\n    args[0].append(2)", "f(*xs)", "xs"),
        case("keyword call", "1>2 1>3 2>3", "xs = []\ndef f(**kw):\n    kw['acc'].append(2)", "f(acc=xs)", "xs"),
        case(
            "mutation through a nested function",
            "1>2 1>3 2>3",
            "xs = []\ndef f():\n    def g():\n        xs.append(1)\n    g()",
            "f()",
            "xs",
        ),
        case(
            "slots of a dict comprehension alias",
            "1>2 2>3 1>4 3>4",
            "a = [1]",
            "d = {k: a for k in 'xy'}",
            "d['x'].append(1)",
            "a",
        ),
        case(
            "async generator",
            "1>2 1>3 2>3",
            "acc = []\nasync def g():\n    acc.append(1)\n    yield 1",
            "r = [x async for x in g()]",
            "acc",
        ),
        case("while and break", "1>2 1>3 2>3", "xs = [1, 2]", "while xs:\n    xs.pop()\n    break", "xs"),
        case("try finally", "1>2 1>3 2>3", "xs = []", "try:\n    pass\nfinally:\n    xs.append(1)", "xs"),
        case("assert and f-string read", "1>2 1>3", "x = 1", "assert x", "f'{x}'"),
        case("set and slice stores", "1>2 1>3 2>3", "xs = [1, 2]", "xs[0:1] = [5]", "xs"),
        case("del an element", "1>2 1>3 2>3", "d = {'a': 1}", "del d['a']", "d"),
        case(
            "attribute of a result", "1>2 1>3 2>3", "import pandas as pd\ndf = pd.DataFrame()", "df.columns = []", "df"
        ),
        case("augmented attribute", "1>2 1>3 2>3", "class A:\n    n = 0\na = A()", "a.n += 1", "a.n"),
        case("import in a function", "1>2", "def f():\n    import math\n    return math.pi", "f()"),
        case(
            "property setter",
            "1>2 1>3 2>3",
            "class A:\n    @property\n    def x(self): return self._x\n    @x.setter\n    def x(self, v): self._x = v\na = A()",
            "a.x = 2",
            "a.x",
        ),
        case(
            "inheritance from a library",
            "1>2 1>3 2>3",
            "from sklearn.base import BaseEstimator\nclass M(BaseEstimator):\n    def fit(self, X):\n        self.m = X\nm = M()",
            "m.fit([1])",
            "m.m",
        ),
        case(
            "callable instance",
            "1>2 1>3 2>3",
            "class A:\n    def __init__(self): self.n = 0\n    def __call__(self): self.n += 1\na = A()",
            "a()",
            "a.n",
        ),
        case(
            "with an instance",
            "1>2 1>3 2>3",
            "class A:\n    def __enter__(self): self.n = 1\n    def __exit__(self, *e): pass\na = A()",
            "with a:\n    pass",
            "a.n",
        ),
        case("type of an instance", "1>2 1>3 2>3", "class A:\n    reg = []\na = A()", "type(a).reg.append(1)", "A.reg"),
        case("lambda default", "1>2 1>3 2>3", "xs = []\nf = lambda acc=xs: acc.append(1)", "f()", "xs"),
        case(
            "yield from",
            "1>2 1>3 2>3",
            "acc = []\ndef g():\n    acc.append(1)\n    yield from [1]",
            "tuple(g())",
            "acc",
        ),
        case("heap", "1>2 1>3 2>3", "import heapq\nh = [3]", "heapq.heappush(h, 1)", "h"),
        case(
            "memo by dict default",
            "1>2 1>3 2>3",
            "def f(n, memo={}):\n    memo[n] = 1\n    return memo[n]",
            "f(1)",
            "f(2)",
        ),
    ],
)
def test_exactly_these_pairs_keep_their_order(pairs: str, cells: tuple[str, ...]) -> None:
    assert pairs_of(inference(*cells)) == " ".join(sorted(pairs.split()))


def test_an_edge_says_what_and_where() -> None:
    found = inference("xs = []\nys = 1", "\nxs.append(1)", "print(1)\nprint(xs)")
    edge = next(e for e in found.edges if (e.source, e.target, e.kind) == ("cell-2", "cell-3", "mutation"))
    assert (edge.certainty, edge.evidence[0].variable) == ("certain", "xs")
    assert (edge.evidence[0].source_line, edge.evidence[0].target_line) == (2, 2)
    assert "changes xs (.append())" in edge.evidence[0].reason


def test_what_unknown_code_may_do_is_only_possible() -> None:
    found = inference("import nobody_knows\nxs = [1]", "nobody_knows.f(xs)", "xs")
    edge = next(e for e in found.edges if e.kind == "mutation")
    assert edge.certainty == "possible"
    assert "not known" in edge.evidence[0].reason


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import nobody_knows", "imports nobody_knows"),
        ("%matplotlib inline", "magic"),
        ("globals()", "looks at everything"),
        ("import sqlite3\nc = sqlite3.connect(':memory:')", "belongs to the thread"),
        ("import signal\nsignal.signal(2, print)", "main thread"),
    ],
)
def test_what_belongs_to_the_main_thread_stays_there(source: str, reason: str) -> None:
    node = inference(source).nodes[0]
    assert reason in node.verdicts["threading"]
    assert reason in node.verdicts["loky"]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("s.add(1)", "changes s"),
        ("rows[0].append(1)", "changes rows"),
        ("def f(): pass", "defines the function f"),
        ("class A: pass", "defines the class A"),
        ("class A: pass\na = [A()]", "class A"),
        ("import random\nr = random.random()", "hidden state"),
        ("open('a', 'w').close()", "writes a file"),
        ("g = (i for i in [1])", "keeps an iterator"),
        ("f = open('a')", "open file"),
        ("m = [1].append", "bound method"),
        ("await thing()", "event loop"),
        ("del xs", "deletes xs"),
    ],
)
def test_what_would_be_lost_in_a_process_stays_in_this_one(source: str, reason: str) -> None:
    node = inference("xs, s, rows = [], set(), [[]]\nasync def thing(): pass", source).nodes[1]
    assert node.verdicts["threading"] == ""
    assert reason in node.verdicts["loky"]


@pytest.mark.parametrize("source", ["xs.append(1)", "d['k'] = 2", "xs += [1]", "note(3)"])
def test_what_fills_a_list_or_a_dictionary_may_go_to_a_process(source: str) -> None:
    node = inference("xs, d = [], {}\ndef note(v): xs.append(v)", source).nodes[1]
    assert node.verdicts["loky"] == ""


def test_pure_work_may_go_to_a_process() -> None:
    found = inference("import numpy as np\nx = np.arange(3)", "y = [float(v) for v in x * 2]\nprint(y)")
    assert [node.verdicts["loky"] for node in found.nodes] == ["", ""]


def test_only_cells_that_await_are_async() -> None:
    found = inference("async def f(): return 1", "await f()")
    assert [bool(node.verdicts["async"]) for node in found.nodes] == [True, False]


def test_a_cell_beyond_the_analysis_keeps_its_place() -> None:
    deep = "def f0(x): return x\n" + "\n".join(
        f"def f{n}(x): return f{n - 1}(x) + f{n - 1}(x + 1)" for n in range(1, 60)
    )
    effects = analyse([prepare(deep), prepare("f59(1)"), prepare("x = 1")])
    assert [bool(e.barriers) for e in effects] == [False, True, False]


def test_special_methods_that_use_their_own_instances_are_followed() -> None:
    methods = "\n".join(
        f"    def __{name}__(self, o): return self.v < o.v" for name in ("lt", "gt", "le", "ge", "eq", "ne")
    )
    make = f"class K:\n    def __init__(self, v): self.v = v\n{methods}\nimport pandas as pd\nk = K(1)\ns = pd.Series([k, K(0)])"
    found = inference(make, "m = s.max()", "m.v = 9", "print(k.v)")
    assert not found.nodes[0].metadata["keeps_place"]
    assert ("cell-3", "cell-4") in {(edge.source, edge.target) for edge in found.edges}


def test_what_a_cell_beyond_the_analysis_binds_may_be_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestra_nb.cells.effects.machine.WORK_PER_CELL", 25)
    monkeypatch.setattr("orchestra_nb.cells.effects.machine.WORK_PER_NODE", 0)
    cells = [
        "class K: pass",
        "k = K()\nks = [k]",
        "m = max(ks, key=id)\n" + "n = 1 + 1 + 1 + 1\n" * 9,
        "m.v = 9",
        "print(k.v)",
    ]
    edges = {(edge.source, edge.target) for edge in inference(*cells).edges}
    assert ("cell-4", "cell-5") in edges


def test_a_function_of_a_cell_beyond_the_analysis_keeps_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestra_nb.cells.effects.machine.WORK_PER_CELL", 25)
    monkeypatch.setattr("orchestra_nb.cells.effects.machine.WORK_PER_NODE", 0)
    define = "def f():\n    global x\n    x.append(1)\n" + "n = 1 + 1 + 1 + 1\n" * 9
    effects = analyse([prepare(source) for source in (define, "x = [1]", "f()", "print(x)")])
    assert [bool(e.barriers) for e in effects] == [True, False, True, False]


def test_a_name_that_exec_may_have_bound_may_be_any_other() -> None:
    effects = inference("xs = []", "exec('ys = xs')", "ys.append(1)", "print(xs)")
    assert ("cell-3", "cell-4") in {(edge.source, edge.target) for edge in effects.edges}


def test_a_loop_ends_although_each_of_its_passes_binds_the_variables_of_what_it_calls() -> None:
    machine = Interpreter()
    loop = "for o in orders:\n    o['t'] = total(o)\n    for p in orders: o['u'] = list(map(str, [q for q in p]))"
    table = "def total(o):\n    return sum(n * 2 for n in o['lines'])"
    found = analyse([prepare("orders = [{'lines': [[1]]}]"), prepare(table), prepare(loop)], machine)
    assert not found[2].barriers
    assert machine.work < 2_000


def test_recursion_with_swapped_arguments_is_followed() -> None:
    found = inference(
        "a, b = [], []\ndef f(x, y, n):\n    x.append(n)\n    if n:\n        f(y, x, n - 1)", "f(a, b, 3)", "b"
    )
    assert "2>3" in pairs_of(found)


def test_names_are_reported_as_python_scopes_them() -> None:
    node = inference("k = 1", "def f(a, *, b=k):\n    c = a\n    return [c for c in b]\nx: int = f(k, b=[1])").nodes[1]
    assert (node.reads, node.writes, node.mutates) == (("k",), ("f", "x"), ())


def test_a_shadowed_builtin_is_a_name_like_any_other() -> None:
    assert pairs_of(inference("len = lambda x: 3", "n = len([1])")) == "1>2"


def test_effects_of_one_cell_can_be_asked_for_alone() -> None:
    machine = Interpreter()
    step(machine, 0, prepare("xs = [1]"))
    effects = step(machine, 1, prepare("xs.append(1)\nimport random\nrandom.seed(1)"))
    assert [a.via for a in effects.of("object", "write")] == ["xs"]
    assert "random" in effects.state


def test_options_that_a_cell_sets_keep_their_users_in_this_process() -> None:
    found = inference(
        "import pandas as pd\nx = pd.DataFrame()", "pd.set_option('display.width', 9)", "x.head()", "3 + 4"
    )
    assert "options" in found.nodes[2].verdicts["loky"]
    assert found.nodes[3].verdicts["loky"] == ""
    assert "main thread" in found.nodes[1].verdicts["threading"]
