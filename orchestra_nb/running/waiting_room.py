"""The waiting room of a run: nodes whose needs are met and that have no place yet, and who of them goes in next.

A place is one of a lane (:data:`.seams.Lane`) together with all the resources that the node uses. Whoever is the most
urgent *of those that could go in* goes in: a node that waits for a resource, or for a lane that is full, never stands
before one that could run. Nothing can starve in a graph that ends: whoever overtakes has gone for good.

Data: one heap of ranks for each reason to wait, which is a lane together with the resource that last refused the node
and how much of it was asked. All nodes of one heap wait for the same thing, so only its top is looked at, and what was
refused is not tried again before there is room for it: a choice costs O(number of reasons + log n), not O(n) for each
release of a lock for which thousands wait. Where resources are shared (:mod:`orchestra_nb.resources.joint`), whoever
finds no room waits in the queue of all, and is not looked at before its wait there is over.

Rejected: one queue in order of urgency that is searched from the front (quadratic for a mutex with many users);
reserving what a large claim waits for (idles workers, and prevents nothing that could happen in a finite graph).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from typing import Any, NamedTuple

from orchestra_nb.errors import ResourceError
from orchestra_nb.model import NodeId
from orchestra_nb.resources.claims import Claims, Elsewhere, Obstacle, Wants

Open = Callable[[str], bool]


class Waiter(NamedTuple):
    """A node that waits, with whatever is to be begun; the smallest ``rank`` is the most urgent."""

    rank: int
    node: NodeId
    wants: Wants = ()
    attempt: Any = None
    priority: float = 0


class _Reason(NamedTuple):
    lane: str
    resource: str = ""
    amount: int = 0


class WaitingRoom:
    """Who waits for what.

    Parameters
    ----------
    claims
        The resources; whoever goes in has claimed its own by then.

    Examples
    --------
    >>> room = WaitingRoom(Claims())
    >>> room.enter("thread", Waiter(0, "first", (("db", 1),)))
    >>> room.enter("thread", Waiter(1, "second", (("db", 1),)))
    >>> room.enter("thread", Waiter(2, "third"))
    >>> room.next(lambda lane: True, now=0.0).node, room.next(lambda lane: True, now=0.0).node
    ('first', 'third')
    >>> room.next(lambda lane: True, now=0.0)
    >>> room.reasons()
    {'second': 'db'}
    """

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self.size = 0
        """How many wait."""
        self._heaps: dict[_Reason, list[Waiter]] = {}
        self.lanes: dict[str, list[Waiter]] = {}
        """For each lane in which anybody ever waited, the heap of those that wait for nothing but its place."""
        self._elsewhere: dict[NodeId, tuple[_Reason, Waiter]] = {}
        self._hopeless: list[tuple[Waiter, ResourceError]] = []
        self._refused_at: dict[NodeId, float] = {}

    def __len__(self) -> int:
        return sum(map(len, self._heaps.values())) + len(self._elsewhere)

    def enter(self, lane: str, waiter: Waiter) -> None:
        """Let a node wait for a place in its lane."""
        heap = self.lanes.get(lane)
        if heap is None:
            heap = self.lanes[lane] = self._heaps.setdefault(_Reason(lane), [])
        heappush(heap, waiter)
        self.size += 1

    def next(self, is_open: Open, now: float) -> Waiter | None:
        """Choose who goes in, with all that it uses claimed for it; ``None`` when nobody can.

        Parameters
        ----------
        is_open
            Says of a lane whether it has a place.
        now
            Seconds, for rates.
        """
        if not self._claims.shared:
            return self._chosen(is_open, now)
        while True:
            for node in self._claims.arrived():
                reason, waiter = self._elsewhere.pop(NodeId(str(node)))
                self.size -= 1
                self.enter(reason.lane, waiter)
            found = self._chosen(is_open, now)
            if found is not None or not self._claims.settle():
                return found

    def _chosen(self, is_open: Open, now: float) -> Waiter | None:
        while (reason := self._best(is_open, now)) is not None:
            waiter = heappop(self._heaps[reason])
            self.size -= 1
            try:
                obstacle = self._claims.claim(*waiter[1:3], now, waiter.priority) if waiter.wants else None
            except ResourceError as error:
                self._hopeless.append((waiter, error))
                continue
            if obstacle is None:
                return waiter
            self._refused_at.setdefault(waiter.node, now)
            why = _Reason(reason.lane, *obstacle)
            if isinstance(obstacle, Elsewhere):
                self._elsewhere[waiter.node] = why, waiter
                self.size += 1
            else:
                self._push(why, waiter)
        return None

    def waited(self, node: NodeId, now: float) -> float:
        """Say for how many seconds a node that goes in had to wait for its resources."""
        return now - self._refused_at.pop(node, now)

    def wake(self, now: float) -> float | None:
        """Say when time alone makes room for somebody: the earliest moment at which to ask again."""
        soonest = self._claims.wake(now)
        if not self._claims.has_rates:
            return soonest
        for reason, heap in self._heaps.items():
            if heap and reason.resource:
                at = self._claims.opens(reason.resource, reason.amount, now)
                if at is not None and at > now and (soonest is None or at < soonest):
                    soonest = at
        return soonest

    @property
    def may_refuse(self) -> bool:
        """Whether :meth:`refused` could find anybody."""
        return bool(self._hopeless) or (self._claims.has_budgets and bool(self.size))

    def refused(self) -> list[tuple[Waiter, ResourceError]]:
        """Send away whoever waits for what there will never be, each with the error; the most urgent first."""
        found, self._hopeless = self._hopeless, []
        hopeless = len(found)
        for reason, heap in self._heaps.items():
            while heap and reason.resource:
                error = self._claims.refusal(heap[0].node, Obstacle(reason.resource, reason.amount))
                if error is None:
                    break
                found.append((heappop(heap), error))
        self.size -= len(found) - hopeless
        return sorted(found, key=lambda pair: pair[0].rank)

    def empty(self) -> list[Waiter]:
        """Send everybody away; returns them, the most urgent first."""
        gone = sorted((waiter for _, waiter in self._all()), key=_urgency)
        gone += [waiter for waiter, _ in self._hopeless]
        self._heaps.clear()
        self.lanes.clear()
        self._hopeless.clear()
        self._elsewhere.clear()
        for waiter in gone:
            if waiter.wants:
                self._claims.withdraw(waiter.node)
        self._refused_at.clear()
        self.size = 0
        return gone

    def recall(self) -> None:
        """Let nobody wait in a queue of others, where it could be granted something; it waits here for its lane."""
        there = tuple(self._elsewhere.items())
        self._elsewhere.clear()
        self.size -= len(there)
        for node, (reason, waiter) in there:
            self._claims.withdraw(node)
            self.enter(reason.lane, waiter)
        self._claims.settle()

    def waits_for(self, lane: str) -> bool:
        """Whether anybody waits for a place in this lane."""
        return any(heap and reason.lane == lane for reason, heap in self._heaps.items()) or any(
            reason.lane == lane for reason, _ in self._elsewhere.values()
        )

    def hopes(self, is_open: Open) -> bool:
        """Whether others could make room for somebody whose lane has a place."""
        return any(is_open(reason.lane) and self._claims.others(node) for node, (reason, _) in self._elsewhere.items())

    def renumber(self, rank_of: Callable[[NodeId], int]) -> None:
        """Take over new ranks, after the graph has grown."""
        for heap in self._heaps.values():
            heap[:] = sorted((waiter._replace(rank=rank_of(waiter.node)) for waiter in heap), key=_urgency)
        for node, (reason, waiter) in self._elsewhere.items():
            self._elsewhere[node] = reason, waiter._replace(rank=rank_of(node))

    def reasons(self) -> dict[NodeId, str]:
        """Say for each waiting node which resource refused it last; empty when it waits for a worker."""
        return {waiter.node: reason.resource for reason, waiter in self._all()}

    def find(self, node: str) -> Waiter:
        """Give a node that waits; raises ``KeyError`` when it does not."""
        for _, waiter in self._all():
            if waiter.node == node:
                return waiter
        raise KeyError(node)

    def _all(self) -> Iterator[tuple[_Reason, Waiter]]:
        for reason, heap in self._heaps.items():
            for waiter in heap:
                yield reason, waiter
        yield from self._elsewhere.values()

    def _best(self, is_open: Open, now: float) -> _Reason | None:
        best: Waiter | None = None
        found: _Reason | None = None
        for reason, heap in self._heaps.items():
            if not heap or (best is not None and heap[0].rank > best.rank) or not is_open(reason.lane):
                continue
            if reason.resource and not self._claims.room(reason.resource, reason.amount, now):
                continue
            best, found = heap[0], reason
        return found

    def _push(self, reason: _Reason, waiter: Waiter) -> None:
        heap = self._heaps.get(reason)
        if heap is None:
            heap = self._heaps[reason] = []
        heappush(heap, waiter)
        self.size += 1


def _urgency(waiter: Waiter) -> int:
    return waiter.rank
