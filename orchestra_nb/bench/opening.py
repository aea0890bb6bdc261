"""What a sweep may be about: how a target becomes a function that makes one run.

Policy: a function that takes a :class:`.RunConfig` and returns a :class:`.RunResult` is taken as it is, and this layer
knows nothing else. Notebooks, graphs and definitions are opened by what the layers above have registered; they are
loaded by name on first use, as :mod:`orchestra_nb.presentation` loads the display, so that imports point down. An
opener reads and checks its target at once: what is wrong with it comes to light before anything runs.

A mapping whose values are all graphs in their own right (DAGs, lists of nodes, notebooks, pipelines, definitions) is
several graphs, each measured in each configuration.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestra_nb.bench.measuring import Runner
from orchestra_nb.config import RunConfig
from orchestra_nb.errors import ConfigError

_OPENERS = "orchestra_nb.bench_targets"


@dataclass(frozen=True, slots=True)
class Given:
    """What a run of a target is given.

    Parameters
    ----------
    config
        What is the same for all runs; ``None`` where nobody said.
    agents
        Who does the work of agents.
    context
        Values for what the target leaves open.

    Examples
    --------
    >>> Given().context
    {}
    """

    config: RunConfig | None = None
    agents: Any = None
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Opened:
    """A target that can be measured.

    Parameters
    ----------
    name
        What it is called.
    runner
        Makes one run of it.
    config
        What its own runs are made with, where it has a say.

    Examples
    --------
    >>> Opened("graph", print).name
    'graph'
    """

    name: str
    runner: Runner
    config: RunConfig | None = None


Opener = Callable[[Any, Given], Opened | None]
"""Opens a target, or answers ``None`` where it is of another kind."""
_openers: list[Opener] = []


def opens(opener: Opener) -> Opener:
    """Decorator for the layers above: register what opens a kind of target.

    Examples
    --------
    >>> @opens
    ... def nothing(target, given):
    ...     return None
    >>> _openers.remove(nothing)
    """
    _openers.append(opener)
    return opener


def opened(target: Any, given: Given, name: str = "") -> list[Opened]:
    """Open a target: one graph, or several by name.

    Parameters
    ----------
    target
        See this module.
    given
        What its runs are given.
    name
        What it is to be called; empty: what it calls itself.

    Raises
    ------
    ConfigError
        It is of a kind that nobody can open.
    OrchestraError
        It is faulty.

    Examples
    --------
    >>> [found.name for found in opened(print, Given(), "mine")]
    ['mine']
    >>> opened(42, Given())
    Traceback (most recent call last):
    orchestra_nb.errors.ConfigError: a sweep cannot measure int; give a DAG, a list of nodes, ...
    """
    importlib.import_module(_OPENERS)
    found = _one(target, given)
    if found is not None:
        return [Opened(name or found.name, found.runner, found.config)]
    if isinstance(target, Mapping) and target:
        several = {str(key): _one(value, given) for key, value in target.items()}
        if all(several.values()):
            return [Opened(key, each.runner, each.config) for key, each in several.items() if each is not None]
    kinds = "a DAG, a list of nodes, a notebook or its path, a command definition, a Pipeline"
    told = f"a sweep cannot measure {type(target).__name__}; give {kinds}, a mapping of names to these"
    raise ConfigError(f"{told}, or a function of a RunConfig that returns a RunResult")


def _one(target: Any, given: Given) -> Opened | None:
    return next((found for opener in _openers if (found := opener(target, given)) is not None), None)
