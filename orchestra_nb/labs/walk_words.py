"""What happened at a step of a walk, in words: what ended, who became ready, who goes first and why, who waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestra_nb.labs.order import Order, named, waits_for
from orchestra_nb.model import NodeId
from orchestra_nb.simulation.moments import Moment
from orchestra_nb.wording import clean

_MOST = 8
"""Sentences of one kind."""


def told_of(before: Moment, now: Moment, begun: Sequence[tuple[NodeId, int]], order: Order) -> tuple[str, ...]:
    """Tell a step.

    Parameters
    ----------
    before, now
        How it stood, and how it stands; ``now.happened`` is all of the step.
    begun
        Who began, each with its worker.
    order
        Who is looked at first.

    Examples
    --------
    >>> from orchestra_nb.graph.dag import DAG
    >>> from orchestra_nb.model import Node
    >>> from orchestra_nb.simulation.case import case_of
    >>> order = Order.of(case_of(DAG([Node("a"), Node("b")]), 2))
    >>> now = Moment(0.0, ("a begins on worker 1",), ready=("b",))
    >>> told_of(Moment(-1.0), now, (("a", 0),), order)[0]
    'a and b may begin'
    """
    marks = tuple(f"{clean(node)} begins on " for node, _ in begun)
    begins = [words for words in now.happened if words.startswith(marks)] if marks else []
    others = [words for words in now.happened if not (marks and words.startswith(marks))]
    return (
        *_some(others),
        *_ready(before, now, begun, order),
        *_first(now, begun, order),
        *_some(begins),
        *_some(_waits(before, now)),
    )


def _some(lines: Sequence[str]) -> Sequence[str]:
    """The first of many, and how many there are beside."""
    return lines if len(lines) <= _MOST else [*lines[: _MOST - 1], f"and {len(lines) - _MOST + 1:,} more like it"]


def _ready(before: Moment, now: Moment, begun: Sequence[tuple[NodeId, int]], order: Order) -> Iterator[str]:
    """Who could not begin before and can now."""
    known = {*before.ready, *(node for node, _, _ in before.waiting), *(node for node, _ in before.resting)}
    could = {*now.ready, *(node for node, _, _ in now.waiting), *(node for node, _ in begun)}
    fresh = sorted(could - known, key=order.ranks.__getitem__)
    if fresh:
        yield f"{named(fresh)} may begin"


def _first(now: Moment, begun: Sequence[tuple[NodeId, int]], order: Order) -> Iterator[str]:
    """Why the first is first, where there was a choice: more could begin than there were workers or resources for."""
    if begun and len(begun) + len(now.waiting) + len(now.ready) > max(len(begun), 1):
        first, second = (offer.node for offer in order.offers(begun, now, 2))
        yield f"{clean(first)} goes first: {order.why(first, second)}"


def _waits(before: Moment, now: Moment) -> list[str]:
    """Who has begun to wait for a resource, or for another one than before."""
    known = {(node, resource) for node, resource, _ in before.waiting}
    return [
        f"{clean(node)} {waits_for(resource, holders)}"
        for node, resource, holders in now.waiting
        if (node, resource) not in known
    ]
