"""What became of a saga: exactly what was done, undone, and could not be undone.

A report is a value made from the facts alone, so a saga that went on after a crash reports the same as one that never
stopped. Only the values and the error itself are of this process: after a crash, the error is one that names the old
one, and values that the journal could not keep are missing.

It pickles: an error or value that does not is left behind, with a note in its place, since a report that gets lost on
its way home would take the truth about the world with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from orchestra_nb.errors import NodeFailed
from orchestra_nb.presentation import Presented
from orchestra_nb.recovery.saga import Progress, Saga
from orchestra_nb.recovery.saga_facts import State

Fate = Literal["done", "undone", "needs-person", "kept", "in-doubt", "failed", "left", "never-begun"]
_FATES: Mapping[State, Fate] = {
    **{"undone": "undone", "needs-person": "needs-person", "failed": "failed", "resting": "failed"},
    **{"waiting": "never-begun", "running": "in-doubt"},
}
_MOST_NAMES = 8


@dataclass(frozen=True, slots=True)
class Unknown:
    """Stands for the result of a step that nobody knows; a compensation may be given one.

    Parameters
    ----------
    step
        The step.
    why
        Whether it is in doubt, or could not be kept.
    """

    step: str
    why: str


@dataclass(frozen=True, slots=True)
class StepFate:
    """What became of one step.

    Parameters
    ----------
    step
        Its name.
    fate
        ``"done"``, and the saga succeeded; ``"undone"``; ``"needs-person"``, its compensation failed for good;
        ``"kept"``, it was done and declares no compensation; ``"in-doubt"``, it was begun, and nobody knows whether it
        was done; ``"failed"``; ``"left"``, it is still to be undone, because the saga was stopped; ``"never-begun"``.
    attempts, undo_attempts
        How often its action and its compensation came to an end, well or badly.
    error, undo_error
        The last error of each, in words; empty when there is none.
    in_doubt
        Whether nobody knows if it was done, also when it has been undone.
    despite
        Steps that used it and could not be undone before it was.

    Examples
    --------
    >>> StepFate("seat", "needs-person", attempts=1, undo_attempts=3, undo_error="OSError: no line").fate
    'needs-person'
    """

    step: str
    fate: Fate
    attempts: int = 0
    undo_attempts: int = 0
    error: str = ""
    undo_error: str = ""
    in_doubt: bool = False
    despite: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SagaResult(Presented):
    """What became of a saga.

    Parameters
    ----------
    success
        Whether every step is done.
    steps
        What became of each, in the order of definition.
    completed
        Steps that were done, in the order in which they were, whether or not they have been undone since.
    compensated
        Steps that were undone, in the order in which they were; some may have been in doubt.
    cause
        The step that the saga failed at, and why, in words; empty when it succeeded.
    error
        The exception behind it; ``None`` when it succeeded.
    values
        The results of the steps that were done, where they are known.

    Examples
    --------
    >>> report = SagaResult(False, (StepFate("seat", "undone", 1, 1), StepFate("pay", "failed", 1)), ("seat",),
    ...                     ("seat",), "step 'pay': ValueError: no")
    >>> print(report)
    failed at step 'pay': ValueError: no
    undone: seat
    >>> report.clean, report.never_begun
    (True, ())
    """

    success: bool
    steps: tuple[StepFate, ...]
    completed: tuple[str, ...] = ()
    compensated: tuple[str, ...] = ()
    cause: str = ""
    error: BaseException | None = field(default=None, compare=False, repr=False)
    values: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def failed_compensations(self) -> tuple[StepFate, ...]:
        """Steps that could not be undone, with the error and how often it was tried.

        Examples
        --------
        >>> seat = StepFate("seat", "needs-person", 1, 3, undo_error="OSError: no line")
        >>> report = SagaResult(False, (seat, StepFate("pay", "failed", 1)), ("seat",), (), "step 'pay': no")
        >>> [(step.step, step.undo_attempts, step.undo_error) for step in report.failed_compensations]
        [('seat', 3, 'OSError: no line')]
        """
        return tuple(step for step in self.steps if step.fate == "needs-person")

    @property
    def kept(self) -> tuple[str, ...]:
        """Steps that were done, declare no compensation, and are still done although the saga failed.

        Examples
        --------
        >>> SagaResult(False, (StepFate("mail", "kept", 1), StepFate("pay", "failed", 1)), ("mail",)).kept
        ('mail',)
        """
        return self._with("kept")

    @property
    def left(self) -> tuple[str, ...]:
        """Steps that are still to be undone: the saga was stopped.

        Examples
        --------
        >>> SagaResult(False, (StepFate("seat", "left", 1), StepFate("pay", "failed", 1)), ("seat",)).left
        ('seat',)
        """
        return self._with("left")

    @property
    def never_begun(self) -> tuple[str, ...]:
        """Steps that were never begun.

        Examples
        --------
        >>> SagaResult(False, (StepFate("pay", "failed", 1), StepFate("mail", "never-begun"))).never_begun
        ('mail',)
        """
        return self._with("never-begun")

    @property
    def in_doubt(self) -> tuple[str, ...]:
        """Steps that were begun, and nobody knows whether they were done; those with a compensation were undone.

        Examples
        --------
        >>> SagaResult(False, (StepFate("seat", "undone", 0, 1, in_doubt=True),), (), ("seat",)).in_doubt
        ('seat',)
        """
        return tuple(step.step for step in self.steps if step.in_doubt)

    @property
    def clean(self) -> bool:
        """Whether nobody has to do anything by hand: all is done, or nothing of it is left that could be undone.

        Examples
        --------
        >>> SagaResult(False, (StepFate("seat", "undone", 1, 1), StepFate("pay", "failed", 1))).clean
        True
        >>> SagaResult(False, (StepFate("seat", "needs-person", 1, 3), StepFate("pay", "failed", 1))).clean
        False
        """
        return all(step.fate not in ("needs-person", "in-doubt", "left") for step in self.steps)

    def to_json(self) -> dict[str, Any]:
        """Give all but the values and the error itself, as what :mod:`json` takes.

        Examples
        --------
        >>> report = SagaResult(False, (StepFate("seat", "undone", 1, 1),), ("seat",), ("seat",), "step 'pay': no")
        >>> told = report.to_json()
        >>> told["success"], told["clean"], told["compensated"], told["steps"][0]["fate"]
        (False, True, ['seat'], 'undone')
        """
        steps = [{each.name: _plain(getattr(step, each.name)) for each in fields(step)} for step in self.steps]
        lists = {
            name: list(getattr(self, name))
            for name in ("completed", "compensated", "kept", "left", "never_begun", "in_doubt")
        }
        lists["failed_compensations"] = [step.step for step in self.failed_compensations]
        return {"success": self.success, "clean": self.clean, "cause": self.cause, **lists, "steps": steps}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> SagaResult:
        """Make a report of what :meth:`to_json` gave; the error and the values stayed behind.

        Examples
        --------
        >>> report = SagaResult(False, (StepFate("seat", "undone", 1, 1),), ("seat",), ("seat",), "step 'pay': no")
        >>> SagaResult.from_json(report.to_json()) == report
        True
        """
        steps = tuple(StepFate(**{**step, "despite": tuple(step["despite"])}) for step in found["steps"])
        completed, compensated = (tuple(found[name]) for name in ("completed", "compensated"))
        return cls(bool(found["success"]), steps, completed, compensated, str(found["cause"]))

    def __str__(self) -> str:
        if self.success:
            return f"done: {_names(self.completed)}"
        return "\n".join([f"failed at {self.cause}" if self.cause else "not finished", *self.lines()])

    def lines(self) -> list[str]:
        """Say what is still true of the world, a line for each kind.

        Examples
        --------
        >>> seat = StepFate("seat", "needs-person", 1, 3, undo_error="OSError: no line")
        >>> for line in SagaResult(False, (seat, StepFate("mail", "never-begun")), ("seat",)).lines():
        ...     print(line)
        needs a person: seat (tried 3 times: OSError: no line)
        never begun: mail
        """
        said = {
            "done": _names(self._with("done")),
            "undone": _names(self.compensated),
            "needs a person": "; ".join(map(_needs, self.failed_compensations)),
            "undone although what used it was not": _names(map(_despite, self._undone_despite())),
            "still to be undone": _names(self.left),
            "in doubt, and nothing undoes it": _names(self._with("in-doubt")),
            "still done, and nothing undoes it": _names(self.kept),
            "never begun": _names(self.never_begun),
        }
        return [f"{what}: {names}" for what, names in said.items() if names]

    def __reduce__(self) -> tuple[Any, ...]:
        given = [getattr(self, each.name) for each in fields(self)]
        *plain, error, values = given
        kept = {name: value for name, value in values.items() if _pickles(value)}
        if error is not None and not _pickles(error):
            name = type(error).__name__
            error = NodeFailed(f"{name}: {error}; the error itself does not pickle", ename=name, evalue=str(error))
        return type(self), (*plain, error, kept)

    def _undone_despite(self) -> list[StepFate]:
        return [step for step in self.steps if step.fate == "undone" and step.despite]

    def _with(self, fate: Fate) -> tuple[str, ...]:
        return tuple(step.step for step in self.steps if step.fate == fate)


def result_of(saga: Saga, error: BaseException | None, values: Mapping[str, Any]) -> SagaResult:
    """Make the report of a saga as it is now."""
    ok = not saga.compensating and len(saga.done) == len(saga.steps)
    steps = tuple(_fate(name, of, saga.compensating) for name, of in saga.steps.items())
    known = {name: values[name] for name in saga.done if name in values and not isinstance(values[name], Unknown)}
    return SagaResult(ok, steps, tuple(saga.done), tuple(saga.undone), "" if ok else _cause(saga), error, known)


def _fate(name: str, of: Progress, compensating: bool) -> StepFate:
    if of.state in _FATES:
        fate = _FATES[of.state]
    elif not compensating:
        fate = "done"
    elif of.part.undo:
        fate = "left"
    else:
        fate = "in-doubt" if of.in_doubt else "kept"
    errors = str(of.error or ""), str(of.undo_error or "")
    doubt = of.in_doubt or of.state == "running"
    return StepFate(name, fate, of.attempts, of.undo_attempts, *errors, doubt, of.despite)


def _cause(saga: Saga) -> str:
    if saga.cause is None:
        return ""
    step = f"step {saga.cause.step!r}" if saga.cause.step else "no step"
    return f"{step}: {saga.cause.error or 'it was begun and never ended'}"


def _despite(step: StepFate) -> str:
    return f"{step.step} (used by {_names(step.despite)})"


def _needs(step: StepFate) -> str:
    times = "once" if step.undo_attempts == 1 else f"{step.undo_attempts} times"
    return f"{step.step} (tried {times}: {step.undo_error})"


def _names(names: Iterable[str]) -> str:
    shown = list(names)
    more = len(shown) - _MOST_NAMES
    return ", ".join(shown[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _pickles(value: object) -> bool:
    """Whether a value comes through; whatever its own code raises, it does not."""
    import pickle

    try:
        pickle.loads(pickle.dumps(value))
    except Exception:
        return False
    return True
