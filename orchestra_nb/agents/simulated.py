"""A rehearsal: agents that take as long as they are expected to, on a clock of your choice, and do nothing.

What an agent gives is said beforehand (``values``), else a text for each of its outputs; so conditions and dynamic
phases can be rehearsed too. Chance is a function of the seed, the agent and which attempt it is, and of nothing else:
the order in which agents happen to run changes none of it.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from hashlib import blake2b
from typing import Any

from orchestra_nb.errors import AgentError, ConfigError
from orchestra_nb.model import Node


class SimulatedExecutor:
    """An agent executor that sleeps ``cost * time_scale`` seconds.

    Parameters
    ----------
    time_scale
        Seconds of sleep per expected second; 0 does not sleep, 0.001 makes a minute 60 ms.
    seed
        Of chance.
    jitter
        How far a duration may be from what is expected, as a share of it, from 0 to 1.
    failure_rate
        Share of attempts that fail, after their time.
    failure
        What they fail with: a class of exceptions that takes a text.
    values
        What agents give, by id.
    sleep
        Awaited with a number of seconds; pass another for a clock of your own.

    Raises
    ------
    ConfigError
        A number that cannot be meant.

    Examples
    --------
    >>> slept = []
    >>> async def sleep(seconds):
    ...     slept.append(seconds)
    >>> rehearse = SimulatedExecutor(0.01, values={"count": 3}, sleep=sleep)
    >>> asyncio.run(rehearse(Node("count", kind="agent", cost=60.0), {})), slept
    (3, [0.6])
    """

    def __init__(
        self,
        time_scale: float = 1.0,
        *,
        seed: int = 0,
        jitter: float = 0.0,
        failure_rate: float = 0.0,
        failure: type[Exception] = AgentError,
        values: Mapping[str, Any] | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.time_scale = _number("time_scale", time_scale, None)
        self.jitter = _number("jitter", jitter, 1.0)
        self.failure_rate = _number("failure_rate", failure_rate, 1.0)
        self.seed = seed
        self.failure = failure
        self.values = dict(values or {})
        self._sleep = sleep
        self._attempts: Counter[str] = Counter()
        self._counting = threading.Lock()

    async def __call__(self, node: Node, context: Mapping[str, Any]) -> Any:
        """Take the agent's time."""
        with self._counting:
            self._attempts[node.id] += 1
            attempt = self._attempts[node.id]
        spread = 1.0 + self.jitter * (2.0 * self._chance(node, attempt, "time") - 1.0)
        await self._sleep(node.cost * self.time_scale * spread)
        if self._chance(node, attempt, "failure") < self.failure_rate:
            raise self.failure(f"simulated failure of {node.id!r}, attempt {attempt}")
        if node.id in self.values:
            return self.values[node.id]
        return {key: f"{key} of {node.id}" for key in node.writes} or f"result of {node.id}"

    def __getstate__(self) -> dict[str, Any]:
        """What counts about it, and what travels: not how often it has been asked."""
        return {**self.__dict__, "_attempts": None, "_counting": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _attempts=Counter(), _counting=threading.Lock())

    def __repr__(self) -> str:
        return f"SimulatedExecutor(time_scale={self.time_scale:g}, seed={self.seed})"

    def _chance(self, node: Node, attempt: int, what: str) -> float:
        """Draw a number from 0 up to 1."""
        said = f"{self.seed}\0{node.id}\0{attempt}\0{what}"
        return int.from_bytes(blake2b(said.encode(), digest_size=7).digest(), "big") / 2**56


def _number(name: str, value: float, most: float | None) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= (most or float("inf"))
    if not good or value == float("inf"):
        raise ConfigError(f"{name}={value!r} must be a number from 0" + (f" to {most:g}" if most else ""))
    return float(value)
