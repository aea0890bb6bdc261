"""Stopping a body that runs in another thread: an exception that hits it, and nothing else, at its next bytecode.

CPython can make a thread raise (``PyThreadState_SetAsyncExc``): the exception comes up where the interpreter looks for
such things, at the start of a function, after a call into C, and when a loop turns. :class:`Stopped` is a
``KeyboardInterrupt``, so that ``except Exception`` lets it pass, and code that cleans up after the interrupt button
cleans up after it too: ``with`` and ``finally`` blocks of the body unwind, and locks that they hold are released. A
body that took a lock by hand, with no ``finally``, leaves it locked, as it would for the interrupt button.

Each body has a *cell*, a C integer: the thread's identity while the body runs, 0 before and after. A poke reads the
cell and sets the exception in one call into C, which keeps the interpreter's lock; the worker empties the cell in the
first instruction after the body, and when it was asked to stop, lets what was set come up right there. So:

* what was set before the cell was emptied hits the body or is caught behind it, and afterwards nothing can be set: a
  cell that a poke may be on its way to is not used again. Code of ours, and the next body in the thread, are out of
  reach;
* the worker takes no lock, and a body that nobody stops costs a few assignments.

A body may swallow the exception, or lose it in C code that had called back into Python. So it is asked again
(:mod:`.poker`) until it is over. While a ``Stopped`` that has hit is still alive, its body is most likely on its way
out through clean-up code, and is left in peace for a second: whoever is hit empties the cell before anything else, and
has a new one afterwards, so that a poke which was on its way finds nobody. What sits in C code (``time.sleep``, a
product of matrices) is hit when that returns.

A thread that is seen at a place where it must not be hit (:mod:`.thread_exceptions`) is hit a little later. It may
have got there between the look and the poke: a thread that it was starting is hit in its place, before it could say
that it has begun, and the one that waits to hear so would wait for ever. After some seconds it is told.

On other interpreters, and where CPython runs without its global lock, nothing is stopped and all else is the same.

Rejected: a lock around (current body, asked): the exception may come up between taking and releasing it (from Python
3.14 on even at the door of a ``with``), and a lock that stays locked hangs the run; a trace function (code becomes
twenty times slower); a signal (only the main thread gets those).
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Container
from time import monotonic
from typing import TypeVar
from weakref import ref

from orchestra_nb.running import replies
from orchestra_nb.running.poker import FIRST, LATER, Poker
from orchestra_nb.running.seams import Reply, Task
from orchestra_nb.running.thread_exceptions import delicate, new_cell, starting, throw

T = TypeVar("T")
_TRIES = 10
"""To find a body that starts one thread after another elsewhere, in a row."""
_STILLBORN = 2.0
"""Seconds after which a thread that has not begun was hit before it could."""
_TWICE = (1, 2)
"""A loop over it turns once, and that is where an exception comes up."""


class Stopped(KeyboardInterrupt):
    """Raised within a body that was asked to stop, wherever it was."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        door = _door()
        if door is not None:
            door.land(self)


class AllBut:
    """Every ticket but some.

    Examples
    --------
    >>> 1 in AllBut({2}), 2 in AllBut({2})
    (True, False)
    """

    def __init__(self, given_up: Container[int]) -> None:
        self._given_up = given_up

    def __contains__(self, ticket: object) -> bool:
        return ticket not in self._given_up


class Gate:
    """Lets bodies run in the thread that made it, one after another, each of which can be stopped from outside.

    Examples
    --------
    >>> gate = Gate()
    >>> gate.perform(1, lambda: Reply("done", value=gate.stop(2))).status
    'done'
    >>> gate.perform(2, lambda: Reply("done", value=gate.stop(2))).status
    'cancelled'
    """

    def __init__(self) -> None:
        self.door = _Door(threading.get_ident())
        _here.gate = self

    @classmethod
    def of_this_thread(cls) -> Gate | None:
        """Make one, unless this thread is in a body of another gate, by which it can be stopped already."""
        return None if _door() is not None else cls()

    def leave(self) -> None:
        """Give the thread back: nothing is performed in it any more."""
        if getattr(_here, "gate", None) is self:
            del _here.gate

    def perform(self, ticket: int, task: Task, wanted: Container[int] | None = None) -> Reply:
        """Call a task as :func:`.replies.perform` does; only in the gate's own thread, and not within a task of it.

        Parameters
        ----------
        ticket
            Its name for :meth:`stop`, which no other task of this gate has.
        task
            What to call.
        wanted
            The tickets that are still to be answered, if a ticket can be taken off before its task begins. It is asked
            when :meth:`stop` can reach the task already, so that no stop is lost between a queue and the gate.

        Returns
        -------
        Reply
            Exactly one, also when the task was stopped: ``"cancelled"``, unless the task made another of that.
        """
        door = self.door
        door.task, door.wanted = task, wanted
        door.ticket = ticket
        try:
            try:
                return replies.perform(door.body)
            finally:
                door.ticket = door.task = door.wanted = None
                if door.asked is not None:
                    self._renew()
        except Stopped:  # under a tracer: its own code is Python, and may be hit between any two instructions
            door.ticket = None
            self._renew()
            return replies.cancelled("interrupted")

    def stop(self, ticket: int) -> None:
        """Ask the task to stop, from any thread; returns at once, and is harmless when it is over or never was.

        A task that has not begun need not notice: that is what ``wanted`` is for.
        """
        door = self.door
        if door.asked == ticket:
            return
        door.asked = ticket  # before the look: whoever passes after the look finds this, and the door is not used again
        if door.ticket == ticket:
            _POKER.watch(door)
            door.poke()

    def _renew(self) -> None:
        """Close a door for good that a poke may still be on its way to."""
        self.door.close()
        self.door.over = True
        self.door = _Door(self.door.ident)


def shelter() -> None:
    """From here on, nothing of this thread's task can be stopped but what :func:`exposed` calls."""
    door = _door()
    if door is not None:
        door.close()


def exposed(fn: Callable[[], T]) -> T:
    """Call the part of a sheltered task that can be stopped; outside of a gate, just call it.

    Raises
    ------
    Stopped
        The task was asked to stop, before or within the call; nothing comes up after it.
    """
    door = _door()
    return fn() if door is None or door.ticket is None else door.expose(fn)


class _Door:
    """Where bodies pass that nobody stops, and after them the first one that somebody does."""

    __slots__ = ("asked", "awaited", "cell", "ident", "landed", "over", "task", "ticket", "wanted")

    def __init__(self, ident: int) -> None:
        self.ident = ident
        self.cell = new_cell()
        self.ticket: int | None = None
        self.task: Task | None = None
        self.wanted: Container[int] | None = None
        self.asked: int | None = None
        """The ticket that was asked to stop; anything here is the end of this door."""
        self.over = False
        self.landed: tuple[ref[Stopped], float] | None = None
        """The last ``Stopped`` that came up, and when."""
        self.awaited: tuple[threading.Thread, float] | None = None
        """The thread that the body was seen starting, and since when."""

    def body(self) -> Reply:
        if self.wanted is not None and self.ticket not in self.wanted:
            return replies.cancelled("it was stopped before it began")
        assert self.task is not None
        return self.expose(self.task)

    def expose(self, fn: Callable[[], T]) -> T:
        try:
            self.cell.value = self.ident
            if self.asked is not None and self.asked == self.ticket:
                raise Stopped
            return fn()
        finally:
            self.cell.value = 0
            if self.asked is not None:  # not a function: what is pending would come up where it begins
                try:
                    for _ in _TWICE:
                        pass
                except Stopped:
                    pass

    def close(self) -> None:
        """Let nothing come up from here on, after what is pending."""
        self.cell.value = 0
        if self.asked is not None:
            for _ in _TWICE:
                pass

    def land(self, stopped: Stopped) -> None:
        """Let nothing else come up for a while: called where an exception has come up, before anybody catches it."""
        runs = self.cell.value
        self.cell.value = 0
        try:
            for _ in _TWICE:
                pass
        except Stopped:
            pass
        self.landed = (ref(stopped), monotonic())
        if runs:
            fresh = new_cell()
            fresh.value = runs
            self.cell = fresh

    def poke(self) -> bool:
        """Make the body raise, if it runs; says whether it was at a place where it must not be hit.

        It is left in peace while it is likely to be unwinding.
        """
        cell = self.cell  # before the look: one that lands from here on puts 0 there
        landed = self.landed
        if landed is None or landed[0]() is None or monotonic() >= landed[1] + LATER:
            if delicate(sys._current_frames().get(self.ident)):
                return True
            throw(cell, Stopped)
        return False

    def ask(self) -> None:
        """Poke; where the body must not be hit, wait until it is elsewhere, for a while."""
        for _ in range(_TRIES):
            if not self.poke():
                break
            newborn = starting(sys._current_frames().get(self.ident))
            if newborn is None:
                break
            self._await(newborn)

    def _await(self, newborn: threading.Thread) -> None:
        """Wait a moment for a thread to begin; one that has not for long never will, and nobody need wait for it."""
        if self.awaited is None or self.awaited[0] is not newborn:
            self.awaited = (newborn, monotonic())
        begun: threading.Event | None = getattr(newborn, "_started", None)
        if begun is None:
            return
        if newborn.ident is None and monotonic() >= self.awaited[1] + _STILLBORN:
            begun.set()
        begun.wait(FIRST)  # not a sleep, which would end at the same place in the life of the next one


def _door() -> _Door | None:
    """The door of this thread's gate, if it has one."""
    gate: Gate | None = getattr(_here, "gate", None)
    return None if gate is None else gate.door


_here = threading.local()
_POKER = Poker()
