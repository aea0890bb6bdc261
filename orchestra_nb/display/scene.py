"""What is in a picture of a DAG, before anyone decides how to draw it.

Policy: one scene for ``dot`` and for our own drawing, so that both show the same nodes, marks and colours. A graph of
more than :data:`MOST_BOXES` nodes is collapsed by level (and runs of levels, if there are many), because nobody reads
more boxes than that and ``dot`` takes minutes for them. Several edges between two nodes are one line: dashed only if
every one of them is merely possible. Colours are those of Okabe and Ito, which the colour-blind tell apart; every
status also has a mark of its own. A line that a longer way implies is drawn faint: it is there, with its reasons, and
does not hide the shape of the graph. A cell that nobody named says below its number what it makes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from orchestra_nb.display.wording import clean, count, duration, short
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.validation import faults_of
from orchestra_nb.model import Edge, EdgeKind, Node, NodeId, Outcome, Status

MOST_BOXES = 300
_MOST_COLUMNS = 40
_REASONS = 8
_MADE = 2
_MADE_WIDTH = 22
_NUMBERED = re.compile(r"cell-\d+(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Look:
    """How one status is painted."""

    mark: str
    fill: str
    border: str


LOOKS: Mapping[Status | None, Look] = {
    None: Look("", "#ffffff", "#6b6b6b"),
    "done": Look("✓", "#d3eee4", "#007a59"),
    "cached": Look("↺", "#d6ebf8", "#2f87bd"),
    "failed": Look("✗", "#f9d9c7", "#c04f00"),
    "skipped": Look("–", "#e9e9e9", "#8a8a8a"),
    "cancelled": Look("■", "#fbeabf", "#b47a00"),
}
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
    """A node, or a run of levels, in the picture."""

    lines: tuple[str, ...]
    tooltip: str
    level: int
    status: Status | None = None
    critical: bool = False
    phase: str | None = None


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


def scene(
    dag: DAG, outcomes: Mapping[str, Outcome] | None = None, durations: Mapping[str, float] | None = None
) -> Scene:
    """Compose the picture of a DAG.

    Parameters
    ----------
    dag
        The graph.
    outcomes
        How nodes ended; gives colours, marks and, for nodes that ran, durations.
    durations
        Measured seconds, where they differ from both. The critical path is that of the durations shown.
    """
    outcomes = outcomes or {}
    measured = {name: o.seconds for name, o in outcomes.items() if o.started is not None} | dict(durations or {})
    timed = dag.with_costs(measured) if measured else dag
    known = set(measured) if measured else ({n.id for n in dag.nodes.values()} if _has_costs(dag) else set())
    if len(dag.nodes) > MOST_BOXES:
        return _collapsed(timed, outcomes)
    path = set(timed.critical_path)
    boxes = tuple(
        _box(node, level, outcomes.get(node.id), node.id in known, node.id in path)
        for level, node in _by_document(timed)
    )
    return Scene(boxes, _lines(timed), title(timed))


def title(dag: DAG) -> str:
    """Say the picture in one sentence, for those who do not see it."""
    path = dag.critical_path
    shown = path if len(path) <= 12 else (*path[:6], "…", *path[-5:])
    way = f"; critical path {' → '.join(short(name) for name in shown)}" if path else ""
    return f"DAG of {count(len(dag.nodes), 'node')} in {count(len(dag.levels), 'level')}{way}"


def _has_costs(dag: DAG) -> bool:
    """Whether anyone gave costs: if all are the same, they are the default and say nothing."""
    return len({node.cost for node in dag.nodes.values()}) > 1


def _by_document(dag: DAG) -> list[tuple[int, Node]]:
    level_of = {name: number for number, names in enumerate(dag.levels) for name in names}
    return [(level_of[node.id], node) for node in dag.nodes.values()]


def _box(node: Node, level: int, outcome: Outcome | None, timed: bool, critical: bool) -> Box:
    status = outcome.status if outcome else None
    faults = faults_of([node])
    look: Status | None = "failed" if faults and status is None else status
    mark = LOOKS[look].mark
    lines = [f"{mark} {short(node.id)}" if mark else short(node.id), *_makes(node)]
    if timed and status not in ("skipped", "cancelled"):
        lines.append(duration(node.cost))
    facts = [clean(node.id), f"level {level}", *(f"does not parse: {clean(fault)}" for fault in faults)]
    if status:
        facts.append(status + (f": {clean(outcome.reason)}" if outcome and outcome.reason else ""))
    facts += [
        f"{verb} {clean(', '.join(names))}"
        for verb, names in (("reads", node.reads), ("writes", node.writes), ("mutates", node.mutates))
        if names
    ]
    if critical:
        facts.append("on the critical path")
    return Box(tuple(lines), " · ".join(facts), level, look, critical, node.phase)


def _makes(node: Node) -> list[str]:
    """What a cell without a name is about: the names that it binds, else its first line of code."""
    if node.kind != "cell" or not _NUMBERED.fullmatch(node.id):
        return []
    if node.writes:
        more = "…" if len(node.writes) > _MADE else ""
        return [short(clean(", ".join(node.writes[:_MADE])) + more, _MADE_WIDTH)]
    code = (line.strip() for line in node.source.splitlines())
    return [short(clean(line), _MADE_WIDTH) for line in code if line and line[0] not in "#%"][:1]


def _implied(dag: DAG) -> set[tuple[int, int]]:
    """Pairs with a longer way between them; node sets are the bits of one integer each."""
    children = dag.table.succs
    below = [0] * len(children)
    for level in reversed(dag.table.levels):
        for i in level:
            for child in children[i]:
                below[i] |= below[child] | 1 << child
    return {
        (i, child)
        for i, direct in enumerate(children)
        for child in direct
        if any(below[other] >> child & 1 for other in direct if other != child)
    }


def _lines(dag: DAG) -> tuple[Line, ...]:
    index = dag.table.index
    critical = set(pairwise(dag.critical_path))
    implied = _implied(dag)
    joined: dict[tuple[NodeId, NodeId], list[Edge]] = {}
    for edge in dag.edges:
        joined.setdefault((edge.source, edge.target), []).append(edge)
    return tuple(
        Line(
            index[edges[0].source],
            index[edges[0].target],
            min((edge.kind for edge in edges), key=list(LINES).index),
            all(edge.certainty == "possible" for edge in edges),
            _reasons(edges),
            pair in critical,
            (index[pair[0]], index[pair[1]]) in implied,
        )
        for pair, edges in joined.items()
    )


def _reasons(edges: Sequence[Edge]) -> str:
    told = [clean(edge) for edge in edges[:_REASONS]]
    more = [f"and {len(edges) - _REASONS} more"] if len(edges) > _REASONS else []
    return " · ".join([*told, *more])


def _collapsed(dag: DAG, outcomes: Mapping[str, Outcome]) -> Scene:
    """One box for each level, or for each of several equal runs of levels."""
    levels = dag.levels
    step = -(-len(levels) // _MOST_COLUMNS)
    runs = [range(start, min(start + step, len(levels))) for start in range(0, len(levels), step)]
    run_of = {name: i for i, run in enumerate(runs) for number in run for name in levels[number]}
    path = set(dag.critical_path)
    boxes = tuple(
        _run_box(dag, [name for number in run for name in levels[number]], run, i, outcomes, path)
        for i, run in enumerate(runs)
    )
    pairs: dict[tuple[int, int], int] = {}
    for target, names in enumerate(dag.table.preds):
        for source in names:
            pair = (run_of[dag.table.ids[source]], run_of[dag.table.ids[target]])
            pairs[pair] = pairs.get(pair, 0) + 1
    critical = {(run_of[a], run_of[b]) for a, b in pairwise(dag.critical_path)}
    lines = tuple(
        Line(s, t, "value", False, count(number, "need"), (s, t) in critical)
        for (s, t), number in sorted(pairs.items())
        if t - s == 1 or (s < t and (s, t) in critical)
    )
    return Scene(boxes, lines, f"{title(dag)} (collapsed by level)")


def _run_box(
    dag: DAG,
    names: Sequence[str],
    run: range,
    column: int,
    outcomes: Mapping[str, Outcome],
    path: Iterable[str],
) -> Box:
    span = f"level {run[0]}" if len(run) == 1 else f"levels {run[0]} to {run[-1]}"
    statuses = [outcomes[name].status for name in names if name in outcomes]
    worst = next((s for s in ("failed", "cancelled", "skipped", "done", "cached") if s in statuses), None)
    on_path = [name for name in names if name in path]
    time = duration(sum(dag.nodes[name].cost for name in names))
    lines = (f"{LOOKS[worst].mark} {span}".strip(), count(len(names), "node"), time)
    tally = [f"{statuses.count(s)} {s}" for s in dict.fromkeys(statuses)]
    shown = [short(name) for name in names[:10]] + (["…"] if len(names) > 10 else [])
    facts = [span, *tally, ", ".join(shown), *(f"critical: {clean(name)}" for name in on_path[:5])]
    return Box(lines, " · ".join(facts), column, worst, bool(on_path))
