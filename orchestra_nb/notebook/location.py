"""Find the file of the notebook that is running.

No two front ends say it the same way. Asked in this order: the path that was given; ``__vsc_ipynb_file__``, which VS
Code puts into the namespace; ``JPY_SESSION_NAME``, which Jupyter's server sets, and ``__session__``, which the kernel
makes of it; ``PAPERMILL_INPUT_PATH``; the session's name in the kernel's connection file. What does not name an
existing notebook file is passed over: after a rename the old name is still there. nbconvert and nbclient say nothing
at all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from orchestra_nb.errors import CommandError


def notebook_path(given: str, namespace: Mapping[str, Any]) -> Path:
    """The notebook's file.

    Parameters
    ----------
    given
        What the user said; empty for this notebook.
    namespace
        The user's.

    Raises
    ------
    CommandError
        Nobody knows.
    """
    if given:
        return Path(given).expanduser()
    for name in _candidates(namespace):
        path = Path(name)
        if path.suffix == ".ipynb" and path.is_file():
            return path
    raise CommandError("this front end does not say which file the notebook is; give it: --notebook PATH")


def _candidates(namespace: Mapping[str, Any]) -> Iterator[str]:
    for name in ("__vsc_ipynb_file__", "__session__"):
        if isinstance(namespace.get(name), str):
            yield namespace[name]
    for name in ("JPY_SESSION_NAME", "PAPERMILL_INPUT_PATH"):
        if os.environ.get(name):
            yield os.environ[name]
    if isinstance(namespace.get("PAPERMILL_INPUT_PATH"), str):
        yield namespace["PAPERMILL_INPUT_PATH"]
    yield from _from_connection_file()


def _from_connection_file() -> Iterator[str]:
    from ipykernel.connect import get_connection_file

    try:
        told = json.loads(Path(get_connection_file()).read_text(encoding="utf-8"))
    except (RuntimeError, OSError, ValueError):  # not in a kernel, or its file is gone
        return
    session = told.get("jupyter_session")
    if isinstance(session, str):
        yield session


def cell_order(path: Path) -> Mapping[str, int]:
    """Position of each code cell in a notebook file by its id, from 1; empty when the file cannot be read."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        code = [cell for cell in document["cells"] if cell.get("cell_type") == "code"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return {str(cell["id"]): number for number, cell in enumerate(code, 1) if cell.get("id")}
