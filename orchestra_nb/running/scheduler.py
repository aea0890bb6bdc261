"""The scheduler: what users call; it lends its thread to a :class:`.Run` until that has ended.

An interrupt that comes while no body runs stops the run: nothing new starts, workers are given up, and ``execute``
raises ``KeyboardInterrupt``, while the result stays in ``last_result``. What happens between is in :mod:`.run`; what is
decided, in :mod:`.driver`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestra_nb.config import RunConfig
from orchestra_nb.events import EventBus
from orchestra_nb.graph.dag import DAG
from orchestra_nb.running.backends import resolve
from orchestra_nb.running.functions import FunctionProgram
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.run import Idle, Run
from orchestra_nb.running.seams import Program


class ParallelScheduler:
    """Runs DAGs.

    Parameters
    ----------
    config
        Jobs, backend, schedule and so on.
    bus
        Receives every event of every run, on the driver's thread.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> dag = DAG([Node("load", fn=lambda: 20), Node("double", fn=lambda load: 2 * load, after=["load"])])
    >>> ParallelScheduler(RunConfig(jobs=2)).execute(dag).values["double"]
    40
    """

    def __init__(self, config: RunConfig | None = None, bus: EventBus | None = None) -> None:
        self.config = config if config is not None else RunConfig()
        self.bus = bus if bus is not None else EventBus()
        self._run: Run | None = None

    @property
    def last_result(self) -> RunResult | None:
        """The result of the last run, also of one that was interrupted; ``None`` before it has one."""
        return None if self._run is None else self._run.result

    def execute(
        self,
        dag: DAG,
        context: Mapping[str, Any] | None = None,
        *,
        program: Program | None = None,
        idle: Idle | None = None,
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

        Returns
        -------
        RunResult
            Also when nodes failed: look at ``.success``.

        Raises
        ------
        DefinitionError, BackendError
            The DAG or the backend cannot be used; nothing ran.
        KeyboardInterrupt
            The run was interrupted; what it has is in :attr:`last_result`.
        """
        work: Program = program if program is not None else FunctionProgram(dag, context)
        asked = [node.backend for node in dag.nodes.values() if node.backend != "inherit"]
        self._run = run = Run(dag, work, self.config, self.bus, resolve(self.config, asked))
        try:
            while not run.ended:
                try:
                    run.attend(idle)
                except KeyboardInterrupt:
                    run.interrupted()
        finally:
            run.left()
        return run.outcome()
