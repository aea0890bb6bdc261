"""Tasks in threads of a joblib backend, and the desk that answers each task exactly once.

The pool is sent one *loop* per worker, fed from a queue: the workers are joblib's, and a tiny task costs one hand-over
where a task of its own would pass three of the pool's threads. A worker that submits a task while it answers for its
last one keeps it for itself, and so saves even that: on a chain no thread ever waits for another. It keeps one only,
the first, which is the most urgent; whoever makes it do more before it can begin calls :meth:`ThreadExecutor.pass_on`.
Order: tasks start in the order of submission, but for those that are kept. Failure:
a task's end is a reply, whatever happened. A thread can be asked to stop (:mod:`.stopping`); it does so at its next
bytecode, and not while it is in C code. ``abort`` answers for what it is doing all the same, and what it says later is
dropped. Rejected: ``concurrent.futures`` (a condition variable per task).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from queue import SimpleQueue
from threading import get_ident
from typing import TYPE_CHECKING, Any

from orchestra_nb.running import replies
from orchestra_nb.running.seams import Reply, Stop, Task
from orchestra_nb.running.stopping import Gate

if TYPE_CHECKING:
    from orchestra_nb.running.joblib_seam import Pool

OnDone = Callable[[Reply], None]
_Order = tuple[int, Task]


def unstoppable() -> None:
    """Stop nothing: for tasks that only end with their pool."""


class Desk:
    """Outstanding tasks by ticket. Whoever takes a ticket off the desk answers for it; nobody can take it twice."""

    def __init__(self) -> None:
        self._tickets = itertools.count()
        self._open: dict[int, OnDone] = {}

    def __contains__(self, ticket: object) -> bool:
        return ticket in self._open

    def __len__(self) -> int:
        return len(self._open)

    def tickets(self) -> tuple[int, ...]:
        """Name the tasks that are open."""
        return tuple(self._open)

    def add(self, on_done: OnDone) -> int:
        """Register a task; returns its ticket."""
        ticket = next(self._tickets)
        self._open[ticket] = on_done
        return ticket

    def settle(self, ticket: int, reply: Reply) -> bool:
        """Answer for a task, unless that has been done; says which."""
        on_done = self._open.pop(ticket, None)  # one atomic step: this is what makes an answer the only one
        if on_done is None:
            return False
        on_done(reply)
        return True

    def settle_all(self, reply: Reply) -> None:
        """Answer for every task that is open."""
        for ticket in list(self._open):
            self.settle(ticket, reply)


class ThreadExecutor:
    """Runs tasks in the threads of a joblib backend that shares this process's memory.

    Parameters
    ----------
    pool
        Its backend; opened at the first task.
    settings
        Makes the context manager within which tasks run, such as the user's ``parallel_config``.
    """

    def __init__(self, pool: Pool, settings: Callable[[], AbstractContextManager[Any]]) -> None:
        self.capacity = pool.jobs
        self._pool = pool
        self._settings = settings
        self._desk = Desk()
        self._queue: SimpleQueue[_Order | None] = SimpleQueue()
        self._kept: dict[int, _Order | None] = {}
        """By worker that answers for a task just now: what it does next, if it knows that already."""
        self._gates: list[Gate] = []
        self._unwanted: set[int] = set()
        self._loops = 0

    def submit(self, task: Task, on_done: OnDone) -> Stop:
        """Start a task in a worker thread, or queue it when all are busy."""
        ticket = self._desk.add(on_done)
        if self._loops < self.capacity:
            self._loops += 1
            self._pool.send(self._loop, _ended)
        ident = get_ident()
        if self._kept.get(ident, self) is None:
            self._kept[ident] = (ticket, task)
        else:
            self._queue.put((ticket, task))
        return partial(self._stop, ticket)

    def pass_on(self) -> None:
        """Leave to others what this thread has kept for itself, as it has something else to do first."""
        ident = get_ident()
        order = self._kept.get(ident)
        if order is not None:
            self._kept[ident] = None
            self._queue.put(order)

    def __contains__(self, ticket: object) -> bool:
        """Whether anybody still wants a task's result."""
        return ticket in self._desk and ticket not in self._unwanted

    def _stop(self, ticket: int) -> None:
        self._unwanted.add(ticket)  # first, for a worker that is just taking it
        for gate in tuple(self._gates):
            gate.stop(ticket)

    def _loop(self) -> None:
        """Serve the queue, in one of the pool's threads."""
        gate, desk, queue, kept, ident = Gate(), self._desk, self._queue, self._kept, get_ident()
        self._gates.append(gate)
        order: _Order | None = None
        try:
            with self._settings():
                while (order := order or queue.get()) is not None:
                    ticket, task = order
                    if ticket in desk:
                        reply = gate.perform(ticket, task, self)
                        del order, task  # neither an idle worker nor who waits for its answer keeps its data alive
                        kept[ident] = None
                        try:
                            desk.settle(ticket, reply)
                        finally:
                            order = kept.pop(ident)
                        del reply
                    else:
                        order = None
        finally:
            if order is not None:
                queue.put(order)
            self._gates.remove(gate)

    def abort(self) -> None:
        """Settle everything as cancelled, and ask the threads that are in a body to stop; nothing new starts."""
        open_tickets = self._desk.tickets()
        self._desk.settle_all(replies.cancelled("the run was stopped"))
        for ticket in open_tickets:
            self._stop(ticket)
        self.shutdown()

    def shutdown(self) -> None:
        """Let the idle workers go."""
        for _ in range(self._loops):
            self._queue.put(None)
        self._loops = 0
        self._pool.kill()


def _ended(result: Callable[[], Any]) -> None:
    """Hear that a worker's loop is over; it has answered for its own tasks."""
