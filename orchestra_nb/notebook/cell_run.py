"""One run of cells of a session: made by the thread that asks for it, and attended by whichever thread is to wait.

Everything that can be wrong with it is found when it is made. Attending runs it to its end, has its progress followed,
and hands what it came to to whoever shows it; also when it was interrupted. Where nodes use resources, the run has a
table of locks of its own that others can look into and that tells of itself; a run without any pays nothing for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from orchestra_nb.config import RunConfig
from orchestra_nb.display.live.watching import Watching, nothing
from orchestra_nb.events import EventBus
from orchestra_nb.graph.dag import DAG
from orchestra_nb.notebook.attended import watched
from orchestra_nb.notebook.following import attached, tracker_of
from orchestra_nb.notebook.heard import Heard
from orchestra_nb.notebook.live import Live
from orchestra_nb.notebook.program import CellProgram, run_cells
from orchestra_nb.notebook.resuming import StoredRun, Where, stored_run
from orchestra_nb.progress.sinks import Sink
from orchestra_nb.progress.tracker import ProgressTracker
from orchestra_nb.recovery.breakers import Breakers
from orchestra_nb.resources.manager import ResourceManager
from orchestra_nb.running.admission import resources_of
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
    tracker, watching, live
        Who follows it, for whoever is told and for whoever looks, and who draws it.
    stored
        Who stores it, if anybody does.
    resources
        What its nodes use; ``None`` where none uses anything.
    heard
        What is heard of it beside what its outcomes tell.
    """

    dag: DAG
    program: CellProgram
    scheduler: ParallelScheduler
    bus: EventBus
    tracker: ProgressTracker
    watching: Watching
    live: Live
    stored: StoredRun | None
    resources: ResourceManager | None
    heard: Heard

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
        with attached(self.tracker, self.bus), self.watching.attached(self.bus), closing(self.live):
            try:
                result = self._run(finish, beside)
                success = result.success
            finally:
                self.heard.close()
                if self.stored is not None:
                    self.stored.ended(success)
            finish(result, self.live)
        return result

    def _run(self, finish: Finish, beside: bool) -> RunResult:
        try:
            result = run_cells(self.dag, self.program, self.scheduler, idle=self.live.idle, beside=beside)
            return replace(result, heard=self.heard.facts)
        except KeyboardInterrupt:
            if self.scheduler.last_result is not None:
                finish(replace(self.scheduler.last_result, heard=self.heard.facts), self.live)
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
    resources, heard = resources_of(config, dag, bus), Heard(bus, circuits)
    scheduler = ParallelScheduler(config, bus, circuits=circuits, resources=resources)
    recall = open_recall(config, dag.nodes.values())
    tracker = tracker_of(dag, config, sinks=sinks)
    wanted = where is not None and (where.run_id or config.checkpoint in ("durable", "fast"))
    stored = stored_run(dag, shell.user_ns, config, where, shell) if where and wanted else None
    try:
        checkpoint = None if stored is None else stored.checkpoint
        program = CellProgram(dag, shell.user_ns, shell, config.guard, recall, checkpoint)
        used = nothing if resources is None else resources.get_resource_stats
        watching = Watching(scheduler, config, dag, breakers=circuits.statistics, resources=used)
        live = Live(shell, dag, tracker, watched=watched(watching, shell))
    except BaseException:
        heard.close()
        if stored is not None:
            stored.ended(False)
        raise
    return CellRun(dag, program, scheduler, bus, tracker, watching, live, stored, resources, heard)
