"""What nodes waited for, and why workers were idle: read from the slots of a schedule. Pure.

**Waits.** What is before an attempt is, in this order: the barrier of its level (its needs were met and its level was
not open), its rest (of a later attempt), a worker, and then resources. A node asks for a worker and for all that it
uses at once; from the first refusal by a resource on it counts as waiting for that, also while no worker is free.

**Gaps.** A worker is idle until its next node comes, so what that node was doing meanwhile is why: it waited for a
resource, for its barrier, it rested, or what it needs had not ended. Behind the last node of a worker stands what some
node still waited for, be it that another worker had it then; where there is none, nothing was left. Rejected: to ask
at each moment what all the nodes of the graph were doing (at nearly every moment there is one that waits for a lock,
one that rests and a hundred that are not ready; which of them a worker could have been given is decided only by who
comes next), and it would cost the number of gaps times that of nodes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from orchestra_nb.model import NodeId
from orchestra_nb.presentation import Presented

if TYPE_CHECKING:
    from orchestra_nb.simulation.schedule import Slot

WaitKind = Literal["barrier", "rest", "worker", "lock", "rate"]
Why = Literal["needs", "barrier", "rest", "lock", "rate", "over"]
_MOST_WORKERS = 4096
"""Of more than this, only those that ever had a node have gaps."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A time in which a node waited.

    Parameters
    ----------
    node
        Who.
    kind
        For what: the ``"barrier"`` of its level, the end of its ``"rest"`` before another attempt, a ``"worker"``, a
        ``"lock"`` (what a resource holds) or a ``"rate"``.
    start, end
        Seconds since the schedule's begin.
    resource
        Which one, of a lock or a rate.
    held_by
        Who let it in at last, by giving back what they held; of a rate, whose turn had left its window.
    attempt
        Before which attempt.

    Examples
    --------
    >>> Wait("b", "lock", 1.0, 3.0, "db", ("a",)).seconds
    2.0
    """

    node: NodeId
    kind: WaitKind
    start: float
    end: float
    resource: str = ""
    held_by: tuple[NodeId, ...] = ()
    attempt: int = 1

    @property
    def seconds(self) -> float:
        """How long it waited.

        Examples
        --------
        >>> Wait("b", "worker", 1.0, 1.5).seconds
        0.5
        """
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which a worker was idle.

    Parameters
    ----------
    worker
        Which, from 0.
    start, end
        Seconds since the schedule's begin.
    why
        What the next node on it was doing: what it ``"needs"`` had not ended, so nothing was ready; it waited for its
        ``"barrier"``, a ``"lock"`` or a ``"rate"``; it had a ``"rest"``. Where none came any more, what another node
        was doing; ``"over"``: nothing of that.
    node
        That node; empty when there is none.
    resource
        Of a lock or a rate, which one.

    Examples
    --------
    >>> Gap(0, 1.0, 3.0, "lock", "b", "db").seconds
    2.0
    """

    worker: int
    start: float
    end: float
    why: Why
    node: str = ""
    resource: str = ""

    @property
    def seconds(self) -> float:
        """How long it was idle.

        Examples
        --------
        >>> Gap(0, 1.0, 1.5, "over").seconds
        0.5
        """
        return self.end - self.start


class Waits(tuple[Wait, ...], Presented):
    """All waits of a schedule, by the start of what waited; shows itself, and has a frame.

    Examples
    --------
    >>> Waits([Wait("b", "worker", 1.0, 1.5)])
    (Wait(node='b', kind='worker', start=1.0, end=1.5, resource='', held_by=(), attempt=1),)
    """

    __slots__ = ()


class Gaps(tuple[Gap, ...], Presented):
    """All times in which workers were idle, by worker and time; shows itself, and has a frame.

    Examples
    --------
    >>> len(Gaps([Gap(0, 1.0, 1.5, "over")]))
    1
    """

    __slots__ = ()


def waits_of(rows: Iterable[Slot], rates: Collection[str] = ()) -> Iterator[Wait]:
    """Say what attempts waited for.

    Parameters
    ----------
    rows
        The slots, by start.
    rates
        Which resources are rates.

    Examples
    --------
    >>> from orchestra_nb.simulation.schedule import Slot
    >>> row = Slot("b", 0, 5.0, 6.0, queued=1.0, lock_wait=3.0, waited_for="db", held_by=("a",))
    >>> [(wait.kind, wait.start, wait.end) for wait in waits_of([row])]
    [('worker', 1.0, 2.0), ('lock', 2.0, 5.0)]
    """
    ended: dict[NodeId, float] = {}
    for row in rows:
        before = ended.get(row.node)
        ended[row.node] = row.end
        queued = row.start if row.queued is None else row.queued
        refused = max(row.start - row.lock_wait, queued) if row.lock_wait > 0 else row.start
        if before is not None and queued > before:
            yield Wait(row.node, "rest", before, queued, attempt=row.attempt)
        elif row.met is not None and queued > row.met:
            yield Wait(row.node, "barrier", row.met, queued, attempt=row.attempt)
        if refused > queued:
            yield Wait(row.node, "worker", queued, refused, attempt=row.attempt)
        if row.start > refused:
            kind: WaitKind = "rate" if row.waited_for in rates else "lock"
            yield Wait(row.node, kind, refused, row.start, row.waited_for, row.held_by, row.attempt)


def gaps_of(rows: Iterable[Slot], workers: int, makespan: float, rates: Collection[str] = ()) -> Iterator[Gap]:
    """Say when workers were idle, and why; by worker, then by time.

    Parameters
    ----------
    rows
        The slots, by start.
    workers
        How many there are.
    makespan
        Seconds until everything had ended.
    rates
        Which resources are rates.

    Examples
    --------
    >>> from orchestra_nb.simulation.schedule import Slot
    >>> [(gap.why, gap.start, gap.end) for gap in gaps_of([Slot("b", 0, 2.0, 3.0)], workers=1, makespan=4.0)]
    [('needs', 0.0, 2.0), ('over', 3.0, 4.0)]
    """
    rows = list(rows)
    before: dict[tuple[NodeId, int], list[Wait]] = {}
    for wait in waits_of(rows, rates):
        before.setdefault((wait.node, wait.attempt), []).append(wait)
    waited = _one_at_a_time(wait for each in before.values() for wait in each if wait.kind != "worker")
    lanes: dict[int, list[Slot]] = {}
    for row in rows:
        if row.worker < workers:
            lanes.setdefault(row.worker, []).append(row)
    for worker in range(workers) if workers <= _MOST_WORKERS else sorted(lanes):
        free = 0.0
        for row in lanes.get(worker, ()):
            if row.start > free:
                yield from _until(row, free, before.get((row.node, row.attempt), ()))
            free = max(free, row.end)
        if makespan > free:
            yield from _to_the_end(worker, free, makespan, waited)


def _until(row: Slot, free: float, waits: Iterable[Wait]) -> Iterator[Gap]:
    """Take apart the time before a slot by what its node was doing."""
    at = free
    for wait in waits:
        start, end = max(wait.start, at), wait.end
        if end <= at:
            continue
        if start > at:
            yield Gap(row.worker, at, start, "needs", row.node)
        if wait.kind == "worker":  # it waited for another one, and was given this: of unequal workers, a faster one
            yield Gap(row.worker, start, end, "needs", row.node)
        else:
            yield Gap(row.worker, start, end, wait.kind, row.node, wait.resource)
        at = end
    if row.start > at:
        yield Gap(row.worker, at, row.start, "needs", row.node)


def _one_at_a_time(waits: Iterable[Wait]) -> list[Wait]:
    """Pick waits that follow one another and cover all the time in which anybody waited."""
    found: list[Wait] = []
    for wait in sorted(waits, key=lambda wait: (wait.start, -wait.end)):
        at = found[-1].end if found else 0.0
        if wait.end > at:
            found.append(replace(wait, start=max(wait.start, at)))
    return found


def _to_the_end(worker: int, free: float, makespan: float, waited: list[Wait]) -> Iterator[Gap]:
    """Take apart the time behind the last slot of a worker by what anybody waited for."""
    at = free
    for wait in waited[bisect_right(waited, free, key=lambda wait: wait.end) :]:
        start = max(wait.start, at)
        if start > at:
            yield Gap(worker, at, start, "over")
        if wait.kind != "worker":
            yield Gap(worker, start, wait.end, wait.kind, wait.node, wait.resource)
        at = wait.end
    if makespan > at:
        yield Gap(worker, at, makespan, "over")
