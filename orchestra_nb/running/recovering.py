"""When a run has failed for good: what it has done is undone, and its result says what became of that.

The rules are in :mod:`.undoing`, the calls in :mod:`.way_back`; here they meet a run that has ended, and its record.

**Durable.** A run that is on the disk (:mod:`.on_disk`) has the journal of its way back beside its own, as the file
``undo`` of its folder. It is there, whole, before the first compensation begins, and goes when all that was undone is
committed no more. So whoever goes on with the run and finds it finishes the way back first: a process that was killed
in the middle of it cannot leave a run that is half undone and takes itself for done. Where the journal of the run
cannot say any more what was undone, the file stays, and says it. Where the file cannot be made, the run is undone all
the same, as its checkpoints would not hold it up either; but first they are given up, so that nobody goes on from work
that was undone.

**In memory**, the way back of the last run is kept, for one that was interrupted: going on with that run finishes it.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from time import monotonic
from types import MappingProxyType
from typing import Any

from orchestra_nb.definitions.command import CommandDefinition
from orchestra_nb.durable.facts import Commit
from orchestra_nb.durable.faults import fault
from orchestra_nb.durable.values import RunValues
from orchestra_nb.errors import CheckpointError
from orchestra_nb.events import CheckpointFailed, EventBus
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.growth import grown
from orchestra_nb.model import NodeId, RunId
from orchestra_nb.recovery.compensating import Done, remembered, unfinished, written
from orchestra_nb.recovery.saga_facts import Part
from orchestra_nb.recovery.saga_journal import Journal, Memory
from orchestra_nb.recovery.saga_result import SagaResult
from orchestra_nb.recovery.saga_running import Before, Surroundings
from orchestra_nb.running.checkpoints import Record
from orchestra_nb.running.run import Run
from orchestra_nb.running.seams import Program, Undoable
from orchestra_nb.running.undoing import failed_for_good, retry_of, to_undo, told
from orchestra_nb.running.way_back import Perform, WayBack, known_values

Tell = Callable[[SagaResult], object]


@dataclass(frozen=True, slots=True)
class _Way:
    """The way back of one run, as far as it has come."""

    parts: tuple[Part, ...]
    journal: Journal | Memory
    values: Mapping[str, Any]
    began: float
    """When the run began, on the monotonic clock: its events go on counting."""
    error: BaseException | None = None


class Undoing:
    """Undoes runs that have failed.

    Parameters
    ----------
    perform
        Runs one compensation.
    bus
        Hears of it.
    """

    def __init__(self, perform: Perform, bus: EventBus) -> None:
        self._perform = perform
        self._around = Surroundings(events=bus, chance=random.Random(0).random)  # not the one that cells draw from
        self._stopped: dict[RunId, _Way] = {}

    def after(self, run: Run, work: Program) -> None:
        """Undo what a run has done, if it has failed for good; its result then says so.

        Raises
        ------
        KeyboardInterrupt
            The way back was interrupted; the result has what is left.
        CheckpointError
            Its journal cannot be written any more; the result has what is left.
        """
        result = run.result
        if result is None or not isinstance(work, Undoable):
            return
        if not failed_for_good(result.outcomes.values(), result.stopped):
            return
        dag, record = run.driver.dag, run.record
        command = dag.metadata.get("definition")
        if isinstance(command, CommandDefinition) and command.saga is False:
            return
        done = to_undo(dag, run.driver.outcomes, durable=record.undo_journal is not None)
        if not done.anything:
            return
        values, error = known_values(result.outcomes, dag.nodes), next(iter(result.errors), None)
        way = _Way(done.parts, self._journal(done, record), values, run.began, error)
        back = WayBack(dag, work, self._perform, run.began)
        brought = {NodeId(name): outcome for name, outcome in result.outcomes.items()}

        def tell(report: SagaResult) -> None:
            outcomes = MappingProxyType(told(result.outcomes, dag, report, back.outcomes))
            values = work.results(brought)  # variables of a notebook may have other ones now
            run.result = replace(
                result, outcomes=outcomes, values=values, undone=report, checkpoints=record.ids, unsaved=record.unsaved
            )

        self._stopped = {run.run_id: way}
        self._go(way, back, work, record, tell)

    def finish(self, run_id: RunId, dag: DAG, work: Program, record: Record) -> SagaResult | None:
        """Undo what is left of a run of this process, whose way back was stopped; ``None`` when nothing is."""
        way = self._stopped.get(run_id)
        return None if way is None else self._finished(way, dag, work, record)

    def finish_on_disk(
        self, dag: DAG, work: Program, record: Record, commits: Mapping[NodeId, Commit], values: RunValues
    ) -> SagaResult | None:
        """Undo what is left of a run of another process; ``None`` when nothing is.

        Parameters
        ----------
        dag
            The graph as it was in the end.
        work
            What its nodes do.
        record
            Of the run, open.
        commits, values
            What it has committed.

        Raises
        ------
        CheckpointError
            The journal is damaged, or in use.
        """
        path = record.undo_journal
        journal = None if path is None else unfinished(path, self._around)
        if journal is None:
            return None
        parts = tuple(
            replace(part, compensation_retry=retry_of(dag.nodes[part.name], dag.nodes))
            if part.name in dag.nodes
            else part
            for part in journal.parts
        )
        return self._finished(_Way(parts, journal, _read(commits, values), monotonic()), dag, work, record)

    def _finished(self, way: _Way, dag: DAG, work: Program, record: Record) -> SagaResult | None:
        if not isinstance(work, Undoable):
            raise CheckpointError("the run was being undone, and this program cannot; give the one that it began with")
        found: list[SagaResult] = []
        back = WayBack(dag, work, self._perform, way.began)
        self._go(way, back, work, record, found.append, resumed=True)
        return found[-1]

    def _go(
        self, way: _Way, back: WayBack, work: Undoable, record: Record, tell: Tell, *, resumed: bool = False
    ) -> None:
        before = Before(way.values, way.error, resumed)
        around = replace(self._around, began=way.began)
        saga = back.saga(way.parts, way.journal, {**work.known(), **way.values}, around, before)
        over = False
        try:
            report = saga.run()
            over = True
        finally:
            report = saga.report()
            for step in report.steps:
                if step.fate in ("undone", "needs-person"):
                    record.node_undone(NodeId(step.step))
            tell(replace(report, values={}))
            if over:
                self._forget(record)

    def _journal(self, done: Done, record: Record) -> Journal | Memory:
        hint = f"resume_from_checkpoint({str(record.run_id)!r}, dag) goes on with it"
        if record.undo_journal is not None:
            try:
                journal = written(record.undo_journal, done, self._around)
            except CheckpointError as error:
                reason = f"what is undone is not written down: {error}{record.forsake()}"
                self._around.events.publish(CheckpointFailed(0.0, reason))
            else:
                journal.hint = hint
                fault("undo.after-journal")
                return journal
        return remembered(done, hint)

    def _forget(self, record: Record) -> None:
        """Nothing is left to undo, and what was undone is committed no more."""
        self._stopped.pop(record.run_id, None)
        if record.undo_journal is not None and record.says_what_was_undone:
            fault("undo.before-forgotten")
            for path in (record.undo_journal, record.undo_journal.with_name(record.undo_journal.name + ".lock")):
                with suppress(OSError):
                    os.unlink(path)
            fault("undo.after-forgotten")


def _read(commits: Mapping[NodeId, Commit], values: RunValues) -> dict[str, Any]:
    """Give the values that were committed and can be read here; the journal may have others."""
    found: dict[str, Any] = {}
    for node, commit in commits.items():
        with suppress(Exception):  # whatever the value's class raises: nobody knows it then
            found[str(node)] = values.give(commit.values[""])
    return found


def with_growth(dag: DAG, commits: Mapping[NodeId, Commit], values: RunValues) -> DAG:
    """Make the graph as it was in the end, with the nodes that others had made; what cannot be read is not in it."""
    for node, commit in commits.items():
        if commit.growth is not None and node in dag.nodes:
            with suppress(Exception):  # as above; what is missing is told by name when it is to be undone
                nodes, edges = values.give(commit.growth)
                dag = grown(dag, node, nodes, edges)
    return dag
