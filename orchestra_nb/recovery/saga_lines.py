"""Facts as lines of text and back, and values as JSON where JSON gives back exactly the same.

A line proves itself (:mod:`orchestra_nb.durable.lines`). The first says which steps the saga has.

A value is kept if it is built from ``None``, truth values, finite numbers, texts, lists and dictionaries with texts as
keys, of these very classes, and not too large; it is read back and compared before it counts as kept. Anything else (a
tuple, a frame, an array) is noted as not kept, and reading it later is an error instead of a value that is nearly the
same. Rejected: pickle, because reading it runs code; tags for more classes, because what a compensation needs is a
number of an order or the name of a file.

Failure: a line that does not fit is a :class:`~orchestra_nb.errors.CheckpointError` with its number. Only the end of a
file without a line break is dropped: it is what a crash leaves of a line that was never acknowledged. (If the line is
whole but for its break, its digest says so, and it counts.)
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from math import isfinite
from typing import Any, cast, get_args

from orchestra_nb.durable.lines import Damage, Lines, object_of
from orchestra_nb.durable.lines import split_lines as lines_of
from orchestra_nb.errors import CheckpointError
from orchestra_nb.recovery.saga_facts import Fact, Failure, Kind, Part

VERSION = 1
_DEEPEST = 100
_MOST_ITEMS = 1_000_000
_MOST_TEXT = 16 * 2**20
"""Characters of a value that is kept."""
_LONGEST_INTEGER = 10_000
"""Bits; Python refuses to read longer ones."""


def exact_json(value: object) -> str | None:
    """Write a value as JSON; ``None`` when JSON would give back something else.

    Examples
    --------
    >>> exact_json({"order": [7, 0.5]}), exact_json((7, 0.5)), exact_json(True), exact_json({1: 2})
    ('{"order":[7,0.5]}', None, 'true', None)
    """
    if not _is_plain(value):
        return None
    try:
        text = _dumps(value)
        return text if len(text) <= _MOST_TEXT and json.loads(text) == value else None
    except (ValueError, RuntimeError):  # another thread changes it meanwhile
        return None


def _is_plain(value: object) -> bool:
    """Look at everything in a value; without recursion, and not for ever where a list holds itself."""
    left, seen = [(value, 0)], 0
    while left:
        item, depth = left.pop()
        kind, seen = type(item), seen + 1
        if depth > _DEEPEST or seen > _MOST_ITEMS:
            return False
        if item is None or kind is bool or kind is str:
            continue
        if isinstance(item, int) and kind is int and item.bit_length() <= _LONGEST_INTEGER:
            continue
        if isinstance(item, float) and kind is float and isfinite(item):
            continue
        if isinstance(item, list) and kind is list:
            left += [(each, depth + 1) for each in item]
        elif isinstance(item, dict) and kind is dict and all(type(key) is str for key in item):
            left += [(each, depth + 1) for each in list(item.values())]
        else:
            return False
    return True


def split_lines(data: bytes, name: str) -> Lines:
    """Read the lines of a file, and drop what a crash left behind the last.

    Raises
    ------
    CheckpointError
        A line is damaged, or there is none.
    """
    try:
        lines = lines_of(data)
    except Damage as damage:
        raise damaged(name, damage.line) from None
    if not lines.found:
        raise CheckpointError(f"{name} is no journal of a saga; give the path of one, or of a new file")
    return lines


def damaged(name: str, line: int, why: str = "it is not what was written") -> CheckpointError:
    """Make the error for a line that cannot be believed."""
    hint = "restore the file from a copy, or undo by hand what the lines above say was done"
    return CheckpointError(f"{name}, line {line}: {why}; {hint}")


def fact_to_json(fact: Fact) -> str:
    """Write a fact; what it does not say is left out."""
    made: dict[str, Any] = {"fact": fact.kind}
    if fact.step:
        made |= {"step": fact.step, "attempt": fact.attempt}
    if fact.error is not None:
        made["error"] = [fact.error.ename, fact.error.evalue]
    if fact.kind.endswith("failed"):
        made["final"] = fact.final
    if fact.value is not None:
        made["value"] = json.loads(fact.value)
    elif fact.kind == "step-done":
        made["kept"] = False
    return _dumps(made)


def fact_from_json(payload: bytes) -> Fact:
    """Read a fact.

    Raises
    ------
    ValueError
        It says something that no fact says.
    """
    found = object_of(payload)
    kind, step, attempt = found.get("fact"), found.get("step", ""), found.get("attempt", 1)
    error, final = found.get("error"), found.get("final", False)
    if kind not in get_args(Kind) or type(step) is not str or type(attempt) is not int or type(final) is not bool:
        raise ValueError(f"{kind!r} is no fact that this version knows")
    if error is not None and not (isinstance(error, list) and [type(part) for part in error] == [str, str]):
        raise ValueError("its error is none")
    value = _dumps(found["value"]) if "value" in found else None
    return Fact(cast(Kind, kind), step, attempt, None if error is None else Failure(*error), final, value)


def head_to_json(parts: Iterable[Part], context: dict[str, Any]) -> str:
    """Write the first line: the steps, and what of the context can be kept."""
    steps = [[part.name, list(part.uses), part.undo] for part in parts]
    kept = {name: json.loads(text) for name, value in context.items() if (text := exact_json(value)) is not None}
    missing = [name for name in context if name not in kept]
    return _dumps({"saga": VERSION, "steps": steps, "context": kept, "not kept": missing})


def head_from_json(payload: bytes) -> tuple[list[Part], dict[str, Any], list[str]]:
    """Read the first line: steps, context, and the names of what is missing from it.

    Raises
    ------
    ValueError
        It is no first line of this version.
    """
    found = object_of(payload)
    if found.get("saga") != VERSION:
        raise ValueError(f"it is of version {found.get('saga')!r}, and this is version {VERSION}")
    try:
        parts = [Part(str(name), tuple(map(str, uses)), bool(undo)) for name, uses, undo in found["steps"]]
        return parts, dict(found["context"]), [str(name) for name in found["not kept"]]
    except (KeyError, TypeError) as error:
        raise ValueError(f"it is no first line: {error!r}") from None


def difference(kept: list[Part], given: list[Part]) -> list[str]:
    """Say in words how the given steps differ from those of a journal."""
    before, now = {part.name: part for part in kept}, {part.name: part for part in given}
    said = [f"step {name!r} is missing" for name in before if name not in now]
    said += [f"step {name!r} is new" for name in now if name not in before]
    for name in [name for name in now if name in before]:
        was, part = before[name], now[name]
        if was.uses != part.uses:
            said.append(f"step {name!r} came after {', '.join(was.uses) or 'nothing'}")
        if was.undo != part.undo:
            said.append(f"step {name!r} declared {'an' if was.undo else 'no'} undo")
    return said or ([] if list(before) == list(now) else [f"the order was {', '.join(before)}"])


def _dumps(value: object) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":"))
