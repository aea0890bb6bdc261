"""What earlier runs took, as a frame: of the nodes of something, or of all that is remembered.

What is remembered is told in :mod:`.running.history_keys`: of each node the last few durations, by digests of its code
and its name. There are no names on the disk, so a graph has to say whose durations they are; without one, nodes that
this process has run have their names, and others the digest of their code alone.

Failure: nothing is remembered, history is off, or its file is damaged: an empty frame, with all its columns. What is no
graph, or names a node that there is not, raises.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from orchestra_nb.config import RunConfig
from orchestra_nb.graph.dag import DAG
from orchestra_nb.running.history import remembered

if TYPE_CHECKING:
    import pandas as pd


def history(subject: Any = None, nodes: str | Iterable[str] = (), config: RunConfig | None = None) -> pd.DataFrame:
    """Tell what nodes took in earlier runs: one row per node and run, the newest run of each node first.

    Parameters
    ----------
    subject
        Whose nodes: a notebook or its path, a command definition, a :class:`.DAG`, an iterable of nodes, a result;
        ``None``: everything that is remembered.
    nodes
        Only these: a name, or several.
    config
        Says with ``history`` whether anything is remembered.

    Returns
    -------
    pandas.DataFrame
        The columns ``node``, ``ago`` (1 is its last run), ``seconds``, ``expected`` (what the next run expects: the
        median) and ``source``; see ``docs/frames.md``.

    Raises
    ------
    CommandError
        There is no such node.
    DefinitionError, GraphError, ConfigError
        The subject describes no graph.

    Examples
    --------
    >>> from orchestra_nb import Node
    >>> history([Node("load", fn=lambda: 1)], config=RunConfig(history=False)).columns.tolist()
    ['node', 'ago', 'seconds', 'expected', 'source']
    """
    from orchestra_nb.display import frames

    settings = RunConfig() if config is None else config
    dag = None if subject is None else _dag_of(subject, settings)
    asked = [nodes] if isinstance(nodes, str) else list(nodes)
    return frames.history(remembered(settings, dag, asked))


def _dag_of(subject: Any, config: RunConfig) -> DAG:
    from orchestra_nb.pipeline import Pipeline
    from orchestra_nb.running.result import RunResult

    if isinstance(subject, DAG | RunResult):
        return subject if isinstance(subject, DAG) else subject.dag
    return Pipeline(subject, config=config).dag
