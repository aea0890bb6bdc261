"""What a pause holds up and what it does not: case by case, as a law over values, and on real threads.

That nothing begins in a pause, whatever else happens, is a law of :mod:`.driver_worlds`.
"""

from __future__ import annotations

import _thread
import random
import threading

import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.events import NodeRetrying, NodeStarted, RunEnded, RunPaused, RunUnpaused, Stalled
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, Outcome
from orchestra_nb.planning import Plan
from orchestra_nb.resources.claims import Claims
from orchestra_nb.resources.manager import ResourceManager
from orchestra_nb.running.control import RunControl
from orchestra_nb.running.decisions import Attempt
from orchestra_nb.running.scheduler import ParallelScheduler
from orchestra_nb.running.seams import Reply
from orchestra_nb.wording import duration

from .driver_worlds import Script
from .test_driver import DONE, driver_of, kinds, launches

PATIENCE = 60.0
NO = Reply("failed", ename="OSError")


def names(decisions):
    return [attempt.node.id for attempt in launches(decisions)]


# What the driver decides.


def test_what_runs_ends_and_is_committed_and_what_became_ready_begins_when_the_run_goes_on():
    driver = driver_of([Node("a"), Node("b", after=["a"])])
    (a,) = launches(driver.begin(0.0))
    assert driver.pause("for a look", 1.0) == [RunPaused(1.0, "for a look")]
    assert names(driver.reply(a.token, DONE, 2.0)) == []
    assert driver.outcomes["a"].status == "done"
    assert (driver.paused, driver.done) == (True, False)
    decisions = driver.unpause(5.0)
    assert decisions[0] == RunUnpaused(5.0, 4.0)
    (b,) = launches(decisions)
    assert (b.node.id, b.queued, b.started) == ("b", 5.0, 5.0)
    driver.reply(b.token, DONE, 6.0)
    assert driver.done


@pytest.mark.parametrize("when", ["before", "in", "after", "stopped"])
def test_pausing_and_going_on_where_there_is_nothing_to_do_changes_nothing(when):
    driver = driver_of([Node("a")])
    (a,) = launches(driver.begin(0.0))
    if when == "before":
        assert driver.unpause(1.0) == []
    elif when == "in":
        driver.pause("one", 1.0)
        assert driver.pause("two", 2.0) == []
        assert kinds(driver.unpause(3.0), RunUnpaused) == [RunUnpaused(3.0, 2.0)]
        assert driver.unpause(4.0) == []
    elif when == "stopped":
        driver.cancel("enough", 1.0)
        assert (driver.pause("late", 1.1), driver.unpause(1.2), driver.paused) == ([], [], False)
    driver.reply(a.token, DONE, 5.0)
    assert driver.done
    assert (driver.pause("late", 6.0), driver.unpause(7.0), driver.paused) == ([], [], False)


def test_no_condition_is_asked_and_no_earlier_outcome_taken_over_in_a_pause():
    asked = []

    class Asking(Script):
        def condition(self, node):
            asked.append(node.id)
            return "it is false"

    nodes = [Node("a"), Node("b", after=["a"], when="x"), Node("c", after=["a"])]
    driver = driver_of(nodes, Asking({}), known={"c": Outcome("c", "cached")})
    (a,) = launches(driver.begin(0.0))
    driver.pause("for a look", 1.0)
    driver.reply(a.token, DONE, 2.0)
    assert (asked, list(driver.outcomes)) == ([], ["a"])
    driver.unpause(3.0)
    assert {name: outcome.status for name, outcome in driver.outcomes.items()} == {
        "a": "done",
        "b": "skipped",
        "c": "cached",
    }


def test_what_a_failure_takes_with_it_is_told_in_the_pause_and_a_run_with_nothing_left_ends():
    driver = driver_of([Node("a"), Node("b", after=["a"])])
    (a,) = launches(driver.begin(0.0))
    driver.pause("for a look", 1.0)
    decisions = driver.reply(a.token, NO, 3.0)
    assert driver.outcomes["b"].status == "skipped"
    assert decisions[-2:] == [RunUnpaused(3.0, 2.0), RunEnded(3.0, False)]
    assert (driver.done, driver.paused) == (True, False)


def test_who_rests_and_who_lost_its_worker_begin_again_only_when_the_run_goes_on():
    retry = {"attempts": 2, "initial_delay": 2.0, "jitter": 0.0}
    driver = driver_of([Node("a", retry=retry), Node("b")], Script({"b": "process"}))
    a, b = launches(driver.begin(0.0))
    driver.pause("for a look", 1.0)
    assert kinds(driver.reply(a.token, NO, 2.0), NodeRetrying)
    assert names(driver.reply(b.token, Reply("lost", ename="WorkerLost", culprit=False), 2.5)) == []
    assert driver.wake(3.0) is None
    assert names(driver.tick(9.0)) == []
    assert sorted(names(driver.unpause(10.0))) == ["a", "b"]


def test_the_run_s_own_timeout_stands_still_and_that_of_a_node_goes_on():
    driver = driver_of([Node("a", timeout=3.0), Node("b", after=["a"])], timeout=5.0, keep_going=True)
    (a,) = launches(driver.begin(0.0))
    driver.pause("lunch", 1.0)
    assert driver.wake(1.0) == 3.0
    driver.tick(3.0)
    driver.reply(a.token, DONE, 3.1)
    assert "timeout" in str(driver.outcomes["a"].error)
    driver = driver_of([Node("a"), Node("b", after=["a"])], timeout=5.0)
    (a,) = launches(driver.begin(0.0))
    driver.pause("lunch", 1.0)
    driver.reply(a.token, DONE, 2.0)
    assert driver.wake(50.0) is None
    assert driver.tick(100.0) == []
    (b,) = launches(driver.unpause(101.0))
    assert driver.wake(101.0) == 105.0
    assert driver.tick(104.9) == []
    driver.tick(105.0)
    assert driver.stopped == "timeout"
    assert b.started == 101.0


def test_a_pause_is_no_silence():
    driver = driver_of([Node("a")], patience=2.0)
    driver.begin(0.0)
    driver.pause("lunch", 1.0)
    assert kinds(driver.tick(60.0), Stalled) == []
    driver.unpause(61.0)
    assert kinds(driver.tick(62.0), Stalled) == []
    (stalled,) = kinds(driver.tick(63.0), Stalled)
    assert stalled.silent == 2.0


@pytest.mark.parametrize("how", ["cancel", "interrupt"])
def test_a_stop_ends_the_pause_and_the_run(how):
    driver = driver_of([Node("a"), Node("b", after=["a"])])
    (a,) = launches(driver.begin(0.0))
    driver.pause("lunch", 1.0)
    decisions = driver.cancel("enough", 2.0) if how == "cancel" else driver.interrupt(2.0)
    assert kinds(decisions, RunUnpaused) == [RunUnpaused(2.0, 1.0)]
    assert (driver.paused, driver.outcomes["b"].status) == (False, "skipped")
    driver.reply(a.token, Reply("cancelled"), 2.1)
    assert driver.done


def test_a_node_that_waits_takes_no_lock_in_a_pause_and_what_runs_keeps_its_own():
    claims = Claims()
    driver = driver_of([Node("a", uses=["db"]), Node("b", uses=["db"])], claims=claims)
    (a,) = launches(driver.begin(0.0))
    driver.pause("lunch", 1.0)
    assert list(claims.owners) == ["a"]
    driver.reply(a.token, DONE, 2.0)
    assert not claims.owners
    assert names(driver.unpause(3.0)) == ["b"]


def test_a_node_that_waits_where_others_wait_too_leaves_that_queue_while_the_run_is_paused():
    manager = ResourceManager()
    manager.register_resource("db")
    mine = manager.acquire_lock("db", owner="me")
    claims = manager.joined({})
    driver = driver_of([Node("a", uses=["db"])], claims=claims)
    assert names(driver.begin(0.0)) == []
    assert manager.get_resource_stats().owners["a"].waits
    driver.pause("lunch", 1.0)
    assert "a" not in manager.get_resource_stats().owners
    manager.release_lock(mine)
    other = manager.acquire_lock("db", owner="another", timeout=0)
    assert other is not None
    assert names(driver.tick(2.0)) == []
    assert names(driver.unpause(3.0)) == []
    manager.release_lock(other)
    (a,) = launches(driver.tick(4.0))
    driver.reply(a.token, DONE, 5.0)
    assert driver.done
    claims.close()


# Pauses change no value.


class Played:
    """A run whose every reply follows from its seed, its node and the attempt, in whatever order they come."""

    def __init__(self, seed, pauses):
        self.seed, self.now, self.pauses = seed, 0.0, pauses
        draw = random.Random(seed)
        nodes = [
            Node(
                f"n{i}",
                after=[f"n{j}" for j in range(i) if draw.random() < 0.25],
                uses=draw.choice(((), (), ("db",))),
                retry=draw.choice((1, 3)),
                when=draw.choice((None, None, "no")) if i else None,
                index=i,
            )
            for i in range(draw.randint(2, 9))
        ]
        script = Script({node.id: draw.choice(("thread", "process", "async")) for node in nodes})
        script.false = {node.id for node in nodes if node.when == "no"}
        plan = Plan(DAG(nodes), keep_going=True, schedule=draw.choice(("eager", "levels")))
        driver = driver_of([], jobs=draw.randint(1, 3), keep_going=True)
        self.driver = type(driver)(plan, script, driver._terms)
        self.draw = random.Random(f"{seed} {pauses}")
        self.live, self.begun = {}, []

    def reply(self, attempt):
        draw = random.Random(f"{self.seed} {attempt.node.id} {attempt.number}")
        status = draw.choice(("done", "done", "done", "failed"))
        return Reply(status, value=draw.random(), ename="OSError" if status == "failed" else "")

    def act(self, decisions):
        for attempt in decisions:
            if isinstance(attempt, Attempt):
                assert not self.driver.paused
                self.live[attempt.token] = attempt
                self.begun.append(attempt.node.id)

    def run(self):
        """Play it; give how each node ended, what it made, and how often it was tried."""
        self.act(self.driver.begin(0.0))
        while not self.driver.done:
            self.now += 1.0
            choice = self.draw.random() if self.pauses else 1.0
            if choice < 0.3:
                self.act(self.driver.pause("for a look", self.now))
            elif choice < 0.5 or (self.driver.paused and not self.live):
                self.act(self.driver.unpause(self.now))
            elif self.live:
                attempt = self.live.pop(self.draw.choice(list(self.live)))
                self.act(self.driver.reply(attempt.token, self.reply(attempt), self.now))
            else:
                self.act(self.driver.tick(self.now))
        ended = self.driver.outcomes
        return {name: (one.status, one.value, one.attempts, one.reason) for name, one in ended.items()}


def test_pauses_change_no_outcome_no_value_and_no_number_of_attempts():
    held = 0
    for seed in range(600):
        paused = Played(seed, pauses=True)
        assert paused.run() == Played(seed, pauses=False).run(), seed
        held += paused.driver._paused_for > 0
    assert held > 300


# On real threads.


def chain(*bodies):
    before = (None, *bodies)
    return DAG(
        Node(body.__name__, fn=body, after=[] if previous is None else [previous.__name__])
        for previous, body in zip(before, bodies, strict=False)
    )


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_is_paused_from_a_body_looked_at_from_outside_and_goes_on(jobs):
    scheduler = ParallelScheduler(RunConfig(jobs=jobs, history=False))
    heard, held = [], threading.Event()

    def first():
        scheduler.pause("for a look")
        return 1

    def second():
        return scheduler.paused

    scheduler.bus.on("execution:node-started", lambda event: heard.append(event.node), inline=True)
    scheduler.bus.on("execution:run-*paused", heard.append, inline=True)
    scheduler.bus.on("execution:node-ended", lambda event: held.set(), inline=True)

    def look():
        held.wait(PATIENCE)
        heard.append((scheduler.paused, scheduler.over))
        scheduler.unpause()

    looking = threading.Thread(target=look)
    looking.start()
    result = scheduler.execute(chain(first, second))
    looking.join(PATIENCE)
    assert result.values == {"first": 1, "second": False}
    kinds_heard = [each if isinstance(each, str | tuple) else type(each).__name__ for each in heard]
    assert kinds_heard == ["first", "RunPaused", (True, False), "RunUnpaused", "second"]
    assert (scheduler.paused, scheduler.over) == (False, True)
    assert result.paused == next(each.seconds for each in heard if isinstance(each, RunUnpaused))
    assert 0.0 < result.paused <= result.total_time
    assert f"(paused for {duration(result.paused)})" in result._repr_mimebundle_()["text/plain"].split("\n")[0]


def test_a_subscriber_that_is_called_in_step_may_pause_and_let_go_on():
    scheduler, heard = ParallelScheduler(RunConfig(jobs=2, history=False)), []

    def hear(event):
        heard.append(type(event))
        if isinstance(event, NodeStarted) and event.node == "a":
            scheduler.pause()
        elif isinstance(event, RunPaused):
            scheduler.unpause()

    scheduler.bus.on("execution:*", hear, inline=True)
    nodes = [Node("a", fn=lambda: 1), Node("b", fn=lambda: 2, after=["a"])]
    assert scheduler.execute(DAG(nodes)).success
    assert heard.count(RunPaused) == heard.count(RunUnpaused) == 1


def test_a_paused_run_is_cancelled():
    scheduler = ParallelScheduler(RunConfig(jobs=2, history=False))

    def first():
        scheduler.pause()

    def second():
        raise AssertionError("it began in a pause")

    scheduler.bus.on("execution:run-paused", lambda event: scheduler.cancel("enough"))
    result = scheduler.execute(chain(first, second))
    assert (result.stopped, result.outcomes["second"].reason) == ("cancelled", "enough")


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupt_ends_a_paused_run(jobs):
    scheduler, ended = ParallelScheduler(RunConfig(jobs=jobs, history=False)), []

    def first():
        scheduler.pause()

    def second():
        raise AssertionError("it began in a pause")

    def hear(event):
        if event.outcome.node == "first":
            _thread.interrupt_main()

    scheduler.bus.on("execution:node-ended", hear)
    scheduler.bus.on("execution:run-unpaused", ended.append)
    with pytest.raises(KeyboardInterrupt):
        scheduler.execute(chain(first, second))
    result = scheduler.last_result
    assert (result.stopped, result.outcomes["first"].status) == ("interrupted", "done")
    assert (result.outcomes["second"].status, len(ended)) == ("skipped", 1)


def test_without_a_run_a_pause_is_harmless_and_is_not_kept_for_the_next_one():
    scheduler = ParallelScheduler(RunConfig(jobs=1, history=False))
    scheduler.pause()
    scheduler.unpause()
    assert (scheduler.paused, scheduler.over) == (False, False)
    assert scheduler.execute(DAG([Node("a", fn=lambda: 1)])).success
    scheduler.pause()
    assert scheduler.execute(DAG([Node("a", fn=lambda: 1)])).success
    assert isinstance(scheduler, RunControl)


@pytest.mark.parametrize("given", [None, 5, object(), "lunch"])
def test_what_a_button_or_a_bus_hands_over_in_place_of_a_reason_is_none(given, tmp_path):
    scheduler = ParallelScheduler(RunConfig(jobs=2, history=False, log=str(tmp_path / "run.jsonl")))
    told = []
    scheduler.bus.on("execution:run-paused", lambda event: told.append(event.reason), inline=True)
    scheduler.bus.on("execution:run-paused", lambda event: scheduler.cancel(given), inline=True)
    scheduler.bus.on("execution:run-started", lambda event: scheduler.pause(given), inline=True)
    result = scheduler.execute(DAG([Node("a", fn=lambda: 1), Node("b", fn=lambda: 2, after=["a"])]))
    assert told == ["lunch" if given == "lunch" else "the run was paused"]
    assert result.outcomes["b"].reason == ("lunch" if given == "lunch" else "the run was cancelled")
