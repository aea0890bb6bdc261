"""What the events of a run tell, folded one after the other: pure, without clock and files.

How far a run is, the very fold tells that follows it live (:class:`.Progress`). Beside it stands what a view of the run
would show: for each node whether it waits, is queued, runs, rests or has ended, and on which lane; locks, circuits and
the cache, as far as their events are in the log.

**Time.** A run's own events tell it, and never go back. Events of caches, locks and circuits count from the beginning
of those; they happened when the run's last event before them had, so far as a log can know.

**The way back** of a run that has failed comes after its end (:mod:`.way_back`), and its events go on with its clock.

Failure: an event that contradicts what is known is a :class:`.ProgressError` (or, of a graph that cannot grow so, a
:class:`.DefinitionError`), and nothing has changed. Cost: O(1) for an event, but for growth; a copy costs some
microseconds for each thousand nodes.

**The hot loop**: that a node was queued, has started, has ended. Whoever follows a run pays these three for each of its
nodes, with the interpreter that the run needs, so they are found by their very type, look the node up once, and go
through none of the questions that are asked of the rest (a half of what ``match`` took). Events have no subclasses of
their own; one that had would be taken for something else that happened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

from orchestra_nb.bus import Event
from orchestra_nb.errors import ProgressError
from orchestra_nb.events import (
    CacheMissed,
    GraphGrown,
    LevelEnded,
    NodeEnded,
    NodeQueued,
    NodeRetrying,
    NodeStarted,
    RunEnded,
    RunPaused,
    RunStarted,
    RunUnpaused,
    Stalled,
)
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import NodeId, Outcome, Status
from orchestra_nb.progress.state import Progress
from orchestra_nb.recovery.events import CircuitClosed, CircuitEvent, CircuitHalfOpen, CircuitOpened
from orchestra_nb.replay.spans import Spans
from orchestra_nb.replay.way_back import Begun, WayBack
from orchestra_nb.resources.events import (
    DeadlockFound,
    LeaseEnded,
    LockGranted,
    LockQueued,
    LockReleased,
    LockRevoked,
    WaitEnded,
)

Phase = Literal["waiting", "queued", "running", "resting"]
State = Phase | Status
STATES: tuple[str, ...] = (*get_args(Phase), *get_args(Status))
"""All that a node can be, in this order."""
_MOST_REASONS = 50
"""Reasons why results were not found that are told apart; the rest is counted together."""
OTHER_REASONS = "other reasons"
_CIRCUITS: tuple[tuple[type[CircuitEvent], str], ...] = (
    (CircuitOpened, "open"),
    (CircuitHalfOpen, "half-open"),
    (CircuitClosed, "closed"),
)
_COPIED = ("states", "since", "lanes", "attempts", "outcomes", "held", "waits", "circuits", "counts", "misses")


class Fold:
    """What is known of a run at one moment.

    Parameters
    ----------
    dag
        Its graph, as it began.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> fold = Fold(DAG([Node(NodeId("load")), Node(NodeId("plot"), after=("load",))]))
    >>> fold.hear(NodeQueued(0.0, NodeId("load")))
    >>> fold.hear(NodeStarted(0.5, NodeId("load"), "thread"))
    >>> fold.states, fold.now
    (['running', 'waiting'], 0.5)
    """

    def __init__(self, dag: DAG) -> None:
        self.progress = Progress(dag)
        self._first = len(dag)
        self.now = 0.0
        """Seconds since the run began, as far as it has been told."""
        self.count = 0
        """How many events were heard."""
        self.jobs: int | None = None
        self.backend = ""
        self._begin()
        self.held: dict[int, tuple[str, tuple[str, ...]]] = {}
        """Locks by their token: who holds what."""
        self.waits: dict[tuple[str, tuple[str, ...]], float] = {}
        """Who waits for what, and since when."""
        self.circuits: dict[str, str] = {}
        self.counts: Counter[str] = Counter()
        """How often each event of a cache, a circuit or a lock was told."""
        self.misses: Counter[str] = Counter()
        """Why nodes had no result from an earlier run: how many for each reason."""
        self.deadlock: DeadlockFound | None = None
        """The last circle of waits that was told."""

    def _begin(self) -> None:
        """The run begins: nothing of it has happened."""
        self.states: list[State] = []
        """By position in the document."""
        self.since: list[float] = []
        self.lanes: list[str] = []
        self.attempts: list[int] = []
        self._room_for(self._first, 0.0)
        self.outcomes: dict[NodeId, Outcome] = {}
        self.spans = Spans()
        self.levels = 0
        """How many levels have ended, from the first."""
        self.success: bool | None = None
        self.stalled: Stalled | None = None
        """What was said the last time that nothing happened for long; ``None`` when something has since."""
        self.pause: RunPaused | None = None
        """What was said when the run was paused; ``None`` when it is not."""
        self.way_back = WayBack()

    @property
    def paused(self) -> bool:
        """Whether nothing begins, because somebody has paused the run."""
        return self.pause is not None

    def _room_for(self, new: int, now: float) -> None:
        self.states += ["waiting"] * new
        self.since += [now] * new
        self.lanes += [""] * new
        self.attempts += [0] * new

    def copy(self) -> Fold:
        """Take a copy that later events do not change."""
        other = Fold.__new__(Fold)
        other.__dict__.update(self.__dict__)
        other.progress = self.progress.copy()
        other.way_back = self.way_back.copy()
        other.spans = self.spans.copy()
        for name in _COPIED:
            setattr(other, name, getattr(self, name).copy())
        return other

    def hear(self, event: Event) -> None:
        """Take note of one event.

        Raises
        ------
        OrchestraError
            It contradicts what is known; nothing has changed.
        """
        hear = _OF_NODES.get(type(event))
        if hear is not None:
            hear(self, event)
        else:
            self._hear_other(event)

    def _queued(self, event: NodeQueued) -> None:
        node, at, progress = event.node, event.at, self.progress
        i = progress.position(node)
        if progress.standings[i] != "pending":
            raise ProgressError(f"{node!r} is {progress.standings[i]} and cannot be queued")
        self.states[i] = "queued"
        self.since[i] = at
        self.spans.queue(node, at)
        self._told(at)

    def _started(self, event: NodeStarted) -> None:
        node, at, lane = event.node, event.at, event.lane
        self.progress.started(node, at)
        i = self.progress.dag.table.index[node]
        self.states[i] = "running"
        self.since[i] = at
        self.lanes[i] = lane
        self.attempts[i] = 1
        self.spans.begin(node, at, lane)
        self._told(at)

    def _ended(self, event: NodeEnded) -> None:
        outcome, at = event.outcome, event.at
        self.progress.came_to(outcome, at)
        i = self.progress.dag.table.index[outcome.node]
        self.states[i] = outcome.status
        self.since[i] = at
        self.attempts[i] = outcome.attempts
        self.outcomes[outcome.node] = outcome
        self.spans.end(outcome.node)
        self._told(at)

    def _told(self, at: float) -> None:
        """Take note that the run has told something."""
        self.count += 1
        self.stalled = None
        if at > self.now:
            self.now = at

    def _hear_other(self, event: Event) -> None:
        """Take note of what is not told for each node; dearer, and so seldom that it may be."""
        held = self.progress.held if isinstance(event, RunUnpaused) else ()
        self.progress.hear(event)  # first: it refuses what cannot be
        space = event.name.partition(":")[0]
        if space == "execution":
            self._told(event.at)
            self._of_the_run(event)
            for i in held:
                self.since[i] = self.progress.running[i]
                self.spans.wake(self.progress.dag.table.ids[i], self.since[i])
            return
        self.count += 1
        if space in ("resource", "recovery", "cache"):
            self.counts[event.name] += 1
            self._of_results(event)
            self._of_locks(event)
            self._of_circuits(event)
            self._of_the_way_back(event)

    def _of_the_run(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._begin()
                self.jobs, self.backend = event.jobs, event.backend
            case NodeRetrying():
                i = self._stands(event.node, "resting", event.at + event.delay)
                self.attempts[i] = event.attempt
                self.spans.rest(event.node, event.at, event.at + event.delay)
            case GraphGrown():
                self._room_for(len(event.nodes), event.at)
            case LevelEnded():
                self.levels = max(self.levels, event.level + 1)
            case RunPaused():
                self.pause = event if self.pause is None else self.pause
            case RunUnpaused():
                self.pause = None
            case RunEnded():
                self.success, self.pause = event.success, None
            case Stalled():
                self.stalled = event

    def _stands(self, node: NodeId, state: State, since: float) -> int:
        i = self.progress.dag.table.index[node]
        self.states[i] = state
        self.since[i] = since
        return i

    def _of_the_way_back(self, event: Event) -> None:
        back, before = self.way_back, self.way_back.going_on
        followed = back.hear(event, self.progress.dag, self.outcomes, failed=self.success is False)
        if followed or before != back.going_on:
            self.now = max(self.now, event.at)
        for told in followed:
            i = self.progress.dag.table.index[told.node]
            if isinstance(told, Begun):
                self._stands(told.node, "running", event.at)
                self.outcomes.pop(told.node, None)
            elif self.states[i] != told.status:
                self._stands(told.node, told.status, event.at)
            self.attempts[i] = told.attempts
            if isinstance(told, Outcome):
                self.outcomes[told.node] = told

    def _of_results(self, event: Event) -> None:
        if isinstance(event, CacheMissed):
            known = event.reason in self.misses or len(self.misses) < _MOST_REASONS
            self.misses[event.reason if known else OTHER_REASONS] += 1

    def _of_locks(self, event: Event) -> None:
        match event:
            case DeadlockFound():
                self.deadlock = event
            case LockQueued():
                self.waits[event.owner, event.resources] = event.at
            case LockGranted():
                self.waits.pop((event.owner, event.resources), None)
                self.held[event.token] = event.owner, event.resources
            case LockReleased() | LeaseEnded() | LockRevoked():
                self.held.pop(event.token, None)
            case WaitEnded():
                self.waits.pop((event.owner, event.resources), None)

    def _of_circuits(self, event: Event) -> None:
        if isinstance(event, CircuitEvent):
            for kind, state in _CIRCUITS:
                if isinstance(event, kind):
                    self.circuits[event.circuit] = state


_OF_NODES: Mapping[type[Event], Callable[[Fold, Any], None]] = {
    **{NodeQueued: Fold._queued, NodeStarted: Fold._started, NodeEnded: Fold._ended}
}
"""What a run tells three times for each node, and hardly anything else: found by type, and folded in few steps."""
