"""A run that is awaited: it has a thread of its own, and the loop that awaits it stays free.

The run's calling thread (:mod:`.calling_thread`) is that thread, in a copy of the awaiting task's context and under its
joblib settings. So nodes of the main lane do not run in the main thread; what must be there needs the sync call.

**Cancelled** means stopped: the run is asked to stop, again and again because it may only be beginning, and the task
goes on when the run has ended. So nothing of it runs behind the back of whoever cancelled, and locks are free. A loop
that ends without ending its tasks (an interrupt of ``run_until_complete``) lets the coroutine go; then the run is asked
to stop all the same.

**Interrupts.** A loop that waits in the system can miss that a signal came (:mod:`.interrupts`), and the kernel's own
loop does: a cell that awaits then goes on to its end. So in the main thread the wait is one of short polls, as it is
for a sync run; whatever handles the signal there cancels the task, or raises.

Coroutines of nodes run on the background loop, as in any run. A run that asks for the notebook's own loop has that of
the awaiting task, and needs not enter it again: nobody occupies it.

Rejected: the loop's default executor (a program that uses all its threads, perhaps for runs that wait for one another,
would hang); the driver on the loop itself (a body of the main lane would hold the loop up).
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from orchestra_nb.running.notebook_loop import AwaitingLoop, awaiting

T = TypeVar("T")
_POLL = 0.05
"""Seconds until a run that was asked to stop is asked again, and what an interrupt may be late."""


def carried(call: Callable[[], T]) -> Callable[[], T]:
    """Make a call that another thread can make as if in this one: with its context variables and joblib settings.

    Examples
    --------
    >>> var = contextvars.ContextVar("var", default="another")
    >>> token, call = var.set("this one's"), carried(var.get)
    >>> var.reset(token)
    >>> call(), var.get()
    ("this one's", 'another')
    """
    from orchestra_nb.running.joblib_seam import user_settings

    settings, context = user_settings(), contextvars.copy_context()

    def made() -> T:
        with settings():
            return context.run(call)

    return made


async def aside(call: Callable[[], T], cancel: Callable[[], object]) -> T:
    """Make a call in a thread of its own, and wait for it.

    Parameters
    ----------
    call
        What to call.
    cancel
        Called on the loop, more than once, when the call is to end before its time; must return at once.

    Raises
    ------
    BaseException
        What the call raised; ``asyncio.CancelledError`` when the task was cancelled, after the call has ended.

    Examples
    --------
    >>> asyncio.run(aside(lambda: 6 * 7, cancel=print))
    42
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[tuple[T | None, BaseException | None]] = loop.create_future()
    _begin(loop, ended, call)
    cancelled: asyncio.CancelledError | None = None
    looks = threading.current_thread() is threading.main_thread()
    try:
        while not ended.done():
            try:
                await asyncio.wait((ended,), timeout=_POLL if looks or cancelled is not None else None)
            except asyncio.CancelledError as error:
                cancelled = error
            if cancelled is not None and not ended.done():
                cancel()
    except BaseException:  # the coroutine is let go: nobody will wait for the end
        cancel()
        raise
    if cancelled is not None:
        raise cancelled
    value, failed = ended.result()
    if failed is not None:
        raise failed
    return value  # type: ignore[return-value]


def _for_loop(loop: AwaitingLoop, call: Callable[[], T]) -> T:
    awaiting.set(loop)
    return call()


def _begin(
    loop: asyncio.AbstractEventLoop,
    ended: asyncio.Future[tuple[T | None, BaseException | None]],
    call: Callable[[], T],
) -> None:
    made = carried(partial(_for_loop, AwaitingLoop(loop), call))

    def land(value: T | None, error: BaseException | None) -> None:
        if not ended.done():
            ended.set_result((value, error))

    def work() -> None:
        value, failed = None, None
        try:
            value = made()
        except BaseException as error:
            failed = error
        with suppress(RuntimeError):  # the loop is closed, and nobody waits
            loop.call_soon_threadsafe(land, value, failed)

    threading.Thread(target=work, name="orchestra-run", daemon=True).start()
