"""The breaker lab counts what the core counts, and is honest about what a breaker spares and costs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra_nb import BreakerPolicy, CircuitOpenError, ConfigError, breaker_lab
from orchestra_nb.labs.circuit_course import Service, with_breaker, without_breaker
from orchestra_nb.recovery.breakers import Breakers

TIMES = st.lists(st.integers(0, 400).map(lambda n: n / 10), min_size=1, max_size=30).map(sorted).map(tuple)
POLICIES = st.builds(
    BreakerPolicy,
    threshold=st.integers(1, 4),
    rest=st.sampled_from([0.5, 2.0, 5.0]),
    probes=st.integers(1, 2),
    multiplier=st.sampled_from([1.0, 2.0]),
)
SERVICES = st.builds(
    lambda start, long, answer, patience: Service(((start, start + long),), answer, patience),
    st.sampled_from([0.0, 5.0]), st.sampled_from([0.1, 10.0]), st.sampled_from([0.1, 3.0]),
    st.sampled_from([0.2, 2.0, 7.0]),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(TIMES, SERVICES, POLICIES)
def test_the_counts_of_each_moment_are_those_of_the_breakers_that_runs_use(times, service, policy):
    course = with_breaker(times, service, policy)
    now = 0.0
    breakers = Breakers(policy, clock=lambda: now)
    breakers.configure("service", policy)
    leaves = {}
    for moment in course.moments:
        now = moment.at
        if moment.what in ("begins", "probes"):
            leaves[moment.call] = breakers.ask("service")
        elif moment.what == "is refused":
            with pytest.raises(CircuitOpenError):
                breakers.ask("service")
        elif moment.what == "succeeds":
            leaves.pop(moment.call).succeeded()
        else:
            leaves.pop(moment.call).failed(["TimeoutError"], "TimeoutError: no answer")
        # not statistics(), by which time passes for the circuit: a lab tells of what calls have made it notice
        assert breakers._circuits["service"].seen(now) == moment.stats
    assert not leaves


@settings(max_examples=50, deadline=None)
@given(TIMES, SERVICES, POLICIES)
def test_no_call_is_lost_and_none_waits_longer_than_without_a_breaker(times, service, policy):
    course, others = with_breaker(times, service, policy), without_breaker(times, service)
    assert [call.number for call in course.calls] == [call.number for call in others] == list(range(1, len(times) + 1))
    for call, other in zip(course.calls, others, strict=True):
        assert call.began == other.began
        assert (call.result, call.ended) in ((other.result, other.ended), ("refused", call.began))
    for one, next_ in zip(course.stays, course.stays[1:], strict=False):
        assert one.end == next_.start
        assert one.state != next_.state


def test_an_outage_costs_callers_less_behind_a_breaker_and_some_are_refused_in_vain():
    lab = breaker_lab(2.0, threshold=3, rest=5, outage=(5, 20))
    mine, others = lab.with_breaker, lab.without_breaker
    assert (mine.reached, others.reached) == (7, 30)
    assert (mine.lost, others.lost) == (pytest.approx(14.0), pytest.approx(60.0))
    assert mine.reached + mine.refused + mine.succeeded == len(lab.times) == 60
    assert mine.in_vain > 0 == others.in_vain


def test_exactly_one_probe_is_let_through_however_many_ask():
    lab = breaker_lab([1.0, 10.0, 10.5, 11.0, 11.5], threshold=1, rest=5, outage=(0, 30))
    assert [call.result for call in lab.course.calls] == ["failed", "failed", "refused", "refused", "refused"]
    assert [call.probe for call in lab.course.calls] == [False, True, False, False, False]


def test_a_call_that_ends_after_the_circuit_has_opened_does_not_count():
    lab = breaker_lab([1.0, 1.5], threshold=1, outage=(0, 30))
    assert [call.counted for call in lab.course.calls] == [True, False]
    assert lab.moments[-1].told == ("call 2 fails, after 2.0 s, too late to count",)


def test_without_an_outage_nothing_happens():
    lab = breaker_lab(outage=())
    assert {stay.state for stay in lab.course.stays} == {"closed"}
    assert [control.name for control in lab.story.controls] == ["threshold", "rest"]


@pytest.mark.parametrize("outage", [(5, 20), [(5, 8), (12, 20)], ()])
def test_every_control_can_be_turned_from_end_to_end(outage):
    story = breaker_lab(outage=outage, seconds=20.0).story
    for control in story.controls:
        for value in (control.least, control.most):
            assert len(story.changed(control.name, value).frames) >= 20


def test_given_times_stay_when_a_control_is_turned():
    story = breaker_lab([1.0, 2.0, 3.0], outage=(0, 30)).story
    assert [frame.title for frame in story.changed("threshold", 10).frames][:3] == ["1.0 s", "2.0 s", "3.0 s"]


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ({"calls": 0}, "calls=0 must be a positive, finite number"),
        ({"calls": 1000.0}, "calls * seconds=30000.0 must be a number from 1 to 500"),
        ({"calls": []}, "calls=[] must be calls per second, or from 1 to 500 times"),
        ({"calls": [1.0, -1.0]}, "times in seconds from 0"),
        ({"calls": "often"}, "calls='often' must be calls per second"),
        ({"calls": None}, "calls=None must be calls per second"),
        ({"outage": (20, 5)}, "outage=(20, 5) must be seconds from and to, such as (5, 20)"),
        ({"outage": 5}, "outage=5 must be seconds from and to"),
        ({"outage": [(1, 2, 3)]}, "or several such pairs"),
        ({"threshold": 0}, "threshold=0 must be a whole number from 1"),
        ({"rest": -1}, "rest=-1"),
        ({"patience": 0}, "patience=0 must be a number from"),
        ({"seconds": float("inf")}, "seconds=inf"),
    ],
)
def test_what_cannot_be_meant_is_told(given_, says):
    with pytest.raises(ConfigError) as caught:
        breaker_lab(**given_)
    assert says in str(caught.value)
