"""What a Gantt chart says in words: names that fit, tooltips, and the whole in a sentence. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from orchestra_nb.display import looks
from orchestra_nb.display.gantt.bars import Bar, PieceKind, Timeline
from orchestra_nb.display.gantt.crowding import Crowd
from orchestra_nb.display.wording import clean, count, duration, short

PLANNED = "planned"
NOTHING = "nothing has run"
KINDS: dict[PieceKind, str] = {
    "locks": "waited for locks",
    "worker": "waited for a worker",
    "either": "waits for locks or a worker",
    "earlier": "earlier attempts and their rests",
    "rest": "rested",
    "barrier": "waited for its level",
    "rested": "rested before another attempt",
    "attempt": "ran",
}
"""What a piece of a node's time is called."""
_NAMED = 5
_NAME = 20
_REASON = 120


def in_short(name: str) -> str:
    """Cut a name so that it fits beside the chart."""
    return short(name, _NAME)


def title(timeline: Timeline) -> str:
    """Say the whole in one sentence, for those who do not see it.

    Examples
    --------
    >>> title(Timeline(("main",), (), absent=(("b", "skipped"),), end=1.5))
    'Gantt chart of 0 nodes in 1 lane over 1.5 s; 1 skipped'
    """
    said = [f"Gantt chart of {count(len(timeline.bars), 'node')} in {count(len(timeline.lanes), 'lane')}"]
    said[0] += f" over {duration(timeline.end)}"
    if timeline.waiting:
        said.append(f"{count(len(timeline.waiting), 'node')} waiting")
    said += [f"{number:,} {state}" for state, number in tally(state for _, state in timeline.absent)]
    if timeline.path:
        said.append(path_line(timeline.path))
    return "; ".join(said)


def tally(states: Iterable[str]) -> list[tuple[str, int]]:
    """Count states, in the order in which all pictures have them.

    Examples
    --------
    >>> tally(["planned", "failed", "done", "failed"])
    [('done', 1), ('failed', 2), ('planned', 1)]
    """
    given = list(states)
    planned = given.count(PLANNED)
    return [*looks.tally(given), *([(PLANNED, planned)] if planned else [])]


def worst(crowd: Crowd) -> str:
    """Say which state of several bars a person should look at first."""
    return looks.worst(bar.state for bar in crowd.bars) or PLANNED


def path_line(path: Sequence[str]) -> str:
    """Say the critical path in one line, without its middle where that is long."""
    shown = path if len(path) <= 12 else (*path[:6], "…", *path[-5:])
    return f"critical path: {' → '.join(short(name) for name in shown)}"


def story(crowd: Crowd) -> str:
    """Tell all that is known of a bar, or of several.

    Examples
    --------
    >>> from orchestra_nb.display.gantt.bars import Piece
    >>> pieces = Piece("locks", 0.0, 2.0), Piece("attempt", 2.0, 5.0)
    >>> story(Crowd((Bar("load", 0, 2.0, 5.0, pieces, "done", worker="main"),), 2.0, 5.0))
    'load · done · waited for locks 2.0 s · ran 3.0 s, from 2.0 s to 5.0 s · on main'
    """
    bar = crowd.single
    return " · ".join(_of_one(bar) if bar is not None else _of_many(crowd))


def _of_one(bar: Bar) -> Iterator[str]:
    yield clean(bar.node)
    reason = f": {short(bar.reason, _REASON)}" if bar.reason else ""
    yield f"{bar.state}{reason}" + (", and compensates" if bar.compensates and not bar.reason else "")
    if bar.attempts > 1:
        yield f"{bar.attempts:,} attempts"
    for kind in ("rested", "barrier", "locks", "worker", "either", "earlier", "rest"):
        seconds = bar.seconds(kind)
        if seconds > 0:
            yield f"{KINDS[kind]} {duration(seconds)}"
    if bar.lane >= 0:
        running = bar.state in ("running", "resting")
        verb = "is to run" if bar.state == PLANNED else "has run" if running else "ran"
        until = "" if running else f" to {duration(bar.end)}"
        yield f"{verb} {duration(bar.seconds('attempt'))}, from {duration(bar.start)}{until}"
    if bar.worker:
        yield f"on {short(bar.worker)}"
    if bar.critical:
        yield "on the critical path"


def _of_many(crowd: Crowd) -> Iterator[str]:
    yield count(len(crowd.bars), "node")
    yield ", ".join(f"{number:,} {state}" for state, number in tally(bar.state for bar in crowd.bars))
    yield f"from {duration(crowd.start)} to {duration(crowd.end)}"
    names = [short(bar.node) for bar in crowd.bars[:_NAMED]]
    yield ", ".join([*names, *(["…"] if len(crowd.bars) > _NAMED else [])])
    if crowd.critical:
        yield "on the critical path"
