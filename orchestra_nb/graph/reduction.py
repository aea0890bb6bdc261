"""Transitive reduction of pure order: drop what other needs imply already.

Policy: only pairs that nothing but order joins (``declared``, ``order``) may go. What must end before what
(reachability) stays exactly the same; a failure travels along the longer way as it did along the edge.

The hot loop: sets of ancestors as bits of Python integers, passed down the graph in topological order, so that one
``|`` joins thousands of nodes. Only sources of edges that may go get a bit, and they go in blocks, which bounds the
memory (nodes times the block's bits) however large the graph is. Rejected: a depth-first search per edge (far edges
search most of the graph each), sets of ancestors (an object per entry instead of a bit).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.table import Table
from orchestra_nb.model import EdgeKind, Node, NodeId

_ORDER: frozenset[EdgeKind] = frozenset({"declared", "order"})
_BLOCK = 4096

_Pair = tuple[int, int]


def reduce_order(dag: DAG) -> DAG:
    """Make the same graph without the order that is implied; see :meth:`.DAGBuilder.optimize`."""
    index, ids = dag.table.index, dag.table.ids
    kinds: defaultdict[_Pair, dict[str, None]] = defaultdict(dict)
    for edge in dag.given:
        kinds[index[edge.source], index[edge.target]][edge.kind] = None
    carrying = {pair for pair, found in kinds.items() if not _ORDER.issuperset(found)}
    dropped = sorted(_implied(dag.table, carrying))
    gone = {(ids[s], ids[t]) for s, t, _ in dropped}
    losers = {target for _, target in gone}
    nodes = [_without(node, gone) if node.id in losers else node for node in dag.nodes.values()]
    edges = [edge for edge in dag.given if (edge.source, edge.target) not in gone]
    notes = [
        f"dropped {ids[s]} → {ids[t]} ({', '.join(kinds.get((s, t), ['declared']))}): "
        f"{ids[t]!r} waits for {ids[via]!r}, which waits for {ids[s]!r}"
        for s, t, via in dropped
    ]
    known = dag.metadata.get("optimizations", ())
    return DAG(nodes, edges, {**dag.metadata, "optimizations": (*known, *notes)})


def _implied(table: Table, carrying: set[_Pair]) -> Iterator[tuple[int, int, int]]:
    """Yield each pair of pure order that a longer way joins as well, with the last stop of that way."""
    order = [i for level in table.levels for i in level]
    place = {i: n for n, i in enumerate(order)}
    forks = [i for i in order if len(table.succs[i]) > 1]  # with one follower there is no second way
    for start in range(0, len(forks), _BLOCK):
        block = forks[start : start + _BLOCK]
        bit = {source: 1 << n for n, source in enumerate(block)}
        yield from _block(table.preds, order[place[block[0]] :], bit, carrying)


def _block(
    preds: list[list[int]], order: list[int], bit: dict[int, int], carrying: set[_Pair]
) -> Iterator[tuple[int, int, int]]:
    above = [0] * len(preds)
    for t in order:
        before = preds[t]
        if not before:
            continue
        far = near = 0
        for p in before:
            far |= above[p]
            near |= bit.get(p, 0)
        above[t] = far | near
        if far & near:
            for s in before:
                mark = bit.get(s, 0)
                if far & mark and (s, t) not in carrying:
                    yield s, t, next(p for p in before if above[p] & mark)


def _without(node: Node, gone: set[tuple[NodeId, NodeId]]) -> Node:
    after = tuple([name for name in node.after if (name, node.id) not in gone])
    return node if len(after) == len(node.after) else replace(node, after=after)
