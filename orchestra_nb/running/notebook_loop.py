"""The notebook's own event loop, for runs that ask for it: ``RunConfig(loop="notebook")``.

A kernel's cells run on an event loop, and some clients and widgets work on that loop alone. The cell that runs nodes
occupies it, so it has to be entered again from within, which asyncio forbids. ``nest_asyncio`` lifts that, for the
whole process and for good, hence only when a run asks for it:

* below ipykernel 7 by ``nest_asyncio``;
* elsewhere by its successor ``nest_asyncio2``. There the first one loses cells: a kernel runs all messages in one
  context, which the waiting cell has entered already, and what is to handle the queued cells then fails. If somebody
  applied the first one in such a kernel nothing mends it, and the run is refused before anything ran.

While the calling thread waits, it lets the loop turn (:meth:`NotebookLoop.pump`); while it is in a body of its own
that does not await, the loop stands still, as it does in any cell. Coroutines run on the calling thread, so the user's
interrupt may come up in one of them. It ends that coroutine and stops the run: the pump raises it after the turn, and
only then is the coroutine's end known, which might be that of the run.

A run that is awaited (:mod:`.aside`) occupies no loop: it has that of the task that awaits it.

The kernel's other tasks turn too while a run waits, but it begins no other cell: it handles one message at a time.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from queue import Empty
from types import ModuleType
from typing import Any, TypeVar

from orchestra_nb.config import Loop
from orchestra_nb.errors import BackendError
from orchestra_nb.running.loop import LOOP, BackgroundLoop, Cancel, Waiting, in_force

T = TypeVar("T")
_POLL = 0.05
"""Seconds between two looks at whether a coroutine has ended."""
_UNHEARD = 1.0
"""Seconds after which an interrupted coroutine ends although nobody waits for the run any more."""
_TURNS = 20
"""Of the loop, for a coroutine that was cancelled to clean up."""
_USE_THE_DEFAULT = 'use the default, loop="background"'


@contextmanager
def loop_in_force(where: Loop) -> Iterator[None]:
    """Let a run's coroutines go where its settings say.

    Parameters
    ----------
    where
        As :attr:`.RunConfig.loop`.

    Raises
    ------
    BackendError
        There is no loop here that could be entered again, or it is not safe to; or this is a coroutine of the
        background loop, which cannot wait for others there.
    """
    if where == "background":
        if LOOP.is_here():
            hint = "await OrchestrationEngine().execute(...) there, which leaves the loop free"
            raise BackendError(f"a run's coroutines need the loop on which this coroutine runs; {hint}")
        with in_force(LOOP):
            yield
        return
    waits = awaiting.get()
    with in_force(waits if waits is not None and not waits.is_here() else NotebookLoop.here()):
        yield


class AwaitingLoop(BackgroundLoop):
    """The loop of the task that awaits a run: it turns by itself, and nobody need enter it again.

    Parameters
    ----------
    loop
        Runs in another thread than the run's.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._awaiting = loop

    def is_here(self) -> bool:
        """Whether this thread runs the loop."""
        return asyncio._get_running_loop() is self._awaiting

    def _started(self) -> asyncio.AbstractEventLoop:
        return self._awaiting


awaiting: ContextVar[AwaitingLoop | None] = ContextVar("orchestra_nb_awaiting", default=None)
"""That of the task that awaits the run of this context."""


class NotebookLoop(BackgroundLoop):
    """The loop that runs in the thread that made this, entered again while that thread waits.

    Parameters
    ----------
    loop
        Is running in this thread, and can be entered again.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._notebook = loop
        self._ident = threading.get_ident()
        self._pumps: list[asyncio.Future[None]] = []
        self._interrupted = False
        self._raised: asyncio.Future[None] | None = None
        """Done when the interrupt has been raised in the calling thread."""
        self._task = asyncio.current_task(loop)
        self._cancels = self._asked()

    @classmethod
    def here(cls) -> NotebookLoop:
        """Take the loop that is running in this thread.

        Raises
        ------
        BackendError
            None is, or it cannot safely be entered again.
        """
        loop = asyncio._get_running_loop()
        if loop is None:
            raise BackendError(f'loop="notebook" needs an event loop that is running, as in a cell; {_USE_THE_DEFAULT}')
        try:
            _nesting().apply(loop)
        except (ImportError, ValueError) as error:  # not installed, or a loop that is not asyncio's own
            raise BackendError(f"this event loop cannot be entered again ({error}); {_USE_THE_DEFAULT}") from error
        return cls(loop)

    def run(self, coroutine: Coroutine[Any, Any, T], running: list[Cancel] | None = None) -> T:
        """Run a coroutine on the loop, in a copy of the caller's context; the loop turns, or another thread waits."""
        if threading.get_ident() != self._ident:
            return super().run(coroutine, running)
        ended: list[tuple[bool, Any]] = []

        async def guarded() -> None:
            try:
                ended.append((True, await coroutine))
            except BaseException as error:
                ended.append((False, error))

        cancel = Cancel(self._notebook, coroutine)
        task = cancel.task = self._notebook.create_task(guarded(), context=contextvars.copy_context())
        task.add_done_callback(lambda task: self.wake())
        if running is not None:
            running.append(cancel)
        try:
            while not task.done():
                self.pump(_POLL)
        except BaseException:
            self._end(task, coroutine)
            raise
        if not ended:  # cancelled before its first step
            coroutine.close()
            raise asyncio.CancelledError
        done, value = ended[0]
        if done:
            result: T = value
            return result
        raise value

    def lend(self, body: Callable[[], T]) -> T:
        """Call ``body``: the loop is this thread's already."""
        return body()

    async def heard(self, error: BaseException) -> bool:
        """Hand on the user's interrupt, if that is what a coroutine raised; goes on when the run knows of it."""
        if type(error) is not KeyboardInterrupt:
            return False
        self._interrupted = True
        self._wake()
        self._raised = self._raised or self._notebook.create_future()
        await asyncio.wait((self._raised,), timeout=_UNHEARD)
        return True

    def waiting(self) -> Waiting:
        """Make a queue whose reader, in the loop's own thread, lets the loop turn while it waits."""
        return _Pumping(self)

    def pump(self, timeout: float) -> None:
        """Let the loop turn, until :meth:`wake` or for so many seconds; only in its own thread.

        Raises
        ------
        KeyboardInterrupt
            The user's, also when it came up in a coroutine, or where it cancels the task that made this: so
            ``asyncio.run`` has it.
        """
        woken: asyncio.Future[None] = self._notebook.create_future()
        timer = self._notebook.call_later(timeout, self._wake)
        self._pumps.append(woken)
        try:
            self._notebook.run_until_complete(woken)
        finally:
            self._pumps.remove(woken)
            timer.cancel()
        if self._interrupted or self._asked() > self._cancels:
            self._interrupted, self._cancels = False, self._asked()
            if self._raised is not None:
                self._raised.set_result(None)
                self._raised = None
            raise KeyboardInterrupt

    def _asked(self) -> int:
        """How often the task that occupies the loop was asked to end."""
        return 0 if self._task is None else self._task.cancelling()

    def wake(self) -> None:
        """End the pump, or the next one if none is running; from any thread, and returns at once."""
        self._notebook.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for woken in self._pumps:
            if not woken.done():
                woken.set_result(None)

    def _end(self, task: asyncio.Task[None], coroutine: Coroutine[Any, Any, Any]) -> None:
        """Cancel, and let the coroutine clean up as far as that takes no time."""
        task.cancel()
        for _ in range(_TURNS):
            if task.done():
                break
            self._notebook.run_until_complete(asyncio.sleep(0))
        if task.done():  # maybe before its first step
            coroutine.close()

    def _started(self) -> asyncio.AbstractEventLoop:
        return self._notebook


class _Pumping:
    """A queue whose reader lets the loop turn while it waits."""

    def __init__(self, loop: NotebookLoop) -> None:
        self._loop = loop
        self._items: deque[Any] = deque()

    def put(self, item: Any) -> None:
        self._items.append(item)
        self._loop.wake()

    def get(self, *, timeout: float) -> Any:
        if not self._items:
            self._loop.pump(timeout)
        if not self._items:
            raise Empty
        return self._items.popleft()


def _nesting() -> ModuleType:
    """The module whose ``apply`` makes loops that can be entered again, where that loses nothing."""
    kernel = sys.modules.get("ipykernel")
    old = kernel is not None and int(kernel.__version__.split(".")[0]) < 7
    if old:
        import nest_asyncio

        return nest_asyncio  # type: ignore[no-any-return]
    if hasattr(asyncio, "_nest_patched") and asyncio.run.__module__ == "nest_asyncio":
        raise BackendError(
            "nest_asyncio was applied in this session, and with this ipykernel cells that are queued would be lost; "
            f"restart the kernel without it (nest_asyncio2 does no harm), or {_USE_THE_DEFAULT}"
        )
    import nest_asyncio2

    return nest_asyncio2  # type: ignore[no-any-return]
