"""Who holds how much of what: the table behind the resources that nodes declare, as a machine without clock or threads.

A claim names everything that its owner needs and is granted whole or not at all, so owners never wait for one another
in a circle: nobody holds something while waiting for something else (Havender's first rule, 1968). The table keeps no
queue. Who asks first is decided by whoever asks (:mod:`orchestra_nb.running.waiting_room` does, by urgency), and a
claim that finds no room is told which resource had none, so that it need not be tried again before that one has.

Three kinds of resource: *held* (``amount`` at once, given back by :meth:`Claims.release`), *rates* (``amount`` may
begin in any window of ``period`` seconds, see :mod:`.rates`; nothing is given back, time is what makes room), and
*budgets* (``amount`` in all, see :mod:`.budgets`; nothing makes room, so whoever asks for more than is left must be
told, and not wait).

Who rests between two attempts may keep what is held (:meth:`Claims.keep`). It then asks for the rest of its claim only:
what it has it never waits for, and so it still waits for nobody who could wait for it.

Order of time: ``now`` never goes back. Cost: a claim is O(what it names); a rate remembers one entry per grant of its
window. Rejected: a default of "as much as anybody asks" for resources that nobody declared (a typo in a name would then
switch the limit off): what is not declared is there once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple, TypeVar

from orchestra_nb.config import Capacity
from orchestra_nb.errors import BudgetSpent, Issue
from orchestra_nb.model import Node
from orchestra_nb.resources.budgets import Budget
from orchestra_nb.resources.rates import Window

_ONCE = Capacity(1)
T = TypeVar("T")
Wants = tuple[tuple[str, int], ...]


class Obstacle(NamedTuple):
    """What a claim found no room for."""

    resource: str
    amount: int


class Elsewhere(NamedTuple):
    """What a claim found no room for, and now waits for in a queue that others share."""

    resource: str
    amount: int


def wants_of(uses: Iterable[str]) -> Wants:
    """Read a node's ``uses``: names with amounts, each name once.

    Examples
    --------
    >>> wants_of(["db", "gpu:2", "db"])
    (('db', 2), ('gpu', 2))
    """
    return _read(tuple(uses))


@lru_cache(maxsize=4096)
def _read(uses: tuple[str, ...]) -> Wants:
    """Read it once: a run asks at each step of a node, and many nodes use the same."""
    found: dict[str, int] = {}
    for use in uses:
        name, colon, amount = use.rpartition(":")
        if not (colon and amount.isdecimal()):
            name, amount = use, "1"
        found[name] = found.get(name, 0) + int(amount)
    return tuple(found.items())


def impossible(nodes: Iterable[Node], capacities: Mapping[str, Capacity]) -> list[Issue]:
    """Find the nodes that could never start: they use more of something than there is, or an amount that is none.

    A name may hold colons; what stands behind the last one is an amount only where it is a number.

    Examples
    --------
    >>> print(*impossible([Node("train", uses=["gpu:2"])], {}))
    node 'train' uses 2 of 'gpu', and there is 1; declare more of it: resources={'gpu': 2}
    """
    issues = []
    for node in nodes:
        issues += [_no_amount(node, use) for use in node.uses if not _is_use(use)]
        for name, amount in wants_of(node.uses):
            there = capacities.get(name, _ONCE).amount
            if amount > there:
                told = f"node {node.id!r} uses {amount} of {name!r}, and there is {there}"
                hint = f"declare more of it: resources={{{name!r}: {amount}}}"
                issues.append(Issue("too-much-of-a-resource", told, (node.id,), suggestion=hint))
    return issues


def _is_use(use: str) -> bool:
    """Whether it has a name, and an amount that is one where it ends like one."""
    name, colon, amount = use.rpartition(":")
    if not colon:
        return bool(use.strip())
    if amount.isdecimal():
        return bool(name.strip()) and int(amount) >= 1
    try:
        float(amount)
    except ValueError:
        return bool(name.strip() and amount.strip())
    return False


def _no_amount(node: Node, use: str) -> Issue:
    told = f"node {node.id!r} uses {use!r}, which names no resource with a whole amount from 1"
    return Issue("no-amount", told, (node.id,), suggestion="write 'db', or 'gpu:2' for two of them")


class Claims:
    """The table.

    Parameters
    ----------
    capacities
        How much there is of what; a name that is not here is there once.

    Examples
    --------
    >>> table = Claims({"gpu": Capacity(2), "api": Capacity(1, period=60.0)})
    >>> table.claim("a", (("gpu", 2),), now=0.0)
    >>> table.claim("b", (("gpu", 1), ("api", 1)), now=0.0)
    Obstacle(resource='gpu', amount=1)
    >>> table.release("a")
    >>> table.claim("b", (("gpu", 1), ("api", 1)), now=1.0)
    >>> table.claim("c", (("api", 1),), now=2.0), table.opens("api", 1, now=2.0)
    (Obstacle(resource='api', amount=1), 61.0)
    """

    shared = False
    """Whether others share some of it (:mod:`.joint`)."""

    def __init__(self, capacities: Mapping[str, Capacity] | None = None) -> None:
        self._capacities = dict(capacities or {})
        self.has_rates = any(c.period not in (None, math.inf) for c in self._capacities.values())
        """Whether time alone makes room in any of its own."""
        self._held: dict[str, int] = {}
        self._windows: dict[str, Window] = {}
        self._budgets = {name: Budget(name, c.amount) for name, c in self._capacities.items() if c.period == math.inf}
        self._owners: dict[Hashable, Wants] = {}
        self._kept: set[Hashable] = set()

    @property
    def has_budgets(self) -> bool:
        """Whether anything is spent for good."""
        return bool(self._budgets)

    @property
    def owners(self) -> Mapping[Hashable, Wants]:
        """Who holds what."""
        return self._owners

    def claim(self, owner: Hashable, wants: Wants, now: float, priority: float = 0) -> Obstacle | Elsewhere | None:
        """Give the owner all that it wants, or nothing; ``priority`` counts only where others ask for the same.

        Returns
        -------
        Obstacle or None
            What there was no room for; ``None``: granted.

        Raises
        ------
        ValueError
            The owner holds something already: a mistake of the caller, who must ask for everything at once.
        """
        whole, wants = wants, self._lacking(owner, wants)
        for name, amount in wants:
            if not self.room(name, amount, now):
                return Obstacle(name, amount)
        for name, amount in wants:
            if self._capacity(name).period is None:
                self._held[name] = self._held.get(name, 0) + amount
            elif (budget := self._budgets.get(name)) is not None:
                budget.spend(owner, amount)
            elif (window := self._window(name)) is not None:
                window.add(now, amount)
        self._kept.discard(owner)
        self._owners[owner] = whole
        return None

    def keep(self, owner: Hashable, wants: Wants) -> None:
        """Leave with an owner what is held of a claim that it has just released; nobody has claimed anything since.

        Examples
        --------
        >>> table = Claims({"api": Capacity(1, period=60.0)})
        >>> table.claim("a", wants := (("db", 1), ("api", 1)), now=0.0)
        >>> table.release("a"), table.keep("a", wants)
        (None, None)
        >>> table.claim("b", (("db", 1),), now=1.0), table.claim("a", wants, now=1.0), table.claim("a", wants, now=60.0)
        (Obstacle(resource='db', amount=1), Obstacle(resource='api', amount=1), None)
        """
        held = tuple((name, amount) for name, amount in wants if self._capacity(name).period is None)
        for name, amount in held:
            self._held[name] = self._held.get(name, 0) + amount
        if held:
            self._owners[owner] = held
            self._kept.add(owner)

    def _lacking(self, owner: Hashable, wants: Wants) -> Wants:
        """What an owner still needs of a claim: all of it, unless it has kept some."""
        if owner not in self._owners:
            return wants
        if owner not in self._kept:
            raise ValueError(f"{owner!r} already holds what it asked for")
        return tuple(want for want in wants if want not in self._owners[owner])

    # Where others share it (:mod:`.joint`); nobody does here.

    def on_room(self, ring: Callable[[], object]) -> None:
        """Have somebody called, from any thread, when others may have made room."""

    def acting(self, owner: Hashable, body: Callable[[], T], keep: bool) -> Callable[[], T]:
        """Let a body ask the others for more as its owner; ``keep``: its context is its own."""
        return body

    def left(self) -> None:
        """Let others have what was released, and is not kept."""

    def arrived(self) -> list[Hashable]:
        """Name those whose wait in a queue of others is over."""
        return []

    def settle(self) -> bool:
        """Give back what could not be used; says whether to look again who can go in."""
        return False

    def withdraw(self, owner: Hashable) -> None:
        """Let an owner wait no more in a queue of others."""

    def wake(self, now: float) -> float | None:
        """Say when time alone may make room for one that waits in a queue of others."""
        return None

    def others(self, owner: Hashable) -> bool:
        """Whether others could make room for an owner that waits in their queue."""
        return False

    def close(self) -> None:
        """Hold nothing and wait for nothing any more, where others share it."""

    def release(self, owner: Hashable) -> None:
        """Take back what an owner holds; one that holds nothing is fine."""
        self._kept.discard(owner)
        for name, amount in self._owners.pop(owner, ()):
            if self._capacity(name).period is None:
                self._held[name] -= amount

    def room(self, name: str, amount: int, now: float) -> bool:
        """Whether so much of a resource could be claimed now."""
        capacity = self._capacities.get(name, _ONCE)
        if capacity.period is None:
            return self._held.get(name, 0) + amount <= capacity.amount
        budget = self._budgets.get(name)
        if budget is not None:
            return budget.allows(amount)
        window = self._window(name)
        return window is None or window.used(now) + amount <= capacity.amount

    def opens(self, name: str, amount: int, now: float) -> float | None:
        """Say when time alone makes room for so much; ``None`` where only a release can, or nothing."""
        window = None if name in self._budgets else self._window(name)
        return None if window is None else window.opens(amount, now)

    def refusal(self, owner: Hashable, obstacle: Obstacle) -> BudgetSpent | None:
        """Say that what was refused will never be granted, because a budget is spent; ``None`` where it may be."""
        budget = self._budgets.get(obstacle.resource)
        return None if budget is None else budget.refusal(owner, obstacle.amount)

    def _capacity(self, name: str) -> Capacity:
        return self._capacities.get(name, _ONCE)

    def _window(self, name: str) -> Window | None:
        capacity = self._capacity(name)
        if capacity.period is None:
            return None
        window = self._windows.get(name)
        if window is None:
            window = self._windows[name] = Window(capacity.amount, capacity.period)
        return window
