"""What is sent of a story: every frame comes out as it was painted, whole or as changes; no chunk is too heavy."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra_nb.display.steps import painted
from orchestra_nb.display.steps.wire import MOST_FRAMES, chunk_of, head_of
from orchestra_nb.graph import DAG
from orchestra_nb.labs import Choice, Frame, Graph, Lines, Slider, Story
from orchestra_nb.model import Node

DAG_ = DAG([Node(f"n{i}", after=[f"n{i - 3}"] if i > 2 else []) for i in range(12)])


def decoded(chunk):
    """As the browser does it."""
    before, frames = [], []
    for frame in chunk["frames"]:
        lines = []
        for number, (_, _, _, parts) in enumerate(frame["panels"]):
            if isinstance(parts, list):
                lines.append([chunk["pool"][part] for part in parts])
            else:
                changed = list(before[number])
                for position, part in parts.items():
                    changed[int(position)] = chunk["pool"][part]
                lines.append(changed)
        before = lines
        markups = [chunk["pool"][panel[2]] for panel in frame["panels"]]
        frames.append((frame["title"], frame["told"], ["\n".join(each) for each in lines], markups))
    return frames


def shown(frame):
    panels = [painted(panel) for panel in frame.panels]
    return frame.title, list(frame.told), [panel.svg for panel in panels], [panel.markup for panel in panels]


states = st.dictionaries(st.sampled_from(list(DAG_.nodes)), st.sampled_from(["running", "done", "failed"]))
panels = st.one_of(
    states.map(lambda given: Graph("Graph", DAG_, given)),
    st.lists(st.sampled_from(["a", "b", "<c>"]), max_size=3).map(lambda lines: Lines("Why", tuple(lines))),
)
frames = st.lists(st.lists(panels, max_size=3), min_size=1, max_size=6)


@settings(max_examples=40)
@given(frames)
def test_a_front_end_sees_what_was_painted(made):
    story = Story("any", [Frame(str(i), ("it goes on",), tuple(each)) for i, each in enumerate(made)])
    assert decoded(chunk_of(story, 1)) == [shown(frame) for frame in story.frames]


def counting(many):
    return Story("counting", [Frame(str(i), (), (Lines("n", ("x" * 1000 + str(i),)),)) for i in range(many)])


@pytest.mark.parametrize("at", [-5, 0, 9, 10, 500, 999, 5000])
def test_a_chunk_has_the_frame_that_was_asked_for_and_some_before(at):
    wanted = max(0, min(at, 999))
    chunk = chunk_of(counting(1000), 3, at)
    numbers = [int(frame["title"]) for frame in chunk["frames"]]
    assert numbers == list(range(chunk["first"], chunk["first"] + len(numbers)))
    assert chunk["first"] <= wanted < chunk["first"] + len(numbers)
    assert len(numbers) <= MOST_FRAMES
    assert chunk["telling"] == 3


@pytest.mark.parametrize("room", [0, 2_000, 20_000])
def test_a_chunk_keeps_to_its_room(room):
    chunk = chunk_of(counting(1000), 1, 500, room)
    assert len(chunk["frames"]) == 1 or sum(map(len, chunk["pool"])) <= room + 1_100


def test_like_frames_share_what_they_are_drawn_with():
    frames = [Frame(str(i), (), (Graph("Graph", DAG_, {f"n{i % 12}": "running"}),)) for i in range(50)]
    chunk = chunk_of(Story("walk", frames), 1)
    once = len(painted(frames[0].panels[0]).svg)
    assert len(chunk["frames"]) == 50
    assert sum(map(len, chunk["pool"])) < 3 * once


def test_controls_are_told_with_what_they_can_be():
    controls = (Slider("rest", "Rest", 1.0, 0.5, 5.0, 0.5, "s"), Choice("policy", "Policy", "fifo", ("fifo", "random")))
    head = head_of(Story("turned", [Frame("0 s", (), ())], controls=controls), 7)
    assert head["telling"] == 7
    assert [control["name"] for control in head["controls"]] == ["rest", "policy"]
    assert [one["value"] for one in head["controls"][1]["options"]] == ["fifo", "random"]
