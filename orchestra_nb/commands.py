"""What each subcommand of the command line does: from options to one answer.

Policy: an answer is a value: one JSON object for machines, the same as text for people, an exit code. ``plan``,
``graph``, ``levels``, ``validate`` and ``why`` only read the notebook; nothing in it is executed. What runs something
is in :mod:`.running_commands`.

Failure: bad input raises an :class:`~orchestra_nb.errors.OrchestraError`, which :mod:`.cli` turns into exit code 2; a
node that failed is part of the answer, with exit code 1.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestra_nb.answers import (
    BAD_INPUT,
    DONE,
    FAILED,
    Answer,
    Follow,
    Listener,
    config_of,
    issue_object,
    parameters_of,
    read_of,
)
from orchestra_nb.bench_commands import bench, compared
from orchestra_nb.command_options import check_comparison
from orchestra_nb.config import RunConfig
from orchestra_nb.display.picture import svg
from orchestra_nb.display.plans import schedule_gantt
from orchestra_nb.display.proof import proof_lines
from orchestra_nb.display.replays import events_text, state_text
from orchestra_nb.display.terminal import Faults, LevelTree, Plan
from orchestra_nb.display.text import (
    aligned,
    critical_path_text,
    dag_text,
    edges_along,
    issues_text,
    levels_text,
    why_lines,
)
from orchestra_nb.display.wording import clean, duration
from orchestra_nb.durable.written_files import check_writable, write_text
from orchestra_nb.errors import CommandError, DefinitionError
from orchestra_nb.eventlog.codec import event_to_json
from orchestra_nb.gantt_commands import gantt, side_by_side, simulated, walked
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.undoing import UNDONE, compensators, only_undoes
from orchestra_nb.graph.validation import ValidationResult
from orchestra_nb.labs.walk import walk_of
from orchestra_nb.replay import Replay, moment
from orchestra_nb.running.backends import resolve
from orchestra_nb.running.history import remembered
from orchestra_nb.running.not_kept import reasons
from orchestra_nb.running.run_records import edge_record
from orchestra_nb.running.taken_over import NOT_ENDED
from orchestra_nb.running_commands import as_before, run
from orchestra_nb.simulation import Schedule
from orchestra_nb.simulation.asking import simulated as ask_simulator
from orchestra_nb.simulation.expected import expected
from orchestra_nb.simulation.what_if import WhatIf
from orchestra_nb.subject import Subject, is_definition, notebook_of, read_subject

if TYPE_CHECKING:
    from rich.console import RenderableType


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
        return run(options, listen, follow)
    if options.command == "bench":
        return bench(options, listen)
    if options.command == "verify":
        return _verify(options, listen)
    return _READERS[options.command](options)


def _verify(options: Namespace, listen: Listener | None) -> Answer:
    if options.runs < 1:
        raise CommandError(f"--runs {options.runs} compares nothing; give 1 or more")
    config = config_of(options)
    notebook = notebook_of(read_of(options), options.path)
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
    from orchestra_nb.definition_run import check_inputs
    from orchestra_nb.running.on_disk import cut_short, planned

    context = parameters_of(options)
    check_inputs(subject.dag, context, options.path)
    run_id = cut_short(config, subject.dag, f"orchestra run {options.path}", context)
    plan = planned(config, run_id, subject.dag, context)
    told = dict.fromkeys(plan.taken, ("taken-over", f"taken over from run {run_id}"))
    told |= {name: ("not-stored", f"runs again: {why}") for name, why in plan.again.items()}
    told |= dict.fromkeys(plan.undone, ("new", f"runs again: {UNDONE}"))
    told |= {name: ("new", only_undoes(who)) for name, who in compensators(subject.dag.nodes.values()).items()}
    data = _describe(subject.dag, _schedule(subject.dag, config))
    for node in data["nodes"]:
        node["fate"], node["reason"] = told.get(node["id"], ("new", NOT_ENDED))
    data["run"] = run_id
    width = max(map(len, subject.dag.nodes), default=0)
    return _planned(subject, data, "\n".join(f"{node['id']:<{width}}  {node['reason']}" for node in data["nodes"]))


def _plan(options: Namespace) -> Answer:
    if getattr(options, "resume", False):
        as_before(options)
        config = config_of(options)
        is_command = is_definition(options.path)  # its parameters are what a run is given, and not part of it
        subject = read_subject(options.path, options.nodes, config) if is_command else read_of(options)
        return _plan_resume(options, subject, config)
    subject = read_of(options)
    dag = subject.dag
    config = config_of(options)
    schedule = _schedule(dag, config)
    chart = schedule_gantt(schedule)
    return _planned(subject, _describe(dag, schedule), f"{dag_text(dag)}\n{chart.text}", Plan(dag, chart))


def _planned(subject: Subject, data: Mapping[str, Any], text: str, shown: RenderableType | None = None) -> Answer:
    """Answer with a plan; one that was made around faulty nodes is bad input all the same, and says what is wrong."""
    if not subject.faults:
        return Answer(data, text, DONE, subject.cautions, shown)
    told = {**data, "success": False, "errors": [issue_object(issue) for issue in subject.faults]}
    return Answer(told, text, BAD_INPUT, (*subject.cautions, *subject.faults), shown)


def _levels(options: Namespace) -> Answer:
    subject = read_of(options)
    dag = subject.dag
    text = f"levels:\n{levels_text(dag)}\n{critical_path_text(dag)}"
    return _planned(subject, _describe(dag, _schedule(dag, config_of(options))), text, LevelTree(dag))


def _graph(options: Namespace) -> Answer:
    target = options.output
    check_writable({"--output": target})
    suffix = Path(target).suffix.lower() if target else ""
    if target and suffix not in (".svg", ".dot"):
        raise CommandError(f"-o {target}: give a name that ends with .svg or .dot")
    subject = read_of(options)
    dag = subject.dag
    data = {**_describe(dag, _schedule(dag, config_of(options))), "output": target}
    if target:
        write_text(Path(target), svg(dag) if suffix == ".svg" else dag.to_graphviz().source)
    picture = [f"picture: {clean(target)}"] if target else []
    text = "\n".join([dag_text(dag), *picture])
    return _planned(subject, data, text, Plan(dag, below=picture))


def _validate(options: Namespace) -> Answer:
    """List every fault; errors are the answer here, and still bad input."""
    try:
        subject = read_of(options)
    except DefinitionError as error:
        found = ValidationResult(error.issues)
        data = {"success": False, "errors": [issue_object(issue) for issue in found.errors]}
        data["warnings"] = [issue_object(issue) for issue in found.warnings]
        return Answer(data, issues_text(found), BAD_INPUT, shown=Faults(found.issues))
    dag, found = subject.dag, ValidationResult((*subject.faults, *subject.warnings))
    data = {**_describe(dag, _schedule(dag, config_of(options))), "warnings": [issue_object(i) for i in found.warnings]}
    return replace(_planned(subject, data, issues_text(found), Faults(found.issues)), warnings=())


def _why_kept(options: Namespace, subject: Subject) -> Answer:
    """Say what has changed since a result of a cell was kept, as far as that is known without running anything."""
    from orchestra_nb.notebook.why_kept import why_kept

    found = why_kept(subject.dag, options.kept, config_of(options), base=str(Path(options.path).absolute().parent))
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


def _history(options: Namespace) -> Answer:
    """Say what a notebook's nodes, or a definition's, took in earlier runs."""
    subject, config = read_of(options), config_of(options)
    found = remembered(config, subject.dag, options.asked)
    nodes = [{"id": each.node, "expected": each.expected, "seconds": list(each.seconds)} for each in found]
    rows = [
        (clean(each.node), f"expected {duration(each.expected)}", ", ".join(map(duration, reversed(each.seconds))))
        for each in found
    ]
    lines = list(aligned(rows)) if rows else ["nothing is remembered of earlier runs"]
    return _planned(subject, {"success": True, "nodes": nodes, "errors": []}, "\n".join(lines))


def _simulate(options: Namespace) -> Answer:
    check_comparison(options)
    check_writable({"--output": options.output})
    subject, config = read_of(options), config_of(options)
    terms = {"policy": config.policy, "schedule": config.schedule, "output": options.output}
    if options.compare:
        compared, text, shown, data = side_by_side(subject.dag, config, options)
        return _planned(subject, {**_describe(subject.dag, compared.best.plan), **terms, **data}, text, shown)
    if options.steps:
        walk = walk_of(subject.dag, config, resolve(config).jobs)
        schedule: object = walk.schedule
        text, shown, data = walked(walk, options.output)
    else:
        found = ask_simulator(subject.dag, config, resolve(config).jobs, options)
        schedule = found.after if isinstance(found, WhatIf) else found
        text, shown, data = simulated(found, options.output)
    described = _describe(subject.dag, schedule) if isinstance(schedule, Schedule) else {"success": True, "errors": []}
    return _planned(subject, {**described, **terms, **data}, text, shown)


def _export(options: Namespace) -> Answer:
    from orchestra_nb.notebook.exporting import export

    subject = read_of(options)
    path = export(subject.dag, options.output, force=options.force, format=options.format)
    data = {"success": True, "output": str(path), "nodes": len(subject.dag), "errors": []}
    return _planned(subject, data, f"the graph is in {clean(path)}")


def _why(options: Namespace) -> Answer:
    subject = read_of(options)
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
    return expected(dag, config, resolve(config).jobs)


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


_READERS: Mapping[str, Callable[[Namespace], Answer]] = {
    "bench compare": compared,
    "run": _plan,
    "plan": _plan,
    "levels": _levels,
    "graph": _graph,
    "validate": _validate,
    "why": _why,
    "replay": _replay,
    "history": _history,
    "gantt": gantt,
    "simulate": _simulate,
    "export": _export,
}
