"""A node whose function is a coroutine function: the same call as any other, awaited on the event loop."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from time import perf_counter
from types import FunctionType
from typing import TYPE_CHECKING, Any

from orchestra_nb.running.seams import Reply

if TYPE_CHECKING:
    from orchestra_nb.running.function_task import FunctionTask


def is_coroutine_function(fn: Callable[..., Any] | None) -> bool:
    """Whether a call of ``fn`` gives something to await, as far as can be seen without calling it.

    Examples
    --------
    >>> async def ask(question): ...
    >>> is_coroutine_function(partial(ask, "why")), is_coroutine_function(len)
    (True, False)
    """
    while isinstance(fn, partial):
        fn = fn.func
    if type(fn) is FunctionType and "_is_coroutine_marker" not in fn.__dict__:  # nearly all are: one look at a flag
        return bool(fn.__code__.co_flags & inspect.CO_COROUTINE)
    if fn is None:
        return False
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(getattr(fn, "__call__", None))  # noqa: B004


async def awaited(call: FunctionTask) -> Reply:
    """Make the call on the loop."""
    args, kwargs = call.inputs()
    began = perf_counter()
    value = await call.fn(*args, **kwargs)
    return Reply("done", value=value, seconds=perf_counter() - began, worker="event loop")
