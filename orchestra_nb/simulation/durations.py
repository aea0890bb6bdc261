"""How long nodes take in a simulation, and whether they fail: fixed, or drawn by chance with a seed.

**Common random numbers.** A draw depends on the seed, the node and the number of the attempt, and on nothing else: not
on the order in which nodes begin, nor on which others there are. So two policies, or two numbers of workers, are
compared on the very same durations, and the difference between them has a far smaller variance than either (Law,
*Simulation Modeling and Analysis*, section 11.2). Where it can be, a draw is the inverse of the distribution's function
at one uniform number, so that more of one thing is more of another.

**Means.** A distribution gives factors whose mean is one: a node takes its cost on the average, whatever the spread.
Only :class:`Empirical` draws seconds, which somebody has measured. What is drawn is not what is expected: policies go
by ``Node.cost``, as in a real run, where nobody knows beforehand either.

Failure: a parameter that cannot be meant is a :class:`.ConfigError` at birth. Rejected: one generator for all draws
(another order of starts would then be another world); the normal distribution (durations are not negative).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from statistics import NormalDist
from typing import Protocol

from orchestra_nb.errors import ConfigError, nearest
from orchestra_nb.knobs import between
from orchestra_nb.model import Node, is_duration

_NORMAL = NormalDist()
_BITS = 52
"""Of a uniform number: with half a step beside them they are a float, to the last."""
_CV = (1e-3, 1e3)
_HIGH = (1e-6, 1e6)
"""Within these no intermediate result is too large or too small for a float."""


class Durations(Protocol):
    """Whatever draws durations; also one of your own."""

    def seconds(self, node: Node, chance: int) -> float:
        """Draw what an attempt at a node takes.

        Parameters
        ----------
        node
            Whose; its ``cost`` is what it takes on the average.
        chance
            64 random bits, the same for the same seed, node and attempt.
        """


def chance_of(seed: int, node: str, attempt: int = 1, about: str = "") -> int:
    """Make 64 random bits that belong to an attempt at a node, in this process and in any other.

    Examples
    --------
    >>> chance_of(0, "load") == chance_of(0, "load"), chance_of(0, "load") == chance_of(1, "load")
    (True, False)
    """
    return int.from_bytes(
        blake2b(f"{seed}\0{node}\0{attempt}\0{about}".encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big"
    )


def uniform(chance: int) -> float:
    """Read random bits as a number between 0 and 1, neither of which it is.

    Examples
    --------
    >>> uniform(0) > 0, uniform(2**63), uniform(2**64 - 1) < 1
    (True, 0.5000000000000001, True)
    """
    return ((chance >> (64 - _BITS)) + 0.5) / (1 << _BITS)


@dataclass(frozen=True, slots=True)
class LogNormal:
    """Durations whose logarithm is normal: mostly near the cost, and now and then much longer.

    Parameters
    ----------
    cv
        Coefficient of variation: the standard deviation over the mean.

    Raises
    ------
    ConfigError
        It is no number from 0.001 to 1,000.

    Examples
    --------
    >>> round(LogNormal(cv=0.3).seconds(Node("load", cost=10.0), 2**63), 2)
    9.58
    """

    cv: float = 0.3

    def __post_init__(self) -> None:
        between("cv", self.cv, *_CV)

    def seconds(self, node: Node, chance: int) -> float:
        """Draw what an attempt takes, in seconds.

        Examples
        --------
        >>> LogNormal(cv=0.3).seconds(Node("load", cost=0.0), 5)
        0.0
        """
        variance = math.log1p(self.cv**2)
        return node.cost * math.exp(_NORMAL.inv_cdf(uniform(chance)) * math.sqrt(variance) - variance / 2)


@dataclass(frozen=True, slots=True)
class Uniform:
    """Durations anywhere between two shares of the cost, scaled so that their mean is the cost.

    Parameters
    ----------
    low, high
        Shares of the cost, ``0 <= low <= high``; where their middle is not one, both are scaled.

    Raises
    ------
    ConfigError
        They are no such shares.

    Examples
    --------
    >>> Uniform(0.5, 1.5).seconds(Node("load", cost=10.0), 0) < 5.001
    True
    """

    low: float = 0.5
    high: float = 1.5

    def __post_init__(self) -> None:
        between("high", self.high, *_HIGH)
        good = not isinstance(self.low, bool) and isinstance(self.low, int | float) and 0 <= self.low <= self.high
        if not good:
            raise ConfigError(f"low={self.low!r} must be a number from 0 to high={self.high!r}")

    def seconds(self, node: Node, chance: int) -> float:
        """Draw what an attempt takes, in seconds.

        Examples
        --------
        >>> round(Uniform(1.0, 3.0).seconds(Node("load", cost=10.0), 2**63), 6)
        10.0
        """
        drawn = self.low + (self.high - self.low) * uniform(chance)
        return node.cost * drawn / ((self.low + self.high) / 2)


@dataclass(frozen=True, slots=True)
class Gamma:
    """Durations of the gamma distribution: with ``cv=1`` exponential, below that with a hump near the cost.

    Parameters
    ----------
    cv
        Coefficient of variation: the standard deviation over the mean.

    Raises
    ------
    ConfigError
        It is no number from 0.001 to 1,000.

    Examples
    --------
    >>> Gamma(cv=1.0).seconds(Node("load", cost=10.0), 7) == Gamma(cv=1.0).seconds(Node("load", cost=10.0), 7)
    True
    """

    cv: float = 0.5

    def __post_init__(self) -> None:
        between("cv", self.cv, *_CV)

    def seconds(self, node: Node, chance: int) -> float:
        """Draw what an attempt takes, in seconds.

        Examples
        --------
        >>> Gamma(cv=0.5).seconds(Node("load", cost=0.0), 5)
        0.0
        """
        shape = self.cv**-2
        return node.cost * random.Random(chance).gammavariate(shape, 1 / shape)


@dataclass(frozen=True, slots=True)
class Empirical:
    """Durations that were measured: each attempt takes one of them, all equally likely.

    Parameters
    ----------
    samples
        For each node its seconds; one that is not here takes its cost. ``None``: what the history remembers of the
        last runs, which is read when a simulation begins.

    Raises
    ------
    ConfigError
        Something is no duration; all of them are named.

    Examples
    --------
    >>> Empirical({"load": [1.0, 4.0]}).seconds(Node("load"), 2**64 - 1)
    4.0
    """

    samples: Mapping[str, Iterable[float]] | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        if self.samples is None:
            return
        if not isinstance(self.samples, Mapping):
            raise ConfigError(f"samples={self.samples!r} must be a mapping of nodes to their seconds")
        odd = {name: each for name, each in self.samples.items() if not isinstance(each, Iterable)}
        if odd:
            raise ConfigError(
                "\n".join(f"samples: {each!r} of node {name!r} must be several" for name, each in odd.items())
            )
        kept = {name: tuple(each) for name, each in self.samples.items()}
        faults = [f"samples: node {name!r} has none" for name, each in kept.items() if not each]
        faults += [
            f"samples: node {name!r} takes {taken!r}; {NO_DURATION}"
            for name, each in kept.items()
            for taken in each
            if not is_duration(taken)
        ]
        if faults:
            raise ConfigError("\n".join(faults))
        object.__setattr__(self, "samples", kept)

    def seconds(self, node: Node, chance: int) -> float:
        """Draw what an attempt takes, in seconds.

        Examples
        --------
        >>> Empirical({"load": [1.0]}).seconds(Node("fit", cost=3.0), 5)
        3.0
        """
        known = tuple((self.samples or {}).get(node.id, ()))
        return known[int(uniform(chance) * len(known))] if known else node.cost


DURATIONS = ("fixed", "learned", "measured", "lognormal:CV", "uniform:LOW:HIGH", "gamma:CV")
"""How durations are said in words."""


def read_durations(words: str) -> Durations | str | None:
    """Read durations in words, as a command line has them: a name, and numbers behind colons.

    Raises
    ------
    ConfigError
        They say nothing of durations.

    Examples
    --------
    >>> read_durations("lognormal:0.3"), read_durations("uniform:0.5:1.5"), read_durations("fixed")
    (LogNormal(cv=0.3), Uniform(low=0.5, high=1.5), None)
    """
    name, *numbers = words.strip().lower().split(":")
    makers: dict[str, tuple[int, Callable[..., Durations | str | None]]] = {
        "fixed": (0, lambda: None),
        "learned": (0, lambda: "learned"),
        "measured": (0, Empirical),
        "lognormal": (1, LogNormal),
        "uniform": (2, Uniform),
        "gamma": (1, Gamma),
    }
    try:
        most, make = makers[name]
        given = [float(number) for number in numbers]
    except (KeyError, ValueError):
        most, make, given = -1, LogNormal, []
    if most < 0 or len(given) not in (0, most):
        told = nearest(words, DURATIONS) if name in makers else nearest(name, makers)
        raise ConfigError(f"durations {words!r} say nothing; {told}")
    return make(*given)


NO_DURATION = "a duration is a finite number of seconds from 0"
