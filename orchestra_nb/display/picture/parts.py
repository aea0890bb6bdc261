"""What pictures of a DAG are made of: boxes, lines, the colours of lines. Frozen, and told in text that is clean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestra_nb.display.wording import count, short
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import EdgeKind

CRITICAL = "#0b3c8c"
"""Colour of the critical path, which is also drawn heavier."""

FAINT = "#d2d2d2"
"""Colour of a line that a longer way implies."""

LINES: Mapping[EdgeKind, str] = {
    "value": "#333333",
    "mutation": "#a0407a",
    "alias": "#a0407a",
    "file": "#007a59",
    "state": "#b47a00",
    "declared": "#7a7a7a",
    "order": "#a8a8a8",
}
"""Colour of an edge by its kind, the most telling kind first."""


@dataclass(frozen=True, slots=True)
class Box:
    """A node, or several, in the picture.

    Parameters
    ----------
    nodes
        For which nodes it stands.
    name
        Its first row, before which the mark will stand.
    facts
        What its tooltip tells, in parts.
    level
        Its column, where no phase decides.
    rows
        Rows below the name.
    seconds
        How long it takes, as far as anyone knows.
    phase
        In which frame it stands.
    critical
        Whether it is on the critical path.
    broken
        Whether its code does not parse.
    many
        Whether it counts its nodes, of which it may have one only.
    """

    nodes: tuple[str, ...]
    name: str
    facts: tuple[str, ...] = ()
    level: int = 0
    rows: tuple[str, ...] = ()
    seconds: float | None = None
    phase: str | None = None
    critical: bool = False
    broken: bool = False
    many: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One or more edges between two boxes, by position."""

    source: int
    target: int
    kind: EdgeKind
    possible: bool
    tooltip: str
    critical: bool = False
    implied: bool = False
    """Whether a longer way between the two boxes says the same."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The boxes, the lines, and the picture in one sentence."""

    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    title: str


def title(dag: DAG) -> str:
    """Say the picture in one sentence, for those who do not see it."""
    path = dag.critical_path
    shown = path if len(path) <= 12 else (*path[:6], "…", *path[-5:])
    way = f"; critical path {' → '.join(short(name) for name in shown)}" if path else ""
    return f"DAG of {count(len(dag.nodes), 'node')} in {count(len(dag.levels), 'level')}{way}"


def implied(levels: Sequence[Sequence[int]], children: Sequence[Sequence[int]]) -> set[tuple[int, int]]:
    """Find the pairs with a longer way between them; node sets are the bits of one integer each.

    Examples
    --------
    >>> implied([[0], [1], [2]], [[1, 2], [2], []])
    {(0, 2)}
    """
    below = [0] * len(children)
    found: set[tuple[int, int]] = set()
    for level in reversed(levels):
        for i in level:
            far = direct = 0
            for child in children[i]:
                far |= below[child]
                direct |= 1 << child
            below[i] = far | direct
            if far & direct:
                found.update((i, child) for child in children[i] if far >> child & 1)
    return found
