"""Opens what a sweep can measure: functions, notebooks, graphs, definitions, pipelines.

Loaded by name by :mod:`orchestra_nb.bench.opening`, whose layer knows none of these. A target is read and checked when
it is opened; the graph is made once, and each run makes a pipeline, with a scheduler, of its own.

A notebook runs in a kernel of its own each time, as ``orchestra run`` does, since a second run in the names of the
first is another run. A :class:`.Pipeline` of a notebook says by itself that its cells run in this process; each run
gets new names.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestra_nb.bench.measuring import Runner
from orchestra_nb.bench.opening import Given, Opened, opens
from orchestra_nb.cells.notebook_file import Notebook
from orchestra_nb.config import RunConfig
from orchestra_nb.definitions.builder import DAGBuilder
from orchestra_nb.definitions.command import CommandDefinition
from orchestra_nb.definitions.documents import SUFFIXES
from orchestra_nb.errors import ConfigError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.notebook.benching import notebook_runner
from orchestra_nb.pipeline import Pipeline
from orchestra_nb.running.result import RunResult

_GRAPHS = (DAG, Notebook, Pipeline, CommandDefinition, list, tuple)
"""What makes a mapping one of several graphs by name, when all of its values are of these."""


@opens
def pipeline(target: Any, given: Given) -> Opened | None:
    """Open a pipeline: its graph, its agents and, where nobody says another, its config."""
    if not isinstance(target, Pipeline):
        return None
    agents = given.agents if given.agents is not None else target.scheduler.agents
    runner = graph_runner(target.notebook if target.notebook is not None else target.dag, agents, given.context)
    return Opened(_named(target.notebook, target.dag), runner, target.config)


@opens
def notebook(target: Any, given: Given) -> Opened | None:
    """Open a notebook, or the path of one or of a command definition."""
    if isinstance(target, str | os.PathLike):
        path = Path(target)
        if path.suffix.lower() in SUFFIXES:
            return Opened(path.name, graph_runner(DAGBuilder().build_dag(path), given.agents, given.context))
        target = Notebook.read(path)
    if not isinstance(target, Notebook):
        return None
    if given.agents is not None or given.context:
        raise ConfigError("agents= and context= are for graphs; a notebook has neither")
    return Opened(_named(target, None), notebook_runner(target))


@opens
def graph(target: Any, given: Given) -> Opened | None:
    """Open a DAG, a command definition, or nodes and tasks; also a mapping of these, if it is not one of graphs."""
    mapping = isinstance(target, Mapping) and bool(target)
    if mapping and "phases" not in target and all(isinstance(value, _GRAPHS) for value in target.values()):
        return None
    if mapping or isinstance(target, DAG | CommandDefinition) or (isinstance(target, list | tuple) and target):
        dag = DAGBuilder().build_dag(target)
        return Opened(_named(None, dag), graph_runner(dag, given.agents, given.context))
    return None


@opens
def function(target: Any, given: Given) -> Opened | None:
    """Open a function that takes a config and returns what a run came to."""
    if not callable(target) or isinstance(target, type):
        return None
    if given.agents is not None or given.context:
        raise ConfigError("agents= and context= are for graphs; a function that is measured brings its own")
    return Opened(str(getattr(target, "__name__", "")) or type(target).__name__, target)


def graph_runner(target: DAG | Notebook, agents: Any = None, context: Mapping[str, Any] | None = None) -> Runner:
    """Make what runs a graph, or the cells of a notebook, in this process: a new pipeline each time.

    Parameters
    ----------
    target
        What runs.
    agents
        Who does the work of agents. Of those that only wait, too, no more than ``jobs`` run at once, unless the config
        says ``async_jobs``; else their number would change nothing.
    context
        Values for what the target leaves open.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> graph_runner(DAG([Node("load", fn=lambda: 1)]))(RunConfig(jobs=1, history=False)).values
    {'load': 1}
    """
    given = dict(context or {})

    def run(config: RunConfig) -> RunResult:
        if agents is not None and config.async_jobs is None:
            config = replace(config, async_jobs=config.jobs)
        return Pipeline(target, config, agents=agents).run(given)

    return run


def _named(notebook: Notebook | None, dag: DAG | None) -> str:
    if notebook is not None:
        return Path(notebook.path).name if notebook.path is not None else "notebook"
    told = None if dag is None else getattr(dag.metadata.get("definition"), "name", None)
    return str(told or "graph")
