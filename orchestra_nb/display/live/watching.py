"""A run watched for a dashboard: followed from its bus, together with what it works with.

Hearing is cheap, and whoever asks pays (:mod:`~orchestra_nb.replay.following`). What else a dashboard shows is asked
for in the same moment: circuits, resources and the cache of those who know them, and whether the run is paused. The
schedule that was expected is simulated once for each graph, by whoever looks first, and not for very large graphs,
where that would take longer than a look may.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from orchestra_nb.bus import EventBus
from orchestra_nb.config import RunConfig
from orchestra_nb.context.metrics import CacheMetrics
from orchestra_nb.display.dashboard import Snapshot
from orchestra_nb.errors import OrchestraError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.recovery.statistics import BreakerStats
from orchestra_nb.replay.following import Following
from orchestra_nb.replay.state import ReplayState
from orchestra_nb.resources.statistics import ResourceStats
from orchestra_nb.running.control import RunControl
from orchestra_nb.running.history import open_history
from orchestra_nb.running.result import RunResult
from orchestra_nb.simulation import Schedule
from orchestra_nb.simulation.expected import expected

MOST_SIMULATED = 2_000
"""Nodes of a graph up to which the expected schedule is shown; it takes about 20 ms for a thousand."""


def nothing() -> None:
    """Know of no such thing."""


class Watching:
    """What is known of a run, for whoever looks.

    Parameters
    ----------
    control
        The run; says whether it is paused.
    config
        How it runs.
    dag
        What runs; ``None``: whatever begins next.
    cache, resources, breakers
        Ask those that it works with; ``None`` from them is nothing known.

    Examples
    --------
    >>> from orchestra_nb import Node
    >>> from orchestra_nb.running.scheduler import ParallelScheduler
    >>> scheduler = ParallelScheduler(RunConfig(jobs=2, history=False))
    >>> watching = Watching(scheduler, scheduler.config)
    >>> with watching.attached(scheduler.bus):
    ...     watching.result = scheduler.execute(DAG([Node("load", fn=lambda: 42)]))
    >>> watching.snapshot().state.stats.percent
    100.0
    """

    def __init__(
        self,
        control: RunControl,
        config: RunConfig,
        dag: DAG | None = None,
        *,
        cache: Callable[[], CacheMetrics | None] = nothing,
        resources: Callable[[], ResourceStats | None] = nothing,
        breakers: Callable[[], BreakerStats | None] = nothing,
    ) -> None:
        self.control, self._config = control, config
        self.nodes = 0 if dag is None else len(dag)
        """How many nodes are about to run, as far as that is known."""
        self._cache, self._resources, self._breakers = cache, resources, breakers
        self._following = Following(dag, history=open_history(config))
        self._planned: tuple[DAG, Schedule | None] | None = None
        self.result: RunResult | None = None
        """What the run came to, once somebody has said so."""

    @contextmanager
    def attached(self, bus: EventBus) -> Iterator[None]:
        """Hear what a bus tells while the block goes on."""
        deaf = self.attach(bus)
        try:
            yield
        finally:
            deaf()

    def attach(self, bus: EventBus) -> Callable[[], None]:
        """Hear what a bus tells; returns what ends that."""
        return self._following.attach(bus)

    def snapshot(self) -> Snapshot:
        """Say what is known now; from any thread."""
        state = self._following.state()
        return Snapshot(
            state,
            cache=self._cache(),
            resources=self._resources(),
            breakers=self._breakers(),
            planned=self._schedule(state),
            paused=self.control.paused,
            result=self.result if state.over else None,
        )

    def _schedule(self, state: ReplayState) -> Schedule | None:
        dag, known = state.dag, self._planned
        if state.jobs is None or not 0 < len(dag) <= MOST_SIMULATED:
            return None
        if known is None or known[0] is not dag:
            try:
                schedule = expected(dag, self._config, state.jobs)
            except OrchestraError:  # it runs, so it knows more of its resources than its settings say
                schedule = None
            self._planned = known = dag, schedule
        return known[1]
