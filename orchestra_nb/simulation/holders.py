"""Who holds what in a simulated run, and who let the next one in: the account beside the claims.

:class:`~orchestra_nb.resources.claims.Claims` decide, and say who *holds*; when somebody goes in after a wait, the
question is who *held*, and has just given back. Cost: what the node names.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

from orchestra_nb.config import Capacity
from orchestra_nb.model import Node, NodeId
from orchestra_nb.resources.claims import wants_of

_ONCE = Capacity(1)


class Holders:
    """Who holds what.

    Parameters
    ----------
    capacities
        How much there is of what; a name that is not here is there once.

    Examples
    --------
    >>> holders, first, second = Holders({}), Node("a", uses=["db"]), Node("b", uses=["db"])
    >>> holders.enter(first, 0.0, waited=False)
    ('', ())
    >>> holders.leave("a", 2.0)
    >>> holders.enter(second, 2.0, waited=True)
    ('db', ('a',))
    """

    def __init__(self, capacities: Mapping[str, Capacity]) -> None:
        self._capacities = capacities
        self.owners: dict[NodeId, dict[str, tuple[int, float]]] = {}
        """Of each node that holds something, how much of what and since when."""
        self._left: dict[str, tuple[float, tuple[NodeId, ...]]] = {}
        """Of each resource, who gave some of it back last, and when."""
        self._turns: dict[str, deque[tuple[float, NodeId]]] = {}
        """Of each rate, who began within its window."""
        self.taken: dict[str, int] = {}
        """Of each resource, how much was taken in all."""
        self.busy: dict[str, float] = {}
        """Of each resource, the seconds for which it was held, times the amount."""

    def enter(self, node: Node, now: float, *, waited: bool) -> tuple[str, tuple[NodeId, ...]]:
        """Take note that an attempt begins with all that it uses; says for what it waited last, and who let it in."""
        if not node.uses:
            return "", ()
        wants = wants_of(node.uses)
        let_in = max((self._opened(name, now) for name, _ in wants), default=(-1.0, "", ())) if waited else None
        held = self.owners.setdefault(node.id, {})
        for name, amount in wants:
            if name in held:  # kept while it rested
                continue
            self.taken[name] = self.taken.get(name, 0) + amount
            period = self._capacities.get(name, _ONCE).period
            if period is None:
                held[name] = amount, now
            elif period < math.inf:
                self._turns.setdefault(name, deque()).append((now, node.id))
        return ("", ()) if let_in is None else let_in[1:]

    def leave(self, node: NodeId, now: float, *, keeps: bool = False) -> None:
        """Take note that a node gives back what it holds, unless it keeps that while it rests."""
        if keeps:
            return
        for name, (amount, since) in self.owners.pop(node, {}).items():
            self.busy[name] = self.busy.get(name, 0.0) + amount * (now - since)
            at, names = self._left.get(name, (now, ()))
            self._left[name] = now, (*names, node) if at == now else (node,)

    def of(self, resource: str, now: float) -> tuple[NodeId, ...]:
        """Name those who hold a resource; of a rate, those who have begun within its window."""
        if resource in self._turns:
            period = self._capacities[resource].period or 0.0
            return tuple(dict.fromkeys(name for at, name in self._turns[resource] if at + period > now))
        return tuple(node for node, held in self.owners.items() if resource in held)

    def _opened(self, name: str, now: float) -> tuple[float, str, tuple[NodeId, ...]]:
        """Say when there was room last, and by whose leaving."""
        period = self._capacities.get(name, _ONCE).period
        if period is None:
            at, by = self._left.get(name, (-1.0, ()))
            return at, name, by
        gone: tuple[NodeId, ...] = ()
        turns, opened = self._turns.get(name), -1.0
        while turns and turns[0][0] + period <= now:
            at, who = turns.popleft()
            opened, gone = at + period, (who,)
        return opened, name, gone
