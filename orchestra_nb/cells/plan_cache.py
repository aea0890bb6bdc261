"""Plans on disk: a notebook that has not changed is not analysed again.

Policy: one file for each plan, named by the key of what the plan follows from (:mod:`.plan_record`), so that nothing
can be out of date: another notebook, another setting or another version of the analysis has another name. The analysis
in this process is the one whose files are digested only if they have not changed since it was loaded; otherwise nothing
is read or kept. Only plans without anything to report are kept: faults are raised as before, warnings belong to the
reading of the file, and what depends on the process (which backends are registered) is asked each time.

The folder is in the user's cache folder, or the one that ``ORCHESTRA_NB_PLAN_CACHE`` names; when that is empty, nothing
is kept. It is made private (0700) and not used when somebody else could write there. At most :data:`MOST_PLANS` plans
and :data:`MOST_BYTES` are kept; those that were used longest ago go first. Other files there are left alone.

Order: several processes may read and write at once; a file is there as a whole or not at all, and whoever is last wins
with the same content. Failure: there is none. A damaged, foreign or missing file is a miss; a folder that cannot be
written is no cache. Rejected: a database (locks, and one damaged file loses everything); a digest with a secret
(whoever can write into the user's private folder can also change the user's notebooks).
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from orchestra_nb import cells as package
from orchestra_nb.cells.cell import Cell
from orchestra_nb.cells.declared import unknown_backends
from orchestra_nb.cells.effects.frames import copies_on_write
from orchestra_nb.cells.effects.sources import knowledge
from orchestra_nb.cells.inference import cell_dag
from orchestra_nb.cells.learned import NOTHING_LEARNED, Learned, source_key
from orchestra_nb.cells.plan_record import decode, encode, key_of
from orchestra_nb.graph.dag import DAG
from orchestra_nb.private_folder import private_folder

VARIABLE = "ORCHESTRA_NB_PLAN_CACHE"
"""Names the environment variable that says where plans are kept; empty: nowhere."""
MOST_PLANS = 500
MOST_BYTES = 64 * 2**20
_MOST_FOR_ONE = 8 * 2**20
_PLAN = re.compile(r"[0-9a-f]{64}\.plan")
_PART = re.compile(r"\.plan-.*\.part")
_HEAD = b"orchestra_nb plan "
_ABANDONED = 3600.0
_GRANULE = 1.0
"""Seconds by which a file's time of change may be too early."""


def dag_of(cells: Sequence[Cell], learned: Learned = NOTHING_LEARNED) -> DAG:
    """Build the DAG of cells that begin with nothing, or take it from disk.

    Parameters
    ----------
    cells
        In document order.
    learned
        What earlier runs saw cells change.

    Raises
    ------
    NotebookError
        As :func:`.cell_dag` does.
    """
    code = code_digest()
    around = f"{code} {knowledge().digest} {copies_on_write()} {_recalled(cells, learned)}"
    key = key_of(cells, around) if code is not None else None
    folder = plan_folder() if key is not None else None
    if folder is None:
        return cell_dag(cells, learned=learned)
    path = folder / f"{key}.plan"
    text = _read(path)
    found = decode(text, cells) if text is not None else None
    if found is not None and not unknown_backends(cells):
        return found
    dag = cell_dag(cells, learned=learned)
    if not _hangs_on_the_process(dag):
        text = encode(dag, cells)
        if text is not None:
            _write(path, text)
    return dag


@cache
def code_digest() -> str | None:
    """Digest the code that makes plans; ``None`` when it may not be the code that this process has loaded."""
    digest = hashlib.sha256()
    try:
        for path in _sources():
            status = path.stat()
            if max(status.st_mtime, status.st_ctime) > package.LOADED_AT - _GRANULE:
                return None
            digest.update(f"{path.name}\0{status.st_size}\0".encode())
            digest.update(path.read_bytes())
    except OSError:
        return None
    return digest.hexdigest()


def _sources() -> list[Path]:
    """The files that decide about plans."""
    here = Path(str(package.__file__)).parent
    return [*sorted(path for path in here.rglob("*") if path.suffix in (".py", ".toml")), here.parent / "model.py"]


def _recalled(cells: Sequence[Cell], learned: Learned) -> list[list[str]]:
    """What was learned of these very cells."""
    return [sorted(learned.get(source_key(cell.source), ())) for cell in cells] if learned else []


def _hangs_on_the_process(dag: DAG) -> bool:
    """Whether a cell was given up, which may be for the depth of this very stack."""
    return any("beyond what" in why for node in dag.nodes.values() for why in node.metadata.get("keeps_place", ()))


def plan_folder() -> Path | None:
    """Where plans are kept, made and private; ``None`` when there is no such place."""
    return private_folder(VARIABLE, "plans")


def _read(path: Path) -> str | None:
    """Take a plan's text out of its file, and note that it was used."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_FOR_ONE + 1)
    except OSError:
        return None
    head, _, body = data.partition(b"\n")
    if len(data) > _MOST_FOR_ONE or head != _seal(path, body):
        return None
    with suppress(OSError):
        os.utime(path)
    return body.decode("ascii", errors="replace")


def _seal(path: Path, body: bytes) -> bytes:
    """The first line of a file; it holds for this name only."""
    return _HEAD + hashlib.sha256(path.stem.encode() + b"\n" + body).hexdigest().encode()


def _write(path: Path, text: str) -> None:
    body = text.encode("ascii")
    data = _seal(path, body) + b"\n" + body
    if len(data) > _MOST_FOR_ONE:
        return
    with suppress(OSError):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".plan-", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(name, path)
        finally:
            Path(name).unlink(missing_ok=True)
        _forget_oldest(path.parent)


def _forget_oldest(folder: Path) -> None:
    """Keep the folder within its bounds, and free of what processes left behind that were killed."""
    kept: list[tuple[float, int, str]] = []
    now = time.time()
    with os.scandir(folder) as entries:
        for entry in entries:
            status = _status(entry)
            if status is None:
                continue
            if _PLAN.fullmatch(entry.name):
                kept.append((status.st_mtime, status.st_size, entry.path))
            elif _PART.fullmatch(entry.name) and now - status.st_mtime > _ABANDONED:
                _remove(entry.path)
    number = size = 0
    for _, bytes_of_it, name in sorted(kept, reverse=True):
        number, size = number + 1, size + bytes_of_it
        if number > MOST_PLANS or size > MOST_BYTES:
            _remove(name)


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False) if entry.is_file(follow_symlinks=False) else None
    except OSError:  # another process was quicker
        return None


def _remove(name: str) -> None:
    with suppress(OSError):
        os.unlink(name)
