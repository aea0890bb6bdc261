"""What a saga is told and what it says: steps, facts and decisions, frozen; how they work together is :mod:`.saga`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from orchestra_nb.config import RetryPolicy
from orchestra_nb.errors import CycleError, DefinitionError, Issue, nearest

Kind = Literal["step-begun", "step-done", "step-failed", "compensating", "undo-begun", "undo-done", "undo-failed"]
State = Literal[
    "waiting", "running", "resting", "done", "failed", "in-doubt", "undoing", "undo-resting", "undone", "needs-person"
]
ONCE = RetryPolicy()
THRICE = RetryPolicy(attempts=3)
"""How often a compensation is tried when nothing is said: it has to succeed, and nobody waits for it."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception as a journal can keep it: the name of its class, and its text."""

    ename: str
    evalue: str = ""

    def __str__(self) -> str:
        return f"{self.ename}: {self.evalue}" if self.evalue else self.ename


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened to a saga.

    Parameters
    ----------
    kind
        What happened. ``"compensating"``: from now on the way leads back; ``step`` and ``error`` say why, if anybody
        knows.
    step
        The step concerned.
    attempt
        Which attempt, from 1.
    error
        What a failed attempt raised.
    final
        Of a failed attempt: whether there will be no other.
    value
        Of a step that is done: its result as JSON text, or ``None`` when JSON cannot hold it.
    """

    kind: Kind
    step: str = ""
    attempt: int = 1
    error: Failure | None = None
    final: bool = False
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What the machine knows about a step.

    Parameters
    ----------
    name
        Unique in its saga.
    uses
        Names of the steps that must be done before; this one is undone before them.
    undo
        Whether it declares a compensation.
    retry, compensation_retry
        How often its action and its compensation are begun, and the rests between.
    """

    name: str
    uses: tuple[str, ...] = ()
    undo: bool = True
    retry: RetryPolicy = ONCE
    compensation_retry: RetryPolicy = THRICE


@dataclass(frozen=True, slots=True)
class Run:
    """Begin a step now."""

    step: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Undo:
    """Begin the compensation of a step now."""

    step: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Rest:
    """Let ``seconds`` pass, say :meth:`Saga.rested`, and ask again; ``attempt`` is the one to come."""

    step: str
    attempt: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Compensate:
    """Something failed for good, or has no end: note that the way leads back."""


@dataclass(frozen=True, slots=True)
class Finished:
    """There is nothing left to do."""


Decision = Run | Undo | Rest | Compensate | Finished


def check_parts(parts: Collection[Part]) -> None:
    """See that steps form a partial order.

    Raises
    ------
    DefinitionError
        A name is given twice, or ``uses`` names what is no step: all of it at once.
    CycleError
        Steps use each other in a circle.

    Examples
    --------
    >>> check_parts([Part("seat"), Part("pay", uses=("saet",))])
    Traceback (most recent call last):
    orchestra_nb.errors.DefinitionError: step 'pay': it comes after 'saet', which is no step; did you mean 'seat'?
    """
    known, issues = Counter(part.name for part in parts), []
    for name in sorted(name for name, times in known.items() if times > 1):
        found = f"{known[name]} steps have this name"
        issues.append(Issue("duplicate-step", found, (name,), f"step {name!r}", "give each a name of its own"))
    for part in parts:
        for used in part.uses:
            if used not in known:
                found, hint = f"it comes after {used!r}, which is no step", nearest(used, set(known) - {part.name})
                issues.append(Issue("unknown-step", found, (part.name,), f"step {part.name!r}", hint))
    if issues:
        raise DefinitionError(issues)
    _check_circles(parts)


def _check_circles(parts: Iterable[Part]) -> None:
    import graphlib

    try:
        graphlib.TopologicalSorter({part.name: part.uses for part in parts}).prepare()
    except graphlib.CycleError as error:
        raise CycleError(error.args[1]) from None
