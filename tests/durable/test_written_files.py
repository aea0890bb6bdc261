from __future__ import annotations

from pathlib import Path

import pytest

from orchestra_nb.durable.written_files import check_writable, write_text
from orchestra_nb.errors import CommandError, NotebookError


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nowhere/a.svg", "there is no folder .*nowhere; make it first"),
        (".", "is a folder; give a file's name"),
        ("a\0b.svg", "no file can have that name: .*null byte"),
        ("y" * 300 + ".svg", "no file can have that name: File name too long"),
        ("\ud800.svg", "no file can have that name"),
    ],
)
def test_a_name_that_cannot_be_written_is_refused_with_the_option_and_nothing_is_made(
    name: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError, match=told) as caught:
        check_writable({"--html": None, "--svg": name})
    assert str(caught.value).startswith("--svg ")
    assert len(str(caught.value)) < 300
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_there_or_may_be_are_no_fault(tmp_path: Path) -> None:
    there = tmp_path / "ünï 你.svg"
    there.touch()
    check_writable({"--output": str(there), "--svg": str(tmp_path / "new.svg"), "--html": ""})
    assert [path.name for path in tmp_path.iterdir()] == [there.name]


@pytest.mark.parametrize(("name", "text"), [("a\0b", "x"), ("a", "\ud800")])
def test_what_no_file_can_hold_leaves_nothing_half_written(name: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(NotebookError, match="cannot write"):
        write_text(tmp_path / name, text)
    assert list(tmp_path.iterdir()) == []
