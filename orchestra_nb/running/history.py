"""Run history: what nodes took in earlier runs is what they are expected to take in the next one.

A run opens it, takes its costs from it, and leaves it what it has measured; the commands that show a plan only read.
Costs decide who goes first and what a simulation says, and never a result. What is remembered, and by which key, is in
:mod:`.history_keys`; where, in :mod:`.history_store`.

The file is in the user's cache folder, or in the folder that ``ORCHESTRA_NB_HISTORY`` names; when that is empty, or
``RunConfig(history=False)``, there is none. Failure: there is none, as in the store.

A run teaches only if its nodes took a millisecond on the average, or a tenth of one where they are few: below that,
writing it down (10 µs for each node, 1 ms at least) costs more than any order could save. Leaving out single short
nodes was rejected: among others whose time is known, each would count as the second that it never took.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from orchestra_nb.config import RunConfig
from orchestra_nb.errors import CommandError, nearest
from orchestra_nb.graph.dag import DAG
from orchestra_nb.private_folder import is_off, private_folder
from orchestra_nb.running.history_keys import Name, Source, Sources, durations_of, median, name_of, with_learned_costs
from orchestra_nb.running.history_store import MOST_NODES, SqliteHistory, caution
from orchestra_nb.running.result import RunResult

VARIABLE = "ORCHESTRA_NB_HISTORY"
"""Names the environment variable that says in which folder the history is kept; empty: nowhere."""
FILE = "history-1.sqlite3"
"""The number is that of the format."""
_WORTH_IT = 1e-3
_WORTH_IT_FOR_FEW = 1e-4
"""Seconds that nodes must have taken on the average."""
_FEW = 100


_named: dict[tuple[Source, Name], str] = {}
"""What the nodes are called whose durations this process has measured: on the disk there are no names."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is remembered of one node.

    Parameters
    ----------
    node
        Its name; empty when only its digest is known.
    source
        The digest of its code.
    seconds
        What it took in its last runs, the latest last.
    """

    node: str
    source: str
    seconds: tuple[float, ...]

    @property
    def expected(self) -> float:
        """What the next run expects, in seconds."""
        return median(self.seconds)


class History(Protocol):
    """What a run asks and tells."""

    def costed(self, dag: DAG) -> DAG:
        """Make the same graph with what is known as its costs."""

    def durations(self, dag: DAG) -> Mapping[str, Sequence[float]]:
        """Tell what nodes took in their last runs, in seconds."""

    def record(self, result: RunResult | None) -> None:
        """Remember what a run has measured of the nodes that ended well."""

    def remembered(self, dag: DAG | None = None) -> Sequence[Remembered]:
        """Tell what is remembered of the nodes of a graph, or of all."""


class _Nothing:
    """No history is kept."""

    def costed(self, dag: DAG) -> DAG:
        return dag

    def durations(self, dag: DAG) -> Mapping[str, Sequence[float]]:
        return {}

    def record(self, result: RunResult | None) -> None:
        pass

    def remembered(self, dag: DAG | None = None) -> Sequence[Remembered]:
        return ()


class _Kept:
    """History in a file."""

    def __init__(self, store: SqliteHistory) -> None:
        self._store = store

    def costed(self, dag: DAG) -> DAG:
        return with_learned_costs(dag, self._store)

    def durations(self, dag: DAG) -> Mapping[str, Sequence[float]]:
        return durations_of(dag, self._store)

    def record(self, result: RunResult | None) -> None:
        done = [o for o in result.outcomes.values() if o.status == "done"] if result is not None else []
        least = _WORTH_IT if len(done) > _FEW else _WORTH_IT_FOR_FEW
        if result is None or sum([outcome.seconds for outcome in done]) <= least * len(done):
            return
        sources = Sources()
        measured: dict[tuple[Source, Name], list[float]] = {}
        for outcome in done:
            node = result.dag.nodes[outcome.node]
            key = sources.of(node), name_of(node)
            measured.setdefault(key, []).append(outcome.seconds)
            if key in _named or len(_named) < MOST_NODES:
                _named[key] = node.id
        self._store.add(measured)

    def remembered(self, dag: DAG | None = None) -> Sequence[Remembered]:
        if dag is None:
            rows = self._store.everything().items()
            return [Remembered(_named.get(key, ""), key[0].hex(), tuple(seconds)) for key, seconds in rows if seconds]
        sources, found = Sources(), []
        keys = {node.id: (sources.of(node), name_of(node)) for node in dag.nodes.values()}
        known = self._store.recent({source for source, _ in keys.values()})
        for node, (source, name) in keys.items():
            if seconds := known.get(source, {}).get(name):
                found.append(Remembered(node, source.hex(), tuple(seconds)))
        return found


def open_history(config: RunConfig) -> History:
    """Open the history of this user's runs.

    Parameters
    ----------
    config
        Says with ``history`` whether there is one.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> open_history(RunConfig(history=False)).costed(DAG([Node("load")])).nodes["load"].cost
    1.0
    """
    if not config.history or is_off(VARIABLE):
        return _Nothing()
    folder = private_folder(VARIABLE, "history")
    if folder is None:
        caution("run history is not kept: there is no private folder for it; %s can name one", VARIABLE)
        return _Nothing()
    return _Kept(SqliteHistory(folder / FILE))


def remembered(config: RunConfig, dag: DAG | None = None, nodes: Sequence[str] = ()) -> Sequence[Remembered]:
    """Tell what is remembered of a graph's nodes, or of all.

    Parameters
    ----------
    config
        Says with ``history`` whether anything is.
    dag
        Whose nodes; ``None``: everything, where names are known of what this process has run.
    nodes
        Only these; none: all.

    Raises
    ------
    CommandError
        There is no such node.
    """
    found = open_history(config).remembered(dag)
    known = {each.node for each in found if each.node} if dag is None else set(dag.nodes)
    for name in nodes:
        if name not in known:
            hint = nearest(str(name), known) or "name a notebook or a graph, whose nodes have names"
            raise CommandError(f"history: there is no node {name!r}; {hint}")
    return [each for each in found if not nodes or each.node in nodes]
