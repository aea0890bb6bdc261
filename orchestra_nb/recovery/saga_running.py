"""One saga that runs: decisions of the machine become calls, and what they came to becomes facts.

The order of every step is: journal that it begins, call, journal how it ended; then the machine takes note, and
observers are told. Whoever drives it (:mod:`.sagas`) only asks what to call next and says how it went, from a thread or
a task.

**Interrupts** (``KeyboardInterrupt``, a cancellation, ``SystemExit``, whatever is no ``Exception``). On the way forward
the saga turns back at once: what runs is in doubt, compensations run, and the interrupt is raised afterwards. On the
way back it is raised at once, with a note that says what is left; a journal lets :func:`.resume_saga` go on. Where it
hits between two lines of ours, the machine is made anew from the facts that were acknowledged, so nothing is
half-noted. A saga whose last step is done is not undone for an interrupt that comes too late.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestra_nb.durable.files import JournalFiles
from orchestra_nb.errors import CheckpointError, NodeCancelled, NodeFailed, SagaFailed
from orchestra_nb.events import Event, EventBus
from orchestra_nb.recovery import saga_events as events
from orchestra_nb.recovery.matching import class_names
from orchestra_nb.recovery.saga import Saga
from orchestra_nb.recovery.saga_calls import Call, FailedElsewhere
from orchestra_nb.recovery.saga_facts import Compensate, Fact, Failure, Finished, Part, Rest, Run
from orchestra_nb.recovery.saga_journal import Journal, Memory
from orchestra_nb.recovery.saga_lines import exact_json
from orchestra_nb.recovery.saga_result import SagaResult, Unknown, result_of

if TYPE_CHECKING:
    from orchestra_nb.recovery.sagas import SagaStep

_NOT_KEPT = "JSON cannot hold it, so the journal could not keep it"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a saga takes from the world around it.

    Parameters
    ----------
    clock
        Monotonic, in seconds; for events.
    sleep
        Rests for so many seconds; may be a coroutine function. ``None``: :func:`time.sleep`, or :func:`asyncio.sleep`
        in a task.
    chance
        Draws from 0 to 1, for the jitter of rests.
    events
        Where events are published.
    files
        How a journal uses files.
    began
        From when on the times of events count, by that clock; ``None``: since the saga began, or went on.
    """

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Any] | None = None
    chance: Callable[[], float] = random.random
    events: EventBus = field(default_factory=EventBus)
    files: JournalFiles = field(default_factory=JournalFiles)
    began: float | None = None


@dataclass(frozen=True, slots=True)
class Before:
    """What is known of the steps of a saga that somebody else has run.

    Parameters
    ----------
    values
        The results, by step; they go before those that the journal has.
    error
        Why it failed.
    resumed
        Whether compensating had begun before.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    error: BaseException | None = None
    resumed: bool = False


class Results(Mapping[str, Any]):
    """What an action sees: the context that was given, and the results so far by step; it cannot be changed.

    Reading a value that a journal could not keep raises :class:`~orchestra_nb.errors.CheckpointError`.
    """

    def __init__(self, known: Mapping[str, Any]) -> None:
        self._known = known

    def __getitem__(self, name: str) -> Any:
        value = self._known[name]
        if isinstance(value, Unknown):
            raise CheckpointError(
                f"the value of {name!r} is not known any more: {value.why}; have the step return what JSON can hold, "
                "such as the name of a file"
            )
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._known))

    def __len__(self) -> int:
        return len(self._known)

    def __repr__(self) -> str:
        return f"Results({', '.join(self._known)})"


class RunningSaga:
    """A saga, its journal, and the values so far.

    Parameters
    ----------
    steps
        By name, in the order of definition.
    parts
        The same, for the machine.
    journal
        Where facts go; those that it has are what happened before.
    known
        The context.
    around
        Clock, chance and observers.
    before
        What a whole process knows of the steps that were done before this began; ``None``: what the journal says.
    """

    def __init__(
        self,
        steps: Mapping[str, SagaStep],
        parts: list[Part],
        journal: Journal | Memory,
        known: Mapping[str, Any],
        around: Surroundings,
        before: Before | None = None,
    ) -> None:
        self._steps = steps
        self._parts = parts
        self.journal = journal
        self._around = around
        self._saga = Saga(parts, journal.facts)
        self._known = dict(known)
        self._results: dict[str, Any] = {}
        self._error: BaseException | None = None if before is None else before.error
        self._interrupt: BaseException | None = None
        self._began = around.clock() if around.began is None else around.began
        values = {} if before is None else before.values
        for name in self._saga.done:
            text = self._saga.steps[name].value
            kept = Unknown(name, _NOT_KEPT) if text is None else json.loads(text)
            self._took(name, values.get(name, kept))
        left = len(self._saga.steps) - len(self._saga.done)
        resumed = bool(journal.facts) if before is None else before.resumed
        self._publish(events.SagaStarted, len(self._saga.steps), left, resumed)

    def begin(self, sleep: Callable[[float], Any]) -> Call | None:
        """Say what is to be called now; the journal has it. ``None``: nothing is left to do."""
        while True:
            decision = self._saga.decide(self._around.chance())
            if isinstance(decision, Finished):
                return None
            if isinstance(decision, Compensate):
                self._note(self._turn())
            elif isinstance(decision, Rest):
                return Call("rest", decision.step, decision.attempt, sleep, (decision.seconds,))
            elif isinstance(decision, Run):
                self._note(Fact("step-begun", decision.step, decision.attempt))
                action = self._steps[decision.step].action
                return Call("step", decision.step, decision.attempt, action, (Results(self._known),))
            else:
                return self._begin_undo(decision.step, decision.attempt)

    def done(self, call: Call, value: Any) -> None:
        """Take note that a call came back."""
        if call.kind == "rest":
            self._saga.rested()
        elif call.kind == "step":
            self._took(call.step, value)
            text = exact_json(value) if self.journal.durable else None
            self._note(Fact("step-done", call.step, call.attempt, value=text))
            self._publish(events.StepDone, call.step, call.attempt)
        else:
            self._note(Fact("undo-done", call.step, call.attempt))
            self._publish(events.Undone, call.step, call.attempt)

    def failed(self, call: Call, error: Exception) -> None:
        """Take note that a call raised."""
        if call.kind == "rest":
            raise error
        if isinstance(error, FailedElsewhere):
            fact = self._saga.failing(call.step, error.failure, error.kinds)
        else:
            fact = self._saga.failing(call.step, failure_from(error), class_names(error))
        if call.kind == "step" and fact.final:
            self._error = error
        self._note(fact)
        if call.kind == "undo":
            self._publish(events.UndoFailed, call.step, call.attempt, str(fact.error), fact.final)

    def interrupted(self, stop: BaseException) -> None:
        """Turn back for an interrupt, or raise it if the way leads back already."""
        self._saga = Saga(self._parts, self.journal.facts)
        if self._saga.compensating:
            stop.add_note("\n".join(["the saga was stopped while it was compensating", *self.report().lines()]))
            stop.add_note(f"to go on: {self.journal.hint}")
            raise stop
        self._interrupt = stop
        if not isinstance(self._saga.decide(), Finished):
            self._error = stop if self._error is None else self._error
            self._note(self._turn(failure_from(stop)))

    def ended(self) -> SagaResult:
        """Tell that nothing is left to do, and give the report.

        Raises
        ------
        BaseException
            The interrupt that turned the saga back.
        """
        report = self.report()
        self._publish(
            events.SagaEnded,
            report.success,
            report.compensated,
            tuple(step.step for step in report.failed_compensations),
        )
        if self._interrupt is not None:
            self._interrupt.add_note(f"the saga: {report}")
            raise self._interrupt
        return report

    def report(self) -> SagaResult:
        """Report on the saga as it is now."""
        return result_of(self._saga, self._earlier_error() if self._error is None else self._error, self._results)

    def _begin_undo(self, name: str, attempt: int) -> Call:
        self._note(Fact("undo-begun", name, attempt))
        self._publish(events.UndoStarted, name, attempt)
        doubt = "it was begun, and nobody knows whether it was done"
        result = Unknown(name, doubt) if self._saga.steps[name].in_doubt else self._results[name]
        compensation = self._steps[name].compensation
        assert compensation is not None  # the machine asks only for those that are declared
        return Call("undo", name, attempt, compensation, (Results(self._known), result))

    def _turn(self, why: Failure | None = None) -> Fact:
        """Make the fact that the way leads back: which step is to blame, and for what."""
        for name, of in self._saga.steps.items():
            if of.state == "failed":
                return Fact("compensating", name, error=of.error)
        doubtful = (name for name, of in self._saga.steps.items() if of.state in ("running", "resting"))
        return Fact("compensating", next(doubtful, ""), error=why)

    def _took(self, name: str, value: Any) -> None:
        self._results[name] = self._known[name] = value

    def _note(self, fact: Fact) -> None:
        try:
            self.journal.append(fact)
        except CheckpointError as error:
            error.add_note("\n".join(["the saga so far:", *self.report().lines()]))
            raise
        self._saga.note(fact)

    def _publish(self, kind: Callable[..., Event], *what: object) -> None:
        self._around.events.publish(kind(self._around.clock() - self._began, *what))

    def _earlier_error(self) -> BaseException | None:
        """Make an error that stands for the one of an earlier process."""
        cause = self._saga.cause
        if cause is None:
            return None
        if cause.error is None:
            text = f"step {cause.step!r} was under way when its process ended; nobody knows whether it was done"
            return NodeCancelled(text, cause.step)
        what = f"step {cause.step!r} failed" if cause.step else "the saga was stopped"
        text = f"{what} in an earlier process: {cause.error}"
        return NodeFailed(text, cause.step, ename=cause.error.ename, evalue=cause.error.evalue)


def failure_of(report: SagaResult) -> SagaFailed:
    """Make the error for a saga that failed; its text ends with what to do."""
    if report.failed_compensations:
        hint = "undo by hand what needs a person"
    elif report.clean:
        hint = "mend what failed, and execute it anew"
    else:
        hint = "see whether what is in doubt was done"
    return SagaFailed("\n".join([f"the saga failed at {report.cause}", *report.lines(), hint]), report)


def failure_from(error: BaseException) -> Failure:
    """Write an exception down; one whose text cannot be made has none."""
    try:
        return Failure(type(error).__name__, str(error))
    except Exception:
        return Failure(type(error).__name__)
