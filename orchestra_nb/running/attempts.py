"""The attempts of a run: who runs, who rests before another try, who is late; and what begins and ends them.

The tables of :class:`.Driver`, and the steps on them that are not taken for every node: another attempt, a time that is
up, a stop. Why it is done so is said there.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from heapq import heappush

from orchestra_nb.errors import OrchestraError
from orchestra_nb.events import NodeRetrying, NodeStarted, Stalled
from orchestra_nb.graph.undoing import compensators
from orchestra_nb.model import Node, NodeId, Outcome
from orchestra_nb.planning import Plan, Skip
from orchestra_nb.running import outcomes, replies
from orchestra_nb.running.circuits import rest_before, told
from orchestra_nb.running.decisions import Abandon, Attempt, Decision, Interrupt, Restart, Stopped, Terms
from orchestra_nb.running.places import Places
from orchestra_nb.running.seams import Attentive, Conditional, Lane, Program, Recalling, Reply, Restoring
from orchestra_nb.running.trying import TIMEOUT, worth_another

_UNHEARD = replies.cancelled("nobody waits for it any more")


class Attempts:
    """Who is at what; :class:`.Driver` says when which step is taken.

    Parameters
    ----------
    plan, program, terms
        As for the driver.
    """

    def __init__(self, plan: Plan, program: Program, terms: Terms) -> None:
        self.outcomes: dict[NodeId, Outcome] = {}
        self.stopped: Stopped = ""
        self.places = Places(terms, plan.rank)
        self._plan = plan
        self._nodes: Mapping[str, Node] = plan.dag.nodes
        self._aside = compensators(self._nodes.values())
        self._program = program
        self._attentive = program if isinstance(program, Attentive) else None
        self._conditional = program if isinstance(program, Conditional) else None
        self._recalling = program if isinstance(program, Recalling) else None
        self._recalls_all: bool = getattr(program, "recalls_all", False)
        self._restoring = program if isinstance(program, Restoring) else None
        self._terms = terms
        self._tokens = itertools.count(1)
        self._running: dict[int, Attempt] = {}
        self._late: dict[int, Attempt] = {}
        self._resting: list[tuple[float, int, Attempt]] = []
        self._deadlines: list[tuple[float, int]] = []
        self._levels = 0
        self._out: list[Decision] = []
        self._over = False
        self._barred = ""
        """Why nothing starts any more, once something failed."""
        self._refused = False
        """Whether a node has ended in place of beginning, and others may be ready for it."""
        self._heard_at = 0.0
        self._paused_at: float | None = None
        self._paused_for = 0.0
        """Seconds in all pauses that are over."""

    @property
    def running(self) -> tuple[Attempt, ...]:
        """The attempts that are waited for."""
        return tuple(self._running.values())

    @property
    def late(self) -> tuple[Attempt, ...]:
        """The attempts that were abandoned and may still be running."""
        return tuple(self._late.values())

    @property
    def resting(self) -> tuple[NodeId, ...]:
        """The nodes that failed and will be tried again."""
        return tuple(attempt.node.id for _, _, attempt in self._resting)

    # Another attempt.

    def _again(
        self, attempt: Attempt, now: float, lane: Lane, reason: str, *, alone: bool = False, tries: int = 0
    ) -> None:
        """Begin a node once more: the same attempt, as far as its policy is concerned."""
        number, tried, queued = attempt.number + 1, attempt.tries + tries, attempt.queued
        again = Attempt(next(self._tokens), attempt.node, lane, reason, queued, number, tried, alone)
        again.lock_wait = attempt.lock_wait
        self._enter(again, now)

    def _retried(self, attempt: Attempt, reply: Reply, now: float) -> bool:
        """Let a node rest that failed, if it is to be tried again."""
        if attempt.node.retry == 1 or self.stopped or (reply.status == "done" and not attempt.ending):
            return False
        policy = self._terms.retry(attempt.node)
        if not worth_another(policy, attempt, reply):
            return False
        delay = rest_before(policy, attempt.tries, reply, self._terms.chance(), self._terms.wall())
        heappush(self._resting, (now + delay, attempt.token, attempt))
        if policy.keep_locks and attempt.node.uses:
            self.places.keep(attempt)
        told = attempt.why or f"{reply.ename}: {reply.evalue}"
        self._out.append(NodeRetrying(now, attempt.node.id, attempt.tries, delay, told))
        return True

    def _enter(self, attempt: Attempt, now: float) -> None:
        if self._paused_at is not None:
            self.places.wait(attempt)
        elif self.places.enter(attempt):
            self._launch(attempt, now)

    def _launch(self, attempt: Attempt, now: float) -> None:
        attempt.started = now
        if attempt.node.breaker is not None and attempt.look is None and not self._let_through(attempt, now):
            return
        self._running[attempt.token] = attempt
        if attempt.node.timeout is not None and attempt.look is None:
            attempt.due = now + attempt.node.timeout
            heappush(self._deadlines, (attempt.due, attempt.token))
        self._out.append(attempt)

    def _let_through(self, attempt: Attempt, now: float) -> bool:
        """Ask the node's circuit; without its leave the attempt has failed as soon as it began."""
        if self._terms.circuits is None:
            return True
        try:
            attempt.leave = self._terms.circuits.ask(attempt.node)
        except OrchestraError as error:
            attempt.refused = True
            self.places.leave(attempt)
            if attempt.number == 1:
                self._out.append(NodeStarted(now, attempt.node.id, attempt.lane))
            reply = replies.failure(error)
            if not self._retried(attempt, reply, now):
                self._refused = True
                self._end(outcomes.replied(attempt, reply, None, now), now)
        return attempt.leave is not None

    @staticmethod
    def _tell_circuit(attempt: Attempt, reply: Reply) -> None:
        """Tell the node's circuit how the attempt ended, once."""
        leave, attempt.leave = attempt.leave, None
        if leave is not None:
            told(leave, reply, attempt.ending)

    # Who is ended.

    def _counts(self, due: float, token: int) -> bool:
        """Whether a deadline still holds: its attempt runs, and has not been given another since."""
        attempt = self._running.get(token)
        return attempt is not None and attempt.due == due

    def _expire(self, attempt: Attempt, now: float) -> None:
        """Its time is up: the first time it is asked to stop, the second time it is abandoned."""
        if attempt.ending:
            self._abandon(attempt, now)
            return
        attempt.why = f"it outlived its timeout of {attempt.node.timeout:g} s"
        if attempt.lane != "process":
            self._ask_to_stop(attempt, "timeout", now)
            return
        attempt.ending = "timeout"
        self._forget(attempt)
        self._out.append(Abandon(attempt))
        if self._terms.together:
            self._out.append(Restart())
        if not self._retried(attempt, TIMEOUT, now):
            self._end(outcomes.timed_out(attempt, now), now)
        if not self._terms.together:
            return
        for other in tuple(self._running.values()):
            if other.lane == "process":
                self._forget(other)
                self._again(other, now, "process", "begun again, because its pool was ended with a node that hung")

    def _ask_to_stop(self, attempt: Attempt, ending: outcomes.Ending, now: float) -> None:
        attempt.ending, attempt.due = ending, None
        if attempt.lane == "main":
            self._out.append(Interrupt(attempt))
        else:
            self._out.append(Abandon(attempt))
            attempt.due = now + self._terms.grace
            heappush(self._deadlines, (attempt.due, attempt.token))

    def _abandon(self, attempt: Attempt, now: float) -> None:
        """It did not stop when it was asked to: wait no longer; its place stays taken."""
        del self._running[attempt.token]
        self._tell_circuit(attempt, _UNHEARD)
        self._late[attempt.token] = attempt
        given_up = outcomes.timed_out if attempt.ending == "timeout" else outcomes.given_up
        self._end(given_up(attempt, now, late=self.stopped == "timeout"), now)

    def _forget(self, attempt: Attempt) -> None:
        del self._running[attempt.token]
        self._tell_circuit(attempt, _UNHEARD)
        self.places.leave(attempt)

    def _halt(self, how: Stopped, reason: str, now: float) -> None:
        if self.stopped or self._plan.done:
            return
        self.stopped = how
        self._skip(self._plan.stop(reason))
        self._send_away(reason, now)
        for attempt in tuple(self._running.values()):
            attempt.why = attempt.why or reason
            if attempt.lane == "process":
                self._forget(attempt)
                self._out.append(Abandon(attempt))
                self._end(outcomes.given_up(attempt, now, late=how == "timeout"), now)
            elif not attempt.ending:
                self._ask_to_stop(attempt, "stop", now)

    def _send_away(self, reason: str, now: float) -> None:
        """Nothing new starts: what waits for a place is skipped, what rests before another attempt has failed."""
        self._barred = reason
        for attempt in sorted(self.places.empty(), key=lambda attempt: attempt.node.index):
            self._end(outcomes.never_begun(attempt, reason, now), now)
        resting, self._resting = self._resting, []
        for _, _, attempt in sorted(resting, key=lambda entry: entry[2].node.index):
            self.places.forsake(attempt)
            self._end(outcomes.not_tried_again(attempt, reason, now), now)

    def _end(self, outcome: Outcome, now: float) -> None:
        """Record an outcome, with everything that follows from it."""
        status = outcome.status
        self._record(outcome)
        skipped = self._plan.finish(outcome.node, status)
        if skipped:
            self._skip(skipped)
        if status != "done" and outcome.bad and not self._terms.keep_going:
            how = "failed" if status == "failed" else "was cancelled"
            self._send_away(f"stopped after {outcome.node!r} {how}", now)

    def _skip(self, skipped: Iterable[Skip]) -> None:
        for skip in skipped:
            self._record(Outcome(skip.node, "skipped", reason=skip.reason))

    def _record(self, outcome: Outcome) -> None:
        self.outcomes[outcome.node] = outcome
        if self._attentive is not None:
            self._attentive.ended(self._nodes[outcome.node], outcome)
        self._out.append(outcome)

    def _say_who_is_waited_for(self, now: float) -> None:
        running = tuple(attempt.node.id for attempt in (*self._running.values(), *self._late.values()))
        waiting = [(name, f"waits for {what}" if what else "waits for a worker") for name, what in self.waiting]
        waiting += [(name, "rests before it is tried again") for name in self.resting]
        self._out.append(Stalled(now, now - self._heard_at, running, tuple(waiting)))
        self._heard_at = now

    @property
    def waiting(self) -> tuple[tuple[NodeId, str], ...]:
        """The nodes that wait for a place, each with the resource that it waits for, if any."""
        return tuple(self.places.waiting.items())
