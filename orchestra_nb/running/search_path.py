"""Where a module would be found, by name: what the import system does with folders, without importing anything.

Policy: names are looked up in lists of folders, as Python's own finder does it: a package before a module of the same
name, extension modules before source, and folders without ``__init__`` (namespace packages) last, all of them together.
A folder is listed again only when it has changed. Whatever on the search path is no folder (a zip file) is asked
through its own finder.

An editable installation may have a finder of its own on ``sys.meta_path``. Those of setuptools and ``editables`` merely
look into a table and are asked; others may import, build or warn, and are not.

Failure: none. What cannot be found is ``None``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES, FrozenImporter, ModuleSpec, PathFinder
from typing import Any, NamedTuple

from orchestra_nb.running.sources import is_young

_SUFFIXES = (*EXTENSION_SUFFIXES, *SOURCE_SUFFIXES, ".pyc")
_TABLES = ("__editable__", "editables.", "_editable_impl_")
"""How the modules are called whose finders only look into a table."""


class Place(NamedTuple):
    """Where a module is.

    Parameters
    ----------
    file
        Its file, or the zip file that it is in; empty where there is none.
    folders
        Where its submodules are; ``None`` if it is no package.
    loader
        What can tell its text where the file does not.
    """

    file: str
    folders: tuple[str, ...] | None = None
    loader: Any = None


class Search:
    """Looks modules up; one search takes each folder to be as it was at the first look."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, frozenset[str]] | None] = {}

    def root(self, name: str) -> Place | None:
        """Find a top-level module; one that is part of the interpreter has no file."""
        if is_built_in(name):
            return Place("")
        return self.within(name, path_folders()) or _by_table(name)

    def within(self, name: str, folders: Iterable[str]) -> Place | None:
        """Find a module, of which ``name`` is the whole dotted name, in some folders."""
        tail = name.rpartition(".")[2]
        portions: list[str] = []
        for folder in folders:
            entries = self._entries(folder)
            if entries is None:
                place = _by_hook(name, folder)
            elif tail in entries:
                place = self._in_folder(folder, tail, entries[tail])
            else:
                continue
            if place is not None and place.file:
                return place
            if place is not None:
                portions += place.folders or ()
        return Place("", tuple(portions)) if portions else None

    def _in_folder(self, folder: str, tail: str, endings: frozenset[str]) -> Place | None:
        inner = os.path.join(folder, tail)
        inside = self._entries(inner) if "" in endings else None
        if inside is not None:
            init = _ending(inside.get("__init__", frozenset()))
            if init is not None:
                return Place(os.path.join(inner, f"__init__{init}"), (inner,))
        ending = _ending(endings)
        if ending is not None:
            return Place(inner + ending)
        return Place("", (inner,)) if inside is not None else None

    def _entries(self, folder: str) -> dict[str, frozenset[str]] | None:
        if folder not in self._seen:
            self._seen[folder] = _listed(folder)
        return self._seen[folder]


def is_built_in(name: str) -> bool:
    """Whether a top-level module is part of the interpreter itself.

    Examples
    --------
    >>> is_built_in("sys"), is_built_in("pandas")
    (True, False)
    """
    return name in sys.builtin_module_names or FrozenImporter.find_spec(name) is not None


def path_folders() -> Iterator[str]:
    """Yield what is on the search path now, absolute."""
    for entry in [*sys.path]:
        if isinstance(entry, str):
            try:
                yield os.path.abspath(entry or os.getcwd())
            except OSError:  # the working directory is gone
                continue


def _ending(endings: frozenset[str]) -> str | None:
    return next((ending for ending in _SUFFIXES if ending in endings), None)


def _listed(folder: str) -> dict[str, frozenset[str]] | None:
    try:
        status = os.stat(folder)
        if is_young(status):
            return _by_stem(folder)
        return _list(folder, status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=4096)
def _list(folder: str, *_: int) -> dict[str, frozenset[str]]:
    return _by_stem(folder)


def _by_stem(folder: str) -> dict[str, frozenset[str]]:
    """List a folder: the endings that there are of each name."""
    found: dict[str, set[str]] = {}
    for entry in os.listdir(folder):
        stem, dot, ending = entry.partition(".")
        found.setdefault(stem, set()).add(dot + ending)
    return {stem: frozenset(endings) for stem, endings in found.items()}


def _by_hook(name: str, entry: str) -> Place | None:
    """Ask what Python has for an entry that is no folder."""
    try:
        return _place(PathFinder.find_spec(name, [entry]))
    except Exception:  # a hook of somebody else's
        return None


def _by_table(name: str) -> Place | None:
    for finder in [*sys.meta_path]:
        module = getattr(finder, "__module__", None)
        if isinstance(module, str) and module.startswith(_TABLES):
            try:
                place = _place(finder.find_spec(name, None))
            except Exception:
                continue
            if place is not None:
                return place
    return None


def _place(spec: ModuleSpec | None) -> Place | None:
    if spec is None:
        return None
    folders = spec.submodule_search_locations
    return place_of(spec.origin if spec.has_location else None, folders, spec.loader)


def place_of(file: object, folders: Iterable[object] | None, loader: Any) -> Place:
    """Say where a module is that is loaded, or could be, by what it has to say about that."""
    archive = getattr(loader, "archive", None)  # a zip file's finder
    told = archive if isinstance(archive, str) else file
    try:
        below = None if folders is None else tuple(str(folder) for folder in folders)
    except Exception:  # a namespace package whose parent is gone, and that asks it
        below = tuple(str(folder) for folder in getattr(folders, "_path", ()))
    return Place(told if isinstance(told, str) else "", below, loader)
