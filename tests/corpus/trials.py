"""Runs of a notebook of the corpus, each on a copy in a folder of its own, and how they are compared."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from orchestra_nb.cells.comparison import RunRecord, compare
from orchestra_nb.config import RunConfig
from orchestra_nb.notebook.file_run import run_file
from orchestra_nb.notebook.verification import record_of

BACKENDS = {"threading": 4, "loky": 2, "multiprocessing": 2, "sequential": 1}
"""Each with a number of jobs."""


@dataclass(frozen=True)
class Trial:
    """What one run left."""

    record: RunRecord
    files: Mapping[str, bytes]
    errors: tuple[str, ...]


def run(notebook: Path, folder: Path, backend: str) -> Trial:
    """Run a copy of a notebook; the backend ``"linear"`` is none."""
    folder.mkdir()
    copy = Path(shutil.copy(notebook, folder))
    if backend == "linear":
        done = run_file(copy, RunConfig(timeout=120), linear=True)
    else:
        seed = crc32(f"{notebook.stem} {backend}".encode())
        config = RunConfig(jobs=BACKENDS[backend], backend=backend, policy="random", seed=seed, timeout=120)
        done = run_file(copy, config)
    files = [file for file in folder.rglob("*") if file.is_file() and not file.name.startswith(".coverage")]
    left = {str(file.relative_to(folder)): _content(file) for file in files}
    return Trial(record_of(done), left, tuple(map(str, done.run.errors)))


def differences(linear: Trial, other: Trial, own: Container[str]) -> list[str]:
    """Everything in which a run differs from the linear one, but for what each run has of its own."""
    found = [
        str(difference)
        for difference in compare(linear.record, other.record)
        if difference.kind in ("missing", "extra") or difference.where not in own
    ]
    files = sorted(linear.files.keys() | other.files.keys())
    return found + [f"file {name}" for name in files if linear.files.get(name) != other.files.get(name)]


def _content(file: Path) -> bytes:
    """What a file holds; compressed files also say when they were written."""
    return gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
