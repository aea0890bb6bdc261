"""The steps of a walk: moments of one time as one, with who began, who was offered and what happened in words."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby

from orchestra_nb.labs.order import Offer, Order
from orchestra_nb.labs.walk_words import told_of
from orchestra_nb.model import NodeId
from orchestra_nb.simulation.moments import Moment, Moments

Waiting = tuple[NodeId, str, tuple[NodeId, ...]]
"""Who waits for which resource, and who holds it."""


@dataclass(frozen=True, slots=True)
class Step:
    """How a simulated run stands at one time.

    Parameters
    ----------
    number
        Which step, from 0.
    at
        Seconds since the run began.
    begun
        Who began then, each with its worker (from 0).
    levels
        How many levels are complete.
    order
        In which order nodes are looked at.
    moments, span
        All moments of the run, and which of them are of this step.

    Examples
    --------
    >>> from orchestra_nb import DAG, Node, step_through
    >>> first = step_through(DAG([Node("load"), Node("clean", cost=3)]), workers=1)[0]
    >>> [(offer.node, offer.key, offer.fate) for offer in first.offers]
    [('clean', '3.0 s', 'begins on worker 1'), ('load', '1.0 s', 'waits for a worker')]
    """

    number: int
    at: float
    begun: tuple[tuple[NodeId, int], ...]
    levels: int
    order: Order = field(repr=False, compare=False)
    moments: Moments = field(repr=False, compare=False)
    span: range = field(repr=False, compare=False)

    @property
    def moment(self) -> Moment:
        """How everything stands then, with all that has happened at this time; made when it is asked for.

        Examples
        --------
        >>> from orchestra_nb import DAG, Node, step_through
        >>> step_through(DAG([Node("load", cost=2)]))[1].moment.happened
        ('load is done', 'level 0 is complete')
        """
        group = self.moments[self.span.start : self.span.stop]
        return replace(group[-1], happened=tuple(word for each in group for word in each.happened))

    @property
    def told(self) -> tuple[str, ...]:
        """What happened, a sentence each.

        Examples
        --------
        >>> from orchestra_nb import DAG, Node, step_through
        >>> step_through(DAG([Node("load", cost=2)]))[0].told
        ('load may begin', 'load begins on worker 1')
        """
        before = self.moments[self.span.start - 1] if self.number else Moment(-math.inf)
        return told_of(before, self.moment, self.begun, self.order)

    @property
    def offers(self) -> tuple[Offer, ...]:
        """Who was looked at, in order: those who began, and those who wait for a resource or a worker.

        Examples
        --------
        >>> from orchestra_nb import DAG, Node, step_through
        >>> nodes = [Node("load", cost=2), Node("fit", uses=["gpu"]), Node("score", uses=["gpu"])]
        >>> step = step_through(DAG(nodes), workers=3)[0]
        >>> [(offer.node, offer.fate) for offer in step.offers]
        [('load', 'begins on worker 1'), ('fit', 'begins on worker 2'), ('score', 'waits for gpu, held by fit')]
        """
        return self.order.offers(self.begun, self.moment)

    @property
    def first(self) -> str:
        """Who was looked at first; empty where nobody could begin.

        Examples
        --------
        >>> from orchestra_nb import DAG, Node, step_through
        >>> nodes = [Node("load", cost=2), Node("fit", uses=["gpu"]), Node("score", uses=["gpu"])]
        >>> step = step_through(DAG(nodes), workers=3)[0]
        >>> step.first
        'load'
        """
        return self.order.first(self.begun, self.moment)

    @property
    def ready(self) -> tuple[NodeId, ...]:
        """Who could begin and has no worker, the most urgent first.

        Examples
        --------
        >>> from orchestra_nb import DAG, Node, step_through
        >>> nodes = [Node("load", cost=2), Node("fit", uses=["gpu"]), Node("score", uses=["gpu"])]
        >>> step = step_through(DAG(nodes), workers=1)[0]
        >>> step.ready
        ('fit', 'score')
        """
        return self.moment.ready

    @property
    def running(self) -> tuple[tuple[NodeId, int, float], ...]:
        """Who runs, on which worker (from 0), until when (seconds).

        Examples
        --------
        >>> from orchestra_nb import DAG, Node, step_through
        >>> nodes = [Node("load", cost=2), Node("fit", uses=["gpu"]), Node("score", uses=["gpu"])]
        >>> step = step_through(DAG(nodes), workers=3)[0]
        >>> step.running
        (('load', 0, 2.0), ('fit', 1, 1.0))
        """
        return self.moment.running

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """Who waits for a resource: for which, and who holds it.

        Examples
        --------
        >>> from orchestra_nb import DAG, Node, step_through
        >>> nodes = [Node("load", cost=2), Node("fit", uses=["gpu"]), Node("score", uses=["gpu"])]
        >>> step = step_through(DAG(nodes), workers=3)[0]
        >>> step.waiting
        (('score', 'gpu', ('fit',)),)
        """
        return self.moment.waiting

    @property
    def held(self) -> tuple[tuple[str, tuple[NodeId, ...]], ...]:
        """Which resources are held, and by whom.

        Examples
        --------
        >>> from orchestra_nb import DAG, Node, step_through
        >>> nodes = [Node("load", cost=2), Node("fit", uses=["gpu"]), Node("score", uses=["gpu"])]
        >>> step = step_through(DAG(nodes), workers=3)[0]
        >>> step.held
        (('gpu', ('fit',)),)
        """
        return self.moment.held

    @property
    def states(self) -> dict[str, str]:
        """The state of each node that has one, in the words of a run.

        Examples
        --------
        >>> from orchestra_nb import DAG, Node, step_through
        >>> nodes = [Node("load", cost=2), Node("fit", uses=["gpu"]), Node("score", uses=["gpu"])]
        >>> step = step_through(DAG(nodes), workers=3)[0]
        >>> step.states
        {'score': 'queued', 'load': 'running', 'fit': 'running'}
        """
        now, found = self.moment, dict[str, str]()
        waiting = (node for node, _, _ in now.waiting)
        resting, running = (node for node, _ in now.resting), (node for node, _, _ in now.running)
        for state, nodes in (
            *(("done", now.done), ("failed", now.failed), ("skipped", now.skipped), ("queued", now.ready)),
            *(("queued", waiting), ("resting", resting), ("running", running)),
        ):
            found |= dict.fromkeys(nodes, state)
        return found


def steps_of(found: Moments, order: Order) -> Iterator[Step]:
    """Put moments of one time together, and say who began and what was complete.

    Parameters
    ----------
    found
        The moments, by time.
    order
        Who is looked at first.

    Examples
    --------
    >>> from orchestra_nb.graph.dag import DAG
    >>> from orchestra_nb.model import Node
    >>> from orchestra_nb.simulation.moments import moments
    >>> found = moments(DAG([Node("load"), Node("none", cost=0, after=["load"])]), 1)
    >>> [beat.at for beat in found.beats], [step.at for step in steps_of(found, Order.of(found.case))]
    ([0.0, 1.0, 1.0], [0.0, 1.0])
    """
    left = [len(level) for level in order.levels]
    complete = first = 0
    for number, (at, group) in enumerate(groupby(found.beats, key=lambda beat: beat.at)):
        beats = list(group)
        for beat in beats:
            for node in beat.ended:
                left[order.level_of[node]] -= 1
        while complete < len(left) and not left[complete]:
            complete += 1
        span = range(first, first := first + len(beats))
        yield Step(number, at, tuple(one for beat in beats for one in beat.begun), complete, order, found, span)
