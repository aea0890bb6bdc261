"""Pickling what leaves a process, and the words for what does not."""

from __future__ import annotations

import functools
import io
import pickle
from collections import ChainMap
from collections.abc import Callable
from typing import Any


class NotSendable(Exception):
    """A value does not pickle; the text says which, and why."""


def dumps(value: Any, buffer_callback: Callable[[pickle.PickleBuffer], object] | None = None) -> bytes:
    """Pickle with cloudpickle, which also takes what has no name to be found by.

    Two things that it takes are refused: an open file would arrive as a text in memory, and a view as a copy.
    """
    with io.BytesIO() as file:
        _pickler()(file, 5, buffer_callback).dump(value)
        return file.getvalue()


@functools.cache
def _pickler() -> Any:
    import cloudpickle

    stays = dict.fromkeys((io.TextIOWrapper, memoryview), _stays)
    tables = ChainMap(stays, cloudpickle.Pickler.dispatch_table)
    return type("Pickler", (cloudpickle.Pickler,), {"dispatch_table": tables})


def _stays(value: Any) -> Any:
    raise TypeError(f"a {kind_of(value)} would arrive as something else")


def parted(value: Any, least: int) -> tuple[bytes, list[memoryview]]:
    """Pickle a value, and leave out its buffers of at least so many bytes."""
    buffers: list[memoryview] = []

    def keep(buffer: pickle.PickleBuffer) -> bool:
        """Say whether the buffer stays within the pickle."""
        raw = buffer.raw()
        if raw.nbytes < least:
            return True
        buffers.append(raw)
        return False

    return dumps(value, keep), buffers


def kind_of(value: Any) -> str:
    """Name a value's class, without asking the value or believing the class.

    Examples
    --------
    >>> kind_of(3), kind_of(io.BytesIO())
    ('int', '_io.BytesIO')
    """
    name, module = (type.__getattribute__(type(value), word) for word in ("__qualname__", "__module__"))
    return str(name) if module == "builtins" or not isinstance(module, str) else f"{module}.{name}"


def told(error: BaseException) -> str:
    """An exception in one line; its own ``__str__`` is user code, and may raise too.

    Examples
    --------
    >>> told(KeyError("rows"))
    "KeyError: 'rows'"
    """
    name = type(error).__name__
    try:
        text = str(error).strip().partition("\n")[0]
    except Exception as fault:
        text = f"(its text could not be made: {type(fault).__name__})"
    return f"{name}: {text}" if text else name
