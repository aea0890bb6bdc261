"""Stories: controls take what they can be, and tell a story anew without changing it."""

import pytest

from orchestra_nb import ConfigError
from orchestra_nb.labs import Choice, Frame, Slider, Story

SLIDER = Slider("workers", "Workers", 2, 1, 8)
FINE = Slider("rest", "Rest", 1.0, 0.5, 5.0, 0.5, "s")
CHOICE = Choice("policy", "Policy", "fifo", ("fifo", "random"))


def told(values=None):
    given = {"workers": 2, "policy": "fifo", **(values or {})}
    frames = [Frame(str(step), (given["policy"],), ()) for step in range(given["workers"])]
    controls = (
        Slider("workers", "Workers", given["workers"], 1, 8),
        Choice("policy", "Policy", given["policy"], ("fifo", "random")),
    )
    return Story("counting", frames, controls=controls, retell=told)


@pytest.mark.parametrize(
    ("control", "given", "taken"),
    [
        (SLIDER, 3, 3),
        (SLIDER, "3", 3),
        (SLIDER, 3.0, 3),
        (FINE, "2.5", 2.5),
        (FINE, 2, 2.0),
        (CHOICE, "random", "random"),
    ],
)
def test_a_control_takes_what_a_front_end_sends(control, given, taken):
    assert control.taken(given) == taken
    assert isinstance(control.taken(given), type(taken)) or control is FINE


@pytest.mark.parametrize(
    ("control", "given", "says"),
    [
        *[
            (SLIDER, bad, "is not a number from 1 to 8")
            for bad in (0, 9, "many", None, True, float("nan"), float("inf"), [])
        ],
        *[(CHOICE, bad, "is unknown") for bad in ("fifth", "", None, 3)],
    ],
)
def test_what_a_control_cannot_be_is_said(control, given, says):
    with pytest.raises(ConfigError, match=says):
        control.taken(given)


def test_turning_one_control_keeps_the_others_and_the_story():
    before = told()
    after = before.changed("policy", "random").changed("workers", 5)
    assert [control.value for control in after.controls] == [5, "random"]
    assert len(after.frames) == 5
    assert len(before.frames) == 2


def test_a_control_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match="no control 'worker' in this story; did you mean 'workers'"):
        told().changed("worker", 2)
