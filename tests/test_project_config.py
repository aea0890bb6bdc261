from __future__ import annotations

from pathlib import Path

import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.errors import ConfigError
from orchestra_nb.project_config import project_config


def write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    return folder


def test_without_a_table_the_base_holds(tmp_path: Path) -> None:
    assert project_config(tmp_path, RunConfig(jobs=7)) == RunConfig(jobs=7)
    assert project_config(write(tmp_path, "[tool.other]\nx = 1")) == RunConfig()


def test_the_nearest_table_wins_over_those_above(tmp_path: Path) -> None:
    write(tmp_path, '[tool.orchestra_nb]\njobs = 3\nbackend = "loky"')
    inner = write(tmp_path / "a", "[tool.orchestra_nb]\njobs = 2\nkeep_going = true\ntimeout = 5")
    assert project_config(inner / "deeper" / "file.ipynb") == RunConfig(jobs=2, keep_going=True, timeout=5)


def test_a_file_without_the_table_belongs_to_somebody_else(tmp_path: Path) -> None:
    write(tmp_path, "[tool.orchestra_nb]\njobs = 3")
    assert project_config(write(tmp_path / "a", "[project]\nname = 'x'")).jobs == 3


def test_the_working_directory_is_where_the_search_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write(tmp_path, "[tool.orchestra_nb]\nseed = 9"))
    assert project_config().seed == 9


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.orchestra_nb]\njbos = 3", "unknown key 'jbos'; did you mean 'jobs'?"),
        ("[tool.orchestra_nb]\njobs = 0", "jobs=0 can run nothing"),
        ('[tool.orchestra_nb]\nschedule = "levls"', "did you mean 'levels'?"),
        ("[tool.orchestra_nb]\nkeep_going = 1", "keep_going=1 must be true or false"),
        ("[tool.orchestra_nb]\nseed = true", "seed=True must be a whole number"),
        ("[tool]\norchestra_nb = 3", "must be a table, not 3"),
        ("[tool.orchestra_nb", "cannot be read"),
    ],
)
def test_a_faulty_table_names_its_file_and_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        project_config(write(tmp_path, text))
    assert message in str(caught.value)
    assert str(tmp_path / "pyproject.toml") in str(caught.value)
