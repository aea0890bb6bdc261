"""What each of many small cells does: the whole list of its effects, no more and no less.

The cases stand in ``effects_table.txt``, whose head says how they are written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestra_nb.cells.effects import ANYTHING, UNKNOWN_CODE, Access, Effects, Interpreter, step
from orchestra_nb.cells.effects.names import BUILTINS
from orchestra_nb.cells.effects.values import Value
from orchestra_nb.cells.source import prepare

TEXT = (Path(__file__).parent / "effects_table.txt").read_text(encoding="utf-8")
_AMBIENT = ("options", "warnings", "sys", "logging.levels")
_UNKNOWN = ", which is not known"


@dataclass(frozen=True)
class Case:
    """One row: the cells before, the cell in question, what it does."""

    group: str
    name: str
    cells: tuple[str, ...]
    effects: frozenset[str]


def cases() -> Iterator[Case]:
    """The rows of the table."""
    for group in re.split(r"^## *", TEXT, flags=re.M)[1:]:
        heading, _, rows = group.partition("\n")
        for row in re.split(r"^=== *", rows, flags=re.M)[1:]:
            name, _, body = row.partition("\n")
            source, _, effects = body.partition("\n=>\n")
            cells = tuple(cell.removesuffix("\n") for cell in re.split(r"^--\n", source, flags=re.M))
            lines = (line.strip() for line in effects.splitlines())
            told = frozenset(line for line in lines if line and not line.startswith("#"))
            assert told, f"{name} does not say what the cell does; write 'nothing'"
            yield Case(heading.strip(), name.strip(), cells, told - {"nothing"})


def described(cells: Iterable[str]) -> frozenset[str]:
    """The effects of the last of some cells, as the table writes them."""
    machine = Interpreter()
    written: set[str | int] = set()
    names: dict[str, Value] = {}
    effects = Effects()
    for number, source in enumerate(cells):
        names = dict(machine.module.names)
        effects = step(machine, number, prepare(source))
        written |= {access.key for access in effects.of("name", "write")}
    return frozenset(_lines(effects, machine, names, written))


def _lines(
    effects: Effects, machine: Interpreter, before: Mapping[str, Value], written: set[str | int]
) -> Iterator[str]:
    told = {barrier.why for barrier in effects.barriers}
    unknown = effects.accesses.get(("state", UNKNOWN_CODE, "write"))
    if unknown is not None:
        told.add(unknown.why)
        yield f"unknown {unknown.why.removesuffix(_UNKNOWN)} {unknown.line}"
    yield from _names(effects, written)
    yield from _objects(effects, machine, before)
    yield from _files(effects, unknown)
    yield from _states(effects, unknown)
    yield from (f"barrier {barrier.why} {barrier.line}" for barrier in effects.barriers)
    yield from (f"main thread {why}" for why in effects.main_thread if why not in told)
    if effects.is_async:
        yield "awaits"


def _names(effects: Effects, written: set[str | int]) -> Iterator[str]:
    for access in (*effects.of("name", "read"), *effects.of("name", "write")):
        if access.mode == "write" or access.key not in BUILTINS or access.key in written:
            yield f"{_perhaps(access)}{'writes' if access.mode == 'write' else 'reads'} {access.key} {access.line}"


def _objects(effects: Effects, machine: Interpreter, before: Mapping[str, Value]) -> Iterator[str]:
    after = machine.module.names
    read = {access.key for access in effects.of("name", "read")}
    for access in effects.of("object", "read"):
        if access.via not in read:
            yield f"{_perhaps(access)}sees {_what(access, before, after)} {access.line}"
    for access in effects.of("object", "write"):
        why = access.why.removesuffix(_UNKNOWN)
        yield f"{_perhaps(access)}changes {_what(access, before, after)} {access.line} ({why})"
    lines = {access.key: access.line for access in effects.of("object", "write")}
    for access in effects.of("name", "write"):
        for number in after[str(access.key)].objects if access.key in after else ():
            lines.setdefault(number, access.line)
    for number, line in lines.items():
        names = sorted(name for name, value in after.items() if number in value.objects)
        if len(names) > 1 and machine.heap[int(number)].kind not in ("module", "library"):
            sure = all(len(after[name].objects) == 1 for name in names)
            yield f"{'' if sure else 'possible '}alias {' = '.join(names)} {line}"


def _what(access: Access, before: Mapping[str, Value], after: Mapping[str, Value]) -> str:
    """The variable that refers to an object, or from which it can be reached."""
    known = [names[access.via] for names in (before, after) if access.via in names]
    direct = any(access.key in value.objects for value in known) or (access.via != "" and not known)
    return access.via if direct else f"something in {access.via}".rstrip()


def _files(effects: Effects, unknown: Access | None) -> Iterator[str]:
    for access in (*effects.of("file", "read"), *effects.of("file", "write")):
        if unknown is None or (access.key, access.why) != (ANYTHING, unknown.why):
            path = "any" if access.key == ANYTHING else access.key
            yield f"{'writes' if access.mode == 'write' else 'reads'} file {path} {access.line}"


def _states(effects: Effects, unknown: Access | None) -> Iterator[str]:
    """Reads of what almost every line depends on come last, on one line."""
    ambient = []
    for access in effects.of("state", "read"):
        root = str(access.key).removeprefix("module:")
        if root != access.key or access.key in _AMBIENT:
            ambient.append(f"{root} {access.line}")
        elif unknown is None or access.why != unknown.why:
            yield f"{_perhaps(access)}reads state {access.key} {access.line}"
    for access in effects.of("state", "write"):
        if access is not unknown:
            yield f"{_perhaps(access)}sets state {access.key} {access.line}"
    if ambient:
        yield f"uses {', '.join(sorted(ambient))}"


def _perhaps(access: Access) -> str:
    return "" if access.certain else "possible "


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.group}: {case.name}") for case in cases()])
def test_a_cell_does_exactly_what_the_table_says(case: Case) -> None:
    assert described(case.cells) == case.effects


def test_every_case_has_a_name_of_its_own() -> None:
    names = [case.name for case in cases()]
    assert len(set(names)) == len(names)
