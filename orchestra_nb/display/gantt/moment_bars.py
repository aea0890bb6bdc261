"""The timeline of a run at one moment, from what its events told; why it is so is said in :mod:`.timeline`. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestra_nb.display.gantt.bars import Bar, Piece, Timeline, absent, in_order, longest, reason_of
from orchestra_nb.display.gantt.lanes import UNDOING, lanes_of_places, packed
from orchestra_nb.graph.undoing import compensators
from orchestra_nb.model import NodeId, Outcome
from orchestra_nb.replay.spans import Span
from orchestra_nb.replay.state import NodeState, ReplayState

_NOTHING = Span()


@dataclass(frozen=True, slots=True)
class _Told:
    """What is known of one node: when its first attempt began, if it did, its time so far, and how it ended."""

    node: NodeState
    span: Span
    outcome: Outcome | None
    begun: float | None
    pieces: tuple[Piece, ...]

    @property
    def end(self) -> float:
        """The last that is known."""
        return self.pieces[-1].end


def timeline(source: ReplayState) -> Timeline:
    """Lay out what had happened when."""
    outcomes, spans, at = source.outcomes, source.spans, source.at
    locked = frozenset(owner for owner, _ in source.lock_waits)
    everyone = [
        _told(node, spans.get(name, _NOTHING), outcomes.get(name), (at, name in locked))
        for name, node in source.nodes.items()
    ]
    begun = [told for told in everyone if told.begun is not None]
    aside = frozenset(compensators(source.dag.nodes.values()) if source.success is False else ())
    path = longest(source.dag, {told.node.node: _measured(told) for told in begun if told.node.node not in aside})
    lanes, laid = lanes_of_places(_places(begun, aside))
    critical = frozenset(path)
    bars = in_order(_bar(told, laid[told.node.node], critical, aside) for told in begun)
    waiting = [
        Bar(told.node.node, -1, at, at, told.pieces, told.node.state, 0)
        for told in everyone
        if told.begun is None and told.node.state == "queued"
    ]
    waiting.sort(key=lambda bar: bar.pieces[0].start if bar.pieces else at)
    end = max([at, *(bar.end for bar in bars)])
    over = source.stats.elapsed if any(bar.compensates for bar in bars) else None
    never = absent(told.outcome for told in everyone if told.begun is None and told.outcome is not None)
    return Timeline(lanes, bars, tuple(waiting), never, path, end, None if source.over else at, over)


def _bar(told: _Told, lane: int, critical: frozenset[NodeId], aside: frozenset[NodeId]) -> Bar:
    node, outcome = told.node, told.outcome
    why = node.reason if outcome is None else reason_of(outcome)
    more = (node.state, node.attempts, node.worker, why, node.node in critical, node.node in aside)
    return Bar(node.node, lane, told.begun or 0.0, told.end, told.pieces, *more)


def _told(node: NodeState, span: Span, outcome: Outcome | None, moment: tuple[float, bool]) -> _Told:
    """Tell the time of a node, as far as it goes: it ends at the moment, or where the node did."""
    at, locked = moment
    if outcome is not None and outcome.started is None:
        return _Told(node, span, outcome, None, ())
    begun = _begun(node, span, outcome)
    waits = _waits(span, outcome, at if begun is None else begun, locked)
    if begun is None:
        return _Told(node, span, outcome, None, waits)
    last = max(begun, at if outcome is None or outcome.ended is None else outcome.ended)
    ran = _attempts(node, span, (begun, last), outcome) if span.rests else (Piece("attempt", begun, last),)
    return _Told(node, span, outcome, begun, (*waits, *ran))


def _begun(node: NodeState, span: Span, outcome: Outcome | None) -> float | None:
    """When the first attempt began, if it did: by the outcome where that was the only one, which knows it better."""
    if outcome is not None and (span.begun is None or not span.rests):
        return outcome.started
    if span.begun is not None:
        return span.begun
    return node.since if node.state == "running" else None


def _attempts(node: NodeState, span: Span, times: tuple[float, float], outcome: Outcome | None) -> Iterator[Piece]:
    """The attempts of a node that has rested, and its rests, between when it began and the last that is known."""
    start, last = times
    rests_now = outcome is None and node.state == "resting"
    rests = list(span.rests)
    if rests_now or outcome is not None:  # this is better known than what was told when the rest began
        rests[-1] = rests[-1][0], last if outcome is None else outcome.started or last
    fails_again = [*(failed for failed, _ in rests[1:]), last]
    for (failed, wake), again in zip(rests, fails_again, strict=True):
        rest = max(start, min(failed, last))
        yield Piece("attempt", start, rest)
        start = max(rest, min(wake, again, last))
        yield Piece("rest", rest, start)
    if not rests_now:
        yield Piece("attempt", start, max(start, last))


def _waits(span: Span, outcome: Outcome | None, until: float, locked: bool) -> tuple[Piece, ...]:
    """How a node waited before its first attempt; for what, its outcome knows."""
    queued = span.queued
    if queued is None or queued >= until:
        return ()
    if outcome is None:
        return (Piece("locks" if locked else "either", queued, until),)
    free = min(queued + outcome.lock_wait, until)
    pieces = Piece("locks", queued, free), Piece("worker", free, until)
    return tuple(piece for piece in pieces if piece.start < piece.end)


def _measured(told: _Told) -> float:
    """The seconds of a node, of its last attempt."""
    if told.outcome is not None:
        return told.outcome.seconds
    return next(piece.end - piece.start for piece in reversed(told.pieces) if piece.kind == "attempt")


def _places(begun: Sequence[_Told], aside: frozenset[NodeId]) -> Iterator[tuple[NodeId, str, int]]:
    """Say of each node that began which place of which lane it has.

    What compensates others, and what began without anybody telling of it, is packed by its times.
    """
    for told in begun:
        if told.span.place:
            yield told.node.node, told.span.lane, told.span.place
    untold = sorted((t for t in begun if not t.span.place), key=lambda told: (told.begun or 0.0, told.node.node))
    for lane, compensates in ((UNDOING, True), ("", False)):
        members = [told for told in untold if (told.node.node in aside) is compensates]
        places = packed([(told.begun or 0.0, told.end) for told in members])
        for told, place in zip(members, places, strict=True):
            yield told.node.node, lane, place + 1
