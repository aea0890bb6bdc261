"""What a run decides: which node starts now, what a reply means, who is given up. No threads, no clock, no I/O.

State in, decisions out: each method takes the time (seconds since the run began) and returns what the shell
(:mod:`.scheduler`) is to do, so that a simulation can drive the same machine through thousands of schedules.

* **Slots.** A node that runs holds one of ``jobs`` slots in whatever lane. The main lane takes one node at a time; what
  must wait for it steps aside (``held``), so that a free worker never idles before a node it could run.
* **Fencing.** Each attempt has a token. A reply whose token is not running any more (timed out, abandoned, killed) is
  dropped, however late it comes. So each node gets exactly one outcome.
* **A thread that outlives its timeout** cannot be stopped: it fails, is named, and its slot stays lost until it ends.
  When every slot is lost, the run stops rather than wait without end. **In a process** it dies with its pool, and the
  innocent that were in flight start again: they are there because running them again is safe. **On the main thread** it
  is interrupted, and its slot is free when it has ended.
* **Stop** (interrupt, timeout of the run): nothing new starts, what runs elsewhere is cancelled and named, what runs on
  the main thread is waited for.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from heapq import heappop, heappush
from typing import Any

from orchestra_nb.events import Event, LevelEnded, NodeEnded, NodeStarted, RunEnded, RunStarted
from orchestra_nb.model import Node, NodeId, Outcome, Status
from orchestra_nb.planning import Plan
from orchestra_nb.running import outcomes, replies
from orchestra_nb.running.decisions import Abandon, Attempt, Decision, Interrupt, Launch, Restart, Stopped, Tell, Terms
from orchestra_nb.running.seams import Lane, Program, Reply

_INTERRUPTED = "the run was interrupted"


class Driver:
    """The decisions of one run.

    Parameters
    ----------
    plan
        A fresh plan of the DAG; the driver owns it from now on.
    program
        What the nodes do: asked for lanes, and to commit replies.
    terms
        Slots, limits and the like.
    """

    def __init__(self, plan: Plan, program: Program, terms: Terms) -> None:
        self.outcomes: dict[NodeId, Outcome] = {}
        self.stopped: Stopped = ""
        self._plan = plan
        self._nodes: Mapping[str, Node] = plan.dag.nodes
        self._program = program
        self._terms = terms
        self._tokens = itertools.count(1)
        self._running: dict[int, Attempt] = {}
        self._late: dict[int, Attempt] = {}
        self._main: Attempt | None = None
        self._held: list[tuple[Any, int, NodeId, str]] = []
        self._deadlines: list[tuple[float, int]] = []
        self._levels = 0
        self._out: list[Decision] = []
        self._over = False

    @property
    def done(self) -> bool:
        """Whether every node has an outcome."""
        return self._over

    @property
    def running(self) -> tuple[Attempt, ...]:
        """The attempts that hold a slot and are waited for."""
        return tuple(self._running.values())

    @property
    def late(self) -> tuple[Attempt, ...]:
        """The attempts that were given up and may still be running."""
        return tuple(self._late.values())

    @property
    def wake(self) -> float | None:
        """When :meth:`tick` is needed next, in seconds since the run began; ``None``: not for time's sake."""
        while self._deadlines and self._deadlines[0][1] not in self._running:
            heappop(self._deadlines)
        node = self._deadlines[0][0] if self._deadlines else None
        run = None if self.stopped else self._terms.timeout
        return min((at for at in (node, run) if at is not None), default=None)

    def begin(self, now: float) -> list[Decision]:
        """Start the run."""
        total = len(self._nodes)
        self._tell(RunStarted(at=now, total=total, jobs=self._terms.jobs, backend=self._terms.backend))
        return self._decided(now)

    def reply(self, token: int, reply: Reply, now: float) -> list[Decision]:
        """Take note that an attempt was answered at ``now``."""
        attempt = self._running.pop(token, None)
        if attempt is None:
            self._late.pop(token, None)
        elif reply.status == "refused" and attempt.lane == "process":
            self._again(attempt, "thread", f"ran in a thread: {reply.reason}", now)
        else:
            self._leave(attempt)
            if attempt.lane == "main" and reply.status == "cancelled" and not attempt.expired:
                self._halt("interrupted", _INTERRUPTED, now)
            self._end(self._outcome(attempt, reply, now))
        return self._decided(now)

    def tick(self, now: float) -> list[Decision]:
        """Time has passed: give up what outlived its timeout."""
        limit = self._terms.timeout
        if limit is not None and now >= limit and not self.stopped:
            self._halt("timeout", f"the run outlived its timeout of {limit:g} s", now)
        while self._deadlines and self._deadlines[0][0] <= now:
            attempt = self._running.get(heappop(self._deadlines)[1])
            if attempt is not None:
                self._expire(attempt, now)
        return self._decided(now)

    def interrupt(self, now: float) -> list[Decision]:
        """Stop for the user; the main thread says so, hence it is in no body."""
        attempt = self._main
        if attempt is not None:
            del self._running[attempt.token]
            self._main = None
        self._halt("interrupted", _INTERRUPTED, now)
        if attempt is not None:
            self._end(self._outcome(attempt, replies.cancelled(_INTERRUPTED), now))
        return self._decided(now)

    def _decided(self, now: float) -> list[Decision]:
        """Fill the free slots and hand over everything that was decided."""
        self._fill(now)
        while self._levels < self._plan.completed_levels:
            self._tell(LevelEnded(at=now, level=self._levels))
            self._levels += 1
        if self._plan.done and not self._over:
            self._over = True
            good = not self.stopped and all(outcome.ok for outcome in self.outcomes.values())
            self._tell(RunEnded(at=now, success=good))
        out, self._out = self._out, []
        return out

    def _tell(self, event: Event) -> None:
        self._out.append(Tell(event))

    def _fill(self, now: float) -> None:
        while (free := self._terms.jobs - len(self._running) - len(self._late)) > 0:
            if self._held and self._main is None:
                _, _, name, reason = heappop(self._held)
                self._launch(self._nodes[name], "main", reason, now)
                continue
            ready = self._plan.ready(free)
            if not ready:
                return
            for name in ready:
                self._plan.start(name)
                node = self._nodes[name]
                lane, reason = self._lane(node)
                if lane == "main" and self._main is not None:
                    heappush(self._held, (self._terms.urgency(name), node.index, name, reason))
                else:
                    self._launch(node, lane, reason, now)
        if not self._running and not self._plan.done and not self.stopped:
            names = ", ".join(attempt.node.id for attempt in self._late.values())
            self._halt("stuck", f"every worker is held by a node that outlived its timeout: {names}", now)

    def _lane(self, node: Node) -> tuple[Lane, str]:
        if self._terms.jobs == 1:
            return "main", ""
        lane, reason = self._program.lane(node, self._terms.backend)
        return ("thread" if lane == "process" and not self._terms.processes else lane), reason

    def _launch(self, node: Node, lane: Lane, reason: str, now: float, number: int = 1) -> None:
        attempt = Attempt(next(self._tokens), node, lane, reason, number, now)
        self._running[attempt.token] = attempt
        if lane == "main":
            self._main = attempt
        if node.timeout is not None:
            heappush(self._deadlines, (now + node.timeout, attempt.token))
        if number == 1:
            self._tell(NodeStarted(at=now, node=node.id, lane=lane))
        self._out.append(Launch(attempt))

    def _again(self, attempt: Attempt, lane: Lane, reason: str, now: float) -> None:
        self._launch(attempt.node, lane, reason, now, attempt.number + 1)

    def _leave(self, attempt: Attempt) -> None:
        if self._main is attempt:
            self._main = None

    def _expire(self, attempt: Attempt, now: float) -> None:
        """Its time is up: wait no longer, as far as its lane allows."""
        if attempt.lane == "main":
            attempt.expired = True
            self._out.append(Interrupt(attempt))
            return
        del self._running[attempt.token]
        if attempt.lane == "thread":
            self._late[attempt.token] = attempt
        self._out.append(Abandon(attempt))
        self._end(outcomes.timed_out(attempt, now))
        if attempt.lane == "process":
            innocent = [other for other in self._running.values() if other.lane == "process"]
            self._out.append(Restart())
            for other in innocent:
                del self._running[other.token]
                self._again(other, "process", other.reason, now)

    def _halt(self, how: Stopped, reason: str, now: float) -> None:
        if self.stopped or self._plan.done:
            return
        self.stopped = how
        for skip in self._plan.stop(reason):
            self._record(Outcome(skip.node, "skipped", reason=skip.reason), now)
        self._drop_held(reason, now)
        for attempt in tuple(self._running.values()):
            if attempt.lane == "main":
                self._out.append(Interrupt(attempt))
                continue
            del self._running[attempt.token]
            self._late[attempt.token] = attempt
            self._out.append(Abandon(attempt))
            self._end(outcomes.given_up(attempt, reason, now, late=how == "timeout"))

    def _drop_held(self, reason: str, now: float) -> None:
        held, self._held = self._held, []
        for _, _, name, _ in sorted(held, key=lambda entry: entry[1]):
            self._record(Outcome(name, "skipped", reason=reason), now)
            self._finish(name, "skipped", now)

    def _outcome(self, attempt: Attempt, reply: Reply, now: float) -> Outcome:
        """Say what a reply means for its node; commit it when it is good."""
        value = None
        if reply.status == "done" and not attempt.expired:
            try:
                value = self._program.commit(attempt.node, reply)
            except Exception as error:
                reply = replies.failure(error, reply.seconds)
        return outcomes.replied(attempt, reply, value, now, late=self.stopped == "timeout")

    def _end(self, outcome: Outcome) -> None:
        """Record an outcome of a node that ran, with everything that follows from it."""
        now = outcome.ended or 0.0
        self._record(outcome, now)
        self._finish(outcome.node, outcome.status, now)
        if not outcome.ok and not self._terms.keep_going:
            how = "failed" if outcome.status == "failed" else "was cancelled"
            self._drop_held(f"stopped after {outcome.node!r} {how}", now)

    def _finish(self, name: NodeId, status: Status, now: float) -> None:
        for skip in self._plan.finish(name, status):
            self._record(Outcome(skip.node, "skipped", reason=skip.reason), now)

    def _record(self, outcome: Outcome, now: float) -> None:
        self.outcomes[outcome.node] = outcome
        self._tell(NodeEnded(at=now, outcome=outcome))
