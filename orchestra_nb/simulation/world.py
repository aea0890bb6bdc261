"""A run in virtual time: the driver of a real run, with a clock that jumps and an executor that only takes time.

Nothing is decided here. Who starts, who waits for a lock, a rate or a worker, who rests and is tried again, whose time
is up, which circuit is open, what follows from a failure: :class:`~orchestra_nb.running.driver.Driver` says it, the
very machine of the real run, and what it is asked is only ever *this attempt was answered now* and *it is so late now*.
So what a simulation shows is what the library does, its mistakes included.

Order: at one moment, first all answers (:meth:`.Driver.replies`), then what is due for time's sake; an attempt that
ends when its time is up has ended in time. A body that is asked to stop stops at once. Of free workers the fastest gets
the next node, which is the most urgent one; of equally fast ones the first. Cost: that of the driver, some 10 µs an
attempt. Failure: none; what cannot be simulated was refused when the :class:`.Case` was made.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush

from orchestra_nb.config import BreakerPolicy
from orchestra_nb.errors import ConfigError
from orchestra_nb.events import LevelEnded, NodeRetrying
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
from orchestra_nb.simulation.schedule import Slot

MOST_AGAIN = 100_000
"""How often failed attempts may be tried again; a billion of them would end, but nobody would see it."""
_DONE = Reply("done")
_CHANCE = "it fails by the chance that it was given"


@dataclass(slots=True)
class Try:
    """An attempt that has begun."""

    attempt: Attempt
    worker: int
    start: float
    end: float
    """When it will end; when it has, once it is over."""
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
        return Slot(
            self.attempt.node.id,
            self.worker,
            self.start,
            self.end,
            self.queued,
            self.lock_wait,
            self.waited_for,
            self.held_by,
            max(self.attempt.number, 1),
            self.status,
            self.reason,
            lane=self.attempt.lane,
        )


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
    watch
        Called after each step with this world; what it is then to be told is in :attr:`happened`.

    Examples
    --------
    >>> from orchestra_nb.graph.dag import DAG
    >>> from orchestra_nb.simulation.case import case_of
    >>> world = World(case_of(DAG([Node("a", uses=["db"]), Node("b", uses=["db"])]), 2))
    >>> world.run()
    >>> [(slot.node, slot.start) for slot in world.slots()], world.now
    ([('a', 0.0), ('b', 1.0)], 2.0)
    """

    def __init__(self, case: Case, watch: Callable[[World], None] | None = None) -> None:
        self.case = case
        self.now = 0.0
        self.claims = Claims(case.capacities)
        self.holders = Holders(case.capacities)
        program: Program = _Script(case)
        self.plan = Plan(
            case.dag, policy=case.policy, schedule=case.schedule, keep_going=case.keep_going, seed=case.seed
        )
        self.driver = Driver(self.plan, program, self._terms())
        self.happened: list[Attempt | Outcome | NodeRetrying | LevelEnded] = []
        """What was decided in the last step, for whoever watches."""
        self.live: dict[int, Try] = {}
        """What runs, by token."""
        self.due: dict[NodeId, float] = {}
        """When those who rest are to be tried again."""
        self._watch = watch
        self._begun: list[Try] = []
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
        driver, ends = self.driver, self._ends
        self._act(driver.begin(0.0))
        while not driver.done:
            while ends and not self._is_current(*ends[0]):
                heappop(ends)
            wake = driver.wake(self.now)
            if ends and (wake is None or ends[0][0] <= wake):
                self.now = ends[0][0]
                self._act(driver.replies(self._answers(), self.now))
            else:
                assert wake is not None, "a run that nobody will ever go on with"
                self.now = max(wake, self.now)
                self._act(driver.tick(self.now))

    def slots(self) -> list[Slot]:
        """Give the attempts that were made, by start."""
        return [each.slot() for each in self._begun]

    def _is_current(self, at: float, _: int, token: int) -> bool:
        one = self.live.get(token)
        return one is not None and one.end == at

    def _answers(self) -> list[tuple[int, Reply]]:
        """Take everything that ends now, in the order of starts."""
        found = []
        while self._ends and self._ends[0][0] == self.now:
            at, _, token = heappop(self._ends)
            if self._is_current(at, 0, token):
                found.append((token, self._over(self.live.pop(token))))
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
        for decision in decisions:
            if type(decision) is Attempt:  # the two that each node brings are told by their class alone
                self._begin(decision)
            elif type(decision) is Outcome:
                if self.due:
                    self.due.pop(decision.node, None)
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
                heappush(self._ends, (self.now, len(self._begun), decision.attempt.token))
        if self._watch is not None:
            told = (Attempt, Outcome, NodeRetrying, LevelEnded)
            self.happened = [decision for decision in decisions if isinstance(decision, told)]
            self._watch(self)

    def _begin(self, attempt: Attempt) -> None:
        node, case, now = attempt.node, self.case, self.now
        seconds = case.takes(node, max(attempt.number, 1))
        if attempt.lane == "async":
            if not self._loop:
                self._loop.append(case.workers + self._on_loop)
                self._on_loop += 1
            worker = heappop(self._loop)
        else:
            worker = heappop(self._free)[1]
            seconds = seconds / case.speeds[worker] if case.speeds else seconds
        one = Try(attempt, worker, now, now + seconds, self.due.pop(node.id, attempt.queued))
        if node.uses:
            one.lock_wait = max(attempt.lock_wait - self._waited.get(node.id, 0.0), 0.0)
            self._waited[node.id] = attempt.lock_wait
            one.waited_for, one.held_by = self.holders.enter(node, now, waited=one.lock_wait > 0)
        if case.failing:
            one.fails = case.fails(node, max(attempt.number, 1))
        self.live[attempt.token] = one
        heappush(self._ends, (one.end, len(self._begun), attempt.token))
        self._begun.append(one)


def _kind(node: Node) -> str:
    """Name an exception that the node's policies cover, if they say which they do."""
    on = retry_policy(node).on if node.retry != 1 else None
    return on[0] if on else "SimulatedFailure"
