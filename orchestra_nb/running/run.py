"""One run: the shell that acts on the driver's decisions.

Two threads. The **driver's thread** owns the plan, the program's commits and the bus; it takes everything that happened
from one queue and never touches user code that could block. The **calling thread** runs the nodes of the main lane, one
at a time, and otherwise only waits, in short polls. That is where an interrupt lands:

* in a body, it is that body's (and when it ends the body, it stops the run, as it would a notebook's "Run All");
* in the wait, it stops the run: nothing new starts, workers are given up, and ``execute`` raises ``KeyboardInterrupt``.

The calling thread takes no locks and hands over by queues whose operations are single steps, so an interrupt between
any two lines leaves nothing half done; when it leaves early all the same, the driver is told, stops the run and keeps
its result. Threads run in a copy of the context variables of the calling thread, as they were after
its last body, and under its joblib settings: as if the cells before had run here.

Rejected: the driver on the calling thread (an interrupt could land in the middle of a commit); a signal handler of our
own (bodies may want theirs).
"""

from __future__ import annotations

import _thread
import contextvars
import logging
import secrets
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from queue import Empty, SimpleQueue
from time import monotonic
from types import MappingProxyType
from typing import cast

from orchestra_nb.config import RunConfig
from orchestra_nb.events import EventBus
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import NodeId, Outcome, RunId
from orchestra_nb.planning import Plan
from orchestra_nb.planning.policies import policy_of
from orchestra_nb.running import replies
from orchestra_nb.running.backends import Resolved
from orchestra_nb.running.decisions import Abandon, Attempt, Decision, Interrupt, Launch, Restart, Tell, Terms
from orchestra_nb.running.driver import Driver
from orchestra_nb.running.executors import ThreadExecutor
from orchestra_nb.running.joblib_executor import JoblibExecutor
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.seams import Cancellable, Executor, Program, Reply, Task

_log = logging.getLogger("orchestra_nb.running")
_POLL = 0.05
"""Seconds between two looks of the waiting thread: what an interrupt may be late where waits cannot be interrupted."""
_IDLE = 0.1
"""Seconds between two calls of ``idle``."""
_START = 1.0
"""Seconds after which a driver's thread that has not begun never will."""

Idle = Callable[[], object]
Message = tuple[int, Reply, float]
_STOP = 0
"""In place of a token: the calling thread was interrupted, or has left."""
_LEFT = Reply("cancelled", reason="the calling thread has left")


class Run:
    """One run: its queues, its executors, its driver's thread.

    Parameters
    ----------
    dag, program
        What needs what, and what each node does.
    config
        Schedule, policy, timeout and the like.
    bus
        Receives the events, on the driver's thread.
    resolved
        Jobs and workers.
    """

    def __init__(self, dag: DAG, program: Program, config: RunConfig, bus: EventBus, resolved: Resolved) -> None:
        self._inbox: SimpleQueue[Message] = SimpleQueue()
        self._bodies: SimpleQueue[tuple[int, Task] | None] = SimpleQueue()
        self.ended = False
        self.result: RunResult | None = None
        self._started = self._driving = False
        self._bus = bus
        self._dag = dag
        self._program = program
        self._resolved = resolved
        self._context = contextvars.copy_context()
        self._caller = threading.current_thread()
        self._stopping = False
        self._poked = -1
        self._answered = -1
        self._crash: BaseException | None = None
        self._began = monotonic()
        self._started_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._driver = Driver(_plan(dag, config, resolved.jobs), program, _terms(dag, config, resolved))
        self._threads: Executor | None = None
        self._processes: Executor | None = None

    # The calling thread's side.

    def attend(self, idle: Idle | None) -> None:
        """Run the bodies of the main lane, and wait, until the run has ended."""
        if not self._started:
            self._started = True
            threading.Thread(target=self._drive, name="orchestra-driver", daemon=True).start()
        due = monotonic() + _IDLE
        while not self.ended:
            try:
                body = self._bodies.get(timeout=_POLL)
            except Empty:
                body = None
            if self._stopping and not self._driving and monotonic() > self._began + _START:
                self.ended = True  # the interrupt came before the driver's thread began to be
                self._crash = KeyboardInterrupt()
            elif body is not None:
                token, task = body
                over = self._stopping or token in (self._poked, self._answered)
                reply = replies.cancelled("the run was stopped before it began") if over else replies.perform(task)
                self._context = contextvars.copy_context()
                self._inbox.put((token, reply, monotonic()))
                if self._poked == token:  # delivered within the body
                    self._poked = -1
            elif idle is not None and monotonic() >= due and not self.ended:
                try:
                    idle()
                except Exception:
                    _log.exception("idle() raised and is not called again")
                    idle = None
                due = monotonic() + _IDLE

    def interrupted(self) -> None:
        """Take note of a ``KeyboardInterrupt`` that came while no body was running."""
        if self._poked >= 0:  # the driver's own, for a body that was just ending: its reply may not have been sent
            token = self._answered = self._poked
            self._poked = -1
            self._inbox.put((token, replies.cancelled("interrupted"), monotonic()))
            return
        self._stopping = True
        self._inbox.put((_STOP, _LEFT, monotonic()))

    def left(self) -> None:
        """Say that the calling thread does not attend any more; after the end, nobody listens."""
        self._inbox.put((_STOP, _LEFT, 0.0))

    def outcome(self) -> RunResult:
        """Answer for ``execute``."""
        if self._crash is not None:
            raise self._crash
        assert self.result is not None
        if self.result.stopped == "interrupted":
            raise KeyboardInterrupt
        return self.result

    # The driver's side.

    def _drive(self) -> None:
        driver = self._driver
        self._driving = True
        try:
            self._act(driver.begin(self._now()))
            while not driver.done:
                self._act(self._next(driver))
            self.result = self._make_result()
        except BaseException as crash:
            self._crash = crash
        finally:
            self._release()

    def _next(self, driver: Driver) -> list[Decision]:
        """Wait for something to happen, and decide what follows."""
        wake = driver.wake
        try:
            if wake is None:
                token, reply, at = self._inbox.get()
            else:
                token, reply, at = self._inbox.get(timeout=max(0.0, wake - self._now()))
        except Empty:
            return driver.tick(self._now())
        if token == _STOP:
            self._stopping = True
            return driver.interrupt(self._now())
        return driver.reply(token, reply, at - self._began)

    def _now(self) -> float:
        return monotonic() - self._began

    def _act(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            match decision:
                case Tell(event=event):
                    self._bus.publish(event)
                case Launch(attempt=attempt):
                    self._launch(attempt)
                case Abandon(attempt=attempt):
                    if isinstance(self._program, Cancellable):
                        self._program.cancel(attempt.node)
                case Interrupt(attempt=attempt):
                    self._interrupt(attempt)
                case Restart():
                    if self._processes is not None:
                        self._processes.abort()

    def _launch(self, attempt: Attempt) -> None:
        token, lane = attempt.token, attempt.lane
        try:
            task = self._program.task(attempt.node, lane)
            if lane == "main":
                self._bodies.put((token, task))
            elif lane == "thread":
                self._thread_lane().submit(partial(self._context.copy().run, task), partial(self._landed, token))
            else:
                self._process_lane().submit(task, partial(self._landed, token))
        except Exception as error:
            self._landed(token, replies.failure(error))

    def _landed(self, token: int, reply: Reply) -> None:
        self._inbox.put((token, reply, monotonic()))

    def _thread_lane(self) -> Executor:
        if self._threads is None:
            assert self._resolved.threads is not None  # only a run with one job has none, and it has no such lane
            self._threads = ThreadExecutor(self._resolved.threads, self._resolved.settings)
        return self._threads

    def _process_lane(self) -> Executor:
        if self._processes is None:
            assert self._resolved.processes is not None  # the driver was told whether there is one
            self._processes = JoblibExecutor(self._resolved.processes)
        return self._processes

    def _interrupt(self, attempt: Attempt) -> None:
        """Interrupt the calling thread in its body, if it is the one that can be interrupted."""
        if isinstance(self._program, Cancellable):
            self._program.cancel(attempt.node)
        if self._driver.stopped:
            self._stopping = True
        if self._caller is threading.main_thread() and callable(signal.getsignal(signal.SIGINT)):
            self._poked = attempt.token
            if hasattr(signal, "pthread_kill"):  # reaches a body that is blocked in the system
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            else:
                _thread.interrupt_main()

    def _make_result(self) -> RunResult:
        ended = self._driver.outcomes
        outcomes = {node.id: ended[node.id] for node in self._dag.nodes.values()}
        return RunResult(
            outcomes=MappingProxyType(cast(dict[str, Outcome], outcomes)),
            values=self._program.results(outcomes),
            dag=self._dag.with_costs({name: o.seconds for name, o in outcomes.items() if o.status == "done"}),
            jobs=self._resolved.jobs,
            backend=self._resolved.backend,
            total_time=self._now(),
            run_id=RunId(secrets.token_hex(6)),
            started_at=self._started_at,
            stopped=self._driver.stopped,
        )

    def _release(self) -> None:
        """Let the workers go, and then the caller; ending workers is waited for only briefly."""
        executors = [executor for executor in (self._threads, self._processes) if executor is not None]
        try:
            if self._crash or self._driver.stopped or self._driver.late:
                for executor in executors:
                    executor.abort()
            for executor in executors:
                executor.shutdown()
        finally:
            self.ended = True
            self._bodies.put(None)


def _plan(dag: DAG, config: RunConfig, jobs: int) -> Plan:
    """One worker takes as long in any order: then it is the document's, unless a random one was asked for."""
    policy = "fifo" if jobs == 1 and config.policy != "random" else config.policy
    return Plan(dag, schedule=config.schedule, policy=policy, keep_going=config.keep_going, seed=config.seed)


def _terms(dag: DAG, config: RunConfig, resolved: Resolved) -> Terms:
    keys: dict[str, float] = {}

    def urgency(node: NodeId) -> tuple[int, float]:
        if not keys:  # only runs with several main-lane nodes at once ever ask
            keys.update(policy_of(config.policy, config.seed)(dag))
        return (-dag.nodes[node].priority, keys[node])

    return Terms(
        jobs=resolved.jobs,
        backend=resolved.backend,
        processes=resolved.processes is not None,
        keep_going=config.keep_going,
        timeout=config.timeout,
        urgency=urgency,
    )
