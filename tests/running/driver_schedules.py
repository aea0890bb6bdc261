"""A driver whose bodies take exactly what their nodes cost: list scheduling, held to what is proved of it.

Three kinds of world. ``Timed``: workers only, with priorities and every policy, within Graham's bound (1969), whatever
the list. ``Levelled``: a barrier after each level, so the makespan is the sum of the makespans of the levels, each
scheduled alone. ``Laned``: the main lane takes one node at a time and the loop any number; what is then left of the
bound is derived at its law.
"""

from __future__ import annotations

import random
from heapq import heappop, heappush, heapreplace

from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node
from orchestra_nb.planning import Plan
from orchestra_nb.running.decisions import Attempt, Terms
from orchestra_nb.running.driver import Driver
from orchestra_nb.running.seams import Reply
from orchestra_nb.simulation import simulate

from .driver_worlds import Script

POLICIES = ("critical-path", "fifo", "longest-first", "shortest-first", "random")
TINY = 1e-9


class Timed:
    """Threads only."""

    schedule = "eager"
    lanes = ("thread",)

    def __init__(self, seed):
        self.draw = draw = random.Random(seed)
        self.jobs = draw.randint(2, 5)
        self.policy = draw.choice(POLICIES)
        whole = draw.random() < 0.5
        """Whether ends coincide, as they do where all costs are whole."""
        self.dag = DAG(
            Node(
                f"n{i}",
                after=[f"n{j}" for j in range(i) if draw.random() < 0.2],
                cost=draw.randint(0, 9) if whole else draw.random(),
                priority=draw.choice((0, 0, 1)),
                index=i,
            )
            for i in range(draw.randint(1, 16))
        )
        self.whole, self.seed = whole, seed
        self.lane = {name: draw.choice(self.lanes) for name in self.dag.nodes}

    def makespan(self):
        """Seconds, and the order in which the nodes began."""
        plan = Plan(self.dag, policy=self.policy, schedule=self.schedule, seed=self.seed)
        driver = Driver(plan, Script(self.lane), Terms(self.jobs))
        ends: list[tuple[float, int]] = []
        order, now = [], 0.0
        decisions = driver.begin(now)
        while True:
            for attempt in decisions:
                if isinstance(attempt, Attempt):
                    order.append(attempt.node.id)
                    heappush(ends, (now + attempt.node.cost, attempt.token))
            if driver.done:
                return now, order
            now, token = heappop(ends)
            decisions = driver.reply(token, Reply("done"), now)

    def run(self):
        makespan, order = self.makespan()
        assert (makespan, order) == self.makespan(), "the same durations give another schedule"
        self.judge(makespan, order)

    def judge(self, makespan, order):
        dag, jobs = self.dag, self.jobs
        bound = dag.lower_bound(jobs)
        assert bound - TINY <= makespan <= (2 - 1 / jobs) * bound + TINY
        assert makespan <= dag.total_time / jobs + (1 - 1 / jobs) * dag.critical_time + TINY, "Graham, 1969"
        if not self.whole:
            self.as_simulated(makespan, order)

    def as_simulated(self, makespan, order):
        """Where no two ends coincide, the simulator, which takes all that end at a moment together, sees the same."""
        expected = simulate(self.dag, self.jobs, self.policy, self.schedule, self.seed)
        assert abs(makespan - expected.makespan) <= TINY
        assert order == [slot.node for slot in expected.rows]


class Levelled(Timed):
    """Threads only, with a barrier after each level."""

    schedule = "levels"

    def judge(self, makespan, order):
        dag, jobs = self.dag, self.jobs
        rank = {name: place for place, name in enumerate(order)}
        total = bound = 0.0
        for names in dag.levels:
            costs = [dag.nodes[name].cost for name in sorted(names, key=rank.__getitem__)]
            priorities = [dag.nodes[name].priority for name in sorted(names, key=rank.__getitem__)]
            assert priorities == sorted(priorities, reverse=True)
            total += _alone(costs, jobs)
            bound += sum(costs) / jobs + (1 - 1 / jobs) * max(costs)
        assert abs(makespan - total) <= TINY, "a barrier cost more than the level above it, or less"
        assert makespan <= bound + TINY
        assert abs(makespan - simulate(dag, jobs, self.policy, "levels", self.seed).makespan) <= TINY
        if not self.whole:
            self.as_simulated(makespan, order)


class Laned(Timed):
    """Workers, the calling thread and the loop.

    At every moment all slots are busy (1), or the main lane is busy and something waits for it (2), or all that is
    ready runs (3), and then the longest remaining way gets shorter. Let W be the work of all nodes with a slot, M that
    of the main lane. In (1) it shrinks by ``jobs`` a second and in (2) at least by one, so (1) + (2) take at most
    W / jobs + (1 - 1 / jobs) M; and (3) takes no longer than the critical path.
    """

    lanes = ("thread", "thread", "main", "async")

    def judge(self, makespan, order):
        dag, jobs = self.dag, self.jobs
        work = {lane: sum(n.cost for n in dag.nodes.values() if self.lane[n.id] == lane) for lane in self.lanes}
        slots = work["thread"] + work["main"]
        assert makespan >= max(dag.critical_time, slots / jobs, work["main"]) - TINY
        assert makespan <= slots / jobs + (1 - 1 / jobs) * work["main"] + dag.critical_time + TINY


def _alone(costs, jobs):
    """Seconds that nodes which wait for nothing take when each goes to the first worker that is free."""
    free = [0.0] * jobs
    for cost in costs:
        heapreplace(free, free[0] + cost)
    return max(free)
