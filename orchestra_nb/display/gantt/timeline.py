"""Who did what when, as lanes and bars: what a Gantt chart shows, before anyone decides how to draw it. Pure.

**Lanes.** A lane is a worker, and its bars never overlap. In the result of a run each outcome names its worker; where
bars of one name overlap (what awaits on an event loop, threads of one name) they are packed into as many lanes as are
needed, by their starts. While a run goes on, nobody knows yet which thread runs a node: there its place counts, which
it was given as it started (:mod:`.spans`), so that a bar stands where it stood a moment ago, to the very end. A log
that is looked at later is told in the same way. Lanes are called by what they are and numbered by first use: names of
threads and ids of processes say nothing to a reader, and differ between equal runs. A node has a lane for as long as it
is begun and has not ended, also while it rests; so there can be more lanes than workers.

**Pieces.** The time of a node, from when all that it needs had ended: waiting for locks, waiting for a worker, its
attempts, and the rests between them. A result knows of a node how long it waited for locks and when its *last* attempt
began; what was between its queueing and that is, where there were several, earlier attempts with their rests, in one
piece. What a node has waited for is told when it has ended, so until then it is one piece of *either*, unless a lock is
known for which it waits now. Waiting is drawn below the bar of another, since the lane is not empty meanwhile; it takes
no part in the packing.

**Critical path.** That of the times measured (so far; what has not begun counts nothing): the way through the graph
that no number of workers makes shorter, the same that the lower bound of a run speaks of and that the picture of its
graph marks. Of a node that was tried several times its last attempt counts, as there. With few lanes a run takes longer
than that, and another chain explains its length: each node waited for a worker or a lock until some other node, perhaps
unrelated, had ended. That chain was rejected as what is marked: it depends on which worker came free first, so that
equal runs have different ones, and making its nodes faster may help nothing. What it would say is to be seen all the
same: where the line between two nodes of the path runs level, the path itself has waited, and the strip below the later
one says for what.

**Failure.** None: what a damaged log does not tell is left out. A node that ended without its beginning being told has
its bar by what its outcome says.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch

from orchestra_nb.display.gantt import moment_bars
from orchestra_nb.display.gantt.bars import (
    Bar,
    BarState,
    Piece,
    PieceKind,
    Timeline,
    absent,
    in_order,
    longest,
    reason_of,
)
from orchestra_nb.display.gantt.lanes import UNDOING, Placed, lanes_of_workers
from orchestra_nb.graph.undoing import compensators
from orchestra_nb.model import NodeId, Outcome
from orchestra_nb.replay.state import ReplayState
from orchestra_nb.running.result import RunResult
from orchestra_nb.simulation.schedule import Schedule
from orchestra_nb.simulation.waits import WaitKind

__all__ = ["Timeline", "timeline_of"]

_WAITS: dict[WaitKind, PieceKind] = {
    "barrier": "barrier",
    "rest": "rested",
    "worker": "worker",
    "lock": "locks",
    "rate": "locks",
}
"""What a wait of a schedule is as a piece."""


@singledispatch
def timeline_of(source: RunResult | Schedule | ReplayState) -> Timeline:
    """Lay out what happened when.

    Parameters
    ----------
    source
        The result of a run, a simulated schedule, or a run at one moment.

    Examples
    --------
    >>> from orchestra_nb.graph.dag import DAG
    >>> from orchestra_nb.model import Node
    >>> from orchestra_nb.simulation import simulate
    >>> timeline = timeline_of(simulate(DAG([Node("a", cost=2), Node("b"), Node("c")]), workers=2))
    >>> timeline.lanes, [(bar.node, bar.lane, bar.start, bar.end) for bar in timeline.bars]
    (('worker 1', 'worker 2'), [('a', 0, 0.0, 2.0), ('b', 1, 0.0, 1.0), ('c', 1, 1.0, 2.0)])
    """
    raise TypeError(f"a timeline is made of a RunResult, a Schedule or a ReplayState, not {type(source).__name__}")


@timeline_of.register
def _of_schedule(source: Schedule) -> Timeline:
    path = frozenset(source.critical_path)
    before: dict[tuple[NodeId, int], list[Piece]] = {}
    for wait in source.waits:
        before.setdefault((wait.node, wait.attempt), []).append(Piece(_WAITS[wait.kind], wait.start, wait.end))
    used = {slot.worker for slot in source.rows}
    workers = max((number for number in used if number < source.workers), default=-1) + 1
    loop = sorted(number for number in used if number >= source.workers)
    lane_of = {number: number for number in range(workers)} | {n: workers + k for k, n in enumerate(loop)}
    bars = []
    for s in source.rows:
        pieces = *before.get((s.node, s.attempt), ()), Piece("attempt", s.start, s.end)
        state: BarState = "planned" if s.status == "done" else s.status
        told = (pieces, state, s.attempt, "", s.reason, s.node in path)
        bars.append(Bar(s.node, lane_of[s.worker], s.start, s.end, *told))
    names = [f"worker {number}" for number in range(1, workers + 1)]
    names += ["event loop", *(f"event loop {number}" for number in range(2, len(loop) + 1))][: len(loop)]
    never = absent(source.skipped)
    return Timeline(tuple(names), tuple(bars), absent=never, path=source.critical_path, end=source.makespan)


@timeline_of.register
def _of_result(source: RunResult) -> Timeline:
    outcomes = source.outcomes
    aside = compensators(source.dag.nodes.values()) if source.undone is not None else {}
    path = longest(source.dag, {name: o.seconds for name, o in outcomes.items() if o.node not in aside})
    critical = frozenset(path)
    begun = [outcome for outcome in outcomes.values() if outcome.started is not None]
    placed = [Placed(o.node, *_clock(o), UNDOING if o.node in aside else o.worker) for o in begun]
    lanes, laid = lanes_of_workers(placed)
    bars = []
    for outcome in begun:
        lane, end = laid[outcome.node]
        pieces = tuple(_pieces(outcome, end))
        marks = outcome.node in critical, outcome.node in aside
        told = (outcome.status, outcome.attempts, outcome.worker, reason_of(outcome), *marks)
        bars.append(Bar(outcome.node, lane, pieces[-1].start, end, pieces, *told))
    end = max([source.total_time, *(bar.end for bar in bars)])
    over = source.total_time if any(bar.compensates for bar in bars) else None
    return Timeline(lanes, in_order(bars), (), absent(outcomes.values()), path, end, None, over)


timeline_of.register(ReplayState, moment_bars.timeline)


def _clock(outcome: Outcome) -> tuple[float, float]:
    started = outcome.started or 0.0
    return started, max(started, started if outcome.ended is None else outcome.ended)


def _pieces(outcome: Outcome, end: float) -> Iterator[Piece]:
    """The time of an outcome: how it waited, what was before its last attempt, and that."""
    started, _ = _clock(outcome)
    queued = started if outcome.queued is None else min(outcome.queued, started)
    free = min(queued + outcome.lock_wait, started)
    if free > queued:
        yield Piece("locks", queued, free)
    if started > free:
        yield Piece("earlier" if outcome.attempts > 1 else "worker", free, started)
    yield Piece("attempt", started, end)
