"""Every knob, in frozen records that are checked at birth.

A knob is one field with one reader. Change a config with :func:`dataclasses.replace`, which checks again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import Literal, get_args

from orchestra_nb.errors import ConfigError
from orchestra_nb.knobs import one_of, positive, whole
from orchestra_nb.policies import BreakerPolicy as BreakerPolicy
from orchestra_nb.policies import RetryPolicy as RetryPolicy
from orchestra_nb.policies import SinkPolicy as SinkPolicy

Schedule = Literal["eager", "levels"]
Loop = Literal["background", "notebook"]
Checkpointing = Literal["auto", "durable", "fast", "memory"]
Eviction = Literal["lru", "lfu", "ttl"]
Copies = Literal["when-mutable", "never"]
Policy = Literal[
    "critical-path",
    "fifo",
    "longest-first",
    "shortest-first",
    "random",
    "highest-level",
    "most-successors",
    "smallest-slack",
]
_MOST_JOBS = 4096
_MOST_AMOUNT = 10**15
"""A pool begins all its workers at once, and many times more than this leave a machine no thread to end them with."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much there is of a resource.

    Parameters
    ----------
    amount
        How much may be held at once; for a rate, how much may begin in ``period``.
    period
        Seconds, for a rate; infinite for a budget, which a run may spend in all; ``None`` for what is held and given
        back.

    Examples
    --------
    >>> read_capacity("gpu", 2), read_capacity("chat", "60/min"), read_capacity("tokens", "5000/run")
    (Capacity(amount=2, period=None), Capacity(amount=60, period=60.0), Capacity(amount=5000, period=inf))
    """

    amount: int
    period: float | None = None


_PERIODS = {"s": 1.0, "sec": 1.0, "second": 1.0, "min": 60.0, "minute": 60.0, "h": 3600.0, "hour": 3600.0}
_PERIODS["run"] = math.inf


def read_capacity(name: str, given: object) -> Capacity:
    """Read what a user wrote about one resource.

    Raises
    ------
    ConfigError
        It is neither a whole number from 1 nor a rate.

    Examples
    --------
    >>> read_capacity("gpu", 2), read_capacity("api", "60/min"), read_capacity("tokens", "50000/run")
    (Capacity(amount=2, period=None), Capacity(amount=60, period=60.0), Capacity(amount=50000, period=inf))
    """
    if isinstance(given, int) and not isinstance(given, bool) and 1 <= given <= _MOST_AMOUNT:
        return Capacity(given)
    amount, slash, unit = given.partition("/") if isinstance(given, str) else ("", "", "")
    amount = amount.strip()
    whole = amount.isdecimal() and len(amount) <= len(str(_MOST_AMOUNT)) and 1 <= int(amount) <= _MOST_AMOUNT
    if slash and whole and unit.strip() in _PERIODS:
        return Capacity(int(amount), _PERIODS[unit.strip()])
    raise ConfigError(
        f"resource {name!r}: {given!r} must be a whole number from 1, a rate such as '60/min', or a budget, '50000/run'"
    )


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """What a cache keeps, for how long, and what goes first.

    Parameters
    ----------
    max_bytes
        The most that all values together may weigh in memory. Equal values weigh once; keys are not counted.
    max_entries
        The most keys; ``None`` is no limit.
    default_ttl
        Seconds that a value lives when nothing else is said with it; ``None``: until it is evicted.
    eviction
        What goes when there is no room: ``"lru"``, what was not used for the longest time; ``"lfu"``, what was used the
        least, where old fame fades; ``"ttl"``, what would expire the soonest.
    copies
        ``"when-mutable"``: what can change is copied on its way in and on each way out, so that nobody changes what is
        cached. ``"never"``: everybody shares one object, and must not change it.
    path
        A folder where values are kept too, for the next process; ``None``: nowhere.

    Raises
    ------
    ConfigError
        A value that cannot be meant.

    Examples
    --------
    >>> CachePolicy(eviction="lfu").max_bytes
    104857600
    >>> CachePolicy(eviction="lifo")
    Traceback (most recent call last):
    orchestra_nb.errors.ConfigError: eviction='lifo' is not one of lru, lfu, ttl; known: lfu, lru, ttl
    """

    max_bytes: int = 100 * 2**20
    max_entries: int | None = None
    default_ttl: float | None = 3600.0
    eviction: Eviction = "lru"
    copies: Copies = "when-mutable"
    path: str | PathLike[str] | None = None

    def __post_init__(self) -> None:
        for knob, value in (("max_bytes", self.max_bytes), ("max_entries", self.max_entries)):
            if value is None and knob == "max_entries":
                continue
            whole(knob, value)
        positive("default_ttl", self.default_ttl)
        one_of("eviction", self.eviction, get_args(Eviction))
        one_of("copies", self.copies, get_args(Copies))
        if self.path is not None and (not isinstance(self.path, str | PathLike) or not str(self.path)):
            raise ConfigError(f"path={self.path!r} must be a folder")


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
        Which of the ready nodes goes first; :mod:`.planning.policies` says what each name means.
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
    async_jobs
        How many coroutines may wait at once on the event loop; ``None``: as many as there are. They take none of the
        ``jobs``, unless there is only one, when everything runs in turn.
    resources
        How much there is of what nodes use: a whole number (``{"gpu": 2}``) of which that many may be held at once,
        or a rate (``{"api": "60/min"}``, per ``s``, ``min`` or ``h``) of which that many may begin in any such time.
        What a node uses and nothing here names is there once.
    cluster
        Address of the cluster that the backend is to use, such as ``"tcp://127.0.0.1:8786"`` for dask. ``None``: the
        one that this session is connected to, else one made on this machine.
    loop
        Where coroutines run: ``"background"``, a loop in a thread of its own; or ``"notebook"``, the notebook's own,
        which then has to be entered again while it runs.
    history
        Whether what nodes took in earlier runs is their expected cost, and what this run measures is remembered. It
        decides who goes first, and never a result.
    cache
        Whether results of nodes that say ``cache`` are kept for later runs and looked up: ``True``, in
        ``.cache/orchestration`` of the working directory or where ``ORCHESTRA_NB_CACHE`` says (empty: nowhere);
        ``False``, no; or the name of a folder.
    log
        A file to which everything that happens in the run is appended, one line of JSON for each event;
        ``orchestra replay`` shows the run as it was at any moment. ``None``: nowhere.
    undo
        Whether nodes that say ``undo`` are compensated when the run fails for good. ``False`` leaves everything as it
        is, for going on from there.
    checkpoint
        Where a run keeps what it has reached. ``"durable"``: in the cache folder; each node is on the disk before it is
        announced, and survives the death of the process and a power cut. ``"fast"``: the same without waiting for the
        disk: what was announced survives the death of the process, also by ``kill -9``, but **a power cut or a crash of
        the machine may lose it**, or all of the run. ``"memory"``: in this process, for this process. ``"auto"``:
        durable for agents, in memory for functions; durable for a notebook with a kernel of its own, but for results
        that are about as quickly made again as stored.

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
    async_jobs: int | None = None
    resources: Mapping[str, int | str] = field(default_factory=dict, hash=False)
    cluster: str | None = None
    loop: Loop = "background"
    history: bool = True
    cache: bool | str = True
    log: str | None = None
    undo: bool = True
    checkpoint: Checkpointing = "auto"

    def __post_init__(self) -> None:
        if self.jobs is not None:
            if isinstance(self.jobs, bool) or not isinstance(self.jobs, int):
                raise ConfigError(f"jobs={self.jobs!r} must be a whole number")
            if self.jobs == 0:
                raise ConfigError("jobs=0 can run nothing; give 1 or more, or -1 for all cores")
            if self.jobs > _MOST_JOBS:
                hint = "coroutines wait by the thousand without any"
                raise ConfigError(f"jobs={self.jobs} is more than {_MOST_JOBS} workers; give fewer: {hint}")
        if self.backend is not None and (not isinstance(self.backend, str) or not self.backend):
            raise ConfigError(f"backend={self.backend!r} must be the name of a joblib backend")
        for knob in ("plan_cache", "history", "undo"):
            if not isinstance(getattr(self, knob), bool):
                raise ConfigError(f"{knob}={getattr(self, knob)!r} must be True or False")
        if not isinstance(self.cache, bool | str) or self.cache == "" or "\0" in str(self.cache):
            raise ConfigError(f"cache={self.cache!r} must be True, False or the name of a folder")
        if self.async_jobs is not None and (
            isinstance(self.async_jobs, bool) or not isinstance(self.async_jobs, int) or self.async_jobs < 1
        ):
            raise ConfigError(f"async_jobs={self.async_jobs!r} must be a whole number from 1, or None for no limit")
        if self.cluster is not None and (not isinstance(self.cluster, str) or not self.cluster):
            raise ConfigError(f"cluster={self.cluster!r} must be the address of a cluster")
        if self.log is not None and (not isinstance(self.log, str) or not self.log):
            raise ConfigError(f"log={self.log!r} must be the name of a file")
        if not isinstance(self.resources, Mapping):
            raise ConfigError(f"resources={self.resources!r} must be a mapping such as {{'gpu': 2, 'api': '60/min'}}")
        for name, given in self.resources.items():
            if not isinstance(name, str) or not name:
                raise ConfigError(f"resources: {name!r} must be the name of a resource, as in a node's 'uses'")
            read_capacity(name, given)
        one_of("loop", self.loop, get_args(Loop))
        one_of("checkpoint", self.checkpoint, get_args(Checkpointing))
        one_of("schedule", self.schedule, get_args(Schedule))
        one_of("policy", self.policy, get_args(Policy))
        positive("timeout", self.timeout)
        if isinstance(self.guard, bool) or not isinstance(self.guard, int | float) or not 0 <= self.guard <= 1:
            raise ConfigError(f"guard={self.guard!r} must be a share of a cell's time, from 0 (off) to 1")
