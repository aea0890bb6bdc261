"""Which run comes when: every configuration once in each round, in an order of its own. Pure.

Policy: a machine grows warm, is busy elsewhere for a minute, is quieter at night. If all repeats of one configuration
ran before those of the next, what changed meanwhile would look like a difference between the two. So the repeats are
interleaved: a *round* has each configuration once, and in each round the order is shuffled anew, with a seed, so that
none always runs behind the same other. Rounds of warm-up come first and do not count: what is loaded, compiled or
begun once (worker processes, caches of the file system) belongs to no configuration.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import product
from random import Random
from typing import get_args

from orchestra_nb.bench.environment import cores
from orchestra_nb.config import Policy, RunConfig, Schedule
from orchestra_nb.errors import BackendError, ConfigError
from orchestra_nb.knobs import one_of, whole


@dataclass(frozen=True, slots=True, order=True)
class Setting:
    """How a run of a sweep is to go: one configuration.

    Parameters
    ----------
    jobs
        How many nodes may run at once, from 1.
    backend
        Name of a joblib backend.
    schedule
        ``"eager"`` or ``"levels"``.
    policy
        Which of the ready nodes goes first.

    Examples
    --------
    >>> print(Setting(2, "threading"))
    2 jobs, threading, eager, critical-path
    """

    jobs: int
    backend: str = "threading"
    schedule: str = "eager"
    policy: str = "critical-path"

    def __str__(self) -> str:
        return ", ".join([f"{self.jobs} job{'' if self.jobs == 1 else 's'}", *self.series])

    @property
    def series(self) -> tuple[str, str, str]:
        """What is the same for all numbers of jobs: backend, schedule, policy.

        Examples
        --------
        >>> Setting(4, "loky").series
        ('loky', 'eager', 'critical-path')
        """
        return self.backend, self.schedule, self.policy


@dataclass(frozen=True, slots=True)
class Turn:
    """One run that is to be made.

    Parameters
    ----------
    number
        Its place among all runs of the sweep, from 1.
    graph
        Of which graph.
    setting
        How.
    round
        Which repeat of its configuration, from 1; 0 and below are warm-up.

    Examples
    --------
    >>> Turn(1, "graph", Setting(2), 0).warmup
    True
    """

    number: int
    graph: str
    setting: Setting
    round: int

    @property
    def warmup(self) -> bool:
        """Whether it does not count.

        Examples
        --------
        >>> Turn(5, "graph", Setting(2), 1).warmup
        False
        """
        return self.round < 1


def settings_of(
    jobs: Iterable[int], backends: Iterable[str], schedules: Iterable[str], policies: Iterable[str]
) -> tuple[Setting, ...]:
    """Make every combination of some values, each of which can be meant.

    Parameters
    ----------
    jobs
        From 1; negative counts from the cores, as in joblib (-1: all of them).
    backends, schedules, policies
        Names.

    Raises
    ------
    ConfigError
        A list is empty or is none, or has a value twice or one that cannot be; the nearest is named.
    BackendError
        There is no such backend; the nearest is named.

    Examples
    --------
    >>> len(settings_of([1, 2], ["threading"], ["eager", "levels"], ["fifo"]))
    4
    >>> settings_of([1], ["threading"], ["eager"], ["fifto"])
    Traceback (most recent call last):
    orchestra_nb.errors.ConfigError: policies: policy='fifto' is not one of ...; did you mean 'fifo'?
    """
    counts = [_workers(asked) for asked in _listed("jobs", jobs)]
    names = {
        knob: list(map(str, _listed(knob, given)))
        for knob, given in (("backends", backends), ("schedules", schedules), ("policies", policies))
    }
    for knob, word, allowed in (("schedules", "schedule", Schedule), ("policies", "policy", Policy)):
        for name in names[knob]:
            try:
                one_of(word, name, get_args(allowed))
            except ConfigError as error:
                raise ConfigError(f"{knob}: {error}") from None
    for name in names["backends"]:
        RunConfig(backend=name)
        _check_backend(name)
    found = tuple(Setting(count, *each) for count in counts for each in product(*names.values()))
    if twice := [setting for setting in dict.fromkeys(found) if found.count(setting) > 1]:
        raise ConfigError(f"jobs: {twice[0].jobs} is there twice; give each number of jobs, and each name, once")
    return found


def _check_backend(name: str) -> None:
    """Refuse a backend that no run could use: unknown, or not installed. Nothing is started by it."""
    from orchestra_nb.running.backends import resolve, unknown_backend

    if told := unknown_backend(name):
        raise BackendError(f"backends: {told}")
    needs = {"dask": "distributed", "ray": "ray"}.get(name)
    if needs is None:
        resolve(RunConfig(jobs=1, backend=name))
    elif find_spec(needs) is None:
        raise BackendError(f"backends: {name!r} is not installed; pip install 'orchestra_nb[{name}]'")


def _listed(knob: str, given: Iterable[object]) -> list[object]:
    """Read a list of values; a text is one, and not its letters."""
    if isinstance(given, str | int) or not isinstance(given, Iterable):
        raise ConfigError(f"{knob}={given!r} must be a list, as {knob}=[{given!r}]")
    found = list(given)
    if not found:
        raise ConfigError(f"{knob}=[] leaves nothing to measure; give one value or more")
    for value in found:
        if knob != "jobs" and not isinstance(value, str):
            raise ConfigError(f"{knob}: {value!r} is no name")
        if found.count(value) > 1:
            raise ConfigError(f"{knob}: {value!r} is there twice; give each once")
    return found


def _workers(asked: object) -> int:
    """Count workers as a run would: negative ones from the cores."""
    try:
        RunConfig(jobs=asked)  # type: ignore[arg-type]
        if asked is None:
            raise ConfigError("jobs=None must be a whole number")
    except ConfigError as error:
        raise ConfigError(f"jobs: {error}") from None
    assert isinstance(asked, int)
    return asked if asked > 0 else max(1, cores() + 1 + asked)


def turns_of(
    graphs: Sequence[str], settings: Sequence[Setting], repeats: int, warmup: int, seed: int
) -> tuple[Turn, ...]:
    """Say which run comes when.

    Parameters
    ----------
    graphs, settings
        What is measured: each of these graphs in each of these ways.
    repeats, warmup
        How many rounds count, and how many come before.
    seed
        Of the order within rounds.

    Raises
    ------
    ConfigError
        ``repeats`` is below 1, or ``warmup`` below 0.

    Examples
    --------
    >>> [(turn.round, turn.setting.jobs) for turn in turns_of(["g"], [Setting(1), Setting(2)], 2, 1, seed=1)]
    [(0, 2), (0, 1), (1, 2), (1, 1), (2, 1), (2, 2)]
    """
    for knob, value, least in (("repeats", repeats, 1), ("warmup", warmup, 0)):
        whole(knob, value, least)
    random, found = Random(seed), list[Turn]()
    for number in range(1 - warmup, repeats + 1):
        each = [(graph, setting) for graph in graphs for setting in settings]
        random.shuffle(each)
        found += [Turn(len(found) + i, graph, setting, number) for i, (graph, setting) in enumerate(each, 1)]
    return tuple(found)
