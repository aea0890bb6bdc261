"""What projects and sessions say of libraries: found, checked, and before what ships with the package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestra_nb import DefinitionError, Notebook, declare_effects, forget_effects
from orchestra_nb.cells.effects.sources import knowledge

CELLS = ("import mylib", "xs = [1]", "mylib.grow(xs)", "print(xs)", "ys = mylib.look(xs)", "mylib.save('a', xs)")
ENTRIES = """
[[tool.orchestra_nb.effects.call]]
match = "mylib.*"
returns = "fresh"

[[tool.orchestra_nb.effects.call]]
match = ["mylib.grow"]
changes = 0

[[tool.orchestra_nb.effects.call]]
match = ["mylib.save"]
writes = 0
"""


@pytest.fixture(autouse=True)
def nothing_declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    forget_effects()
    yield
    forget_effects()


def pairs(*cells: str) -> str:
    dag = Notebook.from_sources(cells).dag
    return " ".join(sorted({f"{e.source[5:]}>{e.target[5:]}" for e in dag.edges}))


def test_a_project_tells_of_its_own_library(tmp_path: Path) -> None:
    unknown = pairs(*CELLS)
    (tmp_path / "pyproject.toml").write_text(f"[tool.orchestra_nb]\njobs = 2\n{ENTRIES}")
    assert "5>6" in unknown
    assert pairs(*CELLS) == "1>3 1>5 1>6 2>3 2>4 2>5 2>6 3>4 3>5 3>6"


def test_a_notebook_file_belongs_to_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.orchestra_nb]\n{ENTRIES}")
    (tmp_path / "deep").mkdir()
    path = tmp_path / "deep" / "a.ipynb"
    Notebook.write(Notebook.from_sources(CELLS).document, path)
    monkeypatch.chdir("/")
    edges = Notebook.read(path).dag.edges
    assert ("cell-5", "cell-6") not in {(edge.source, edge.target) for edge in edges}


def test_what_is_declared_wins_over_the_project_and_that_over_what_ships(tmp_path: Path) -> None:
    cells = ("import pandas as pd\nrows = [1]", "frame = pd.read_csv('a')", "pd.read_csv('a', rows)")
    call = '[[tool.orchestra_nb.effects.call]]\nmatch = "pandas.read_csv"\n'
    assert pairs(*cells) == "1>2 1>3"
    (tmp_path / "pyproject.toml").write_text(f"{call}writes = 0")
    assert pairs(*cells) == "1>2 1>3 2>3"
    declare_effects("pandas.*")
    assert pairs(*cells) == "1>2 1>3"
    forget_effects()
    assert pairs(*cells) == "1>2 1>3 2>3"


def test_methods_can_be_declared() -> None:
    cells = ("import mylib", "m = mylib.Model()", "m.learn(1)", "print(m.guess(2))", "print(m.guess(3))")
    declare_effects("mylib.*")
    declare_effects("mylib.*", methods="learn", changes=["self"])
    declare_effects("mylib.*", methods=["guess"], returns="plain")
    assert pairs(*cells) == "1>2 2>3 2>4 2>5 3>4 3>5"


def test_hidden_state_has_any_name() -> None:
    declare_effects("mylib.*", gets="mylib.options")
    declare_effects("mylib.set_option", sets="mylib.options")
    assert pairs("import mylib", "mylib.a()", "mylib.b()", "mylib.set_option(1)") == "1>2 1>3 1>4 2>4 3>4"


def test_files_that_the_project_names_hold_entries_too(tmp_path: Path) -> None:
    (tmp_path / "team.toml").write_text('[listed]\nroots = ["mylib"]\n[[call]]\nmatch = "mylib.*"\nwrites = 0')
    (tmp_path / "pyproject.toml").write_text(f'[tool.orchestra_nb.effects]\nfiles = "team.toml"\n{ENTRIES}')
    found = knowledge().call("mylib.look")
    assert found is not None
    assert (found.writes, found.returns) == (None, "fresh")  # its own entries win
    assert "mylib" in knowledge().listed


def test_the_digest_changes_with_what_is_known() -> None:
    before = knowledge().digest
    declare_effects("mylib.a")
    first = knowledge().digest
    declare_effects("mylib.b")
    assert len({before, first, knowledge().digest}) == 3
    forget_effects()
    assert knowledge().digest == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[call]]\nmatch = "mylib.f"\nretuns = "fresh"', "call 1 (mylib.f): unknown field 'retuns'; did you mean 'r"),
        ('[[call]]\nmatch = "mylib.f"\nreturns = "frehs"', "returns='frehs' is not known; did you mean 'fresh'?"),
        ('[[call]]\nreturns = "fresh"', "call 1: has no 'match'"),
        ('[[method]]\nof = "mylib.*"\nchanges = "self"', "method 1 (mylib.*): has no 'names'"),
        ('[[call]]\nmatch = "mylib"', 'write "mylib.*" for all of it'),
        ('[[call]]\nmatch = "my lib.f"', "which is no dotted name"),
        ("[[call]]\nmatch = [1]", "match=[1] must be a list of names"),
        ('[[call]]\nmatch = "mylib.f"\nchanges = ["self"]', "a call has no object of its own"),
        ('[[call]]\nmatch = "mylib.f"\nreads = true', "reads=True must say positions"),
        ('[[call]]\nmatch = "mylib.f"\nmode = "r"', "mode='r' must be a position"),
        ('[[call]]\nmatch = "mylib.f"\nlazy = 1', "lazy=1 must be true or false"),
        ('[[call]]\nmatch = "mylib.f"\nmain = ""', "main='' must be a text"),
        ('[[call]]\nmatch = "mylib.f"\ngets = [3]', "gets=[3] must be a list of names"),
        ('[call]\nmatch = "mylib.f"', "'call' must be a list of tables"),
        ("call = [3]", "call 1: must be a table, not 3"),
        ('[[cal]]\nmatch = "mylib.f"', "unknown key 'cal'; did you mean 'call'?"),
        ('listed = ["mylib"]', "'listed' must be a table"),
        ("files = [3]", "'files' must be a list of paths"),
        ('files = ["nowhere.toml"]', "nowhere.toml cannot be read"),
    ],
)
def test_a_faulty_entry_names_its_file_field_and_the_nearest_word(tmp_path: Path, text: str, message: str) -> None:
    in_place = text.replace("[[", "[[tool.orchestra_nb.effects.")
    if in_place == text:
        text = text.replace("[call]", "[tool.orchestra_nb.effects.call]")
        in_place = text if text.startswith("[tool") else f"[tool.orchestra_nb.effects]\n{text}"
    (tmp_path / "pyproject.toml").write_text(in_place)
    with pytest.raises(DefinitionError) as caught:
        pairs("x = 1")
    assert [message in str(issue) for issue in caught.value.issues] == [True]
    assert str(tmp_path / "pyproject.toml") in str(caught.value)


def test_all_faults_of_all_entries_are_found_at_once() -> None:
    with pytest.raises(DefinitionError) as caught:
        declare_effects("mylib.f", "mylib", returns="new", chnages=0)
    assert len(caught.value.issues) == 3
    assert knowledge().call("mylib.f") is None


def test_a_value_in_place_of_the_table_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.orchestra_nb]\neffects = 3")
    with pytest.raises(DefinitionError, match="must be a table, not 3"):
        pairs("x = 1")
