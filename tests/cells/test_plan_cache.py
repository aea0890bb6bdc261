"""Plans on disk: what comes back is what was put there, to the last type, and nothing on disk can do harm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.cells import plan_cache, plan_record
from orchestra_nb.cells.cell import Cell
from orchestra_nb.cells.effects import Interpreter
from orchestra_nb.cells.effects.names import BUILTINS
from orchestra_nb.cells.effects.sources import declare_effects, forget_effects
from orchestra_nb.cells.inference import cell_dag
from orchestra_nb.cells.learned import source_key
from orchestra_nb.cells.notebook_file import Notebook
from orchestra_nb.cells.plan_cache import VARIABLE, code_digest, dag_of
from orchestra_nb.cells.plan_record import decode, encode, key_of
from orchestra_nb.cells.settings import KEYS, BreakerSettings, NodeSettings, RetrySettings
from orchestra_nb.errors import NotebookError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Edge, Evidence, Node

from .test_linear_law import NAMES, PRELUDE, SETUP, STATEMENTS
from .test_ordinary_python import cases

CELLS = [Cell(1, "xs = [1]"), Cell(2, "xs.append(2)"), Cell(3, "print(xs)")]
SAID = [
    Cell(1, "x = 1", NodeSettings(name="a", retry=RetrySettings(attempts=2, on=("ValueError",)), cost=2.5)),
    Cell(2, "%time y = x", NodeSettings(breaker=BreakerSettings(name="db"), after=("a",), uses=("gpu:2",), cache=9.0)),
    Cell(
        3, "print('\udc80', y)", tags=("raises-exception",), cell_id="c", seconds=0.5, metadata={"k": [1, {"a": None}]}
    ),
    Cell(4, "z = (", tags=("raises-exception",)),
]


def exactly(value: Any) -> Any:
    """A value with all that equality would pass over: types, the order of keys, fields that are not compared."""
    if isinstance(value, Node | Edge | Evidence):
        return type(value), [exactly(getattr(value, field.name)) for field in fields(value)]
    if isinstance(value, dict | MappingProxyType):
        return type(value), [(name, exactly(item)) for name, item in value.items()]
    if isinstance(value, list | tuple):
        return type(value), [exactly(item) for item in value]
    return type(value), value


def shape(dag: DAG) -> Any:
    """Everything that a graph was made of."""
    return exactly([list(dag.nodes.values()), list(dag.given), list(dag.edges), dict(dag.metadata)])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for plans that is used; the code is taken as unchanged, whatever a developer does to it meanwhile."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "plans"))
    monkeypatch.setattr(plan_cache, "code_digest", lambda: "code")
    return tmp_path / "plans"


@pytest.fixture
def analysed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with each analysis that takes place."""
    seen: list[int] = []

    def counting(cells: Any, **known: Any) -> DAG:
        seen.append(len(cells))
        return cell_dag(cells, **known)

    monkeypatch.setattr(plan_cache, "cell_dag", counting)
    return seen


def entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


# ---- what comes back -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cells", [CELLS, SAID, [Cell(1, "x = 1", part=2, first_line=7)]])
def test_a_plan_comes_back_exactly(folder: Path, analysed: list[int], cells: list[Cell]) -> None:
    first, second = dag_of(cells), dag_of(cells)
    assert analysed == [len(cells)]
    assert first is not second
    assert shape(first) == shape(second) == shape(cell_dag(cells))
    assert first.hash == second.hash


@pytest.mark.parametrize("sources", list(cases()))
def test_the_plan_of_ordinary_python_comes_back_exactly(sources: list[str]) -> None:
    cells = [Cell(number, source) for number, source in enumerate(sources, 1)]
    fresh = cell_dag(cells)
    text = encode(fresh, cells)
    assert text is not None
    again = decode(text, cells)
    assert again is not None
    assert shape(again) == shape(fresh)


@given(st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=12), st.data())
def test_the_plan_of_any_program_comes_back_exactly(statements: list[str], data: st.DataObject) -> None:
    drawn = {"x": NAMES, "y": NAMES, "z": NAMES, "n": st.integers(0, 5)}
    sources = [PRELUDE + SETUP, *(s.format(**{k: data.draw(v) for k, v in drawn.items()}) for s in statements)]
    cells = [Cell(number, source) for number, source in enumerate(sources, 1)]
    fresh = cell_dag(cells)
    again = decode(encode(fresh, cells) or "", cells)
    assert again is not None
    assert shape(again) == shape(fresh)


def test_a_notebook_takes_its_plan_from_disk_unless_told_not_to(
    folder: Path, analysed: list[int], quickstart: Path
) -> None:
    fresh = Notebook.read(quickstart, plan_cache=False).dag
    assert not folder.exists()
    plans = [Notebook.read(quickstart).dag for _ in range(2)]
    assert len(analysed) == 1
    assert shape(plans[0]) == shape(plans[1]) == shape(fresh)


def test_no_code_of_the_user_is_kept(folder: Path) -> None:
    dag_of([Cell(1, "password = 'hunter2'")])
    (entry,) = entries(folder)
    assert b"hunter2" not in entry.read_bytes()


def test_another_process_reads_what_this_one_kept(folder: Path, root: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from orchestra_nb.cells import plan_cache; from orchestra_nb.cells.cell import Cell\n"
        "plan_cache.code_digest = lambda: 'code'\n"
        "if 'read' in sys.argv: plan_cache.cell_dag = None\n"
        "print(plan_cache.dag_of([Cell(1, 'x = 1'), Cell(2, 'x')]).levels)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), *sys.path])}
    told = [
        subprocess.run([sys.executable, "-c", code, word], env=environment, check=True, capture_output=True, text=True)
        for word in ("write", "read")
    ]
    assert [done.stdout for done in told] == ["(('cell-1',), ('cell-2',))\n"] * 2
    assert len(entries(folder)) == 1


# ---- what decides --------------------------------------------------------------------------------------------

CHANGES: dict[str, Callable[[Any], Any]] = {
    "position": lambda old: old + 1,
    "source": lambda old: old + " ",
    "settings": lambda old: old.model_copy(update={"priority": old.priority + 1}),
    "metadata": lambda old: {**old, "another": 1},
    "tags": lambda old: (*old, "another"),
    "cell_id": lambda old: old + "x",
    "seconds": lambda old: (old or 0.0) + 1.5,
    "first_line": lambda old: old + 1,
    "part": lambda old: old + 1,
    "places": lambda old: {**old, "name": "cell 9, line 9"},
}
SETTINGS: dict[str, tuple[Any, Any]] = {
    "name": ("a", "b"), "after": (("a",), ("a", "b")), "reads": (None, ()), "writes": (None, ()),
    "mutates": (None, ()), "uses": ((), ("db",)), "priority": (0, 1), "cost": (None, 0.0), "timeout": (1.0, 2.0),
    "retry": (1, RetrySettings(attempts=1)), "breaker": ("db", BreakerSettings(name="db")), "cache": (True, 1.0),
    "when": (None, "x"), "undo": (None, "a"), "phase": (None, "a"), "backend": ("inherit", "loky"),
}  # fmt: skip


def test_every_field_is_tried() -> None:
    assert CHANGES.keys() == {field.name for field in fields(Cell)}
    assert SETTINGS.keys() == set(KEYS)


@given(st.data())
def test_changing_any_field_of_any_cell_changes_the_key(data: st.DataObject) -> None:
    sources = data.draw(st.lists(st.text(max_size=20), min_size=1, max_size=5))
    cells = [Cell(number, source) for number, source in enumerate(sources, 1)]
    which = data.draw(st.integers(0, len(cells) - 1))
    name = data.draw(st.sampled_from(sorted(CHANGES)))
    changed = list(cells)
    changed[which] = replace(cells[which], **{name: CHANGES[name](getattr(cells[which], name))})
    assert key_of(cells, "a") == key_of([replace(cell) for cell in cells], "a") is not None
    assert key_of(changed, "a") != key_of(cells, "a")


@pytest.mark.parametrize("name", KEYS)
def test_changing_any_setting_changes_the_key(name: str) -> None:
    one, other = ([Cell(1, "x", NodeSettings().model_copy(update={name: value}))] for value in SETTINGS[name])
    assert key_of(one, "") != key_of(other, "")


def test_cells_that_move_or_go_change_the_key() -> None:
    keys = {key_of(cells, "") for cells in (CELLS, CELLS[:2], CELLS[::-1], [Cell(1, "xs = [1]xs.append(2)")])}
    assert len(keys) == 4


def test_a_cell_with_what_cannot_be_digested_has_no_key(folder: Path) -> None:
    odd = [Cell(1, "x = 1", metadata={"odd": object()})]
    assert key_of(odd, "") is None
    assert dag_of(odd).levels == (("cell-1",),)
    assert not folder.exists()


@pytest.mark.parametrize(
    "patch",
    [("__version__", "0.0"), ("_ipython", lambda: "0.0"), ("BUILTINS", BUILTINS | {"another"}), ("_FORMAT", 0)],
)
def test_another_version_or_surroundings_is_another_key(
    patch: tuple[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [Cell(1, "another = 1")]
    before = key_of(cells, "")
    monkeypatch.setattr(plan_record, *patch)
    assert key_of(cells, "") != before


def test_the_version_of_ipython_is_the_same_before_and_after_it_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    import IPython

    loaded = plan_record._ipython()
    assert loaded == IPython.__version__
    monkeypatch.delitem(sys.modules, "IPython")
    assert plan_record._ipython() == loaded


def test_a_builtin_that_no_cell_could_mean_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key_of(CELLS, "")
    monkeypatch.setattr(plan_record, "BUILTINS", BUILTINS | {"another"})
    assert key_of(CELLS, "") == before
    assert key_of([Cell(1, "\uff41nother")], "") != before  # Python reads a wide letter as the plain one


def test_the_code_the_table_and_what_was_learned_count(
    folder: Path, analysed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    dag_of(CELLS)
    monkeypatch.setattr(plan_cache, "code_digest", lambda: "another")
    dag_of(CELLS)
    declare_effects("mylib.look", returns="fresh")
    try:
        dag_of(CELLS)
    finally:
        forget_effects()
    monkeypatch.setattr(plan_cache, "copies_on_write", lambda: "another")
    dag_of(CELLS)
    dag_of(CELLS, {source_key("of another notebook"): frozenset({"x"})})
    dag_of(CELLS, {source_key(CELLS[0].source): frozenset({"x"})})
    assert len(analysed) == len(entries(folder)) == 6


def test_code_that_changed_since_it_was_loaded_is_never_taken_for_what_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_cache.package, "LOADED_AT", time.time() + 3600)
    fresh = code_digest.__wrapped__()
    assert fresh is not None
    assert len(fresh) == 64
    newest = max(path.stat().st_mtime for path in plan_cache._sources())
    monkeypatch.setattr(plan_cache.package, "LOADED_AT", newest - 60)
    assert code_digest.__wrapped__() is None
    monkeypatch.setattr(plan_cache, "code_digest", code_digest.__wrapped__)
    assert dag_of(CELLS).levels == cell_dag(CELLS).levels
    assert not folder.exists()


def test_the_files_that_decide_are_found() -> None:
    names = {path.name for path in plan_cache._sources()}
    assert {"inference.py", "conflicts.py", "knowledge.toml", "statements.py", "model.py", "source.py"} <= names


# ---- what is not kept ----------------------------------------------------------------------------------------


def test_faults_are_told_every_time(folder: Path) -> None:
    told = []
    for _ in range(2):
        with pytest.raises(NotebookError) as caught:
            dag_of([Cell(1, "x = ("), Cell(2, "y = 1")])
        told.append(caught.value.issues)
    assert told[0] == told[1]
    assert entries(folder) == []


def test_a_plan_around_faults_is_not_kept(folder: Path) -> None:
    cells = [Cell(1, "x = ("), Cell(2, "y = 1")]
    assert encode(cell_dag(cells, keep_going=True), cells) is None
    notebook = Notebook(None, tuple(cells))
    assert len(notebook.planned(keep_going=True).nodes) == 2
    assert entries(folder) == []


def test_a_backend_that_is_gone_is_told_although_the_plan_is_known(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [Cell(1, "x = 1", NodeSettings(backend="loky"))]
    dag_of(cells)
    monkeypatch.setattr("orchestra_nb.cells.declared.known_backends", lambda: ("threading",))
    with pytest.raises(NotebookError, match="asks for the backend 'loky'"):
        dag_of(cells)


def test_a_cell_that_was_given_up_is_analysed_again(
    folder: Path, analysed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the analysis gives up may hang on the depth of the stack that it is called from."""
    with monkeypatch.context() as patch:
        patch.setattr(Interpreter, "run", too_deep)
        given_up = dag_of(CELLS)
    assert given_up.nodes["cell-1"].metadata["keeps_place"]
    assert dag_of(CELLS).nodes["cell-1"].metadata["keeps_place"] == ()
    dag_of(CELLS)
    assert len(analysed) == 2


def too_deep(*_: object) -> None:
    raise RecursionError


def replace_node(dag: DAG, **metadata: Any) -> DAG:
    return DAG([replace(node, metadata={**node.metadata, **metadata}) for node in dag.nodes.values()], dag.given)


@pytest.mark.parametrize("odd", [{1: 2}, {"a": object()}, {"a": float("nan")}, {"a": {3}}, {"a": b"x"}])
def test_what_would_not_come_back_exactly_is_not_kept(odd: Any) -> None:
    cells = [Cell(1, "x = 1")]
    assert encode(replace_node(cell_dag(cells), odd=odd), cells) is None


@pytest.mark.parametrize(
    "value", [[1, (2, [])], {"dict": {"list": [1.0, True, None]}}, MappingProxyType({"a": ("b",)})]
)
def test_values_keep_their_types(value: Any) -> None:
    dag = replace_node(cell_dag(CELLS), value=value)
    again = decode(encode(dag, CELLS) or "", CELLS)
    assert again is not None
    assert shape(again) == shape(dag)


def test_a_graph_with_more_than_its_cells_say_is_not_kept() -> None:
    dag = cell_dag(CELLS)
    assert encode(DAG(dag.nodes.values(), dag.given, {"optimizations": 1}), CELLS) is None
    assert encode(dag, [replace(cell, source="other") for cell in CELLS]) is None
    assert encode(dag, CELLS[:2]) is None


# ---- a file that is not what it should be --------------------------------------------------------------------


def damage() -> Iterator[Any]:
    def truncated(data: bytes) -> bytes:
        return data[: len(data) // 2]

    def flipped(data: bytes) -> bytes:
        return data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]

    def foreign(_: bytes) -> bytes:
        return b"\x80\x04cposix\nsystem\n(S'touch gone-wrong'\ntR."

    def old(data: bytes) -> bytes:
        return data.replace(b"orchestra_nb plan ", b"orchestra_nb plan 0 ")

    def huge(data: bytes) -> bytes:
        return data + b" " * (8 * 2**20)

    yield from (
        truncated,
        flipped,
        foreign,
        old,
        huge,
        lambda _: b"",
        lambda data: data + b"\n",
        lambda _: b"\xff\n\xff",
    )


@pytest.mark.parametrize("change", list(damage()))
def test_a_damaged_file_is_a_miss_and_is_mended(
    folder: Path, analysed: list[int], change: Callable[[bytes], bytes]
) -> None:
    dag_of(CELLS)
    (entry,) = entries(folder)
    good = entry.read_bytes()
    entry.write_bytes(change(good))
    assert shape(dag_of(CELLS)) == shape(cell_dag(CELLS))
    assert len(analysed) == 2
    assert entry.read_bytes() == good
    assert entries(folder) == [entry]


def test_a_plan_under_the_name_of_another_is_a_miss(folder: Path) -> None:
    other = [Cell(1, "xs = [1]"), Cell(2, "ys = 2"), Cell(3, "print(1)")]
    dag_of(CELLS)
    (first,) = entries(folder)
    dag_of(other)
    (second,) = set(entries(folder)) - {first}
    second.write_bytes(first.read_bytes())
    assert shape(dag_of(other)) == shape(cell_dag(other))


@given(st.text(max_size=40) | st.builds(json.dumps, st.recursive(st.none() | st.integers() | st.text(), st.lists)))
def test_no_text_makes_reading_raise(text: str) -> None:
    assert decode(text, CELLS) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda plan: [plan[0][:-1], plan[1]],
        lambda plan: [plan[0], [["cell-1", "nobody", "value", "certain", []]]],
        lambda plan: [plan[0], [["cell-3", "cell-1", "value", "certain", []]], ["more"]],
        lambda plan: [plan[0], [*plan[1], ["cell-3", "cell-1", "value", "certain", []]]],
        lambda plan: [[["other", *plan[0][0][1:]], *plan[0][1:]], plan[1]],
        lambda plan: [[[plan[0][0][0], {"what": 1, "more": 2}, *plan[0][0][2:]], *plan[0][1:]], plan[1]],
    ],
)
def test_a_text_that_is_no_plan_of_these_cells_is_none(change: Callable[[Any], Any]) -> None:
    good = json.loads(encode(cell_dag(CELLS), CELLS) or "")
    assert decode(json.dumps(good), CELLS) is not None
    assert decode(json.dumps(change(good)), CELLS) is None


# ---- the folder ----------------------------------------------------------------------------------------------


def test_the_folder_and_its_files_are_private(folder: Path) -> None:
    dag_of(CELLS)
    (entry,) = entries(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert entry.stat().st_mode & 0o777 == 0o600


def test_a_folder_that_others_can_write_into_is_not_used(folder: Path, analysed: list[int]) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    dag_of(CELLS)
    assert entries(folder) == []
    folder.chmod(0o700)
    dag_of(CELLS)
    folder.chmod(0o777)
    dag_of(CELLS)
    assert len(analysed) == 3


def test_an_empty_variable_keeps_nothing(tmp_path: Path, analysed: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    dag_of(CELLS)
    dag_of(CELLS)
    assert len(analysed) == 2
    assert entries(tmp_path) == []


def test_without_the_variable_it_is_the_users_cache_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name, appauthor: tmp_path / name)
    dag_of(CELLS)
    assert len(entries(tmp_path / "orchestra_nb" / "plans")) == 1
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name, appauthor: Path("~") / name)
    monkeypatch.chdir(tmp_path)
    assert dag_of(CELLS).levels
    assert not Path("~").exists()


@pytest.mark.parametrize("place", ["a-file/plans", "a-file", "\0", "~nobody-of-this-name/plans"])
def test_a_place_that_cannot_be_is_no_cache(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "a-file").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plan_cache.os, "environ", {VARIABLE: place})
    assert shape(dag_of(CELLS)) == shape(cell_dag(CELLS))
    assert [path.name for path in entries(tmp_path)] == ["a-file"]


@pytest.mark.parametrize("call", ["mkstemp", "replace", "fdopen", "scandir", "utime"])
def test_a_disk_that_refuses_is_no_cache(folder: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    where = plan_cache.tempfile if call == "mkstemp" else plan_cache.os
    with monkeypatch.context() as patch:
        patch.setattr(where, call, refuse)
        for _ in range(2):
            assert shape(dag_of(CELLS)) == shape(cell_dag(CELLS))
    assert not list(folder.glob("*.part"))
    dag_of(CELLS)
    assert len(entries(folder)) == 1


def test_the_plans_used_longest_ago_go_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_cache, "MOST_PLANS", 3)
    programs = [[Cell(1, f"x = {number}")] for number in range(4)]
    for age, cells in enumerate(programs[:3]):
        dag_of(cells)
        newest = max(entries(folder), key=lambda path: path.stat().st_mtime)
        os.utime(newest, (0, 1_000_000 + age))
    first = min(entries(folder), key=lambda path: path.stat().st_mtime)
    second = sorted(entries(folder), key=lambda path: path.stat().st_mtime)[1]
    dag_of(programs[0])  # used: no longer the oldest
    dag_of(programs[3])
    assert first.exists()
    assert not second.exists()
    assert len(entries(folder)) == 3


def test_the_bytes_are_bounded_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dag_of(CELLS)
    (entry,) = entries(folder)
    monkeypatch.setattr(plan_cache, "MOST_BYTES", 2 * entry.stat().st_size)
    for number in range(5):
        dag_of([*CELLS, Cell(4, f"x = {number}")])
    assert 1 <= len(entries(folder)) <= 2


def test_a_plan_that_is_too_large_is_not_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_cache, "_MOST_FOR_ONE", 100)
    dag_of(CELLS)
    assert entries(folder) == []


def test_other_peoples_files_are_left_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_cache, "MOST_PLANS", 0)
    folder.mkdir(mode=0o700)
    names = ["thesis.json", "a.plan", ".plan-x.part", ".plan-y.part", "other.part"]
    for name in names:
        (folder / name).write_text("")
        os.utime(folder / name, (0, 0))
    os.utime(folder / ".plan-y.part")  # another process is at it
    (folder / ("0" * 64 + ".plan")).mkdir()
    dag_of(CELLS)
    left = {path.name for path in entries(folder)}
    assert left == {"thesis.json", "a.plan", ".plan-y.part", "other.part", "0" * 64 + ".plan"}


def test_many_at_once_get_the_same_plan(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_cache, "MOST_PLANS", 2)
    programs = [[*CELLS, Cell(4, f"x = {number}")] for number in range(4)]
    wanted = [shape(cell_dag(cells)) for cells in programs]
    together = threading.Barrier(8)
    wrong: list[object] = []

    def use(number: int) -> None:
        together.wait(60)
        for turn in range(12):
            which = (number + turn) % 4
            try:
                if shape(dag_of(programs[which])) != wanted[which]:
                    wrong.append(which)
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert not [path for path in entries(folder) if path.suffix == ".part"]
