"""What a user says of libraries, checked entry by entry: each fault names its place, its field and the nearest word.

An entry that is silently ignored would be a wrong edge or a missing one, so nothing is guessed. Every fault of every
entry is found before any is reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import get_args

from orchestra_nb.cells.effects.knowledge import PURE, Returns, Rule
from orchestra_nb.errors import Issue, nearest

_TABLES = ("call", "method", "listed", "files")
_NAMED = {"call": ("match",), "method": ("of", "names")}
"""The fields that say what an entry is about."""
_WORDS = {"returns": get_args(Returns), "calls": ("now", "later", "never")}
_RULE = tuple(field.name for field in fields(Rule))
_PLACES = ("changes", "seed")
"""Lists of positions and keywords."""
_DOTTED = re.compile(r"\w+(\.(\w+|\*))*")


def faults(raw: object, place: str) -> list[Issue]:
    """Find every fault in a table of entries.

    Parameters
    ----------
    raw
        In the form of ``knowledge.toml``: lists of tables ``call`` and ``method``, a table ``listed``.
    place
        What to call the table: its file, and the header in it.

    Examples
    --------
    >>> for fault in faults({"call": [{"match": "mylib.load", "raeds": 0}]}, "pyproject.toml"):
    ...     print(fault)
    pyproject.toml, call 1 (mylib.load): unknown field 'raeds'; did you mean 'reads'?
    """
    if not isinstance(raw, Mapping):
        return [_fault(place, f"must be a table, not {raw!r}", "write [[…call]] and [[…method]] entries in it")]
    found = [_fault(place, f"unknown key {key!r}", nearest(key, _TABLES)) for key in raw if key not in _TABLES]
    for table in ("call", "method"):
        entries = raw.get(table, [])
        if not isinstance(entries, list | tuple):
            found.append(_fault(place, f"{table!r} must be a list of tables", f"write [[…{table}]] above each entry"))
            continue
        for number, entry in enumerate(entries, 1):
            found += _entry_faults(entry, table, f"{place}, {table} {number}")
    listed = raw.get("listed", {})
    if not isinstance(listed, Mapping) or set(listed) - {"roots"} or not _is_names(listed.get("roots", [])):
        found.append(_fault(place, "'listed' must be a table with a list of names", 'write roots = ["mylib"]'))
    if not _is_names(raw.get("files", [])):
        found.append(_fault(place, "'files' must be a list of paths", 'write files = ["mylib.toml"]'))
    return found


def _fault(place: str, message: str, hint: str) -> Issue:
    return Issue("bad-effects", message, path=place, suggestion=hint)


def _entry_faults(entry: object, table: str, place: str) -> Iterator[Issue]:
    if not isinstance(entry, Mapping):
        yield _fault(place, f"must be a table, not {entry!r}", f"write [[…{table}]] above each entry")
        return
    about = entry.get(_NAMED[table][0], [])
    if _is_names(about) and about:
        place = f"{place} ({', '.join([about] if isinstance(about, str) else about)})"
    for field in _NAMED[table]:
        if not entry.get(field):
            yield _fault(place, f"has no {field!r}", f'write {field} = ["{"mylib.*" if field != "names" else "add"}"]')
        elif not _is_names(entry[field]):
            yield _fault(place, f"{field}={entry[field]!r} must be a list of names", f'write {field} = ["mylib.load"]')
        elif field != "names":
            yield from _pattern_faults(entry[field], field, place)
    known = (*_NAMED[table], *_RULE)
    for field, value in entry.items():
        if field not in known:
            yield _fault(place, f"unknown field {field!r}", nearest(field, known))
        elif field not in _NAMED[table]:
            yield from _value_faults(field, value, table, place)


def _pattern_faults(patterns: str | list[str], field: str, place: str) -> Iterator[Issue]:
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        if not _DOTTED.fullmatch(pattern) and pattern != "*":
            yield _fault(place, f"{field} has {pattern!r}, which is no dotted name", 'write "mylib.load" or "mylib.*"')
        elif field == "match" and "." not in pattern:
            hint = f'write "{pattern}.*" for all of it'
            yield _fault(place, f"{field} has {pattern!r}, which is a library and not what is called", hint)


def _value_faults(field: str, value: object, table: str, place: str) -> Iterator[Issue]:
    default = getattr(PURE, field)
    shown = f"{field}={value!r}"
    if field in _WORDS:
        if value not in _WORDS[field]:
            yield _fault(place, f"{shown} is not known", nearest(str(value), _WORDS[field]))
    elif isinstance(default, bool):
        if not isinstance(value, bool):
            yield _fault(place, f"{shown} must be true or false", f"write {field} = true")
    elif isinstance(default, str):
        if not isinstance(value, str) or not value:
            yield _fault(place, f"{shown} must be a text", "say why, in a few words")
    elif field in _PLACES or field in ("reads", "writes"):
        several = value if field in _PLACES and isinstance(value, list | tuple) else [value]
        for one in several:
            if not _is_place(one):
                yield _fault(place, f"{shown} must say positions (from 0) or keywords", f"write {field} = 0")
            elif one == "self" and table == "call":
                yield _fault(place, f"{shown}: a call has no object of its own", "write a [[…method]] entry for it")
    elif isinstance(default, tuple):
        if not _is_names(value):
            yield _fault(place, f"{shown} must be a list of names", f'write {field} = ["mylib.state"]')
    elif type(value) is not int or value < 0:
        yield _fault(place, f"{shown} must be a position (from 0)", f"write {field} = 0")


def _is_place(value: object) -> bool:
    return (type(value) is int and value >= 0) or (isinstance(value, str) and bool(value))


def _is_names(value: object) -> bool:
    several = [value] if isinstance(value, str) else value
    return isinstance(several, list | tuple) and all(isinstance(item, str) and item for item in several)
