"""Whatever nonsense a lab is given, it is refused in a sentence; whatever it takes, it can show."""

import pytest

from orchestra_nb import OrchestraError, RetryPolicy, breaker_lab, deadlock_lab, retry_lab

HUGE = 10**400

REFUSED = [
    (lambda: deadlock_lab(resources=5), "resources=5 must be a mapping"),
    (lambda: deadlock_lab(resources="x"), "resources='x' must be a mapping"),
    (lambda: deadlock_lab([("a", "takes", "db")], resources=[1]), r"resources=\[1\] must be a mapping"),
    (lambda: deadlock_lab(resources={"db": HUGE}), "there cannot be 1000"),
    (lambda: deadlock_lab(resources={1: 1}), "nobody takes '1'"),
    (lambda: deadlock_lab([(f"o{i}", "takes", "db") for i in range(201)]), "at most 200 owners, and this one has 201"),
    (lambda: breaker_lab(seconds=None), "seconds=None must be a number"),
    (lambda: breaker_lab(answer=None), "answer=None must be a number"),
    (lambda: breaker_lab(patience=None), "patience=None must be a number"),
    (lambda: breaker_lab(threshold=HUGE), "threshold=1000"),
    (lambda: breaker_lab(seed=[]), r"seed=\[\] must be a whole number"),
    (lambda: retry_lab(seed="x"), "seed='x' must be a whole number"),
]


@pytest.mark.parametrize(("asked", "told"), REFUSED, ids=[told[:40] for _, told in REFUSED])
def test_nonsense_is_one_clear_error(asked, told):
    with pytest.raises(OrchestraError, match=told):
        asked()


def test_rests_of_years_are_shown_as_fast_as_rests_of_seconds():
    lab = retry_lab(RetryPolicy(attempts=20, initial_delay=1e5, max_delay=1e9), clients=5)
    assert max(attempt.at for attempt in lab.attempts) > 1e4
    assert "calls that reach the service" in lab._repr_mimebundle_()["text/html"]


ODD = [None, True, float("nan"), float("inf"), -1, 10**9, HUGE, "x", "5", "<b>", [], {}, {"a": 1}]


@pytest.mark.parametrize("odd", ODD)
def test_a_control_that_is_turned_to_nonsense_is_refused_or_taken(odd):
    for story in (deadlock_lab().story, retry_lab(clients=3).story, breaker_lab(1.0).story):
        for control in story.controls:
            try:
                assert story.changed(control.name, odd).frames
            except OrchestraError as error:
                assert str(error)  # noqa: PT017
