"""What a run has reached, so that another can go on from there: the interface, and its place in memory.

Its place on the disk, for runs that another process may go on with, is in :mod:`.durable_record`.

After every node that ended well, and again at every completed level, the run has a checkpoint: the outcomes, with their
values, of all nodes that had ended well by then. ``RUN`` names the newest of a run, ``RUN/level-N`` what it had when
level *N* had ended. Going on takes these nodes for done and runs the others.

Data: a run's good ends in the order in which they came, which only grows, and for each level how many there were. So a
checkpoint per node costs one entry in a dictionary, and one per level a number; what :class:`Checkpoint` shows is made
when somebody asks. Policy: a checkpoint fits one graph (by :attr:`.DAG.hash`); another is refused with the difference,
before anything runs. A node that the graph gained while it ran is not in it: its maker runs once more and makes it
anew; and a value that was let go, because nobody had asked for it, is made anew where a node that is to run comes after
it. Memory is bounded: a run that succeeded needs no going on from, so its record goes when the next run begins; of the
others the oldest go first. Failure: an unknown id is a :class:`.CheckpointError` that names
the nearest. Rejected: a copy of the outcomes per level (quadratic on a chain).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from types import MappingProxyType

from orchestra_nb.errors import CheckpointError, nearest
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import NodeId, Outcome, RunId
from orchestra_nb.planning.ledger import GOOD
from orchestra_nb.running.readers import is_released

_RUNS = 8
"""How many runs are remembered."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a run had reached.

    Parameters
    ----------
    id
        ``RUN`` or ``RUN/level-N``.
    run_id
        Which run.
    dag_hash
        Of the graph that ran.
    at
        Seconds since the run began.
    level
        How many levels had ended.
    outcomes
        The nodes that had ended well. The value of one that is on the disk is a :class:`.ValueRef`.
    undone
        Nodes that had, and were undone since.

    Examples
    --------
    >>> from orchestra_nb import ParallelScheduler, RunConfig
    >>> from orchestra_nb.model import Node
    >>> scheduler = ParallelScheduler(RunConfig(jobs=1))
    >>> dag = DAG([Node("load", fn=lambda: 42), Node("half", fn=lambda: 1 / 0, after=["load"])])
    >>> failed = scheduler.execute(dag)
    >>> found = scheduler.get_checkpoints()[-1]
    >>> found.id == failed.checkpoints[-1], list(found.outcomes)
    (True, ['load'])
    """

    id: str
    run_id: RunId
    dag_hash: str
    at: float
    level: int
    outcomes: Mapping[NodeId, Outcome]
    undone: tuple[NodeId, ...] = ()

    def __repr__(self) -> str:
        told = f"{len(self.outcomes)} nodes, {self.level} levels, {self.at:.3g} s after the run began"
        return f"<Checkpoint {self.id!r}: {told}>"


@dataclass(slots=True)
class Record:
    """Takes down what one run reaches; told one thing at a time.

    Parameters
    ----------
    run_id
        Which run.
    dag
        The graph as it was when the run began.
    """

    run_id: RunId
    dag: DAG
    _ended: dict[NodeId, Outcome] = field(default_factory=dict)
    _makers: set[NodeId] = field(default_factory=set)
    _levels: list[tuple[int, float]] = field(default_factory=list)
    _at: float = 0.0
    _undone: set[NodeId] = field(default_factory=set)
    succeeded: bool = False
    unsaved: str = ""

    def node_ended(self, outcome: Outcome, at: float) -> None:
        """Take down a node's end, if it was a good one and the node was there from the start."""
        node = outcome.node
        if outcome.status in GOOD and node in self.dag.nodes and node not in self._makers:
            self._ended[node] = outcome
            self._undone.discard(node)
            self._at = at

    def graph_grown(self, by: NodeId) -> None:
        """Leave out a node that makes others, and is about to end: only it can make them again."""
        self._makers.add(by)

    def node_undone(self, node: NodeId) -> None:
        """Take down that what a node had done was undone: nobody may go on from there."""
        self._undone.add(node)

    def level_ended(self, at: float) -> None:
        """Take down that one more level has ended."""
        self._levels.append((len(self._ended), at))

    @property
    def undo_journal(self) -> Path | None:
        """Where what is undone is to be written down; ``None``: nowhere."""
        return None

    @property
    def says_what_was_undone(self) -> bool:
        """Whether whoever goes on with the run learns from it what was undone."""
        return True

    def forsake(self) -> str:
        """Have nobody go on with the run; says so."""
        self._ended.clear()
        self._levels.clear()
        return "; nobody can go on with it"

    @property
    def ids(self) -> tuple[str, ...]:
        """Name its checkpoints, the newest last."""
        levels = [f"{self.run_id}/level-{number}" for number in range(len(self._levels))]
        return (*levels, str(self.run_id)) if self._ended else ()

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Give its checkpoints, the newest last."""
        moments = [*self._levels, (len(self._ended), self._at)]
        return tuple(
            Checkpoint(
                name, self.run_id, self.dag.hash, at, number, MappingProxyType(self._first(count)), tuple(self._undone)
            )
            for number, (name, (count, at)) in enumerate(zip(self.ids, moments, strict=bool(self._ended)), 1)
        )

    def _first(self, count: int) -> dict[NodeId, Outcome]:
        return {name: outcome for name, outcome in islice(self._ended.items(), count) if name not in self._undone}


class Checkpoints:
    """The checkpoints of the last runs, in memory."""

    def __init__(self) -> None:
        self._records: dict[RunId, Record] = {}

    def begin(self, run_id: RunId, dag: DAG) -> Record:
        """Start the record of a run; what nobody will go on from is forgotten."""
        self._records = {run: record for run, record in self._records.items() if not record.succeeded}
        while len(self._records) >= _RUNS:
            del self._records[next(iter(self._records))]
        record = self._records[run_id] = Record(run_id, dag)
        return record

    def ended(self, run_id: RunId, success: bool) -> None:
        """Take note of how a run went."""
        record = self._records.get(run_id)
        if record is not None:
            record.succeeded = success

    def record(self, run_id: RunId) -> Record:
        """Give the record of a run; raises ``KeyError`` when there is none."""
        return self._records[run_id]

    def newest(self, dag_hash: str) -> Checkpoint | None:
        """Give the newest one of a graph, unless its last run succeeded."""
        record = next((each for each in reversed(self._records.values()) if each.dag.hash == dag_hash), None)
        found = record.checkpoints() if record is not None and not record.succeeded else ()
        return found[-1] if found else None

    def __contains__(self, name: str) -> bool:
        return RunId(str(name).partition("/")[0]) in self._records

    def all(self) -> tuple[Checkpoint, ...]:
        """Give all that are kept, the oldest first."""
        return tuple(found for record in self._records.values() for found in record.checkpoints())

    def clear(self) -> int:
        """Forget all of them; says of how many runs."""
        count, self._records = len(self._records), {}
        return count

    def find(self, name: str, others: Iterable[str] = ()) -> Checkpoint:
        """Give a checkpoint by its id.

        Parameters
        ----------
        name
            The id.
        others
            Ids of those that are elsewhere, for the hint.

        Raises
        ------
        CheckpointError
            There is none.
        """
        record = self._records.get(RunId(str(name).partition("/")[0]))
        for checkpoint in record.checkpoints() if record is not None else ():
            if checkpoint.id == name:
                return checkpoint
        known = [*(key for record in self._records.values() for key in record.ids), *others]
        hint = nearest(str(name), known) or "no run has left one here"
        raise CheckpointError(f"there is no checkpoint {name!r}; {hint}")


def going_on(checkpoint: Checkpoint, dag: DAG) -> dict[NodeId, Outcome]:
    """Give the outcomes that a run of ``dag`` can take over.

    Raises
    ------
    CheckpointError
        The checkpoint is of another graph.
    """
    if checkpoint.dag_hash != dag.hash:
        gone = [name for name in checkpoint.outcomes if name not in dag.nodes]
        other = f"it has {', '.join(gone[:5])}" if gone else "a node or an edge differs"
        told = f"the checkpoint {checkpoint.id!r} is of another graph: {other}; run this one from its beginning"
        raise CheckpointError(told)
    told, again = f"from checkpoint {checkpoint.id}", _made_again(checkpoint, dag)
    undone = [name for name in checkpoint.undone if name not in checkpoint.outcomes]
    again |= {after for name in undone if name in dag.nodes for after in dag.descendants(name)}
    return {
        name: replace(outcome, status="cached", reason=told, started=None, ended=None, queued=None, lock_wait=0.0)
        for name, outcome in checkpoint.outcomes.items()
        if name not in again
    }


def _made_again(checkpoint: Checkpoint, dag: DAG) -> set[str]:
    """Name the nodes whose values were let go, and are needed by one that is to run."""
    again: set[str] = set()
    for name in reversed([name for level in dag.levels for name in level]):
        outcome = checkpoint.outcomes.get(name)
        needed = any(after in again or after not in checkpoint.outcomes for after in dag.successors(name))
        if needed and outcome is not None and is_released(outcome.value):
            again.add(name)
    return again
