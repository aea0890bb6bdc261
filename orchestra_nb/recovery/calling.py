"""Making a call that may be sync or async, without taking the promise of a result for the result.

A coroutine function that is called returns at once, and without an error. Taken for the result, it would count as a
success before anything has happened, so it is refused where nobody can await it.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from types import CoroutineType
from typing import Any, TypeVar, cast

from orchestra_nb.errors import ConfigError

T = TypeVar("T")


class NotAwaited(ConfigError):
    """A coroutine function where nobody can await it; what it was to call was not called."""


def call_now(fn: Callable[[], T]) -> T:
    """Call a function in this thread.

    Raises
    ------
    NotAwaited
        It is a coroutine function.

    Examples
    --------
    >>> async def load(): ...
    >>> call_now(load)
    Traceback (most recent call last):
    orchestra_nb.recovery.calling.NotAwaited: load is async, and nothing here awaits it; use call_async
    """
    value = fn()
    if isinstance(value, CoroutineType):
        value.close()
        name = getattr(fn, "__name__", repr(fn))
        raise NotAwaited(f"{name} is async, and nothing here awaits it; use call_async")
    return value


async def call_or_await(fn: Callable[[], Awaitable[T] | T]) -> T:
    """Call a function, and await what it returns where that can be awaited."""
    value: Any = fn()
    return cast("T", await value if inspect.isawaitable(value) else value)
