"""The runs that a proof sets against the linear one.

An edge that is missing shows in the order of the cells first of all, and threads may hide it: a quick cell that starts
second often still ends first. So the first trial, and every second one from there on, runs the cells *one after the
other* in an order that :class:`.Covering` chose, until every pair of cells that the DAG leaves unordered has been
turned round in one of them. Suppose the DAG lacks the edge between ``a`` and ``b`` and turning them round shows in a
name, an output or a file: then these trials find it, without luck, as soon as all pairs are turned round (unless what
ran in between hides it again, which the random orders are for). The other trials run in parallel, in random orders, on
threads and processes by turns, with two and more workers: they are for what one worker cannot show, such as races,
copies and backends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from orchestra_nb.graph.dag import DAG
from orchestra_nb.planning.orders import Covering, Order

BACKENDS = ("threading", "loky")


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of the proof.

    Parameters
    ----------
    kind
        ``"linear"``: as Jupyter does it, without this library; ``"serial"``: one cell after the other in a given order;
        ``"parallel"``.
    order
        Of a serial trial: every node's id.
    jobs, backend, seed
        Of a parallel one; the seed is that of its random order.
    """

    kind: Literal["linear", "serial", "parallel"]
    order: Order = ()
    jobs: int = 1
    backend: str = "threading"
    seed: int = 0


LINEAR = Trial("linear")


@dataclass(frozen=True, slots=True)
class TrialPlan:
    """What is to be tried.

    Parameters
    ----------
    trials
        In order.
    pairs
        How many pairs of cells the DAG leaves unordered.
    inverted
        How many of them some serial trial runs the other way round.
    """

    trials: tuple[Trial, ...]
    pairs: int
    inverted: int


def plan_trials(dag: DAG, runs: int, seed: int = 0, most: int = 4, backends: Sequence[str] = BACKENDS) -> TrialPlan:
    """Choose the trials.

    Parameters
    ----------
    dag
        What needs what.
    runs
        How many trials.
    seed
        Of all that is random; equal seeds give equal trials.
    most
        At most so many workers, two or more.
    backends
        Of the parallel trials, by turns.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> plan = plan_trials(DAG([Node("a"), Node("b")]), 3)
    >>> [(trial.kind, trial.order, trial.backend) for trial in plan.trials]
    [('serial', ('b', 'a'), 'threading'), ('parallel', (), 'threading'), ('parallel', (), 'loky')]
    >>> plan.inverted, plan.pairs
    (1, 1)
    """
    covering = Covering(dag, seed)
    trials: list[Trial] = []
    parallel = 0
    while len(trials) < runs:
        order = covering.next() if len(trials) % 2 == 0 else None
        if order is not None:
            trials.append(Trial("serial", order))
            continue
        jobs = 2 + parallel % max(1, most - 1)
        trials.append(Trial("parallel", (), jobs, backends[parallel % len(backends)], seed + parallel))
        parallel += 1
    return TrialPlan(tuple(trials), covering.pairs, covering.inverted)
