"""What a result tells, as the state of its run at its end: the events that its outcomes imply, folded.

A result has no events; but each outcome says when its node was queued, began and ended, in what order levels ended
follows from that, and the end is the result's own. So what shows a run that was followed shows one of which only the
result is left, by the same code. Locks, circuits and the cache are not in a result: of them nothing is known then.

**Order**: by time; what has no time (nodes that never began) comes at the end. What compensated nodes comes after the
end of the run in the result, and here too. Failure: none; a result that contradicts itself is told as far as it goes.
Cost: some 10 µs for each node, when somebody looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from orchestra_nb.bus import Event
from orchestra_nb.errors import OrchestraError
from orchestra_nb.events import LevelEnded, NodeEnded, NodeQueued, NodeStarted, RunEnded, RunStarted
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Outcome
from orchestra_nb.progress.eta import Estimator
from orchestra_nb.progress.pace import expected
from orchestra_nb.replay.fold import Fold
from orchestra_nb.replay.state import ReplayState
from orchestra_nb.replay.way_back import WayBack
from orchestra_nb.running.result import RunResult


def state_of(result: RunResult) -> ReplayState:
    """Rebuild the last state of a run from its result.

    Examples
    --------
    >>> from orchestra_nb.model import Node, NodeId, RunId
    >>> load = NodeId("load")
    >>> ended = {"load": Outcome(load, "done", started=0.5, ended=2.0, attempts=1, worker="w")}
    >>> state = state_of(RunResult(ended, {}, DAG([Node(load)]), 1, "threading", 2.0, RunId("r"), ""))
    >>> state.success, state.stats.percent, state.nodes["load"].worker, [event.name for event in state.facts][1:3]
    (True, 100.0, 'w', ['execution:node-started', 'execution:node-ended'])
    """
    events = tuple(events_of(result))
    fold = Fold(result.dag)
    for event in events:
        try:
            fold.hear(event)
        except OrchestraError:  # pieced together, by hand or from what a process told before it died
            continue
    if result.undone is not None:
        fold.way_back = WayBack(undone=frozenset(result.undone.compensated))
    told = result.run_id, result.total_time, len(events), fold, _estimator, events
    return ReplayState(*told, started_at=result.started_at)


def events_of(result: RunResult) -> Iterator[Event]:
    """Give the events that a result implies, in their order."""
    outcomes = [outcome for outcome in result.outcomes.values() if outcome.node in result.dag.nodes]
    told = [pair for outcome in outcomes for pair in _of_node(outcome, result.total_time)]
    told += ((level.at, 3, level) for level in _levels(result.dag, result.outcomes, result.total_time))
    told.sort(key=lambda each: each[:2])
    yield RunStarted(0.0, len(result.dag), result.jobs, result.backend)
    yield from (event for _, _, event in told)
    yield RunEnded(result.total_time, result.success)


def _of_node(outcome: Outcome, end: float) -> Iterator[tuple[float, int, Event]]:
    """What is told of one node; each with its time and, for what happens at one moment, its turn."""
    node, ended = outcome.node, _end(outcome, end)
    if outcome.queued is not None:
        yield outcome.queued, 0, NodeQueued(outcome.queued, node)
    if outcome.started is not None:
        yield outcome.started, 1, NodeStarted(outcome.started, node, outcome.worker)
    yield ended, 2, NodeEnded(ended, replace(outcome, value=None, outputs=()))


def _end(outcome: Outcome, end: float) -> float:
    return end if outcome.ended is None else outcome.ended


def _levels(dag: DAG, outcomes: Mapping[str, Outcome], end: float) -> Iterator[LevelEnded]:
    """When each level had ended, the levels above it included."""
    latest = 0.0
    for number, names in enumerate(dag.levels):
        if any(name not in outcomes for name in names):
            return
        latest = max([latest, *(_end(outcomes[name], end) for name in names)])
        yield LevelEnded(latest, number)


def _estimator(dag: DAG) -> Estimator:
    return Estimator(expected(dag, {}))
