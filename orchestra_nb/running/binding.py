"""What fills the parameters of a node's function: the values of nodes that have ended by then, and the context.

A node comes before a context key of the same name. What nothing fills must have a default. Faults are collected, so
that every node that could not be called is named at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from orchestra_nb.errors import Issue, nearest
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.signature import parameters
from orchestra_nb.model import Node, NodeId


@dataclass(frozen=True, slots=True)
class Inputs:
    """The parameters to fill: name, and whether a node's value fills it or the context."""

    positional: tuple[tuple[str, bool], ...]
    named: tuple[tuple[str, bool], ...]


NO_INPUTS = Inputs((), ())


class Order:
    """Who has ended when a node, or a part of one, begins.

    Most inputs come from the node right before. Of the others, each maker's followers are found once, and not every
    node's ancestors: those of a chain are as many as the square of its length.

    Parameters
    ----------
    dag
        The graph.
    home
        The node of the graph that each node and each part belongs to.

    Examples
    --------
    >>> dag = DAG([Node("load"), Node("fit", after=["load"]), Node("plot", after=["fit"])])
    >>> order = Order(dag, {name: name for name in dag.nodes})
    >>> order.ended("load", "plot"), order.ended("plot", "load"), order.ended("plot", "plot")
    (True, False, False)
    """

    def __init__(self, dag: DAG, home: Mapping[NodeId, NodeId]) -> None:
        self._dag = dag
        self._home = home
        self._before: dict[NodeId, frozenset[str]] = {}
        self._after: dict[NodeId, frozenset[str]] = {}

    def ended(self, name: str, part: str) -> bool:
        """Whether ``name`` has ended, and well, when ``part`` begins."""
        home, dag = self._home, self._dag
        maker, own = home[NodeId(name)], home.get(NodeId(part), NodeId(part))
        if maker == own:  # the parts of one node are called one after another
            parts = [each.id for each in dag.nodes[own].parts]
            return part in parts and parts.index(NodeId(name)) < parts.index(NodeId(part))
        if own not in self._before:
            self._before[own] = frozenset(dag.predecessors(own))
        if maker in self._before[own]:
            return True
        if maker not in self._after:
            self._after[maker] = frozenset(dag.descendants(maker))
        return own in self._after[maker]


def bound(
    node: Node, home: Mapping[NodeId, NodeId], order: Order, context: Collection[str], issues: list[Issue]
) -> Inputs:
    """Say what fills each parameter of a node, or of a part of one.

    Parameters
    ----------
    node
        Whose function is to be called.
    home
        The node of the graph that each node and each part belongs to.
    order
        Who has ended by then.
    context
        Names of the context's values.
    issues
        Receives what is wrong.

    Examples
    --------
    >>> dag = DAG([Node("load", fn=list), Node("total", fn=lambda load, scale: 0, after=["load"])])
    >>> home = {name: name for name in dag.nodes}
    >>> bound(dag.nodes["total"], home, Order(dag, home), ["scale"], issues := [])
    Inputs(positional=(), named=(('load', True), ('scale', False)))
    """
    if node.fn is None:
        hint = "give it fn=, or run the DAG with the program that its nodes are made for"
        told = f"node {node.id!r} has no function to call"
        issues.append(Issue("no-function", told, (node.id,), suggestion=hint))
        return NO_INPUTS
    positional: list[tuple[str, bool]] = []
    named: list[tuple[str, bool]] = []
    for name, required, by_place in parameters(node.fn):
        of_node = name in home and name != node.id
        if of_node:
            if not order.ended(name, node.id):
                issues.append(unordered(node.id, name))
        elif name not in context:
            if required:
                issues.append(_unfilled(node.id, name, [*home, *context]))
            continue
        (positional if by_place else named).append((name, of_node))
    return Inputs(tuple(positional), tuple(named)) if positional or named else NO_INPUTS


def unknown(node: str, name: str, known: list[str]) -> Issue:
    """Make the fault of a condition that reads what nothing gives."""
    told, hint = f"node {node!r}: its condition reads {name!r}, which nothing gives", nearest(name, known)
    return Issue("unknown-name", told, (node,), suggestion=hint)


def unordered(node: str, name: str, what: str = "parameter") -> Issue:
    """Make the fault of a parameter, or a condition, that would be filled too early."""
    told = f"node {node!r}: its {what} needs {name!r}, a node that need not have ended"
    hint = f"add {name!r} to its 'after'" if name != node else "a node's own value is not there before it has run"
    return Issue(f"unordered-{what}", told, (node, name), suggestion=hint)


def _unfilled(node: str, name: str, known: list[str]) -> Issue:
    hint = nearest(name, [word for word in known if word != node])
    return Issue("unfilled-parameter", f"node {node!r}: nothing fills its parameter {name!r}", (node,), suggestion=hint)
