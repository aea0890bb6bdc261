"""A run that goes on by itself: what holds and stops it, how far it is, and what it came to.

It has a thread of its own, which is the calling thread of the run (:mod:`orchestra_nb.running.aside` has why: bodies of
the main lane run there, under the context variables and joblib settings of whoever began it). The thread ends with its
process, and takes the run along: whoever wants its end waits for it.

**Begun means begun.** :meth:`RunHandle.begin` returns when the first node may start. What is wrong with a graph or its
settings is found before that, and is raised there, as a run that is waited for would have raised it; a request that
comes after it finds a run. **Over means over.** The thread's last act is to say so: by then everything is told, and
locks are free.

Failure: what ended the run is raised by :meth:`RunHandle.wait`, as often as it is called; nowhere else. Interrupts are
those of whoever waits, and the run goes on. Rejected: a ``concurrent.futures.Future`` (its ``cancel`` means something
else, and it cannot be held); to end the run with the last reference to its handle (who starts a run in a cell and keeps
nothing wants it to run).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from time import monotonic
from types import TracebackType

from orchestra_nb.errors import ConfigError, RunNotOver
from orchestra_nb.events import EventBus, RunStarted
from orchestra_nb.presentation import Presented
from orchestra_nb.progress.stats import ProgressStats
from orchestra_nb.progress.tracker import ProgressTracker
from orchestra_nb.running.aside import carried
from orchestra_nb.running.control import RunControl
from orchestra_nb.running.result import RunResult
from orchestra_nb.wording import clean, duration

_POLL = 0.05
"""Seconds that an interrupt may be late: a thread that waits in the system can miss that it came."""
_UNWANTED = "it was interrupted when it began"


class RunHandle(Presented):
    """A run in a thread of its own.

    Parameters
    ----------
    name
        What runs, in words.
    control
        What holds, lets go on and stops it.
    tracker
        Follows it.
    strict
        Whether :meth:`wait` raises what a failed node raised, in place of returning the result.

    Examples
    --------
    >>> from orchestra_nb import Node, Pipeline, RunConfig
    >>> run = Pipeline([Node("load", fn=lambda: 42)], config=RunConfig(jobs=1, history=False)).start()
    >>> run.wait(timeout=60).values["load"], run.over, run.stats.percent
    (42, True, 100.0)
    """

    def __init__(self, name: str, control: RunControl, tracker: ProgressTracker, *, strict: bool = False) -> None:
        self.name = name
        self._control = control
        self._tracker = tracker
        self._strict = strict
        self._result: RunResult | None = None
        self._error: BaseException | None = None
        self._came_from: TracebackType | None = None
        self._looks_up = threading.Condition()
        self._has_begun = self._is_over = self._unwanted = False

    def begin(self, call: Callable[[], RunResult], bus: EventBus) -> None:
        """Make the call in a thread of its own; return when its run has begun, or is over.

        Parameters
        ----------
        call
            Runs it to its end, and publishes on the bus.
        bus
            Where it publishes.

        Raises
        ------
        OrchestraError
            What kept the run from beginning; nothing ran.
        KeyboardInterrupt
            It came while the run was about to begin, which is stopped.

        Examples
        --------
        >>> from orchestra_nb import Node, ParallelScheduler, RunConfig
        >>> from orchestra_nb.graph.dag import DAG
        >>> dag, scheduler = DAG([Node("load", fn=lambda: 42)]), ParallelScheduler(RunConfig(jobs=1))
        >>> run = RunHandle("by hand", scheduler, ProgressTracker())
        >>> run.begin(lambda: scheduler.execute(dag), scheduler.bus)
        >>> run.wait(timeout=60).values
        {'load': 42}
        """
        deaf = bus.on(RunStarted.name, self._begins, inline=True)
        work = threading.Thread(target=self._work, args=(carried(call), deaf), name="orchestra-run", daemon=True)
        work.start()
        try:
            self._await(lambda: self._has_begun or self._is_over, None)
        except BaseException:
            with self._looks_up:
                self._unwanted = True  # whenever it begins
                self.cancel(_UNWANTED)
            raise
        if not self._has_begun and self._error is not None:
            raise self._error

    def _begins(self, _: object) -> None:
        with self._looks_up:
            self._has_begun = True
            self._looks_up.notify_all()
            if self._unwanted:
                self.cancel(_UNWANTED)

    def _work(self, call: Callable[[], RunResult], deaf: Callable[[], None]) -> None:
        try:
            self._result = call()
        except BaseException as error:
            self._error, self._came_from = error, error.__traceback__
        deaf()
        with self._looks_up:
            self._is_over = True
            self._looks_up.notify_all()

    def _await(self, ready: Callable[[], bool], timeout: float | None) -> bool:
        until = None if timeout is None else monotonic() + timeout
        with self._looks_up:
            while not ready():
                left = _POLL if until is None else min(_POLL, until - monotonic())
                if left <= 0:
                    return False
                self._looks_up.wait(left)
        return True

    # What may be done to it.

    def pause(self, reason: str = "the run was paused") -> None:
        """Begin nothing any more; what runs goes on to its end. Returns at once; harmless when it is over.

        Examples
        --------
        >>> from orchestra_nb import Node, Pipeline, RunConfig
        >>> gate, held = threading.Event(), threading.Event()
        >>> nodes = [Node("first", fn=lambda: gate.wait(60)), Node("second", fn=lambda: 2, after=["first"])]
        >>> pipeline = Pipeline(nodes, RunConfig(jobs=1))
        >>> _ = pipeline.bus.on("execution:run-paused", lambda event: held.set())
        >>> run = pipeline.start()
        >>> run.pause("for a look")
        >>> held.wait(60), run.paused
        (True, True)
        >>> gate.set()  # what runs goes on to its end, and nothing follows
        >>> run.unpause()
        >>> run.wait(timeout=60).values["second"]
        2
        """
        if not self.over:
            self._control.pause(reason)

    def unpause(self) -> None:
        """Go on. Returns at once; harmless when it is not paused.

        Examples
        --------
        >>> from orchestra_nb import Node, Pipeline, RunConfig
        >>> pipeline = Pipeline([Node("first", fn=lambda: 1), Node("second", fn=lambda: 2)], RunConfig(jobs=1))
        >>> _ = pipeline.bus.on("execution:run-started", lambda event: pipeline.pause(), inline=True)
        >>> run = pipeline.start()
        >>> run.unpause()
        >>> run.wait(timeout=60).success
        True
        """
        if not self.over:
            self._control.unpause()

    def cancel(self, reason: str = "the run was cancelled") -> None:
        """Stop it. Returns at once: :meth:`wait` returns when it has ended. Harmless when it is over.

        Examples
        --------
        >>> import asyncio
        >>> from orchestra_nb import Node, Pipeline, RunConfig
        >>> begun = threading.Event()
        >>> async def dawdle():
        ...     begun.set()
        ...     await asyncio.sleep(60)
        >>> nodes = [Node("dawdle", fn=dawdle), Node("next", fn=print, after=["dawdle"])]
        >>> run = Pipeline(nodes, RunConfig(jobs=2)).start()
        >>> begun.wait(60)
        True
        >>> run.cancel("nobody wants it")
        >>> result = run.wait(timeout=60)
        >>> run.state, result.outcomes["next"].status
        ('cancelled', 'skipped')
        """
        if not self.over:
            self._control.cancel(reason)

    def wait(self, timeout: float | None = None) -> RunResult:
        """Wait until it is over.

        Parameters
        ----------
        timeout
            Seconds; ``None``: as long as it takes.

        Raises
        ------
        ConfigError
            That is no time to wait.
        RunNotOver
            It goes on.
        OrchestraError
            What ended it; or of a run of cells, the error of the node that failed.
        KeyboardInterrupt
            Whoever waits was interrupted; the run goes on.

        Examples
        --------
        >>> from orchestra_nb import Node, Pipeline, RunConfig
        >>> gate = threading.Event()
        >>> run = Pipeline([Node("wait", fn=lambda: gate.wait(60))], RunConfig(jobs=1)).start()
        >>> run.wait(timeout=0.01)
        Traceback (most recent call last):
        orchestra_nb.errors.RunNotOver: the run is not over after 10 ms; wait longer, or cancel() it
        >>> gate.set()
        >>> run.wait(timeout=60).values["wait"]
        True
        """
        if timeout is not None and (not isinstance(timeout, int | float) or math.isnan(timeout)):
            raise ConfigError(f"timeout={timeout!r} is no number of seconds; give None to wait as long as it takes")
        if not self._await(lambda: self._is_over, timeout):
            told = f"{self.name or 'the run'} is not over after {duration(timeout or 0.0)}"
            raise RunNotOver(f"{told}; wait longer, or cancel() it")
        if self._error is not None:
            raise self._error.with_traceback(self._came_from)  # or it would grow each time, and keep who has waited
        assert self._result is not None
        if self._strict:
            self._result.raise_for_errors()
        return self._result

    # What is known of it.

    @property
    def over(self) -> bool:
        """Whether it has ended, and everything was told.

        Examples
        --------
        >>> from orchestra_nb import Node, Pipeline, RunConfig
        >>> gate = threading.Event()
        >>> run = Pipeline([Node("wait", fn=lambda: gate.wait(60))], RunConfig(jobs=1)).start()
        >>> run.over
        False
        >>> gate.set()
        >>> run.wait(timeout=60).success, run.over
        (True, True)
        """
        return self._is_over

    @property
    def paused(self) -> bool:
        """Whether nothing begins, because somebody asked for it.

        Examples
        --------
        >>> from orchestra_nb import Node, Pipeline, RunConfig
        >>> held = threading.Event()
        >>> nodes = [Node("first", fn=lambda: pipeline.pause()), Node("second", fn=lambda: 2, after=["first"])]
        >>> pipeline = Pipeline(nodes, RunConfig(jobs=1))
        >>> _ = pipeline.bus.on("execution:run-paused", lambda event: held.set())
        >>> run = pipeline.start()
        >>> held.wait(60), run.paused
        (True, True)
        >>> run.unpause()
        >>> run.wait(timeout=60).success, run.paused
        (True, False)
        """
        return not self.over and self._control.paused

    @property
    def result(self) -> RunResult | None:
        """What it came to; ``None`` while it goes on, and where something else than a node ended it.

        Examples
        --------
        >>> from orchestra_nb import Node, Pipeline, RunConfig
        >>> gate = threading.Event()
        >>> run = Pipeline([Node("wait", fn=lambda: gate.wait(60))], RunConfig(jobs=1)).start()
        >>> run.result is None
        True
        >>> gate.set()
        >>> run.wait(timeout=60) is run.result
        True
        """
        return self._result

    @property
    def error(self) -> BaseException | None:
        """What ended it, if that was no node: :meth:`wait` raises it.

        Examples
        --------
        A node that failed is told in the result; what ends a run otherwise stands here:

        >>> from orchestra_nb import Node, Pipeline, RunConfig
        >>> run = Pipeline([Node("half", fn=lambda: 1 / 0)], RunConfig(jobs=1)).start()
        >>> run.wait(timeout=60).success, run.error
        (False, None)
        """
        return self._error

    @property
    def stats(self) -> ProgressStats:
        """How far it is.

        Examples
        --------
        >>> from orchestra_nb import Node, Pipeline, RunConfig
        >>> gate, first = threading.Event(), threading.Event()
        >>> nodes = [Node("load", fn=lambda: 42), Node("wait", fn=lambda load: first.set() or gate.wait(60))]
        >>> run = Pipeline(nodes, RunConfig(jobs=1, history=False)).start()
        >>> first.wait(60), run.stats.counts.completed
        (True, 1)
        >>> gate.set()
        >>> run.wait(timeout=60).success, run.stats.percent
        (True, 100.0)
        """
        return self._tracker.get_stats()

    @property
    def state(self) -> str:
        """In a word: ``"running"``, ``"paused"``, ``"done"``, ``"failed"``, or how it was stopped.

        Examples
        --------
        >>> from orchestra_nb import Node, Pipeline, RunConfig
        >>> gate = threading.Event()
        >>> run = Pipeline([Node("half", fn=lambda: gate.wait(60) / 0)], RunConfig(jobs=1)).start()
        >>> run.state
        'running'
        >>> gate.set()
        >>> run.wait(timeout=60).success, run.state
        (False, 'failed')
        """
        if not self.over:
            return "paused" if self.paused else "running"
        if self._result is None:
            return "failed"
        return "done" if self._result.success else self._result.stopped or "failed"

    def __repr__(self) -> str:
        return f"<RunHandle of {clean(self.name) or 'a run'}: {self.state}>"
