"""The core of a breaker, case by case: what opens it, what closes it, and what says nothing."""

from __future__ import annotations

import pytest

from orchestra_nb.config import BreakerPolicy
from orchestra_nb.errors import ConfigError
from orchestra_nb.recovery.breaker import Breaker, Refusal, Ticket

PLAIN = BreakerPolicy(threshold=2, rest=10.0)
RESULT = {"s": "success", "f": "failure", "a": "abandoned"}


def played(policy, story, now=0.0):
    """A breaker after calls that ended as the letters say, one each second."""
    breaker = Breaker(policy, now)
    for letter in story:
        breaker.report(breaker.ask(now), RESULT[letter], now, letter)
        now += 1.0
    return breaker


def opened(policy=PLAIN):
    """A breaker that opened at 0."""
    breaker = Breaker(policy, 0.0)
    while breaker.phase.state == "closed":
        breaker.report(breaker.ask(0.0), "failure", 0.0, "why")
    return breaker


@pytest.mark.parametrize(
    ("story", "state"),
    [
        ("f", "closed"),
        ("ff", "open"),
        ("fsf", "closed"),
        ("fsff", "open"),
        ("faf", "open"),  # it said nothing, so the row goes on
        ("aaaa", "closed"),
        ("ssss", "closed"),
    ],
)
def test_failures_in_a_row_open_it(story, state):
    assert played(PLAIN, story).phase.state == state


@pytest.mark.parametrize(
    ("story", "state"),
    [
        ("sfsf", "open"),
        ("ssf", "closed"),
        ("ff", "closed"),  # too few to say anything
        ("sssfff", "open"),
        ("fffs", "open"),  # the fourth made them enough
        ("sfsa", "closed"),  # what was abandoned is not counted
    ],
)
def test_a_share_of_failures_opens_it_when_there_were_enough_calls(story, state):
    policy = BreakerPolicy(threshold=None, rate=0.5, minimum=4, window=100.0)
    assert played(policy, story).phase.state == state


def test_calls_that_ended_before_the_window_are_forgotten():
    policy = BreakerPolicy(threshold=None, rate=0.5, minimum=2, window=3.0)
    breaker = played(policy, "s")
    breaker.report(breaker.ask(3.0), "failure", 3.0)
    assert (breaker.phase.state, len(breaker.phase.calls)) == ("closed", 1)
    breaker.report(breaker.ask(4.0), "failure", 4.0)
    assert breaker.phase.state == "open"


def test_an_open_breaker_refuses_until_its_rest_is_over_and_says_why():
    breaker = opened()
    assert breaker.ask(0.0) == breaker.ask(9.999) == Refusal("open", 10.0, "why")
    assert isinstance(breaker.ask(10.0), Ticket)
    assert breaker.phase.state == "half-open"


@pytest.mark.parametrize("probes", [1, 2, 5])
def test_after_the_rest_exactly_so_many_probes_go_through_however_many_ask(probes):
    breaker = opened(BreakerPolicy(threshold=1, rest=10.0, probes=probes))
    answers = [breaker.ask(10.0) for _ in range(100)]
    tickets = [answer for answer in answers if isinstance(answer, Ticket)]
    assert len(tickets) == probes
    assert answers[-1] == Refusal("half-open", 20.0, "why")
    for ticket in tickets[1:]:
        breaker.report(ticket, "success", 11.0)
        assert breaker.phase.state == "half-open"
        assert isinstance(breaker.ask(11.0), Refusal), "a success makes no room for another probe"
    breaker.report(tickets[0], "success", 11.0)
    assert breaker.phase.state == "closed"


def test_one_failing_probe_of_several_opens_it_again():
    breaker = opened(BreakerPolicy(threshold=1, rest=10.0, probes=3))
    first, second, third = (breaker.ask(10.0) for _ in range(3))
    breaker.report(first, "success", 11.0)
    breaker.report(second, "failure", 12.0, "again")
    assert breaker.ask(12.0) == Refusal("open", 22.0, "again")
    assert not breaker.report(third, "success", 13.0), "it came too late"
    assert breaker.phase.state == "open"


def test_an_abandoned_probe_gives_its_place_to_the_next_at_once():
    breaker = opened()
    breaker.report(breaker.ask(10.0), "abandoned", 10.5)
    assert breaker.phase.state == "half-open"
    assert isinstance(breaker.ask(10.5), Ticket)


@pytest.mark.parametrize(("lease", "until"), [(None, 20.0), (3.0, 13.0)])
def test_a_probe_that_never_reports_keeps_its_place_for_one_lease(lease, until):
    breaker = opened(BreakerPolicy(threshold=1, rest=10.0, lease=lease))
    breaker.ask(10.0)
    assert breaker.ask(until - 0.001) == Refusal("half-open", until, "why")
    assert isinstance(breaker.ask(until), Ticket)


@pytest.mark.parametrize(("result", "state"), [("success", "closed"), ("failure", "open"), ("abandoned", "half-open")])
def test_a_probe_that_outlived_its_lease_is_heard_all_the_same(result, state):
    breaker = opened()
    slow = breaker.ask(10.0)
    other = breaker.ask(20.0)
    assert breaker.report(slow, result, 25.0)
    assert breaker.phase.state == state
    assert breaker.report(other, "success", 26.0) == (state == "half-open")


@pytest.mark.parametrize("result", ["success", "failure", "abandoned"])
@pytest.mark.parametrize("meanwhile", ["open", "half-open", "closed again", "reset"])
def test_a_late_result_changes_nothing(result, meanwhile):
    breaker = Breaker(PLAIN, 0.0)
    slow = breaker.ask(0.0)
    for _ in range(2):
        breaker.report(breaker.ask(1.0), "failure", 1.0)
    if meanwhile in ("half-open", "closed again"):
        probe = breaker.ask(11.0)
        if meanwhile == "closed again":
            breaker.report(probe, "success", 11.0)
    elif meanwhile == "reset":
        breaker.reset(2.0)
    phase = breaker.phase
    before = (phase.state, phase.failures, phase.successes, dict(phase.leases))
    assert not breaker.report(slow, result, 12.0)
    assert breaker.phase is phase
    assert (phase.state, phase.failures, phase.successes, phase.leases) == before


def test_a_second_report_of_the_same_call_does_not_count():
    breaker = Breaker(PLAIN, 0.0)
    ticket = breaker.ask(0.0)
    assert breaker.report(ticket, "failure", 0.0)
    assert not breaker.report(ticket, "failure", 0.0)
    assert breaker.phase.state == "closed"


def test_a_rest_grows_while_probes_fail_and_starts_anew_when_it_has_closed():
    policy = BreakerPolicy(threshold=1, rest=10.0, multiplier=2.0, max_rest=30.0)
    breaker, now, rests = opened(policy), 0.0, []
    for result in ("failure", "failure", "success", "failure"):
        rests.append(breaker.phase.until - now)
        now = breaker.phase.until
        breaker.report(breaker.ask(now), result, now)
        if breaker.phase.state == "closed":
            breaker.report(breaker.ask(now), "failure", now)
    assert rests == [10.0, 20.0, 30.0, 10.0]


def test_a_reset_forgets_the_failures_and_their_reason():
    breaker = played(PLAIN, "f")
    breaker.reset(1.0)
    breaker.report(breaker.ask(2.0), "failure", 2.0)
    assert breaker.phase.state == "closed"
    breaker = opened()
    breaker.reset(1.0)
    assert (breaker.phase.state, breaker.phase.last_failure) == ("closed", "")
    assert isinstance(breaker.ask(1.0), Ticket)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"threshold": 0}, "threshold=0 must be a whole number from 1"),
        ({"threshold": True}, "threshold=True must be a whole number"),
        ({"threshold": None}, "threshold=None and rate=None: nothing would open the circuit"),
        ({"rest": 0}, "rest=0 must be a positive, finite number"),
        ({"rest": None}, "rest=None must be a positive, finite number"),
        ({"rest": float("inf")}, "rest=inf must be"),
        ({"rate": 0}, "rate=0 must be a positive"),
        ({"rate": 1.5}, "rate=1.5 must be a number from 0 to 1"),
        ({"window": -1}, "window=-1 must be a positive"),
        ({"minimum": 0}, "minimum=0 must be a whole number from 1"),
        ({"probes": 0}, "probes=0 must be a whole number from 1"),
        ({"probes": None}, "probes=None must be a whole number from 1"),
        ({"lease": 0}, "lease=0 must be a positive"),
        ({"multiplier": 0.5}, "multiplier=0.5 must be a number from 1"),
        ({"max_rest": "x"}, "max_rest='x' must be a positive"),
        ({"on": 3}, "on=3 must be names of exception classes"),
        ({"on": ("OSError", "")}, "must be names of exception classes"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused_at_birth(settings, told):
    with pytest.raises(ConfigError) as caught:
        BreakerPolicy(**settings)
    assert told in str(caught.value)


def test_a_policy_reads_one_name_as_several():
    assert BreakerPolicy(on="OSError").on == BreakerPolicy(on=["OSError"]).on == ("OSError",)


def test_a_rest_does_not_overflow_however_often_it_opened():
    assert BreakerPolicy(multiplier=10.0).rest_after(10_000) == 600.0
    assert BreakerPolicy(rest=900.0, multiplier=2.0).rest_after(3) == 900.0, "a long rest is not cut by the bound"
