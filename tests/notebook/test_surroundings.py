"""A worker that was made earlier runs a cell where the kernel is now."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestra_nb import Notebook, Pipeline, RunConfig
from orchestra_nb.notebook.surroundings import Surroundings


def test_a_process_follows_the_directory_and_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = Notebook.from_sources(["import os\nfound = (os.getcwd(), os.getenv('MOOD'))"])
    config = RunConfig(jobs=2, backend="loky")
    assert Pipeline(notebook, config=config).run().success
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOOD", "good")
    result = Pipeline(notebook, config=config).run()
    assert result.outcomes["cell-1"].worker.startswith("process")
    assert result.values["found"] == (str(tmp_path), "good")


def test_a_folder_that_is_gone_is_no_reason_to_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    place = Surroundings.here()
    assert place.folder == ""
    place.enter()
