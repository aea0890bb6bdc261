"""What ``gantt`` and ``simulate`` draw on the command line: a run of a log, a simulated schedule, policies compared.

A picture is refused before anything is read when its file could not be written.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from orchestra_nb.answers import BAD_INPUT, DONE, FAILED, Answer, issue_object
from orchestra_nb.config import RunConfig
from orchestra_nb.display.comparison_tables import POLICIES
from orchestra_nb.display.plans import schedule_facts, schedule_gantt
from orchestra_nb.display.plots.figure import figure_svg
from orchestra_nb.display.simulations import picture_of
from orchestra_nb.display.steps import story_text
from orchestra_nb.display.terminal import Prose, of_value
from orchestra_nb.display.wording import clean
from orchestra_nb.durable.written_files import check_writable, write_text
from orchestra_nb.graph.dag import DAG
from orchestra_nb.labs.steps import Step
from orchestra_nb.labs.walk import Walk
from orchestra_nb.presentation import Chart, presenter_of
from orchestra_nb.replay import Replay, moment
from orchestra_nb.running.backends import resolve
from orchestra_nb.simulation.asking import Simulated
from orchestra_nb.simulation.comparison import compare_policies
from orchestra_nb.simulation.many import Distribution
from orchestra_nb.simulation.policy_comparison import PolicyComparison
from orchestra_nb.simulation.schedule import Schedule
from orchestra_nb.simulation.what_if import WhatIf

if TYPE_CHECKING:
    from rich.console import RenderableType

    from orchestra_nb.display.plots.paper import Paper


def drawn(chart: Chart, output: str | None) -> None:
    """Write a chart's picture, if that was asked for."""
    if output:
        write_text(Path(output), chart.svg)


def gantt(options: Namespace) -> Answer:
    """Draw a run of a log; one that is damaged is bad input, and what is whole of it is drawn all the same."""
    check_writable({"--output": options.output})
    replay = Replay.read(options.path)
    state = (replay.last if options.run is None else replay.run(options.run)).at(moment(options.at))
    chart = state.gantt(plan=options.plan)
    drawn(chart, options.output)
    errors = [issue_object(fault) for fault in replay.faults if fault.severity == "error"]
    bad = state.success is False or any(outcome.bad for outcome in state.outcomes.values())
    data = {
        "success": not errors and not bad,
        "run": str(state.run),
        "at": state.at,
        "over": state.over,
        "pieces": _records(chart),
        "output": options.output,
        "errors": errors,
    }
    code = BAD_INPUT if errors else FAILED if bad else DONE
    return Answer(data, _told(chart, options.output), code, replay.faults, _shown(chart, options.output))


def simulated(found: Simulated, output: str | None) -> tuple[str, RenderableType, dict[str, Any]]:
    """Draw what was simulated.

    Returns
    -------
    str, RenderableType, dict
        The answer in words and characters, the same for a terminal, and what it says as JSON has it.
    """
    if output:
        write_text(Path(output), picture_of(found))
    if isinstance(found, Schedule):
        chart = schedule_gantt(found)
        facts = list(schedule_facts(found))
        text = "\n".join([chart.text, *facts, *_written(output)])
        return text, _beside(of_value(chart, chart.text), [*facts, *_written(output)]), _of_schedule(found)
    lines = [*str(presenter_of(found).bundle(found)["text/plain"]).split("\n"), *_written(output)]
    data = _of_many(found) if isinstance(found, Distribution) else _of_what_if(found)
    return "\n".join(lines), Prose(lines), data


def _of_schedule(schedule: Schedule) -> dict[str, Any]:
    slots = [
        {"node": s.node, "worker": s.worker, "start": s.start, "end": s.end, "attempt": s.attempt, "status": s.status}
        for s in schedule.rows
    ]
    waits = [
        {
            "node": w.node,
            "kind": w.kind,
            "start": w.start,
            "end": w.end,
            "resource": w.resource,
            "held_by": [*w.held_by],
        }
        for w in schedule.waits
    ]
    return {"utilization": schedule.utilization, "slots": slots, "waits": waits}


def _of_many(found: Distribution) -> dict[str, Any]:
    return {
        "runs": len(found.runs),
        "jobs": found.workers,
        "mean": found.mean,
        "deviation": found.deviation,
        "quantiles": {f"{share:g}": seconds for share, seconds in found.quantiles.items()},
        "expected": found.expected,
        "ended_well": found.success,
        "criticality": dict(found.criticality),
    }


def _of_what_if(found: WhatIf) -> dict[str, Any]:
    told = {
        "changes": list(found.changes),
        "before": found.before.makespan,
        "predicted": found.predicted,
        "saved": found.saved,
        "critical_path": list(found.critical_path),
    }
    return {**_of_schedule(found.after), **told}


def side_by_side(
    dag: DAG, config: RunConfig, options: Namespace
) -> tuple[PolicyComparison, str, RenderableType, dict[str, Any]]:
    """Compare policies, and draw the figure if that was asked for.

    Returns
    -------
    PolicyComparison, str, RenderableType, dict
        What was found, in words, the same for a terminal, and as JSON has it.

    Raises
    ------
    ConfigError
        Workers that cannot be; a figure without matplotlib.
    """
    found = compare_policies(
        dag, options.workers or resolve(config).jobs, schedule=config.schedule, resources=config.resources or None
    )
    if options.output:
        write_text(Path(options.output), figure_svg(cast("Paper", found.plot())))
    lines = [*str(found._repr_mimebundle_()["text/plain"]).split("\n"), *_written(options.output)]
    rows = [{name: getattr(row, name) for name in POLICIES.columns} for row in found.rows]
    data = {"best": found.best.label, "compared": rows, "remarks": list(found.remarks)}
    return found, "\n".join(lines), Prose(lines), data


def walked(walk: Walk, output: str | None) -> tuple[str, RenderableType, dict[str, Any]]:
    """Tell a simulated schedule step by step; what is returned is as of :func:`simulated`."""
    drawn(schedule_gantt(walk.schedule), output)
    told = [*story_text(walk.story, len(walk)).split("\n"), *_written(output)]
    data = {"utilization": walk.schedule.utilization, "steps": [_step(step) for step in walk]}
    return "\n".join(told), Prose(told), data


def _step(step: Step) -> dict[str, Any]:
    """One step, as JSON has it."""
    now = step.moment
    return {
        "at": step.at,
        "happened": list(step.told),
        "begun": [{"node": node, "worker": worker} for node, worker in step.begun],
        "ready": list(now.ready),
        "running": [{"node": node, "worker": worker, "until": end} for node, worker, end in now.running],
        "waiting": [{"node": node, "resource": name, "held_by": list(by)} for node, name, by in now.waiting],
        "resting": [{"node": node, "until": end} for node, end in now.resting],
        "ended": {"done": len(now.done), "failed": len(now.failed), "skipped": len(now.skipped)},
        "levels": step.levels,
    }


def _records(chart: Chart) -> list[dict[str, Any]]:
    frame = chart.frame
    return [dict(zip(frame.columns, row, strict=True)) for row in frame.itertuples(index=False, name=None)]


def _told(chart: Chart, output: str | None) -> str:
    return "\n".join([chart.text, *_written(output)])


def _shown(chart: Chart, output: str | None) -> RenderableType:
    return _beside(of_value(chart, chart.text), _written(output))


def _beside(shown: RenderableType, lines: list[str]) -> RenderableType:
    from rich.console import Group

    return Group(shown, Prose(lines))


def _written(output: str | None) -> list[str]:
    return [f"picture: {clean(output)}"] if output else []
