"""What a command is about: a file, read as what it is, and the graph in it.

A name says whether a file is a notebook or something else; whether a file of JSON is a command definition or a task
graph says what is in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from orchestra_nb.cells.notebook_file import Notebook
from orchestra_nb.config import RunConfig
from orchestra_nb.definitions.command import CommandDefinition
from orchestra_nb.definitions.documents import SUFFIXES
from orchestra_nb.definitions.loading import load_command
from orchestra_nb.errors import CommandError, DefinitionError, Issue, NotebookError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.validation import check, faults_of
from orchestra_nb.running import not_kept
from orchestra_nb.running.history import open_history
from orchestra_nb.taskgraphs.reading import KNOWN, is_graph_file, read_graph


@dataclass(frozen=True, slots=True)
class Subject:
    """A file that was read.

    Parameters
    ----------
    dag
        Its graph, of the targets and what they need where some were named.
    warnings
        Everything that was noticed and stops nothing.
    faults
        What is wrong with nodes that were planned all the same; a graph with such nodes was asked for.
    notebook
        The notebook; ``None`` for a command definition and for a task graph.
    """

    dag: DAG
    warnings: tuple[Issue, ...] = ()
    notebook: Notebook | None = None
    faults: tuple[Issue, ...] = ()

    @property
    def cautions(self) -> tuple[Issue, ...]:
        """The warnings without what ``validate`` alone tells as a warning.

        That is: which words of a definition mean nothing here; which results will not be kept, which a plan has itself.
        """
        return tuple(issue for issue in self.warnings if issue.code not in ("not-understood", not_kept.CODE))


def is_definition(path: str) -> bool:
    """Whether a file holds a command definition: its name says so, and it is no task graph.

    Examples
    --------
    >>> is_definition("review.yaml"), is_definition("analysis.ipynb"), is_definition("random.stg")
    (True, False, False)
    """
    return Path(path).suffix.lower() in SUFFIXES and not is_graph_file(path)


def rehearsable(dag: DAG, path: str) -> DAG:
    """Make the same graph of agents, which a rehearsal gives their expected time; a task graph has no bodies.

    Parameters
    ----------
    dag
        The graph.
    path
        The file that it is from.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> rehearsable(DAG([Node("a")]), "a.stg").nodes["a"].kind
    'agent'
    """
    if not is_graph_file(path):
        return dag
    return DAG([replace(node, kind="agent") for node in dag.nodes.values()], dag.given, dag.metadata)


def _notebook(path: str, parameters: Mapping[str, Any] | None, config: RunConfig) -> Notebook:
    """Read a notebook; of a file that is no JSON and is not called one, say what else could have been given."""
    try:
        return Notebook.read(path, parameters, plan_cache=config.plan_cache)
    except NotebookError as error:
        if Path(path).suffix.lower() == ".ipynb" or [issue.code for issue in error.issues] != ["not-json"]:
            raise
        told = "is no notebook, command definition or task graph by its ending, and it is no JSON"
        hint = f"notebooks end with .ipynb, definitions with {', '.join(SUFFIXES)}; task graphs are {KNOWN}"
        raise DefinitionError([Issue("unknown-format", told, path=path, suggestion=hint)]) from error


def read_subject(
    path: str,
    targets: Sequence[str] = (),
    config: RunConfig | None = None,
    parameters: Mapping[str, Any] | None = None,
    missing: float | None = None,
) -> Subject:
    """Read a notebook, a command definition or a task graph.

    Parameters
    ----------
    path
        The file.
    targets
        Keep only these nodes and what they need; all when empty.
    config
        Says with ``keep_going`` whether cells that do not parse are nodes, with ``plan_cache`` whether a plan may come
        from disk, and with ``history`` whether costs are what earlier runs took.
    parameters
        Of the notebook, as in :meth:`.Notebook.read`.
    missing
        For a task graph: seconds of tasks for which the file has none.

    Raises
    ------
    CommandError
        Parameters were given for what is no notebook, or seconds for what is no task graph.
    DefinitionError
        The file is faulty; every fault.
    MissingDependencyError
        A target is not in it.
    """
    config = config if config is not None else RunConfig()
    if is_graph_file(path):
        if parameters:
            raise CommandError(f"{path} is a task graph; only notebooks take parameters")
        return Subject(_narrowed(read_graph(path, missing=missing), targets))
    if missing is not None:
        raise CommandError(f"{path} is no task graph, and --missing is for these; leave it out")
    history = open_history(config)
    if is_definition(path):
        if parameters:
            raise CommandError(f"{path} is a command definition; only notebooks take parameters")
        command = _command(path)
        return Subject(history.costed(_narrowed(command.dag, targets)), command.warnings)
    notebook = _notebook(path, parameters, config)
    cells = {cell.id: cell for cell in notebook.cells}
    dag = notebook.planned(keep_going=config.keep_going)
    nodes = dag.nodes.values()
    cautions = check(nodes, dag.edges, place=lambda node, setting: cells[node.id].where(setting))
    shown = history.costed(_narrowed(dag, targets))
    unkept = not_kept.cautions(shown.nodes.values(), place=lambda node, setting: cells[node.id].where(setting))
    return Subject(shown, (*notebook.warnings, *cautions, *unkept), notebook, faults_of(nodes))


def notebook_of(subject: Subject, path: str) -> Notebook:
    """Take the notebook of what was read.

    Raises
    ------
    CommandError
        It is something else.
    """
    if subject.notebook is None and is_graph_file(path):
        raise CommandError(f"{path} is a task graph, and this is for notebooks; 'orchestra simulate {path}' takes it")
    if subject.notebook is None:
        raise CommandError(f"{path} is a command definition, and this is for notebooks; 'orchestra run {path}' runs it")
    return subject.notebook


def _command(path: str) -> CommandDefinition:
    """Read a command definition; of JSON without phases, say that it is no task graph either."""
    try:
        return load_command(path)
    except DefinitionError as error:
        if Path(path).suffix.lower() != ".json" or all(issue.code != "no-phases" for issue in error.issues):
            raise
        told, hint = "is in none of the formats of task graphs either", f"known: {KNOWN}"
        raise DefinitionError([*error.issues, Issue("unknown-format", told, path=path, suggestion=hint)]) from None


def _narrowed(dag: DAG, targets: Sequence[str]) -> DAG:
    return dag.subgraph(targets) if targets else dag
