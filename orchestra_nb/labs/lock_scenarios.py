"""Ready-made stories for the deadlock lab, each with one idea. Pure data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from orchestra_nb.errors import ConfigError, nearest

Step = tuple[str, str, Any]
NAMES = ("anna", "ben", "carla", "david", "emma", "fatima", "georg", "hanna", "ivan", "jana", "karl", "lena")
MOST_OWNERS = len(NAMES)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A script with what it needs.

    Parameters
    ----------
    name
        By which it is chosen.
    about
        Its one idea, a sentence.
    steps
        Makes the script for a number of owners; most do not depend on it.
    resources
        How much there is of what; 1 of what is not here.
    counted
        Whether the number of owners can be chosen.

    Examples
    --------
    >>> SCENARIOS["dining philosophers"].steps(2)[0]
    ('anna', 'takes', 'fork 1')
    """

    name: str
    about: str
    steps: Callable[[int], tuple[Step, ...]]
    resources: Mapping[str, int] = field(default_factory=dict)
    counted: bool = False


def _opposite(owners: int) -> tuple[Step, ...]:
    return (
        *(("anna", "takes", "db"), ("ben", "takes", "gpu"), ("anna", "takes", "gpu"), ("ben", "takes", "db")),
        *(("anna", "gives back", "gpu"), ("anna", "gives back", "db")),
    )


def _philosophers(owners: int) -> tuple[Step, ...]:
    seats = NAMES[:owners]
    left = [(name, "takes", f"fork {i + 1}") for i, name in enumerate(seats)]
    return (*left, *((name, "takes", f"fork {(i + 1) % owners + 1}") for i, name in enumerate(seats)))


def _ordered_philosophers(owners: int) -> tuple[Step, ...]:
    seats = NAMES[:owners]
    forks = [sorted((i + 1, (i + 1) % owners + 1)) for i in range(owners)]
    first = [(name, "takes", f"fork {low}") for name, (low, _) in zip(seats, forks, strict=True)]
    return (*first, *((name, "takes", f"fork {high}") for name, (_, high) in zip(seats, forks, strict=True)))


def _harmless(owners: int) -> tuple[Step, ...]:
    return (
        *(("anna", "takes", "gpu"), ("carla", "takes", "gpu"), ("ben", "takes", "db")),
        *(("anna", "takes", "db"), ("ben", "takes", "gpu"), ("carla", "gives back", "gpu")),
    )


def _upgrade(owners: int) -> tuple[Step, ...]:
    return (
        *(("anna", "takes", "table"), ("ben", "takes", "table")),
        *(("anna", "takes", "table:2"), ("ben", "takes", "table:2")),
    )


def _ageing(owners: int) -> tuple[Step, ...]:
    small = NAMES[1:8]
    return (
        *(("anna", "has priority", -1), ("ben", "takes", "gpu"), ("carla", "takes", "gpu"), ("anna", "takes", "gpu:2")),
        *(
            step
            for gone, comes in zip(small, small[2:], strict=False)
            for step in ((comes, "takes", "gpu"), (gone, "gives back", "gpu"))
        ),
        ("lena", "has priority", 9),
        ("lena", "takes", "gpu"),
    )


def _at_once(owners: int) -> tuple[Step, ...]:
    return (
        *(("load", "takes", ["db", "gpu"]), ("train", "takes", ["gpu", "db"]), ("plot", "takes", "disk")),
        *(("load", "gives back", ["db", "gpu"]), ("train", "gives back", ["gpu", "db"])),
    )


_ALL = (
    Scenario("two locks in opposite order", "Two owners take the same two locks, each in its own order.", _opposite),
    Scenario(
        "dining philosophers",
        "Everybody takes the left fork and then waits for the right one (Dijkstra, 1971): one large circle.",
        _philosophers,
        counted=True,
    ),
    Scenario(
        "philosophers who take forks in order",
        "The same table, and everybody takes the lower fork first: with one order for all, no circle can close.",
        _ordered_philosophers,
        counted=True,
    ),
    Scenario(
        "a circle that is no deadlock",
        "There are two of gpu. A circle of waits closes, and nobody is stuck: somebody outside of it can still finish.",
        _harmless,
        {"gpu": 2},
    ),
    Scenario(
        "upgrade",
        "Two readers of a table both want to write, and neither gives up reading.",
        _upgrade,
        {"table": 2},
    ),
    Scenario(
        "priority and ageing",
        "A large request of low priority is overtaken by small urgent ones, until what it needs is reserved for it.",
        _ageing,
        {"gpu": 2},
    ),
    Scenario(
        "nodes take all at once",
        "Nodes of a run name what they use and get all of it or nothing (Havender, 1968): who waits holds nothing.",
        _at_once,
    ),
)
SCENARIOS: Mapping[str, Scenario] = MappingProxyType({each.name: each for each in _ALL})
"""Every scenario, by its name."""


def scenario_of(name: str) -> Scenario:
    """Find a scenario.

    Raises
    ------
    ConfigError
        There is none of that name.

    Examples
    --------
    >>> scenario_of("upgrade").resources
    {'table': 2}
    >>> scenario_of("upgarde")
    Traceback (most recent call last):
    orchestra_nb.errors.ConfigError: there is no scenario 'upgarde'; did you mean 'upgrade'?
    """
    found = SCENARIOS.get(name)
    if found is None:
        raise ConfigError(f"there is no scenario {name!r}; {nearest(name, SCENARIOS)}")
    return found
