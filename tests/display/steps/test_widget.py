"""The widget of a story: it tells anew what was turned, sends what is asked for, and few of them are kept."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from orchestra_nb.display.steps import widget as widgets
from orchestra_nb.display.steps.widget import MOST_SHOWN, StoryWidget, close_all, lively
from orchestra_nb.labs import Frame, Slider, Story

CELL = {"metadata": {"cellId": "one"}, "header": {"msg_id": "first"}}


def told(values=None):
    many = (values or {"steps": 3})["steps"]
    if many == 4:
        raise ZeroDivisionError("four <b>")
    frames = [Frame(str(i), (f"step {i}",), ()) for i in range(many)]
    return Story("counting", frames, (f"{many} steps",), controls=(Slider("steps", "Steps", many, 1, 99),), retell=told)


@pytest.fixture
def widget():
    made = StoryWidget(told())
    yield made
    made.close()


def sends(widget, **content):
    """What a front end sends."""
    widget._message(None, {"telling": 1, **content}, [])


def test_a_control_that_was_turned_tells_the_story_anew(widget):
    sends(widget, action="turn", name="steps", value=70)
    assert widget._model.head["count"] == 70
    assert (widget._model.head["telling"], widget._model.chunk["telling"]) == (2, 2)
    assert len(widget._model.chunk["frames"]) == 60
    widget._message(None, {"telling": 2, "action": "frames", "at": 65}, [])
    assert widget._model.chunk["first"] == 55


def test_who_turns_again_before_the_answer_is_heard_too(widget):
    sends(widget, action="turn", name="steps", value=70)
    sends(widget, action="turn", name="steps", value=71)
    assert widget._model.head["count"] == 71


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"name": "steps", "value": 0}, "steps=0 is not a number from 1 to 99"),
        ({"name": "stepz", "value": 1}, "did you mean 'steps'?"),
        ({"name": "steps", "value": 4}, "It could not be told anew: ZeroDivisionError: four <b>"),
    ],
)
def test_what_cannot_be_is_said_and_changes_nothing(widget, content, says):
    sends(widget, action="turn", **content)
    assert says in widget._model.said["words"]
    assert widget._model.head["count"] == 3
    sends(widget, action="turn", name="steps", value=5)
    assert (widget._model.head["count"], widget._model.said["words"]) == (5, "")


@pytest.mark.parametrize(
    "content",
    [None, "turn", {}, {"action": "turn"}, {"action": "frames", "at": "x"}, {"action": "turn", "name": 3},
     {"action": "frames", "at": 2, "telling": 9}, {"action": "quit"}],
)  # fmt: skip
def test_whatever_else_a_front_end_sends_is_nothing(widget, content):
    before = dict(widget._model.head), dict(widget._model.chunk)
    widget._message(None, content if not isinstance(content, dict) else {"telling": 1, **content}, [])
    assert (dict(widget._model.head), dict(widget._model.chunk)) == before


@contextmanager
def front_end(monkeypatch, parent):
    shell = SimpleNamespace(
        kernel=object(), display_pub=SimpleNamespace(pub_socket=object()), get_parent=lambda: parent
    )
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    yield
    close_all()


def test_without_a_front_end_that_shows_widgets_there_is_the_twin(monkeypatch):
    assert lively(told(), "<p>twin</p>") == "<p>twin</p>"
    with front_end(monkeypatch, {"metadata": {}}):
        assert lively(told(), "<p>twin</p>") == "<p>twin</p>"


def test_a_hundred_stories_leave_few_behind_and_a_cell_that_is_run_again_one(monkeypatch):
    import ipywidgets

    before = len(ipywidgets.widgets.widget._instances)
    with front_end(monkeypatch, CELL):
        for _ in range(100):
            assert "<p>twin</p>" in lively(told(), "<p>twin</p>")
        assert len(widgets._shown) == MOST_SHOWN
        again = {"metadata": {"cellId": "one"}, "header": {"msg_id": "second"}}
        monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(
            kernel=object(), display_pub=SimpleNamespace(pub_socket=object()), get_parent=lambda: again))  # fmt: skip
        lively(told(), "<p>twin</p>")
        assert len(widgets._shown) == 1
    assert len(ipywidgets.widgets.widget._instances) == before
