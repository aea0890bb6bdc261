"""What counts of one module: what it belongs to, where it is, and what is in its file.

A loaded module is read from where it was loaded. It is never asked for an attribute, because a lazy one would load
itself: its globals are read. A module without a file counts by the text that its loader gives, or by the zip file that
it is in; one without a text, such as one that a notebook makes, by its name.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from types import ModuleType
from typing import Any, NamedTuple

from orchestra_nb.running.installed import Kind, Version, kind_of, version_of
from orchestra_nb.running.search_path import Place, place_of
from orchestra_nb.running.sources import Source, file_digest, source_of, text_source

NOT_COUNTED = frozenset({"", "__main__", "__mp_main__", "builtins", "orchestra_nb"})
"""Top-level modules that count elsewhere, or not at all."""
_NOTHING, _NOWHERE = Source(""), Place("")
_IN_THE_INTERPRETER = ("built-in", "frozen")


class Module(NamedTuple):
    """What counts of a module.

    Parameters
    ----------
    kind
        What it belongs to.
    place
        Where it is.
    source
        What is in it.
    package
        What its relative imports are relative to.
    version
        If it was installed.
    known_as
        Under which name it was loaded.
    """

    kind: Kind
    place: Place = _NOWHERE
    source: Source = _NOTHING
    package: str = ""
    version: Version | None = None
    known_as: str = ""


STANDARD = Module("standard")


def namespace(name: str) -> Mapping[str, Any] | None:
    """Give the globals of a loaded module, without asking it anything.

    Examples
    --------
    >>> namespace("sys") is sys.__dict__, namespace("no_such_module")
    (True, None)
    """
    module = sys.modules.get(name)
    if not issubclass(type(module), ModuleType):
        return None
    found = object.__getattribute__(module, "__dict__")
    return found if isinstance(found, dict) else None


def namespaces() -> dict[str, Mapping[str, Any]]:
    """Give the globals of all loaded modules."""
    return {name: names for name in [*sys.modules] if (names := namespace(name)) is not None}


def loaded_module(name: str, names: Mapping[str, Any]) -> Module:
    """Describe a module by its globals."""
    spec = names.get("__spec__")
    if getattr(spec, "origin", None) in _IN_THE_INTERPRETER:
        return STANDARD
    loader = names.get("__loader__") or getattr(spec, "loader", None)
    place = place_of(names.get("__file__"), names.get("__path__"), loader)
    return placed_module(name, place, names.get("__package__"), getattr(spec, "name", None))


def placed_module(name: str, place: Place, package: object = None, known_as: object = None) -> Module:
    """Describe a module by where it is, and by what it says itself, if it is loaded."""
    kind = kind_of(place.file) if place.file else "own"
    if kind == "standard":
        return STANDARD
    if kind == "installed":
        version = version_of(name.partition(".")[0], place.file)
        if version is not None:
            return Module(kind, version=version)
    if not isinstance(package, str) or not package:
        package = name if place.folders is not None else name.rpartition(".")[0]
    known_as = known_as if isinstance(known_as, str) else name
    return Module("own", place, _source(name, place), package, known_as=known_as)


def is_own(name: str) -> bool:
    """Whether a loaded module is in a file that was not installed."""
    file = (namespace(name) or {}).get("__file__")
    return isinstance(file, str) and kind_of(file) == "own" and name.partition(".")[0] not in NOT_COUNTED


@lru_cache(maxsize=16384)
def absolutes(imports: frozenset[str], package: str) -> tuple[str, ...]:
    """Give what a module of some package imports by absolute names.

    Examples
    --------
    >>> absolutes(frozenset({"..b", "c", "...d"}), "a.x")
    ('a.b', 'c')
    """
    return tuple(sorted({name for name in (_absolute(each, package) for each in imports) if name}))


def _absolute(name: str, package: str) -> str:
    rest = name.lstrip(".")
    level = len(name) - len(rest)
    if not level:
        return name
    words = package.split(".") if package else []
    if level > len(words):
        return ""
    return ".".join([*words[: len(words) - level + 1], *([rest] if rest else [])])


def _source(name: str, place: Place) -> Source:
    """Read a module, from its file if it has one."""
    loader, in_archive = place.loader, isinstance(getattr(place.loader, "archive", None), str)
    source = source_of(place.file) if place.file and not in_archive else _NOTHING
    if source.digest or loader is None:
        return source
    text = _text(name, loader)
    told = text_source(text, place.file or name) if text else _NOTHING  # a namespace package's text is empty
    return replace(told, digest=file_digest(place.file), computed=told.computed or text is None) if in_archive else told


def _text(name: str, loader: Any) -> str | None:
    """Ask a loader for the text of a module, which it gives without running it."""
    try:
        text = loader.get_source(name)
    except Exception:  # there is no such method, or it is somebody else's
        return None
    return text if isinstance(text, str) else None
