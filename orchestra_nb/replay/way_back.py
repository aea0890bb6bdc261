"""What the events of a way back tell: which nodes were undone, which could not be, and what compensated them.

When a run has failed, what it has done is undone after its end. A saga that begins then and whose steps are all done
already (no other saga begins so) is taken for that: its times are the run's, and its steps the run's nodes. A node that
was done stays so, with its fate as the reason, and the node that compensates it runs and ends, as in the result of the
run. How far the run is does not change: that was told when it ended.

Rejected: an event that names the run (a saga knows of none). Failure: a step that is no done node of the run is passed
over. Pure; O(1) for an event, O(nodes) for the beginning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from orchestra_nb.bus import Event
from orchestra_nb.errors import NodeFailed
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.undoing import compensators
from orchestra_nb.model import NodeId, Outcome
from orchestra_nb.recovery.saga_events import SagaEnded, SagaStarted, StepEvent, UndoFailed, Undone, UndoStarted
from orchestra_nb.recovery.saga_result import StepFate
from orchestra_nb.running.undoing import told_fate


@dataclass(frozen=True, slots=True)
class Begun:
    """A node that compensates has begun, or begins again."""

    node: NodeId
    attempts: int


Told = Outcome | Begun


@dataclass
class WayBack:
    """What is known of the way back of one run.

    Parameters
    ----------
    going_on
        Whether it has begun and not ended.
    """

    going_on: bool = False
    _aside: Mapping[NodeId, tuple[NodeId, ...]] = field(default_factory=dict)
    _before: dict[NodeId, Outcome] = field(default_factory=dict)
    """How nodes had ended before they were undone."""
    _works: dict[NodeId, Outcome] = field(default_factory=dict)
    """What compensating nodes have come to so far."""
    _begun: dict[NodeId, tuple[float, int]] = field(default_factory=dict)
    """When the last attempts of compensating nodes began, and how many there were."""

    undone: frozenset[str] = frozenset()
    """The nodes that were undone."""

    def copy(self) -> WayBack:
        """Take a copy that later events do not change."""
        known = self._before.copy(), self._works.copy(), self._begun.copy()
        return WayBack(self.going_on, self._aside, *known, self.undone)

    def hear(self, event: Event, dag: DAG, outcomes: Mapping[NodeId, Outcome], *, failed: bool) -> tuple[Told, ...]:
        """Say what follows from an event: outcomes that are new, and who has begun.

        Parameters
        ----------
        event
            Any event.
        dag
            The graph of the run.
        outcomes
            How its nodes have ended.
        failed
            Whether the run has ended, and badly.
        """
        if isinstance(event, SagaStarted):
            self.going_on = failed and event.total > 0 == event.left
            self._aside = compensators(dag.nodes.values()) if self.going_on else {}
        elif isinstance(event, SagaEnded):
            self.going_on = False
        elif self.going_on and isinstance(event, UndoStarted | Undone | UndoFailed):
            outcome = outcomes.get(NodeId(event.step))
            if outcome is not None and outcome.status == "done":
                self.undone |= {event.step} if isinstance(event, Undone) else set()
                undone = _undone(self._before.setdefault(outcome.node, outcome), event, dag)
                return (undone, *self._compensating(event, dag))
        return ()

    def _compensating(self, event: StepEvent, dag: DAG) -> tuple[Told, ...]:
        """What became of the node that compensates, if it is one; that it failed once counts most."""
        undo = dag.nodes[NodeId(event.step)].undo
        by = NodeId(undo) if isinstance(undo, str) else NodeId("")
        if by not in self._aside:
            return ()
        began, attempts = self._begun.get(by, (event.at, 0))
        if isinstance(event, UndoStarted):
            self._begun[by] = event.at, attempts + 1
            return (Begun(by, attempts + 1),)
        if isinstance(event, UndoFailed) and not event.final:
            return ()
        reason = f"compensates {', '.join(map(repr, self._aside[by]))}"
        work = Outcome(by, "done", started=began, ended=event.at, attempts=attempts, reason=reason)
        if isinstance(event, UndoFailed):
            ename, _, evalue = event.reason.partition(": ")
            error = NodeFailed(f"node {by!r} failed: {event.reason}", by, (), ename, evalue)
            work = replace(work, status="failed", error=error)
        elif by in self._works and self._works[by].bad:
            work = replace(self._works[by], attempts=attempts)
        self._works[by] = work
        return (work,)


def _undone(outcome: Outcome, event: StepEvent, dag: DAG) -> Outcome:
    """The outcome of a done node, with its fate."""
    told = "is being undone"
    if isinstance(event, Undone):
        told = told_fate(StepFate(event.step, "undone"), dag.nodes[outcome.node])
    elif isinstance(event, UndoFailed) and event.final:
        told = told_fate(StepFate(event.step, "needs-person", undo_error=event.reason), dag.nodes[outcome.node])
    return replace(outcome, reason=f"{outcome.reason}; {told}" if outcome.reason else told)
