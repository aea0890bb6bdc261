"""Where knowledge of libraries comes from: what ships with the package, the project, and what a session declared.

===========================================================  =======================================================
what was declared with :func:`declare_effects`               in this process, from then on
``[tool.orchestra_nb.effects]`` of the nearest               for notebooks in and below that folder; the files that it
pyproject.toml that has a ``[tool.orchestra_nb]``            names come first, its own entries win over theirs
``knowledge.toml``                                           always
===========================================================  =======================================================

The upper ones win, whole: where one has any match for a name, those below are not asked. A notebook file belongs to
its own folder, cells of a session to the working directory.

Failure: faults of all entries are one :class:`~orchestra_nb.errors.DefinitionError`, before anything runs.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from orchestra_nb.cells.effects.entries import faults
from orchestra_nb.cells.effects.knowledge import Knowledge, Table, shipped
from orchestra_nb.errors import DefinitionError, Issue
from orchestra_nb.project_config import project_table

_declared: dict[str, list[dict[str, Any]]] = {"call": [], "method": []}
_in_force: ContextVar[Knowledge | None] = ContextVar("orchestra_nb_knowledge", default=None)


def knowledge() -> Knowledge:
    """What is known of libraries here and now.

    Raises
    ------
    DefinitionError
        The project says something about libraries that cannot be meant; every fault.
    """
    return _in_force.get() or _made(json.dumps([*_session(), *_project(Path.cwd())]))


@contextmanager
def knowledge_of(folder: Path | None) -> Iterator[Knowledge]:
    """Within it, the analysis knows what the project of a folder says.

    Parameters
    ----------
    folder
        Where the notebook lies; ``None`` for the working directory. Inside another such block, the outer one holds.
    """
    known = _in_force.get() or _made(json.dumps([*_session(), *_project(folder or Path.cwd())]))
    token = _in_force.set(known)
    try:
        yield known
    finally:
        _in_force.reset(token)


def declare_effects(*names: str, methods: Iterable[str] = (), **effects: Any) -> None:
    """Say what calls of a library do, for all analyses in this process from now on.

    Parameters
    ----------
    *names
        Dotted names of what is called; ``"mylib.*"`` is everything in it, and says that importing it does no harm.
    methods
        When given, the entry is about these methods of what ``names`` make; ``"*"`` for all of them.
    **effects
        Fields as in ``knowledge.toml``: ``returns``, ``changes``, ``reads``, ``writes``, ``gets``, ``sets`` and others.
        Without any, a call changes nothing, and may return what it was given.

    Raises
    ------
    DefinitionError
        Unknown fields or impossible values, all of them; nothing is declared then.

    Examples
    --------
    >>> declare_effects("mylib.load", reads=0, returns="fresh")
    >>> declare_effects("mylib.Model", methods=["fit"], changes=["self"])
    >>> knowledge().call("mylib.load").reads
    0
    >>> forget_effects()
    >>> declare_effects("mylib.load", retuns="fresh")
    Traceback (most recent call last):
    orchestra_nb.errors.DefinitionError: declare_effects, call 1 (mylib.load): unknown field 'retuns'; did you mean \
'returns'?
    """
    several = [methods] if isinstance(methods, str) else list(methods)
    about: dict[str, Any] = {"of": list(names), "names": several} if several else {"match": list(names)}
    table = "method" if several else "call"
    entry = {**about, **effects}
    found = faults({table: [entry]}, "declare_effects")
    if found:
        raise DefinitionError(found)
    _declared[table].append(entry)


def forget_effects() -> None:
    """Take back everything that :func:`declare_effects` said in this process.

    Examples
    --------
    >>> declare_effects("mylib.load", reads=0, returns="fresh")
    >>> forget_effects()
    >>> knowledge().call("mylib.load") is None
    True
    """
    for entries in _declared.values():
        entries.clear()


def _session() -> list[tuple[str, Mapping[str, Any]]]:
    return [("declare_effects", _declared)] if any(_declared.values()) else []


def _project(start: Path) -> list[tuple[str, Mapping[str, Any]]]:
    """What the nearest table says, and the files that it names: later ones of these win over earlier ones."""
    path, table = project_table(start)
    raw = table.get("effects")
    if path is None or raw is None:
        return []
    place = f"{path}: [tool.orchestra_nb.effects]"
    found = faults(raw, place)
    sources: list[tuple[str, Any]] = [(place, raw)]
    names = raw.get("files", []) if isinstance(raw, Mapping) and not found else []
    for name in [names] if isinstance(names, str) else names:
        file = path.parent / name
        try:
            content = tomllib.loads(file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            found.append(Issue("bad-effects", f"{name} cannot be read: {error}", path=place, suggestion="mend 'files'"))
            continue
        found += faults(content, str(file))
        sources.insert(1, (str(file), content))
    if found:
        raise DefinitionError(found)
    merged = {
        "call": [entry for _, source in reversed(sources) for entry in source.get("call", ())],
        "method": [entry for _, source in reversed(sources) for entry in source.get("method", ())],
        "listed": {"roots": [root for _, source in sources for root in source.get("listed", {}).get("roots", ())]},
    }
    return [(place, merged)]


@lru_cache(maxsize=8)
def _made(told: str) -> Knowledge:
    """Knowledge from the user's tables as JSON, those that are asked first first."""
    ours = shipped()
    if told == "[]":
        return ours
    sources = [raw for _, raw in json.loads(told)]
    tables = tuple(Table.of(raw) for raw in sources)
    facts = json.dumps(sources)
    return Knowledge((*tables, *ours.tables), sha256((ours.digest + facts).encode()).hexdigest())
