"""One call from a definition to a result: the entry point for scripts, tests and other people's code.

A pipeline of functions runs through the scheduler as it is. A notebook's cells run in a namespace of their own, in this
process; inside IPython they have its displays and magics. Outside IPython a cell with a magic cannot run: that is said
before anything has run, with the command that can run it (``orchestra run``, which starts a kernel).
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestra_nb.cells.notebook_file import Notebook
from orchestra_nb.config import RunConfig
from orchestra_nb.definitions.builder import DAGBuilder
from orchestra_nb.errors import ConfigError, Issue, NotebookError
from orchestra_nb.events import EventBus
from orchestra_nb.graph.dag import DAG
from orchestra_nb.progress.handle import RunHandle
from orchestra_nb.progress.tracker import ProgressTracker
from orchestra_nb.running.agent_task import AgentExecutor
from orchestra_nb.running.history import open_history
from orchestra_nb.running.recall import open_recall
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.scheduler import ParallelScheduler

if TYPE_CHECKING:
    from orchestra_nb.notebook.dashboard import Dashboard
    from orchestra_nb.notebook.resuming import StoredRun

_COMMANDS = (".json", ".yaml", ".yml", ".md", ".stg", ".graphml")
"""Endings of files that are command definitions, or of which they say better what they are; any other is a notebook."""


class Pipeline:
    """A graph together with how to run it.

    Parameters
    ----------
    target
        A :class:`.Notebook` or the path of one, the path of a command definition (``.json``, ``.yaml``, ``.md``), a
        :class:`.DAG`, or whatever :meth:`.DAGBuilder.build_dag` takes.
    config
        Jobs, backend and so on.
    bus
        Receives the events of every run.
    agents
        Who does the work of agents: called with the node and its context, sync or async.
    scheduler
        Runs it, with its own config and bus, in place of one that is made from these.

    Raises
    ------
    DefinitionError, GraphError
        The target is no graph.

    Examples
    --------
    >>> from orchestra_nb import Node, RunConfig
    >>> nodes = [Node("load", fn=lambda: [3, 1, 2]), Node("top", fn=lambda load: max(load))]
    >>> result = Pipeline(nodes, config=RunConfig(jobs=2)).run()
    >>> result.success, result.values["top"]
    (True, 3)
    """

    def __init__(
        self,
        target: Any,
        config: RunConfig | None = None,
        bus: EventBus | None = None,
        agents: AgentExecutor | None = None,
        scheduler: ParallelScheduler | None = None,
    ) -> None:
        if config is not None and not isinstance(config, RunConfig):
            raise ConfigError(f"config must be a RunConfig, not {type(config).__name__}")
        self.scheduler = scheduler if scheduler is not None else ParallelScheduler(config, bus)
        self.config = self.scheduler.config
        self.bus = self.scheduler.bus
        self._dashboard: Dashboard | None = None
        self._starting = threading.Lock()
        self._started: RunHandle | None = None
        if agents is not None:
            self.scheduler.set_agent_executor(agents)
        if isinstance(target, str | os.PathLike) and Path(target).suffix not in _COMMANDS:
            target = Notebook.read(Path(target), plan_cache=self.config.plan_cache)
        self.notebook = target if isinstance(target, Notebook) else None
        if self.notebook is not None:
            self.dag: DAG = self.notebook.planned(keep_going=self.config.keep_going)
        else:
            self.dag = DAGBuilder().build_dag(target)

    def run(
        self,
        context: Mapping[str, Any] | None = None,
        *,
        targets: Iterable[str] = (),
        results: Iterable[str] | None = None,
        namespace: dict[str, Any] | None = None,
    ) -> RunResult:
        """Run it; also a failed run returns its result.

        Parameters
        ----------
        context
            Values for parameters of functions that name no node; for a notebook, names that exist before its first
            cell.
        targets
            Run only these nodes and what they need.
        results
            For functions: the nodes whose values are wanted. Every other value is let go when the last node that reads
            it has ended, which is what keeps a run with large values small. ``None`` keeps all.
        namespace
            For a notebook: where its names are left; a new one by default.

        Returns
        -------
        RunResult
            With ``.values`` by node id for functions and by variable name for cells.

        Raises
        ------
        NotebookError
            Cells use magics, and there is no IPython here; nothing ran.
        DefinitionError, ConfigError
            There is no such result, the target is a notebook, whose values stay in its namespace, or a run that was
            begun with :meth:`start` goes on; nothing ran.
        KeyboardInterrupt
            The run was interrupted.

        Examples
        --------
        >>> from orchestra_nb import Node, RunConfig
        >>> nodes = [Node("load", fn=lambda path: [3, 1]), Node("top", fn=lambda load: max(load)), Node("other")]
        >>> result = Pipeline(nodes, RunConfig(jobs=1)).run({"path": "numbers.txt"}, targets=["top"])
        >>> result.values["top"], list(result.outcomes)
        (3, ['load', 'top'])

        Of a notebook, the values are its variables:

        >>> Pipeline(Notebook.from_sources(["x = 6 * factor"]), RunConfig(jobs=1)).run({"factor": 7}).values["x"]
        42
        """
        with self._starting:
            self._check_free()
        return self._ran(context, targets=targets, results=results, namespace=namespace)

    def _check_free(self) -> None:
        if self._started is not None and not self._started.over:
            raise ConfigError("this pipeline runs already; wait() for what start() gave, or cancel() it")

    def _ran(
        self,
        context: Mapping[str, Any] | None,
        *,
        targets: Iterable[str],
        results: Iterable[str] | None,
        namespace: dict[str, Any] | None,
    ) -> RunResult:
        chosen = list(targets)
        dag = self.dag.subgraph(chosen) if chosen else self.dag
        scheduler = self.scheduler
        if not any(node.kind == "cell" for node in dag.nodes.values()):
            return scheduler.execute(dag, context, idle=self._idle, results=results)
        if results is not None:
            raise ConfigError("results= is for nodes of functions; the values of a notebook stay in its namespace")
        return self._run_cells(dag, scheduler, dict(context or {}) if namespace is None else namespace)

    def start(
        self,
        context: Mapping[str, Any] | None = None,
        *,
        targets: Iterable[str] = (),
        results: Iterable[str] | None = None,
        namespace: dict[str, Any] | None = None,
    ) -> RunHandle:
        """Begin to run it in a thread of its own, and go on: what is returned holds, stops and waits for it.

        Nodes that :meth:`run` leaves in the calling thread run in that thread, so cells that belong to the main thread
        cannot. A process that ends takes the run along: wait for it.

        Parameters
        ----------
        context, targets, results, namespace
            As for :meth:`run`.

        Raises
        ------
        ConfigError
            It runs already, or as for :meth:`run`; nothing ran.
        DefinitionError
            A cell belongs to the main thread, or as for :meth:`run`; nothing ran.

        Examples
        --------
        >>> from orchestra_nb import Node, RunConfig
        >>> run = Pipeline([Node("load", fn=lambda: [3, 1, 2])], config=RunConfig(jobs=1, history=False)).start()
        >>> run.wait(timeout=60).values["load"], run.state
        ([3, 1, 2], 'done')
        """
        chosen = tuple(targets)
        dag = self.dag.subgraph(chosen) if chosen else self.dag
        if any(node.kind == "cell" for node in dag.nodes.values()):
            from orchestra_nb.notebook.background import check_background

            check_background(dag, self.config)
        call = partial(self._ran, context, targets=chosen, results=results, namespace=namespace)
        with self._starting:
            self._check_free()
            name = "" if self.notebook is None else str(self.notebook.path or "")
            tracker = ProgressTracker(history=open_history(self.config))
            tracker.initialize(dag, name)
            self._started = handle = RunHandle(name, self, tracker)
            handle.begin(partial(self._followed, call, tracker), self.bus)
        return handle

    def _followed(self, call: Callable[[], RunResult], tracker: ProgressTracker) -> RunResult:
        deaf = tracker.attach(self.bus)
        try:
            return call()
        except KeyboardInterrupt:  # a node has raised it: nobody interrupts this thread
            result = self.scheduler.last_result
            if result is None:
                raise
            return result
        finally:
            deaf()
            tracker.complete()

    def cancel(self, reason: str = "the run was cancelled") -> None:
        """Stop the run that is under way, from any thread; :meth:`run` then returns what it has.

        Examples
        --------
        >>> from orchestra_nb import Node, RunConfig
        >>> enough = Node("enough", fn=lambda: pipeline.cancel("one is enough"))
        >>> pipeline = Pipeline([enough, Node("more", fn=lambda: 2, after=["enough"])], RunConfig(jobs=1))
        >>> result = pipeline.run()
        >>> result.success, {name: outcome.status for name, outcome in result.outcomes.items()}
        (False, {'enough': 'cancelled', 'more': 'skipped'})
        """
        self.scheduler.cancel(reason)

    def pause(self, reason: str = "the run was paused") -> None:
        """Begin nothing any more in the run that is under way, until :meth:`unpause`; from any thread, at once.

        What runs goes on to its end, and the time of the run's timeout stands still. Harmless when nothing runs.

        Examples
        --------
        >>> import threading
        >>> from orchestra_nb import Node, RunConfig
        >>> held = threading.Event()
        >>> pipeline = Pipeline(
        ...     [Node("first", fn=lambda: pipeline.pause("for a look")), Node("second", fn=lambda: 2, after=["first"])],
        ...     RunConfig(jobs=1),
        ... )
        >>> _ = pipeline.bus.on("execution:run-paused", lambda event: held.set())
        >>> run = pipeline.start()
        >>> held.wait(60), run.state, run.over
        (True, 'paused', False)
        >>> pipeline.unpause()
        >>> run.wait(timeout=60).values["second"]
        2
        """
        self.scheduler.pause(reason)

    def unpause(self) -> None:
        """Go on with a run that was paused; from any thread, at once. Harmless when none is.

        Examples
        --------
        >>> from orchestra_nb import Node, RunConfig
        >>> def first():
        ...     pipeline.pause()
        ...     pipeline.unpause()
        >>> nodes = [Node("first", fn=first), Node("second", fn=lambda: 2, after=["first"])]
        >>> pipeline = Pipeline(nodes, RunConfig(jobs=1))
        >>> pipeline.run().values["second"]
        2
        """
        self.scheduler.unpause()

    @property
    def paused(self) -> bool:
        """Whether a run is under way and begins nothing, because it was asked to.

        Examples
        --------
        >>> import threading
        >>> from orchestra_nb import Node, RunConfig
        >>> held = threading.Event()
        >>> pipeline = Pipeline(
        ...     [Node("first", fn=lambda: pipeline.pause("for a look")), Node("second", fn=lambda: 2, after=["first"])],
        ...     RunConfig(jobs=1),
        ... )
        >>> _ = pipeline.bus.on("execution:run-paused", lambda event: held.set())
        >>> run = pipeline.start()
        >>> held.wait(60), pipeline.paused
        (True, True)
        >>> pipeline.unpause()
        >>> run.wait(timeout=60).success, pipeline.paused
        (True, False)
        """
        return self.scheduler.paused

    @property
    def over(self) -> bool:
        """Whether the run that was begun last has ended; not before there is one.

        Examples
        --------
        >>> from orchestra_nb import Node, RunConfig
        >>> pipeline = Pipeline([Node("look", fn=lambda: pipeline.over)], RunConfig(jobs=1))
        >>> before, during = pipeline.over, pipeline.run().values["look"]
        >>> before, during, pipeline.over
        (False, False, True)
        """
        return self.scheduler.over

    def dashboard(self) -> Dashboard:
        """Show the run that goes on, or the one that ended last: live in a notebook, as a static page elsewhere.

        As the last line of a cell, or through ``display``, it is live while a run goes on in that cell, in a later one,
        or in a thread, and leaves a static page of the run's end. It follows runs from the first call on.

        Buttons pause, resume and cancel, each panel's "as frame" puts the DataFrame behind it into a variable. While a
        cell is busy they work where the front end uses subshells (JupyterLab since 4.4, Notebook since 7.4) and, on
        ipykernel 6, while the run waits for its workers. Elsewhere they wait for the end of the cell: on ipykernel 7
        under a front end without subshells, and on ipykernel 6 while a node runs on the main thread. The kernel's
        interrupt always stops a run.

        Returns
        -------
        Dashboard
            The same one each time; ``.snapshot`` and ``.frame`` have its numbers.

        Examples
        --------
        >>> from orchestra_nb import Node, RunConfig
        >>> pipeline = Pipeline([Node("load", fn=lambda: 42)], config=RunConfig(jobs=2, history=False))
        >>> dashboard = pipeline.dashboard()
        >>> _ = pipeline.run()
        >>> dashboard.frame.query("panel == 'progress' and measure == 'percent'").value.item()
        100.0
        """
        if self._dashboard is None:
            from orchestra_nb.notebook.dashboard import dashboard_of

            scheduler = self.scheduler
            circuits = scheduler.circuits.statistics
            self._dashboard = dashboard_of(scheduler, self.config, self.bus, self.dag, breakers=circuits)
        return self._dashboard

    def _idle(self) -> None:
        """Hear clicks while the calling thread waits."""
        if self._dashboard is not None:
            self._dashboard.attend()

    def _run_cells(self, dag: DAG, scheduler: ParallelScheduler, namespace: dict[str, Any]) -> RunResult:
        from orchestra_nb.notebook.outputs import settle
        from orchestra_nb.notebook.program import CellProgram, run_cells
        from orchestra_nb.notebook.slots import in_part

        shell = _shell()
        if shell is None:
            _refuse_magics(dag)
        dag = in_part(dag, namespace)
        namespace.setdefault("__name__", "__main__")
        recall = open_recall(scheduler.config, dag.nodes.values())
        stored = self._stored(dag, namespace, shell)
        success = False
        try:
            checkpoint = None if stored is None else stored.checkpoint
            program = CellProgram(dag, namespace, shell, scheduler.config.guard, recall, checkpoint)
            result = run_cells(dag, program, scheduler, idle=self._idle)
            success = result.success
        finally:
            if stored is not None:
                stored.ended(success)
        outputs = settle({outcome.node: outcome.outputs for outcome in result.outcomes.values()})
        plain = {name: replace(outcome, outputs=outputs[outcome.node]) for name, outcome in result.outcomes.items()}
        return replace(result, outcomes=plain)

    def _stored(self, dag: DAG, namespace: dict[str, Any], shell: Any) -> StoredRun | None:
        """Begin to store the run, where that was asked for, and a file says whose it is."""
        from orchestra_nb.notebook.resuming import Where, stored_run

        path = None if self.notebook is None else self.notebook.path
        if path is None or self.config.checkpoint not in ("durable", "fast"):
            return None
        return stored_run(dag, namespace, self.config, Where(str(path.absolute())), shell)


def _shell() -> Any:
    """The IPython that this code runs in, if it does."""
    module = sys.modules.get("IPython.core.getipython")
    return module.get_ipython() if module is not None else None


def _refuse_magics(dag: DAG) -> None:
    issues = [
        Issue(
            "needs-ipython",
            "it runs a magic or a shell command, and there is no IPython here",
            (node.id,),
            str(node.metadata.get("place", node.id)),
            "run it with 'orchestra run', or inside a notebook",
        )
        for node in dag.nodes.values()
        if any("magic" in why for why in node.metadata.get("keeps_place", ()))
    ]
    if issues:
        raise NotebookError(issues)
