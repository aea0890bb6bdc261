"""The progress tracker: what users call, and what listens to a run.

It folds facts into :class:`.Progress` under a lock, on whichever thread tells them, in O(1); everything dear (todos,
the estimate, files) is made from a copy, on the thread of :mod:`.delivery` or on that of who asks. Times come from the
clock that is passed in, which is monotonic: nothing here looks at the wall clock. In a run they are the run's own.

Attached to an :class:`.EventBus`, it follows one run after another of the graph that it was initialized with: a new
start begins anew. Sinks are then told the last state when the run ends, and ``complete()`` waits for it. Failure: a
fact that contradicts what is known is a :class:`.ProgressError` to who tells it, and changes nothing; on a bus that
means that the tracker is dropped and the error is logged. Rejected: a tracker inside the scheduler (a run should not
know who watches).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any

from orchestra_nb.config import RunConfig, SinkPolicy
from orchestra_nb.errors import ConfigError, ProgressError, nearest
from orchestra_nb.events import (
    Event,
    EventBus,
    GraphGrown,
    NodeEnded,
    NodeRetrying,
    NodeStarted,
    RunEnded,
    RunPaused,
    RunStarted,
    RunUnpaused,
)
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node
from orchestra_nb.presentation import Presented
from orchestra_nb.progress.delivery import Delivery
from orchestra_nb.progress.eta import Estimator
from orchestra_nb.progress.pace import expected
from orchestra_nb.progress.sinks import Report, Sink, TodoSink
from orchestra_nb.progress.state import AS_STANDING, STANDINGS, Progress, Standing
from orchestra_nb.progress.stats import ProgressStats, stats_of
from orchestra_nb.progress.todos import Todo, todos_of
from orchestra_nb.running.history import History, open_history

_TELLING = (RunStarted, NodeStarted, NodeRetrying, NodeEnded, GraphGrown, RunPaused, RunUnpaused, RunEnded)
_NAMES: dict[str, Standing] = dict((*zip(STANDINGS, STANDINGS, strict=True), *AS_STANDING.items()))


class ProgressTracker(Presented):
    """Follows a run, by hand or on its bus.

    Parameters
    ----------
    sinks
        Whom to tell: :class:`.JsonSink`, :class:`.MarkdownSink` or any function of a :class:`.Report`.
    policy
        How often, and how patiently.
    history
        Knows what nodes took in earlier runs; ``None`` is the history of this user's runs.
    by_phase
        Whether todos stand beneath their phases.
    clock
        Seconds, monotonic.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> tracker = ProgressTracker()
    >>> tracker.initialize(DAG([Node("load"), Node("plot", after=["load"])]), "today")
    >>> tracker.mark_started("load")
    >>> tracker.mark_completed("load")
    >>> tracker.get_stats().percent, [todo["status"] for todo in tracker.todos]
    (50.0, ['completed', 'pending'])
    >>> tracker.complete(), tracker.get_stats().percent, tracker.get_stats().counts.skipped
    (True, 100.0, 1)
    """

    def __init__(
        self,
        sinks: Iterable[Sink] = (),
        *,
        policy: SinkPolicy | None = None,
        history: History | None = None,
        by_phase: bool = False,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._policy = policy if policy is not None else SinkPolicy()
        self._history = history
        self._by_phase = by_phase
        self._clock = clock
        self._lock = threading.Lock()
        self._name = ""
        self._progress = Progress(DAG(()))
        self._origin = clock()
        self._estimator: tuple[DAG, Estimator] | None = None
        self._todo_sink: TodoSink | None = None
        self._delivery = Delivery(self.report, self._policy, clock)
        for sink in sinks:
            self.add_sink(sink)

    def initialize(
        self,
        dag: DAG,
        name: str = "",
        workers: int | None = None,
        joined: Callable[[str], Node | None] = lambda name: None,
    ) -> None:
        """Begin to follow a run, which begins now; what was followed before is forgotten.

        Parameters
        ----------
        dag
            What runs.
        name
            Of the run, for those who are told.
        workers
            How many nodes may run at once; ``None``: what the run says on its bus, or the most that were seen at once.
        joined
            Gives a node that joins the run while it goes on, by name; without it only its name is known.

        Raises
        ------
        ConfigError
            Not a graph, or no workers.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> tracker = ProgressTracker()
        >>> tracker.initialize(DAG([Node("load"), Node("plot", after=["load"])]), "today", workers=2)
        >>> tracker
        <ProgressTracker 'today': 0 % of 2 nodes>
        """
        if not isinstance(dag, DAG):
            raise ConfigError(f"progress follows a DAG, not {dag!r}; DAGBuilder().build_dag makes one")
        if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
            raise ConfigError(f"workers={workers!r} can run nothing; give 1 or more, or None")
        progress = Progress(dag, workers, joined)
        with self._lock:
            self._progress, self._name, self._origin = progress, str(name), self._clock()
        self._delivery.news()

    def add_sink(self, sink: Sink) -> None:
        """Tell one more of every state from now on.

        Raises
        ------
        ConfigError
            It cannot be called.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> tracker, percents = ProgressTracker(), []
        >>> tracker.add_sink(lambda report: percents.append(report.stats.percent))
        >>> tracker.initialize(DAG([Node("load")]))
        >>> tracker.mark_completed("load")
        >>> tracker.complete(), percents[-1]
        (True, 100.0)
        """
        if not callable(sink):
            raise ConfigError(f"a sink is a function of a report, not {sink!r}; JsonSink(path) writes a file")
        self._delivery.add(sink)

    def set_todo_write_api(self, write: Callable[[list[Todo]], object] | None) -> None:
        """Hand the list of todos to a function whenever it changes; ``None``: to nobody any more.

        It is called in the background, with the newest list only; whatever it does, the run does not notice.

        Raises
        ------
        ConfigError
            It cannot be called.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> tracker, lists = ProgressTracker(), []
        >>> tracker.set_todo_write_api(lists.append)
        >>> tracker.initialize(DAG([Node("load")]))
        >>> tracker.mark_completed("load")
        >>> tracker.complete(), lists[-1]
        (True, [{'content': 'Run load', 'status': 'completed', 'activeForm': 'Running load'}])
        """
        if write is not None and not callable(write):
            raise ConfigError(f"what writes todos is a function of their list, not {write!r}")
        before, self._todo_sink = self._todo_sink, None if write is None else TodoSink(write)
        if before is not None:
            self._delivery.remove(before)
        if self._todo_sink is not None:
            self._delivery.add(self._todo_sink)

    # What happens.

    def update(self, node: str, status: str) -> None:
        """Take note of how a node stands now.

        Parameters
        ----------
        node
            Its name.
        status
            ``"in_progress"``, ``"completed"``, ``"failed"``, ``"skipped"`` or ``"cancelled"``; or as an outcome has it.

        Raises
        ------
        ProgressError
            It contradicts what is known: a node has one end, and never goes back to ``"pending"``.

        Examples
        --------
        >>> from orchestra_nb.model import Node
        >>> tracker = ProgressTracker()
        >>> tracker.initialize(DAG([Node("load")]))
        >>> tracker.update("laod", "failed")
        Traceback (most recent call last):
        orchestra_nb.errors.ProgressError: no node is named 'laod'; did you mean 'load'?
        """
        standing = _NAMES.get(status) if isinstance(status, str) else None
        if standing is None:
            raise ProgressError(f"{node!r} cannot be {status!r}; {nearest(str(status), _NAMES)}")
        with self._lock:
            self._tell(node, standing)
        self._delivery.news()

    def mark_started(self, node: str) -> None:
        """Take note that a node has started, or begins another attempt.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> tracker = ProgressTracker()
        >>> tracker.initialize(DAG([Node("load"), Node("plot", after=["load"])]))
        >>> tracker.mark_started("load")
        >>> [todo["status"] for todo in tracker.todos]
        ['in_progress', 'pending']
        """
        self.update(node, "in_progress")

    def mark_completed(self, node: str) -> None:
        """Take note that a node has ended well.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> tracker = ProgressTracker()
        >>> tracker.initialize(DAG([Node("load"), Node("plot", after=["load"])]))
        >>> tracker.mark_completed("load")
        >>> tracker.get_stats().percent
        50.0
        """
        self.update(node, "completed")

    def grow(self, dag: DAG) -> None:
        """Go on with a graph that has more nodes behind those that there were.

        Raises
        ------
        ProgressError
            It begins with other nodes, or the run has ended.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> tracker, load = ProgressTracker(), Node("load")
        >>> tracker.initialize(DAG([load]))
        >>> tracker.grow(DAG([load, Node("part", after=["load"])]))
        >>> [todo["content"] for todo in tracker.todos]
        ['Run load', 'Run part']
        """
        with self._lock:
            self._progress.grow(dag)
        self._delivery.news()

    def complete(self, timeout: float | None = None) -> bool:
        """Take note that the run has ended, and wait until its last state has been delivered.

        What has no end yet gets one: nodes that had not started are skipped, and running ones cancelled.

        Parameters
        ----------
        timeout
            Seconds to wait at most; ``None``: as long as the policy says.

        Returns
        -------
        bool
            Whether every sink has taken the last state. A sink that failed has been tried once more.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> tracker = ProgressTracker()
        >>> tracker.initialize(DAG([Node("load"), Node("plot", after=["load"])]))
        >>> tracker.mark_started("load")
        >>> tracker.complete(), tracker.get_stats().counts.cancelled, tracker.get_stats().counts.skipped
        (True, 1, 1)
        """
        with self._lock:
            ended = self._progress.over
            self._progress.end(self._clock() - self._origin)
        if not ended:
            self._delivery.news(last=True)
        return self._delivery.flush(self._policy.patience if timeout is None else timeout)

    def attach(self, bus: EventBus) -> Callable[[], None]:
        """Listen to the runs of a bus; returns what ends that.

        Examples
        --------
        >>> from orchestra_nb import Node, ParallelScheduler
        >>> tracker, scheduler = ProgressTracker(), ParallelScheduler(RunConfig(jobs=1))
        >>> dag = DAG([Node("load", fn=lambda: 42), Node("plot", fn=lambda load: load, after=["load"])])
        >>> tracker.initialize(dag)
        >>> deaf = tracker.attach(scheduler.bus)
        >>> scheduler.execute(dag).success, tracker.get_stats().percent
        (True, 100.0)
        >>> deaf()
        """
        return bus.on("execution:*", self.hear, inline=True)

    def hear(self, event: Event) -> None:
        """Take note of an event of a run.

        Raises
        ------
        ProgressError
            It contradicts what is known, or belongs to the run of another graph.

        Examples
        --------
        >>> from orchestra_nb.model import Node, NodeId, Outcome
        >>> tracker = ProgressTracker()
        >>> tracker.initialize(DAG([Node("load")]))
        >>> tracker.hear(NodeStarted(0.5, NodeId("load"), "a thread"))
        >>> tracker.hear(NodeEnded(2.0, Outcome(NodeId("load"), "failed", started=0.5, ended=2.0)))
        >>> tracker.get_stats().counts.failed
        1
        """
        if not isinstance(event, _TELLING):
            return
        with self._lock:
            self._progress.hear(event)
            if isinstance(event, RunStarted):
                self._origin = self._clock() - event.at
        self._delivery.news(last=isinstance(event, RunEnded))

    # What is known.

    @property
    def todos(self) -> list[Todo]:
        """The todos as they are now.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> tracker = ProgressTracker()
        >>> tracker.initialize(DAG([Node("load")]))
        >>> tracker.todos
        [{'content': 'Run load', 'status': 'pending', 'activeForm': 'Running load'}]
        """
        with self._lock:
            progress = self._progress.copy()
        return todos_of(progress, by_phase=self._by_phase)

    def get_stats(self) -> ProgressStats:
        """Take a snapshot: percent, counts, time so far, and the time that is left, as an interval.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> now = [0.0]
        >>> tracker = ProgressTracker(clock=lambda: now[0])
        >>> tracker.initialize(DAG([Node("load"), Node("plot", after=["load"])]))
        >>> tracker.mark_started("load")
        >>> now[0] = 3.0
        >>> tracker.mark_completed("load")
        >>> stats = tracker.get_stats()
        >>> stats.percent, stats.elapsed, stats.counts.completed
        (50.0, 3.0, 1)
        """
        return self.report().stats

    def report(self) -> Report:
        """Take numbers and todos of one moment, as sinks are given them.

        Examples
        --------
        >>> from orchestra_nb import Node
        >>> tracker = ProgressTracker()
        >>> tracker.initialize(DAG([Node("load"), Node("plot", after=["load"])]), "today")
        >>> tracker.mark_completed("load")
        >>> report = tracker.report()
        >>> report.stats.percent, report.checklist.splitlines()[-2:]
        (50.0, ['- [x] Run load', '- [ ] Run plot'])
        """
        with self._lock:
            progress, name = self._progress.copy(), self._name
            now = progress.at if progress.over else max(progress.at, self._clock() - self._origin)
        eta = self._estimator_of(progress.dag).remaining(progress, now)
        return Report(stats_of(progress, name, now, eta, self._delivery.stats()), progress, self._by_phase)

    def _estimator_of(self, dag: DAG) -> Estimator:
        """The estimator of a graph; two threads that ask at once may both make it."""
        known = self._estimator
        if known is None or known[0] is not dag:
            history = self._history if self._history is not None else open_history(RunConfig())
            known = self._estimator = dag, Estimator(expected(dag, history.durations(dag)))
        return known[1]

    def _tell(self, node: str, standing: Standing) -> None:
        at, progress = self._clock() - self._origin, self._progress
        if standing == "in_progress":
            progress.started(node, at)
        elif standing != "pending":
            progress.ended(node, standing, at)
        elif progress.standing(node) != "pending":
            raise ProgressError(f"{node!r} is {progress.standing(node)}, and progress never goes back to pending")

    def __repr__(self) -> str:
        return (
            f"<ProgressTracker {self._name!r}: {self._progress.percent:.0f} % of {len(self._progress.standings)} nodes>"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        raise ConfigError("a progress tracker belongs to its process; its get_stats() can travel")
