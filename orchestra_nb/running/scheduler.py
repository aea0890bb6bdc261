"""The scheduler: what users call to run a graph, and to go on with one.

An interrupt stops the run: nothing new starts, workers are given up, and ``execute`` raises ``KeyboardInterrupt``,
while the result stays in ``last_result``. How a run is put together and attended is in :mod:`.executing`; what happens
between is in :mod:`.run`; what is decided, in :mod:`.driver`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import isasyncgenfunction, isgeneratorfunction
from types import MappingProxyType
from typing import Any

from orchestra_nb.errors import ConfigError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import NodeId
from orchestra_nb.running import on_disk
from orchestra_nb.running.agent_task import AgentExecutor
from orchestra_nb.running.agents import agents_of
from orchestra_nb.running.checkpoints import Checkpoint, going_on
from orchestra_nb.running.executing import Executing
from orchestra_nb.running.notebook_loop import loop_in_force
from orchestra_nb.running.recovering import with_growth
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.run import Idle
from orchestra_nb.running.seams import Program
from orchestra_nb.running.taken_over import ResumePlan


class ParallelScheduler(Executing):
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
    >>> from orchestra_nb.config import RunConfig
    >>> from orchestra_nb.model import Node
    >>> dag = DAG([Node("load", fn=lambda: 20), Node("double", fn=lambda load: 2 * load, after=["load"])])
    >>> ParallelScheduler(RunConfig(jobs=2)).execute(dag).values["double"]
    40
    """

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

        Examples
        --------
        >>> from orchestra_nb import RunConfig, load_command
        >>> scheduler = ParallelScheduler(RunConfig(jobs=1, cache=False))
        >>> scheduler.set_agent_executor(lambda node, context: node.id.upper())
        >>> scheduler.execute(load_command({"phases": [{"name": "Read", "agents": [{"id": "count"}]}]}).dag).values
        {'count': 'COUNT'}
        """
        if not callable(executor):
            raise ConfigError(f"an agent executor is a function of a node and a context, not {executor!r}")
        if isgeneratorfunction(executor) or isasyncgenfunction(executor):
            raise ConfigError("an agent executor gives its value with return; this one is a generator, with yield")
        self._agents = executor

    @property
    def agents(self) -> AgentExecutor | None:
        """Who does the work of agents, as :meth:`set_agent_executor` was told; ``None`` where it was not.

        Examples
        --------
        >>> scheduler = ParallelScheduler()
        >>> scheduler.set_agent_executor(print)
        >>> scheduler.agents, ParallelScheduler().agents
        (<built-in function print>, None)
        """
        return self._agents

    def get_checkpoints(self) -> tuple[Checkpoint, ...]:
        """Give the checkpoints of the last runs, the oldest first: those on the disk, then those in memory.

        Examples
        --------
        >>> from orchestra_nb import Node, RunConfig
        >>> scheduler = ParallelScheduler(RunConfig(jobs=1, cache=False))
        >>> dag = DAG([Node("load", fn=lambda: 42), Node("half", fn=lambda: 1 / 0, after=["load"])])
        >>> failed = scheduler.execute(dag)
        >>> [list(checkpoint.outcomes) for checkpoint in scheduler.get_checkpoints()][-1]
        ['load']
        """
        return (*on_disk.checkpoints(self.config), *self._checkpoints.all())

    def newest_checkpoint(self, dag: DAG, context: Mapping[str, Any] | None = None) -> str:
        """Name the newest checkpoint of a graph whose run did not succeed: in this process, else on the disk.

        Raises
        ------
        CheckpointError
            There is none.

        Examples
        --------
        >>> from orchestra_nb import Node, RunConfig
        >>> scheduler = ParallelScheduler(RunConfig(jobs=1))
        >>> dag = DAG([Node("load", fn=lambda: 42), Node("half", fn=lambda: 1 / 0, after=["load"])])
        >>> scheduler.execute(dag).checkpoints[-1] == scheduler.newest_checkpoint(dag)
        True
        """
        here = self._checkpoints.newest(dag.hash)
        return here.id if here is not None else str(on_disk.cut_short(self.config, dag, "run", context))

    def clear_checkpoints(self) -> int:
        """Forget all checkpoints that no run is at, in memory and on the disk; says of how many runs.

        Examples
        --------
        >>> from orchestra_nb import Node, RunConfig
        >>> scheduler = ParallelScheduler(RunConfig(jobs=1, cache=False))
        >>> _ = scheduler.execute(DAG([Node("load", fn=lambda: 42), Node("half", fn=lambda: 1 / 0, after=["load"])]))
        >>> scheduler.clear_checkpoints(), scheduler.get_checkpoints()
        (1, ())
        """
        runs = on_disk.runs_of(self.config)
        return self._checkpoints.clear() + (runs.clear() if runs is not None else 0)

    def plan_resume(self, checkpoint: str, dag: DAG, context: Mapping[str, Any] | None = None) -> ResumePlan:
        """Say what :meth:`resume_from_checkpoint` would do, before it does.

        Raises
        ------
        CheckpointError
            There is no such checkpoint, or it does not fit.

        Examples
        --------
        >>> from orchestra_nb import Node, RunConfig
        >>> scheduler = ParallelScheduler(RunConfig(jobs=1))
        >>> dag = DAG([Node("load", fn=lambda: 42), Node("half", fn=lambda load: load / 0, after=["load"])])
        >>> plan = scheduler.plan_resume(scheduler.execute(dag).checkpoints[-1], dag)
        >>> plan
        ResumePlan(taken=('load',), again={}, left=('half',), undone=())
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

        Examples
        --------
        >>> from orchestra_nb import Node, RunConfig
        >>> dag = DAG([Node("load", fn=lambda path: [3, 1]), Node("top", fn=lambda load: max(load), after=["load"])])
        >>> ParallelScheduler(RunConfig(jobs=1)).execute(dag, {"path": "numbers.txt"}, results=["top"]).values
        {'top': 3}
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
        >>> from orchestra_nb.config import RunConfig
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
