"""The saga machine: facts in, decisions out. No clock, no threads, no files; chance is passed in.

A saga (Garcia-Molina and Salem, "Sagas", SIGMOD 1987) is a long piece of work made of steps that each commit by
themselves. When it fails for good, what was committed is compensated: each step may declare an *undo*, which brings
the world to where it makes no difference that the step ever happened. This is their backward recovery, for steps in any
partial order instead of a list.

**Facts.** All that happens is a :class:`Fact`, and the state is what follows from the facts so far. A live saga and one
that is read from a journal run through the same :meth:`Saga.note`, so a crash cannot lead to a state that only a crash
leads to. A fact that cannot follow from those before it is a :class:`~orchestra_nb.errors.CheckpointError`.

**Forward.** A step may begin when every step that it uses is done. :meth:`Saga.decide` names them one at a time, in the
order of definition where the steps leave a choice; whoever runs them in parallel (a DAG run) notes facts as they come,
and asks only about the way back. A step that failed is begun again as its policy says. A failed step had no effect:
that is what failing means here, so it is not undone.

**Backward.** One step at a time, the latest first: by when it was *done*, not by when it was defined. Before a step is
undone, everything that used it has been undone, or has nothing to undo, or could not be undone. In the last case the
step is undone all the same: going on past a failure is the contract, since a held seat is no better for it that the
money could not be given back. But who repairs by hand must know, so the step's record names those in ``despite``.

**In doubt.** A step that was begun and has no end when compensation begins (the process died, or an interrupt came) may
or may not have had its effect. It counts as the latest of all and its undo runs. Nobody knows its result.

**Promise.** A compensation is begun at least once for each step that was done or is in doubt and declares one, and
never again after it succeeded. It may be begun more than once: after a failure, and after a crash, when nobody can say
whether it came to its end. So *compensations must be idempotent, and harmless where the step never happened*. One that
has failed as often as its policy allows needs a person, is never tried again, and does not hold up the rest.

**Interrupts** are not facts. A compensation that was begun and has no end is begun again, as the same attempt: being
interrupted uses up none of them, else a step could be given up without ever having been refused.

**Rests** are not facts either: a saga that goes on after a crash rests anew, which is too long and never too short.

Rejected:

* Compensations in parallel. What they undo often shares an account, a table, a file; one after another is the only
  order that can be explained to somebody who has to go on by hand. While one rests before another attempt, so do all.
* Stopping at the first compensation that fails: it leaves more to a person than was necessary.
* Undoing failed steps, too: a step that can fail halfway is two steps.
* Forward recovery of steps in doubt (running them again): nobody said that *actions* are idempotent.
* One list of states that is overwritten, in place of facts: what is only added cannot be half-changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from orchestra_nb.errors import CheckpointError, nearest
from orchestra_nb.recovery.matching import matches
from orchestra_nb.recovery.saga_facts import (
    Compensate,
    Decision,
    Fact,
    Failure,
    Finished,
    Kind,
    Part,
    Rest,
    Run,
    State,
    Undo,
    check_parts,
)


@dataclass(slots=True)
class Progress:
    """How far one step is; written by :meth:`Saga.note` alone.

    Parameters
    ----------
    attempts, undo_attempts
        How many have ended, well or badly.
    in_doubt
        Whether nobody knows if its action had its effect; it stays so when it has been undone.
    despite
        Steps that used it and could not be undone before it was.
    """

    part: Part
    state: State = "waiting"
    attempts: int = 0
    error: Failure | None = None
    value: str | None = None
    in_doubt: bool = False
    undo_attempts: int = 0
    undo_error: Failure | None = None
    despite: tuple[str, ...] = ()


_MOVES: dict[Kind, tuple[tuple[State, ...], State]] = {
    "step-begun": (("waiting", "resting"), "running"),
    "step-done": (("running",), "done"),
    "step-failed": (("running",), "resting"),
    "undo-begun": (("done", "in-doubt", "undo-resting", "undoing"), "undoing"),
    "undo-done": (("undoing",), "undone"),
    "undo-failed": (("undoing",), "undo-resting"),
}
"""For each fact of a step: the states in which it can happen, and the one that it leads to, if it is not final."""


class Saga:
    """What has happened to some steps, and what is to be done next.

    Parameters
    ----------
    parts
        The steps. Where they leave a choice, they run in this order.
    facts
        What has happened so far.

    Raises
    ------
    DefinitionError
        Names are given twice, or ``uses`` names what is no step: all of it at once.
    CycleError
        Steps use each other in a circle.
    CheckpointError
        The facts cannot have happened to these steps, in this order.

    Examples
    --------
    >>> saga = Saga([Part("seat"), Part("pay", uses=("seat",)), Part("mail", uses=("pay",), undo=False)])
    >>> for step in ("seat", "pay"):
    ...     saga.note(Fact("step-begun", step)); saga.note(Fact("step-done", step))
    >>> saga.decide()
    Run(step='mail', attempt=1)
    >>> saga.note(Fact("step-begun", "mail"))
    >>> saga.note(saga.failing("mail", Failure("OSError", "no route")))
    >>> saga.decide()
    Compensate()
    >>> saga.note(Fact("compensating", "mail"))
    >>> saga.decide()
    Undo(step='pay', attempt=1)
    >>> saga.note(Fact("undo-begun", "pay")); saga.note(saga.failing("pay", Failure("OSError")))
    >>> saga.decide(chance=1.0)
    Rest(step='pay', attempt=2, seconds=0.25)
    """

    def __init__(self, parts: Iterable[Part], facts: Iterable[Fact] = ()) -> None:
        given = list(parts)
        check_parts(given)
        self.steps = {part.name: Progress(part) for part in given}
        self.done: list[str] = []
        """Steps that were done, in the order in which they were."""
        self.undone: list[str] = []
        """Steps whose compensation succeeded, in the order in which it did."""
        self.cause: Fact | None = None
        """Why the way leads back; ``None``: it does not."""
        self._place = {part.name: place for place, part in enumerate(given)}
        self._users: dict[str, list[str]] = {name: [] for name in self.steps}
        for part in given:
            for used in set(part.uses):
                self._users[used].append(part.name)
        self._waits = {part.name: len(set(part.uses)) for part in given}
        """How many steps each still waits for: forward for those that it uses, and back for those that used it."""
        self._ready = [(self._place[name], name) for name, waits in self._waits.items() if not waits]
        """What may begin, or be undone; a heap."""
        self._busy: dict[str, None] = {}
        """A set in order: what runs or rests; on the way back, the one step that is being undone."""
        self._failed = False
        self._rested = False
        for fact in facts:
            self.note(fact)

    @property
    def compensating(self) -> bool:
        """Whether the way leads back."""
        return self.cause is not None

    def decide(self, chance: float = 0.0) -> Decision:
        """Say what is to be done next; asking changes nothing.

        Parameters
        ----------
        chance
            A draw from 0 to 1, for the jitter of a rest.
        """
        busy = next(iter(self._busy), None)
        if not self.compensating and (self._failed or any(self.steps[name].state == "running" for name in self._busy)):
            return Compensate()
        if busy is not None:
            return self._again(busy, chance)
        if not self._ready:
            return Finished()
        return Undo(self._ready[0][1], 1) if self.compensating else Run(self._ready[0][1], 1)

    def rested(self) -> None:
        """Take note that the rest which was decided on is over; the next fact makes that forgotten."""
        self._rested = True

    def failing(self, step: str, error: Failure, kinds: Collection[str] = ()) -> Fact:
        """Make the fact that the attempt under way has failed, which says whether it was the last; changes nothing.

        Parameters
        ----------
        step
            The step whose action or compensation raised.
        error
            What it raised.
        kinds
            Names of the exception's class and its bases, for ``RetryPolicy.on``; that of ``error`` is one of them.
        """
        of, names = self.steps[step], {error.ename, *kinds}
        policy = of.part.compensation_retry if self.compensating else of.part.retry
        attempt = 1 + (of.undo_attempts if self.compensating else of.attempts)
        worth = matches(names, policy.on)
        final = attempt >= policy.attempts or not worth
        return Fact("undo-failed" if self.compensating else "step-failed", step, attempt, error, final)

    def note(self, fact: Fact) -> None:
        """Take note of what happened.

        Raises
        ------
        CheckpointError
            It cannot have happened; nothing has changed.
        """
        if fact.kind == "compensating":
            if self.compensating:
                raise CheckpointError("the saga is compensating already, and cannot begin to")
            self._turn(fact)
            return
        of = self._concerned(fact)
        self._rested = False
        of.state = _MOVES[fact.kind][1]
        if fact.kind in ("step-begun", "undo-begun"):
            self._begun(fact.step)
        elif fact.kind in ("undo-done", "undo-failed"):
            self._undo_ended(fact, of)
        else:
            self._step_ended(fact, of)

    def _again(self, name: str, chance: float) -> Decision:
        """Rest before another attempt, or begin it; one that was interrupted needs no rest."""
        of = self.steps[name]
        attempt, policy = of.attempts + 1, of.part.retry
        if self.compensating:
            attempt, policy = of.undo_attempts + 1, of.part.compensation_retry
        if of.state in ("resting", "undo-resting") and not self._rested:
            return Rest(name, attempt, policy.delay(attempt - 1, chance))
        return Undo(name, attempt) if self.compensating else Run(name, attempt)

    def _concerned(self, fact: Fact) -> Progress:
        """Find the step of a fact, which must be able to happen to it now."""
        of = self.steps.get(fact.step)
        if of is None:
            raise CheckpointError(f"{fact.kind!r} of {fact.step!r}, which is no step; {nearest(fact.step, self.steps)}")
        back = fact.kind.startswith("undo")
        possible = back == self.compensating and of.state in _MOVES[fact.kind][0]
        if possible and fact.kind == "step-begun":
            possible = not self._waits[fact.step]
        if possible and fact.kind == "undo-begun":
            possible = fact.step == next(iter(self._busy), self._ready[0][1] if self._ready else None)
        if not possible or fact.attempt != 1 + (of.undo_attempts if back else of.attempts):
            way = "compensating" if self.compensating else "going forward"
            raise CheckpointError(
                f"attempt {fact.attempt} of step {fact.step!r} cannot be {fact.kind!r}: the step is {of.state!r} after "
                f"{of.attempts} and {of.undo_attempts} attempts, and the saga is {way}"
            )
        return of

    def _begun(self, name: str) -> None:
        again = name in self._busy
        self._busy.pop(name, None)
        self._busy[name] = None  # what was begun last is last
        if again:
            return
        if self._ready[0][1] == name:
            heappop(self._ready)
        else:  # steps that run in parallel begin as they like
            self._ready.remove((self._place[name], name))
            heapify(self._ready)

    def _step_ended(self, fact: Fact, of: Progress) -> None:
        of.attempts += 1
        of.error = fact.error
        if fact.kind == "step-failed" and not fact.final:
            return
        del self._busy[fact.step]
        if fact.kind == "step-failed":
            of.state = "failed"
            self._failed = True
            return
        of.value = fact.value
        self.done.append(fact.step)
        for user in self._users[fact.step]:
            self._waits[user] -= 1
            if not self._waits[user]:
                heappush(self._ready, (self._place[user], user))

    def _turn(self, fact: Fact) -> None:
        """Find the way back: what was done or is in doubt, in the order that the facts give."""
        doubtful = [name for name in self._busy if self.steps[name].state == "running"]
        for name in self._busy:
            self.steps[name].state = "failed"
        for name in doubtful:
            self.steps[name].state, self.steps[name].in_doubt = "in-doubt", True
        self._place = {name: -place for place, name in enumerate([*self.done, *doubtful])}
        self._waits = {name: sum(user in self._place for user in self._users[name]) for name in self._place}
        self._busy, self._ready, self._rested = {}, [], False
        self.cause = fact
        self._allow([name for name, users in self._waits.items() if not users])

    def _undo_ended(self, fact: Fact, of: Progress) -> None:
        of.undo_attempts += 1
        of.undo_error = fact.error
        if fact.kind == "undo-failed" and not fact.final:
            return
        if fact.kind == "undo-failed":
            of.state = "needs-person"
        else:
            self.undone.append(fact.step)
        del self._busy[fact.step]
        self._allow(self._settled(fact.step))

    def _allow(self, names: list[str]) -> None:
        """Nothing that used these is left to be undone. Not by recursion: a chain may be long."""
        while names:
            of = self.steps[name := names.pop()]
            of.despite = self._stuck(name)
            if of.part.undo:
                heappush(self._ready, (self._place[name], name))
            else:
                names += self._settled(name)

    def _settled(self, name: str) -> list[str]:
        """Tell the steps that this one used; gives those that wait for no other."""
        used = set(self.steps[name].part.uses)
        for each in used:
            self._waits[each] -= 1
        return [each for each in used if not self._waits[each]]

    def _stuck(self, name: str) -> tuple[str, ...]:
        """Name the steps that used it and could not be undone, by themselves or through what has nothing to undo."""
        found: dict[str, None] = {}
        for user in self._users[name]:
            of = self.steps[user]
            if of.state == "needs-person":
                found[user] = None
            elif not of.part.undo:
                found.update(dict.fromkeys(of.despite))
        return tuple(found)
