"""Versions of names: which names get them, which do not, and how the code of cells follows."""

from __future__ import annotations

import ast

import pytest

from orchestra_nb.cells.cell import Cell
from orchestra_nb.cells.inference import cell_dag
from orchestra_nb.cells.settings import NodeSettings
from orchestra_nb.cells.versions import Slots, Use, webs
from orchestra_nb.graph.dag import DAG
from orchestra_nb.notebook.slots import (
    Versions,
    in_part,
    names_that_functions_read,
    renamed,
    slots_of_node,
    without_slots,
)


def dag_of(*sources: str, tags: tuple[str, ...] = ()) -> DAG:
    return cell_dag([Cell(n, source, tags=tags if n == 1 else ()) for n, source in enumerate(sources, 1)])


def slots_in(dag: DAG) -> list[str]:
    told = [slots_of_node(node) for node in dag.nodes.values()]
    return sorted({slot for slots in told for slot in (*slots.before.values(), *slots.after.values())})


def pairs_in(dag: DAG) -> str:
    return " ".join(sorted({f"{edge.source[5:]}>{edge.target[5:]}" for edge in dag.edges}))


@pytest.mark.parametrize(
    ("pairs", "sources"),
    [
        pytest.param("1>2 3>4", ["x = 1", "print(x)", "x = 2", "print(x)"], id="two variables of one name"),
        pytest.param("", ["for i in 'ab': i", "for i in (): i"], id="loops"),
        pytest.param("1>2 1>3", ["a = [1]", "for v in a: print(v)", "for v in a: print(-v)"], id="loops over data"),
        pytest.param(
            "1>2 1>3 3>4", ["d = [2]", "print(d)", "d = d + [1]", "print(d)"], id="old readers need not be first"
        ),
        pytest.param("", ["with open('a') as f: f.read()", "with open('b') as f: f.read()"], id="with"),
        pytest.param("", ["try:\n  1/0\nexcept OSError as e:\n  print(e)"] * 2, id="the error of a handler"),
        pytest.param("", ["(w := [1])\nprint(w)", "(w := [2])\nprint(w)"], id="walrus"),
        pytest.param("", ["k = 1\nprint([k for _ in 'a'])", "k = 2\nprint({k: j for j in 'b'})"], id="comprehensions"),
        pytest.param("", ["k = 1\nprint(sum(k for _ in 'a'))", "k = 2\nmax('b', key=lambda v: v * k)"], id="at once"),
        pytest.param("", ["match 1:\n  case n: print(n)", "match 2:\n  case n: print(n)"], id="match"),
        pytest.param("", ["a, b = 1, 2\nprint(a)", "a = b = 3\nprint(b)"], id="several names"),
        pytest.param("1>2 1>3 2>3", ["x = 1", "if x > 1:\n    x = 2", "print(x)"], id="perhaps bound"),
        pytest.param("1>2 1>3 2>3", ["n = 1", "for n in range(int()): pass", "print(n)"], id="perhaps an empty loop"),
        pytest.param("1>2 1>4", ["import math", "math.pi", "import math", "math.e"], id="imported again"),
        pytest.param("1>2 2>3 3>4", ["import math as m", "m.pi", "m = 1", "m"], id="import, then a number"),
        pytest.param("1>2 2>3", ["import scipy", "import scipy.stats", "scipy.stats.norm"], id="import of a part"),
    ],
)
def test_rebinding_orders_only_the_uses_of_one_variable(pairs: str, sources: list[str]) -> None:
    assert pairs_in(dag_of(*sources)) == pairs


KEPT = {
    "a function reads it": ("def show():\n    print(x)", "show()"),
    "a method reads it": ("class A:\n    def show(self):\n        print(x)",),
    "a class body reads it": ("class A:\n    y = x",),
    "a lambda that is kept": ("f = lambda: x",),
    "a lambda in a call that may keep it": ("print(list(map(str, [lambda: x])))",),
    "a generator that is kept": ("g = (x for _ in range(2))",),
    "a generator in a call that may keep it": ("import itertools\nc = itertools.cycle(x for _ in range(2))",),
    "what max returns": ("f = max([lambda: x], key=id)",),
    "a dictionary keeps its arguments": ("d = dict(f=lambda: x)",),
    "a builtin that is not what it was": ("sorted = print", "sorted(x for _ in range(2))"),
    "a function binds it": ("def put():\n    global x\n    x = 3",),
    "it is deleted": ("x = 3\ndel x",),
    "it is annotated": ("x: int = 3",),
    "it is a function": ("def x(): pass",),
    "it is imported": ("import math as x",),
    "an annotation names it": ("def f(v: x): pass",),
    "an annotation's text names it": ("def f() -> 'list[x]': pass",),
    "a query names it": ("import pandas as pd\npd.DataFrame({'a': [1]}).query('a > @x')",),
    "a formula names it": ("import nobody\nnobody.ols('y ~ x')",),
    "a formula of a library that is known": ("import statsmodels.formula.api as smf\nsmf.ols('y ~ x', data={})",),
    "it tells its own name": ("from collections import namedtuple\nx = namedtuple('x', 'a b')",),
    "frames are asked for": ("import sys\nsys._getframe()",),
    "the main module is asked for": ("import __main__",),
    "modules are looked up": ("import sys\nsys.modules['__main__']",),
    "the stack is looked at": ("import inspect\ninspect.stack()",),
    "type hints are asked for": ("import typing\ntyping.get_type_hints(print)",),
    "the end of an object can be noticed": ("class A:\n    def __del__(self): print('end')\na = A()",),
    "a handler deletes it": ("try:\n    1/0\nexcept ZeroDivisionError as x:\n    print(x)",),
    "a global statement": ("global x\nx = 3",),
}


@pytest.mark.parametrize("cells", KEPT.values(), ids=KEPT)
def test_what_others_may_look_up_stays_one_variable(cells: tuple[str, ...]) -> None:
    sources = ["x = 1", "print(x)", "x = 2", "print(x)"]
    assert slots_in(dag_of(*sources)) == ["x @cell-1", "x @cell-3"]
    assert [slot for slot in slots_in(dag_of(*sources, *cells)) if slot.startswith("x ")] == []


@pytest.mark.parametrize("name", ["__name__", "__all__", "_A__hidden"])
def test_names_that_python_itself_looks_up_stay(name: str) -> None:
    assert slots_in(dag_of(f"{name} = 1", f"print({name})", f"{name} = 2", f"print({name})")) == []


def test_what_the_user_declared_holds() -> None:
    cells = [Cell(1, "x = 1"), Cell(2, "print(x)"), Cell(3, "x = 2", NodeSettings(reads=("y",))), Cell(4, "x")]
    assert slots_in(cell_dag(cells)) == []


def test_a_cell_that_looks_at_everything_divides_the_notebook() -> None:
    dag = dag_of("x = 1", "x = 2", "print(sorted(globals()))", "print(x)", "x = 3", "x = 4\nprint(x)")
    assert slots_in(dag) == ["x @cell-1", "x @cell-2", "x @cell-5", "x @cell-6"]
    assert "4>5" not in pairs_in(dag)
    assert "3>4" in pairs_in(dag)


def test_a_cell_that_is_expected_to_fail_may_not_bind_what_it_says() -> None:
    dag = dag_of("x = 1 / 0", "x = 1", "x = 2", tags=("raises-exception",))
    assert len(slots_in(dag)) == 3
    uses = [Use("a", writes={"x": True}), Use("b", writes={"x": False}), Use("c", reads=frozenset("x"))]
    assert webs(uses) == [Slots()] * 3


def test_a_value_from_before_keeps_the_plain_name() -> None:
    cells = [Cell(1, "print(x)"), Cell(2, "x = 1"), Cell(3, "print(x)")]
    dag = cell_dag(cells, {"x": 0})
    assert slots_in(dag) == ["x @cell-2"]
    assert pairs_in(dag) == "2>3"
    assert slots_in(cell_dag(cells, {"x": 0}, read_outside=["x"])) == []


def test_builtins_have_a_meaning_from_before() -> None:
    dag = dag_of("print(sum([1]))", "if bool():\n    sum = max", "print(sum([1]))")
    assert slots_in(dag) == []


def test_the_split_is_where_the_name_is_bound() -> None:
    dag = dag_of("df = 1", "print(df)\ndf = [df for _ in range(2)]\nprint(df)", "print(df)")
    slots = slots_of_node(dag.nodes["cell-2"])  # type: ignore[index]
    code = ast.unparse(renamed(ast.parse(dag.nodes["cell-2"].source), slots))  # type: ignore[index]
    assert code == "print(df @cell-1)\ndf @cell-2 = [df @cell-1 for _ in range(2)]\nprint(df @cell-2)"


def test_only_the_cell_s_own_names_are_renamed() -> None:
    source = "x = [x for x in [x]]\nf = [lambda x: x]\nprint(x.x, x['x'], f'{x}', dict(x=x))"
    code = ast.unparse(renamed(ast.parse(source), Slots({"x": "x @a"}, {"x": "x @b"})))
    expected = "x @b = [x for x in [x @a]]\nf = [lambda x: x]\nprint(x @b.x, x @b['x'], f'{x @b}', dict(x=x @b))"
    assert code == expected


def test_messages_speak_of_the_user_s_names() -> None:
    assert without_slots("name 'x @cell-3' is not defined") == "name 'x' is not defined"
    assert without_slots("no at-sign @ here") == "no at-sign @ here"


def test_a_version_goes_when_nobody_needs_it_and_a_later_one_is_there() -> None:
    dag = dag_of("x = 1", "print(x)", "x = 2", "for x in (): pass")
    namespace: dict[str, object] = {"x @cell-1": 1}
    versions = Versions(dag, namespace)
    for name in ("cell-1", "cell-2", "cell-4"):
        versions.ended(name)
    assert namespace == {"x @cell-1": 1}  # it may yet be the last
    namespace["x @cell-3"] = 2
    versions.ended("cell-3")
    assert namespace == {"x @cell-3": 2}
    versions.settle()
    assert namespace == {"x": 2}


def test_a_failed_run_leaves_the_last_version_that_was_written() -> None:
    dag = dag_of("x = 1", "print(x)", "x = 2", "print(x)")
    namespace: dict[str, object] = {"x @cell-1": 1, "x": "from before"}
    Versions(dag, namespace).settle()
    assert namespace == {"x": 1}


def test_part_of_a_graph_uses_what_the_namespace_has() -> None:
    dag = dag_of("x = 1", "print(x)", "x = 2", "print(x)", "y = 1", "y = 2")
    part = in_part(dag, (), {"cell-2", "cell-3", "cell-4", "cell-5", "cell-6"})
    assert slots_in(part) == ["y @cell-5", "y @cell-6"]
    assert pairs_in(part) == "2>3 3>4"


def test_a_namespace_of_which_the_analysis_knew_nothing_keeps_its_names() -> None:
    dag = dag_of("if int(): x = 1", "print(x)", "x = 2", "print(x)")
    assert slots_in(dag) == ["x @cell-1", "x @cell-3"]
    part = in_part(dag, {"x": 0})
    assert slots_in(part) == []
    assert pairs_in(part) == "1>2 1>3 1>4 2>3 3>4"
    assert in_part(dag, {"other": 0}) is dag


def test_functions_of_a_session_are_found_wherever_they_are_kept() -> None:
    space: dict[str, object] = {"kept": [None]}
    exec("def make():\n    def inner():\n        return limit\n    return inner\nkept[0] = make()\ndel make", space)
    assert "limit" in names_that_functions_read(space)
