"""What a run has reached, so that another can go on from there: the interface, and its place in memory.

After every node that ended well, and again at every completed level, the run has a checkpoint: the outcomes, with their
values, of all nodes that had ended well by then. ``RUN`` names the newest of a run, ``RUN/level-N`` what it had when
level *N* had ended. Going on takes these nodes for done and runs the others.

Data: a run's good ends in the order in which they came, which only grows, and for each level how many there were. So a
checkpoint per node costs one entry in a dictionary, and one per level a number; what :class:`Checkpoint` shows is made
when somebody asks. Policy: a checkpoint fits one graph (by :attr:`.DAG.hash`); another is refused with the difference,
before anything runs. A node that has been undone since is in none of them any more, nor is what came after it. A node
that the graph gained while it ran is not in it: its maker runs once more and makes it
anew; and a value that was let go, because nobody had asked for it, is made anew where a node that is to run comes after
it. Memory is bounded: a run that succeeded needs no going on from, so its record goes when the next run begins; of the
others the oldest go first. Failure: an unknown id is a :class:`.CheckpointError` that names
the nearest. Rejected: a copy of the outcomes per level (quadratic on a chain).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from types import MappingProxyType

from orchestra_nb.errors import CheckpointError, nearest
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import NodeId, Outcome, RunId
from orchestra_nb.planning.ledger import GOOD
from orchestra_nb.running.parcels import Several
from orchestra_nb.running.readers import Released

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
        The nodes that had ended well.
    """

    id: str
    run_id: RunId
    dag_hash: str
    at: float
    level: int
    outcomes: Mapping[NodeId, Outcome]


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
    _undone: bool = False
    _at: float = 0.0
    succeeded: bool = False

    def node_ended(self, outcome: Outcome, at: float) -> None:
        """Take down a node's end, if it was a good one and the node was there from the start."""
        node = outcome.node
        if outcome.status in GOOD and node in self.dag.nodes and node not in self._makers:
            self._ended[node] = outcome
            self._at = at

    def node_undone(self, node: NodeId) -> None:
        """Leave out a node that is about to be undone: who goes on from here runs it again."""
        if node not in self._ended:
            return
        place = list(self._ended).index(node)
        del self._ended[node]
        self._undone = True
        self._levels = [(count - (place < count), at) for count, at in self._levels]

    def graph_grown(self, by: NodeId) -> None:
        """Leave out a node that makes others, and is about to end: only it can make them again."""
        self._makers.add(by)

    def level_ended(self, at: float) -> None:
        """Take down that one more level has ended."""
        self._levels.append((len(self._ended), at))

    @property
    def ids(self) -> tuple[str, ...]:
        """Name its checkpoints, the newest last."""
        levels = [f"{self.run_id}/level-{number}" for number in range(len(self._levels))]
        return (*levels, str(self.run_id)) if self._ended or self._undone else ()

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Give its checkpoints, the newest last."""
        moments = [*self._levels, (len(self._ended), self._at)]
        return tuple(
            Checkpoint(name, self.run_id, self.dag.hash, at, number, MappingProxyType(self._first(count)))
            for number, (name, (count, at)) in enumerate(zip(self.ids, moments, strict=bool(self.ids)), 1)
        )

    def _first(self, count: int) -> dict[NodeId, Outcome]:
        return dict(islice(self._ended.items(), count))


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

    def all(self) -> tuple[Checkpoint, ...]:
        """Give all that are kept, the oldest first."""
        return tuple(found for record in self._records.values() for found in record.checkpoints())

    def find(self, name: str) -> Checkpoint:
        """Give a checkpoint by its id.

        Raises
        ------
        CheckpointError
            There is none.
        """
        record = self._records.get(RunId(str(name).partition("/")[0]))
        for checkpoint in record.checkpoints() if record is not None else ():
            if checkpoint.id == name:
                return checkpoint
        known = [key for record in self._records.values() for key in record.ids]
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
        if needed and outcome is not None and _is_released(outcome.value):
            again.add(name)
    return again


def _is_released(value: object) -> bool:
    parts = value.values() if type(value) is Several else (value,)
    return any(type(part) is Released for part in parts)
