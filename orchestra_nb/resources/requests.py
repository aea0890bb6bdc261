"""One request for resources, from the asking to the giving back.

The same object is the question, the place in the queue and the lock that is held: what a lock table does most often,
granting at once, makes one object and nothing else. Whoever is not yet waiting or holding has the defaults of the
class.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NewType

from orchestra_nb.errors import ResourceError

if TYPE_CHECKING:
    from orchestra_nb.resources.pools import Pool
    from orchestra_nb.resources.rates import Begun

LockId = NewType("LockId", int)
"""Names a lock that is held; ids grow, so that each is a fencing token too."""


class Receipt(int):
    """The id of a lock with nothing to give back: of a rate or a budget. Nobody need release it, and anybody may."""

    __slots__ = ()


Status = Literal["new", "waiting", "held", "timed-out", "refused", "over", "expired", "revoked"]
Wants = tuple[tuple["Pool", float], ...]


class Request:
    """Who asks for what, and what has become of it.

    Parameters
    ----------
    owner
        Whose lock it is to be. What one owner asks for while it holds the same resource is a nested hold.
    wants
        Resources with amounts, each once; granted together or not at all.
    priority
        Higher goes first.
    deadline
        When to give up, on the clock of the table; ``None``: never. One that has passed already means: do not wait.
    lease
        Seconds after which the lock is taken back; ``None``: never.
    scoped
        Whether a ``with`` block gives it back, also when its owner is the victim of a deadlock.
    """

    number = 0
    """Grows in the order of asking."""
    status: Status = "new"
    token = LockId(0)
    error: ResourceError | None = None
    asked = 0.0
    since = 0.0
    """When it was granted."""
    expires: float | None = None
    senior = False
    """Overtaken so often that what it waits for is reserved."""
    parked: Pool | None = None
    """The resource that refused it last."""
    obstacle: tuple[Pool, float] | None = None
    """Of what there was too little when it was asked for, and how much it needed."""
    need = 0.0
    """How much of that it needed."""
    dues: tuple[int, ...] = ()
    charged: tuple[tuple[Pool, float, Begun | None], ...] = ()
    """What it spent of rates and budgets."""
    signal: Any = None
    """How the shell tells whoever waits."""

    def __init__(
        self,
        owner: Hashable,
        wants: Wants,
        priority: float = 0,
        deadline: float | None = None,
        lease: float | None = None,
        scoped: bool = False,
    ) -> None:
        self.owner = owner
        self.wants = wants
        self.priority = priority
        self.deadline = deadline
        self.lease = lease
        self.scoped = scoped

    def amount_of(self, pool: Pool) -> float:
        """How much of a resource it names."""
        return next(amount for known, amount in self.wants if known is pool)

    @property
    def is_spent(self) -> bool:
        """Whether nothing of it is ever given back."""
        return all(pool.kind != "held" for pool, _ in self.wants)

    @property
    def resources(self) -> tuple[str, ...]:
        """The names of what it wants."""
        return tuple(pool.name for pool, _ in self.wants)


Waiting = Mapping[Hashable, list[Request]]
"""What each owner waits for: usually one request."""
