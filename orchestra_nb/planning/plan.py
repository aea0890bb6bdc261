"""The plan: what may start now, as a machine without clock, threads or I/O.

Like :class:`graphlib.TopologicalSorter`: ask what is ready, say what started, say how it ended. The real run, the
simulator and the property tests drive this very machine, so what the tests prove holds for the run.

Policy: ready nodes are offered by ``Node.priority``, then the policy's key, then document order. ``eager``: a node is
ready when all it needs has ended well. ``levels``: and every node of the levels above has ended. Failure: what needs a
failed, cancelled or skipped node is skipped, whatever the kind of the edge, and the reason names the node that began
it; without ``keep_going`` everything that has not started is. A call that does not fit the state is a ``ValueError``,
because it is a mistake of the driver and not of the user.

The hot loop is ``start``/``finish`` on integers: priorities are turned into one rank per node beforehand, ready nodes
are a heap of ranks, and a node that was started out of turn leaves its rank behind to be dropped when it comes up. Each
operation costs O(log n) plus the edges that it settles. Rejected: a sorted list (linear inserts on wide graphs), a
``PriorityQueue`` (locks; the driver is one thread).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Literal

from orchestra_nb.config import Schedule
from orchestra_nb.errors import ConfigError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import NodeId, Status
from orchestra_nb.planning.policies import Policy, policy_of

State = Literal["waiting", "ready", "running"] | Status

_GOOD: frozenset[State] = frozenset({"done", "cached"})
_ENDED: frozenset[State] = frozenset({"done", "cached", "failed", "skipped", "cancelled"})
_HOW = {"failed": "failed", "cancelled": "was cancelled", "skipped": "was skipped"}


@dataclass(frozen=True, slots=True)
class Skip:
    """A node that will not run, and why."""

    node: NodeId
    reason: str


class Plan:
    """One pass through a DAG.

    Parameters
    ----------
    dag
        What needs what.
    schedule
        ``"eager"`` or ``"levels"`` (a barrier after each level).
    policy
        A name of :data:`.POLICIES`, or a function from a DAG to a key per node (the smallest goes first).
    keep_going
        After a failure, go on with every node that does not need the failed one.
    seed
        For the policy ``"random"``.

    Raises
    ------
    ConfigError
        An unknown schedule or policy.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> plan = Plan(DAG([Node("load"), Node("clean", after=["load"]), Node("plot")]), keep_going=True)
    >>> plan.ready()
    ('load', 'plot')
    >>> plan.start("load")
    >>> plan.finish("load", "failed")
    (Skip(node='clean', reason="needs 'load', which failed"),)
    >>> plan.ready(), plan.done
    (('plot',), False)
    """

    def __init__(
        self,
        dag: DAG,
        *,
        schedule: Schedule = "eager",
        policy: str | Policy = "critical-path",
        keep_going: bool = False,
        seed: int = 0,
    ) -> None:
        if schedule not in ("eager", "levels"):
            raise ConfigError(f"schedule={schedule!r} is not one of eager, levels")
        self.dag = dag
        table = dag.table
        self._ids, self._index, self._succs, self._levels = table.ids, table.index, table.succs, table.levels
        self._keep_going = keep_going
        self._by_level = schedule == "levels"
        self._order = _order(dag, policy_of(policy, seed))
        self._rank = [0] * len(self._order)
        for rank, i in enumerate(self._order):
            self._rank[i] = rank
        self._state: list[State] = ["waiting"] * len(self._ids)
        self._needs = [len(before) for before in table.preds]
        self._level_of = [0] * len(self._ids)
        for number, level in enumerate(self._levels):
            for i in level:
                self._level_of[i] = number
        self._left_in = [len(level) for level in self._levels]
        self._left = len(self._ids)
        self._complete = 0
        self._heap: list[int] = []
        self._running: dict[int, None] = {}
        self._stopped = False
        for i in self._levels[0] if self._levels else ():
            self._state[i] = "ready"
            self._heap.append(self._rank[i])
        heapify(self._heap)

    @property
    def running(self) -> tuple[NodeId, ...]:
        """Nodes that have started and not ended, in the order of their start."""
        return tuple([self._ids[i] for i in self._running])

    @property
    def done(self) -> bool:
        """Whether every node has ended, one way or another."""
        return not self._left

    @property
    def completed_levels(self) -> int:
        """How many levels, from the first on, have ended entirely."""
        return self._complete

    def status(self, node: str) -> State:
        """Say how a node stands: ``"waiting"``, ``"ready"``, ``"running"``, or how it ended."""
        return self._state[self._position(node)]

    def ready(self, limit: int | None = None) -> tuple[NodeId, ...]:
        """Say what may start now, the most urgent first.

        Parameters
        ----------
        limit
            At most this many; a driver that asks for as many as it has free workers pays only for these.
        """
        heap, state, order = self._heap, self._state, self._order
        while heap and state[order[heap[0]]] != "ready":
            heappop(heap)
        if not heap:
            return ()
        if limit == 1:
            return (self._ids[order[heap[0]]],)
        if limit is None or limit >= len(heap):
            heap[:] = sorted(rank for rank in heap if state[order[rank]] == "ready")
            return tuple([self._ids[order[rank]] for rank in heap])
        found: list[int] = []
        while heap and len(found) < limit:
            rank = heappop(heap)
            if state[order[rank]] == "ready":
                found.append(rank)
        for rank in found:
            heappush(heap, rank)
        return tuple([self._ids[order[rank]] for rank in found])

    def start(self, node: str) -> None:
        """Take note that a ready node was started; it need not be the most urgent one."""
        i = self._position(node)
        if self._state[i] != "ready":
            raise ValueError(f"{node!r} cannot start: it is {self._state[i]}")
        self._state[i] = "running"
        self._running[i] = None

    def finish(self, node: str, status: Status = "done") -> tuple[Skip, ...]:
        """Take note of how a running node ended.

        Returns
        -------
        tuple of Skip
            The nodes that will not run because of it, in document order.
        """
        i = self._position(node)
        if self._state[i] != "running":
            raise ValueError(f"{node!r} cannot end: it is {self._state[i]}")
        if status not in _ENDED:
            raise ValueError(f"{node!r} cannot end as {status!r}")
        del self._running[i]
        self._end(i, status)
        if status in _GOOD:
            self._release(i)
            skipped: list[Skip] = []
        else:
            skipped = self._skip(self._waiting_for(i), f"needs {node!r}, which {_HOW[status]}")
            if status != "skipped" and not self._keep_going:
                skipped += self.stop(f"stopped after {node!r} {_HOW[status]}")
        self._cross_barriers()
        return self._in_order(skipped)

    def stop(self, reason: str) -> tuple[Skip, ...]:
        """Start nothing any more: everything that has not started is skipped for the reason given."""
        self._stopped = True
        self._heap.clear()
        skipped = self._skip([i for i, state in enumerate(self._state) if state in ("waiting", "ready")], reason)
        self._cross_barriers()
        return tuple(skipped)

    def _position(self, node: str) -> int:
        try:
            return self._index[NodeId(node)]
        except KeyError:
            raise ValueError(f"no node of this plan is named {node!r}") from None

    def _end(self, i: int, status: State) -> None:
        self._state[i] = status
        self._left -= 1
        self._left_in[self._level_of[i]] -= 1

    def _release(self, i: int) -> None:
        """Count a good end for all that waits for it; offer what has nothing left to wait for."""
        needs = self._needs
        for j in self._succs[i]:
            needs[j] -= 1
            if not needs[j] and not self._by_level:
                self._offer(j)

    def _offer(self, i: int) -> None:
        if self._state[i] == "waiting" and not self._stopped:
            self._state[i] = "ready"
            heappush(self._heap, self._rank[i])

    def _cross_barriers(self) -> None:
        while self._complete < len(self._levels) and not self._left_in[self._complete]:
            self._complete += 1
            if self._by_level and self._complete < len(self._levels):
                for i in self._levels[self._complete]:
                    self._offer(i)

    def _waiting_for(self, i: int) -> list[int]:
        found: dict[int, None] = {}
        stack = [i]
        while stack:
            for j in self._succs[stack.pop()]:
                if j not in found and self._state[j] not in _ENDED:
                    found[j] = None
                    stack.append(j)
        return list(found)

    def _skip(self, positions: Iterable[int], reason: str) -> list[Skip]:
        skipped = []
        for i in positions:
            self._end(i, "skipped")
            skipped.append(Skip(self._ids[i], reason))
        return skipped

    def _in_order(self, skipped: list[Skip]) -> tuple[Skip, ...]:
        return tuple(sorted(skipped, key=lambda skip: self._index[skip.node]))


def _order(dag: DAG, policy: Policy) -> list[int]:
    """Positions of all nodes, the most urgent first."""
    keys = policy(dag)
    urgency = [(-node.priority, keys[node.id]) for node in dag.nodes.values()]
    return sorted(range(len(urgency)), key=urgency.__getitem__)
