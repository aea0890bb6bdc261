"""The places of a run: slots, the main lane, the loop, and the processes; and who gets one next.

A node in the main, thread or process lane holds one of ``jobs`` slots; the main lane takes one node at a time. In the
async lane nodes hold none: a coroutine that waits costs nothing. An attempt that must be *alone* (a worker died, and it
may have been the cause) starts when nothing is in a process, and nothing else goes to one until it has ended.

Who only looks for an earlier result needs a place like any other, and none of the resources.

A place and all resources are given and taken together, in one step, so that a node that waits for a resource holds no
slot and a node that waits for a slot no resource. Only a node that rests before another attempt may keep its resources,
if its policy says so (``keep_locks``), until it has another place or will not be tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from orchestra_nb.errors import ResourceError
from orchestra_nb.model import NodeId
from orchestra_nb.resources.claims import wants_of
from orchestra_nb.running.decisions import Attempt, Terms
from orchestra_nb.running.seams import Task
from orchestra_nb.running.waiting_room import Waiter, WaitingRoom

_ALONE = "alone"


class Places:
    """Who has a place, and who waits for one.

    Parameters
    ----------
    terms
        How many there are, and the resources.
    rank
        How urgent a node is: the smallest goes first.
    """

    def __init__(self, terms: Terms, rank: Callable[[str], int]) -> None:
        self.busy = 0
        self.main: Attempt | None = None
        self._jobs = terms.jobs
        self._async_jobs = terms.async_jobs
        self._claims = terms.claims
        self._rank = rank
        self._on_loop = 0
        self._in_processes = 0
        self._alone = False
        self._room = WaitingRoom(terms.claims)

    @property
    def waiting(self) -> Mapping[NodeId, str]:
        """Who waits, each with the resource that refused it last, if any."""
        return self._room.reasons()

    def waiter(self, node: str) -> Attempt:
        """Give the attempt of a node that waits; raises ``KeyError`` when it does not."""
        found: Attempt = self._room.find(node).attempt
        return found

    def wake(self, now: float) -> float | None:
        """Say when time alone makes room for somebody who waits."""
        return self._room.wake(now) if self._room.size else None

    def enter(self, attempt: Attempt) -> bool:
        """Give the attempt its place at once, or let it wait; says which."""
        lane = _ALONE if attempt.alone else attempt.lane
        if not self._room.size and not (attempt.node.uses and attempt.look is None):
            if lane == "thread" and self.busy < self._jobs:  # as below, without two calls: most nodes come here
                self.busy += 1
                return True
            if self.is_open(lane):
                self._take(attempt)
                return True
        self.wait(attempt)
        return False

    def wait(self, attempt: Attempt) -> None:
        """Let an attempt wait with all others, whether or not there is a place: the most urgent of them is next."""
        node = attempt.node
        wants = wants_of(node.uses) if node.uses and attempt.look is None else ()
        lane = _ALONE if attempt.alone else attempt.lane
        self._room.enter(lane, Waiter(self._rank(node.id), node.id, wants, attempt, node.priority))

    def next(self, now: float) -> Attempt | None:
        """Choose who goes in; it has its place and all its resources then."""
        self._claims.left()
        room = self._room
        if not room.size or (self.busy >= self._jobs and "async" not in room.lanes and not self._claims.shared):
            return None
        waiter = room.next(self.is_open, now)
        if waiter is None:
            return None
        attempt: Attempt = waiter.attempt
        if waiter.wants:
            attempt.lock_wait += room.waited(waiter.node, now)
        self._take(attempt)
        return attempt

    def recall(self) -> None:
        """Ask for nothing any more where others ask too; who waited there asks anew when it is next chosen from."""
        self._room.recall()

    def rest(self) -> None:
        """Choose nobody; what was given back others may have all the same."""
        self._claims.left()

    def close(self) -> None:
        """Give back, at the end of the run, what others share with it."""
        self._claims.close()

    def hopes(self) -> bool:
        """Whether others, with whom the run shares resources, could make room for somebody who waits."""
        return self._room.hopes(self.is_open)

    def refused(self, now: float) -> list[tuple[Attempt, ResourceError]]:
        """Send away whoever waits for what there will never be, such as more than a budget has left."""
        if not self._room.may_refuse:
            return []
        found = self._room.refused()
        for waiter, _ in found:
            self.forsake(waiter.attempt)
            waiter.attempt.lock_wait += self._room.waited(waiter.node, now)
        return [(waiter.attempt, error) for waiter, error in found]

    def acting(self, attempt: Attempt, task: Task) -> Task:
        """Let the body of an attempt ask for locks as its node, where those are shared with what the node holds."""
        if not attempt.node.uses or attempt.look is not None or attempt.lane == "process":
            return task
        return self._claims.acting(attempt.node.id, task, keep=attempt.lane != "main")

    def leave(self, attempt: Attempt) -> None:
        """Take back the place and the resources of an attempt that has ended."""
        if attempt.node.uses and attempt.look is None:
            self._claims.release(attempt.node.id)
        lane = attempt.lane
        if lane == "async":
            self._on_loop -= 1
            return
        self.busy -= 1
        if lane == "process":
            self._in_processes -= 1
            self._alone = self._alone and not attempt.alone
        elif lane == "main":
            self.main = None

    def keep(self, attempt: Attempt) -> None:
        """Leave its resources with an attempt that has just left its place, and will be followed by another."""
        self._claims.keep(attempt.node.id, wants_of(attempt.node.uses))

    def forsake(self, attempt: Attempt) -> None:
        """Take back the resources of one that kept them, and will not be followed by another."""
        if attempt.node.uses:
            self._claims.release(attempt.node.id)

    def empty(self) -> list[Attempt]:
        """Send away everybody who waits, the most urgent first."""
        sent = [waiter.attempt for waiter in self._room.empty()]
        for attempt in sent:
            self.forsake(attempt)
        return sent

    def renumber(self) -> None:
        """Ask for all ranks anew."""
        self._room.renumber(self._rank)

    def is_open(self, lane: str) -> bool:
        """Whether a lane has a place."""
        if lane == "async":
            return self._async_jobs is None or self._on_loop < self._async_jobs
        if self.busy >= self._jobs:
            return False
        if lane == "thread":
            return True
        if lane == "main":
            return self.main is None
        if lane == _ALONE:
            return not self._in_processes
        return not self._alone and not self._room.waits_for(_ALONE)

    def _take(self, attempt: Attempt) -> None:
        lane = attempt.lane
        if lane == "async":
            self._on_loop += 1
            return
        self.busy += 1
        if lane == "process":
            self._in_processes += 1
            self._alone = attempt.alone
        elif lane == "main":
            self.main = attempt
