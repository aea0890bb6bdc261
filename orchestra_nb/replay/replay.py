"""Time travel: what was known of a run at any moment, rebuilt from its log.

**Cost.** A run is folded once, when it is first looked at, and a copy of the fold is kept every so many events: a
quarter as many as it has nodes, so that all copies together weigh no more than a few times what all events do. Any
moment is then reached from the copy before it, and the next moment from the one before: forward, a step costs what
happened in it, and back as much as that many events, however long the log is.

**Failure.** An event that contradicts what is known is passed over, each time in the same way, and is one of the
``faults``; so is all that is wrong with the file. With ``strict`` the first look raises instead. What a damaged log
still tells is true as far as it goes: a node whose end is missing is told as running.

Rejected: a state for each event (10,000 nodes and 40,000 events would be 400 million), undoing events one by one (a
second fold, that has to be the exact opposite of the first).
"""

from __future__ import annotations

import math
import os
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, cast

from orchestra_nb.bus import Event
from orchestra_nb.errors import EventLogError, Issue, OrchestraError, nearest
from orchestra_nb.eventlog.reading import LoggedRun, parse_log, read_log
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import RunId
from orchestra_nb.presentation import Presented, presenter_of
from orchestra_nb.progress.eta import Estimator
from orchestra_nb.progress.pace import expected
from orchestra_nb.replay.fold import Fold
from orchestra_nb.replay.state import EventsPresenter, ReplayState

if TYPE_CHECKING:
    import pandas as pd

_LEAST = 256
"""Events between two copies, at least."""


class RunReplay(Presented):
    """One run of a log, at any moment.

    Parameters
    ----------
    logged
        What its log says.

    Examples
    --------
    >>> from orchestra_nb.events import NodeEnded, NodeStarted
    >>> from orchestra_nb.graph.events import DagBuilt
    >>> from orchestra_nb.model import Node, NodeId, Outcome
    >>> load = NodeId("load")
    >>> events = NodeStarted(1.0, load, "thread"), NodeEnded(3.0, Outcome(load, "done", started=1.0, ended=3.0))
    >>> run = RunReplay(LoggedRun(DagBuilt(0.0, RunId("r"), "", DAG([Node(load)])), events, (2, 3)))
    >>> [run.at(seconds).nodes["load"].state for seconds in (0.5, 1.0, 2.9, 3.0, 2.0)]
    ['waiting', 'running', 'running', 'done', 'running']
    """

    def __init__(self, logged: LoggedRun) -> None:
        self._logged = logged
        self._estimators: dict[int, tuple[DAG, Estimator]] = {}
        self._cursor: tuple[Fold, int] | None = None

    @property
    def run(self) -> RunId:
        r"""Its id.

        Examples
        --------
        >>> log = (
        ...     b'{"run": "r", "name": "execution:run-paused", "at": 1.0, "reason": "for a look"}\n'
        ...     b'{"run": "r", "name": "execution:run-ended", "at": 2.0, "success": true}\n'
        ... )
        >>> run = Replay.parse(log).last
        >>> run.run
        'r'
        """
        return self._logged.built.run

    @property
    def started_at(self) -> str:
        """When it began on the wall clock, in ISO 8601; empty when the log does not say.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from orchestra_nb import DAG, Node, ParallelScheduler, RunConfig
        >>> dag = DAG([Node("load", fn=lambda: 42)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     log = Path(folder, "run.jsonl")
        ...     result = ParallelScheduler(RunConfig(jobs=1, log=str(log))).execute(dag)
        ...     run = Replay.read(log).last
        >>> run.started_at == result.started_at
        True
        """
        return self._logged.built.started_at

    @property
    def hash(self) -> str:
        """The content hash of its graph.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from orchestra_nb import DAG, Node, ParallelScheduler, RunConfig
        >>> dag = DAG([Node("load", fn=lambda: 42)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     log = Path(folder, "run.jsonl")
        ...     result = ParallelScheduler(RunConfig(jobs=1, log=str(log))).execute(dag)
        ...     run = Replay.read(log).last
        >>> run.hash == dag.hash
        True
        """
        return self._logged.built.hash

    @property
    def facts(self) -> tuple[Event, ...]:
        r"""All its events, in order.

        Examples
        --------
        >>> log = (
        ...     b'{"run": "r", "name": "execution:run-paused", "at": 1.0, "reason": "for a look"}\n'
        ...     b'{"run": "r", "name": "execution:run-ended", "at": 2.0, "success": true}\n'
        ... )
        >>> run = Replay.parse(log).last
        >>> [event.name for event in run.facts]
        ['execution:run-paused', 'execution:run-ended']
        """
        return self._logged.events

    @property
    def faults(self) -> tuple[Issue, ...]:
        """Events that contradict what was known before them, and were passed over.

        Examples
        --------
        >>> from orchestra_nb.events import NodeStarted
        >>> from orchestra_nb.graph.events import DagBuilt
        >>> from orchestra_nb.model import Node, NodeId
        >>> built = DagBuilt(0.0, RunId("r"), "", DAG([Node("load")]))
        >>> for fault in RunReplay(LoggedRun(built, (NodeStarted(1.0, NodeId("laod"), "thread"),), (2,))).faults:
        ...     print(fault)
        line 2: execution:node-started: no node is named 'laod'; did you mean 'load'?
        """
        return self._folded[2]

    @property
    def moments(self) -> tuple[float, ...]:
        r"""The times at which something happened, in seconds since it began.

        Examples
        --------
        >>> log = (
        ...     b'{"run": "r", "name": "execution:run-paused", "at": 1.0, "reason": "for a look"}\n'
        ...     b'{"run": "r", "name": "execution:run-ended", "at": 2.0, "success": true}\n'
        ... )
        >>> run = Replay.parse(log).last
        >>> run.moments
        (1.0, 2.0)
        """
        return tuple(sorted(set(self._times)))

    @property
    def end(self) -> ReplayState:
        r"""The last that is known.

        Examples
        --------
        >>> log = (
        ...     b'{"run": "r", "name": "execution:run-paused", "at": 1.0, "reason": "for a look"}\n'
        ...     b'{"run": "r", "name": "execution:run-ended", "at": 2.0, "success": true}\n'
        ... )
        >>> run = Replay.parse(log).last
        >>> run.end.at, run.end.success
        (2.0, True)
        """
        return self.after(len(self.facts))

    @property
    def events(self) -> pd.DataFrame:
        r"""All its events, as a frame.

        Examples
        --------
        >>> from orchestra_nb.replay import Replay
        >>> log = (
        ...     b'{"run": "r", "name": "execution:run-paused", "at": 1.0, "reason": "for a look"}\n'
        ...     b'{"run": "r", "name": "execution:run-ended", "at": 2.0, "success": true}\n'
        ... )
        >>> run = Replay.parse(log).last
        >>> list(run.events.name)
        ['execution:run-paused', 'execution:run-ended']
        """
        return cast("EventsPresenter", presenter_of(self)).events(self)

    def at(self, seconds: float | None = None) -> ReplayState:
        r"""Say what was known at a moment.

        Parameters
        ----------
        seconds
            Since the run began, what happened at that very moment included; ``None``: at its end. What came after
            the last event, nobody knows: a later moment is told as that one, and ``beyond`` says so.

        Raises
        ------
        EventLogError
            That is no moment.

        Examples
        --------
        >>> log = (
        ...     b'{"run": "r", "name": "execution:run-paused", "at": 1.0, "reason": "for a look"}\n'
        ...     b'{"run": "r", "name": "execution:run-ended", "at": 2.0, "success": true}\n'
        ... )
        >>> run = Replay.parse(log).last
        >>> run.at(1.5).paused, run.at(9).at, run.at(9).beyond
        (True, 2.0, True)
        >>> run.at(-1)
        Traceback (most recent call last):
        orchestra_nb.errors.EventLogError: -1 is no moment of a run; give seconds from 0 on, or None for its end
        """
        if seconds is None:
            return self.end
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
            raise EventLogError(f"{seconds!r} is no moment of a run; give seconds from 0 on, or None for its end")
        end = self._times[-1] if self._times else 0.0
        if seconds > end:
            return replace(self._state(len(self.facts), end), beyond=True)
        return self._state(bisect_right(self._times, seconds), float(seconds))

    def after(self, count: int) -> ReplayState:
        r"""Say what was known when so many of its events had happened.

        Raises
        ------
        EventLogError
            There are not so many.

        Examples
        --------
        >>> log = (
        ...     b'{"run": "r", "name": "execution:run-paused", "at": 1.0, "reason": "for a look"}\n'
        ...     b'{"run": "r", "name": "execution:run-ended", "at": 2.0, "success": true}\n'
        ... )
        >>> run = Replay.parse(log).last
        >>> run.after(1).paused, run.after(2).over
        (True, True)
        >>> run.after(3)
        Traceback (most recent call last):
        orchestra_nb.errors.EventLogError: the run has 2 events; 3 is none of 0 to 2
        """
        if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= len(self.facts):
            raise EventLogError(f"the run has {len(self.facts):,} events; {count!r} is none of 0 to {len(self.facts)}")
        return self._state(count, self._times[count - 1] if count else 0.0)

    def __iter__(self) -> Iterator[ReplayState]:
        """Go through all moments, from the first to the last."""
        return (self.at(seconds) for seconds in self.moments)

    # The fold, and its copies.

    @cached_property
    def _folded(self) -> tuple[tuple[float, ...], tuple[Fold, ...], tuple[Issue, ...], frozenset[int]]:
        """The time of each event, the copies, what contradicts itself, and which events that are."""
        fold = Fold(self._logged.built.dag)
        times: list[float] = []
        copies, faults, passed_over = [fold.copy()], [], set()
        for i, event in enumerate(self.facts):
            try:
                fold.hear(event)
            except OrchestraError as fault:
                passed_over.add(i)
                line = self._logged.lines[i]
                faults.append(Issue("contradiction", f"{event.name}: {fault}", path=f"line {line}"))
            times.append(fold.now)
            if i + 1 - self._spacing * (len(copies) - 1) >= self._spacing:
                copies.append(fold.copy())
        self._cursor = fold, len(times)
        return tuple(times), tuple(copies), tuple(faults), frozenset(passed_over)

    @property
    def _times(self) -> tuple[float, ...]:
        return self._folded[0]

    @cached_property
    def _spacing(self) -> int:
        """Events between two copies."""
        return max(_LEAST, len(self._logged.built.dag) // 4)

    def _state(self, count: int, seconds: float) -> ReplayState:
        fold = self._fold_after(count)
        self._cursor = fold, count
        return ReplayState(self.run, seconds, count, fold, self._estimator, self.facts, started_at=self.started_at)

    def _fold_after(self, count: int) -> Fold:
        """Fold so many events: from where it stands, or from the copy before, whichever is nearer."""
        _, copies, _, passed_over = self._folded
        number = min(count // self._spacing, len(copies) - 1)
        known, begin = copies[number], number * self._spacing
        if self._cursor is not None and begin <= self._cursor[1] <= count:
            known, begin = self._cursor
        if begin == count:
            return known  # what is known is never changed
        fold = known.copy()
        for i in range(begin, count):
            if i not in passed_over:
                fold.hear(self.facts[i])
        return fold

    def _estimator(self, dag: DAG) -> Estimator:
        known = self._estimators.get(len(dag))
        if known is None or known[0] is not dag:
            known = self._estimators[len(dag)] = dag, Estimator(expected(dag, {}))
        return known[1]

    def __repr__(self) -> str:
        return f"<RunReplay of run {self.run!r}: {len(self.facts):,} events>"


def moment(given: float) -> float | None:
    """Read a moment as a line has it: seconds since the run began, or -1 for its end.

    Raises
    ------
    EventLogError
        That is no moment.

    Examples
    --------
    >>> moment(-1), moment(2.5)
    (None, 2.5)
    """
    if given != -1 and not 0 <= given < math.inf:
        raise EventLogError(f"--at {given:g} is no moment of a run; give seconds from 0 on, or -1 for its end")
    return None if given == -1 else given


class Replay(Presented):
    """A log, played again: its runs, and what is wrong with it.

    Parameters
    ----------
    runs
        What it says of each run.
    faults
        What is wrong with the file.

    Examples
    --------
    >>> Replay.parse(b'{"run": "r", "name": "execution:run-ended", "at": 2.0, "success": true}').runs[0].end.over
    True
    """

    def __init__(self, runs: tuple[LoggedRun, ...], faults: tuple[Issue, ...] = ()) -> None:
        self.runs = tuple(RunReplay(each) for each in runs)
        self._of_the_file = faults

    @classmethod
    def read(cls, path: str | os.PathLike[str], *, strict: bool = False) -> Replay:
        """Read a log.

        Parameters
        ----------
        path
            The file.
        strict
            Raise when anything is wrong with it, or when it ends before its runs do.

        Raises
        ------
        EventLogError
            There is no such file, it is no log, or with ``strict`` it has faults, which the error names.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from orchestra_nb import Node, Pipeline, RunConfig
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     log = Path(folder, "run.jsonl")
        ...     result = Pipeline([Node("load", fn=lambda: 42)], RunConfig(jobs=1, log=str(log))).run()
        ...     replay = Replay.read(log, strict=True)
        >>> replay.last.run == result.run_id, replay.last.end.nodes["load"].state
        (True, 'done')
        """
        return cls(*read_log(path))._checked(str(path), strict)

    @classmethod
    def parse(cls, data: bytes, *, strict: bool = False) -> Replay:
        r"""Read what a log holds; see :meth:`read`.

        Examples
        --------
        >>> replay = Replay.parse(b'{"run": "r", "name": "execution:run-ended", "at": 2.0, "success": true}\n')
        >>> replay.last.end.over, replay.moments
        (True, (2.0,))
        """
        return cls(*parse_log(data))._checked("the log", strict)

    def _checked(self, path: str, strict: bool) -> Replay:
        if strict and (faults := self.faults):
            raise EventLogError("\n".join(f"{path}: {fault}" for fault in faults), faults)
        return self

    @cached_property
    def faults(self) -> tuple[Issue, ...]:
        r"""All that is wrong, each with its line and what is still true; a run without an end is a warning.

        Examples
        --------
        >>> log = b'{"run": "r", "name": "execution:run-ended", "at": 2.0, "success": true}\n{"run": "r", "na'
        >>> for fault in Replay.parse(log).faults:
        ...     print(fault.severity, fault.code, fault.path)
        error cut-off line 2
        error no-beginning line 1
        """
        return (*self._of_the_file, *(fault for run in self.runs for fault in run.faults))

    @property
    def last(self) -> RunReplay:
        r"""The run that began last.

        Examples
        --------
        >>> line = '{"run": "RUN", "name": "execution:run-ended", "at": 2.0, "success": true}\n'
        >>> replay = Replay.parse("".join(line.replace("RUN", run) for run in "ab").encode())
        >>> replay.last.run, len(replay.runs)
        ('b', 2)
        """
        return self.runs[-1]

    def run(self, run: str) -> RunReplay:
        r"""Find a run by its id, or by how that begins.

        Raises
        ------
        EventLogError
            There is none, or there are several.

        Examples
        --------
        >>> line = '{"run": "RUN", "name": "execution:run-ended", "at": 2.0, "success": true}\n'
        >>> replay = Replay.parse("".join(line.replace("RUN", run) for run in ("a1", "b2")).encode())
        >>> replay.run("a").run
        'a1'
        >>> replay.run("b1")
        Traceback (most recent call last):
        orchestra_nb.errors.EventLogError: the log has no run 'b1'; known: a1, b2
        """
        found = [each for each in self.runs if each.run == run] or [e for e in self.runs if e.run.startswith(run)]
        if len(found) == 1 and run:
            return found[0]
        if found:
            raise EventLogError(f"{len(found)} runs begin with {run!r}: {', '.join(each.run for each in found[:5])}")
        hint = nearest(run, [each.run for each in self.runs])
        raise EventLogError(f"the log has no run {run!r}; {hint}")

    def at(self, seconds: float | None = None) -> ReplayState:
        r"""Say what was known of the last run at a moment; see :meth:`RunReplay.at`.

        Examples
        --------
        >>> log = (
        ...     b'{"run": "r", "name": "execution:run-paused", "at": 1.0, "reason": "for a look"}\n'
        ...     b'{"run": "r", "name": "execution:run-ended", "at": 2.0, "success": true}\n'
        ... )
        >>> replay = Replay.parse(log)
        >>> replay.at(1.5).over, replay.at().over
        (False, True)
        """
        return self.last.at(seconds)

    @property
    def moments(self) -> tuple[float, ...]:
        r"""The times at which something happened in the last run.

        Examples
        --------
        >>> log = (
        ...     b'{"run": "r", "name": "execution:run-paused", "at": 1.0, "reason": "for a look"}\n'
        ...     b'{"run": "r", "name": "execution:run-ended", "at": 2.0, "success": true}\n'
        ... )
        >>> Replay.parse(log).moments
        (1.0, 2.0)
        """
        return self.last.moments

    def __repr__(self) -> str:
        return f"<Replay: {len(self.runs)} runs, {len(self.faults)} faults>"
