"""The way back of a saga whose steps somebody else has run: a DAG run tells what was done, and this undoes it.

The machine, the journal, the report and the events are those of every saga (:mod:`.saga`); only the way forward is
missing. The journal appears on the disk in one step, with all that was done and the fact that the way leads back: so
either it is whole, or nothing has been undone. From then on it is added to before and after each compensation, and
whoever finds it later (:func:`unfinished`) goes on with it.

A journal says by itself which steps it has: it can be found by a process that knows nothing of the run but its graph.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestra_nb.errors import CheckpointError
from orchestra_nb.recovery.saga_facts import Fact, Part
from orchestra_nb.recovery.saga_journal import Journal, Memory, begin_journal, open_journal
from orchestra_nb.recovery.saga_lines import damaged, head_from_json, split_lines
from orchestra_nb.recovery.saga_result import SagaResult
from orchestra_nb.recovery.saga_running import Before, RunningSaga, Surroundings
from orchestra_nb.recovery.sagas import SagaStep, in_thread

Compensation = Callable[[Mapping[str, Any], Any], Any]


@dataclass(frozen=True, slots=True)
class Done:
    """What was done, and that the way leads back.

    Parameters
    ----------
    parts
        The steps, each after those that it uses.
    facts
        How they went, and why the way leads back.
    """

    parts: tuple[Part, ...]
    facts: tuple[Fact, ...]

    @property
    def anything(self) -> bool:
        """Whether there is anything to undo."""
        return any(part.undo for part in self.parts)


class Compensating:
    """The way back.

    Parameters
    ----------
    parts
        The steps.
    journal
        Has what was done, and receives what is undone.
    compensations
        By step; called with the context and the result.
    known
        The context.
    around, before
        As for every saga.

    Examples
    --------
    >>> done = Done((Part("seat"),), (Fact("step-begun", "seat"), Fact("step-done", "seat"), Fact("compensating")))
    >>> free = {"seat": lambda context, seat: print("free again:", seat)}
    >>> print(Compensating(done.parts, remembered(done), free, {}, Surroundings(), Before({"seat": 7})).run())
    free again: 7
    failed at no step: it was begun and never ended
    undone: seat
    """

    def __init__(
        self,
        parts: Iterable[Part],
        journal: Journal | Memory,
        compensations: Mapping[str, Compensation],
        known: Mapping[str, Any],
        around: Surroundings,
        before: Before,
    ) -> None:
        self._around = around
        given = list(parts)
        steps = {part.name: SagaStep(part.name, _never, compensations.get(part.name)) for part in given}
        try:
            self._saga = RunningSaga(steps, given, journal, known, around, before)
        except BaseException:
            journal.close()
            raise

    def run(self) -> SagaResult:
        """Undo what is to be undone, in this thread.

        Raises
        ------
        CheckpointError
            The journal cannot be written; nothing more is begun.
        BaseException
            What interrupted a compensation; :meth:`report` says what is left.
        """
        return in_thread(self._saga, False, self._around)

    def report(self) -> SagaResult:
        """Report on it as it is now."""
        return self._saga.report()


def remembered(done: Done, hint: str = "") -> Memory:
    """Keep it in memory only; ``hint`` says how to go on after an interrupt."""
    memory = Memory(hint) if hint else Memory()
    for fact in done.facts:
        memory.append(fact)
    return memory


def written(path: str | os.PathLike[str], done: Done, around: Surroundings) -> Journal:
    """Keep it in a new journal.

    Raises
    ------
    CheckpointError
        It cannot be made, or there is one; nothing was undone.
    """
    return begin_journal(path, done.parts, {}, around.files, done.facts)


def unfinished(path: str | os.PathLike[str], around: Surroundings) -> Journal | None:
    """Open the journal at a path, with the steps that it says; ``None`` when there is none.

    Whether everything in it has been undone is for its saga to say.

    Raises
    ------
    CheckpointError
        It is damaged, in use, or cannot be read.
    """
    return open_journal(path, None, around.files) if os.path.lexists(path) else None


def undoable_in(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Name the steps of a journal that declare an undo; empty when there is none. Nobody is kept from it.

    Raises
    ------
    CheckpointError
        It is damaged, or cannot be read.
    """
    try:
        with open(path, "rb") as file:
            head = split_lines(file.read(), str(path)).found[0][0]
        return tuple(part.name for part in head_from_json(head)[0] if part.undo)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise CheckpointError(f"journal {path} cannot be read: {error.strerror or error}; see that it can") from error
    except ValueError as error:
        raise damaged(str(path), 1, str(error)) from None


def _never(context: Mapping[str, Any]) -> Any:
    raise CheckpointError("a journal of what is to be undone has a step that is still to be done")
