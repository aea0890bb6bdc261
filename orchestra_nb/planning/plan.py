"""The plan: what may start now, as a machine without clock, threads or I/O.

Like :class:`graphlib.TopologicalSorter`: ask what is ready, say what started, say how it ended. The real run, the
simulator and the property tests drive this very machine, so what the tests prove holds for the run.

Policy: ready nodes are offered by ``Node.priority``, then the policy's key, then document order. ``eager``: a node is
ready when all it needs has ended well. ``levels``: and every node of the levels above has ended. Failure: what needs a
failed, cancelled or skipped node is skipped, whatever the kind of the edge, and the reason names the node that began
it; without ``keep_going`` everything that has not started is. A call that does not fit the state is a ``ValueError``,
because it is a mistake of the driver and not of the user.

A graph may shrink while it runs (:meth:`Plan.pass_over`: a condition was false) and grow (:meth:`Plan.grow`: a node
made others). Both hold the plan to what it would have done, had the whole been known from the start: no node before
its needs, none twice, and completed levels never become fewer.

The hot loop is ``start``/``finish`` on integers, on the tables of :mod:`.ledger`; a node that was started out of turn
leaves its rank in the heap, to be dropped when it comes up. Rejected: a sorted list (linear inserts on wide graphs), a
``PriorityQueue`` (locks; the driver is one thread).
"""

from __future__ import annotations

from heapq import heappop, heappush

from orchestra_nb.config import Schedule
from orchestra_nb.errors import ConfigError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import NodeId, Status
from orchestra_nb.planning.ledger import ENDED, GOOD, Ledger, Skip, State
from orchestra_nb.planning.passing import NeedsValue, needs_value
from orchestra_nb.planning.policies import Policy, policy_of

_HOW = {"failed": "failed", "cancelled": "was cancelled", "skipped": "was skipped"}


class Plan(Ledger):
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
    needs_value
        Whether a node cannot do without a value that another makes: who is passed over with whom.

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
        needs_value: NeedsValue = needs_value,
    ) -> None:
        if schedule not in ("eager", "levels"):
            raise ConfigError(f"schedule={schedule!r} is not one of eager, levels")
        self._keep_going = keep_going
        super().__init__(dag, policy_of(policy, seed), schedule == "levels", needs_value)

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

    @property
    def offers(self) -> bool:
        """Whether there may be something to take."""
        return bool(self._heap)

    def take(self) -> list[NodeId]:
        """Start everything that may start now; returns it, the most urgent first.

        For drivers that keep a queue of their own: one step in place of :meth:`ready` and a :meth:`start` for each.
        """
        taken: list[NodeId] = []
        heap = self._heap
        if not heap:  # as at every other call
            return taken
        order, state, ids = self._order, self._state, self._ids
        while heap:
            i = order[heappop(heap)]
            if state[i] == "ready":
                state[i] = "running"
                self._running[i] = None
                taken.append(ids[i])
        return taken

    def rank(self, node: str) -> int:
        """Say how urgent a node is: the smallest goes first."""
        return self._rank[self._position(node)]

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
        if status not in ENDED:
            raise ValueError(f"{node!r} cannot end as {status!r}")
        del self._running[i]
        self._end(i, status)
        skipped: list[Skip] = []
        if status in GOOD:
            self._release(i)
            if self._doomed:
                skipped = self._pass_on()
            elif self._left_in[self._level_of[i]]:  # nothing else ended, and its level goes on: no barrier falls
                return ()
        else:
            reason = self._spoilt[i] = f"needs {node!r}, which {_HOW[status]}"
            skipped = self._skip(self._waiting_for(i), reason)
            if status != "skipped" and not self._keep_going:
                skipped += self.stop(f"stopped after {node!r} {_HOW[status]}")
        self._cross_barriers()
        return self._in_order(skipped)

    def pass_over(self, node: str, reason: str) -> tuple[Skip, ...]:
        """Take note that the condition of a ready or running node is false: it is skipped, and made nothing.

        What merely comes after it goes on. What cannot do without a value that only such nodes make is passed over in
        its turn, as soon as all else that it waits for has ended: later calls return it where that takes longer. It
        cannot be settled before, for what comes after *it* may not start earlier than it could have. Nothing is
        stopped, with ``keep_going`` or without.

        Returns
        -------
        tuple of Skip
            The node itself with the reason given, then those that will not run because of it, in document order; their
            reason names the node that began it.

        Examples
        --------
        >>> from orchestra_nb.model import Edge, Node
        >>> nodes = [Node("scan"), Node("report"), Node("tidy", after=["scan"])]
        >>> plan = Plan(DAG(nodes, [Edge("scan", "report", "value")]))
        >>> for skip in plan.pass_over("scan", "its condition is false"):
        ...     print(skip.node, "|", skip.reason)
        scan | its condition is false
        report | needs 'scan', which was skipped: its condition is false
        >>> plan.ready()
        ('tidy',)
        """
        i = self._position(node)
        if self._state[i] not in ("ready", "running"):
            raise ValueError(f"{node!r} cannot be passed over: it is {self._state[i]}")
        self._passed.look_at(self.dag)
        self._running.pop(i, None)
        self._passed.began(i, self._ids[i], reason)
        self._end(i, "skipped")
        self._release(i)
        skipped = self._pass_on()
        self._cross_barriers()
        return (Skip(self._ids[i], reason), *self._in_order(skipped))

    def grow(self, dag: DAG) -> tuple[Skip, ...]:
        """Go on with a DAG that has more nodes, behind those of this one; :func:`.grown` makes such.

        What has ended stays as it is, and so does what runs. All others are ranked anew and wait for what the new DAG
        makes them wait for, so that a node may be ready no longer. With ``schedule="levels"``, a new node whose level
        is complete already runs at once, as part of the current level. Best called before the expanding node ends:
        then nothing that is to wait for the new nodes can have started.

        Returns
        -------
        tuple of Skip
            New nodes that will not run, and what waits for them: they need what ended badly or was passed over, or the
            plan was stopped.

        Raises
        ------
        ValueError
            The DAG does not begin with the nodes of this one. Nothing has changed, nor if the policy raises.

        Examples
        --------
        >>> from orchestra_nb.graph import grown
        >>> from orchestra_nb.model import Node
        >>> plan = Plan(DAG([Node("split"), Node("join", after=["split"])]))
        >>> plan.start("split")
        >>> plan.grow(grown(plan.dag, "split", [Node("part-1"), Node("part-2")]))
        ()
        >>> plan.finish("split"), plan.ready()
        ((), ('part-1', 'part-2'))
        """
        if dag.table.ids[: len(self._ids)] != self._ids:
            raise ValueError("a plan can only grow to a DAG that begins with the nodes of its own")
        self._adopt(dag)
        skipped = self._pass_on()
        for i, before in enumerate(dag.table.preds if self._spoilt else ()):
            if self._state[i] == "waiting" and not self._spoilt.keys().isdisjoint(before):
                reason = next(self._spoilt[j] for j in before if j in self._spoilt)
                skipped += self._skip([i, *self._waiting_for(i)], reason)
        if self._stopped is not None:
            skipped += self.stop(self._stopped)
        self._cross_barriers()
        return self._in_order(skipped)

    def stop(self, reason: str) -> tuple[Skip, ...]:
        """Start nothing any more: everything that has not started is skipped for the reason given."""
        if self._stopped is None:
            self._stopped = reason
        self._heap.clear()
        skipped = self._skip([i for i, state in enumerate(self._state) if state in ("waiting", "ready")], reason)
        self._cross_barriers()
        return tuple(skipped)

    def _position(self, node: str) -> int:
        try:
            return self._index[NodeId(node)]
        except KeyError:
            raise ValueError(f"no node of this plan is named {node!r}") from None

    def _in_order(self, skipped: list[Skip]) -> tuple[Skip, ...]:
        return tuple(sorted(skipped, key=lambda skip: self._index[skip.node])) if skipped else ()
