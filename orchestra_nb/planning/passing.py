"""What a node cannot do without: the values whose loss passes it over too, when their makers were passed over.

A node whose condition is false makes nothing. What comes after it for order's sake (kinds ``declared``, ``order``,
``state``, ``file``) runs all the same; what needs a value that only it makes cannot. Edges of the kinds ``value``,
``mutation`` and ``alias`` say which values: their evidence names them. Nodes that hand one and the same name to a node
stand for each other: the name is lost to it when the last of them is.

Whether a name is needed at all is settled by a predicate that the plan is given, because only the caller knows what
else there is (the caller's context, defaults): :func:`needs_value` is right for functions and cells, and
:func:`.definitions.requirements.needs_of` for agents too. Failure: none. Rejected: reading requirements off the edge
kinds alone (a parameter with a default is optional, and a cell that only looks at a list makes nothing that the cell
which changes it later could lack).
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Edge, Node, NodeId

NeedsValue = Callable[[Node, Node, str], bool]
"""Whether the second node cannot do without the value of a name that the first one hands to it."""

Inputs = Mapping[int, tuple[tuple[int, ...], ...]]
"""For each node's position, the makers of each value that it needs; one of them suffices."""

_CARRYING = ("value", "mutation", "alias")


def needs_value(source: Node, target: Node, name: str) -> bool:
    """Say whether one node needs what another makes, as far as nodes themselves tell.

    A parameter with a default does without. A cell makes the names that it binds or changes, and no others. Everything
    else is needed.

    Examples
    --------
    >>> load, plot = Node("load"), Node("plot", fn=lambda load, title="": None)
    >>> needs_value(load, plot, "load"), needs_value(Node("title"), plot, "title")
    (True, False)
    """
    if source.kind == "cell":
        return name in source.writes or name in source.mutates
    return target.fn is None or name not in _defaults(target.fn)


def required_inputs(dag: DAG, needed: NeedsValue) -> Inputs:
    """List what each node needs that nodes make.

    Examples
    --------
    >>> nodes = [Node("a"), Node("b"), Node("join"), Node("after", after=["a"])]
    >>> table = [Edge("a", "join", "value"), Edge("b", "join", "value")]
    >>> dict(required_inputs(DAG(nodes, table), needs_value))
    {2: ((0,), (1,))}
    """
    index, nodes = dag.table.index, dag.nodes
    makers: defaultdict[tuple[int, str], set[int]] = defaultdict(set)
    for edge in dag.given:
        if edge.kind in _CARRYING:
            source, target = nodes[edge.source], nodes[edge.target]
            for made, taken in _names(edge):
                if needed(source, target, made):
                    makers[index[edge.target], taken].add(index[edge.source])
    found: defaultdict[int, list[tuple[int, ...]]] = defaultdict(list)
    for (position, _), those in makers.items():
        found[position].append(tuple(sorted(those)))
    return {position: tuple(inputs) for position, inputs in found.items()}


def _names(edge: Edge) -> Iterator[tuple[str, str]]:
    """What a value is called where it is made, and where it is taken: two names for an alias, ``"rows = table"``."""
    for item in edge.evidence:
        made, both, taken = item.variable.partition(" = ") if edge.kind == "alias" else (item.variable, "", "")
        yield made, taken if both else made
    if not edge.evidence:
        yield edge.source, edge.source


def _defaults(fn: Callable[..., object]) -> frozenset[str]:
    """Name the parameters that have a default."""
    try:
        parameters = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):  # built-in functions without a signature
        return frozenset()
    return frozenset(p.name for p in parameters if p.default is not p.empty)


class Passed:
    """The nodes that were passed over, by position, and what is lost with them.

    Examples
    --------
    >>> nodes = [Node("a"), Node("b")]
    >>> passed = Passed(needs_value)
    >>> passed.look_at(DAG(nodes, [Edge("a", "b", "value")]))
    >>> passed.began(0, "a", "not today")
    >>> passed.lost(1), passed.told(passed.lost(1))
    (('a',), "needs 'a', which was skipped: not today")
    """

    def __init__(self, needed: NeedsValue) -> None:
        self.roots: dict[int, tuple[NodeId, ...]] = {}
        """Who began it, for each node that was passed over."""
        self._needed = needed
        self._reasons: dict[NodeId, str] = {}
        self._inputs: Inputs = {}
        self._dag: DAG | None = None

    def look_at(self, dag: DAG) -> None:
        """Take note of what needs what in a DAG."""
        if self._dag is not dag:
            self._inputs = required_inputs(dag, self._needed)
            self._dag = dag

    def began(self, i: int, name: NodeId, reason: str) -> None:
        """Take note that the condition of a node was false."""
        self._reasons[name] = reason
        self.roots[i] = (name,)

    def lost(self, i: int) -> tuple[NodeId, ...]:
        """Say who began it that a node lacks a value which it needs; nobody if it lacks none."""
        for makers in self._inputs.get(i, ()):
            if self.roots.keys() >= set(makers):
                return tuple(dict.fromkeys(root for j in makers for root in self.roots[j]))
        return ()

    def told(self, roots: tuple[NodeId, ...]) -> str:
        """Say it in words."""
        if len(roots) == 1:
            return f"needs {roots[0]!r}, which was skipped: {self._reasons[roots[0]]}"
        return f"needs {' or '.join(map(repr, roots))}, which were all skipped"
