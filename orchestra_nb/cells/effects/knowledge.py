"""The table of what library calls do, and how it is looked up.

The facts are in ``knowledge.toml`` beside this file; its head says what each key means. A dotted name is looked up as
it is, then by its last part anywhere in its library (``numpy.*.normal``), then by ever shorter prefixes
(``numpy.random.*``, ``numpy.*``); the first match stands alone. A name without any match belongs to code that is not
known, and the interpreter assumes the worst.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Returns = Literal["same", "fresh", "plain", "iterator", "handle", "argument"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What a call does. Fields are as in the head of ``knowledge.toml``."""

    returns: Returns = "same"
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
class Knowledge:
    """Rules by dotted name, for calls, and by maker and method name.

    ``listed`` are the roots of libraries whose methods that change an object are all there.
    """

    calls: Mapping[str, Rule]
    methods: Mapping[str, Mapping[str, Rule]]
    deterministic: Mapping[str, frozenset[str]]
    listed: frozenset[str]

    def call(self, path: str) -> Rule | None:
        """The rule for calling a dotted name, or ``None`` when its library is not known.

        Examples
        --------
        >>> knowledge().call("numpy.random.normal").sets
        ('numpy.random',)
        >>> knowledge().call("numpy.add.at").changes
        (0,)
        >>> knowledge().call("nobody.knows") is None
        True
        """
        root, _, _ = path.partition(".")
        last = path.rpartition(".")[2]
        estimator = f"{root}.*.Estimator"
        if path not in self.calls and estimator in self.calls and _is_class(last):
            return self.calls[f"{root}.*"] if last in self.deterministic.get(root, ()) else self.calls[estimator]
        return next((self.calls[p] for p in _patterns(path) if p in self.calls), None)

    def method(self, maker: str, name: str) -> Rule | None:
        """The rule for a method of what ``maker`` made; ``None`` when nothing is said about it."""
        for pattern in _patterns(maker):
            rules = self.methods.get(pattern)
            if rules is not None:
                found = rules.get(name) or rules.get("*")
                if found is not None:
                    return found
        return self.methods.get("*", {}).get(name)


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


def _rule(entry: Mapping[str, Any]) -> Rule:
    fields: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in entry.items() if k not in ("match", "of", "names")
    }
    return Rule(**fields)


@cache
def knowledge() -> Knowledge:
    """The table that ships with the package."""
    raw = tomllib.loads(files(__package__).joinpath("knowledge.toml").read_text(encoding="utf-8"))
    calls: dict[str, Rule] = {}
    for entry in raw["call"]:
        calls.update(dict.fromkeys(entry["match"], _rule(entry)))
    methods: dict[str, dict[str, Rule]] = {}
    for entry in raw["method"]:
        for maker in entry["of"]:
            methods.setdefault(maker, {}).update(dict.fromkeys(entry["names"], _rule(entry)))
    deterministic = {root: frozenset(names) for root, names in raw["deterministic"].items()}
    return Knowledge(calls, methods, deterministic, frozenset(raw["listed"]["roots"]))
