"""Chains of cheap nodes as one node: the saving is a journey to a worker per node.

Policy: ``a → b`` can become one node when nothing else needs ``a`` and ``b`` needs nothing else, so that no other node
can tell the difference: whatever came before ``a`` or after ``b`` comes before or after the merged node, and nothing is
ordered that was not. Both must be of one kind, backend, phase, priority and verdicts, and have no setting that is about
one body (a condition, a timeout, tries, a resource, ...). Cells keep their own outputs, and so stay; nodes without a
body stay, because only their program knows what they are. The merged node keeps its parts (:attr:`.Node.parts`), which
run one after another and keep their own values. A failure in a part fails the merged node, which names it; the values
of the parts before are then lost.

Order: a merged node takes the place of its first part, so that ties are settled as before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.list_schedule import Jobs
from orchestra_nb.model import Edge, Node, NodeId

Chain = tuple[int, ...]
"""Positions of the nodes that become one, in the order in which they run."""


@dataclass(frozen=True, slots=True)
class Cheap:
    """What may be merged: chains that stay below so many seconds, without some nodes."""

    below: float
    apart: Collection[str] = ()

    def chains(self, dag: DAG) -> list[Chain]:
        """Find the chains, in document order of their first nodes; none has a node of another.

        Examples
        --------
        >>> nodes = [Node("a", fn=dict), Node("b", fn=dict, after=["a"]), Node("c", fn=dict, after=["b"], cost=9)]
        >>> Cheap(below=3).chains(DAG(nodes))
        [(0, 1)]
        """
        table, nodes = dag.table, list(dag.nodes.values())
        following = {}
        for i, after in enumerate(table.succs):
            if len(after) == 1 and len(table.preds[after[0]]) == 1 and self._pair(nodes[i], nodes[after[0]]):
                following[i] = after[0]
        begins = sorted(following.keys() - set(following.values()))
        costs = [float(node.cost) for node in nodes]
        return sorted(chain for i in begins for chain in self._cut(_run(i, following), costs))

    def _pair(self, first: Node, second: Node) -> bool:
        same = ("kind", "backend", "phase", "priority", "verdicts")
        return (
            self._plain(first)
            and self._plain(second)
            and all(getattr(first, name) == getattr(second, name) for name in same)
        )

    def _plain(self, node: Node) -> bool:
        """Whether a node is a body and nothing more."""
        own = (node.when, node.undo, node.timeout, node.breaker)
        return (
            node.kind != "cell"
            and (node.fn is not None or bool(node.parts))
            and all(setting is None for setting in own)
            and node.cache is False
            and node.retry == 1
            and not node.uses
            and node.id not in self.apart
        )

    def _cut(self, run: Iterable[int], costs: Sequence[float]) -> Iterator[Chain]:
        """Cut a run of nodes into the longest chains that are cheap, from its begin on."""
        chain: list[int] = []
        for i in run:
            if chain and sum(costs[k] for k in chain) + costs[i] >= self.below:
                yield from _worth(chain)
                chain = []
            if costs[i] < self.below:
                chain.append(i)
        yield from _worth(chain)


def _run(i: int, following: dict[int, int]) -> Iterator[int]:
    yield i
    while i in following:
        i = following[i]
        yield i


def _worth(chain: list[int]) -> Iterator[Chain]:
    if len(chain) > 1:
        yield tuple(chain)


def merged_jobs(dag: DAG, chains: Iterable[Chain]) -> Jobs:
    """Make what :func:`merge` makes, for asking how long it would take: first parts stand for their chains."""
    table, nodes = dag.table, list(dag.nodes.values())
    succs, costs = list(table.succs), [float(node.cost) for node in nodes]
    gone: set[int] = set()
    for chain in chains:
        succs[chain[0]] = table.succs[chain[-1]]
        costs[chain[0]] = _cost([nodes[i] for i in chain])
        gone.update(chain[1:])
    levels = [[i for i in level if i not in gone] for level in table.levels]
    return Jobs(levels, succs, costs, [node.priority for node in nodes])


def merge(dag: DAG, chains: Iterable[Chain]) -> DAG:
    """Make the graph in which each chain is one node."""
    nodes = list(dag.nodes.values())
    taken = set(dag.nodes)
    heads: dict[int, Node] = {}
    home: dict[NodeId, NodeId] = {}
    for chain in chains:
        node = _joined([nodes[i] for i in chain], taken)
        taken.add(node.id)
        heads[chain[0]] = node
        home |= {nodes[i].id: node.id for i in chain}
    kept = [heads.get(i, node) for i, node in enumerate(nodes) if i in heads or node.id not in home]
    return DAG([_moved(node, home) for node in kept], _edges(dag.given, home), dag.metadata)


def _joined(chain: Sequence[Node], taken: Collection[str]) -> Node:
    """Make one node of several; its id is theirs joined by ``+``, with a number if that is taken."""
    parts = tuple(part for node in chain for part in node.parts or (node,))
    name = "+".join(part.id for part in parts)
    numbered = (f"{name} ({n})" for n in range(2, len(taken) + 3))
    return replace(
        chain[0],
        id=NodeId(name if name not in taken else next(other for other in numbered if other not in taken)),
        fn=None,
        cost=_cost(chain),
        reads=_union(node.reads for node in chain),
        writes=_union(node.writes for node in chain),
        mutates=_union(node.mutates for node in chain),
        metadata={},
        parts=parts,
    )


def _cost(chain: Iterable[Node]) -> float:
    return sum([float(node.cost) for node in chain])


def _union(names: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for some in names for name in some))


def _moved(node: Node, home: dict[NodeId, NodeId]) -> Node:
    if home.keys().isdisjoint(node.after):
        return node
    return replace(node, after=tuple(dict.fromkeys(home.get(name, name) for name in node.after)))


def _edges(edges: Iterable[Edge], home: dict[NodeId, NodeId]) -> Iterator[Edge]:
    """Give the edges between what is not one node now their new ends."""
    for edge in edges:
        source, target = home.get(edge.source, edge.source), home.get(edge.target, edge.target)
        if source != target:
            same = (source, target) == (edge.source, edge.target)
            yield edge if same else replace(edge, source=source, target=target)
