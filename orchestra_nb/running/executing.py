"""The run that a scheduler has under way: put together, attended by the calling thread, and reached from others.

Putting together is where everything that can be found wrong is found, before anything runs. Attending lends the
calling thread to the :class:`.Run` until that has ended; an interrupt that comes while no body runs stops the run.
Whoever holds the scheduler reaches the run from any thread: each request is a message, and returns at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from orchestra_nb.config import RunConfig
from orchestra_nb.errors import ConfigError, DefinitionError, Issue
from orchestra_nb.eventlog.writer import logged
from orchestra_nb.events import EventBus
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import NodeId, Outcome
from orchestra_nb.planning.passing import needs_value
from orchestra_nb.recovery.breakers import Breakers
from orchestra_nb.resources.claims import Claims
from orchestra_nb.resources.manager import ResourceManager
from orchestra_nb.running.admission import capacities_of, claims_of, faults, faults_of_new, faults_of_undo
from orchestra_nb.running.agent_task import AgentExecutor
from orchestra_nb.running.agents import AgentProgram, agents_of
from orchestra_nb.running.assembly import plan_for, result_of, terms_of
from orchestra_nb.running.backends import Resolved, resolve
from orchestra_nb.running.checkpoints import Checkpoints, Record
from orchestra_nb.running.circuits import Circuits
from orchestra_nb.running.driver import Driver
from orchestra_nb.running.durable_record import DurableRecord
from orchestra_nb.running.functions import FunctionProgram
from orchestra_nb.running.history import open_history
from orchestra_nb.running.interrupts import interrupts_kept
from orchestra_nb.running.lanes import Lanes
from orchestra_nb.running.loop import current_loop
from orchestra_nb.running.notebook_loop import loop_in_force
from orchestra_nb.running.on_disk import Unsaved
from orchestra_nb.running.recall import open_recall
from orchestra_nb.running.recovering import Undoing
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.run import Idle, Run
from orchestra_nb.running.seams import Program


class Executing:
    """One run after another; :class:`.ParallelScheduler` says what runs.

    Parameters
    ----------
    config, bus, checkpoints, circuits, resources
        As for the scheduler.
    """

    def __init__(
        self,
        config: RunConfig | None = None,
        bus: EventBus | None = None,
        checkpoints: Checkpoints | None = None,
        circuits: Breakers | None = None,
        resources: ResourceManager | None = None,
    ) -> None:
        self.config = config if config is not None else RunConfig()
        self.bus = bus if bus is not None else EventBus()
        self._checkpoints = checkpoints if checkpoints is not None else Checkpoints()
        self.circuits = circuits if circuits is not None else Breakers(bus=self.bus)
        self._resources = resources
        self._agents: AgentExecutor | None = None
        self._run: Run | None = None
        self._undo = Undoing(self._alone, self.bus)

    @property
    def last_result(self) -> RunResult | None:
        """The result of the last run, also of one that was interrupted; ``None`` before it has one.

        Examples
        --------
        >>> from orchestra_nb import Node, ParallelScheduler
        >>> scheduler = ParallelScheduler(RunConfig(jobs=1))
        >>> scheduler.last_result is None
        True
        >>> _ = scheduler.execute(DAG([Node("load", fn=lambda: 42)]))
        >>> scheduler.last_result.values
        {'load': 42}
        """
        return None if self._run is None else self._run.result

    @property
    def dag(self) -> DAG | None:
        """The graph that runs, or ran last, as far as it has grown; ``None`` before anything ran.

        Examples
        --------
        A node may add others while it runs, so this may have more nodes than what was given:

        >>> from orchestra_nb import Expand, Node, ParallelScheduler
        >>> scheduler = ParallelScheduler(RunConfig(jobs=1))
        >>> _ = scheduler.execute(DAG([Node("split", fn=lambda: Expand([Node("part", fn=lambda: 1)]))]))
        >>> list(scheduler.dag.nodes)
        ['split', 'part']
        """
        return None if self._run is None else self._run.driver.dag

    def cancel(self, reason: str = "the run was cancelled") -> None:
        """Stop the run that is under way, from any thread; ``execute`` then returns what it has.

        Nothing new starts; running nodes are stopped where that is possible, and named where not. Harmless when
        nothing runs.

        Examples
        --------
        >>> from orchestra_nb import Node, ParallelScheduler
        >>> scheduler = ParallelScheduler(RunConfig(jobs=1))
        >>> enough = Node("enough", fn=lambda: scheduler.cancel("one is enough"))
        >>> result = scheduler.execute(DAG([enough, Node("more", fn=lambda: 2, after=["enough"])]))
        >>> result.stopped, result.outcomes["more"].status
        ('cancelled', 'skipped')
        """
        if self._run is not None and not self._run.ended:
            self._run.cancel(reason)

    def pause(self, reason: str = "the run was paused") -> None:
        """Begin nothing any more in the run that is under way, until :meth:`unpause`; from any thread, at once.

        What runs goes on to its end, and the time of the run's timeout stands still. Harmless when nothing runs.

        Examples
        --------
        >>> from orchestra_nb import Node, ParallelScheduler
        >>> told = []
        >>> bus = EventBus()
        >>> _ = bus.on("execution:run-*paused", lambda event: told.append(event.name))
        >>> scheduler = ParallelScheduler(RunConfig(jobs=1), bus)
        >>> def hold():
        ...     scheduler.pause()
        ...     scheduler.unpause()
        >>> scheduler.execute(DAG([Node("hold", fn=hold)])).success, told
        (True, ['execution:run-paused', 'execution:run-unpaused'])
        """
        if self._run is not None and not self._run.ended:
            self._run.pause(reason)

    def unpause(self) -> None:
        """Go on with a run that was paused; from any thread, at once. Harmless when none is.

        Examples
        --------
        >>> from orchestra_nb import Node, ParallelScheduler
        >>> scheduler = ParallelScheduler(RunConfig(jobs=1))
        >>> def hold():
        ...     scheduler.pause()
        ...     scheduler.unpause()
        >>> scheduler.execute(DAG([Node("hold", fn=hold), Node("next", fn=lambda: 2, after=["hold"])])).values["next"]
        2
        """
        if self._run is not None and not self._run.ended:
            self._run.unpause()

    @property
    def paused(self) -> bool:
        """Whether a run is under way and begins nothing, because it was asked to.

        Examples
        --------
        >>> from orchestra_nb import Node, ParallelScheduler
        >>> scheduler, seen = ParallelScheduler(RunConfig(jobs=1)), []
        >>> def look(event):
        ...     seen.append(scheduler.paused)
        ...     scheduler.unpause()
        >>> _ = scheduler.bus.on("execution:run-paused", look)
        >>> nodes = [Node("hold", fn=lambda: scheduler.pause()), Node("next", fn=lambda: 2, after=["hold"])]
        >>> scheduler.execute(DAG(nodes)).values["next"], seen, scheduler.paused
        (2, [True], False)
        """
        return self._run is not None and self._run.paused

    @property
    def over(self) -> bool:
        """Whether the run that was begun last has ended; not before there is one.

        Examples
        --------
        >>> from orchestra_nb import Node, ParallelScheduler
        >>> scheduler = ParallelScheduler(RunConfig(jobs=1))
        >>> before = scheduler.over
        >>> during = scheduler.execute(DAG([Node("look", fn=lambda: scheduler.over)])).values["look"]
        >>> before, during, scheduler.over
        (False, False, True)
        """
        return self._run is not None and self._run.ended

    def _execute(
        self,
        dag: DAG,
        work: Program,
        idle: Idle | None,
        known: Mapping[NodeId, Outcome],
        record: DurableRecord | Unsaved | None = None,
    ) -> RunResult:
        try:
            return self._attended(dag, work, idle, known, record)
        finally:
            if isinstance(record, DurableRecord):
                record.close()

    def _attended(
        self,
        dag: DAG,
        work: Program,
        idle: Idle | None,
        known: Mapping[NodeId, Outcome],
        record: DurableRecord | Unsaved | None,
    ) -> RunResult:
        capacities = capacities_of(self.config, dag, self._resources)
        issues = [*faults(dag.nodes.values(), capacities), *faults_of_undo(dag)]
        if issues:
            raise DefinitionError(issues)
        asked = [node.backend for node in dag.nodes.values() if node.backend != "inherit"]
        resolved = resolve(self.config, asked)
        learned = open_history(self.config)
        current_loop().go_on()  # a cell that runs a graph has borrowed it
        with logged(self.config.log, self.bus) as bus, loop_in_force(self.config.loop):
            claims = claims_of(capacities, dag, self._resources)
            self._run = run = self._begun(learned.costed(dag), work, resolved, known, claims, record)
            run.publish_on(bus)
            try:
                try:
                    self._attend(run, idle)
                finally:
                    run.left()
            finally:
                run.left()  # again: an interrupt may have cut the first one short
            learned.record(run.result)
            self._checkpoints.ended(run.run_id, run.result is not None and run.result.success)
            if self.config.undo:
                self._undo.after(run, work)
            self.bus.settle()
        return run.outcome()

    def _alone(self, dag: DAG, program: Program) -> Outcome:
        """Run a graph of one node beside all else: a compensation."""
        resolved = resolve(self.config, [node.backend for node in dag.nodes.values() if node.backend != "inherit"])
        claims = claims_of(capacities_of(self.config, dag, self._resources), dag, self._resources)
        terms = replace(terms_of(self.config, resolved), timeout=None, claims=claims, circuits=Circuits(self.circuits))
        plan = plan_for(dag, self.config, resolved.jobs, needs_value)
        run = Run(Driver(plan, program, terms), program, Lanes(resolved), EventBus())
        claims.on_room(run.look_again)
        record = Record(run.run_id, dag)
        run.ending(record, partial(result_of, run, program, resolved, record, self.config))
        try:
            try:
                self._attend(run, None)
            finally:
                run.left()
        finally:
            run.left()
        return next(iter(run.outcome().outcomes.values()))

    @staticmethod
    def _attend(run: Run, idle: Idle | None) -> None:
        with interrupts_kept():
            while not run.ended:
                try:
                    run.attend(idle)
                except KeyboardInterrupt:
                    run.interrupted()

    def _begun(
        self,
        dag: DAG,
        work: Program,
        resolved: Resolved,
        known: Mapping[NodeId, Outcome],
        claims: Claims,
        durable: DurableRecord | Unsaved | None,
    ) -> Run:
        """Put a run together."""
        heard = partial(getattr, self.bus, "heard")
        terms = replace(
            terms_of(self.config, resolved), known=known, heard=heard, claims=claims, circuits=Circuits(self.circuits)
        )
        plan = plan_for(dag, self.config, resolved.jobs, getattr(work, "needs_value", needs_value))
        run_id = durable.run_id if isinstance(durable, DurableRecord) else None
        run = Run(Driver(plan, work, terms), work, Lanes(resolved), self.bus, run_id)
        claims.on_room(run.look_again)
        record = durable if isinstance(durable, DurableRecord) else self._checkpoints.begin(run.run_id, dag)
        if isinstance(durable, Unsaved):
            record.unsaved = durable.reason
        run.ending(record, partial(result_of, run, work, resolved, record, self.config))
        return run

    def _program(self, dag: DAG, context: Mapping[str, Any] | None, results: Iterable[str] | None = None) -> Program:
        if context is not None and not isinstance(context, Mapping):
            raise ConfigError(f"context must be a mapping of names to values, not {type(context).__name__}")
        agents = agents_of(dag)
        later = partial(faults_of_new, partial(capacities_of, self.config, dag, self._resources))
        if not agents:
            recall = open_recall(self.config, dag.nodes.values())
            return FunctionProgram(dag, context, results=results, faults=later, recall=recall)
        if self._agents is None:
            hint = "give one with set_agent_executor(function of node and context)"
            told = f"nobody does the work of {', '.join(agents[:5])}{' …' if len(agents) > 5 else ''}"
            raise DefinitionError([Issue("no-agent-executor", told, agents, suggestion=hint)])
        recall = open_recall(self.config, dag.nodes.values())
        return AgentProgram(dag, self._agents, context, later, recall)
