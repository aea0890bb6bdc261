"""The proof itself is put to the proof: edges are taken out of graphs, and it must find each of them.

Trials run here in this process, in a dictionary and a folder of their own, so that hundreds of notebooks are cheap.
What kernels add is tested with kernels, in ``tests/notebook/test_verification.py``.
"""

from __future__ import annotations

import ast
import contextlib
import io
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra_nb.cells.comparison import RunRecord
from orchestra_nb.cells.description import describe
from orchestra_nb.cells.fingerprint import fingerprint
from orchestra_nb.cells.notebook_file import Notebook
from orchestra_nb.cells.suspicion import Suspicion
from orchestra_nb.cells.trials import Trial, plan_trials
from orchestra_nb.cells.verification import Verification, verify
from orchestra_nb.cells.versions import Slots
from orchestra_nb.errors import ComparisonError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node
from orchestra_nb.notebook.slots import Versions, renamed, slots_of_node
from orchestra_nb.planning.orders import random_order, unordered_pairs
from orchestra_nb.planning.variation import Variation


class InThisProcess:
    """Runs trials of a notebook with ``exec``; a parallel one too runs one cell after the other, in a random order."""

    def __init__(self, notebook: Notebook, dag: DAG, folder: Path) -> None:
        self.trials: list[Trial] = []
        self._sources = {str(cell.id): cell.source for cell in notebook.cells}
        self._dag = dag
        self._folder = folder

    def __call__(self, trial: Trial) -> RunRecord:
        self.trials.append(trial)
        order: Iterable[str] = self._sources
        if trial.kind == "serial":
            order = trial.order
        elif trial.kind == "parallel":
            order = random_order(self._dag, trial.seed)
        for file in self._folder.iterdir():
            file.unlink()
        state = random.getstate()
        random.seed(0)
        try:
            with contextlib.chdir(self._folder):
                return self._run(list(order), versioned=trial.kind != "linear")
        finally:
            random.setstate(state)

    def _run(self, order: Sequence[str], *, versioned: bool) -> RunRecord:
        space: dict[str, Any] = {"__name__": "__main__"}
        versions = Versions(self._dag, space)
        nodes: Mapping[str, Node] = dict(self._dag.nodes)
        outputs: dict[str, list[dict[str, str]]] = {name: [] for name in self._sources}
        failures = {}
        times = {}
        for number, name in enumerate(order):
            text = io.StringIO()
            times[name] = (float(number), number + 1.0)
            try:
                with contextlib.redirect_stdout(text):
                    tree = ast.parse(self._sources[name])
                    slots = slots_of_node(nodes[name]) if versioned else Slots()
                    exec(compile(renamed(tree, slots), name, "exec"), space)
            except Exception as error:
                failures[name] = f"fails with {type(error).__name__}: {error}"
                break
            finally:
                outputs[name] = [{"output_type": "stream", "name": "stdout", "text": text.getvalue()}]
            versions.ended(name)
        versions.settle()
        names = {name: value for name, value in space.items() if not name.startswith("__")}
        return RunRecord(
            {name: fingerprint(value) for name, value in names.items()},
            outputs,
            values={name: describe(value) for name, value in names.items()},
            files={file.name: file.read_text() for file in self._folder.iterdir()},
            times=times,
            failures=failures,
        )


def prove(
    sources: Sequence[str], folder: Path, without: Sequence[tuple[str, str]] = (), runs: int = 12, limit: int = 60
) -> tuple[Verification, list[Trial]]:
    """Verify a notebook whose graph lacks some edges."""
    notebook = Notebook.from_sources(sources)
    dag = Variation(without=without).of(notebook.dag)
    runner = InThisProcess(notebook, dag, folder)
    return verify(dag, runner, plan_trials(dag, runs), limit), runner.trials


def accused(found: Verification) -> set[tuple[str, str]]:
    return {(edge.source, edge.target) for edge in found.missing}


EVERY_KIND = [
    "#| name: imports\nimport random",
    "#| name: number\na = 1",
    "#| name: reader\nb = a + 1",
    "#| name: maker\nitems = [0]",
    "#| name: adder\nitems.append(1)",
    "#| name: doubler\nitems = items * 2",
    "#| name: other_name\nsame = items",
    "#| name: through_it\nsame.append(7)",
    "#| name: looker\nprint(items)",
    "#| name: writer\nwith open('o.txt', 'w') as f:\n    f.write('hello')",
    "#| name: file_reader\nwith open('o.txt') as g:\n    text = g.read()",
    "#| name: again\nwith open('o.txt', 'a') as h:\n    h.write(' again')",
    "#| name: seeded\nrandom.seed(5)",
    "#| name: draw\nprint(random.random())",
    "#| name: redraw\nx = random.random()",
    "#| name: renumber\na = 10",
    "#| name: function\ndef f():\n    return a",
    "#| name: caller\nprint(f())",
    "#| name: hidden\n#| writes: []\nlate = 5",
    "#| name: declared\n#| after: hidden\n#| reads: []\nprint(late)",
]


def removable(sources: Sequence[str]) -> list[tuple[str, str]]:
    """The edges without which their two cells are unordered."""
    dag = Notebook.from_sources(sources).dag
    pairs = dict.fromkeys((str(edge.source), str(edge.target)) for edge in dag.edges)
    return [pair for pair in pairs if pair in set(unordered_pairs(Variation(without=[pair]).of(dag)))]


REMOVABLE = removable(EVERY_KIND)


def test_the_notebook_has_edges_of_every_kind() -> None:
    dag = Notebook.from_sources(EVERY_KIND).dag
    kinds = {edge.kind for edge in dag.edges if (edge.source, edge.target) in REMOVABLE}
    assert kinds == {"value", "order", "mutation", "alias", "file", "state", "declared"}


def test_with_all_its_edges_nothing_differs_and_nothing_more_is_run(tmp_path: Path) -> None:
    found, trials = prove(EVERY_KIND, tmp_path)
    assert (found.equal, found.missing, found.search_runs) == (True, (), 0)
    assert [trial.kind for trial in trials].count("linear") == 1
    assert len(trials) == 13
    assert found.plan.inverted == found.plan.pairs > 0


@pytest.mark.parametrize("pair", REMOVABLE, ids="-".join)
def test_each_edge_that_is_taken_out_is_found(pair: tuple[str, str], tmp_path: Path) -> None:
    found, _ = prove(EVERY_KIND, tmp_path, [pair])
    assert not found.equal
    assert found.complete
    assert pair in accused(found)


LIARS = [
    (["items = [1]", "#| mutates: []\nitems.append(2)", "print(items)"], ("cell-2", "cell-3"), "mutates of cell-2"),
    (["x = 1", "#| writes: []\nx = 2", "print(x)"], ("cell-2", "cell-3"), "writes of cell-2"),
    (["x = 1", "x = 2", "#| reads: []\nprint(x)"], ("cell-2", "cell-3"), "reads of cell-3"),
    (["d = {}", "def put(k):\n    d[k] = len(d)", "#| mutates: []\nput('a')", "#| mutates: []\nput('b')", "print(d)"],
     ("cell-3", "cell-4"), "mutates of cell-3 and mutates of cell-4"),
    (["#| reads: []\n#| writes: []\n#| mutates: []\nglobal_one = [1]", "global_one.append(2)"],
     ("cell-1", "cell-2"), "reads, writes, mutates of cell-1"),
]  # fmt: skip


@pytest.mark.parametrize(("sources", "pair", "blame"), LIARS)
def test_a_setting_that_hides_an_effect_is_found_and_blamed(
    sources: list[str], pair: tuple[str, str], blame: str, tmp_path: Path
) -> None:
    found, _ = prove(sources, tmp_path, runs=4)
    assert pair in accused(found)
    suspicion = Suspicion(Notebook.from_sources(sources).cells)
    assert suspicion.edges(*pair)
    assert (
        suspicion.mend(*pair)
        == f"mend what is said with {blame}, or write '#| after: {pair[0]}' at the top of {pair[1]}"
    )


STATEMENTS = [
    "{x} = [{n}]", "{x} = {y}", "{x}.append({n})", "{x} = {x} + [{n}]", "print({x})", "{x} = [len({y})]",
    "{x}.extend({y}[:2])", "def f(v={n}):\n    {x}.append(v)\n    return len({y})", "print(f())", "r = f({n})",
    "{x}[:1] = [random.random()]", "random.seed({n})", "for i in range(2):\n    {x}.append(i)", "i = {n}\nprint(i)",
]  # fmt: skip
OPENING = "import random\na, b, c = [1], [2], [3]\ndef f(v=0):\n    a.append(v)\n    return len(b)\ni = r = 0"
NAMES = st.sampled_from("abc")


@st.composite
def programs(draw: st.DrawFn) -> list[str]:
    lines = draw(st.lists(st.sampled_from(STATEMENTS), min_size=3, max_size=9))
    return [OPENING, *(line.format(x=draw(NAMES), y=draw(NAMES), n=draw(st.integers(0, 3))) for line in lines)]


@settings(max_examples=60)
@given(programs(), st.integers(0, 10**6))
def test_whoever_is_accused_has_an_edge_in_the_whole_graph(
    tmp_path_factory: pytest.TempPathFactory, sources: list[str], which: int
) -> None:
    pairs = removable(sources)
    if not pairs:
        return
    found, _ = prove(sources, tmp_path_factory.mktemp("trial"), [pairs[which % len(pairs)]], limit=200)
    whole = Notebook.from_sources(sources).dag
    assert found.equal == (not found.missing)
    assert all(source in whole.ancestors(target) for source, target in accused(found))
    assert (found.complete, found.suspects, found.unsteady, found.in_document_order) == (True, (), (), ())


class Scripted:
    """Answers each trial as it is told."""

    def __init__(self, *cells: str) -> None:
        self.cells = cells
        self.count = 0

    def record(self, value: str = "right", **fields: object) -> RunRecord:
        names = {"value": value, "clock": str(self.count)}
        return RunRecord(names, dict.fromkeys(self.cells, ()), **fields)  # type: ignore[arg-type]

    def __call__(self, trial: Trial) -> RunRecord:
        self.count += 1
        return self.answer(trial)

    def answer(self, trial: Trial) -> RunRecord:
        return self.record()


def scripted(runner: Scripted, sources: Sequence[str], runs: int = 2, limit: int = 40) -> Verification:
    dag = Notebook.from_sources(sources).dag
    return verify(dag, runner, plan_trials(dag, runs), limit)


THREE = ("x = 1", "y = 2", "z = 3")
CELLS = ("cell-1", "cell-2", "cell-3")


def test_what_differs_between_linear_runs_is_noise_and_costs_one_more_run() -> None:
    runner = Scripted(*CELLS)
    found = scripted(runner, THREE)
    assert (found.equal, found.noise, runner.count) == (True, {("name", "clock")}, 4)


def test_a_failure_is_no_noise_even_in_a_cell_whose_output_is() -> None:
    class Failing(Scripted):
        def answer(self, trial: Trial) -> RunRecord:
            text = [{"output_type": "stream", "name": "stdout", "text": str(self.count)}]
            wrong = trial.kind != "linear" and trial.order != CELLS
            failures = {"cell-1": "fails with ValueError: no"} if wrong else {}
            return RunRecord({}, {"cell-1": text}, failures=failures)

    found = scripted(Failing(*CELLS), THREE)
    assert ("output", "cell-1") in found.noise
    assert {difference.kind for _, difference in found.differences} == {"failure"}


def test_a_race_names_the_cells_that_overlapped() -> None:
    class Racing(Scripted):
        def answer(self, trial: Trial) -> RunRecord:
            times = {"cell-1": (0.0, 2.0), "cell-2": (1.0, 3.0), "cell-3": (2.5, 4.0)}
            return self.record("wrong" if trial.kind == "parallel" else "right", times=times)

    found = scripted(Racing(*CELLS), THREE)
    assert (found.equal, found.missing) == (False, ())
    assert {(pair.first, pair.second): pair.seconds for pair in found.suspects} == {
        ("cell-1", "cell-2"): 1.0,
        ("cell-2", "cell-3"): 0.5,
    }


def test_a_parallel_run_that_broke_an_edge_already_found_is_explained_by_it() -> None:
    class Both(Scripted):
        def answer(self, trial: Trial) -> RunRecord:
            times = {"cell-1": (0.0, 2.0), "cell-2": (1.0, 3.0), "cell-3": (0.0, 1.0)}
            swapped = trial.kind == "serial" and trial.order.index("cell-2") < trial.order.index("cell-1")
            return self.record("wrong" if swapped or trial.kind == "parallel" else "right", times=times)

    found = scripted(Both(*CELLS), THREE)
    assert (accused(found), found.suspects) == ({("cell-1", "cell-2")}, ())


def test_a_parallel_run_shows_an_edge_that_no_serial_trial_showed() -> None:
    sources = ["x = 1", "y = 2", "z = 3", "w = 4"]

    class Rare(Scripted):
        def answer(self, trial: Trial) -> RunRecord:
            order = trial.order or ("cell-2", "cell-1", "cell-3", "cell-4")
            wrong = order.index("cell-2") < order.index("cell-1") < order.index("cell-4") and trial.kind != "linear"
            return self.record("wrong" if wrong else "right", times={n: (i, i + 1) for i, n in enumerate(order)})

    assert accused(scripted(Rare(*CELLS, "cell-4"), sources)) == {("cell-1", "cell-2")}


def test_what_differs_in_document_order_accuses_nobody() -> None:
    class Ours(Scripted):
        def answer(self, trial: Trial) -> RunRecord:
            return self.record("right" if trial.kind == "linear" else "wrong")

    found = scripted(Ours(*CELLS), THREE)
    assert (found.missing, found.search_runs) == ((), 1)
    assert [difference.where for difference in found.in_document_order] == ["value"]


def test_what_does_not_differ_again_accuses_nobody() -> None:
    class Moody(Scripted):
        def answer(self, trial: Trial) -> RunRecord:
            return self.record("wrong" if self.count == 2 else "right")

    found = scripted(Moody(*CELLS), THREE, runs=1)
    assert (found.equal, found.missing) == (False, ())
    assert [difference.where for difference in found.unsteady] == ["value"]


@pytest.mark.parametrize("limit", [0, 1, 2, 3])
def test_a_search_keeps_to_its_bound(limit: int, tmp_path: Path) -> None:
    found, trials = prove(EVERY_KIND, tmp_path, [("number", "reader")], runs=1, limit=limit)
    assert (found.equal, found.complete, found.search_runs) == (False, False, limit)
    assert len(trials) == 3 + limit  # linear, the trial, linear again


def test_an_interrupt_ends_the_search_and_keeps_what_is_known() -> None:
    class Impatient(Scripted):
        def answer(self, trial: Trial) -> RunRecord:
            if self.count > 5:
                raise KeyboardInterrupt
            return self.record("right" if trial.order in ((), CELLS) else "wrong")

    runner = Impatient(*CELLS)
    found = scripted(runner, THREE, runs=3)
    assert (found.equal, found.complete, runner.count) == (False, False, 6)


def test_a_linear_run_that_fails_proves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ComparisonError, match="the linear run failed"):
        prove(["1 / 0"], tmp_path)


def test_trials_cover_first_and_then_are_parallel() -> None:
    dag = Notebook.from_sources(["x = 1", "y = 2", "z = x"]).dag
    plan = plan_trials(dag, 7, seed=3, most=3)
    assert [trial.kind for trial in plan.trials] == ["serial", "parallel", "serial", *["parallel"] * 4]
    assert [(trial.jobs, trial.backend, trial.seed) for trial in plan.trials if trial.kind == "parallel"] == [
        (2, "threading", 3), (3, "loky", 4), (2, "threading", 5), (3, "loky", 6), (2, "threading", 7),
    ]  # fmt: skip
    assert plan.inverted == plan.pairs == 2
    assert plan_trials(dag, 1).inverted == 1
    assert {trial.backend for trial in plan_trials(dag, 6, backends=["loky"]).trials if not trial.order} == {"loky"}


def test_words_for_a_pair_come_from_the_code_and_not_from_the_settings() -> None:
    sources = [
        "x = []",
        "#| name: b\n#| after: cell-1\nx.append(1)",
        "import os\nprint(x, os.sep)",
        "import os\nos.getcwd()",
    ]
    suspicion = Suspicion(Notebook.from_sources(sources).cells)
    assert suspicion.shared("b", "cell-3")[0] == "object x (changed)"
    assert suspicion.weight("b", "cell-3") > suspicion.weight("b", "cell-4")
    assert suspicion.mend("cell-3", "b").startswith("write '#| after: [cell-1, cell-3]' at the top of b, and report it")
