"""A driver in a world of chance: a fake clock, and a fake executor that does what its seed dictates.

The executor completes, fails, hangs, dies, refuses and grows the graph in any order; somebody may stop the run. The
laws are checked after every step, from what the world itself saw and not from what the driver believes. Bodies differ:
most answer, some are deaf (they hang until they are asked to stop, or until the run is over), and a process takes its
neighbours with it where processes end together.

Rejected: one probability for everything. Rare things must meet (a node given up while another rests and a rate is used
up), so each world has a temper of its own; a test counts how often each thing and each pair of them occurs.
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter

from orchestra_nb.config import BreakerPolicy, Capacity
from orchestra_nb.errors import CircuitOpenError
from orchestra_nb.eventlog.codec import event_to_json
from orchestra_nb.eventlog.reading import LoggedRun
from orchestra_nb.events import Event, NodeEnded, NodeRetrying, NodeStarted, RunStarted, Stalled
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.events import DagBuilt
from orchestra_nb.model import Edge, Expand, Node, Outcome
from orchestra_nb.planning import Plan
from orchestra_nb.progress.state import Progress
from orchestra_nb.recovery.breakers import Breakers
from orchestra_nb.replay import Replay, RunReplay
from orchestra_nb.replay.fold import Fold
from orchestra_nb.resources.claims import Claims, wants_of
from orchestra_nb.running.circuits import Circuits
from orchestra_nb.running.decisions import Abandon, Attempt, Interrupt, Restart, Terms, retry_policy
from orchestra_nb.running.driver import Driver
from orchestra_nb.running.seams import Reply

from .told import Told

LANES = ("thread", "thread", "process", "process", "main", "async")
TINY = 1e-9
READ = 8
"""Of so many worlds, one has its log written and read as text too."""
REST = 3.0
"""Of circuits, in seconds."""


class Script:
    """A program that does nothing, in the lanes that it is told."""

    def __init__(self, lanes, bad=(), false=()):
        self.lanes, self.bad, self.false = lanes, bad, false
        self.committed = []

    def commit(self, node, reply):
        assert node.id not in self.committed, "committed twice"
        if node.id in self.bad:
            raise ValueError("cannot be kept")
        self.committed.append(node.id)
        return reply.value

    def lane(self, node, backend):
        return self.lanes.get(node.id, "thread"), ""

    def condition(self, node):
        if node.when == "broken":
            raise ValueError("cannot be decided")
        return "its condition was false" if node.id in self.false else ""

    def look(self, node):
        return self.search if node.cache else None

    def search(self):
        raise AssertionError("the world answers for it")

    def results(self, outcomes):
        return {}


def wants(attempt):
    """What it needs of resources: to look for an earlier result needs none."""
    return wants_of(attempt.node.uses) if attempt.node.uses and attempt.look is None else ()


class Fuses(Circuits):
    """Circuits of a world, and what they were asked."""

    def __init__(self, world):
        self.breakers = Breakers(BreakerPolicy(threshold=1, rest=REST), clock=lambda: world.now)
        super().__init__(self.breakers)
        self.world, self.given = world, 0

    def ask(self, node):
        try:
            leave = super().ask(node)
        except CircuitOpenError:
            self.world.refuse(node)
            raise
        self.given += 1
        return leave

    def check(self):
        """Of a run that is over: each leave was told how its attempt ended, once."""
        circuits = self.breakers.statistics().circuits.values()
        told = sum(each.succeeded + each.failed + each.abandoned + each.late for each in circuits)
        assert told == self.given, "a circuit was not told, or twice"


class World:
    """Chaos: anything may happen in any order."""

    def __init__(self, seed):
        self.draw = draw = random.Random(seed)
        self.seed = seed
        self.now = 0.0
        self.grim = draw.random() < 0.12
        """Much hangs, and nobody comes to stop it."""
        self.deafness = 0.8 if self.grim else draw.choice((0.05, 0.1, 0.3))
        self.deadly = draw.choice((0.1, 0.1, 0.3))
        nodes, edges = self.graph(draw.randint(5, 8) if self.grim else draw.randint(1, 8))
        self.jobs = 2 if self.grim else draw.randint(1, 4)
        self.capacities = {"db": Capacity(1), "gpu": Capacity(2), "api": Capacity(2, period=4.0)}
        self.capacities["coin"] = Capacity(5, period=math.inf)
        lanes = draw.choice((LANES, LANES, ("process",), ("process", "thread"), ("main", "thread", "async")))
        lanes = draw.choice((("thread",), LANES)) if self.grim else lanes
        self.script = Script({node.id: draw.choice(lanes) for node in nodes})
        self.script.bad = {n.id for n in nodes if draw.random() < 0.03}
        self.script.false = {n.id for n in nodes if n.when == "no"}
        self.first = dag = DAG(nodes, edges)
        self.sought: set[str] = set()
        """Nodes for which an earlier result was looked for."""
        share = draw.choice((0, 0, 0, 0, 0, 0, 0.4))
        known = {n.id: Outcome(n.id, "cached") for n in nodes if share and draw.random() < share and not n.when}
        self.keep_going = self.grim or draw.random() < 0.55
        self.levels = draw.random() < 0.3
        self.plan = Plan(dag, keep_going=self.keep_going, schedule="levels" if self.levels else "eager")
        self.terms = Terms(
            self.jobs,
            processes=draw.random() < 0.9,
            together=draw.random() < 0.7,
            keep_going=self.keep_going,
            timeout=None if self.grim else draw.choice((None, None, 6.0)),
            async_jobs=draw.choice((None, 1, 2)),
            claims=self.claims(),
            known=known,
            chance=draw.random,
            circuits=Fuses(self),
            patience=draw.choice((2.0, 30.0)),
        )
        self.in_batches = not self.terms.known and not any(node.when or node.breaker for node in nodes)
        """Whether all that becomes ready in one step does so at once: who ends without beginning lets others follow."""
        self.haste = 0.0 if self.grim else draw.choice((0.0, 0.0, 0.05))
        """How likely somebody stops the run at a step."""
        self.restless = draw.choice((0.0, 0.0, 0.1, 0.3))
        """How likely somebody pauses it at a step, or lets it go on."""
        self.driver = Driver(self.plan, self.script, self.terms)
        self.live: dict[int, Attempt] = {}
        """What could still answer, also after it was given up."""
        self.deaf: dict[int, bool] = {}
        """What does not answer of itself; whether it does when it is asked to stop."""
        self.asked: dict[int, float] = {}
        self.started: Counter[str] = Counter()
        self.refused: list[str] = []
        """Nodes whose circuit gave no leave, in turn."""
        self.resting: dict[str, float] = {}
        self.keeping: dict[str, tuple[tuple[str, int], ...]] = {}
        """What nodes hold between two attempts."""
        self.stopped, self.rested, self.held = "", (), False
        self.heard = 0.0
        self.suspects: dict[str, bool] = {}
        """Nodes that lost their worker through others; whether each is to be alone: it may be the cause after all."""
        self.attempts: dict[str, Attempt] = {}
        self.log: list[Event] = []
        self.told = Told()
        self.grants: list[float] = []
        self.grown = 0
        self.seen: set[str] = set()

    def claims(self):
        return Claims(self.capacities)

    def graph(self, count):
        draw = self.draw
        needs, uses = draw.choice((0.0, 0.2, 0.3)), draw.choice((0.0, 0.4, 0.8))
        hurry = 1.0 if self.grim else draw.choice((0.1, 0.3, 1.0))
        fused = draw.choice((0.0, 0.0, 0.9))
        remembering = draw.choice((0.0, 0.0, 0.0, 0.5))
        kinds = (("db",), ("gpu",), ("gpu:2",), ("db", "gpu"), ("api",), ("api",), ("gpu", "api:2"), ("coin:2",))
        jealous = {"attempts": 3, "initial_delay": draw.choice((0.5, 4.0)), "keep_locks": True}
        nodes = [
            Node(
                f"n{i}",
                after=[f"n{j}" for j in range(i) if draw.random() < needs],
                cost=draw.randint(1, 4),
                priority=draw.choice((0, 0, 1)),
                timeout=2.0 if draw.random() < hurry else None,
                uses=draw.choice(kinds) if draw.random() < uses else (),
                retry=draw.choice((1, 1, 3, {"attempts": 2, "initial_delay": 3.0}, jealous)),
                when=draw.choice(("no", "no", "yes", "broken")) if draw.random() < 0.1 else None,
                cache=remembering > 0 and draw.random() < remembering,
                breaker=draw.choice(("web", "web", "web", "mail")) if draw.random() < fused else None,
                index=i,
            )
            for i in range(count)
        ]
        edges = [Edge(f"n{i}", f"n{j}", "value") for j in range(count) for i in range(j) if draw.random() < 0.15]
        return nodes, edges

    @property
    def kinds(self):
        """What happened in this world, in words; of a run that is over."""
        seen, ended = set(self.seen), self.told.ended.values()
        seen |= {type(event).__name__ for event in self.log}
        seen |= {outcome.status for outcome in ended} | {f"run {self.driver.stopped or 'not stopped'}"}
        seen |= {"levels"} if self.levels else set()
        seen |= {"keep going"} if self.keep_going else set()
        seen |= {"a condition was false"} if any(o.reason == "its condition was false" for o in ended) else set()
        seen |= {"passed on"} if any(o.reason.startswith("needs") and "condition" in o.reason for o in ended) else set()
        seen |= {"stopped while it rested"} if any("before it was tried" in o.reason for o in ended) else set()
        seen |= {"timeout of a node"} if any("timeout" in str(o.error) for o in ended) else set()
        return seen

    # What the shell would do.

    def act(self, decisions):
        begun = []
        for decision in decisions:
            if isinstance(decision, Attempt):
                begun.append(decision)
                self.begin(decision)
            elif isinstance(decision, Outcome):
                self.hear(NodeEnded(self.now, decision))
                self.resting.pop(decision.node, None)
                self.keeping.pop(decision.node, None)
            elif isinstance(decision, Restart):
                assert self.terms.together
                self.seen.add("restart")
                self.lose(*[token for token, attempt in self.live.items() if attempt.lane == "process"])
            elif isinstance(decision, Abandon | Interrupt):
                token = decision.attempt.token
                self.asked.setdefault(token, self.now)
                if decision.attempt.lane == "process":
                    self.lose(token)
                assert isinstance(decision, Interrupt) == (decision.attempt.lane == "main")
            else:
                self.hear(decision, alone=len(decisions) == 1)
        self.check(begun)

    def lose(self, *tokens):
        for token in tokens:
            self.live.pop(token, None)

    def hear(self, event, *, alone=False):
        self.log.append(event)
        self.told.hear(event)
        if isinstance(event, NodeRetrying):
            policy = retry_policy(self.driver.dag.nodes[event.node])
            longest = policy.initial_delay * policy.multiplier ** (event.attempt - 1)
            assert event.attempt < policy.attempts, "one attempt too many"
            most = max(longest, REST + TINY) if event.reason.startswith("CircuitOpenError") else longest
            assert longest * (1 - policy.jitter) <= event.delay <= most
            self.resting[event.node] = event.at + event.delay
            if policy.keep_locks:
                uses = wants_of(self.driver.dag.nodes[event.node].uses)
                self.keeping[event.node] = tuple(each for each in uses if each[0] in ("db", "gpu"))
                self.seen |= {"keeps its resources"} if self.keeping[event.node] else set()
        elif isinstance(event, Stalled):
            over = (*self.driver.running, *self.driver.late)
            assert not alone or event.running == tuple(attempt.node.id for attempt in over)
            waiting = {name for name, _ in self.driver.waiting} | self.resting.keys()
            assert not alone or {name for name, _ in event.waiting} == waiting
            assert abs(event.silent - (event.at - self.heard)) <= TINY, "it was not silent for so long"
            assert event.silent >= self.terms.patience - TINY
            assert not self.driver.paused, "it complains of a pause"
            self.heard = event.at

    def begin(self, attempt):
        name, dag, ended = attempt.node.id, self.driver.dag, self.told.ended
        if attempt.number == 1:
            self.hear(NodeStarted(attempt.started, name, attempt.lane))
        if attempt.number <= 1:
            assert self.keep_going or not any(o.bad for o in ended.values()), "something new began after a failure"
            if self.levels and not self.grown:
                level = next(level for level, names in enumerate(dag.levels) if name in names)
                assert all(above in ended for names in dag.levels[:level] for above in names), "before its level"
        assert attempt.started == self.now, "its time does not begin when it does"
        assert self.resting.pop(name, self.now) <= self.now, "it began before it had rested"
        assert name not in ended, "it began after its end"
        assert name not in self.terms.known
        assert name not in self.script.false, "its condition was false"
        assert not self.driver.stopped, "something began after the stop"
        assert not self.driver.paused, "something began in a pause"
        if attempt.look is None:
            assert name in self.sought or not attempt.node.cache, "no earlier result was looked for"
            self.started[name] += 1
        else:
            assert name not in self.sought, "looked for twice"
            assert not self.started[name], "looked for after it had begun"
            self.sought.add(name)
        assert attempt.number == self.started[name]
        assert attempt.tries == (self.told.tries[name] if attempt.look is None else 0)
        assert attempt.queued == self.told.queued[name]
        assert not any(o.node.id == name and o.token not in self.asked for o in self.live.values()), "twice at once"
        for need in dag.predecessors(name):
            assert ended[need].ok or ended[need].status == "skipped", "it began before its needs"
        assert attempt.lane == self.lane_of(attempt)
        assert attempt.alone == self.suspects.pop(name, False)
        self.seen |= {attempt.lane, "alone"} if attempt.alone else {attempt.lane}
        self.live[attempt.token] = attempt
        self.keeping.pop(name, None)
        if attempt.lane in ("thread", "async") and self.draw.random() < self.deafness:
            self.deaf[attempt.token] = self.draw.random() < 0.3
        for resource, amount in wants(attempt):
            if resource == "api":
                self.grants += [self.now] * amount
                assert sum(at > self.now - 4.0 + TINY for at in self.grants) <= 2, "more than the rate"

    def refuse(self, node):
        """An attempt began, and its circuit gave no leave."""
        name = node.id
        assert self.resting.pop(name, self.now) <= self.now, "it began before it had rested"
        assert not self.driver.stopped, "something began after the stop"
        assert not self.driver.paused, "something began in a pause"
        assert name not in self.told.ended, "it began after its end"
        self.seen.add("no leave")
        self.refused.append(name)
        self.started[name] += 1
        for resource, amount in wants_of(node.uses):
            self.grants += [self.now] * amount if resource == "api" else []

    def lane_of(self, attempt):
        there = "thread" if attempt.look is not None else self.script.lane(attempt.node, "")[0]
        lane = "main" if self.jobs == 1 else there
        moved = lane == "process" and (not self.terms.processes or attempt.reason.startswith("ran in a thread"))
        return "thread" if moved else lane

    # The laws.

    def check(self, begun):
        running, late = self.driver.running, self.driver.late
        self.waiting = dict(self.driver.waiting)
        before = self.attempts
        self.check_places(running, late)
        self.check_answers(running, late)
        self.check_told(running)
        self.check_time(running)
        if self.driver.paused:
            assert not begun, "something began in a pause"
            self.seen.add("paused while it ran" if running else "paused with nobody at it")
        elif self.waiting:
            self.check_work_is_conserved(begun)
        if any(self.attempts.get(name) is attempt for name, attempt in before.items() if attempt.alone):
            assert not any(one.lane == "process" and not one.alone for one in begun), (
                "before one that waits to be alone"
            )

    def check_answers(self, running, late):
        """Who is waited for can answer; who is not was asked to stop; nobody is forgotten."""
        tokens = {attempt.token for attempt in running}
        assert tokens <= self.live.keys(), "somebody is waited for who cannot answer"
        assert {t for t, attempt in self.live.items() if attempt.lane == "process"} <= tokens, "a process was left over"
        if late:
            self.seen.add("late")
            assert all(attempt.token in self.asked for attempt in late), "given up and never asked to stop"
        if self.plan.ready():
            assert self.driver.paused, "a node whose needs are met is forgotten"
            self.seen.add("became ready in a pause")
        assert self.stopped in ("", self.driver.stopped), "stopped twice"
        if self.driver.stopped == "stuck" != self.stopped:
            assert not self.held, "stuck in a pause, which may be over at any moment"
            went = {name for name in self.refused if self.told.ended[name].status == "failed"}  # in, and was refused
            left = [attempt for name, attempt in self.attempts.items() if name not in went]
            assert not any(self.could_go(attempt) for attempt in left), "stuck, and one could go in"
            why = [self.told.ended[name].reason for name in self.rested]
            assert not any(reason.endswith("tried again") for reason in why), "stuck, and one rested"
        self.stopped, self.attempts, self.rested = self.driver.stopped, {}, self.driver.resting
        self.held = self.driver.paused
        if self.stopped:
            assert not self.waiting
            assert not self.driver.resting
            assert not self.driver.paused, "stopped, and paused"
            assert all(attempt.token in self.asked for attempt in running)

    def check_told(self, running):
        """The events so far, folded, are the state."""
        driver, told = self.driver, self.told
        first = self.waiting.keys() - self.started.keys()
        again = self.waiting.keys() - first
        looking = {attempt.node.id for attempt in running if attempt.look is not None}
        assert told.waiting == first | looking
        assert told.busy == {attempt.node.id for attempt in running}.union(again, driver.resting) - looking
        assert set(driver.resting) == self.resting.keys() - again
        assert len(told.ended) == len(driver.outcomes)
        assert told.levels == self.plan.completed_levels
        assert (told.success is not None) == driver.done == (len(told.ended) == len(driver.dag.nodes))
        assert (told.paused_at is not None) == driver.paused

    def check_places(self, running, late):
        holders = [*running, *late]
        slots = [attempt for attempt in holders if attempt.lane != "async"]
        self.slots, self.on_loop = len(slots), len(holders) - len(slots)
        self.in_main = any(attempt.lane == "main" for attempt in slots)
        assert self.slots == self.driver.places.busy <= self.jobs, "more than the capacity"
        assert sum(attempt.lane == "main" for attempt in holders) <= 1
        assert self.terms.async_jobs is None or self.on_loop <= self.terms.async_jobs
        processes = [attempt for attempt in running if attempt.lane == "process"]
        self.alone = any(attempt.alone for attempt in processes)
        self.processes = len(processes)
        """Whether one is alone in a process, or waits for that; how many are in one."""
        assert not self.alone or len(processes) == 1
        self.used = used = dict.fromkeys(self.capacities, 0)
        for attempt in holders:
            for name, amount in wants(attempt):
                used[name] += amount
        for held in self.keeping.values():
            for name, amount in held:
                used[name] += amount
        users = {attempt.node.id for attempt in holders if wants(attempt)}
        kept = {name for name, held in self.keeping.items() if held}
        assert users.isdisjoint(kept), "holds twice"
        users |= kept
        assert users == self.terms.claims.owners.keys()
        assert used["db"] <= 1, "more than there is"
        assert used["gpu"] <= 2, "more than there is"

    def check_time(self, running):
        """Nobody outlives its time, and the driver asks to be woken when something is due, and at no other time."""
        due = []
        for attempt in running:
            if attempt.token in self.asked:
                due += [self.asked[attempt.token] + self.terms.grace] if attempt.lane != "main" else []
            elif attempt.node.timeout is not None and attempt.look is None:
                due.append(attempt.started + attempt.node.timeout)
        paused = self.driver.paused
        if self.resting and not paused:
            due += [at for name, at in self.resting.items() if name not in self.waiting]
        if self.terms.timeout is not None and not self.driver.stopped and not paused:
            due.append(self.terms.timeout + self.told.paused_for)
        self.wake = wake = self.driver.wake(self.now)
        if self.driver.done:
            return
        for what in self.waiting.values():
            self.seen.add(f"waits for {what or 'a place'}")
        rates = [name for name, what in self.waiting.items() if what == "api" and not paused]
        due += [at for name in rates if (at := self.opens(name)) > self.now]
        assert wake is None or wake in due, "woken for nothing"
        assert not due or (wake is not None and wake <= min(due)), "not woken in time"
        assert running or wake is not None or paused, "nobody will ever answer"

    def opens(self, name):
        """When the rate lets a node begin."""
        there = [at for at in self.grants if at + 4.0 > self.now]
        too_many = len(there) + dict(wants_of(self.driver.dag.nodes[name].uses))["api"] - 2
        return there[too_many - 1] + 4.0 if too_many > 0 else self.now

    def check_work_is_conserved(self, begun):
        """No place is free while somebody waits who could take it, and no less urgent one has just taken it."""
        self.attempts = {name: self.driver.places.waiter(name) for name in self.waiting}
        self.alone = self.alone or any(attempt.alone for attempt in self.attempts.values())
        for name, attempt in self.attempts.items():
            held = all(self.has_room(what, amount) for what, amount in self.lacks(attempt))
            assert not (held and self.is_open(attempt)), "a place is free before a node that could go in"
            for other in begun if self.in_batches else ():
                same = other.lane == attempt.lane and not other.alone and not attempt.alone
                if same and other.number <= 1 and set(wants(other)) >= set(self.lacks(attempt)):
                    assert self.plan.rank(other.node.id) < self.plan.rank(name), "the less urgent went first"

    def lacks(self, attempt):
        """What it needs of resources, and has not kept."""
        return [want for want in wants(attempt) if want not in self.keeping.get(attempt.node.id, ())]

    def is_open(self, attempt):
        if attempt.lane == "async":
            return self.terms.async_jobs is None or self.on_loop < self.terms.async_jobs
        if self.slots >= self.jobs or (attempt.lane == "main" and self.in_main):
            return False
        if attempt.alone:
            return not self.processes
        return attempt.lane != "process" or not self.alone

    def has_room(self, what, amount):
        if what == "api":
            return sum(at + 4.0 > self.now for at in self.grants) + amount <= 2
        return self.used[what] + amount <= self.capacities[what].amount

    # What happens.

    def step(self):
        draw, driver = self.draw, self.driver
        able = [token for token in self.live if self.answers(token)]
        wake = self.wake
        hopeless = not able and wake is None
        choice = draw.random()
        if self.restless and draw.random() < self.restless * (1 + driver.paused):
            self.hold_or_go_on()
        elif hopeless and driver.paused and draw.random() < 0.8:
            self.unpause()
        elif choice < self.haste or (hopeless and not driver.stopped):
            stop = choice < self.haste / 2 or draw.random() < 0.5
            self.act(driver.interrupt(self.now) if stop else driver.cancel("enough", self.now))
            assert not (stop and self.in_main), "the calling thread is in no body when it says stop"
        elif hopeless or (choice > 0.85 and self.live):
            self.answer(draw.choice(list(self.live)))
        elif choice < 0.25 or not able:
            exactly = wake is not None and (not able or draw.random() < 0.7)
            self.now = max(self.now, wake) if exactly else self.now + draw.choice((0.2, 0.6, 3.0))
            self.tick()
        else:
            self.answer(draw.choice(able))

    def hold_or_go_on(self):
        """Somebody pauses it or lets it go on, whether or not it is paused."""
        paused = self.driver.paused
        if self.draw.random() < (0.1 if paused else 0.9):
            self.act(self.driver.pause("for a look", self.now))
            assert self.driver.paused or self.driver.stopped or self.driver.done
        else:
            self.unpause()

    def unpause(self):
        self.heard = self.now if self.driver.paused else self.heard
        self.held = False
        self.act(self.driver.unpause(self.now))
        assert not self.driver.paused

    def answers(self, token):
        return token not in self.deaf or (self.deaf[token] and token in self.asked)

    def tick(self):
        self.act(self.driver.tick(self.now))
        limit = None if self.terms.timeout is None else self.terms.timeout + self.told.paused_for
        overdue = limit is not None and self.now >= limit and not self.driver.paused
        assert self.driver.stopped or self.driver.done or not overdue, "the run outlived its time"
        if not self.driver.stopped:
            for attempt in self.driver.running:
                limit = attempt.node.timeout if attempt.look is None else None
                assert attempt.token in self.asked or limit is None or attempt.started + limit > self.now

    def could_go(self, attempt):
        """Whether a node could go in now or later, when nothing but time helps."""
        needed = self.lacks(attempt)
        return self.is_open(attempt) and all(what == "api" or self.has_room(what, amount) for what, amount in needed)

    def answer(self, token):
        attempt = self.live.pop(token)
        self.now += self.draw.choice((0.0, 0.01, self.draw.random()))
        reply = self.reply_of(attempt)
        waited_for = attempt in self.driver.running
        self.heard = self.now
        if reply.status == "lost" and waited_for and not (reply.culprit or attempt.alone or attempt.ending):
            self.suspects[attempt.node.id] = reply.culprit is None or attempt.number >= 3
        stopped, before, refused = self.driver.stopped, len(self.log), len(self.refused)
        self.act(self.driver.reply(token, reply, self.now))
        name = attempt.node.id
        retried = any(isinstance(event, NodeRetrying) and event.node == name for event in self.log[before:])
        outcome = self.told.ended.get(name)
        if not waited_for:
            self.seen.add("a late reply")
            assert not retried
            news = [event.outcome.node for event in self.log[before:] if isinstance(event, NodeEnded)]
            assert name not in news, "a late reply counted"
            return
        self.seen.add(f"{reply.status} {reply.culprit}" if reply.status == "lost" else reply.status)
        self.seen |= {f"answers though it was asked to stop: {attempt.ending}"} if attempt.ending else set()
        fate, may_retry = self.fate(attempt, reply)
        if fate == "again" and name in self.refused[refused:]:
            self.seen.add("refused when it was to begin again")
            return
        may_retry = may_retry and not stopped and attempt.tries < retry_policy(attempt.node).attempts
        assert retried == may_retry
        if fate == "again" and outcome is not None and "budget" in str(outcome.error):
            self.seen.add("a budget was spent before it began")
        elif attempt.look is not None and fate == "again" and outcome is not None:
            assert outcome.status == "skipped"
            assert self.driver.stopped or not self.keep_going
        elif not retried and not (fate == "again" and outcome is not None and outcome.status == "cancelled"):
            assert ("again" if outcome is None else outcome.status) == fate

    def fate(self, attempt, reply):
        """What is to become of an attempt with this reply, and whether it may be tried again."""
        status = reply.status
        if attempt.look is not None:
            if attempt.ending or status == "cancelled":
                return "cancelled", False
            return ("cached" if status == "done" and attempt.node.id not in self.script.bad else "again"), False
        if attempt.ending:
            return ("failed", True) if attempt.ending == "timeout" else ("cancelled", False)
        if status == "refused" and attempt.lane == "process":
            return "again", False
        if status == "lost":
            return ("failed", True) if reply.culprit or attempt.alone else ("again", False)
        if isinstance(reply.value, Expand) and not self.fits(reply.value):
            return "failed", False
        if status == "done":
            return ("failed" if attempt.node.id in self.script.bad else "done"), False
        return ("cancelled" if status == "cancelled" else "failed"), status == "failed" and reply.ename == "OSError"

    def fits(self, expand):
        return all(new.id in self.driver.dag.nodes for new in expand.nodes)

    def reply_of(self, attempt):
        draw = self.draw
        if attempt.look is not None:
            status = draw.choice(("done", "missed", "missed", "failed", "cancelled" if self.jobs == 1 else "done"))
            return Reply(status, reason="for a reason")
        if attempt.lane == "process" and draw.random() < self.deadly:
            return Reply("lost", ename="WorkerLost", culprit=draw.choice((True, False, None)))
        if attempt.node.id not in self.script.bad and draw.random() < 0.04 and self.grown < 3:
            self.grown += 1
            names = list(self.driver.dag.nodes)
            after = [draw.choice(names)] if draw.random() < 0.3 else []
            new = [
                Node(f"g{self.grown}{i}", after=after, priority=draw.choice((0, 1)), uses=draw.choice(((), ("db",))))
                for i in range(2)
            ]
            return Reply("done", value=Expand(new))
        odd = {"process": "refused", "thread": "failed"}.get(attempt.lane, "cancelled")
        status = draw.choice(["done"] * 7 + ["failed", "failed", odd])
        ename = draw.choice(("OSError", "OSError", "SystemExit")) if status == "failed" else ""
        return Reply(status, ename=ename, reason="for a reason", seconds=0.1)

    def run(self):
        self.act(self.driver.begin(self.now))
        for _ in range(3_000):
            if self.driver.done:
                break
            self.step()
        assert self.driver.done
        for token in list(self.live):  # the late ones
            del self.live[token]
            self.now += 1.0
            self.act(self.driver.reply(token, Reply("done", value=1), self.now))
        driver = self.driver
        asked = (lambda now: driver.cancel("enough", now), lambda now: driver.pause("late", now))
        for stop in (driver.interrupt, driver.tick, driver.unpause, *asked):
            assert stop(self.now) == []
            assert self.driver.stopped == self.stopped
        self.judge()

    def check_the_log(self):
        """Who plays its log again comes to the same end, and on the way to the same moment; also through its text."""
        built, facts = DagBuilt(0.0, "r", "", self.first), tuple(self.log)
        run = RunReplay(LoggedRun(built, facts, tuple(range(len(facts)))))
        assert run.end.outcomes == self.told.ended
        assert [node.state for node in run.end.nodes.values()] == [
            self.told.ended[name].status for name in run.end.nodes
        ]
        assert run.faults == ()
        if self.seed % READ:
            return
        text = "\n".join(json.dumps({"run": "r", **event_to_json(event)}) for event in (built, *facts))
        read = Replay.parse(f"{text}\n".encode(), strict=True).last
        assert [event_to_json(event) for event in read.facts] == [event_to_json(event) for event in facts]
        count = self.draw.randint(0, len(facts))
        until = Fold(self.first)
        for event in facts[:count]:
            until.hear(event)
        assert read.after(count)._fold.states == until.states
        assert [*read.after(count).outcomes] == [*until.outcomes]
        followed = Progress.replayed(self.first, facts)
        for moment, progress in ((read.after(count), until.progress), (read.end, followed)):
            there = moment._fold.progress
            assert (there.standings, there.counts, there.percent) == (
                progress.standings,
                progress.counts,
                progress.percent,
            )
            assert (there.running, there.seconds, there.over) == (progress.running, progress.seconds, progress.over)

    def judge(self):
        dag, told, ended = self.driver.dag, self.told, self.told.ended
        assert ended.keys() == dag.nodes.keys()
        assert ended == self.driver.outcomes
        assert told.total == len(dag.nodes)
        assert isinstance(self.log[0], RunStarted)
        assert told.success == (not self.driver.stopped and not any(outcome.bad for outcome in ended.values()))
        assert not self.driver.places.busy, "a slot was not given back"
        assert not self.terms.claims.owners, "a resource was not given back"
        self.terms.circuits.check()
        for name, outcome in ended.items():
            assert outcome.attempts == self.started[name]
            made = outcome.status == "done" or (outcome.status == "cached" and name in self.sought)
            assert made == (name in self.script.committed)
            if name in told.queued and outcome.started is not None and outcome.attempts:
                assert outcome.queued == told.queued[name] <= outcome.started <= outcome.ended
                assert 0 <= outcome.lock_wait <= outcome.ended - outcome.queued + TINY
            needs = [ended[need] for need in dag.predecessors(name)]
            if any(need.status in ("failed", "cancelled") for need in needs):
                assert outcome.status == "skipped"
            elif outcome.status == "skipped" and self.keep_going and not self.driver.stopped:
                assert name in self.script.false or any(need.status == "skipped" for need in needs)
            assert outcome.status != "cached" or name in self.terms.known or name in self.sought
        self.check_the_log()
