"""How a saga's actions and compensations are called: from a thread, or from a task of an event loop.

From a thread, coroutines run on one loop in a thread of its own, which begins with the first of them and ends with the
saga: so it makes no difference that a notebook's own loop is running, and a client that one step made works in the
next. An interrupt that comes while a coroutine runs cancels it, and is passed on when the coroutine has ended. From a
task, coroutines are awaited, and plain functions are called right there: an interrupt of a function in another thread
could not be told from its end.

Only coroutines are awaited. Other awaitable results are results: the future of a cluster is one, too.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Generator
from dataclasses import dataclass
from typing import Any, Literal

from orchestra_nb.recovery.saga_facts import Failure


@dataclass(frozen=True, slots=True)
class Call:
    """Something to be called: a rest, an action, or a compensation."""

    kind: Literal["rest", "step", "undo"]
    step: str
    attempt: int
    fn: Callable[..., Any]
    arguments: tuple[Any, ...]


class FailedElsewhere(Exception):
    """A call that was made elsewhere has failed there.

    Parameters
    ----------
    failure
        How.
    kinds
        Names of the exception's class and its bases, as far as they are known.
    """

    def __init__(self, failure: Failure, kinds: Collection[str]) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.kinds = kinds


class FromThread:
    """Calls for a saga that is driven by a thread.

    Examples
    --------
    >>> async def double(number):
    ...     return 2 * number
    >>> with FromThread() as calls:
    ...     calls.answer(Call("step", "a", 1, double, (21,)))
    42
    """

    def __init__(self) -> None:
        self._loop: _Loop | None = None

    def answer(self, call: Call) -> Any:
        """Call it, and wait for a coroutine to end."""
        value = _ran(call, call.fn(*call.arguments))
        if not inspect.iscoroutine(value):
            return value
        if self._loop is None:
            self._loop = _Loop()
        return self._loop.run(value)

    def __enter__(self) -> FromThread:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._loop is not None:
            self._loop.stop()


async def answer_in_task(call: Call) -> Any:
    """Call it in this task, and await a coroutine."""
    value = _ran(call, call.fn(*call.arguments))
    return await value if inspect.iscoroutine(value) else value


def _ran(call: Call, value: Any) -> Any:
    """Refuse the generator of a compensation: nobody would run its body, and it would count as undone."""
    if call.kind == "undo":
        refuse_generator(value)
    return value


def refuse_generator(value: object) -> None:
    """Refuse what a compensation gave if that shows that its body has not run.

    Raises
    ------
    FailedElsewhere
        It is a generator.

    Examples
    --------
    >>> refuse_generator([1])
    >>> refuse_generator(each for each in [1])
    Traceback (most recent call last):
    orchestra_nb.recovery.saga_calls.FailedElsewhere: TypeError: it gave a generator, whose body nobody has run
    """
    if isinstance(value, Generator | AsyncGenerator):
        raise FailedElsewhere(Failure("TypeError", "it gave a generator, whose body nobody has run"), ["TypeError"])


class _Ended:
    """A coroutine that runs elsewhere: whether it has ended, and how."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.task: asyncio.Task[None] | None = None
        self.value: Any = None
        self.error: BaseException | None = None

    async def watch(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Run it; nothing that it raises may end the loop."""
        try:
            self.value = await coroutine
        except BaseException as error:
            self.error = error

    def begin(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.task = asyncio.get_running_loop().create_task(self.watch(coroutine))
        self.task.add_done_callback(lambda task: self._end(coroutine, task))

    def cancel(self) -> None:
        if self.task is not None:
            self.task.cancel()

    def _end(self, coroutine: Coroutine[Any, Any, Any], task: asyncio.Task[None]) -> None:
        if task.cancelled():  # before it had begun
            coroutine.close()
            self.error = asyncio.CancelledError()
        self.event.set()


class _Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._begun = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name="orchestra-saga", daemon=True)
        self._thread.start()
        self._begun.wait()

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        ended = _Ended()
        self._loop.call_soon_threadsafe(ended.begin, coroutine)
        try:
            ended.event.wait()
        except BaseException:
            self._loop.call_soon_threadsafe(ended.cancel)
            ended.event.wait()
            raise
        if ended.error is not None:
            raise ended.error
        return ended.value

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    async def _main(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        self._begun.set()
        await self._over.wait()
