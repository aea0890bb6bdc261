"""Tasks in threads of a joblib backend, and the desk that answers each task exactly once.

The pool is sent one *loop* per worker, fed from a queue: the workers are joblib's, and a tiny task costs one hand-over
where a task of its own would pass three of the pool's threads. Order: tasks start in the order of submission. Failure:
a task's end is a reply, whatever happened; a thread cannot be stopped, so ``abort`` answers for what it is doing, and
what it says later is dropped. Rejected: ``concurrent.futures`` (a condition variable per task).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from orchestra_nb.running import replies
from orchestra_nb.running.seams import Reply, Task

if TYPE_CHECKING:
    from orchestra_nb.running.joblib_seam import Pool

OnDone = Callable[[Reply], None]


class Desk:
    """Outstanding tasks by ticket. Whoever takes a ticket off the desk answers for it; nobody can take it twice."""

    def __init__(self) -> None:
        self._tickets = itertools.count()
        self._open: dict[int, OnDone] = {}

    def __contains__(self, ticket: int) -> bool:
        return ticket in self._open

    def __len__(self) -> int:
        return len(self._open)

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
        self._queue: SimpleQueue[tuple[int, Task] | None] = SimpleQueue()
        self._loops = 0

    def submit(self, task: Task, on_done: OnDone) -> None:
        """Start a task in a worker thread, or queue it when all are busy."""
        ticket = self._desk.add(on_done)
        if self._loops < self.capacity:
            self._loops += 1
            self._pool.send(partial(_loop, self._queue, self._desk, self._settings), _ended)
        self._queue.put((ticket, task))

    def abort(self) -> None:
        """Settle everything as cancelled. Threads that are in a body end with it; nothing new starts."""
        self._desk.settle_all(replies.cancelled("the run was stopped"))
        self._dismiss()
        self._pool.kill()

    def shutdown(self) -> None:
        """Let the idle workers go."""
        self._dismiss()
        self._pool.kill()

    def _dismiss(self) -> None:
        for _ in range(self._loops):
            self._queue.put(None)
        self._loops = 0


def _loop(
    queue: SimpleQueue[tuple[int, Task] | None], desk: Desk, settings: Callable[[], AbstractContextManager[Any]]
) -> None:
    with settings():
        while (item := queue.get()) is not None:
            ticket, task = item
            if ticket in desk:
                desk.settle(ticket, replies.perform(task))
            del item, task  # an idle worker must not keep the last task's data alive


def _ended(result: Callable[[], Any]) -> None:
    """Hear that a worker's loop is over; it has answered for its own tasks."""
