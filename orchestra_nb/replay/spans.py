"""When each node of a run waited, ran and rested, and in which place of its lane: what a Gantt chart of it shows.

Policy: a run tells on which kind of lane a node starts (``"thread"``, ``"async"``, ...), and which thread that was only
when it has ended. So a node gets a *place* in its lane as it starts, the lowest that is free, and keeps it until it has
ended, through its rests as well: whoever watches never sees it move. Nothing is decided again later, which is why this
is kept event by event, and not worked out from times: two events of one moment have an order, and times alone do not
tell it. There are as many places in a lane as nodes were ever at once in it, also where some of them rested and took no
worker.

Rejected: lanes by names of threads (known too late, and the pool's own: two nodes at once may have one name).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import NamedTuple

from orchestra_nb.model import NodeId


class Span(NamedTuple):
    """The times of one node, in seconds since its run began.

    Parameters
    ----------
    queued
        When all that it needs had ended; ``None`` when that was not told.
    begun
        When it was handed to its first worker; ``None`` before.
    lane
        Which kind of worker that was.
    place
        Its number in that lane, from 1; 0 before.
    rests
        When each attempt failed, and until when it rested then.
    """

    queued: float | None = None
    begun: float | None = None
    lane: str = ""
    place: int = 0
    rests: tuple[tuple[float, float], ...] = ()


@dataclass(slots=True)
class Spans:
    """The spans of all nodes that were queued or started; it is told what happens to them.

    Each event of a run comes here, so it is kept in as few objects as that needs; :attr:`of` makes records of them.

    Examples
    --------
    >>> spans, (a, b, c) = Spans(), map(NodeId, "abc")
    >>> for node in (a, b):
    ...     spans.begin(node, 0.0, "thread")
    >>> spans.end(a)
    >>> spans.begin(c, 1.0, "thread")
    >>> [(span.lane, span.place) for span in spans.of.values()]
    [('thread', 1), ('thread', 2), ('thread', 1)]
    """

    _queued: dict[NodeId, float] = field(default_factory=dict)
    _begun: dict[NodeId, tuple[float, str, int]] = field(default_factory=dict)
    _rests: dict[NodeId, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    _free: dict[str, list[int]] = field(default_factory=dict)
    _most: dict[str, int] = field(default_factory=dict)

    @property
    def of(self) -> dict[NodeId, Span]:
        """The span of each node."""
        queued, rests = self._queued, self._rests
        found = {node: Span(queued.get(node), *known, rests.get(node, ())) for node, known in self._begun.items()}
        found.update((node, Span(at)) for node, at in queued.items() if node not in found)
        return found

    def queue(self, node: NodeId, at: float) -> None:
        """Take note that a node waits for its resources and a worker."""
        self._queued[node] = at

    def begin(self, node: NodeId, at: float, lane: str) -> None:
        """Give a node that starts its place; one that has a place keeps it."""
        if node in self._begun:
            return
        free = self._free.get(lane)
        if free:
            place = heappop(free)
        else:
            place = self._most[lane] = self._most.get(lane, 0) + 1
        self._begun[node] = at, lane, place

    def rest(self, node: NodeId, at: float, until: float) -> None:
        """Take note that an attempt failed, and that the next one begins later."""
        self._rests[node] = (*self._rests.get(node, ()), (at, until))

    def wake(self, node: NodeId, at: float) -> None:
        """Take note that the last rest of a node has ended at another moment than was told."""
        known = self._rests.get(node)
        if known:
            self._rests[node] = (*known[:-1], (known[-1][0], at))

    def end(self, node: NodeId) -> None:
        """Free the place of a node, which goes to whoever starts next in that lane."""
        known = self._begun.get(node)
        if known is not None:
            free = self._free.get(known[1])
            if free is None:
                free = self._free[known[1]] = []
            heappush(free, known[2])

    def copy(self) -> Spans:
        """Take a copy that later events do not change."""
        free = {lane: free.copy() for lane, free in self._free.items()}
        return Spans(self._queued.copy(), self._begun.copy(), self._rests.copy(), free, self._most.copy())
