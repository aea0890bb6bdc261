"""The rules for cells in other processes. Most tests call the task here; where it runs changes no rule."""

from __future__ import annotations

import configparser
import copyreg
import sys
from typing import Any

import pytest

from orchestra_nb.model import Node, NodeId
from orchestra_nb.notebook.code import cell_code
from orchestra_nb.notebook.process_body import Parcel, ProcessTask, worker_shell
from orchestra_nb.notebook.shipping import NotShippable, pack_inputs, unpack_results
from orchestra_nb.running.seams import Reply

NP = "import numpy as np"
NUMPY = f"{NP}\na = np.arange(10)"
FRAME = "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2, 3], 'b': list('xyz')})"
BUNCH = "class Bunch(dict):\n    def __setstate__(self, state): pass"
CLASSES = "class P:\n    def __init__(self, x): self.x = x\ndef f(): return y0\ny0 = 1"


@pytest.fixture(autouse=True)
def _shell(shell: Any) -> None:
    """The worker's shell, so that none is left behind in this process."""


def ship(source: str, before: str = "", reads: str = "", writes: str = "") -> tuple[Reply, dict[str, Any]]:
    """Run a cell the way a worker would; returns the reply and the notebook's namespace."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(before, namespace)
    inputs, names = pack_inputs(namespace, {name: name for name in reads.split()})
    code = cell_code(Node(NodeId("cell-3"), kind="cell", source=source, index=2))
    return ProcessTask(code, inputs, names, frozenset(writes.split()))(), namespace


def home(source: str, before: str = "", reads: str = "", writes: str = "") -> dict[str, Any]:
    """The same for a cell whose results come home: what it bound."""
    reply, namespace = ship(source, before, reads, writes)
    assert (reply.status, reply.reason) == ("done", "")
    assert isinstance(reply.value, Parcel)
    return unpack_results(reply.value.values, reply.value.bound, namespace)


REFUSED = [
    ("an input changed in place", "l.append(1)", "l = []", "l", "", "the input 'l' was changed in place"),
    ("deep inside", "d['k'][0].append(1)", "d = {'k': ([],)}", "d", "", "'d' was changed in place"),
    ("an array changed in place", "a += 1", NUMPY, "a", "a", "the input 'a' was changed in place"),
    ("a frame changed in place", "df['c'] = 1", FRAME, "df", "", "the input 'df' was changed in place"),
    ("an iterator consumed", "next(it)", "it = iter([1, 2])", "it", "", "the input 'it' was changed in place"),
    ("a class changed in place", "P.z = 1", CLASSES, "P", "", "the input 'P' was changed in place"),
    ("a function's attribute set", "f.calls = 1", CLASSES, "f", "", "the input 'f' was changed in place"),
    ("no longer picklable", "l.append(lambda: l)", "l = []", "l", "", "the input 'l' was changed in place"),
    ("what a function reaches", "f()", "l = []\ndef f(): l.append(1)", "f", "", "the input 'l' was changed in place"),
    ("the same list", "m = l", "l = []", "l", "m", "'m' shares a list with the input 'l'"),
    ("a part of it", "m = (l[0],)", "l = [[1]]", "l", "m", "'m' shares a list with the input 'l'"),
    ("a bag that holds it", "m = {'k': l}", "l = []", "l", "m", "'m' shares a list with the input 'l'"),
    ("the same object", "q = p", CLASSES + "\np = P(1)", "p P", "q", "'q' shares a P with the input 'p'"),
    ("a view", "b = a[2:5]", NUMPY, "a", "b", "'b' shares a ndarray with the input 'a'"),
    ("a view of a view", "b = a[2:][1:]", NUMPY, "a", "b", "'b' shares a ndarray with the input 'a'"),
    ("the same frame", "e = df", FRAME, "df", "e", "'e' shares a DataFrame with the input 'df'"),
    ("the array of a frame", "v = df['a'].to_numpy()", FRAME, "df", "v", "'v' shares a ndarray with the input 'df'"),
    (
        "strided results",
        "import numpy as np\nb = np.arange(12).reshape(3, 4)[:, :2]",
        "",
        "",
        "b np",
        "'b' holds an array with gaps",
    ),
    (
        "overlapping results",
        "import numpy as np\nb = np.ones(4)\nc = b[1:]",
        "",
        "",
        "b c np",
        "shares memory with another",
    ),
    (
        "a frame and its array",
        "v = df['a'].to_numpy()\ne = df.copy()\nw = e['a'].to_numpy()",
        FRAME,
        "df",
        "v e w",
        "share",
    ),
    (
        "state left behind",
        "x = Bunch()\nx.__dict__['note'] = 1",
        BUNCH,
        "Bunch",
        "x",
        "'x' (Bunch) is not the same after",
    ),
    (
        "a connection",
        "import sqlite3\nc = sqlite3.connect(':memory:')",
        "",
        "",
        "c sqlite3",
        "'c' (sqlite3.Connection) does",
    ),
    ("a generator", "g = (i for i in 'ab')", "", "", "g", "'g' (generator) does not pickle"),
    ("a new function", "def g(): pass", "", "", "g", "'g' needs the function 'g', which is not one of its inputs"),
    ("a new class", "class A: pass", "", "", "A", "'A' needs the class 'A', which is not one of its inputs"),
    (
        "an instance of one",
        "class A: pass\nq = [A()]",
        "",
        "",
        "q A",
        "needs the class 'A', which is not one of its inputs",
    ),
    ("a lambda", "g = lambda: 1", "", "", "g", "needs the function '<lambda>', which is not one of its inputs"),
    ("a redefined function", "def f(): return 2\ng = f", CLASSES, "f", "f g", "which is not one of its inputs"),
    ("a name not foreseen", "exec('z = 1')", "", "", "", "binds or deletes 'z', which its code did not show"),
    ("a deletion not foreseen", "exec('del x')", "x = 1", "x", "", "binds or deletes 'x', which its code did not show"),
    ("a name that was not sent", "y = missing", "", "", "y", "in a process, name 'missing' is not defined"),
    ("a made-up module", "import types\nm = types.ModuleType('m')", "", "", "m types", "cannot be imported, 'm'"),
]


@pytest.mark.parametrize(
    ("source", "before", "reads", "writes", "reason"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_what_would_lose_its_meaning_is_refused_with_its_name(
    source: str, before: str, reads: str, writes: str, reason: str
) -> None:
    reply, _ = ship(source, before, reads, writes)
    assert reply.status == "refused"
    assert reason in reply.reason
    assert "\n" not in reply.reason


def test_results_come_home_and_what_they_share_stays_shared() -> None:
    made = home("x = x + 1\nrow = [x]\nrows = [row, row]", "x = 1", "x", "x row rows")
    assert made["x"] == 2
    assert made["rows"][0] is made["rows"][1] is made["row"]


def test_a_copy_is_no_alias() -> None:
    made = home("b = a * 2\nc = a.copy()\ns = a.sum()\nd, e = a[:2] * 3, (a * 3)[3:]", NUMPY, "a", "b c s d e")
    assert made["b"].tolist() == [2 * n for n in range(10)]
    assert made["s"] == 45


ARRAYS = [
    "np.arange(6.0).reshape(2, 3)",
    "np.asfortranarray(np.arange(6.0).reshape(2, 3))",
    "np.array(5)",
    "np.empty((0, 3))",
    "np.array(['2026-01-01'], dtype='M8[D]')",
    "np.array([(1, 2.0)], dtype=[('a', 'i4'), ('b', 'f8')])",
    "np.array([None, 'x'], dtype=object)",
    "np.frombuffer(bytearray(range(32)), dtype=np.dtype('i1,f8', align=True))",
    "np.ma.masked_equal([1, 2, 3], 2)",
    "np.array([1, 2]).astype('>i4')",
    "np.zeros(3, dtype='V0')",
]


@pytest.mark.parametrize("expression", ARRAYS)
def test_an_array_travels_in_its_layout_and_owns_its_memory(expression: str) -> None:
    import numpy as np

    original = eval(expression, {"np": np})
    made = home(f"{NP}\na = {expression}", "", "", "a np")["a"]
    assert (made.dtype, made.shape, made.strides) == (original.dtype, original.shape, original.strides)
    assert made.flags.writeable
    assert original.dtype.hasobject or made.tobytes() == original.tobytes()


@pytest.mark.parametrize("dtype", ["float64", "int32", "bool", "complex128", "object"])
def test_an_array_keeps_the_dtype_that_all_others_share(dtype: str) -> None:
    import numpy as np

    made = home(f"b = [a.copy(), a + a, np.zeros(2, {dtype!r})]", f"{NP}\na = np.ones(3, {dtype!r})", "a np", "b")["b"]
    assert all(array.dtype is np.dtype(dtype) for array in made)
    assert np.asarray(made[0], dtype=dtype) is made[0]


def test_an_array_that_must_not_be_written_stays_so() -> None:
    made = home("import numpy as np\na = np.ones(3)\na.flags.writeable = False", "", "", "a np")["a"]
    assert (made.flags.writeable, made.flags.owndata) == (False, True)


def test_a_strided_input_is_not_sent() -> None:
    import numpy as np

    with pytest.raises(NotShippable, match="'a' holds an array with gaps in memory"):
        pack_inputs({"__name__": "__main__", "a": np.arange(10)[::2]}, {"a": "a"})


def test_frames_made_from_frames_come_home() -> None:
    made = home(
        "e = df[df.a > 1]\nf = df.assign(c=1)\ng = df.groupby('b').a.sum()\nh = df[['a']]", FRAME, "df", "e f g h"
    )
    assert made["e"].a.tolist() == [2, 3]
    assert made["f"].columns.tolist() == ["a", "b", "c"]


def test_functions_and_classes_of_the_notebook_travel_by_name() -> None:
    reply, namespace = ship("q = P(3)\ng = f\nt = [P]", CLASSES, "P f", "q g t")
    made = unpack_results(reply.value.values, reply.value.bound, namespace)
    assert made["g"] is namespace["f"]
    assert made["t"] == [namespace["P"]]
    assert type(made["q"]) is namespace["P"]
    assert made["q"].x == 3


def test_a_function_sees_what_its_cell_has_just_bound() -> None:
    made = home("before = f()\ny0 = 5\nafter = f()", CLASSES, "f y0", "before after y0")
    assert (made["before"], made["after"]) == (1, 5)


def test_modules_come_home_as_modules() -> None:
    import math

    assert home("import math, os.path\nm = math", "", "", "math os m")["m"] is math


def test_what_the_cell_deletes_is_reported() -> None:
    reply, _ = ship("del x", "x = 1", "x", "x")
    assert (reply.value.bound, reply.value.deleted) == ((), ("x",))


def test_a_failure_is_a_failure() -> None:
    reply, _ = ship("print('first')\n1 / 0")
    assert (reply.status, reply.ename) == ("failed", "ZeroDivisionError")
    assert [item["output_type"] for item in reply.outputs] == ["stream", "error"]
    assert reply.exception is None


def test_outputs_are_rich() -> None:
    reply, _ = ship("from IPython.display import HTML, display\ndisplay(HTML('<b>x</b>'))\n3", "", "", "HTML display")
    assert reply.outputs[0]["data"]["text/html"] == "<b>x</b>"
    assert reply.outputs[1]["output_type"] == "execute_result"
    assert reply.worker.startswith("process ")


def test_notebook_objects_can_be_pickled_by_name_while_the_cell_runs() -> None:
    before = sys.modules["__main__"]
    assert home("import pickle\nn = len(pickle.dumps(P(1)))", CLASSES, "P", "pickle n")["n"] > 0
    assert sys.modules["__main__"] is before


def test_an_input_that_does_not_pickle_is_named_before_anything_runs() -> None:
    with pytest.raises(NotShippable, match=r"'g' \(generator\) does not pickle"):
        pack_inputs({"__name__": "__main__", "g": (i for i in "ab")}, {"g": "g"})


def test_names_that_are_not_there_are_not_sent() -> None:
    assert pack_inputs({"__name__": "__main__", "x": 1}, {"x": "x", "print": "print"})[1] == ("x",)


def test_a_result_that_cannot_be_rebuilt_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # dask, once imported, teaches pickle to rebuild every exception
    monkeypatch.delitem(copyreg.dispatch_table, configparser.InterpolationSyntaxError, raising=False)
    source = "import configparser\nr = configparser.InterpolationSyntaxError('o', 's', 'm')\nr.args = ()"
    reply, _ = ship(source, "", "", "configparser r")
    assert reply.status == "refused"
    assert "cannot be rebuilt" in reply.reason


def test_inputs_that_do_not_arrive_are_a_refusal() -> None:
    code = cell_code(Node(NodeId("cell-1"), kind="cell", source="x = 1"))
    reply = ProcessTask(code, b"not a pickle", (), frozenset({"x"}))()
    assert reply.status == "refused"
    assert "did not arrive" in reply.reason


def test_a_worker_makes_its_shell_once() -> None:
    from IPython.core.interactiveshell import InteractiveShell

    InteractiveShell.clear_instance()
    made = worker_shell()
    try:
        assert worker_shell() is made
        assert made.history_manager.enabled is False
    finally:
        InteractiveShell.clear_instance()


def test_a_memory_map_would_arrive_as_a_copy(tmp_path: Any) -> None:
    source = f"import numpy as np\nm = np.memmap({str(tmp_path / 'm')!r}, mode='w+', shape=3)"
    reply, _ = ship(source, "", "", "np m")
    assert reply.status == "refused"
    assert "memory map" in reply.reason
