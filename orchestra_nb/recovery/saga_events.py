"""What happens to a saga, as frozen facts: published after each is on the disk, if there is a journal.

``at`` is in seconds since the saga began, or went on; of the way back of a run, since the run began.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from orchestra_nb.events import Event


@dataclass(frozen=True, slots=True)
class SagaStarted(Event):
    """It begins, or goes on after a crash; ``left`` steps were not done yet."""

    name: ClassVar[str] = "recovery:saga-started"
    total: int
    left: int
    resumed: bool


@dataclass(frozen=True, slots=True)
class StepEvent(Event):
    """Something about one step, in its attempt of that number."""

    step: str
    attempt: int


@dataclass(frozen=True, slots=True)
class StepDone(StepEvent):
    """An action has succeeded, and will be undone if the saga fails."""

    name: ClassVar[str] = "recovery:step-done"


@dataclass(frozen=True, slots=True)
class UndoStarted(StepEvent):
    """A compensation begins."""

    name: ClassVar[str] = "recovery:undo-started"


@dataclass(frozen=True, slots=True)
class Undone(StepEvent):
    """A compensation has succeeded."""

    name: ClassVar[str] = "recovery:undone"


@dataclass(frozen=True, slots=True)
class UndoFailed(StepEvent):
    """A compensation has failed; ``final``: it is not tried again, and needs a person."""

    name: ClassVar[str] = "recovery:undo-failed"
    reason: str
    final: bool


@dataclass(frozen=True, slots=True)
class SagaEnded(Event):
    """Nothing is left to do; ``needs_person`` names the steps that could not be undone."""

    name: ClassVar[str] = "recovery:saga-ended"
    success: bool
    undone: tuple[str, ...]
    needs_person: tuple[str, ...]
