"""The retry lab: rests are those of the policy, nobody is lost, and a herd is a herd only without jitter."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra_nb import BreakerPolicy, ConfigError, RetryPolicy, retry_lab
from orchestra_nb.labs.storm import Crowd, storm

POLICIES = st.builds(
    RetryPolicy,
    attempts=st.integers(1, 7),
    initial_delay=st.sampled_from([0.0, 0.5, 2.0]),
    max_delay=st.sampled_from([1.0, 20.0]),
    multiplier=st.sampled_from([1.0, 2.0]),
    jitter=st.sampled_from([0.0, 0.3, 1.0]),
)
CROWDS = st.builds(
    Crowd, st.integers(1, 12), st.sampled_from([0.0, 2.0, 9.0]), st.integers(1, 4), st.sampled_from([None, 0.5, 30.0]),
    st.integers(0, 99),
)  # fmt: skip
BREAKERS = st.sampled_from([None, BreakerPolicy(threshold=1, rest=2.0), BreakerPolicy(threshold=3, rest=0.5)])


@settings(max_examples=80, deadline=None)
@given(POLICIES, CROWDS, BREAKERS)
def test_rests_are_within_the_bounds_of_the_policy_and_everybody_ends(policy, crowd, breaker):
    made = storm(policy, crowd, "any", breaker)
    last = {}
    for one in made.attempts:
        before = last.get(one.client)
        assert one.number == (1 if before is None else before.number + 1)
        assert one.at == (0.0 if before is None else before.at + before.rest)
        last[one.client] = one
        if one.rest is not None:
            least, most = policy.delay(one.number, 1.0), policy.delay(one.number, 0.0)
            asked = crowd.retry_after is not None or one.result == "refused"
            assert least <= one.rest <= (policy.max_delay if asked else most)
            if crowd.retry_after is not None and one.result in ("down", "overloaded"):
                assert one.rest >= min(crowd.retry_after, policy.max_delay)
    assert len(last) == crowd.clients
    assert len(made.succeeded) + made.gave_up == crowd.clients
    assert all(one.result == "ok" or one.number == policy.attempts for one in last.values())


@settings(max_examples=60, deadline=None)
@given(POLICIES, CROWDS, BREAKERS)
def test_the_service_answers_no_more_than_it_can_and_nobody_while_it_is_down(policy, crowd, breaker):
    made = storm(policy, crowd, "any", breaker)
    answered = made.succeeded
    assert all(at >= crowd.outage for at in answered)
    for number, at in enumerate(answered[crowd.capacity :]):
        assert at - answered[number] >= 1.0 - 1e-9
    assert sum(map(sum, (load.values() for load in made.load(0.25)))) == made.reached
    assert made.reached == len(made.attempts) or breaker is not None


def test_without_jitter_all_come_back_at_the_same_instant_and_with_it_they_do_not():
    none, half, full = retry_lab(clients=20, outage=5.0).storms
    assert none.peak == 20 > half.peak >= full.peak
    assert len({one.at for one in none.attempts if one.number == 2}) == 1
    assert len({one.at for one in full.attempts if one.number == 2}) == 20
    assert none.median > half.median > full.median


def test_clients_have_the_same_luck_whatever_the_jitter():
    _, half, full = retry_lab(clients=6, outage=5.0).storms
    off = [
        {one.client: 1.0 - one.rest for one in each.attempts if one.number == 1} for each in (half, full)
    ]  # what chance took off the first rest of one second
    assert {client: pytest.approx(2 * much) for client, much in off[0].items()} == off[1]


def test_a_retry_after_is_a_floor_that_brings_all_back_together_and_the_story_says_so():
    assert "come back together" in retry_lab(retry_after=8).story.summary[-1]
    for each in retry_lab(clients=20, outage=5.0, retry_after=8).storms:
        assert {one.at for one in each.attempts if one.number == 2} == {8.0}


def test_behind_a_breaker_hardly_anything_reaches_a_broken_service():
    lab = retry_lab(clients=20, outage=5.0, breaker=True)
    behind, bare = lab.storm, next(each for each in lab.storms if each.name == "jitter 0.5")
    assert behind.name == "jitter 0.5 and a breaker"
    found_it_down = [sum(one.result == "down" for one in each.attempts) for each in (behind, bare)]
    assert found_it_down[0] < 0.2 * found_it_down[1]
    assert len(behind.succeeded) == 20


def test_the_same_seed_is_the_same_lab_and_another_one_is_not():
    assert retry_lab(seed=3) == retry_lab(seed=3)
    assert retry_lab(seed=3).attempts != retry_lab(seed=4).attempts


def test_every_control_can_be_turned_from_end_to_end():
    story = retry_lab(clients=10, outage=2.0).story
    for control in story.controls:
        ends = getattr(control, "options", None) or (control.least, control.most)
        for value in ends:
            assert story.changed(control.name, value).frames


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ({"policy": 5}, "policy=5 must be a RetryPolicy, such as"),
        ({"policy": RetryPolicy(attempts=21)}, "attempts=21 must be a number from 1 to 20"),
        ({"clients": 0}, "clients=0 must be a whole number from 1 to 200"),
        ({"clients": 2.5}, "clients=2.5"),
        ({"capacity": 0}, "capacity=0 must be a whole number"),
        ({"outage": -1}, "outage=-1 must be a number from 0"),
        ({"retry_after": "soon"}, "retry_after='soon'"),
        ({"breaker": "yes"}, "breaker='yes' must be a BreakerPolicy, True or None"),
    ],
)
def test_what_cannot_be_meant_is_told(given_, says):
    with pytest.raises(ConfigError) as caught:
        retry_lab(**given_)
    assert says in str(caught.value)
