"""Which node is counted to which level: the barriers of ``schedule="levels"``, and what completed levels mean.

A graph that grows gets other levels: nodes move down behind new ones, and a new node may belong to a level that is
complete already. That one is counted to the current level (the first that is not complete), so that the number of
completed levels never goes down; when all are complete, it is counted to none and waits for no barrier.
"""

from __future__ import annotations

from collections.abc import Sequence


def lay_out(
    levels: Sequence[list[int]], over: Sequence[bool], complete: int
) -> tuple[list[list[int]], list[int], list[int]]:
    """Count nodes to levels.

    Parameters
    ----------
    levels
        Topological generations.
    over
        For each node, whether it has ended.
    complete
        How many levels were complete before.

    Returns
    -------
    members, left, level_of
        The nodes of each level that have not ended, and behind the last level those that belong to none; how many they
        are; and for each node where it is counted.

    Examples
    --------
    Node 2 is new in a level that is complete, and node 3 comes after it:

    >>> lay_out([[0], [1, 2], [3]], [True, True, False, False], complete=2)
    ([[], [], [2, 3], []], [0, 0, 2, 0], [2, 2, 2, 2])
    """
    level_of = [0] * len(over)
    for number, level in enumerate(levels):
        at = number if number > complete else complete
        for i in level:
            level_of[i] = at
    if not any(over):
        return [*levels, []], [*map(len, levels), 0], level_of
    members: list[list[int]] = [[] for _ in range(len(levels) + 1)]
    for level in levels:
        for i in level:
            if not over[i]:
                members[level_of[i]].append(i)
    return members, list(map(len, members)), level_of
