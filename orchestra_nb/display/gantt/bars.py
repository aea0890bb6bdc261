"""The nouns of a Gantt chart: lanes with bars, each of pieces. Frozen; :mod:`.timeline` makes them.

Pieces and bars are named tuples, because a chart that follows a run makes ten thousand of them at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.paths import critical_path, upward_ranks
from orchestra_nb.model import NodeId, Outcome
from orchestra_nb.replay.fold import State

PieceKind = Literal["locks", "worker", "either", "earlier", "attempt", "rest", "barrier", "rested"]
PIECES: tuple[PieceKind, ...] = get_args(PieceKind)
WAITS: tuple[PieceKind, ...] = ("locks", "worker", "either", "barrier", "rested")
"""Kinds of pieces in which a node waits for its worker; the last two only in a simulation, which has a bar for each
attempt."""
BarState = State | Literal["planned"]


class Piece(NamedTuple):
    """A part of a node's time, in seconds since the run began."""

    kind: PieceKind
    start: float
    end: float


class Bar(NamedTuple):
    """One node.

    Parameters
    ----------
    node
        Its name.
    lane
        The position of its lane in :attr:`Timeline.lanes`; -1 of one that still waits.
    start, end
        When its first attempt that is known began, and when it ended; of one that runs, now.
    pieces
        Its time, in order: first what it waited, then attempts and rests.
    state
        How it stands or has ended, as in :data:`.STATES`; ``"planned"`` in a simulation.
    attempts
        How often its body was begun.
    worker
        What ran it, by the name that the run knows.
    reason
        Why it failed, was skipped, cancelled or undone.
    critical
        Whether it is on the critical path of the times measured.
    compensates
        Whether it undid what others had done.
    """

    node: NodeId
    lane: int
    start: float
    end: float
    pieces: tuple[Piece, ...]
    state: BarState
    attempts: int = 1
    worker: str = ""
    reason: str = ""
    critical: bool = False
    compensates: bool = False

    def seconds(self, *kinds: PieceKind) -> float:
        """Add up its pieces of these kinds.

        Examples
        --------
        >>> pieces = Piece("locks", 0.0, 2.0), Piece("worker", 2.0, 3.0), Piece("attempt", 3.0, 7.0)
        >>> bar = Bar(NodeId("load"), 0, 3.0, 7.0, pieces, "done")
        >>> bar.seconds("attempt"), bar.seconds(*WAITS)
        (4.0, 3.0)
        """
        return sum(piece.end - piece.start for piece in self.pieces if piece.kind in kinds)


@dataclass(frozen=True, slots=True)
class Timeline:
    """What happened when.

    Parameters
    ----------
    lanes
        What each lane is called.
    bars
        The nodes that began, by start; each is there once.
    waiting
        The nodes that are ready and have not begun, the one that has waited longest first.
    absent
        The nodes that ended without a beginning, and how: skipped, cancelled before their time, or taken from an
        earlier run.
    path
        The critical path of the times measured; without what took no time.
    end
        Seconds until the last that is known.
    now
        The moment, while the run goes on; else ``None``.
    over
        When the run ended, where something came after that; else ``None``.
    """

    lanes: tuple[str, ...]
    bars: tuple[Bar, ...]
    waiting: tuple[Bar, ...] = ()
    absent: tuple[tuple[NodeId, State], ...] = ()
    path: tuple[NodeId, ...] = ()
    end: float = 0.0
    now: float | None = None
    over: float | None = None


def longest(dag: DAG, seconds: Mapping[str, float]) -> tuple[NodeId, ...]:
    """Find the critical path by the times measured; what was not measured takes none, and is left out.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> dag = DAG([Node("a"), Node("b", after=["a"]), Node("c", after=["a"]), Node("d", after=["b", "c"])])
    >>> longest(dag, {"a": 1.0, "b": 2.0, "c": 3.0})
    ('a', 'c')
    """
    table = dag.table
    costs = [seconds.get(name, 0.0) for name in table.ids]
    ranks = upward_ranks(table.levels, table.succs, costs)
    return tuple(table.ids[i] for i in critical_path(ranks, table.preds, table.succs) if costs[i])


def absent(outcomes: Iterable[Outcome]) -> tuple[tuple[NodeId, State], ...]:
    """Pick those that ended without a beginning, and how."""
    return tuple((outcome.node, outcome.status) for outcome in outcomes if outcome.started is None)


def in_order(bars: Iterable[Bar]) -> tuple[Bar, ...]:
    """Sort bars by start."""
    return tuple(sorted(bars, key=lambda bar: (bar.start, bar.lane)))


def reason_of(outcome: Outcome) -> str:
    """Say in one line why a node ended as it did; empty when there is nothing to say."""
    return outcome.reason or str(outcome.error or "").split("\n")[0]
