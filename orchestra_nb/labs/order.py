"""In which order ready nodes are looked at, and by which number: the key of a policy, in words. Pure.

The order is that of :class:`.Plan`: ``Node.priority``, then the policy's key, then the document. What a key means is
told for the policies that have a name; any other has a number.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from orchestra_nb.model import NodeId
from orchestra_nb.planning.policies import policy_of
from orchestra_nb.simulation.case import Case
from orchestra_nb.simulation.moments import Moment
from orchestra_nb.wording import clean, duration

_SECONDS, _COUNT, _DRAWN = duration, "{:g}".format, "{:.3f}".format


@dataclass(frozen=True, slots=True)
class _Said:
    """How the key of a policy is told: what it is called, why it puts somebody first, and the number itself."""

    heading: str
    reason: str
    number: Callable[[float], str]


_SAID: Mapping[str, _Said] = {
    "critical-path": _Said(
        "upward rank", "the longest way to the end begins with it (upward rank {})", lambda key: _SECONDS(-key)
    ),
    "fifo": _Said("in the document", "it stands first in the document", _COUNT),
    "longest-first": _Said("takes", "it takes longest ({})", lambda key: _SECONDS(-key)),
    "shortest-first": _Said("takes", "it takes least ({})", _SECONDS),
    "random": _Said("drawn", "chance wants it so ({} was drawn)", _DRAWN),
    "highest-level": _Said(
        "levels to the end", "most nodes stand one behind the other from it on ({})", lambda key: _COUNT(-key)
    ),
    "most-successors": _Said("waited for by", "most nodes wait for it ({})", lambda key: _COUNT(abs(key))),
    "smallest-slack": _Said("slack", "it may be late by least ({})", _SECONDS),
}
_OTHER = _Said("key", "its key is the smallest ({})", _COUNT)


@dataclass(frozen=True, slots=True)
class Offer:
    """A node that could begin at a step.

    Parameters
    ----------
    node
        Who.
    key
        By which number it stands where it does, as :attr:`Order.heading` calls it.
    fate
        What became of it: on which worker it begins, or for what it waits.

    Examples
    --------
    >>> Offer(NodeId("fit"), "3.0 s", "begins on worker 1").fate
    'begins on worker 1'
    """

    node: NodeId
    key: str
    fate: str


@dataclass(frozen=True, slots=True)
class Order:
    """How urgent the nodes of a simulated run are.

    Parameters
    ----------
    policy
        Its name; empty for a function.
    keys, ranks
        For each node the policy's key, and its place among all.
    priorities
        Of the nodes that have one.
    levels, level_of
        The levels of the graph, and the level of each node.
    workers
        How many there are; what is beyond, is the event loop.

    Examples
    --------
    >>> from orchestra_nb.graph.dag import DAG
    >>> from orchestra_nb.model import Node
    >>> from orchestra_nb.simulation.case import case_of
    >>> order = Order.of(case_of(DAG([Node("a"), Node("b", cost=2)]), 1))
    >>> order.heading, order.key("b"), order.why("b", "a")
    ('upward rank', '2.0 s', 'the longest way to the end begins with it (upward rank 2.0 s)')
    """

    policy: str
    keys: Mapping[str, float]
    ranks: Mapping[str, int]
    priorities: Mapping[str, int]
    levels: tuple[tuple[NodeId, ...], ...]
    level_of: Mapping[str, int]
    workers: int

    @classmethod
    def of(cls, case: Case) -> Order:
        """Work out how urgent the nodes of a question to the simulator are."""
        dag = case.dag
        keys = policy_of(case.policy, case.seed)(dag)
        place = {name: number for number, name in enumerate(dag.nodes)}
        first = sorted(dag.nodes, key=lambda name: (-dag.nodes[name].priority, keys[name], place[name]))
        return cls(
            case.policy if isinstance(case.policy, str) else "",
            {name: place[name] + 1.0 for name in place} if case.policy == "fifo" else keys,
            {name: number for number, name in enumerate(first)},
            {name: node.priority for name, node in dag.nodes.items() if node.priority},
            tuple(tuple(level) for level in dag.levels),
            {name: number for number, level in enumerate(dag.levels) for name in level},
            case.workers,
        )

    @property
    def heading(self) -> str:
        """What the number is called."""
        return self._said.heading

    def key(self, node: str) -> str:
        """Say the number of a node."""
        return self._said.number(self.keys[node])

    @property
    def _said(self) -> _Said:
        return _SAID.get(self.policy, _OTHER)

    def where(self, worker: int) -> str:
        """Say a worker."""
        return f"worker {worker + 1}" if worker < self.workers else "the event loop"

    def offers(self, begun: Iterable[tuple[NodeId, int]], moment: Moment, most: int | None = None) -> tuple[Offer, ...]:
        """Say who could begin at a moment, in order (the first so many of them), and what became of each.

        Who waits stands in order in the moment itself, so that of a thousand that are ready only those are looked at
        that are asked for.
        """
        began = sorted(begun, key=lambda one: self.ranks[one[0]])
        fates = heapq.merge(
            ((node, f"begins on {self.where(worker)}") for node, worker in began),
            ((node, waits_for(resource, holders)) for node, resource, holders in moment.waiting),
            ((node, "waits for a worker") for node in moment.ready),
            key=lambda fate: self.ranks[fate[0]],
        )
        return tuple(Offer(node, self.key(node), fate) for node, fate in islice(fates, most))

    def first(self, begun: Iterable[tuple[NodeId, int]], moment: Moment) -> str:
        """Say who was looked at first at a moment; empty where nobody could begin."""
        heads = [*moment.ready[:1], *(node for node, _, _ in moment.waiting[:1]), *(node for node, _ in begun)]
        return min(heads, key=self.ranks.__getitem__, default="")

    def why(self, first: str, second: str) -> str:
        """Say why one node stands before another."""
        if self.priorities.get(first, 0) != self.priorities.get(second, 0):
            return f"its priority {self.priorities.get(first, 0)} comes before any policy"
        if self.keys[first] == self.keys[second]:
            return f"as urgent as {clean(second)}, it stands before it in the document"
        return self._said.reason.format(self.key(first))


def waits_for(resource: str, holders: Collection[str]) -> str:
    """Say for what somebody waits.

    Examples
    --------
    >>> waits_for("gpu", ["fit", "train"]), waits_for("gpu", [])
    ('waits for gpu, held by fit and train', 'waits for gpu')
    """
    names = named(holders)
    return f"waits for {clean(resource)}" + (f", held by {names}" if names else "")


def named(names: Collection[str], most: int = 5) -> str:
    """List some names as a sentence does, and say how many there are beside.

    Examples
    --------
    >>> named(["a"]), named(["a", "b", "c"]), named([*map(str, range(9))], most=3)
    ('a', 'a, b and c', '0, 1, 2 and 6 more')
    """
    given = [clean(name) for name in islice(names, most)]
    if len(names) > most:
        return f"{', '.join(given)} and {len(names) - most:,} more"
    return " and ".join(filter(None, (", ".join(given[:-1]), given[-1]))) if given else ""
