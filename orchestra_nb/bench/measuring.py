"""One run after the other is made and measured. Clock, load and runs are passed in.

Failure: a run that fails, or raises, is a measured run that says so; the sweep goes on, and statistics leave it out. A
run that was interrupted is thrown away, and ends the sweep: what was measured before is kept, each run was handed on as
soon as it was over. Bad input that shows only when a run is about to begin (an input that is missing, nobody who does
an agent's work) is raised by the first run: nothing has run then.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from orchestra_nb.bench.turns import Setting, Turn
from orchestra_nb.config import RunConfig
from orchestra_nb.errors import ConfigError, DefinitionError, GraphError
from orchestra_nb.running.result import RunResult

Runner = Callable[[RunConfig], RunResult]
"""What makes one run as a config says."""
_LONGEST = 300
_REFUSALS = (ConfigError, DefinitionError, GraphError)


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of a sweep, as it was measured.

    Parameters
    ----------
    turn
        Which one.
    at
        Seconds from the beginning of the sweep to that of the run.
    wall
        Seconds that making it took in all, with a kernel's start where it needs one.
    seconds
        Of the run itself, from its first decision to its last; missing (NaN) where it failed, as are the next three.
    work
        Seconds of all bodies together.
    bound
        Seconds below which no schedule of these measured bodies on so many workers can be.
    nodes
        How many nodes ended well.
    load_before, load_after
        The machine's load (average of a minute) when it began and when it ended; missing where nobody says.
    error
        Why it failed; empty where it did not.

    Examples
    --------
    >>> run = Measured(Turn(1, "graph", Setting(2), 1), at=0.0, wall=1.1, seconds=1.0, work=1.5, bound=0.75, nodes=4)
    >>> run.ok, run.utilization
    (True, 0.75)
    """

    turn: Turn
    at: float
    wall: float
    seconds: float = math.nan
    work: float = math.nan
    bound: float = math.nan
    nodes: int = 0
    load_before: float = math.nan
    load_after: float = math.nan
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether it has ended well.

        Examples
        --------
        >>> Measured(Turn(1, "graph", Setting(2), 1), 0.0, 1.0, error="node 'fit' failed").ok
        False
        """
        return not self.error

    @property
    def utilization(self) -> float:
        """Which share of the workers' time bodies ran, from 0 to 1; NaN where it failed.

        Examples
        --------
        >>> Measured(Turn(1, "graph", Setting(4), 1), 0.0, 2.0, seconds=2.0, work=4.0).utilization
        0.5
        """
        available = self.seconds * self.turn.setting.jobs
        return self.work / available if available > 0 else math.nan


@dataclass(frozen=True, slots=True)
class Next:
    """What a sweep is about to do: what whoever follows it is told before each run.

    Parameters
    ----------
    turn
        The run that begins now.
    total
        How many there are in all.
    elapsed
        Seconds since the sweep began.
    eta
        Seconds that it will probably still take; NaN before anything was measured.

    Examples
    --------
    >>> print(Next(Turn(3, "graph", Setting(2), 1), total=10, elapsed=4.0, eta=16.0))
    run 3 of 10: graph, 2 jobs, threading, eager, critical-path
    """

    turn: Turn
    total: int
    elapsed: float
    eta: float = math.nan

    def __str__(self) -> str:
        warm = "warm-up " if self.turn.warmup else ""
        return f"{warm}run {self.turn.number} of {self.total}: {self.turn.graph}, {self.turn.setting}"


@dataclass(frozen=True, slots=True)
class Instruments:
    """What a sweep measures with.

    Parameters
    ----------
    clock
        Seconds that only grow.
    load
        How busy the machine is.
    """

    clock: Callable[[], float]
    load: Callable[[], float]


def measure(
    turns: Sequence[Turn],
    runners: Mapping[str, Runner],
    config: RunConfig,
    instruments: Instruments,
    *,
    about: Callable[[Next], object] = lambda _: None,
    done: Callable[[Measured], object] = lambda _: None,
) -> None:
    """Make all runs in their turns.

    Parameters
    ----------
    turns
        Which run comes when.
    runners
        Makes a run, by graph.
    config
        What is the same for all of them.
    instruments
        Clock and load.
    about
        Called before each run.
    done
        Called with each run that is over.

    Raises
    ------
    ConfigError, DefinitionError, GraphError
        What makes a run gave no result of one, or the first run was refused.
    KeyboardInterrupt
        Somebody has interrupted it; ``done`` knows all runs that were over.

    Examples
    --------
    >>> from itertools import count
    >>> from orchestra_nb import Node, Pipeline
    >>> def run(config):
    ...     return Pipeline([Node("load", fn=lambda: 1)], config).run()
    >>> found, clock = [], count()
    >>> turns = [Turn(1, "graph", Setting(1), 1)]
    >>> config, tools = RunConfig(history=False), Instruments(lambda: next(clock), lambda: 0.5)
    >>> measure(turns, {"graph": run}, config, tools, done=found.append)
    >>> found[0].ok, found[0].nodes, found[0].wall, found[0].load_before
    (True, 1, 1, 0.5)
    """
    began = instruments.clock()
    over: list[Measured] = []
    for turn in turns:
        at = instruments.clock() - began
        about(Next(turn, len(turns), at, remaining(turns[len(over) :], over)))
        load = instruments.load()
        start = instruments.clock()
        told = _outcome(runners[turn.graph], _configured(config, turn.setting), _REFUSALS if not over else ())
        wall = instruments.clock() - start
        run = Measured(turn, at, wall, load_before=load, load_after=instruments.load(), **told)
        over.append(run)
        done(run)


def remaining(turns: Sequence[Turn], over: Sequence[Measured]) -> float:
    """Expect how long some runs will take: each what its own configuration took so far, else what runs took on average.

    Parameters
    ----------
    turns
        Those that are still to be made.
    over
        Those that were.

    Returns
    -------
    float
        Seconds; NaN before anything was measured.

    Examples
    --------
    >>> one, two = Turn(1, "graph", Setting(1), 1), Turn(2, "graph", Setting(2), 1)
    >>> remaining([one, two, two], [Measured(one, 0.0, 4.0), Measured(two, 4.0, 2.0)])
    8.0
    """
    if not over:
        return math.nan
    of: dict[tuple[str, Setting], list[float]] = {}
    for run in over:
        of.setdefault((run.turn.graph, run.turn.setting), []).append(run.wall)
    usual = fmean(run.wall for run in over)
    return math.fsum(fmean(of.get((turn.graph, turn.setting), [usual])) for turn in turns)


def _configured(config: RunConfig, setting: Setting) -> RunConfig:
    changes: dict[str, Any] = {"jobs": setting.jobs, "backend": setting.backend}
    changes |= {"schedule": setting.schedule, "policy": setting.policy}
    return replace(config, **changes)


def _outcome(run: Runner, config: RunConfig, raised: tuple[type[Exception], ...]) -> dict[str, Any]:
    """Make a run, and take its numbers, or why there are none; errors of some kinds are raised."""
    try:
        result: object = run(config)
    except raised:
        raise
    except (Exception, SystemExit) as error:  # who asks for the end of the process ends its own run alone
        return {"error": _told(error)}
    if not isinstance(result, RunResult):
        told = f"what is measured gave {type(result).__name__}, and no RunResult"
        if not raised:  # it did before: what was measured is worth keeping
            return {"error": told}
        raise ConfigError(f"{told}; a function that is measured takes a RunConfig and returns what Pipeline.run() does")
    if result.stopped == "interrupted":
        raise KeyboardInterrupt("the sweep was interrupted")
    if not result.success:
        first = [_told(error) for error in result.errors[:1]]
        return {"error": first[0] if first else f"it was stopped: {result.stopped or 'a node failed'}"}
    good = sum(outcome.ok for outcome in result.outcomes.values())
    return {"seconds": result.total_time, "work": result.work, "bound": result.lower_bound, "nodes": good}


def _told(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
