"""Takes down on the disk what a run reaches: a node is announced when its commit is there.

The driver's seat only adds lines: what was large or slow, the worker has done (:mod:`.committing`). What several nodes
have reached at the same moment is one write and one sync. A value is not kept here as well, in memory: it would be
there twice.

Failure: a run is not held up by its disk. When a line cannot be written, nothing more is, an event says so once, and so
does the result; what was committed before can be gone on from. A value that alone cannot be written makes its node run
again, and is told once. Whatever was announced before is on the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestra_nb.durable.facts import Commit, Dropped, Ended, Level, RunFact, Undone
from orchestra_nb.durable.faults import fault
from orchestra_nb.durable.journal import UNDO, RunJournal
from orchestra_nb.errors import CheckpointError
from orchestra_nb.events import CheckpointFailed, Event, GraphGrown, LevelEnded, RunEnded
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import NodeId, Outcome
from orchestra_nb.planning.ledger import GOOD
from orchestra_nb.running.checkpoints import Record
from orchestra_nb.running.committing import CommittingTask, Stored
from orchestra_nb.running.current_node import NodeRun
from orchestra_nb.running.decisions import Attempt, Decision
from orchestra_nb.running.pickling import told
from orchestra_nb.running.seams import Reply, Task
from orchestra_nb.running.taken_over import TakenOver

_NO_VALUE = "its value was not kept"
_NOT_HERE = "the file of its value is not here: it stayed on another machine, or the disk failed"
_LONGEST_WHY = 300


class DurableRecord(Record):
    """What one run reaches, in its journal. Told one thing at a time, by whoever has the seat.

    Parameters
    ----------
    dag
        The graph as it was when the run began.
    journal
        Where it is taken down.
    publish
        Tells of trouble.
    taken
        What the run has taken over; ``None``: it begins.
    """

    def __init__(
        self, dag: DAG, journal: RunJournal, publish: Callable[[Event], object], taken: TakenOver | None = None
    ) -> None:
        super().__init__(journal.run_id, dag)
        self.unsaved = ""
        self._journal = journal
        self._publish = publish
        self._taken = taken
        self._before: dict[NodeId, Any] = {}
        self._stored: dict[NodeId, Stored] = {}
        self._new: dict[NodeId, tuple[NodeId, ...]] = {}
        self._bad: list[NodeId] = []
        self._told: set[str] = set()
        self._levels_told = 0
        self._ahead: list[RunFact] = []
        self._given_up = False

    def go_on(self, started: float, without: Sequence[NodeId], levels: int | None) -> None:
        """Take down that this process goes on, without some of the nodes that were committed, after so many levels."""
        try:
            self._journal.go_on(started, without, levels)
            self._levels_told = len(self._journal.state.levels)
        except CheckpointError as error:
            self._lost(error)

    def committing(self, attempt: Attempt, task: Task) -> Task:
        """Put around a node's body what is done beside it."""
        node = attempt.node.id
        undone = self._journal.state.undone.get(node, 0)
        who = NodeRun(self.run_id, node, attempt.number, f"{self.run_id}/{node}/{undone + 1}")
        here = attempt.lane != "process" and attempt.look is None
        made = CommittingTask(task, who, self._journal.values, here, self._before)
        return made.awaited if attempt.lane == "async" else made  # type: ignore[return-value]

    def came(self, reply: Reply) -> None:
        """Take note of what a worker has kept, before it is decided what follows."""
        stored = reply.stored
        if not isinstance(stored, Stored):
            return
        if stored.value is not None and not self._journal.values.has(stored.value):
            stored = replace(stored, value=None, again=_NOT_HERE)
        self._stored[stored.node] = stored
        if stored.trouble:
            self._fail("value", f"node {stored.node!r}: {stored.trouble}")
        if self._taken is not None and reply.status == "done":
            gone = self._taken.came_out(stored.node, stored.result)
            if gone:
                self._ahead.append(Dropped(gone))

    def write(self, decisions: Iterable[Decision], now: float) -> None:
        """Take down what was decided; it is on the disk when this returns, unless the disk failed."""
        facts = [fact for decision in decisions if (fact := self._fact(decision, now)) is not None]
        if facts:
            first, self._ahead = self._ahead, []
            self._append(*first, *facts)

    def _fact(self, decision: Decision, now: float) -> RunFact | None:
        if isinstance(decision, Outcome):
            return self._commit(decision, now)
        if isinstance(decision, LevelEnded):
            if decision.level < self._levels_told:
                return None  # it had ended when an earlier process had the run
            self._levels_told += 1
            return Level(decision.at)
        if isinstance(decision, GraphGrown):
            self._new[decision.node] = decision.nodes
        elif isinstance(decision, RunEnded):
            why = f"not done: {', '.join(self._bad)}"[:_LONGEST_WHY] if self._bad else ""
            return Ended(decision.success, why, decision.at)
        return None

    def _commit(self, outcome: Outcome, now: float) -> Commit | None:
        node = outcome.node
        stored = self._stored.pop(node, None)
        self._before.pop(node, None)
        if outcome.status not in GOOD:
            if outcome.bad:
                self._bad.append(node)
            return None
        if outcome.started is None and self._taken is not None and node in self._taken:
            self._taken.let_go(node)
            return None  # it was there already
        if stored is None or stored.attempt != outcome.attempts:
            stored = Stored(node, outcome.attempts, again=_NO_VALUE)
        return Commit(
            node,
            outcome.status,
            outcome.attempts,
            outcome.seconds,
            now,
            outcome.reason,
            outcome.outputs,
            {} if stored.value is None else {"": stored.value},
            stored.again,
            stored.result,
            stored.growth,
            self._new.pop(node, ()),
        )

    def _append(self, *facts: RunFact) -> None:
        if self._journal.failed:
            return
        try:
            self._journal.append(*facts)
        except Exception as error:
            self._lost(error)

    def _lost(self, error: Exception) -> None:
        self._journal.failed = self._journal.failed or told(error)
        self._fail("run", f"the run goes on without further checkpoints: {self._journal.failed}")

    def _fail(self, kind: str, reason: str) -> None:
        """Tell of trouble, once for each kind."""
        if kind not in self._told:
            self._told.add(kind)
            self.unsaved = f"{self.unsaved}; {reason}" if self.unsaved else reason
            self._publish(CheckpointFailed(self._at, reason))

    # As in memory.

    def node_ended(self, outcome: Outcome, at: float) -> None:
        """Its commit is on the disk already, and about to be announced."""
        self._at = at

    def announced(self) -> None:
        """What was written has been told to whoever listens."""
        fault("commit.after-event")

    def graph_grown(self, by: NodeId) -> None:
        """Do nothing: its nodes are kept with it."""

    def level_ended(self, at: float) -> None:
        """It is on the disk already."""

    def node_undone(self, node: NodeId) -> None:
        """Take down that what a node had done was undone."""
        if not self._journal.failed and node in self._journal.state.committed:
            self._append(Undone(node))

    @property
    def says_what_was_undone(self) -> bool:
        """Whether its journal could be written to the end, so that what was undone is committed no more."""
        return not self._journal.failed

    def forsake(self) -> str:
        """Have nobody go on with it; says so."""
        self._given_up = True
        try:
            self._journal.forsake()
        except OSError as error:
            return f"; and its journal could not be removed ({told(error)}): do not go on with run {self.run_id}"
        return "; nobody can go on with it"

    @property
    def undo_journal(self) -> Path | None:
        """Where what is undone is to be written down."""
        return self._journal.folder / UNDO

    @property
    def ids(self) -> tuple[str, ...]:
        """Name its checkpoints, the newest last."""
        state = self._journal.state
        levels = [f"{self.run_id}/level-{number}" for number in range(len(state.levels))]
        return (*levels, str(self.run_id)) if state.committed and not self._given_up else ()

    def close(self) -> None:
        """Let others have the run; one that reached nothing leaves nothing behind."""
        fault("end.before-close")
        state = self._journal.state
        if state.committed or state.undone or state.epoch > 1:
            self._journal.close()
        else:
            self._journal.discard()
        fault("end.after-close")
