"""What ``run`` and ``resume`` do, for notebooks and for command definitions: from options to one answer.

Everything that can be refused (an output folder that is not there, a missing exporter) is refused before a run begins,
so that no run is lost at its end. A node that failed is part of the answer.
"""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestra_nb.answers import (
    DONE,
    FAILED,
    INTERRUPTED,
    NOTE,
    Answer,
    Follow,
    Listener,
    config_of,
    html_exporter,
    parameters_of,
    read_of,
)
from orchestra_nb.config import RunConfig
from orchestra_nb.display.picture import svg
from orchestra_nb.display.runs import headline
from orchestra_nb.display.terminal import Results
from orchestra_nb.display.text import outcomes_text, unforeseen_line
from orchestra_nb.display.wording import clean, duration, short
from orchestra_nb.durable.written_files import check_writable, write_text
from orchestra_nb.errors import BackendError, CommandError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.progress.sinks import todo_file
from orchestra_nb.recovery.saga_result import SagaResult
from orchestra_nb.running.run_records import change_from, run_record
from orchestra_nb.subject import is_definition, notebook_of, read_subject
from orchestra_nb.taskgraphs.reading import is_graph_file

if TYPE_CHECKING:
    from nbformat import NotebookNode

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_FAULTY = re.compile(r"^-+> (\d+) (.+)$", re.MULTILINE)
"""The line of a cell's own code at which IPython's traceback points; the first one is the outermost."""
_LONGEST = 100


def as_before(options: Namespace) -> None:
    """Ask for what the run was asked for that is to be gone on with: its parameters and nodes, where none are given."""
    from orchestra_nb.notebook.resuming import asked_before

    if is_definition(options.path):
        return
    before = asked_before(options.path, config_of(options))
    options.nodes = options.nodes or before.get("nodes", ())
    if not options.parameters and not options.raw:
        options.raw = list(before.get("parameters", {}).items())


def run(options: Namespace, listen: Listener | None, follow: Follow | None) -> Answer:
    """Run a notebook or a command definition, or go on with it.

    Parameters
    ----------
    options
        Of the command ``run`` or ``resume``.
    listen, follow
        As for :func:`.answer`.

    Raises
    ------
    OrchestraError
        Bad input; nothing has run.
    """
    if options.command == "resume":
        as_before(options)
    config = config_of(options)
    written = {"output": options.output, "html": options.html, "svg": options.svg}
    check_writable({f"--{option}": name for option, name in {**written, "log": config.log}.items()})
    if options.html:
        html_exporter()
    if options.linear and options.log:
        raise CommandError(
            "--log tells of nodes that are scheduled, and --linear schedules none; leave one of them out"
        )
    if is_graph_file(options.path) and options.simulate is None:
        told = f"{options.path} is a task graph, and its nodes have no work to do; rehearse it with --simulate SCALE"
        raise CommandError(f"{told}, or see what a run would take with 'orchestra simulate {options.path}'")
    if is_definition(options.path) or is_graph_file(options.path):
        return _run_definition(options, config, written, partial(_followed, options, config, listen, follow))
    if options.agents or options.simulate is not None:
        raise CommandError(f"{options.path} is a notebook; --agents and --simulate are for command definitions")
    subject = read_of(options)  # all that is wrong with it comes to light before a kernel is started
    notebook = notebook_of(subject, options.path)
    from orchestra_nb.notebook.headless import run_file
    from orchestra_nb.notebook.resuming import hint

    path = Path(options.path)
    run_id = _run_to_go_on_with(options, config, listen)
    asked: dict[str, Any] = {"targets": options.nodes, "linear": options.linear}
    note = {"nodes": list(options.nodes), "parameters": parameters_of(options)}
    with _followed(options, config, listen, follow, subject.dag) as heard:
        try:
            run = run_file(notebook, config, **asked, on_event=heard, run_id=run_id, note=note)
        except BackendError as error:  # the kernel died; what was done is stored
            raise BackendError(f"{error}{hint(path, config, '; ')}") from None
    document = notebook.with_outcomes(run.outcomes, metadata=run.metadata)
    if options.output:
        notebook.write(document, options.output)
    if options.html:
        write_text(Path(options.html), _html(document, path.stem))
    if options.svg:
        write_text(Path(options.svg), svg(run.dag, outcomes=run.outcomes))
    data = {**run.result, **written, "todos": options.todos}
    advice = "" if data["success"] else hint(path, config)
    trouble = str(run.kept.get("trouble", ""))
    noted = [advice, f"it could not be stored, to be gone on with: {trouble}" if trouble else ""]
    lines = [*_run_lines(data), *filter(None, noted)]
    text = "\n".join([outcomes_text(run.outcomes), _time_line(data), *lines])
    shown = Results(run.outcomes, [headline(run.run), *lines])
    code = INTERRUPTED if data.get("stopped") == "interrupted" else DONE if data["success"] else FAILED
    return Answer(data, text, code, (*notebook.warnings, *subject.faults), shown)


@contextmanager
def _followed(
    options: Namespace, config: RunConfig, listen: Listener | None, follow: Follow | None, dag: DAG
) -> Iterator[Listener | None]:
    """Have a run's progress followed, where somebody wants to see it."""
    from orchestra_nb.notebook.following import followed, tracker_of

    todos = [todo_file(options.todos)] if options.todos else []
    if not todos and follow is None:
        yield listen
        return
    terms = replace(config, jobs=1) if options.linear else config
    tracker = tracker_of(dag, terms, Path(options.path).name, todos)
    with followed(tracker, listen) as heard:
        if follow is not None:
            follow(tracker)
        yield heard


def _run_definition(
    options: Namespace,
    config: RunConfig,
    written: Mapping[str, str | None],
    following: Callable[[DAG], AbstractContextManager[Listener | None]],
) -> Answer:
    from orchestra_nb.definition_run import run_definition, values_text

    _check_spared(options, {**written, "todos": options.todos})
    refused = parameters_of(options) if is_graph_file(options.path) else None
    subject = read_subject(options.path, options.nodes, config, refused, options.missing)
    with following(subject.dag) as heard:
        result, lines = run_definition(subject, options, config, parameters_of(options), heard)
    if options.output:
        write_text(Path(options.output), values_text(result.values))
    if options.svg:
        write_text(Path(options.svg), svg(result.dag, outcomes=result.outcomes))
    data = {**run_record(result), **written, "todos": options.todos}
    lines = [*_run_lines(data), *lines]
    text = "\n".join([outcomes_text(result.outcomes), _time_line(data), *lines])
    code = INTERRUPTED if result.stopped == "interrupted" else DONE if result.success else FAILED
    return Answer(data, text, code, subject.cautions, Results(result.outcomes, [headline(result), *lines]))


def _check_spared(options: Namespace, written: Mapping[str, str | None]) -> None:
    """Refuse to write over what is being run: a definition, unlike a notebook, has no place for what came of it."""
    for read in filter(None, (options.path, options.agents)):
        for option, name in written.items():
            if name and Path(name).exists() and Path(read).exists() and Path(name).samefile(read):
                raise CommandError(f"--{option} {name}: would write over what is read; give another file's name")


def _run_to_go_on_with(options: Namespace, config: RunConfig, listen: Listener | None) -> str:
    """Name the run that is to be gone on with; empty for a new one, which tells of a run that was cut short."""
    from orchestra_nb.notebook.resuming import asked_run, hint, runs_beside

    if options.command == "resume":
        return asked_run(runs_beside(options.path, config), options.path)
    if listen is not None and (text := hint(options.path, config, "an earlier run has not ended well; ")):
        listen({"name": NOTE, "text": text})
    return ""


def _html(document: NotebookNode, title: str) -> str:
    body, _ = html_exporter().from_notebook_node(document, resources={"metadata": {"name": title}})
    return str(body)


def _time_line(data: Mapping[str, Any]) -> str:
    time = f"time: {duration(data['total_time'])}; no schedule beats {duration(data['lower_bound'])}"
    speedup = data.get("speedup")
    if speedup and speedup >= 0.95:
        time += f"; {speedup:.2f} × as fast as one node after the other"
    elif speedup and data.get("jobs") != 1:
        time += "; one node after the other would have been quicker: these nodes are too short to share out"
    return time


def _run_lines(data: Mapping[str, Any]) -> list[str]:
    errors = [line for error in data.get("errors", ()) for line in _error_lines(error)]
    noticed = [unforeseen_line(change_from(record)) for record in data.get("unforeseen", ())]
    undone = data.get("undone")
    errors += [] if not undone else [clean(line) for line in SagaResult.from_json(undone).lines()]
    written = [f"{key}: {clean(data[key])}" for key in ("output", "html", "svg", "todos") if data.get(key)]
    return [*errors, *noticed, *written]


def _error_lines(error: Any) -> list[str]:
    """Tell of an error, and of the line of the cell that it came from, where it has one."""
    if not isinstance(error, Mapping):
        return [f"error: {clean(str(error))}"]
    told = [f"error: {clean(str(error.get('message', error)))}"]
    found = _FAULTY.search(_COLOUR.sub("", "\n".join(error.get("traceback", ()))))
    return [*told, f"  line {found[1]}: {short(found[2].strip(), _LONGEST)}  (in full: --traceback)"] if found else told
