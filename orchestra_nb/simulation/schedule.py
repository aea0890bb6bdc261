"""A schedule: who does what when, as the simulator and the static schedulers make it.

The rows say everything: what a node waited for, and why a worker was idle, is read from them (:mod:`.waits`) when
somebody asks, so that whoever makes a schedule by other means (HEFT, an optimum) only has to say who begins when.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from orchestra_nb.graph.analysis import Bounds
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import NodeId, Outcome, Status
from orchestra_nb.presentation import Presented
from orchestra_nb.running.seams import Lane
from orchestra_nb.simulation.waits import Gaps, Waits, gaps_of, waits_of

_new = object.__new__


@dataclass(frozen=True)  # without slots: see placed
class Slot:
    """One attempt's place in a schedule; times in seconds since its begin.

    Parameters
    ----------
    node
        Whose attempt.
    worker
        Which worker, from 0; what awaits on the event loop has numbers from ``Schedule.workers`` on.
    start, end
        When it begins and ends.
    queued
        From when on it could have begun: all that the node needs had ended and its level was open or, of a later
        attempt, its rest was over. ``None``: at once.
    lock_wait
        Seconds before ``start`` in which it waited for resources.
    waited_for
        The resource that it waited for last; empty when for none.
    held_by
        Who let it in at last, by giving back what they held; of a rate, whose turn had left its window.
    attempt
        Which attempt of the node, from 1.
    status
        How it ended: ``"done"``, ``"failed"``, or ``"cancelled"`` when the run was stopped.
    reason
        Why it failed or was cancelled; else empty.
    met
        When all that the node needs had ended, where that is earlier than ``queued``: the barrier of its level was
        between.
    lane
        Where it ran: ``"async"`` holds no worker.

    Examples
    --------
    >>> Slot("load", 0, 0.0, 2.5).seconds
    2.5
    """

    node: NodeId
    worker: int
    start: float
    end: float
    queued: float | None = None
    lock_wait: float = 0.0
    waited_for: str = ""
    held_by: tuple[NodeId, ...] = ()
    attempt: int = 1
    status: Status = "done"
    reason: str = ""
    met: float | None = None
    lane: Lane = "thread"

    @property
    def seconds(self) -> float:
        """How long it takes.

        Examples
        --------
        >>> Slot("load", 0, 1.0, 2.5).seconds
        1.5
        """
        return self.end - self.start


def placed(node: NodeId, worker: int, start: float, end: float, queued: float, lane: Lane, **rest: Any) -> Slot:
    """Make the slot of an attempt, quickly: a schedule has one for each, and most of them say no more than this.

    A frozen class that sets its fields one by one takes four times as long.

    Parameters
    ----------
    node, worker, start, end, queued, lane, **rest
        The fields of a :class:`Slot`; what is not given has its default.

    Examples
    --------
    >>> placed("load", 0, 0.0, 2.5, 0.0, "thread") == Slot("load", 0, 0.0, 2.5, 0.0)
    True
    """
    slot = _new(Slot)
    fields = slot.__dict__
    fields["node"], fields["worker"], fields["start"], fields["end"] = node, worker, start, end
    fields["queued"], fields["lane"] = queued, lane
    if rest:
        fields.update(rest)
    return slot


@dataclass(frozen=True, slots=True)
class ResourceUse:
    """How much of a resource a schedule uses.

    Parameters
    ----------
    resource
        Its name.
    amount
        How much there is of it; of a rate, how much may begin in ``period``.
    period
        Seconds, of a rate; infinite for a budget; ``None`` for what is held.
    taken
        How much was taken in all, each attempt by what it asks for.
    busy
        Seconds times amount for which it was held, by attempts and by those that rested with it.
    utilization
        Share of what could have been used in the time of the schedule, from 0 to 1.

    Examples
    --------
    >>> from orchestra_nb import DAG, Node, simulate
    >>> simulate(DAG([Node("a", uses=["gpu"], cost=2), Node("b", cost=4)]), resources={"gpu": 2}).resources
    (ResourceUse(resource='gpu', amount=2, period=None, taken=1, busy=2.0, utilization=0.25),)
    """

    resource: str
    amount: int
    period: float | None
    taken: int
    busy: float
    utilization: float


@dataclass(frozen=True, slots=True)
class Schedule(Presented):
    """Who does what when.

    Parameters
    ----------
    rows
        One slot per attempt, by start.
    workers
        How many there were.
    makespan
        Seconds until everything has ended.
    lower_bound
        Seconds that no schedule of what ran can beat.
    utilization
        Share of the workers' time spent on nodes, from 0 to 1.
    critical_path
        The longest way through the graph, which no number of workers makes shorter.
    policy, schedule
        By which it was made; empty where it was made by other means.
    speeds
        Of each worker, where they are not all equal.
    outcomes
        How the nodes ended that did not end well, with the reasons: failed, cancelled and skipped ones.
    resources
        What was used of each resource.
    stopped
        Why the run was stopped before its end, as in :class:`.RunResult`; else empty.
    dag
        The graph, with what its nodes took as their costs.

    Examples
    --------
    >>> from orchestra_nb import DAG, Node, simulate
    >>> dag = DAG([Node("a", cost=2, uses=["db"]), Node("b", cost=1, uses=["db"]), Node("c", cost=4)])
    >>> found = simulate(dag, workers=3)
    >>> [(slot.node, slot.start, slot.waited_for, slot.held_by) for slot in found.rows]
    [('c', 0.0, '', ()), ('a', 0.0, '', ()), ('b', 2.0, 'db', ('a',))]
    """

    rows: tuple[Slot, ...]
    workers: int
    makespan: float
    lower_bound: float
    utilization: float
    critical_path: tuple[NodeId, ...] = ()
    policy: str = ""
    schedule: str = ""
    speeds: tuple[float, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    resources: tuple[ResourceUse, ...] = ()
    stopped: str = ""
    dag: DAG | None = field(default=None, compare=False, repr=False)

    @property
    def bounds(self) -> Bounds | None:
        """Between what times a run of this graph must take on so many equal workers, if they are all it waits for.

        Work, span, the lower bound of Fernández and Bussell and the upper one of Graham, see :meth:`.DAG.bounds`; they
        are worked out when they are asked for. ``None`` where they would say nothing: workers are unequal, levels have
        barriers, something awaited on the event loop, waited for a resource or ran more than once, there is no graph,
        or the places were settled before (HEFT, an optimum): there machines may differ node by node, and
        ``lower_bound`` is as tight already.

        Examples
        --------
        >>> from orchestra_nb import DAG, Node, simulate
        >>> simulate(DAG([Node("a", cost=2), Node("b"), Node("c")]), workers=2).bounds
        Bounds(workers=2, work=4.0, span=2.0, lower=2.0, upper=3.0)
        """
        if self.dag is None or self.speeds or self.schedule != "eager" or self.resources or self.outcomes:
            return None
        if any(row.attempt > 1 or row.worker >= self.workers for row in self.rows):
            return None
        return self.dag.bounds(self.workers)

    @property
    def tightest_bound(self) -> float:
        """The most that is known no schedule can beat (seconds): of :attr:`bounds` the lower, else ``lower_bound``.

        ``lower_bound`` sees the longest way and the shared work, as that of a run does; this sees too where work
        crowds, as :func:`.compare_policies` does, and takes a moment on large graphs.

        Examples
        --------
        >>> from orchestra_nb import simulate, taskgraphs
        >>> found = simulate(taskgraphs.fork_join(10), workers=2)
        >>> found.lower_bound, found.tightest_bound, found.makespan
        (6.0, 7.0, 7.0)
        """
        bounds = self.bounds
        return self.lower_bound if bounds is None else max(self.lower_bound, bounds.lower)

    @property
    def waits(self) -> Waits:
        """Who waited for what, from when to when, and who held it; in the order of the rows.

        Examples
        --------
        >>> from orchestra_nb import DAG, Node, simulate
        >>> simulate(DAG([Node("a"), Node("b")]), workers=1).waits
        (Wait(node='b', kind='worker', start=0.0, end=1.0, resource='', held_by=(), attempt=1),)
        """
        rates = {use.resource for use in self.resources if use.period is not None}
        return Waits(waits_of(self.rows, rates))

    @property
    def gaps(self) -> Gaps:
        """When workers were idle, and why: with the slots, they fill each worker's time to the makespan.

        Examples
        --------
        >>> from orchestra_nb import DAG, Node, simulate
        >>> simulate(DAG([Node("a", cost=2), Node("b"), Node("c", after=["a"])]), workers=2).gaps
        (Gap(worker=1, start=1.0, end=3.0, why='over', node='', resource=''),)
        """
        rates = {use.resource for use in self.resources if use.period is not None}
        return Gaps(gaps_of(self.rows, self.workers, self.makespan, rates))

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The nodes that failed or were cancelled.

        Examples
        --------
        >>> from orchestra_nb import DAG, Node, simulate
        >>> dag = DAG([Node("slow", cost=9, timeout=2), Node("next", after=["slow"])])
        >>> [(outcome.node, outcome.ended) for outcome in simulate(dag).failed]
        [('slow', 2.0)]
        """
        return tuple(outcome for outcome in self.outcomes if outcome.bad)

    @property
    def skipped(self) -> tuple[Outcome, ...]:
        """The nodes that never ran, with the reasons.

        Examples
        --------
        >>> from orchestra_nb import DAG, Node, simulate
        >>> dag = DAG([Node("slow", cost=9, timeout=2), Node("next", after=["slow"])])
        >>> [(outcome.node, outcome.reason) for outcome in simulate(dag).skipped]
        [('next', "needs 'slow', which failed")]
        """
        return tuple(outcome for outcome in self.outcomes if outcome.status == "skipped")
