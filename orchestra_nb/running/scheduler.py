"""The scheduler: what users call; it lends its thread to a :class:`.Run` until that has ended.

An interrupt that comes while no body runs stops the run: nothing new starts, workers are given up, and ``execute``
raises ``KeyboardInterrupt``, while the result stays in ``last_result``. What happens between is in :mod:`.run`; what is
decided, in :mod:`.driver`. Everything that can be found wrong is found before anything runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from inspect import isasyncgenfunction, isgeneratorfunction
from types import MappingProxyType
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
from orchestra_nb.running import on_disk
from orchestra_nb.running.admission import capacities_of, claims_of, faults, faults_of_new, faults_of_undo
from orchestra_nb.running.agent_task import AgentExecutor
from orchestra_nb.running.agents import AgentProgram, agents_of
from orchestra_nb.running.assembly import plan_for, result_of, terms_of
from orchestra_nb.running.backends import Resolved, resolve
from orchestra_nb.running.checkpoints import Checkpoint, Checkpoints, Record, going_on
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
from orchestra_nb.running.recovering import Undoing, with_growth
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.run import Idle, Run
from orchestra_nb.running.seams import Program
from orchestra_nb.running.taken_over import ResumePlan


class ParallelScheduler:
    """Runs DAGs.

    Parameters
    ----------
    config
        Jobs, backend, schedule and so on.
    bus
        Receives every event of every run. When ``execute`` returns, its subscribers have heard all of them, unless
        they take longer than the bus has patience.
    checkpoints
        Where what a run has reached is kept.
    circuits
        Breakers of nodes, shared with others; ``None``: its own, which last from run to run.
    resources
        What nodes use, shared with others; ``None``: each run has its own.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> dag = DAG([Node("load", fn=lambda: 20), Node("double", fn=lambda load: 2 * load, after=["load"])])
    >>> ParallelScheduler(RunConfig(jobs=2)).execute(dag).values["double"]
    40
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
        """The result of the last run, also of one that was interrupted; ``None`` before it has one."""
        return None if self._run is None else self._run.result

    @property
    def dag(self) -> DAG | None:
        """The graph that runs, or ran last, as far as it has grown; ``None`` before anything ran."""
        return None if self._run is None else self._run.driver.dag

    def set_agent_executor(self, executor: AgentExecutor) -> None:
        """Say who does the work of agents.

        Parameters
        ----------
        executor
            Called with the node and the context (what its inputs name), sync or async; returns the agent's result.

        Raises
        ------
        ConfigError
            It cannot be called, or it is a generator, whose body a call does not run.
        """
        if not callable(executor):
            raise ConfigError(f"an agent executor is a function of a node and a context, not {executor!r}")
        if isgeneratorfunction(executor) or isasyncgenfunction(executor):
            raise ConfigError("an agent executor gives its value with return; this one is a generator, with yield")
        self._agents = executor

    def get_checkpoints(self) -> tuple[Checkpoint, ...]:
        """Give the checkpoints of the last runs, the oldest first: those on the disk, then those in memory."""
        return (*on_disk.checkpoints(self.config), *self._checkpoints.all())

    def newest_checkpoint(self, dag: DAG, context: Mapping[str, Any] | None = None) -> str:
        """Name the newest checkpoint of a graph whose run did not succeed: in this process, else on the disk.

        Raises
        ------
        CheckpointError
            There is none.
        """
        here = self._checkpoints.newest(dag.hash)
        return here.id if here is not None else str(on_disk.cut_short(self.config, dag, "run", context))

    def clear_checkpoints(self) -> int:
        """Forget all checkpoints that no run is at, in memory and on the disk; says of how many runs."""
        runs = on_disk.runs_of(self.config)
        return self._checkpoints.clear() + (runs.clear() if runs is not None else 0)

    def plan_resume(self, checkpoint: str, dag: DAG, context: Mapping[str, Any] | None = None) -> ResumePlan:
        """Say what :meth:`resume_from_checkpoint` would do, before it does.

        Raises
        ------
        CheckpointError
            There is no such checkpoint, or it does not fit.
        """
        if checkpoint not in self._checkpoints and on_disk.has(self.config, checkpoint):
            return on_disk.planned(self.config, checkpoint, dag, context)
        found = self._checkpoints.find(checkpoint, self._on_disk())
        taken = going_on(found, dag)
        again = {name: "its value was let go, or what it was made of" for name in found.outcomes if name not in taken}
        left = tuple(NodeId(name) for name in dag.nodes if name not in found.outcomes)
        return ResumePlan(tuple(taken), again, left, tuple(name for name in left if name in found.undone))

    def _on_disk(self) -> list[str]:
        runs = on_disk.runs_of(self.config)
        return [each.run_id for each in runs.all()] if runs is not None else []

    def cancel(self, reason: str = "the run was cancelled") -> None:
        """Stop the run that is under way, from any thread; ``execute`` then returns what it has.

        Nothing new starts; running nodes are stopped where that is possible, and named where not. Harmless when
        nothing runs.
        """
        if self._run is not None and not self._run.ended:
            self._run.cancel(reason)

    def pause(self, reason: str = "the run was paused") -> None:
        """Begin nothing any more in the run that is under way, until :meth:`unpause`; from any thread, at once.

        What runs goes on to its end, and the time of the run's timeout stands still. Harmless when nothing runs.
        """
        if self._run is not None and not self._run.ended:
            self._run.pause(reason)

    def unpause(self) -> None:
        """Go on with a run that was paused; from any thread, at once. Harmless when none is."""
        if self._run is not None and not self._run.ended:
            self._run.unpause()

    @property
    def paused(self) -> bool:
        """Whether a run is under way and begins nothing, because it was asked to."""
        return self._run is not None and self._run.paused

    @property
    def over(self) -> bool:
        """Whether the run that was begun last has ended; not before there is one."""
        return self._run is not None and self._run.ended

    def execute(
        self,
        dag: DAG,
        context: Mapping[str, Any] | None = None,
        *,
        program: Program | None = None,
        idle: Idle | None = None,
        results: Iterable[str] | None = None,
    ) -> RunResult:
        """Run a DAG to its end.

        Parameters
        ----------
        dag
            What needs what.
        context
            Values for parameters that name no node; only for DAGs of functions.
        program
            What the nodes do, if they are not functions.
        idle
            Called on this thread while it waits, at most ten times a second.
        results
            Names of the nodes whose values are wanted: every other value is let go when the last node that reads it
            has ended. ``None`` keeps all. Only for DAGs of functions.

        Returns
        -------
        RunResult
            Also when nodes failed: look at ``.success``.

        Raises
        ------
        DefinitionError, BackendError, ConfigError, EventLogError
            The DAG, the backend, a name in ``results`` or the file of the log cannot be used; nothing ran.
        KeyboardInterrupt
            The run was interrupted; what it has is in :attr:`last_result`.
        """
        if results is not None and (program is not None or agents_of(dag)):
            raise ConfigError("results= names nodes of functions, and this run has a program of its own; leave it out")
        work = program if program is not None else self._program(dag, context, results)
        record = on_disk.begun(self.config, dag, context, self.bus.publish) if program is None else None
        return self._execute(dag, work, idle, MappingProxyType({}), record)

    def resume_from_checkpoint(
        self,
        checkpoint: str,
        dag: DAG,
        context: Mapping[str, Any] | None = None,
        *,
        program: Program | None = None,
        results: Iterable[str] | None = None,
    ) -> RunResult:
        """Go on where an earlier run had got to: what had ended well then is not run again.

        A run on the disk can be of another process, also of one that was killed; it keeps its id. What must run again
        all the same, so that the result is that of a run which nothing disturbed, :meth:`plan_resume` says
        (:mod:`.taken_over` has the rule).

        Parameters
        ----------
        checkpoint
            An id of :meth:`get_checkpoints` or of :attr:`.RunResult.checkpoints`.
        dag, context, program, results
            As for :meth:`execute`; the graph must be the one that ran, and so must the context, which is not kept: of
            what has a digest that is checked.

        Raises
        ------
        CheckpointError
            There is no such checkpoint, it is of another graph or context, or another process is at it; nothing ran.

        Examples
        --------
        >>> from orchestra_nb.model import Node
        >>> weather = {"fair": False}
        >>> def sail(load):
        ...     return load // (1 if weather["fair"] else 0)
        >>> dag = DAG([Node("load", fn=lambda: 42), Node("sail", fn=sail, after=["load"])])
        >>> scheduler = ParallelScheduler(RunConfig(jobs=2))
        >>> failed = scheduler.execute(dag)
        >>> weather["fair"] = True
        >>> result = scheduler.resume_from_checkpoint(failed.checkpoints[-1], dag)
        >>> [outcome.status for outcome in result.outcomes.values()], result.values["sail"]
        (['cached', 'done'], 42)
        """
        if checkpoint not in self._checkpoints and on_disk.has(self.config, checkpoint):
            self._finish_undoing(checkpoint, dag, context, program)
            with on_disk.opened(self.config, checkpoint, dag, context) as opened:
                work = program if program is not None else self._program(dag, context, results)
                return self._execute(dag, work, None, opened.taken, opened.record(self.bus.publish))
        found = self._checkpoints.find(checkpoint, self._on_disk())
        going_on(found, dag)  # another graph is refused before anything is undone
        work = program if program is not None else self._program(dag, context, results)
        with loop_in_force(self.config.loop):
            if self._undo.finish(found.run_id, dag, work, self._checkpoints.record(found.run_id)):
                found = self._checkpoints.find(checkpoint)
        return self._execute(dag, work, None, going_on(found, dag))

    def _finish_undoing(
        self, checkpoint: str, dag: DAG, context: Mapping[str, Any] | None, program: Program | None
    ) -> None:
        """Finish the way back of a run of another process, if it was stopped in the middle of it."""
        if not on_disk.is_being_undone(self.config, checkpoint):
            return
        run_id = str(checkpoint).partition("/")[0]
        with on_disk.opened(self.config, run_id, dag, context) as opened:
            record = opened.record(self.bus.publish)
            try:
                dag = with_growth(dag, opened.names, opened.journal.values)
                work = program if program is not None else self._program(dag, context)
                with loop_in_force(self.config.loop):
                    self._undo.finish_on_disk(dag, work, record, opened.names, opened.journal.values)
            finally:
                record.close()

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
        run.ending(record, partial(result_of, run, program, resolved, record))
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
        run.ending(record, partial(result_of, run, work, resolved, record))
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
