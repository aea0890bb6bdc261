"""What each subcommand of the command line does: from options to one answer.

Policy: an answer is a value: one JSON object for machines, the same as text for people, an exit code. ``plan``,
``graph``, ``levels``, ``validate`` and ``why`` only read the notebook; nothing in it is executed. Everything that can
be refused (an output folder that is not there, a missing exporter) is refused before a run begins, so that no run is
lost at its end.

Failure: bad input raises an :class:`~orchestra_nb.errors.OrchestraError`, which :mod:`.cli` turns into exit code 2; a
node that failed is part of the answer, with exit code 1.
"""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestra_nb.cells.notebook_file import write_text
from orchestra_nb.cells.parameters import value_of
from orchestra_nb.config import RunConfig
from orchestra_nb.display.picture import svg
from orchestra_nb.display.proof import proof_lines
from orchestra_nb.display.replays import events_text, state_text
from orchestra_nb.display.text import (
    critical_path_text,
    dag_text,
    edges_along,
    issues_text,
    levels_text,
    outcomes_text,
    schedule_text,
    unforeseen_line,
    why_lines,
)
from orchestra_nb.display.wording import clean, duration
from orchestra_nb.errors import BackendError, CommandError, DefinitionError, Issue, OrchestraError
from orchestra_nb.eventlog.codec import event_to_json
from orchestra_nb.grammar import options_to_config
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.validation import ValidationResult
from orchestra_nb.notebook.records import change_from, edge_record, run_record
from orchestra_nb.planning.simulator import Schedule, simulate
from orchestra_nb.progress.sinks import todo_file
from orchestra_nb.progress.tracker import ProgressTracker
from orchestra_nb.project_config import project_config
from orchestra_nb.recovery.saga_result import SagaResult
from orchestra_nb.replay import Replay, moment
from orchestra_nb.running.backends import resolve
from orchestra_nb.running.not_kept import reasons
from orchestra_nb.subject import Subject, is_definition, notebook_of, read_subject

if TYPE_CHECKING:
    from nbformat import NotebookNode

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
Listener = Callable[[Mapping[str, Any]], object]
Follow = Callable[[ProgressTracker], object]
NOTE = "note"
"""The name of an event that is a line for people."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command found.

    Parameters
    ----------
    data
        The object that ``--json`` prints.
    text
        The same for people.
    code
        The exit code: 0 done, 1 a node failed, 2 bad input, 130 stopped with Ctrl-C.
    warnings
        What was noticed and did not stop it; also the faults of nodes that were planned in spite of them.
    """

    data: Mapping[str, Any]
    text: str = ""
    code: int = DONE
    warnings: tuple[Issue, ...] = ()


def answer(options: Namespace, listen: Listener | None = None, follow: Follow | None = None) -> Answer:
    """Do what a parsed command line says.

    Parameters
    ----------
    options
        From :func:`orchestra_nb.grammar.parse` on the ``"cli"`` surface.
    listen
        Called with each event of a run.
    follow
        Called with the progress tracker of a run before it begins.

    Raises
    ------
    OrchestraError
        Bad input; nothing has run.
    """
    if options.command == "resume" or (options.command == "run" and not options.dry_run):
        return _run(options, listen, follow)
    if options.command == "verify":
        return _verify(options, listen)
    return _READERS[options.command](options)


def _config(options: Namespace) -> RunConfig:
    return options_to_config(options, project_config(Path(options.path).parent))


def _read(options: Namespace) -> Subject:
    return read_subject(options.path, getattr(options, "nodes", ()), _config(options), _parameters(options))


def _parameters(options: Namespace) -> dict[str, Any]:
    """Take the parameters of the notebook, by name; of one that is given twice, the later value."""
    typed = {name: value_of(text) for name, text in options.parameters or ()}
    return typed | dict(options.raw or ())


def _as_before(options: Namespace) -> None:
    """Ask for what the run was asked for that is to be gone on with: its parameters and nodes, where none are given."""
    from orchestra_nb.notebook.resuming import asked_before

    if is_definition(options.path):
        return
    before = asked_before(options.path, _config(options))
    options.nodes = options.nodes or before.get("nodes", ())
    if not options.parameters and not options.raw:
        options.raw = list(before.get("parameters", {}).items())


def _run(options: Namespace, listen: Listener | None, follow: Follow | None) -> Answer:
    if options.command == "resume":
        _as_before(options)
    config = _config(options)
    written = {"output": options.output, "html": options.html, "svg": options.svg}
    _check_outputs({**written, "log": config.log})
    if options.linear and options.log:
        raise CommandError(
            "--log tells of nodes that are scheduled, and --linear schedules none; leave one of them out"
        )
    if is_definition(options.path):
        return _run_definition(options, config, written, partial(_followed, options, config, listen, follow))
    if options.agents or options.simulate is not None:
        raise CommandError(f"{options.path} is a notebook; --agents and --simulate are for command definitions")
    subject = _read(options)  # all that is wrong with it comes to light before a kernel is started
    notebook = notebook_of(subject, options.path)
    from orchestra_nb.notebook.headless import run_file
    from orchestra_nb.notebook.resuming import hint

    path = Path(options.path)
    run_id = _run_to_go_on_with(options, config, listen)
    asked: dict[str, Any] = {"targets": options.nodes, "linear": options.linear}
    note = {"nodes": list(options.nodes), "parameters": _parameters(options)}
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
    text = "\n".join([outcomes_text(run.outcomes), *_run_lines(data), *filter(None, noted)])
    code = INTERRUPTED if data.get("stopped") == "interrupted" else DONE if data["success"] else FAILED
    return Answer(data, text, code, (*notebook.warnings, *subject.faults))


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

    subject = read_subject(options.path, options.nodes, config)
    with following(subject.dag) as heard:
        result, lines = run_definition(subject, options, config, _parameters(options), heard)
    if options.output:
        write_text(Path(options.output), values_text(result.values))
    if options.svg:
        write_text(Path(options.svg), svg(result.dag, outcomes=result.outcomes))
    data = {**run_record(result), **written, "todos": options.todos}
    text = "\n".join([outcomes_text(result.outcomes), *_run_lines(data), *lines])
    code = INTERRUPTED if result.stopped == "interrupted" else DONE if result.success else FAILED
    return Answer(data, text, code, subject.cautions)


def _run_to_go_on_with(options: Namespace, config: RunConfig, listen: Listener | None) -> str:
    """Name the run that is to be gone on with; empty for a new one, which tells of a run that was cut short."""
    from orchestra_nb.notebook.resuming import asked_run, hint, runs_beside

    if options.command == "resume":
        return asked_run(runs_beside(options.path, config), options.path)
    if listen is not None and (text := hint(options.path, config, "an earlier run has not ended well; ")):
        listen({"name": NOTE, "text": text})
    return ""


def _check_outputs(outputs: Mapping[str, str | None]) -> None:
    """Refuse before the run what would fail after it."""
    for option, name in outputs.items():
        if not name:
            continue
        path = Path(name)
        if path.is_dir():
            raise CommandError(f"--{option} {name}: is a folder; give a file's name")
        if not path.absolute().parent.is_dir():
            raise CommandError(f"--{option} {name}: there is no folder {path.absolute().parent}; make it first")
    if outputs.get("html"):
        _html_exporter()


def _html_exporter() -> Any:
    try:
        from nbconvert.exporters import HTMLExporter
    except ImportError:
        raise CommandError("--html needs nbconvert; pip install 'orchestra_nb[demo]', or leave it out") from None
    exporter: Callable[[], Any] = HTMLExporter
    return exporter()


def _html(document: NotebookNode, title: str) -> str:
    body, _ = _html_exporter().from_notebook_node(document, resources={"metadata": {"name": title}})
    return str(body)


def _run_lines(data: Mapping[str, Any]) -> list[str]:
    time = f"time: {duration(data['total_time'])}; no schedule beats {duration(data['lower_bound'])}"
    speedup = data.get("speedup")
    if speedup and speedup >= 0.95:
        time += f"; {speedup:.2f} × as fast as one node after the other"
    elif speedup and data.get("jobs") != 1:
        time += "; one node after the other would have been quicker: these nodes are too short to share out"
    errors = [f"error: {clean(_error_line(error))}" for error in data.get("errors", ())]
    noticed = [unforeseen_line(change_from(record)) for record in data.get("unforeseen", ())]
    undone = data.get("undone")
    errors += [] if not undone else [clean(line) for line in SagaResult.from_json(undone).lines()]
    written = [f"{key}: {data[key]}" for key in ("output", "html", "svg", "todos") if data.get(key)]
    return [time, *errors, *noticed, *written]


def _error_line(error: Any) -> str:
    return str(error.get("message", error)) if isinstance(error, Mapping) else str(error)


def _verify(options: Namespace, listen: Listener | None) -> Answer:
    if options.runs < 1:
        raise CommandError(f"--runs {options.runs} compares nothing; give 1 or more")
    config = _config(options)
    notebook = notebook_of(_read(options), options.path)
    from orchestra_nb.notebook.verification import verify_file

    data = dict(verify_file(notebook, config, options.runs, listen))
    return Answer(data, "\n".join(proof_lines(data)), DONE if data["equal"] else FAILED)


def _plan_resume(options: Namespace, subject: Subject, config: RunConfig) -> Answer:
    """Say what going on with a run would take over."""
    from orchestra_nb.notebook.resuming import plan_for

    if is_definition(options.path):
        return _plan_resume_definition(options, subject, config)
    notebook_of(subject, options.path)
    plan = plan_for(subject.dag, config, options.path)
    data = _describe(subject.dag, _schedule(subject.dag, config))
    for node in data["nodes"]:
        verdict = plan.verdicts[node["id"]]
        node |= {"fate": verdict.fate, "reason": verdict.told}
    data["run"] = plan.run_id
    return _planned(subject, data, "\n".join(plan.lines))


def _plan_resume_definition(options: Namespace, subject: Subject, config: RunConfig) -> Answer:
    from orchestra_nb.running.on_disk import cut_short, planned

    run_id = cut_short(config, subject.dag, f"orchestra run {options.path}")
    plan = planned(config, run_id, subject.dag, _parameters(options))
    told = dict.fromkeys(plan.taken, ("taken-over", f"taken over from run {run_id}"))
    told |= {name: ("not-stored", f"runs again: {why}") for name, why in plan.again.items()}
    data = _describe(subject.dag, _schedule(subject.dag, config))
    for node in data["nodes"]:
        node["fate"], node["reason"] = told.get(node["id"], ("new", "has not run yet"))
    data["run"] = run_id
    width = max(map(len, subject.dag.nodes), default=0)
    return _planned(subject, data, "\n".join(f"{node['id']:<{width}}  {node['reason']}" for node in data["nodes"]))


def _plan(options: Namespace) -> Answer:
    if getattr(options, "resume", False):
        _as_before(options)
    subject = _read(options)
    dag = subject.dag
    config = _config(options)
    if getattr(options, "resume", False):
        return _plan_resume(options, subject, config)
    schedule = _schedule(dag, config)
    text = f"{dag_text(dag)}\n{schedule_text(schedule)}"
    return _planned(subject, _describe(dag, schedule), text)


def _planned(subject: Subject, data: Mapping[str, Any], text: str) -> Answer:
    """Answer with a plan; one that was made around faulty nodes is bad input all the same, and says what is wrong."""
    if not subject.faults:
        return Answer(data, text, DONE, subject.cautions)
    told = {**data, "success": False, "errors": [issue_object(issue) for issue in subject.faults]}
    return Answer(told, text, BAD_INPUT, (*subject.cautions, *subject.faults))


def _levels(options: Namespace) -> Answer:
    subject = _read(options)
    dag = subject.dag
    text = f"levels:\n{levels_text(dag)}\n{critical_path_text(dag)}"
    return _planned(subject, _describe(dag, _schedule(dag, _config(options))), text)


def _graph(options: Namespace) -> Answer:
    target = options.output
    _check_outputs({"output": target})
    suffix = Path(target).suffix.lower() if target else ""
    if target and suffix not in (".svg", ".dot"):
        raise CommandError(f"-o {target}: give a name that ends with .svg or .dot")
    subject = _read(options)
    dag = subject.dag
    data = {**_describe(dag, _schedule(dag, _config(options))), "output": target}
    if target:
        write_text(Path(target), svg(dag) if suffix == ".svg" else dag.to_graphviz().source)
    text = dag_text(dag) + (f"\npicture: {target}" if target else "")
    return _planned(subject, data, text)


def _validate(options: Namespace) -> Answer:
    """List every fault; errors are the answer here, and still bad input."""
    try:
        subject = _read(options)
    except DefinitionError as error:
        found = ValidationResult(error.issues)
        data = {"success": False, "errors": [issue_object(issue) for issue in found.errors]}
        data["warnings"] = [issue_object(issue) for issue in found.warnings]
        return Answer(data, issues_text(found), BAD_INPUT)
    dag, found = subject.dag, ValidationResult((*subject.faults, *subject.warnings))
    data = {**_describe(dag, _schedule(dag, _config(options))), "warnings": [issue_object(i) for i in found.warnings]}
    return replace(_planned(subject, data, issues_text(found)), warnings=())


def _why_kept(options: Namespace, subject: Subject) -> Answer:
    """Say what has changed since a result of a cell was kept, as far as that is known without running anything."""
    from orchestra_nb.notebook.why_kept import why_kept

    found = why_kept(subject.dag, options.kept, _config(options), base=str(Path(options.path).absolute().parent))
    parts = [{"part": part, "state": state} for part, state in found.parts]
    data = {"success": True, "node": found.node, "told": found.told, "parts": parts, "errors": []}
    return _planned(subject, data, "\n".join(found.lines))


def _replay(options: Namespace) -> Answer:
    """Show a run of a log; one that is damaged is bad input, and what is whole of it is shown all the same."""
    replay = Replay.read(options.path)
    state = (replay.last if options.run is None else replay.run(options.run)).at(moment(options.at))
    events = {"events": [event_to_json(event) for event in state.facts]} if options.events else {}
    errors = [issue_object(fault) for fault in replay.faults if fault.severity == "error"]
    runs = [{"run": run.run, "started_at": run.started_at, "success": run.end.success} for run in replay.runs]
    bad = state.success is False or any(outcome.bad for outcome in state.outcomes.values())
    data = {**state.as_mapping(), **events, "runs": runs, "success": not errors and not bad, "errors": errors}
    lines = [state_text(state), *([events_text(state)] if options.events else [])]
    return Answer(data, "\n".join(lines), BAD_INPUT if errors else FAILED if bad else DONE, replay.faults)


def _why(options: Namespace) -> Answer:
    subject = _read(options)
    if options.kept is not None:
        return _why_kept(options, subject)
    dag = subject.dag
    source, target = options.source, options.target
    way = dag.way(source, target)
    data = {
        "success": True,
        "source": source,
        "target": target,
        "waits": bool(way),
        "path": list(way),
        "edges": [edge_record(edge) for edge in edges_along(dag, way)],
        "errors": [],
    }
    return _planned(subject, data, "\n".join(why_lines(dag, source, target)))


def _schedule(dag: DAG, config: RunConfig) -> Schedule:
    return simulate(dag, resolve(config).jobs, config.policy, config.schedule, config.seed)


def _describe(dag: DAG, schedule: Schedule) -> dict[str, Any]:
    """Describe a graph in the shape of a run's result; where a run has measured, stands what is expected."""
    unkept = {name: f"its result will not be kept: it {why}" for name, why in reasons(dag.nodes.values()).items()}
    nodes = [
        {"id": n.id, "status": "planned", "seconds": n.cost, "reason": unkept.get(n.id, "")} for n in dag.nodes.values()
    ]
    return {
        "success": True,
        "levels": [list(level) for level in dag.levels],
        "critical_path": list(dag.critical_path),
        "critical_time": dag.critical_time,
        "total_time": dag.total_time,
        "lower_bound": schedule.lower_bound,
        "speedup": dag.total_time / schedule.makespan if schedule.makespan else 1.0,
        "makespan": schedule.makespan,
        "jobs": schedule.workers,
        "nodes": nodes,
        "edges": [edge_record(edge) for edge in dag.edges],
        "output": None,
        "errors": [],
    }


def issue_object(issue: Issue) -> dict[str, Any]:
    """Write a fault as JSON has it."""
    return {
        "code": issue.code,
        "message": issue.message,
        "path": issue.path,
        "suggestion": issue.suggestion,
        "nodes": list(issue.nodes),
    }


def error_objects(error: OrchestraError) -> list[dict[str, Any]]:
    """Write an error as JSON has it: one object per fault."""
    if isinstance(error, DefinitionError):
        return [issue_object(issue) for issue in error.issues if issue.severity == "error"]
    code = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(error).__name__.removesuffix("Error")).lower()
    return [issue_object(Issue(code, str(error)))]


_READERS: Mapping[str, Callable[[Namespace], Answer]] = {
    "run": _plan,
    "plan": _plan,
    "levels": _levels,
    "graph": _graph,
    "validate": _validate,
    "why": _why,
    "replay": _replay,
}
