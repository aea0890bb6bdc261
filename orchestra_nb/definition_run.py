"""A command definition from the command line: who does the work of its agents, the run, and what it left.

Policy: nothing that a definition says is executed by itself. Who does the work is said by an option, ``--agents FILE``
or ``--simulate``, else by ``[tool.orchestra_nb.agents]`` in the pyproject.toml of the *working directory*, as a
Makefile's commands are: never by what lies beside the definition, which may be somebody else's. Parameters
(``-p NAME VALUE``) are what the run is given.

Programs take a core each, so there run at most as many at once as there are jobs, unless ``--async-jobs`` says
otherwise; chat services and rehearsals only wait, and all of them at once. A rehearsal neither keeps results nor
teaches the history how long agents take.
"""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from orchestra_nb.agents.agents_file import agents_of, read_agents_file, runs_programs
from orchestra_nb.agents.process import ended_by_sigterm
from orchestra_nb.agents.registry import AgentRegistry
from orchestra_nb.agents.simulated import SimulatedExecutor
from orchestra_nb.config import RunConfig
from orchestra_nb.definitions.command import CommandDefinition
from orchestra_nb.display.wording import duration
from orchestra_nb.errors import CommandError, ConfigError, DefinitionError, Issue
from orchestra_nb.events import Event
from orchestra_nb.graph.dag import DAG
from orchestra_nb.notebook.records import event_record
from orchestra_nb.pipeline import Pipeline
from orchestra_nb.project_config import project_table
from orchestra_nb.running.backends import resolve
from orchestra_nb.running.on_disk import cut_short
from orchestra_nb.running.result import RunResult
from orchestra_nb.subject import Subject, rehearsable

Listener = Callable[[Mapping[str, Any]], object]


def run_definition(
    subject: Subject, options: Namespace, config: RunConfig, context: Mapping[str, Any], listen: Listener | None
) -> tuple[RunResult, list[str]]:
    """Run a command definition as the options of a command line say.

    Parameters
    ----------
    subject
        The definition, read.
    options, config
        Of the line.
    context
        What the run is given.
    listen
        Called with each event of the run.

    Returns
    -------
    RunResult, list of str
        Also when it was interrupted; and what is to be said of it beyond that.

    Raises
    ------
    CommandError
        Nobody does the work, or an option has no meaning here; nothing ran.
    CheckpointError
        There is no run to be gone on with, or it is of another definition or context; nothing ran.
    ConfigError, DefinitionError
        The file of agents is faulty, or an agent cannot be done; nothing ran.
    """
    dag = rehearsable(subject.dag, options.path)
    check_inputs(dag, context, options.path)
    if options.html:
        raise CommandError(f"--html is for notebooks, and {options.path} is none; leave it out")
    if options.linear:
        config = replace(config, jobs=1)
    rehearsal = options.simulate is not None
    if rehearsal:
        agents: Any = SimulatedExecutor(options.simulate)
        config = replace(config, history=False, cache=False, checkpoint="memory")
        if dag is not subject.dag and config.async_jobs is None:  # its nodes take a worker each, as in a simulation
            config = replace(config, async_jobs=resolve(config).jobs)
    else:
        agents = agents_of_line(options)
    if config.async_jobs is None and (options.jobs is not None or (not rehearsal and runs_programs(agents))):
        config = replace(config, async_jobs=resolve(config).jobs)
    pipeline = Pipeline(dag, config, agents=agents)
    work = partial(pipeline.run, context)
    if options.command == "resume":
        run_id = cut_short(config, subject.dag, f"orchestra run {options.path}", context)
        work = partial(pipeline.scheduler.resume_from_checkpoint, run_id, subject.dag, context)
    result = _run(pipeline, work, listen)
    return result, [_rehearsed(dag, result, options.simulate)] if rehearsal else []


def check_inputs(dag: DAG, context: Mapping[str, Any], path: str) -> None:
    """Refuse a run that is not given what its definition requires, in the words of the command line.

    Raises
    ------
    DefinitionError
        Something is missing; everything that is.
    """
    command = dag.metadata.get("definition")
    required = command.required if isinstance(command, CommandDefinition) else ()
    issues = [
        Issue("missing-input", f"{path} needs the input {name!r}", suggestion=f"add -p {name} VALUE")
        for name in required
        if name not in context
    ]
    if issues:
        raise DefinitionError(issues)


def values_text(values: Mapping[str, Any]) -> str:
    """Write what agents gave as JSON, by agent; what JSON has no word for is written as Python shows it.

    Examples
    --------
    >>> print(values_text({"scan": {3}}), end="")
    {
      "scan": "{3}"
    }
    """
    return json.dumps(dict(values), ensure_ascii=False, indent=2, default=repr) + "\n"


def agents_of_line(options: Namespace) -> AgentRegistry:
    """Find who does the work of agents: with ``--agents``, else by the project's settings.

    Raises
    ------
    CommandError, ConfigError
        Nobody does, or what says who does is faulty.
    """
    if options.agents:
        return read_agents_file(Path(options.agents))
    path, table = project_table()
    if path is not None and "agents" in table:
        place = f"{path}: [tool.orchestra_nb.agents]"
        if not isinstance(table["agents"], Mapping):
            raise ConfigError(f"{place} must be a table with an entry for each agent type")
        return agents_of(table["agents"], place, path.parent)
    told = f"{options.path} is a command definition, and nobody does the work of its agents"
    hint = "say who with --agents FILE, rehearse it with --simulate, or see it with 'orchestra plan'"
    raise CommandError(f"{told}; {hint}")


def _run(pipeline: Pipeline, work: Callable[[], RunResult], listen: Listener | None) -> RunResult:
    if listen is not None:

        def tell(event: Event) -> None:
            listen(event_record(event))

        pipeline.bus.on("execution:*", tell)
    try:
        with ended_by_sigterm():
            return work()
    except KeyboardInterrupt:
        if pipeline.scheduler.last_result is None:
            raise
        return pipeline.scheduler.last_result


def _rehearsed(dag: DAG, result: RunResult, scale: float) -> str:
    """Bring the times of a rehearsal back to what they stand for."""
    took = duration(result.total_time / scale) if scale else duration(dag.critical_time)
    return f"a rehearsal: {took} with {duration(dag.total_time)} of work; nobody has done any"
