"""The knobs of an engine: one record of the records of its parts.

A knob is one field with one reader; the parts check their own. ``RunConfig`` alone may stand for the whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from orchestra_nb.config import CachePolicy, RunConfig
from orchestra_nb.errors import ConfigError, nearest
from orchestra_nb.policies import BreakerPolicy, RetryPolicy, SinkPolicy

_THREE_TIMES = RetryPolicy(attempts=3)


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """How an engine and its parts are to work.

    Parameters
    ----------
    run
        Of every run, unless its options say otherwise.
    cache
        What the engine's cache keeps, for how long, and where.
    retry
        Policy of actions that are called through the engine's recovery and have none of their own. Nodes say theirs
        themselves.
    breaker
        Policy of circuits that are given none, those of nodes too.
    sinks
        How often those who want to know the progress are told, and how patiently.
    todos_by_phase
        Whether todos stand beneath their phases, where nodes have any.
    resolve_deadlocks
        Whether a deadlock of locks is resolved when it comes about.

    Raises
    ------
    ConfigError
        A part is given a record of another kind.

    Examples
    --------
    >>> EngineConfig(run=RunConfig(jobs=2)).cache.default_ttl
    3600.0
    >>> EngineConfig(cache=RunConfig())
    Traceback (most recent call last):
    orchestra_nb.errors.ConfigError: cache=RunConfig(...) must be a CachePolicy
    """

    run: RunConfig = field(default_factory=RunConfig)
    cache: CachePolicy = field(default_factory=CachePolicy)
    retry: RetryPolicy = _THREE_TIMES
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)
    sinks: SinkPolicy = field(default_factory=SinkPolicy)
    todos_by_phase: bool = True
    resolve_deadlocks: bool = True

    def __post_init__(self) -> None:
        kinds = {"run": RunConfig, "cache": CachePolicy, "retry": RetryPolicy, "breaker": BreakerPolicy}
        for knob, kind in {**kinds, "sinks": SinkPolicy, "todos_by_phase": bool, "resolve_deadlocks": bool}.items():
            given = getattr(self, knob)
            if not isinstance(given, kind):
                told = repr(given) if kind is bool else f"{type(given).__name__}(...)"
                raise ConfigError(f"{knob}={told} must be {'True or False' if kind is bool else f'a {kind.__name__}'}")


def engine_config(given: object = None) -> EngineConfig:
    """Read what an engine was given as its config.

    Examples
    --------
    >>> engine_config(RunConfig(jobs=3)).run.jobs
    3
    >>> engine_config({"jobs": 3})
    Traceback (most recent call last):
    orchestra_nb.errors.ConfigError: config must be an EngineConfig or a RunConfig, not dict
    """
    if given is None:
        return EngineConfig()
    if isinstance(given, RunConfig):
        return EngineConfig(run=given)
    if isinstance(given, EngineConfig):
        return given
    raise ConfigError(f"config must be an EngineConfig or a RunConfig, not {type(given).__name__}")


def with_options(run: RunConfig, options: Mapping[str, Any]) -> RunConfig:
    """Change the settings of one run.

    Raises
    ------
    ConfigError
        There is no such setting, or it cannot have that value.

    Examples
    --------
    >>> with_options(RunConfig(), {"jobs": 2}).jobs
    2
    >>> with_options(RunConfig(), {"keep_gonig": True})
    Traceback (most recent call last):
    orchestra_nb.errors.ConfigError: a run has no option 'keep_gonig'; did you mean 'keep_going'?
    """
    known = [each.name for each in fields(RunConfig)]
    for name in options:
        if name not in known:
            raise ConfigError(f"a run has no option {name!r}; {nearest(name, known)}")
    return replace(run, **options) if options else run
