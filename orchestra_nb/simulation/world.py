"""A run in virtual time: the driver of a real run, with a clock that jumps and an executor that only takes time.

Nothing is decided here. Who starts, who waits for a lock, a rate or a worker, who rests and is tried again, whose time
is up, which circuit is open, what follows from a failure: :class:`~orchestra_nb.running.driver.Driver` says it, the
very machine of the real run, and what it is asked is only ever *this attempt was answered now* and *it is so late now*.
So what a simulation shows is what the library does, its mistakes included.

Order: at one moment, first all answers (:meth:`.Driver.replies`), then what is due for time's sake; an attempt that
ends when its time is up has ended in time. A body that is asked to stop stops at once. Of free workers the fastest gets
the next node, which is the most urgent one; of equally fast ones the first. Failure: what
cannot be simulated was refused when the :class:`.Case` was made; only attempts without end are refused here.

The hot loop is :meth:`World.steps`: the next end, the driver's answer to it, the attempts that follow. It costs some
15 µs an attempt, of which the driver's are two thirds (:mod:`~orchestra_nb.running.driver` says how it saves). Of an
attempt that is over nothing is kept but its slot: objects that stay are what a collector of garbage goes through again
and again, which is a quarter of the time of a graph of 100,000 nodes.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush

from orchestra_nb.config import BreakerPolicy
from orchestra_nb.errors import ConfigError
from orchestra_nb.events import NodeRetrying
from orchestra_nb.model import Node, NodeId, Outcome, Status
from orchestra_nb.planning.plan import Plan
from orchestra_nb.recovery.breakers import Breakers
from orchestra_nb.resources.claims import Claims
from orchestra_nb.running.circuits import Circuits
from orchestra_nb.running.decisions import Abandon, Attempt, Decision, Interrupt, Terms, retry_policy
from orchestra_nb.running.driver import Driver
from orchestra_nb.running.seams import Lane, Program, Reply, Task
from orchestra_nb.simulation.case import Case
from orchestra_nb.simulation.holders import Holders
from orchestra_nb.simulation.plain import free_workers
from orchestra_nb.simulation.schedule import Slot, placed

MOST_AGAIN = 100_000
"""How often failed attempts may be tried again; a billion of them would end, but nobody would see it."""
_DONE = Reply("done")
_CHANCE = "it fails by the chance that it was given"


@dataclass(slots=True)
class Try:
    """An attempt that runs; when it is over, its slot is what is left of it."""

    attempt: Attempt
    place: int
    """The how many-th it is that began."""
    worker: int
    start: float
    end: float
    """When it will end."""
    queued: float
    lock_wait: float = 0.0
    waited_for: str = ""
    held_by: tuple[NodeId, ...] = ()
    fails: bool = False
    asked: bool = False
    """Whether it was asked to stop."""
    status: Status = "done"
    reason: str = ""

    def slot(self) -> Slot:
        """Make the slot of one that is over."""
        attempt = self.attempt
        first = attempt.node.id, self.worker, self.start, self.end, self.queued, attempt.lane
        if self.lock_wait or self.waited_for or attempt.number > 1 or self.status != "done":
            return placed(
                *first,
                lock_wait=self.lock_wait,
                waited_for=self.waited_for,
                held_by=self.held_by,
                attempt=max(attempt.number, 1),
                status=self.status,
                reason=self.reason,
            )
        return placed(*first)


class _Script:
    """A program whose bodies only take time."""

    def __init__(self, case: Case) -> None:
        self._on_loop, self._in_main = case.on_loop, case.in_main

    def task(self, node: Node, lane: Lane) -> Task:
        raise AssertionError("nothing runs in a simulation")

    def commit(self, node: Node, reply: Reply) -> None:
        return None

    def lane(self, node: Node, backend: str) -> tuple[Lane, str]:
        if node.id in self._on_loop:
            return "async", ""
        return ("main" if node.id in self._in_main else "thread"), ""

    def results(self, outcomes: object) -> dict[str, object]:
        return {}


class World:
    """One run of a case.

    Parameters
    ----------
    case
        What is simulated.

    Examples
    --------
    >>> from orchestra_nb.graph.dag import DAG
    >>> from orchestra_nb.simulation.case import case_of
    >>> world = World(case_of(DAG([Node("a", uses=["db"]), Node("b", uses=["db"])]), 2))
    >>> world.run()
    >>> [(slot.node, slot.start) for slot in world.slots()], world.now
    ([('a', 0.0), ('b', 1.0)], 2.0)
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        self.now = 0.0
        self.claims = Claims(case.capacities)
        self.holders = Holders(case.capacities)
        program: Program = _Script(case)
        self.plan = Plan(
            case.dag, policy=case.policy, schedule=case.schedule, keep_going=case.keep_going, seed=case.seed
        )
        self.driver = Driver(self.plan, program, self._terms())
        self.happened: list[Decision] = []
        """What was decided in the last step."""
        self.live: dict[int, Try] = {}
        """What runs, by token."""
        self.due: dict[NodeId, float] = {}
        """When those who rest are to be tried again."""
        self._rows: list[Slot | None] = []
        self._ends: list[tuple[float, int, int]] = []
        self._free = free_workers(case)
        self._loop: list[int] = []
        self._on_loop = 0
        self._waited: dict[NodeId, float] = {}
        self._again = 0

    def _terms(self) -> Terms:
        case = self.case
        fused = any(node.breaker is not None for node in case.dag.nodes.values())
        return Terms(
            jobs=case.workers,
            keep_going=case.keep_going,
            timeout=case.timeout,
            async_jobs=case.async_jobs,
            claims=self.claims,
            known={NodeId(name): Outcome(NodeId(name), "cached") for name in case.cached},
            circuits=Circuits(Breakers(BreakerPolicy(), clock=self._clock)) if fused else None,
            chance=random.Random(case.seed).random,
            wall=self._clock,
            patience=math.inf,
            heard=lambda: False,
        )

    def _clock(self) -> float:
        return self.now

    def run(self) -> None:
        """Let everything happen."""
        for _ in self.steps():
            pass

    def steps(self) -> Iterator[World]:
        """Let everything happen, one step after another; each time that it is asked, this world as it stands then."""
        driver, ends = self.driver, self._ends
        self._act(driver.begin(0.0))
        yield self
        while not driver.done:
            wake = driver.wake(self.now)
            if ends and (wake is None or ends[0][0] <= wake):
                self.now = ends[0][0]
                answers = self._answers()
                if not answers:
                    continue
                self._act(driver.replies(answers, self.now))
            else:
                assert wake is not None, "a run that nobody will ever go on with"
                self.now = max(wake, self.now)
                self._act(driver.tick(self.now))
            yield self

    def slots(self) -> list[Slot]:
        """Give the attempts that were made, by start."""
        return [row for row in self._rows if row is not None]

    def _answers(self) -> list[tuple[int, Reply]]:
        """Take everything that ends now, in the order of starts; what was asked to stop has ended before."""
        found = []
        ends, live, now = self._ends, self.live, self.now
        while ends and ends[0][0] == now:
            token = heappop(ends)[2]
            one = live.get(token)
            if one is not None and one.end == now:
                del live[token]
                found.append((token, self._over(one)))
                self._rows[one.place] = one.slot()
        return found

    def _over(self, one: Try) -> Reply:
        """An attempt has ended; its worker is free."""
        if one.attempt.lane == "async":
            heappush(self._loop, one.worker)
        else:
            speeds = self.case.speeds
            heappush(self._free, (-speeds[one.worker] if speeds else -1.0, one.worker))
        if one.asked:
            one.status = "failed" if one.attempt.ending == "timeout" else "cancelled"
            one.reason = one.attempt.why
            return Reply("cancelled", reason=one.reason)
        if one.fails:
            one.status, one.reason = "failed", _CHANCE
            return Reply("failed", ename=_kind(one.attempt.node), evalue=_CHANCE)
        return _DONE

    def _act(self, decisions: list[Decision]) -> None:
        self.happened = decisions
        for decision in decisions:
            if type(decision) is Attempt:  # the two that each node brings are told by their class alone
                self._begin(decision)
            elif type(decision) is Outcome:
                if self.due:
                    self.due.pop(decision.node, None)
                if decision.node in self.holders.owners:
                    self.holders.leave(decision.node, self.now)
            elif isinstance(decision, NodeRetrying):
                self._again += 1
                if self._again > MOST_AGAIN:
                    hint = f"allow fewer of them ({decision.node!r} has failed {decision.attempt} times)"
                    raise ConfigError(f"a simulation ends after {MOST_AGAIN:,} attempts that were tried again; {hint}")
                self.due[decision.node] = self.now + decision.delay
                keeps = retry_policy(self.case.dag.nodes[decision.node]).keep_locks
                self.holders.leave(decision.node, self.now, keeps=keeps)
            elif isinstance(decision, Abandon | Interrupt):
                one = self.live[decision.attempt.token]
                one.asked, one.end = True, self.now
                heappush(self._ends, (self.now, len(self._rows), decision.attempt.token))

    def _begin(self, attempt: Attempt) -> None:
        node, case, now, place = attempt.node, self.case, self.now, len(self._rows)
        seconds = case.takes(node, attempt.number) if attempt.number > 1 else case.seconds[node.id]
        if attempt.lane == "async":
            if not self._loop:
                self._loop.append(case.workers + self._on_loop)
                self._on_loop += 1
            worker = heappop(self._loop)
        else:
            worker = heappop(self._free)[1]
            seconds = seconds / case.speeds[worker] if case.speeds else seconds
        queued = self.due.pop(node.id, attempt.queued) if self.due else attempt.queued
        one = Try(attempt, place, worker, now, now + seconds, queued)
        if node.uses:
            one.lock_wait = max(attempt.lock_wait - self._waited.get(node.id, 0.0), 0.0)
            self._waited[node.id] = attempt.lock_wait
            one.waited_for, one.held_by = self.holders.enter(node, now, waited=one.lock_wait > 0)
        if case.failing:
            one.fails = case.fails(node, max(attempt.number, 1))
        self.live[attempt.token] = one
        heappush(self._ends, (one.end, place, attempt.token))
        self._rows.append(None)


def _kind(node: Node) -> str:
    """Name an exception that the node's policies cover, if they say which they do."""
    on = retry_policy(node).on if node.retry != 1 else None
    return on[0] if on else "SimulatedFailure"
