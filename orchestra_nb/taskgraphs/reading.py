"""A graph from a file of any format that is known.

Policy: what is in a file says what it is, unless ``format=`` does; names of files decide nothing but whether DOT is
meant. Limits come first: length, and for JSON nesting and keys that stand twice
(:mod:`orchestra_nb.definitions.documents`). Failure: one :class:`.DefinitionError` with every fault and its place; for
a file that is none of these, what it looks like and what is known.
"""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from orchestra_nb.definitions.documents import read_json
from orchestra_nb.errors import ConfigError, DefinitionError, Issue, nearest
from orchestra_nb.graph.dag import DAG
from orchestra_nb.taskgraphs.drafts import Draft
from orchestra_nb.taskgraphs.formats import FORMATS, SUFFIXES, Format, named

MOST_BYTES = 64 * 1024 * 1024
"""How long a file may be."""
KNOWN = ", ".join(each.title for each in FORMATS if each.read is not None)
"""The formats that are read, as a line."""


def read_graph(source: str | os.PathLike[str], *, format: str | None = None, missing: float | None = None) -> DAG:
    r"""Read a task graph: WfFormat, Fabric pipelines, our own JSON, GraphML or the Standard Task Graph Set.

    Parameters
    ----------
    source
        The path of a file; or its text, which has more than one line or begins with a bracket.
    format
        ``"wfformat"``, ``"fabric"``, ``"json"``, ``"graphml"`` or ``"stg"``; ``None``: what its content says.
    missing
        Seconds of tasks for which the file has none; ``None``: these are faults. A Fabric pipeline never has any, and
        its nodes then cost 1.0.

    Returns
    -------
    DAG
        Its nodes have no bodies: it is there to be simulated, looked at and written.

    Raises
    ------
    DefinitionError
        The file cannot be read, is in no known format, or is faulty; every fault, with its place.
    ConfigError
        There is no such format, or ``missing`` is no number of seconds.

    Examples
    --------
    >>> read_graph("2\n0 0 0\n1 5 1 0\n2 3 1 1\n3 0 1 2\n").critical_time
    8.0
    >>> read_graph('{"activities": [{"name": "b", "dependencies": ["a"]}]}')
    Traceback (most recent call last):
    orchestra_nb.errors.DefinitionError: text, activities[0].dependencies[0]: 'b' needs 'a', which does not exist; ...
    """
    wanted = _wanted(format)
    if missing is not None and (
        isinstance(missing, bool) or not isinstance(missing, int | float) or not 0 <= missing < 1e15
    ):
        raise ConfigError(f"read_graph: missing must be seconds, zero or more, not {missing!r}")
    name, text = _text(source)
    found, data = _recognised(text, name, wanted)
    if found.read is None:
        _refuse("unknown-format", f"is {found.title}, which is written here and not read", name, "GraphML has the same")
    return found.read(data, Draft(name, missing))


def is_graph_file(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a task graph: its ending says so, or it ends with ``.json`` and is in one of the formats.

    Examples
    --------
    >>> is_graph_file("random.stg"), is_graph_file("no-such-file.json"), is_graph_file("review.yaml")
    (True, False, False)
    """
    suffix = Path(path).suffix.lower()
    if suffix in SUFFIXES:
        return True
    try:
        data = json.loads(_text(Path(path))[1]) if suffix == ".json" else None
    except (DefinitionError, ValueError, RecursionError):
        return False  # whoever reads it says what is wrong with it
    return any(each.is_json and each.recognises(data) for each in FORMATS)


def _wanted(format: str | None) -> Format | None:
    if format is None:
        return None
    found = named(format)
    if found is None:
        raise ConfigError(f"no format is called {format!r}; {nearest(str(format), [each.name for each in FORMATS])}")
    return found


def _recognised(text: str, name: str, wanted: Format | None) -> tuple[Format, Any]:
    """Find the format, and what its reader is given."""
    begins = text.lstrip()[:1]
    if begins in ("{", "[") or (wanted is not None and wanted.is_json):
        data = read_json(text, name, MOST_BYTES)
        for each in FORMATS:
            if each.is_json and wanted in (None, each) and each.recognises(data):
                return each, data
    else:
        data = text
        for each in FORMATS:
            if not each.is_json and (wanted is each or (wanted is None and each.recognises(text))):
                return each, text
    hint = f"known formats: {KNOWN}"
    if wanted is not None:
        _refuse("unknown-format", f"is no {wanted.title}: {_likeness(data)}", name, hint)
    _refuse("unknown-format", f"is a file in none of the known formats: {_likeness(data)}", name, hint)


def _likeness(data: Any) -> str:
    """Say what a document that is no graph looks like."""
    if isinstance(data, dict):
        if "phases" in data:
            return "it looks like a command definition, which load_command reads"
        if "cells" in data:
            return "it looks like a notebook, which Notebook.read reads"
        keys = ", ".join(map(repr, list(data)[:5]))
        return f"it is a JSON object with {keys or 'nothing in it'}"
    if isinstance(data, list):
        return "it is a list in JSON"
    begins = data.lstrip()[:40].splitlines()[0:1]
    return f"it begins with {begins[0]!r}" if begins else "it is empty"


def _text(source: str | os.PathLike[str]) -> tuple[str, str]:
    """Read the text, and say what it is called."""
    if isinstance(source, str) and ("\n" in source or source.lstrip()[:1] in ("{", "[", "<")):
        if len(source) > MOST_BYTES:
            _refuse("too-large", f"is longer than {MOST_BYTES >> 20} MB", "text", "leave data out of it")
        return "text", source
    if isinstance(source, bytes) or not isinstance(source, str | os.PathLike):
        raise ConfigError(f"read_graph: source must be the path of a file, or its text, not {source!r:.60}")
    path = Path(source)
    with suppress(RuntimeError):  # no such user: then it is a folder's name as any other
        path = path.expanduser()
    try:
        if path.is_dir():
            _refuse("missing-file", "is a folder, not a file", str(path), "give a file in it")
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):  # a device that never ends, a pipe that nobody writes to
            _refuse("missing-file", "is no ordinary file", str(path), "save what it gives in a file first")
        if about.st_size > MOST_BYTES:
            _refuse("too-large", f"is longer than {MOST_BYTES >> 20} MB", str(path), "leave data out of it")
        return path.name, path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        there = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
        close = nearest(path.name, there)
        hint = close if close.startswith("did") else "give the path of a file"
        _refuse("missing-file", "there is no such file", str(path), hint)
    except UnicodeDecodeError:
        _refuse("not-text", "is not UTF-8 text", str(path), f"known formats: {KNOWN}")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        _refuse("missing-file", f"cannot be read: {reason}", str(path), "give the path of a file")


def _refuse(code: str, message: str, where: str, hint: str) -> NoReturn:
    raise DefinitionError([Issue(code, message, path=where, suggestion=hint)]) from None
