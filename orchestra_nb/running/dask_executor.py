"""Tasks on a dask cluster, with values that stay there.

Each task is one task of dask's, whose result stays in the memory of the worker that ran it. What goes home is a small
reply; where that has a value that is worth it, the value is an :class:`OnCluster`, and the task that reads it is
submitted with the future as its argument, so that dask moves it, if at all, from worker to worker. Everything about one
task is one coroutine on the client's own loop, from its submission to its answer.

Failure: every task is answered exactly once (:class:`.Desk`). A worker that dies takes the task that it was performing
with it: the reply is ``"lost"``, with ``culprit=True`` when nothing else can have killed it, and the task is not begun
again (:mod:`.dask_worker`). What it had not begun, dask gives to others. *Values* that it held, dask makes anew by
performing their nodes again when somebody needs them, so a node whose value is kept may run more than once; small
values are at home and cannot be lost. A connection that breaks fails what was on its way.

Stopping: a task that has not begun never does. One that is running dies with its worker on a cluster of our own, which
gets another; on any other it goes on, is not listened to, and holds its worker. Rejected: a second task of dask's for
the reply (it waits behind whatever its worker does next); joblib's bridge to dask (it hangs on dead workers).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from uuid import uuid4

from orchestra_nb.errors import BackendError
from orchestra_nb.running import dask_worker, replies
from orchestra_nb.running.cluster import Cluster
from orchestra_nb.running.dask_worker import Packed
from orchestra_nb.running.executors import Desk, OnDone, unstoppable
from orchestra_nb.running.pickling import NotSendable
from orchestra_nb.running.seams import Kept, Reply, Stop, Task

_LARGE = 1 << 20
"""Bytes from which a task's inputs go ahead of it: dask warns about large tasks, whose scheduler would keep them."""
_PATIENCE = 10.0
"""Seconds after which somebody who waits for a value makes sure that there is still a cluster."""
_LOOKS = (0.0, 0.1, 0.4)
"""Seconds between looks for a task that was taken back while its worker was about to begin it."""
_OUTWARD: ContextVar[list[Any] | None] = ContextVar("orchestra_outward", default=None)


class OnCluster(Kept):
    """A value in the memory of a cluster's workers; see :class:`.Kept`.

    Parameters
    ----------
    client, future
        Whose result has the value.
    nbytes
        Its size when it is pickled, in bytes.
    """

    def __init__(self, client: Any, future: Any, nbytes: int) -> None:
        self.nbytes = nbytes
        self._client = client
        self._future = future
        self._here: tuple[Any] | tuple[()] = ()

    def fetch(self) -> Any:
        """Bring the value here, the same object each time.

        Raises
        ------
        BackendError
            It is lost, with its worker or its cluster.
        """
        if not self._here:
            self._here = (self._fetched(),)
        return self._here[0]

    def _fetched(self) -> Any:
        from distributed import CancelledError, KilledWorker

        while True:
            try:
                return dask_worker.value_of(self._future.result(timeout=_PATIENCE))
            except (CancelledError, KilledWorker) as error:
                raise BackendError(f"a value that was kept on the dask cluster is lost: {error}") from error
            except TimeoutError as error:
                if self._client.status != "running" or not self._client.nthreads():
                    raise BackendError("a value was kept on a dask cluster that has no worker any more") from error

    def release(self) -> None:
        """Let the workers forget the value."""
        self._future.release()

    def __reduce__(self) -> tuple[Any, ...]:
        outward = _OUTWARD.get()
        if outward is None:
            return OnCluster, (None, self._future, self.nbytes)
        outward.append(self._future)
        return dask_worker.arrived, (len(outward) - 1,)

    def __repr__(self) -> str:
        return f"<{self.nbytes} bytes on a dask cluster>"


@contextmanager
def _outward() -> Iterator[list[Any]]:
    """Within, what is on the cluster pickles as a position in this list of futures."""
    futures: list[Any] = []
    token = _OUTWARD.set(futures)
    try:
        yield futures
    finally:
        _OUTWARD.reset(token)


@dataclass(slots=True)
class _Flight:
    """One task on its way."""

    ticket: int
    parcel: Packed
    inputs: list[Any]
    key: str = field(default_factory=lambda: f"orchestra-{uuid4().hex}")
    ran: Any = None
    mourning: asyncio.Future[None] | None = None


class DaskExecutor:
    """Runs each task by itself on a dask cluster.

    Parameters
    ----------
    cluster
        From :func:`.cluster.find`.
    jobs
        How many tasks may run at once.
    options
        More arguments for ``Client.submit``, such as ``resources`` or ``workers``.
    """

    def __init__(self, cluster: Cluster, jobs: int, options: Mapping[str, Any] | None = None) -> None:
        self.capacity = jobs
        self._cluster = cluster
        self._client = cluster.client
        self._options = {**(options or {}), "pure": False}
        self._desk = Desk()
        self._flights: dict[int, _Flight] = {}

    def submit(self, task: Task, on_done: OnDone) -> Stop:
        """Start a task on the cluster, which queues it when all its workers are busy."""
        ticket = self._desk.add(on_done)
        try:
            with _outward() as inputs:
                parcel = Packed.of(task)
        except NotSendable as error:
            self._desk.settle(ticket, Reply("refused", reason=str(error)))
            return unstoppable
        if not self._cluster.connected:
            self._desk.settle(ticket, _disconnected("it ended"))
            return unstoppable
        self._flights[ticket] = flight = _Flight(ticket, parcel, inputs)
        asyncio.run_coroutine_threadsafe(self._carry(flight), self._cluster.loop)
        return partial(self._stop, flight)

    def abort(self) -> None:
        """Settle everything as cancelled, and end the workers that are in a body if they are ours to end."""
        for flight in tuple(self._flights.values()):
            self._stop(flight)

    def shutdown(self) -> None:
        """Let the cluster be; it is kept for the next run."""

    def _stop(self, flight: _Flight) -> None:
        if self._desk.settle(flight.ticket, replies.cancelled("the run was stopped")) and self._cluster.connected:
            asyncio.run_coroutine_threadsafe(self._end(flight), self._cluster.loop)

    # On the client's loop.

    async def _carry(self, flight: _Flight) -> None:
        """See one task through, and answer for it."""
        from distributed import CancelledError, KilledWorker

        self._cluster.watched[flight.key] = partial(self._hear, flight)
        try:
            reply = await self._perform(flight)
        except KilledWorker as error:
            reply = dask_worker.lost_reply(f"the workers that were to begin it died: {error}", None)
        except CancelledError as error:
            if self._client.status == "running":
                reply = dask_worker.lost_reply(f"what it needs was lost with a worker: {error}", None)
            else:
                reply = _disconnected(str(error))
        except Exception as error:
            reply = replies.failure(error)
        finally:
            del self._cluster.watched[flight.key]
            del self._flights[flight.ticket]
        self._desk.settle(flight.ticket, reply)

    async def _perform(self, flight: _Flight) -> Reply:
        if flight.ticket not in self._desk:
            return replies.cancelled("the run was stopped")
        client, key, inputs = self._client, flight.key, flight.inputs
        load: Any = flight.parcel
        sent = flight.parcel.nbytes
        if sent >= _LARGE:
            load = await client.scatter(load, hash=False)
        flight.ran = ran = client.submit(dask_worker.run, load, *inputs, key=key, **self._options)
        del load, inputs, flight.parcel, flight.inputs  # what is on the cluster need not be here as well
        data, stays = await self._answer(ran)
        reply = await asyncio.to_thread(replies.unpack, data)
        reply = replace(reply, bytes_in=sent, bytes_out=len(data))
        if reply.status != "done" or not stays:
            return reply
        return replace(reply, value=OnCluster(client, ran, reply.value))

    async def _answer(self, ran: Any) -> tuple[bytes, bool]:
        """Wait for a task; bring its reply home, and say whether its value stays there."""
        while True:
            error = await ran.exception()
            if error is not None:
                raise error
            if ran.type is bytes or ran.cancelled():
                return await self._client.gather(ran), False
            holders = (await self._client.who_has([ran])).get(ran.key) or ()
            found = await self._client.run(dask_worker.answer, ran.key, workers=list(holders)[:1], on_error="ignore")
            for answer in found.values():
                if answer is not None:
                    data, stays = answer
                    return data, stays
            await asyncio.sleep(0.05)  # it was lost a moment ago, which the scheduler is about to say

    def _hear(self, flight: _Flight, worker: str) -> None:
        """A worker died that the task had been given to, or there is none any more."""
        flight.mourning = asyncio.ensure_future(self._bereave(flight, worker))

    async def _bereave(self, flight: _Flight, worker: str) -> None:
        mark = await self._mark(flight)
        if not worker:
            reply = dask_worker.lost_reply("the dask cluster has no worker any more, and none came", True)
        elif mark is not None and mark["worker"] == worker and not mark.get("ended"):
            reply = dask_worker.lost(mark)
        else:
            return
        if self._desk.settle(flight.ticket, reply) and flight.ran is not None:
            await self._client.cancel([flight.ran], force=True)

    async def _end(self, flight: _Flight) -> None:
        """Take a task back; end the worker that is performing it, if that is ours to end."""
        ours = self._cluster.host is not None and flight.ran is not None
        mark = await self._mark(flight) if ours else None
        known = mark is not None and flight.key in (await self._client.processing()).get(mark["worker"], ())
        if flight.ran is not None:
            await self._client.cancel([flight.ran], force=True)
        if known and mark is not None:
            await asyncio.to_thread(_kill, mark["pid"])
        elif ours:
            await self._end_beginner(flight.key)

    async def _end_beginner(self, key: str) -> None:
        """End the worker that had been given a task, and left no mark yet, when it was taken back."""
        for pause in _LOOKS:
            await asyncio.sleep(pause)
            asked = self._client.run(dask_worker.performing, key, on_error="ignore")
            for pid in (await asyncio.wait_for(asked, _PATIENCE)).values():
                if pid:
                    await asyncio.to_thread(_kill, pid)

    async def _mark(self, flight: _Flight) -> dict[str, Any] | None:
        mark: dict[str, Any] | None = await self._client.get_metadata([flight.key], default=None)
        return mark


def _disconnected(why: str) -> Reply:
    return replies.failure(BackendError(f"the connection to the dask cluster broke: {why}"))


def _kill(pid: int) -> None:
    """End a process with all that it started."""
    import psutil

    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in [process, *process.children(recursive=True)]:
            with suppress(psutil.Error):
                one.kill()
