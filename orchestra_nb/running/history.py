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
from typing import Protocol

from orchestra_nb.config import RunConfig
from orchestra_nb.graph.dag import DAG
from orchestra_nb.private_folder import is_off, private_folder
from orchestra_nb.running.history_keys import Name, Source, Sources, durations_of, name_of, with_learned_costs
from orchestra_nb.running.history_store import SqliteHistory, caution
from orchestra_nb.running.result import RunResult

VARIABLE = "ORCHESTRA_NB_HISTORY"
"""Names the environment variable that says in which folder the history is kept; empty: nowhere."""
FILE = "history-1.sqlite3"
"""The number is that of the format."""
_WORTH_IT = 1e-3
_WORTH_IT_FOR_FEW = 1e-4
"""Seconds that nodes must have taken on the average."""
_FEW = 100


class History(Protocol):
    """What a run asks and tells."""

    def costed(self, dag: DAG) -> DAG:
        """Make the same graph with what is known as its costs."""

    def durations(self, dag: DAG) -> Mapping[str, Sequence[float]]:
        """Tell what nodes took in their last runs, in seconds."""

    def record(self, result: RunResult | None) -> None:
        """Remember what a run has measured of the nodes that ended well."""


class _Nothing:
    """No history is kept."""

    def costed(self, dag: DAG) -> DAG:
        return dag

    def durations(self, dag: DAG) -> Mapping[str, Sequence[float]]:
        return {}

    def record(self, result: RunResult | None) -> None:
        pass


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
            measured.setdefault((sources.of(node), name_of(node)), []).append(outcome.seconds)
        self._store.add(measured)


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
