"""The table of what library calls do, and how it is looked up.

The facts are in ``knowledge.toml`` beside this file; its head says what each key means. A dotted name is looked up as
it is, then by its last part anywhere in its library (``numpy.*.normal``), then by ever shorter prefixes
(``numpy.random.*``, ``numpy.*``); the first match stands alone. A name without any match belongs to code that is not
known, and the interpreter assumes the worst.

What a project or a session says of its own libraries (:mod:`.sources`) is a table of the same form before this one:
where it has any match, ours is not asked.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Literal

Returns = Literal["same", "fresh", "plain", "iterator", "handle", "argument", "frame", "new frame", "grouping"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What a call does. Fields are as in the head of ``knowledge.toml``."""

    returns: Returns = "same"
    unless: tuple[int | str, ...] = ()
    copied: str = ""
    parts: bool = False
    changes: tuple[int | str, ...] = ()
    gets: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    reads: int | str | None = None
    writes: int | str | None = None
    mode: int | None = None
    wraps: bool = False
    enters: tuple[str, ...] = ()
    copies: int | None = None
    maps: bool = False
    seed: tuple[int | str, ...] = ()
    seed_if: tuple[str, ...] = ()
    draws: tuple[str, ...] = ("numpy.random",)
    lazy: bool = False
    calls: Literal["now", "later", "never"] = "now"
    main: str = ""
    barrier: str = ""


PURE = Rule()


@dataclass(frozen=True, slots=True)
class Table:
    """Rules by dotted name, for calls, and by maker and method name, as one source tells them.

    ``listed`` are the roots of libraries whose methods that change an object are all there.
    """

    calls: Mapping[str, Rule]
    methods: Mapping[str, Mapping[str, Rule]]
    deterministic: Mapping[str, frozenset[str]]
    forgetful: Mapping[str, frozenset[str]]
    listed: frozenset[str]

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Table:
        """Make a table of what a file in the form of ``knowledge.toml`` says; see :mod:`.entries` for its checks."""
        calls: dict[str, Rule] = {}
        for entry in raw.get("call", ()):
            calls.update(dict.fromkeys(_several(entry["match"]), _rule(entry)))
        methods: dict[str, dict[str, Rule]] = {}
        for entry in raw.get("method", ()):
            for maker in _several(entry["of"]):
                methods.setdefault(maker, {}).update(dict.fromkeys(_several(entry["names"]), _rule(entry)))
        deterministic, forgetful = (
            {root: frozenset(names) for root, names in raw.get(key, {}).items()}
            for key in ("deterministic", "forgetful")
        )
        return cls(calls, methods, deterministic, forgetful, frozenset(raw.get("listed", {}).get("roots", ())))

    def call(self, path: str) -> Rule | None:
        """The rule for calling a dotted name."""
        root, _, _ = path.partition(".")
        last = path.rpartition(".")[2]
        estimator = f"{root}.*.Estimator"
        if path not in self.calls and estimator in self.calls and _is_class(last):
            return self.calls[f"{root}.*"] if last in self.deterministic.get(root, ()) else self.calls[estimator]
        return next((self.calls[p] for p in _patterns(path) if p in self.calls), None)

    def method(self, maker: str, name: str) -> Rule | None:
        """The rule for a method of what ``maker`` made."""
        for pattern in _patterns(maker):
            rules = self.methods.get(pattern)
            if rules is not None:
                found = rules.get(name) or rules.get("*")
                if found is not None:
                    return found
        return self.methods.get("*", {}).get(name)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """All that is known of libraries.

    Parameters
    ----------
    tables
        In the order in which they are asked: what the user says before what ships with the package.
    digest
        Changes with every fact; for keys of caches.
    """

    tables: tuple[Table, ...]
    digest: str = ""

    @property
    def listed(self) -> frozenset[str]:
        """Roots of libraries whose methods that change an object are all in a table."""
        return frozenset().union(*(table.listed for table in self.tables))

    def call(self, path: str) -> Rule | None:
        """The rule for calling a dotted name, or ``None`` when its library is not known.

        Examples
        --------
        >>> shipped().call("numpy.random.normal").sets
        ('numpy.random',)
        >>> shipped().call("numpy.add.at").changes
        (0,)
        >>> shipped().call("nobody.knows") is None
        True
        """
        return next((rule for table in self.tables if (rule := table.call(path)) is not None), None)

    def forgets(self, maker: str) -> bool:
        """Whether what ``maker`` made keeps nothing of the data that it is fitted to."""
        root, _, rest = maker.partition(".")
        return any(rest.rpartition(".")[2] in table.forgetful.get(root, ()) for table in self.tables)

    def method(self, maker: str, name: str) -> Rule | None:
        """The rule for a method of what ``maker`` made; ``None`` when nothing is said about it."""
        return next((rule for table in self.tables if (rule := table.method(maker, name)) is not None), None)


def _is_class(name: str) -> bool:
    return name[:1].isupper() and not name.isupper()


def _patterns(path: str) -> Iterator[str]:
    yield path
    root, _, rest = path.partition(".")
    if rest:
        yield f"{root}.*.{path.rpartition('.')[2]}"
    head = path
    while "." in head:
        head = head.rpartition(".")[0]
        yield f"{head}.*"
    if "." not in path:
        yield f"{path}.*"


def _several(value: Any) -> tuple[Any, ...]:
    """One value may stand without its list."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _rule(entry: Mapping[str, Any]) -> Rule:
    fields: dict[str, Any] = {
        key: _several(value) if isinstance(getattr(PURE, key), tuple) else value
        for key, value in entry.items()
        if key not in ("match", "of", "names")
    }
    return Rule(**fields)


@cache
def shipped() -> Knowledge:
    """The table that ships with the package."""
    text = files(__package__).joinpath("knowledge.toml").read_text(encoding="utf-8")
    return Knowledge((Table.of(tomllib.loads(text)),), sha256(text.encode()).hexdigest())
