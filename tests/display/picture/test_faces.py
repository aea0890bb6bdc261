from __future__ import annotations

import pytest

from orchestra_nb.display.looks import LOOKS
from orchestra_nb.display.picture.faces import Moment, face, frame_names, plan, state_of
from orchestra_nb.display.picture.layout import text_width
from orchestra_nb.display.picture.parts import Box, Scene
from orchestra_nb.display.picture.scene import MOST_BOXES, scene
from orchestra_nb.errors import ConfigError
from orchestra_nb.graph import DAG
from orchestra_nb.model import Node
from orchestra_nb.replay.fold import STATES

LOAD = Box(("load",), "load", seconds=2.0)
MANY = Box(("a", "b", "c"), "level 1", seconds=6.0, many=True)


def at(states: dict[str, str], times: dict[str, float] | None = None, **reasons: str) -> Moment:
    return Moment(states, times or {}, reasons)


@pytest.mark.parametrize(
    ("states", "times", "rows"),
    [
        ({}, {}, ("load", "2.0 s")),
        ({"load": "waiting"}, {}, ("○ load", "2.0 s")),
        ({"load": "queued"}, {}, ("» load", "2.0 s")),
        ({"load": "running"}, {}, ("▶ load",)),
        ({"load": "running"}, {"load": 0.5}, ("▶ load", "500 ms")),
        ({"load": "resting"}, {"load": 0.5}, ("◷ load", "500 ms")),
        ({"load": "done"}, {"load": 3.0}, ("✓ load", "3.0 s")),
        ({"load": "cached"}, {}, ("↺ load",)),
        ({"load": "failed"}, {"load": 3.0}, ("✗ load", "3.0 s")),
        ({"load": "skipped"}, {"load": 3.0}, ("– load",)),
        ({"load": "cancelled"}, {"load": 3.0}, ("■ load",)),
    ],
)
def test_a_box_shows_its_mark_and_a_time_that_is_true(states, times, rows):
    assert face(LOAD, at(states, times)).rows == rows


def test_a_reason_stands_in_the_tooltip():
    assert face(LOAD, at({"load": "skipped"}, load="needs 'a', which failed")).told == (
        "skipped: needs 'a', which failed",
    )
    assert face(LOAD, at({"load": "done"})).told == ("done",)
    assert face(LOAD).told == ()


def test_code_that_does_not_parse_looks_failed_until_something_is_known():
    broken = Box(("a",), "a", broken=True)
    assert (state_of(broken, {}), state_of(broken, {"a": "waiting"})) == ("failed", "waiting")


@pytest.mark.parametrize(
    ("states", "rows"),
    [
        ({}, ("level 1", "3 nodes", "6.0 s")),
        ({"a": "waiting", "b": "waiting", "c": "waiting"}, ("○ level 1", "0 of 3 ended", "6.0 s")),
        ({"a": "done", "b": "running", "c": "waiting"}, ("▶ level 1", "1 of 3 ended", "6.0 s")),
        ({"a": "done", "b": "failed", "c": "running"}, ("✗ level 1", "2 of 3 ended", "6.0 s")),
        ({"a": "done", "b": "cached", "c": "done"}, ("✓ level 1", "3 of 3 ended", "6.0 s")),
    ],
)
def test_a_box_of_many_shows_the_worst_state_and_how_many_have_ended(states, rows):
    assert face(MANY, at(states)).rows == rows


def test_a_box_of_many_counts_states_in_its_tooltip_and_adds_up_times_that_are_all_known():
    told = face(MANY, at({"a": "done", "b": "done", "c": "failed"}, {"a": 1.0, "b": 2.0, "c": 0.5}))
    assert told.told == ("2 done", "1 failed")
    assert told.rows[-1] == "3.5 s"


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("seconds", [0.0, 0.0004, 59.9, 5327.0])
@pytest.mark.parametrize("box", [Box(("n",), "a name", rows=("x, y",)), Box(("n",) * 300, "level 3", many=True)])
def test_the_room_that_is_reserved_holds_whatever_may_come(state, seconds, box):
    (shape,) = plan(Scene((box,), (), "")).shapes
    shown = face(box, at({"n": state}, {"n": seconds}))
    assert max(map(text_width, shown.rows)) < shape.width
    assert len(shown.rows) * 15 < shape.height
    assert shown.rows[0].startswith(LOOKS[state].mark)


def test_a_plan_does_not_depend_on_states_or_on_which_path_is_critical():
    dag = DAG([Node("a"), Node("b"), Node("c", after=["a", "b"])])
    assert plan(scene(dag, {"a": 9.0})) == plan(scene(dag, {"b": 0.1, "a": 0.01}))


def test_frames_are_phases_in_their_order_and_two_that_begin_alike_stay_two():
    long = "a phase of which the name is very long"
    dag = DAG([Node("a", phase=f"{long} 1"), Node("b", phase=f"{long} 2"), Node("c"), Node("d", phase=f"{long} 1")])
    composed = scene(dag)
    wanted = plan(composed)
    assert [shape.frame for shape in wanted.shapes] == [0, 1, None, 0]
    assert len(wanted.frames) == len(frame_names(composed)) == 2


def test_boxes_of_many_stand_in_no_frame():
    dag = DAG(Node(f"n{i}", index=i, phase=f"p{i % 2}") for i in range(MOST_BOXES + 1))
    assert plan(scene(dag)).frames == frame_names(scene(dag)) == ()


def test_a_word_that_is_no_state_is_refused_and_the_nearest_is_named():
    with pytest.raises(ConfigError, match="'runing' is no state of a node; did you mean 'running'"):
        at({"load": "runing"})
