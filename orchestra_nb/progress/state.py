"""How far a run is: a fold over what happened, without clock, threads or I/O. Times are passed in.

Policy: each node is ``pending``, ``in_progress``, or has its one end (``completed``, ``failed``, ``skipped``,
``cancelled``). A fact costs O(1), because it is told on the run's own thread; only growth costs a pass over the graph.

**The share never goes backwards**, not even when the graph grows: what is left of the bar is then divided among what is
left of the nodes. At a growth the share reached so far becomes the base, and each end from there on moves the bar by
``(1 - base) / (nodes left)``. Without growth this is ended nodes over all nodes. The bar is full exactly when the *run*
has ended: until somebody says so it stops at 99.9 %, also when every node has its end. A full bar says that the run is
over and not that it went well; the counts say that. When a run ends early, what had not started is skipped, and what
was running is cancelled.

Failure: a fact that contradicts what is known (another end, a start after the end, an unknown name, anything after the
end of the run) is a :class:`.ProgressError`, and nothing has changed. These do not contradict: the same end or start
told twice, an end without a start (skipped nodes never start, and a result that is taken from an earlier run does not),
a new start of the run. A graph that has grown is known from its event by name only; its new nodes are put where a
growth would put them (:func:`.grown`), with the phase of their maker.

Rejected: shares weighed by cost (a bar that jumps when a cost was wrong; how much time is left is for the estimate to
say, and it does), the highest share seen so far as a floor (after a growth the bar would stand still for long), a
frozen record for each fact (a copy of all nodes for each of them: 10,000 nodes would cost seconds).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from orchestra_nb.errors import ProgressError, nearest
from orchestra_nb.events import (
    Event,
    GraphGrown,
    NodeEnded,
    NodeRetrying,
    NodeStarted,
    RunEnded,
    RunPaused,
    RunStarted,
    RunUnpaused,
)
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.growth import grown
from orchestra_nb.model import Node, Outcome, Status

Standing = Literal["pending", "in_progress", "completed", "failed", "skipped", "cancelled"]
STANDINGS: tuple[Standing, ...] = get_args(Standing)
ENDS: tuple[Standing, ...] = STANDINGS[2:]
"""What a node may end as."""
AS_STANDING: Mapping[Status, Standing] = {
    **{"done": "completed", "cached": "completed"},
    **{"failed": "failed", "skipped": "skipped", "cancelled": "cancelled"},
}
"""For each status of an outcome, how the node stands then."""
_NEARLY = 99.9
"""Percent that a run has reached at most while it has not ended."""


def _unknown(_: str) -> None:
    """Know no node."""


@dataclass
class Progress:
    """How the nodes of one run stand.

    Parameters
    ----------
    dag
        What runs; as it is now, once it has grown.
    workers
        How many nodes may run at once, if that is known.
    joined
        Gives a node that has joined the run, by name; without it only its name is known.

    Examples
    --------
    >>> progress = Progress(DAG([Node("load"), Node("plot", after=["load"])]))
    >>> progress.started("load", at=0.0)
    >>> progress.ended("load", "completed", at=2.0)
    >>> progress.percent, progress.standing("plot"), progress.seconds
    (50.0, 'pending', {0: 2.0})
    >>> progress.ended("load", "failed", at=3.0)
    Traceback (most recent call last):
    orchestra_nb.errors.ProgressError: 'load' has ended as completed and cannot end as failed too
    """

    dag: DAG
    workers: int | None = None
    joined: Callable[[str], Node | None] = field(default=_unknown, repr=False)
    standings: list[Standing] = field(init=False, default_factory=list)
    """By position in the document."""
    counts: dict[Standing, int] = field(init=False, default_factory=dict)
    running: dict[int, float] = field(init=False, default_factory=dict)
    """Positions of running nodes, and when their present attempt began or will begin; in the order of their start."""
    seconds: dict[int, float] = field(init=False, default_factory=dict)
    """What bodies took that ended well, by position."""
    peak: int = field(init=False, default=0)
    """The most nodes that were running at once."""
    at: float = field(init=False, default=0.0)
    """When the last thing happened."""
    over: bool = field(init=False, default=False)
    paused_at: float | None = field(init=False, default=None)
    """Since when nothing begins; ``None``: the run is not paused."""
    _base: float = field(init=False, default=0.0)
    _base_ended: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._first = self.dag
        self._begin()

    def _begin(self) -> None:
        self.dag = self._first
        self.standings = ["pending"] * len(self.dag)
        self.counts = dict.fromkeys(STANDINGS, 0)
        self.counts["pending"] = len(self.dag)
        self.running, self.seconds, self.peak = {}, {}, 0
        self.at, self.over, self.paused_at = 0.0, False, None
        self._base, self._base_ended = 0.0, 0

    @classmethod
    def replayed(cls, dag: DAG, events: Iterable[Event]) -> Progress:
        """Rebuild what a run's events tell.

        Examples
        --------
        >>> Progress.replayed(DAG([Node("a")]), [RunStarted(0.0, 1, 2, "threading"), RunEnded(1.0, True)]).percent
        100.0
        """
        progress = cls(dag)
        for event in events:
            progress.hear(event)
        return progress

    def copy(self) -> Progress:
        """Take a copy that later facts do not change."""
        other = Progress.__new__(Progress)
        other.__dict__.update(self.__dict__)
        other.standings, other.counts = self.standings.copy(), self.counts.copy()
        other.running, other.seconds = self.running.copy(), self.seconds.copy()
        return other

    @property
    def done(self) -> int:
        """How many nodes have ended, one way or another."""
        return len(self.standings) - self.counts["pending"] - self.counts["in_progress"]

    @property
    def percent(self) -> float:
        """How far the run is, from 0 to 100; never less than before, and 100 exactly when it has ended."""
        return 100.0 if self.over else min(_NEARLY, 100.0 * self._share)

    @property
    def _share(self) -> float:
        left = len(self.standings) - self._base_ended
        return self._base + (1.0 - self._base) * ((self.done - self._base_ended) / left) if left else self._base

    def standing(self, node: str) -> Standing:
        """Say how a node stands.

        Raises
        ------
        ProgressError
            No node has that name.
        """
        return self.standings[self.position(node)]

    # Facts.

    def started(self, node: str, at: float) -> None:
        """Take note that a node has started, or begins another attempt; ``at``: seconds since the run began.

        Raises
        ------
        ProgressError
            It has ended, or the run has, or there is no such node.
        """
        i, standings = self.position(node), self.standings
        now = standings[i]
        if now in ENDS:
            raise ProgressError(f"{node!r} has ended as {now} and cannot start")
        self._happens(at)
        if now == "pending":
            standings[i] = "in_progress"
            self.counts["pending"] -= 1
            self.counts["in_progress"] += 1
            running = self.running
            running[i] = at
            if len(running) > self.peak:
                self.peak = len(running)

    def retrying(self, node: str, at: float, delay: float = 0.0) -> None:
        """Take note that an attempt failed, and that the next one begins after so many seconds.

        Raises
        ------
        ProgressError
            As for :meth:`started`.
        """
        self.started(node, at)
        self.running[self.position(node)] = at + delay

    def pause(self, at: float) -> None:
        """Take note that nothing begins from now on; a second time changes nothing.

        Raises
        ------
        ProgressError
            The run has ended.
        """
        self._happens(at)
        if self.paused_at is None:
            self.paused_at = at

    def unpause(self, at: float) -> None:
        """Take note that the run goes on. Whoever has rested long enough meanwhile begins its next attempt only now.

        Raises
        ------
        ProgressError
            The run has ended.
        """
        self._happens(at)
        held, self.paused_at = self.held, None
        for i in held:
            self.running[i] = max(self.running[i], at)

    @property
    def held(self) -> list[int]:
        """Positions of those whose next attempt would have begun since the run was paused, or will; it does not."""
        since = self.paused_at
        return [] if since is None else [i for i, begins in self.running.items() if begins > since]

    def ended(self, node: str, standing: Standing, at: float, seconds: float | None = None) -> None:
        """Take note of how a node ended.

        Parameters
        ----------
        node
            Its name.
        standing
            One of :data:`ENDS`.
        at
            Seconds since the run began.
        seconds
            What its body took, where that was measured; else the time since it started. Zero or less: nothing is
            learned from it, as from a result that was there already.

        Raises
        ------
        ProgressError
            It has ended otherwise, or the run has, or there is no such node or end.
        """
        i, standings = self.position(node), self.standings
        if standing not in ENDS:
            raise ProgressError(f"{node!r} cannot end as {standing!r}; {nearest(str(standing), ENDS)}")
        now = standings[i]
        if now == standing:
            return
        if now in ENDS:
            raise ProgressError(f"{node!r} has ended as {now} and cannot end as {standing} too")
        self._happens(at)
        began = self.running.pop(i, None)
        took = seconds if seconds is not None else at - began if began is not None else 0.0
        if standing == "completed" and took > 0:
            self.seconds[i] = took
        standings[i] = standing
        self.counts[now] -= 1
        self.counts[standing] += 1

    def came_to(self, outcome: Outcome, at: float) -> None:
        """Take note of the outcome of a node. Only of what ran well is learned how long it takes.

        Raises
        ------
        ProgressError
            As for :meth:`ended`.
        """
        took = outcome.seconds if outcome.status == "done" else 0.0
        self.ended(outcome.node, AS_STANDING[outcome.status], at, took)

    def grow(self, dag: DAG) -> None:
        """Go on with a graph that has more nodes behind those that there were.

        Raises
        ------
        ProgressError
            It does not begin with the nodes of the graph so far, or the run has ended.
        """
        ids = self.dag.table.ids
        if dag.table.ids[: len(ids)] != ids:
            raise ProgressError("a graph grows behind the nodes that it has; this one begins with others")
        if self.over:
            raise ProgressError("the run has ended; its graph cannot grow any more")
        share, new = self._share, len(dag) - len(ids)
        self._base, self._base_ended = share, self.done
        self.dag = dag
        self.standings += ["pending"] * new
        self.counts["pending"] += new

    def end(self, at: float) -> None:
        """Take note that the run has ended; what has no end yet gets one. A second time changes nothing."""
        if self.over:
            return
        self._happens(at)
        self.over, self.paused_at = True, None
        for i, now in enumerate(self.standings):
            if now not in ENDS:
                self._stands(i, "skipped" if now == "pending" else "cancelled")
        self.running.clear()

    def hear(self, event: Event) -> None:
        """Take note of an event of a run; what says nothing about progress is passed over.

        Raises
        ------
        ProgressError
            It contradicts what is known, or it belongs to the run of another graph.
        """
        match event:
            case RunStarted():
                if event.total != len(self._first):
                    told = f"the run has {event.total:,} nodes, and the graph that is followed {len(self._first):,}"
                    raise ProgressError(f"{told}; initialize with the graph that runs")
                self._begin()
                self.workers, self.at = event.jobs, event.at
            case NodeStarted():
                self.started(event.node, event.at)
            case NodeRetrying():
                self.retrying(event.node, event.at, event.delay)
            case NodeEnded():
                self.came_to(event.outcome, event.at)
            case GraphGrown():
                self.position(event.node)
                self.grow(_known_by_name(self, event))
            case RunPaused():
                self.pause(event.at)
            case RunUnpaused():
                self.unpause(event.at)
            case RunEnded():
                self.end(event.at)

    def _happens(self, at: float) -> None:
        if self.over:
            raise ProgressError("the run has ended; initialize again to follow another one")
        if at > self.at:
            self.at = at

    def _stands(self, i: int, standing: Standing) -> None:
        counts, standings = self.counts, self.standings
        counts[standings[i]] -= 1
        standings[i] = standing
        counts[standing] += 1

    def position(self, node: str) -> int:
        """Say where a node stands in the document.

        Raises
        ------
        ProgressError
            No node has that name.
        """
        try:
            return self.dag.table.index[node]  # type: ignore[index]  # looked up for each event: without a cast
        except (KeyError, TypeError):
            known = self.dag.table.ids
            hint = nearest(str(node), known) or "nothing is followed; call initialize(dag, name) first"
            raise ProgressError(f"no node is named {node!r}; {hint}") from None


def _known_by_name(progress: Progress, event: GraphGrown) -> DAG:
    """The grown graph, as far as it is known: of mere names, nodes of middling cost, in the phase of their maker."""
    dag, standings = progress.dag, progress.standings
    costs = sorted(node.cost for node in dag.nodes.values())
    phase = dag.nodes[event.node].phase
    new = [
        Node(name, cost=costs[len(costs) // 2], phase=phase)
        if (node := progress.joined(name)) is None
        else Node(name, cost=node.cost, phase=node.phase, kind=node.kind, metadata=node.metadata)
        for name in event.nodes
    ]
    settled = {name for name, standing in zip(dag.table.ids, standings, strict=True) if standing != "pending"}
    return grown(dag, event.node, new, settled=settled)
