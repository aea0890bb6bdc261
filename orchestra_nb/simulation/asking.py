"""What one asks of the simulator on a line: a schedule, a distribution of many, or what would be different.

The same for the magic and the command line, which have the words of :func:`.command_options.simulate_options`.
"""

from __future__ import annotations

from argparse import Namespace

from orchestra_nb.config import RunConfig
from orchestra_nb.errors import CommandError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.running.result import RunResult
from orchestra_nb.simulation.durations import read_durations
from orchestra_nb.simulation.expected import expected
from orchestra_nb.simulation.many import Distribution, simulate_many
from orchestra_nb.simulation.schedule import Schedule
from orchestra_nb.simulation.simulator import simulate
from orchestra_nb.simulation.what_if import Changes, WhatIf, what_if

Simulated = Schedule | Distribution | WhatIf


def simulated(dag: DAG, config: RunConfig, jobs: int, options: Namespace) -> Simulated:
    """Answer a line about a graph.

    Parameters
    ----------
    dag, config, jobs
        As for :func:`.expected`.
    options
        The line, as it was parsed.

    Raises
    ------
    CommandError
        Many runs and a change were asked for at once.
    ConfigError, DefinitionError
        As for :func:`.simulate`.

    Examples
    --------
    >>> from orchestra_nb.grammar import parse
    >>> from orchestra_nb.model import Node
    >>> dag = DAG([Node("load", cost=2), Node("fit", after=["load"], cost=4)])
    >>> simulated(dag, RunConfig(), 2, parse("simulate --faster fit=2")).predicted
    4.0
    """
    changes = changes_of(options)
    durations = read_durations(options.durations) if options.durations is not None else None
    terms = {"resources": config.resources, "keep_going": config.keep_going, "async_jobs": config.async_jobs}
    how = jobs, config.policy, config.schedule, config.seed
    if options.runs is not None:
        if changes:
            raise CommandError("simulate: --runs draws durations, and a change is asked of one run; give one of them")
        if options.durations == "fixed":
            durations = {name: node.cost for name, node in dag.nodes.items()}  # type: ignore[assignment]
        return simulate_many(
            dag,
            *how,
            runs=options.runs,
            durations=durations,
            timeout=config.timeout,
            **terms,  # type: ignore[arg-type]
        )
    if options.durations is None:
        schedule = expected(dag, config, jobs)
    else:
        schedule = simulate(dag, *how, durations=durations, timeout=config.timeout, **terms)  # type: ignore[arg-type]
    return what_if(schedule, **changes) if changes else schedule


def of_run(run: RunResult | None, options: Namespace) -> WhatIf:
    """Answer a line about the last run.

    Raises
    ------
    CommandError
        Nothing has run, or the line asks for what a run that is over does not have.
    ConfigError
        As for :func:`.what_if`.

    Examples
    --------
    >>> from orchestra_nb.grammar import parse
    >>> of_run(None, parse("simulate --last"))
    Traceback (most recent call last):
    orchestra_nb.errors.CommandError: simulate: nothing has run yet; %orchestrate run, or leave out --last
    """
    if run is None:
        raise CommandError("simulate: nothing has run yet; %orchestrate run, or leave out --last")
    if options.runs is not None or options.durations is not None:
        raise CommandError("simulate: with --last, nodes take what they took; leave out --runs and --durations")
    return what_if(run, **changes_of(options))


def changes_of(options: Namespace) -> Changes:
    """Read what would be different.

    Examples
    --------
    >>> from orchestra_nb.grammar import parse
    >>> changes_of(parse("simulate --lock db=2 --workers 4"))
    {'lock': {'db': 2}, 'workers': 4}
    """
    found: Changes = {}
    if options.faster:
        found["faster"] = dict(options.faster)
    if options.cached:
        found["cached"] = tuple(options.cached)
    if options.lock:
        found["lock"] = dict(options.lock)
    if options.workers is not None:
        found["workers"] = options.workers[0]
    return found
