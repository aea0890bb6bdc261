"""A schedule: who does what when, as the simulator and the static schedulers make it."""

from __future__ import annotations

from dataclasses import dataclass

from orchestra_nb.model import NodeId
from orchestra_nb.presentation import Presented


@dataclass(frozen=True, slots=True)
class Slot:
    """One node's place in a schedule; times in seconds since its begin."""

    node: NodeId
    worker: int
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Schedule(Presented):
    """Who does what when.

    Parameters
    ----------
    rows
        One slot per node, by start.
    workers
        How many there were.
    makespan
        Seconds until the last node has ended.
    lower_bound
        Seconds that no schedule can beat.
    utilization
        Share of the workers' time spent on nodes, from 0 to 1.
    critical_path
        The longest way through the graph, which no number of workers makes shorter.
    """

    rows: tuple[Slot, ...]
    workers: int
    makespan: float
    lower_bound: float
    utilization: float
    critical_path: tuple[NodeId, ...] = ()
