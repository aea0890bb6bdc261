"""Another attempt: who gets one, when, and how soon a stop ends the rest before it (target W7)."""

from __future__ import annotations

import asyncio
import random

import pytest

from orchestra_nb.config import RetryPolicy
from orchestra_nb.errors import NodeCancelled
from orchestra_nb.events import NodeRetrying
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node
from orchestra_nb.planning import Plan
from orchestra_nb.running.decisions import Attempt, Terms
from orchestra_nb.running.driver import Driver
from orchestra_nb.running.seams import Reply
from orchestra_nb.running.trying import worth_another

from .driver_worlds import Script

ANY = RetryPolicy(attempts=5)


class Left(SystemExit):
    """A subclass, as libraries have them."""


class Dropped(asyncio.CancelledError):
    pass


class Stopped(KeyboardInterrupt):
    pass


def failed(error):
    return Reply("failed", ename=type(error).__name__, exception=error)


def attempt(**given):
    return Attempt(1, Node("a"), "thread", **given)


@pytest.mark.parametrize("kind", [asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("on", [None, ("BaseException",), ("CancelledError", "KeyboardInterrupt", "SystemExit")])
def test_what_was_meant_to_end_is_never_tried_again_whatever_the_policy_says(kind, on):
    policy = RetryPolicy(attempts=5, on=on)
    assert not worth_another(policy, attempt(), failed(kind()))
    assert not worth_another(policy, attempt(), Reply("failed", ename=kind.__name__)), "it stayed in another process"


@pytest.mark.parametrize("kind", [Left, Dropped, Stopped])
def test_nor_are_subclasses_of_it(kind):
    assert not worth_another(ANY, attempt(), failed(kind()))


@pytest.mark.parametrize("status", ["done", "cancelled", "refused"])
def test_what_did_not_fail_is_not_tried_again(status):
    assert not worth_another(ANY, attempt(), Reply(status))


def test_what_was_stopped_is_not_tried_again_however_it_ended():
    assert not worth_another(ANY, attempt(ending="stop"), failed(OSError()))


def test_attempts_are_as_many_as_the_policy_says_and_no_more():
    assert [worth_another(ANY, attempt(tries=tries), failed(OSError())) for tries in (1, 4, 5, 6)] == [
        *(True, True),
        *(False, False),
    ]


def test_a_timeout_is_a_timeout_whatever_came_back_in_the_end():
    late = attempt(ending="timeout")
    for reply in (Reply("done"), Reply("cancelled"), failed(ValueError())):
        assert worth_another(RetryPolicy(attempts=2, on="TimeoutError"), late, reply)
        assert worth_another(RetryPolicy(attempts=2, on="NodeTimeout"), late, reply)
        assert not worth_another(RetryPolicy(attempts=2, on="ValueError"), late, reply)


def test_the_death_of_a_worker_has_a_name():
    lost = Reply("lost", ename="ChildProcessError", culprit=True)
    assert worth_another(RetryPolicy(attempts=2, on="WorkerLost"), attempt(), lost)
    assert worth_another(RetryPolicy(attempts=2, on="ChildProcessError"), attempt(), lost)
    assert not worth_another(RetryPolicy(attempts=2, on="OSError"), attempt(), lost)


def test_an_exception_that_stayed_in_another_process_is_known_by_its_own_name_only():
    policy = RetryPolicy(attempts=2, on="OSError")
    assert not worth_another(policy, attempt(), Reply("failed", ename="ConnectionError"))
    assert worth_another(policy, attempt(), failed(ConnectionError()))


def test_ten_thousand_rests_lie_within_the_bounds_of_their_jitter_and_fill_them():
    draw = random.Random(5)
    shares = []
    for _ in range(10_000):
        policy = RetryPolicy(
            attempts=10,
            initial_delay=draw.uniform(0.01, 5.0),
            max_delay=draw.choice((0.5, 20.0, 1e6)),
            multiplier=draw.uniform(1.0, 4.0),
            jitter=draw.choice((0.25, 0.5, 1.0)),
        )
        number = draw.randint(1, 9)
        longest = min(policy.max_delay, policy.initial_delay * policy.multiplier ** (number - 1))
        delay = policy.delay(number, draw.random())
        assert longest * (1 - policy.jitter) <= delay <= longest
        shares.append((longest - delay) / (longest * policy.jitter))
    assert min(shares) < 0.01
    assert max(shares) > 0.99
    assert sum(shares) / len(shares) == pytest.approx(0.5, abs=0.02)


def test_rests_grow_by_their_multiplier_up_to_the_longest_also_where_numbers_end():
    policy = RetryPolicy(attempts=9, initial_delay=1.0, multiplier=3.0, max_delay=20.0, jitter=0.0)
    assert [policy.delay(number, 0.7) for number in (1, 2, 3, 4, 5_000)] == [1.0, 3.0, 9.0, 20.0, 20.0]


def resting(*others, **terms):
    """A driver whose node ``a`` rests from 1.0 to 61.0, and the attempts of the others."""
    policy = {"attempts": 3, "initial_delay": 60.0, "jitter": 0}
    plan = Plan(DAG([Node("a", retry=policy), *others]), keep_going=True)
    driver = Driver(plan, Script({}), Terms(2, keep_going=True, **terms))
    first, *rest = (one for one in driver.begin(0.0) if isinstance(one, Attempt))
    assert any(isinstance(one, NodeRetrying) for one in driver.reply(first.token, failed(OSError()), 1.0))
    assert driver.resting == ("a",)
    return driver, rest


@pytest.mark.parametrize("stop", ["cancel", "interrupt", "timeout"])
def test_a_stop_ends_a_rest_in_the_very_step(stop):
    driver, _ = resting(timeout=2.0 if stop == "timeout" else None)
    steps = {"cancel": lambda: driver.cancel("enough", 2.0), "interrupt": lambda: driver.interrupt(2.0)}
    steps.get(stop, lambda: driver.tick(2.0))()
    assert driver.done
    outcome = driver.outcomes["a"]
    assert (outcome.status, outcome.ended, outcome.attempts) == ("cancelled", 2.0, 1)
    assert isinstance(outcome.error, NodeCancelled)
    assert driver.wake(2.0) is None
    assert not any(isinstance(one, Attempt) for one in driver.tick(61.0))


def test_the_rest_of_one_node_is_not_the_rest_of_another():
    driver, (b,) = resting(Node("b"))
    driver.reply(b.token, Reply("done"), 2.0)
    assert driver.wake(2.0) == 61.0
    assert not any(isinstance(one, Attempt) for one in driver.tick(60.9))
    (again,) = driver.tick(61.0)
    assert (again.node.id, again.number, again.tries, again.started) == ("a", 2, 2, 61.0)


def test_without_keep_going_the_failure_of_another_ends_a_rest():
    plan = Plan(DAG([Node("a", retry=3), Node("b")]))
    driver = Driver(plan, Script({}), Terms(2))
    a, b = (one for one in driver.begin(0.0) if isinstance(one, Attempt))
    driver.reply(a.token, failed(OSError()), 1.0)
    driver.reply(b.token, failed(SystemExit()), 1.1)
    assert driver.done
    assert driver.outcomes["a"].reason == "stopped after 'b' failed, before it was tried again"


def test_each_rest_is_drawn_anew():
    draws = iter((0.0, 0.5, 1.0))
    policy = {"attempts": 4, "initial_delay": 1.0, "multiplier": 2.0, "jitter": 1.0}
    driver = Driver(Plan(DAG([Node("a", retry=policy)])), Script({}), Terms(2, chance=lambda: next(draws)))
    (one,) = (one for one in driver.begin(0.0) if isinstance(one, Attempt))
    delays = []
    for now in (10.0, 20.0, 30.0):
        decisions = driver.reply(one.token, failed(OSError()), now)
        decisions += driver.tick(now + 5.0)
        delays += [one.delay for one in decisions if isinstance(one, NodeRetrying)]
        (one,) = (one for one in decisions if isinstance(one, Attempt))
    assert delays == [1.0, 1.0, 0.0]
