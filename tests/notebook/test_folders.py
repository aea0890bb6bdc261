"""Every run of a proof starts from the same files, and the user's own stay as they are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from orchestra_nb.errors import ComparisonError
from orchestra_nb.notebook import folders
from orchestra_nb.notebook.folders import workplace


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """A notebook in a folder with a bit of everything."""
    home = tmp_path / "project"
    for name in ("data/deep", ".git", "env", "__pycache__"):
        (home / name).mkdir(parents=True)
    (home / "env" / "pyvenv.cfg").touch()
    (home / "data" / "deep" / "in.csv").write_text("1")
    (home / "old.txt").write_text("old")
    (home / "link.txt").symlink_to("../beside.txt")
    (tmp_path / "beside.txt").write_text("beside")
    (home / ".secret").write_text("s")
    (home / ".git" / "objects").mkdir()
    for number in range(3):
        (home / ".git" / "objects" / str(number)).touch()
    (home / "n.ipynb").write_text("{}")
    return home / "n.ipynb"


def test_a_run_finds_what_the_notebook_would_find(notebook: Path) -> None:
    with workplace(notebook) as place:
        here = place.notebook.parent
        assert (place.copied, here.parent) == (True, notebook.parent.parent)
        assert sorted(os.listdir(here)) == [".git", ".secret", "data", "env", "link.txt", "n.ipynb", "old.txt"]
        assert (here / "data" / "deep" / "in.csv").read_text() == "1"
        assert (here / "link.txt").read_text() == "beside"
        assert (here / ".." / "beside.txt").read_text() == "beside"
        assert not (here / ".git" / "objects" / "2").is_symlink()
        assert (here / "env").is_symlink()
        (here / ".secret").write_text("hidden")
        assert place.changed() == {}
    assert not here.exists()


_open = Path.open


def shut(path: Path, *how: Any) -> Any:
    if path.name == "shut.txt":
        raise OSError(13, "shut")
    return _open(path, *how)


def test_what_a_run_changed_is_told_and_the_next_one_finds_it_undone(
    notebook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with workplace(notebook) as place:
        here = place.notebook.parent
        assert place.changed() == {}
        (here / "data" / "out.csv").write_text("2")
        (here / "old.txt").write_text("new")
        (here / "data" / "deep" / "in.csv").unlink()
        (here / "n.ipynb").write_text("saved")
        (here / "shut.txt").write_text("x")
        monkeypatch.setattr(Path, "open", shut)
        first = place.changed()
        monkeypatch.undo()
        assert first.pop("shut.txt") == "1 bytes that cannot be read: shut"
        assert set(first) == {"data/out.csv", "old.txt", "data/deep/in.csv"}
        assert first["data/deep/in.csv"] == ""
        notebook.write_text("saved by its user in the meantime")
        place.reset()
        assert place.changed() == {}
        assert place.notebook.read_text() == "{}"
        (here / "data" / "out.csv").write_text("3")
        assert place.changed()["data/out.csv"] != first["data/out.csv"]
    assert (notebook.parent / "old.txt").read_text() == "old"
    assert not (notebook.parent / "data" / "out.csv").exists()


@pytest.mark.parametrize(("bound", "value"), [("_MOST_FILES", 1), ("_MOST_BYTES", 3)])
def test_a_large_folder_is_used_as_it_is(
    notebook: Path, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    monkeypatch.setattr(folders, bound, value)
    with workplace(notebook) as place:
        place.reset()
        assert (place.copied, place.notebook, place.changed()) == (False, notebook, {})
    assert notebook.exists()


def test_large_files_are_linked_and_digests_are_bounded(notebook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "_LARGE", 2)
    monkeypatch.setattr(folders, "_DIGESTED", 2)
    monkeypatch.setattr(folders, "_HIDDEN", 2)
    with workplace(notebook) as place:
        here = place.notebook.parent
        assert (here / "old.txt").is_symlink()
        assert (here / ".git").is_symlink()
        (here / "big.txt").write_text("four")
        assert place.changed() == {"big.txt": "4 bytes"}


def test_a_folder_that_cannot_be_copied_is_used_as_it_is(notebook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "symlink", refuse)
    with workplace(notebook) as place:
        assert (place.copied, place.notebook) == (False, notebook)


def fail(*_: object) -> None:
    raise OSError("disk full")


def test_a_copy_that_cannot_be_made_anew_is_an_error_that_says_why(
    notebook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with workplace(notebook) as place:
        monkeypatch.setattr(folders, "_copy_folder", fail)
        with pytest.raises(ComparisonError, match="disk full"):
            place.reset()
