"""When a run has failed for good: what it has done is undone, and its result says what became of that.

The rules are in :mod:`.undoing`, the calls in :mod:`.way_back`; here they meet a run that has ended. An interrupt stops
the way back at once. What it has undone by then is kept, and :meth:`Undoing.finish` goes on with it, before anybody
goes on with the run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from time import monotonic
from types import MappingProxyType

from orchestra_nb.definitions.command import CommandDefinition
from orchestra_nb.events import EventBus
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Outcome, RunId
from orchestra_nb.recovery.compensating import Done, remembered
from orchestra_nb.recovery.saga_journal import Memory
from orchestra_nb.recovery.saga_result import SagaResult
from orchestra_nb.recovery.saga_running import Before, Surroundings
from orchestra_nb.running.checkpoints import Record
from orchestra_nb.running.run import Run
from orchestra_nb.running.seams import Program, Undoable
from orchestra_nb.running.undoing import failed_for_good, to_undo, told
from orchestra_nb.running.way_back import Perform, WayBack, known_values

Tell = Callable[[SagaResult], object]


@dataclass(slots=True)
class _Way:
    """The way back of one run, as far as it has come."""

    done: Done
    journal: Memory
    outcomes: Mapping[str, Outcome]
    error: BaseException | None


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
        self._around = Surroundings(events=bus)
        self._stopped: dict[RunId, _Way] = {}

    def after(self, run: Run, work: Program) -> None:
        """Undo what a run has done, if it has failed for good; its result then says so.

        Raises
        ------
        KeyboardInterrupt
            The way back was interrupted; the result has what is left.
        """
        result = run.result
        if result is None or not isinstance(work, Undoable):
            return
        if not failed_for_good(result.outcomes.values(), result.stopped):
            return
        dag = run.driver.dag
        command = dag.metadata.get("definition")
        if isinstance(command, CommandDefinition) and command.saga is False:
            return
        done = to_undo(dag, run.driver.outcomes)
        if not done.anything:
            return
        journal = remembered(done, f"resume_from_checkpoint({str(run.run_id)!r}, dag) goes on with it")
        self._stopped = {run.run_id: _Way(done, journal, result.outcomes, next(iter(result.errors), None))}
        back = WayBack(dag, work, self._perform, run.record.node_undone, run.began)

        def tell(report: SagaResult) -> None:
            outcomes = MappingProxyType(told(result.outcomes, dag, report, back.outcomes))
            run.result = replace(result, outcomes=outcomes, undone=report)

        self._go(run.run_id, back, work, tell)

    def finish(self, run_id: RunId, dag: DAG, work: Program, record: Record) -> SagaResult | None:
        """Undo what is left of a run whose way back was stopped; ``None`` when nothing is."""
        if run_id not in self._stopped or not isinstance(work, Undoable):
            return None
        found: list[SagaResult] = []
        back = WayBack(dag, work, self._perform, record.node_undone, monotonic())
        self._go(run_id, back, work, found.append, resumed=True)
        return found[-1]

    def _go(self, run_id: RunId, back: WayBack, work: Undoable, tell: Tell, *, resumed: bool = False) -> None:
        way = self._stopped[run_id]
        values = known_values(way.outcomes)
        before = Before(values, way.error, resumed)
        saga = back.saga(way.done.parts, way.journal, {**work.known(), **values}, self._around, before)
        try:
            report = saga.run()
        except BaseException:
            tell(replace(saga.report(), values={}))
            raise
        del self._stopped[run_id]
        tell(replace(report, values={}))
