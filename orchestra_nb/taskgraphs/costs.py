"""Durations by chance, for ``cost=`` of the makers.

Policy: what a node costs is a function of the seed and of its id, and of nothing else: neither the order in which nodes
are made nor how many there are changes any of it, so a graph that grows keeps the costs it had. What is drawn is a
factor of what such a task costs in proportion to the others. Failure: a distribution that cannot be is a
:class:`.ConfigError`. Rejected: one generator for the whole graph.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from orchestra_nb.errors import ConfigError
from orchestra_nb.taskgraphs.making import Facts

Draw = Callable[[Facts], float]


def uniform(low: float, high: float, seed: int = 0) -> Draw:
    """Draw durations between two numbers of seconds, each as likely.

    Parameters
    ----------
    low, high
        Seconds for a task of relative cost 1.
    seed
        Of chance.

    Raises
    ------
    ConfigError
        ``low`` is below zero or above ``high``.

    Examples
    --------
    >>> from orchestra_nb import taskgraphs
    >>> dag = taskgraphs.chain(3, cost=taskgraphs.uniform(1, 2, seed=7))
    >>> all(1 <= node.cost <= 2 for node in dag.nodes.values())
    True
    >>> dag == taskgraphs.chain(3, cost=taskgraphs.uniform(1, 2, seed=7))
    True
    """
    _check("uniform: low", low, 0.0)
    _check("uniform: high", high, low)
    return lambda facts: facts.cost * _chance(seed, facts).uniform(low, high)


def exponential(mean: float, seed: int = 0) -> Draw:
    """Draw durations of tasks that may end at any moment, whatever they took already.

    Parameters
    ----------
    mean
        Seconds for a task of relative cost 1.
    seed
        Of chance.

    Raises
    ------
    ConfigError
        The mean is not above zero.

    Examples
    --------
    >>> draw = exponential(2.0)
    >>> mean = sum(draw(Facts(f"n_{i}", "n", (i,), 1.0)) for i in range(4000)) / 4000
    >>> 1.9 < mean < 2.1
    True
    """
    _check("exponential: mean", mean, 0.0, above=True)
    return lambda facts: facts.cost * _chance(seed, facts).expovariate(1 / mean)


def lognormal(median: float, sigma: float, seed: int = 0) -> Draw:
    """Draw durations as programs have them: most near the median, a few that take far longer.

    Parameters
    ----------
    median
        Seconds for a task of relative cost 1.
    sigma
        Standard deviation of the logarithm; 0 is no chance at all, 1 has one task in six beyond 2.7 times the median.
    seed
        Of chance.

    Raises
    ------
    ConfigError
        The median is not above zero, or sigma below.

    Examples
    --------
    >>> lognormal(3.0, 0.0)(Facts("n_0", "n", (0,), 2.0))
    6.0
    """
    _check("lognormal: median", median, 0.0, above=True)
    _check("lognormal: sigma", sigma, 0.0)
    return lambda facts: facts.cost * median * math.exp(sigma * _chance(seed, facts).gauss(0.0, 1.0))


def _chance(seed: int, facts: Facts) -> random.Random:
    return random.Random(f"{seed} {facts.id}")


def _check(name: str, value: object, least: float, *, above: bool = False) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or value < least or (above and value == least):  # type: ignore[operator]
        raise ConfigError(f"{name} must be a number {'above' if above else 'from'} {least:g}, not {value!r}")
