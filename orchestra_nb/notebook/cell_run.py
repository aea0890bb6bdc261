"""One run of cells of a session: made by the thread that asks for it, and attended by whichever thread is to wait.

Everything that can be wrong with it is found when it is made. Attending runs it to its end, has its progress followed,
and hands what it came to to whoever shows it; also when it was interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from orchestra_nb.config import RunConfig
from orchestra_nb.events import EventBus
from orchestra_nb.graph.dag import DAG
from orchestra_nb.notebook.following import attached, tracker_of
from orchestra_nb.notebook.live import Live
from orchestra_nb.notebook.program import CellProgram, run_cells
from orchestra_nb.notebook.resuming import StoredRun, Where, stored_run
from orchestra_nb.progress.sinks import Sink
from orchestra_nb.progress.tracker import ProgressTracker
from orchestra_nb.recovery.breakers import Breakers
from orchestra_nb.running.recall import open_recall
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.scheduler import ParallelScheduler

Finish = Callable[[RunResult, Live], object]


@dataclass(frozen=True, slots=True)
class CellRun:
    """A run that is about to begin.

    Parameters
    ----------
    dag, program, scheduler, bus
        What runs, what its nodes do, what runs them, and where that is told.
    tracker, live
        Who follows it, and who draws it.
    stored
        Who stores it, if anybody does.
    """

    dag: DAG
    program: CellProgram
    scheduler: ParallelScheduler
    bus: EventBus
    tracker: ProgressTracker
    live: Live
    stored: StoredRun | None

    def attend(self, finish: Finish, *, beside: bool = False) -> RunResult:
        """Run it to its end, on this thread.

        Parameters
        ----------
        finish
            Called with what it came to, and with its display.
        beside
            Whether cells of the user run meanwhile.

        Raises
        ------
        KeyboardInterrupt
            It was interrupted, after what it has was finished.
        """
        success = False
        with attached(self.tracker, self.bus):
            try:
                result = self._run(finish, beside)
                success = result.success
            finally:
                if self.stored is not None:
                    self.stored.ended(success)
            finish(result, self.live)
        return result

    def _run(self, finish: Finish, beside: bool) -> RunResult:
        try:
            return run_cells(self.dag, self.program, self.scheduler, idle=self.live.idle, beside=beside)
        except KeyboardInterrupt:
            if self.scheduler.last_result is not None:
                finish(self.scheduler.last_result, self.live)
            raise


def made(
    shell: Any, dag: DAG, config: RunConfig, circuits: Breakers, sinks: Sequence[Sink], where: Where | None
) -> CellRun:
    """Make a run of cells in the namespace of a shell, and show that it is about to begin.

    Parameters
    ----------
    shell
        The IPython shell.
    dag, config
        What to run, and how.
    circuits
        Of the session.
    sinks
        Who is told of its progress.
    where
        Whose run it is, if it is to be stored or gone on with.

    Raises
    ------
    CheckpointError
        The run that is to be gone on with is not there, or another process has it.
    DefinitionError
        A condition cannot be read.
    """
    bus = EventBus()
    scheduler = ParallelScheduler(config, bus, circuits=circuits)
    recall = open_recall(config, dag.nodes.values())
    tracker = tracker_of(dag, config, sinks=sinks)
    wanted = where is not None and (where.run_id or config.checkpoint in ("durable", "fast"))
    stored = stored_run(dag, shell.user_ns, config, where, shell) if where and wanted else None
    try:
        checkpoint = None if stored is None else stored.checkpoint
        program = CellProgram(dag, shell.user_ns, shell, config.guard, recall, checkpoint)
        live = Live(shell, dag, tracker)
    except BaseException:
        if stored is not None:
            stored.ended(False)
        raise
    return CellRun(dag, program, scheduler, bus, tracker, live, stored)
