"""What ``bench`` and ``bench compare`` do on the command line: sweeps of files, and results of sweeps compared.

A notebook is run in a kernel of its own each time; a command definition in this process, by whoever does the work of
its agents (``--agents``, the project's settings), or as a rehearsal (``--simulate``), whose times are as short as its
scale makes them. Everything that can be refused is refused before the first run.

Exit codes: 0 done; 1 a run failed, or ``compare`` has shown that something became slower; 2 bad input, and nothing has
run; 130 stopped with Ctrl-C, when what was measured is shown and written all the same.
"""

from __future__ import annotations

import math
from argparse import Namespace
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestra_nb.agents.process import ended_by_sigterm
from orchestra_nb.agents.simulated import SimulatedExecutor
from orchestra_nb.answers import (
    DONE,
    FAILED,
    INTERRUPTED,
    Answer,
    Listener,
    config_of,
    issue_object,
    parameters_of,
    read_of,
)
from orchestra_nb.bench import Comparison, Next, Sweep, SweepInterrupted
from orchestra_nb.bench.comparing import compare_files, since_last
from orchestra_nb.bench.files import run_to_json
from orchestra_nb.bench.measuring import Runner
from orchestra_nb.bench.verdicts import needed
from orchestra_nb.bench_targets import graph_runner
from orchestra_nb.config import RunConfig
from orchestra_nb.definition_run import agents_of_line, check_inputs
from orchestra_nb.display.bench_tables import COMPARISON, SUMMARY
from orchestra_nb.display.benches import compared_row, comparison_text, summary_row, sweep_text
from orchestra_nb.display.columns import Table
from orchestra_nb.display.terminal import Prose, of_value
from orchestra_nb.display.wording import clean, count
from orchestra_nb.errors import CommandError, Issue
from orchestra_nb.notebook.benching import check_outputs, notebook_runner, progress_line, swept
from orchestra_nb.subject import Subject, is_definition, notebook_of, read_subject

RUN_STARTED = "bench:run-started"
"""The name of an event that tells which run is being made."""


def bench(options: Namespace, listen: Listener | None) -> Answer:
    """Measure a notebook or a command definition.

    Parameters
    ----------
    options
        Of the command ``bench``.
    listen
        Called before each run.

    Raises
    ------
    OrchestraError
        Bad input; nothing has run.
    """
    from rich.console import Group

    check_outputs(options)
    config = config_of(options)
    subject, runner = _opened(options, config)

    def follow(coming: Next) -> None:
        if listen is not None:
            told = {"number": coming.turn.number, "total": coming.total, "what": progress_line(coming)}
            listen({"name": RUN_STARTED, **told})

    interrupted = False
    try:
        with ended_by_sigterm():
            found = swept(runner, options, config, follow=follow, name=Path(options.path).name)
    except SweepInterrupted as error:
        found, interrupted = error.sweep, True
    comparison = since_last(options.output, found) if options.output else None
    lines = _written(options, found)
    if options.simulate is not None:
        lines.append(f"a rehearsal: times are {options.simulate:g} of what agents are expected to take")
    texts = [sweep_text(found), *([comparison_text(comparison)] if comparison is not None else []), *lines]
    code = INTERRUPTED if interrupted else FAILED if found.failed else DONE
    files = {"output": options.output, "plot": options.plot}
    data = {"success": code == DONE, **sweep_object(found), **files, "errors": _errors(found)}
    data["comparison"] = None if comparison is None else comparison_object(comparison)
    shown = Group(*(of_value(each, "") for each in (found, comparison) if each is not None), Prose(lines))
    return Answer(data, "\n".join(texts), code, (*subject.cautions, *subject.faults), shown)


def compared(options: Namespace) -> Answer:
    """Compare the results that a line names; something that became slower ends with code 1.

    Raises
    ------
    ConfigError
        There is nothing to compare.
    """
    found, faults = compare_files(options.path, options.with_file, options.alpha)
    code = FAILED if found.slower else DONE
    data = {"success": code == DONE, **comparison_object(found), "errors": []}
    return Answer(data, comparison_text(found), code, faults, of_value(found, ""))


def sweep_object(sweep: Sweep) -> dict[str, Any]:
    """Write a sweep as JSON has it; what is not known is ``null``.

    Examples
    --------
    >>> from orchestra_nb.bench import Environment
    >>> sweep_object(Sweep("1", "graph", (), 8, Environment("3.11", "Linux")))["planned"]
    8
    """
    return {
        "id": sweep.id,
        "name": sweep.name,
        "planned": sweep.planned,
        "runs": [run_to_json(run) for run in sweep.runs],
        "summary": records(SUMMARY, map(summary_row, sweep.summaries)),
        "notes": list(sweep.notes),
        "environment": sweep.environment.to_json(),
    }


def comparison_object(comparison: Comparison) -> dict[str, Any]:
    """Write a comparison as JSON has it; what is not known is ``null``.

    Examples
    --------
    >>> from orchestra_nb.bench import Environment
    >>> sweep = Sweep("1", "graph", (), 0, Environment("3.11", "Linux"))
    >>> comparison_object(Comparison(sweep, sweep, (), 0.05, ()))["headline"]
    'nothing to compare: no configuration is in both sweeps'
    """
    rows = records(COMPARISON, map(compared_row, comparison.rows))
    return {
        "headline": comparison.headline,
        "before": comparison.before.id,
        "after": comparison.after.id,
        "alpha": comparison.alpha,
        "rows": [{**row, "told": str(each)} for row, each in zip(rows, comparison.rows, strict=True)],
        "notes": [*comparison.notes, *filter(None, [needed(comparison)])],
    }


def records(table: Table, rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    """Write the rows of a frame as JSON has them, without pandas.

    Examples
    --------
    >>> from orchestra_nb.display.columns import number
    >>> records(Table("a.frame", "thing", {"n": number("how many")}), [(1.5,), (math.nan,), (math.inf,)])
    [{'n': 1.5}, {'n': None}, {'n': None}]
    """
    return [dict(zip(table.columns, map(_known, row), strict=True)) for row in rows]


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _opened(options: Namespace, config: RunConfig) -> tuple[Subject, Runner]:
    """Read the file and find who runs it; all that is wrong with it comes to light."""
    if not is_definition(options.path):
        if options.agents or options.simulate is not None:
            raise CommandError(f"{options.path} is a notebook; --agents and --simulate are for command definitions")
        subject = read_of(options)
        notebook = notebook_of(subject, options.path)
        return subject, notebook_runner(notebook, options.nodes, keep_going=config.keep_going)
    subject, context = read_subject(options.path, options.nodes, config), parameters_of(options)
    check_inputs(subject.dag, context, options.path)
    agents: Any = SimulatedExecutor(options.simulate) if options.simulate is not None else agents_of_line(options)
    return subject, graph_runner(subject.dag, agents, context)


def _written(options: Namespace, sweep: Sweep) -> list[str]:
    """Write the figure, where there is anything to draw; say what is where."""
    lines = [f"results: {clean(options.output)}"] if options.output else []
    if options.plot and any(row.time.n for row in sweep.summaries):
        sweep.plot().savefig(options.plot)
        lines.append(f"figure: {clean(options.plot)}")
    return lines


def _errors(sweep: Sweep) -> list[dict[str, Any]]:
    failed: Mapping[str, int] = Counter(run.error for run in sweep.runs if not run.ok)
    return [issue_object(Issue("run-failed", f"{count(n, 'run')} failed: {error}")) for error, n in failed.items()]
