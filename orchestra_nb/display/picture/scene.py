"""What is in a picture of a DAG, before anyone decides how to draw it, and whatever becomes of its nodes.

Policy: one scene for every layout and for the DOT text, so that all show the same boxes and lines. What changes while
a run goes on (states, marks, times) is no part of it: see :mod:`.faces`. A graph of more than :data:`MOST_BOXES` nodes,
or of more than :data:`MOST_LINES` lines that say something, is collapsed (:mod:`.collapsing`), because nobody reads
more than that. Several edges between two nodes are one line: dashed only if every one of them is merely possible. A
line that a longer way implies is drawn faint: it is there, with its reasons, and does not hide the shape of the graph;
where there are too many lines, these are left out first. A cell that nobody named says below its number what it makes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

from orchestra_nb.display.picture.collapsing import collapsed
from orchestra_nb.display.picture.parts import LINES, Box, Line, Scene, implied, title
from orchestra_nb.display.wording import clean, count, short
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.validation import faults_of
from orchestra_nb.model import Edge, Node, NodeId

MOST_BOXES = 300
MOST_LINES = 1500
_REASONS = 8
_MADE = 2
_MADE_WIDTH = 22
_NUMBERED = re.compile(r"cell-\d+(\.\d+)?")


def scene(dag: DAG, durations: Mapping[str, float] | None = None) -> Scene:
    """Compose the picture of a DAG.

    Parameters
    ----------
    dag
        The graph.
    durations
        Seconds that nodes take, where anything better than their costs is known. The critical path is that of the
        durations shown.
    """
    measured = dict(durations or {})
    timed = dag.with_costs(measured) if measured else dag
    known: Collection[str] = measured if measured else (dag.nodes if _has_costs(dag) else ())
    if len(dag.nodes) > MOST_BOXES:
        return collapsed(timed, known)
    lines, said = _lines(timed), title(timed)
    if len(lines) > MOST_LINES:
        kept = tuple(line for line in lines if line.critical or not line.implied)
        if len(kept) > MOST_LINES:
            return collapsed(timed, known)
        said += f"; {count(len(lines) - len(kept), 'line')} that longer ways imply left out"
        lines = kept
    path = set(timed.critical_path)
    boxes = tuple(_box(node, level, node.id in known, node.id in path) for level, node in _by_document(timed))
    return Scene(boxes, lines, said)


def _has_costs(dag: DAG) -> bool:
    """Whether anyone gave costs: if all are the same, they are the default and say nothing."""
    return len({node.cost for node in dag.nodes.values()}) > 1


def _by_document(dag: DAG) -> list[tuple[int, Node]]:
    level_of = {name: number for number, names in enumerate(dag.levels) for name in names}
    return [(level_of[node.id], node) for node in dag.nodes.values()]


def _box(node: Node, level: int, timed: bool, critical: bool) -> Box:
    faults = faults_of([node])
    facts = [clean(node.id), f"level {level}", *(f"does not parse: {clean(fault)}" for fault in faults)]
    facts += [
        f"{verb} {clean(', '.join(names))}"
        for verb, names in (("reads", node.reads), ("writes", node.writes), ("mutates", node.mutates))
        if names
    ]
    if critical:
        facts.append("on the critical path")
    return Box(
        (node.id,),
        short(node.id),
        tuple(facts),
        level,
        tuple(_makes(node)),
        node.cost if timed else None,
        node.phase,
        critical,
        bool(faults),
    )


def _makes(node: Node) -> list[str]:
    """What a cell without a name is about: the names that it binds, else its first line of code."""
    if node.kind != "cell" or not _NUMBERED.fullmatch(node.id):
        return []
    if node.writes:
        more = "…" if len(node.writes) > _MADE else ""
        return [short(clean(", ".join(node.writes[:_MADE])) + more, _MADE_WIDTH)]
    code = (line.strip() for line in node.source.splitlines())
    return [short(clean(line), _MADE_WIDTH) for line in code if line and line[0] not in "#%"][:1]


def _lines(dag: DAG) -> tuple[Line, ...]:
    index = dag.table.index
    critical = set(pairwise(dag.critical_path))
    longer = implied(dag.table.levels, dag.table.succs)
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
            (index[pair[0]], index[pair[1]]) in longer,
        )
        for pair, edges in joined.items()
    )


def _reasons(edges: Sequence[Edge]) -> str:
    told = [clean(edge) for edge in edges[:_REASONS]]
    more = [f"and {len(edges) - _REASONS} more"] if len(edges) > _REASONS else []
    return " · ".join([*told, *more])
