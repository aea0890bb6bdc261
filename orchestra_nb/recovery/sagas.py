"""Sagas for everybody: steps in, a report out, from a thread or a task, with a journal or without.

What is promised about the way back, and what is asked of compensations, is written in :mod:`.saga`; about crashes and
disks in :mod:`.saga_journal`; about interrupts in :mod:`.saga_running`. Here everything that a user gives is checked,
all of it before anything runs. Steps run one at a time; ``after`` only says who needs whom, so that the way back may
respect it. With a journal, :func:`resume_saga` goes on after a crash: with the next step when the crash came between
two steps, and back when it came in the middle of one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any

from orchestra_nb.config import RetryPolicy
from orchestra_nb.errors import DefinitionError, Issue
from orchestra_nb.graph.signature import is_generator_function
from orchestra_nb.recovery.saga_calls import FromThread, answer_in_task
from orchestra_nb.recovery.saga_facts import ONCE, THRICE, Part, check_parts
from orchestra_nb.recovery.saga_journal import Journal, Memory, begin_journal, open_journal
from orchestra_nb.recovery.saga_result import SagaResult, Unknown
from orchestra_nb.recovery.saga_running import RunningSaga, Surroundings, failure_of

_NOTHING: Mapping[str, Any] = {}
_AROUND = Surroundings()


@dataclass(frozen=True, slots=True)
class SagaStep:
    """A step of a saga.

    Parameters
    ----------
    name
        Unique in its saga.
    action
        Called with the context: a mapping, which cannot be changed, of what was given and the results so far by name.
        A function or a coroutine function.
    compensation
        Called with the context and the result, when the saga fails after this step was done. It must be idempotent,
        and harmless where the step never happened: it may be called more than once, and with an :class:`.Unknown` for
        a result that nobody knows. ``None``: nothing undoes it.
    retry, compensation_retry
        How often the action and the compensation are tried, and the rests between, in seconds.
    after
        Names of the steps that it uses; ``None``: the one before it in the list.

    Examples
    --------
    >>> step = SagaStep("seat", lambda context: 7, lambda context, seat: print("free again:", seat))
    >>> step.compensation_retry.attempts
    3
    """

    name: str
    action: Callable[[Mapping[str, Any]], Any]
    compensation: Callable[[Mapping[str, Any], Any], Any] | None = None
    retry: RetryPolicy = ONCE
    compensation_retry: RetryPolicy = THRICE
    after: tuple[str, ...] | None = None


def execute_saga(
    steps: Iterable[SagaStep],
    context: Mapping[str, Any] = _NOTHING,
    *,
    journal: str | PathLike[str] | None = None,
    raises: bool = True,
    around: Surroundings = _AROUND,
) -> SagaResult:
    """Run steps; when one fails for good, undo those that were done, the latest first.

    Parameters
    ----------
    steps
        What to do.
    context
        Values for the actions, by name; no name is that of a step.
    journal
        Path of a new file that keeps what happened, so that :func:`resume_saga` can go on after a crash. ``None``: a
        crash leaves what was done.
    raises
        Whether a failure raises; otherwise the report says so.
    around
        Clock, sleep, chance, events and files.

    Returns
    -------
    SagaResult
        What was done, undone, and could not be undone; ``.values`` are the results.

    Raises
    ------
    SagaFailed
        A step failed for good; the report is in ``.report``, and the step's own exception is the cause.
    DefinitionError
        The steps or the context cannot be meant: every fault at once; nothing has run.
    CycleError
        Steps come after each other in a circle.
    CheckpointError
        The journal cannot be made or, later, written: then the saga has stopped where it was.
    BaseException
        What interrupted an action (``KeyboardInterrupt``), after everything was undone; what interrupted an undo, at
        once.

    Examples
    --------
    >>> def pay(context):
    ...     raise ValueError(f"no money for seat {context['seat']}")
    >>> seat = SagaStep("seat", lambda context: 7, lambda context, seat: print("free again:", seat))
    >>> report = execute_saga([seat, SagaStep("pay", pay)], raises=False)
    free again: 7
    >>> print(report)
    failed at step 'pay': ValueError: no money for seat 7
    undone: seat
    """
    return in_thread(_begin(_listed(steps), context, journal, around), raises, around)


async def execute_saga_async(
    steps: Iterable[SagaStep],
    context: Mapping[str, Any] = _NOTHING,
    *,
    journal: str | PathLike[str] | None = None,
    raises: bool = True,
    around: Surroundings = _AROUND,
) -> SagaResult:
    """Run steps in this task; otherwise as :func:`execute_saga`.

    Actions that are plain functions are called on the loop. A cancellation counts as an interrupt: of an action, it is
    raised when everything was undone.
    """
    return await _in_task(_begin(_listed(steps), context, journal, around), raises, around)


def resume_saga(
    steps: Iterable[SagaStep],
    journal: str | PathLike[str],
    context: Mapping[str, Any] = _NOTHING,
    *,
    raises: bool = True,
    around: Surroundings = _AROUND,
) -> SagaResult:
    """Go on with a saga whose process ended; steps that are done do not run again.

    Parameters
    ----------
    steps
        Those that it was begun with: the same names, order, ``after``, and the same of them with a compensation.
    journal
        Path of its journal.
    context
        What the journal could not keep of the context, or should be another now.
    raises, around
        As in :func:`execute_saga`.

    Returns
    -------
    SagaResult
        The same that an undisturbed saga gives. One that had ended gives its report again, and nothing is called.

    Raises
    ------
    CheckpointError
        The journal is not there, damaged, of other steps, or in use.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> steps = [SagaStep("seat", lambda context: 7), SagaStep("mail", lambda context: f"seat {context['seat']}")]
    >>> execute_saga(steps, journal=folder.name + "/saga").values["mail"]
    'seat 7'
    >>> resume_saga(steps, folder.name + "/saga").values["mail"]
    'seat 7'
    >>> folder.cleanup()
    """
    return in_thread(_resume(_listed(steps), journal, context, around), raises, around)


async def resume_saga_async(
    steps: Iterable[SagaStep],
    journal: str | PathLike[str],
    context: Mapping[str, Any] = _NOTHING,
    *,
    raises: bool = True,
    around: Surroundings = _AROUND,
) -> SagaResult:
    """Go on with a saga in this task; otherwise as :func:`resume_saga`."""
    return await _in_task(_resume(_listed(steps), journal, context, around), raises, around)


def in_thread(saga: RunningSaga, raises: bool, around: Surroundings) -> SagaResult:
    """Drive a saga from this thread to its end, and close its journal."""
    import time

    sleep = around.sleep or time.sleep
    try:
        with FromThread() as calls:
            _driven(saga, calls, sleep)
        return _reported(saga, raises)
    finally:
        saga.journal.close()


def _driven(saga: RunningSaga, calls: FromThread, sleep: Callable[[float], Any]) -> None:
    """Go from step to step.

    In a function of its own: an interrupt before a line that only says ``try:`` is outside of every block of its
    function (Python 3.11 leaves such lines out of its table of exceptions), and the journal would not be closed.
    """
    while True:
        try:
            call = saga.begin(sleep)
            if call is None:
                return
            try:
                value = calls.answer(call)
            except Exception as error:
                saga.failed(call, error)
            else:
                saga.done(call, value)
        except Exception:
            raise
        except BaseException as stop:
            saga.interrupted(stop)


async def _in_task(saga: RunningSaga, raises: bool, around: Surroundings) -> SagaResult:
    import asyncio

    sleep = around.sleep or asyncio.sleep
    try:
        while True:
            try:
                call = saga.begin(sleep)
                if call is None:
                    break
                try:
                    value = await answer_in_task(call)
                except Exception as error:
                    saga.failed(call, error)
                else:
                    saga.done(call, value)
            except (Exception, GeneratorExit):  # whose loop is closed has no time to undo
                raise
            except BaseException as stop:
                saga.interrupted(stop)
        return _reported(saga, raises)
    finally:
        saga.journal.close()


def _reported(saga: RunningSaga, raises: bool) -> SagaResult:
    report = saga.ended()
    if raises and not report.success:
        raise failure_of(report) from report.error
    return report


def _listed(steps: Iterable[SagaStep]) -> list[SagaStep]:
    try:
        return list(steps)
    except TypeError:
        found = f"steps={steps!r} is no list of steps"
        raise DefinitionError([Issue("no-steps", found, suggestion="give a list of SagaStep(name, action)")]) from None


def _begin(
    steps: list[SagaStep], context: Mapping[str, Any], path: str | PathLike[str] | None, around: Surroundings
) -> RunningSaga:
    parts = _parts(steps, context)
    journal = Memory() if path is None else begin_journal(path, parts, context, around.files)
    return _running(steps, parts, journal, context, around)


def _resume(
    steps: list[SagaStep], path: str | PathLike[str], context: Mapping[str, Any], around: Surroundings
) -> RunningSaga:
    parts = _parts(steps, context)
    journal = open_journal(path, parts, around.files)
    lost = {name: Unknown(name, "the journal could not keep it; give it in context") for name in journal.not_kept}
    return _running(steps, parts, journal, {**lost, **journal.context, **context}, around)


def _running(
    steps: list[SagaStep], parts: list[Part], journal: Journal | Memory, known: Mapping[str, Any], around: Surroundings
) -> RunningSaga:
    try:
        return RunningSaga({step.name: step for step in steps}, parts, journal, known, around)
    except BaseException:
        journal.close()
        raise


def _parts(steps: list[SagaStep], context: Any) -> list[Part]:
    """Check what was given, and make what the machine knows of it."""
    issues = [issue for number, step in enumerate(steps, 1) for issue in _faults(number, step)]
    if not isinstance(context, Mapping):
        issues.append(Issue("bad-context", f"context={context!r} is no mapping", suggestion="give values by name"))
    if issues:
        raise DefinitionError(issues)
    parts = []
    for before, step in zip([None, *steps], steps, strict=False):
        chain = () if before is None else (before.name,)
        after = chain if step.after is None else tuple(step.after)
        parts.append(Part(step.name, after, step.compensation is not None, step.retry, step.compensation_retry))
    check_parts(parts)
    names = {part.name for part in parts}
    odd = [name for name in context if not isinstance(name, str) or name in names]
    if odd:
        found = "the context has names that are no texts, or those of steps"
        raise DefinitionError([Issue("bad-context", f"{found}: {odd}", suggestion="give them other names")])
    return parts


def _faults(number: int, given: Any) -> Iterable[Issue]:
    """Name everything about a step that cannot be meant."""
    if not isinstance(given, SagaStep):
        yield Issue(
            "no-step", f"{given!r} is no SagaStep", path=f"step {number}", suggestion="give SagaStep(name, action)"
        )
        return
    step: Any = given  # what its fields are is the question
    place = f"step {step.name!r}" if isinstance(step.name, str) and step.name else f"step {number}"
    if place != f"step {step.name!r}":
        yield Issue("no-name", f"name={step.name!r} is no name", path=place, suggestion="give it a text")
    if not callable(step.action):
        yield Issue("no-action", f"action={step.action!r} cannot be called", path=place, suggestion="give a function")
    if step.compensation is not None and not callable(step.compensation):
        found = f"compensation={step.compensation!r} cannot be called"
        yield Issue("no-compensation", found, path=place, suggestion="give a function or None")
    for name, fn in (("action", step.action), ("compensation", step.compensation)):
        if fn is not None and is_generator_function(fn):
            found = f"{name} is a generator, and calling it runs nothing of it"
            yield Issue(f"generator-{name}", found, path=place, suggestion="do it with return, not with yield")
    for knob in ("retry", "compensation_retry"):
        if not isinstance(getattr(step, knob), RetryPolicy):
            found = f"{knob}={getattr(step, knob)!r} is no RetryPolicy"
            yield Issue("no-policy", found, path=place, suggestion="give RetryPolicy(attempts=...)")
    after = step.after
    if after is not None and not (isinstance(after, tuple | list) and all(isinstance(name, str) for name in after)):
        yield Issue(
            "bad-after", f"after={after!r} are no names", path=place, suggestion="give a tuple of names, or None"
        )
