"""A resource that all clients and workers of a dask cluster share: a semaphore of its scheduler.

The scheduler counts (:class:`distributed.Semaphore`), so the resource is the same from every machine. Who dies gives
nothing back, and the scheduler takes it back when the lease has not been refreshed for a while: 30 seconds unless
``distributed.scheduler.locks.lease-timeout`` says otherwise. A counter on the scheduler numbers the grants of all
processes, for fencing tokens.

Order: within a process that of the lock table; between processes whoever tries first. Nothing waits in here: a try asks
the scheduler (some milliseconds), takes all or none, and the table tries again after a pause (:mod:`.shared`).
Several at once are taken under a lock of the cluster, so that two who each got a half do not send each other away for
ever. Failure: without a cluster, the resource cannot be registered; a scheduler that does not answer later counts as
one that has nothing left, and is logged once. All processes must register the same amount; another is refused.

Rejected: a table of our own on the scheduler, which would queue fairly, but would have to be installed there, and to
find out by itself who died.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from orchestra_nb.errors import ResourceError

if TYPE_CHECKING:
    from distributed import Client

_BRIEFLY = 0.2
"""Seconds to wait for the lock under which several are taken: everybody holds it for some milliseconds only."""
_log = logging.getLogger("orchestra_nb.resources")


class DaskSlots:
    """Slots of a cluster.

    Parameters
    ----------
    name
        The resource.
    capacity
        How many there are.
    client
        Of the cluster.

    Raises
    ------
    ResourceError
        The scheduler does not answer.
    """

    def __init__(self, name: str, capacity: int, client: Client) -> None:
        from distributed import Lock, Semaphore

        self._name = name
        self._client = client
        self._told = False
        about = {"name": f"orchestra_nb {name}", "loop": client.loop, "scheduler_rpc": client.scheduler}
        self._semaphore = Semaphore(max_leases=capacity, **about)
        self._lock = Lock(f"orchestra_nb {name}, several", scheduler_rpc=client.scheduler, loop=client.loop)
        try:
            self._semaphore.register()
        except ValueError as error:
            told = f"resource {name!r}: this cluster has another amount of it: {error}; register the same everywhere"
            raise ResourceError(told) from None
        except Exception as error:
            raise ResourceError(f"resource {name!r}: the cluster's scheduler does not answer: {error}") from error

    @property
    def _taken(self) -> int:
        """What the scheduler has given, also where an interrupt hit whoever asked."""
        return len(self._semaphore._leases)

    def take(self, amount: int, least: int) -> int | None:
        """Take so many now, all or none; gives a token, or ``None``."""
        before, alone = self._taken, amount == 1
        try:
            if alone or self._lock.acquire(timeout=_BRIEFLY):
                try:
                    while self._taken < before + amount and self._semaphore.acquire(timeout=0):
                        pass
                finally:
                    if not alone:
                        self._lock.release()
                if self._taken >= before + amount:
                    return int(self._client.run_on_scheduler(_next_token, least=least))
        except Exception as error:
            if not self._told:
                self._told = True
                _log.warning("resource %r: its cluster does not answer, and has nothing left: %s", self._name, error)
        self.keep(before)
        return None

    def keep(self, amount: int) -> None:
        """Give all but so many back."""
        while self._taken > amount:
            try:
                self._semaphore.release()
            except Exception as error:  # the scheduler takes it back by itself
                _log.warning("resource %r: not given back at once: %s", self._name, error)
                return


def dask_slots(name: str, capacity: int) -> DaskSlots:
    """Make the slots of a resource on the cluster that this process is a client or a worker of.

    Raises
    ------
    ResourceError
        There is none, or its client belongs to an event loop.
    """
    try:
        from distributed import get_client
    except ImportError:
        told = f"resource {name!r}: scope='cluster' needs dask; pip install 'orchestra_nb[dask]'"
        raise ResourceError(told) from None
    try:
        client = get_client()
    except ValueError:
        told = f"resource {name!r}: scope='cluster' needs a cluster; make a distributed.Client first"
        raise ResourceError(told) from None
    if client.asynchronous:
        told = f"resource {name!r}: scope='cluster' needs a client that is not asynchronous"
        raise ResourceError(told)
    return DaskSlots(name, capacity, client)


def _next_token(least: int, dask_scheduler: Any = None) -> int:
    """On the scheduler: number a grant."""
    token = max(least, getattr(dask_scheduler, "_orchestra_nb_token", 0) + 1)
    dask_scheduler._orchestra_nb_token = token
    return token
