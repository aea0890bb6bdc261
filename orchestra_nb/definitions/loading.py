"""Load a command definition: one call, every fault at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestra_nb.definitions.checks import check_definition
from orchestra_nb.definitions.command import CommandDefinition
from orchestra_nb.definitions.documents import read_document
from orchestra_nb.definitions.schema import read_definition
from orchestra_nb.definitions.wiring import Wired, wire
from orchestra_nb.errors import DefinitionError, Issue
from orchestra_nb.graph.paths import reachable
from orchestra_nb.graph.table import build
from orchestra_nb.graph.validation import check


def load_command(source: str | os.PathLike[str] | Mapping[str, Any]) -> CommandDefinition:
    """Load a command definition.

    Parameters
    ----------
    source
        The path of a JSON, YAML or Markdown file, or the mapping that such a file would hold.

    Returns
    -------
    CommandDefinition
        ``.warnings`` has what was noticed and stops nothing.

    Raises
    ------
    DefinitionError
        ``.issues`` has every fault, each with its path in the definition, and the warnings.

    Examples
    --------
    >>> load_command({"name": "/x", "phases": [{"agents": [{"id": "b", "dependencies": ["a"]}]}]})
    Traceback (most recent call last):
    orchestra_nb.errors.DefinitionError: phases[0].agents[0].dependencies[0]: 'b' depends on 'a', which does not exist
    """
    command, issues = examine(source)
    if any(issue.severity == "error" for issue in issues):
        raise DefinitionError(issues)
    return replace(command, warnings=issues)


def examine(source: str | os.PathLike[str] | Mapping[str, Any]) -> tuple[CommandDefinition, tuple[Issue, ...]]:
    """Read a definition as far as it can be read, and list every fault in it.

    Raises
    ------
    DefinitionError
        The file cannot be read at all.
    """
    data = source if isinstance(source, Mapping) else read_document(Path(source).expanduser())
    command, issues = read_definition(data)
    return command, (*issues, *faults(command))


def faults(command: CommandDefinition) -> list[Issue]:
    """Everything that is wrong with a definition that was read: its graph, and what hangs on it."""
    wired = wire(command)
    return [
        *wired.issues,
        *check(wired.nodes, wired.edges, place=wired.place),
        *check_definition(command, _before(wired)),
    ]


def _before(wired: Wired) -> dict[str, set[str]] | None:
    """For each node, all that end before it; ``None`` for a graph that is none."""
    table = build(tuple(wired.nodes), tuple(wired.edges))
    if table is None:
        return None
    return {table.ids[i]: {table.ids[j] for j in reachable([i], table.preds)} for i in range(len(table.ids))}
