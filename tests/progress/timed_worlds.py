"""Runs of random graphs with a history: what nodes took before, what they take today, and the events of today's run.

The plan machine decides, with the learned costs, and the durations are today's. A node takes its own time, times
what today is slower or faster as a whole, times chance. The history has seen other days. Nothing here knows the
estimator's constants: how much days and nodes differ is drawn for each world.
"""

from __future__ import annotations

import json
import math
import random
from functools import cached_property
from heapq import heappop, heappush
from pathlib import Path

from orchestra_nb.events import NodeEnded, NodeStarted, RunEnded, RunStarted
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, NodeId, Outcome
from orchestra_nb.planning import Plan
from orchestra_nb.progress.eta import Estimator
from orchestra_nb.progress.pace import expected
from orchestra_nb.progress.state import Progress
from orchestra_nb.running.history_keys import median


class Timed:
    """A run whose end is known, and what was known before it."""

    def at(self, share):
        """How the run stands at a share of its time, and when that is."""
        now = share * self.total
        return Progress.replayed(self.dag, [event for event in self.events if event.at <= now]), now

    @cached_property
    def estimator(self):
        return Estimator(expected(self.dag, self.durations))

    def seen(self, share):
        """The estimate, the linear one, that by cost, and the truth, in seconds from then."""
        progress, now = self.at(share)
        costs = [expectation.seconds for expectation in expected(self.dag, self.durations)]
        by_cost = linear_by_cost(progress, now, costs)
        return self.estimator.remaining(progress, now), linear(progress, now), by_cost, self.total - now


class World(Timed):
    """A run that is made up."""

    def __init__(self, seed: int, *, learned: bool = True) -> None:
        self.draw = draw = random.Random(seed)
        self.workers = draw.choice((1, 2, 4, 8))
        dag = self.graph(draw.randint(10, 80))
        days, chance = draw.uniform(0.0, 0.2), draw.uniform(0.02, 0.2)
        own = {name: math.exp(draw.gauss(0.0, draw.choice((0.5, 1.0)))) for name in dag.nodes}

        def day():
            slower = math.exp(draw.gauss(0.0, days))
            return {name: seconds * slower * math.exp(draw.gauss(0.0, chance)) for name, seconds in own.items()}

        past = [day() for _ in range(draw.randint(1, 9))]
        self.durations = {name: [took[name] for took in past] for name in own} if learned else {}
        self.dag = dag.with_costs({name: median(took) for name, took in self.durations.items()})
        self.today = day()
        self.events = events_of(self.dag, self.today, self.workers)
        self.total = self.events[-1].at

    def graph(self, count):
        """Layers, chains, a fan, or anything."""
        draw = self.draw
        shape = draw.choice(("any", "any", "layers", "fan", "chains"))
        wide = draw.randint(2, 10)

        def needs(i):
            if shape == "any":
                return [j for j in range(max(0, i - 12), i) if draw.random() < 0.15]
            if shape == "layers":
                above = range(max(0, (i // wide - 1) * wide), i // wide * wide)
                return [j for j in above if draw.random() < 0.5]
            if shape == "fan":
                return [] if i == 0 else list(range(1, i)) if i == count - 1 else [0]
            return [i - wide] if i >= wide else []

        return DAG(Node(f"n{i}", after=[f"n{j}" for j in needs(i)], index=i) for i in range(count))


class Recorded(Timed):
    """A run that took place, after ``before`` others of the same graph on the same machine.

    Of each run there is when its nodes began and ended. The quickstart notebook ran with two jobs, a graph of sleeps
    with three, on a machine of two cores that others used too.
    """

    def __init__(self, record, before):
        runs, run = record["runs"][:before], record["runs"][before]
        self.dag = DAG(Node(name, after=needs, index=i) for i, (name, needs) in enumerate(record["needs"].items()))
        self.durations = {
            name: [ended - began for began, ended in (r["nodes"][name] for r in runs)] for name in self.dag.nodes
        }
        self.total = run["total"]
        told = [RunStarted(0.0, len(self.dag), record["jobs"], "threading")]
        for name, (began, ended) in run["nodes"].items():
            told.append(NodeStarted(began, NodeId(name), "thread"))
            told.append(NodeEnded(ended, Outcome(NodeId(name), "done", started=began, ended=ended)))
        self.events = [*sorted(told, key=lambda event: event.at), RunEnded(self.total, True)]


def recorded_runs():
    """Each recorded run that has another before it, by the name of its graph."""
    records = json.loads(Path(__file__).with_name("recorded_runs.json").read_text())
    return {
        record["name"]: [Recorded(record, before) for before in range(1, len(record["runs"]))] for record in records
    }


def events_of(dag, seconds, workers):
    """The events of a run in which nodes take so long."""
    plan, now, lanes = Plan(dag), 0.0, 0
    events, ends = [RunStarted(0.0, len(dag), workers, "threading")], []
    began = {}
    while not plan.done:
        for name in plan.ready(workers - len(ends)) if len(ends) < workers else ():
            plan.start(name)
            lanes += 1
            began[name] = now
            events.append(NodeStarted(now, NodeId(name), "thread"))
            heappush(ends, (now + seconds[name], lanes, name))
        now, _, name = heappop(ends)
        plan.finish(name)
        events.append(NodeEnded(now, Outcome(NodeId(name), "done", started=began[name], ended=now)))
    return [*events, RunEnded(now, True)]


def linear_by_cost(progress, now, costs):
    """The linear estimate of somebody who knows the costs: what is done of the work, running nodes by their share."""
    done = sum(cost for cost, standing in zip(costs, progress.standings, strict=True) if standing == "completed")
    done += sum(min(costs[i], now - began) for i, began in progress.running.items())
    return now * sum(costs) / done - now if done else None


def linear(progress, now):
    """What a bar's usual estimate says: the rest will go as what is done did; ``None`` when nothing is done."""
    share = progress.done / len(progress.standings)
    return now / share - now if share else None
