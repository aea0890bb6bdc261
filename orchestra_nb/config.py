"""Every knob, in frozen records that are checked at birth.

A knob is one field with one reader. Change a config with :func:`dataclasses.replace`, which checks again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from orchestra_nb.errors import ConfigError, nearest

Schedule = Literal["eager", "levels"]
Policy = Literal["critical-path", "fifo", "longest-first", "shortest-first", "random"]


def _one_of(knob: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f"{knob}={value!r} is not one of {', '.join(allowed)}; {nearest(str(value), allowed)}")


def _positive(knob: str, value: float | None) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise ConfigError(f"{knob}={value!r} must be a positive, finite number")


@dataclass(frozen=True, slots=True)
class RunConfig:
    """How a run is to go.

    Parameters
    ----------
    jobs
        How many nodes may run at once. ``None``: what an enclosing ``joblib.parallel_config`` says, else the number
        of cores that this process may use. Negative counts from the cores, as in joblib (-1: all of them).
    backend
        Name of a joblib backend. ``None``: what an enclosing ``joblib.parallel_config`` says, else ``"threading"``.
        Nodes for which it would change the meaning are brought back to threads, with the reason in the plan.
    schedule
        ``"eager"``: a node starts when its own needs are met. ``"levels"``: a level starts when the one above ended.
    policy
        Which of the ready nodes goes first.
    keep_going
        After a failure, still run every node that does not need a failed one. Otherwise running nodes end and the
        rest is skipped.
    timeout
        Seconds for the whole run; ``None`` is no limit.
    seed
        Seed of the ``"random"`` policy.
    guard
        Share of each cell's own time that may go into noticing changes of shared values which its code did not show;
        0 looks at nothing.
    plan_cache
        Whether the plan of a notebook file that has not changed comes from disk, and a new one is kept there.

    Raises
    ------
    ConfigError
        A value that cannot be meant.

    Examples
    --------
    >>> RunConfig(jobs=2).schedule
    'eager'
    >>> RunConfig(jobs=0)
    Traceback (most recent call last):
    orchestra_nb.errors.ConfigError: jobs=0 can run nothing; give 1 or more, or -1 for all cores
    """

    jobs: int | None = None
    backend: str | None = None
    schedule: Schedule = "eager"
    policy: Policy = "critical-path"
    keep_going: bool = False
    timeout: float | None = None
    seed: int = 0
    guard: float = 0.02
    plan_cache: bool = True

    def __post_init__(self) -> None:
        if self.jobs is not None:
            if isinstance(self.jobs, bool) or not isinstance(self.jobs, int):
                raise ConfigError(f"jobs={self.jobs!r} must be a whole number")
            if self.jobs == 0:
                raise ConfigError("jobs=0 can run nothing; give 1 or more, or -1 for all cores")
        if self.backend is not None and (not isinstance(self.backend, str) or not self.backend):
            raise ConfigError(f"backend={self.backend!r} must be the name of a joblib backend")
        if not isinstance(self.plan_cache, bool):
            raise ConfigError(f"plan_cache={self.plan_cache!r} must be True or False")
        _one_of("schedule", self.schedule, get_args(Schedule))
        _one_of("policy", self.policy, get_args(Policy))
        _positive("timeout", self.timeout)
        if isinstance(self.guard, bool) or not isinstance(self.guard, int | float) or not 0 <= self.guard <= 1:
            raise ConfigError(f"guard={self.guard!r} must be a share of a cell's time, from 0 (off) to 1")
