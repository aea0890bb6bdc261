"""Locks by name for whatever nodes share: the one entry point to resources.

What nodes declare (``uses``) is granted together before they start, see :mod:`.claims`, and cannot deadlock; a run that
is given a manager shares it with whoever else takes locks there, see :mod:`.joint`. The locks here are for what a node
takes while it runs, for agents and clients outside of a run, and across kernels. What
is promised is written where it is kept: order and ageing in :mod:`.queues`, deadlock in :mod:`.deadlock`, threads,
tasks and interrupts in :mod:`.front`, leases in :mod:`.grants`, processes in :mod:`.machine`.

Here everything that a user gives is checked, before anything changes. Nested holds: an owner that asks again for what
it holds is granted at once, and each lock is given back by itself. A manager starts nothing and costs nothing until it
is used.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence

from orchestra_nb.config import Capacity
from orchestra_nb.errors import Issue
from orchestra_nb.events import EventBus, Subscriber
from orchestra_nb.presentation import Presented
from orchestra_nb.resources import prediction
from orchestra_nb.resources.circles import DeadlockResult
from orchestra_nb.resources.deadlock import Deadlock
from orchestra_nb.resources.front import Front
from orchestra_nb.resources.grants import Grant, Guard
from orchestra_nb.resources.joint import Joint
from orchestra_nb.resources.placing import Decision
from orchestra_nb.resources.pools import Scope, Type
from orchestra_nb.resources.reading import check_owner, check_terms, read_resource, read_wants
from orchestra_nb.resources.registry import Registry
from orchestra_nb.resources.requests import LockId, Receipt, Request, Wants
from orchestra_nb.resources.snapshots import snapshot
from orchestra_nb.resources.statistics import ResourceStats


class ResourceManager(Presented):
    """Resources with names, and the locks on them, for threads and tasks alike.

    Parameters
    ----------
    resolve_deadlocks
        Whether a deadlock is resolved when it comes about: one owner of the circle gets
        :class:`~orchestra_nb.errors.DeadlockError`, and the others go on. Otherwise it is only published as an event,
        and stays until somebody calls :meth:`resolve_deadlock`.
    clock
        Monotonic, in seconds.
    bus
        Where events are published; ``None``: on one of its own, see :meth:`on`.

    Examples
    --------
    >>> manager = ResourceManager()
    >>> manager.register_resource("db", type="database", max_concurrent=2)
    >>> with manager.lock("db", owner="load"):
    ...     manager.get_resource_stats()["db"].holders
    {'load': 1}
    >>> lock_id = manager.acquire_lock("db", owner="clean", timeout=1.0)
    >>> manager.release_lock(lock_id)
    True
    """

    def __init__(
        self,
        *,
        resolve_deadlocks: bool = True,
        clock: Callable[[], float] = time.monotonic,
        bus: EventBus | None = None,
    ) -> None:
        self._front = Front(clock, resolve_deadlocks, bus)
        self._registry = Registry(self._front)

    def register_resource(
        self,
        id: str,
        type: Type = "custom",
        max_concurrent: int = 1,
        *,
        rate: str | None = None,
        budget: float | None = None,
        scope: Scope = "process",
    ) -> None:
        """Make a resource known; once more in the same words is fine.

        Parameters
        ----------
        id
            Its name, as in a node's ``uses``.
        type
            ``"agent"``, ``"file"``, ``"database"``, ``"api"`` or ``"custom"``; for people and frames.
        max_concurrent
            How much may be held at once.
        rate
            How much may begin in a time, such as ``"60/min"`` (per ``s``, ``min`` or ``h``), instead of
            ``max_concurrent``. It is not given back; a lock on it need not be released.
        budget
            How much may be spent in all, in any unit, instead. When it is spent, requests are refused.
        scope
            ``"machine"``: all processes of this user on this machine share it, and must register the same.
            ``"cluster"``: all clients and workers of the dask cluster that this process belongs to.

        Raises
        ------
        ResourceError
            Something of it cannot be meant, or it is registered with other words.

        Examples
        --------
        >>> manager = ResourceManager()
        >>> manager.register_resource("gpu", max_concurrent=2)
        >>> manager.register_resource("chat", type="api", rate="60/min")
        >>> manager.register_resource("tokens", budget=50_000)
        >>> manager.register_resource("gpu", max_concurrent=4)
        Traceback (most recent call last):
        orchestra_nb.errors.ResourceError: resource 'gpu' is registered as held 2, type 'custom', scope 'process', and
        not as held 4, type 'custom', scope 'process'; take another name, or the same words
        """
        self._registry.register(read_resource(id, type, max_concurrent, rate, budget, scope))

    def registered(self) -> Mapping[str, Capacity]:
        """Say how much there is of what was registered, in the words of a run; what runs implied is not among it.

        Examples
        --------
        >>> manager = ResourceManager()
        >>> manager.register_resource("gpu", max_concurrent=2)
        >>> manager.register_resource("chat", type="api", rate="60/min")
        >>> dict(manager.registered())
        {'gpu': Capacity(amount=2, period=None), 'chat': Capacity(amount=60, period=60.0)}
        """
        known = self._registry.known
        return {id: known[id].in_a_run for id in known if not self._registry.is_implied(id)}

    def joined(self, shared: Mapping[str, Capacity | None], own: Mapping[str, Capacity] | None = None) -> Joint:
        """Make the claims of a run whose nodes use these resources.

        Parameters
        ----------
        shared
            How much a run says that there is of what it shares; what was registered here stays as it is. ``None``: it
            says nothing, and what nobody knows is there once.
        own
            What the run has for itself.

        Raises
        ------
        ResourceError
            Something is in use, and there is not so much of it as the run says.

        Examples
        --------
        What a run uses and nobody registered is there once from now on, for others too:

        >>> manager = ResourceManager()
        >>> claims = manager.joined({"db": None})
        >>> manager.acquire_lock("db", owner="by hand") is None, manager.get_resource_stats()["db"].capacity
        (False, 1)
        """
        for name, capacity in shared.items():
            self._registry.imply(name, capacity)
        return Joint(self._front, own or {}, self._registry.imply)

    def acquire_lock(
        self,
        resource: str,
        owner: Hashable = None,
        priority: float = 0,
        timeout: float | None = None,
        amount: float = 1,
        *,
        lease: float | None = None,
    ) -> LockId | None:
        """Wait for a lock in this thread.

        Parameters
        ----------
        resource
            Its name, with an amount if you like: ``"gpu:2"``.
        owner
            Whose lock it is to be, such as the name of a node; ``None``: the running task's, else this thread's, and
            then it is given back when that ends. An owner is one line of work: it may ask for what it holds (a nested
            hold, which needs a release of its own). So is a node that uses something here, together with its body.
        priority
            Higher goes first; but nobody is overtaken for ever, see :mod:`.queues` for the bound.
        timeout
            Seconds to wait at most; 0: do not wait; ``None``: wait for ever.
        amount
            How much of it.
        lease
            Seconds after which the lock is taken back, unless it is renewed; ``None``: never.

        Returns
        -------
        LockId or None
            What :meth:`release_lock` wants; it grows with every grant, so it is a fencing token too. ``None``: the time
            was up, and nothing is held.

        Raises
        ------
        ResourceError
            Something cannot be meant, or the wait was cancelled.
        DeadlockError
            The owner is the victim of a deadlock. What it holds through :meth:`acquire_lock` has been given back for
            it; what it holds in ``with`` blocks these give back while they unwind.
        BudgetSpent
            It is a budget, and less is left.

        Examples
        --------
        >>> manager = ResourceManager()
        >>> manager.register_resource("gpu", max_concurrent=2)
        >>> lock_id = manager.acquire_lock("gpu:2", owner="train")
        >>> manager.acquire_lock("gpu", owner="plot", timeout=0) is None
        True
        >>> manager.release_lock(lock_id)
        True
        """
        request = self._request(self._wants((resource,), amount), owner, (priority, timeout, lease), False)
        return self._front.acquire(request)

    async def acquire_lock_async(
        self,
        resource: str,
        owner: Hashable = None,
        priority: float = 0,
        timeout: float | None = None,
        amount: float = 1,
        *,
        lease: float | None = None,
    ) -> LockId | None:
        """Wait for a lock in this task; otherwise as :meth:`acquire_lock`, from any loop.

        Examples
        --------
        >>> import asyncio
        >>> manager = ResourceManager()
        >>> manager.register_resource("db")
        >>> async def use(name):
        ...     lock_id = await manager.acquire_lock_async("db", owner=name, timeout=60)
        ...     manager.release_lock(lock_id)
        ...     return name
        >>> async def both():
        ...     return await asyncio.gather(use("load"), use("save"))
        >>> asyncio.run(both()), manager.get_resource_stats()["db"].granted
        (['load', 'save'], 2)
        """
        request = self._request(self._wants((resource,), amount), owner, (priority, timeout, lease), False)
        return await self._front.acquire_async(request)

    def lock(
        self,
        *resources: str,
        owner: Hashable = None,
        priority: float = 0,
        timeout: float | None = None,
        amount: float = 1,
        lease: float | None = None,
    ) -> Guard:
        """Make a lock for ``with`` or ``async with``: of all resources together, or of none.

        Parameters
        ----------
        *resources
            Names, with amounts if you like: ``lock("db", "gpu:2")``.
        owner, priority, timeout, amount, lease
            As in :meth:`acquire_lock`; ``amount`` goes for the names that have none.

        Returns
        -------
        Guard
            Its block gets a :class:`.grants.Grant`, which can be renewed. When the time is up, it raises
            :class:`~orchestra_nb.errors.LockTimeout`.

        Examples
        --------
        >>> manager = ResourceManager()
        >>> for name in ("db", "gpu"):
        ...     manager.register_resource(name, max_concurrent=2)
        >>> with manager.lock("db", "gpu:2", owner="train") as grant:
        ...     grant.resources
        ('db', 'gpu')
        """
        wants = self._wants(resources, amount)
        terms = (priority, timeout, lease)
        check_terms(*terms)
        if owner is not None:
            check_owner(owner)
        return Guard(self._front, lambda: self._request(wants, owner, terms, True))

    def release_lock(self, lock_id: LockId) -> bool:
        """Give a lock back.

        Returns
        -------
        bool
            ``False``: that had been done already, because its owner was the victim of a deadlock.

        Raises
        ------
        LeaseExpired
            It was taken back, because its lease had expired.
        ResourceError
            It is not held: given back twice, or never granted.

        Examples
        --------
        >>> manager = ResourceManager()
        >>> manager.register_resource("db")
        >>> lock_id = manager.acquire_lock("db", owner="load")
        >>> manager.release_lock(lock_id)
        True
        >>> manager.release_lock(lock_id)
        Traceback (most recent call last):
        orchestra_nb.errors.ResourceError: lock 1 is not held: it was given back already, or is of another manager; ask
        for one
        """
        if self._front.release(lock_id) or isinstance(lock_id, Receipt):
            return True
        if self._front.table.was_revoked(lock_id):
            return False
        raise self._front.table.refusal(lock_id)

    def release_all_locks(self, owner: Hashable) -> int:
        """Give back everything that an owner holds, but let it wait for what it waits for; returns how many it held.

        Examples
        --------
        >>> manager = ResourceManager()
        >>> manager.register_resource("gpu", max_concurrent=4)
        >>> locks = [manager.acquire_lock("gpu", owner="train") for _ in range(3)]
        >>> manager.release_all_locks("train"), manager.get_resource_stats()["gpu"].holders
        (3, {})
        """
        table = self._front.table
        held = table.held_by(owner)

        def release(now: float) -> list[Decision]:
            return [decision for request in table.held_by(owner) for decision in table.release(request, now)]

        self._front.change(release)
        return len(held)

    def cancel_waits(self, owner: Hashable) -> int:
        """Let an owner wait no more: its requests raise ResourceError. Returns how many they were.

        Examples
        --------
        >>> import asyncio
        >>> manager = ResourceManager()
        >>> manager.register_resource("db")
        >>> held = manager.acquire_lock("db", owner="load")
        >>> async def cancelled():
        ...     wait = asyncio.create_task(manager.acquire_lock_async("db", owner="save"))
        ...     await asyncio.sleep(0)  # now it waits
        ...     print(manager.cancel_waits("save"))
        ...     await wait
        >>> asyncio.run(cancelled())
        Traceback (most recent call last):
        orchestra_nb.errors.ResourceError: save waits no more for db: it was cancelled
        """
        table = self._front.table
        waits = table.waits_of(owner)
        self._front.change(lambda now: [d for request in table.waits_of(owner) for d in table.cancel(request, now)])
        return len(waits)

    def set_priority(self, owner: Hashable, priority: float) -> None:
        """Let what an owner waits for have another priority from now on.

        Examples
        --------
        >>> import asyncio
        >>> manager, order = ResourceManager(), []
        >>> manager.register_resource("db")
        >>> async def use(name):
        ...     async with manager.lock("db", owner=name):
        ...         order.append(name)
        >>> async def overtaken():
        ...     async with manager.lock("db", owner="load"):
        ...         waits = [asyncio.create_task(use(name)) for name in ("plot", "save")]
        ...         await asyncio.sleep(0)  # now they wait
        ...         manager.set_priority("save", 5)
        ...     await asyncio.gather(*waits)
        >>> asyncio.run(overtaken())
        >>> order
        ['save', 'plot']
        """
        check_terms(priority, None, None)
        self._front.change(lambda now: self._front.table.change_priority(owner, priority))

    def grant(self, lock_id: LockId) -> Grant:
        """Give the grant behind a lock id: it can be checked and renewed. Raises when it is not held any more.

        Examples
        --------
        >>> now = [0.0]
        >>> manager = ResourceManager(clock=lambda: now[0])
        >>> manager.register_resource("db")
        >>> grant = manager.grant(manager.acquire_lock("db", owner="load", lease=10))
        >>> now[0] = 9.0
        >>> grant.renew(20)
        >>> now[0] = 25.0
        >>> grant.held, grant.remaining
        (True, 4.0)
        """
        request = self._front.table.held.get(lock_id)
        if request is None:
            raise self._front.table.refusal(lock_id)
        return Grant(self._front, request)

    def detect_deadlock(self) -> DeadlockResult:
        """Look for circles of waits; none stay where deadlocks are resolved as they come about.

        Examples
        --------
        >>> import asyncio
        >>> manager = ResourceManager(resolve_deadlocks=False)
        >>> for name in ("db", "gpu"):
        ...     manager.register_resource(name)
        >>> async def take(owner, first, second):
        ...     async with manager.lock(first, owner=owner):
        ...         await asyncio.sleep(0)
        ...         async with manager.lock(second, owner=owner):
        ...             return "got both"
        >>> async def stuck():
        ...     tasks = [asyncio.create_task(take(*each)) for each in (("anna", "db", "gpu"), ("ben", "gpu", "db"))]
        ...     while not (found := manager.detect_deadlock()):
        ...         await asyncio.sleep(0)
        ...     manager.resolve_deadlock()
        ...     await asyncio.gather(*tasks, return_exceptions=True)
        ...     return found
        >>> found = asyncio.run(stuck())
        >>> found.victim, found.cycle, found.resources
        ('ben', ('ben', 'anna', 'ben'), ('db', 'gpu'))
        """
        found: list[Deadlock] = []

        def look(now: float) -> list[Decision]:
            found[:] = self._front.table.find_deadlocks(now)
            return []

        self._front.change(look)
        return DeadlockResult(tuple(each.circle for each in found), str(found[0].victim) if found else None)

    def resolve_deadlock(self) -> str | None:
        """Have one owner of the oldest circle give way; returns who that is, ``None`` when there is no circle.

        Examples
        --------
        >>> import asyncio
        >>> manager = ResourceManager(resolve_deadlocks=False)
        >>> for name in ("db", "gpu"):
        ...     manager.register_resource(name)
        >>> async def take(owner, first, second):
        ...     async with manager.lock(first, owner=owner):
        ...         await asyncio.sleep(0)
        ...         async with manager.lock(second, owner=owner):
        ...             return "got both"
        >>> async def stuck():
        ...     tasks = [asyncio.create_task(take(*each)) for each in (("anna", "db", "gpu"), ("ben", "gpu", "db"))]
        ...     while not (victim := manager.resolve_deadlock()):
        ...         await asyncio.sleep(0)
        ...     print(victim, "gives way")
        ...     return [type(each).__name__ for each in await asyncio.gather(*tasks, return_exceptions=True)]
        >>> asyncio.run(stuck())
        ben gives way
        ['str', 'DeadlockError']
        """
        victims: list[str] = []

        def resolve(now: float) -> list[Decision]:
            for found in self._front.table.find_deadlocks(now):
                victims[:] = [str(found.victim)]
                return self._front.table.give_way(found.victim, found.circle, now)
            return []

        self._front.change(resolve)
        return victims[0] if victims else None

    def get_resource_stats(self) -> ResourceStats:
        """Take a snapshot of all resources and owners: who holds, who waits, waits and use so far.

        Examples
        --------
        >>> manager = ResourceManager()
        >>> manager.register_resource("gpu", max_concurrent=4)
        >>> _ = manager.acquire_lock("gpu:3", owner="train")
        >>> gpu = manager.get_resource_stats()["gpu"]
        >>> gpu.capacity, gpu.holders, gpu.waiting
        (4, {'train': 3}, {})
        """
        taken: list[ResourceStats] = []

        def look(now: float) -> list[Decision]:
            table = self._front.table
            out = table.tick(now)
            held, waiting = table.held.values(), table.waiting.values()
            taken.append(snapshot(self._front.pools.values(), held, waiting, table.deadlocks, now))
            return out

        self._front.change(look)
        return taken[-1]

    def predict(self, uses_by_node: Mapping[str, Sequence[str]]) -> list[Issue]:
        """Warn of lock orders that could end in a deadlock: of those declared here, and those seen so far.

        Parameters
        ----------
        uses_by_node
            For each node what it takes one after another without letting go.

        Examples
        --------
        >>> manager = ResourceManager()
        >>> for issue in manager.predict({"load": ["db", "gpu"], "train": ["gpu", "db"]}):
        ...     print(issue)
        load takes 'gpu' while holding 'db', train takes 'db' while holding 'gpu': they can deadlock; ...
        """
        capacities = {id: resource.capacity for id, resource in self._registry.known.items()}
        seen = {order: set(owners) for order, owners in self._front.table.orders.items()}
        return prediction.predict(uses_by_node, seen, capacities)

    def on(self, pattern: str, subscriber: Subscriber) -> Callable[[], None]:
        """Call ``subscriber(event)`` for each event of that name, such as ``"resource:*"``; returns what undoes it.

        It is called in step, by the thread whose call made it happen, and before that returns.

        Examples
        --------
        >>> manager, seen = ResourceManager(), []
        >>> manager.register_resource("db")
        >>> stop = manager.on("resource:*", lambda event: seen.append(event.name))
        >>> manager.release_lock(manager.acquire_lock("db", owner="load"))
        True
        >>> stop()
        >>> seen
        ['resource:lock-granted', 'resource:lock-released']
        """
        return self._front.on(pattern, subscriber)

    def close(self) -> None:
        """End all waits with ResourceError, give everything back, and grant nothing more. Closing twice is fine.

        Examples
        --------
        >>> manager = ResourceManager()
        >>> manager.register_resource("db")
        >>> manager.close()
        >>> manager.acquire_lock("db")
        Traceback (most recent call last):
        orchestra_nb.errors.ResourceError: this manager is closed; make another ResourceManager
        """
        self._front.close()

    def _wants(self, resources: tuple[str, ...], amount: float) -> Wants:
        if len(resources) == 1 and amount == 1 and type(amount) is int and isinstance(resources[0], str):
            pool = self._front.pools.get(resources[0])
            if pool is not None:
                return pool.one
        return read_wants(resources, amount, self._front.pools)

    def _request(
        self, wants: Wants, owner: Hashable, terms: tuple[float, float | None, float | None], scoped: bool
    ) -> Request:
        priority, timeout, lease = terms
        if priority or timeout is not None or lease is not None:
            check_terms(priority, timeout, lease)
        if owner is None:
            owner = self._front.owners.current()
        else:
            if type(owner) is not str or not owner:
                check_owner(owner)
            owner = self._front.owners.named(owner)
        deadline = None if timeout is None else self._front.now() + timeout
        return Request(owner, wants, priority, deadline, lease, scoped)
