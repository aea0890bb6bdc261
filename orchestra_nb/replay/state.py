"""One moment of a run, frozen: what views, frames, tests and bug reports read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, cast

from orchestra_nb.bus import Event
from orchestra_nb.eventlog.codec import event_to_json
from orchestra_nb.eventlog.records import error_record
from orchestra_nb.events import RunPaused, Stalled
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, NodeId, Outcome, RunId
from orchestra_nb.presentation import Charted, presenter_of
from orchestra_nb.progress.sinks import Report
from orchestra_nb.progress.stats import ProgressStats, stats_of
from orchestra_nb.progress.todos import Todo, todos_of
from orchestra_nb.replay.fold import Fold, State
from orchestra_nb.replay.spans import Span
from orchestra_nb.resources.events import DeadlockFound

if TYPE_CHECKING:
    import pandas as pd

    from orchestra_nb.progress.seldom import Estimates

_ACTIVE: Mapping[str, int] = {"running": 0, "resting": 1, "queued": 2}
"""What is active, in the order in which that is told."""


class EventsPresenter(Protocol):
    """What the display knows about whatever has events."""

    def events(self, value: object) -> pd.DataFrame:
        """One row for each event."""


@dataclass(frozen=True, slots=True)
class NodeState:
    """How one node stands at one moment.

    Parameters
    ----------
    node
        Its name.
    state
        ``"waiting"`` for what it needs, ``"queued"`` for its resources and a worker, ``"running"``, ``"resting"``
        before another attempt; or how it ended: ``"done"``, ``"cached"``, ``"failed"``, ``"skipped"``,
        ``"cancelled"``.
    since
        Seconds from the beginning of the run; of one that rests, until when it does.
    worker
        Which lane it runs in (``"thread"``, ``"process"``, ``"async"``, ``"main"``), or what ran it.
    attempts
        How often its body was begun.
    level
        How many nodes have to end before it, at least, one after another.
    phase
        Its group; empty for none.
    reason
        Why it failed, was skipped or cancelled, or ran elsewhere than asked.
    """

    node: NodeId
    state: State
    since: float
    worker: str
    attempts: int
    level: int
    phase: str
    reason: str


@dataclass(frozen=True)  # without slots: most is made when somebody wants it
class ReplayState(Charted):
    """What was known of a run at one moment.

    Parameters
    ----------
    run
        Its id.
    at
        Seconds since it began.
    count
        How many of its events had happened.
    beyond
        Whether a later moment was asked for than the log has: this is its last one.
    forgotten
        How many of the first of these events are not kept: whoever follows a long run keeps the last ones only.
    started_at
        When the run began on the wall clock, in ISO 8601; empty when nobody says.

    Examples
    --------
    >>> from orchestra_nb import Pipeline, RunConfig
    >>> from orchestra_nb.replay.of_result import state_of
    >>> nodes = [Node("load", fn=lambda: 42), Node("half", fn=lambda load: load / 0)]
    >>> state = state_of(Pipeline(nodes, RunConfig(jobs=1)).run())
    >>> state.over, state.success, state.nodes["half"].state, state.stats.percent
    (True, False, 'failed', 100.0)
    """

    run: RunId
    at: float
    count: int
    _fold: Fold
    _estimator: Callable[[DAG], Estimates]
    _events: tuple[Event, ...]
    beyond: bool = False
    forgotten: int = 0
    started_at: str = ""

    @property
    def over(self) -> bool:
        r"""Whether it had ended.

        Examples
        --------
        >>> from orchestra_nb import Replay
        >>> log = (
        ...     b'{"run": "r", "at": 1.0, "name": "execution:run-paused", "reason": "for a look"}\n'
        ...     b'{"run": "r", "at": 2.0, "name": "execution:run-ended", "success": true}\n'
        ... )
        >>> Replay.parse(log).at(1.5).over, Replay.parse(log).at(2.0).over
        (False, True)
        """
        return self._fold.success is not None

    @property
    def success(self) -> bool | None:
        r"""Whether it had ended well; ``None`` while it ran.

        Examples
        --------
        >>> from orchestra_nb import Replay
        >>> log = (
        ...     b'{"run": "r", "at": 1.0, "name": "execution:run-paused", "reason": "for a look"}\n'
        ...     b'{"run": "r", "at": 2.0, "name": "execution:run-ended", "success": true}\n'
        ... )
        >>> Replay.parse(log).at(1.5).success, Replay.parse(log).at(2.0).success
        (None, True)
        """
        return self._fold.success

    @property
    def paused(self) -> bool:
        r"""Whether nothing began, because somebody had paused it.

        Examples
        --------
        >>> from orchestra_nb import Replay
        >>> log = (
        ...     b'{"run": "r", "at": 1.0, "name": "execution:run-paused", "reason": "for a look"}\n'
        ...     b'{"run": "r", "at": 2.0, "name": "execution:run-ended", "success": true}\n'
        ... )
        >>> [Replay.parse(log).at(seconds).paused for seconds in (0.5, 1.5)]
        [False, True]
        """
        return self._fold.paused

    @property
    def pause(self) -> RunPaused | None:
        r"""What was said when it was paused; ``None`` when it was not.

        Examples
        --------
        >>> from orchestra_nb import Replay
        >>> log = (
        ...     b'{"run": "r", "at": 1.0, "name": "execution:run-paused", "reason": "for a look"}\n'
        ... )
        >>> Replay.parse(log).at(1.0).pause.reason
        'for a look'
        """
        return self._fold.pause

    @property
    def dag(self) -> DAG:
        """Its graph, with what had joined.

        Examples
        --------
        >>> from orchestra_nb import Pipeline, RunConfig
        >>> from orchestra_nb.replay.of_result import state_of
        >>> nodes = [Node("load", fn=lambda: 42), Node("half", fn=lambda load: load / 0)]
        >>> state = state_of(Pipeline(nodes, RunConfig(jobs=1)).run())
        >>> state.dag.levels
        (('load',), ('half',))
        """
        return self._fold.progress.dag

    @property
    def backend(self) -> str:
        """Where nodes ran; empty before the run said so.

        Examples
        --------
        >>> from orchestra_nb import Pipeline, RunConfig
        >>> from orchestra_nb.replay.of_result import state_of
        >>> nodes = [Node("load", fn=lambda: 42), Node("half", fn=lambda load: load / 0)]
        >>> state = state_of(Pipeline(nodes, RunConfig(jobs=1)).run())
        >>> state.backend
        'threading'
        """
        return self._fold.backend

    @cached_property
    def nodes(self) -> Mapping[str, NodeState]:
        """How each node stood, in document order.

        Examples
        --------
        >>> from orchestra_nb import Pipeline, RunConfig
        >>> from orchestra_nb.replay.of_result import state_of
        >>> nodes = [Node("load", fn=lambda: 42), Node("half", fn=lambda load: load / 0)]
        >>> state = state_of(Pipeline(nodes, RunConfig(jobs=1)).run())
        >>> [(node.node, node.state, node.attempts) for node in state.nodes.values()]
        [('load', 'done', 1), ('half', 'failed', 1)]
        """
        level = self.dag.depths
        told = [self._node(i, node, level[i]) for i, node in enumerate(self.dag.nodes.values())]
        return MappingProxyType({str(each.node): each for each in told})

    @cached_property
    def states(self) -> Mapping[str, State]:
        """The state of each node alone, in document order; cheaper than :attr:`nodes`.

        Examples
        --------
        >>> from orchestra_nb import Pipeline, RunConfig
        >>> from orchestra_nb.replay.of_result import state_of
        >>> nodes = [Node("load", fn=lambda: 42), Node("half", fn=lambda load: load / 0)]
        >>> state = state_of(Pipeline(nodes, RunConfig(jobs=1)).run())
        >>> dict(state.states)
        {'load': 'done', 'half': 'failed'}
        """
        ids, states = self.dag.table.ids, self._fold.states
        found = dict(zip(cast("tuple[str, ...]", ids), states, strict=True))
        if "resting" in states:
            found.update(
                (ids[i], "running") for i, state in enumerate(states) if state == "resting" and self._rested(i)
            )
        return MappingProxyType(found)

    @cached_property
    def active(self) -> tuple[NodeState, ...]:
        """The nodes that ran, rested or were queued, each kind in the order in which it began.

        Examples
        --------
        >>> from orchestra_nb.events import NodeQueued, NodeStarted
        >>> from orchestra_nb.eventlog.reading import LoggedRun
        >>> from orchestra_nb.graph.events import DagBuilt
        >>> from orchestra_nb.replay import RunReplay
        >>> events = NodeQueued(0.0, NodeId("plot")), NodeStarted(1.0, NodeId("load"), "thread")
        >>> dag = DAG([Node("load"), Node("plot"), Node("mail", after=["plot"])])
        >>> state = RunReplay(LoggedRun(DagBuilt(0.0, RunId("r"), "", dag), events, (2, 3))).end
        >>> [(node.node, node.state) for node in state.active]
        [('load', 'running'), ('plot', 'queued')]
        """
        dag, level = self.dag, self.dag.depths
        here = [i for i, state in enumerate(self._fold.states) if state in _ACTIVE]
        found = [self._node(i, dag.nodes[dag.table.ids[i]], level[i]) for i in here]
        return tuple(sorted(found, key=lambda each: (_ACTIVE[each.state], each.since)))

    def _node(self, i: int, node: Node, level: int) -> NodeState:
        fold = self._fold
        state, since, attempts = fold.states[i], fold.since[i], fold.attempts[i]
        if state == "resting" and self._rested(i):
            state, attempts = "running", attempts + 1
        outcome = fold.outcomes.get(node.id)
        worker = outcome.worker if outcome is not None and outcome.worker else fold.lanes[i]
        reason = "" if outcome is None else outcome.reason or str(outcome.error or "").split("\n")[0]
        return NodeState(node.id, state, since, worker, attempts, level, node.phase or "", reason)

    def _rested(self, i: int) -> bool:
        """Whether the rest of a node is over, which nobody is told."""
        return self._fold.since[i] <= self.at and i not in self._held

    @cached_property
    def _held(self) -> frozenset[int]:
        return frozenset(self._fold.progress.held)

    @property
    def outcomes(self) -> Mapping[str, Outcome]:
        """How the nodes ended that had, in the order of their ends; without values.

        Examples
        --------
        >>> from orchestra_nb import Pipeline, RunConfig
        >>> from orchestra_nb.replay.of_result import state_of
        >>> nodes = [Node("load", fn=lambda: 42), Node("half", fn=lambda load: load / 0)]
        >>> state = state_of(Pipeline(nodes, RunConfig(jobs=1)).run())
        >>> [(name, outcome.status) for name, outcome in state.outcomes.items()]
        [('load', 'done'), ('half', 'failed')]
        """
        return MappingProxyType(cast("dict[str, Outcome]", self._fold.outcomes))

    @cached_property
    def spans(self) -> Mapping[str, Span]:
        """When each node that was queued or started waited, ran and rested, and in which place of which lane.

        Examples
        --------
        >>> from orchestra_nb import Pipeline, RunConfig
        >>> from orchestra_nb.replay.of_result import state_of
        >>> nodes = [Node("load", fn=lambda: 42), Node("half", fn=lambda load: load / 0)]
        >>> state = state_of(Pipeline(nodes, RunConfig(jobs=1)).run())
        >>> sorted(state.spans), state.spans["load"].place
        (['half', 'load'], 1)
        """
        return MappingProxyType(cast("dict[str, Span]", self._fold.spans.of))

    @property
    def jobs(self) -> int | None:
        """How many nodes might run at once; ``None`` when that was not told.

        Examples
        --------
        >>> from orchestra_nb import Pipeline, RunConfig
        >>> from orchestra_nb.replay.of_result import state_of
        >>> nodes = [Node("load", fn=lambda: 42), Node("half", fn=lambda load: load / 0)]
        >>> state = state_of(Pipeline(nodes, RunConfig(jobs=1)).run())
        >>> state.jobs
        1
        """
        return self._fold.jobs

    @property
    def levels_done(self) -> int:
        """How many levels had ended, from the first.

        Examples
        --------
        >>> from orchestra_nb import Pipeline, RunConfig
        >>> from orchestra_nb.replay.of_result import state_of
        >>> nodes = [Node("load", fn=lambda: 42), Node("half", fn=lambda load: load / 0)]
        >>> state = state_of(Pipeline(nodes, RunConfig(jobs=1)).run())
        >>> state.levels_done
        2
        """
        return self._fold.levels

    @property
    def locks(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Who held what.

        Examples
        --------
        >>> from orchestra_nb import Replay
        >>> log = (
        ...     b'{"run": "r", "at": 1.0, "name": "resource:lock-granted", '
        ...     b'"owner": "load", "resources": ["db"], "token": 1, "waited": 0}'
        ... )
        >>> Replay.parse(log).at().locks
        (('load', ('db',)),)
        """
        return tuple(self._fold.held.values())

    @property
    def lock_waits(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Who waited for what, the one that had waited longest first.

        Examples
        --------
        >>> from orchestra_nb import Replay
        >>> log = (
        ...     b'{"run": "r", "at": 1.0, "name": "resource:lock-queued", '
        ...     b'"owner": "save", "resources": ["db"], "priority": 0}'
        ... )
        >>> Replay.parse(log).at().lock_waits
        (('save', ('db',)),)
        """
        return tuple(self._fold.waits)

    @property
    def deadlock(self) -> DeadlockFound | None:
        """The last circle of waits that was found; ``None`` when none was.

        Examples
        --------
        >>> from orchestra_nb import Replay
        >>> log = (
        ...     b'{"run": "r", "at": 1.0, "name": "resource:deadlock", "resolved": true, "victim": "ben", '
        ...     b'"circle": [["anna", "gpu", "ben"], ["ben", "db", "anna"]]}'
        ... )
        >>> Replay.parse(log).at().deadlock.victim
        'ben'
        """
        return self._fold.deadlock

    @property
    def misses(self) -> Mapping[str, int]:
        """Why nodes were looked up in vain, as far as that was told: how many for each reason.

        Examples
        --------
        >>> from orchestra_nb import Replay
        >>> log = (
        ...     b'{"run": "r", "at": 1.0, "name": "cache:node-missed", '
        ...     b'"node": "load", "reason": "its code is another"}'
        ... )
        >>> dict(Replay.parse(log).at().misses)
        {'its code is another': 1}
        """
        return MappingProxyType(self._fold.misses)

    @property
    def circuits(self) -> Mapping[str, str]:
        """Each circuit of which something was told: ``"open"``, ``"half-open"`` or ``"closed"``.

        Examples
        --------
        >>> from orchestra_nb import Replay
        >>> log = (
        ...     b'{"run": "r", "at": 1.0, "name": "recovery:circuit-opened", '
        ...     b'"circuit": "weather", "rest": 30, "reason": "OSError: no answer"}'
        ... )
        >>> dict(Replay.parse(log).at().circuits)
        {'weather': 'open'}
        """
        return MappingProxyType(self._fold.circuits)

    @property
    def counts(self) -> Mapping[str, int]:
        r"""How often each event of caches, locks and circuits had happened, by its name.

        Examples
        --------
        >>> from orchestra_nb import Replay
        >>> log = (
        ...     b'{"run": "r", "at": 1.0, "name": "recovery:circuit-rejected", "circuit": "chat", "retry_after": 9}\n'
        ...     b'{"run": "r", "at": 1.0, "name": "recovery:circuit-rejected", "circuit": "chat", "retry_after": 8}\n'
        ... )
        >>> dict(Replay.parse(log).at().counts)
        {'recovery:circuit-rejected': 2}
        """
        return MappingProxyType(self._fold.counts)

    @property
    def stalled(self) -> Stalled | None:
        """What was said when nothing had happened for long; ``None`` when something has happened since.

        Examples
        --------
        >>> from orchestra_nb import Replay
        >>> log = (
        ...     b'{"run": "r", "at": 90.0, "name": "execution:stalled", '
        ...     b'"silent": 60.0, "running": [], "waiting": [["load", "db"]]}'
        ... )
        >>> Replay.parse(log).at().stalled.waiting
        (('load', 'db'),)
        """
        return self._fold.stalled

    @cached_property
    def stats(self) -> ProgressStats:
        """How far it was, and how long it would still have taken, as far as its costs told.

        Examples
        --------
        >>> from orchestra_nb import Pipeline, RunConfig
        >>> from orchestra_nb.replay.of_result import state_of
        >>> nodes = [Node("load", fn=lambda: 42), Node("half", fn=lambda load: load / 0)]
        >>> state = state_of(Pipeline(nodes, RunConfig(jobs=1)).run())
        >>> state.stats.percent, state.stats.counts.completed, state.stats.counts.failed
        (100.0, 1, 1)
        """
        progress = self._fold.progress
        now = progress.at if progress.over else max(progress.at, self.at)
        eta = self._estimator(progress.dag).remaining(progress, now)
        return stats_of(progress, str(self.run), now, eta, ())

    @property
    def report(self) -> Report:
        """What a sink of progress would have been given: ``ProgressWidget()(state.report)`` shows the moment.

        Examples
        --------
        >>> from orchestra_nb import Pipeline, RunConfig
        >>> from orchestra_nb.replay.of_result import state_of
        >>> nodes = [Node("load", fn=lambda: 42), Node("half", fn=lambda load: load / 0)]
        >>> state = state_of(Pipeline(nodes, RunConfig(jobs=1)).run())
        >>> state.report.stats.percent, state.report.checklist.splitlines()[-2]
        (100.0, '- [x] Run load')
        """
        return Report(self.stats, self._fold.progress.copy())

    def todos(self, *, by_phase: bool = False) -> list[Todo]:
        """List what there was to do, as it stood.

        Examples
        --------
        >>> from orchestra_nb import Pipeline, RunConfig
        >>> from orchestra_nb.replay.of_result import state_of
        >>> nodes = [Node("load", fn=lambda: 42), Node("half", fn=lambda load: load / 0)]
        >>> state = state_of(Pipeline(nodes, RunConfig(jobs=1)).run())
        >>> [todo["content"] for todo in state.todos()]
        ['Run load', 'Run half (failed)']
        """
        return todos_of(self._fold.progress, by_phase=by_phase, undone=self._fold.way_back.undone)

    @property
    def facts(self) -> tuple[Event, ...]:
        """All that had happened, in order, as far as it is kept.

        Examples
        --------
        >>> from orchestra_nb import Pipeline, RunConfig
        >>> from orchestra_nb.replay.of_result import state_of
        >>> nodes = [Node("load", fn=lambda: 42), Node("half", fn=lambda load: load / 0)]
        >>> state = state_of(Pipeline(nodes, RunConfig(jobs=1)).run())
        >>> [event.name for event in state.facts][:3]
        ['execution:run-started', 'execution:node-queued', 'execution:node-started']
        """
        return self._events[: self.count - self.forgotten]

    @property
    def events(self) -> pd.DataFrame:
        """All that had happened, as a frame: a row for each event.

        Examples
        --------
        >>> from orchestra_nb.replay import Replay
        >>> log = b'{"run": "r", "at": 1.0, "name": "execution:run-paused", "reason": "for a look"}'
        >>> list(Replay.parse(log).at(1.0).events.name)
        ['execution:run-paused']
        """
        return cast("EventsPresenter", presenter_of(self)).events(self)

    def as_mapping(self) -> dict[str, Any]:
        """Say the same in what JSON knows.

        Examples
        --------
        >>> from orchestra_nb import Pipeline, RunConfig
        >>> from orchestra_nb.replay.of_result import state_of
        >>> nodes = [Node("load", fn=lambda: 42), Node("half", fn=lambda load: load / 0)]
        >>> state = state_of(Pipeline(nodes, RunConfig(jobs=1)).run())
        >>> told = state.as_mapping()
        >>> told["over"], told["success"], told["nodes"][1]["status"], told["nodes"][1]["error"]["evalue"]
        (True, False, 'failed', 'division by zero')
        """
        return {
            "run": str(self.run),
            "at": self.at,
            "events_heard": self.count,
            "over": self.over,
            "success": self.success,
            "paused": self.paused,
            "progress": self.stats.as_mapping(),
            "nodes": [self._node_record(node) for node in self.nodes.values()],
            "levels_done": self.levels_done,
            "locks": [{"owner": owner, "resources": list(names)} for owner, names in self.locks],
            "lock_waits": [{"owner": owner, "resources": list(names)} for owner, names in self.lock_waits],
            "circuits": dict(self.circuits),
            "counts": dict(self.counts),
            "stalled": None if self.stalled is None else event_to_json(self.stalled),
        }

    def _node_record(self, node: NodeState) -> dict[str, Any]:
        outcome = self.outcomes.get(node.node)
        seconds = None if outcome is None else outcome.seconds
        error = None if outcome is None or outcome.error is None else error_record(outcome.error)
        return {"id": node.node, "status": node.state, "seconds": seconds, **asdict(node), "error": error}

    def __repr__(self) -> str:
        stats = self._fold.progress
        return (
            f"<ReplayState of run {self.run!r} at {self.at:.3f} s: {stats.done} of {len(stats.standings)} nodes ended>"
        )
