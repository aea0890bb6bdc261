"""One call of a node's function with its inputs bound: what a worker is given, here or in another process.

Its pickle names each input before it, so that the one that cannot travel has a name (:mod:`.stages`). What is kept
elsewhere is fetched where the call is made. A coroutine that a plain function returns is awaited on the loop while its
worker waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from types import CoroutineType
from typing import Any, ClassVar

from orchestra_nb.running import replies
from orchestra_nb.running.coroutine_call import awaited
from orchestra_nb.running.loop import Cancel, current_loop
from orchestra_nb.running.pickling import NotSendable
from orchestra_nb.running.seams import Reply
from orchestra_nb.running.stages import Stage, fetched, input_of


@dataclass(slots=True)  # and not frozen, which takes three times as long to make: there is one for each node
class FunctionTask:
    """One call with its inputs bound. Pickles if they do.

    Parameters
    ----------
    fn, args, kwargs
        The call.
    running
        Where to leave what cancels a coroutine; ``None`` in another process.
    far
        Whether a value that is kept elsewhere is among the inputs.
    """

    keeps_value: ClassVar[bool] = True  # where it was made, if its worker can
    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    running: list[Cancel] | None = None
    far: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        positional = [item for at, value in enumerate(self.args) for item in (Stage(input_of(self.fn, at)), value)]
        named = [item for name, value in self.kwargs.items() for item in (Stage(input_of(self.fn, name)), value)]
        return _arrived, (Stage("its function"), self.fn, positional, tuple(self.kwargs), named, self.far)

    def inputs(self) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        """Give the arguments themselves, by position and by name.

        Raises
        ------
        NotSendable
            One that is kept elsewhere cannot be had.
        """
        if not self.far:
            return self.args, self.kwargs
        args = tuple([fetched(value, self.fn, at) for at, value in enumerate(self.args)])
        return args, {name: fetched(value, self.fn, name) for name, value in self.kwargs.items()}

    async def awaited(self) -> Reply:
        """Make the call on the event loop."""
        return await awaited(self)

    def __call__(self) -> Reply:
        """Make the call, and wait for it when it is a coroutine."""
        args, kwargs = self.args, self.kwargs
        if self.far:
            try:
                args, kwargs = self.inputs()
            except NotSendable as error:
                return Reply("refused", reason=str(error), worker=replies.worker_name())
        began = perf_counter()
        value = self.fn(*args, **kwargs)
        if type(value) is CoroutineType:
            try:
                value = current_loop().run(value, self.running)
            except asyncio.CancelledError:
                return replies.cancelled("its coroutine was cancelled", perf_counter() - began)
        return replies.done(value, perf_counter() - began)


def _arrived(
    _: str, fn: Callable[..., Any], positional: list[Any], names: tuple[str, ...], named: list[Any], far: bool
) -> FunctionTask:
    """Unpickle a call: the inputs stand behind what names them, so that one that fails has a name."""
    return FunctionTask(fn, tuple(positional[1::2]), dict(zip(names, named[1::2], strict=True)), far=far)
