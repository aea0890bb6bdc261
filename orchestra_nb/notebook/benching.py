"""``%orchestrate bench``: sweeps in a session, and of notebook files in kernels of their own.

Declared cells are measured in the session's namespace, as ``%timeit`` does: each run finds what the one before has
left, nothing of it is shown, and what is remembered of the last run stays as it was. With ``--notebook`` each run has a
kernel of its own, as ``orchestra run``. Agents are for the command line and :func:`orchestra_nb.bench.sweep`.

Progress is one display that is drawn anew before a run, at most a few times in a second, and ends as a line. An
interrupt shows what was measured, and goes on as the ``KeyboardInterrupt`` that it is.
"""

from __future__ import annotations

import math
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

from orchestra_nb.bench import Comparison, Next, Sweep, SweepInterrupted, compare, sweep
from orchestra_nb.bench.comparing import since_last
from orchestra_nb.bench.measuring import Runner
from orchestra_nb.cells.notebook_file import Notebook
from orchestra_nb.config import RunConfig
from orchestra_nb.display.wording import clean, count, duration
from orchestra_nb.durable.written_files import check_writable
from orchestra_nb.events import EventBus
from orchestra_nb.graph.dag import DAG
from orchestra_nb.notebook import reports
from orchestra_nb.notebook.file_run import run_file
from orchestra_nb.notebook.program import CellProgram, run_cells
from orchestra_nb.notebook.session import Session
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.scheduler import ParallelScheduler

_PAUSE = 0.25
"""Seconds between two drawings of the progress."""


def bench(session: Session, options: Namespace, config: RunConfig) -> Sweep:
    """Measure what a line says, show how it compares with last time, and return it.

    Parameters
    ----------
    session
        Whose cells, or in whose notebook.
    options, config
        Of the line.

    Raises
    ------
    OrchestraError
        Bad input, or a run goes on; nothing has run.
    SweepInterrupted
        It was interrupted; what was measured was shown.
    """
    check_outputs(options)
    target, name = _target(session, options, config)
    with session.turn() if options.notebook is None else nullcontext(), _Progress(session.shell) as follow:
        try:
            found = swept(target, options, config, follow=follow, name=name)
        except SweepInterrupted as error:
            _show(session.shell, error.sweep)
            raise
    if options.plot:
        found.plot().savefig(options.plot)
    if options.output and (comparison := since_last(options.output, found)) is not None:
        _show(session.shell, comparison)
    return found


def compared(options: Namespace) -> Comparison:
    """Compare the results that a line names.

    Raises
    ------
    ConfigError
        There is nothing to compare.
    """
    return compare(options.path, options.with_file, alpha=options.alpha)


def swept(
    target: Runner, options: Namespace, config: RunConfig, *, follow: Callable[[Next], object], name: str
) -> Sweep:
    """Make the sweep that the options of a line ask for.

    Parameters
    ----------
    target
        Makes a run.
    options, config
        Of the line.
    follow
        Is told before each run.
    name
        Of what is measured.
    """
    ways: Sequence[Any] = (options.sweep_backends, options.sweep_schedules, options.sweep_policies)
    often = {"repeats": options.repeats, "warmup": options.warmup, "seed": config.seed}
    return sweep(
        target, options.sweep_jobs, *ways, **often, config=config, file=options.output, name=name, follow=follow
    )


def check_outputs(options: Namespace) -> None:
    """Refuse before anything runs what could not be written after it.

    Raises
    ------
    CommandError, ConfigError
        A file cannot be written there, has something else in it, or is no picture; matplotlib is not installed.
    """
    check_writable({"--output": options.output, "--plot": options.plot})
    if options.plot:
        from orchestra_nb.display.plots.sweeps import check_picture

        check_picture(options.plot)


def notebook_runner(source: Notebook, targets: Sequence[str] = (), *, keep_going: bool = False) -> Runner:
    """Make what runs a notebook in a kernel of its own each time.

    Parameters
    ----------
    source
        The notebook, read.
    targets
        Only these nodes and what they need; all when empty.
    keep_going
        Whether faults of single cells are planned around.

    Raises
    ------
    DefinitionError, MissingDependencyError
        The notebook is faulty, or has no such node.
    """
    whole = source.planned(keep_going=keep_going)
    if targets:
        whole.subgraph(targets)
    return partial(_run_of_file, source, tuple(targets))


def session_runner(shell: Any, dag: DAG) -> Runner:
    """Make what runs cells in a shell's namespace, and shows nothing.

    Parameters
    ----------
    shell
        The IPython shell.
    dag
        Its nodes are cells.
    """

    def run(config: RunConfig) -> RunResult:
        program = CellProgram(dag, shell.user_ns, shell, config.guard)
        return run_cells(dag, program, ParallelScheduler(config, EventBus()))

    return run


def _run_of_file(source: Notebook, targets: tuple[str, ...], config: RunConfig) -> RunResult:
    return run_file(source, config, targets=targets).run


def _target(session: Session, options: Namespace, config: RunConfig) -> tuple[Runner, str]:
    if options.notebook is not None:
        notebook = session.graphs.notebook(options.notebook)
        name = notebook.path.name if notebook.path is not None else "notebook"
        return notebook_runner(notebook, options.nodes, keep_going=config.keep_going), name
    dag = session.graphs.dag(None, options.nodes, keep_going=config.keep_going)
    path = session.graphs.path()
    return session_runner(session.shell, dag), "cells" if path is None else f"cells of {path.name}"


def _show(shell: Any, value: Any) -> None:
    shell.display_pub.publish(data=value._repr_mimebundle_(), metadata={})


class _Progress:
    """One display that says which run it is, and how long the others will take."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._handle: Any = None
        self._began = self._drawn = time.perf_counter()
        self._last: Next | None = None

    def __enter__(self) -> _Progress:
        return self

    def __call__(self, coming: Next) -> None:
        self._last = coming
        now = time.perf_counter()
        if self._handle is None or now - self._drawn >= _PAUSE:
            self._drawn = now
            self._draw(progress_line(coming))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._handle is not None and self._last is not None:
            took = duration(time.perf_counter() - self._began)
            made = self._last.total if kind is None else self._last.turn.number - 1
            self._draw(f"{count(made, 'run')} in {took}")

    def _draw(self, line: str) -> None:
        from IPython.display import display

        shown = reports.told(line)
        if self._handle is None:
            self._handle = display(shown, display_id=True)
        else:
            self._handle.update(shown)


def progress_line(coming: Next) -> str:
    """Say which run is being made, and how long the others will take.

    Examples
    --------
    >>> from orchestra_nb.bench import Setting, Turn
    >>> progress_line(Next(Turn(3, "graph", Setting(2), 1), total=10, elapsed=4.0, eta=16.0))
    'run 3 of 10: graph, 2 jobs, threading, eager, critical-path; about 16.0 s left'
    """
    left = "" if math.isnan(coming.eta) else f"; about {duration(coming.eta)} left"
    return clean(f"{coming}{left}")
