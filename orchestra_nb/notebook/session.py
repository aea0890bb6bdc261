"""One notebook session: it runs graphs, one at a time, and keeps the last result.

The session parses nothing and knows no magics: :mod:`.magics` hands it options. Which graph a command is about,
:mod:`.graphs` knows. A run has its output captured per node and shows its progress in one display; what it came to,
:mod:`.placing` puts in its place.

Failure: bad input raises before anything runs. A failed run shows its summary and the outputs of what did run, and
then raises the node's own error. An interrupt shows the same and goes on as the ``KeyboardInterrupt`` that it is. A
run inside a run is refused: its cells would wait for themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from orchestra_nb.config import RunConfig
from orchestra_nb.errors import CommandError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node
from orchestra_nb.notebook import reports
from orchestra_nb.notebook.background import BackgroundRun, Beginner, check_background
from orchestra_nb.notebook.cell_run import CellRun, made
from orchestra_nb.notebook.completion import Known
from orchestra_nb.notebook.graphs import Graphs
from orchestra_nb.notebook.heard import Heard
from orchestra_nb.notebook.live import Live
from orchestra_nb.notebook.location import notebook_path
from orchestra_nb.notebook.meanwhile import spoken_of
from orchestra_nb.notebook.placing import Placing
from orchestra_nb.notebook.request import request_of
from orchestra_nb.notebook.resume_plan import ResumePlan
from orchestra_nb.notebook.resuming import Where, asked_run, plan_of, runs_at, unfinished
from orchestra_nb.notebook.shown import ShownResult
from orchestra_nb.notebook.why_kept import WhyKept, why_kept
from orchestra_nb.progress.sinks import Sink
from orchestra_nb.progress.tracker import ProgressTracker
from orchestra_nb.recovery.breakers import Breakers
from orchestra_nb.resources.manager import ResourceManager
from orchestra_nb.running.control import RunControl
from orchestra_nb.running.result import RunResult


class Session:
    """What ``%orchestrate`` and ``%%orchestrate`` work on.

    Parameters
    ----------
    shell
        The IPython shell.
    defaults
        Says the config of a run that nobody changed.
    """

    def __init__(self, shell: Any, defaults: Callable[[], RunConfig]) -> None:
        self.shell = shell
        self.defaults = defaults
        self.graphs = Graphs(shell, defaults)
        """Those that a run can be about."""
        self.circuits = Breakers()
        self.resources: ResourceManager | None = None
        """What nodes of the last run use, or of the one that goes on; ``None`` where none uses anything."""
        self.heard: Heard | None = None
        """What was heard of it beside what its outcomes tell."""
        self.result: RunResult | None = None
        self.tracker: ProgressTracker | None = None
        """Of the last run, or of the one that goes on."""
        self.control: RunControl | None = None
        """What holds, lets go on and stops the run that goes on; ``None`` while none does."""
        self.background: BackgroundRun | None = None
        """The run that was begun last in the background, whether or not it is over."""
        self._running = False
        self._offered = False

    def run(
        self,
        dag: DAG,
        config: RunConfig,
        *,
        declared: bool = False,
        sinks: Sequence[Sink] = (),
        where: Where | None = None,
    ) -> RunResult:
        """Run a graph, show it, and keep its result.

        Parameters
        ----------
        dag, config
            What to run, and how.
        declared
            Whether these are declared nodes, which are then known to have run as they are now.
        sinks
            Who is told of its progress.
        where
            Whose run it is, if it is to be stored or gone on with.

        Raises
        ------
        CheckpointError
            The run that is to be gone on with is not there, or another process has it.
        NodeError
            A node failed; its own traceback comes with it.
        KeyboardInterrupt
            The run was interrupted.
        """
        self._take_turn()
        try:
            result = self._made(dag, config, sinks, where).attend(self._finish)
            result.raise_for_errors()
            return ShownResult.of(result, self.shell)
        except KeyboardInterrupt:  # in the run, or when its result was being shown
            raise _short_interrupt() from None
        finally:
            self._running, self.control = False, None
            if declared and self.result is not None:
                self.graphs.remember(self.result, self.graphs.keys())

    def start(
        self,
        dag: DAG,
        config: RunConfig,
        *,
        name: str = "",
        sinks: Sequence[Sink] = (),
        where: Where | None = None,
        ended: Callable[[], object] = lambda: None,
    ) -> BackgroundRun:
        """Begin to run a graph in the background, beside the cells that the user runs meanwhile.

        Parameters
        ----------
        dag, config, sinks, where
            As for :meth:`run`.
        name
            Of what runs; empty for the declared cells, which are then known to have run as they are now.
        ended
            Called when the run is over and was shown, on its thread.

        Raises
        ------
        ConfigError, DefinitionError
            It cannot run in the background: which nodes, and why; nothing ran.
        CheckpointError
            As for :meth:`run`.
        """
        check_background(dag, config)
        self._take_turn()
        keys = None if name else self.graphs.keys()
        try:
            # Without guard: it cannot tell cells of the user's own apart.
            run = self._made(dag, replace(config, guard=0.0), sinks, where)
        except BaseException:
            self._running, self.control = False, None
            raise
        place = Beginner(self.shell, request_of(self.shell))

        def say(line: str) -> None:
            self.shell.display_pub.publish(data=reports.told(line)._repr_mimebundle_(), metadata={})

        def attended() -> RunResult:
            left = partial(_not_ended, run)
            try:
                with spoken_of(self.shell, left, self.graphs.analysed, say):
                    result = run.attend(partial(self._finish, beginner=place), beside=True)
                ended()
                return result
            except KeyboardInterrupt:  # a cell has raised it: nobody interrupts this thread
                if run.scheduler.last_result is None or self.result is None:
                    raise
                return self.result
            except BaseException as error:
                place.fail(name, error)
                raise
            finally:
                if keys is not None and self.result is not None:
                    self.graphs.remember(self.result, keys)
                self._running, self.control = False, None

        self.background = handle = BackgroundRun(name or "the declared cells", run.scheduler, run.tracker, self.shell)
        handle.begin(attended, run.bus)
        return handle

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Be the one run of the session for a while, without being shown or remembered.

        Raises
        ------
        CommandError
            A run goes on.
        """
        self._take_turn()
        try:
            yield
        finally:
            self._running = False

    def cancel(self) -> str:
        """Stop the run that goes on; says what was stopped.

        Raises
        ------
        CommandError
            None goes on.
        """
        control = self.control
        if control is None:
            raise CommandError("%orchestrate cancel: no run goes on, so there is none to stop")
        control.cancel("stopped with %orchestrate cancel")
        return "the run" if self._beside is None else f"the run of {self._beside.name}"

    @property
    def _beside(self) -> BackgroundRun | None:
        """The run in the background, while it goes on."""
        return self.background if self.background is not None and not self.background.over else None

    def _take_turn(self) -> None:
        """Be the one run of the session."""
        if self._running and self._beside is not None:
            hint = "wait for it, or stop it with %orchestrate cancel"
            raise CommandError(f"a run of {self._beside.name} goes on in the background; {hint}")
        if self._running:
            raise CommandError("a run is already going on; a cell of a run cannot start another")
        self._running = True

    def _made(self, dag: DAG, config: RunConfig, sinks: Sequence[Sink], where: Where | None) -> CellRun:
        run = made(self.shell, dag, config, self.circuits, sinks, where)
        self.control, self.tracker = run.scheduler, run.tracker
        self.resources, self.heard = run.resources, run.heard
        return run

    def where(self, notebook: str | None, run_id: str = "") -> Where:
        """Say whose run a run of declared cells, or of a notebook, is."""
        path = notebook_path(notebook, self.shell.user_ns) if notebook is not None else self.graphs.path()
        return Where(str(path or "notebook"), run_id)

    def offer(self, notebook: str | None) -> None:
        """Say, once in a session, that a run has not ended well and can be gone on with."""
        if self._offered:
            return
        self._offered = True
        runs, where = runs_at(self.defaults()), self.where(notebook)
        if runs is not None and unfinished(runs, where.path) is not None:
            from IPython.display import display

            display(reports.told("an earlier run has not ended well; %orchestrate resume goes on with what was done"))

    def resume_plan(self, dag: DAG, notebook: str | None, config: RunConfig) -> ResumePlan:
        """Say what going on with the newest run that was cut short would take over.

        Raises
        ------
        CheckpointError
            There is none.
        """
        runs, where = runs_at(config), self.where(notebook)
        name = f" --notebook {notebook}" if notebook else ""
        run_id = asked_run(runs, where.path, f"%orchestrate run{name} --checkpoint durable")
        assert runs is not None  # or there was none to be asked for
        return plan_of(dag, runs, run_id)

    def kept(self, dag: DAG, name: str) -> WhyKept:
        """Say whether the result of a node would be found, as the session is now."""
        return why_kept(dag, name, self.defaults(), self.shell.user_ns, self.shell)

    def known(self) -> Known:
        """What can be named: the nodes that are declared, or those of the last run, and what they use."""
        cells = [item.cell for item in self.graphs.declared.in_order(None)]
        if cells:
            uses, phases = [cell.settings.uses for cell in cells], [cell.settings.phase for cell in cells]
            names = tuple(str(cell.id) for cell in cells)
        else:
            nodes = list(self.result.dag.nodes.values()) if self.result is not None else []
            uses, phases = [node.uses for node in nodes], [node.phase for node in nodes]
            names = tuple(str(node.id) for node in nodes)
        resources = dict.fromkeys(use.partition(":")[0] for each in uses for use in each)
        resources |= dict.fromkeys(self.defaults().resources)
        circuits = self.circuits.statistics().circuits
        return Known(names, tuple(resources), tuple(dict.fromkeys(filter(None, phases))), tuple(circuits))

    def reset(self) -> None:
        """Forget the declared nodes, their circuits and the last run.

        Raises
        ------
        CommandError
            A run goes on, whose end would be remembered again.
        """
        if self._running:
            of = "a run" if self._beside is None else f"a run of {self._beside.name}"
            raise CommandError(f"%orchestrate reset: {of} goes on; wait for it, or stop it with %orchestrate cancel")
        self.circuits = Breakers()
        self.resources = self.heard = None
        self.graphs.clear()
        self.result = self.tracker = None

    def _finish(self, result: RunResult, live: Live, beginner: Beginner | None = None) -> None:
        """Keep what a run came to, and show it."""
        self.result = result
        self.graphs.ended(result)
        Placing(self.shell, self.graphs.declared).show(result, live, beginner)


def _not_ended(run: CellRun) -> list[Node]:
    """The nodes of a run that have no end yet."""
    progress = run.tracker.report().progress
    nodes = zip(progress.dag.nodes.values(), progress.standings, strict=True)
    return [node for node, standing in nodes if standing in ("pending", "in_progress")]


def _short_interrupt() -> KeyboardInterrupt:
    """An interrupt that IPython shows without the frames of this library."""
    error = KeyboardInterrupt("the run was interrupted")
    error._render_traceback_ = lambda: [f"KeyboardInterrupt: {error}"]  # type: ignore[attr-defined]
    return error
