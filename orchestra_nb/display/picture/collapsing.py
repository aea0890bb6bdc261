"""A graph that is too large to be read, in few boxes: one for each phase, or for each level or run of levels.

Policy: phases are what the author of the graph thinks in, so they come first, if there are some and not too many, and
if none needs another that needs it; nodes without a phase are one group more. Otherwise levels, several of them in one
box where there are many. Between runs of levels only lines to the next one and those of the critical path are drawn:
all others would say no more. Cost: linear in nodes and edges.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from orchestra_nb.display.picture.parts import Box, Line, Scene, implied, title
from orchestra_nb.display.wording import clean, count, short
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.paths import layers

_MOST_COLUMNS = 16
_MOST_PHASES = 120
_NAMED = 10
_ON_PATH = 5

_Pairs = Mapping[tuple[int, int], int]


@dataclass(frozen=True, slots=True)
class _Group:
    """Nodes that become one box."""

    name: str
    column: int
    members: tuple[str, ...]


def collapsed(dag: DAG, timed: Collection[str]) -> Scene:
    """Compose the picture of a large graph.

    Parameters
    ----------
    dag
        The graph, its costs those that are to be shown.
    timed
        Nodes of which the time is known.
    """
    by_phase = _phases(dag)
    if by_phase is not None:
        groups, pairs = by_phase
        return Scene(_boxes(dag, groups, timed), _ways(dag, groups, pairs), f"{title(dag)} (collapsed by phase)")
    groups = _runs(dag)
    pairs = _needs(dag, groups)
    critical = _critical(dag, groups)
    near = {pair: number for pair, number in pairs.items() if pair[1] - pair[0] == 1 or pair in critical}
    return Scene(_boxes(dag, groups, timed), _ways(dag, groups, near), f"{title(dag)} (collapsed by level)")


def _phases(dag: DAG) -> tuple[list[_Group], _Pairs] | None:
    """One group for each phase, where they can be drawn from left to right."""
    members: dict[str | None, list[str]] = {}
    for node in dag.nodes.values():
        members.setdefault(node.phase or None, []).append(node.id)
    if not 2 <= len(members) <= _MOST_PHASES:
        return None
    groups = [_Group("no phase" if phase is None else short(phase), 0, tuple(ids)) for phase, ids in members.items()]
    pairs = _needs(dag, groups)
    preds: list[list[int]] = [[] for _ in groups]
    succs: list[list[int]] = [[] for _ in groups]
    for source, target in pairs:
        preds[target].append(source)
        succs[source].append(target)
    columns = layers(preds, succs)
    if sum(map(len, columns)) < len(groups):  # two that need each other
        return None
    column_of = {i: number for number, column in enumerate(columns) for i in column}
    return [_Group(group.name, column_of[i], group.members) for i, group in enumerate(groups)], pairs


def _runs(dag: DAG) -> list[_Group]:
    """One group for each level, or for each of several equal runs of levels."""
    levels = dag.levels
    step = -(-len(levels) // _MOST_COLUMNS)
    groups: list[_Group] = []
    for start in range(0, len(levels), step):
        last = min(start + step, len(levels)) - 1
        span = f"level {start}" if start == last else f"levels {start} to {last}"
        members = tuple(name for names in levels[start : last + 1] for name in names)
        groups.append(_Group(span, len(groups), members))
    return groups


def _group_of(groups: Sequence[_Group]) -> dict[str, int]:
    return {name: i for i, group in enumerate(groups) for name in group.members}


def _needs(dag: DAG, groups: Sequence[_Group]) -> _Pairs:
    """How many edges go from one group to another."""
    known = _group_of(groups)
    group_of = [known[name] for name in dag.table.ids]
    pairs: dict[tuple[int, int], int] = {}
    for target, sources in enumerate(dag.table.preds):
        for source in sources:
            pair = group_of[source], group_of[target]
            if pair[0] != pair[1]:
                pairs[pair] = pairs.get(pair, 0) + 1
    return pairs


def _critical(dag: DAG, groups: Sequence[_Group]) -> set[tuple[int, int]]:
    group_of = _group_of(groups)
    return {(group_of[a], group_of[b]) for a, b in pairwise(dag.critical_path)}


def _ways(dag: DAG, groups: Sequence[_Group], pairs: _Pairs) -> tuple[Line, ...]:
    children: list[list[int]] = [[] for _ in groups]
    columns: dict[int, list[int]] = {}
    for i, group in enumerate(groups):
        columns.setdefault(group.column, []).append(i)
    for source, target in pairs:
        children[source].append(target)
    longer = implied([columns[number] for number in sorted(columns)], children)
    critical = _critical(dag, groups)
    return tuple(
        Line(*pair, "value", False, count(number, "need"), pair in critical, pair in longer)
        for pair, number in sorted(pairs.items())
    )


def _boxes(dag: DAG, groups: Sequence[_Group], timed: Collection[str]) -> tuple[Box, ...]:
    path = frozenset(dag.critical_path)
    return tuple(_box(dag, group, timed, path) for group in groups)


def _box(dag: DAG, group: _Group, timed: Collection[str], path: frozenset[str]) -> Box:
    names = group.members
    critical = [name for name in names if name in path]
    shown = [short(name) for name in names[:_NAMED]] + (["…"] if len(names) > _NAMED else [])
    marked = (f"critical: {clean(name)}" for name in critical[:_ON_PATH])
    facts = (group.name, count(len(names), "node"), ", ".join(shown), *marked)
    known = [dag.nodes[name].cost for name in names if name in timed]
    seconds = sum(known) if known else None
    return Box(names, group.name, facts, group.column, seconds=seconds, critical=bool(critical), many=True)
