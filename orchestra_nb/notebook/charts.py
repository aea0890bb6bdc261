"""The charts that the magics show: a run in time, and a simulated schedule."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from orchestra_nb.config import RunConfig
from orchestra_nb.display.plans import schedule_gantt
from orchestra_nb.display.plots.figure import figure_svg
from orchestra_nb.display.simulations import picture_of
from orchestra_nb.durable.written_files import check_writable, write_text
from orchestra_nb.errors import CommandError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.labs.walk import Walk, walk_of
from orchestra_nb.presentation import Chart
from orchestra_nb.replay import Replay, moment
from orchestra_nb.running.backends import resolve
from orchestra_nb.running.result import RunResult
from orchestra_nb.simulation.asking import Simulated, of_run
from orchestra_nb.simulation.asking import simulated as ask
from orchestra_nb.simulation.comparison import compare_policies
from orchestra_nb.simulation.policy_comparison import PolicyComparison

if TYPE_CHECKING:
    from orchestra_nb.display.plots.paper import Paper


def gantt(options: Namespace, last: RunResult | None) -> Chart:
    """Draw a run: of a log where one is named, else the last of this session.

    Raises
    ------
    CommandError
        Nothing has run, the last run is another one, or a moment was given and no log.
    """
    check_writable({"--output": options.output})
    chart = _of_log(options) if options.log else _of_last(options, last)
    _write(chart, options.output)
    return chart


def _of_log(options: Namespace) -> Chart:
    replay = Replay.read(options.log)
    run = replay.last if options.run is None else replay.run(options.run)
    return run.at(moment(options.at)).gantt(plan=options.plan)


def _of_last(options: Namespace, last: RunResult | None) -> Chart:
    if options.at != -1:
        raise CommandError("%orchestrate gantt: --at looks into a log; run with --log FILE, and name it here as well")
    if last is None:
        raise CommandError("%orchestrate gantt: nothing has run yet; %orchestrate run, or name a log with --log FILE")
    if options.run is not None and not last.run_id.startswith(options.run):
        told = f"%orchestrate gantt: the last run is {last.run_id}, and not {options.run!r}"
        raise CommandError(f"{told}; an earlier one is in the log that it wrote: --log FILE")
    return last.gantt(plan=options.plan)


def simulated(dag: DAG, config: RunConfig, options: Namespace) -> Simulated | PolicyComparison:
    """Answer what is asked of the simulator, or compare policies, and write the picture where that was asked for."""
    check_writable({"--output": options.output})
    jobs = resolve(config).jobs
    if options.compare:
        compared = compare_policies(
            dag, options.workers or jobs, schedule=config.schedule, resources=config.resources or None
        )
        if options.output:
            write_text(Path(options.output), figure_svg(cast("Paper", compared.plot())))
        return compared
    found = ask(dag, config, jobs, options)
    _write_picture(found, options.output)
    return found


def of_last(last: RunResult | None, options: Namespace) -> Simulated:
    """Work out what the last run would have taken, and write the picture where that was asked for."""
    check_writable({"--output": options.output})
    found = of_run(last, options)
    _write_picture(found, options.output)
    return found


def _write_picture(found: Simulated, output: str | None) -> None:
    if output:
        write_text(Path(output), picture_of(found))


def walked(dag: DAG, config: RunConfig, output: str | None) -> Walk:
    """Walk through that schedule step by step, and write its picture where that was asked for."""
    check_writable({"--output": output})
    walk = walk_of(dag, config, resolve(config).jobs)
    _write(schedule_gantt(walk.schedule), output)
    return walk


def _write(chart: Chart, output: str | None) -> None:
    if output:
        write_text(Path(output), chart.svg)
