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
    """The spans of all nodes that were queued or started, in that order; it is told what happens to them.

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

    of: dict[NodeId, Span] = field(default_factory=dict)
    _free: dict[str, list[int]] = field(default_factory=dict)
    _most: dict[str, int] = field(default_factory=dict)

    def queue(self, node: NodeId, at: float) -> None:
        """Take note that a node waits for its resources and a worker."""
        self.of[node] = Span(at)

    def begin(self, node: NodeId, at: float, lane: str) -> None:
        """Give a node that starts its place; one that has a place keeps it."""
        known = self.of.get(node, Span())
        if known.place:
            return
        free = self._free.get(lane)
        if free:
            place = heappop(free)
        else:
            place = self._most[lane] = self._most.get(lane, 0) + 1
        self.of[node] = known._replace(begun=at, lane=lane, place=place)

    def rest(self, node: NodeId, at: float, until: float) -> None:
        """Take note that an attempt failed, and that the next one begins later."""
        known = self.of.get(node, Span())
        self.of[node] = known._replace(rests=(*known.rests, (at, until)))

    def wake(self, node: NodeId, at: float) -> None:
        """Take note that the last rest of a node has ended at another moment than was told."""
        known = self.of.get(node, Span())
        if known.rests:
            self.of[node] = known._replace(rests=(*known.rests[:-1], (known.rests[-1][0], at)))

    def end(self, node: NodeId) -> None:
        """Free the place of a node, which goes to whoever starts next in that lane."""
        known = self.of.get(node)
        if known is not None and known.place:
            heappush(self._free.setdefault(known.lane, []), known.place)

    def copy(self) -> Spans:
        """Take a copy that later events do not change."""
        return Spans(self.of.copy(), {lane: free.copy() for lane, free in self._free.items()}, self._most.copy())
