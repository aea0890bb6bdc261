"""Which column each box stands in, where frames are to be drawn around those of one phase.

Policy: a frame has columns of its own, in which nothing else stands, so that no two frames can overlap and none has a
stranger in it; frames come in the order in which they need each other, boxes without a frame before those of their
rank. Phases that do not need each other stand side by side too, where ``dot`` would stack them: wider, and never wrong.
Two frames that need each other cannot be drawn so; then there are none, and levels decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestra_nb.display.picture.layout import Plan
from orchestra_nb.graph.paths import layers


def frame_columns(plan: Plan) -> list[int] | None:
    """Give each box a column; ``None`` if frames cannot be drawn.

    Examples
    --------
    >>> from orchestra_nb.display.picture.layout import Shape
    >>> shapes = [Shape(9, 9, 0, 0), Shape(9, 9, 1, 0), Shape(9, 9, 0, 1), Shape(9, 9, 1)]
    >>> frame_columns(Plan(tuple(shapes), ((0, 1, False), (0, 2, False), (0, 3, False)), (9.0, 9.0)))
    [0, 1, 3, 2]
    """
    if not plan.frames:
        return None
    group_of, groups = _groups(plan)
    pairs = [(source, target) for source, target, _ in plan.lines]
    ranks = _layers(len(groups), {(group_of[a], group_of[b]) for a, b in pairs if group_of[a] != group_of[b]})
    if ranks is None:
        return None
    inner = _inner_levels(pairs, group_of, groups)
    columns = [0] * len(plan.shapes)
    next_column = 0
    for rank in ranks:
        alone = [i for number in rank for i in groups[number] if plan.shapes[i].frame is None]
        for i in alone:
            columns[i] = next_column
        next_column += bool(alone)
        for number in rank:
            members = groups[number]
            if plan.shapes[members[0]].frame is not None:
                for i in members:
                    columns[i] = next_column + inner[i]
                next_column += 1 + max(inner[i] for i in members)
    return columns


def _groups(plan: Plan) -> tuple[list[int], list[list[int]]]:
    """The boxes of each frame, and each box without one by itself."""
    numbers: dict[tuple[str, int], int] = {}
    group_of = []
    for i, shape in enumerate(plan.shapes):
        key = ("box", i) if shape.frame is None else ("frame", shape.frame)
        group_of.append(numbers.setdefault(key, len(numbers)))
    groups: list[list[int]] = [[] for _ in numbers]
    for i, number in enumerate(group_of):
        groups[number].append(i)
    return group_of, groups


def _inner_levels(
    pairs: Sequence[tuple[int, int]], group_of: Sequence[int], groups: Sequence[Sequence[int]]
) -> list[int]:
    """The level of each box among those of its own frame."""
    levels = _layers(len(group_of), {(a, b) for a, b in pairs if group_of[a] == group_of[b]})
    assert levels is not None  # part of a graph without circles
    found = [0] * len(group_of)
    for number, level in enumerate(levels):
        for i in level:
            found[i] = number
    return found


def _layers(size: int, pairs: Iterable[tuple[int, int]]) -> list[list[int]] | None:
    preds: list[list[int]] = [[] for _ in range(size)]
    succs: list[list[int]] = [[] for _ in range(size)]
    for source, target in sorted(pairs):
        preds[target].append(source)
        succs[source].append(target)
    found = layers(preds, succs)
    return found if sum(map(len, found)) == size else None
