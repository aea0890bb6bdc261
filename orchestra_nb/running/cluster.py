"""Which dask cluster: the one that was named, the one that this session is connected to, or one made on this machine.

Order of precedence: :attr:`.RunConfig.cluster`; the client of an enclosing ``joblib.parallel_config(backend="dask")``;
the session's default client; else a :class:`.Host` with a worker process for each job, made at the first run that needs
one, kept for the next, and ended with this process. Whichever it is, the client is our own: one for each scheduler,
kept while it is connected, so that the user's may be closed, asynchronous, or listening to events of its own.

Failure: a cluster that cannot be reached, has no worker or one that has not got this package, is a
:class:`.BackendError` within seconds and before anything ran. Workers that die are heard of from the scheduler, and
whoever watches a task that was in their hands is told.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

from orchestra_nb.errors import BackendError
from orchestra_nb.running import dask_worker

if TYPE_CHECKING:
    from orchestra_nb.running.dask_host import Host

_REACH = 5.0
"""Seconds within which a scheduler has to answer."""
_REACH_OURS = 60.0
"""The same for one that was made here and is known to run: only a machine that is very busy keeps it from answering."""
_WORKERS = 10.0
"""Seconds within which a cluster that has no worker has to get one; those that adapt do so when a task comes."""
_BEREFT = 30.0
"""Seconds after which a cluster that lost its last worker is given up."""
_BEREFT_OURS = 180.0
"""The same for one that was made here, whose host is known to start another."""
_TURN = threading.Lock()
_KNOWN: dict[str, Cluster] = {}


class Cluster:
    """A cluster with our client. It answers to what is asked of a joblib backend before a run.

    Parameters
    ----------
    client
        Our own, connected.
    host
        The cluster's process if it is ours.
    """

    nesting_level = 0

    def __init__(self, client: Any, host: Host | None = None) -> None:
        self.client = client
        self.host = host
        self.watched: dict[str, Callable[[str], None]] = {}
        """By a task's key: whom to tell that a worker died which it was given to, and the worker's address."""
        self._waits: asyncio.Task[None] | None = None
        client.subscribe_topic("all", self._hear)

    @property
    def connected(self) -> bool:
        """Whether work can be sent."""
        return self.client.status == "running" and (self.host is None or self.host.alive)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Where everything about this cluster happens."""
        loop: asyncio.AbstractEventLoop = self.client.loop.asyncio_loop
        return loop

    def effective_n_jobs(self, asked: int) -> int:
        """Count as joblib does: -1 is all threads of the cluster (of one made here: all cores), -2 all but one."""
        if asked > 0:
            return asked
        if self.host is not None:
            return max(1, _cores() + 1 + asked)
        threads: int = sum(self.client.nthreads().values())
        return max(2, threads + 1 + asked)  # with one, a run would not leave this process

    def close(self) -> None:
        """Disconnect, and end the cluster if it is ours."""
        try:
            with suppress(TimeoutError, OSError):  # it hears of it when the connection ends
                if self.client.status == "running":
                    self.client.unsubscribe_topic("all")  # or it complains that it cannot tell us that we leave
                self.client.close(timeout=1)
        finally:
            if self.host is not None:
                self.host.close()

    def _hear(self, event: tuple[float, Any]) -> None:
        """On the client's loop: something happened on the cluster."""
        message = event[1]
        if not isinstance(message, Mapping) or message.get("action") != "remove-worker":
            return
        for key in message.get("processing-tasks", ()):
            if (watcher := self.watched.get(key)) is not None:
                watcher(message["worker"])
        if self._waits is None or self._waits.done():
            self._waits = asyncio.ensure_future(self._wait_for_workers())

    async def _wait_for_workers(self) -> None:
        """Tell everybody when there is no worker left and none has come."""
        await asyncio.sleep(_BEREFT if self.host is None or not self.host.alive else _BEREFT_OURS)
        if not await self.client.nthreads():
            for watcher in tuple(self.watched.values()):
                watcher("")


def find(address: str | None, near: Any = None, jobs: int | None = None) -> Cluster:
    """Find or make the cluster for a run.

    Parameters
    ----------
    address
        Of the scheduler, if the user named one.
    near
        The client that an enclosing ``parallel_config`` uses.
    jobs
        How many workers a cluster that is made here is to have; ``None``: as many as there are cores.

    Raises
    ------
    BackendError
        It cannot be reached, cannot be made, or cannot be worked with.
    ImportError
        ``distributed`` is not installed.
    """
    import distributed  # noqa: F401

    if address is None and (client := near if near is not None else _session()) is not None:
        return _connect(client.scheduler.address, client.security)
    return _local(jobs) if address is None else _connect(address)


def _session() -> Any:
    """The client that this session uses, if it has one."""
    from distributed import Client

    try:
        client = Client.current()
    except ValueError:
        return None
    return client if client.status == "running" else None


def _connect(address: str, security: Any = None) -> Cluster:
    with _TURN:
        known = _KNOWN.get(address)
        if known is not None and known.connected:
            return known
        cluster = Cluster(_client(address, security=security))
        try:
            _greet(cluster.client, address)
        except BaseException:
            cluster.close()
            raise
        return _keep(address, cluster)


def _client_of(host: Host) -> Any:
    """Connect to a cluster that was made here, with patience.

    Not with a longer timeout: a client has one for all connections, and a dead worker's result is made anew only when
    that has passed.
    """
    until = monotonic() + _REACH_OURS
    while True:
        try:
            return _client(host.address, direct_to_workers=True)
        except BackendError:
            if not host.alive or monotonic() >= until:
                host.close()
                raise


def _client(address: str, **settings: Any) -> Any:
    from distributed import Client

    try:
        return Client(address, timeout=_REACH, set_as_default=False, name="orchestra_nb", **settings)
    except (OSError, ValueError) as error:
        hint = "start one with 'dask scheduler' and 'dask worker', or leave cluster= out to have one made here"
        raise BackendError(f"no dask cluster answers at {address!r} ({error}); {hint}") from error


def _greet(client: Any, address: str) -> None:
    """See that there is a worker, and that it has got this package."""
    try:
        if workers := sorted(client.nthreads()):
            (answer,) = client.run(dask_worker.greeting, workers=workers[:1]).values()
        else:  # a cluster that adapts starts its first worker for a task
            answer = client.submit(dask_worker.greeting, pure=False).result(timeout=_WORKERS)
    except TimeoutError as error:
        hint = "start one with 'dask worker'"
        raise BackendError(f"the dask cluster at {address!r} had no worker in {_WORKERS:g} s; {hint}") from error
    except ImportError as error:
        hint = f"install orchestra_nb {dask_worker.greeting()[0]} there"
        raise BackendError(f"the workers of the dask cluster at {address!r} have no orchestra_nb; {hint}") from error
    _check_versions(answer, address)


def _check_versions(answer: tuple[str, str], address: str) -> None:
    """See that the workers are made of what we are made of: what they send is unpickled here."""
    for what, here, there in zip(("orchestra_nb", "Python"), dask_worker.greeting(), answer, strict=True):
        if here != there:
            hint = "install the same one"
            raise BackendError(
                f"the workers of the dask cluster at {address!r} have {what} {there}, not {here}; {hint}"
            )


def _local(jobs: int | None) -> Cluster:
    from orchestra_nb.running.dask_host import Host

    workers = jobs if jobs is not None and jobs > 0 else max(1, _cores() + 1 + (jobs or -1))
    with _TURN:
        known = _KNOWN.get("")
        if known is not None and known.connected:
            assert known.host is not None
            known.host.grow(workers)
            return known
        if known is not None:
            known.close()
        try:
            host = Host(workers)
        except OSError as error:
            raise BackendError(f"no dask cluster could be made on this machine: {error}") from error
        return _keep("", Cluster(_client_of(host), host))


def _cores() -> int:
    from joblib import cpu_count

    return int(cpu_count())


def _keep(address: str, cluster: Cluster) -> Cluster:
    if not _KNOWN:
        atexit.register(close_all)
    _KNOWN[address] = cluster
    return cluster


def close_all() -> None:
    """Disconnect from every cluster, and end the one that was made here. The next run starts anew."""
    with _TURN:
        while _KNOWN:
            _KNOWN.popitem()[1].close()
