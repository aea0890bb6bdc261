"""Agents by template: what a dynamic phase makes of each item of a list, ``{"id": "pack-${item.name}"}``.

Policy: a template is data, like the rest of a definition. Its texts may have *holes*, ``${…}`` or ``{{…}}``, and what
stands in a hole is an expression of the language of conditions (:mod:`.condition`): read once, at load time, with the
column of a fault, and worked out without running anybody's code, in counted steps. It knows ``item``, ``index`` (from
0), ``key`` (where the items are a mapping's values) and all that conditions know. A text that is one hole, or a plain
path such as ``item.name``, becomes the value itself; in a longer text, numbers, texts and truth values are written as
JSON would, and lists and mappings as JSON. Keys have no holes.

Failure: a hole that cannot be read, or comes out as nothing, is an :class:`.Issue` with the path of its text; a hole
that may be empty says so, ``${item.title ?? ''}``. Rejected: ``str.format`` and jinja2 (code of the values runs, and a
second language beside that of the conditions).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from orchestra_nb.definitions.command import Dynamic
from orchestra_nb.definitions.condition import Condition, parse_condition
from orchestra_nb.definitions.condition_values import EXACT, UNDEFINED, mapping_of
from orchestra_nb.errors import ConditionError, Issue, nearest

ITEM_WORDS = ("item", "index", "key")
"""What a hole may begin with beside what conditions know."""

_HOLE = re.compile(r"\$\{([^{}]*)\}|\{\{([^{}]*)\}\}")
_PATH = re.compile(r"item(\.[A-Za-z$][\w$]*|\[\d+\])*")
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class _Text:
    """A text with holes, in pieces: what stands between the holes, and the expressions in them."""

    path: str
    pieces: tuple[str | Condition, ...]


class Template:
    """What to make of each item.

    Parameters
    ----------
    shape
        Plain data whose texts may have holes.
    path
        Where it stands in the definition.

    Examples
    --------
    >>> template = Template({"id": "pack-${item.name}", "input": {"size": "item.size"}}, "mapping")
    >>> template.filled({"item": {"name": "core", "size": 3}}, "packages[0]", issues := [])
    {'id': 'pack-core', 'input': {'size': 3}}
    >>> _ = template.filled({"item": {"nmae": "core", "size": 3}}, "packages[1]", issues)
    >>> print(*issues)
    mapping.id: '${item.name}' comes out as nothing for packages[1]; did you mean 'nmae'?
    """

    def __init__(self, shape: Any, path: str) -> None:
        self.issues: list[Issue] = []
        """What cannot be read."""
        self.expressions: list[tuple[str, Condition]] = []
        """What stands in the holes, each with the path of its text."""
        self._shape = self._read(shape, path)

    def _read(self, shape: Any, path: str) -> Any:
        if isinstance(shape, Mapping):
            return {key: self._read(value, f"{path}.{key}") for key, value in shape.items()}
        if isinstance(shape, list | tuple):
            return [self._read(value, f"{path}[{number}]") for number, value in enumerate(shape)]
        if not isinstance(shape, str):
            return shape
        pieces: list[str | Condition] = []
        end = 0
        for hole in [_PATH.fullmatch(shape)] if _PATH.fullmatch(shape) else _HOLE.finditer(shape):
            assert hole is not None
            text = hole[0] if hole.re is _PATH else hole[1] or hole[2] or ""
            pieces += [shape[end : hole.start()], *self._expression(text, path)]
            end = hole.end()
        if not pieces:
            return shape
        return _Text(path, tuple(piece for piece in (*pieces, shape[end:]) if piece != ""))

    def _expression(self, text: str, path: str) -> Iterator[Condition]:
        try:
            found = parse_condition(text)
        except ConditionError as error:
            self.issues.append(Issue("bad-template", f"in '${{{_short(text)}}}', {error}", path=path))
        else:
            self.expressions.append((path, found))
            yield found

    def filled(self, values: Mapping[str, Any], place: str, issues: list[Issue]) -> Any:
        """Make what the template says of one item.

        Parameters
        ----------
        values
            A plain dictionary with every word that the holes may begin with.
        place
            Which item this is, in words.
        issues
            Faults are appended here.
        """
        return self._filled(self._shape, values, place, issues)

    def _filled(self, shape: Any, values: Mapping[str, Any], place: str, issues: list[Issue]) -> Any:
        if isinstance(shape, dict):
            return {key: self._filled(value, values, place, issues) for key, value in shape.items()}
        if isinstance(shape, list):
            return [self._filled(value, values, place, issues) for value in shape]
        if not isinstance(shape, _Text):
            return shape
        whole = len(shape.pieces) == 1
        found = []
        for piece in shape.pieces:
            try:
                value = piece if isinstance(piece, str) else plain(piece.value(values))
                found.append(value if whole and value is not UNDEFINED else written(value))
            except (ConditionError, ValueError, TypeError, RecursionError) as error:
                assert isinstance(piece, Condition)
                told = f"'${{{_short(piece.source)}}}' {_why(error)} for {place}"
                issues.append(Issue("bad-template", told, path=shape.path, suggestion=_hint(piece, values)))
                return None
        return found[0] if whole else "".join(found)


def source_of(dynamic: Dynamic) -> Condition:
    """Read where the items of a dynamic phase come from: an expression, in a hole or bare.

    Raises
    ------
    ConditionError
        It cannot be read.

    Examples
    --------
    >>> source_of(Dynamic("context.packages", {})) == source_of(Dynamic("${context.packages}", {}))
    True
    """
    hole = _HOLE.fullmatch(dynamic.source)
    return parse_condition((hole[1] or hole[2] or "") if hole else dynamic.source)


def template_of(dynamic: Dynamic, path: str) -> Template:
    """Read what a dynamic phase makes of each item."""
    return Template(dynamic.mapping, path)


def read_by(dynamic: Dynamic) -> Iterator[tuple[str, ...]]:
    """The paths that a dynamic phase reads from outside its items, as :attr:`.Condition.paths` has them.

    Examples
    --------
    >>> list(read_by(Dynamic("context.packages", {"task": "${item.name} for ${inputs.user}"})))
    [('context', 'packages'), ('inputs', 'user')]
    """
    expressions = [expression for _, expression in template_of(dynamic, "").expressions]
    with suppress(ConditionError):
        expressions.insert(0, source_of(dynamic))
    for expression in expressions:
        yield from (path for path in expression.paths if path[0] not in ITEM_WORDS)


def plain(value: Any) -> Any:
    """Bring a number of the conditions' language back: a whole one is an ``int``, as it was in the data.

    Examples
    --------
    >>> plain(3.0), plain(0.5), plain("3")
    (3, 0.5, '3')
    """
    return int(value) if type(value) is float and value.is_integer() and abs(value) <= EXACT else value


def written(value: Any) -> str:
    """Write a value as it stands in a longer text; a text as it is, everything else as JSON would.

    Raises
    ------
    ValueError, TypeError
        It comes out as nothing, or is nothing that JSON has.

    Examples
    --------
    >>> written("a b"), written(True), written([1, "x"])
    ('a b', 'true', '[1, "x"]')
    """
    if value is None or value is UNDEFINED:
        raise ValueError("comes out as nothing")
    return value if type(value) is str else json.dumps(value, ensure_ascii=False, allow_nan=False)


def _why(error: Exception) -> str:
    if isinstance(error, ConditionError):
        return f"cannot be worked out ({error})"
    return str(error) if str(error) == "comes out as nothing" else "cannot be written as text"


def _hint(expression: Condition, values: Mapping[str, Any]) -> str:
    """Say which member of the item was probably meant."""
    members = mapping_of(values.get("item"))
    if members is None or len(expression.paths) != 1 or expression.paths[0][:1] != ("item",):
        return ""
    read = expression.paths[0][1:2]
    known = [key for key in members if type(key) is str]
    return nearest(read[0], known) if read and read[0] not in known else ""


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
