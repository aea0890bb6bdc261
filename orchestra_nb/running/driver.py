"""What a run decides: which node starts now, what a reply means, who is given up. No threads, no clock, no I/O.

State in, decisions out: each method takes the time (seconds since the run began) and returns what the shell
(:mod:`.run`) is to do, so that a simulation can drive the same machine through thousands of schedules.

* **Places** (:mod:`.places`): what has none yet, or waits for a resource, never stands before what could run.
* **Fencing.** Each attempt has a token. A reply whose token is not running any more (abandoned, killed) is dropped,
  however late it comes. So each node gets exactly one outcome.
* **Another attempt** (:mod:`.trying`): a failure that the node's policy covers rests first, without slot, and without
  resource unless the policy keeps those (``keep_locks``). It does not count as one when a worker died for another
  node's sake, or when the result could not come home from a process: the node then runs in a thread.
* **A circuit** (:mod:`.circuits`) is asked last, when the node has its place; without its leave the attempt has failed
  as soon as it began, and may rest like any other.
* **An earlier result** (:class:`.Recalling`) is looked for before the node waits for its resources, by a worker like
  any other, for reading it may take long. What is found is committed like what a body gave; otherwise the node runs.
* **A worker that dies** takes the tasks of its pool with it. The culprit fails (or is tried again, if its policy says
  so); the innocent begin again at once: running them twice is safe, or they would not be in a process. Where the pool
  cannot tell who it was, each suspect begins again *alone*: then only the culprit can die of it.
* **To be ended** (its timeout, a stop). A process dies with its pool. Anything else is asked to stop, and has ``grace``
  seconds for it: what ends in time is over, with its slot and resources; what does not is abandoned, named, and keeps
  its slot until it ends, because it is still using it. When every slot is lost so, the run stops rather than wait
  without end. Only the main lane is waited for in any case: the caller's thread is in it.
* **Stop** (interrupt, cancel, timeout of the run): nothing new starts, what runs is ended as above.
* **A pause** (:mod:`.pausing`): nothing begins, what runs goes on to its end, and the run's own time stands still.
* **A budget** that has less left than a node asks for never has more: the node fails with that, before it began.
* **Silence.** When nothing has happened for ``patience`` seconds, :class:`.Stalled` says who runs and who waits for
  what: no run is ever silent without a reason that can be seen.

The hot loop is from :meth:`Driver.reply` to the next attempt: take note, commit, ask the plan what may start, give it a
place. It is walked once for each node and is most of what a node costs, so it makes one :class:`.Attempt` and one
:class:`.Outcome` and nothing else, goes through the waiting room only when there is no place, and asks ahead of each
step whether there is anything to do. What is not done for every node (another attempt, an end that is forced) is in
:mod:`.attempts`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace
from heapq import heappop

from orchestra_nb.events import CacheHit, CacheMissed, GraphGrown, LevelEnded, NodeQueued, RunEnded, RunStarted
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.growth import grown
from orchestra_nb.graph.undoing import compensators, runs_later
from orchestra_nb.model import Expand, Node, NodeId, Outcome
from orchestra_nb.running import outcomes, replies
from orchestra_nb.running.decisions import Attempt, Decision
from orchestra_nb.running.pausing import Pausing
from orchestra_nb.running.seams import Conditional, Growing, Lane, Reply, Task

_INTERRUPTED = "the run was interrupted"
_BEREFT = "begun again, because a worker died beside it"
_OFTEN = 3
"""Times that a node may lose its worker through others before it begins alone."""


class Driver(Pausing):
    """The decisions of one run.

    Parameters
    ----------
    plan
        A fresh plan of the DAG; the driver owns it from now on.
    program
        What the nodes do: asked for lanes and conditions, and to commit replies.
    terms
        Slots, limits and the like.
    """

    @property
    def dag(self) -> DAG:
        """The graph as it is now: a node may have made it grow."""
        return self._plan.dag

    @property
    def done(self) -> bool:
        """Whether every node has an outcome."""
        return self._over

    def wake(self, now: float) -> float | None:
        """Say when :meth:`tick` is needed next, in seconds since the run began; ``None``: not for time's sake.

        Silence is not counted: who keeps the time also looks once in a while.
        """
        limit, deadlines = self._limit, self._deadlines
        opens = None if self._paused_at is not None else self.places.wake(now)
        resting = () if self._paused_at is not None else self._resting
        if opens is limit is None and not deadlines and not resting:
            return None
        while deadlines and not self._counts(*deadlines[0]):
            heappop(deadlines)
        times = [opens, limit, *(heap[0][0] for heap in (deadlines, resting) if heap)]
        return min((at for at in times if at is not None), default=None)

    # What happens.

    def begin(self, now: float) -> list[Decision]:
        """Start the run."""
        self._heard_at = now
        self._out.append(RunStarted(now, len(self._nodes), self._terms.jobs, self._terms.backend))
        return self._decided(now)

    def reply(self, token: int, reply: Reply, now: float) -> list[Decision]:
        """Take note that an attempt was answered at ``now``."""
        self._hear(token, reply, now)
        return self._decided(now)

    def replies(self, several: Iterable[tuple[int, Reply]], now: float) -> list[Decision]:
        """Take note that several attempts were answered at one moment, before anything follows from any of them.

        A clock of the real world tells them apart, if only by chance; a virtual one does not, and where all durations
        are whole seconds the more urgent of two nodes would wait for the order in which two ends were written down.
        """
        for token, reply in several:
            self._hear(token, reply, now)
        return self._decided(now)

    def _hear(self, token: int, reply: Reply, now: float) -> None:
        self._heard_at = now
        attempt = self._running.pop(token, None)
        if attempt is not None:
            self.places.leave(attempt)
            if attempt.leave is not None:
                self._tell_circuit(attempt, reply)
            if attempt.look is not None:
                self._looked(attempt, reply, now)
            elif reply.status == "done" and not attempt.ending:
                self._end(self._outcome(attempt, reply, now), now)
            else:
                self._answered(attempt, reply, now)
        elif (late := self._late.pop(token, None)) is not None:
            self.places.leave(late)

    def tick(self, now: float) -> list[Decision]:
        """Time has passed: end what outlived its time, and go on with what has rested."""
        limit = self._limit
        if limit is not None and now >= limit:
            self._halt("timeout", f"the run outlived its timeout of {self._terms.timeout:g} s", now)
        while self._deadlines and self._deadlines[0][0] <= now:
            due, token = heappop(self._deadlines)
            if self._counts(due, token):
                self._expire(self._running[token], now)
        if now >= self._heard_at + self._terms.patience and not self._over and self._paused_at is None:
            self._say_who_is_waited_for(now)
        return self._decided(now)

    def interrupt(self, now: float) -> list[Decision]:
        """Stop for the user; the calling thread says so, hence it is in no body."""
        attempt = self.places.main
        if attempt is not None:
            self._forget(attempt)
        self._halt("interrupted", _INTERRUPTED, now)
        if attempt is not None:
            self._end(self._outcome(attempt, replies.cancelled(_INTERRUPTED), now), now)
        return self._decided(now)

    def cancel(self, reason: str, now: float) -> list[Decision]:
        """Stop because somebody asked for it, from wherever."""
        self._halt("cancelled", reason, now)
        return self._decided(now)

    def pause(self, reason: str, now: float) -> list[Decision]:
        """Begin nothing any more until :meth:`unpause`; harmless when it is paused, stopped or over."""
        self._hold(reason, now)
        return self._decided(now)

    def unpause(self, now: float) -> list[Decision]:
        """Go on after a pause; harmless when there is none."""
        self._go_on(now)
        return self._decided(now)

    # What a reply means.

    def _answered(self, attempt: Attempt, reply: Reply, now: float) -> None:
        """Take note of an answer that is not simply good."""
        status = reply.status
        if not attempt.ending:
            if status == "refused" and attempt.lane == "process":
                self._again(attempt, now, "thread", f"ran in a thread: {reply.reason}")
                return
            if status == "lost" and not reply.culprit and not attempt.alone:
                alone = reply.culprit is None or attempt.number >= _OFTEN
                self._again(attempt, now, "process", _BEREFT, alone=alone)
                return
            if status == "cancelled" and attempt.lane == "main":
                self._halt("interrupted", _INTERRUPTED, now)
        if not self._retried(attempt, reply, now):
            self._end(self._outcome(attempt, reply, now), now)

    def _looked(self, attempt: Attempt, reply: Reply, now: float) -> None:
        """Take note of what a look for an earlier result has found; if that is nothing, the node runs."""
        if attempt.ending or reply.status == "cancelled":
            self._answered(attempt, reply, now)
            return
        name = attempt.node.id
        if reply.status == "done":
            outcome = self._outcome(attempt, reply, now)
            if not outcome.bad:
                self._out.append(CacheHit(now, name))
                self._end(outcome, now)
                return
            reply = replace(reply, reason=f"what was kept cannot be used: {outcome.error}")
        self._out.append(CacheMissed(now, name, reply.reason or f"{reply.ename}: {reply.evalue}"))
        body = self._body(attempt.node, attempt.queued)
        if self._barred:
            self._end(outcomes.never_begun(body, self._barred, now), now)
        else:
            self.places.wait(body)  # what rested may be due at the same moment, and be more urgent

    def _body(self, node: Node, queued: float) -> Attempt:
        lane, reason = self._lane(node)
        return Attempt(next(self._tokens), node, lane, reason, queued)

    def _outcome(self, attempt: Attempt, reply: Reply, now: float) -> Outcome:
        """Say what a reply means for its node; commit it when it is good."""
        value = None
        if reply.status == "done" and not attempt.ending:
            try:
                if isinstance(reply.value, Expand):
                    reply = self._grown(attempt.node, reply, now)
                value = self._program.commit(attempt.node, reply)
            except Exception as error:
                reply = replies.failure(error, reply.seconds)
        return outcomes.replied(attempt, reply, value, now, late=self.stopped == "timeout")

    def _grown(self, node: Node, reply: Reply, now: float) -> Reply:
        """Take new nodes into the run; raises, with nothing changed, when they do not fit."""
        expand: Expand = reply.value
        dag = grown(self._plan.dag, node.id, expand.nodes, expand.edges, settled=self.outcomes)
        if isinstance(self._program, Growing):
            self._program.grow(dag)
        new = tuple(added.id for added in itertools.islice(dag.nodes.values(), len(self._nodes), None))
        self._nodes = dag.nodes
        self._aside = compensators(dag.nodes.values())
        skipped = self._plan.grow(dag)
        self.places.renumber()
        self._out.append(GraphGrown(now, node.id, new))
        self._skip(skipped)  # told after the growth: of some nodes, the first that is heard is their end
        return outcomes.with_value(reply, expand.value)

    # Who goes in.

    def _decided(self, now: float) -> list[Decision]:
        """Fill the places and hand over everything that was decided."""
        plan, places = self._plan, self.places
        if self._paused_at is not None:
            places.rest()
            return self._told(now)
        while self._resting and self._resting[0][0] <= now:
            _, _, rested = heappop(self._resting)
            alone = rested.alone and rested.refused  # still to be found out whether it kills workers
            self._again(rested, now, rested.lane, rested.reason, alone=alone, tries=1)
        while names := plan.take():
            for name in names:
                self._arrive(name, now)
        while (waiter := places.next(now)) is not None:
            self._launch(waiter, now)
        if self._refused:
            self._refused = False
            return self._decided(now)
        if spent := places.refused(now):
            for attempt, error in spent:
                attempt.started, attempt.number = now, attempt.number - 1
                self._end(self._outcome(attempt, replies.failure(error), now), now)
            return self._decided(now)
        return self._told(now)

    def _told(self, now: float) -> list[Decision]:
        """Hand over everything that was decided, with what follows from it for levels and for the run."""
        plan = self._plan
        while self._levels < plan.completed_levels:
            self._out.append(LevelEnded(now, self._levels))
            self._levels += 1
        if plan.done:
            if not self._over:
                self._over = True
                self._go_on(now)
                good = not self.stopped and not any(outcome.bad for outcome in self.outcomes.values())
                self._out.append(RunEnded(now, good))
        elif self._late and not self._running and not self._resting and not self.stopped and self._stuck(now):
            held = ", ".join(attempt.node.id for attempt in self._late.values())
            self._halt("stuck", f"every worker is held by a node that outlived its timeout: {held}", now)
            return self._decided(now)
        out, self._out = self._out, []
        return out

    def _stuck(self, now: float) -> bool:
        """Whether neither time nor others make room for somebody who waits."""
        return self._paused_at is None and self.places.wake(now) is None and not self.places.hopes()

    def _arrive(self, name: NodeId, now: float) -> None:
        """All that a node needs has ended."""
        node, terms = self._nodes[name], self._terms
        if self._barred:  # by one that became ready at the same time
            self._end(Outcome(name, "skipped", reason=self._barred), now)
        elif self._aside and name in self._aside:
            self._skip(self._plan.pass_over(name, runs_later(self._aside[name])))
        elif terms.known and (known := terms.known.get(name)) is not None and self._is_restored(node, known, now):
            pass
        elif node.when is None or self._conditional is None or self._holds(self._conditional, node, now):
            if terms.heard():
                self._out.append(NodeQueued(now, name))
            asked = self._recalling is not None and (node.cache or self._recalls_all)
            look = self._recalling.look(node) if asked and self._recalling is not None else None
            self._enter(self._body(node, now) if look is None else self._search(node, look, now), now)

    def _is_restored(self, node: Node, known: Outcome, now: float) -> bool:
        """Take over the outcome of an earlier run, unless its value does not fit any more: then the node runs.

        It is done now that all before it has ended, and not before the run: what is made anew there comes first.
        """
        value = known.value
        try:
            if self._restoring is not None:
                shown = self._restoring.restore(node, value.value if isinstance(value, Expand) else value)
                known = replace(known, value=shown)
            if isinstance(value, Expand):  # what it had made joins the run now, as it did then
                self._grown(node, Reply("done", value=value), now)
        except Exception:  # what does not fit any more is made anew
            return False
        self._end(known, now)
        return True

    def _search(self, node: Node, look: Task, now: float) -> Attempt:
        lane: Lane = "main" if self._terms.jobs == 1 else "thread"
        return Attempt(next(self._tokens), node, lane, queued=now, number=0, tries=0, look=look)

    def _holds(self, program: Conditional, node: Node, now: float) -> bool:
        """Whether a node is to run at all; it has its outcome if not."""
        try:
            false = program.condition(node)
        except Exception as error:
            attempt = Attempt(0, node, "main", queued=now, number=0, started=now)
            self._end(self._outcome(attempt, replies.failure(error), now), now)
            return False
        if false:
            self._skip(self._plan.pass_over(node.id, false))
        return not false

    def _lane(self, node: Node) -> tuple[Lane, str]:
        terms = self._terms
        if terms.jobs == 1 and terms.serial:
            return "main", ""
        lane, reason = self._program.lane(node, terms.backend)
        if terms.jobs == 1 and lane != "async":
            return "main", ""
        return ("thread" if lane == "process" and not terms.processes else lane), reason
