"""The parts of an engine, wired: one bus, one table of locks, the same circuits, and one run at a time.

What listens in step (:meth:`.EventBus.on`, ``inline``) is only what the answers of the engine follow from: the tracker,
which begins anew with the graph of each run as it is when the run begins, and the counts.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from orchestra_nb.config import read_capacity
from orchestra_nb.context.manager import ContextManager
from orchestra_nb.definitions.command import CommandDefinition
from orchestra_nb.engine.config import EngineConfig, with_options
from orchestra_nb.engine.stats import EngineCacheMetrics
from orchestra_nb.errors import ConfigError, ResourceError
from orchestra_nb.events import CacheHit, Event, EventBus, NodeEnded, ProgressUpdated, Subscriber
from orchestra_nb.graph.events import DagBuilt
from orchestra_nb.model import Node
from orchestra_nb.progress.event_sink import EventSink
from orchestra_nb.progress.tracker import ProgressTracker
from orchestra_nb.recovery.manager import RecoveryManager
from orchestra_nb.resources.manager import ResourceManager
from orchestra_nb.resources.reading import Resource
from orchestra_nb.running.agent_task import AgentExecutor
from orchestra_nb.running.checkpoints import Checkpoints
from orchestra_nb.running.history import open_history
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.scheduler import ParallelScheduler

if TYPE_CHECKING:
    from orchestra_nb.pipeline import Pipeline

NO_OPTIONS: Mapping[str, Any] = {}


class Parts:
    """What an engine is made of.

    Parameters
    ----------
    config
        Of all parts.

    Examples
    --------
    >>> parts = Parts(EngineConfig())
    >>> parts.scheduler({"jobs": 2}).circuits is parts.recovery.circuits
    True
    """

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        self.bus = EventBus()
        self.cache = ContextManager(config.cache, bus=self.bus)
        self.resources = ResourceManager(resolve_deadlocks=config.resolve_deadlocks, bus=self.bus)
        self._said = {name: read_capacity(name, given) for name, given in config.run.resources.items()}
        self.resources.joined({name: capacity for name, capacity in self._said.items() if capacity.period != math.inf})
        self.recovery = RecoveryManager(retry=config.retry, breaker=config.breaker, bus=self.bus)
        history = open_history(config.run)
        self.progress = ProgressTracker(policy=config.sinks, history=history, by_phase=config.todos_by_phase)
        self.agents: AgentExecutor | None = None
        self.last_result: RunResult | None = None
        self.running: Pipeline | None = None
        self.closed = False
        self._checkpoints = Checkpoints()
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._tells_progress = self._begun = False
        self._follows = self.progress.attach(self.bus)
        self.bus.on(DagBuilt.name, self._follow, inline=True)
        self.bus.on("cache:node-*", self._count_search, inline=True)
        self.bus.on(NodeEnded.name, self._count_tries, inline=True)

    def scheduler(self, options: Mapping[str, Any] = NO_OPTIONS) -> ParallelScheduler:
        """Make what runs one graph, with what lasts from run to run."""
        config = with_options(self.config.run, options)
        return ParallelScheduler(config, self.bus, self._checkpoints, self.recovery.circuits, self.resources)

    @contextmanager
    def turn(self, pipeline: Pipeline) -> Iterator[None]:
        """Be the one run while the block goes on.

        Raises
        ------
        ConfigError
            Another run goes on, or the engine is closed.
        """
        with self._lock:
            if self.closed:
                raise ConfigError("this engine is closed; make another OrchestrationEngine")
            if self.running is not None:
                hint = "wait for it or cancel() it, or make another engine"
                raise ConfigError(f"this engine runs {name_of(self.running) or 'a graph'} already; {hint}")
            self.running, self._begun = pipeline, False
        try:
            yield
        finally:
            self.last_result = pipeline.scheduler.last_result or self.last_result
            try:
                if self._begun:
                    self.progress.complete()
                self.bus.settle()
            finally:
                self.running = None

    def on(self, pattern: str, subscriber: Subscriber, inline: bool) -> Callable[[], None]:
        """Subscribe; progress is published once somebody wants to hear of it."""
        undo = self.bus.on(pattern, subscriber, inline=inline)
        with self._lock:
            begins = not self._tells_progress and self.bus.wants(ProgressUpdated.name)
            self._tells_progress = self._tells_progress or begins
        if begins:
            self.progress.add_sink(EventSink(self.bus))
        return undo

    def check_registration(self, resource: Resource) -> None:
        """Refuse what contradicts the settings of all runs.

        Raises
        ------
        ResourceError
            There is more of it, or less, or it is of another kind.
        """
        said = self._said.get(resource.id)
        if said is not None and said != resource.in_a_run:
            told = f"resource {resource.id!r}: the engine's config says {self.config.run.resources[resource.id]!r}"
            raise ResourceError(f"{told}; say the same here, or leave it out there")

    def cache_metrics(self) -> EngineCacheMetrics:
        """Count what the cache was asked by key, and what nodes were looked up of earlier runs."""
        with self._lock:
            hits, misses = self._counts["hits"], self._counts["misses"]
        return EngineCacheMetrics.of(self.cache.get_metrics(), hits, misses)

    def close(self) -> None:
        """Stop what runs, give all locks back, and let the cache write what is on its way; twice is fine."""
        with self._lock:
            self.closed = True
        running = self.running
        if running is not None:
            running.cancel("the engine was closed")
        self.resources.close()
        self.cache.close()

    def _follow(self, event: Event) -> None:
        """Follow a run that is about to begin: with its graph as it is then, which may have grown before."""
        running = self.running
        if isinstance(event, DagBuilt) and running is not None:
            self._begun = True
            self._follows()
            self.progress.initialize(event.dag, name_of(running), joined=partial(_node, running.scheduler))
            self._follows = self.progress.attach(self.bus)

    def _count_search(self, event: Event) -> None:
        """Count what nodes found in caches."""
        with self._lock:
            self._counts["hits" if isinstance(event, CacheHit) else "misses"] += 1

    def _count_tries(self, event: Event) -> None:
        """Count how often those nodes were tried that may be tried again."""
        running = self.running
        if not isinstance(event, NodeEnded) or not event.outcome.attempts or running is None:
            return
        outcome = event.outcome
        node = _node(running.scheduler, outcome.node)
        retries = outcome.attempts > 1 or (node is not None and node.retry != 1)
        if retries and outcome.status in ("done", "failed", "cancelled"):
            self.recovery.tried(outcome.node, outcome.attempts, outcome.status)


def name_of(pipeline: Pipeline) -> str:
    """Name what runs: a command, a notebook's path, or nothing."""
    command = pipeline.dag.metadata.get("definition")
    if isinstance(command, CommandDefinition):
        return command.name
    return "" if pipeline.notebook is None else str(pipeline.notebook.path or "")


def _node(scheduler: ParallelScheduler, name: str) -> Node | None:
    return None if scheduler.dag is None else scheduler.dag.nodes.get(name)
