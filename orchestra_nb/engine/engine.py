"""What users call: each method is one of a part's, or one run; the wiring is told in :mod:`orchestra_nb.engine`."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any

from orchestra_nb.config import RunConfig
from orchestra_nb.context.manager import ContextManager
from orchestra_nb.definitions.builder import DAGBuilder
from orchestra_nb.engine.call import Call
from orchestra_nb.engine.config import EngineConfig, engine_config
from orchestra_nb.engine.parts import Parts
from orchestra_nb.engine.stats import EngineCacheMetrics, EngineStats
from orchestra_nb.errors import ConfigError
from orchestra_nb.events import EventBus, Subscriber
from orchestra_nb.graph.dag import DAG
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
from orchestra_nb.resources.reading import read_resource
from orchestra_nb.resources.requests import LockId
from orchestra_nb.resources.statistics import ResourceStats
from orchestra_nb.running.agent_task import AgentExecutor
from orchestra_nb.running.aside import aside
from orchestra_nb.running.checkpoints import Checkpoint
from orchestra_nb.running.recall import forget_results
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.scheduler import ParallelScheduler

if TYPE_CHECKING:
    import pandas as pd

    from orchestra_nb.notebook.dashboard import Dashboard

_NOTHING: Mapping[str, Any] = {}


class OrchestrationEngine(Presented):
    """Builds, runs, caches, locks, recovers and tells of it.

    Parameters
    ----------
    config
        An :class:`.EngineConfig`, or a :class:`.RunConfig` for its runs.

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
        self._parts = Parts(engine_config(config))
        self._dashboard: Dashboard | None = None

    # The parts.

    @property
    def config(self) -> EngineConfig:
        """The settings of all parts.

        Examples
        --------
        >>> engine = OrchestrationEngine(RunConfig(jobs=2, history=False))
        >>> engine.config.run.jobs
        2
        """
        return self._parts.config

    @property
    def bus(self) -> EventBus:
        """Where everything is published.

        Examples
        --------
        >>> from orchestra_nb.events import Event
        >>> engine, seen = OrchestrationEngine(), []
        >>> stop = engine.on("mine:*", lambda event: seen.append(event.at))
        >>> class Noted(Event):
        ...     name = "mine:noted"
        >>> engine.bus.publish(Noted(at=1.0))
        >>> engine.bus.settle(), seen
        (True, [1.0])
        """
        return self._parts.bus

    @property
    def cache(self) -> ContextManager:
        """Values by key, for a while.

        Examples
        --------
        >>> engine = OrchestrationEngine()
        >>> engine.cache.get_or_compute("answer", lambda: 42), engine.cache.get("answer")
        (42, 42)
        """
        return self._parts.cache

    @property
    def resources(self) -> ResourceManager:
        """Locks by name, those of nodes among them.

        Examples
        --------
        >>> engine = OrchestrationEngine()
        >>> engine.register_resource("db", max_concurrent=2)
        >>> with engine.resources.lock("db", owner="by hand"):
        ...     engine.get_resource_stats()["db"].holders
        {'by hand': 1}
        """
        return self._parts.resources

    @property
    def recovery(self) -> RecoveryManager:
        """Retries, circuits and sagas by name.

        Examples
        --------
        >>> from orchestra_nb import RetryPolicy
        >>> engine = OrchestrationEngine()
        >>> engine.recovery.set_retry_config("load", RetryPolicy(attempts=5))
        >>> engine.recovery.run_with_retry("load", lambda: 42), engine.get_recovery_stats().actions["load"].attempts
        (42, 1)
        """
        return self._parts.recovery

    @property
    def progress(self) -> ProgressTracker:
        """Follows the run that is under way, or the last one.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> engine = OrchestrationEngine(RunConfig(jobs=1, history=False))
        >>> _ = engine.run([Node("load", fn=lambda: 42)])
        >>> [todo["status"] for todo in engine.progress.todos]
        ['completed']
        """
        return self._parts.progress

    @property
    def last_result(self) -> RunResult | None:
        """The result of the last run, also of one that was interrupted or cancelled; ``None`` before there is one.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> engine = OrchestrationEngine(RunConfig(jobs=1, history=False))
        >>> engine.last_result is None, engine.run([Node("load", fn=lambda: 42)]) is engine.last_result
        (True, True)
        """
        return self._parts.last_result

    # Graphs.

    def build_dag(self, definition: Any) -> DAG:
        """Make the graph of whatever :meth:`execute` takes.

        Raises
        ------
        DefinitionError, GraphError
            It describes no graph; every fault.

        Examples
        --------
        >>> def load(): return [1, 2]
        >>> def total(load): return sum(load)
        >>> OrchestrationEngine().build_dag([load, total]).levels
        (('load',), ('total',))
        """
        from orchestra_nb.pipeline import Pipeline

        return Pipeline(definition, scheduler=ParallelScheduler(self.config.run)).dag

    def optimize_dag(self, dag: DAG, *, targets: str | Iterable[str] = (), merge_below: float | None = None) -> DAG:
        """Make a smaller graph with the same results; see :meth:`.DAGBuilder.optimize`.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> engine = OrchestrationEngine()
        >>> dag = engine.build_dag([Node("load"), Node("plot", after=["load"]), Node("train", after=["load"])])
        >>> list(engine.optimize_dag(dag, targets=["plot"]).nodes)
        ['load', 'plot']
        """
        return DAGBuilder().optimize(dag, targets=targets, merge_below=merge_below)

    # Runs.

    def set_agent_executor(self, executor: AgentExecutor) -> None:
        """Say who does the work of agents, from the next run on; see :meth:`.ParallelScheduler.set_agent_executor`.

        Examples
        --------
        >>> engine = OrchestrationEngine(RunConfig(jobs=1, history=False, cache=False))
        >>> engine.set_agent_executor(lambda node, context: f"{node.id} of {context['path']}")
        >>> engine.run({"phases": [{"name": "Read", "agents": [{"id": "count"}]}]}, {"path": "a.csv"}).values["count"]
        'count of a.csv'
        """
        ParallelScheduler().set_agent_executor(executor)
        self._parts.agents = executor

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
        **options
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

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> nodes = [Node("load", fn=lambda path: [3, 1, 2]), Node("top", fn=lambda load: max(load))]
        >>> engine = OrchestrationEngine(RunConfig(jobs=2, history=False))
        >>> result = engine.run(nodes, context={"path": "numbers.txt"}, jobs=1)
        >>> result.success, result.values["top"], result.jobs
        (True, 3, 1)
        """
        return Call(self._parts, definition, context, options)()

    def resume_from_checkpoint(
        self, checkpoint: str, definition: Any, context: Mapping[str, Any] | None = None, **options: Any
    ) -> RunResult:
        """Go on where an earlier run had got to; otherwise as :meth:`run`.

        Parameters
        ----------
        checkpoint
            An id of :meth:`get_checkpoints` or of :attr:`.RunResult.checkpoints`.
        definition, context, **options
            As for :meth:`run`; what ran then.

        Raises
        ------
        CheckpointError
            There is no such checkpoint, or it is of something else; nothing ran.
        ConfigError
            It is a notebook: that is gone on with by ``orchestra resume``.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> weather = {"fair": False}
        >>> nodes = [Node("load", fn=lambda: 42), Node("sail", fn=lambda load: load // weather["fair"])]
        >>> engine = OrchestrationEngine(RunConfig(jobs=2, history=False))
        >>> failed = engine.run(nodes)
        >>> weather["fair"] = True
        >>> result = engine.resume_from_checkpoint(failed.checkpoints[-1], nodes)
        >>> [outcome.status for outcome in result.outcomes.values()], result.values["sail"]
        (['cached', 'done'], 42)
        """
        return Call(self._parts, definition, context, options, checkpoint)()

    def resume(self, definition: Any, context: Mapping[str, Any] | None = None, **options: Any) -> RunResult:
        """Go on with the newest run of something that did not succeed, also one of a process that was killed.

        Parameters
        ----------
        definition, context, **options
            As for :meth:`run`; what ran then.

        Raises
        ------
        CheckpointError
            There is none, or what ran then was something else; nothing ran.
        ConfigError
            It is a notebook: that is gone on with by ``orchestra resume``.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> weather = {"fair": False}
        >>> nodes = [Node("load", fn=lambda: 42), Node("sail", fn=lambda load: load // weather["fair"])]
        >>> engine = OrchestrationEngine(RunConfig(jobs=2, history=False))
        >>> engine.run(nodes).success
        False
        >>> weather["fair"] = True
        >>> [outcome.status for outcome in engine.resume(nodes).outcomes.values()]
        ['cached', 'done']
        """
        return Call(self._parts, definition, context, options, newest=True)()

    async def execute_from_checkpoint(
        self, checkpoint: str, definition: Any, context: Mapping[str, Any] | None = None, **options: Any
    ) -> RunResult:
        """Go on where an earlier run had got to, while the event loop goes on; see :meth:`resume_from_checkpoint`.

        Examples
        --------
        >>> import asyncio
        >>> from orchestra_nb import Node
        >>> weather = {"fair": False}
        >>> nodes = [Node("load", fn=lambda: 42), Node("sail", fn=lambda load: load // weather["fair"])]
        >>> engine = OrchestrationEngine(RunConfig(jobs=2, history=False))
        >>> async def twice():
        ...     failed = await engine.execute(nodes)
        ...     weather["fair"] = True
        ...     return await engine.execute_from_checkpoint(failed.checkpoints[-1], nodes)
        >>> asyncio.run(twice()).values["sail"]
        42
        """
        call = Call(self._parts, definition, context, options, checkpoint)
        return await aside(call, call.cancel)

    async def execute(self, definition: Any, context: Mapping[str, Any] | None = None, **options: Any) -> RunResult:
        """Run a graph while the event loop goes on; otherwise as :meth:`run`.

        The run has a thread of its own, also for nodes that a sync run leaves in the calling thread. A task that is
        cancelled stops the run and ends when the run has.

        Examples
        --------
        >>> import asyncio
        >>> from orchestra_nb import Node
        >>> engine = OrchestrationEngine(RunConfig(jobs=2, history=False))
        >>> asyncio.run(engine.execute([Node("a", fn=lambda: 42)])).values
        {'a': 42}
        """
        call = Call(self._parts, definition, context, options)
        return await aside(call, call.cancel)

    def cancel(self, reason: str = "the run was cancelled") -> None:
        """Stop the run that is under way, from any thread; it then ends with what it has. Harmless when none is.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> engine = OrchestrationEngine(RunConfig(jobs=1, history=False))
        >>> enough = Node("enough", fn=lambda: engine.cancel("one is enough"))
        >>> result = engine.run([enough, Node("more", fn=lambda: 2, after=["enough"])])
        >>> result.success, result.outcomes["more"].status, result.outcomes["more"].reason
        (False, 'skipped', 'one is enough')
        """
        running = self._parts.running
        if running is not None:
            running.cancel(reason)

    def pause(self, reason: str = "the run was paused") -> None:
        """Begin nothing any more in the run that is under way, until :meth:`unpause`; from any thread, at once.

        What runs goes on to its end and keeps its locks; the run takes no more of them, and the time of its timeout
        stands still. Harmless when nothing runs.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> engine = OrchestrationEngine(RunConfig(jobs=1, history=False))
        >>> def hold():
        ...     engine.pause("for a look")
        ...     engine.unpause()
        >>> told = []
        >>> off = engine.on("execution:run-paused", lambda event: told.append(event.reason))
        >>> engine.run([Node("first", fn=hold), Node("second", fn=lambda: 2, after=["first"])]).values["second"], told
        (2, ['for a look'])
        """
        running = self._parts.running
        if running is not None:
            running.pause(reason)

    def unpause(self) -> None:
        """Go on with a run that was paused; from any thread, at once. Harmless when none is.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> engine, told = OrchestrationEngine(RunConfig(jobs=1, history=False)), []
        >>> stop = engine.on("execution:run-*paused", lambda event: told.append(event.name))
        >>> def hold():
        ...     engine.pause()
        ...     engine.unpause()
        >>> engine.run([Node("hold", fn=hold), Node("next", fn=lambda: 2, after=["hold"])]).success, told
        (True, ['execution:run-paused', 'execution:run-unpaused'])
        """
        running = self._parts.running
        if running is not None:
            running.unpause()

    @property
    def paused(self) -> bool:
        """Whether a run is under way and begins nothing, because it was asked to.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> engine, seen = OrchestrationEngine(RunConfig(jobs=1, history=False)), []
        >>> def look(event):
        ...     seen.append(engine.paused)
        ...     engine.unpause()
        >>> stop = engine.on("execution:run-paused", look)
        >>> nodes = [Node("hold", fn=lambda: engine.pause()), Node("next", fn=lambda: 2, after=["hold"])]
        >>> engine.run(nodes).success, seen, engine.paused
        (True, [True], False)
        """
        running = self._parts.running
        return running is not None and running.paused

    @property
    def over(self) -> bool:
        """Whether the run that was begun last has ended; not before there is one.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> engine = OrchestrationEngine(RunConfig(jobs=1, history=False))
        >>> before = engine.over
        >>> during = engine.run([Node("look", fn=lambda: engine.over)]).values["look"]
        >>> before, during, engine.over
        (False, False, True)
        """
        return self._parts.running is None and self._parts.last_result is not None

    def dashboard(self) -> Dashboard:
        """Show the run that goes on, or the one that ended last: live in a notebook, as a static page elsewhere.

        It follows runs from the first call on. Its buttons pause, resume and cancel the run that is under way.

        Returns
        -------
        Dashboard
            The same one each time; ``.snapshot`` and ``.frame`` have its numbers.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> engine = OrchestrationEngine(RunConfig(jobs=2, history=False))
        >>> dashboard = engine.dashboard()
        >>> _ = engine.run([Node("a", fn=lambda: 42)])
        >>> dashboard.snapshot.state.stats.percent
        100.0
        """
        if self._dashboard is None:
            from orchestra_nb.notebook.dashboard import dashboard_of

            cache, resources, circuits = self.cache, self.resources, self.recovery.circuits
            self._dashboard = dashboard_of(
                self,
                self.config.run,
                self.bus,
                cache=cache.get_metrics,
                resources=resources.get_resource_stats,
                breakers=circuits.statistics,
            )
        return self._dashboard

    # Recovery.

    async def execute_saga(
        self,
        steps: Iterable[SagaStep],
        context: Mapping[str, Any] = _NOTHING,
        *,
        journal: str | PathLike[str] | None = None,
    ) -> SagaResult:
        """Run steps; when one fails for good, undo those that were done; see :meth:`.RecoveryManager.execute_saga`.

        Examples
        --------
        >>> import asyncio
        >>> engine = OrchestrationEngine()
        >>> steps = [
        ...     SagaStep("seat", lambda context: 7, lambda context, seat: print("free again:", seat)),
        ...     SagaStep("pay", lambda context: context["purse"]["coins"]),
        ... ]
        >>> print(asyncio.run(engine.execute_saga(steps, {"purse": {}})))
        free again: 7
        failed at step 'pay': KeyError: 'coins'
        undone: seat
        """
        return await self.recovery.execute_saga(steps, context, journal=journal)

    def run_saga(
        self,
        steps: Iterable[SagaStep],
        context: Mapping[str, Any] = _NOTHING,
        *,
        journal: str | PathLike[str] | None = None,
    ) -> SagaResult:
        """Run a saga from a thread; otherwise as :meth:`execute_saga`.

        Examples
        --------
        >>> engine = OrchestrationEngine()
        >>> steps = [SagaStep("seat", lambda context: 7), SagaStep("next", lambda context: context["seat"] + 1)]
        >>> result = engine.run_saga(steps)
        >>> result.success, dict(result.values)
        (True, {'seat': 7, 'next': 8})
        """
        return self.recovery.run_saga(steps, context, journal=journal)

    def get_recovery_stats(self) -> RecoveryStats:
        """Take a snapshot of what was tried again, nodes with a retry among it, of all circuits, and of the sagas.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> engine = OrchestrationEngine(RunConfig(jobs=1, history=False))
        >>> answers = iter(["not a number", "42"])
        >>> load = Node("load", fn=lambda: int(next(answers)), retry={"attempts": 3, "initial_delay": 0})
        >>> engine.run([load]).success, engine.get_recovery_stats().actions["load"].attempts
        (True, 2)
        """
        return self.recovery.get_recovery_stats()

    # The cache.

    def get_cache_metrics(self) -> EngineCacheMetrics:
        """Count what the cache was asked by key, and what nodes were looked up of earlier runs.

        Examples
        --------
        >>> engine = OrchestrationEngine()
        >>> engine.cache.set("answer", 42)
        >>> _ = engine.cache.get("answer")
        >>> engine.get_cache_metrics().frame[["entries", "hits", "misses"]]
           entries  hits  misses
        0        1     1       0
        """
        return self._parts.cache_metrics()

    def clear_cache(self) -> int:
        """Forget what the cache has, and the results of nodes in earlier runs; how many keys and results there were.

        Examples
        --------
        >>> engine = OrchestrationEngine(RunConfig(history=False, cache=False))
        >>> engine.cache.set("answer", 42)
        >>> engine.clear_cache(), engine.cache.get("answer", "forgotten")
        (1, 'forgotten')
        """
        return self.cache.clear() + forget_results(self.config.run)

    # Progress.

    def set_todo_write_api(self, write: Callable[[list[Todo]], object] | None) -> None:
        """Hand a run's todos to a function whenever they change; see :meth:`.ProgressTracker.set_todo_write_api`.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> engine, lists = OrchestrationEngine(RunConfig(jobs=1, history=False)), []
        >>> engine.set_todo_write_api(lists.append)
        >>> _ = engine.run([Node("load", fn=lambda: 42)])
        >>> engine.progress.complete(), lists[-1]
        (True, [{'content': 'Run load', 'status': 'completed', 'activeForm': 'Running load'}])
        """
        self.progress.set_todo_write_api(write)

    def get_progress_stats(self) -> ProgressStats:
        """Take a snapshot of the run that is under way, or of the last one; from any thread.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> engine = OrchestrationEngine(RunConfig(jobs=1, history=False))
        >>> _ = engine.run([Node("load", fn=lambda: 42), Node("half", fn=lambda load: load / 0)])
        >>> stats = engine.get_progress_stats()
        >>> stats.percent, stats.counts.completed, stats.counts.failed
        (100.0, 1, 1)
        """
        return self.progress.get_stats()

    # Checkpoints.

    def get_checkpoints(self) -> tuple[Checkpoint, ...]:
        """Give the checkpoints of the last runs, the oldest first; see :meth:`.ParallelScheduler.get_checkpoints`.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> engine = OrchestrationEngine(RunConfig(jobs=1, history=False, cache=False))
        >>> _ = engine.run([Node("load", fn=lambda: 42), Node("half", fn=lambda load: load / 0)])
        >>> [list(checkpoint.outcomes) for checkpoint in engine.get_checkpoints()][-1]
        ['load']
        """
        return self._parts.scheduler().get_checkpoints()

    def clear_checkpoints(self) -> int:
        """Forget what earlier runs had reached, in memory and on the disk; says of how many runs.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> engine = OrchestrationEngine(RunConfig(jobs=1, history=False, cache=False))
        >>> _ = engine.run([Node("load", fn=lambda: 42), Node("half", fn=lambda load: load / 0)])
        >>> engine.clear_checkpoints(), engine.get_checkpoints()
        (1, ())
        """
        return self._parts.scheduler().clear_checkpoints()

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
        """Say how much there is of what nodes use and locks are for; see :meth:`.ResourceManager.register_resource`.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> engine = OrchestrationEngine(RunConfig(jobs=2, history=False))
        >>> engine.register_resource("gpu", max_concurrent=1)
        >>> engine.run([Node("a", fn=lambda: 1, uses=["gpu"]), Node("b", fn=lambda: 2, uses=["gpu"])]).success
        True
        >>> engine.get_resource_stats()["gpu"].granted
        2
        """
        self._parts.check_registration(read_resource(id, type, max_concurrent, rate, budget, scope))
        self.resources.register_resource(id, type, max_concurrent, rate=rate, budget=budget, scope=scope)

    def acquire_lock(
        self,
        resource: str,
        owner: Hashable = None,
        priority: float = 0,
        timeout: float | None = None,
        amount: float = 1,
    ) -> LockId | None:
        """Wait for a lock, among all who want the same, nodes too; see :meth:`.ResourceManager.acquire_lock`.

        It holds this thread up: a coroutine takes ``await engine.resources.acquire_lock_async(...)``.

        Examples
        --------
        >>> engine = OrchestrationEngine()
        >>> engine.register_resource("db")
        >>> first = engine.acquire_lock("db", owner="load")
        >>> engine.acquire_lock("db", owner="clean", timeout=0) is None
        True
        >>> engine.release_lock(first)
        True
        """
        return self.resources.acquire_lock(resource, owner, priority, timeout, amount)

    def release_lock(self, lock_id: LockId) -> bool:
        """Give a lock back; see :meth:`.ResourceManager.release_lock`.

        Examples
        --------
        >>> engine = OrchestrationEngine()
        >>> engine.register_resource("db")
        >>> engine.release_lock(engine.acquire_lock("db", owner="load")), engine.get_resource_stats()["db"].holders
        (True, {})
        """
        return self.resources.release_lock(lock_id)

    def get_resource_stats(self) -> ResourceStats:
        """Take a snapshot of all resources: who holds, who waits, nodes among them.

        Examples
        --------
        >>> engine = OrchestrationEngine()
        >>> engine.register_resource("gpu", max_concurrent=4)
        >>> _ = engine.acquire_lock("gpu:3", owner="train")
        >>> gpu = engine.get_resource_stats()["gpu"]
        >>> gpu.holders, gpu.capacity
        ({'train': 3}, 4)
        """
        return self.resources.get_resource_stats()

    # What it tells.

    def on(self, event: str, fn: Subscriber, *, inline: bool = False) -> Callable[[], None]:
        """Call ``fn(event)`` for each event of that name, such as ``"cache:*"``; returns what undoes it.

        Parameters
        ----------
        event
            A glob over names, which begin with ``dag:``, ``cache:``, ``execution:``, ``resource:``, ``recovery:`` or
            ``progress:``.
        fn
            Called in the background, one event at a time; when a run has ended, it has heard all of it.
        inline
            Call it in step instead, on the thread that publishes, which waits for it.

        Raises
        ------
        ConfigError
            No event has such a name; those of a namespace of your own may.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> engine, ends = OrchestrationEngine(RunConfig(jobs=1, history=False)), []
        >>> stop = engine.on("execution:node-ended", lambda event: ends.append(event.outcome))
        >>> _ = engine.run([Node("load", fn=lambda: 42), Node("half", fn=lambda load: load / 0)])
        >>> [(outcome.node, outcome.status) for outcome in ends]
        [('load', 'done'), ('half', 'failed')]
        >>> engine.on("exection:*", print)
        Traceback (most recent call last):
        orchestra_nb.errors.ConfigError: no event has a name such as 'exection:*'; did you mean 'execution'?
        """
        from orchestra_nb.eventlog.registry import check_pattern

        check_pattern(event)
        return self._parts.on(event, fn, inline)

    def statistics(self) -> EngineStats:
        """Take a snapshot of all parts.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> engine = OrchestrationEngine(RunConfig(jobs=1, history=False))
        >>> _ = engine.run([Node("load", fn=lambda: 42, uses=["db"])])
        >>> stats = engine.statistics()
        >>> stats.progress.percent, stats.resources["db"].granted, stats.cache.entries
        (100.0, 1, 0)
        """
        return EngineStats(
            self.get_progress_stats(), self.get_cache_metrics(), self.get_resource_stats(), self.get_recovery_stats()
        )

    @property
    def frame(self) -> pd.DataFrame:
        """The numbers of all parts, as a tidy frame: part, item, measure, value.

        Examples
        --------
        >>> engine = OrchestrationEngine()
        >>> engine.cache.set("answer", 42)
        >>> engine.frame.query("part == 'cache' and measure == 'entries'")
             part item  measure  value
        14  cache       entries    1.0
        """
        return self.statistics().frame

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        return self.statistics()._repr_mimebundle_(include, exclude)

    # The end.

    def close(self) -> None:
        """Stop what runs, give all locks back, and let the cache write what is on its way; twice is fine.

        Examples
        --------
        >>> engine = OrchestrationEngine()
        >>> engine.close()
        >>> engine
        <OrchestrationEngine: closed, threading, jobs=...>
        >>> engine.run([])
        Traceback (most recent call last):
        orchestra_nb.errors.ConfigError: this engine is closed; make another OrchestrationEngine
        """
        self._parts.close()

    def __enter__(self) -> OrchestrationEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        parts = self._parts
        state = "closed" if parts.closed else "running" if parts.running is not None else "idle"
        return f"<OrchestrationEngine: {state}, {self.config.run.backend or 'threading'}, jobs={self.config.run.jobs}>"

    def __reduce__(self) -> tuple[Any, ...]:
        raise ConfigError("an engine belongs to its process; its results and statistics() can travel")
