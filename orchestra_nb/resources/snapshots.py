"""Frozen snapshots of what is held, by whom, and who waits."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from orchestra_nb.resources.pools import BudgetPool, Pool
from orchestra_nb.resources.requests import Request
from orchestra_nb.resources.statistics import OwnerUse, ResourceStats, ResourceUse


def snapshot(
    pools: Iterable[Pool], held: Iterable[Request], waiting: Iterable[Request], deadlocks: int, now: float
) -> ResourceStats:
    """Take one; it shares nothing with the table."""
    asked, all_pools = list(waiting), list(pools)
    uses = {
        pool.name: _use(pool, [r for r in asked if any(known is pool for known, _ in r.wants)], now)
        for pool in all_pools
    }
    return ResourceStats(now, uses, _owners(all_pools, list(held), asked), deadlocks)


def _use(pool: Pool, waiting: list[Request], now: float) -> ResourceUse:
    usage = pool.usage
    usage.advance(now, pool.taken)
    if pool.kind == "rate":
        pool.free(now)  # what is over by now does not count
    at_once = usage.granted - usage.waits.count
    p50, p90, p99 = (usage.waits.percentile(share, at_once) for share in (0.5, 0.9, 0.99))
    seconds = now - usage.began
    return ResourceUse(
        resource=pool.name,
        type=pool.type,
        scope=pool.scope,
        kind=pool.kind,
        capacity=pool.capacity,
        period=pool.period,
        used=pool.used,
        left=pool.capacity - pool.used,
        holders={str(owner): max(amount for amount, _ in holds) for owner, holds in pool.holders.items()},
        waiting=_added((request.owner, request.amount_of(pool)) for request in waiting),
        granted=usage.granted,
        timed_out=usage.timed_out,
        victims=usage.victims,
        expired=usage.expired,
        wait_p50=p50,
        wait_p90=p90,
        wait_p99=p99,
        wait_max=usage.waits.most,
        utilisation=usage.busy / seconds / pool.capacity if seconds > 0 and pool.kind == "held" else 0.0,
        timeline=tuple((begins, ends, held / pool.capacity) for begins, ends, held in usage.timeline()),
    )


def _owners(pools: list[Pool], held: list[Request], waiting: list[Request]) -> dict[str, OwnerUse]:
    holds: dict[str, dict[str, float]] = {}
    for pool in pools:
        for owner, of_it in pool.holders.items():
            holds.setdefault(str(owner), {})[pool.name] = max(amount for amount, _ in of_it)
    waits: dict[str, dict[str, float]] = {}
    for request in waiting:
        mine = waits.setdefault(str(request.owner), {})
        for pool, amount in request.wants:
            mine[pool.name] = mine.get(pool.name, 0) + amount
    spent: dict[str, dict[str, float]] = {}
    for pool in pools:
        if isinstance(pool, BudgetPool):
            for name, amount in pool.budget.spent.items():
                spent.setdefault(name, {})[pool.name] = amount
    names = dict.fromkeys([*holds, *waits, *spent])
    return {name: OwnerUse(name, holds.get(name, {}), waits.get(name, {}), spent.get(name, {})) for name in names}


def _added(amounts: Iterable[tuple[Hashable, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for owner, amount in amounts:
        found[str(owner)] = found.get(str(owner), 0) + amount
    return found
