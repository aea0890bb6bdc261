"""Tasks, each sent by itself, on any joblib backend: right for processes and clusters.

One feeder thread owns the pool: it opens it, sends to it, kills it, and hears what landed, all from one queue, so that
no lock is held across joblib's own (reopening loky from one of its callbacks would join the thread that runs it).

Order: at most ``capacity`` tasks are with the pool at a time, so that nothing waits where it cannot be taken back.
Failure: every task is answered exactly once. When a worker process dies, all that was in flight fails with a reply that
says so (loky ends the other workers too and cannot tell whose fault it was), and what comes next finds new workers;
a generation number keeps the dead pool's last words from being taken for the new one's. The multiprocessing backend
waits for a dead worker's answer for ever, so its processes are watched. A task that cannot be pickled is ``"refused"``
without having run. Rejected: killing on the caller's time (loky takes a second); one pool per run (loky's is reused).
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from orchestra_nb.running import replies
from orchestra_nb.running.executors import Desk, OnDone
from orchestra_nb.running.seams import Reply, Task

if TYPE_CHECKING:
    from orchestra_nb.running.joblib_seam import Pool

_log = logging.getLogger("orchestra_nb.running")
_PATIENCE = 0.5
"""Seconds that a shutdown waits for the pool; an interrupted user is waiting too."""


@dataclass(frozen=True, slots=True)
class _Send:
    ticket: int
    call: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class _Landed:
    generation: int
    broke: bool


@dataclass(frozen=True, slots=True)
class _Bereft:
    generation: int


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
        self._desk = Desk()
        self._inbox: SimpleQueue[_Send | _Landed | _Bereft | _Stop] = SimpleQueue()
        self._feeder: threading.Thread | None = None

    def submit(self, task: Task, on_done: OnDone) -> None:
        """Start a task in a worker, or keep it until one of ``capacity`` is free."""
        ticket = self._desk.add(on_done)
        try:
            call = self._call(task)
        except BaseException as error:
            why = f"it cannot be sent to another process: {type(error).__name__}: {error}"
            self._desk.settle(ticket, Reply("refused", reason=why))
            return
        if self._feeder is None:
            feed = _Feeder(self._pool, self._desk, self._inbox).run
            self._feeder = threading.Thread(target=feed, name="orchestra-feeder", daemon=True)
            self._feeder.start()
        self._inbox.put(_Send(ticket, call))

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

    def _call(self, task: Task) -> Callable[[], Any]:
        if self._pool.in_threads:
            return partial(replies.perform, task)
        return partial(replies.carry, *replies.pack(task))


class _Feeder:
    """The one thread that touches the pool."""

    def __init__(self, pool: Pool, desk: Desk, inbox: SimpleQueue[Any]) -> None:
        self._pool = pool
        self._desk = desk
        self._inbox = inbox
        self._waiting: deque[_Send] = deque()
        self._flying: set[int] = set()
        self._generation = 0
        self._broken = False
        self._watch: _Watch | None = None

    def run(self) -> None:
        """Serve the queue until told to end."""
        while True:
            match self._inbox.get():
                case _Send() as order:
                    self._waiting.append(order)
                case _Landed(generation=generation, broke=broke):
                    self._hear(generation, broke)
                case _Bereft(generation=generation):
                    self._mourn(generation)
                case _Stop(kill=kill, ends=ends):
                    self._stop(kill)
                    if ends:
                        return
            self._flying = {ticket for ticket in self._flying if ticket in self._desk}
            while self._waiting and len(self._flying) < self._pool.jobs:
                self._send(self._waiting.popleft())

    def _send(self, order: _Send) -> None:
        if order.ticket not in self._desk:  # aborted while it waited
            return
        self._flying.add(order.ticket)
        earlier = self._pool.processes()  # a pool that replaces its dead soon has only living ones to show
        landed = partial(_land, self._desk, self._inbox, order.ticket, self._generation)
        try:
            if self._broken:
                self._reopen()
                landed = partial(_land, self._desk, self._inbox, order.ticket, self._generation)
            try:
                self._pool.send(order.call, landed)
            except Exception:  # loky's pool is shared: somebody else may have replaced or broken it
                self._reopen()
                landed = partial(_land, self._desk, self._inbox, order.ticket, self._generation)
                self._pool.send(order.call, landed)
        except Exception as error:
            self._broken = True
            self._desk.settle(order.ticket, replies.failure(error))
            return
        if self._watch is None and (processes := earlier or self._pool.processes()):
            self._watch = _Watch(processes, partial(self._inbox.put, _Bereft(self._generation)))

    def _reopen(self) -> None:
        self._generation += 1
        self._broken = False
        self._pool.open()

    def _hear(self, generation: int, broke: bool) -> None:
        if broke and generation == self._generation:
            self._broken = True

    def _mourn(self, generation: int) -> None:
        """Give up all that was in flight: a process died, and its backend will not say so."""
        if generation != self._generation:
            return
        self._stop(kill=True)
        for ticket in tuple(self._flying):
            self._desk.settle(ticket, replies.lost(ChildProcessError("a worker process ended")))

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


def _land(desk: Desk, inbox: SimpleQueue[Any], ticket: int, generation: int, result: Callable[[], Any]) -> None:
    """On one of the pool's threads: a task is over, and this is what gives its result."""
    broke = False
    try:
        out = result()
        reply = out if isinstance(out, Reply) else replies.unpack(out)
    except BaseException as error:  # tasks never raise, so this is the pool's own trouble
        broke = True
        reply = replies.lost(error)
    desk.settle(ticket, reply)
    inbox.put(_Landed(generation, broke))


class _Watch:
    """Waits for the death of worker processes."""

    def __init__(self, processes: tuple[Any, ...], bereft: Callable[[], None]) -> None:
        from multiprocessing import Pipe

        self._bell, self._rope = Pipe(duplex=False)
        self._sentinels = [process.sentinel for process in processes]
        self._bereft = bereft
        threading.Thread(target=self._wait, name="orchestra-watch", daemon=True).start()

    def stop(self) -> None:
        """End the watch; the deaths that follow are meant."""
        self._rope.close()

    def _wait(self) -> None:
        from multiprocessing.connection import wait

        ready = wait([self._bell, *self._sentinels])
        meant = self._bell in ready
        self._bell.close()
        if not meant:
            self._bereft()
