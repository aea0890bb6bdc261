"""The sweep: everything is checked, then one run after the other is measured, and what was measured is kept.

**What is measured** is a run's own time, from its first decision to its last; what making it took in all (a kernel's
start) stands beside it as ``wall``. The result cache, the history of durations, logs and checkpoints are off for these
runs: a second run that finds the results of the first costs nothing, and one that knows what its nodes took decides
otherwise than the first. So policies have the costs that the target itself declares.

**Failure.** Bad input raises before anything runs. A run that fails is a row that says so. A file that cannot be
written any more is a warning, and the sweep goes on without it. An interrupt raises :class:`.SweepInterrupted`, which
has what was measured; a file has it line by line in any case.
"""

from __future__ import annotations

import os
import time
import uuid
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from orchestra_nb.bench.environment import capture, usual_load
from orchestra_nb.bench.files import ResultsFile
from orchestra_nb.bench.measuring import Instruments, Measured, Next, measure
from orchestra_nb.bench.opening import Given, Opened, opened
from orchestra_nb.bench.records import Sweep, SweepInterrupted
from orchestra_nb.bench.turns import Turn, settings_of, turns_of
from orchestra_nb.config import RunConfig
from orchestra_nb.errors import ConfigError
from orchestra_nb.knobs import whole_seed

Follow = Callable[[Next], object]
_INSTRUMENTS = Instruments(time.perf_counter, usual_load)


def sweep(
    target: Any,
    jobs: Iterable[int] = (1, 2, 4),
    backends: Iterable[str] | None = None,
    schedules: Iterable[str] | None = None,
    policies: Iterable[str] | None = None,
    *,
    repeats: int = 5,
    warmup: int = 1,
    config: RunConfig | None = None,
    seed: int = 0,
    file: str | os.PathLike[str] | None = None,
    name: str = "",
    agents: Any = None,
    context: Mapping[str, Any] | None = None,
    confidence: float = 0.95,
    follow: Follow | None = None,
    instruments: Instruments = _INSTRUMENTS,
) -> Sweep:
    """Measure a target in every combination of jobs, backends, schedules and policies.

    Parameters
    ----------
    target
        A DAG or a list of nodes or tasks; a notebook or its path, each run of which has a kernel of its own; a command
        definition or its path; a :class:`.Pipeline`; a mapping of names to any of these, which are all measured; or a
        function that takes a :class:`.RunConfig` and returns a :class:`.RunResult`.
    jobs
        How many nodes may run at once, agents among them unless ``config.async_jobs`` says otherwise. With 1 among
        them there is a speed-up. More than there are cores is allowed, and said.
    backends, schedules, policies
        Names, as in :class:`.RunConfig`; ``None``: what the config says, which is ``"threading"``, ``"eager"`` and
        ``"critical-path"`` when nobody has said otherwise.
    repeats
        How many runs of each configuration count. Five give an interval for a speed-up that is 96.8 % sure, and one for
        a median that is 93.75 % sure.
    warmup
        How many rounds come before that and do not count.
    config
        What is the same for all runs. Cache, history, log and checkpoints are off, whatever it says.
    seed
        Of the order in which configurations take turns.
    file
        A file of results, to which each run is appended as soon as it is over.
    name
        What the target is called, in tables and when sweeps are compared; its own name where it has one.
    agents
        Who does the work of agents, as for :class:`.Pipeline`.
    context
        Values for what the target leaves open, as for :meth:`.Pipeline.run`.
    confidence
        How sure intervals are to be, from 0 to 1.
    follow
        Called before each run with a :class:`.Next`.
    instruments
        Clock and load.

    Returns
    -------
    Sweep
        A row for each run in ``.frame``, one for each configuration in ``.summary``, and a figure from ``.plot()``.

    Raises
    ------
    ConfigError, BackendError
        A value that cannot be meant, a target of no known kind, or a file that is no file of results; nothing has run.
    DefinitionError, GraphError
        The target is faulty; nothing has run.
    SweepInterrupted
        Somebody has interrupted it; a ``KeyboardInterrupt`` that has the runs which were over.

    Examples
    --------
    >>> from orchestra_nb import Node, bench
    >>> nodes = [Node("load", fn=lambda: 3), Node("double", fn=lambda load: 2 * load)]
    >>> found = bench.sweep(nodes, jobs=[1, 2], repeats=3)
    >>> len(found.frame), found.summary["jobs"].tolist()
    (8, [1, 2])
    >>> bench.sweep(nodes, jobs=[0])
    Traceback (most recent call last):
    orchestra_nb.errors.ConfigError: jobs: jobs=0 can run nothing; give 1 or more, or -1 for all cores
    """
    _check(config, confidence)
    whole_seed(seed)
    if follow is not None and not callable(follow):
        raise ConfigError(f"follow={follow!r} must be a function that is told of each run")
    found = opened(target, Given(config, agents, context or {}), name)
    terms = _terms(config, found)
    settings = settings_of(
        jobs,
        [terms.backend or "threading"] if backends is None else backends,
        [terms.schedule] if schedules is None else schedules,
        [terms.policy] if policies is None else policies,
    )
    turns = turns_of([each.name for each in found], settings, repeats, warmup, seed)
    results = None if file is None else ResultsFile(file)
    where = capture(datetime.now(UTC).isoformat(timespec="milliseconds"))
    empty = Sweep(uuid.uuid4().hex[:12], name or found[0].name, (), len(turns), where, confidence)
    if len(found) > 1:
        empty = replace(empty, name=name or ", ".join(each.name for each in found))
    return _made(empty, turns, found, terms, follow or _nobody, results, instruments)


def _check(config: RunConfig | None, confidence: float) -> None:
    if config is not None and not isinstance(config, RunConfig):
        raise ConfigError(f"config must be a RunConfig, not {type(config).__name__}")
    if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0 < confidence < 1:
        raise ConfigError(f"confidence={confidence!r} must be a number between 0 and 1")


def _terms(config: RunConfig | None, found: Iterable[Opened]) -> RunConfig:
    """What is the same for all runs: what was given, else what the target's own runs have; nothing is kept of them."""
    own = next((each.config for each in found if each.config is not None), None)
    base = config if config is not None else own if own is not None else RunConfig()
    return replace(base, cache=False, history=False, log=None, checkpoint="memory")


def _made(
    empty: Sweep,
    turns: tuple[Turn, ...],
    found: Iterable[Opened],
    config: RunConfig,
    follow: Follow,
    results: ResultsFile | None,
    instruments: Instruments,
) -> Sweep:
    runs: list[Measured] = []

    written = results
    if written is not None:
        written.begin(empty)

    def done(run: Measured) -> None:
        nonlocal written
        runs.append(run)
        try:
            if written is not None:
                written.add(empty.id, run)
        except ConfigError as error:  # a full disk: what is measured is still returned
            written = None
            warnings.warn(f"{error}; the sweep goes on, and later runs are not in the file", stacklevel=2)

    runners = {each.name: each.runner for each in found}
    try:
        measure(turns, runners, config, instruments, about=follow, done=done)
    except KeyboardInterrupt:
        raise SweepInterrupted(replace(empty, runs=tuple(runs))) from None
    return replace(empty, runs=tuple(runs))


def _nobody(_: Next) -> None:
    """Nobody follows it."""
