"""What a cell changed in place in another process comes home exactly, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra_nb.cells.cell import Cell
from orchestra_nb.cells.inference import cell_dag
from orchestra_nb.config import RunConfig
from orchestra_nb.model import Node, NodeId
from orchestra_nb.notebook.code import cell_code
from orchestra_nb.notebook.edits import Originals, apply
from orchestra_nb.notebook.process_body import Parcel, ProcessTask
from orchestra_nb.notebook.program import CellProgram, run_cells
from orchestra_nb.notebook.shipping import pack_inputs
from orchestra_nb.running.scheduler import ParallelScheduler
from orchestra_nb.running.seams import Reply


@pytest.fixture(autouse=True)
def _shell(shell: Any) -> None:
    """The worker's shell, so that none is left behind in this process."""


def changed(source: str, before: str, names: str) -> tuple[Reply, dict[str, Any]]:
    """Run a cell as a worker would, on copies of names that it may change; bring it home where it counts."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(before, namespace)
    inputs, present = pack_inputs(namespace, {name: name for name in namespace if not name.startswith("__")})
    code = cell_code(Node(NodeId("cell-3"), kind="cell", source=source, index=2))
    reply = ProcessTask(code, inputs, present, frozenset({"made"}), frozenset(names.split()))()
    if isinstance(reply.value, Parcel):
        values, fresh = reply.value.unpack(namespace)
        apply(reply.value.edits, fresh, namespace)
        namespace.update(values)
    return reply, namespace


EXACT = [
    ("append", "xs.append({'score': 1})", "xs = [[0]]"),
    ("insert, move, drop", "xs.insert(0, 9); xs.append(xs.pop(1)); del xs[1]", "xs = [[0], [1], [2]]"),
    ("sort", "xs.sort(key=len)", "xs = [[0, 0], [1]]"),
    ("clear", "xs.clear()", "xs = [[0]]"),
    ("twice", "xs += [[1]] * 2", "xs = []"),
    ("a dictionary", "xs['new'] = [2]; xs['old'] = 3", "xs = {'old': 1, 'kept': [5]}"),
    ("its order", "xs['a'] = xs.pop('a')", "xs = {'a': [1], 'b': [2]}"),
    ("shared with a result", "made = {'score': 1}; xs.append(made)", "xs = []"),
    ("through a function", "log(3)", "xs = []\ndef log(v): xs.append(v)"),
    ("rebound afterwards", "xs.append(4); made = len(xs)", "xs = []"),
    ("an alias", "xs.append(1)", "xs = []; ys = xs; box = [xs]"),
]


@pytest.mark.parametrize(("source", "before"), [row[1:] for row in EXACT], ids=[row[0] for row in EXACT])
def test_the_content_of_lists_and_dictionaries_comes_home(source: str, before: str) -> None:
    reply, namespace = changed(source, before, "xs")
    assert (reply.status, reply.reason) == ("done", "")
    linear: dict[str, Any] = {"__name__": "__main__"}
    exec(before, linear)
    exec(source, linear)
    for name in ("xs", "ys", "box", "made"):
        assert repr(namespace.get(name)) == repr(linear.get(name))


def test_the_container_and_its_elements_stay_themselves() -> None:
    before = "first = [0]; xs = [first, [1]]; ys = xs"
    reply, namespace = changed("xs.append([2]); xs.reverse()", before, "xs")
    assert reply.status == "done"
    assert namespace["xs"] is namespace["ys"]
    assert namespace["xs"][-1] is namespace["first"]


REFUSED = [
    ("an element changed", "xs[0].append(1)", "xs = [[0]]", "the input 'xs' was changed in place"),
    ("an element changed and one added", "xs[0].append(1); xs.append(2)", "xs = [[0]]", "'xs' was changed in place"),
    ("another input as well", "xs.append(1); ys.append(2)", "xs, ys = [], []", "the input 'ys' was changed in place"),
    ("an element comes out", "made = xs[0]; xs.append(1)", "xs = [[0]]", "'made' shares a list with the input 'xs'"),
    ("an input goes in", "xs.append(ys)", "xs, ys = [], []", "shares a list with the input 'ys'"),
    ("itself", "xs.append(xs)", "xs = []", "shares a list with the input 'xs'"),
    ("a set", "xs.add(1)", "xs = set()", "the input 'xs' was changed in place"),
    ("a lambda goes in", "xs.append(lambda: 1)", "xs = []", "needs the function '<lambda>'"),
]


@pytest.mark.parametrize(("source", "before", "why"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_is_not_exact_is_refused(source: str, before: str, why: str) -> None:
    reply, namespace = changed(source, before, "xs")
    assert reply.status == "refused"
    assert why in reply.reason
    linear: dict[str, Any] = {}
    exec(before, linear)
    assert repr(namespace["xs"]) == repr(linear["xs"])


OPERATIONS: list[Callable[[list[Any], int], object]] = [
    lambda xs, n: xs.append([n]),
    lambda xs, n: xs.insert(n % (len(xs) + 1), n),
    lambda xs, n: xs.pop(n % len(xs)) if xs else None,
    lambda xs, n: xs.extend(xs[:n]),
    lambda xs, n: xs.reverse(),
    lambda xs, n: xs.__setitem__(slice(0, n), xs[-n:]),
]


@settings(max_examples=300)
@given(st.integers(0, 5), st.lists(st.tuples(st.sampled_from(range(len(OPERATIONS))), st.integers(0, 4)), max_size=6))
def test_any_history_of_a_list_is_brought_home_piece_by_piece(size: int, history: list[tuple[int, int]]) -> None:
    home: list[Any] = [[number] for number in range(size)]
    own = list(home)
    away = [list(piece) for piece in home]
    copies = {id(copy): piece for copy, piece in zip(away, home, strict=True)}
    before = Originals({"xs": away}, ["xs"])
    for which, number in history:
        OPERATIONS[which](away, number)
    edits, fresh = before.edits()
    apply(edits, fresh, {"xs": home})
    assert home == away
    assert [piece for piece in home if any(piece is old for old in own)] == [
        copies[id(piece)] for piece in away if id(piece) in copies
    ]
    before.put_back()
    assert away == [[number] for number in range(size)]


def test_a_run_on_processes_collects_what_its_cells_append() -> None:
    sources = ["found, best = [], {}", "found.append(sum(range(1000)))", "best['a'] = max(found)", "print(found, best)"]
    dag = cell_dag([Cell(number, source) for number, source in enumerate(sources, 1)])
    assert [dag.nodes[NodeId(f"cell-{number}")].verdicts["loky"] for number in (2, 3)] == ["", ""]
    namespace: dict[str, Any] = {"__name__": "__main__"}
    scheduler = ParallelScheduler(RunConfig(backend="loky", jobs=2))
    result = run_cells(dag, CellProgram(dag, namespace, guard=1.0), scheduler)
    assert result.success
    assert {result.outcomes[f"cell-{number}"].worker.partition(" ")[0] for number in (2, 3)} == {"process"}
    assert (namespace["found"], namespace["best"]) == ([499500], {"a": 499500})
    assert result.unforeseen == ()
