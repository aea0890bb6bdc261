"""``%orchestrate`` and ``%%orchestrate``: parse, call, show.

Everything is parsed by the grammar that the command line uses too; what the commands do is in :mod:`.session`; every
answer is a value. Errors are the library's own: IPython would swallow a ``UsageError``, and test tools with it.

The class is configurable, which gives ``%config Orchestrate.jobs = 2``; its traits are in :mod:`.run_traits`.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from IPython.core.magic import line_cell_magic, magics_class

from orchestra_nb.cells.cell import Cell
from orchestra_nb.cells.notebook_file import Notebook
from orchestra_nb.command_options import check_comparison
from orchestra_nb.config import RunConfig
from orchestra_nb.durable.written_files import check_writable, write_text
from orchestra_nb.errors import CommandError, OrchestraError
from orchestra_nb.grammar import RUN_KNOBS, manual, options_to_config, parse, parse_cell
from orchestra_nb.graph.dag import DAG
from orchestra_nb.notebook import benching, charts, looking_back, reports
from orchestra_nb.notebook.exporting import export
from orchestra_nb.notebook.graph_picture import show_graph
from orchestra_nb.notebook.location import notebook_path
from orchestra_nb.notebook.resuming import Where
from orchestra_nb.notebook.run_traits import RunTraits
from orchestra_nb.notebook.session import Session
from orchestra_nb.notebook.short_errors import explain
from orchestra_nb.progress.sinks import todo_file
from orchestra_nb.replay import Replay, moment
from orchestra_nb.running.backends import resolve
from orchestra_nb.running.interrupts import interrupts_kept
from orchestra_nb.simulation.expected import expected


@magics_class
class Orchestrate(RunTraits):
    """Runs cells as a DAG; its traits are the defaults of runs."""

    shell: Any

    def __init__(self, shell: Any, **others: Any) -> None:
        super().__init__(shell=shell, **others)
        self.session = Session(shell, self.defaults)
        self.last_error = ""
        """The traceback of the last error, in full."""

    @line_cell_magic
    def orchestrate(self, line: str, cell: str | None = None) -> Any:
        """Run cells as a DAG; what IPython shows of it is the manual of the grammar, see below."""
        try:
            with interrupts_kept():  # also before a run and after it
                return self._line(line) if cell is None else self._cell(line, cell)
        except OrchestraError as error:
            self.last_error = explain(error, self.shell, None if cell is None else f"%%orchestrate {line}\n{cell}")
            if self.tracebacks == "full":
                error.shown_in_full = tuple(self.last_error.splitlines())
            raise

    orchestrate.__doc__ = manual()

    def _line(self, line: str) -> Any:
        options = parse(line)
        if options.command == "help":
            return reports.told(options.text)
        return self._COMMANDS[options.command](self, options)

    def _cell(self, line: str, body: str) -> Any:
        options = parse_cell(line)
        if options.command == "help":
            return reports.told(options.text)
        self._cell_config(options)  # a knob out of range is refused at once, whether or not this cell runs now
        cells, report = self.session.graphs.declare(line, body)
        if report is None:
            return self._pipeline(options, cells)
        if options.dry_run:
            return self._planned(self.session.graphs.stale(cells[0].id), self._cell_config(options))
        if not options.run:
            return report
        return self.session.run(self.session.graphs.stale(cells[0].id), self._cell_config(options), declared=True)

    def _pipeline(self, options: Namespace, cells: Sequence[Cell]) -> Any:
        if not cells:
            raise CommandError("%%orchestrate: the cell is empty; write the node's code below the line")
        config = self._cell_config(options, ("timeout", "backend"))
        dag = self.session.graphs.analysed(cells, keep_going=config.keep_going)
        return self._planned(dag, config) if options.dry_run else self.session.run(dag, config)

    def _cell_config(self, options: Namespace, whole: Sequence[str] = ()) -> RunConfig:
        """The knobs on a cell's line. On a single node's, ``timeout`` and ``backend`` are the node's own settings.

        ``cache`` and ``undo`` always are.
        """
        given = {knob: getattr(options, knob, None) for knob in RUN_KNOBS}
        given |= {knob: given[knob] if knob in whole else None for knob in ("timeout", "backend", "cache", "undo")}
        if isinstance(given["timeout"], str):
            given["timeout"] = _number("--timeout", given["timeout"])
        return options_to_config(Namespace(**given), self.defaults())

    def _run(self, options: Namespace) -> Any:
        config = options_to_config(options, self.defaults())
        dag = self.session.graphs.dag(options.notebook, options.nodes, last=False, keep_going=config.keep_going)
        if options.dry_run:
            return self._planned(dag, config)
        where = self.session.where(options.notebook) if config.checkpoint in ("durable", "fast") else None
        self.session.offer(options.notebook)
        return self._shown_run(options, dag, config, where)

    def _resume(self, options: Namespace) -> Any:
        if options.notebook is None and not self.session.graphs.names():
            options.notebook = ""
        config = options_to_config(options, self.defaults())
        dag = self.session.graphs.dag(options.notebook, options.nodes, last=False, keep_going=config.keep_going)
        plan = self.session.resume_plan(dag, options.notebook, config)
        return self._shown_run(options, dag, config, self.session.where(options.notebook, plan.run_id))

    def _shown_run(self, options: Namespace, dag: DAG, config: RunConfig, where: Where | None) -> Any:
        written = {"-o": options.output, "--html": options.html}
        for option, name in written.items():
            if name and options.notebook is None:
                raise CommandError(f"{option} writes a notebook, and these are declared cells; add --notebook")
        check_writable({**written, "--svg": options.svg})
        notebook = self.session.graphs.notebook(options.notebook) if options.notebook is not None else None
        sinks = [todo_file(options.todos)] if options.todos else []
        if getattr(options, "background", False):
            name = "" if notebook is None else str(notebook.path or "the notebook")
            ended = partial(self._write, options, notebook)
            return self.session.start(dag, config, name=name, sinks=sinks, where=where, ended=ended)
        before = self.session.result
        try:
            return self.session.run(dag, config, declared=notebook is None, sinks=sinks, where=where)
        finally:
            if self.session.result is not before:
                self._write(options, notebook)

    def _write(self, options: Namespace, notebook: Notebook | None) -> None:
        """Write what was asked for; also after a failure, for then one wants to look."""
        result = self.session.result
        assert result is not None
        if notebook is not None and (options.output or options.html):
            document = notebook.with_outcomes(result.outcomes)
            if options.output:
                notebook.write(document, options.output)
            if options.html:
                from nbconvert.exporters import HTMLExporter

                write_text(Path(options.html), str(HTMLExporter().from_notebook_node(document)[0]))
        if options.svg:
            from orchestra_nb.display.picture import svg

            write_text(Path(options.svg), svg(result.dag, result.outcomes))

    def _plan(self, options: Namespace) -> Any:
        if options.resume:
            if options.notebook is None and not self.session.graphs.names():
                options.notebook = ""
            config = options_to_config(options, self.defaults())
            return reports.resumed(self.session.resume_plan(self._dag(options), options.notebook, config))
        return self._planned(self._dag(options), options_to_config(options, self.defaults()))

    def _dag(self, options: Namespace) -> DAG:
        """The graph that a command shows."""
        config = options_to_config(options, self.defaults())
        return self.session.graphs.dag(options.notebook, getattr(options, "nodes", ()), keep_going=config.keep_going)

    @staticmethod
    def _planned(dag: Any, config: RunConfig) -> reports.Report:
        jobs = resolve(config).jobs
        return reports.plan(dag, expected(dag, config, jobs))

    def _graph(self, options: Namespace) -> Any:
        return show_graph(self.shell, self._dag(options), options)

    def _levels(self, options: Namespace) -> Any:
        return reports.levels(self._dag(options))

    def _validate(self, options: Namespace) -> Any:
        from orchestra_nb.errors import DefinitionError
        from orchestra_nb.graph.validation import ValidationResult, check, faults_of

        try:
            dag = self._dag(options)
        except DefinitionError as error:
            return ValidationResult(error.issues)
        nodes = dag.nodes.values()
        return ValidationResult((*faults_of(nodes), *check(nodes, dag.edges)))

    def _why(self, options: Namespace) -> Any:
        if options.kept is not None:
            return reports.kept(self.session.kept(self._dag(options), options.kept))
        return reports.why(self._dag(options), options.source, options.target)

    def _verify(self, options: Namespace) -> Any:
        from orchestra_nb.notebook.verification import verify_file

        if options.runs < 1:
            raise CommandError(f"--runs {options.runs} compares nothing; give 1 or more")
        path = notebook_path(options.notebook or "", self.shell.user_ns)
        config = options_to_config(options, self.defaults())
        return reports.verified(verify_file(path, config, options.runs))

    def _replay(self, options: Namespace) -> Any:
        replay = Replay.read(options.path)
        if options.run is None and options.at == -1 and not options.events:
            return replay
        state = (replay.last if options.run is None else replay.run(options.run)).at(moment(options.at))
        return reports.happened(state) if options.events else state

    def _cancel(self, _: Namespace) -> Any:
        return reports.told(f"stopping {self.session.cancel()}: nothing begins any more")

    def _gantt(self, options: Namespace) -> Any:
        return charts.gantt(options, self.session.result)

    def _simulate(self, options: Namespace) -> Any:
        config = options_to_config(options, self.defaults())
        check_comparison(options)
        if options.steps:
            return charts.walked(self._dag(options), config, options.output)
        if options.last:
            return charts.of_last(self.session.result, options)
        return charts.simulated(self._dag(options), config, options)

    def _bench(self, options: Namespace) -> Any:
        return benching.bench(self.session, options, options_to_config(options, self.defaults()))

    def _bench_compare(self, options: Namespace) -> Any:
        return benching.compared(options)

    def _status(self, _: Namespace) -> Any:
        if self.session.background is not None and not self.session.background.over:
            return self.session.background
        if self.session.result is None:
            return reports.told("nothing has run yet; %orchestrate run")
        return self.session.result

    def _progress(self, _: Namespace) -> Any:
        if self.session.tracker is None:
            return reports.told("nothing has run yet; %orchestrate run")
        return self.session.tracker.get_stats()

    def _cache(self, options: Namespace) -> Any:
        return looking_back.cache(self.defaults(), self.session.result, clear=options.clear)

    def _locks(self, options: Namespace) -> Any:
        return looking_back.locks(self.session.resources, options.names, self.session.tracker is not None)

    def _events(self, options: Namespace) -> Any:
        heard = self.session.heard if self.session.control is not None else None  # of a run that goes on
        so_far = None if heard is None else heard.facts
        return looking_back.events(self.session.result, options.pattern, options.last, so_far)

    def _history(self, options: Namespace) -> Any:
        known = options.notebook is not None or self.session.graphs.names() or self.session.result is not None
        return looking_back.history(self.defaults(), self._dag(options) if known else None, options.asked)

    def _export(self, options: Namespace) -> Any:
        if bool(options.file) == bool(options.output):
            raise CommandError("%orchestrate export: name one file to write to, such as graph.svg")
        result = self.session.result if options.notebook is None else None
        what = self._dag(options) if result is None else result
        path = export(what, options.file or options.output, force=options.force, format=options.format)
        called = "the graph" if result is None else f"run {result.run_id}"
        return reports.told(f"{called} is in {path}")

    def _error(self, _: Namespace) -> Any:
        return reports.told(self.last_error or "there was no error yet")

    def _reset(self, _: Namespace) -> Any:
        self.session.reset()
        return reports.told("forgotten: the declared nodes and the last run")

    def _config(self, options: Namespace) -> Any:
        self.assign(options.assignments)
        return reports.knobs(self.defaults())

    _COMMANDS: ClassVar[Mapping[str, Callable[[Any, Namespace], Any]]] = {
        "run": _run,
        "resume": _resume,
        "plan": _plan,
        "graph": _graph,
        "levels": _levels,
        "validate": _validate,
        "why": _why,
        "verify": _verify,
        "replay": _replay,
        "history": _history,
        "cache": _cache,
        "locks": _locks,
        "events": _events,
        "export": _export,
        "error": _error,
        "bench": _bench,
        "bench compare": _bench_compare,
        "gantt": _gantt,
        "simulate": _simulate,
        "status": _status,
        "cancel": _cancel,
        "progress": _progress,
        "reset": _reset,
        "config": _config,
    }


def _number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise CommandError(f"%%orchestrate: {option} {text!r} is not a number of seconds") from None
