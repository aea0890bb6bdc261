"""The timeline of a run at one moment, from what its events told; why it is so is said in :mod:`.timeline`. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from orchestra_nb.display.bars import Bar, Piece, PieceKind, Timeline, absent, in_order, longest, reason_of
from orchestra_nb.display.lanes import UNDOING, lanes_of_places, packed
from orchestra_nb.graph.undoing import compensators
from orchestra_nb.model import NodeId, Outcome
from orchestra_nb.replay.spans import Span
from orchestra_nb.replay.state import NodeState, ReplayState

_NOTHING = Span()


def timeline(source: ReplayState) -> Timeline:
    """Lay out what had happened when."""
    nodes, outcomes, spans = source.nodes, source.outcomes, source.spans
    aside = compensators(source.dag.nodes.values()) if source.success is False else {}
    times = {name: list(_pieces(source, node, spans.get(name, _NOTHING))) for name, node in nodes.items()}
    begun = {name: pieces for name, pieces in times.items() if any(piece.kind == "attempt" for piece in pieces)}
    seconds = {name: _measured(outcomes.get(name), pieces) for name, pieces in begun.items() if name not in aside}
    path = longest(source.dag, seconds)
    critical = frozenset(path)
    lanes, laid = lanes_of_places(_places(source, begun, aside))
    bars = []
    for name, pieces in begun.items():
        node, outcome = nodes[name], outcomes.get(name)
        start = next(piece.start for piece in pieces if piece.kind == "attempt")
        why = node.reason if outcome is None else reason_of(outcome)
        told = (node.state, node.attempts, node.worker, why, name in critical, name in aside)
        bars.append(Bar(node.node, laid[node.node], start, pieces[-1].end, tuple(pieces), *told))
    waiting = [
        Bar(node.node, -1, source.at, source.at, tuple(times[name]), node.state, 0)
        for name, node in nodes.items()
        if node.state == "queued" and name not in begun
    ]
    waiting.sort(key=lambda bar: bar.pieces[0].start if bar.pieces else source.at)
    end = max([source.at, *(bar.end for bar in bars)])
    over = source.stats.elapsed if any(bar.compensates for bar in bars) else None
    never = absent(outcome for name, outcome in outcomes.items() if name not in begun)
    return Timeline(lanes, in_order(bars), tuple(waiting), never, path, end, None if source.over else source.at, over)


def _pieces(source: ReplayState, node: NodeState, span: Span) -> Iterator[Piece]:
    """The time of a node, as far as it goes: it ends at the moment, or where the node did."""
    outcome = source.outcomes.get(node.node)
    if outcome is not None and outcome.started is None:
        return
    begun = _begun(node, span, outcome)
    last = source.at if outcome is None or outcome.ended is None else outcome.ended
    yield from _waits(source, node.node, span, source.at if begun is None else begun)
    if begun is None:
        return
    yield from _attempts(node, span, (begun, last), outcome)


def _attempts(node: NodeState, span: Span, times: tuple[float, float], outcome: Outcome | None) -> Iterator[Piece]:
    """The attempts of a node and its rests, between when it began and the last that is known."""
    start, last = times
    rests_now = outcome is None and node.state == "resting"
    rests = list(span.rests)
    if rests and (rests_now or outcome is not None):  # this is better known than what was told when it began
        rests[-1] = rests[-1][0], last if outcome is None else outcome.started or last
    fails_again = [*(failed for failed, _ in rests[1:]), last]
    for (failed, wake), again in zip(rests, fails_again, strict=False):
        rest = max(start, min(failed, last))
        yield Piece("attempt", start, rest)
        start = max(rest, min(wake, again, last))
        yield Piece("rest", rest, start)
    if not (rests_now and span.rests):
        yield Piece("attempt", start, max(start, last))


def _begun(node: NodeState, span: Span, outcome: Outcome | None) -> float | None:
    """When the first attempt began, if it did: by the outcome where that was the only one, which knows it better."""
    if outcome is not None and (span.begun is None or not span.rests):
        return outcome.started
    if span.begun is not None:
        return span.begun
    return node.since if node.state == "running" else None


def _waits(source: ReplayState, node: NodeId, span: Span, until: float) -> Iterator[Piece]:
    """How a node waited before its first attempt; for what, its outcome knows."""
    queued, outcome = span.queued, source.outcomes.get(node)
    if queued is None or queued >= until:
        return
    if outcome is not None:
        free = min(queued + outcome.lock_wait, until)
        if free > queued:
            yield Piece("locks", queued, free)
        if free < until:
            yield Piece("worker", free, until)
        return
    kind: PieceKind = "locks" if any(owner == node for owner, _ in source.lock_waits) else "either"
    yield Piece(kind, queued, until)


def _measured(outcome: Outcome | None, pieces: list[Piece]) -> float:
    """The seconds of a node, of its last attempt."""
    if outcome is not None:
        return outcome.seconds
    return next(piece.end - piece.start for piece in reversed(pieces) if piece.kind == "attempt")


def _places(
    source: ReplayState, begun: Mapping[str, list[Piece]], aside: Mapping[NodeId, tuple[NodeId, ...]]
) -> Iterator[tuple[NodeId, str, int]]:
    """Say of each node that began which place of which lane it has.

    What compensates others, and what began without anybody telling of it, is packed by its times.
    """
    told = {name: span for name, span in source.spans.items() if span.place and name in begun}
    for name, span in told.items():
        yield NodeId(name), span.lane, span.place
    untold = sorted(begun.keys() - told.keys(), key=lambda name: (begun[name][0].start, name))
    for lane, names in ((UNDOING, [n for n in untold if n in aside]), ("", [n for n in untold if n not in aside])):
        for name, place in zip(names, packed([_extent(begun[name]) for name in names]), strict=True):
            yield NodeId(name), lane, place + 1


def _extent(pieces: list[Piece]) -> tuple[float, float]:
    return next(piece.start for piece in pieces if piece.kind == "attempt"), pieces[-1].end
