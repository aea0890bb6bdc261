"""What the driver decides, case by case. Its laws over thousands of schedules are in ``test_driver_laws.py``."""

from __future__ import annotations

import math

import pytest

from orchestra_nb.config import Capacity
from orchestra_nb.errors import NodeCancelled, NodeFailed, NodeTimeout
from orchestra_nb.events import Event, GraphGrown, NodeRetrying, RunEnded, RunStarted, Stalled
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Edge, Expand, Node, Outcome
from orchestra_nb.planning import Plan
from orchestra_nb.resources.claims import Claims, impossible
from orchestra_nb.running.decisions import Abandon, Attempt, Interrupt, Restart, Terms
from orchestra_nb.running.driver import Driver
from orchestra_nb.running.seams import Reply


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
    return kinds(decisions, Attempt)


def kinds(decisions, kind):
    return [decision for decision in decisions if isinstance(decision, kind)]


def events(decisions):
    return kinds(decisions, Event)


DONE = Reply("done", value=1)
PROCESS = ("process", "")


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


@pytest.mark.parametrize("keep", [False, True])
def test_who_rests_gives_back_its_worker_and_keeps_its_resources_only_if_its_policy_says_so(keep):
    retry = {"attempts": 2, "initial_delay": 5.0, "jitter": 0.0, "keep_locks": keep}
    nodes = [Node("a", uses=["db"], retry=retry), Node("b", uses=["db"]), Node("c")]
    driver = driver_of(nodes, jobs=1)
    (attempt,) = launches(driver.begin(0.0))
    after = launches(driver.reply(attempt.token, Reply("failed", ename="OSError"), 1.0))
    assert [other.node.id for other in after] == (["c"] if keep else ["b"])
    (following,) = after
    more = launches(driver.reply(following.token, DONE, 2.0))
    assert [other.node.id for other in more] == ([] if keep else ["c"])
    for other in more:
        driver.reply(other.token, DONE, 3.0)
    (again,) = launches(driver.tick(6.0))
    assert (again.node.id, again.tries) == ("a", 2)
    rest = launches(driver.reply(again.token, DONE, 7.0))
    assert [other.node.id for other in rest] == (["b"] if keep else [])


def test_who_kept_its_resources_and_is_not_tried_again_gives_them_back():
    claims = Claims()
    retry = {"attempts": 2, "keep_locks": True}
    driver = driver_of([Node("a", uses=["db"], retry=retry), Node("b")], claims=claims)
    first, second = launches(driver.begin(0.0))
    driver.reply(first.token, Reply("failed", ename="OSError"), 1.0)
    assert list(claims.owners) == ["a"]
    driver.reply(second.token, Reply("failed", ename="OSError"), 1.1)
    assert driver.outcomes["a"].status == "cancelled"
    assert not claims.owners


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


def test_a_thread_that_outlives_its_timeout_is_asked_to_stop_then_named_and_its_late_reply_dropped():
    driver = driver_of([Node("a", timeout=1.0), Node("b", after=["a"])])
    (attempt,) = launches(driver.begin(0.0))
    assert driver.wake(0.0) == 1.0
    assert driver.tick(0.5) == []
    assert kinds(driver.tick(1.0), Abandon) == [Abandon(attempt)]
    assert "a" not in driver.outcomes
    assert driver.wake(1.0) == 1.5
    driver.tick(1.5)
    outcome = driver.outcomes["a"]
    assert isinstance(outcome.error, NodeTimeout)
    assert "still be running" in outcome.reason
    assert driver.outcomes["b"].status == "skipped"
    assert driver.reply(attempt.token, DONE, 9.0) == []
    assert driver.outcomes["a"] is outcome


@pytest.mark.parametrize("reply", [DONE, Reply("cancelled", reason="stopped"), Reply("failed", ename="ValueError")])
def test_a_thread_that_stops_when_it_is_asked_gives_its_slot_back_and_no_value(reply):
    driver = driver_of([Node("a", timeout=1.0), Node("b")], jobs=1 + 1, keep_going=True)
    attempt, _ = launches(driver.begin(0.0))
    driver.tick(1.0)
    driver.reply(attempt.token, reply, 1.2)
    assert isinstance(driver.outcomes["a"].error, NodeTimeout)
    assert driver.outcomes["a"].value is None
    assert "still be running" not in driver.outcomes["a"].reason
    assert driver.late == ()


def test_a_slot_is_lost_while_its_abandoned_thread_runs():
    nodes = [Node("a", timeout=1.0, priority=2), Node("b", priority=1), Node("c"), Node("d")]
    driver = driver_of(nodes, keep_going=True)
    a, b = launches(driver.begin(0.0))
    assert launches(driver.tick(1.0) + driver.tick(1.5)) == []
    (c,) = launches(driver.reply(b.token, DONE, 2.0))
    (d,) = launches(driver.reply(a.token, DONE, 3.0))
    assert [c.node.id, d.node.id] == ["c", "d"]


def test_a_run_stops_when_every_worker_is_held_by_an_abandoned_node():
    driver = driver_of([Node("a", timeout=1.0), Node("b", timeout=1.0), Node("c")], keep_going=True)
    driver.begin(0.0)
    driver.tick(1.0)
    driver.tick(1.5)
    assert driver.done
    assert driver.stopped == "stuck"
    assert "a, b" in driver.outcomes["c"].reason


def test_a_run_is_not_stuck_while_time_makes_room_for_somebody():
    claims = Claims({"api": Capacity(1, period=9.0)})
    nodes = [Node("a", timeout=1.0), Node("b", uses=["api"]), Node("c", uses=["api"])]
    driver = driver_of(nodes, keep_going=True, claims=claims)
    _, b = launches(driver.begin(0.0))
    driver.reply(b.token, DONE, 0.5)
    driver.tick(1.0)
    driver.tick(1.5)
    assert [one.node.id for one in driver.late] == ["a"]
    assert [one.node.id for one in launches(driver.tick(9.0))] == ["c"]


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


def test_a_timeout_where_processes_end_one_by_one_leaves_the_others_alone():
    lanes = dict.fromkeys("ab", PROCESS)
    driver = driver_of([Node("a", timeout=1.0), Node("b")], Script(lanes), keep_going=True, together=False)
    a, b = launches(driver.begin(0.0))
    assert driver.tick(1.0)[0] == Abandon(a)
    driver.reply(b.token, DONE, 2.0)
    assert driver.outcomes["b"].attempts == 1


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
    assert driver.wake(0.0) == 5.0
    driver.tick(5.0)
    driver.tick(5.5)
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


def test_who_is_asked_to_stop_has_all_of_its_grace_though_its_own_time_ends_meanwhile():
    driver = driver_of([Node("a", timeout=1.0)])
    (attempt,) = launches(driver.begin(0.0))
    driver.interrupt(0.9)
    assert driver.wake(0.9) == 1.4
    assert driver.tick(1.0) == []
    driver.reply(attempt.token, Reply("cancelled", reason="stopped"), 1.3)
    assert "still be running" not in driver.outcomes["a"].reason


def test_an_interrupt_names_what_still_runs():
    driver = driver_of([Node("a"), Node("b", after=["a"])])
    driver.begin(0.0)
    driver.interrupt(1.0)
    assert driver.stopped == "interrupted"
    driver.tick(1.5)
    assert isinstance(driver.outcomes["a"].error, NodeCancelled)
    assert "still be running" in driver.outcomes["a"].reason
    assert driver.outcomes["b"].reason == "the run was interrupted"
    assert driver.interrupt(2.0) == []


def test_what_waits_for_a_place_is_sent_away_in_the_order_of_the_document():
    nodes = [Node("a", index=0), Node("b", index=1), Node("c", priority=1, index=2), Node("d", priority=2, index=3)]
    driver = driver_of(nodes, jobs=1)
    driver.begin(0.0)
    driver.interrupt(1.0)
    assert list(driver.outcomes) == ["a", "b", "c", "d"]


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


def test_a_failed_node_rests_and_is_tried_again_as_its_policy_says():
    driver = driver_of([Node("a", retry={"attempts": 2, "initial_delay": 4.0, "jitter": 0})], jobs=2)
    (first,) = launches(driver.begin(0.0))
    (told,) = kinds(driver.reply(first.token, Reply("failed", ename="OSError", evalue="busy"), 1.0), NodeRetrying)
    assert (told.attempt, told.delay, told.reason) == (1, 4.0, "OSError: busy")
    assert driver.places.busy == 0
    assert driver.wake(1.0) == 5.0
    (second,) = launches(driver.tick(5.0))
    driver.reply(second.token, DONE, 6.0)
    assert (driver.outcomes["a"].status, driver.outcomes["a"].attempts) == ("done", 2)


def test_the_time_of_another_attempt_begins_when_it_does():
    policy = {"attempts": 2, "initial_delay": 4.0, "jitter": 0}
    driver = driver_of([Node("a", timeout=1.0, retry=policy)])
    (first,) = launches(driver.begin(0.0))
    driver.reply(first.token, Reply("failed", ename="OSError"), 0.5)
    (second,) = launches(driver.tick(4.5))
    assert second.started == 4.5
    assert driver.wake(4.5) == 5.5


def test_the_last_failure_is_the_outcome():
    driver = driver_of([Node("a", retry={"attempts": 2, "initial_delay": 0.0})])
    (first,) = launches(driver.begin(0.0))
    (second,) = launches(driver.reply(first.token, Reply("failed", ename="ValueError", evalue="one"), 1.0))
    driver.reply(second.token, Reply("failed", ename="ValueError", evalue="two"), 2.0)
    assert driver.outcomes["a"].error.evalue == "two"
    assert driver.outcomes["a"].attempts == 2


@pytest.mark.parametrize("ename", ["CancelledError", "KeyboardInterrupt", "SystemExit"])
def test_what_was_meant_to_end_is_never_tried_again(ename):
    driver = driver_of([Node("a", retry=5)])
    (first,) = launches(driver.begin(0.0))
    driver.reply(first.token, Reply("failed", ename=ename), 1.0)
    assert driver.outcomes["a"].attempts == 1


def test_only_named_exceptions_and_their_subclasses_are_tried_again():
    driver = driver_of([Node("a", retry={"attempts": 9, "on": ["OSError"], "initial_delay": 0})])
    (first,) = launches(driver.begin(0.0))
    sub_class = Reply("failed", ename="ConnectionError", exception=ConnectionError())
    (second,) = launches(driver.reply(first.token, sub_class, 1.0))
    driver.reply(second.token, Reply("failed", ename="ValueError", exception=ValueError()), 2.0)
    assert driver.outcomes["a"].attempts == 2


def test_a_node_that_rests_when_the_run_stops_is_not_tried_again():
    driver = driver_of([Node("a", retry=3), Node("b")], keep_going=True)
    first, _ = launches(driver.begin(0.0))
    driver.reply(first.token, Reply("failed", ename="OSError"), 1.0)
    driver.interrupt(1.1)
    assert driver.outcomes["a"].status == "cancelled"
    assert "before it was tried again" in driver.outcomes["a"].reason


def test_an_attempt_that_waited_for_a_place_when_the_run_stopped_is_not_counted():
    nodes = [Node("a", retry={"attempts": 2, "initial_delay": 1.0, "jitter": 0}), Node("b")]
    driver = driver_of(nodes, jobs=1)
    (first,) = launches(driver.begin(0.0))
    driver.reply(first.token, Reply("failed", ename="OSError"), 1.0)
    driver.tick(2.0)
    driver.interrupt(3.0)
    assert (driver.outcomes["a"].status, driver.outcomes["a"].attempts) == ("cancelled", 1)


def test_a_process_that_outlives_its_timeout_is_tried_again_if_its_policy_says_so():
    driver = driver_of([Node("a", timeout=1.0, retry={"attempts": 2, "initial_delay": 0})], Script({"a": PROCESS}))
    driver.begin(0.0)
    (again,) = launches(driver.tick(1.0))
    driver.reply(again.token, DONE, 1.5)
    assert (driver.outcomes["a"].status, driver.outcomes["a"].attempts) == ("done", 2)


def test_a_dead_worker_fails_its_own_node_and_the_innocent_begin_again():
    driver = driver_of([Node("a"), Node("b")], Script(dict.fromkeys("ab", PROCESS)), keep_going=True)
    a, b = launches(driver.begin(0.0))
    (again,) = launches(driver.reply(b.token, Reply("lost", culprit=False), 1.0))
    driver.reply(a.token, Reply("lost", ename="ChildProcessError", evalue="gone", culprit=True), 1.0)
    driver.reply(again.token, DONE, 2.0)
    assert driver.outcomes["a"].status == "failed"
    assert (driver.outcomes["b"].status, driver.outcomes["b"].attempts) == ("done", 2)


def test_suspects_begin_again_alone_until_the_culprit_is_found():
    driver = driver_of([Node(name) for name in "abc"], Script(dict.fromkeys("abc", PROCESS)), keep_going=True, jobs=3)
    attempts = launches(driver.begin(0.0))
    launched = [attempt for one in attempts for attempt in launches(driver.reply(one.token, Reply("lost"), 1.0))]
    assert [(attempt.node.id, attempt.alone) for attempt in launched] == [("a", True)]
    (b,) = launches(driver.reply(launched[0].token, DONE, 2.0))
    (c,) = launches(driver.reply(b.token, Reply("lost", ename="ChildProcessError"), 3.0))
    driver.reply(c.token, DONE, 4.0)
    assert [driver.outcomes[name].status for name in "abc"] == ["done", "failed", "done"]


def test_a_node_that_waits_for_a_lock_holds_no_slot_and_stands_before_nobody():
    nodes = [Node("a", uses=["db"]), Node("b", uses=["db"]), Node("c")]
    driver = driver_of(nodes)
    a, c = launches(driver.begin(0.0))
    assert [a.node.id, c.node.id] == ["a", "c"]
    assert dict(driver.waiting) == {"b": "db"}
    driver.reply(c.token, DONE, 1.0)
    (b,) = launches(driver.reply(a.token, DONE, 3.0))
    driver.reply(b.token, DONE, 4.0)
    assert (driver.outcomes["b"].queued, driver.outcomes["b"].lock_wait) == (0.0, 3.0)


def test_the_wait_for_several_locks_begins_at_the_first_refusal():
    nodes = [Node("a", uses=["db"]), Node("b", uses=["gpu"]), Node("c", uses=["db", "gpu"])]
    driver = driver_of(nodes, jobs=3)
    a, b = launches(driver.begin(0.0))
    assert launches(driver.reply(a.token, DONE, 3.0)) == []
    (c,) = launches(driver.reply(b.token, DONE, 5.0))
    driver.reply(c.token, DONE, 6.0)
    assert driver.outcomes["c"].lock_wait == 5.0


def test_the_wait_for_a_lock_is_counted_over_all_attempts():
    nodes = [Node("a", uses=["db"]), Node("b", uses=["db"])]
    driver = driver_of(nodes, Script({"b": PROCESS}))
    (a,) = launches(driver.begin(0.0))
    (b,) = launches(driver.reply(a.token, DONE, 3.0))
    (again,) = launches(driver.reply(b.token, Reply("lost", culprit=False), 4.0))
    driver.reply(again.token, DONE, 5.0)
    assert driver.outcomes["b"].lock_wait == 3.0


def test_a_rate_lets_so_many_begin_in_any_window():
    claims = Claims({"api": Capacity(2, period=10.0)})
    driver = driver_of([Node(name, uses=["api"]) for name in "abc"], jobs=3, claims=claims)
    assert [one.node.id for one in launches(driver.begin(0.0))] == ["a", "b"]
    assert driver.wake(0.0) == 10.0
    assert [one.node.id for one in launches(driver.tick(10.0))] == ["c"]


@pytest.mark.parametrize("keep_going", [False, True])
def test_a_budget_that_is_spent_stops_the_run_cleanly(keep_going: bool):
    """What runs goes on to its end; what could never start fails by name, and nobody waits for it."""
    claims = Claims({"tokens": Capacity(5, period=math.inf)})
    costs = {"a": 9, "b": 8, "c": 1}
    nodes = [Node(name, uses=["tokens:2"], cost=cost) for name, cost in costs.items()]
    nodes += [Node("d", after=["b"]), Node("e", after=["c"])]
    driver = driver_of(nodes, jobs=4, claims=claims, keep_going=keep_going)
    a, b = launches(driver.begin(0.0))
    assert driver.outcomes["c"].status == "failed"
    assert driver.wake(0.0) is None
    assert "asks for 2 of the budget 'tokens', and 1 of 5 is left" in str(driver.outcomes["c"].error)
    assert driver.outcomes["c"].attempts == 0
    driver.reply(a.token, DONE, 1.0)
    for d in launches(driver.reply(b.token, DONE, 1.0)):
        driver.reply(d.token, DONE, 2.0)
    assert driver.done
    statuses = "".join(driver.outcomes[name].status[0] for name in "abcde")
    assert statuses == ("ddfds" if keep_going else "ddfss")


def test_an_amount_above_a_whole_budget_is_found_before_the_run():
    nodes = [Node("a", uses=["tokens:6"])]
    (issue,) = impossible(nodes, {"tokens": Capacity(5, period=math.inf)})
    assert issue.code == "too-much-of-a-resource"


def test_coroutines_take_no_slots_and_keep_to_their_own_limit():
    nodes = [Node(name) for name in "abcd"]
    lanes = dict.fromkeys("abc", ("async", ""))
    driver = driver_of(nodes, Script(lanes), jobs=2, async_jobs=2)
    first = launches(driver.begin(0.0))
    assert [one.node.id for one in first] == ["a", "b", "d"]
    assert driver.places.busy == 1
    assert [one.node.id for one in launches(driver.reply(first[0].token, DONE, 1.0))] == ["c"]


class Choosy(Script):
    def condition(self, node):
        if node.when == "broken":
            raise ValueError("cannot be decided")
        return "its condition was false: no" if node.when == "no" else ""


def test_a_false_condition_skips_its_node_and_what_needs_its_value_but_not_what_merely_comes_after_it():
    nodes = [Node("a", when="no"), Node("reads"), Node("follows", after=["a"]), Node("b", when="yes")]
    plan = Plan(DAG(nodes, [Edge("a", "reads", "value")]))
    driver = Driver(plan, Choosy(), Terms(jobs=4))
    started = [one.node.id for one in launches(driver.begin(0.0))]
    assert sorted(started) == ["b", "follows"]
    assert driver.outcomes["a"].reason == "its condition was false: no"
    assert driver.outcomes["reads"].status == "skipped"
    assert "'a'" in driver.outcomes["reads"].reason


def test_a_condition_that_cannot_be_decided_fails_its_node():
    driver = driver_of([Node("a", when="broken")], Choosy())
    driver.begin(0.0)
    assert driver.outcomes["a"].error.evalue == "cannot be decided"


def test_without_keep_going_such_a_condition_lets_nothing_begin_that_became_ready_with_it():
    driver = driver_of([Node("a", when="broken"), Node("b")], Choosy())
    assert launches(driver.begin(0.0)) == []
    assert driver.outcomes["b"].reason == "stopped after 'a' failed"


def test_a_node_may_make_the_graph_grow():
    driver = driver_of([Node("split"), Node("join", after=["split"])])
    (split,) = launches(driver.begin(0.0))
    decisions = driver.reply(split.token, Reply("done", value=Expand([Node("p"), Node("q")], value=2)), 1.0)
    assert kinds(decisions, GraphGrown)[0].nodes == ("p", "q")
    p, q = launches(decisions)
    driver.reply(p.token, DONE, 2.0)
    (join,) = launches(driver.reply(q.token, DONE, 2.0))
    assert join.node.id == "join"
    assert driver.outcomes["split"].value == 2


def test_nodes_that_do_not_fit_are_their_makers_failure_and_nothing_grows():
    driver = driver_of([Node("split"), Node("join", after=["split"])])
    (split,) = launches(driver.begin(0.0))
    driver.reply(split.token, Reply("done", value=Expand([Node("join"), Node("p", after=["nobody"])])), 1.0)
    assert driver.outcomes["split"].status == "failed"
    assert "'nobody'" in driver.outcomes["split"].error.evalue
    assert list(driver.dag.nodes) == ["split", "join"]


def test_known_outcomes_are_taken_over_and_nothing_runs_twice():
    known = {"a": Outcome("a", "cached", value=1)}
    driver = driver_of([Node("a"), Node("b", after=["a"])], known=known)
    assert [one.node.id for one in launches(driver.begin(0.0))] == ["b"]
    assert driver.outcomes["a"] is known["a"]


def test_a_run_that_is_silent_for_long_says_who_is_waited_for():
    driver = driver_of([Node("a", uses=["db"]), Node("b", uses=["db"])], patience=30.0)
    driver.begin(0.0)
    assert driver.tick(29.0) == []
    (told,) = kinds(driver.tick(30.0), Stalled)
    assert (told.running, told.waiting) == (("a",), (("b", "waits for db"),))
    assert driver.tick(31.0) == []


def test_a_cancelled_run_ends_by_itself_and_says_why():
    driver = driver_of([Node("a"), Node("b", after=["a"])])
    (attempt,) = launches(driver.begin(0.0))
    assert kinds(driver.cancel("enough", 1.0), Abandon) == [Abandon(attempt)]
    driver.reply(attempt.token, Reply("cancelled", reason="stopped"), 1.1)
    assert driver.done
    assert driver.stopped == "cancelled"
    assert [driver.outcomes[name].reason for name in "ab"] == ["enough", "enough"]
