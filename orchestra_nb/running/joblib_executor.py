"""Tasks, each sent by itself, on any joblib backend: right for processes and clusters.

One feeder thread owns the pool: it opens it, sends to it, kills it, and hears what landed, all from one queue, so that
no lock is held across joblib's own (reopening loky from one of its callbacks would join the thread that runs it).

Order: at most ``capacity`` tasks are with the pool at a time, so that nothing waits where it cannot be taken back.
Failure: every task is answered exactly once. When a worker process dies, all that was in flight is lost (loky ends the
other workers too), with a reply that says whose worker it was (:mod:`.blame`), and what comes next finds new workers;
a generation number keeps the dead pool's last words from being taken for the new one's. The multiprocessing backend
waits for a dead worker's answer for ever, so its processes are watched. A task that cannot be pickled is ``"refused"``
without having run. The user's interrupt reaches every process of the group, and would kill a worker that is just being
made: its death could be heard before the interrupt, and be its node's failure. So workers do not take it; who stops the
run ends them. Rejected: killing on the caller's time (loky takes a second); one pool per run (loky's is reused).
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from orchestra_nb.running import replies
from orchestra_nb.running.blame import blamed, erase
from orchestra_nb.running.executors import Desk, OnDone, unstoppable
from orchestra_nb.running.files import Files
from orchestra_nb.running.orphans import tied
from orchestra_nb.running.pickling import NotSendable
from orchestra_nb.running.seams import Reply, Stop, Task
from orchestra_nb.running.sending import Packed, pack

if TYPE_CHECKING:
    from orchestra_nb.running.joblib_seam import Pool

Home = Callable[[Callable[[], Any]], Reply]
"""Makes a reply of what gives a task's result."""

_log = logging.getLogger("orchestra_nb.running")
_PATIENCE = 0.5
"""Seconds that a shutdown waits for the pool; an interrupted user is waiting too."""


@dataclass(frozen=True, slots=True)
class _Send:
    ticket: int
    task: Task | Packed


@dataclass(frozen=True, slots=True)
class _Landed:
    generation: int
    broke: bool


@dataclass(frozen=True, slots=True)
class _Bereft:
    generation: int
    dead: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Stop:
    kill: bool
    ends: bool


class JoblibExecutor:
    """Runs each task by itself on a joblib backend.

    Parameters
    ----------
    pool
        The backend; opened at the first task.
    """

    def __init__(self, pool: Pool) -> None:
        self.capacity = pool.jobs
        self._pool = pool
        self._files = Files(pool.memmapping())
        self._desk = Desk()
        self._inbox: SimpleQueue[_Send | _Landed | _Bereft | _Stop] = SimpleQueue()
        self._feeder: threading.Thread | None = None

    def submit(self, task: Task, on_done: OnDone) -> Stop:
        """Start a task in a worker, or keep it until one of ``capacity`` is free."""
        ticket = self._desk.add(on_done)
        try:
            order = task if self._pool.in_threads else pack(task, self._files.least)
        except NotSendable as error:
            self._desk.settle(ticket, Reply("refused", reason=str(error)))
            return unstoppable
        if self._feeder is None:
            feed = _Feeder(self._pool, self._desk, self._inbox, self._files).run
            self._feeder = threading.Thread(target=feed, name="orchestra-feeder", daemon=True)
            self._feeder.start()
        self._inbox.put(_Send(ticket, order))
        return unstoppable

    def abort(self) -> None:
        """Settle everything as cancelled, and end the workers where they can be ended, in the background."""
        self._desk.settle_all(replies.cancelled("the run was stopped"))
        if self._feeder is not None:
            self._pool.condemn()
            self._inbox.put(_Stop(kill=True, ends=False))

    def shutdown(self) -> None:
        """Release the workers; loky keeps them for the next run."""
        feeder, self._feeder = self._feeder, None
        if feeder is not None:
            self._inbox.put(_Stop(kill=False, ends=True))
            feeder.join(timeout=_PATIENCE)
        self._files.close()


class _Feeder:
    """The one thread that touches the pool."""

    def __init__(self, pool: Pool, desk: Desk, inbox: SimpleQueue[Any], files: Files) -> None:
        self._pool = pool
        self._files = files
        self._desk = desk
        self._inbox = inbox
        self._waiting: deque[_Send] = deque()
        self._flying: set[int] = set()
        self._falling = threading.Lock()
        self._fallen: dict[int, tuple[int, tuple[int, ...]]] = {}
        """For each pool that broke: how many tasks it had, and the workers that had ended by themselves."""
        self._generation = 0
        self._broken = False
        self._watch: _Watch | None = None

    def run(self) -> None:
        """Serve the queue until told to end."""
        if not self._pool.in_threads and hasattr(signal, "pthread_sigmask"):
            _spare_children_the_interrupt()
        while True:
            match self._inbox.get():
                case _Send() as order:
                    self._waiting.append(order)
                    del order  # while this thread waits, it must not keep the data of a task alive
                case _Landed(generation=generation, broke=broke):
                    self._hear(generation, broke)
                case _Bereft(generation=generation, dead=dead):
                    self._mourn(generation, dead)
                case _Stop(kill=kill, ends=ends):
                    self._stop(kill)
                    if ends:
                        return
            for ticket in [ticket for ticket in self._flying if ticket not in self._desk]:
                self._flying.discard(ticket)
                erase(self._files.mark(ticket))
            while self._waiting and len(self._flying) < self._pool.jobs:
                self._send(self._waiting.popleft())

    def _send(self, order: _Send) -> None:
        if order.ticket not in self._desk:  # aborted while it waited
            return
        self._flying.add(order.ticket)
        call, home = self._prepared(order)
        try:
            if self._broken:
                self._reopen()
            self._pool.ready()
            self._watch_over()
            try:
                self._pool.send(call, partial(self._land, order.ticket, self._generation, home))
            except Exception:  # loky's pool is shared: somebody else may have replaced or broken it
                self._reopen()
                self._pool.send(call, partial(self._land, order.ticket, self._generation, home))
        except Exception as error:
            self._broken = True
            self._desk.settle(order.ticket, replies.failure(error))

    def _watch_over(self) -> None:
        """Watch the workers before they get anything to do: a pool that replaces its dead soon hides that they were."""
        if self._watch is None and (processes := self._pool.processes()):
            generation = self._generation
            self._watch = _Watch(processes, lambda dead: self._inbox.put(_Bereft(generation, dead)))

    def _land(self, ticket: int, generation: int, home: Home, result: Callable[[], Any]) -> None:
        """On one of the pool's threads: a task is over, and this is what gives its result."""
        broke = False
        try:
            reply = home(result)
        except BaseException as error:  # tasks never raise, so this is the pool's own trouble
            broke = True
            with self._falling:  # the first to land sees who was there, and who is dead, before the pool kills the rest
                if generation not in self._fallen:
                    self._fallen[generation] = len(self._flying), self._pool.dead()
            others, dead = self._fallen[generation]
            reply = replies.lost(error, blamed(self._files.mark(ticket), dead, others - 1))
        self._desk.settle(ticket, reply)
        self._inbox.put(_Landed(generation, broke))

    def _prepared(self, order: _Send) -> tuple[Callable[[], Any], Home]:
        """What the worker calls, and what makes a reply of its answer."""
        task = order.task
        if not isinstance(task, Packed):
            return partial(replies.perform, task), _as_it_is
        sent = self._files.post(task)
        mark = self._files.mark(order.ticket)
        return partial(tied, os.getpid(), replies.call(sent, self._files.shelf, mark)), partial(self._files.home, sent)

    def _reopen(self) -> None:
        self._generation += 1
        self._broken = False
        self._pool.open()

    def _hear(self, generation: int, broke: bool) -> None:
        if broke and generation == self._generation:
            self._broken = True

    def _mourn(self, generation: int, dead: tuple[int, ...]) -> None:
        """Give up all that was in flight: a process died, and its backend will not say so."""
        if generation != self._generation:
            return
        others = len(self._flying) - 1
        guilt = {ticket: blamed(self._files.mark(ticket), dead, others) for ticket in self._flying}
        self._stop(kill=True)
        for ticket, culprit in guilt.items():
            self._desk.settle(ticket, replies.lost(ChildProcessError("a worker process ended"), culprit))

    def _stop(self, kill: bool) -> None:
        if self._watch is not None:
            self._watch.stop()
            self._watch = None
        self._generation += 1
        try:
            if kill:
                self._pool.kill()
            else:
                self._pool.close()
        except Exception:  # the tasks are answered for; what comes next opens the pool anew
            _log.exception("the joblib backend %r did not end cleanly", self._pool.name)
            self._broken = True


def _as_it_is(out: Callable[[], Any]) -> Reply:
    reply: Reply = out()
    return reply


def _spare_children_the_interrupt() -> None:
    """Block the interrupt in this thread, and so in all that it starts, from their first moment on."""
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # whoever starts it first is left with nothing blocked (Python 3.11)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


class _Watch:
    """Waits for the death of worker processes.

    What it waits for are descriptors of its own: the pool closes a dead worker's, and the next one's may have the same
    number before this thread has begun to wait.
    """

    def __init__(self, processes: tuple[Any, ...], bereft: Callable[[tuple[int, ...]], None]) -> None:
        from multiprocessing import Pipe

        self._bell, self._rope = Pipe(duplex=False)
        self._pids = {os.dup(process.sentinel): process.pid for process in processes}
        self._bereft = bereft
        threading.Thread(target=self._wait, name="orchestra-watch", daemon=True).start()

    def stop(self) -> None:
        """End the watch; the deaths that follow are meant."""
        self._rope.close()

    def _wait(self) -> None:
        from multiprocessing.connection import wait

        ready = wait([self._bell, *self._pids])
        meant = self._bell in ready
        self._bell.close()
        for sentinel in self._pids:
            os.close(sentinel)
        if not meant:
            self._bereft(tuple(self._pids[sentinel] for sentinel in ready if isinstance(sentinel, int)))
