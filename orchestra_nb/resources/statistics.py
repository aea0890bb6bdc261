"""What a resource was used for, in bounded memory, and frozen snapshots of it.

Waits are counted in buckets that grow by a quarter of a power of two (as HdrHistogram does), from a microsecond to
weeks, so a percentile is at most a fifth too high, however many there were. Use over time is an integral in slices:
when there are too many, two become one and a slice lasts twice as long, so a long history is coarse and never long.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestra_nb.presentation import Presented

_FINE = 4
_BUCKETS = 42 * _FINE
_LEAST = 1e-6
_SLICES = 64


class WaitTimes:
    """How long grants had to wait.

    Examples
    --------
    >>> waits = WaitTimes()
    >>> for seconds in [0.0] * 8 + [0.1, 2.0]:
    ...     waits.add(seconds)
    >>> waits.percentile(0.5), round(waits.percentile(0.9), 2), waits.percentile(1.0)
    (0.0, 0.11, 2.0)
    """

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.most = 0.0
        self._buckets: dict[int, int] = {}

    def add(self, seconds: float) -> None:
        """Take note of one."""
        self.count += 1
        self.total += seconds
        self.most = max(self.most, seconds)
        place = min(_BUCKETS, math.ceil(math.log2(seconds / _LEAST) * _FINE)) if seconds > _LEAST else 0
        self._buckets[place] = self._buckets.get(place, 0) + 1

    def percentile(self, share: float, more: int = 0) -> float:
        """Say which wait that share of all did not exceed, in seconds; ``more`` of them did not wait at all."""
        left = share * (self.count + more) - more
        for place in sorted(self._buckets):
            if left <= 1e-9:
                break
            left -= self._buckets[place]
            if left <= 1e-9:
                return min(self.most, _LEAST * 2 ** (place / _FINE)) if place else 0.0
        return 0.0 if left <= 1e-9 else self.most


class Usage:
    """What became of the requests for one resource, and how much of it was held when.

    Examples
    --------
    >>> usage = Usage(0.0)
    >>> usage.advance(1.0, taken=0); usage.advance(3.0, taken=2); usage.timeline()
    [(0.0, 1.0, 0.0), (1.0, 2.0, 2.0), (2.0, 3.0, 2.0)]
    """

    def __init__(self, now: float) -> None:
        self.began = self.since = now
        self.granted = self.timed_out = self.victims = self.expired = 0
        self.waits = WaitTimes()
        self._slices: list[float] = []
        self._width = 1.0
        self._slice = 0.0
        self._turn = now + 1.0

    def advance(self, now: float, taken: float) -> None:
        """Until ``now``, so much was held since the last time."""
        if now >= self._turn:
            self._roll(now, taken)
        self._slice += taken * (now - self.since)
        self.since = now

    @property
    def busy(self) -> float:
        """Amount times seconds, in all."""
        return sum(self._slices) + self._slice

    def timeline(self) -> list[tuple[float, float, float]]:
        """List slices: from when, until when (seconds since the beginning), and how much was held on average."""
        whole = [
            (place * self._width, (place + 1) * self._width, held / self._width)
            for place, held in enumerate(self._slices)
        ]
        begins, ends = len(self._slices) * self._width, self.since - self.began
        return [*whole, (begins, ends, self._slice / (ends - begins))] if ends > begins else whole

    def _roll(self, now: float, taken: float) -> None:
        while now >= self._turn:
            self._slices.append(self._slice + taken * (self._turn - self.since))
            self._slice, self.since = 0.0, self._turn
            while len(self._slices) >= _SLICES or (len(self._slices) % 2 == 0 and (now - self._turn) / self._width > 9):
                self._slices = [sum(self._slices[i : i + 2]) for i in range(0, len(self._slices), 2)]
                self._width *= 2
            self._turn += self._width


@dataclass(frozen=True, slots=True)
class ResourceUse:
    """One resource at one moment.

    Parameters
    ----------
    resource, type, scope
        What was registered.
    capacity
        How much there is; for a rate per ``period`` seconds, for a budget in all.
    used, left
        How much is held, began within the period, or was spent; and what could still be had.
    holders, waiting
        Amounts by owner: of those who hold some, and of those who wait for some, in the order of asking.
    granted, timed_out, victims, expired
        How many requests ended so, since it was registered.
    wait_p50, wait_p90, wait_p99, wait_max
        Seconds that grants had to wait.
    utilisation
        Share of it that was held on average, from 0 to 1; 0 for what is not held but spent.
    timeline
        From when to when (seconds since it was registered), and which share was held on average.
    """

    resource: str
    type: str
    scope: str
    kind: str
    capacity: float
    period: float | None
    used: float
    left: float
    holders: Mapping[str, float]
    waiting: Mapping[str, float]
    granted: int
    timed_out: int
    victims: int
    expired: int
    wait_p50: float
    wait_p90: float
    wait_p99: float
    wait_max: float
    utilisation: float
    timeline: tuple[tuple[float, float, float], ...] = field(repr=False, default=())


@dataclass(frozen=True, slots=True)
class OwnerUse:
    """What one owner holds and waits for now: names with amounts; ``spent`` is what it took of budgets."""

    owner: str
    holds: Mapping[str, float]
    waits: Mapping[str, float]
    spent: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ResourceStats(Presented):
    """All resources at one moment, ``at`` seconds after the manager was made.

    Examples
    --------
    >>> from orchestra_nb import ResourceManager
    >>> manager = ResourceManager(clock=lambda: 0.0)
    >>> manager.register_resource("gpu", max_concurrent=4)
    >>> _ = manager.acquire_lock("gpu:3", owner="train")
    >>> stats = manager.get_resource_stats()
    >>> stats["gpu"].used, stats["gpu"].left, stats.owners["train"].holds
    (3, 1, {'gpu': 3})
    """

    at: float
    resources: Mapping[str, ResourceUse]
    owners: Mapping[str, OwnerUse]
    deadlocks: int = 0
    """Circles that were found so far."""

    def __getitem__(self, resource: str) -> ResourceUse:
        return self.resources[resource]
