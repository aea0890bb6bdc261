"""What a function can be given, read from its code where that tells: ``inspect`` takes longer than many a body."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any, NamedTuple


class Parameter(NamedTuple):
    """One that a value can be given to: whether it must be, and whether only its place says which it is."""

    name: str
    required: bool
    by_place: bool


def is_generator_function(fn: Callable[..., Any]) -> bool:
    """Whether a call only makes a generator and runs nothing of the body, as far as can be seen without calling it.

    Examples
    --------
    >>> def tidy(): yield
    >>> is_generator_function(tidy), is_generator_function(len)
    (True, False)
    """
    kinds = inspect.isgeneratorfunction, inspect.isasyncgenfunction
    return any(is_kind(each) for is_kind in kinds for each in (fn, getattr(fn, "__call__", None)))  # noqa: B004


def parameters(fn: Callable[..., Any]) -> list[Parameter]:
    """Those that can be filled; a callable without a signature has none.

    Every node's function is asked, so a plain one is read from its code: ``inspect`` takes longer than many a body.

    Examples
    --------
    >>> [tuple(parameter) for parameter in parameters(lambda a, /, b=1, *rest, c, d=2, **others: None)]
    [('a', True, True), ('b', False, False), ('c', True, False), ('d', False, False)]
    """
    if type(fn) is FunctionType and not ("__wrapped__" in fn.__dict__ or "__signature__" in fn.__dict__):
        code = fn.__code__
        by_place, places = code.co_posonlyargcount, code.co_argcount
        names = code.co_varnames[: places + code.co_kwonlyargcount]
        if not names:
            return []
        filled = {*names[places - len(fn.__defaults__ or ()) : places], *(fn.__kwdefaults__ or ())}
        return [Parameter(name, name not in filled, at < by_place) for at, name in enumerate(names)]
    try:
        found = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):
        return []
    return [
        Parameter(p.name, p.default is p.empty, p.kind is p.POSITIONAL_ONLY)
        for p in found
        if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
