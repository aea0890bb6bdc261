"""One run: the shell that acts on the driver's decisions.

**One driver at a time.** Everything that happens (a reply, a stop) is put into one queue, the inbox. Whoever takes the
*seat* empties it: asks the driver what follows from each message, and does it. So the plan, the program's commits and
the bus are never in two hands, and no message waits while the seat is free. Three may sit down: the **keeper**, a
thread of the run that also keeps the time; and, for programs that allow it (``commits_anywhere``), the worker thread
that has just ended a node, and the calling thread after a body of the main lane. That saves the two hand-overs between
threads that a node would cost otherwise (flat combining: Hendler, Incze, Shavit, Tzafrir, SPAA 2010). Completions from
processes, clusters and the event loop ring the keeper, because their threads must never be held up.

**The calling thread** (:mod:`.calling_thread`) runs the nodes of the main lane, one at a time, and otherwise only
waits, in short polls. That is where an interrupt lands:

* in a body, it is that body's (and when it ends the body, it stops the run, as it would a notebook's "Run All");
* in the wait, it stops the run: nothing new starts, workers are asked to stop, and ``execute`` raises it;
* in the seat, it would tear a decision in two: it is put off until the calling thread has left it (:mod:`.deferral`).

The calling thread hands over by queues whose operations are single steps, so an interrupt between any two lines leaves
nothing half done; when it leaves early all the same, the keeper is told, stops the run and keeps its result. Threads
run in a copy of the context variables of the calling thread, as they were after its last body, and under its joblib
settings: as if the cells before had run here.

Rejected: the driver on the calling thread without deferral (an interrupt could land in the middle of a commit); a
future per node (a condition variable and two switches of thread for each).
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from queue import Empty
from time import monotonic

from orchestra_nb.events import Event, EventBus, GraphGrown, LevelEnded, NodeEnded, NodeStarted
from orchestra_nb.graph.events import DagBuilt
from orchestra_nb.model import Outcome, RunId
from orchestra_nb.running import replies
from orchestra_nb.running.calling_thread import CallingThread
from orchestra_nb.running.checkpoints import Record
from orchestra_nb.running.decisions import Abandon, Attempt, Decision, Interrupt, Restart
from orchestra_nb.running.doomed import awaited_at_exit, doomed
from orchestra_nb.running.driver import Driver
from orchestra_nb.running.durable_record import DurableRecord
from orchestra_nb.running.lanes import Lanes
from orchestra_nb.running.mailbox import Mailbox
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.seams import Cancellable, Program, Reply, Stop, Task

_log = logging.getLogger("orchestra_nb.running")
_POLL = 0.05
"""Seconds between two looks of the waiting thread: what an interrupt may be late where waits cannot be interrupted."""
_LOOK = 5.0
"""Seconds after which the keeper looks whether the run has fallen silent."""
_IDLE = 0.1
"""Seconds between two calls of ``idle``."""
_START = 1.0
"""Seconds after which a keeper's thread that has not begun never will."""

Idle = Callable[[], object]
_STOP = 0
"""In place of a token: the calling thread was interrupted, or has left."""
_CANCEL = -1
"""In place of a token: somebody asked for the run to be cancelled."""
_LOOK_AGAIN = -2
"""In place of a token: somebody outside of the run may have made room for one of its nodes."""
_PAUSE, _UNPAUSE = -3, -4
"""In place of a token: somebody asked for the run to hold, or to go on."""
_LEFT = Reply("cancelled", reason="the calling thread has left")


class Run:
    """One run: its inbox, its seat, its keeper.

    Parameters
    ----------
    driver, program
        What decides, and what the nodes do.
    lanes
        Where bodies run.
    bus
        Receives the events.
    run_id
        Its name, if it has one already.
    """

    def __init__(
        self, driver: Driver, program: Program, lanes: Lanes, bus: EventBus, run_id: RunId | None = None
    ) -> None:
        self.driver = driver
        self.run_id = run_id or RunId(secrets.token_hex(6))
        self.started_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.ended = False
        self.result: RunResult | None = None
        self._program = program
        self._lanes = lanes
        self._bus = bus
        self._inbox: deque[tuple[int, Reply, float]] = deque()
        self._seat = threading.Lock()
        self._bell: Mailbox[None] = Mailbox()
        self._stops: dict[int, Stop] = {}
        self._anywhere = bool(getattr(program, "commits_anywhere", False))
        self._cancellable = program if isinstance(program, Cancellable) else None
        self._started = self._driving = self._stopping = False
        self._calling = CallingThread(decides=self._anywhere)
        self._crash: BaseException | None = None
        self._durable: DurableRecord | None = None
        self._began = monotonic()
        self._now = 0.0
        self._wake: float | None = None

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return monotonic() - self._began

    @property
    def began(self) -> float:
        """When it began, on the monotonic clock."""
        return self._began

    @property
    def record(self) -> Record:
        """Who takes down what it reaches."""
        return self._record

    def ending(self, record: Record, finish: Callable[[], RunResult]) -> None:
        """Say who takes down what the run reaches, and who makes its result, on the keeper's thread."""
        self._record = record
        self._durable = record if isinstance(record, DurableRecord) else None
        self._finish = finish

    def publish_on(self, bus: EventBus) -> None:
        """Say where it publishes from now on, and begin with the graph that is to run."""
        self._bus = bus
        if bus.wants(DagBuilt.name):
            bus.publish(DagBuilt(0.0, self.run_id, self.started_at, self.driver.dag))

    # The calling thread's side.

    def attend(self, idle: Idle | None) -> None:
        """Run the bodies of the main lane, and wait, until the run has ended."""
        if not self._started:
            self._calling.take_place()
            self._started = True
            awaited_at_exit(self, self._calling.thread)
            threading.Thread(target=self._keep, name="orchestra-driver", daemon=True).start()
        due = monotonic() + _IDLE
        while not self.ended:
            body = self._calling.next_body(_POLL)
            if self._stopping and not self._driving and monotonic() > self._began + _START:
                self.ended = True  # the interrupt came before the keeper's thread began to be
                self._crash = KeyboardInterrupt()
            elif body is not None:
                (token, task), body = body, None
                self._perform(token, task)
                del task
            elif not self._stopping and doomed(self._calling.thread):
                self.cancel("its process ends")
            elif idle is not None and monotonic() >= due and not self.ended:
                try:
                    idle()
                except Exception:
                    _log.exception("idle() raised and is not called again")
                    idle = None
                due = monotonic() + _IDLE

    def _perform(self, token: int, task: Task) -> None:
        """Run a body of the main lane; its reply is sent whatever happens."""
        calling = self._calling
        reply = calling.perform(token, task, stopping=self._stopping)
        self._inbox.append((token, reply, monotonic()))
        calling.delivered(token)
        del task, reply  # while this thread waits, it must not keep the data of its last body alive
        if not calling.begin_to_decide():
            self._bell.put(None)
            return
        try:
            self._sit()
        finally:
            calling.end_of_deciding()

    def interrupted(self) -> None:
        """Take note of a ``KeyboardInterrupt`` that came while no body was running."""
        token = self._calling.cut_short()
        if token is not None:  # the driver's own, for a body that was just ending: its reply may not have been sent
            self._send(token, replies.cancelled("interrupted"))
            return
        self._stopping = True
        self._send(_STOP, _LEFT)

    def left(self) -> None:
        """Say that the calling thread does not attend any more; after the end, nobody listens."""
        self._send(_STOP, _LEFT)
        self._calling.leave()

    def cancel(self, reason: str = "the run was cancelled") -> None:
        """Stop the run, from any thread: returns at once, and ``execute`` returns the result soon after."""
        self._send(_CANCEL, replies.cancelled(_in_words(reason, "the run was cancelled")))

    @property
    def paused(self) -> bool:
        """Whether nothing begins, because somebody asked for it; a moment after it was asked for."""
        return self.driver.paused and not self.ended

    def pause(self, reason: str = "the run was paused") -> None:
        """Begin nothing any more, from any thread: returns at once; what runs goes on to its end."""
        self._send(_PAUSE, replies.cancelled(_in_words(reason, "the run was paused")))

    def unpause(self) -> None:
        """Go on after a pause, from any thread: returns at once."""
        self._send(_UNPAUSE, _LEFT)

    def look_again(self) -> None:
        """Have the driver look who can go in, from any thread; never waits."""
        self._send(_LOOK_AGAIN, _LEFT)

    def outcome(self) -> RunResult:
        """Answer for ``execute``."""
        if self._crash is not None:
            raise self._crash
        assert self.result is not None
        if self.result.stopped == "interrupted":
            raise KeyboardInterrupt
        return self.result

    # Whoever has the seat.

    def _send(self, token: int, reply: Reply) -> None:
        """Leave a message for whoever decides, from a thread that must not be held up."""
        self._inbox.append((token, reply, monotonic()))
        self._bell.put(None)

    def _land(self, token: int, reply: Reply) -> None:
        """Leave a message, and decide what follows, in a worker thread that has nothing better to do."""
        self._inbox.append((token, reply, monotonic()))
        self._sit()

    def _sit(self) -> None:
        """Empty the inbox, unless somebody is at it: then they will see what was put there."""
        inbox, seat, again = self._inbox, self._seat, False
        while inbox and not self.ended:
            if not seat.acquire(blocking=False):
                return
            try:
                while inbox:
                    if again:  # what this thread would do next is not to wait for what others have to say
                        self._lanes.pass_on()
                    decisions = self._follows(*inbox.popleft())
                    while self._durable is not None and inbox:  # one write, and one sync, for all that is there
                        decisions += self._follows(*inbox.popleft())
                    self._act(decisions)
                    again = True
                self._look_ahead()
            except BaseException as crash:
                self._crash = self._crash or crash
                inbox.clear()
                self._bell.put(None)
            finally:
                seat.release()

    def _follows(self, token: int, reply: Reply, at: float) -> list[Decision]:
        """Ask the driver what follows from a message."""
        self._now = now = max(self._now, at - self._began)
        driver = self.driver
        if token > 0:
            self._stops.pop(token, None)
            if self._durable is not None:
                self._durable.came(reply)
            return driver.reply(token, reply, now)
        if token == _LOOK_AGAIN:
            return driver.tick(now)
        if token == _PAUSE:
            return driver.pause(reply.reason, now)
        if token == _UNPAUSE:
            return driver.unpause(now)
        self._stopping = True
        return driver.interrupt(now) if token == _STOP else driver.cancel(reply.reason, now)

    def _look_ahead(self) -> None:
        """Tell the keeper when it is needed, if that is earlier than it thinks, or if everything is over."""
        driver = self.driver
        wake, before = driver.wake(self._now), self._wake
        self._wake = wake
        if driver.done or (wake is not None and (before is None or wake < before)):
            self._bell.put(None)

    def _act(self, decisions: list[Decision]) -> None:
        heard = self._bus.heard
        if self._durable is not None:
            self._durable.write(decisions, self._now)
        for decision in decisions:
            if type(decision) is Attempt:  # the two that each node brings are told by their class alone
                if heard and decision.number == 1:
                    self._bus.publish(NodeStarted(decision.started, decision.node.id, decision.lane))
                self._launch(decision)
            elif type(decision) is Outcome:
                self._record.node_ended(decision, self._now)
                if heard:
                    self._bus.publish(NodeEnded(self._now, decision))
                if self._durable is not None:
                    self._durable.announced()
            elif isinstance(decision, Event):
                self._take_down(decision)
                if heard:
                    self._bus.publish(decision)
            elif isinstance(decision, Abandon):
                self._abandon(decision.attempt)
            elif isinstance(decision, Interrupt):
                self._interrupt(decision.attempt)
            elif isinstance(decision, Restart):
                self._lanes.restart_processes()

    def _take_down(self, event: Event) -> None:
        if isinstance(event, LevelEnded):
            self._record.level_ended(event.at)
        elif isinstance(event, GraphGrown):
            self._record.graph_grown(event.node)

    def _launch(self, attempt: Attempt) -> None:
        token, lane = attempt.token, attempt.lane
        try:
            task = attempt.look or self._program.task(attempt.node, lane)
            if self._durable is not None:
                task = self._durable.committing(attempt, task)
            task = self.driver.places.acting(attempt, task)
            if lane == "main":
                self._calling.put(token, task)
                return
            if lane == "thread":
                land = self._land if self._anywhere else self._send
                stop = self._lanes.threads.submit(partial(self._calling.context.copy().run, task), partial(land, token))
            elif lane == "async":
                stop = self._calling.context.copy().run(self._lanes.loop.submit, task, partial(self._send, token))
            else:
                stop = self._lanes.processes.submit(task, partial(self._send, token))
            self._stops[token] = stop
        except Exception as error:
            self._send(token, replies.failure(error))

    def _abandon(self, attempt: Attempt) -> None:
        if self._cancellable is not None:
            self._cancellable.cancel(attempt.node)
        stop = self._stops.pop(attempt.token, None)
        if stop is not None:
            stop()

    def _interrupt(self, attempt: Attempt) -> None:
        """Interrupt the calling thread in its body."""
        if self._cancellable is not None:
            self._cancellable.cancel(attempt.node)
        if self.driver.stopped:
            self._stopping = True
        self._calling.interrupt(attempt.token)

    # The keeper's side.

    def _keep(self) -> None:
        """Begin the run, keep its time, and end it."""
        self._driving = True
        try:
            with self._seat:
                self._act(self.driver.begin(0.0))
                self._look_ahead()
            while self._crash is None and not self.driver.done:
                self._sit()
                self._rest()
            if self._crash is None:
                self.result = self._finish()
            del self._finish  # which knows this run: values should go when their run does, and not some time later
        except BaseException as crash:
            self._crash = self._crash or crash
        finally:
            try:
                with self._seat:
                    self.driver.places.close()
                self._lanes.close(in_haste=bool(self._crash or self.driver.stopped or self.driver.late))
            finally:
                self.ended = True
                self._calling.run_ended()

    def _rest(self) -> None:
        """Sleep until somebody rings or it is time for the driver's next look."""
        wake = self._wake
        until_then = _LOOK if wake is None else max(0.0, min(_LOOK, wake - self.seconds))
        try:
            self._bell.get(timeout=until_then)
        except Empty:
            with self._seat:
                self._now = max(self._now, self.seconds)
                self._act(self.driver.tick(self._now))
                self._look_ahead()


def _in_words(reason: object, otherwise: str) -> str:
    """Take a reason, unless it is none: what a button, a signal or a bus hands to its callback."""
    return reason if isinstance(reason, str) else otherwise
