"""The engine: one entry point, which wires the parts and does nothing else.

::

    execute · run ──► Pipeline ──► ParallelScheduler ───────────────┐ one for each run
                                    │ circuits   │ uses     │ checkpoints
    execute_saga ──► RecoveryManager┘            │          └─ Checkpoints
    acquire_lock ──────────────────► ResourceManager
    set_todo_write_api ──► ProgressTracker       ContextManager ◄── outputs of agents that hold for a while
            ▲                                          │
            └────────────── EventBus ◄─────────────────┘  everything publishes here: on("cache:*", fn)

* **The same locks.** What a node ``uses`` and what :meth:`OrchestrationEngine.acquire_lock` takes are one lock of one
  table (:mod:`orchestra_nb.resources.joint`). What nobody registered is there once; the limits of a command's phases
  and budgets of a run (``"50000/run"``) belong to the run alone.
* **The same circuits.** A circuit that a node names, and one that is called through ``engine.recovery``, are one.
* **One run at a time.** A bus that carries two runs' events, and a progress of two, would say nothing about either; so
  another run is refused while one goes on, also from within its nodes. Engines are cheap.
* **Where a run runs.** :meth:`OrchestrationEngine.run` lends it the calling thread, from a script, a thread or a cell,
  and holds up whatever loop runs there, as any sync call does. :meth:`OrchestrationEngine.execute` gives it a thread of
  its own, and the loop stays free (:mod:`orchestra_nb.running.aside`).
* **What agents put out.** An output that says for how long it holds (``ttl``) is in ``engine.cache`` under its key for
  that long, once its run has ended. A later command that requires an input of that name, and is not given it, finds it
  there. That is all that a run takes from there: what an agent sees is otherwise its own run's, whatever a cache holds.
* **Failure.** Bad input raises before anything runs; a failed run is a result; an interrupt stops it and is raised.

Rejected: parts that find one another through globals; a second path for sync runs (nest_asyncio, a loop in a loop).
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any

from orchestra_nb.config import RunConfig
from orchestra_nb.context.manager import ContextManager
from orchestra_nb.definitions.builder import DAGBuilder
from orchestra_nb.definitions.command import Agent, CommandDefinition
from orchestra_nb.engine_config import EngineConfig, engine_config, with_options
from orchestra_nb.engine_stats import EngineCacheMetrics, EngineStats
from orchestra_nb.errors import ConfigError
from orchestra_nb.events import CacheHit, CacheMissed, Event, EventBus, NodeEnded, Subscriber
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node
from orchestra_nb.pipeline import Pipeline
from orchestra_nb.presentation import Bundle, Presented
from orchestra_nb.progress.stats import ProgressStats
from orchestra_nb.progress.todos import Todo
from orchestra_nb.progress.tracker import ProgressTracker
from orchestra_nb.recovery.manager import RecoveryManager
from orchestra_nb.recovery.saga_result import SagaResult
from orchestra_nb.recovery.sagas import SagaStep
from orchestra_nb.recovery.statistics import RecoveryStats
from orchestra_nb.resources.manager import ResourceManager
from orchestra_nb.resources.pools import Scope, Type
from orchestra_nb.resources.requests import LockId
from orchestra_nb.resources.statistics import ResourceStats
from orchestra_nb.running.agent_task import AgentExecutor
from orchestra_nb.running.aside import aside
from orchestra_nb.running.checkpoints import Checkpoints
from orchestra_nb.running.history import open_history
from orchestra_nb.running.recall import forget_results
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.scheduler import ParallelScheduler

if TYPE_CHECKING:
    import pandas as pd

_NOTHING: Mapping[str, Any] = {}


class OrchestrationEngine(Presented):
    """Builds, runs, caches, locks, recovers and tells of it.

    Parameters
    ----------
    config
        An :class:`.EngineConfig`, or a :class:`.RunConfig` for its runs.

    Attributes
    ----------
    bus, cache, resources, recovery, progress
        The parts: for whatever this class has no name for.
    last_result
        The result of the last run, also of one that was interrupted or cancelled; ``None`` before there is one.

    Raises
    ------
    ConfigError
        The config is none.

    Examples
    --------
    >>> from orchestra_nb import Node
    >>> nodes = [Node("load", fn=lambda path: [3, 1, 2]), Node("top", fn=lambda load: max(load), uses=["db"])]
    >>> with OrchestrationEngine(RunConfig(jobs=2, history=False)) as engine:
    ...     engine.register_resource("db", type="database", max_concurrent=2)
    ...     result = engine.run(nodes, context={"path": "numbers.txt"})
    >>> result.values["top"], engine.get_progress_stats().percent, engine.get_resource_stats()["db"].granted
    (3, 100.0, 1)
    """

    def __init__(self, config: EngineConfig | RunConfig | None = None) -> None:
        self.config = engine_config(config)
        self.bus = EventBus()
        self.cache = ContextManager(self.config.cache, bus=self.bus)
        self.resources = ResourceManager(resolve_deadlocks=self.config.resolve_deadlocks, bus=self.bus)
        self.recovery = RecoveryManager(retry=self.config.retry, breaker=self.config.breaker, bus=self.bus)
        history = open_history(self.config.run)
        self.progress = ProgressTracker(policy=self.config.sinks, history=history, by_phase=self.config.todos_by_phase)
        self.progress.attach(self.bus)
        self.last_result: RunResult | None = None
        self._checkpoints = Checkpoints()
        self._agents: AgentExecutor | None = None
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._running: Pipeline | None = None
        self._closed = False
        self.bus.on("*:node-*", self._count)

    # Graphs.

    def build_dag(self, definition: Any) -> DAG:
        """Make the graph of whatever :meth:`execute` takes.

        Raises
        ------
        DefinitionError, GraphError
            It describes no graph; every fault.
        """
        return Pipeline(definition, scheduler=ParallelScheduler(self.config.run)).dag

    def optimize_dag(self, dag: DAG, *, targets: str | Iterable[str] = (), merge_below: float | None = None) -> DAG:
        """Make a smaller graph with the same results; see :meth:`.DAGBuilder.optimize`."""
        return DAGBuilder().optimize(dag, targets=targets, merge_below=merge_below)

    # Runs.

    def set_agent_executor(self, executor: AgentExecutor) -> None:
        """Say who does the work of agents, from the next run on; see :meth:`.ParallelScheduler.set_agent_executor`."""
        ParallelScheduler().set_agent_executor(executor)
        self._agents = executor

    def run(self, definition: Any, context: Mapping[str, Any] | None = None, **options: Any) -> RunResult:
        """Run a graph to its end, and wait for it: from a script, a thread, a cell, or sync code in a coroutine.

        Parameters
        ----------
        definition
            A command definition (a mapping, its file, or :func:`.load_command`'s), a notebook or its path, a
            :class:`.DAG`, or an iterable of nodes and functions.
        context
            Values for parameters that name no node, and for the inputs of agents; for a notebook, names that exist
            before its first cell.
        options
            Fields of :class:`.RunConfig` for this run: ``jobs=4, keep_going=True``.

        Returns
        -------
        RunResult
            Also when nodes failed: look at ``.success``.

        Raises
        ------
        DefinitionError, GraphError, BackendError, ConfigError, ResourceError
            Something cannot be meant, or the engine runs something already; nothing ran.
        KeyboardInterrupt
            The run was interrupted; what it has is in :attr:`last_result`.
        """
        return _Call(self, definition, context, options)()

    async def execute(self, definition: Any, context: Mapping[str, Any] | None = None, **options: Any) -> RunResult:
        """Run a graph while the event loop goes on; otherwise as :meth:`run`.

        The run has a thread of its own, also for nodes that a sync run leaves in the calling thread. A task that is
        cancelled stops the run and ends when the run has.

        Examples
        --------
        >>> import asyncio
        >>> engine = OrchestrationEngine(RunConfig(jobs=2, history=False))
        >>> asyncio.run(engine.execute([task_of_nothing := Node("a", fn=lambda: 42)])).values
        {'a': 42}
        """
        call = _Call(self, definition, context, options)
        return await aside(call, call.cancel)

    def cancel(self, reason: str = "the run was cancelled") -> None:
        """Stop the run that is under way, from any thread; it then ends with what it has. Harmless when none is."""
        running = self._running
        if running is not None:
            running.cancel(reason)

    # Recovery.

    async def execute_saga(
        self,
        steps: Iterable[SagaStep],
        context: Mapping[str, Any] = _NOTHING,
        *,
        journal: str | PathLike[str] | None = None,
    ) -> SagaResult:
        """Run steps; when one fails for good, undo those that were done; see :meth:`.RecoveryManager.execute_saga`."""
        return await self.recovery.execute_saga(steps, context, journal=journal)

    def run_saga(
        self,
        steps: Iterable[SagaStep],
        context: Mapping[str, Any] = _NOTHING,
        *,
        journal: str | PathLike[str] | None = None,
    ) -> SagaResult:
        """Run a saga from a thread; otherwise as :meth:`execute_saga`."""
        return self.recovery.run_saga(steps, context, journal=journal)

    def get_recovery_stats(self) -> RecoveryStats:
        """Take a snapshot of what was tried again, nodes with a retry among it, of all circuits, and of the sagas."""
        return self.recovery.get_recovery_stats()

    # The cache.

    def get_cache_metrics(self) -> EngineCacheMetrics:
        """Count what the cache was asked by key, and what nodes were looked up of earlier runs."""
        with self._lock:
            hits, misses = self._counts["hits"], self._counts["misses"]
        return EngineCacheMetrics.of(self.cache.get_metrics(), hits, misses)

    def clear_cache(self) -> int:
        """Forget what the cache has, and the results of nodes in earlier runs; how many keys and results there were."""
        return self.cache.clear() + forget_results(self.config.run)

    # Progress.

    def set_todo_write_api(self, write: Callable[[list[Todo]], object] | None) -> None:
        """Hand a run's todos to a function whenever they change; see :meth:`.ProgressTracker.set_todo_write_api`."""
        self.progress.set_todo_write_api(write)

    def get_progress_stats(self) -> ProgressStats:
        """Take a snapshot of the run that is under way, or of the last one; from any thread."""
        return self.progress.get_stats()

    # Checkpoints.

    def clear_checkpoints(self) -> None:
        """Forget what earlier runs had reached."""
        self._checkpoints = Checkpoints()

    # Locks.

    def register_resource(
        self,
        id: str,
        type: Type = "custom",
        max_concurrent: int = 1,
        *,
        rate: str | None = None,
        budget: float | None = None,
        scope: Scope = "process",
    ) -> None:
        """Say how much there is of what nodes use and locks are for; see :meth:`.ResourceManager.register_resource`."""
        self.resources.register_resource(id, type, max_concurrent, rate=rate, budget=budget, scope=scope)

    def acquire_lock(
        self,
        resource: str,
        owner: Hashable = None,
        priority: float = 0,
        timeout: float | None = None,
        amount: float = 1,
    ) -> LockId | None:
        """Wait for a lock, among all who want the same, nodes too; see :meth:`.ResourceManager.acquire_lock`."""
        return self.resources.acquire_lock(resource, owner, priority, timeout, amount)

    def release_lock(self, lock_id: LockId) -> bool:
        """Give a lock back; see :meth:`.ResourceManager.release_lock`."""
        return self.resources.release_lock(lock_id)

    def get_resource_stats(self) -> ResourceStats:
        """Take a snapshot of all resources: who holds, who waits, nodes among them."""
        return self.resources.get_resource_stats()

    # What it tells.

    def on(self, event: str, fn: Subscriber) -> Callable[[], None]:
        """Call ``fn(event)`` for each event of that name, such as ``"cache:*"``; returns what undoes it.

        Names begin with ``dag:``, ``cache:``, ``execution:``, ``resource:``, ``recovery:`` or ``progress:``.
        """
        return self.bus.on(event, fn)

    def statistics(self) -> EngineStats:
        """Take a snapshot of all parts."""
        return EngineStats(
            self.get_progress_stats(), self.get_cache_metrics(), self.get_resource_stats(), self.get_recovery_stats()
        )

    @property
    def frame(self) -> pd.DataFrame:
        """The numbers of all parts, as a tidy frame: part, item, measure, value."""
        return self.statistics().frame

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        return self.statistics()._repr_mimebundle_(include, exclude)

    # The end.

    def close(self) -> None:
        """Stop what runs, give all locks back, and write what the cache has on its way to disk; twice is fine."""
        with self._lock:
            self._closed = True
        self.cancel("the engine was closed")
        self.resources.close()
        self.cache.close()

    def __enter__(self) -> OrchestrationEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else "running" if self._running is not None else "idle"
        return f"<OrchestrationEngine: {state}, {self.config.run.backend or 'threading'}, jobs={self.config.run.jobs}>"

    def __reduce__(self) -> tuple[Any, ...]:
        raise ConfigError("an engine belongs to its process; its results and statistics() can travel")

    # How it is done.

    def _pipeline(self, definition: Any, options: Mapping[str, Any]) -> Pipeline:
        scheduler = ParallelScheduler(
            with_options(self.config.run, options),
            self.bus,
            self._checkpoints,
            self.recovery.circuits,
            self.resources,
        )
        return Pipeline(definition, agents=self._agents, scheduler=scheduler)

    @contextmanager
    def _turn(self, pipeline: Pipeline) -> Iterator[None]:
        """Be the one run of this engine."""
        with self._lock:
            if self._closed:
                raise ConfigError("this engine is closed; make another OrchestrationEngine")
            if self._running is not None:
                hint = "wait for it or cancel() it, or make another engine"
                raise ConfigError(f"this engine runs {_name(self._running) or 'a graph'} already; {hint}")
            self._running = pipeline
        scheduler = pipeline.scheduler
        try:
            self.progress.initialize(pipeline.dag, _name(pipeline), joined=partial(_node, scheduler))
            yield
        finally:
            self._running = None
            self.last_result = scheduler.last_result or self.last_result
            self.progress.complete()

    def _count(self, event: Event) -> None:
        """Count what nodes found in caches, and how often they were tried."""
        if isinstance(event, CacheHit | CacheMissed):
            with self._lock:
                self._counts["hits" if isinstance(event, CacheHit) else "misses"] += 1
        elif isinstance(event, NodeEnded) and event.outcome.attempts and (running := self._running) is not None:
            outcome = event.outcome
            node = _node(running.scheduler, outcome.node)
            if outcome.status in ("done", "failed", "cancelled") and (
                outcome.attempts > 1 or (node is not None and node.retry != 1)
            ):
                self.recovery.tried(outcome.node, outcome.attempts, outcome.status)


class _Call:
    """One call for a run: made in the thread that runs it, and stopped from another."""

    def __init__(
        self,
        engine: OrchestrationEngine,
        definition: Any,
        context: Mapping[str, Any] | None,
        options: Mapping[str, Any],
    ) -> None:
        self._engine, self._definition = engine, definition
        self._context, self._options = context, options
        self._pipeline: Pipeline | None = None

    def __call__(self) -> RunResult:
        engine = self._engine
        pipeline = engine._pipeline(self._definition, self._options)
        with engine._turn(pipeline):
            self._pipeline = pipeline
            result = pipeline.run(_with_known(self._context, pipeline.dag, engine.cache))
            _put_out(result, engine.cache)
            return result

    def cancel(self) -> None:
        """Stop it, once it has begun."""
        if self._pipeline is not None:
            self._pipeline.cancel("the task that awaited the run was cancelled")


def _name(pipeline: Pipeline) -> str:
    command = pipeline.dag.metadata.get("definition")
    if isinstance(command, CommandDefinition):
        return command.name
    return "" if pipeline.notebook is None else str(pipeline.notebook.path or "")


def _node(scheduler: ParallelScheduler, name: str) -> Node | None:
    return None if scheduler.dag is None else scheduler.dag.nodes.get(name)


def _with_known(context: Mapping[str, Any] | None, dag: DAG, cache: ContextManager) -> Mapping[str, Any] | None:
    """Add what a command requires, is not given, and an earlier one has put out for so long."""
    command = dag.metadata.get("definition")
    if not isinstance(command, CommandDefinition) or (context is not None and not isinstance(context, Mapping)):
        return context
    given, nothing = dict(context or {}), object()
    for name in command.required:
        if name not in given and (found := cache.get(name, nothing)) is not nothing:
            given[name] = found
    return given


def _put_out(result: RunResult, cache: ContextManager) -> None:
    """Keep the outputs of agents that say for how long they hold."""
    for outcome in result.outcomes.values():
        node = result.dag.nodes[outcome.node]
        agent = node.metadata.get("agent")
        if outcome.status != "done" or not isinstance(agent, Agent):
            continue
        made = outcome.value if isinstance(outcome.value, Mapping) else {}
        for output in agent.outputs:
            if output.ttl is not None:
                cache.set(output.key, made.get(output.key, outcome.value), output.ttl)
