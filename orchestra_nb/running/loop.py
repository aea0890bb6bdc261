"""Coroutines for callers that cannot await: one event loop, in a thread of its own, for the whole process.

Clients and sessions made in one coroutine work in the next, because the loop is always the same; and nothing touches
the notebook's own loop, where re-entering loses queued cells. The caller waits on a queue and not on a future: a
``Future``'s condition variable could be left locked by an interrupt on the main thread, and would then hang the loop.
An interrupted wait cancels the coroutine. A forked child starts a loop of its own.

Code that does not await can need a running loop too: ``asyncio.create_task``, clients that look for it when they are
made. The loop is then lent to their thread (:meth:`BackgroundLoop.lend`): it stands still meanwhile, as a loop does
while such code runs on it, so that nothing of it is touched from two threads.

A run may ask for the notebook's own loop instead (:mod:`.notebook_loop`). Which one is in force is a context variable,
which the run's threads and coroutines inherit; whoever runs a coroutine asks :func:`current_loop`.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeVar

from orchestra_nb.running.mailbox import Mailbox

T = TypeVar("T")
_LONG = 60.0
"""Seconds of one wait where nothing can interrupt it."""
_POLL = 0.05
"""Seconds. An interrupt reaches a wait at once on POSIX; elsewhere only between two polls."""


class Waiting(Protocol):
    """A queue for one reader that waits, and writers in any thread."""

    def put(self, item: Any) -> None:
        """Add an item, and wake the reader; never blocks."""

    def get(self, *, timeout: float) -> Any:
        """Take the oldest item; raises ``queue.Empty`` when none comes for so many seconds."""


class BackgroundLoop:
    """An event loop in a daemon thread, started by the first coroutine.

    Examples
    --------
    >>> async def answer():
    ...     return 42
    >>> LOOP.run(answer())
    42
    """

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = 0
        self._ident = 0
        self._borrower: tuple[int, SimpleQueue[None]] | None = None
        """The thread to which the loop is lent, and what makes it go on."""

    def is_here(self) -> bool:
        """Whether this thread runs the loop, so that to wait here for one of its coroutines would never end."""
        return self._loop is not None and threading.get_ident() == self._ident and self._pid == os.getpid()

    def run(self, coroutine: Coroutine[Any, Any, T], running: list[Cancel] | None = None) -> T:
        """Run a coroutine on the loop, in a copy of the caller's context; the caller waits.

        Parameters
        ----------
        coroutine
            What to run.
        running
            If given, receives what cancels the coroutine from another thread.

        Raises
        ------
        BaseException
            What the coroutine raised; ``asyncio.CancelledError`` when it was cancelled.
        """
        loop = self._started()
        self.go_on()
        ended: Mailbox[tuple[bool, Any]] = Mailbox()
        cancel = Cancel(loop, coroutine)
        context = contextvars.copy_context()

        async def guarded() -> None:
            try:
                ended.put((True, await coroutine))
            except BaseException as error:
                try:
                    await self.heard(error)
                finally:
                    ended.put((False, error))

        def begin() -> None:
            cancel.task = task = loop.create_task(guarded(), context=context)
            task.add_done_callback(over)

        def over(task: asyncio.Task[None]) -> None:
            if task.cancelled():  # before its first step: after that, `guarded` answers
                coroutine.close()
                ended.put((False, asyncio.CancelledError()))

        if running is not None:
            running.append(cancel)
        try:
            loop.call_soon_threadsafe(begin)
            done, value = _wait(ended)
        except BaseException:
            cancel()
            raise
        if done:
            result: T = value
            return result
        raise value

    def spawn(
        self,
        make: Callable[[], Coroutine[Any, Any, T]],
        done: Callable[[T], object],
        unbegun: Callable[[], object],
    ) -> Cancel:
        """Run a coroutine on the loop, in a copy of the caller's context; the caller does not wait.

        Parameters
        ----------
        make
            Makes the coroutine; called on the loop. The coroutine must not raise.
        done
            Called on the loop with what it returned.
        unbegun
            Called on the loop in place of ``done`` when it was cancelled before its first step.

        Returns
        -------
        Cancel
            Cancels it from any thread.
        """
        loop = self._started()
        cancel = Cancel(loop)
        context = contextvars.copy_context()

        async def guarded() -> None:
            done(await make())

        def begin() -> None:
            cancel.task = task = loop.create_task(guarded(), context=context)
            task.add_done_callback(ended)

        def ended(task: asyncio.Task[None]) -> None:
            if task.cancelled():  # before its first step: after that, `make` answers
                unbegun()

        loop.call_soon_threadsafe(begin)
        return cancel

    async def heard(self, error: BaseException) -> bool:
        """Say whether what a coroutine raised is the user's interrupt: never, in a thread that gets none."""
        return False

    def waiting(self) -> Waiting:
        """Make the queue on which the calling thread of a run waits."""
        return Mailbox()

    def lend(self, body: Callable[[], T]) -> T:
        """Call ``body`` on this thread with the loop as its own: tasks that it starts begin afterwards.

        The loop stands still meanwhile, unless the body runs a coroutine, or a graph, and waits for it. An interrupt,
        wherever it lands, leaves neither the loop standing still nor this thread with it; hence no context manager,
        which would have to be left through code of :mod:`contextlib`, and an interrupt there would skip what undoes
        the loan.

        Examples
        --------
        >>> task = LOOP.lend(lambda: asyncio.ensure_future(asyncio.sleep(0, "done")))
        >>> async def outcome():
        ...     return await task
        >>> LOOP.run(outcome())
        'done'
        """
        loop = self._started()
        stopped: SimpleQueue[None] = SimpleQueue()
        go_on: SimpleQueue[None] = SimpleQueue()

        def stand_still() -> None:
            stopped.put(None)
            go_on.get()

        before = asyncio._get_running_loop()
        try:
            loop.call_soon_threadsafe(stand_still)
            stopped.get()
            self._borrower = threading.get_ident(), go_on
            asyncio._set_running_loop(loop)
            return body()
        finally:
            try:
                asyncio._set_running_loop(before)
            finally:
                self._borrower = None
                go_on.put(None)

    def go_on(self) -> None:
        """Let the loop go on before this thread waits for what happens on it, in case this thread has borrowed it."""
        borrower = self._borrower
        if borrower is not None and borrower[0] == threading.get_ident():
            borrower[1].put(None)

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is not None and self._pid == os.getpid():
            return self._loop
        with self._starting:
            if self._loop is None or self._pid != os.getpid():
                loop = asyncio.new_event_loop()
                thread = threading.Thread(target=_serve, args=(loop,), name="orchestra-loop", daemon=True)
                thread.start()
                self._loop, self._pid, self._ident = loop, os.getpid(), thread.ident or 0
            return self._loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()


class Cancel:
    """Cancels one coroutine of the loop, from any thread; harmless when it is over."""

    def __init__(self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any] | None = None) -> None:
        self._loop = loop
        self._coroutine = coroutine
        self.task: asyncio.Task[None] | None = None

    def __call__(self) -> None:
        """Ask the loop to cancel; returns at once."""
        with suppress(RuntimeError):  # the loop is gone, and the coroutine with it
            self._loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if self.task is not None:
            self.task.cancel()
        elif self._coroutine is not None:  # callbacks run in order, so what would have begun it was never scheduled
            self._coroutine.close()


def _wait(ended: Mailbox[tuple[bool, Any]]) -> tuple[bool, Any]:
    timeout = _POLL if threading.current_thread() is threading.main_thread() else _LONG
    while True:
        with suppress(Empty):
            return ended.get(timeout=timeout)


LOOP = BackgroundLoop()
"""The process's own."""
_in_force: ContextVar[BackgroundLoop] = ContextVar("orchestra_nb_loop", default=LOOP)


def current_loop() -> BackgroundLoop:
    """The loop on which coroutines run here: the background one, unless the run asked for another."""
    return _in_force.get()


@contextmanager
def in_force(loop: BackgroundLoop) -> Iterator[None]:
    """Let coroutines that are begun in the block, and in what inherits its context, run on ``loop``."""
    token = _in_force.set(loop)
    try:
        yield
    finally:
        _in_force.reset(token)
