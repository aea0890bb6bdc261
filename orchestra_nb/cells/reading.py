"""From one Jupyter cell to its nodes: none, one, or one per part of a pipeline.

Policy: one reader for cells of a notebook file and for cells that run in a session, so that a setting means the same in
both. The places are settled weakest first: tags, metadata ``orchestrate``, the ``#|`` block, the ``%%orchestrate`` line
or the part's marker. A tag is one setting, ``orchestrate:key=value``; tags cannot hold commas, so a list is several
tags.

A cell is no node when it is blank, when it is tagged ``skip-execution`` (as nbclient has it), and when it holds nothing
but this library's own line magics. It still counts in the numbering.

Failure: every fault is an issue, so that all cells' faults are reported at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from orchestra_nb.cells.cell import Cell, recorded_seconds
from orchestra_nb.cells.directives import read_directives
from orchestra_nb.cells.markers import Part, split_parts
from orchestra_nb.cells.merging import Place, from_text, merge
from orchestra_nb.cells.source import is_own_command
from orchestra_nb.errors import CommandError, Issue
from orchestra_nb.grammar import parse_cell, settings_of

_HEADER = re.compile(r"\A\s*%%orchestrate\b([^\n]*)(?:\n|\Z)")
_TAG = "orchestrate:"
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Reading:
    """The nodes of one Jupyter cell, and every fault in what the user said about them."""

    cells: tuple[Cell, ...] = ()
    issues: tuple[Issue, ...] = ()


def read_cell(position: int, source: str, metadata: Mapping[str, Any] = _NOTHING, cell_id: str = "") -> Reading:
    r"""Read one code cell.

    Parameters
    ----------
    position
        From 1, among all code cells.
    source
        The cell's whole text. A session hands in ``"%%orchestrate LINE\n" + body``.
    metadata
        The Jupyter cell's metadata.

    Examples
    --------
    >>> cell = read_cell(2, "#| after: load\ny = x", {"orchestrate": {"name": "train"}}).cells[0]
    >>> cell.id, cell.settings.after, cell.where("after")
    ('train', ('load',), 'cell 2, line 1')
    >>> [cell.id for cell in read_cell(1, "%%orchestrate\n# %% a\nx = 1\n# %%\ny = 2").cells]
    ['a', 'cell-1.2']
    """
    tags = _tags(metadata)
    if not source.strip() or "skip-execution" in tags or is_own_command(source):
        return Reading()
    raw = Cell(position, source, metadata=metadata, tags=tags, cell_id=cell_id, seconds=recorded_seconds(metadata))
    magic, issues = _magic_place(raw)
    outer, faults = _metadata_places(raw)
    issues += faults
    header = _HEADER.match(source)
    if header is not None:
        first = header.group().count("\n") + 1
        parts = split_parts(source[header.end() :], raw.place, first)
        if parts is not None:
            return _pipeline(raw, parts, [*outer, magic], issues)
    block = read_directives(source, raw.place)
    return _settle(raw, [*outer, block.place, magic], [*issues, *block.issues])


def _settle(raw: Cell, places: Sequence[Place], issues: Sequence[Issue]) -> Reading:
    merged = merge(places)
    cell = replace(raw, settings=merged.settings, places=merged.places)
    return Reading((cell,), (*issues, *merged.issues))


def _pipeline(raw: Cell, parts: Sequence[Part], around: Sequence[Place], issues: list[Issue]) -> Reading:
    """One node per part; what was said about the cell as a whole belongs to no node."""
    cells: list[Cell] = []
    for place in around:
        for key in sorted(place.values.keys() - {"name", "timeout", "backend"}):
            message = f"{key!r} is set on a cell that is a whole pipeline, and has no effect on its parts"
            hint = f"write it on the part's marker, as '# %% name {key}=…'"
            issues.append(Issue("setting-not-acted-on", message, (), place.where(key), hint, "warning"))
    for number, part in enumerate(parts, 1):
        if not part.source.strip():
            issues += part.issues
            continue
        block = read_directives(part.source, raw.place, part.first_line)
        whole = replace(raw, source=part.source, first_line=part.first_line, part=number, seconds=None)
        reading = _settle(whole, [block.place, part.place], [*part.issues, *block.issues])
        cells += reading.cells
        issues += reading.issues
    return Reading(tuple(cells), tuple(issues))


def _tags(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    tags = metadata.get("tags", ())
    return tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list | tuple) else ()


def _metadata_places(raw: Cell) -> tuple[list[Place], list[Issue]]:
    issues: list[Issue] = []
    texts: dict[str, str] = {}
    for tag in raw.tags:
        if not tag.startswith(_TAG):
            continue
        key, equals, value = tag.removeprefix(_TAG).partition("=")
        if not equals:
            message = f"the tag {tag!r} has no value"
            issues.append(Issue("bad-tag", message, path=raw.place, suggestion="write 'orchestrate:key=value'"))
        else:
            texts[key] = f"{texts[key]},{value}" if key in texts else value
    places = [Place(from_text(texts), f"{raw.place}, tags")]
    ours = raw.metadata.get("orchestrate", {})
    path = f"{raw.place}, metadata"
    if isinstance(ours, Mapping):
        places.append(Place(ours, path))
    else:
        message = f"'orchestrate' is {ours!r}, expected a mapping of settings"
        issues.append(Issue("bad-metadata", message, path=path, suggestion='write {"orchestrate": {"name": "load"}}'))
    return places, issues


def _magic_place(raw: Cell) -> tuple[Place, list[Issue]]:
    """Read the settings on a ``%%orchestrate`` line."""
    header = _HEADER.match(raw.source)
    if header is None:
        return Place({}, raw.place), []
    number = raw.source[: header.start(1)].count("\n") + 1
    try:
        values = from_text(settings_of(parse_cell(header.group(1))))
    except CommandError as error:
        return Place({}, raw.place), [Issue("bad-magic", str(error), path=raw.line(number))]
    return Place(values, raw.place, dict.fromkeys(values, number)), []
