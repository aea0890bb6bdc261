"""The guard: undeclared changes of shared values are noticed, foreseen ones are not, and looking costs what it may."""

from __future__ import annotations

import ast
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestra_nb.cells.cell import Cell
from orchestra_nb.cells.inference import cell_dag
from orchestra_nb.cells.learned import with_changes
from orchestra_nb.cells.settings import NodeSettings
from orchestra_nb.config import RunConfig
from orchestra_nb.errors import ConfigError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import UnforeseenChange
from orchestra_nb.notebook.guard import Guard
from orchestra_nb.notebook.program import CellProgram, run_cells
from orchestra_nb.notebook.sampling import can_change, sample
from orchestra_nb.notebook.slots import renamed, slots_of_node
from orchestra_nb.running.scheduler import ParallelScheduler

LIES = NodeSettings(mutates=())
"""What a user says who is wrong: this cell changes nothing."""


def lying(*sources: str, liar: int = 2) -> DAG:
    return cell_dag([Cell(n, s, LIES if n == liar else NodeSettings()) for n, s in enumerate(sources, 1)])


class Session:
    """Cells by hand: a clock that stands still, so that only what cells earn and looks cost counts."""

    def __init__(self, dag: DAG, share: float = 0.5) -> None:
        self.dag = dag
        self.namespace: dict[str, Any] = {}
        self.looked: list[int] = []
        self.guard = Guard(dag, self.namespace, share, self.look, lambda: 0.0, credit=0.0)

    def look(self, value: object, units: int) -> tuple[int, int]:
        self.looked.append(units)
        return sample(value, units)

    def start(self, name: str) -> None:
        self.guard.started(self.dag.nodes[name])  # type: ignore[index]

    def end(self, name: str, seconds: float = 1.0) -> None:
        node = self.dag.nodes[name]  # type: ignore[index]
        tree = renamed(ast.parse(node.source), slots_of_node(node))
        exec(compile(tree, name, "exec"), self.namespace)
        self.guard.ended(node, seconds)

    def run(self, name: str, seconds: float = 1.0) -> None:
        self.start(name)
        self.end(name, seconds)


def test_a_change_that_no_code_showed_is_noticed_with_the_edge_that_was_missing() -> None:
    session = Session(lying("xs = [1]", "xs.append(2)", "print(xs)"))
    for name in session.dag.nodes:
        session.run(name)
    assert session.guard.found == (UnforeseenChange("xs", ("cell-2",), ("cell-3",)),)


def test_of_several_cells_that_ran_meanwhile_each_may_have_done_it() -> None:
    session = Session(lying("xs = [1]", "xs.append(2)", "print(xs)"))
    session.run("cell-1")
    session.start("cell-2")
    session.start("cell-3")
    session.end("cell-2")
    assert [change.cells for change in session.guard.found] == [("cell-2", "cell-3")]


def test_what_the_code_shows_is_not_reported() -> None:
    sources = ["xs = [1]; ys = xs", "xs.append(2)", "print(ys)", "ys.append(3)", "print(xs)", "xs = [0]", "print(xs)"]
    session = Session(cell_dag([Cell(n, s) for n, s in enumerate(sources, 1)]))
    for name in session.dag.nodes:
        session.run(name)
    assert session.looked
    assert session.guard.found == ()


def test_a_cell_that_looks_at_everything_ends_the_watch() -> None:
    session = Session(lying("xs = [1]", "print(len(xs))", "exec('xs.append(2)')", "print(xs)", liar=0))
    for name in session.dag.nodes:
        session.run(name)
    assert session.guard.found == ()


def test_a_look_costs_no_more_than_the_account_holds() -> None:
    dag = lying("xs = list(range(10_000))", "xs.append(2)", "print(len(xs))")
    poor = Session(dag, share=0.02)
    poor.run("cell-1", seconds=1e-4)
    poor.run("cell-2", seconds=1e-4)
    assert poor.looked == []
    rich = Session(dag, share=0.02)
    rich.run("cell-1", seconds=10.0)
    assert 20 <= rich.looked[0] <= 0.02 * 10.0 / 3e-6


def test_time_that_was_looked_away_is_spent() -> None:
    dag = lying("xs = [1]", "print(xs)", "print(xs, 2)", "xs", liar=0)
    ticks = iter(range(1000))
    guard = Guard(dag, {"xs": [1]}, 0.5, sample, lambda: float(next(ticks)), credit=0.0)
    calls = []
    guard._sample = lambda value, units: calls.append(units) or sample(value, units)  # type: ignore[assignment]
    for name in dag.nodes:
        guard.started(dag.nodes[name])
        guard.ended(dag.nodes[name], 1.0)
    assert len(calls) == 2  # a look takes a second here, and each of the four cells earns half a second


def test_switched_off_it_looks_at_nothing() -> None:
    session = Session(lying("xs = [1]", "xs.append(2)"), share=0.0)
    session.run("cell-1")
    session.run("cell-2")
    assert (session.looked, session.guard.found) == ([], ())
    with pytest.raises(ConfigError, match="guard=2 must be a share"):
        RunConfig(guard=2)


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_a_run_reports_it_and_the_next_plan_knows_it(backend: str) -> None:
    sources = ["xs = list(range(50))", "xs.append(sum(range(2_000_000)))", "print(len(xs), sum(range(2_000_000)))"]
    cells = [Cell(n, s, LIES if n == 2 else NodeSettings()) for n, s in enumerate(sources, 1)]
    dag = cell_dag(cells)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    config = RunConfig(jobs=1, backend=backend, guard=1.0)
    result = run_cells(dag, CellProgram(dag, namespace, guard=1.0), ParallelScheduler(config))
    assert [(change.name, change.cells) for change in result.unforeseen] == [("xs", ("cell-2",))]
    again = cell_dag(cells, learned=with_changes({}, result.unforeseen, dict(result.dag.nodes)))
    added = {(edge.source, edge.target) for edge in again.edges} - {(edge.source, edge.target) for edge in dag.edges}
    assert added == {("cell-2", "cell-3")}
    assert any("a run saw it change" in item.reason for edge in again.edges for item in edge.evidence)


def _frame() -> pd.DataFrame:
    made = pd.DataFrame({"n": range(100), "x": np.linspace(0, 1, 100), "s": ["a", "b"] * 50})
    return made.assign(c=pd.Categorical(made["s"]), t=pd.date_range("2026-01-01", periods=100))


class Slotted:
    __slots__ = ("held",)

    def __init__(self) -> None:
        self.held = [1]

    def __eq__(self, other: object) -> bool:
        raise AssertionError("nobody may call this")

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        raise AssertionError("nobody may call this")


CHANGES: list[tuple[Callable[[], Any], Callable[[Any], object]]] = [
    (lambda: [1, [2]], lambda v: v[1].append(3)),
    (lambda: {"a": {"b": 1}}, lambda v: v["a"].update(b=2)),
    (lambda: {1, 2}, lambda v: v.add(3)),
    (lambda: bytearray(b"abc"), lambda v: v.extend(b"d")),
    (lambda: np.zeros(1000), lambda v: v.__setitem__(500, 1)),
    (lambda: np.zeros((50, 50))[::2, ::2], lambda v: v.__setitem__((3, 3), 1)),
    (lambda: np.array([None, 1], dtype=object), lambda v: v.__setitem__(0, 2)),
    (lambda: np.zeros(10), lambda v: v.setflags(write=False)),
    (_frame, lambda v: v.loc.__setitem__((5, "n"), -1)),
    (_frame, lambda v: v.loc.__setitem__((4, "s"), "z")),
    (_frame, lambda v: v.loc.__setitem__((4, "c"), "b")),
    (_frame, lambda v: v.__setitem__("new", 1)),
    (_frame, lambda v: setattr(v, "columns", list("vwxyz"))),
    (_frame, lambda v: v.attrs.update(unit="m")),
    (lambda: pd.Series([1, None], dtype="Int64"), lambda v: v.__setitem__(1, 3)),
    (lambda: pd.Series(["a", "b"]), lambda v: v.__setitem__(1, "c")),
    (Slotted, lambda v: v.held.append(2)),
]


@pytest.mark.parametrize(("make", "change"), CHANGES)
def test_a_sample_sees_changes(make: Callable[[], Any], change: Callable[[Any], object]) -> None:
    value = make()
    before = sample(value, 100_000)
    assert sample(value, 100_000) == before
    change(value)
    assert sample(value, 100_000) != before


def test_a_sample_does_not_see_what_is_no_change() -> None:
    frame = _frame()
    before = sample(frame, 100_000)
    frame.describe(), frame.groupby("s")["x"].mean(), repr(frame), frame.sort_values("x"), frame.index.get_loc(3)
    frame.to_numpy()
    assert sample(frame, 100_000) == before


def test_containers_with_ways_of_their_own_are_left_alone() -> None:
    class Counting(list[int]):
        def __getitem__(self, place: Any) -> Any:
            raise AssertionError("nobody may call this")

        __len__ = __iter__ = __getitem__  # type: ignore[assignment]

    assert sample([Counting([1] * 500)], 100)[1] < 100


def test_to_look_leaves_no_trace() -> None:
    text = io.StringIO("abc")
    before = text.__reduce_ex__(4)
    sample([text], 1_000)
    assert text.__reduce_ex__(4) == before


def test_a_sample_takes_no_more_than_it_is_given() -> None:
    large = [np.zeros(10_000_000), list(range(100_000)), {n: [n] for n in range(10_000)}]
    for units in (1, 7, 100, 5_000):
        digest, cost = sample(large, units)
        assert cost <= units
        assert sample(large, units)[0] == digest


def test_a_sample_sees_the_ends_of_what_it_cannot_see_whole() -> None:
    long = list(range(100_000))
    before = sample(long, 100)
    long[-1] = 0
    assert sample(long, 100) != before
    array = np.zeros(10_000_000)
    before = sample(array, 100)
    array[-1] = 1
    assert sample(array, 100) != before


def test_cycles_end() -> None:
    ring: list[Any] = []
    ring.append(ring)
    assert sample(ring, 1_000)[1] < 10


def test_what_cannot_change_is_not_watched() -> None:
    assert not any(map(can_change, (1, "a", None, np, print, int, 2.5)))
    assert all(map(can_change, ([], {}, np.zeros(1), Slotted(), test_cycles_end)))


def test_pickling_an_instance_is_no_change_of_its_class():
    class Box:
        def __init__(self) -> None:
            self.v = 1

    before = sample(Box, 1000)
    Box().__reduce_ex__(4)
    assert "__slotnames__" in Box.__dict__
    assert sample(Box, 1000) == before
