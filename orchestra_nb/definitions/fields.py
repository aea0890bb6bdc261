"""Reading one mapping of a definition, key by key, so that every fault has its path and no key is lost.

Definitions come in many spellings: the same thing under several keys, in several units, as a text or as a list of
mappings. Each accessor takes the keys that mean one thing, in order of preference, takes what can be meant, and notes
a fault for what cannot. Keys that nobody asked for are what was not understood (:meth:`Fields.rest`).

Rejected: a pydantic model per noun. It is right for one spelling; with aliases, unions and units nearly every field
becomes a validator of its own, and its messages speak of unions ("input should be a valid string") where the reader
needs one sentence about what to write.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from orchestra_nb.errors import Issue, nearest

_T = TypeVar("_T")
_LONGEST = 60
"""Characters of a faulty value that a message shows."""


class Fields:
    r"""One mapping of a definition.

    Parameters
    ----------
    values
        The mapping, with text keys.
    path
        Where it stands; empty for the whole definition.
    issues
        Faults are appended here.
    owner
        The mapping whose leftovers include this one's; itself by default.

    Examples
    --------
    >>> issues = []
    >>> fields = Fields({"id": "a", "timeout": "soon", "colour": "red"}, "phases[0]", issues)
    >>> fields.text("id"), fields.number("timeout"), fields.rest()
    ('a', None, {'colour': 'red'})
    >>> print(*issues, sep="\n")
    phases[0].timeout: 'timeout' is 'soon', expected a number; write a number without quotes
    phases[0].colour: 'colour' is not understood, and is kept in the metadata
    """

    def __init__(self, values: Mapping[str, Any], path: str, issues: list[Issue], owner: Fields | None = None) -> None:
        self.values = values
        self.path = path
        self.issues = issues
        self.owner = owner or self
        self._known: dict[str, None] = {}
        self._inner: dict[str, Any] = {}

    def within(self, values: Mapping[str, Any], path: str) -> Fields:
        """A mapping that belongs to this one."""
        return Fields(values, path, self.issues, self.owner)

    def at(self, key: str) -> str:
        """Name the place of a key."""
        return f"{self.path}.{key}" if self.path else key

    def fault(self, key: str, expected: str, hint: str = "", code: str = "wrong-type") -> None:
        """Note that a value is not what it should be."""
        told = f"{key!r} is {shown(self.values[key])}, expected {expected}"
        self.issues.append(Issue(code, told, path=self.at(key), suggestion=hint))

    def caution(self, key: str, message: str, hint: str = "", code: str = "not-understood") -> None:
        """Note what stops nothing."""
        self.issues.append(Issue(code, message, path=self.at(key), suggestion=hint, severity="warning"))

    def find(self, keys: Sequence[str]) -> str | None:
        """Say which of several spellings is there; the first one wins, and another with another value is a caution."""
        self._known.update(dict.fromkeys(keys))
        there = [key for key in keys if self.values.get(key) is not None]
        for other in there[1:]:
            if self.values[other] != self.values[there[0]]:
                told = f"{other!r} says something else than {there[0]!r}, which is taken"
                self.caution(other, told, "keep one", "twice")
        return there[0] if there else None

    def mentions(self, *keys: str) -> bool:
        """Whether one of these keys is there, whatever it says."""
        return any(key in self.values for key in keys)

    # -- plain values ----------------------------------------------------------------------------------------------

    def text(self, *keys: str, default: str = "") -> str:
        """Read a text; a whole number is taken as one (versions and ids are often written so)."""
        key = self.find(keys)
        value = self.values[key] if key is not None else default
        if key is not None and isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str):
            assert key is not None
            self.fault(key, "a text", "put it in quotes")
            return default
        return value

    def number(self, *keys: str, least: float = 0.0) -> float | None:
        """Read a number that is not below ``least``."""
        key = self.find(keys)
        if key is None:
            return None
        value = self.values[key]
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fault(key, "a number", "write a number without quotes")
        elif not math.isfinite(value) or not least <= value < 1e15:
            self.fault(key, f"a number from {least:g} on", "give a sensible one", "out-of-range")
        else:
            return float(value)
        return None

    def seconds(self, scales: Mapping[str, float], *, positive: bool = False) -> float | None:
        """Read a duration that may be given in several units; the factor to seconds stands beside each key."""
        key = self.find(tuple(scales))
        found = self.number(key) if key is not None else None
        if key is None or found is None:
            return None
        if positive and not found:
            self.fault(key, "a number above 0", "give a sensible one, or leave it out", "out-of-range")
            return None
        return found * scales[key]

    def whole(self, *keys: str, least: int) -> int | None:
        """Read a whole number."""
        key = self.find(keys)
        if key is None:
            return None
        value = self.values[key]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not least <= value < 2**53 or value != int(value):
            self.fault(key, f"a whole number from {least} on", "", "out-of-range")
            return None
        return int(value)

    def flag(self, *keys: str) -> bool | None:
        """Read a yes or no."""
        key = self.find(keys)
        if key is None:
            return None
        value = self.values[key]
        if not isinstance(value, bool):
            self.fault(key, "true or false", "write it without quotes")
            return None
        return value

    # -- nested values ---------------------------------------------------------------------------------------------

    def mapping(self, *keys: str) -> Fields | None:
        """Read a nested mapping."""
        key = self.find(keys)
        if key is None:
            return None
        value = self.values[key]
        if not isinstance(value, Mapping):
            self.fault(key, "a mapping", "write it as {key: value}")
            return None
        return self.within(value, self.at(key))

    def entries(self, *keys: str, expected: str = "a list") -> list[tuple[str, Any]]:
        """Read a list: each item with its path."""
        key = self.find(keys)
        if key is None:
            return []
        value = self.values[key]
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Sequence):
            self.fault(key, expected, f"write [{shown(value)}]" if isinstance(value, str) else "write it as a list")
            return []
        return [(f"{self.at(key)}[{number}]", item) for number, item in enumerate(value)]

    def names(self, *keys: str, numbers: bool = False) -> list[tuple[str, str]]:
        """Read a list of names, or of names and whole ``numbers``; one name alone is taken as a list of one."""
        key = self.find(keys)
        if key is not None and isinstance(self.values[key], str):
            return [(self.at(key), self.values[key].strip())] if self.values[key].strip() else []
        found = []
        for path, item in self.entries(*keys, expected="a list of names"):
            if isinstance(item, str) and item.strip():
                found.append((path, item.strip()))
            elif numbers and isinstance(item, int) and not isinstance(item, bool):
                found.append((path, str(item)))
            else:
                self.issues.append(
                    Issue("wrong-type", f"{shown(item)} is not a name", path=path, suggestion="write a name in quotes")
                )
        return found

    def records(
        self, keys: Sequence[str], named: Callable[[str, str], _T], read: Callable[[Fields], _T | None]
    ) -> tuple[_T, ...]:
        """Read a list whose items are names or mappings; a mapping in the list's place has the names as its keys.

        Parameters
        ----------
        named
            Makes a record of a name and its path.
        read
            Makes a record of a mapping; ``None`` when that is faulty, which it has noted.
        """
        key = self.find(keys)
        if key is not None and isinstance(self.values[key], Mapping):
            return tuple(named(str(name), f"{self.at(key)}.{name}") for name in self.values[key])
        found = []
        for path, item in self.entries(*keys):
            if isinstance(item, str) and item.strip():
                found.append(named(item, path))
            elif isinstance(item, Mapping):
                record = read(self.within(item, path))
                if record is not None:
                    found.append(record)
            else:
                told = f"{shown(item)} is neither a name nor a mapping"
                self.issues.append(Issue("wrong-type", told, path=path, suggestion="write a name in quotes"))
        return tuple(found)

    def rest(self, silent: Iterable[str] = ()) -> dict[str, Any]:
        """What nobody asked for, each with a caution unless it is known to be for people only.

        An inner mapping hands it to its owner, under its path there.
        """
        quiet = set(silent)
        left = {key: value for key, value in self.values.items() if key not in self._known}
        for key in left:
            if key not in quiet:
                close = nearest(key, self._known)
                message = f"{key!r} is not understood, and is kept in the metadata"
                self.caution(key, message, close if close.startswith("did") else "")
        if self.owner is self:
            return {**left, **self._inner}
        inside = self.path.removeprefix(self.owner.path).lstrip(".")
        self.owner._inner.update({f"{inside}.{key}": value for key, value in left.items()})
        return left


def shown(value: object) -> str:
    """Show a value in a message: short, and never more of it than is needed.

    Examples
    --------
    >>> shown([1, 2, 3]), shown({"a": 1}), shown("x" * 100)[-4:]
    ('a list of 3', 'a mapping', "xx…'")
    """
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if isinstance(value, str):
        return repr(value if len(value) <= _LONGEST else value[: _LONGEST - 1] + "…")
    text = repr(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
