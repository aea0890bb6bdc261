"""Exceptions that do not keep the data of a failed body alive: their frames without variables.

A traceback refers to the frames that were left, and each of them to the one that called it, ours among them.
"""

from __future__ import annotations

import inspect
from contextlib import suppress
from types import FrameType

_SUSPENDABLE = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR
"""A frame that may go on after an exception was caught in it: clearing it would close the generator."""


def clear(error: BaseException) -> None:
    """Empty the frames of an exception, of those that led to it, and of their callers; what still runs is left alone.

    Examples
    --------
    >>> def body(rows):
    ...     raise ValueError
    >>> try:
    ...     body([1, 2])
    ... except ValueError as error:
    ...     clear(error)
    ...     error.__traceback__.tb_next.tb_frame.f_locals
    {}
    """
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        if one.__traceback__ is not None:
            _clear_callers(one.__traceback__.tb_frame)
        step = one.__traceback__
        while step is not None:
            _clear_frame(step.tb_frame)
            step = step.tb_next
        left += [one.__cause__, one.__context__]


def _clear_callers(frame: FrameType) -> None:
    above = frame.f_back
    while above is not None:
        _clear_frame(above)
        above = above.f_back


def _clear_frame(frame: FrameType) -> None:
    if not frame.f_code.co_flags & _SUSPENDABLE:
        with suppress(RuntimeError):  # it is being executed
            frame.clear()
