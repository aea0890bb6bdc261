"""Who waits for one resource, and in which order they go in, with ageing.

**Order.** The highest priority first, among equals whoever asked first; but whoever *could* go in goes in: a request
that needs two of something does not keep one from others who need one.

**Ageing.** So a large or unimportant request is overtaken, and that has an end: it is counted, in grants and not in
seconds, so that it does not depend on a clock or on how long locks are held. A request that found ``n`` others
waiting for its resources becomes *senior* after :data:`AGE` ``* (n + 1)`` grants of them, and from then on what it
still needs counts as taken for everybody who asked later (reservation, as in backfilling: Lifka, "The ANL/IBM SP
scheduling system", 1995). Seniors go in the order of asking. The one exception is an owner for whom the senior itself
waits: it passes, for the senior's own sake (:meth:`.table.LockTable`).

So **a request is overtaken at most** ``AGE * (n + 1) + k`` **times**, where ``k`` is the number of resources that it
names: a grant overtakes it when it goes to somebody who asked later and leaves too little for it.

Data: a waiting request is *parked* at the one resource that refused it last, in a sorted list for each amount that was
needed, so that a resource which gets room looks only at who could go in: O(number of amounts), not O(waiters). Every
resource that it wants also has it in the list of who becomes senior when. Sorted lists and not heaps: those who give up
leave at once and no rubbish stays, and moving memory is quicker than sifting in Python up to some ten thousands.

Rejected: raising priorities with waiting time (a bound in seconds says nothing when locks are held for hours, and a
long queue of the important still goes first); the strict order of a queue (one large request idles what many could
use).
"""

from __future__ import annotations

from bisect import bisect_left, insort

from orchestra_nb.resources.requests import Request

AGE = 4
"""Grants for each place in the queue until a request is senior."""
_Rank = tuple[float, int, Request]
_Due = tuple[int, int, Request]


class Queue:
    """Who waits for one resource.

    Examples
    --------
    >>> queue, first, urgent = Queue(), Request("a", ()), Request("b", (), priority=5)
    >>> first.number, urgent.number = 1, 2
    >>> queue.park(first, 1); queue.park(urgent, 2)
    >>> queue.best(1).owner, queue.best(2).owner
    ('a', 'b')
    >>> queue.leave(urgent, 2); queue.best(2).owner
    'a'
    """

    def __init__(self) -> None:
        self.turns = 0
        """Grants so far."""
        self.seniors: list[Request] = []
        """In the order of asking."""
        self.ageing: list[_Due] = []
        """Who waits and is not senior, by the turn at which it will be."""
        self._parked: dict[float, list[_Rank]] = {}

    @property
    def wanted(self) -> int:
        """How many wait for this resource, also those that wait for another one first."""
        return len(self.ageing) + len(self.seniors)

    def park(self, request: Request, need: float) -> None:
        """Let it wait until there is so much."""
        insort(self._parked.setdefault(need, []), (request.priority, -request.number, request))

    def leave(self, request: Request, need: float) -> None:
        """It waits elsewhere, or no more."""
        ranks = self._parked[need]
        del ranks[bisect_left(ranks, (request.priority, -request.number))]
        if not ranks:
            del self._parked[need]

    def best(self, available: float) -> Request | None:
        """Say who goes first of those that need no more than this."""
        best: _Rank | None = None
        for need, ranks in self._parked.items():
            if need <= available and (best is None or ranks[-1] > best):
                best = ranks[-1]
        return None if best is None else best[2]

    def grow_old(self, request: Request, due: int) -> None:
        """Count from now on how often it is overtaken."""
        insort(self.ageing, (due, request.number, request))

    def forget(self, request: Request, due: int) -> None:
        """Count no more."""
        if request.senior:
            self.seniors.remove(request)
        else:
            del self.ageing[bisect_left(self.ageing, (due, request.number))]

    def promote(self, request: Request, due: int) -> None:
        """Make it a senior here."""
        del self.ageing[bisect_left(self.ageing, (due, request.number))]
        insort(self.seniors, request, key=_number)

    def clear(self) -> None:
        """Begin anew, after an interrupt between two steps."""
        self.seniors, self.ageing, self._parked = [], [], {}


def _number(request: Request) -> int:
    return request.number
