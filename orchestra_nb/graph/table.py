"""The graph as index lists: what the algorithms work on, shared by every DAG with the same shape.

Policy: positions are document order; one list of needs and one of followers per node, each ascending and without
repeats, whatever number of edges joins a pair. Failure: :func:`build` returns ``None`` for anything that is not a DAG,
quickly and without saying why; :func:`.validation.check` finds the words. Good graphs so pay nothing for bad ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestra_nb.graph.paths import layers
from orchestra_nb.model import Edge, Node, NodeId


@dataclass(frozen=True, slots=True)
class Table:
    """Who needs whom, by position in the document.

    Parameters
    ----------
    ids
        The nodes' names.
    index
        Each name's position.
    preds, succs
        For each node, the positions of those it needs and of those that need it.
    levels
        Topological generations.
    """

    ids: tuple[NodeId, ...]
    index: dict[NodeId, int]
    preds: list[list[int]]
    succs: list[list[int]]
    levels: list[list[int]]


def build(nodes: Sequence[Node], edges: Sequence[Edge]) -> Table | None:
    """Make the table, or ``None`` if the nodes and edges are no DAG."""
    ids = tuple([node.id for node in nodes])
    index = {name: i for i, name in enumerate(ids)}
    if len(index) < len(ids):
        return None
    try:
        preds = [[index[name] for name in node.after] for node in nodes]
        for edge in edges:
            preds[index[edge.target]].append(index[edge.source])
    except KeyError:
        return None
    succs: list[list[int]] = [[] for _ in ids]
    for i, before in enumerate(preds):
        if len(before) > 1:
            before.sort()
            if len(set(before)) < len(before):
                before[:] = sorted(set(before))
        for j in before:
            succs[j].append(i)
    levels = layers(preds, succs)
    if sum(map(len, levels)) < len(ids):
        return None
    return Table(ids, index, preds, succs, levels)
