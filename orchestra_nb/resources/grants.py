"""What ``lock(...)`` gives: a guard for ``with`` and ``async with``, and the grant that the block gets.

The guard asks when its block is entered and gives back when it is left. The grant says what is held: its token grows
with every grant, so that whoever keeps the resource can refuse a holder that comes with an older one than it has
seen; and its lease, which the holder renews. A lease is a promise of the holder and not of the lock: code that goes
on beyond it is not stopped, but its token is refused here from then on, and the block ends with
:class:`~.errors.LeaseExpired`.

**Interrupts.** One that comes after the body and before the first line of ``__exit__`` leaves the guard no moment of
its own. Only the ``with`` statement holds the guard (the block gets the grant, which knows nothing of it), so it dies
as soon as the interrupt's traceback is let go, and its destructor gives the lock back.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from orchestra_nb.errors import LockTimeout, ResourceError
from orchestra_nb.resources.front import Front
from orchestra_nb.resources.requests import LockId, Request


class Grant:
    """A lock that is held.

    Examples
    --------
    >>> from orchestra_nb import ResourceManager
    >>> manager = ResourceManager()
    >>> manager.register_resource("db", type="database")
    >>> with manager.lock("db", owner="load", lease=30.0) as grant:
    ...     grant.owner, grant.resources, grant.token, grant.held
    ('load', ('db',), 1, True)
    >>> grant.held
    False
    """

    __slots__ = ("_front", "_request")

    def __init__(self, front: Front, request: Request) -> None:
        self._front = front
        self._request = request

    @property
    def token(self) -> LockId:
        """The lock id, which is a fencing token: later grants have larger ones.

        Examples
        --------
        >>> from orchestra_nb import ResourceManager
        >>> now = [0.0]
        >>> manager = ResourceManager(clock=lambda: now[0])
        >>> manager.register_resource("db")
        >>> grant = manager.grant(manager.acquire_lock("db", owner="load", lease=10))
        >>> manager.release_lock(grant.token)
        True
        """
        return self._request.token

    @property
    def owner(self) -> str:
        """Whose lock it is.

        Examples
        --------
        >>> from orchestra_nb import ResourceManager
        >>> now = [0.0]
        >>> manager = ResourceManager(clock=lambda: now[0])
        >>> manager.register_resource("db")
        >>> grant = manager.grant(manager.acquire_lock("db", owner="load", lease=10))
        >>> grant.owner
        'load'
        """
        return str(self._request.owner)

    @property
    def resources(self) -> tuple[str, ...]:
        """What is held.

        Examples
        --------
        >>> from orchestra_nb import ResourceManager
        >>> now = [0.0]
        >>> manager = ResourceManager(clock=lambda: now[0])
        >>> manager.register_resource("db")
        >>> grant = manager.grant(manager.acquire_lock("db", owner="load", lease=10))
        >>> grant.resources
        ('db',)
        """
        return self._request.resources

    @property
    def held(self) -> bool:
        """Whether it is still held.

        Examples
        --------
        >>> from orchestra_nb import ResourceManager
        >>> now = [0.0]
        >>> manager = ResourceManager(clock=lambda: now[0])
        >>> manager.register_resource("db")
        >>> grant = manager.grant(manager.acquire_lock("db", owner="load", lease=10))
        >>> grant.held
        True
        >>> now[0] = 11.0
        >>> grant.held
        False
        """
        expires = self._request.expires
        known = self._front.table.held.get(self.token) is self._request
        return known and (expires is None or self._front.now() < expires)

    @property
    def remaining(self) -> float | None:
        """Seconds until the lease expires, not below 0; ``None``: it has none.

        Examples
        --------
        >>> from orchestra_nb import ResourceManager
        >>> now = [0.0]
        >>> manager = ResourceManager(clock=lambda: now[0])
        >>> manager.register_resource("db")
        >>> grant = manager.grant(manager.acquire_lock("db", owner="load", lease=10))
        >>> now[0] = 4.0
        >>> grant.remaining
        6.0
        """
        expires = self._request.expires
        return None if expires is None else max(0.0, expires - self._front.now())

    def check(self) -> None:
        """Raise when the lock is not held any more.

        Raises
        ------
        LeaseExpired
            Its lease has expired.
        ResourceError
            It was given back.

        Examples
        --------
        >>> from orchestra_nb import ResourceManager
        >>> now = [0.0]
        >>> manager = ResourceManager(clock=lambda: now[0])
        >>> manager.register_resource("db")
        >>> grant = manager.grant(manager.acquire_lock("db", owner="load", lease=10))
        >>> grant.check()
        >>> now[0] = 11.0
        >>> grant.check()
        Traceback (most recent call last):
        orchestra_nb.errors.LeaseExpired: lock 1 of load for db was taken back: its lease had expired; ask again, and
        renew in time
        """
        if not self.held:
            self._front.change(self._front.table.tick)
            raise self._front.table.refusal(self.token, self._request)

    def renew(self, lease: float | None = None) -> None:
        """Let the lease begin anew.

        Parameters
        ----------
        lease
            Seconds from now; ``None``: as long as it was.

        Raises
        ------
        LeaseExpired
            It is too late.
        ResourceError
            It was given back, or has no lease to renew.

        Examples
        --------
        >>> from orchestra_nb import ResourceManager
        >>> now = [0.0]
        >>> manager = ResourceManager(clock=lambda: now[0])
        >>> manager.register_resource("db")
        >>> grant = manager.grant(manager.acquire_lock("db", owner="load", lease=10))
        >>> now[0] = 9.0
        >>> grant.renew()
        >>> now[0] = 18.0
        >>> grant.held, grant.remaining
        (True, 1.0)
        """
        seconds = self._request.lease if lease is None else lease
        if seconds is None:
            raise ResourceError(f"lock {self.token} has no lease to renew; give one: renew(lease=30.0)")
        request, table = self._request, self._front.table
        self._front.change(lambda now: table.tick(now) + table.renew(request, seconds, now))


class Guard:
    """A lock for a block.

    Parameters
    ----------
    front
        Where to ask.
    ask
        Makes the request, when the block is entered: whose lock it is may depend on who enters.

    Examples
    --------
    >>> from orchestra_nb import ResourceManager
    >>> manager = ResourceManager()
    >>> for name in ("db", "gpu"):
    ...     manager.register_resource(name)
    >>> with manager.lock("db", "gpu", owner="train"):
    ...     manager.get_resource_stats().owners["train"].holds
    {'db': 1, 'gpu': 1}
    """

    def __init__(self, front: Front, ask: Callable[[], Request]) -> None:
        self._front = front
        self._ask = ask
        self._request: Request | None = None

    def __enter__(self) -> Grant:
        try:
            request = self._request = self._begin()
            if self._front.acquire(request) is None:
                raise _too_late(request)
            return Grant(self._front, request)
        except BaseException:
            self._drop()
            raise

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            request = self._request
            if request is not None:
                if not self._front.release(request.token) and exc_type is None:
                    raise self._front.table.refusal(request.token, request)
                self._request = None
        except BaseException:
            self._drop()
            raise

    async def __aenter__(self) -> Grant:
        try:
            request = self._request = self._begin()
            if await self._front.acquire_async(request) is None:
                raise _too_late(request)
            return Grant(self._front, request)
        except BaseException:
            self._drop()
            raise

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(exc_type, exc, traceback)

    def __del__(self) -> None:
        request = self._request
        if request is not None:
            self._front.note(request)

    def _begin(self) -> Request:
        if self._request is not None:
            raise ResourceError("this lock is in use already; make one for each block: with manager.lock(...)")
        return self._ask()

    def _drop(self) -> None:
        """Whatever happened, nothing is held."""
        request = self._request
        if request is not None:
            self._front.drop(request)
            self._request = None


def _too_late(request: Request) -> LockTimeout:
    what = " and ".join(request.resources)
    return LockTimeout(
        f"{request.owner} waited in vain for {what}; give it a longer timeout, or see .frame for who holds"
    )
