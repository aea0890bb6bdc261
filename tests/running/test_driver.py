"""The driver's laws, checked over thousands of schedules that no thread would ever produce on demand."""

from __future__ import annotations

import random

import pytest

from orchestra_nb.errors import NodeCancelled, NodeFailed, NodeTimeout
from orchestra_nb.events import LevelEnded, NodeEnded, NodeStarted, RunEnded, RunStarted
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node
from orchestra_nb.planning import Plan
from orchestra_nb.running.decisions import Abandon, Interrupt, Launch, Restart, Tell, Terms
from orchestra_nb.running.driver import Driver
from orchestra_nb.running.seams import Reply

SEEDS = 3_000


class Script:
    """A program that does nothing, in the lanes that it is told."""

    def __init__(self, lanes=None, bad=()):
        self.lanes = lanes or {}
        self.bad = set(bad)
        self.committed = []

    def task(self, node, lane):
        raise AssertionError("the driver never asks for a task")

    def commit(self, node, reply):
        if node.id in self.bad:
            raise ValueError("cannot be kept")
        self.committed.append(node.id)
        return reply.value

    def lane(self, node, backend):
        return self.lanes.get(node.id, ("thread", ""))

    def results(self, outcomes):
        return {}


def driver_of(nodes, script=None, jobs=2, **terms):
    keep_going = terms.get("keep_going", False)
    plan = Plan(DAG(nodes), keep_going=keep_going, schedule=terms.pop("schedule", "eager"))
    return Driver(plan, script or Script(), Terms(jobs=jobs, processes=True, **terms))


def launches(decisions):
    return [decision.attempt for decision in decisions if isinstance(decision, Launch)]


def kinds(decisions, kind):
    return [decision for decision in decisions if isinstance(decision, kind)]


def events(decisions):
    return [decision.event for decision in decisions if isinstance(decision, Tell)]


DONE = Reply("done", value=1)


class World:
    """A fake executor and a fake clock around one driver; checks the laws after every step."""

    def __init__(self, seed):
        self.draw = draw = random.Random(seed)
        count = draw.randint(1, 14)
        self.nodes = [
            Node(
                f"n{i}",
                after=[f"n{j}" for j in range(i) if draw.random() < 0.25],
                priority=draw.choice([0, 0, 1]),
                timeout=draw.choice([None, None, 3.0]),
                index=i,
            )
            for i in range(count)
        ]
        self.jobs = draw.randint(1, 4)
        lanes = {node.id: (draw.choice(["thread", "thread", "process", "main"]), "") for node in self.nodes}
        script = Script(lanes, bad=[node.id for node in self.nodes if draw.random() < 0.03])
        self.keep_going = draw.random() < 0.5
        self.dag = DAG(self.nodes)
        self.plan = Plan(
            self.dag, keep_going=self.keep_going, schedule=draw.choice(["eager", "levels"]), policy="critical-path"
        )
        limit = draw.choice([None, None, None, 12.0])
        terms = Terms(self.jobs, processes=True, keep_going=self.keep_going, timeout=limit)
        self.driver = Driver(self.plan, script, terms)
        self.now = 0.0
        self.live = {}  # tokens that could answer, also after they were given up
        self.started, self.ended, self.log = [], {}, []
        self.broken_in = draw.random() < 0.2

    def act(self, decisions):
        for decision in decisions:
            self.log.append(decision)
            match decision:
                case Launch(attempt=attempt):
                    self.live[attempt.token] = attempt
                case Restart():
                    for token in [t for t, a in self.live.items() if a.lane == "process"]:
                        del self.live[token]
                case Tell(event=NodeStarted(node=node)):
                    assert node not in self.started
                    assert not self.driver.stopped, "something started after the stop"
                    assert all(self.ended[need].ok for need in self.dag.predecessors(node))
                    self.started.append(node)
                case Tell(event=NodeEnded(outcome=outcome)):
                    assert outcome.node not in self.ended, "a second outcome"
                    self.ended[outcome.node] = outcome
        self.check()

    def check(self):
        driver = self.driver
        held = len(driver.running) + (0 if driver.stopped else len(driver.late))
        assert held <= self.jobs, "more than the capacity"
        assert sum(attempt.lane == "main" for attempt in driver.running) <= 1
        assert driver.done or driver.running, "nobody will ever answer"
        assert all(attempt.token in self.live for attempt in driver.late), "a slot is not given back"
        if held < self.jobs and not driver.stopped:
            assert not self.plan.ready(), "a worker idles before a ready node"

    def step(self):
        draw = self.draw
        choice = draw.random()
        if choice < 0.02:
            return self.driver.interrupt(self.now)
        if choice < 0.15 or not self.live:
            self.now += draw.choice([0.5, 2.0, 5.0])
            return self.driver.tick(self.now)
        token = draw.choice(list(self.live))
        if self.broken_in and draw.random() < 0.3 and self.live[token].lane == "thread":
            return []  # never answers
        attempt = self.live.pop(token)
        self.now += draw.random()
        statuses = ["done"] * 8 + ["failed"] + (["refused"] if attempt.lane != "main" else ["cancelled"])
        status = draw.choice(statuses)
        return self.driver.reply(token, Reply(status, reason="for a reason", seconds=0.1), self.now)

    def run(self):
        self.act(self.driver.begin(self.now))
        for _ in range(2_000):
            if self.driver.done:
                break
            if _ > 300:  # nobody waits for ever: somebody presses stop
                self.act(self.driver.interrupt(self.now))
                self.act([d for t in list(self.live) for d in self.driver.reply(t, DONE, self.now)])
                break
            self.act(self.step())
        assert self.driver.done
        for token in list(self.live):  # the late ones
            self.act(self.driver.reply(token, DONE, self.now + 100))


@pytest.mark.parametrize("block", range(10))
def test_every_random_schedule_keeps_the_laws(block):
    for seed in range(block * SEEDS // 10, (block + 1) * SEEDS // 10):
        world = World(seed)
        try:
            world.run()
            assert set(world.ended) == set(world.dag.nodes)
            assert world.ended == world.driver.outcomes
            told = events(world.log)
            assert isinstance(told[0], RunStarted)
            assert sum(isinstance(event, RunEnded) for event in told) == 1
            assert [e.level for e in told if isinstance(e, LevelEnded)] == list(range(len(world.dag.levels)))
        except BaseException as error:
            error.add_note(f"replay: World({seed}).run()")
            raise


def test_a_done_reply_is_committed_and_timed_by_its_body():
    driver = driver_of([Node("a")])
    (attempt,) = launches(driver.begin(0.0))
    driver.reply(attempt.token, Reply("done", value=7, seconds=1.5, worker="w"), 2.0)
    outcome = driver.outcomes["a"]
    assert (outcome.status, outcome.value, outcome.started, outcome.ended) == ("done", 7, 0.5, 2.0)
    assert (outcome.worker, outcome.attempts) == ("w", 1)


def test_a_result_that_cannot_be_committed_is_a_failure():
    driver = driver_of([Node("a")], Script(bad=["a"]))
    (attempt,) = launches(driver.begin(0.0))
    driver.reply(attempt.token, DONE, 1.0)
    error = driver.outcomes["a"].error
    assert isinstance(error, NodeFailed)
    assert (error.ename, error.evalue) == ("ValueError", "cannot be kept")


def test_one_job_runs_everything_in_the_main_lane():
    driver = driver_of([Node("a"), Node("b")], jobs=1)
    (attempt,) = launches(driver.begin(0.0))
    assert attempt.lane == "main"


def test_what_waits_for_the_main_lane_does_not_keep_a_worker_idle():
    nodes = [Node(name) for name in "abc"]
    driver = driver_of(nodes, Script({"a": ("main", ""), "b": ("main", "x"), "c": ("thread", "")}))
    first = launches(driver.begin(0.0))
    assert [(a.node.id, a.lane) for a in first] == [("a", "main"), ("c", "thread")]
    (second,) = launches(driver.reply(first[0].token, DONE, 1.0))
    assert (second.node.id, second.lane, second.reason) == ("b", "main", "x")


def test_a_refused_result_is_run_again_in_a_thread_and_says_why():
    driver = driver_of([Node("a")], Script({"a": ("process", "")}))
    (attempt,) = launches(driver.begin(0.0))
    (again,) = launches(driver.reply(attempt.token, Reply("refused", reason="a lock does not pickle"), 1.0))
    assert again.lane == "thread"
    driver.reply(again.token, DONE, 2.0)
    outcome = driver.outcomes["a"]
    assert (outcome.status, outcome.attempts) == ("done", 2)
    assert "a lock does not pickle" in outcome.reason


def test_a_thread_may_not_refuse():
    driver = driver_of([Node("a")])
    (attempt,) = launches(driver.begin(0.0))
    driver.reply(attempt.token, Reply("refused", reason="no"), 1.0)
    assert driver.outcomes["a"].status == "failed"


def test_a_thread_that_outlives_its_timeout_is_named_and_its_late_reply_dropped():
    driver = driver_of([Node("a", timeout=1.0), Node("b", after=["a"])])
    (attempt,) = launches(driver.begin(0.0))
    assert driver.wake == 1.0
    assert kinds(driver.tick(0.5), Abandon) == []
    assert kinds(driver.tick(1.0), Abandon) == [Abandon(attempt)]
    outcome = driver.outcomes["a"]
    assert isinstance(outcome.error, NodeTimeout)
    assert "still be running" in outcome.reason
    assert driver.outcomes["b"].status == "skipped"
    assert driver.reply(attempt.token, DONE, 9.0) == []
    assert driver.outcomes["a"] is outcome


def test_a_slot_is_lost_while_its_abandoned_thread_runs():
    nodes = [Node("a", timeout=1.0, priority=2), Node("b", priority=1), Node("c"), Node("d")]
    driver = driver_of(nodes, keep_going=True)
    a, b = launches(driver.begin(0.0))
    assert launches(driver.tick(1.0)) == []
    (c,) = launches(driver.reply(b.token, DONE, 2.0))
    (d,) = launches(driver.reply(a.token, DONE, 3.0))
    assert [c.node.id, d.node.id] == ["c", "d"]


def test_a_run_stops_when_every_worker_is_held_by_an_abandoned_node():
    driver = driver_of([Node("a", timeout=1.0), Node("b", timeout=1.0), Node("c")], keep_going=True)
    driver.begin(0.0)
    driver.tick(1.0)
    assert driver.done
    assert driver.stopped == "stuck"
    assert "a, b" in driver.outcomes["c"].reason


def test_a_timeout_in_a_process_restarts_the_innocent():
    lanes = {"a": ("process", ""), "b": ("process", "")}
    driver = driver_of([Node("a", timeout=1.0), Node("b")], Script(lanes), keep_going=True)
    _, b = launches(driver.begin(0.0))
    decisions = driver.tick(1.0)
    assert kinds(decisions, Restart)
    (again,) = launches(decisions)
    assert (again.node.id, again.lane, again.number) == ("b", "process", 2)
    assert driver.reply(b.token, DONE, 1.1) == []
    driver.reply(again.token, DONE, 2.0)
    assert driver.outcomes["b"].attempts == 2


def test_a_timeout_on_the_main_thread_interrupts_it_and_waits():
    driver = driver_of([Node("a", timeout=1.0)], jobs=1)
    (attempt,) = launches(driver.begin(0.0))
    assert kinds(driver.tick(1.0), Interrupt) == [Interrupt(attempt)]
    assert not driver.done
    driver.reply(attempt.token, Reply("cancelled", reason="interrupted"), 1.2)
    assert isinstance(driver.outcomes["a"].error, NodeTimeout)
    assert driver.stopped == ""


def test_the_timeout_of_a_run_cancels_what_runs_and_skips_the_rest():
    driver = driver_of([Node("a"), Node("b", after=["a"])], timeout=5.0)
    driver.begin(0.0)
    assert driver.wake == 5.0
    driver.tick(5.0)
    assert driver.stopped == "timeout"
    assert isinstance(driver.outcomes["a"].error, NodeTimeout)
    assert driver.outcomes["b"].status == "skipped"
    assert "5 s" in driver.outcomes["b"].reason


def test_the_timeout_of_a_run_waits_for_the_main_thread():
    driver = driver_of([Node("a")], jobs=1, timeout=5.0)
    (attempt,) = launches(driver.begin(0.0))
    assert kinds(driver.tick(5.0), Interrupt) == [Interrupt(attempt)]
    driver.reply(attempt.token, Reply("cancelled", reason="interrupted"), 5.1)
    assert driver.done
    assert driver.stopped == "timeout"
    assert isinstance(driver.outcomes["a"].error, NodeTimeout)


def test_an_interrupt_names_what_still_runs():
    driver = driver_of([Node("a"), Node("b", after=["a"])])
    driver.begin(0.0)
    driver.interrupt(1.0)
    assert driver.stopped == "interrupted"
    assert isinstance(driver.outcomes["a"].error, NodeCancelled)
    assert "still be running" in driver.outcomes["a"].reason
    assert driver.outcomes["b"].reason == "the run was interrupted"
    assert driver.interrupt(2.0) == []


def test_an_interrupt_on_the_main_thread_ends_its_body_and_the_run():
    nodes = [Node("a"), Node("b")]
    driver = driver_of(nodes, Script({"a": ("main", ""), "b": ("main", "")}))
    (attempt,) = launches(driver.begin(0.0))
    driver.reply(attempt.token, Reply("cancelled", reason="interrupted"), 1.0)
    assert driver.done
    assert driver.stopped == "interrupted"
    assert [driver.outcomes[name].status for name in "ab"] == ["cancelled", "skipped"]


def test_an_interrupt_while_no_body_ran_takes_the_main_lane_back():
    driver = driver_of([Node("a")], jobs=1)
    (attempt,) = launches(driver.begin(0.0))
    driver.interrupt(1.0)
    assert driver.done
    assert driver.outcomes["a"].status == "cancelled"
    assert driver.reply(attempt.token, DONE, 2.0) == []


def test_without_keep_going_a_failure_skips_what_waits_for_the_main_lane():
    nodes = [Node("a", priority=1), Node("b"), Node("c", priority=1)]
    lanes = {"a": ("main", ""), "b": ("main", ""), "c": ("thread", "")}
    driver = driver_of(nodes, Script(lanes), jobs=3)
    a, c = launches(driver.begin(0.0))
    driver.reply(c.token, Reply("failed", ename="ValueError", evalue="no"), 1.0)
    assert driver.outcomes["b"].status == "skipped"
    assert "'c' failed" in driver.outcomes["b"].reason
    driver.reply(a.token, DONE, 2.0)
    assert driver.done
    assert driver.outcomes["a"].status == "done"


def test_a_process_lane_that_is_not_there_is_a_thread():
    plan = Plan(DAG([Node("a")]))
    driver = Driver(plan, Script({"a": ("process", "")}), Terms(jobs=2))
    (attempt,) = launches(driver.begin(0.0))
    assert attempt.lane == "thread"


def test_an_empty_dag_ends_at_once():
    driver = driver_of([])
    assert [type(event) for event in events(driver.begin(0.0))] == [RunStarted, RunEnded]
    assert driver.done
