"""One notebook session: what is declared, what was run, and how a run is shown.

The session parses nothing and knows no magics: :mod:`.magics` hands it options. It asks the analysis for a graph,
with the live namespace as what exists before the first cell; runs it with output captured per node; shows progress in
one display; puts each node's outputs in its place; and keeps the result.

Failure: bad input raises before anything runs. A failed run shows its summary and the outputs of what did run, and
then raises the node's own error. An interrupt shows the same and goes on as the ``KeyboardInterrupt`` that it is. A
run inside a run is refused: its cells would wait for themselves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from orchestra_nb.cells.cell import Cell
from orchestra_nb.cells.inference import cell_dag
from orchestra_nb.cells.learned import Learned, with_changes
from orchestra_nb.cells.notebook_file import Notebook
from orchestra_nb.cells.reading import read_cell
from orchestra_nb.config import RunConfig
from orchestra_nb.display.runs import run_bundle
from orchestra_nb.display.wording import clean
from orchestra_nb.errors import CommandError, DefinitionError, Issue, nearest
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.undoing import compensators
from orchestra_nb.model import Node, NodeId, Outcome, Output
from orchestra_nb.notebook import reports
from orchestra_nb.notebook.background import BackgroundRun, Beginner, check_background
from orchestra_nb.notebook.cell_run import CellRun, made
from orchestra_nb.notebook.completion import Known
from orchestra_nb.notebook.declarations import Declaration, Declarations
from orchestra_nb.notebook.heard import Heard
from orchestra_nb.notebook.live import Live
from orchestra_nb.notebook.location import notebook_path
from orchestra_nb.notebook.meanwhile import spoken_of
from orchestra_nb.notebook.outputs import settle, strays
from orchestra_nb.notebook.publishing import CellOutputs, show_here, show_updates
from orchestra_nb.notebook.resume_plan import ResumePlan
from orchestra_nb.notebook.resuming import Where, asked_run, plan_of, runs_at, unfinished
from orchestra_nb.notebook.shown import ShownResult
from orchestra_nb.notebook.slots import in_part, names_that_functions_read
from orchestra_nb.notebook.unharmed import unharmed
from orchestra_nb.notebook.why_kept import WhyKept, why_kept
from orchestra_nb.presentation import Bundle
from orchestra_nb.progress.sinks import Sink
from orchestra_nb.progress.tracker import ProgressTracker
from orchestra_nb.recovery.breakers import Breakers
from orchestra_nb.resources.manager import ResourceManager
from orchestra_nb.running.control import RunControl
from orchestra_nb.running.history import open_history
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
        self.declared = Declarations()
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
        self._fresh: dict[str, str] = {}
        self._learned: Learned = {}
        self._running = False
        self._offered = False

    def declare(self, line: str, body: str) -> tuple[tuple[Cell, ...], reports.Report | None]:
        """Take a ``%%orchestrate`` cell.

        Returns
        -------
        tuple of Cell, Report or None
            Its nodes, and what was understood of them; ``None`` for a pipeline, which is not declared but run.

        Raises
        ------
        DefinitionError
            What the cell says is faulty; the session is as it was.
        """
        parent = self._parent()
        metadata = dict((parent or {}).get("metadata", {}))
        cell_id = str(metadata.get("cellId", ""))
        position = self.declared.place_of(cell_id)
        reading = read_cell(position, f"%%orchestrate {line}\n{body}", metadata, cell_id)
        if any(issue.severity == "error" for issue in reading.issues):
            raise DefinitionError(reading.issues)
        cells = reading.cells
        if not cells or cells[0].part:
            return cells, None
        item = Declaration(cells[0], parent)
        trial = Declarations()
        for known in (*self.declared.in_order(None), item):
            trial.add(known)
        dag, ahead = self._so_far(trial)
        report = reports.understanding(cells, dag, (*reading.issues, *ahead))
        item.shown = report._repr_mimebundle_()
        self.declared = trial
        return cells, report

    def dag(
        self, notebook: str | None = None, targets: Sequence[str] = (), *, last: bool = True, keep_going: bool = False
    ) -> DAG:
        """The graph that a command is about.

        Parameters
        ----------
        notebook
            ``None`` for what was declared, a path for that file, empty for this notebook's file.
        targets
            Keep only these nodes and what they need.
        last
            Where nothing is declared, take the graph of the last run: that of a notebook or of a pipeline cell.
        keep_going
            Whether a notebook's cells that do not parse are nodes that fail when they run.
        """
        if notebook is not None:
            found = self.notebook(notebook)
            whole = self._analysed(self._others(found.cells), keep_going)
        elif len(self.declared):
            whole = self._declared_dag(self.declared)
        elif last and self.result is not None:
            whole = self.result.dag
        else:
            raise CommandError("nothing is declared; begin a cell with %%orchestrate NAME, or add --notebook")
        return whole.subgraph(targets) if targets else whole

    def notebook(self, given: str) -> Notebook:
        """Read the notebook that a command names; empty for this one."""
        return Notebook.read(notebook_path(given, self.shell.user_ns))

    def pipeline(self, cells: Sequence[Cell], *, keep_going: bool = False) -> DAG:
        """The graph of one pipeline cell."""
        return self._analysed(cells, keep_going)

    def stale(self, name: NodeId) -> DAG:
        """A declared node with those of its ancestors that have not run as they are now."""
        whole = self.dag(targets=[name])
        keys = _keys(whole)
        run = {n for n in map(NodeId, whole.nodes) if n == name or self._fresh.get(n) != keys[n]}
        aside = compensators(whole.nodes.values())
        return in_part(whole, (), {n for n in run if run.intersection(aside.get(n, (n,)))})

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
                self._remember(self.result, _keys(self._so_far(self.declared)[0]))

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
        keys = None if name else _keys(self._so_far(self.declared)[0])
        try:
            run = self._made(
                dag, replace(config, guard=0.0), sinks, where
            )  # it cannot tell cells of the user's own apart
        except BaseException:
            self._running, self.control = False, None
            raise
        place = Beginner(self.shell, self._parent())

        def say(line: str) -> None:
            self.shell.display_pub.publish(data=reports.told(line)._repr_mimebundle_(), metadata={})

        def attended() -> RunResult:
            left = partial(_not_ended, run)
            try:
                with spoken_of(self.shell, left, self._analysed, say):
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
                    self._remember(self.result, keys)
                self._running, self.control = False, None

        self.background = handle = BackgroundRun(name or "the declared cells", run.scheduler, run.tracker, self.shell)
        handle.begin(attended, run.bus)
        return handle

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
        path = notebook_path(notebook, self.shell.user_ns) if notebook is not None else self._path()
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

    def names(self) -> tuple[str, ...]:
        """The names of the declared nodes."""
        return tuple(item.cell.id for item in self.declared.in_order(None))

    def known(self) -> Known:
        """What can be named: the nodes that are declared, or those of the last run, and what they use."""
        cells = [item.cell for item in self.declared.in_order(None)]
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
        self.declared.clear()
        self._fresh.clear()
        self.result = self.tracker = None

    def _remember(self, result: RunResult, keys: Mapping[str, str]) -> None:
        for name, outcome in result.outcomes.items():
            self._fresh.pop(name, None)
            if outcome.ok:
                self._fresh[name] = keys[name]

    def _finish(self, result: RunResult, live: Live, beginner: Beginner | None = None) -> None:
        """Show what a run came to; of one in the background, where it was begun."""
        self.result = result
        self._learned = with_changes(self._learned, result.unforeseen, dict(result.dag.nodes))
        bundle: Bundle = {"text/plain": repr(result)}
        with unharmed("the result of a run"):
            bundle = run_bundle(result, live.snapshot())
        live.finish(bundle)
        outputs = {outcome.node: outcome.outputs for outcome in result.outcomes.values()}
        for name, items in settle(outputs, keep_ids=True).items():
            with unharmed(f"the output of {clean(name)}"):
                self._show(result.outcomes[name], items, beginner)
        with unharmed("what was shown before the run"):
            show_updates(self.shell, strays(outputs))

    def _show(self, outcome: Outcome, outputs: Sequence[Output], beginner: Beginner | None) -> None:
        """Put a node's outputs where they belong. The error of a failed node follows as the run's own."""
        here = self._parent() if beginner is None else beginner.parent
        place = self._own_cell(outcome.node, self._cell_id(here))
        if place is not None:
            item, parent = place
            CellOutputs(self.shell.kernel, parent).replace(item.shown or {}, outputs)
            return
        if beginner is not None:
            beginner.add(outcome.node, outputs)
            return
        shown = [o for o in outputs if o["output_type"] != "error" or outcome.status != "failed"]
        show_here(self.shell, outcome.node, shown)

    def _own_cell(self, node: NodeId, here: str) -> tuple[Declaration, Mapping[str, Any]] | None:
        """The cell that declared a node, if its front end still listens to it and it is not ``here``."""
        for item in self.declared.in_order(None):
            there = self._cell_id(item.parent)
            if item.cell.id == node and item.parent is not None and here and there and there != here:
                return item, item.parent
        return None

    def _declared_dag(self, declared: Declarations) -> DAG:
        return self._analysed([item.cell for item in declared.in_order(self._path())])

    def _so_far(self, declared: Declarations) -> tuple[DAG, list[Issue]]:
        """The graph of what is declared already, and who waits for what is not: it may still come."""
        cells = [item.cell for item in declared.in_order(self._path())]
        names = {cell.id for cell in cells}
        ahead = [
            Issue(
                "not-yet-declared",
                f"{cell.id!r} comes after {name!r}, which is not declared yet",
                (cell.id,),
                cell.where("after"),
                f"{nearest(name, names - {cell.id})}; else declare it before you run".removeprefix("; else "),
                "warning",
            )
            for cell in cells
            for name in cell.settings.after
            if name not in names
        ]
        return self._analysed([_after_only(cell, names) for cell in cells]), ahead

    def _analysed(self, cells: Iterable[Cell], keep_going: bool = False) -> DAG:
        hidden = self.shell.user_ns_hidden
        there = tuple(self.shell.user_ns.items())  # in one step: a run in the background may be binding names
        names = {n: v for n, v in there if not (n in hidden and hidden[n] is v)}
        read = names_that_functions_read(self.shell.user_ns)
        dag = cell_dag(list(cells), names, read_outside=read, learned=self._learned, keep_going=keep_going)
        return open_history(self.defaults()).costed(dag)

    def _others(self, cells: Sequence[Cell]) -> list[Cell]:
        """The cells of a notebook without the one that is running: it cannot wait for itself."""
        parent = self._parent()
        here = self._cell_id(parent)
        told = (parent or {}).get("content", {}).get("code")
        current = str(self.shell.history_manager.input_hist_raw[-1] if told is None else told).strip()
        return [
            cell
            for cell in cells
            if not (here and cell.cell_id == here) and not (current and cell.source.strip() == current)
        ]

    def _path(self) -> Path | None:
        try:
            return notebook_path("", self.shell.user_ns)
        except CommandError:
            return None

    def _parent(self) -> Mapping[str, Any] | None:
        if getattr(self.shell, "kernel", None) is None:
            return None
        parent: Mapping[str, Any] = self.shell.get_parent()
        return parent

    @staticmethod
    def _cell_id(parent: Mapping[str, Any] | None) -> str:
        return str((parent or {}).get("metadata", {}).get("cellId", ""))


def _not_ended(run: CellRun) -> list[Node]:
    """The nodes of a run that have no end yet."""
    progress = run.tracker.report().progress
    nodes = zip(progress.dag.nodes.values(), progress.standings, strict=True)
    return [node for node, standing in nodes if standing in ("pending", "in_progress")]


def _after_only(cell: Cell, names: Container[str]) -> Cell:
    """A cell that waits for none but these, and is compensated by none but these."""
    known = tuple(name for name in cell.settings.after if name in names)
    undo = cell.settings.undo if cell.settings.undo in names else None
    return replace(cell, settings=cell.settings.model_copy(update={"after": known, "undo": undo}))


def _short_interrupt() -> KeyboardInterrupt:
    """An interrupt that IPython shows without the frames of this library."""
    error = KeyboardInterrupt("the run was interrupted")
    error._render_traceback_ = lambda: [f"KeyboardInterrupt: {error}"]  # type: ignore[attr-defined]
    return error


def _keys(dag: DAG) -> dict[str, str]:
    """What each node's result follows from: its own code, and the keys of all that it needs."""
    keys: dict[str, str] = {}
    for level in dag.levels:
        for name in level:
            node = dag.nodes[name]
            needs = sorted(keys[before] for before in dag.predecessors(name))
            keys[name] = hashlib.sha256("\0".join([name, node.source, *needs]).encode()).hexdigest()
    return keys
