"""What users say of resources and locks, checked before anything changes: one clear error, or a frozen record."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from orchestra_nb.config import Capacity, read_capacity
from orchestra_nb.errors import ConfigError, ResourceError, nearest
from orchestra_nb.resources.cluster import dask_slots
from orchestra_nb.resources.machine import file_slots
from orchestra_nb.resources.pools import BudgetPool, Kind, Pool, RatePool, Scope, Type
from orchestra_nb.resources.requests import Wants
from orchestra_nb.resources.shared import SharedPool


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource as it was registered."""

    id: str
    type: Type
    scope: Scope
    kind: Kind
    capacity: float
    period: float | None = None

    def __str__(self) -> str:
        per = "" if self.period is None else f" in {self.period:g} s"
        return f"{self.kind} {self.capacity:g}{per}, type {self.type!r}, scope {self.scope!r}"

    @property
    def in_a_run(self) -> Capacity:
        """How a run would say it."""
        return Capacity(int(self.capacity), math.inf if self.kind == "budget" else self.period)

    def make(self) -> Callable[[float], Pool]:
        """Get ready to make it; raises when that is not possible."""
        about = (self.id, self.type, self.capacity)
        if self.period is not None:
            period = self.period
            return lambda now: RatePool(*about, now, period)
        if self.kind == "budget":
            return lambda now: BudgetPool(*about, now)
        if self.scope == "machine":
            slots = file_slots(self.id, int(self.capacity))
            return lambda now: SharedPool(*about, now, slots, "machine")
        if self.scope == "cluster":
            leases = dask_slots(self.id, int(self.capacity))
            return lambda now: SharedPool(*about, now, leases, "cluster")
        return lambda now: Pool(*about, now)


def read_resource(
    id: str, type: Type, max_concurrent: int, rate: str | None, budget: float | None, scope: Scope
) -> Resource:
    """Read a registration.

    Examples
    --------
    >>> print(read_resource("api", "api", 1, "60/min", None, "process"))
    rate 60 in 60 s, type 'api', scope 'process'
    """
    if not isinstance(id, str) or not id.strip():
        raise ResourceError(f"{id!r} cannot be the name of a resource; give a text, such as 'db'")
    for knob, given, known in (("type", type, get_args(Type)), ("scope", scope, get_args(Scope))):
        if given not in known:
            told = f"resource {id!r}: {knob}={given!r} is not one of {', '.join(known)}"
            raise ResourceError(f"{told}; {nearest(str(given), known)}")
    if (rate is not None) + (budget is not None) + (max_concurrent != 1) > 1 or (
        scope != "process" and (rate or budget)
    ):
        told = "max_concurrent, rate and budget are different kinds of resource, and only the first can be shared"
        raise ResourceError(f"resource {id!r}: {told}; register one for each")
    if budget is not None:
        if not is_number(budget) or budget <= 0:
            raise ResourceError(f"resource {id!r}: budget={budget!r} must be a positive, finite number")
        return Resource(id, type, scope, "budget", float(budget))
    if rate is not None and not isinstance(rate, str):
        raise ResourceError(f"resource {id!r}: rate={rate!r} must be a text such as '60/min'")
    try:
        capacity = read_capacity(id, max_concurrent if rate is None else rate)
    except ConfigError as error:
        raise ResourceError(str(error)) from None
    if capacity.period == math.inf:
        return Resource(id, type, scope, "budget", capacity.amount)
    return Resource(id, type, scope, "held" if rate is None else "rate", capacity.amount, capacity.period)


def read_wants(given: tuple[str, ...], amount: float, pools: Mapping[str, Pool]) -> Wants:
    """Read what a lock is for: names, as in a node's ``uses`` (``"gpu:2"``); ``amount`` goes for names without one.

    A name that is registered as it stands is never taken apart.
    """
    if not given:
        raise ResourceError("a lock is for at least one resource; name it: lock('db')")
    found: dict[Pool, float] = {}
    for name in given:
        pool = pools.get(name) if isinstance(name, str) else None
        much = amount
        if pool is None:
            pool, much = _with_amount(name, pools)
        _check_amount(pool, much)
        found[pool] = found.get(pool, 0) + much
    for pool, much in found.items():  # added up it may be more than there is
        _check_amount(pool, much)
    return tuple(found.items())


def _with_amount(name: Any, pools: Mapping[str, Pool]) -> tuple[Pool, float]:
    if isinstance(name, str):
        known, colon, amount = name.rpartition(":")
        pool = pools.get(known) if colon else None
        if pool is not None:
            try:
                return pool, int(amount) if amount.strip().isdecimal() else float(amount)
            except ValueError:
                raise ResourceError(f"{name!r} asks for {amount!r} of {known!r}, which is no amount") from None
    hint = nearest(str(name), pools) or "nothing is registered yet"
    raise ResourceError(f"there is no resource {name!r}; {hint}; register_resource makes one known")


def _check_amount(pool: Pool, amount: float) -> None:
    if not is_number(amount):
        raise ResourceError(f"amount={amount!r} of {pool.name!r} must be a number")
    if pool.kind == "budget":
        if amount <= 0:
            raise ResourceError(f"amount={amount!r} of the budget {pool.name!r} must be positive")
        return
    if not isinstance(amount, int) or amount < 1:
        raise ResourceError(f"amount={amount!r} of {pool.name!r} must be a whole number from 1")
    if amount > pool.capacity:
        told = f"{amount} of {pool.name!r} can never be had: there is {pool.capacity:g}"
        raise ResourceError(f"{told}; ask for less, or register more")


def check_terms(priority: float, timeout: float | None, lease: float | None) -> None:
    """Check the rest of a request."""
    if not is_number(priority):
        raise ResourceError(f"priority={priority!r} must be a finite number; higher goes first")
    if timeout is not None and (not is_number(timeout) or timeout < 0):
        raise ResourceError(f"timeout={timeout!r} must be seconds from 0 (do not wait), or None to wait for ever")
    if lease is not None and (not is_number(lease) or lease <= 0):
        raise ResourceError(f"lease={lease!r} must be a positive number of seconds, or None for no lease")


def check_owner(owner: Hashable) -> None:
    """Check that somebody can be an owner."""
    try:
        hash(owner)
    except TypeError:
        raise ResourceError(f"owner={owner!r} must be hashable, such as the name of a node") from None
    if owner is None or owner == "":
        raise ResourceError(f"owner={owner!r} must say whose lock it is, such as the name of a node")


def is_number(value: object) -> bool:
    """Whether it is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
