"""What happens in a worker of a dask cluster: a task is unpacked, performed, and its value packed to stay there.

Policy: as everywhere, nothing raises through the pool (:mod:`.replies`). What a task returns is bytes, a whole reply
that goes home, or a :class:`Ran`: a small header that goes home, and the value, which stays in the worker's memory for
the tasks that read it, there or on another worker, and for whoever fetches it. A value is packed as soon as it is made:
so a value that cannot be sent is its own node's fault, wherever its readers run, and each reader gets a copy of its
own, as it would from any other process, and not what a neighbour on the same worker may have changed.

A task begins once. dask itself begins a task again, up to four times in all, when the worker that had it died: a body
that kills its worker would kill four. So a task leaves a mark with the scheduler before it begins, and one that finds a
mark does not begin; its reply says that its worker was lost. The mark goes when the task is forgotten. Only a task that
had ended, whose value was lost with its worker before it was needed, is performed again: so dask mends lost values.

A task that does not keep its value (a cell) has its process to itself: it sets process-wide state. Calls of functions
run side by side where a worker has several threads. Rejected: ``persistent_id`` for inputs that are on the cluster (it
is asked about every single object, and does not reach into pickles within pickles).
"""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
import threading
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from orchestra_nb._version import __version__
from orchestra_nb.errors import BackendError
from orchestra_nb.model import Expand
from orchestra_nb.running import replies, sending
from orchestra_nb.running.pickling import NotSendable, told
from orchestra_nb.running.seams import Reply, Task
from orchestra_nb.running.stages import enter, stage

_SMALL = 10_000
"""Bytes up to which a value goes home with its reply: below, the journey costs less than asking where it is."""
_ALONE = threading.Lock()
_ARRIVED: ContextVar[Sequence[Any]] = ContextVar("orchestra_arrived", default=())


class ValueLost(BackendError):
    """A value that was kept on the cluster is gone, and could not be made again."""


class Packed:
    """A pickled object whose large arrays lie beside the pickle; pickles without copying them.

    Examples
    --------
    >>> Packed.of({"a": [1, 2]}).unpack()
    {'a': [1, 2]}
    """

    __slots__ = ("buffers", "nbytes", "payload")

    def __init__(self, payload: bytes, buffers: Sequence[Any]) -> None:
        self.payload = payload
        self.buffers = buffers
        self.nbytes = len(payload) + sum(memoryview(buffer).nbytes for buffer in buffers)

    @classmethod
    def of(cls, value: Any) -> Packed:
        """Pack an object.

        Raises
        ------
        NotSendable
            It does not pickle; the text says which of its parts.
        """
        given = sending.pack(value, least=0)
        return cls(given.payload, given.buffers)

    def unpack(self, arrived: Sequence[Any] = ()) -> Any:
        """Make a new copy of the object, writable, with what arrived in the places of what was left on the cluster."""
        token = _ARRIVED.set(arrived)
        try:
            return pickle.loads(self.payload, buffers=[bytearray(buffer) for buffer in self.buffers])
        finally:
            _ARRIVED.reset(token)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        buffers = [pickle.PickleBuffer(buffer) if protocol >= 5 else bytes(buffer) for buffer in self.buffers]
        return Packed, (self.payload, buffers)

    def __sizeof__(self) -> int:
        return self.nbytes  # from which dask concludes where tasks had better run


@dataclass(frozen=True)
class Ran:
    """The result of a task whose value stays: its reply, packed, with the value's size in place of the value."""

    header: bytes
    value: Packed

    def __sizeof__(self) -> int:
        return self.value.nbytes + len(self.header)


def arrived(position: int) -> Any:
    """While a task is unpacked: an input that lay on the cluster, by its position."""
    return value_of(_ARRIVED.get()[position])


def value_of(result: Any) -> Any:
    """Take the value out of a task's result.

    Raises
    ------
    ValueLost
        The task was performed again, because its worker died, and did not give its value a second time.
    """
    if isinstance(result, Ran):
        return result.value.unpack()
    reply = replies.unpack(result)
    if reply.status == "done":
        return reply.value
    told = reply.evalue or reply.reason
    raise ValueLost(f"a value was lost with its worker, and its node did not give it a second time: {told}")


def run(parcel: Packed, *inputs: Any) -> bytes | Ran:
    """Perform a task. Never raises, but for what is wrong with the cluster itself."""
    from distributed import get_worker

    worker = get_worker()
    key, loop = worker.get_current_task(), worker.loop
    mark = {"worker": worker.address, "pid": os.getpid(), "threads": worker.state.nthreads}
    earlier = asyncio.run_coroutine_threadsafe(_begin(worker, key, mark), loop.asyncio_loop).result()
    if earlier is not None:
        return replies.packed(lost(earlier))
    if worker.state.tasks[key].state == "cancelled":
        return replies.packed(replies.cancelled("it was taken back before it began"))
    result = perform(parcel, inputs, f"dask worker {worker.address}")
    loop.add_callback(_ended, worker, key, mark)
    return result


def perform(parcel: Packed, inputs: Sequence[Any], place: str) -> bytes | Ran:
    """Unpack a task and perform it; its result is its reply, or what stays here of it."""
    reply, keeps = _performed(parcel, inputs)
    reply = replace(reply, worker=place)
    if not keeps or reply.status != "done" or type(reply.value) is Expand:
        return replies.packed(reply)
    try:
        value = Packed.of(reply.value)
    except NotSendable as error:
        refusal = replies.refusal(f"its result cannot be sent between processes: {told(error.__cause__ or error)}")
        return replies.packed(replace(refusal, worker=place))
    if value.nbytes <= _SMALL:
        return replies.packed(reply)
    return Ran(replies.packed(replace(reply, value=value.nbytes)), value)


def _performed(parcel: Packed, inputs: Sequence[Any]) -> tuple[Reply, bool]:
    """Make the reply, and say whether its value is to stay."""
    try:
        enter("")
        task: Task = parcel.unpack(inputs)
    except ValueLost as error:
        return lost_reply(str(error), None), False
    except BaseException as error:
        what = stage("its inputs")
        return replies.refusal(f"{what} could not be rebuilt in the worker process: {told(error)}"), False
    keeps = bool(getattr(task, "keeps_value", False))
    with nullcontext() if keeps else _ALONE:
        return replies.perform(task), keeps


def lost(mark: dict[str, Any]) -> Reply:
    """Make the reply of a task that was begun by a worker that is no more."""
    alone = mark["threads"] == 1
    who = (
        "its worker" if alone else f"one of the {mark['threads']} tasks that a worker had in its hands ended it, which"
    )
    what = "was lost while it ran (killed, out of memory, or os._exit)"
    reply = lost_reply(f"{who} {what}: process {mark['pid']} at {mark['worker']}", True if alone else None)
    return replace(reply, worker=f"dask worker {mark['worker']}")


def lost_reply(text: str, culprit: bool | None) -> Reply:
    """Make a reply in place of one that will never come."""
    return Reply("lost", ename="WorkerLost", evalue=text, traceback=(text,), reason=text, culprit=culprit)


async def _begin(worker: Any, key: str, mark: dict[str, Any]) -> dict[str, Any] | None:
    """Leave a mark that the task begins; return the one that it must not begin because of."""
    earlier: dict[str, Any] | None = await worker.scheduler.get_metadata(keys=[key], default=None)
    if earlier is None:
        await worker.scheduler.set_metadata(keys=[key], value=mark)
    elif earlier.get("ended"):
        return None
    return earlier


async def _ended(worker: Any, key: Any, mark: dict[str, Any]) -> None:
    with suppress(Exception):  # a worker that is closing has nobody to tell
        await worker.scheduler.set_metadata(keys=[key], value={**mark, "ended": True})


def performing(key: str, dask_worker: Any) -> int:
    """On the worker's event loop: its process, if one of its threads is in this task, taken back or not; else 0."""
    return os.getpid() if any(task.key == key for task in dask_worker.state.executing) else 0


def answer(key: str, dask_worker: Any = None) -> tuple[bytes, bool] | None:
    """On the worker's event loop, whatever its threads do: a task's packed reply, and whether its value stays here."""
    result = dask_worker.data.get(key)
    if isinstance(result, Ran):
        return result.header, True
    return None if result is None else (result, False)


def greeting() -> tuple[str, str]:
    """Say what this worker is made of."""
    return __version__, ".".join(map(str, sys.version_info[:2]))
