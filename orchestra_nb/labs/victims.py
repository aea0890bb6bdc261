"""Who could give way in a deadlock, what each would cost, and why it is the one that it is. Pure.

Whoever is stuck because of the new waiter is a candidate. The costs are those by which the lock table chooses, and the
question whether the others could go on without somebody is asked of its own reduction
(:class:`orchestra_nb.resources.deadlock.Reduction`); here they are only written down, and said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestra_nb.resources.deadlock import Reduction
from orchestra_nb.resources.requests import Request
from orchestra_nb.resources.table import LockTable


@dataclass(frozen=True, slots=True)
class Candidate:
    """One owner who could give way.

    Parameters
    ----------
    owner
        Who.
    priority
        The highest of what it waits for: the lower, the cheaper.
    since
        When it got the oldest lock that it holds, in seconds: the later, the less work is lost.
    asked
        The number of its request: the later, the cheaper.
    helps
        Whether the others could go on without it.

    Examples
    --------
    >>> Candidate("ben", 0.0, 2.0, 4, True).helps
    True
    """

    owner: str
    priority: float
    since: float
    asked: int
    helps: bool


def candidates_in(table: LockTable, start: str, now: float) -> tuple[Candidate, ...]:
    """Say who could give way so that an owner which has begun to wait is stuck no more, and what each would cost.

    The cost, and its order, are those of :mod:`orchestra_nb.resources.deadlock`.

    Examples
    --------
    >>> from orchestra_nb.resources.pools import Pool
    >>> table = LockTable(resolve=False)
    >>> db, gpu = (Pool(name, "custom", 1, now=0.0) for name in ("db", "gpu"))
    >>> steps = ("anna", db), ("ben", gpu), ("anna", gpu), ("ben", db)
    >>> for second, (owner, pool) in enumerate(steps):
    ...     _ = table.ask(Request(owner, pool.one), float(second))
    >>> [each.owner for each in candidates_in(table, "ben", 4.0)]
    ['ben', 'anna']
    """
    waiting: dict[object, list[Request]] = {}
    for request in table.waiting.values():
        waiting.setdefault(request.owner, []).append(request)
    found = []
    for owner in Reduction(waiting, now).stuck([start], patient=False):
        helps = owner == start or not Reduction(waiting, now, (owner,)).stuck([start], patient=False)
        since = min((request.since for request in table.held_by(owner)), default=float("inf"))
        asked = waiting[owner]
        highest, last = max(r.priority for r in asked), max(r.number for r in asked)
        found.append(Candidate(str(owner), highest, since, last, helps))
    return tuple(sorted(found, key=cost))


def cost(candidate: Candidate) -> tuple[float, float, int]:
    """What it costs that an owner gives way: whoever has the least is the victim.

    Examples
    --------
    >>> early, late = Candidate("anna", 0, 1.0, 3, True), Candidate("ben", 0, 2.0, 4, True)
    >>> min(early, late, key=cost).owner
    'ben'
    """
    return candidate.priority, -candidate.since, -candidate.asked


def why(victim: str, candidates: Sequence[Candidate]) -> str:
    """Say why it is this one, and nobody else.

    Examples
    --------
    >>> why("ben", (Candidate("ben", 0, 2.0, 4, True), Candidate("anna", 0, 1.0, 3, True)))
    'ben gives way: its oldest lock is the youngest (since 2 s), so the least work is lost'
    """
    able = [each for each in candidates if each.helps]
    first = next((each for each in able if each.owner == victim), None)
    others = [each for each in able if each.owner != victim]
    if first is None or not others:
        return f"{victim} gives way: without nobody else could all the others go on"
    nearest = min(others, key=cost)
    if first.priority < nearest.priority:
        reason = f"its priority is the lowest ({first.priority:g}, the next has {nearest.priority:g})"
    elif first.since > nearest.since:
        reason = f"its oldest lock is the youngest (since {first.since:g} s), so the least work is lost"
    else:
        reason = "it asked last"
    passed = [each.owner for each in candidates if not each.helps and cost(each) < cost(first)]
    over = f"; {', '.join(passed)} would be cheaper, but holds too little to help" if passed else ""
    return f"{victim} gives way: {reason}{over}"
