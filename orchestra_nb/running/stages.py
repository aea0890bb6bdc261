"""What is being pickled or unpickled right now, so that what fails there has a name.

A pickle is written and read in order. A :class:`Stage` in front of each input notes the input's name, on both sides of
the journey; when anything raises, the last one noted is the culprit. Rejected: pickling each input by itself (what
inputs share would be torn apart, and every task would pay for it).
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from orchestra_nb.graph.signature import parameters
from orchestra_nb.running.parcels import at_home
from orchestra_nb.running.pickling import NotSendable, dumps, told

_now = threading.local()


class Stage:
    """Stands before something in a pickle, and tells what that is.

    Examples
    --------
    >>> enter("")
    ''
    >>> try:
    ...     _ = dumps([Stage("its input 'a'"), 1, Stage("its input 'b'"), threading.Lock()])
    ... except TypeError:
    ...     print(stage())
    its input 'b'
    """

    __slots__ = ("what",)

    def __init__(self, what: str) -> None:
        self.what = what

    def __reduce__(self) -> tuple[Any, ...]:
        return enter, (enter(self.what),)


def enter(what: str) -> str:
    """Say what this thread is about to pickle or unpickle."""
    _now.stage = what
    return what


def stage(otherwise: str = "") -> str:
    """Tell what this thread was about to pickle or unpickle last."""
    return getattr(_now, "stage", "") or otherwise


Alone = tuple[str, bytes, list[pickle.PickleBuffer]]
"""A part's call in a pickle of its own, which shares nothing with others, and the buffers that are not in it."""


def alone(part: str, call: Any) -> Alone:
    """Pickle a part's call by itself."""
    buffers: list[pickle.PickleBuffer] = []
    with _of_part(part):
        return part, dumps(call, buffers.append), buffers


def opened(part: str, payload: bytes, buffers: list[Any]) -> Any:
    """Unpickle a part's call."""
    with _of_part(part):
        return pickle.loads(payload, buffers=buffers)


@contextmanager
def _of_part(part: str) -> Iterator[None]:
    """Name the part beside its input."""
    try:
        yield
    except BaseException:
        enter(f"{stage('its function')} of its part {part!r}")
        raise


def input_of(fn: Callable[..., Any], place: int | str) -> str:
    """Name an input in a text, by its place among the positional ones or by its name."""
    return f"its input {(place if isinstance(place, str) else parameters(fn)[place].name)!r}"


def fetched(value: Any, fn: Callable[..., Any], place: int | str) -> Any:
    """Bring an input here, wherever it was kept.

    Raises
    ------
    NotSendable
        It is lost, or cannot be rebuilt.
    """
    try:
        return at_home(value)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise NotSendable(f"{input_of(fn, place)} could not be fetched: {told(error)}") from None
