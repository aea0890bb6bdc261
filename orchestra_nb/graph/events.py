"""What happens to graphs, as frozen facts: ``dag:built``, the first of every run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from orchestra_nb.events import Event
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import RunId


@dataclass(frozen=True, slots=True)
class DagBuilt(Event):
    """A run is about to begin with a graph; published before anything else of it.

    Parameters
    ----------
    run
        Its id, as in :attr:`.RunResult.run_id`.
    started_at
        On the wall clock, in ISO 8601.
    dag
        What runs, with the costs that are expected.
    hash
        Of the graph, where ``dag`` was read from a log and knows its nodes by name only; else empty.
    """

    name: ClassVar[str] = "dag:built"
    run: RunId
    started_at: str
    dag: DAG
    hash: str = ""
