"""Another graph of the same nodes, for a run that is to prove something.

A run in one fixed order is a run of a graph with a chain of edges through all nodes: one node is ready at a time, so
neither policies nor priorities nor workers have a say. Rejected: a policy of fixed keys, because a node's ``priority``
goes before any policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Edge, NodeId


@dataclass(frozen=True, slots=True)
class Variation:
    """What is different in a graph.

    Parameters
    ----------
    order
        Every node's id: they run one after the other, in this order.
    without
        Edges to leave out, as pairs of source and target, whatever their kind: how the proof itself is tested.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> dag = DAG([Node("a"), Node("b", after=["a"]), Node("c")])
    >>> Variation(order=("c", "a", "b")).of(dag).levels
    (('c',), ('a',), ('b',))
    >>> Variation(without=(("a", "b"),)).of(dag).levels
    (('a', 'b', 'c'),)
    """

    order: Sequence[str] = ()
    without: Sequence[Sequence[str]] = ()

    def of(self, dag: DAG) -> DAG:
        """Make the other graph.

        Raises
        ------
        CycleError
            The order contradicts the graph.
        """
        if not self.order and not self.without:
            return dag
        dropped = {tuple(pair) for pair in self.without}
        edges = [edge for edge in dag.given if (edge.source, edge.target) not in dropped]
        nodes = [
            replace(node, after=tuple(name for name in node.after if (name, node.id) not in dropped))
            for node in dag.nodes.values()
        ]
        edges += [Edge(NodeId(source), NodeId(target), "order") for source, target in pairwise(self.order)]
        return DAG(nodes, edges, dag.metadata)


AS_IT_IS = Variation()
