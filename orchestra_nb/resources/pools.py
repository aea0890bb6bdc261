"""The kinds of resource: what is held, rates and budgets; what is shared with other processes is in :mod:`.machine`.

A pool says how much it has, takes and gives back; who is asked first is decided elsewhere. What an owner holds of a
resource is the largest of its holds, so a nested hold takes nothing more unless it is larger, and then the difference.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator
from typing import Literal

from orchestra_nb.resources.budgets import Budget
from orchestra_nb.resources.queues import Queue
from orchestra_nb.resources.rates import Begun, Window
from orchestra_nb.resources.requests import Request, Wants
from orchestra_nb.resources.statistics import Usage

Type = Literal["agent", "file", "database", "api", "custom"]
Scope = Literal["process", "machine", "cluster"]
Kind = Literal["held", "rate", "budget"]


class Pool:
    """A resource of which so much may be held at once.

    Parameters
    ----------
    name, type, scope
        As registered.
    capacity
        How much there is.
    now
        When it was registered, in seconds.
    """

    kind: Kind = "held"
    plain = True
    """Whether nothing but the amount that is taken decides."""
    retrying = False
    """Whether who waits for it knows that it is tried again when time has passed."""

    def __init__(self, name: str, type: Type, capacity: float, now: float, scope: Scope = "process") -> None:
        self.name = name
        self.type = type
        self.scope = scope
        self.capacity = capacity
        self.period: float | None = None
        self.taken: float = 0
        self.holders: dict[Hashable, list[tuple[float, Request]]] = {}
        self.queue = Queue()
        self.usage = Usage(now)
        self.one: Wants = ((self, 1),)
        """A request for one of it."""

    def need(self, owner: Hashable, amount: float) -> float:
        """How much more an owner needs to hold so much."""
        holds = self.holders.get(owner)
        return amount if holds is None else max(0, amount - _most(holds))

    def free(self, now: float) -> float:
        """How much could be taken."""
        return self.capacity - self.taken

    def short(self, now: float) -> float:
        """How much could be taken if time alone made all the room that it can; what is missing then, somebody holds."""
        return self.free(now)

    def opens(self, amount: float, now: float) -> float | None:
        """When time makes room for so much, if it does."""
        return None

    def take(self, request: Request, amount: float, now: float) -> None:
        """Let a request have it."""
        need = self.need(request.owner, amount)
        self.usage.advance(now, self.taken)
        self.holders.setdefault(request.owner, []).append((amount, request))
        self.taken += need

    def give(self, request: Request, now: float) -> None:
        """Take back what a request held."""
        holds = self.holders[request.owner]
        self.usage.advance(now, self.taken)
        if len(holds) == 1:
            del self.holders[request.owner]
            self.taken -= holds[0][0]
            return
        before = _most(holds)
        holds[:] = [hold for hold in holds if hold[1] is not request]
        self.taken -= before - _most(holds)

    def recount(self, held: Iterable[tuple[float, Request]]) -> None:
        """Add up anew from what is held, after an interrupt between two steps."""
        self.holders = {}
        self.queue.clear()
        for hold in held:
            self.holders.setdefault(hold[1].owner, []).append(hold)
        self.taken = sum(_most(holds) for holds in self.holders.values())

    def seize(self, amount: float, now: float, least: int) -> int | None:
        """Get so much from the other processes; a token from ``least``, or ``None`` when they have it."""
        return least

    def unseize(self) -> None:
        """Let the other processes have what is not taken here."""

    @property
    def used(self) -> float:
        """How much is not free."""
        return self.taken

    def seniors_before(self, request: Request | None) -> Iterator[Request]:
        """Give the seniors that go before a request; ``None``: before any that is none."""
        for senior in self.queue.seniors:
            if senior is request or (request is not None and request.senior and senior.number > request.number):
                return
            yield senior

    def reserved(self, request: Request | None) -> float:
        """How much the seniors still need that go before a request."""
        if not self.queue.seniors:
            return 0
        return sum(self.need(senior.owner, senior.amount_of(self)) for senior in self.seniors_before(request))

    def waiting(self) -> Iterator[Request]:
        """Give all who wait and want some of it."""
        yield from self.queue.seniors
        for _, _, request in self.queue.ageing:
            yield request


class RatePool(Pool):
    """A resource of which so much may begin in a time."""

    kind: Kind = "rate"
    plain = False

    def __init__(self, name: str, type: Type, capacity: float, now: float, period: float = 1.0) -> None:
        super().__init__(name, type, capacity, now)
        self.period = period
        self.window = Window(capacity, period)
        self._now = now

    def need(self, owner: Hashable, amount: float) -> float:
        """All of it: what has begun is not held."""
        return amount

    def free(self, now: float) -> float:
        """What may still begin."""
        self._now = now
        return self.capacity - self.window.used(now)

    def short(self, now: float) -> float:
        """Time makes room for everything."""
        return math.inf

    def opens(self, amount: float, now: float) -> float | None:
        """When there is room for so much."""
        return self.window.opens(amount, now)

    def take(self, request: Request, amount: float, now: float) -> None:
        """Let it begin."""
        request.charged += ((self, amount, self.window.add(now, amount)),)

    def give(self, request: Request, now: float) -> None:
        """Nothing is given back."""

    def refund(self, request: Request, amount: float, entry: Begun | None) -> None:
        """It did not begin after all."""
        if entry is not None:
            self.window.take_back(entry)

    def recount(self, held: Iterable[tuple[float, Request]]) -> None:
        """Add up anew."""
        self.queue.clear()
        self.window.recount()

    @property
    def used(self) -> float:
        """What began within the period."""
        return self.window.used(self._now)


class BudgetPool(Pool):
    """A resource that is spent and never given back."""

    kind: Kind = "budget"
    plain = False

    def __init__(self, name: str, type: Type, capacity: float, now: float) -> None:
        super().__init__(name, type, capacity, now)
        self.budget = Budget(name, capacity)

    def need(self, owner: Hashable, amount: float) -> float:
        """Nothing to wait for: who asks for more than is left is refused and not queued."""
        return 0

    def short(self, now: float) -> float:
        """As in :meth:`need`."""
        return math.inf

    def take(self, request: Request, amount: float, now: float) -> None:
        """Spend it."""
        self.budget.spend(request.owner, amount)
        request.charged += ((self, amount, None),)

    def give(self, request: Request, now: float) -> None:
        """Nothing is given back."""

    def refund(self, request: Request, amount: float, entry: Begun | None) -> None:
        """It was not spent after all."""
        self.budget.spend(request.owner, -amount)

    def recount(self, held: Iterable[tuple[float, Request]]) -> None:
        """Add up anew."""
        self.queue.clear()
        self.budget.recount()

    @property
    def used(self) -> float:
        """What was spent."""
        return self.capacity - self.budget.left


def _most(holds: list[tuple[float, Request]]) -> float:
    return max(amount for amount, _ in holds)
