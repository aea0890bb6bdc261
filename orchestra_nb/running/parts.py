"""A node of several parts: their calls one after another in one worker, each with its own value.

Parts are as far from each other as nodes are: in another process each has inputs of its own, and what one hands to the
next is a copy. A part that fails fails the node, which names it.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

from orchestra_nb.model import NodeId
from orchestra_nb.running import replies
from orchestra_nb.running.parcels import Several
from orchestra_nb.running.pickling import dumps
from orchestra_nb.running.seams import Reply
from orchestra_nb.running.stages import Alone, alone, opened

if TYPE_CHECKING:
    from orchestra_nb.running.function_task import FunctionTask


@dataclass(frozen=True, slots=True)
class Earlier:
    """Stands in a call for the value of an earlier part of the same node."""

    part: NodeId


@dataclass(frozen=True, slots=True)
class PartsTask:
    """The calls of a node's parts, one after another. Pickles if they do.

    Parameters
    ----------
    calls
        Each part with its call.
    away
        Whether this is another process, where what a part hands on is a copy.
    """

    calls: tuple[tuple[NodeId, FunctionTask], ...]
    away: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        return _sent, tuple(alone(*call) for call in self.calls)

    def __call__(self) -> Reply:
        """Make the calls; the reply's value has that of each part by its id."""
        began = perf_counter()
        made: dict[str, Any] = {}
        packed: dict[str, bytes] = {}
        for part, call in self.calls:
            try:
                reply = _filled(call, made, packed)()
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                reply = replies.failure(error, perf_counter() - began)
                return replace(reply, evalue=f"in its part {part!r}: {reply.evalue}")
            if reply.status != "done":
                return replace(reply, reason=f"{reply.reason} (in its part {part!r})")
            made[part] = reply.value
            if self.away and part != self.calls[-1][0]:
                try:
                    packed[part] = dumps(reply.value)
                except Exception as error:
                    return Reply("refused", reason=f"the value of its part {part!r} cannot be copied: {error}")
        return replies.done(Several(made), perf_counter() - began)


def _sent(*calls: Alone) -> PartsTask:
    """Unpack the calls apart from each other, so that they share no inputs."""
    return PartsTask(tuple((NodeId(call[0]), opened(*call)) for call in calls), away=True)


def _filled(call: FunctionTask, made: Mapping[str, Any], packed: Mapping[str, bytes]) -> FunctionTask:
    """Put the values of earlier parts in their places."""

    def value(given: Any) -> Any:
        if not isinstance(given, Earlier):
            return given
        return pickle.loads(packed[given.part]) if given.part in packed else made[given.part]

    return replace(
        call,
        args=tuple(value(given) for given in call.args),
        kwargs={name: value(given) for name, given in call.kwargs.items()},
    )
