"""What a run left behind: outcomes and values, and the numbers that follow from them.

A frozen value, whole even when the run was stopped. Durations are measured seconds on the monotonic clock; the bound
and the speed-up use the same measured node times, so they can be set against each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, cast

from orchestra_nb.bus import Event
from orchestra_nb.config import RunConfig
from orchestra_nb.errors import NodeFailed, OrchestraError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.undoing import compensators
from orchestra_nb.model import NodeId, Outcome, RunId, UnforeseenChange
from orchestra_nb.presentation import Charted, presenter_of
from orchestra_nb.recovery.saga_result import SagaResult

if TYPE_CHECKING:
    import pandas as pd


class _ResultPresenter(Protocol):
    """What the display knows about results beside what it knows about everything."""

    def levels(self, value: object) -> pd.DataFrame:
        """One row for each level."""

    def events(self, value: object) -> pd.DataFrame:
        """One row for each event."""


@dataclass(frozen=True, slots=True, repr=False)
class RunResult(Charted):
    """The result of one run.

    Parameters
    ----------
    outcomes
        How each node ended, by id, in document order.
    values
        What the run made: by node id for functions, by variable name for cells.
    dag
        The DAG that ran, with the measured seconds of the nodes that ended well as their costs.
    jobs, backend
        What it ran with.
    total_time
        Wall seconds from the first decision to the last.
    run_id, started_at
        Its name, and when it began (UTC, ISO 8601).
    stopped
        Why it was stopped before its end: ``"interrupted"``, ``"timeout"``, ``"stuck"``; else empty.
    checkpoints
        Ids of the checkpoints that it wrote.
    unforeseen
        Shared values that were changed in place by cells whose code did not show it.
    undone
        What became of the nodes that declare an ``undo``, when the run had failed for good; ``None`` when there was
        nothing to undo.
    unsaved
        Why some of what it reached is not on the disk, though it was to be; else empty.
    paused
        Seconds for which somebody had paused it; they are in ``total_time``, and bodies ran on in them.
    heard
        What was heard of it beside what its outcomes tell: retries, locks, circuits, the cache; empty where nobody
        listened, as a notebook's session does.
    config
        The settings that it ran by; ``None`` where they are not known.

    Examples
    --------
    >>> from orchestra_nb import Node, Pipeline, RunConfig
    >>> nodes = [Node("load", fn=lambda: 42), Node("half", fn=lambda load: load / 0)]
    >>> result = Pipeline(nodes, RunConfig(jobs=1)).run()
    >>> result
    <RunResult: 1 done, 1 failed in ... s, jobs=1, backend='threading'>
    >>> result.values, result.success, str(result.errors[0])
    ({'load': 42}, False, "node 'half' failed: ZeroDivisionError: division by zero")
    """

    outcomes: Mapping[str, Outcome]
    values: Mapping[str, Any]
    dag: DAG
    jobs: int
    backend: str
    total_time: float
    run_id: RunId
    started_at: str
    stopped: str = ""
    checkpoints: tuple[str, ...] = ()
    unforeseen: tuple[UnforeseenChange, ...] = ()
    undone: SagaResult | None = None
    unsaved: str = ""
    paused: float = 0.0
    heard: tuple[Event, ...] = ()
    config: RunConfig | None = None

    @property
    def success(self) -> bool:
        """Whether every node ended well, or was skipped because its condition was false.

        Examples
        --------
        >>> from orchestra_nb import Node, Pipeline, RunConfig
        >>> Pipeline([Node("load", fn=lambda: 42)], RunConfig(jobs=1)).run().success
        True
        >>> Pipeline([Node("half", fn=lambda: 1 / 0)], RunConfig(jobs=1)).run().success
        False
        """
        return not self.stopped and not any(outcome.bad for outcome in self.outcomes.values())

    @property
    def errors(self) -> tuple[OrchestraError, ...]:
        """What went wrong, failures before cancellations, and compensations last; each in document order.

        Examples
        --------
        >>> from orchestra_nb import Node, Pipeline, RunConfig
        >>> nodes = [Node("half", fn=lambda: 1 / 0), Node("length", fn=lambda: len(7))]
        >>> for error in Pipeline(nodes, RunConfig(jobs=1, keep_going=True)).run().errors:
        ...     print(error)
        node 'half' failed: ZeroDivisionError: division by zero
        node 'length' failed: TypeError: object of type 'int' has no len()
        """
        found = [outcome for outcome in self.outcomes.values() if outcome.error is not None]
        aside = self._aside
        found.sort(key=lambda outcome: (outcome.node in aside, outcome.status != "failed"))
        return (*(outcome.error for outcome in found if outcome.error is not None), *self._of_functions())

    def _of_functions(self) -> Iterator[OrchestraError]:
        """Give the errors of compensations that are no nodes, and so have no outcomes."""
        by_nodes = {name for names in self._aside.values() for name in names}
        for step in self.undone.failed_compensations if self.undone is not None else ():
            if step.step not in by_nodes:
                ename, _, evalue = step.undo_error.partition(": ")
                told = f"node {step.step!r} could not be undone: {step.undo_error}"
                yield NodeFailed(told, NodeId(step.step), (), ename, evalue)

    @property
    def _aside(self) -> Mapping[NodeId, tuple[NodeId, ...]]:
        """The nodes that have compensated others."""
        return compensators(self.dag.nodes.values()) if self.undone is not None else {}

    @property
    def work(self) -> float:
        """Seconds of all bodies together: what one worker would have needed. What was undone later is no part of it.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> done = {name: Outcome(name, "done", started=at, ended=at + 2.0) for name, at in zip("abc", (0, 0, 2))}
        >>> result = RunResult(done, {}, DAG([Node(name) for name in "abc"]), 2, "threading", 4.0, "r", "")
        >>> result.work
        6.0
        """
        aside = self._aside
        return sum(outcome.seconds for outcome in self.outcomes.values() if outcome.node not in aside)

    @property
    def measured(self) -> DAG:
        """The DAG with what each node took as its cost: also of those that failed, and nothing of what never ran.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> done = {"load": Outcome("load", "done", started=0.5, ended=2.0), "plot": Outcome("plot", "skipped")}
        >>> result = RunResult(done, {}, DAG([Node("load", cost=60), Node("plot")]), 1, "threading", 2.0, "r", "")
        >>> [(node.id, node.cost) for node in result.measured.nodes.values()]
        [('load', 1.5), ('plot', 0.0)]
        """
        return self.dag.with_costs({name: outcome.seconds for name, outcome in self.outcomes.items()})

    @property
    def lower_bound(self) -> float:
        """No schedule of these measured nodes on so many workers is shorter (seconds).

        What waits on the event loop takes no worker, unless there is only one.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> done = {name: Outcome(name, "done", started=at, ended=at + 2.0) for name, at in zip("abc", (0, 0, 2))}
        >>> result = RunResult(done, {}, DAG([Node(name) for name in "abc"]), 2, "threading", 4.0, "r", "")
        >>> result.lower_bound, result.total_time
        (3.0, 4.0)
        """
        if not self.outcomes:
            return 0.0
        measured = self.measured
        waiting = 0.0 if self.jobs == 1 else sum(o.seconds for o in self.outcomes.values() if o.worker == "event loop")
        return max(measured.critical_time, (self.work - waiting) / self.jobs)

    @property
    def upper_bound(self) -> float:
        """No schedule that lets no worker idle before a ready node is longer (seconds; Graham, 1969, for these nodes).

        A longer run has waited for something else: for resources, for its one main lane, between levels.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> done = {name: Outcome(name, "done", started=at, ended=at + 2.0) for name, at in zip("abc", (0, 0, 2))}
        >>> result = RunResult(done, {}, DAG([Node(name) for name in "abc"]), 2, "threading", 4.0, "r", "")
        >>> result.lower_bound, result.upper_bound
        (3.0, 4.0)
        """
        if not self.outcomes:
            return 0.0
        measured = self.measured
        return self.work / self.jobs + (1 - 1 / self.jobs) * measured.critical_time

    @property
    def speedup(self) -> float:
        """How many times faster than one node after another; 1 when nothing ran.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> done = {name: Outcome(name, "done", started=at, ended=at + 2.0) for name, at in zip("abc", (0, 0, 2))}
        >>> result = RunResult(done, {}, DAG([Node(name) for name in "abc"]), 2, "threading", 4.0, "r", "")
        >>> result.speedup
        1.5
        """
        return self.work / self.total_time if self.total_time and self.work else 1.0

    @property
    def cache_hit_rate(self) -> float:
        """Share of the good outcomes that came from the cache, from 0 to 1.

        Examples
        --------
        >>> from orchestra_nb import Node, ParallelScheduler, RunConfig
        >>> weather = {"fair": False}
        >>> def sail(load):
        ...     return load // (1 if weather["fair"] else 0)
        >>> dag = DAG([Node("load", fn=lambda: 42), Node("sail", fn=sail, after=["load"])])
        >>> scheduler = ParallelScheduler(RunConfig(jobs=1))
        >>> failed = scheduler.execute(dag)
        >>> weather["fair"] = True
        >>> failed.cache_hit_rate, scheduler.resume_from_checkpoint(failed.checkpoints[-1], dag).cache_hit_rate
        (0.0, 0.5)
        """
        cached = sum(outcome.status == "cached" for outcome in self.outcomes.values())
        good = sum(outcome.ok for outcome in self.outcomes.values())
        return cached / good if good else 0.0

    @property
    def levels(self) -> pd.DataFrame:
        """One row per level: how its nodes ended, from when to when, and what they took; see ``docs/frames.md``.

        Examples
        --------
        >>> from orchestra_nb import Node, Pipeline, RunConfig
        >>> nodes = [Node("load", fn=lambda: 42), Node("half", fn=lambda load: load / 0)]
        >>> result = Pipeline(nodes, RunConfig(jobs=1)).run()
        >>> result.levels[["level", "nodes", "failed"]]
           level nodes  failed
        0      0  load       0
        1      1  half       1
        """
        return cast("_ResultPresenter", presenter_of(self)).levels(self)

    @property
    def events(self) -> pd.DataFrame:
        """One row per event: what the outcomes tell of nodes, and what was heard beside; see ``docs/frames.md``.

        Examples
        --------
        >>> from orchestra_nb import Node, Pipeline, RunConfig
        >>> result = Pipeline([Node("load", fn=lambda: 42)], RunConfig(jobs=1)).run()
        >>> list(result.events.name)[:3]
        ['execution:run-started', 'execution:node-queued', 'execution:node-started']
        """
        return cast("_ResultPresenter", presenter_of(self)).events(self)

    def raise_for_errors(self) -> None:
        """Raise the first error, if there is one.

        Raises
        ------
        OrchestraError
            The first of :attr:`errors`.

        Examples
        --------
        >>> from orchestra_nb import Node, Pipeline, RunConfig
        >>> Pipeline([Node("load", fn=lambda: 42)], RunConfig(jobs=1)).run().raise_for_errors()
        >>> Pipeline([Node("half", fn=lambda: 1 / 0)], RunConfig(jobs=1)).run().raise_for_errors()
        Traceback (most recent call last):
        orchestra_nb.errors.NodeFailed: node 'half' failed: ZeroDivisionError: division by zero
        """
        if self.errors:
            raise self.errors[0]

    def __reduce__(self) -> tuple[Any, ...]:
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return _rebuilt, ({**given, "outcomes": dict(self.outcomes), "values": dict(self.values)},)

    def __repr__(self) -> str:
        counts: dict[str, int] = {}
        for outcome in self.outcomes.values():
            counts[outcome.status] = counts.get(outcome.status, 0) + 1
        told = ", ".join(f"{n} {status}" for status, n in counts.items()) or "no nodes"
        if self.undone is not None:
            fates = {
                "undone": len(self.undone.compensated),
                "could not be": len(self.undone.failed_compensations),
                "still to be undone": len(self.undone.left),
            }
            told += f" ({', '.join(f'{n} {fate}' for fate, n in fates.items() if n)})" if any(fates.values()) else ""
        return f"<RunResult: {told} in {self.total_time:.3g} s, jobs={self.jobs}, backend={self.backend!r}>"


def _rebuilt(given: dict[str, Any]) -> RunResult:
    """Unpickle a result, whose mappings are read-only again."""
    return RunResult(**{**given, "outcomes": MappingProxyType(given["outcomes"])})
