"""Everything that a dashboard shows, at one moment: frozen, and read by panels, twin, frames and tests alike."""

from __future__ import annotations

from dataclasses import dataclass

from orchestra_nb.context.metrics import CacheMetrics
from orchestra_nb.presentation import Presented
from orchestra_nb.recovery.statistics import BreakerStats
from orchestra_nb.replay.of_result import state_of
from orchestra_nb.replay.state import ReplayState
from orchestra_nb.resources.statistics import ResourceStats
from orchestra_nb.running.result import RunResult
from orchestra_nb.simulation.schedule import Schedule


@dataclass(frozen=True)  # without slots: its frame and pictures are made when somebody wants them
class Snapshot(Presented):
    """A run and what it works with, at one moment.

    Parameters
    ----------
    state
        How the run stands.
    cache, resources, breakers
        The counts of what it shares with others; ``None`` where that is not known.
    planned
        The schedule that was expected, for the Gantt chart while the run goes on.
    paused
        Whether somebody has paused it.
    result
        What it came to, once it is over.

    Examples
    --------
    >>> from orchestra_nb.graph.dag import DAG
    >>> from orchestra_nb.model import Node, NodeId
    >>> from orchestra_nb.replay.following import Following
    >>> snapshot = Snapshot(Following(DAG([Node(NodeId("load"))])).state(0.0))
    >>> snapshot.frame.query("measure == 'waiting'").value.item()
    1.0
    """

    state: ReplayState
    cache: CacheMetrics | None = None
    resources: ResourceStats | None = None
    breakers: BreakerStats | None = None
    planned: Schedule | None = None
    paused: bool = False
    result: RunResult | None = None

    @classmethod
    def of(cls, result: RunResult) -> Snapshot:
        """Make what is known when only the result of a run is left."""
        return cls(state_of(result), result=result)
