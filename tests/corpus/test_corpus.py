"""The corpus: notebooks in the styles found in the wild, run linearly and through every backend in shuffled orders.

Each run works on a copy of the notebook in a folder of its own, in a kernel of its own. What must be equal to the
linear run: the names that are left, by their values; every cell's outputs; the files left beside the notebook.

A kernel takes a second of a core and more to start, and a backend's processes as much again. With each change, each
notebook runs linearly, on threads and on one of the other backends, which take turns; ``make soak``, or
``ORCHESTRA_NB_CORPUS=all``, runs each on every one.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

import nbformat
import pytest

from .record import COMMAND, HIGHER_IS_BETTER, figures, notebooks, recorded
from .trials import BACKENDS, differences, run

PATHS = notebooks()
OF_EACH_RUN = {
    "03_monte_carlo_seeded_once": {"cell-6"},
    "09_json_etl_tempdir": {"tmp", "root", "db", "out"},
    "12_local_http_client": {"server", "base"},
    "13_asyncio_streams_client": {"server", "port", "client"},
    "15_surroundings": {"home", "work"},
    "18_pandas_files": {"folder", "path", "caught"},
    "22_scipy_fits": {"model"},
}
"""What has another value in each run: names that hold a temporary folder, a free port, the kernel's own folder or the
global random state, which nobody seeded; cells that show a time."""

ALL = os.environ.get("ORCHESTRA_NB_CORPUS") == "all"

each_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def backends_of(path: Path) -> list[str]:
    """On which backends a notebook runs, beside the linear run."""
    first, *others = BACKENDS
    return [first, *others] if ALL else [first, others[PATHS.index(path) % len(others)]]


@each_notebook
def test_every_backend_gives_what_the_linear_run_gives(path: Path, tmp_path: Path) -> None:
    linear = run(path, tmp_path / "linear", "linear")
    trials = {backend: run(path, tmp_path / backend, backend) for backend in backends_of(path)}
    assert not linear.errors
    own = OF_EACH_RUN.get(path.stem, set())
    assert own <= linear.record.names.keys() | linear.record.outputs.keys()
    assert {backend: differences(linear, trial, own) for backend, trial in trials.items()} == {
        backend: [] for backend in trials
    }


def test_every_backend_has_its_turn_with_a_third_of_the_notebooks() -> None:
    turns = Counter(backend for path in PATHS for backend in backends_of(path))
    assert turns.keys() == BACKENDS.keys()
    assert turns["threading"] == len(PATHS)
    assert min(turns.values()) >= len(PATHS) // 3


@each_notebook
def test_the_parallelism_found_is_what_is_recorded(path: Path) -> None:
    found, known = figures(path), recorded().get(path.stem, {})
    changed = {key for key in HIGHER_IS_BETTER if found[key] != known.get(key)}
    better = {key for key in changed & known.keys() if (found[key] > known[key]) == HIGHER_IS_BETTER[key]}
    lines = [
        f"{key}: {known.get(key)} is now {found[key]}, {'better' if key in better else 'worse'}" for key in changed
    ]
    assert not changed, "\n".join([*sorted(lines), f"if that was meant, record it with: {COMMAND}"])


def test_the_record_is_about_these_notebooks() -> None:
    assert list(recorded()) == [path.stem for path in PATHS]


def test_there_are_notebooks_enough() -> None:
    assert len(PATHS) >= 27


@each_notebook
def test_a_notebook_of_the_corpus_is_an_ordinary_one_without_outputs(path: Path) -> None:
    document = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(document)
    code = [cell for cell in document.cells if cell.cell_type == "code"]
    assert (document.nbformat, document.nbformat_minor) == (4, 5)
    assert 8 <= len(code) <= 20
    assert len(code) < len(document.cells)
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert not re.search(r"orchestra|/home/|/Users/|/tmp/|[A-Z]:\\\\", path.read_text(encoding="utf-8"), re.IGNORECASE)
