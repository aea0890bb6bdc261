"""Coroutines on the background loop: any number of them in one thread.

A task is a function that makes a coroutine of the reply. It is called on the loop, in a copy of the context variables
of whoever submits it, so that what one node sets is not seen by the next. Order: tasks begin as they were submitted.
Failure: a task is answered exactly once, whatever its coroutine raises; one that is cancelled from outside is
``"cancelled"``, one that awaited something that was is a failure like any other. ``on_done`` is called on the loop's
thread and must not block: with it everything else on the loop would wait.

A coroutine that does not await (``time.sleep``, a long computation) holds up all others, as on any loop, and cannot be
stopped; whoever waits for it is told so by the driver's ``grace``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from time import perf_counter
from typing import Any

from orchestra_nb.running import replies
from orchestra_nb.running.executors import Desk, OnDone
from orchestra_nb.running.loop import LOOP, BackgroundLoop, current_loop
from orchestra_nb.running.seams import Reply, Stop

AsyncTask = Callable[[], Coroutine[Any, Any, Reply]]


class AsyncExecutor:
    """Runs tasks on an event loop.

    Parameters
    ----------
    loop
        Which one.

    Examples
    --------
    >>> from queue import SimpleQueue
    >>> async def greet():
    ...     return Reply("done", value="hello")
    >>> done = SimpleQueue()
    >>> stop = AsyncExecutor().submit(greet, done.put)
    >>> done.get().value
    'hello'
    """

    capacity = 2**31

    def __init__(self, loop: BackgroundLoop = LOOP) -> None:
        self._loop = loop
        self._desk = Desk()
        self._stops: dict[int, Stop] = {}

    def submit(self, task: Any, on_done: OnDone) -> Stop:
        """Start a task on the loop."""
        ticket = self._desk.add(on_done)
        stop = self._stops[ticket] = self._loop.spawn(
            partial(attempt, task), partial(self._landed, ticket), partial(self._unbegun, ticket)
        )
        return stop

    def abort(self) -> None:
        """Cancel everything; it is answered for at once."""
        stops = list(self._stops.values())
        self._desk.settle_all(replies.cancelled("the run was stopped"))
        for stop in stops:
            stop()

    def shutdown(self) -> None:
        """Keep the loop: it is the whole process's."""

    def _landed(self, ticket: int, reply: Reply) -> None:
        self._stops.pop(ticket, None)
        self._desk.settle(ticket, reply)

    def _unbegun(self, ticket: int) -> None:
        self._landed(ticket, replies.cancelled("cancelled before it began"))


async def attempt(task: AsyncTask) -> Reply:
    """Run a task on the loop; whatever happens, the answer is a reply. For the loop's own tasks, one each."""
    began = perf_counter()
    try:
        reply = await task()
        if not isinstance(reply, Reply):
            raise TypeError(f"a task must give a Reply, not {type(reply).__name__}")
        return reply
    except asyncio.CancelledError as error:
        own = asyncio.current_task()
        if own is not None and own.cancelling():
            return replies.cancelled("its coroutine was cancelled", perf_counter() - began)
        return replies.failure(error, perf_counter() - began)
    except BaseException as error:  # KeyboardInterrupt and SystemExit too: they would end the loop for everybody
        if await current_loop().heard(error):
            return replies.cancelled("interrupted", perf_counter() - began)
        return replies.failure(error, perf_counter() - began)
